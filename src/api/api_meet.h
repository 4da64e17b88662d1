/* What punch and endpoint share of meeting through mediators. */
#ifndef ADIT_API_MEET_H
#define ADIT_API_MEET_H

#include "api/api_int.h"
#include "core/reach/reach.h"

struct api_meet {
	struct reach_host hosts[REACH_HOSTS_MAX]; /* the own addresses, as last told */
	size_t n_hosts;
	adit_time look_at; /* when they are looked at again */
	char memory[REACH_MEMORY_STRLEN]; /* what a LEARNT points to */
};

/* True: |m->hosts| is to be told to the machine. */
bool api_meet_look(struct api_meet *m, adit_time now);
/* |mediator| is a name or NULL. False: it is nothing for the caller. Borrows both, and |m|. */
bool api_meet_tell(struct api_meet *m, const struct reach_event *e, const char *mediator,
		   struct adit_meeting *ret_meeting);
/* A caller's |config.memory|. 0; ENOENT: there is none; EINVAL. */
ADIT_MUST_CHECK int api_meet_memory(const char *text, struct reach_memory *ret_memory);

#endif
