/* Which valid pair the controlling side nominates, and when it stops waiting for a better one (RFC 8445 8.1.1). */
#include "core/ice/ice_int.h"

struct ice_pair *ice_pairs_best_valid(struct ice_agent *a)
{
	struct ice_pair *best = NULL;

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (p->is_used && p->is_valid && (!best || p->valid_priority > best->valid_priority))
			best = p;
	}
	return best;
}

/* Is one of a higher priority still on its way? */
static bool better_may_come(const struct ice_agent *a, const struct ice_pair *best)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		const struct ice_pair *p = &a->pairs[i];

		if (p->is_used && p->priority > best->priority && p->state != ICE_PAIR_FAILED &&
		    p->state != ICE_PAIR_SUCCEEDED)
			return true;
	}
	return false;
}

static bool is_asked(const struct ice_agent *a)
{
	return a->state == ICE_CONNECTED && a->role == ICE_CONTROLLING && a->nominating == ICE_PAIRS_MAX;
}

/*
 * RFC 8445 8.1.1: one valid pair is checked once more, with USE-CANDIDATE. At once when nothing better can come. If
 * that check fails the pair does, and the next one has its turn.
 */
void ice_nominate_tick(struct ice_agent *a)
{
	struct ice_pair *best;

	if (!is_asked(a))
		return;
	best = ice_pairs_best_valid(a);
	if (!best)
		return;
	if (a->now < adit_time_add(a->valid_at, a->cfg.nominate_wait) && better_may_come(a, best))
		return;
	a->nominating = (size_t)(best - a->pairs);
	ice_pair_trigger(a, best);
	adit_trace(a->cfg.log, ADIT_LOG_DECIDE, "ice_nominating pair=%u", (unsigned)a->nominating);
}

adit_time ice_nominate_deadline(const struct ice_agent *a)
{
	return is_asked(a) ? adit_time_add(a->valid_at, a->cfg.nominate_wait) : ADIT_NEVER;
}
