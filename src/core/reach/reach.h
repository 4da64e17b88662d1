/*
 * Reaching a peer through mediators: the punching engine. It learns what the own NAT does to the very sockets it will
 * punch with, exchanges sealed descriptions with the peer (core/meet), starts both sides at one moment, and opens a
 * path with what the two NATs call for: ICE checks (core/ice) always, and beside them what ICE does not have.
 *
 * Start here; reach_measure.h asks the servers, reach_desc.h is what one side tells the other, reach_plan.h decides
 * what is tried in a round (pure), reach_salvo.h fires it, reach_limits.h has every number. Without mediators:
 * core/punch. Words:
 *   home      the socket a family's mediators see: registered from (serve), asked from (connect), and the first one
 *             that is punched with; when a path has taken it, another becomes home
 *   attempt   one wish of the connect side for a path; it has at most REACH_ROUNDS rounds
 *   round     measure, offer, answer, start together, fire, listen; each with fresh credentials, from the second on
 *             with a fresh socket
 *   opener    a packet with a low TTL: it opens the own NAT and dies before the peer's (docs/rules.md 1)
 *   window    ports that this side's NAT has already given to sockets that sent an opener to the peer: measured, not
 *             foretold, as a question to a server went before and after them
 *   salvo     many packets by a rule: from several sockets, or to several ports
 *   verdict   why an attempt ended without a path, and the one change that would help
 *
 *   state       meaning                                                 left by
 *   IDLE        nothing is open                                         start
 *   WAITING     serve: registered, or trying to be                      an offer (MEETING), stop
 *   MEASURING   connect: asks servers about the home sockets            answers or their time (MEETING)
 *   MEETING     connect: an offer is out; serve: one is being answered  the answer (PUNCHING); time (RESTING, WAITING)
 *   PUNCHING    a round is fired                                        a valid pair (DONE); time (MEASURING, WAITING,
 *                                                                       RESTING)
 *   DONE        a path was found; what nobody took is closed later      start, an offer; time (WAITING)
 *   RESTING     connect: the attempt failed; the next one comes later   time (MEASURING), start, stop
 *
 * Serve takes an offer in every state but IDLE: it measures at the start and whenever its network changes, so that it
 * can answer at once.
 *
 * A machine (base/machine.h): after input, tick or a command drain reach_output(), then reach_event(), then arm
 * reach_deadline(). Socket numbers are its own, from |sock_base| on, never reused while open.
 */
#ifndef ADIT_REACH_H
#define ADIT_REACH_H

#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/ice/ice_agent.h"
#include "core/meet/meet_client.h"
#include "core/meet/meet_relay.h"
#include "core/nat/nat_report.h"
#include "core/nat/nat_budget.h"
#include "core/reach/reach_desc.h"
#include "core/reach/reach_limits.h"
#include "core/reach/reach_mapped.h"
#include "core/reach/reach_measure.h"
#include "core/reach/reach_plan.h"
#include "core/reach/reach_salvo.h"

struct reach_config {
	enum meet_role role;
	const struct adit_crypto *crypto; /* borrowed */
	const struct meet_crypto *meet_crypto; /* borrowed */
	const struct adit_log *log; /* borrowed; may be NULL */
	struct adit_rng rng;
	uint8_t k[MEET_K_LEN]; /* the pair secret */
	uint8_t key[MEET_KEY_LEN]; /* the serve side's identity */
	uint8_t seed[MEET_KEY_LEN]; /* and its secret; serve alone */
	uint64_t instance; /* as in punch_config: random, new with each start of the program */
	uint32_t sock_base;
	uint16_t port; /* the home sockets' own port; 0: any */
	/* The router forwards |port|, says the user: IPv4's home has any, and asks others to try that one. */
	bool is_forwarded;
	struct nat_budget *budget; /* of new flows, shared by the whole program; borrowed; NULL: its own */
	bool low_ttl; /* false: the lab's switch to show what happens without */
	bool allow_loopback; /* for tests on one machine */
	bool relay_only; /* no socket of its own is opened, no own address is told: all goes through the relay */
	bool direct_only; /* nothing goes through the peer's relay either */
	bool borrow; /* connect: a relay that a mediator lends is welcome (REACH_EVENT_RELAY) */
};

struct reach; /* below: the caller hands the storage */

void reach_init(struct reach *r, const struct reach_config *cfg, adit_time now);
/* Wipes the secrets. Accepts NULL. */
void reach_done(struct reach *r);

/*
 * While nothing is under way, a twentieth of it is enough: for a lane that waits, or has its path. A folded one takes
 * reach_set_utc(), reach_set_fresh(), reach_done() and what tells of it (reach_views(), reach_account() and their
 * like); for all else it is unfolded first. How many bytes it would have; 0: something is under way.
 */
size_t reach_folded_size(const struct reach *r);
/* |ret_folded|: so many bytes. |r| is not wiped: reach_done(). */
void reach_fold(const struct reach *r, struct reach *ret_folded);
/* |r| is zeroed; most of it stays untouched until something happens. */
void reach_unfold(struct reach *r, const struct reach *folded);
bool reach_is_folded(const struct reach *r);
/* Is it worth unfolding |folded| for? Sockets may be shared, and strangers know their ports. Counted if not. */
bool reach_folded_wants(struct reach *folded, const struct adit_dgram *d);

/*
 * |name| as the ticket or the user has it (the rendezvous id depends on it), resolved. Again with its address of the
 * other family, and with another one when the name resolves anew. It is a server, too, while there is room. EFULL.
 */
ADIT_MUST_CHECK int reach_add_mediator(struct reach *r, adit_time now, const char *name, const struct adit_addr *addr);
/* A further STUN server, a witness for public addresses. EFULL. */
ADIT_MUST_CHECK int reach_add_server(struct reach *r, adit_time now, const struct adit_addr *addr);
/* The machine's own addresses (no ports), all of them each time they change; what they lie on. */
struct reach_host {
	struct adit_addr addr;
	enum ice_iface iface;
};
void reach_set_hosts(struct reach *r, adit_time now, const struct reach_host *hosts, size_t n);
/*
 * What a TURN server relays for us: whatever is sent from |sock|, a number of the caller's that is none of reach's own,
 * leaves from |relayed|, and what comes there is input on |sock|. Taking and releasing it changes nothing: it stays
 * open to all. NULL: there is none (any more). Whenever it changes.
 */
struct reach_relay {
	uint32_t sock;
	struct adit_addr relayed[2]; /* v4, v6; family NONE: none */
	struct adit_addr server;
	struct adit_addr mapped; /* our own address as the server sees it */
};
void reach_set_relay(struct reach *r, adit_time now, const struct reach_relay *relay);
/* One is on its way: an offer or an answer waits for it, a moment. */
void reach_await_relay(struct reach *r, adit_time now);
/*
 * A port of ours that the router forwards in this family (reach_mapped.h); NULL: none (any more). Whenever it changes.
 * REACH_EVENT_MAPPED tells whether it works.
 */
void reach_set_mapped(struct reach *r, adit_time now, enum adit_family family, const struct reach_mapping *map);
/* Addresses of the peer that the user typed: a birthday search toward them needs no witnesses (docs/rules.md 5). */
void reach_trust(struct reach *r, const struct adit_addr *addrs, size_t n);
void reach_set_utc(struct reach *r, adit_time now, adit_utc utc);
/* What was learnt in an earlier run (REACH_EVENT_LEARNT); before the start. */
void reach_set_memory(struct reach *r, const struct reach_memory *m);

/* Serve: registers and waits. Connect: a new attempt, at once. */
void reach_start(struct reach *r, adit_time now);
/*
 * The path in use may be gone: what an attempt begins with is got ready, a round trip to the mediators each. Connect:
 * to an attempt that waits for reach_start(), for REACH_READY at most. Serve: registers from a home that is fresh where
 * that is wanted. Nobody else hears of it. Without effect while anything is under way.
 */
void reach_ready(struct reach *r, adit_time now);
/* The caller has what it needs: no further rounds; serve stays registered, connect keeps nothing open. */
void reach_rest(struct reach *r, adit_time now);
/* A pair was found that does without relays; no round follows. */
bool reach_is_done(const struct reach *r);
/*
 * There is no path, and the network may be back or another one: asks anew at once what nobody has answered, instead of
 * when its time comes. May be called as often as one likes.
 */
void reach_again(struct reach *r, adit_time now);
/*
 * From now on no home that is older than REACH_HOME_OLD is punched with: there is a path already, another is wanted
 * that does not share its fate (mappings end at a certain age in some networks). Not where the port is the user's.
 */
void reach_set_fresh(struct reach *r, bool fresh);
/* Closes everything. */
void reach_stop(struct reach *r, adit_time now);
/* Connect: how it ended, told to the mediator that helped, for its statistics. */
void reach_report(struct reach *r, adit_time now, enum meet_path path, adit_dur took);

/* As punch_take and punch_released: a valid pair's socket goes over to the caller. 0 or ENOENT. */
ADIT_MUST_CHECK int reach_take(struct reach *r, adit_time now, uint32_t sock);
void reach_released(struct reach *r, adit_time now, uint32_t sock);
/* Is this one of its sockets, taken ones included? */
bool reach_has_sock(const struct reach *r, uint32_t sock);

/* 0: it was for this machine; EIGNORED: it was not. Others: drop. */
int reach_input(struct reach *r, adit_time now, const struct adit_dgram *d);
void reach_icmp(struct reach *r, adit_time now, const struct adit_icmp *icmp);
void reach_sock_failed(struct reach *r, adit_time now, uint32_t sock);
void reach_tick(struct reach *r, adit_time now);
adit_time reach_deadline(const struct reach *r);
int reach_output(struct reach *r, adit_time now, struct adit_out *ret_out);

/* Why an attempt ended without a path. reach_verdict_text() says it in words, with what would help. */
enum reach_verdict {
	REACH_VERDICT_NONE,
	REACH_VERDICT_NO_MEDIATOR, /* none answers */
	REACH_VERDICT_ABSENT, /* mediators answer, and the peer is not registered with any of them */
	REACH_VERDICT_UNANSWERED, /* the peer is registered and did not answer the offer */
	REACH_VERDICT_BLOCKED, /* no UDP from here, or from there */
	REACH_VERDICT_RANDOM, /* both NATs choose a port at random for each destination: no search can find it */
	REACH_VERDICT_UNTRUSTED, /* a search would have been needed, and one server alone names the peer's address */
	REACH_VERDICT_BUDGET, /* a search would have been needed, and the router has had enough flows for this minute */
	REACH_VERDICT_SILENT, /* everything was tried, and nothing of the peer's ever came */
	REACH_VERDICT_ONE_WAY, /* the peer's packets came, none of ours was answered */
	REACH_VERDICT_NO_RELAY, /* nothing but a relay may be used, and there is none */
};

enum reach_event_kind {
	REACH_EVENT_HELD, /* serve: registered with |mediator|; |mapped| is how it sees us */
	REACH_EVENT_LOST, /* serve: not registered with |mediator| any more; it goes on trying */
	REACH_EVENT_MEDIATOR, /* |mediator| does not answer or refuses (|code|, 0: silence), or does not know the peer
				 (404) */
	REACH_EVENT_MEETING, /* the peer is found: both descriptions are known; |own_kind|, |peer_kind|, |way|, |round|,
				and |mapped|, no port: how servers see us over IPv4, NONE where that is not known */
	REACH_EVENT_HEARD, /* an authentic check came over |sock| from |remote|: QUIC may be accepted from there */
	REACH_EVENT_VALID, /* our own check was answered over it, too: data may flow; comes for each pair that is */
	/* The attempt is over: |verdict|, |how| RELAYED: but for a relayed pair; connect tries again after a pause. */
	REACH_EVENT_FAILED,
	REACH_EVENT_LEARNT, /* |memory| is worth keeping for the next run */
	REACH_EVENT_MAPPED, /* the port that the router forwards to |mapped| was tried from outside: |works| */
	REACH_EVENT_RELAY, /* connect: |mediator| lends a |relay| for this peer, shortly after MEETING */
};

/* What opened a pair. */
enum reach_how {
	REACH_HOW_LAN, /* both addresses lie in one network */
	REACH_HOW_IPV6,
	REACH_HOW_DIRECT, /* one side is open to all */
	REACH_HOW_PUNCHED, /* both started together */
	REACH_HOW_PREDICTED, /* a port that was measured or foretold */
	REACH_HOW_BLOCK, /* found by a search within a port block */
	REACH_HOW_BIRTHDAY, /* found by a search over all ports */
	REACH_HOW_RELAYED, /* through a TURN server, at either end: the attempt goes on, for something better */
};

struct reach_event {
	enum reach_event_kind kind;
	unsigned mediator; /* number, in the order of reach_add_mediator */
	unsigned code;
	enum reach_how how;
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	struct adit_addr mapped;
	uint64_t instance; /* the peer's */
	adit_dur rtt; /* VALID */
	adit_dur took; /* VALID, FAILED: since the attempt began */
	enum nat_kind own_kind;
	enum nat_kind peer_kind;
	enum nat_way way;
	unsigned round;
	enum reach_verdict verdict;
	const struct reach_memory *memory; /* good until the next call */
	const struct meet_relay *relay; /* the same */
	bool works; /* MAPPED */
};

/* 1: filled; 0: none. */
int reach_event(struct reach *r, struct reach_event *ret_event);

struct reach_stats {
	unsigned attempts;
	unsigned rounds;
	uint64_t probes_sent; /* to the peer, of all kinds */
	uint64_t low_ttl_sent;
	uint64_t questions_sent; /* to servers */
	uint64_t flows_opened;
	uint64_t flows_refused; /* by the budget */
	unsigned socks_open;
	unsigned socks_max;
	unsigned socks_opened; /* ever */
	uint64_t heard; /* authentic checks */
	uint64_t bad_auth;
	uint64_t other;
	uint64_t offers_refused; /* serve: more than it wants a minute */
	uint64_t relay_refused; /* the peer's candidates that a relay has nothing to look for at: private ones, ... */
	uint8_t ttl; /* low TTL, IPv4 */
	bool ttl_known;
};

void reach_stats(const struct reach *r, struct reach_stats *ret_stats);

/*
 * What was tried, for people: one entry for each salvo and each ICE pair of the last attempt, oldest first. |*pos|
 * starts at 0. False at the end. reach_account_format() makes a line of it.
 */
struct reach_account {
	unsigned round;
	enum nat_way way; /* of a salvo */
	bool is_pair;
	struct ice_account pair; /* |is_pair| */
	unsigned socks; /* of a salvo: from so many sockets ... */
	unsigned ports; /* ... to so many ports ... */
	struct adit_addr to; /* ... of this address */
	unsigned sent;
	unsigned heard;
	unsigned refused; /* by the budget */
	uint8_t ttl; /* 0: the system's */
};

bool reach_account(const struct reach *r, size_t *pos, struct reach_account *ret_account);
#define REACH_ACCOUNT_STRLEN 384
const char *reach_account_format(const struct reach_account *a, char buf[REACH_ACCOUNT_STRLEN]);

/* Own and peer's view as last exchanged; the peer's kind is UNKNOWN before a meeting. */
void reach_views(const struct reach *r, struct reach_desc *ret_own, struct reach_desc *ret_peer);
/* The last attempt's, NONE while one is under way or after success. */
enum reach_verdict reach_last_verdict(const struct reach *r);
/* Has any mediator ever said anything? */
bool reach_has_heard_mediator(const struct reach *r);
/* This one, by its number? */
bool reach_has_heard(const struct reach *r, unsigned mediator);

const char *reach_how_name(enum reach_how how);
const char *reach_verdict_name(enum reach_verdict v);
/* What happened, why, and the one change that would help, in a sentence or two; static text. */
const char *reach_verdict_text(enum reach_verdict v);

/* From here on: the storage. Nobody but the room looks inside. All instants are NEVER where nothing will happen. */

enum reach_state {
	REACH_IDLE,
	REACH_WAITING,
	REACH_MEASURING,
	REACH_MEETING,
	REACH_PUNCHING,
	REACH_DONE,
	REACH_RESTING,
};

/*
 *   socket     left when
 *   FREE       it is wanted
 *   WANTED     its OPEN has been given out
 *   OPEN       it is not needed any more, was taken, or failed
 *   CLOSING    its CLOSE has been given out
 *   TAKEN      the caller has closed it
 */
enum reach_sock_state {
	REACH_SOCK_FREE,
	REACH_SOCK_WANTED,
	REACH_SOCK_OPEN,
	REACH_SOCK_CLOSING,
	REACH_SOCK_TAKEN,
};

enum reach_use {
	REACH_USE_HOME,
	REACH_USE_OLD, /* was home; still of this round */
	REACH_USE_SAMPLE, /* shows the port that a new flow gets */
	REACH_USE_TTL, /* asks with a low TTL */
	REACH_USE_FILTER, /* asks for answers from elsewhere */
	REACH_USE_MAPPED, /* the router forwards its port */
	REACH_USE_WINDOW,
	REACH_USE_SALVO,
};

struct reach_sock {
	enum reach_sock_state state : 8;
	enum reach_use use : 8;
	uint8_t family;
	uint8_t turn; /* how often this entry was used: part of its number */
	uint16_t port; /* that was asked for; 0: any */
	uint16_t index; /* SALVO: its number there */
	bool is_base; /* the agent has it */
	adit_time opened_at;
};

/* A home that could not be opened. */
struct reach_reopen {
	adit_time at; /* then with another port; NEVER: it could, or nobody wants one */
	unsigned failed; /* in a row */
};

/* A packet from home, some times. */
struct reach_opener {
	struct adit_addr to;
	unsigned left;
	bool is_low;
	adit_time at;
};

/* Fresh sockets that have sent to |to|, and the ports that lead to them. */
struct reach_window {
	struct adit_addr to; /* family NONE: there is none */
	bool is_out; /* its questions are */
	bool is_open; /* |low| to |high| are known */
	uint16_t low;
	uint16_t high;
	uint16_t sock[REACH_WINDOW_SOCKS];
	unsigned sent; /* of the burst */
	unsigned next; /* whose turn it is */
	unsigned fired;
	unsigned heard;
	uint16_t question[2]; /* the sockets that ask before and after */
	uint16_t port[2]; /* 0: not answered */
	adit_time at; /* the next thing to be sent */
	adit_time until;
};

/* How a family's mediators are asked. */
struct reach_via {
	bool is_on; /* through the relay */
	adit_time asked_at; /* the first question from home that nobody has answered; NEVER: none */
	adit_time heard_at; /* the last answer to home; NEVER: none */
	adit_time direct_at; /* is_on: servers are asked from home again */
};

/* A pair that was told of. */
struct reach_told {
	uint32_t sock;
	struct adit_addr remote;
	bool heard;
	bool valid;
};

struct reach {
	size_t folded; /* its bytes; 0: it is not */
	struct reach_config cfg;
	enum reach_state state;
	adit_time now;
	adit_time utc_at; /* |utc| was the time then */
	adit_utc utc;
	struct reach_host hosts[REACH_HOSTS_MAX];
	size_t n_hosts;
	struct adit_addr trusted[REACH_TRUSTED_MAX];
	size_t n_trusted;
	struct reach_relay relay;
	bool has_relay;
	bool is_relay_awaited; /* one may be there soon */
	adit_time relay_by; /* MEASURING, serve's MEETING: without it from then on */
	bool is_relay_late; /* it came when all was said: a round for it is due */
	adit_time relay_again_at; /* but none before */
	adit_dur relay_again; /* and after that one so long none; 0: there was none lately */
	bool peer_has_relay;
	bool is_relay_valid; /* in this attempt */
	size_t relay_opened; /* candidates of the peer's that had a check through it */
	struct reach_via via[2]; /* v4, v6 */
	struct reach_memory memory;
	unsigned n_due; /* entries of |socks| that are WANTED or CLOSING */
	uint16_t home[2]; /* v4, v6: entries of |socks|; REACH_NO_SOCK */
	bool is_spent[2]; /* a round has failed with this home */
	bool wants_fresh;
	struct reach_reopen reopen[2];
	unsigned n_mediators;
	unsigned refused_by[MEET_MEDIATORS_MAX]; /* the code of this attempt; 0: none */
	struct reach_measure measure;
	struct reach_mapped mapped[2]; /* v4, v6 */
	struct reach_window window;

	/* the attempt and its round */
	uint32_t attempt;
	uint8_t round;
	uint8_t start; /* enum reach_start: how it begins */
	adit_time began_at; /* the attempt */
	adit_time offered_at; /* connect: this round's offer */
	bool is_again; /* connect: this round has been offered before */
	bool is_early; /* connect: the offer tells of what is likely, and was not yet known */
	bool is_held; /* connect: all is ready, and is not offered before reach_start() */
	adit_time state_until; /* the time of this state is over */
	adit_time ask_by; /* MEASURING, serve's MEETING: with what is known by then */
	adit_time start_at; /* PUNCHING: both sides begin */
	adit_time loud_at; /* checks toward all candidates begin */
	bool is_loud;
	bool was_extended; /* this state's time */
	bool heard_any; /* in this round */
	adit_dur pause;
	adit_time rest_at; /* RESTING: since */
	adit_time again_at; /* serve: everybody was asked anew */
	unsigned ask; /* serve: what is being answered */
	adit_time heard_at; /* something came that was for us */
	uint32_t input_sock; /* the one that is being heard on */
	uint32_t ask_sock[MEET_ASKS]; /* where each came in */
	uint16_t last_home[2]; /* IDLE: what mediators knew us by, until it is closed; REACH_NO_SOCK */
	unsigned mediator; /* that brought the two together */
	adit_time offers_paid; /* GCRA: the time up to which offers are paid for */
	bool has_peer; /* |peer| is known */
	bool has_answered; /* serve: |own_offer| is the answer to this round */
	bool has_agent;
	struct reach_desc own;
	struct reach_desc peer;
	struct adit_addr peer_reflexive;
	adit_utc peer_stamp; /* of its newest offer, by its own clock */
	adit_time peer_at; /* when the peer's description came */
	bool has_plan; /* |plan| is of this round */
	bool is_loaded; /* |salvo| has it */
	bool is_trusted; /* the address that |salvo| goes to */
	struct adit_addr heard_from; /* the peer, directly, last: a public address, no port; NONE: it was not yet */
	unsigned untrusted; /* probes that went to addresses that were not trusted; after a minute without any: none */
	adit_time untrusted_at; /* the last of them */
	bool was_capped; /* in this attempt: more would have been fired at an address that is trusted */
	bool was_refused; /* in this attempt: more would have been fired within the budget */
	size_t n_openers;
	size_t n_told;
	enum reach_verdict verdict;
	struct reach_account *past; /* of rounds that are over */
	size_t n_past;
	uint32_t offer_sock; /* connect: the mediator knows us by it */

	struct nat_budget own_budget;
	size_t events_first;
	size_t events_n;
	struct reach_memory learnt;
	struct reach_stats stats;
	uint8_t turn; /* of sockets that were not used since it was unfolded */
	bool is_stirred; /* what is not kept holds secrets: somebody was met */
	struct meet_client meet;
	/*
	 * From here on, and from MEET_CLIENT_KEPT on within |meet|: what is needed while something is under way. What
	 * was folded ends there (reach_fold.c), so whatever has to outlast that belongs above.
	 */
	char names[MEET_MEDIATORS_MAX][MEET_NAME_MAX + 1]; /* kept, as many as there are */
	struct reach_sock socks[REACH_SOCK_SLOTS]; /* kept, as far as they are in use */
	struct reach_account past_room[REACH_PAST_MAX]; /* |past|: kept */
	struct stun_tx ask_slots[REACH_ASK_SLOTS];
	struct ice_agent agent;
	struct meet_offer own_offer;
	struct meet_offer peer_offer;
	struct reach_plan plan;
	struct reach_salvo salvo;
	uint16_t salvo_slot[REACH_SOCKS_MAX]; /* entries of |socks|, by the salvo's own numbers */
	struct reach_opener openers[REACH_OPENERS_MAX];
	struct reach_told told[REACH_TOLD_MAX];
	struct reach_event events[REACH_EVENTS_MAX];
	uint8_t out[ICE_MSG_MAX];
};

#endif
