/*
 * Serverless hole punching between two machines that know a shared secret K and each other's public address.
 *
 * Start here. This machine finds paths; punch_path.h keeps one alive; punch_probe.h has the message both use (an
 * ICE check, RFC 8445, whose credentials come from K); punch_plan.h says which port pair opens when; punch_limits.h has
 * every number. Words:
 *   pair     a local port here and a port there, both derived from K, so that both sides know them
 *   steady   the one pair without time in it: a waiter keeps it open quietly (low TTL), a newcomer is loud for 2 s
 *   slot     a span of UTC; in each slot fresh pairs open, on one side in rising, on the other in falling order
 *   burst    many pairs a millisecond apart, for routers that accept on both sides with no hop between
 *   head     the first probes of a pair, with a TTL that dies between the own NAT and the peer's
 *   valid    our own fresh request over this pair was answered, authenticated: only that counts
 *   instance a random number of one run of one side: another number is a restarted peer
 *
 * The machine asks for its sockets through outputs (ADIT_OUT_OPEN). |sock| numbers are its own, never reused while
 * open.
 */
#ifndef ADIT_PUNCH_H
#define ADIT_PUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/nat/nat_ttl.h"
#include "core/nat/nat_budget.h"
#include "core/punch/punch_keys.h"
#include "core/punch/punch_limits.h"
#include "core/punch/punch_plan.h"
#include "core/punch/punch_probe.h"
#include "core/punch/punch_replay.h"

enum punch_how {
	PUNCH_HOW_STEADY,
	PUNCH_HOW_SLOT,
	PUNCH_HOW_BURST,
	PUNCH_HOW_PINNED, /* --port */
};

struct punch_config {
	enum punch_role role;
	const struct adit_crypto *crypto; /* borrowed */
	const struct adit_log *log; /* borrowed; may be NULL */
	struct adit_rng rng;
	uint8_t k[32]; /* the pair secret */
	uint64_t instance; /* random, new with each start of the program (or of a new session attempt) */
	uint16_t
		pinned_port; /* --port: the one local port, and the peer's unless its address carries one; 0: derived */
	uint32_t sock_base; /* numbers of sockets start here */
	bool low_ttl; /* false: the lab's switch to show what happens without */
	/*
	 * Borrowed. The lane's stamps, shared by this machine and the paths of the lane: a probe captured on one must
	 * not be answered by another. The program's flow budget, shared by all lanes; NULL: the object has its own.
	 */
	struct punch_replay *replay;
	struct nat_budget *budget;
};

struct punch; /* below: the caller hands the storage */
struct punch_store;

/* It must not be moved from then on. */
void punch_init(struct punch *p, const struct punch_config *cfg, adit_time now);

/*
 * |store| is the machine's until punch_give_back() says so. Before a search: without, whatever does not fit into the
 * few places of its own is not opened. It is 63 KB, so who keeps many machines takes it back while they rest.
 */
void punch_lend(struct punch *p, struct punch_store *store);
/* Is the store, if there was one, the caller's again? Not before what is left of a search is closed and told. */
bool punch_give_back(struct punch *p);

/*
 * The peer's public addresses (at most PUNCH_PEERS_MAX, more are ignored); again whenever a name resolves differently.
 * A port in one is the peer's pinned or forwarded port: it is probed too. None: wait for whoever has K (a public host).
 */
void punch_set_peers(struct punch *p, adit_time now, const struct adit_addr *peers, size_t n);

/* UTC as the system has it, before punch_start and whenever it may have changed. A step moves slots, never a running
 * timer. */
void punch_set_utc(struct punch *p, adit_time now, adit_utc utc);

/*
 * The peer's UTC minus ours, from an earlier VALID event (the program may keep it over a restart). The connect side
 * counts slots in the serve side's time; the serve side in its own.
 */
void punch_set_clock_diff(struct punch *p, adit_time now, int64_t diff);

/* Begins (again), as a newcomer: loud on the steady pair, all slot families, bursts allowed. */
void punch_start(struct punch *p, adit_time now);
/*
 * Begins again as one who has waited a while: the peer left in order and may come back at any time. Quiet, so that its
 * router is not spoilt for it; no STUCK.
 */
void punch_wait(struct punch *p, adit_time now);
/*
 * The session has a path: only the steady pair is kept, quietly, on the serve side (a restarted peer will knock there);
 * the connect side closes everything.
 */
void punch_rest(struct punch *p, adit_time now);
/* Closes everything. */
void punch_stop(struct punch *p, adit_time now);

/*
 * The socket of a valid pair goes over to the caller (a path owns its socket): the machine never sends on it or closes
 * it again, but still answers probes when the caller hands it datagrams of this socket. 0 or ENOENT.
 */
ADIT_MUST_CHECK int punch_take(struct punch *p, uint32_t sock);
/* The caller has closed a socket that it took: its number is free again, and the steady pair may be wanted again. */
void punch_released(struct punch *p, adit_time now, uint32_t sock);

/* 0: it was an authenticated STUN message of this pair secret, and dealt with. EIGNORED: not ours. EREPLAY, EAUTH,
 * EPROTO: drop. */
int punch_input(struct punch *p, adit_time now, const struct adit_dgram *d);
void punch_icmp(struct punch *p, adit_time now, const struct adit_icmp *icmp);
void punch_sock_failed(struct punch *p, adit_time now, uint32_t sock);
void punch_tick(struct punch *p, adit_time now);
adit_time punch_deadline(const struct punch *p);
int punch_output(struct punch *p, adit_time now, struct adit_out *ret_out);

enum punch_event_kind {
	PUNCH_EVENT_HEARD, /* an authentic fresh request came over |sock| from |remote|: QUIC may be accepted from there
			    */
	PUNCH_EVENT_VALID, /* our own request was answered over it too: data may flow */
	PUNCH_EVENT_STUCK, /* 30 s without an answer; comes once per start; waiting goes on */
};

struct punch_event {
	enum punch_event_kind kind;
	enum punch_how how;
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	struct adit_addr mapped; /* VALID: what the peer saw us as */
	uint64_t instance; /* the peer's */
	adit_dur rtt; /* VALID */
	int64_t clock_diff; /* VALID: the peer's UTC minus ours, nanoseconds, good to half the round trip */
};

/* 1: filled; 0: none. */
int punch_event(struct punch *p, struct punch_event *ret_event);

struct punch_stats {
	uint64_t probes_sent;
	uint64_t low_ttl_sent;
	uint64_t flows_opened; /* new (socket, remote) pairs: what they cost the user's router */
	uint64_t flows_refused; /* not opened: the budget was spent */
	uint64_t answers_sent;
	uint64_t heard; /* authentic requests */
	uint64_t replays;
	uint64_t bad_auth;
	uint64_t other; /* not STUN, malformed, not of this pair */
	uint8_t ttl; /* calibrated for IPv4: own NAT hops + 1 */
	bool ttl_known;
};

void punch_stats(const struct punch *p, struct punch_stats *ret_stats);

/* From here on: the storage. Nobody but the room looks inside. */

/*
 *   state      meaning                                              left by
 *   IDLE       no socket, no answer                                 start
 *   SEEKING    a newcomer, then a waiter: everything is open        rest, stop
 *   RESTING    a path was found; serve keeps the steady pair        start, stop
 */
enum punch_state {
	PUNCH_IDLE,
	PUNCH_SEEKING,
	PUNCH_RESTING,
};

/*
 *   pair       left when
 *   FREE       it is wanted
 *   WANTED     its OPEN has been given out
 *   OPEN       its time is over, its socket was taken, failed
 *   CLOSING    its CLOSE has been given out
 */
enum punch_pair_state {
	PUNCH_PAIR_FREE,
	PUNCH_PAIR_WANTED,
	PUNCH_PAIR_OPEN,
	PUNCH_PAIR_CLOSING,
};

/* A socket and what it is for. All instants are ADIT_NEVER where nothing will happen. */
struct punch_pair {
	enum punch_pair_state state;
	enum punch_family family;
	uint8_t ip_family; /* enum adit_family */
	uint8_t target; /* the next one of the round that is being sent */
	uint16_t index;
	uint16_t port;
	uint16_t peer_port;
	bool is_burst;
	bool is_valid;
	bool was_sent;
	uint32_t sock;
	uint64_t slot;
	adit_time next_at; /* of the next round of probes */
	adit_time head_until;
	adit_time full_from; /* full TTL from here ... */
	adit_time full_until; /* ... to here */
	adit_time close_at;
	adit_dur step;
};

/* A probe whose answer would be known. */
struct punch_sent {
	uint8_t txid[STUN_TXID_LEN];
	uint8_t ttl; /* 0: the system's */
	bool is_out;
	uint32_t sock;
	struct adit_addr remote;
	adit_time at;
};

/* Somebody with K at |remote|, over |sock|. */
struct punch_hole {
	bool is_used;
	bool is_heard;
	bool is_valid;
	uint8_t checks;
	enum punch_how how;
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	uint64_t instance;
	adit_time heard_at;
	adit_time told_at; /* the last HEARD event */
	adit_time checked_at;
	adit_time check_at; /* the next triggered check */
};

struct punch_answer {
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	size_t len;
	uint8_t data[PUNCH_PROBE_MAX];
};

/* Room for all that a search opens and sends. Without one, the steady pairs alone find room. */
struct punch_store {
	struct punch_pair pairs[PUNCH_PAIRS_MAX];
	struct punch_sent sent[PUNCH_SENT_MAX];
	struct punch_hole holes[PUNCH_HOLES_MAX];
	struct punch_event events[PUNCH_EVENTS_MAX];
};

struct punch_few {
	struct punch_pair pairs[PUNCH_FEW_PAIRS];
	struct punch_sent sent[PUNCH_FEW_SENT];
	struct punch_hole holes[PUNCH_FEW_HOLES];
	struct punch_event events[PUNCH_FEW_EVENTS];
};

/* What of a family's plan comes next. */
struct punch_cursor {
	uint64_t slot;
	uint16_t order;
	bool is_due; /* we take part in |slot|; known from order 0 on */
};

struct punch {
	struct punch_config cfg;
	struct punch_keys keys;
	struct punch_keys decoy; /* for probes with a low TTL: nobody is to answer them, so they prove nothing */
	struct nat_budget own_budget;
	enum punch_state state;
	adit_time now;
	adit_time started_at;
	adit_time stuck_at;
	adit_time calm_until;
	adit_time ladder_at;
	unsigned bursts;
	adit_time utc_at; /* |utc| was the time then */
	adit_utc utc;
	int64_t clock_diff;
	struct adit_addr peers[PUNCH_PEERS_MAX];
	size_t n_peers;
	struct nat_ttl ttl[2]; /* v4, v6 */
	adit_time steady_at[2]; /* when to try to open the steady pair; NEVER: it is open, taken or not wanted */
	struct punch_cursor cursors[PUNCH_FAMILIES];
	struct punch_pair *pairs; /* of the lent store, or |few| */
	size_t n_pairs;
	size_t pairs_end; /* from here on they are free */
	uint32_t sock_next; /* after sock_base */
	uint32_t taken[PUNCH_TAKEN_MAX];
	size_t taken_next;
	struct punch_sent *sent; /* as |pairs| */
	size_t n_sent;
	size_t sent_next;
	struct punch_hole *holes; /* as |pairs| */
	size_t n_holes;
	struct punch_answer answers[PUNCH_ANSWERS_MAX];
	size_t answers_first;
	size_t answers_n;
	adit_time answers_paid; /* GCRA: the time up to which answers are paid for */
	struct punch_event *events; /* as |pairs| */
	size_t events_max;
	size_t events_first;
	size_t events_n;
	struct punch_stats stats;
	struct punch_few few;
	uint8_t out[PUNCH_PROBE_MAX];
};

#endif
