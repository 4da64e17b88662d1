/*
 * One QUIC connection (RFC 9000, 9001, 9002, 9221) as a machine: ngtcp2 and GnuTLS stay inside this room.
 *
 * Start reading here; quic_stream.h has the streams, quic_limits.h every number. Words:
 *   path     a number the caller gives to "this socket and this remote address, this time"; QUIC sees one virtual
 *            address pair per path and never the real ones. Another number is a migration: congestion control and
 *            packet size start anew. The same number after a NAT rebinding is not.
 *   batch    several QUIC packets of one size, contiguous, for one GSO send.
 *   peer key the other side's Ed25519 public key, proven by TLS 1.3 with raw public keys (RFC 7250).
 *
 * After input, tick or any command: drain quic_output(), then quic_event(), then arm quic_deadline().
 */
#ifndef ADIT_QUIC_QUIC_H
#define ADIT_QUIC_QUIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/aead.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/time.h"

#define QUIC_KEY_LEN   32
#define QUIC_ALPN      "adit/1"
#define QUIC_FIRST_LEN 16 /* bytes of quic_config.first */

struct quic;
struct quic_stream;
struct quic_creds;

/* The TLS credentials of an identity; made once, shared by all its connections of one thread, outlives them. */
ADIT_MUST_CHECK int quic_creds_new(const uint8_t seed[QUIC_KEY_LEN], const uint8_t public_key[QUIC_KEY_LEN],
				   struct quic_creds **ret_creds);
/* For another thread's connections: the keys and the aead stay |c|'s, which must outlive it. */
ADIT_MUST_CHECK int quic_creds_share(const struct quic_creds *c, struct quic_creds **ret_creds);
void quic_creds_free(struct quic_creds *c);

/*
 * AES-128-GCM of established connections made from now on is |aead|'s, which stays for good; NULL: GnuTLS's. The peer
 * cannot tell.
 */
void quic_creds_set_aead(struct quic_creds *c, const struct adit_aead *aead);

struct quic_config {
	struct quic_creds *creds; /* borrowed */
	const struct adit_log *log; /* borrowed; may be NULL */
	struct adit_rng rng;
	uint8_t pin[QUIC_KEY_LEN]; /* connect side: the only acceptable peer key; ignored by quic_accept */
	adit_dur idle_timeout; /* linger: how long a connection survives silence */
	bool cubic; /* CUBIC instead of BBRv2 */
	/*
	 * Bytes of UDP payload that quic_set_payload() may ever name; 0: Ethernet's. Congestion control takes it for
	 * the size of a packet, so it should be no more than what the system's interfaces carry.
	 */
	size_t max_payload;
	unsigned connections; /* of the same peer, this one included, among which its budget is divided; 0 is 1 */
	uint8_t index; /* quic_index() of our connection ids: 0 to QUIC_CID_INDEX */
	bool has_first; /* connect side: its first packets carry the connection id |first| instead of a random one */
	uint8_t first[QUIC_FIRST_LEN];
};

/* A client connection; its first packets come from quic_output(). ENOMEM or 0. */
ADIT_MUST_CHECK int quic_connect(const struct quic_config *cfg, adit_time now, uint32_t path, struct quic **ret_quic);

/*
 * A server connection out of a datagram that starts with an acceptable Initial (the datagram is consumed).
 * EPROTO where it is none: nothing is sent then. ENOMEM.
 */
ADIT_MUST_CHECK int quic_accept(const struct quic_config *cfg, adit_time now, uint32_t path, const uint8_t *data,
				size_t len, struct quic **ret_quic);

/*
 * As quic_config.connections, for a connection that began before it was known. Streams it has keep their windows until
 * they are drained, and the connection window stays what it was: the library tells of more of it only once half of it
 * has been taken, so one that grew into less would come to a halt.
 */
void quic_share(struct quic *q, unsigned connections);

/* Frees without a word to the peer; quic_close() first where it should know. NULL is fine. */
void quic_free(struct quic *q);

/*
 * Datagrams from the network, |seg_size| as in struct adit_dgram. Returns how many datagrams were authenticated (>= 0):
 * the proof of life that the path layer wants. Garbage is dropped and counted.
 */
int quic_input(struct quic *q, adit_time now, uint32_t path, const uint8_t *data, size_t len, size_t seg_size);

/* Is this datagram for |q|? By the destination connection id of its first packet (short or long header). */
bool quic_is_mine(const struct quic *q, const uint8_t *data, size_t len);

/*
 * The index of the connection of ours that the datagram's first packet names, if it is one of ours at all; -1: it does
 * not carry a connection id of that length.
 */
int quic_index(const uint8_t *data, size_t len);

/* Does the first packet carry |first|, as a connection id that the connect side made up? */
bool quic_is_first(const uint8_t *data, size_t len, const uint8_t first[QUIC_FIRST_LEN]);

/* Does the datagram start with an Initial long header of QUIC v1 that could begin a connection (>= 1200 bytes)? */
bool quic_is_initial(const uint8_t *data, size_t len);

void quic_tick(struct quic *q, adit_time now);
adit_time quic_deadline(const struct quic *q);

struct quic_batch {
	uint32_t path;
	const uint8_t *data; /* good until this thread's next call on any connection */
	size_t len;
	size_t seg_size; /* 0: one datagram */
};

/* 1: |ret_batch| is to be sent; 0: nothing now. Never more than QUIC_BATCH_MAX bytes. */
int quic_output(struct quic *q, adit_time now, struct quic_batch *ret_batch);

enum quic_event_kind {
	QUIC_EVENT_HANDSHAKE, /* both sides proved their keys; quic_peer_key() and quic_export() work; streams may be
				 used */
	QUIC_EVENT_CONFIRMED, /* the other side has accepted us too (HANDSHAKE_DONE); "connected" may be said */
	QUIC_EVENT_STREAM, /* |stream| has news: quic_stream_news() */
	QUIC_EVENT_CREDIT, /* quic_stream_open() gave EAGAIN before; now it would open one */
	QUIC_EVENT_DGRAM, /* |data|, |len|: an RFC 9221 datagram, good until the next call */
	QUIC_EVENT_CLOSED, /* it is over: |close|; only quic_free() is left */
};

enum quic_close_kind {
	QUIC_CLOSE_LOCAL, /* quic_close() was called */
	QUIC_CLOSE_PEER_APP, /* the peer's application closed it, |code| is the peer's */
	QUIC_CLOSE_PEER, /* the peer's transport closed it; |code| is a QUIC error code (0x100 + TLS alert) */
	QUIC_CLOSE_IDLE, /* nothing heard for idle_timeout */
	QUIC_CLOSE_BAD_KEY, /* the peer's key is not the pinned one */
	QUIC_CLOSE_ERROR, /* we met an error; |code| is a QUIC error code */
};

struct quic_close_info {
	enum quic_close_kind kind;
	uint64_t code;
	char text[128]; /* the peer's words, made terminal-safe; may be empty */
};

struct quic_event {
	enum quic_event_kind kind;
	struct quic_stream *stream;
	const uint8_t *data;
	size_t len;
	struct quic_close_info close;
};

/* 1: |ret_event| is filled; 0: no more. */
int quic_event(struct quic *q, struct quic_event *ret_event);

/* CONNECTION_CLOSE with an application code; the CLOSED event follows once it has been put out. */
void quic_close(struct quic *q, adit_time now, uint64_t code, const char *text);

/*
 * Connect side: go on over |path|, from now on; also when it is the same as before: then probing starts anew, which is
 * what is wanted after an outage. 0; EAGAIN: handshake not confirmed yet; EINVAL: not the connect side; EDEAD.
 */
ADIT_MUST_CHECK int quic_migrate(struct quic *q, adit_time now, uint32_t path);

/*
 * The same, while the path before still works: nothing may stop on the way. What is under way is not a path's that was
 * left but late, and congestion control goes on with what it has learnt until there is a time of rest (QUIC_REST):
 * then it starts anew. To start anew between two bursts would hold up the second one for some round trips.
 */
ADIT_MUST_CHECK int quic_move(struct quic *q, adit_time now, uint32_t path);

/*
 * The current path carries datagrams of |bytes|. The connection begins with QUIC_PAYLOAD_MIN, which every path must
 * carry; who finds out that another path carries more or less says so, as there is no search in here.
 */
void quic_set_payload(struct quic *q, size_t bytes);
/* The most it may be told. */
size_t quic_max_payload(const struct quic *q);

/* Smoothed; 0: no sample yet. */
adit_dur quic_rtt(const struct quic *q);

/* The path this side sends on now. */
uint32_t quic_path(const struct quic *q);

/* Good from the HANDSHAKE event on. */
const uint8_t *quic_peer_key(const struct quic *q);

/* RFC 8446 7.5 exporter with an empty context: equal on both sides. 0 or EDEAD. */
ADIT_MUST_CHECK int quic_export(struct quic *q, const char *label, uint8_t *out, size_t len);
/*
 * After HANDSHAKE: nothing more will be exported, and what TLS keeps of memory, 14 KB, goes. A peer that says more in
 * it is in the wrong: RFC 9001 6 forbids TLS's own key updates, and tickets are not given here.
 */
void quic_drop_tls(struct quic *q);

/*
 * RFC 9221: queues a copy. 0; EFULL: the queue is full (drop it and count); EINVAL: empty (those are our own), or
 * longer than quic_dgram_max(); EDEAD, ENOMEM. Never retransmitted; sent before stream data.
 */
ADIT_MUST_CHECK int quic_dgram_send(struct quic *q, const uint8_t *data, size_t len);
size_t quic_dgram_max(const struct quic *q);

struct quic_stats {
	adit_dur rtt; /* smoothed; 0: no sample yet */
	uint64_t cwnd; /* bytes */
	uint64_t delivery_rate; /* bytes per second, as congestion control sees it; 0 unknown */
	uint64_t tx_bytes; /* UDP payload */
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t rx_packets;
	uint64_t lost_packets;
	uint64_t dropped; /* received and not acceptable */
	uint64_t dgrams_dropped; /* datagrams not sent or not taken because a queue was full */
	size_t max_payload; /* bytes of UDP payload in a full packet */
	size_t streams; /* open now */
	const char *cipher; /* "AES-128-GCM"; static */
	const char *aead; /* whose code does it: "gnutls", or the name in struct adit_aead; static */
	/* Bytes in flight are waiting for an acknowledgement: silence now means something. */
	bool expects_answer;
};

void quic_stats_get(const struct quic *q, struct quic_stats *ret_stats);

#endif
