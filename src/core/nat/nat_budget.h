/*
 * What the whole program may ask of the user's router (DESIGN 5.2): so many new flows in any minute, each an entry of a
 * table that is small in small routers; so many probes a second; one search over many ports at a time. Birthday floods
 * have taken company routers down. One object for all lanes, whoever punches; nothing in it needs to be freed.
 */
#ifndef ADIT_NAT_BUDGET_H
#define ADIT_NAT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "core/nat/nat_limits.h"

/* 60 whole seconds and the one that is under way: so no 60 s, wherever they begin, hold more than the limit. */
#define NAT_BUDGET_BUCKETS 61

struct nat_budget {
	uint64_t second; /* of the newest bucket */
	unsigned taken; /* the buckets' sum */
	uint16_t flows[NAT_BUDGET_BUCKETS]; /* by second, modulo their number */
	adit_time paced_at; /* when the probes so far would have been sent at an even pace (GCRA, ITU-T I.371) */
	const void *searcher; /* NULL: nobody searches */
};

void nat_budget_init(struct nat_budget *b);

/* Takes |n| flows if at least |reserve| remain after that; otherwise none and false. */
bool nat_budget_take(struct nat_budget *b, adit_time now, unsigned n, unsigned reserve);
/* How many flows are left now. */
unsigned nat_budget_left(struct nat_budget *b, adit_time now);

/* When the next probe may leave: |now|, or later. */
adit_time nat_budget_probe_at(const struct nat_budget *b, adit_time now);
/* Sends one: false where it is too early, and nothing is taken. */
bool nat_budget_probe(struct nat_budget *b, adit_time now);

/* |who| (any address of its own) searches from now on: false where somebody else does. Again is harmless. */
bool nat_budget_search(struct nat_budget *b, const void *who);
/* No more. Nothing where |who| did not. */
void nat_budget_search_end(struct nat_budget *b, const void *who);

#endif
