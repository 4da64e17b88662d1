#include "core/nat/nat_budget.h"

#include <string.h>

/*
 * Exact, and never too generous: |buckets| - 1 whole ones span the time of the promise, and the one under way comes on
 * top, so whatever lies within any such time lies within the buckets.
 */
struct rule {
	adit_dur unit; /* of a bucket */
	unsigned buckets;
	unsigned limit;
};

static const struct rule flow_rule = {ADIT_SEC(1), 61, NAT_FLOWS_PER_MIN};
static const struct rule probe_rule = {ADIT_MS(10), 101, NAT_PROBES_PER_S};

void nat_budget_init(struct nat_budget *b)
{
	memset(b, 0, sizeof(*b));
}

/* Buckets whose time has come since the last call are empty. A time that goes back is the last one. */
static void advance(struct nat_roll *r, const struct rule *rule, adit_time now)
{
	uint64_t number = now / rule->unit;

	if (number > r->newest + rule->buckets)
		r->newest = number - rule->buckets;
	while (r->newest < number) {
		uint16_t *oldest = &r->bucket[++r->newest % rule->buckets];

		r->taken -= *oldest;
		*oldest = 0;
	}
}

static void take(struct nat_roll *r, const struct rule *rule, unsigned n)
{
	r->bucket[r->newest % rule->buckets] += (uint16_t)n;
	r->taken += n;
}

unsigned nat_budget_left(struct nat_budget *b, adit_time now)
{
	advance(&b->flows, &flow_rule, now);
	return b->flows.taken < flow_rule.limit ? flow_rule.limit - b->flows.taken : 0;
}

void nat_budget_note(struct nat_budget *b, adit_time now, unsigned n)
{
	advance(&b->flows, &flow_rule, now);
	take(&b->flows, &flow_rule, n);
}

bool nat_budget_take(struct nat_budget *b, adit_time now, unsigned n, unsigned reserve)
{
	unsigned left = nat_budget_left(b, now);

	if (n > left || reserve > left - n)
		return false;
	take(&b->flows, &flow_rule, n);
	return true;
}

adit_time nat_budget_probe_at(const struct nat_budget *b, adit_time now)
{
	const struct nat_roll *r = &b->probes;

	if (r->taken < probe_rule.limit)
		return now;
	/* The oldest bucket with something in it leaves so many buckets after its own time. */
	for (uint64_t back = probe_rule.buckets - 1;; back--) {
		uint64_t number = r->newest > back ? r->newest - back : 0;

		if (r->bucket[number % probe_rule.buckets] > 0 || back == 0) {
			adit_time at = (number + probe_rule.buckets) * probe_rule.unit;

			return at > now ? at : now;
		}
	}
}

bool nat_budget_probe(struct nat_budget *b, adit_time now)
{
	advance(&b->probes, &probe_rule, now);
	if (b->probes.taken >= probe_rule.limit)
		return false;
	take(&b->probes, &probe_rule, 1);
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
