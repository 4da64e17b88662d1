/*
 * Who of a router's neighbours is at which Ethernet address: a table that asks, waits, and forgets. It knows neither
 * frames nor interfaces: it says whom to ask for, and is told what was answered. Pure, time comes in.
 *
 * States: an entry is ASKED until an answer, then KNOWN; a KNOWN one older than LAB_NEIGH_FRESH is asked for again
 * while it goes on being used; LAB_NEIGH_TRIES without an answer, and it is gone.
 */
#ifndef ADIT_LAB_NEIGH_H
#define ADIT_LAB_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

/* Entries; when full, the one that was used longest ago goes. */
#define LAB_NEIGH_MAX 256u

/* Linux: retrans_time_ms, ucast_solicit (neighbour.c); base_reachable_time is 30 s on average. */
#define LAB_NEIGH_RETRY ADIT_SEC(1)
#define LAB_NEIGH_TRIES 3u
#define LAB_NEIGH_FRESH ADIT_SEC(30)

enum lab_neigh_state {
	LAB_NEIGH_FREE,
	LAB_NEIGH_ASKED,
	LAB_NEIGH_KNOWN,
};

struct lab_neigh_entry {
	struct adit_addr addr; /* no port */
	uint8_t mac[6];
	uint8_t side;
	uint8_t state; /* enum lab_neigh_state */
	uint8_t tries; /* questions since the last answer */
	adit_time ask_at; /* the next question; ADIT_NEVER: none is needed */
	adit_time fresh_until;
	adit_time used_at;
};

struct lab_neigh {
	struct lab_neigh_entry entries[LAB_NEIGH_MAX];
	size_t count; /* entries in use lie before this */
	size_t last[2]; /* per side: the one found last is tried first */
	adit_time next_at; /* no entry wants anything before */
};

void lab_neigh_init(struct lab_neigh *n);

/*
 * The Ethernet address of |addr| on |side|, good until the next call; NULL: it is being asked for (ask_at is now for a
 * new one). Using an entry that is no longer fresh makes it due.
 */
const uint8_t *lab_neigh_use(struct lab_neigh *n, adit_time now, uint8_t side, const struct adit_addr *addr);

/* |addr| has said where it is. |make|: also if nobody wanted to know. True: somebody had been waiting for it. */
bool lab_neigh_learn(struct lab_neigh *n, adit_time now, uint8_t side, const struct adit_addr *addr,
		     const uint8_t mac[6], bool make);

adit_time lab_neigh_deadline(const struct lab_neigh *n);

/*
 * What is due: 1, ask for |ret_addr| on |ret_side|; -1, it did not answer and is forgotten; 0, nothing. Call it until
 * it says 0.
 */
int lab_neigh_next(struct lab_neigh *n, adit_time now, uint8_t *ret_side, struct adit_addr *ret_addr);

#endif
