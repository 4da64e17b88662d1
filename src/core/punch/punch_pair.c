/* What goes out: pairs opened as the plan says, how loud each is, what it sends next. Storage and words: punch.h. */
#include "core/punch/punch_int.h"

#include <string.h>

#include "base/bytes.h"

struct punch_pair *punch_pair_find(struct punch *p, uint32_t sock)
{
	for (size_t i = 0; i < p->pairs_end; i++)
		if (p->pairs[i].state != PUNCH_PAIR_FREE && p->pairs[i].sock == sock)
			return &p->pairs[i];
	return NULL;
}

enum punch_how punch_pair_how(const struct punch *p, const struct punch_pair *pair)
{
	if (pair && pair->family == PUNCH_BURST)
		return PUNCH_HOW_BURST;
	if (pair && pair->family == PUNCH_VOLLEY)
		return PUNCH_HOW_BURST;
	if (pair && pair->family != PUNCH_STEADY)
		return PUNCH_HOW_SLOT;
	return p->cfg.pinned_port ? PUNCH_HOW_PINNED : PUNCH_HOW_STEADY;
}

static bool sock_is_used(struct punch *p, uint32_t sock)
{
	for (size_t i = 0; i < PUNCH_TAKEN_MAX; i++)
		if (p->taken[i] == sock + 1)
			return true;
	return punch_pair_find(p, sock) != NULL;
}

static struct punch_pair *pair_new(struct punch *p)
{
	struct punch_pair *pair = NULL;

	for (size_t i = 0; i < p->n_pairs && !pair; i++)
		if (p->pairs[i].state == PUNCH_PAIR_FREE)
			pair = &p->pairs[i];
	if (!pair)
		return NULL;
	if (pair >= p->pairs + p->pairs_end)
		p->pairs_end = (size_t)(pair - p->pairs) + 1;
	*pair = (struct punch_pair){.state = PUNCH_PAIR_FREE};
	do {
		pair->sock = p->cfg.sock_base + p->sock_next;
		p->sock_next = (p->sock_next + 1) % PUNCH_SOCK_SPAN;
	} while (sock_is_used(p, pair->sock));
	pair->state = PUNCH_PAIR_WANTED;
	return pair;
}

void punch_pair_close(struct punch *p, struct punch_pair *pair)
{
	punch_holes_forget(p, pair->sock);
	if (pair->state == PUNCH_PAIR_OPEN)
		pair->state = PUNCH_PAIR_CLOSING;
	else if (pair->state == PUNCH_PAIR_WANTED)
		pair->state = PUNCH_PAIR_FREE;
	if (pair->state != PUNCH_PAIR_FREE)
		pair->next_at = pair->close_at = ADIT_NEVER;
}

/* May a port of |a|'s own be asked beside the derived one? Whoever is pinned asks there instead of it. */
static bool has_own_port(const struct punch *p, const struct punch_pair *pair, const struct adit_addr *a)
{
	return pair->family == PUNCH_STEADY && !p->cfg.pinned_port && a->port != 0;
}

/* The |i|-th address that |pair| probes. A peer's own port counts on the steady pair, beside the derived one. */
static bool target_at(const struct punch *p, const struct punch_pair *pair, size_t i, struct adit_addr *ret_addr)
{
	size_t max = pair->is_burst ? PUNCH_BURST_PEERS_MAX : PUNCH_PEERS_MAX;

	for (size_t n = 0; n < p->n_peers && max > 0; n++) {
		const struct adit_addr *a = &p->peers[n];

		if (a->family != pair->ip_family)
			continue;
		max--;
		if (i-- == 0) {
			bool pinned = pair->family == PUNCH_STEADY && p->cfg.pinned_port && a->port;

			*ret_addr = adit_addr_with_port(*a, pinned ? a->port : pair->peer_port);
			return true;
		}
		if (has_own_port(p, pair, a) && i-- == 0) {
			*ret_addr = *a;
			return true;
		}
	}
	return false;
}

/* Is |remote|, a target of |pair|, a peer's own port? PUNCH_KNOCK. */
static bool is_own_port(const struct punch *p, const struct punch_pair *pair, const struct adit_addr *remote)
{
	for (size_t n = 0; n < p->n_peers; n++)
		if (has_own_port(p, pair, &p->peers[n]) && adit_addr_eq(&p->peers[n], remote))
			return true;
	return false;
}

size_t punch_targets(const struct punch *p, const struct punch_pair *pair)
{
	struct adit_addr a;
	size_t n = 0;

	while (target_at(p, pair, n, &a))
		n++;
	return n;
}

static bool family_is_wanted(const struct punch *p, uint8_t ip_family)
{
	for (size_t i = 0; i < p->n_peers; i++)
		if (p->peers[i].family == ip_family)
			return true;
	return p->n_peers == 0; /* nobody to ask: listen on both */
}

static struct punch_pair *find_steady(struct punch *p, uint8_t ip_family)
{
	for (size_t i = 0; i < p->pairs_end; i++) {
		struct punch_pair *pair = &p->pairs[i];

		if ((pair->state == PUNCH_PAIR_WANTED || pair->state == PUNCH_PAIR_OPEN) &&
		    pair->family == PUNCH_STEADY && pair->ip_family == ip_family)
			return pair;
	}
	return NULL;
}

static void open_steady(struct punch *p, uint8_t ip_family)
{
	struct punch_pair *pair = pair_new(p);
	uint16_t port[2];

	if (!pair) {
		p->steady_at[ip_family == ADIT_FAMILY_V6] = adit_time_add(p->now, PUNCH_REOPEN);
		return;
	}
	punch_keys_ports(&p->keys, PUNCH_STEADY, 0, 0, port);
	pair->family = PUNCH_STEADY;
	pair->ip_family = ip_family;
	pair->port = p->cfg.pinned_port ? p->cfg.pinned_port : port[p->cfg.role];
	pair->peer_port = p->cfg.pinned_port ? p->cfg.pinned_port : port[punch_role_other(p->cfg.role)];
	pair->close_at = ADIT_NEVER;
}

void punch_steady_start(struct punch *p, uint8_t ip_family)
{
	struct punch_pair *pair = find_steady(p, ip_family);

	p->steady_at[ip_family == ADIT_FAMILY_V6] = ADIT_NEVER;
	if (!family_is_wanted(p, ip_family))
		return;
	if (!pair) {
		open_steady(p, ip_family);
		pair = find_steady(p, ip_family);
		if (!pair)
			return;
	}
	pair->is_valid = false;
	pair->target = 0;
	pair->next_at = p->now;
	pair->head_until = pair->full_from = adit_time_add(p->now, PUNCH_HEAD);
	pair->full_until = adit_time_add(pair->full_from, PUNCH_LOUD);
	pair->step = PUNCH_LOUD_STEP;
}

bool punch_steady_is_open(struct punch *p, uint8_t ip_family)
{
	return find_steady(p, ip_family) != NULL;
}

void punch_steady_quiet(struct punch *p)
{
	for (size_t i = 0; i < p->pairs_end; i++) {
		struct punch_pair *pair = &p->pairs[i];

		if (pair->family != PUNCH_STEADY || pair->state == PUNCH_PAIR_FREE)
			continue;
		pair->is_valid = false;
		pair->full_until = adit_time_min(pair->full_until, p->now);
	}
}

void punch_steady_tick(struct punch *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->now < p->steady_at[i])
			continue;
		punch_steady_start(p, i == 0 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6);
		if (p->state == PUNCH_RESTING)
			punch_steady_quiet(p);
	}
}

static bool is_planned_already(const struct punch *p, enum punch_family family, uint64_t slot, uint16_t index,
			       uint8_t ip_family)
{
	for (size_t i = 0; i < p->pairs_end; i++) {
		const struct punch_pair *o = &p->pairs[i];

		if (o->state != PUNCH_PAIR_FREE && o->family == family && o->slot == slot && o->index == index &&
		    o->ip_family == ip_family)
			return true;
	}
	return false;
}

/* UTC of the plan as an instant of ours: running timers do not follow a later step of the clock. */
static adit_time instant(const struct punch *p, adit_utc at, adit_utc utc)
{
	return at > utc ? adit_time_add(p->now, at - utc) : p->now;
}

static void pair_open(struct punch *p, uint8_t ip_family, enum punch_family family, uint64_t slot,
		      const struct punch_plan_pair *plan, adit_utc utc)
{
	struct punch_pair *pair;
	size_t n;

	if (is_planned_already(p, family, slot, plan->index, ip_family))
		return;
	pair = pair_new(p);
	if (!pair)
		return;
	pair->family = family;
	pair->ip_family = ip_family;
	pair->slot = slot;
	pair->index = plan->index;
	pair->is_burst = plan->is_burst;
	pair->port = plan->port;
	pair->peer_port = plan->peer_port;
	n = punch_targets(p, pair);
	if ((n == 0 && p->n_peers > 0) ||
	    !nat_budget_take(p->cfg.budget, p->now, (unsigned)n,
			     plan->is_burst ? PUNCH_FLOWS_BURST_KEEP : PUNCH_FLOWS_KEEP)) {
		p->stats.flows_refused += n;
		pair->state = PUNCH_PAIR_FREE;
		return;
	}
	pair->next_at = instant(p, plan->first_at, utc);
	pair->head_until = adit_time_add(pair->next_at, PUNCH_HEAD);
	pair->full_from = instant(p, plan->full_at, utc);
	if (pair->full_from < pair->head_until) /* a late joiner */
		pair->full_from = pair->head_until;
	pair->full_until = ADIT_NEVER;
	pair->close_at = instant(p, plan->close_at, utc);
	pair->step = PUNCH_FULL_STEP;
}

/*
 * A router with IPv6 has no address of its own between the hosts that an early packet could be meant for, so there is
 * no clash: the steady pair does it, and the mid slots are fresh sockets where something else is wrong.
 */
void punch_pair_open(struct punch *p, enum punch_family family, uint64_t slot, const struct punch_plan_pair *plan,
		     adit_utc utc)
{
	if (plan->close_at <= utc || (plan->is_burst && plan->first_at + PUNCH_STALE < utc))
		return;
	/*
	 * Nobody to ask: a public host, which listens where a peer that waited for it already still knocks with full
	 * TTL (on the steady pair it does not any more). Pairs that are for a clash or a hurry would be in vain.
	 */
	if (p->n_peers == 0 && family != PUNCH_MID && family != PUNCH_FAR && family != PUNCH_WIDE)
		return;
	if (family_is_wanted(p, ADIT_FAMILY_V4))
		pair_open(p, ADIT_FAMILY_V4, family, slot, plan, utc);
	if (family == PUNCH_MID && family_is_wanted(p, ADIT_FAMILY_V6))
		pair_open(p, ADIT_FAMILY_V6, family, slot, plan, utc);
}

void punch_pairs_tick(struct punch *p)
{
	for (size_t i = 0; i < p->pairs_end; i++)
		if (p->pairs[i].state != PUNCH_PAIR_FREE && p->now >= p->pairs[i].close_at)
			punch_pair_close(p, &p->pairs[i]);
	while (p->pairs_end > 0 && p->pairs[p->pairs_end - 1].state == PUNCH_PAIR_FREE)
		p->pairs_end--;
}

adit_time punch_pairs_deadline(const struct punch *p)
{
	adit_time at = ADIT_NEVER;

	for (size_t i = 0; i < p->pairs_end; i++) {
		const struct punch_pair *pair = &p->pairs[i];

		if (pair->state == PUNCH_PAIR_FREE)
			continue;
		if (pair->state != PUNCH_PAIR_OPEN)
			return p->now; /* an OPEN or CLOSE waits to be fetched */
		at = adit_time_min(at, adit_time_min(pair->next_at, pair->close_at));
	}
	return at;
}

void punch_pair_heard(struct punch *p, struct punch_pair *pair)
{
	if (pair->is_valid && pair->family != PUNCH_STEADY)
		pair->close_at = adit_time_add(p->now, PUNCH_VALID_MAX);
}

void punch_pair_valid(struct punch *p, struct punch_pair *pair)
{
	pair->is_valid = true;
	pair->target = 0;
	pair->step = PUNCH_VALID_STEP;
	pair->next_at = adit_time_add(p->now, pair->step);
	pair->full_from = p->now;
	pair->full_until = adit_time_add(p->now, PUNCH_VALID_ASK);
	punch_pair_heard(p, pair);
}

static adit_dur quiet_step(struct punch *p, const struct punch_pair *pair)
{
	for (size_t n = 0; n < p->n_peers; n++)
		if (p->peers[n].family == pair->ip_family && has_own_port(p, pair, &p->peers[n]))
			return PUNCH_KNOCK;
	return PUNCH_QUIET_MIN + adit_rng_below(&p->cfg.rng, PUNCH_QUIET_MAX - PUNCH_QUIET_MIN);
}

static bool pair_is_full(const struct punch_pair *pair, adit_time now)
{
	return now >= pair->full_from && now < pair->full_until;
}

/* A waiter pinned to one port is loud now and then: punch_limits.h says why. */
static void pinned_again(struct punch *p, struct punch_pair *pair, adit_time now)
{
	if (p->cfg.pinned_port && p->cfg.role == PUNCH_CONNECT && p->state == PUNCH_SEEKING) {
		pair->full_from = adit_time_add(now, PUNCH_PINNED_LOUD);
		pair->full_until = adit_time_add(pair->full_from, PUNCH_LOUD_STEP);
	}
}

/* A round of probes is out: when is the next? */
static void pair_reschedule(struct punch *p, struct punch_pair *pair, adit_time now)
{
	adit_dur step;

	pair->target = 0;
	if (pair_is_full(pair, now)) {
		step = pair->step;
		if (pair->family != PUNCH_STEADY && !pair->is_valid)
			pair->step = pair->step * 2 < PUNCH_FULL_MAX ? pair->step * 2 : PUNCH_FULL_MAX;
	} else if (now < pair->head_until) {
		step = pair->is_burst ? PUNCH_HEAD : PUNCH_HEAD_STEP;
	} else {
		step = quiet_step(p, pair);
		if (now >= pair->full_until)
			pinned_again(p, pair, now);
	}
	pair->next_at = adit_time_add(now, step);
	if (now < pair->full_from)
		pair->next_at = adit_time_min(pair->next_at, pair->full_from);
}

static uint8_t low_ttl(const struct punch *p, uint8_t ip_family)
{
	return p->cfg.low_ttl ? nat_ttl_low(&p->ttl[ip_family == ADIT_FAMILY_V6]) : 0;
}

struct punch_sent *punch_sent_find(struct punch *p, const uint8_t *txid)
{
	for (size_t i = 0; i < p->n_sent; i++)
		if (p->sent[i].is_out && memcmp(p->sent[i].txid, txid, STUN_TXID_LEN) == 0)
			return &p->sent[i];
	return NULL;
}

void punch_send_request(struct punch *p, adit_time now, uint32_t sock, const struct adit_addr *local,
			const struct adit_addr *remote, uint8_t ttl, struct adit_out *ret_out)
{
	struct punch_sent *s = &p->sent[p->sent_next++ % p->n_sent];
	/* Captured on its way, what never arrives would still be fresh at the peer. */
	const struct punch_keys *keys = ttl ? &p->decoy : &p->keys;
	adit_utc stamp = punch_replay_stamp(p->cfg.replay, now, punch_utc(p, now));

	*s = (struct punch_sent){.ttl = ttl, .is_out = true, .sock = sock, .remote = *remote, .at = now};
	adit_rng_fill(&p->cfg.rng, s->txid, sizeof(s->txid));
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = sock,
		.remote = *remote,
		.data = p->out,
		.len = punch_probe_request(keys, p->cfg.role, s->txid, stamp, p->cfg.instance, NULL, p->out),
		.ttl = ttl,
	};
	if (local)
		ret_out->local = *local;
	p->stats.probes_sent++;
	if (ttl)
		p->stats.low_ttl_sent++;
}

/* The question of the TTL calibration: on the steady pair, toward its first target. */
static bool output_question(struct punch *p, adit_time now, struct adit_out *ret_out)
{
	for (int i = 0; i < 2 && p->state == PUNCH_SEEKING && p->cfg.low_ttl; i++) {
		struct punch_pair *pair = find_steady(p, i == 0 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6);
		uint8_t ttl = nat_ttl_question(&p->ttl[i]);
		struct adit_addr remote;

		if (ttl == 0 || !pair || pair->state != PUNCH_PAIR_OPEN || !target_at(p, pair, 0, &remote))
			continue;
		nat_ttl_asked(&p->ttl[i], now);
		punch_send_request(p, now, pair->sock, NULL, &remote, ttl, ret_out);
		return true;
	}
	return false;
}

static bool output_open_close(struct punch *p, struct adit_out *ret_out)
{
	for (size_t i = 0; i < p->pairs_end; i++) {
		struct punch_pair *pair = &p->pairs[i];

		if (pair->state == PUNCH_PAIR_CLOSING) {
			*ret_out = (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = pair->sock};
			pair->state = PUNCH_PAIR_FREE;
			return true;
		}
		if (pair->state == PUNCH_PAIR_WANTED) {
			*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN, .sock = pair->sock};
			ret_out->local.family = pair->ip_family;
			ret_out->local.port = pair->port;
			pair->state = PUNCH_PAIR_OPEN;
			return true;
		}
	}
	return false;
}

/* Of several that are due the one that is due longest: the order within a burst is what it is about. */
static struct punch_pair *first_due(struct punch *p, adit_time now)
{
	struct punch_pair *first = NULL;

	for (size_t i = 0; i < p->pairs_end; i++) {
		struct punch_pair *pair = &p->pairs[i];

		if (pair->state == PUNCH_PAIR_OPEN && pair->next_at <= now &&
		    (!first || pair->next_at < first->next_at))
			first = pair;
	}
	return first;
}

static bool output_probe(struct punch *p, adit_time now, struct adit_out *ret_out)
{
	struct punch_pair *pair;

	while ((pair = first_due(p, now)) != NULL) {
		struct adit_addr remote;
		uint8_t ttl = pair_is_full(pair, now) ? 0 : low_ttl(p, pair->ip_family);

		if (!target_at(p, pair, pair->target, &remote)) {
			pair->was_sent |= pair->target > 0;
			pair_reschedule(p, pair, now);
			continue;
		}
		if (now >= pair->full_until && is_own_port(p, pair, &remote))
			ttl = 0;
		if (!pair->was_sent)
			p->stats.flows_opened++;
		pair->target++;
		punch_send_request(p, now, pair->sock, NULL, &remote, ttl, ret_out);
		return true;
	}
	return false;
}

int punch_pairs_output(struct punch *p, adit_time now, struct adit_out *ret_out)
{
	if (output_open_close(p, ret_out))
		return 1;
	if (p->state == PUNCH_IDLE)
		return 0;
	return output_question(p, now, ret_out) || output_probe(p, now, ret_out);
}
