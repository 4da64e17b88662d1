#include "core/punch/punch_budget.h"

#define PER_FLOW (ADIT_SEC(60) / PUNCH_FLOWS_PER_MIN)

void punch_budget_init(struct punch_budget *b)
{
	b->full_at = 0;
}

/* It holds half a minute's worth, so that no minute sees more than one and a half of them: bursts come once a minute.
 */
bool punch_budget_take(struct punch_budget *b, adit_time now, unsigned n, unsigned reserve)
{
	adit_time from = b->full_at > now ? b->full_at : now;
	adit_time full_at = from + n * PER_FLOW;

	if (full_at + reserve * PER_FLOW > now + ADIT_SEC(30))
		return false;
	b->full_at = full_at;
	return true;
}
