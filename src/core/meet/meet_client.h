/*
 * A peer's side of meeting through mediators, as a machine without sockets of its own: its datagrams go over the socket
 * that will be punched with, so that the mediator sees that one's public address and keeps its mapping alive.
 *
 * The serve side registers with every mediator of its ticket, stays so by one small refresh each 15 s, and gets offers
 * as events; meet_client_answer() answers one. The connect side is given an offer (meet_client_offer()); it asks the
 * first mediator, the next ones after 1.5 s without an answer or at once after a refusal, and takes the first answer.
 * Where the answer brings a permit, and the owner wants it, it borrows the operator's relay (meet_relay.h) at once.
 * Both sides then start punching at |start_at|: the answerer waits half of both round trips, which is when its answer
 * arrives.
 *
 * States of a mediator's entry:
 *   IDLE      nothing to do; or the connect side's turn has not come (wake_at), though a cookie may
 *   ASKING    a request without cookie is under way        -> PROVING on its 438 (IDLE, where it was asked for ahead);
 *                                                             BACKOFF after five tries
 *   PROVING   a request with cookie is under way           -> HELD (serve), DONE (connect); BACKOFF on refusal
 *   HELD      registered; refreshes at wake_at             -> REFRESH
 *   REFRESH   a refresh is under way                       -> HELD; PROVING on 437; BACKOFF after five tries
 *   BACKOFF   did not answer, or refused; again at wake_at -> ASKING, with a single question where it was silence
 *   DONE      answered
 */
#ifndef ADIT_MEET_CLIENT_H
#define ADIT_MEET_CLIENT_H

#include "base/log.h"
#include "base/machine.h"
#include "core/meet/meet_msg.h"
#include "core/meet/meet_relay.h"
#include "core/meet/meet_seal.h"

enum meet_role {
	MEET_SERVE,
	MEET_CONNECT,
};

enum meet_state {
	MEET_STATE_IDLE,
	MEET_STATE_ASKING,
	MEET_STATE_PROVING,
	MEET_STATE_HELD,
	MEET_STATE_REFRESHING,
	MEET_STATE_BACKOFF,
	MEET_STATE_DONE,
};

enum meet_event_kind {
	MEET_EVENT_HELD, /* serve: registered; |mapped| is how the mediator sees us */
	MEET_EVENT_LOST, /* serve: not registered there any more; it goes on trying */
	MEET_EVENT_OFFER, /* serve: |offer|, to be answered with its |ask| */
	MEET_EVENT_ANSWER, /* connect: |offer| is the answer; punch at |start_at| */
	MEET_EVENT_ABSENT, /* connect: this mediator does not have the peer; it is asked again */
	MEET_EVENT_SILENT, /* this mediator does not answer, or refuses; |code| 0: silence */
	MEET_EVENT_RELAY, /* connect: it lends |relay| */
};

struct meet_event {
	enum meet_event_kind kind;
	unsigned mediator; /* its number in the config */
	unsigned ask;
	unsigned code;
	struct adit_addr mapped;
	adit_time start_at;
	const struct meet_offer *offer; /* good until the next call but meet_client_answer() */
	const struct meet_relay *relay; /* good until the next answer with a permit */
};

struct meet_client_config {
	enum meet_role role;
	const struct adit_crypto *crypto;
	const struct meet_crypto *meet_crypto;
	struct adit_rng rng;
	const struct adit_log *log; /* borrowed; may be NULL */
	uint8_t k[MEET_K_LEN]; /* the pair secret */
	uint8_t key[MEET_KEY_LEN]; /* the serve side's identity */
	uint8_t seed[MEET_KEY_LEN]; /* and its secret; of the serve side alone */
	bool borrow; /* connect: relays that mediators lend are welcome */
};

/* One mediator. */
struct meet_entry {
	enum meet_state state;
	struct adit_addr addr; /* that is asked */
	struct adit_addr other; /* its address of the other family; NONE: it has none */
	uint8_t salt[MEET_SALT_LEN];
	uint8_t id[MEET_ID_LEN];
	uint8_t txid[STUN_TXID_LEN];
	uint8_t cookie[STUN_COOKIE_LEN];
	adit_time cookie_at; /* when it came; NEVER: there is none */
	bool is_cookie_due; /* IDLE: it was asked for ahead, and may still come */
	uint8_t handle[MEET_HANDLE_LEN];
	bool want_send;
	bool want_other; /* the same to |other| */
	bool was_held;
	bool has_answered; /* ever */
	bool is_silent; /* it did not answer at last: one question is enough, each time */
	unsigned tries;
	unsigned cookies; /* taken since the last rest: one that has grown old is taken anew, but not for ever */
	adit_time sent_at;
	adit_time retry_at; /* of the request under way */
	adit_time again_at; /* beside its schedule not before */
	adit_time wake_at; /* refresh, backoff, the connect side's turn */
	adit_dur rto;
	adit_dur backoff;
	adit_dur rtt; /* 0: not measured */
	bool want_report;
	bool want_leave; /* serve: its end is to be told there */
};

/* Connect: asking for what |permit| allows. */
struct meet_borrowing {
	bool active;
	bool want_send;
	unsigned mediator;
	unsigned tries;
	adit_time retry_at;
	adit_dur rto;
	uint8_t txid[STUN_TXID_LEN];
	uint8_t permit[MEET_PERMIT_LEN];
	uint8_t secret[MEET_X25519_LEN];
};

#define MEET_ASKS   4 /* offers that may be open at once; the oldest gives way */
#define MEET_EVENTS 16
#define MEET_ROUTE  32 /* the longest route that a mediator may hand out */

/* One offer that came, and its answer. */
struct meet_ask {
	bool used;
	bool want_send;
	unsigned mediator;
	uint64_t serial;
	uint8_t txid[STUN_TXID_LEN];
	uint8_t route[MEET_ROUTE];
	size_t route_len;
	uint8_t sealed[MEET_SEALED_MAX]; /* the answer; |sealed_len| 0: not yet given */
	size_t sealed_len;
	struct meet_offer offer;
};

struct meet_client_stats {
	uint64_t ignored; /* nothing that we waited for */
	uint64_t forged; /* sealed by somebody else, or changed */
	uint64_t replayed; /* seen before, or its clock is too far from ours */
};

/* Connect: the offer as a mediator gets it. */
struct meet_sealed {
	size_t len;
	uint8_t data[MEET_SEALED_MAX];
};

struct meet_client {
	struct meet_client_config cfg;
	struct meet_sealer sealer;
	adit_time now;
	adit_time utc_base; /* |now| when |utc| was told */
	adit_utc utc; /* 0: never told */
	unsigned n;
	struct meet_entry entries[MEET_MEDIATORS_MAX];
	uint64_t serial;
	bool lacks[2]; /* this machine has no IPv4, no IPv6 */
	bool is_serving;
	bool has_offer; /* connect: there is something to ask for */
	unsigned first; /* connect: who is asked first; the last one that helped */
	bool has_helped; /* connect: and was not told yet how it ended */
	struct {
		adit_utc stamp;
		uint64_t nonce;
	} seen[MEET_SEEN];
	struct meet_borrowing borrowing;
	uint32_t outcome_ms;
	uint8_t outcome;
	struct meet_client_stats stats;
	size_t events_first, events_n;
	/* From here on: what a meeting needs; one that is at rest does without (meet_client_is_at_rest()). */
	struct meet_event events[MEET_EVENTS];
	struct meet_ask asks[MEET_ASKS];
	struct meet_sealed sealed[MEET_MEDIATORS_MAX]; /* by mediator */
	struct meet_offer answer; /* connect: what came */
	struct meet_relay relay; /* what was lent last */
	uint8_t buf[MEET_MSG_MAX];
};

#define MEET_CLIENT_KEPT offsetof(struct meet_client, events)

/* No offer, answer or loan is under way, and nothing is to be told or sent: the first MEET_CLIENT_KEPT bytes are all.
 */
bool meet_client_is_at_rest(const struct meet_client *c);

void meet_client_init(struct meet_client *c, adit_time now, const struct meet_client_config *cfg);
/* Wipes it. */
void meet_client_done(struct meet_client *c);

/* |name| as the ticket has it: the id depends on it. Returns its number, or EFULL. Any time: it joins in what is under
 * way. */
ADIT_MUST_CHECK int meet_client_add(struct meet_client *c, const char *name, const struct adit_addr *addr);
void meet_client_set_utc(struct meet_client *c, adit_time now, adit_utc utc);

/* Serve: begins to register. */
void meet_client_serve(struct meet_client *c, adit_time now);
/* Connect: fetches the cookies ahead, so that an offer within the next minute goes through on its first try. */
void meet_client_prepare(struct meet_client *c, adit_time now);
/*
 * Connect: the peer may be back only now. An offer that nobody has answered goes out once more beside its schedule,
 * unless it did so less than MEET_AGAIN ago. When it is given up stays as it was.
 */
void meet_client_again(struct meet_client *c, adit_time now);
/*
 * What goes to mediators of this address family leaves from another socket now: registrations are renewed from there,
 * and what is under way is asked again. Cookies, being for an address, are fetched anew.
 */
void meet_client_moved(struct meet_client *c, adit_time now, uint8_t family);
/*
 * Which families this machine has addresses of; both at first. A mediator is asked over IPv4 where that may be: its
 * answer shows, and its refreshes keep, the address that a NAT gives us. Who has not answered the first question is
 * asked over both families at once, and the first answer counts.
 */
void meet_client_set_own(struct meet_client *c, adit_time now, bool has_v4, bool has_v6);
/* An address, or that of one family has changed. Before or after the start. |mediator|: its number. */
void meet_client_set_addr(struct meet_client *c, adit_time now, unsigned mediator, const struct adit_addr *addr);
/* Has it ever answered? Who is silent after that has an offer that the peer does not answer. */
bool meet_client_is_alive(const struct meet_client *c, unsigned mediator);
/* The round trip to a mediator; 0: not measured. */
adit_dur meet_client_rtt(const struct meet_client *c, unsigned mediator);
/* Connect: asks for the peer with this offer (|stamp| and |rtt| are filled in). EFULL: it does not fit. */
ADIT_MUST_CHECK int meet_client_offer(struct meet_client *c, adit_time now, const struct meet_offer *offer);
/* Serve: answers ask number |ask|. ENOENT: it is gone; EFULL. |ret_start_at|: when to start punching. */
ADIT_MUST_CHECK int meet_client_answer(struct meet_client *c, adit_time now, unsigned ask,
				       const struct meet_offer *answer, adit_time *ret_start_at);
/* Connect: how it ended, for the statistics of the mediator that helped; once for each answer, stopped or not. */
void meet_client_report(struct meet_client *c, adit_time now, enum meet_path path, uint32_t ms);
/* Serve: mediators are told, one datagram each, which comes out once more; else nothing is sent after this. */
void meet_client_stop(struct meet_client *c);

/* Could it be for this client? Without looking at what is not kept at rest. */
bool meet_client_may_take(const struct meet_client *c, const struct adit_addr *remote, const void *data, size_t len);
/* EIGNORED: not from a mediator, or no message of this protocol. */
int meet_client_input(struct meet_client *c, adit_time now, const struct adit_addr *remote, const void *data,
		      size_t len);
void meet_client_tick(struct meet_client *c, adit_time now);
adit_time meet_client_deadline(const struct meet_client *c);
/*
 * 1: |ret_out| has |remote|, |data|, |len|. The socket is the owner's matter: |sock| is 0, or, for an answer, 1 and the
 * number of the ask; it has to leave from where the offer came in, or the mediator will not pass it on.
 */
int meet_client_output(struct meet_client *c, adit_time now, struct adit_out *ret_out);
int meet_client_event(struct meet_client *c, struct meet_event *ret_event);

#endif
