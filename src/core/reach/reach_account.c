/* What was tried, kept over the rounds of an attempt, and as text. */
#include <stdio.h>

#include "core/reach/reach_int.h"

static bool salvo_account(const struct reach *r, size_t i, struct reach_account *ret)
{
	const struct reach_salvo_spec *spec = &r->plan.salvo[i];
	struct reach_salvo_count count = reach_salvo_counts(&r->salvo, (unsigned)i);

	if (!r->has_agent || !r->has_plan || i >= r->plan.n_salvos || i >= r->salvo.n)
		return false;
	*ret = (struct reach_account){
		.round = r->round,
		.way = spec->way,
		.socks = count.socks > 0 ? count.socks : 1,
		.ports = spec->target == REACH_TO_ONE ? 1 : spec->shots,
		.to = spec->to,
		.sent = count.sent,
		.heard = count.heard,
		.refused = count.refused,
		.ttl = spec->low_passes > 0 ? reach_low_ttl(r, spec->to.family) : 0,
	};
	return true;
}

static bool window_account(const struct reach *r, struct reach_account *ret)
{
	const struct reach_window *w = &r->window;

	if (!w->is_open || !r->has_agent || r->state < REACH_PUNCHING)
		return false;
	*ret = (struct reach_account){
		.round = r->round,
		.way = NAT_WAY_PREDICT,
		.socks = REACH_WINDOW_SOCKS,
		.ports = 1,
		.to = w->to,
		.sent = w->fired,
		.heard = w->heard,
		.ttl = reach_low_ttl(r, w->to.family),
	};
	return true;
}

static bool pair_account(const struct reach *r, size_t *pos, struct reach_account *ret)
{
	struct ice_account pair;

	while (r->has_agent && ice_agent_account(&r->agent, pos, &pair)) {
		if (pair.sent == 0 && pair.heard == 0)
			continue;
		*ret = (struct reach_account){.round = r->round, .way = r->plan.way, .is_pair = true, .pair = pair};
		return true;
	}
	return false;
}

/* |*pos|: those that are over, then the present salvos, its window, the agent's pairs. */
bool reach_account(const struct reach *r, size_t *pos, struct reach_account *ret_account)
{
	const size_t window = r->n_past + REACH_SALVOS_MAX;
	size_t pair;

	if (*pos < r->n_past) {
		*ret_account = r->past[(*pos)++];
		return true;
	}
	if (!r->has_agent)
		return false;
	while (*pos < window)
		if (salvo_account(r, (*pos)++ - r->n_past, ret_account))
			return true;
	if (*pos == window) {
		(*pos)++;
		if (window_account(r, ret_account))
			return true;
	}
	pair = *pos - window - 1;
	if (!pair_account(r, &pair, ret_account))
		return false;
	*pos = pair + window + 1;
	return true;
}

enum rank {
	RANK_FIRST, /* the chosen pair; and the salvos, which are few */
	RANK_ANSWERED,
	RANK_HEARD,
	RANK_SILENT,
};

static enum rank rank_of(const struct reach_account *a)
{
	if (!a->is_pair || a->pair.is_selected || a->pair.why == ICE_WHY_NOMINATED)
		return RANK_FIRST;
	if (a->pair.answered > 0)
		return RANK_ANSWERED;
	return a->pair.heard > 0 ? RANK_HEARD : RANK_SILENT;
}

/* The round is over: what it tried is kept, what tells most before the rest. */
void reach_account_keep(struct reach *r)
{
	const size_t max = r->n_past + REACH_PAST_ROUND;
	size_t n = r->n_past;

	/* |n_past| stays as it is meanwhile: |pos| counts from it. */
	for (enum rank rank = RANK_FIRST; rank <= RANK_SILENT; rank++) {
		struct reach_account a;
		size_t pos = r->n_past;

		while (n < REACH_PAST_MAX && n < max && reach_account(r, &pos, &a))
			if (rank_of(&a) == rank)
				r->past[n++] = a;
	}
	r->n_past = n;
}

const char *reach_account_format(const struct reach_account *a, char buf[REACH_ACCOUNT_STRLEN])
{
	char pair[ICE_ACCOUNT_STRLEN];
	char to[ADIT_ADDR_STRLEN];
	char ttl[16] = "";
	char refused[48] = "";

	if (a->is_pair) {
		snprintf(buf, REACH_ACCOUNT_STRLEN, "round %u: %s", a->round, ice_account_format(&a->pair, pair));
		return buf;
	}
	if (a->ttl > 0)
		snprintf(ttl, sizeof(ttl), ", TTL %u", (unsigned)a->ttl);
	if (a->refused > 0)
		snprintf(refused, sizeof(refused), ", %u held back to spare the router", a->refused);
	snprintf(buf, REACH_ACCOUNT_STRLEN, "round %u: %s: %u socket%s to %u port%s of %s%s: %u sent%s, %u heard",
		 a->round, nat_way_name(a->way), a->socks, a->socks == 1 ? "" : "s", a->ports, a->ports == 1 ? "" : "s",
		 adit_addr_format(&a->to, to), ttl, a->sent, refused, a->heard);
	return buf;
}
