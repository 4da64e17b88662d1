/* The inside of a connection, shared by the files of quic/ and nobody else. */
#ifndef ADIT_QUIC_CONN_H
#define ADIT_QUIC_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/aead.h"
#include "base/list.h"
#include "quic/quic.h"
#include "quic/quic_buf.h"
#include "quic/quic_dgram.h"
#include "quic/quic_floor.h"
#include "quic/quic_heal.h"
#include "quic/quic_limits.h"
#include "quic/quic_order.h"
#include "quic/quic_path.h"
#include "quic/quic_proven.h"
#include "quic/quic_replay.h"
#include "quic/quic_sched.h"
#include "quic/quic_shim.h"
#include "quic/quic_stream.h"
#include "quic/quic_window.h"

enum quic_state {
	QUIC_OPEN, /* alive, handshake included */
	QUIC_CLOSING, /* CONNECTION_CLOSE is to be put out */
	QUIC_DEAD, /* nothing more is sent or read; the CLOSED event is there */
};

/*
 * Server: datagrams that probe a path on which the client has not sent anything else yet. The library would set a
 * connection id aside for it, and lose track of it if the next datagram gets lost; so it sees them after that one.
 */
struct quic_early {
	uint8_t data[QUIC_EARLY_MAX][QUIC_INITIAL_MIN];
	size_t len[QUIC_EARLY_MAX];
	size_t n;
	struct quic_route route;
};

/* Our connection ids, those that a datagram for us may carry. */
struct quic_cids {
	uint8_t id[QUIC_CIDS_MAX][QUIC_CID_LEN];
	size_t n;
	uint8_t original[QUIC_CID_MAX]; /* server: what the client made up; for the handshake only */
	size_t original_len;
};

/* The batch under construction, and what the pacer knows. */
struct quic_pack {
	uint8_t *held; /* a packet that did not fit the last batch: |held_len| bytes, |max_payload| of room */
	size_t max_payload; /* that |payload| may ever be */
	size_t payload; /* bytes of a full packet */
	size_t held_len;
	uint32_t held_path;
	size_t quantum; /* bytes put out since |pace_at| was computed */
	uint64_t untold; /* bytes put out since the library's pacer was told */
	size_t wakeup; /* bytes put out at |wakeup_at| */
	adit_time wakeup_at;
	adit_time pace_at; /* when the bytes that were put out are over */
	bool is_yielding; /* QUIC_WAKEUP_MAX reached: to be called again at once */
	bool is_stuck; /* the library gave up on the path: wait for the peer */
	unsigned heard; /* packets since the library was last asked for what it has to say */
	adit_time hold_until; /* it is not asked before, if that was a lone one */
};

struct quic {
	ngtcp2_conn *conn;
	ngtcp2_crypto_conn_ref conn_ref;
	gnutls_session_t tls;
	const struct adit_aead *aead; /* of the credentials; NULL: the TLS library's own */
	const struct adit_log *log;
	struct adit_rng rng;

	enum quic_state state;
	bool server;
	bool is_making; /* inside the library's constructor: cb_rand() */
	bool has_peer_key; /* proven */
	bool bad_key;
	bool has_own_keys; /* |aead| fits the cipher: it has the packet keys */
	bool handshaken;
	bool confirmed;
	bool migration_owed; /* quic_migrate() had no connection id to spare */
	bool migration_waits; /* quic_move(): for a time of rest */
	bool credit_wanted; /* quic_stream_open() said EAGAIN */
	bool rx_is_early; /* packet_heard(): to be kept in |early| */
	bool rx_is_new; /* cb_decrypt(): the datagram being read is authentic and came for the first time */
	bool rx_is_next; /* and none before it is missing */
	bool rx_has_data; /* and has bytes for the user */
	uint8_t pin[QUIC_KEY_LEN];
	uint8_t peer_key[QUIC_KEY_LEN];

	adit_time clock; /* the latest time the library was given */
	adit_dur slept; /* by how much the driver's time is ahead of it */
	uint8_t index; /* QUIC_CID_INDEX of our connection ids */
	struct quic_cids cids;
	struct quic_replay replay;
	struct quic_order order;
	adit_time heard_at; /* something authentic came */
	struct quic_paths paths;
	struct quic_early early;
	struct quic_pack pack;
	struct quic_heal heal;
	struct quic_floor floor;
	struct quic_proven proven;

	struct quic_pool *pool; /* of the credentials */
	struct quic_sched sched;
	struct quic_budget budget;
	struct adit_list streams;
	struct adit_list news; /* streams with news */
	struct adit_list blocked; /* streams with bytes that the peer's window keeps back */
	size_t n_streams;
	uint64_t unsent; /* of all streams */
	struct quic_dgrams tx_dgrams;
	struct quic_dgrams rx_dgrams;

	unsigned events; /* 1 << enum quic_event_kind */
	struct quic_close_info close;
	quic_shim_ccerr ccerr; /* what to tell the peer while CLOSING */
	struct quic_stats stats;
};

/* -- quic.c -- */

/* The connection met the library's error |liberr|: decides what is said to the peer and to the user. */
void quic_fail(struct quic *q, int liberr);
/* Over, with nothing to be sent. */
void quic_die(struct quic *q, enum quic_close_kind kind, uint64_t code);
/* The time to give the library: never backwards. */
adit_time quic_clock(struct quic *q, adit_time now);
/* A new one, into |id|, too. */
void quic_cids_make(struct quic *q, uint8_t id[QUIC_CID_LEN]);
void quic_cids_remove(struct quic *q, const uint8_t id[QUIC_CID_LEN]);

/* -- quic_cb.c -- */

/* ngtcp2_conn_read_pkt() on the current path; sets |rx_is_new|. */
int quic_cb_read(struct quic *q, const uint8_t *data, size_t len);

/* All callbacks for the library. */
void quic_cb_fill(ngtcp2_callbacks *cb, bool is_server);

/* -- quic_pack.c -- */

/* A packet of |len| bytes came. */
void quic_pack_heard(struct quic *q, size_t len);
/* Is what the library has to say kept back for now (QUIC_HOLD)? */
bool quic_pack_holds(const struct quic *q);

/*
 * Where batches are built: QUIC_BATCH_MAX bytes and a packet. One for all connections of the thread, for a batch lives
 * until the next call only.
 */
uint8_t *quic_pack_buf(void);
size_t quic_pack_buf_size(void);

/* The pacer lets nothing but acknowledgements out until then. */
void quic_pack_pause(struct quic *q, adit_time until);

/* Builds one batch; 1 or 0 as quic_output(). */
int quic_pack_batch(struct quic *q, adit_time now, struct quic_batch *ret_batch);

#endif
