#include "core/ice/ice_agent.h"

#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_int.h"

static const char *const state_names[] = {
	[ICE_IDLE] = "idle",           [ICE_CHECKING] = "checking", [ICE_CONNECTED] = "connected",
	[ICE_COMPLETED] = "completed", [ICE_FAILED] = "failed",     [ICE_LOST] = "lost",
};

void ice_set_state(struct ice_agent *a, enum ice_state state)
{
	if (a->state == state)
		return;
	adit_trace(a->cfg.log, ADIT_LOG_INFO, "ice_state from=%s to=%s", state_names[a->state], state_names[state]);
	a->state = state;
}

bool ice_is_over(const struct ice_agent *a)
{
	return a->state == ICE_FAILED || a->state == ICE_LOST;
}

/* RFC 8445 14.2: the slower of both; who says nothing means 50 ms (RFC 8839 5.5). */
static adit_dur pace(const struct ice_agent *a)
{
	adit_dur peer = a->desc.pacing_ms > 0 ? ADIT_MS(a->desc.pacing_ms) : ICE_TA;

	if (!a->has_remote || peer < a->cfg.ta)
		return a->cfg.ta;
	return peer < ICE_TA_MAX ? peer : ICE_TA_MAX;
}

void ice_agent_init(struct ice_agent *a, const struct ice_config *cfg, adit_time now)
{
	memset(a, 0, sizeof(*a));
	a->cfg = *cfg;
	if (a->cfg.ta == 0)
		a->cfg.ta = ICE_TA;
	if (a->cfg.ta < ICE_TA_MIN)
		a->cfg.ta = ICE_TA_MIN;
	if (a->cfg.rto_min == 0)
		a->cfg.rto_min = ICE_RTO_MIN;
	if (a->cfg.nominate_wait == 0)
		a->cfg.nominate_wait = ICE_NOMINATE_WAIT;
	if (a->cfg.private_max == 0)
		a->cfg.private_max = ICE_PRIVATE_MAX;
	a->role = cfg->role;
	a->tiebreaker = adit_rng_u64(&cfg->rng);
	a->now = now;
	a->ta = a->cfg.ta;
	a->patience_at = ADIT_NEVER;
	a->gather_until = ADIT_NEVER;
	ice_pairs_clear(a);
	ice_cred_make(&a->cred, &cfg->rng);
}

void ice_agent_done(struct ice_agent *a)
{
	if (a)
		adit_bytes_wipe(a, sizeof(*a));
}

const struct ice_cred *ice_agent_cred(const struct ice_agent *a)
{
	return &a->cred;
}

enum ice_state ice_agent_state(const struct ice_agent *a)
{
	return a->state;
}

enum ice_role ice_agent_role(const struct ice_agent *a)
{
	return a->role;
}

void ice_agent_stats(const struct ice_agent *a, struct ice_stats *ret_stats)
{
	*ret_stats = a->stats;
}

int ice_agent_set_remote(struct ice_agent *a, adit_time now, const struct ice_remote_desc *desc)
{
	if (now > a->now)
		a->now = now;
	if (!ice_cred_is_valid(&desc->cred))
		return ADIT_EINVAL;
	if (a->has_remote)
		return strcmp(a->desc.cred.ufrag, desc->cred.ufrag) == 0 &&
				       strcmp(a->desc.cred.pwd, desc->cred.pwd) == 0
			       ? 0
			       : ADIT_EINVAL;
	a->desc = *desc;
	a->has_remote = true;
	a->ta = pace(a);
	if (desc->is_lite) /* RFC 8445 6.1.1: it never controls a full one */
		a->role = ICE_CONTROLLING;
	a->patience_at = adit_time_add(a->now, ICE_PATIENCE);
	ice_set_state(a, ICE_CHECKING);
	ice_pairs_make(a);
	ice_check_early(a);
	ice_agent_tick(a, a->now);
	return 0;
}

void ice_agent_set_rto(struct ice_agent *a, adit_dur rto_min)
{
	a->cfg.rto_min = rto_min;
}

void ice_agent_restart(struct ice_agent *a, adit_time now)
{
	if (now > a->now)
		a->now = now;
	a->old_cred = a->cred;
	ice_cred_make(&a->cred, &a->cfg.rng);
	ice_remote_clear(a);
	ice_pairs_clear(a);
	a->n_early = 0;
	a->patience_at = ADIT_NEVER;
	a->ta = a->cfg.ta;
	a->tell_selected = a->tell_failed = false;
	ice_set_state(a, ICE_IDLE);
	ice_local_tell_again(a);
}

void ice_agent_sent(struct ice_agent *a, adit_time now)
{
	if (now > a->now)
		a->now = now;
	a->path.keepalive_at = adit_time_add(a->now, ICE_KEEPALIVE);
}

/* ---- time ---- */

static bool has_checks(const struct ice_agent *a)
{
	return a->has_remote && !ice_is_over(a) && ice_pairs_has_work(a);
}

/* One new transaction each Ta; gathering and checks in turns (RFC 8445 14.2). */
static void start_new(struct ice_agent *a)
{
	bool gather;
	bool check;

	if (a->now < a->ta_at)
		return;
	gather = ice_gather_has_pending(a);
	check = has_checks(a);
	if (!gather && !check)
		return;
	a->gather_last = gather && !(check && a->gather_last);
	if (a->gather_last)
		(void)ice_gather_start_one(a);
	else
		(void)ice_pairs_start_one(a);
	a->ta_at = adit_time_add(a->now, a->ta);
}

static void fail(struct ice_agent *a)
{
	a->tell_failed = true;
	ice_set_state(a, ICE_FAILED);
}

static bool may_still_come(const struct ice_agent *a)
{
	return ice_pairs_is_active(a) || (a->is_gathering && !a->is_gathered);
}

/* When nothing more can come from ourselves: RFC 8863 keeps us patient, and then the peer has some time of grace. */
static void give_up(struct ice_agent *a)
{
	if (a->state == ICE_CONNECTED && !ice_pairs_best_valid(a)) {
		a->valid_at = ADIT_NEVER;
		ice_set_state(a, ICE_CHECKING);
	}
	if (a->state == ICE_CONNECTED && a->role == ICE_CONTROLLED &&
	    a->now >= adit_time_add(a->valid_at, ICE_UNNOMINATED_MAX))
		fail(a);
	if (a->state != ICE_CHECKING)
		return;
	if (may_still_come(a)) {
		a->grace_at = ADIT_NEVER;
		return;
	}
	if (a->now < a->patience_at)
		return;
	if (a->grace_at == ADIT_NEVER)
		a->grace_at = adit_time_add(a->now, ICE_GRACE);
	if (a->now >= a->grace_at)
		fail(a);
}

static adit_time give_up_deadline(const struct ice_agent *a)
{
	if (a->state == ICE_CONNECTED && a->role == ICE_CONTROLLED)
		return adit_time_add(a->valid_at, ICE_UNNOMINATED_MAX);
	if (a->state != ICE_CHECKING || may_still_come(a))
		return ADIT_NEVER;
	if (a->grace_at != ADIT_NEVER)
		return a->grace_at;
	return a->now < a->patience_at ? a->patience_at : ADIT_NEVER;
}

void ice_agent_tick(struct ice_agent *a, adit_time now)
{
	if (now > a->now)
		a->now = now;
	ice_gather_tick(a);
	if (a->has_remote && !ice_is_over(a)) {
		ice_pairs_tick(a);
		ice_nominate_tick(a);
		give_up(a);
	}
	start_new(a);
	ice_path_tick(a);
}

adit_time ice_agent_deadline(const struct ice_agent *a)
{
	adit_time at = adit_time_min(ice_gather_deadline(a), ice_path_deadline(a));

	if (a->answers_n > 0)
		return a->now;
	if (ice_gather_has_pending(a) || has_checks(a))
		at = adit_time_min(at, a->ta_at);
	if (!a->has_remote || ice_is_over(a))
		return at;
	at = adit_time_min(at, adit_time_min(ice_pairs_deadline(a), ice_nominate_deadline(a)));
	return adit_time_min(at, give_up_deadline(a));
}

/* ---- what comes out ---- */

static bool output_answer(struct ice_agent *a, struct adit_out *ret_out)
{
	const struct ice_answer *ans = &a->answers[a->answers_first];

	if (a->answers_n == 0)
		return false;
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = ans->sock,
		.local = ans->local,
		.remote = ans->remote,
		.data = ans->data,
		.len = ans->len,
	};
	a->answers_first = (a->answers_first + 1) % ICE_ANSWERS_MAX;
	a->answers_n--;
	a->stats.answers_sent++;
	return true;
}

int ice_agent_output(struct ice_agent *a, adit_time now, struct adit_out *ret_out)
{
	if (now > a->now)
		a->now = now;
	if (output_answer(a, ret_out) || ice_gather_output(a, ret_out))
		return 1;
	if (a->has_remote && !ice_is_over(a) && ice_pairs_output(a, ret_out))
		return 1;
	return ice_path_output(a, ret_out);
}

static bool event_candidate(struct ice_agent *a, struct ice_event *ev)
{
	for (size_t i = 0; i < a->n_locals; i++) {
		if (a->locals[i].is_told)
			continue;
		a->locals[i].is_told = true;
		ev->kind = ICE_EVENT_CANDIDATE;
		ev->cand = a->locals[i].cand;
		return true;
	}
	return false;
}

static void event_pair(const struct ice_agent *a, struct ice_event *ev)
{
	const struct ice_pair *p = &a->pairs[a->valid_pair];
	const struct ice_base *b = &a->bases[p->base];

	ev->sock = b->sock;
	ev->local = b->addr;
	ev->is_relayed = b->is_relayed;
	ev->mapped = p->mapped;
	ev->remote = a->remotes[p->remote].cand.addr;
	ev->rtt = p->rtt;
}

static bool take(bool *flag)
{
	bool was = *flag;

	*flag = false;
	return was;
}

int ice_agent_event(struct ice_agent *a, struct ice_event *ret_event)
{
	struct ice_event ev = {0};

	if (event_candidate(a, &ev)) {
		*ret_event = ev;
		return 1;
	}
	if (take(&a->tell_gathered)) {
		ev.kind = ICE_EVENT_GATHERED;
	} else if (take(&a->tell_valid)) {
		ev.kind = ICE_EVENT_VALID;
		event_pair(a, &ev);
	} else if (take(&a->tell_selected)) {
		ev.kind = ICE_EVENT_SELECTED;
		event_pair(a, &ev);
	} else if (take(&a->tell_failed)) {
		ev.kind = ICE_EVENT_FAILED;
	} else if (take(&a->tell_lost)) {
		ev.kind = ICE_EVENT_LOST;
	} else {
		return 0;
	}
	*ret_event = ev;
	return 1;
}

bool ice_agent_account(const struct ice_agent *a, size_t *pos, struct ice_account *ret_account)
{
	const struct ice_candidate *remote;
	const struct ice_pair *p;

	while (*pos < ICE_PAIRS_MAX && !a->pairs[*pos].is_used)
		(*pos)++;
	if (*pos >= ICE_PAIRS_MAX)
		return false;
	p = &a->pairs[*pos];
	remote = &a->remotes[p->remote].cand;
	*ret_account = (struct ice_account){
		.state = p->state,
		.why = p->why,
		.is_selected = a->state == ICE_COMPLETED && a->valid_pair == *pos,
		.is_valid = p->is_valid,
		.sock = a->bases[p->base].sock,
		.local_type = a->locals[p->seen_as < ICE_LOCALS_MAX ? p->seen_as : a->bases[p->base].local].cand.type,
		.remote_type = remote->type,
		.is_remote_relayed = remote->type == ICE_RELAY ||
				     (remote->type == ICE_PRFLX && ice_candidate_is_through_relay(remote->priority)),
		.local = a->bases[p->base].addr,
		.remote = remote->addr,
		.mapped = p->mapped,
		.priority = p->is_valid ? p->valid_priority : p->priority,
		.sent = p->sent,
		.heard = p->heard,
		.answered = p->answered,
		.icmp = p->icmp,
		.error = p->error,
		.first_at = p->first_at,
		.rtt = p->rtt,
	};
	(*pos)++;
	return true;
}
