/*
 * The mediator's mind: one datagram in, at most one out, to the sender or to whom he means. Start at
 * meet_server_input(). Words:
 *   id          what a peer registers under; only who shares a secret with it knows it
 *   cookie      proves that the sender receives at its address (stun_cookie.h); without one, nothing is believed and
 *               no answer is longer than its question
 *   handle      proves a registration: with it a refresh costs no signature. It dies with the mediator, so the first
 *               refresh after a restart tells the peer to register anew
 *   route       where an answer goes, handed out with the offer and returned with the answer, under a MAC: the mediator
 *               remembers nothing of a meeting
 *   permit      comes with the answer of a host (meet_relay.h): who returns it is at the address that was answered, and
 *               may borrow the operator's relay
 */
#ifndef ADIT_MEET_SERVER_H
#define ADIT_MEET_SERVER_H

#include "base/machine.h"
#include "base/rng.h"
#include "core/meet/meet_msg.h"
#include "core/meet/meet_relay.h"
#include "core/meet/meet_table.h"
#include "core/stun/stun_limit.h"

struct meet_server_stats {
	uint64_t registered; /* new, or at a new address */
	uint64_t renewed; /* registered once more at the same address */
	uint64_t refreshed;
	uint64_t expired;
	uint64_t left; /* said that they go */
	uint64_t introduced; /* offers passed on */
	uint64_t answered; /* answers passed on */
	uint64_t absent; /* asked for who is not there */
	uint64_t cookies; /* sent away to come back with a cookie */
	uint64_t unknown; /* refreshes of who is not registered */
	uint64_t lent; /* credentials of the relay */
	uint64_t forged; /* signature, handle, route or permit wrong */
	uint64_t malformed; /* incomplete, or with required attributes that are not known */
	uint64_t limited; /* more than one network may do */
	uint64_t full;
	uint64_t paths[MEET_PATHS]; /* reports, by how it ended */
	uint64_t durations[MEET_DURATIONS]; /* of those that found a path: below 16 ms * 2^n; the last: all else */
};

struct meet_server_config {
	const struct meet_crypto *crypto;
	struct adit_rng rng;
	const struct meet_lender *lender; /* borrowed; NULL: no relay is lent */
	bool no_limits; /* for measuring */
};

struct meet_server {
	const struct meet_crypto *crypto;
	const struct meet_lender *lender;
	struct adit_rng rng;
	struct meet_table table;
	struct stun_limit register_limit; /* registrations with a good cookie: each may cost a signature */
	/* The cookies that bring them. Apart: who comes back with one, as all do after a restart, has its own share. */
	struct stun_limit stranger_limit;
	struct stun_limit offer_limit;
	struct stun_limit lend_limit;
	struct meet_server_stats stats;
	uint8_t key[ADIT_SIPHASH_KEY_LEN]; /* of cookies, handles, routes and permits */
	adit_time utc_at; /* when |utc| was told */
	adit_utc utc; /* 0: never told, and nothing is lent */
	adit_time born; /* seconds count from here */
	adit_time sweep_at;
	size_t sweep_pos;
	bool draining;
	size_t drain_pos;
	struct adit_addr locals[MEET_LOCALS_MAX];
	uint32_t local_used[MEET_LOCALS_MAX]; /* second: the last request that came in at it, or refreshed such a one */
	size_t n_locals;
	uint64_t verified[MEET_VERIFIED]; /* keyed hashes of whole registrations; 0: none */
	struct stun_limit_slot register_slots[MEET_NETS];
	struct stun_limit_slot stranger_slots[MEET_NETS];
	struct stun_limit_slot offer_slots[MEET_NETS];
	struct stun_limit_slot lend_slots[MEET_NETS];
};

/* What to send: |len| bytes of the buffer, from |sock| and the address |local|. */
struct meet_server_out {
	size_t len;
	uint32_t sock; /* at most MEET_PEER_SOCK */
	struct adit_addr local;
	struct adit_addr remote;
};

/* |slots|: |n_slots| of them, zeroed, borrowed until meet_server_grow(). */
void meet_server_init(struct meet_server *s, adit_time now, const struct meet_server_config *cfg,
		      struct meet_peer *slots, size_t n_slots);

/*
 * 1: |buf| (MEET_MSG_MAX bytes) and |ret_out| hold something to send; 0: nothing; EIGNORED: no message of this
 * protocol. |d->seg_size| is not looked at.
 */
int meet_server_input(struct meet_server *s, adit_time now, const struct adit_dgram *d, uint8_t *buf,
		      struct meet_server_out *ret_out);

/* What time it is, for the end of what is lent. */
void meet_server_set_utc(struct meet_server *s, adit_time now, adit_utc utc);
void meet_server_tick(struct meet_server *s, adit_time now);
adit_time meet_server_deadline(const struct meet_server *s);

/* More room for peers: meet_table_wants(), meet_table_move(). */
size_t meet_server_wants(const struct meet_server *s);
struct meet_peer *meet_server_grow(struct meet_server *s, struct meet_peer *slots, size_t n_slots);

/* Ends: nobody registers any more. Then each call gives one message that tells a peer so (1), until 0. */
void meet_server_drain(struct meet_server *s);
int meet_server_goodbye(struct meet_server *s, uint8_t *buf, struct meet_server_out *ret_out);

#endif
