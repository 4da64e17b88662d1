/*
 * How many new flows all lanes of a program together may open: each costs the user's router an entry of its table, and
 * small routers have few.
 */
#ifndef ADIT_PUNCH_BUDGET_H
#define ADIT_PUNCH_BUDGET_H

#include <stdbool.h>

#include "base/time.h"
#include "core/punch/punch_limits.h"

struct punch_budget {
	adit_time full_at; /* when it would be full again: what is missing, as time */
};

void punch_budget_init(struct punch_budget *b);

/* Takes |n| flows if at least |reserve| remain; otherwise none and false. */
bool punch_budget_take(struct punch_budget *b, adit_time now, unsigned n, unsigned reserve);

#endif
