/*
 * Stamps of one lane, shared by the punching machine and the paths of the lane: which requests of the peer are fresh,
 * and which stamp the next own request gets.
 *
 * Per sender instance the newest stamp is kept. A request is fresh if it is newer, or at most PUNCH_REORDER older and
 * not seen (reordering on the way). An instance that is not known must be newer than the horizon: the newest stamp of
 * any instance that was forgotten. The program keeps the horizon over restarts, so that what was captured before one is
 * not answered after it.
 *
 * What stays open: a request of an instance that was never heard before, captured where it was dropped, is fresh
 * whenever it comes. The clocks of the two sides may differ by anything, so nothing tells it from a newcomer. It brings
 * its bearer an answer of 96 bytes, and no key.
 */
#ifndef ADIT_PUNCH_REPLAY_H
#define ADIT_PUNCH_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"
#include "core/punch/punch_limits.h"

struct punch_replay_sender {
	uint64_t instance;
	adit_utc newest;
	adit_time heard_at; /* when that came */
	adit_utc floor; /* at or below: a replay, seen or not */
	adit_utc seen[PUNCH_STAMPS_MAX]; /* above the floor, in no order */
	size_t n_seen;
};

struct punch_replay {
	struct punch_replay_sender few[PUNCH_INSTANCES_FEW];
	struct punch_replay_sender *many; /* borrowed, PUNCH_INSTANCES_MAX of them; NULL: there are the few alone */
	size_t n;
	adit_utc horizon;
	adit_utc sent; /* our own newest stamp */
	adit_time sent_at;
};

void punch_replay_init(struct punch_replay *r);

/* Are the few places taken, and no others there? Then the next new sender makes the oldest forgotten. */
bool punch_replay_is_full(const struct punch_replay *r);
/* PUNCH_INSTANCES_MAX places, for good: |many| is borrowed as long as |r| is used. */
void punch_replay_lend(struct punch_replay *r, struct punch_replay_sender *many);

/* 0: fresh, and remembered. EREPLAY: not to be answered. */
ADIT_MUST_CHECK int punch_replay_check(struct punch_replay *r, adit_time now, uint64_t instance, adit_utc stamp);

/* The stamp of our next request: UTC, but it runs on where the clock steps back, so that it is never late at the peer.
 */
adit_utc punch_replay_stamp(struct punch_replay *r, adit_time now, adit_utc utc);

/*
 * What to keep over a restart. Capped by our own UTC: a peer whose clock was an hour ahead and is set right must not be
 * locked out for that hour.
 */
adit_utc punch_replay_horizon(const struct punch_replay *r, adit_utc utc);
/* What was kept. Only ever raises it. */
void punch_replay_set_horizon(struct punch_replay *r, adit_utc horizon);

#endif
