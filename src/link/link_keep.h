/*
 * How long the NATs between two networks keep a mapping that nobody uses: what is known of it, how often a path is
 * asked therefore, and which rest is to be tried next. Pure: link_idle.c leaves a stand-by alone for so long and tells
 * what came of it; the path in use never goes beyond what a stand-by has lived through.
 *
 *   nothing known    every 15 s (RFC 8445 11), and twice that is tried
 *   one has lived    every 4/5 of it, up to two minutes (RFC 4787 REQ-5: no NAT should forget sooner)
 *   one has died     what lies between is halved until it is narrow
 *
 * A path in use that dies after a rest, and a stand-by that dies of one that was lived through before, make all of it
 * unknown again. After the former trials wait, longer each time.
 */
#ifndef ADIT_LINK_KEEP_H
#define ADIT_LINK_KEEP_H

#include <stdbool.h>

#include "base/time.h"

struct link_keep {
	adit_dur lived; /* the longest rest that was lived through; 0: none */
	adit_dur died; /* the shortest that was not; 0: none */
	unsigned falls; /* of the path in use, after a rest */
	adit_time again_at; /* no trial before */
};

/* How often an idle path is asked. */
adit_dur link_keep_every(const struct link_keep *k);
/* The rest to be tried: a longer one, or once more the longest that was lived through. 0: none now. */
adit_dur link_keep_trial(const struct link_keep *k, adit_time now);
/* Is anything left to learn, now? */
bool link_keep_is_curious(const struct link_keep *k, adit_time now);
void link_keep_lived(struct link_keep *k, adit_dur rest);
void link_keep_died(struct link_keep *k, adit_dur rest);
/* The path in use has died after a rest. */
void link_keep_fell(struct link_keep *k, adit_time now);

#endif
