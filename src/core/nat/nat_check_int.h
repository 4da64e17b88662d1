/* What the files of nat_check share; nobody else includes it. */
#ifndef ADIT_NAT_CHECK_INT_H
#define ADIT_NAT_CHECK_INT_H

#include "core/nat/nat_check.h"

/* --- nat_check.c --- */

/* A new socket's number; ADIT_EFULL. */
int nat_scan_open(struct nat_scan *s);
void nat_scan_close(struct nat_scan *s, unsigned sock);
/* Queues a question; NULL: the list is full. It leaves at |due_at|, in the order of the list. */
struct nat_probe *nat_scan_ask(struct nat_scan *s, enum nat_use use, unsigned sock, unsigned server,
			       const struct adit_addr *to, adit_time due_at);

/* Ends all questions and closes all sockets. */
void nat_scan_cancel(struct nat_check *c, struct nat_scan *s);

/* --- nat_check_plan.c --- */

/* Begins the scan of the family that |s| has. */
void nat_plan_start(struct nat_check *c, struct nat_scan *s, adit_time now);
/* A probe of |s| has ended: what follows from that. */
void nat_plan_ended(struct nat_check *c, struct nat_scan *s, adit_time now, struct nat_probe *p);
/* Nothing more is asked: the scan is done. */
void nat_plan_finish(struct nat_check *c, struct nat_scan *s);
/* Goes on to the next step where nothing is left of this one. */
void nat_plan_step(struct nat_check *c, struct nat_scan *s, adit_time now);
/* The question about the TTL that is due now, into the list. */
void nat_plan_ttl(struct nat_check *c, struct nat_scan *s, adit_time now);

/* --- nat_check_judge.c --- */

/* What |s| knows by now, into the report: servers and view. */
void nat_judge(struct nat_check *c, const struct nat_scan *s);

/* --- nat_check_life.c --- */

/* False: there is no way to find out, or nothing to. */
bool nat_life_start(struct nat_check *c, struct nat_scan *s, adit_time now);
void nat_life_ended(struct nat_check *c, struct nat_scan *s, adit_time now, struct nat_probe *p);
/* False: the time-out is known, or will not be. */
bool nat_life_step(struct nat_check *c, struct nat_scan *s, adit_time now);

static inline struct nat_view *nat_view_of(struct nat_check *c, const struct nat_scan *s)
{
	return s->family == ADIT_FAMILY_V4 ? &c->report.v4 : &c->report.v6;
}

#endif
