/*
 * What the whole program may ask of the user's router (docs/rules.md 2): so many new flows in any minute, each an entry
 * of a table that is small in small routers; so many probes a second; one search over many ports at a time. Birthday
 * floods have taken company routers down. One object for all lanes, whoever punches; nothing in it needs to be freed.
 *
 * Flows: all that look for a peer, or for what the own NATs do to them: salvos, openers, windows, samples, the pairs of
 * core/punch, and what nat_budget_note() counts. Not: a path that is in use, relays, adit check, names.
 * Probes: those of salvos, which alone come by the hundred. Checks have a pace of their own (REACH_TA: 200 a second for
 * a lane), and so do openers, windows and pairs.
 */
#ifndef ADIT_NAT_BUDGET_H
#define ADIT_NAT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "core/nat/nat_limits.h"

/* How many of something were taken in the last while, by buckets of time: the last ones and that which is under way. */
#define NAT_BUDGET_BUCKETS 101

struct nat_roll {
	uint64_t newest; /* number of the newest bucket, from time 0 on */
	unsigned taken; /* the buckets' sum */
	uint16_t bucket[NAT_BUDGET_BUCKETS]; /* by number, modulo how many are used */
};

struct nat_budget {
	struct nat_roll flows;
	struct nat_roll probes;
	const void *searcher; /* NULL: nobody searches */
};

void nat_budget_init(struct nat_budget *b);

/*
 * Counts |n| flows that are opened whatever is left: ICE checks toward what a peer has named, at most 30 for each of
 * its offers, and questions to servers. They are few, and what everything else is for; all else yields to them.
 */
void nat_budget_note(struct nat_budget *b, adit_time now, unsigned n);
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
