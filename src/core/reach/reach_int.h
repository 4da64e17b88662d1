/*
 * Between the files of the engine: reach.c (commands, time, what goes out), reach_sock.c (sockets), reach_measure.c
 * (asking servers), reach_judge.c (what their answers mean), reach_meet.c (offers and answers), reach_round.c (a round
 * from the start to its end), reach_window.c, reach_fire.c (the plan and its salvos), reach_hear.c (what comes in),
 * reach_relay.c (TURN servers), reach_mapped.c, reach_verdict.c, reach_account.c, reach_fold.c. Not for others.
 */
#ifndef ADIT_REACH_INT_H
#define ADIT_REACH_INT_H

#include "core/reach/reach.h"

static inline unsigned reach_family_index(uint8_t family)
{
	return family == ADIT_FAMILY_V6;
}

static inline uint8_t reach_family_of(unsigned index)
{
	return index == 0 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6;
}

/* reach.c */
void reach_set_now(struct reach *r, adit_time now);
void reach_set_state(struct reach *r, enum reach_state state, adit_time until);
void reach_push(struct reach *r, const struct reach_event *ev);
/* All that follows from what has just happened. */
void reach_step(struct reach *r);
/* Was |memory| learnt behind the NAT that we are behind now? Elsewhere it does not count. */
bool reach_is_remembered(const struct reach *r);
/* Takes new flows from the budget. False: it has none left. */
bool reach_flow_take(struct reach *r, unsigned n);
/* The same for those that are opened whatever it has. */
void reach_flow_note(struct reach *r, unsigned n);
/* The low TTL toward a family; 0: the system's. */
uint8_t reach_low_ttl(const struct reach *r, uint8_t family);
/* Has this machine named an address of this family? */
bool reach_has_host(const struct reach *r, unsigned family);
bool reach_ttl_is_known(const struct reach *r, uint8_t family);

/* reach_sock.c */
/* An entry of |socks|, to be opened; REACH_NO_SOCK: full. */
uint16_t reach_sock_open(struct reach *r, enum reach_use use, uint8_t family, uint16_t port);
void reach_sock_close(struct reach *r, uint16_t slot);
uint32_t reach_sock_number(const struct reach *r, uint16_t slot);
/* REACH_NO_SOCK: none of ours, or not open. */
uint16_t reach_sock_find(const struct reach *r, uint32_t number);
bool reach_sock_is_live(const struct reach *r, uint32_t number);
int reach_socks_output(struct reach *r, struct adit_out *ret_out);
adit_time reach_socks_deadline(const struct reach *r);
void reach_socks_tick(struct reach *r);
#define REACH_SOCK_TURNS (REACH_SOCK_SPAN / REACH_SOCK_SLOTS)
/* Homes of the families that are in use are opened where there is none. */
void reach_homes_open(struct reach *r);
/* The port that the user wants for home; 0: any. */
uint16_t reach_home_pinned(const struct reach *r, unsigned family);
/* Old ones are spent, where fresh ones are wanted. */
void reach_homes_freshen(struct reach *r);
void reach_home_close(struct reach *r, unsigned family);
/* Another one from now on: what is known of the old one's address is asked anew. */
void reach_home_renew(struct reach *r, unsigned family);

/* reach_measure.c */
void reach_measure_init(struct reach *r);
/* 0 or more: it has to be asked; EIGNORED: it is there already; EFULL. */
int reach_measure_add(struct reach *r, const struct adit_addr *addr);
/* From home, in this family; again whenever something has changed. */
void reach_measure_start(struct reach *r, unsigned family);
/* Other NATs may be before us now: how far they are, and what flows they have. */
void reach_measure_forget(struct reach *r);
/* Fresh samples of a NAT that counts. */
void reach_measure_again(struct reach *r, unsigned family);
void reach_measure_stop(struct reach *r);
/* Home's NAT lets in only what comes from an address and port that home has sent to (IPv4). False: not known. */
bool reach_measure_is_filtered(const struct reach *r);
bool reach_measure_is_known(const struct reach *r);
/* The same, or it will most likely turn out to be as the views say by now. */
bool reach_measure_is_likely(const struct reach *r);
/* It has turned out otherwise. */
bool reach_measure_is_refuted(const struct reach *r);
int reach_measure_input(struct reach *r, const struct adit_dgram *d);
bool reach_measure_icmp(struct reach *r, const struct adit_icmp *icmp);
void reach_measure_sock_failed(struct reach *r, uint16_t slot);
/* What follows from the answers so far. */
void reach_measure_step(struct reach *r);
void reach_measure_tick(struct reach *r);
adit_time reach_measure_deadline(const struct reach *r);
int reach_measure_output(struct reach *r, struct adit_out *ret_out);
/* One question from this socket, with what its answer is to be told as. */
enum reach_tag {
	REACH_TAG_HOME, /* |index| is the dest */
	REACH_TAG_SAMPLE,
	REACH_TAG_TTL, /* |index| is the TTL */
	REACH_TAG_WINDOW, /* |index| 0: before, 1: after */
	REACH_TAG_FILTER, /* |index| is the dest */
	REACH_TAG_MAPPED, /* |index| 0: is the server there, 1: its answer goes to the mapped port */
};
uint32_t reach_measure_tag(enum reach_tag tag, unsigned family, unsigned index);
bool reach_measure_ask(struct reach *r, enum reach_tag tag, unsigned family, unsigned index, uint16_t slot,
		       const struct adit_addr *to);
/* The same, to a server that answers. */
bool reach_measure_question(struct reach *r, enum reach_tag tag, unsigned family, unsigned index, uint16_t slot);

static inline bool reach_dest_is_of(const struct reach_dest *d, unsigned family)
{
	return reach_family_index(d->addr.family) == family;
}

/* So many new flows, one after the other; their sockets are closed. */
void reach_burst_start(struct reach *r, struct reach_view *v, unsigned n);
void reach_burst_close(struct reach *r, struct reach_view *v);

/* reach_judge.c */
/* Home's questions are answered, as far as they will be: KNOWN, or BURST where the answers differ. */
void reach_judge_home(struct reach *r, unsigned family);
/*
 * Not all are answered. Can the view be told of already, as the only witness has spoken and the rest will most likely
 * agree with it?
 */
bool reach_judge_early(struct reach *r, unsigned family);
void reach_judge_samples(struct reach *r, struct reach_view *v);

/* reach_meet.c */
/* Connect: the offer of this round, as soon as what it says is known. */
void reach_offer(struct reach *r);
void reach_meet_event(struct reach *r, const struct meet_event *ev);
/* Serve: the answer, as soon as what it says is known. */
void reach_meet_tick(struct reach *r);

/* reach_round.c */
void reach_attempt_start(struct reach *r);
void reach_round_next(struct reach *r);
/* Connect: the same round with another offer, as what this one tells of the NAT is too old. */
void reach_round_again(struct reach *r);
/* A fresh agent with its credentials, over the homes. */
void reach_agent_start(struct reach *r);
/* Low TTL toward the peer's public candidates, now. */
void reach_openers_start(struct reach *r);
/* Candidate |i| of the peer's is the agent's, too. */
void reach_remote_add(struct reach *r, size_t i);
/* Both descriptions are known. */
void reach_punch(struct reach *r, adit_time start_at);
/* Nothing of this round goes on. Sockets that nobody took are closed, homes stay. */
void reach_round_stop(struct reach *r);
/* It has failed: its homes are not used for another, as whatever spoilt them may last (docs/rules.md 1). */
void reach_round_spend(struct reach *r);
/* The first valid pair. */
void reach_round_won(struct reach *r, const struct ice_account *a, enum reach_how how);
/* Closes what nobody took; connect has nothing open then. */
void reach_settled(struct reach *r);
void reach_round_tick(struct reach *r);
adit_time reach_round_deadline(const struct reach *r);
int reach_round_output(struct reach *r, struct adit_out *ret_out);
void reach_attempt_failed(struct reach *r, enum reach_verdict verdict);
/* reach_fire.c */
bool reach_is_trusted(const struct reach *r);
/* Both descriptions are known: what is to be done, if the start is at |start_at|. */
void reach_fire_plan(struct reach *r, adit_time start_at);
/* The plan's salvos begin at |start_at|; NEVER: that is not known yet. */
void reach_fire_load(struct reach *r, adit_time start_at);
/* No further shots; sockets that were heard on stay. */
void reach_fire_stop(struct reach *r);
/* These are closed, too, but for those that were taken. */
void reach_fire_close(struct reach *r);
/* The peer was heard, directly. */
void reach_fire_has_hit(struct reach *r);
void reach_fire_heard(struct reach *r, uint16_t slot);
void reach_fire_lost(struct reach *r, uint16_t slot);
int reach_fire_output(struct reach *r, struct adit_out *ret_out);
adit_time reach_fire_deadline(const struct reach *r);

/* reach_account.c */
void reach_account_keep(struct reach *r);

/* reach_window.c */
void reach_window_init(struct reach *r);
void reach_window_open(struct reach *r, const struct adit_addr *to);
void reach_window_close(struct reach *r);
/* From |at| on its sockets knock with full TTL; no more. */
void reach_window_fire(struct reach *r, adit_time at);
void reach_window_hold(struct reach *r);
void reach_window_answered(struct reach *r, unsigned index, uint16_t port);
void reach_window_tick(struct reach *r);
adit_time reach_window_deadline(const struct reach *r);
int reach_window_output(struct reach *r, struct adit_out *ret_out);

/* reach_relay.c */
void reach_relay_init(struct reach *r);
void reach_relay_forget(struct reach *r);
bool reach_relay_is_sock(const struct reach *r, uint32_t sock);
/* Does a relay carry this pair? One that may not? */
bool reach_relay_has(const struct reach *r, const struct ice_account *a);
bool reach_relay_is_refused(const struct reach *r, const struct ice_account *a);
/* A round, or serve's answer, begins. May what is said go out? */
void reach_relay_begin(struct reach *r);
bool reach_relay_may_go(const struct reach *r);
/* What is relayed for us becomes candidates of the agent's. */
void reach_relay_add(struct reach *r);
/* Both descriptions are known. */
void reach_relay_open(struct reach *r);
/* Could a further round find a relayed pair, and there is none yet? */
bool reach_relay_wants_round(const struct reach *r);
/* Are mediators of this family asked through the relay, as the network lets nothing else out? */
bool reach_relay_is_via(const struct reach *r, unsigned family);
/* A mediator was asked from home; a server has answered there. */
void reach_relay_asked(struct reach *r, unsigned family);
void reach_relay_heard(struct reach *r, unsigned family);
void reach_relay_tick(struct reach *r);
adit_time reach_relay_deadline(const struct reach *r);
int reach_relay_output(struct reach *r, struct adit_out *ret_out);

/* reach_mapped.c */
void reach_mapped_init(struct reach *r);
/* Where a family has a home and its mapped port is not open. */
void reach_mapped_open(struct reach *r);
/* But for those that a path has taken. */
void reach_mapped_close(struct reach *r);
struct adit_addr reach_mapped_external(const struct reach *r, unsigned family);
/* Everybody gets in who knows the mapped address (IPv4). */
bool reach_mapped_is_open(const struct reach *r);
/* |index|: as the tag has it. |b|: what a good answer says, else NULL. */
void reach_mapped_answered(struct reach *r, unsigned family, unsigned index, const struct stun_result *res,
			   const struct stun_binding *b);
void reach_mapped_heard(struct reach *r, const struct ice_account *a);
/* The next word about it comes soon, and an offer should have it. */
bool reach_mapped_is_awaited(const struct reach *r);
void reach_mapped_again(struct reach *r);
void reach_mapped_tick(struct reach *r);
adit_time reach_mapped_deadline(const struct reach *r);

/* reach_verdict.c */
/* Why it has come to nothing, from what is known now. */
enum reach_verdict reach_verdict_of(const struct reach *r);

/* reach_hear.c */
int reach_hear(struct reach *r, const struct adit_dgram *d);
/* Events for pairs that the agent has heard or found valid. */
void reach_told_scan(struct reach *r);

#endif
