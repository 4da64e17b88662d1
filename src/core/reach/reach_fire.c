/* The plan of a round and its salvos: made, loaded, fired over the engine's sockets. */
#include "core/reach/reach_int.h"

/*
 * May the peer's address be searched in full (docs/rules.md 5)? Two independent servers have named it to the peer, the
 * user has typed it, or we have already heard from there: now, or in an earlier run.
 */
bool reach_is_trusted(const struct reach *r)
{
	const struct adit_addr *to = &r->peer.public;

	if (to->family == ADIT_FAMILY_NONE)
		to = &r->peer_reflexive;
	for (size_t i = 0; i < r->n_trusted; i++)
		if (adit_addr_eq_ip(&r->trusted[i], to))
			return true;
	if (r->heard_from.family != ADIT_FAMILY_NONE && adit_addr_eq_ip(&r->heard_from, to))
		return true;
	if (r->memory.peer_network.family != ADIT_FAMILY_NONE && adit_addr_eq_ip(&r->memory.peer_network, to))
		return true;
	return r->peer.public.family != ADIT_FAMILY_NONE && r->peer.witnesses >= 2 &&
	       (r->peer_reflexive.family == ADIT_FAMILY_NONE || adit_addr_eq_ip(&r->peer_reflexive, to));
}

/* What both sides need to the mediator and back; to each other rarely more. */
static adit_dur round_trips(const struct reach *r)
{
	return ADIT_US((adit_dur)r->peer_offer.rtt) + meet_client_rtt(&r->meet, r->mediator);
}

/* What was hit is asked again when an answer would have been there. */
void reach_fire_has_hit(struct reach *r)
{
	adit_dur rto = round_trips(r);

	rto = rto < REACH_RTO_MAX ? rto : REACH_RTO_MAX;
	if (r->plan.is_search)
		ice_agent_set_rto(&r->agent, rto > REACH_RTO ? rto : REACH_RTO);
}

/* Of what may go to addresses that are not trusted: within the minute, whichever they are. */
static unsigned untrusted_spent(const struct reach *r)
{
	return adit_time_since(r->now, r->untrusted_at) < ADIT_SEC(60) ? r->untrusted : 0;
}

/* |start_at|: as well as it can be told now. */
void reach_fire_plan(struct reach *r, adit_time start_at)
{
	const struct reach_view *v = &r->measure.view[0];
	/* Its description was as long on its way as half of both round trips to the mediator. */
	adit_dur way = round_trips(r) / 2;
	struct reach_plan_ask ask = {
		.role = r->cfg.role,
		.own = &r->own,
		.peer = &r->peer,
		.peer_reflexive = r->peer_reflexive,
		.trusted = reach_is_trusted(r),
		.spent = untrusted_spent(r),
		.round_trip = 2 * way,
		.last_way = r->cfg.role == MEET_CONNECT ? r->own.way : r->peer.way,
		.since_peer = ADIT_MS(r->peer.age) + way + adit_time_since(start_at, r->peer_at),
	};

	if (r->home[0] != REACH_NO_SOCK)
		ask.own_reflexive = v->reflexive;
	reach_plan_make(&ask, &r->plan);
	r->has_plan = true;
	adit_trace(
		r->cfg.log, ADIT_LOG_DECIDE,
		"reach_plan round=%u own=%s peer=%s way=%s salvos=%u search=%d trusted=%d capped=%d again=%d last=%d",
		(unsigned)r->round, nat_kind_name(r->own.kind), nat_kind_name(r->peer.kind), nat_way_name(r->plan.way),
		(unsigned)r->plan.n_salvos, r->plan.is_search, ask.trusted, r->plan.is_capped, r->plan.again_at_once,
		r->plan.is_last);
	r->was_capped |= r->plan.is_capped;
	r->is_trusted = ask.trusted;
	if (r->plan.is_search)
		ice_agent_set_rto(&r->agent, REACH_RTO_SEARCH);
}

void reach_fire_load(struct reach *r, adit_time start_at)
{
	r->is_loaded = reach_salvo_start(&r->salvo, r->now, start_at, &r->plan) == 0;
	r->was_refused |= !r->is_loaded;
	if (!r->is_loaded)
		adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_search_refused round=%u", (unsigned)r->round);
}

void reach_fire_stop(struct reach *r)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < r->salvo.n && r->is_loaded; i++) {
		struct reach_salvo_count c = reach_salvo_counts(&r->salvo, i);
		unsigned shots = r->salvo.run[i].spec.shots;

		r->was_refused |= c.refused > 0;
		sent += c.sent;
		r->stats.flows_refused += c.refused;
		r->stats.flows_opened += c.socks > 0 ? c.socks : c.sent < shots ? c.sent : shots;
	}
	if (!r->is_trusted && sent > 0) {
		r->untrusted = untrusted_spent(r) + sent;
		r->untrusted_at = r->now;
	}
	reach_salvo_stop(&r->salvo);
	r->is_loaded = false;
}

/* Kept ones that nobody took, too. */
void reach_fire_close(struct reach *r)
{
	reach_fire_stop(r);
	for (uint32_t i = 0; i < REACH_SOCKS_MAX; i++)
		reach_salvo_give_back(&r->salvo, i);
}

/* A socket of a salvo was heard on. */
void reach_fire_heard(struct reach *r, uint16_t slot)
{
	uint16_t index = r->socks[slot].index;

	reach_salvo_heard(&r->salvo, r->salvo.salvo_of[index]);
	(void)reach_salvo_keep(&r->salvo, index);
}

/* It is somebody else's, or was never opened. */
void reach_fire_lost(struct reach *r, uint16_t slot)
{
	uint16_t index = r->socks[slot].index;

	reach_salvo_sock_failed(&r->salvo, index);
	r->salvo_slot[index] = REACH_NO_SOCK;
}

static void shot_open(struct reach *r, const struct reach_shot *shot)
{
	uint16_t slot = reach_sock_open(r, REACH_USE_SALVO, ADIT_FAMILY_V4, 0);

	r->salvo_slot[shot->sock] = slot;
	if (slot == REACH_NO_SOCK)
		reach_salvo_sock_failed(&r->salvo, shot->sock);
	else
		r->socks[slot].index = (uint16_t)shot->sock;
}

static bool shot_send(struct reach *r, const struct reach_shot *shot, struct adit_out *ret_out)
{
	uint16_t slot = shot->from_home ? r->home[0] : r->salvo_slot[shot->sock];

	if (slot == REACH_NO_SOCK || r->socks[slot].state != REACH_SOCK_OPEN || !r->has_agent)
		return false;
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
				     .sock = reach_sock_number(r, slot),
				     .remote = shot->to,
				     .data = r->out,
				     .len = ice_agent_check(&r->agent, false, r->out),
				     .ttl = shot->is_low ? reach_low_ttl(r, ADIT_FAMILY_V4) : 0};
	r->stats.probes_sent++;
	r->stats.low_ttl_sent += ret_out->ttl != 0;
	return true;
}

int reach_fire_output(struct reach *r, struct adit_out *ret_out)
{
	struct reach_shot shot;

	while (reach_salvo_next(&r->salvo, r->now, &shot)) {
		switch (shot.kind) {
		case ADIT_OUT_OPEN:
			shot_open(r, &shot);
			if (reach_socks_output(r, ret_out))
				return 1;
			break;
		case ADIT_OUT_CLOSE:
			reach_sock_close(r, r->salvo_slot[shot.sock]);
			r->salvo_slot[shot.sock] = REACH_NO_SOCK;
			if (reach_socks_output(r, ret_out))
				return 1;
			break;
		case ADIT_OUT_SEND:
			if (shot_send(r, &shot, ret_out))
				return 1;
			break;
		}
	}
	return 0;
}

adit_time reach_fire_deadline(const struct reach *r)
{
	adit_time at = reach_salvo_deadline(&r->salvo);

	return at > r->now ? at : r->now;
}
