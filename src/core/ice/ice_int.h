/*
 * Between the files of the agent: ice_agent.c (commands and time), ice_local.c (own candidates, gathering),
 * ice_remote.c (the peer's), ice_pair.c (the check list), ice_check.c (what comes in), ice_nominate.c (which pair is
 * taken), ice_path.c (the selected pair), ice_txn.c (one request's repetitions). Not for others.
 */
#ifndef ADIT_ICE_INT_H
#define ADIT_ICE_INT_H

#include "core/ice/ice_agent.h"

/* ice_agent.c */
void ice_set_state(struct ice_agent *a, enum ice_state state);
/* Failed or lost: nothing is sent or heard until a restart. */
bool ice_is_over(const struct ice_agent *a);

/* ice_txn.c */
/* A new request, to be sent at the next drain. */
void ice_txn_start(struct ice_agent *a, struct ice_txn *t, adit_dur rto);
void ice_txn_stop(struct ice_txn *t);
/* Time has come for something: 1: it is repeated; -1: it has failed; 0: nothing. */
int ice_txn_tick(struct ice_txn *t, adit_time now);
/* It goes out now. */
void ice_txn_sent(struct ice_txn *t, adit_time now);
/*
 * The peer has just been heard on this pair: what is under way is repeated now, or soon, where it has just been sent.
 * RFC 8445 7.3.1.4 wants a new transaction for each check that comes; where checks come faster than answers, as they do
 * when many packets are fired at once, each would make the answer to the one before worth nothing.
 */
void ice_txn_hurry(const struct ice_agent *a, struct ice_txn *t);
/*
 * It has no sends left, and an answer would have come by now. A peer that is still heard wants a new one then: what was
 * hurried ends its sends long before the way of a late NAT opens. One RTO between two keeps their number down.
 */
bool ice_txn_is_spent(const struct ice_agent *a, const struct ice_txn *t);
bool ice_txn_is(const struct ice_txn *t, const uint8_t *txid);
/* 0 where a repetition leaves open which one was answered (Karn). */
adit_dur ice_txn_rtt(const struct ice_txn *t, adit_time now);

/* ice_local.c */
struct ice_base *ice_base_find(struct ice_agent *a, uint32_t sock, const struct adit_addr *local,
			       const struct adit_addr *remote);
/* The priority a check from |base| announces (RFC 8445 7.1.1). */
uint32_t ice_base_prflx_priority(const struct ice_base *base);
/* The own candidate that is seen as |addr| from |base|, made (peer-reflexive) where there is none. ICE_LOCALS_MAX:
 * full. */
size_t ice_local_seen(struct ice_agent *a, uint8_t base, const struct adit_addr *addr);
void ice_local_tell_again(struct ice_agent *a);
bool ice_gather_has_pending(const struct ice_agent *a);
bool ice_gather_start_one(struct ice_agent *a);
void ice_gather_tick(struct ice_agent *a);
adit_time ice_gather_deadline(const struct ice_agent *a);
int ice_gather_input(struct ice_agent *a, const struct adit_dgram *d, const struct stun_msg *m);
bool ice_gather_icmp(struct ice_agent *a, const struct adit_icmp *icmp, const uint8_t *txid);
bool ice_gather_output(struct ice_agent *a, struct adit_out *ret_out);

/* ice_remote.c */
void ice_remote_clear(struct ice_agent *a);
/* The remote candidate at |addr|, learnt from a check with |priority| where it is new. ICE_REMOTES_MAX: not to be used.
 */
size_t ice_remote_learn(struct ice_agent *a, const struct adit_addr *addr, uint32_t priority);

/* ice_pair.c */
/* All that can be made and are not there yet. */
void ice_pairs_make(struct ice_agent *a);
void ice_pairs_clear(struct ice_agent *a);
struct ice_pair *ice_pair_find(struct ice_agent *a, uint8_t base, uint8_t remote);
/* NULL: there is no room, or they cannot talk. */
struct ice_pair *ice_pair_make(struct ice_agent *a, uint8_t base, uint8_t remote);
/* Takes over the role: priorities are computed anew. */
void ice_pairs_rank(struct ice_agent *a);
/* The next check of it is the next of all (RFC 8445 6.1.4.1). */
void ice_pair_trigger(struct ice_agent *a, struct ice_pair *p);
void ice_pair_fail(struct ice_agent *a, struct ice_pair *p, enum ice_why why);
void ice_pair_succeed(struct ice_agent *a, struct ice_pair *p, const struct adit_addr *mapped, adit_dur rtt);
void ice_pair_nominate(struct ice_agent *a, struct ice_pair *p);
bool ice_pairs_has_work(const struct ice_agent *a);
bool ice_pairs_start_one(struct ice_agent *a);
void ice_pairs_tick(struct ice_agent *a);
adit_time ice_pairs_deadline(const struct ice_agent *a);
bool ice_pairs_output(struct ice_agent *a, struct adit_out *ret_out);
/* Any that may still become valid? */
bool ice_pairs_is_active(const struct ice_agent *a);

/* ice_nominate.c */
void ice_nominate_tick(struct ice_agent *a);
adit_time ice_nominate_deadline(const struct ice_agent *a);
struct ice_pair *ice_pairs_best_valid(struct ice_agent *a);

/* ice_check.c */
void ice_check_early(struct ice_agent *a);

/* ice_path.c */
void ice_path_use(struct ice_agent *a, const struct ice_pair *p);
void ice_path_tick(struct ice_agent *a);
adit_time ice_path_deadline(const struct ice_agent *a);
/* An answer to one of its consent checks? 0, EAUTH, or EIGNORED: to none. */
int ice_path_input(struct ice_agent *a, const struct adit_dgram *d, const struct stun_msg *m);
bool ice_path_output(struct ice_agent *a, struct adit_out *ret_out);

#endif
