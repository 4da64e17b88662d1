/*
 * A TURN client (RFC 8656): one allocation on one server, kept alive, and datagrams to and from peers through it.
 *
 * Start here if you need one server; turn_set.h has several with failover, over the same words. turn_init(),
 * turn_start(); turn_input(), _tick(), _deadline(), _output(), _event() as in base/machine.h. After TURN_EVENT_READY
 * turn_relayed() is the address that peers see. turn_permit() lets a peer's address in, turn_send() sends to a peer,
 * turn_data() gives what a turn_input() has brought from peers. turn_end() releases the allocation. Words:
 *   server      where the allocation is; everything to and from peers goes through it
 *   allocation  a relayed address at the server, held by refreshing it; it belongs to our address as the server sees it
 *   permission  a peer's IP address that may send to us; five minutes, renewed
 *   channel     a number for a peer, so that a datagram grows by 4 bytes and not by 36; bound when data flow
 *   challenge   the server's first answer: realm and nonce for the credentials
 *   stream      TCP or TLS to the server; the machine sees frames (turn_frame.h), the connection is the driver's
 *
 * Over UDP the machine asks for a socket of its own. For a stream its OPEN means a connection to turn_server(): the
 * driver tells turn_stream_up() when bytes can flow and turn_stream_down() when they cannot any more; a SEND is then
 * bytes to write, whole or not at all; a CLOSE ends the connection.
 *
 * The server is found dead or forgetful by a refresh that fails: every two minutes, and soon when data go out and
 * nothing comes back. The machine then has failed; starting again is for its user (turn_set.h does it).
 */
#ifndef ADIT_TURN_H
#define ADIT_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/stun/stun_client.h"
#include "core/turn/turn_auth.h"
#include "core/turn/turn_limits.h"

enum turn_transport {
	TURN_UDP,
	TURN_TCP,
	TURN_TLS,
};

struct turn_server {
	struct adit_addr addr;
	enum turn_transport transport;
	char host[TURN_HOST_MAX + 1]; /* TLS: what its certificate must name; empty: the address */
	char user[TURN_USER_MAX + 1]; /* time-limited credentials are a user name and a password like others */
	char pass[TURN_PASS_MAX + 1];
};

/* Which relayed addresses are wanted. */
enum turn_families {
	TURN_V4 = 1 << 0,
	TURN_V6 = 1 << 1,
};

/* User and password of the |secret| that is shared with the server (stun_timed.h), good for TURN_TIMED_LIFE. */
void turn_server_sign(struct turn_server *server, const struct adit_crypto *crypto, const char *secret, adit_utc utc);
/* EINVAL: no address, no user, or a string without an end. */
ADIT_MUST_CHECK int turn_server_check(const struct turn_server *server);

struct turn_config {
	struct turn_server server;
	unsigned families; /* 0: TURN_V4. With both, a server that has but one gives that one */
	uint32_t sock; /* the machine's only socket */
	bool hold; /* wait for turn_go() when the challenge has come: how turn_set finds the nearest server */
	const struct adit_crypto *crypto; /* borrowed; needs hmac_sha1, hmac_sha256, md5, sha256 */
	struct adit_rng rng;
	const struct adit_log *log; /* may be NULL; borrowed */
	/* Borrowed: one batch of datagrams goes there, with what relaying adds. At least TURN_OUT_MIN. */
	uint8_t *out;
	size_t out_cap;
};

#define TURN_OUT_MIN (1500 + TURN_OVERHEAD_MAX) /* bytes: an Ethernet frame */

/*
 *   state     left when
 *   IDLE      turn_start() (CONNECT)
 *   CONNECT   the stream is up (ASK) or not (FAILED); UDP needs no connection (ASK)
 *   ASK       the challenge comes (HELD, or ALLOCATE); success without credentials (READY); error, silence (FAILED)
 *   HELD      turn_go() (ALLOCATE)
 *   ALLOCATE  success (READY), redirection or a taken five-tuple (CONNECT), error, silence (FAILED)
 *   READY     the allocation or the server is gone (FAILED), turn_end() (RELEASE)
 *   RELEASE   answered, or TURN_RELEASE_WAIT is over (IDLE)
 *   FAILED    turn_start() (CONNECT)
 * turn_end() leads to IDLE from every other state.
 */
enum turn_state {
	TURN_IDLE,
	TURN_CONNECT,
	TURN_ASK,
	TURN_HELD,
	TURN_ALLOCATE,
	TURN_READY,
	TURN_RELEASE,
	TURN_FAILED,
};

/* Why it failed: the more telling ones stand behind the others (turn_set tells the last of what its servers said). */
#define TURN_WHY_MAP(X)                                                                                          \
	X(NONE, "nothing is wrong")                                                                              \
	X(SOCKET, "no socket could be opened")                                                                   \
	X(TIMEOUT, "the TURN server does not answer")                                                            \
	X(UNREACHABLE, "the network says that the TURN server cannot be reached")                                \
	X(STREAM, "no connection to the TURN server")                                                            \
	X(SILENT, "the TURN server has fallen silent")                                                           \
	X(GONE, "the TURN server has forgotten the allocation: it was restarted, or our public address changed") \
	X(PROTOCOL, "the server does not speak TURN as we do")                                                   \
	X(REDIRECT, "the TURN server sends us in a circle, or to where none can be")                             \
	X(TOO_LONG, "user name, realm and nonce are too long for a request")                                     \
	X(VIOLATED, "answers came from the TURN server's address, and none of them was authentic")               \
	X(TAKEN, "the TURN server takes us for somebody else")                                                   \
	X(ERROR, "the TURN server refuses")                                                                      \
	X(FAMILY, "the TURN server has no address of this family")                                               \
	X(TRANSPORT, "the TURN server does not relay UDP")                                                       \
	X(CAPACITY, "the TURN server is full")                                                                   \
	X(FORBIDDEN, "the TURN server does not allow it")                                                        \
	X(QUOTA, "the TURN server's quota for this user is used up")                                             \
	X(CREDENTIALS, "the TURN server does not accept user name and password")

enum turn_why {
#define TURN_WHY_ENUM(name, text) TURN_WHY_##name,
	TURN_WHY_MAP(TURN_WHY_ENUM)
#undef TURN_WHY_ENUM
};

/* A sentence; never NULL. */
const char *turn_why_text(enum turn_why why);

enum turn_event_kind {
	TURN_EVENT_HELD, /* the challenge is there */
	TURN_EVENT_READY, /* turn_relayed(), turn_mapped() */
	TURN_EVENT_FAILED, /* |why|, |code|; what was ready is so no more */
	TURN_EVENT_REFUSED, /* the server does not relay to |peer|: |code| */
	TURN_EVENT_ENDED, /* turn_end() is done */
};

struct turn_event {
	enum turn_event_kind kind;
	enum turn_why why;
	unsigned code; /* of a STUN error; 0: none */
	struct adit_addr peer;
};

/* What happened so far. */
struct turn_stats {
	uint64_t sent; /* datagrams to peers */
	uint64_t received; /* from peers */
	uint64_t dropped; /* to peers: no permission yet, or no room */
	uint64_t beyond; /* to peers, or permissions for them, where a relay has nothing to look for: never sent */
	uint64_t strange; /* in: not from the server, malformed, from peers that were not let in */
	uint32_t refreshes;
	uint32_t stale; /* nonces */
};

struct turn; /* below: the caller hands the storage */

/* |cfg| is copied. EINVAL: no address, no user, or a string too long. */
ADIT_MUST_CHECK int turn_init(struct turn *t, const struct turn_config *cfg);
/* Another server or other credentials, from IDLE or FAILED. EINVAL as above; then nothing has changed. */
ADIT_MUST_CHECK int turn_aim(struct turn *t, const struct turn_server *server);
/* From IDLE or FAILED. */
void turn_start(struct turn *t, adit_time now);
void turn_go(struct turn *t, adit_time now);
/* Gives the allocation back; ENDED follows, within TURN_RELEASE_WAIT. */
void turn_end(struct turn *t, adit_time now);
/* Closes the socket and forgets everything, at once and without an event. */
void turn_stop(struct turn *t);
/* Wipes the secrets. NULL is fine. */
void turn_done(struct turn *t);

/*
 * Over UDP a datagram or a batch (GRO); on a stream one frame. 0, or EIGNORED: not from the server, or nothing of TURN.
 * turn_data() then gives what was in it for the user.
 */
int turn_input(struct turn *t, adit_time now, const struct adit_dgram *d);
/*
 * 1: |ret_data| is the next datagram of a peer (|remote|) to the relayed address (|local|) from the last turn_input(),
 * whose memory it borrows; 0: no more.
 */
int turn_data(struct turn *t, struct adit_dgram *ret_data);
void turn_icmp(struct turn *t, adit_time now, const struct adit_icmp *icmp);
void turn_sock_failed(struct turn *t, adit_time now, uint32_t sock);
void turn_stream_up(struct turn *t, adit_time now);
void turn_stream_down(struct turn *t, adit_time now);
/* Something speaks against the allocation: nothing comes. The server is asked at once. */
void turn_doubt(struct turn *t, adit_time now);
/* Our address has changed: the same, and a connection gets less time for its answer. */
void turn_moved(struct turn *t, adit_time now);
/* Somebody waits, and the network may be back only now: what was not answered is asked again at once. */
void turn_again(struct turn *t, adit_time now);
void turn_tick(struct turn *t, adit_time now);
adit_time turn_deadline(const struct turn *t);
int turn_output(struct turn *t, adit_time now, struct adit_out *ret_out);
/* 1: filled; 0: none. */
int turn_event(struct turn *t, struct turn_event *ret_event);

/*
 * Lets |peer|'s address send to us, and keeps it so; turn_send() does it too, but the first datagram is then lost.
 * Where turn_send() would not send nobody is let in.
 */
void turn_permit(struct turn *t, adit_time now, const struct adit_addr *peer);
/* Not renewed any more. */
void turn_forget(struct turn *t, const struct adit_addr *peer);
/*
 * Sends |len| bytes to |peer|, |seg_size| as in base/machine.h; copies them. 0; EAGAIN: lost, as the permission is only
 * now asked for; EFULL: lost, as outputs wait to be fetched or the batch is too long; EINVAL: no allocation, or none of
 * this family; or |peer| is private, loopback, link-local or multicast, and the relayed address is not: there the
 * peer's word would make the relay knock in its operator's network (counted: |beyond|).
 */
int turn_send(struct turn *t, adit_time now, const struct adit_addr *peer, const void *data, size_t len,
	      size_t seg_size);

enum turn_state turn_state(const struct turn *t);
/* The address at the server; NULL: none of this family. Good until the next call. */
const struct adit_addr *turn_relayed(const struct turn *t, enum adit_family family);
/* Our own address as the server sees it; NULL: not known. */
const struct adit_addr *turn_mapped(const struct turn *t);
/* Where it is connected: after a redirection not the one of the config. */
const struct turn_server *turn_server(const struct turn *t);
const struct turn_stats *turn_stats(const struct turn *t);

/* From here on: the storage. Nobody but the room looks inside. */

/* A peer's address that may send. */
struct turn_permit {
	struct adit_addr ip; /* no port; family NONE: free */
	bool is_open; /* as far as we know, until |expire_at| */
	bool is_asked;
	adit_time ask_at; /* next: the first time, a renewal, or again after a refusal */
	adit_time expire_at;
	adit_time used_at;
};

struct turn_channel {
	struct adit_addr peer; /* family NONE: free */
	uint16_t number;
	bool is_bound; /* until |expire_at| */
	bool is_asked;
	unsigned sent; /* before it is bound */
	adit_time ask_at;
	adit_time expire_at;
	adit_time used_at;
};

struct turn {
	struct turn_config cfg;
	struct turn_server server; /* where we are now */
	enum turn_state state;
	adit_time now;
	bool is_open; /* the socket or stream */
	bool want_open;
	bool want_close;
	struct turn_auth auth;
	struct stun_client stun;
	struct stun_tx tx[TURN_TX_MAX];
	unsigned families; /* asked for now */
	unsigned stale; /* challenges in a row */
	unsigned ports; /* tried */
	bool is_known; /* the request that is out had credentials */
	struct adit_addr tried[TURN_REDIRECTS_MAX + 1];
	size_t n_tried;
	adit_time up_until; /* CONNECT, RELEASE: given up then */
	adit_time opened_at; /* CONNECT */

	struct adit_addr relayed[2]; /* v4, v6; family NONE: none */
	struct adit_addr mapped;
	adit_time expire_at; /* the allocation */
	adit_time refresh_at;
	bool is_refreshing;
	bool is_moved; /* and nothing has shown that the connection outlived it */
	adit_time refresh_sent_at;
	adit_time heard_at;
	adit_time unheard_since; /* data went out and nothing came since; NEVER: it did */
	adit_time keep_at; /* when nothing goes out before */
	uint16_t next_channel;
	struct turn_permit permits[TURN_PERMITS_MAX];
	struct turn_channel channels[TURN_CHANNELS_MAX];

	struct adit_dgram in; /* the last input, as far as turn_data() has come */
	size_t in_pos;

	size_t out_len; /* of cfg.out: what waits */
	size_t out_pos;
	size_t out_seg;

	struct turn_stats stats;
	struct turn_event events[TURN_EVENTS_MAX];
	size_t events_first;
	size_t events_n;
};

#endif
