#include "core/nat/nat_budget.h"

#include <string.h>

void nat_budget_init(struct nat_budget *b)
{
	memset(b, 0, sizeof(*b));
}

/* Buckets of seconds that have passed since the last call are empty. A time that goes back is the last one. */
static void advance(struct nat_budget *b, adit_time now)
{
	uint64_t second = now / ADIT_SEC(1);

	if (second > b->second + NAT_BUDGET_BUCKETS)
		b->second = second - NAT_BUDGET_BUCKETS;
	while (b->second < second) {
		uint16_t *oldest = &b->flows[++b->second % NAT_BUDGET_BUCKETS];

		b->taken -= *oldest;
		*oldest = 0;
	}
}

unsigned nat_budget_left(struct nat_budget *b, adit_time now)
{
	advance(b, now);
	return NAT_FLOWS_PER_MIN - b->taken;
}

bool nat_budget_take(struct nat_budget *b, adit_time now, unsigned n, unsigned reserve)
{
	unsigned left = nat_budget_left(b, now);

	if (n > left || reserve > left - n)
		return false;
	b->flows[b->second % NAT_BUDGET_BUCKETS] += (uint16_t)n;
	b->taken += n;
	return true;
}

adit_time nat_budget_probe_at(const struct nat_budget *b, adit_time now)
{
	adit_dur credit = (NAT_PROBES_BURST - 1) * NAT_PROBE_PACE;

	return b->paced_at > adit_time_add(now, credit) ? b->paced_at - credit : now;
}

bool nat_budget_probe(struct nat_budget *b, adit_time now)
{
	if (nat_budget_probe_at(b, now) > now)
		return false;
	b->paced_at = adit_time_add(b->paced_at > now ? b->paced_at : now, NAT_PROBE_PACE);
	return true;
}

bool nat_budget_search(struct nat_budget *b, const void *who)
{
	if (!b->searcher)
		b->searcher = who;
	return b->searcher == who;
}

void nat_budget_search_end(struct nat_budget *b, const void *who)
{
	if (b->searcher == who)
		b->searcher = NULL;
}
