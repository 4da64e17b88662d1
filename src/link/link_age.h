/*
 * Some carriers end a mapping at a certain age, used or not (docs/rules.md 3: 48-75 s). What a link knows of that where
 * it is, and when a path is so old that its successor is due. Pure: link_watch.c asks and tells.
 *
 *   UNKNOWN   a path in use is replaced once, early enough for every age that was seen, and the one before is watched
 *   ENDS      one died young, although it was asked all the time and the next one lived: each is replaced in time
 *   LASTS     one has lived well beyond: nobody is replaced
 *
 * Whatever was learnt holds until the network is another one.
 */
#ifndef ADIT_LINK_AGE_H
#define ADIT_LINK_AGE_H

#include <stdbool.h>

#include "base/time.h"

enum link_age_kind {
	LINK_AGE_UNKNOWN,
	LINK_AGE_ENDS, /* at |life| */
	LINK_AGE_LASTS,
};

struct link_age {
	enum link_age_kind kind;
	adit_dur life; /* ENDS: the shortest that was seen */
};

/* The age at which a path in use should have a successor. ADIT_NEVER: it needs none. */
adit_dur link_age_due(const struct link_age *a);
/* A path that was watched has died at |age|, while the one in use lived. */
void link_age_died(struct link_age *a, adit_dur age);
/* A path lives, and is |age| old. */
void link_age_lives(struct link_age *a, adit_dur age);
/* The network is another one. */
void link_age_forget(struct link_age *a);

#endif
