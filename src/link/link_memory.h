/*
 * What a link has learnt of the networks at its two ends, to be kept for the next run: how long an idle mapping lives
 * (link_keep.h) and whether mappings end at a certain age (link_age.h). A line of words KEY=VALUE; it is good for this
 * pair of public addresses alone.
 */
#ifndef ADIT_LINK_MEMORY_H
#define ADIT_LINK_MEMORY_H

#include "base/addr.h"
#include "base/err.h"
#include "link/link_age.h"
#include "link/link_keep.h"

struct link_memory {
	struct adit_addr network; /* our public address, as the peer sees it; no port */
	struct adit_addr peer; /* the peer's */
	struct link_age age;
	adit_dur lived; /* as in struct link_keep */
	adit_dur died;
};

#define LINK_MEMORY_STRLEN 256

/* The length, or EFULL. */
ADIT_MUST_CHECK int link_memory_format(const struct link_memory *m, char buf[LINK_MEMORY_STRLEN]);
/* Unknown keys are skipped, none comes twice. EPROTO. */
ADIT_MUST_CHECK int link_memory_parse(const char *text, struct link_memory *ret_memory);
bool link_memory_eq(const struct link_memory *a, const struct link_memory *b);

#endif
