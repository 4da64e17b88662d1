/*
 * Fires the salvos of a plan: which packet leaves next, from which socket, to where, with which TTL, and when, within
 * the budget (200 probes a second, so many new flows a minute, one search at a time). It writes no message: who uses it
 * puts the check into each shot. Opens and closes its own sockets through its user's outputs.
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
	unsigned refused;
	unsigned socks;
};

struct reach_salvo; /* storage below, written by the room */

void reach_salvo_init(struct reach_salvo *s, const struct adit_rng *rng, struct nat_budget *budget);
/* Loads a plan, to begin at |start_at|. What was open before is closed first. */
void reach_salvo_start(struct reach_salvo *s, adit_time now, adit_time start_at, const struct reach_plan *plan);
/* No further shots. Sockets that are not kept are closed. */
void reach_salvo_stop(struct reach_salvo *s, adit_time now);
/* Something authentic came over it: it stays open until given back or taken. False: no such socket. */
bool reach_salvo_keep(struct reach_salvo *s, uint32_t sock);
void reach_salvo_sock_failed(struct reach_salvo *s, uint32_t sock);
void reach_salvo_tick(struct reach_salvo *s, adit_time now);
adit_time reach_salvo_deadline(const struct reach_salvo *s);
/* 1: |ret_shot| is due now; 0: nothing is. */
int reach_salvo_next(struct reach_salvo *s, adit_time now, struct reach_shot *ret_shot);
/* All its shots were fired. */
bool reach_salvo_is_done(const struct reach_salvo *s);
struct reach_salvo_count reach_salvo_counts(const struct reach_salvo *s, unsigned salvo);

#endif
