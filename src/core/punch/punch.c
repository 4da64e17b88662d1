#include "core/punch/punch.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "core/punch/punch_int.h"

#define LADDER_STEP ADIT_SEC(8) /* a try of a low TTL: the volleys and near slots of the first seconds */

static const char *state_name(enum punch_state state)
{
	static const char *const names[] = {"idle", "seeking", "resting"};

	return names[state];
}

static void set_state(struct punch *p, enum punch_state state)
{
	if (p->state != state)
		adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "punch_state from=%s to=%s", state_name(p->state),
			   state_name(state));
	p->state = state;
}

static void set_now(struct punch *p, adit_time now)
{
	assert(now >= p->now); /* the shell samples the clock once per wakeup */
	p->now = now;
}

void punch_init(struct punch *p, const struct punch_config *cfg, adit_time now)
{
	assert(cfg->replay);
	memset(p, 0, sizeof(*p));
	punch_use_few(p);
	p->cfg = *cfg;
	punch_keys_init(&p->keys, cfg->crypto, cfg->k);
	p->decoy = p->keys;
	adit_rng_fill(&cfg->rng, p->decoy.pwd, sizeof(p->decoy.pwd));
	nat_budget_init(&p->own_budget);
	if (!p->cfg.budget)
		p->cfg.budget = &p->own_budget;
	p->now = now;
	p->stuck_at = ADIT_NEVER;
	p->ladder_at = ADIT_NEVER;
	for (int i = 0; i < 2; i++) {
		nat_ttl_init(&p->ttl[i]);
		p->steady_at[i] = ADIT_NEVER;
	}
	punch_holes_clear(p);
}

static adit_utc clamp_utc(adit_utc utc)
{
	return utc < PUNCH_UTC_MAX ? utc : PUNCH_UTC_MAX;
}

adit_utc punch_utc(const struct punch *p, adit_time now)
{
	return clamp_utc(p->utc + (now - p->utc_at));
}

/*
 * UTC as slots are counted in: the serve side's. The difference is the peer's word, and the peer may be anybody with a
 * ticket: whatever it says, the arithmetic of slots must not run over.
 */
static adit_utc plan_utc(const struct punch *p, adit_time now)
{
	adit_utc utc = punch_utc(p, now);
	adit_dur diff;

	if (p->cfg.role == PUNCH_SERVE)
		return utc;
	if (p->clock_diff >= 0)
		return clamp_utc(utc + (adit_dur)p->clock_diff);
	diff = (adit_dur)0 - (adit_dur)p->clock_diff;
	return utc > diff ? utc - diff : 0;
}

/* From the slot before the present one: its pairs are open at the peer, so a late joiner opens them at once. */
static void cursors_reset(struct punch *p)
{
	for (int f = 0; f < PUNCH_FAMILIES; f++) {
		uint64_t slot = punch_plan_slot(&p->keys, (enum punch_family)f, plan_utc(p, p->now));

		p->cursors[f] = (struct punch_cursor){.slot = slot > 0 ? slot - 1 : 0};
	}
}

void punch_set_utc(struct punch *p, adit_time now, adit_utc utc)
{
	adit_utc expected;
	bool stepped;

	set_now(p, now);
	expected = punch_utc(p, now);
	stepped = (utc > expected ? utc - expected : expected - utc) > PUNCH_STALE;
	p->utc = clamp_utc(utc);
	p->utc_at = now;
	if (stepped)
		cursors_reset(p);
}

void punch_set_clock_diff(struct punch *p, adit_time now, int64_t diff)
{
	set_now(p, now);
	p->clock_diff = diff;
	cursors_reset(p);
}

static bool peer_is_usable(const struct adit_addr *a)
{
	return a->family != ADIT_FAMILY_NONE && !adit_addr_is_any(a) && !adit_addr_is_multicast(a);
}

static bool has_peer(const struct adit_addr *peers, size_t n, const struct adit_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (adit_addr_eq(&peers[i], a))
			return true;
	return false;
}

void punch_set_peers(struct punch *p, adit_time now, const struct adit_addr *peers, size_t n)
{
	struct adit_addr old[PUNCH_PEERS_MAX];
	size_t n_old = p->n_peers;
	bool is_new[2] = {false, false};
	bool had_none = p->n_peers == 0;

	set_now(p, now);
	memcpy(old, p->peers, sizeof(old));
	p->n_peers = 0;
	for (size_t i = 0; i < n && p->n_peers < PUNCH_PEERS_MAX; i++) {
		if (!peer_is_usable(&peers[i]) || has_peer(p->peers, p->n_peers, &peers[i]))
			continue;
		if (!has_peer(old, n_old, &peers[i]))
			is_new[adit_addr_is_v6(&peers[i])] = true;
		p->peers[p->n_peers++] = peers[i];
	}
	if (p->state != PUNCH_SEEKING)
		return;
	/* Toward a new address we are a newcomer again: the peer may be waiting quietly for just that. */
	for (int i = 0; i < 2; i++)
		if (is_new[i])
			punch_steady_start(p, i == 0 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6);
	if (had_none && p->n_peers > 0)
		cursors_reset(p);
}

void punch_start(struct punch *p, adit_time now)
{
	set_now(p, now);
	set_state(p, PUNCH_SEEKING);
	p->started_at = now;
	p->stuck_at = adit_time_add(now, PUNCH_STUCK);
	p->ladder_at = adit_time_add(now, LADDER_STEP);
	p->calm_until = 0;
	p->bursts = 0;
	memset(p->sent, 0, p->n_sent * sizeof(p->sent[0]));
	punch_holes_clear(p);
	for (int i = 0; i < 2; i++)
		nat_ttl_init(&p->ttl[i]);
	for (size_t i = 0; i < p->pairs_end; i++)
		p->pairs[i].is_valid = false;
	cursors_reset(p);
	punch_steady_start(p, ADIT_FAMILY_V4);
	punch_steady_start(p, ADIT_FAMILY_V6);
}

void punch_wait(struct punch *p, adit_time now)
{
	punch_start(p, now);
	p->started_at = adit_time_since(now, PUNCH_FIRST);
	p->stuck_at = ADIT_NEVER;
	punch_steady_quiet(p);
}

static void close_all(struct punch *p, bool keep_steady)
{
	for (size_t i = 0; i < p->pairs_end; i++)
		if (!keep_steady || p->pairs[i].family != PUNCH_STEADY)
			punch_pair_close(p, &p->pairs[i]);
	p->stuck_at = ADIT_NEVER;
	p->ladder_at = ADIT_NEVER;
}

void punch_rest(struct punch *p, adit_time now)
{
	set_now(p, now);
	if (p->state == PUNCH_IDLE)
		return;
	set_state(p, PUNCH_RESTING);
	close_all(p, p->cfg.role == PUNCH_SERVE);
	if (p->cfg.role == PUNCH_SERVE)
		punch_steady_quiet(p);
	else
		p->steady_at[0] = p->steady_at[1] = ADIT_NEVER;
}

void punch_stop(struct punch *p, adit_time now)
{
	set_now(p, now);
	set_state(p, PUNCH_IDLE);
	close_all(p, false);
	p->steady_at[0] = p->steady_at[1] = ADIT_NEVER;
	p->answers_n = 0;
	punch_holes_clear(p);
}

int punch_take(struct punch *p, uint32_t sock)
{
	struct punch_pair *pair = punch_pair_find(p, sock);

	if (!pair || pair->state != PUNCH_PAIR_OPEN)
		return ADIT_ENOENT;
	p->taken[p->taken_next++ % PUNCH_TAKEN_MAX] = sock + 1;
	punch_holes_taken(p, sock);
	*pair = (struct punch_pair){.state = PUNCH_PAIR_FREE};
	return 0;
}

void punch_released(struct punch *p, adit_time now, uint32_t sock)
{
	set_now(p, now);
	for (size_t i = 0; i < PUNCH_TAKEN_MAX; i++)
		if (p->taken[i] == sock + 1)
			p->taken[i] = 0;
	punch_holes_forget(p, sock);
	if (p->state == PUNCH_RESTING && p->cfg.role == PUNCH_CONNECT)
		return;
	for (int i = 0; i < 2 && p->state != PUNCH_IDLE; i++)
		if (!punch_steady_is_open(p, i == 0 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6))
			p->steady_at[i] = now;
}

void punch_sock_failed(struct punch *p, adit_time now, uint32_t sock)
{
	struct punch_pair *pair = punch_pair_find(p, sock);

	set_now(p, now);
	if (!pair)
		return;
	adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "punch_sock_failed sock=%u port=%u", (unsigned)sock,
		   (unsigned)pair->port);
	if (pair->family == PUNCH_STEADY)
		p->steady_at[pair->ip_family == ADIT_FAMILY_V6] = adit_time_add(now, PUNCH_REOPEN);
	punch_holes_forget(p, sock);
	*pair = (struct punch_pair){.state = PUNCH_PAIR_FREE};
}

/* How long we shall have waited when the slot begins. */
static adit_dur waited_at(const struct punch *p, enum punch_family family, uint64_t slot)
{
	adit_utc start = punch_plan_start(&p->keys, family, slot);
	adit_utc utc = plan_utc(p, p->now);
	adit_dur waited = p->now - p->started_at;

	if (start >= utc)
		return waited + (start - utc);
	return adit_time_since(waited, utc - start);
}

static bool is_planning(const struct punch *p)
{
	return p->state == PUNCH_SEEKING && p->cfg.pinned_port == 0;
}

/* Opens what is due of one family and moves its cursor behind it. */
static void plan_family(struct punch *p, enum punch_family family)
{
	struct punch_cursor *c = &p->cursors[family];
	adit_utc utc = plan_utc(p, p->now);
	uint64_t slot = punch_plan_slot(&p->keys, family, utc);

	if (c->slot + 1 < slot || c->slot > slot + 1) /* slept through some, or the clock went back */
		*c = (struct punch_cursor){.slot = slot > 0 ? slot - 1 : 0};
	while (punch_plan_open_at(&p->keys, family, c->slot, c->order) <= utc) {
		if (c->order == 0)
			c->is_due = punch_plan_is_due(family, c->slot, waited_at(p, family, c->slot), p->bursts);
		if (c->is_due && p->now >= p->calm_until) {
			struct punch_plan_pair pair = punch_plan_pair(&p->keys, p->cfg.role, family, c->slot, c->order);

			if (family == PUNCH_BURST && c->order == 0 && pair.first_at + PUNCH_STALE >= utc)
				p->bursts++;
			punch_pair_open(p, family, c->slot, &pair, utc);
		}
		c->order++;
		if (!c->is_due || c->order == punch_plan_count(family))
			*c = (struct punch_cursor){.slot = c->slot + 1};
	}
}

static adit_time plan_deadline(const struct punch *p)
{
	adit_time at = ADIT_NEVER;
	adit_utc utc = plan_utc(p, p->now);

	if (!is_planning(p))
		return ADIT_NEVER;
	for (int f = 0; f < PUNCH_FAMILIES; f++) {
		const struct punch_cursor *c = &p->cursors[f];
		adit_utc open_at = punch_plan_open_at(&p->keys, (enum punch_family)f, c->slot, c->order);

		at = adit_time_min(at, adit_time_add(p->now, adit_time_since(open_at, utc)));
	}
	return at;
}

static void tick_stuck(struct punch *p)
{
	struct punch_event *e;

	if (p->now < p->stuck_at || p->events_n == p->events_max)
		return;
	p->stuck_at = ADIT_NEVER;
	e = &p->events[(p->events_first + p->events_n++) % p->events_max];
	*e = (struct punch_event){.kind = PUNCH_EVENT_STUCK};
	adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "punch_stuck flows=%llu", (unsigned long long)p->stats.flows_opened);
}

static void tick_ttl(struct punch *p)
{
	bool failed = p->now >= p->ladder_at;

	for (int i = 0; i < 2; i++) {
		nat_ttl_tick(&p->ttl[i], p->now);
		if (failed)
			nat_ttl_failed(&p->ttl[i]);
	}
	if (failed)
		p->ladder_at = adit_time_add(p->now, LADDER_STEP);
}

void punch_tick(struct punch *p, adit_time now)
{
	set_now(p, now);
	if (p->state == PUNCH_IDLE)
		return;
	tick_ttl(p);
	punch_steady_tick(p);
	if (is_planning(p))
		for (int f = 0; f < PUNCH_FAMILIES; f++)
			plan_family(p, (enum punch_family)f);
	punch_pairs_tick(p);
	tick_stuck(p);
}

adit_time punch_deadline(const struct punch *p)
{
	adit_time at = adit_time_min(punch_pairs_deadline(p), punch_holes_deadline(p));

	at = adit_time_min(at, adit_time_min(p->stuck_at, p->ladder_at));
	for (int i = 0; i < 2; i++) {
		if (p->state == PUNCH_IDLE)
			break;
		at = adit_time_min(at, adit_time_min(p->steady_at[i], nat_ttl_deadline(&p->ttl[i])));
	}
	return adit_time_min(at, plan_deadline(p));
}

int punch_output(struct punch *p, adit_time now, struct adit_out *ret_out)
{
	set_now(p, now);
	*ret_out = (struct adit_out){0};
	if (punch_holes_output(p, now, ret_out))
		return 1;
	return punch_pairs_output(p, now, ret_out);
}

int punch_event(struct punch *p, struct punch_event *ret_event)
{
	if (p->events_n == 0)
		return 0;
	*ret_event = p->events[p->events_first];
	p->events_first = (p->events_first + 1) % p->events_max;
	p->events_n--;
	return 1;
}

void punch_stats(const struct punch *p, struct punch_stats *ret_stats)
{
	*ret_stats = p->stats;
	ret_stats->ttl = nat_ttl_low(&p->ttl[0]);
	ret_stats->ttl_known = p->ttl[0].state == NAT_TTL_KNOWN;
}
