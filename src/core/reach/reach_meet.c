/* Offers and answers: what they say, when they go out, and what follows from those that come. */
#include <stdio.h>
#include <string.h>

#include "core/reach/reach_int.h"

/* ---- what they say ---- */

static void cand_add(struct meet_offer *o, const struct ice_candidate *c)
{
	struct meet_cand *m = &o->cands[o->n_cands];

	for (size_t i = 0; i < o->n_cands; i++)
		if (adit_addr_eq(&o->cands[i].addr, &c->addr))
			return;
	/* Of this machine alone, or of a carrier's translation: nobody else gets there. */
	if (o->n_cands == MEET_CANDS_MAX || adit_nat64_is_own(&c->addr))
		return;
	*m = (struct meet_cand){
		.type = (uint8_t)c->type, .foundation = o->n_cands, .priority = c->priority, .addr = c->addr};
	m->addr.scope = 0; /* a zone means nothing to others */
	o->n_cands++;
}

static void own_desc(struct reach *r)
{
	const struct reach_view *v = &r->measure.view[0];
	bool has_home = r->home[0] != REACH_NO_SOCK;
	bool is_blocked = reach_relay_is_via(r, 0) && (!has_home || v->witnesses == 0);
	adit_dur age = adit_time_since(r->now, v->ports_at) / ADIT_MS(1);

	r->own = (struct reach_desc){
		.instance = r->cfg.instance,
		.attempt = r->attempt,
		.round = r->round,
		.kind = is_blocked                ? NAT_KIND_BLOCKED
			: reach_mapped_is_open(r) ? NAT_KIND_OPEN
			: has_home                ? v->kind
						  : NAT_KIND_UNKNOWN,
		.public = v->public,
		.witnesses = (uint8_t)v->witnesses,
		.ports = v->ports,
		.age = (uint16_t)(age < UINT16_MAX ? age : UINT16_MAX),
		.nats = v->ttl.inside,
		.start = r->start,
	};
	r->own.is_filtered =
		(r->own.kind == NAT_KIND_STEADY || r->own.kind == NAT_KIND_UNKNOWN) && reach_measure_is_filtered(r);
	if (r->cfg.role == MEET_CONNECT && reach_is_remembered(r))
		r->own.way = r->memory.way;
	if (r->window.is_open) {
		r->own.window_to = r->window.to;
		r->own.window_low = r->window.low;
		r->own.window_high = r->window.high;
	}
}

/* Host candidates are the agent's, reflexive ones ours. */
static void own_offer(struct reach *r)
{
	struct meet_offer *o = &r->own_offer;
	struct ice_event ev;

	*o = (struct meet_offer){0};
	memcpy(o->ufrag, ice_agent_cred(&r->agent)->ufrag, ICE_UFRAG_LEN); /* the agent's own have this length */
	memcpy(o->pwd, ice_agent_cred(&r->agent)->pwd, ICE_PWD_LEN);
	while (ice_agent_event(&r->agent, &ev))
		if (ev.kind == ICE_EVENT_CANDIDATE)
			cand_add(o, &ev.cand);
	for (unsigned f = 0; f < 2; f++) {
		struct ice_candidate c = {.type = ICE_SRFLX,
					  .priority =
						  ice_candidate_priority(ICE_SRFLX, (uint16_t)(ICE_LOCAL_PREF_MAX - f)),
					  .addr = r->measure.view[f].reflexive};

		if (r->home[f] != REACH_NO_SOCK && c.addr.family != ADIT_FAMILY_NONE)
			cand_add(o, &c);
	}
	for (unsigned f = 0; f < 2; f++) {
		struct ice_candidate c = {.type = ICE_SRFLX, .addr = reach_mapped_external(r, f)};

		c.priority = ice_candidate_priority(ICE_SRFLX, (uint16_t)(ICE_LOCAL_PREF_MAX - REACH_MAPPED_PREF - f));
		if (c.addr.family != ADIT_FAMILY_NONE)
			cand_add(o, &c);
	}
	own_desc(r);
	o->extra_len = (uint8_t)reach_desc_encode(&r->own, o->extra);
}

/* ---- what comes ---- */

static bool is_public_v4(const struct meet_cand *c)
{
	return adit_addr_is_v4(&c->addr) && c->type != ICE_RELAY && ice_candidate_is_public(&c->addr);
}

/* Its best address that packets from afar may get to. */
static struct adit_addr reflexive_of(const struct meet_offer *o)
{
	const struct meet_cand *best = NULL;

	for (size_t i = 0; i < o->n_cands; i++)
		if (is_public_v4(&o->cands[i]) && (!best || o->cands[i].priority > best->priority))
			best = &o->cands[i];
	return best ? best->addr : (struct adit_addr){0};
}

static bool remote_of(const struct meet_offer *o, struct ice_remote_desc *ret_desc)
{
	*ret_desc = (struct ice_remote_desc){.has_ice2 = true, .pacing_ms = (uint32_t)(REACH_TA / ADIT_MS(1))};
	snprintf(ret_desc->cred.ufrag, sizeof(ret_desc->cred.ufrag), "%s", o->ufrag);
	snprintf(ret_desc->cred.pwd, sizeof(ret_desc->cred.pwd), "%s", o->pwd);
	return ice_cred_is_valid(&ret_desc->cred);
}

/* False: malformed. What is missing is unknown. */
static bool peer_read(const struct meet_offer *o, struct reach_desc *ret_peer)
{
	struct ice_remote_desc remote;

	*ret_peer = (struct reach_desc){0};
	return remote_of(o, &remote) && (o->extra_len == 0 || reach_desc_decode(o->extra, o->extra_len, ret_peer) == 0);
}

static void peer_keep(struct reach *r, const struct meet_offer *o, const struct reach_desc *peer)
{
	r->peer_offer = *o;
	r->peer = *peer;
	r->peer_reflexive = reflexive_of(o);
	r->peer_at = r->now;
	r->peer_stamp = o->stamp;
	r->has_peer = true;
}

static bool remote_set(struct reach *r)
{
	struct ice_remote_desc remote;

	return remote_of(&r->peer_offer, &remote) && ice_agent_set_remote(&r->agent, r->now, &remote) == 0;
}

/* ---- connect ---- */

/* What worked last time, then the others in their order. */
static uint8_t start_of(const struct reach *r)
{
	uint8_t first = reach_is_remembered(r) && r->memory.start > 0 ? r->memory.start : REACH_START_APART;

	if (r->round == 1)
		return first;
	return r->round <= first ? r->round - 1 : r->round;
}

void reach_offer(struct reach *r)
{
	r->start = start_of(r);
	reach_agent_start(r);
	own_offer(r);
	if (meet_client_offer(&r->meet, r->now, &r->own_offer) < 0) {
		reach_attempt_failed(r, REACH_VERDICT_NO_MEDIATOR);
		return;
	}
	r->is_early = !reach_measure_is_known(r);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_offer attempt=%u round=%u kind=%s cands=%u window=%d early=%d",
		   r->attempt, (unsigned)r->round, nat_kind_name(r->own.kind), (unsigned)r->own_offer.n_cands,
		   r->window.is_open, r->is_early);
	r->offered_at = r->now;
	reach_set_state(r, REACH_MEETING, adit_time_add(r->now, REACH_MEETING_MAX));
}

/* Both count, and the peer could not know how old what it was told had become. */
static bool is_stale(const struct reach *r)
{
	adit_dur rtts = ADIT_US((adit_dur)r->peer_offer.rtt) + meet_client_rtt(&r->meet, r->mediator);

	return r->plan.quiet > 0 && !r->is_again && adit_time_since(r->now, r->offered_at) > REACH_BOTH_STALE + rtts;
}

static void on_answer(struct reach *r, const struct meet_event *ev)
{
	struct reach_desc peer;

	if (r->state != REACH_MEETING || r->cfg.role != MEET_CONNECT)
		return;
	if (!peer_read(ev->offer, &peer)) {
		r->stats.other++;
		return;
	}
	peer_keep(r, ev->offer, &peer);
	if (!remote_set(r))
		return;
	r->mediator = ev->mediator;
	r->offer_sock = r->input_sock;
	reach_fire_plan(r, ev->start_at);
	if (is_stale(r)) {
		reach_round_again(r);
		return;
	}
	reach_fire_load(r, ev->start_at);
	reach_punch(r, ev->start_at);
}

/* ---- serve ---- */

/* Tells of the same round as the present one? Or of one that is over? */
enum news {
	NEWS_ROUND, /* another attempt, or the next round */
	NEWS_AGAIN, /* the present round, once more: through another mediator */
	NEWS_OLD,
};

static enum news news_of(const struct reach *r, const struct meet_offer *o, const struct reach_desc *peer)
{
	if (!r->has_peer || peer->instance != r->peer.instance)
		return NEWS_ROUND;
	if (peer->attempt == r->attempt && peer->round == r->round && strcmp(o->ufrag, r->peer_offer.ufrag) == 0)
		return NEWS_AGAIN;
	return o->stamp > r->peer_stamp ? NEWS_ROUND : NEWS_OLD;
}

/* Not the present round's once more, nor somebody else's. */
static bool is_later(const struct reach *r, const struct reach_desc *peer)
{
	return peer->instance == r->peer.instance && (peer->attempt != r->attempt || peer->round != r->round);
}

/* GCRA: so many at once, so many a minute. */
static bool may_offer(struct reach *r)
{
	adit_dur each = ADIT_SEC(60) / REACH_OFFERS_MIN;

	if (r->offers_paid > adit_time_add(r->now, (REACH_OFFERS_BURST - 1) * each)) {
		r->stats.offers_refused++;
		return false;
	}
	r->offers_paid = adit_time_add(r->offers_paid > r->now ? r->offers_paid : r->now, each);
	return true;
}

/* A home that failed once is not used again, unless the peer's window is open toward just that one. */
static void homes_for(struct reach *r)
{
	bool window =
		adit_addr_is_v4(&r->peer.window_to) && adit_addr_eq(&r->peer.window_to, &r->measure.view[0].reflexive);

	reach_homes_freshen(r);
	for (unsigned f = 0; f < 2; f++)
		if (r->is_spent[f] && !(f == 0 && window))
			reach_home_renew(r, f);
	reach_homes_open(r);
}

static bool is_window_wanted(const struct reach *r)
{
	return r->measure.view[0].kind == NAT_KIND_SEQUENTIAL && r->peer_reflexive.family == ADIT_FAMILY_V4 &&
	       r->peer.kind <= NAT_KIND_STEADY;
}

static void on_offer(struct reach *r, const struct meet_event *ev)
{
	struct reach_desc peer;
	adit_time start_at;

	if (r->state == REACH_IDLE || !peer_read(ev->offer, &peer)) {
		r->stats.other++;
		return;
	}
	switch (news_of(r, ev->offer, &peer)) {
	case NEWS_OLD:
		r->stats.other++;
		return;
	case NEWS_AGAIN:
		if (r->has_answered)
			(void)!meet_client_answer(&r->meet, r->now, ev->ask, &r->own_offer, &start_at);
		return;
	case NEWS_ROUND:
		break;
	}
	if (!may_offer(r))
		return;
	if (r->state == REACH_PUNCHING && is_later(r, &peer))
		reach_round_spend(r); /* for the peer the present round has failed, a little sooner than for us */
	reach_round_stop(r);
	if (!r->has_peer || peer.instance != r->peer.instance || peer.attempt != r->attempt)
		reach_attempt_start(r);
	r->attempt = peer.attempt;
	r->round = peer.round;
	r->start = peer.start > 0 ? peer.start : peer.round < REACH_STARTS ? peer.round : REACH_STARTS;
	r->stats.rounds++;
	r->ask = ev->ask;
	r->mediator = ev->mediator;
	r->has_answered = false;
	peer_keep(r, ev->offer, &peer);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_offered attempt=%u round=%u kind=%s cands=%u window=%d",
		   r->attempt, (unsigned)r->round, nat_kind_name(peer.kind), (unsigned)ev->offer->n_cands,
		   peer.window_to.family != ADIT_FAMILY_NONE);
	reach_set_state(r, REACH_MEETING, adit_time_add(r->now, REACH_MEETING_MAX));
	r->ask_by = adit_time_add(r->now, REACH_ANSWER_BY);
	reach_relay_begin(r);
	homes_for(r);
	if (is_window_wanted(r))
		return; /* its burst shows the ports, too */
	reach_measure_again(r, 0);
}

static void answer(struct reach *r)
{
	adit_time start_at;

	own_offer(r);
	if (meet_client_answer(&r->meet, r->now, r->ask, &r->own_offer, &start_at) < 0) {
		reach_set_state(r, REACH_WAITING, adit_time_add(r->now, REACH_NEXT_ROUND));
		return;
	}
	r->has_answered = true;
	reach_salvo_begin(&r->salvo, start_at);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_answer attempt=%u round=%u kind=%s start_in_ms=%u", r->attempt,
		   (unsigned)r->round, nat_kind_name(r->own.kind),
		   (unsigned)(adit_time_since(start_at, r->now) / ADIT_MS(1)));
	reach_punch(r, start_at);
}

/* Half of both round trips from now: the answer will have arrived. */
static adit_time start_guess(const struct reach *r)
{
	adit_dur rtt = ADIT_US((adit_dur)r->peer_offer.rtt) + meet_client_rtt(&r->meet, r->mediator);

	return adit_time_add(r->now, rtt / 2 < ADIT_SEC(2) ? rtt / 2 : ADIT_SEC(2));
}

/* The first offer goes out a round trip earlier where that costs nothing most of the time, and another one where not.
 */
static bool may_be_early(const struct reach *r)
{
	return r->cfg.role == MEET_CONNECT && r->round == 1 && !r->is_again;
}

/* Enough is known of the own side for an offer or an answer, or ever will be. */
static bool may_tell(const struct reach *r)
{
	bool is_measured = may_be_early(r) ? reach_measure_is_likely(r) : reach_measure_is_known(r);
	bool is_known = is_measured && !reach_mapped_is_awaited(r);

	return !r->is_held && (is_known || r->now >= r->ask_by) && reach_relay_may_go(r);
}

/* Openers at once, a window where one is called for, then the answer. */
static void answer_when_ready(struct reach *r)
{
	if (!may_tell(r))
		return;
	if (!r->has_agent) {
		reach_agent_start(r);
		if (!remote_set(r)) {
			reach_set_state(r, REACH_WAITING, ADIT_NEVER);
			return;
		}
		own_desc(r);
		reach_fire_plan(r, start_guess(r));
		if (is_window_wanted(r))
			reach_window_open(r, &r->peer_reflexive);
		else
			reach_openers_start(r);
		reach_fire_load(r, ADIT_NEVER);
	}
	if (!r->window.is_out || r->now >= r->ask_by)
		answer(r);
}

void reach_meet_tick(struct reach *r)
{
	if (r->cfg.role == MEET_SERVE && r->state == REACH_MEETING)
		answer_when_ready(r);
	else if (r->state == REACH_MEASURING && !r->window.is_out && may_tell(r))
		reach_offer(r);
	else if (r->state == REACH_MEETING && r->is_early && reach_measure_is_refuted(r))
		reach_round_again(r);
}

/* ---- events ---- */

/* Is it the address that was measured? Where each destination has a port of its own, the port says nothing. */
static bool is_as_measured(const struct reach_view *v, const struct adit_addr *mapped)
{
	if (v->kind == NAT_KIND_STEADY || v->kind == NAT_KIND_OPEN || v->kind == NAT_KIND_UNKNOWN)
		return adit_addr_eq(mapped, &v->reflexive);
	return adit_addr_eq_ip(mapped, &v->reflexive);
}

/* If not, the NAT was restarted, has another address, or the network is another one; or there was none before. */
static void on_held(struct reach *r, const struct adit_addr *mapped)
{
	unsigned f = reach_family_index(mapped->family);
	const struct reach_view *v = &r->measure.view[f];

	if (!reach_relay_is_via(r, f) && v->phase == REACH_PHASE_KNOWN && !is_as_measured(v, mapped))
		reach_measure_start(r, f);
}

void reach_meet_event(struct reach *r, const struct meet_event *ev)
{
	struct reach_event out = {.mediator = ev->mediator, .code = ev->code, .mapped = ev->mapped};

	switch (ev->kind) {
	case MEET_EVENT_HELD:
		out.kind = REACH_EVENT_HELD;
		reach_push(r, &out);
		on_held(r, &ev->mapped);
		break;
	case MEET_EVENT_LOST:
		out.kind = REACH_EVENT_LOST;
		reach_push(r, &out);
		break;
	case MEET_EVENT_ABSENT:
		out.code = MEET_CODE_ABSENT;
		r->refused_by[ev->mediator] = MEET_CODE_ABSENT;
		out.kind = REACH_EVENT_MEDIATOR;
		reach_push(r, &out);
		break;
	case MEET_EVENT_SILENT:
		r->refused_by[ev->mediator] = ev->code;
		out.kind = REACH_EVENT_MEDIATOR;
		reach_push(r, &out);
		break;
	case MEET_EVENT_RELAY:
		out.kind = REACH_EVENT_RELAY;
		out.relay = ev->relay;
		reach_push(r, &out);
		break;
	case MEET_EVENT_OFFER:
		r->ask_sock[ev->ask] = r->input_sock;
		on_offer(r, ev);
		break;
	case MEET_EVENT_ANSWER:
		on_answer(r, ev);
		break;
	}
}
