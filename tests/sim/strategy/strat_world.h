/*
 * One match: two homes behind two NATs, four servers, a mediator, and a way between with a round trip and hops that
 * the seed draws. The same match (strategy, kinds, seed, overrides) is the same packet for packet.
 */
#ifndef STRAT_WORLD_H
#define STRAT_WORLD_H

#include <stdio.h>

#include "lab/lab_sim.h"
#include "sim_mediator.h"
#include "sim_reach.h"
#include "strat.h"
#include "strat_peer.h"

/* A kind of NAT. */
struct strat_kind {
	const char *name;
	const char *title; /* as a table shows it */
	const char *what; /* one line */
	const char *text; /* a species of lab_species.h, or settings; NULL: no NAT at all */
};

/* Ends with a NULL name. */
extern const struct strat_kind strat_kinds[];
/* NULL: no such kind. */
const struct strat_kind *strat_kind_find(const char *name);

/* What the seed is not to draw; negative: it may. */
struct strat_fixed {
	long rtt_ms;
	long hops;
	long skew_ms; /* between the two starts; ALONE and REAL only */
};

extern const struct strat_fixed strat_free; /* nothing fixed */

struct strat_match {
	const struct strategy *s;
	const struct strat_kind *kind[2]; /* who is SERVE and who CONNECT the seed says: even seeds as written */
	struct strat_fixed fixed;
	uint64_t seed;
};

struct strat_result {
	bool met;
	adit_dur took; /* from the later start; a caller's start is its call */
	uint64_t packets; /* that both sides put onto the Internet; those to servers and mediators included */
	uint64_t toward; /* of these, to the other side or meant for it: all but those */
	uint64_t mappings; /* that both NATs made of them */
	uint64_t hash;
	const char *bad; /* the match could not be played; NULL: fine */
};

void strat_play(const struct strat_match *m, struct strat_result *ret);
/* The same, with every step of every packet to |f|. */
void strat_play_traced(const struct strat_match *m, struct strat_result *ret, FILE *f);

#endif
