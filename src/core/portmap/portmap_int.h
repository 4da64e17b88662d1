/* Between portmap.c (state, time, questions) and portmap_answer.c (what comes in). */
#ifndef ADIT_PORTMAP_INT_H
#define ADIT_PORTMAP_INT_H

#include "core/portmap/portmap.h"

void portmap_set_now(struct portmap *p, adit_time now);

/* NAT-PMP is what the router speaks. */
void portmap_choose_pmp(struct portmap *p);
/* A mapping was given, first or anew. |lifetime| in seconds, as the router says. */
void portmap_granted(struct portmap *p, const struct adit_addr *external, uint32_t lifetime);
/* The router said no, for |seconds| as it says. */
void portmap_refused(struct portmap *p, const char *reason, uint32_t seconds);
/* Something that proves nothing says that the mapping may be gone or other than we think: ask, but not too often. */
void portmap_hint(struct portmap *p, adit_dur delay);
void portmap_deleted(struct portmap *p);

#endif
