/*
 * Relays: what TURN servers relay for this side and the other one. A relayed address is a candidate like others, of the
 * lowest worth; a pair with one carries data at once, while the attempt goes on for a better one. Mediators that answer
 * over the relay alone are asked through it. Words:
 *   via       a family's mediators are asked through the relay
 *   direct    ... or from home
 */
#include "core/reach/reach_int.h"

/* ---- what there is ---- */

bool reach_relay_is_sock(const struct reach *r, uint32_t sock)
{
	return r->has_relay && sock == r->relay.sock;
}

static bool has_family(const struct reach *r, unsigned family)
{
	return r->has_relay && r->relay.relayed[family].family != ADIT_FAMILY_NONE;
}

static bool is_peer_relay(const struct reach *r, const struct adit_addr *addr)
{
	for (size_t i = 0; r->has_peer && i < r->peer_offer.n_cands; i++)
		if (r->peer_offer.cands[i].type == ICE_RELAY && adit_addr_eq(&r->peer_offer.cands[i].addr, addr))
			return true;
	return false;
}

/* The peer's checks say so, too: it may have another relay by now than the one its offer told of. */
bool reach_relay_has(const struct reach *r, const struct ice_account *a)
{
	return reach_relay_is_sock(r, a->sock) || a->is_remote_relayed || is_peer_relay(r, &a->remote);
}

bool reach_relay_is_refused(const struct reach *r, const struct ice_account *a)
{
	return r->cfg.direct_only && reach_relay_has(r, a);
}

/* ---- an attempt with it ---- */

void reach_await_relay(struct reach *r, adit_time now)
{
	reach_set_now(r, now);
	r->is_relay_awaited = true;
}

void reach_relay_begin(struct reach *r)
{
	r->is_relay_late = false;
	r->relay_by = adit_time_add(r->now, r->cfg.relay_only ? REACH_RELAY_MAX : REACH_RELAY_WAIT);
}

bool reach_relay_may_go(const struct reach *r)
{
	if (r->cfg.relay_only)
		return r->has_relay;
	return r->has_relay || !r->is_relay_awaited || r->now >= r->relay_by;
}

/* Last, so that it is ranked behind all others. */
void reach_relay_add(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++) {
		if (!has_family(r, f))
			continue;
		r->is_relay_late = false;
		if (ice_agent_add_relayed(&r->agent, r->now, r->relay.sock, &r->relay.relayed[f], &r->relay.server,
					  &r->relay.mapped) < 0)
			adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_relay_refused family=%u", f ? 6u : 4u);
	}
}

bool reach_relay_wants_round(const struct reach *r)
{
	return !r->is_relay_valid && !r->cfg.direct_only && (r->has_relay || (r->has_peer && r->peer_has_relay));
}

/*
 * The peer's relayed addresses are checked at once: nobody's NAT is harmed by it. And a check goes through the own
 * relay to each of the peer's addresses, so that the server lets the peer's checks in before they come.
 */
void reach_relay_open(struct reach *r)
{
	r->peer_has_relay = false;
	r->relay_opened = 0;
	for (size_t i = 0; i < r->peer_offer.n_cands && !r->cfg.direct_only; i++)
		if (r->peer_offer.cands[i].type == ICE_RELAY) {
			reach_remote_add(r, i);
			r->peer_has_relay = true;
		}
}

/* A peer may be authentic and still want the relay to knock in its operator's network (turn_may_lead()). */
static bool is_opened(const struct reach *r, const struct meet_cand *c)
{
	unsigned f = reach_family_index(c->addr.family);

	return has_family(r, f) && ice_candidate_judge(&c->addr, r->cfg.allow_loopback) == ICE_REFUSED_NOT &&
	       (!ice_candidate_is_private(&c->addr) || ice_candidate_is_private(&r->relay.relayed[f]));
}

int reach_relay_output(struct reach *r, struct adit_out *ret_out)
{
	while (r->state == REACH_PUNCHING && r->has_agent && r->relay_opened < r->peer_offer.n_cands) {
		const struct meet_cand *c = &r->peer_offer.cands[r->relay_opened++];

		if (!is_opened(r, c)) {
			r->stats.relay_refused++;
			continue;
		}
		*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
					     .sock = r->relay.sock,
					     .remote = c->addr,
					     .data = r->out,
					     .len = ice_agent_check(&r->agent, true, r->out)};
		r->stats.probes_sent++;
		return 1;
	}
	return 0;
}

static bool wants_again(const struct reach *r)
{
	return r->cfg.role == MEET_CONNECT && r->is_relay_late &&
	       (r->state == REACH_RESTING || r->state == REACH_MEETING || r->state == REACH_PUNCHING);
}

static void count_again(struct reach *r)
{
	if (adit_time_since(r->now, r->relay_again_at) >= REACH_RELAY_CALM)
		r->relay_again = 0;
	r->relay_again_at = adit_time_add(r->now, r->relay_again > 0 ? r->relay_again : REACH_RELAY_AGAIN);
	r->relay_again = 2 * adit_time_since(r->relay_again_at, r->now);
	if (r->relay_again > REACH_RELAY_AGAIN_MAX)
		r->relay_again = REACH_RELAY_AGAIN_MAX;
}

/* An attempt that has told the peer of none has one more round, free of charge. */
static void attempt_again(struct reach *r)
{
	if (!wants_again(r) || r->now < r->relay_again_at)
		return;
	r->is_relay_late = false;
	count_again(r);
	if (r->state == REACH_RESTING) {
		reach_attempt_start(r);
	} else {
		r->round--;
		reach_round_next(r);
	}
}

/* ---- mediators through it ---- */

static void via_set(struct reach *r, unsigned family, bool is_on)
{
	struct reach_via *v = &r->via[family];

	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_via family=%u relay=%d", family ? 6u : 4u, is_on);
	v->is_on = is_on;
	v->asked_at = ADIT_NEVER;
	v->direct_at = adit_time_add(r->now, REACH_RELAY_DIRECT);
	meet_client_moved(&r->meet, r->now, reach_family_of(family));
}

bool reach_relay_is_via(const struct reach *r, unsigned family)
{
	return r->via[family].is_on;
}

void reach_relay_asked(struct reach *r, unsigned family)
{
	if (r->via[family].asked_at == ADIT_NEVER)
		r->via[family].asked_at = r->now;
}

void reach_relay_heard(struct reach *r, unsigned family)
{
	struct reach_via *v = &r->via[family];

	v->heard_at = r->now;
	v->asked_at = ADIT_NEVER;
	if (v->is_on)
		via_set(r, family, false);
}

/* When a family is taken for blocked. */
static adit_time via_at(const struct reach *r, unsigned family)
{
	const struct reach_via *v = &r->via[family];
	adit_time at = adit_time_add(v->asked_at, REACH_RELAY_SILENCE);

	if (!has_family(r, family) || v->is_on)
		return ADIT_NEVER;
	if (r->cfg.relay_only)
		return r->now;
	if (v->asked_at == ADIT_NEVER || v->heard_at == ADIT_NEVER)
		return v->asked_at == ADIT_NEVER ? ADIT_NEVER : at;
	return at > adit_time_add(v->heard_at, REACH_RELAY_ALIVE) ? at : adit_time_add(v->heard_at, REACH_RELAY_ALIVE);
}

void reach_relay_init(struct reach *r)
{
	r->relay_by = ADIT_NEVER;
	for (unsigned f = 0; f < 2; f++)
		r->via[f] = (struct reach_via){.asked_at = ADIT_NEVER, .heard_at = ADIT_NEVER, .direct_at = ADIT_NEVER};
}

/* The network has changed: what was heard was heard there. */
void reach_relay_forget(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		r->via[f].heard_at = ADIT_NEVER;
}

void reach_relay_tick(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++) {
		struct reach_via *v = &r->via[f];

		if (r->now >= via_at(r, f))
			via_set(r, f, true);
		/* Does it work again? Any server's answer to home tells it. */
		if (v->is_on && r->now >= v->direct_at) {
			v->direct_at = adit_time_add(r->now, REACH_RELAY_DIRECT);
			if (r->state != REACH_PUNCHING)
				reach_measure_start(r, f);
		}
	}
	attempt_again(r);
	if (r->cfg.relay_only && !r->has_relay && r->state == REACH_MEASURING && r->now >= r->relay_by)
		reach_attempt_failed(r, REACH_VERDICT_NO_RELAY);
}

adit_time reach_relay_deadline(const struct reach *r)
{
	adit_time at = ADIT_NEVER;

	for (unsigned f = 0; f < 2; f++) {
		at = adit_time_min(at, via_at(r, f));
		if (r->via[f].is_on)
			at = adit_time_min(at, r->via[f].direct_at);
	}
	if (wants_again(r))
		at = adit_time_min(at, r->relay_again_at > r->now ? r->relay_again_at : r->now);
	if (r->state == REACH_MEASURING || (r->state == REACH_MEETING && r->cfg.role == MEET_SERVE))
		at = reach_relay_may_go(r) || r->now >= r->relay_by ? at : adit_time_min(at, r->relay_by);
	if (r->state == REACH_PUNCHING && r->has_relay && r->has_agent && r->relay_opened < r->peer_offer.n_cands)
		at = adit_time_min(at, r->now);
	return at;
}

/* ---- it comes and goes ---- */

static bool is_same(const struct reach *r, const struct reach_relay *relay)
{
	if (!relay || !r->has_relay)
		return !relay && !r->has_relay;
	return adit_addr_eq(&relay->relayed[0], &r->relay.relayed[0]) &&
	       adit_addr_eq(&relay->relayed[1], &r->relay.relayed[1]);
}

void reach_set_relay(struct reach *r, adit_time now, const struct reach_relay *relay)
{
	reach_set_now(r, now);
	r->is_relay_awaited = false;
	if (is_same(r, relay))
		return;
	r->has_relay = relay != NULL;
	if (relay)
		r->relay = *relay;
	else
		r->is_relay_valid &= r->peer_has_relay;
	r->is_relay_late = r->has_relay;
	for (unsigned f = 0; f < 2; f++)
		if (r->via[f].is_on && has_family(r, f))
			meet_client_moved(&r->meet, now, reach_family_of(f)); /* from another address now */
		else if (r->via[f].is_on)
			via_set(r, f, false);
	if (r->state == REACH_IDLE)
		return;
	attempt_again(r);
	reach_step(r);
}
