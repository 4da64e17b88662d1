/*
 * Fires the salvos of a plan: which packet leaves next, from which socket, to where, with which TTL, and when, within
 * the budget (200 probes a second, so many new flows a minute, one search at a time). It writes no message: who uses it
 * puts the check into each shot. Opens and closes its own sockets through its user's outputs.
 *
 * Its user drains reach_salvo_next() after every call, and again at reach_salvo_deadline(). Sockets are numbered from
 * 0; a number that is kept, or whose CLOSE was not drained yet, is not used again.
 *
 * Random ports, none twice, without a table: port k is (first + k * jump) modulo their number, where jump has no
 * divisor in common with that number, and lies near the golden section of it. So every beginning of the row is spread
 * evenly over all ports, and whatever part of them the NAT uses gets its share. Nobody needs to be surprised by it.
 */
#ifndef ADIT_REACH_SALVO_H
#define ADIT_REACH_SALVO_H

#include "base/machine.h"
#include "base/rng.h"
#include "core/nat/nat_budget.h"
#include "core/reach/reach_plan.h"

/* One thing to do. */
struct reach_shot {
	enum adit_out_kind kind; /* OPEN, SEND, CLOSE */
	bool from_home; /* SEND from the home socket of the family; else |sock| */
	uint32_t sock; /* 0 to REACH_SOCKS_MAX - 1 */
	struct adit_addr to;
	bool is_low;
	unsigned salvo; /* which of the plan's */
};

struct reach_salvo_count {
	unsigned sent;
	unsigned heard;
	unsigned refused; /* shots that the budget did not allow */
	unsigned socks;
};

enum reach_salvo_sock {
	REACH_SALVO_FREE,
	REACH_SALVO_OPEN,
	REACH_SALVO_KEPT,
	REACH_SALVO_CLOSING,
};

/* One salvo on its way. */
struct reach_salvo_run {
	struct reach_salvo_spec spec;
	struct reach_salvo_count count;
	unsigned shots; /* of a pass; less than the plan's where the budget refused the rest */
	unsigned pass; /* as many as the plan's: it is over */
	unsigned next; /* of this pass */
	adit_time next_at; /* NEVER: over, or waits for the start */
	unsigned sock_base; /* in |order| */
	bool is_resting; /* |next_at| is the end of its rest */
	bool has_sock; /* in turn: the next shot's was opened */
	uint32_t first; /* TO_RANDOM */
	uint32_t jump;
};

struct reach_salvo {
	struct adit_rng rng;
	struct nat_budget *budget;
	adit_time start_at;
	adit_time hold_until; /* nothing is fired before */
	bool is_search;
	bool no_rest;
	size_t n;
	struct reach_salvo_run run[REACH_SALVOS_MAX];
	uint16_t order[REACH_SOCKS_MAX]; /* the sockets of the salvos, one after the other */
	uint8_t state[REACH_SOCKS_MAX]; /* enum reach_salvo_sock, by number */
	uint8_t salvo_of[REACH_SOCKS_MAX];
	unsigned n_closing;
	uint32_t close_next; /* from here on they are looked for */
};

/* |budget| is borrowed. */
void reach_salvo_init(struct reach_salvo *s, const struct adit_rng *rng, struct nat_budget *budget);
/*
 * Loads a plan, to begin at |start_at| (NEVER: not known yet, reach_salvo_begin() will tell). What was open before is
 * closed first, but for kept sockets. EAGAIN: it is a search, and another one is under way in this program; then
 * nothing is loaded.
 */
ADIT_MUST_CHECK int reach_salvo_start(struct reach_salvo *s, adit_time now, adit_time start_at,
				      const struct reach_plan *plan);
/* The start is known now. Once per plan that was loaded without it. */
void reach_salvo_begin(struct reach_salvo *s, adit_time start_at);
/* No further shots. Sockets that are not kept are closed. */
void reach_salvo_stop(struct reach_salvo *s);
/* Nothing is fired until then: what was may have hit. It is made up for later, within the budget. */
void reach_salvo_hold(struct reach_salvo *s, adit_time until);
/* The peer's router says "unreachable": no run rests from now on, those that may hurry do. */
void reach_salvo_go_on(struct reach_salvo *s, adit_time now);
/* Something authentic came over it: it stays open until given back or taken. False: no such socket. */
bool reach_salvo_keep(struct reach_salvo *s, uint32_t sock);
/* A kept one is not needed any more: it is closed. */
void reach_salvo_give_back(struct reach_salvo *s, uint32_t sock);
/* It could not be opened, or does not exist any more, or is somebody else's now: its number is free. */
void reach_salvo_sock_failed(struct reach_salvo *s, uint32_t sock);
/* Something authentic came in answer to salvo number |salvo|: counted. */
void reach_salvo_heard(struct reach_salvo *s, unsigned salvo);
adit_time reach_salvo_deadline(const struct reach_salvo *s);
/* 1: |ret_shot| is due now; 0: nothing is. */
int reach_salvo_next(struct reach_salvo *s, adit_time now, struct reach_shot *ret_shot);
/* All its shots were fired. */
bool reach_salvo_is_done(const struct reach_salvo *s);
struct reach_salvo_count reach_salvo_counts(const struct reach_salvo *s, unsigned salvo);

#endif
