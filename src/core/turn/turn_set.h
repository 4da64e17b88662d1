/*
 * Several TURN servers, of which the nearest is used and another when that dies.
 *
 * Start here: turn_set_init() with the servers, turn_set_start(), then the verbs of base/machine.h. The words are those
 * of turn.h. All servers are asked at the same time, those over a stream a little later; the first whose challenge
 * comes is the nearest by what counts, its round trip, and gets the request that makes it keep an allocation. The
 * others have kept nothing. What the first refuses, or does not do soon, the next is asked for. When the server in use
 * is gone everything begins anew, with other relayed addresses; permissions are kept in mind and asked for again. A
 * server whose allocations come and go has to wait, ever longer. When all have failed there is another round later, for
 * ever.
 *
 * The set uses the sockets |sock| to |sock| + n - 1, a server each.
 */
#ifndef ADIT_TURN_SET_H
#define ADIT_TURN_SET_H

#include "core/turn/turn.h"

struct turn_set_config {
	struct turn_server servers[TURN_SERVERS_MAX]; /* the order does not matter */
	size_t n;
	unsigned families; /* as in turn_config, and the next ones too */
	uint32_t sock;
	const struct adit_crypto *crypto;
	struct adit_rng rng;
	const struct adit_log *log;
	uint8_t *out;
	size_t out_cap;
};

/*
 *   state    left when
 *   IDLE     turn_set_start() (RACE)
 *   RACE     one has made an allocation (READY), all have failed (WAIT)
 *   READY    it is gone (RACE)
 *   WAIT     the next round (RACE)
 *   END      all are released (IDLE)
 * turn_set_end() leads to END from everywhere.
 */
enum turn_set_state {
	TURN_SET_IDLE,
	TURN_SET_RACE,
	TURN_SET_READY,
	TURN_SET_WAIT,
	TURN_SET_END,
};

enum turn_set_event_kind {
	TURN_SET_EVENT_READY, /* turn_set_relayed() */
	TURN_SET_EVENT_LOST, /* the relayed addresses are gone: |why|; others are on their way */
	TURN_SET_EVENT_FAILED, /* no server gives an allocation: |why|; told again only when the reason is another */
	TURN_SET_EVENT_REFUSED, /* the server in use does not relay to |peer| */
	TURN_SET_EVENT_ENDED,
};

struct turn_set_event {
	enum turn_set_event_kind kind;
	struct adit_addr server; /* whose word it is */
	enum turn_why why;
	unsigned code; /* of a STUN error; 0: none */
	struct adit_addr peer;
};

struct turn_set {
	struct turn_set_config cfg;
	struct turn members[TURN_SERVERS_MAX];
	enum turn_set_state state;
	adit_time now;
	adit_time start_at[TURN_SERVERS_MAX]; /* RACE: when its turn is; NEVER: it has been */
	unsigned falls[TURN_SERVERS_MAX]; /* allocations in a row that did not live for long */
	adit_time fell_at[TURN_SERVERS_MAX]; /* the last of them */
	adit_time ready_at;
	adit_time moved_at; /* our address changed last; 0: never */
	size_t chosen; /* RACE: who was told to go on; READY: who has the allocation; n: nobody */
	adit_time go_on_at; /* RACE, somebody is chosen: others may go on, too */
	adit_time retry_at; /* WAIT */
	adit_dur backoff;
	struct turn_set_fault {
		enum turn_why why; /* NONE: it has not failed */
		unsigned code;
		adit_time at;
	} faults[TURN_SERVERS_MAX]; /* of this round */
	enum turn_why told; /* the last FAILED, until something works */
	struct adit_addr permits[TURN_PERMITS_MAX]; /* no port; family NONE: free */
	size_t next_permit; /* the one to go when all are used */
	size_t data_of; /* whose turn_data() is next; n: nobody's */
	struct turn_set_event events[TURN_EVENTS_MAX];
	size_t events_first;
	size_t events_n;
};

/* |cfg| is copied. EINVAL: no server, too many, or one that turn_init() refuses. */
ADIT_MUST_CHECK int turn_set_init(struct turn_set *s, const struct turn_set_config *cfg);
void turn_set_start(struct turn_set *s, adit_time now);
/* Releases what there is; ENDED follows within TURN_RELEASE_WAIT. */
void turn_set_end(struct turn_set *s, adit_time now);
/* Wipes the secrets. NULL is fine. */
void turn_set_done(struct turn_set *s);
/*
 * Server |i| has another address or other credentials, for allocations from now on; the present one keeps its own (RFC
 * 8656 5: a refresh is for the same user). |i| = n: one more server, which joins in when the next is looked for. Where
 * there is no allocation that is at once. EINVAL as for turn_set_init(), EFULL.
 */
ADIT_MUST_CHECK int turn_set_put(struct turn_set *s, adit_time now, size_t i, const struct turn_server *server);

/* As in turn.h. */
int turn_set_input(struct turn_set *s, adit_time now, const struct adit_dgram *d);
int turn_set_data(struct turn_set *s, struct adit_dgram *ret_data);
void turn_set_icmp(struct turn_set *s, adit_time now, const struct adit_icmp *icmp);
void turn_set_sock_failed(struct turn_set *s, adit_time now, uint32_t sock);
void turn_set_stream_up(struct turn_set *s, adit_time now, uint32_t sock);
void turn_set_stream_down(struct turn_set *s, adit_time now, uint32_t sock);
void turn_set_doubt(struct turn_set *s, adit_time now);
/* Our address has changed: likewise, and what is lost with it does not count against the server. */
void turn_set_moved(struct turn_set *s, adit_time now);
/*
 * There is no way without it: whoever has not answered is asked again at once. Who has refused does so again, and is
 * left alone for TURN_RETRY_MAX. To be called twice a second at most, as long as it is so.
 */
void turn_set_again(struct turn_set *s, adit_time now);
void turn_set_tick(struct turn_set *s, adit_time now);
adit_time turn_set_deadline(const struct turn_set *s);
int turn_set_output(struct turn_set *s, adit_time now, struct adit_out *ret_out);
int turn_set_event(struct turn_set *s, struct turn_set_event *ret_event);
void turn_set_permit(struct turn_set *s, adit_time now, const struct adit_addr *peer);
void turn_set_forget(struct turn_set *s, const struct adit_addr *peer);
int turn_set_send(struct turn_set *s, adit_time now, const struct adit_addr *peer, const void *data, size_t len,
		  size_t seg_size);

const struct adit_addr *turn_set_relayed(const struct turn_set *s, enum adit_family family);
const struct adit_addr *turn_set_mapped(const struct turn_set *s);
/* The user name that |server| is told; NULL: it is none of ours. Good until the next turn_set_put(). */
const char *turn_set_user(const struct turn_set *s, const struct adit_addr *server);
/* The server that socket |sock| leads to: UDP, or which stream to open. NULL: not ours. */
const struct turn_server *turn_set_server(const struct turn_set *s, uint32_t sock);
/* There is no allocation, but a server is being asked for one: not put off until later. */
bool turn_set_is_asking(const struct turn_set *s);
/* The allocation in use, for its numbers; NULL: there is none. */
const struct turn *turn_set_active(const struct turn_set *s);

#endif
