#include "link/link_choose.h"

#include "link/link_limits.h"

enum link_class link_class_of(enum link_how how)
{
	switch (how) {
	case LINK_HOW_LAN:
		return LINK_CLASS_LAN;
	case LINK_HOW_RELAYED:
		return LINK_CLASS_RELAYED;
	default:
		return LINK_CLASS_DIRECT;
	}
}

adit_dur link_choose_patience(adit_dur rtt)
{
	return rtt > LINK_PATIENCE ? rtt : LINK_PATIENCE;
}

/* After the question: an answer that is not there by now is late even for a wire that has just become slower. */
static adit_dur judged_after(adit_dur rtt)
{
	adit_dur d = rtt + rtt / 4 + LINK_JUDGE_MORE;

	return d > LINK_JUDGE_MIN ? d : LINK_JUDGE_MIN;
}

/* With a tenth of all packets lost a path counts as half as long again: a sender is throttled by loss as by distance.
 */
static adit_dur cost(const struct link_view *v)
{
	return v->rtt + v->rtt * (adit_dur)v->loss * LINK_LOSS_WEIGHT / 1000;
}

bool link_choose_is_clearly_cheaper(const struct link_view *a, const struct link_view *b)
{
	if (a->rtt == 0 || b->rtt == 0)
		return false;
	return cost(a) + LINK_CLEAR_LEAST <= cost(b) && cost(a) * 100 <= cost(b) * (100 - LINK_CLEAR_PERCENT);
}

/* Of two that are both fit to be used. One that was not measured yet is no better than one that was. */
static bool is_better(const struct link_view *a, const struct link_view *b)
{
	if (a->class != b->class)
		return a->class < b->class;
	if (a->rtt == 0 || b->rtt == 0)
		return a->rtt != 0;
	return cost(a) < cost(b);
}

static bool is_sure(const struct link_view *v, adit_time since)
{
	return v->is_there && !v->is_lost && v->answered_sent_at != ADIT_NEVER && v->answered_sent_at >= since;
}

static int best_sure(const struct link_view *views, size_t n, size_t used, adit_time since)
{
	int best = -1;

	for (size_t i = 0; i < n; i++)
		if (i != used && is_sure(&views[i], since) && (best < 0 || is_better(&views[i], &views[best])))
			best = (int)i;
	return best;
}

static int away(const struct link_view *views, size_t n, const struct link_used *used, adit_time now,
		adit_time *ret_again)
{
	int best = best_sure(views, n, used->index, used->doubt_at);
	adit_time at = adit_time_add(used->doubt_at, judged_after(used->rtt));

	if (best < 0)
		return -1;
	if (now >= at || views[used->index].is_lost)
		return best;
	*ret_again = at;
	return -1;
}

adit_dur link_choose_hold(unsigned falls)
{
	adit_dur d = LINK_HOLD;

	if (falls == 0)
		return 0;
	while (--falls > 0 && d < LINK_HOLD_MAX)
		d *= 2;
	return d < LINK_HOLD_MAX ? d : LINK_HOLD_MAX;
}

/* When it may be gone to for its own merits; NEVER: no reason to. */
static adit_time worth_from(const struct link_view *v, const struct link_view *used)
{
	if (v->is_lost || v->answered_sent_at == ADIT_NEVER || v->steady_since == ADIT_NEVER)
		return ADIT_NEVER;
	if (v->class > used->class || (v->class == used->class && v->better < LINK_CLEAR_TIMES))
		return ADIT_NEVER;
	return adit_time_add(v->steady_since, link_choose_hold(v->falls));
}

static int upward(const struct link_view *views, size_t n, const struct link_used *used, adit_time now,
		  adit_time *ret_again)
{
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		adit_time from;

		if (i == used->index || !views[i].is_there)
			continue;
		from = worth_from(&views[i], &views[used->index]);
		if (from > now)
			*ret_again = adit_time_min(*ret_again, from);
		else if (best < 0 || is_better(&views[i], &views[best]))
			best = (int)i;
	}
	return best;
}

int link_choose(const struct link_view *views, size_t n, const struct link_used *used, adit_time now,
		adit_time *ret_again)
{
	*ret_again = ADIT_NEVER;
	if (used->doubt_at != ADIT_NEVER)
		return away(views, n, used, now, ret_again);
	if (views[used->index].is_lost || used->moves_left == 0)
		return -1;
	return upward(views, n, used, now, ret_again);
}

/* For keeping: what is lost goes first, then what would fall with the path in use, then what is worse. */
static bool goes_before(const struct link_view *a, const struct link_view *b)
{
	if (a->is_lost != b->is_lost)
		return a->is_lost;
	if (a->shares_sock != b->shares_sock)
		return a->shares_sock;
	return is_better(b, a);
}

int link_choose_surplus(const struct link_view *views, const bool *spare, size_t n, size_t used)
{
	for (int relayed = 0; relayed < 2; relayed++) {
		size_t n_kept = 0;
		int worst = -1;

		for (size_t i = 0; i < n; i++) {
			if (!views[i].is_there || i == used || (views[i].class == LINK_CLASS_RELAYED) != relayed)
				continue;
			n_kept++;
			if (spare[i] && (worst < 0 || goes_before(&views[i], &views[worst])))
				worst = (int)i;
		}
		if (worst >= 0 && n_kept > (relayed ? LINK_STANDBYS_RELAYED : LINK_STANDBYS))
			return worst;
	}
	return -1;
}
