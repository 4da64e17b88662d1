/* The check list: pairs made, ranked, checked in turn, ended (RFC 8445 6.1). Storage and words: ice_agent.h. */
#include "core/ice/ice_int.h"

#include <string.h>

static size_t pair_index(const struct ice_agent *a, const struct ice_pair *p)
{
	return (size_t)(p - a->pairs);
}

static const char *local_foundation(const struct ice_agent *a, const struct ice_pair *p)
{
	return a->locals[a->bases[p->base].local].cand.foundation;
}

/* RFC 8445 6.1.2.6: pairs are alike where both candidates are. */
static bool is_akin(const struct ice_agent *a, const struct ice_pair *p, const struct ice_pair *q)
{
	return strcmp(local_foundation(a, p), local_foundation(a, q)) == 0 &&
	       strcmp(a->remotes[p->remote].cand.foundation, a->remotes[q->remote].cand.foundation) == 0;
}

static bool has_akin(const struct ice_agent *a, const struct ice_pair *p, bool (*is)(const struct ice_pair *q))
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		const struct ice_pair *q = &a->pairs[i];

		if (q != p && q->is_used && is(q) && is_akin(a, p, q))
			return true;
	}
	return false;
}

static bool is_busy(const struct ice_pair *p)
{
	return p->state == ICE_PAIR_WAITING || p->state == ICE_PAIR_IN_PROGRESS;
}

static bool is_known_to_work(const struct ice_pair *p)
{
	return p->state == ICE_PAIR_SUCCEEDED;
}

static bool is_any(const struct ice_pair *p)
{
	(void)p;
	return true;
}

static uint64_t rank(const struct ice_agent *a, uint32_t local, uint32_t remote)
{
	return a->role == ICE_CONTROLLING ? ice_candidate_pair_priority(local, remote)
					  : ice_candidate_pair_priority(remote, local);
}

static void pair_rank(const struct ice_agent *a, struct ice_pair *p)
{
	const struct ice_base *b = &a->bases[p->base];
	uint32_t remote = a->remotes[p->remote].cand.priority;
	uint32_t seen = p->seen_as < ICE_LOCALS_MAX ? a->locals[p->seen_as].cand.priority : ice_base_prflx_priority(b);

	p->priority = rank(a, a->locals[b->local].cand.priority, remote);
	if (p->is_valid)
		p->valid_priority = rank(a, seen, remote);
}

void ice_pairs_rank(struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++)
		if (a->pairs[i].is_used)
			pair_rank(a, &a->pairs[i]);
}

void ice_pairs_clear(struct ice_agent *a)
{
	memset(a->pairs, 0, sizeof(a->pairs));
	a->nominating = ICE_PAIRS_MAX;
	a->valid_at = a->grace_at = ADIT_NEVER;
	a->tell_valid = false;
}

struct ice_pair *ice_pair_find(struct ice_agent *a, uint8_t base, uint8_t remote)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (p->is_used && p->base == base && p->remote == remote)
			return p;
	}
	return NULL;
}

/* A free one, or that of the lowest priority below |priority| among those nothing is known to go on with. */
static struct ice_pair *pair_room(struct ice_agent *a, uint64_t priority)
{
	struct ice_pair *low = NULL;

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (!p->is_used)
			return p;
		if (p->state == ICE_PAIR_IN_PROGRESS || p->state == ICE_PAIR_SUCCEEDED || p->queued > 0 ||
		    p->priority >= priority)
			continue;
		if (!low || p->priority < low->priority)
			low = p;
	}
	a->stats.pairs_dropped++;
	return low;
}

/*
 * A public relay reaches nobody's private address: what is there is another machine, or nothing. Worse, coturn 4.6.1
 * drops the whole allocation when the system refuses to send there (no route, a firewall's REJECT).
 */
static bool is_beyond(const struct ice_base *base, const struct adit_addr *remote)
{
	return base->is_relayed && ice_candidate_is_private(remote) && !ice_candidate_is_private(&base->addr);
}

struct ice_pair *ice_pair_make(struct ice_agent *a, uint8_t base, uint8_t remote)
{
	struct ice_pair fresh = {
		.is_used = true,
		.base = base,
		.remote = remote,
		.seen_as = ICE_LOCALS_MAX,
		.first_at = ADIT_NEVER,
		.txn.retry_at = ADIT_NEVER,
		.old.retry_at = ADIT_NEVER,
	};
	struct ice_pair *p;

	if (!ice_candidate_can_pair(&a->bases[base].addr, &a->remotes[remote].cand.addr) ||
	    is_beyond(&a->bases[base], &a->remotes[remote].cand.addr))
		return NULL;
	pair_rank(a, &fresh);
	p = pair_room(a, fresh.priority);
	if (!p)
		return NULL;
	*p = fresh;
	/* RFC 8838 12: the first of its kind waits, and so does one whose kind works; others are held back. */
	if (!has_akin(a, p, is_any) || has_akin(a, p, is_known_to_work))
		p->state = ICE_PAIR_WAITING;
	return p;
}

void ice_pairs_make(struct ice_agent *a)
{
	if (!a->has_remote || ice_is_over(a))
		return;
	for (size_t b = 0; b < ICE_BASES_MAX; b++) {
		if (!a->bases[b].is_used || !a->bases[b].is_ranked || a->bases[b].is_narrow)
			continue;
		for (size_t r = 0; r < ICE_REMOTES_MAX; r++)
			if (a->remotes[r].is_used && !ice_pair_find(a, (uint8_t)b, (uint8_t)r))
				(void)ice_pair_make(a, (uint8_t)b, (uint8_t)r);
	}
}

/* Its place at the end of the triggered queue; the answer to what is out already still counts. */
void ice_pair_trigger(struct ice_agent *a, struct ice_pair *p)
{
	if (p->txn.is_out) {
		p->old = p->txn;
		ice_txn_stop(&p->old);
		p->txn.is_out = false;
		ice_txn_stop(&p->txn);
	}
	if (p->state != ICE_PAIR_SUCCEEDED)
		p->state = ICE_PAIR_WAITING;
	if (p->queued == 0)
		p->queued = ++a->queue_next;
}

void ice_pair_fail(struct ice_agent *a, struct ice_pair *p, enum ice_why why)
{
	p->state = ICE_PAIR_FAILED;
	p->why = why;
	p->is_valid = p->is_wanted = false;
	p->queued = 0;
	p->txn.is_out = p->old.is_out = false;
	ice_txn_stop(&p->txn);
	if (a->nominating == pair_index(a, p))
		a->nominating = ICE_PAIRS_MAX;
	adit_trace(a->cfg.log, ADIT_LOG_DECIDE, "ice_pair_failed pair=%u why=%d", (unsigned)pair_index(a, p), (int)why);
}

void ice_pair_succeed(struct ice_agent *a, struct ice_pair *p, const struct adit_addr *mapped, adit_dur rtt)
{
	p->state = ICE_PAIR_SUCCEEDED;
	p->is_valid = true;
	p->mapped = *mapped;
	p->seen_as = (uint8_t)ice_local_seen(a, p->base, mapped);
	if (rtt > 0)
		p->rtt = rtt;
	if (p->why != ICE_WHY_NOMINATED)
		p->why = ICE_WHY_ANSWERED;
	pair_rank(a, p);
	/* RFC 8445 7.2.5.3.3 */
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *q = &a->pairs[i];

		if (q->is_used && q->state == ICE_PAIR_FROZEN && is_akin(a, p, q))
			q->state = ICE_PAIR_WAITING;
	}
	if (a->state == ICE_CHECKING) {
		a->valid_at = a->now;
		a->tell_valid = true;
		a->valid_pair = pair_index(a, p);
		ice_set_state(a, ICE_CONNECTED);
	}
}

/*
 * RFC 8445 8.1.2: nothing else is begun or repeated; late answers count. A controlling agent of RFC 5245 may still
 * nominate a better one: its checks trigger ours, whatever is stopped here.
 */
static void stop_others(struct ice_agent *a, const struct ice_pair *winner)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (!p->is_used || p == winner || p->state == ICE_PAIR_SUCCEEDED || p->state == ICE_PAIR_FAILED)
			continue;
		ice_txn_stop(&p->txn);
		p->queued = 0;
		p->why = ICE_WHY_NOT_NEEDED;
	}
}

/* The last nomination counts where the peer nominates once (RFC 8445), the best where it nominates all (RFC
 * 5245 8.1.1.2). */
void ice_pair_nominate(struct ice_agent *a, struct ice_pair *p)
{
	bool first = a->state != ICE_COMPLETED;

	p->is_nominated = true;
	p->is_wanted = false;
	p->why = ICE_WHY_NOMINATED;
	if (!first &&
	    (a->valid_pair == pair_index(a, p) || (!a->desc.has_ice2 && p->valid_priority <= a->path.priority)))
		return;
	a->valid_pair = pair_index(a, p);
	a->nominating = ICE_PAIRS_MAX;
	ice_path_use(a, p);
	stop_others(a, p);
	a->tell_selected = true;
	ice_set_state(a, ICE_COMPLETED);
}

/* ---- what is sent ---- */

bool ice_pairs_is_active(const struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		const struct ice_pair *p = &a->pairs[i];

		if (p->is_used && p->state != ICE_PAIR_FAILED)
			return true;
	}
	return false;
}

/* Once there is a selected pair only what the peer triggers goes on. */
bool ice_pairs_has_work(const struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		const struct ice_pair *p = &a->pairs[i];

		if (!p->is_used)
			continue;
		if (p->queued > 0)
			return true;
		if (a->state == ICE_COMPLETED)
			continue;
		if (p->state == ICE_PAIR_WAITING || (p->state == ICE_PAIR_FROZEN && !has_akin(a, p, is_busy)))
			return true;
	}
	return false;
}

static struct ice_pair *next_triggered(struct ice_agent *a)
{
	struct ice_pair *first = NULL;

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (p->is_used && p->queued > 0 && (!first || p->queued < first->queued))
			first = p;
	}
	return first;
}

static struct ice_pair *best_in(struct ice_agent *a, enum ice_pair_state state)
{
	struct ice_pair *best = NULL;

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (!p->is_used || p->state != state || (best && p->priority <= best->priority))
			continue;
		if (state != ICE_PAIR_FROZEN || !has_akin(a, p, is_busy))
			best = p;
	}
	return best;
}

/* RFC 8445 14.3, for one check list. */
static adit_dur check_rto(const struct ice_agent *a)
{
	adit_dur rto = 0;

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++)
		if (a->pairs[i].is_used && is_busy(&a->pairs[i]))
			rto += a->ta;
	return rto > a->cfg.rto_min ? rto : a->cfg.rto_min;
}

/* RFC 8445 6.1.4.2: triggered ones first, then by priority; frozen ones only where nothing else waits. */
bool ice_pairs_start_one(struct ice_agent *a)
{
	struct ice_pair *p = next_triggered(a);

	if (!p && a->state != ICE_COMPLETED) {
		p = best_in(a, ICE_PAIR_WAITING);
		if (!p)
			p = best_in(a, ICE_PAIR_FROZEN);
	}
	if (!p)
		return false;
	p->queued = 0;
	if (p->state != ICE_PAIR_SUCCEEDED)
		p->state = ICE_PAIR_IN_PROGRESS;
	ice_txn_start(a, &p->txn, check_rto(a));
	p->txn.use_candidate = a->role == ICE_CONTROLLING && a->nominating == pair_index(a, p);
	if (p->first_at == ADIT_NEVER)
		p->first_at = a->now;
	return true;
}

static enum ice_why why_silent(const struct ice_pair *p)
{
	if (p->heard > 0)
		return ICE_WHY_ONE_WAY;
	return p->icmp > 0 ? ICE_WHY_UNREACHABLE : ICE_WHY_SILENT;
}

void ice_pairs_tick(struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];

		if (p->is_used && ice_txn_tick(&p->txn, a->now) < 0)
			ice_pair_fail(a, p, why_silent(p));
	}
}

adit_time ice_pairs_deadline(const struct ice_agent *a)
{
	adit_time at = ADIT_NEVER;

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		const struct ice_pair *p = &a->pairs[i];

		if (p->is_used)
			at = adit_time_min(at, p->txn.want_send ? a->now : p->txn.retry_at);
	}
	return at;
}

bool ice_pairs_output(struct ice_agent *a, struct adit_out *ret_out)
{
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		struct ice_pair *p = &a->pairs[i];
		const struct ice_base *b = &a->bases[p->base];
		struct ice_msg_check c;

		if (!p->is_used || !p->txn.want_send)
			continue;
		c = (struct ice_msg_check){
			.local = &a->cred,
			.remote = &a->desc.cred,
			.role = p->txn.role,
			.tiebreaker = p->txn.tiebreaker,
			.priority = ice_base_prflx_priority(b),
			.use_candidate = p->txn.use_candidate,
		};
		ice_txn_sent(&p->txn, a->now);
		p->sent++;
		a->stats.checks_sent++;
		*ret_out = (struct adit_out){
			.kind = ADIT_OUT_SEND,
			.sock = b->sock,
			.local = b->addr,
			.remote = a->remotes[p->remote].cand.addr,
			.data = a->out,
			.len = ice_msg_check(&c, a->cfg.crypto, p->txn.txid, a->out),
		};
		return true;
	}
	return false;
}
