/* A round from its start to its end, and attempts of several. */
#include <string.h>

#include "core/reach/reach_int.h"

/* ---- before ---- */

static uint32_t seconds(const struct reach *r)
{
	return (uint32_t)((r->utc + (r->now - r->utc_at)) / ADIT_SEC(1));
}

void reach_attempt_start(struct reach *r)
{
	r->began_at = r->now;
	r->round = 0;
	r->verdict = REACH_VERDICT_NONE;
	r->has_peer = false;
	r->is_relay_valid = false;
	r->stats.attempts++;
	r->was_capped = r->was_refused = false;
	r->n_past = 0;
	memset(r->refused_by, 0, sizeof(r->refused_by));
	if (r->cfg.role == MEET_SERVE)
		return;
	/* Larger than what an earlier run of this machine may have used. */
	r->attempt = seconds(r) > r->attempt ? seconds(r) : r->attempt + 1;
	reach_window_close(r);
	reach_round_next(r);
}

static void round_begin(struct reach *r)
{
	r->stats.rounds++;
	r->has_peer = false;
	reach_homes_freshen(r);
	for (unsigned f = 0; f < 2; f++)
		if (r->is_spent[f])
			reach_home_renew(r, f);
	reach_homes_open(r);
	if (!r->window.is_open)
		reach_measure_again(r, 0);
	meet_client_prepare(&r->meet, r->now);
	reach_relay_begin(r);
	r->ask_by = adit_time_add(r->now, REACH_ASK_MAX);
	reach_set_state(r, REACH_MEASURING, ADIT_NEVER);
}

void reach_round_next(struct reach *r)
{
	reach_round_stop(r);
	r->round++;
	r->is_again = false;
	round_begin(r);
}

void reach_round_again(struct reach *r)
{
	reach_round_stop(r);
	r->is_again = true;
	round_begin(r);
}

static void add_base(struct reach *r, uint16_t slot, const struct adit_addr *host, enum ice_iface iface)
{
	struct adit_addr addr = adit_addr_with_port(*host, r->socks[slot].port);

	if (ice_agent_add_host(&r->agent, r->now, reach_sock_number(r, slot), &addr, iface) == 0)
		r->socks[slot].is_base = true;
}

void reach_agent_start(struct reach *r)
{
	struct ice_config cfg = {
		.role = r->cfg.role == MEET_CONNECT ? ICE_CONTROLLING : ICE_CONTROLLED,
		.crypto = r->cfg.crypto,
		.log = r->cfg.log,
		.rng = r->cfg.rng,
		.ta = REACH_TA,
		.rto_min = REACH_RTO,
		.allow_loopback = r->cfg.allow_loopback,
		.no_consent = true,
	};
	size_t n = 0;
	bool any[2] = {false, false};

	ice_agent_init(&r->agent, &cfg, r->now);
	r->has_agent = r->is_stirred = true;
	r->n_told = 0;
	r->heard_any = false;
	/* The best ones come first, whatever their family. */
	for (size_t i = 0; i < r->n_hosts && n < REACH_BASES_HOST; i++) {
		unsigned f = reach_family_index(r->hosts[i].addr.family);

		if (r->home[f] == REACH_NO_SOCK)
			continue;
		add_base(r, r->home[f], &r->hosts[i].addr, r->hosts[i].iface);
		any[f] = true;
		n++;
	}
	/* Nobody has said which addresses there are: the one that servers are talked to from. */
	for (unsigned f = 0; f < 2; f++)
		if (!any[f] && r->home[f] != REACH_NO_SOCK && r->measure.view[f].local.family != ADIT_FAMILY_NONE)
			add_base(r, r->home[f], &r->measure.view[f].local, ICE_IFACE_NORMAL);
	ice_agent_gather(&r->agent, r->now, false);
	reach_relay_add(r);
}

static bool is_public(const struct meet_cand *c)
{
	return c->type != ICE_RELAY && ice_candidate_is_public(&c->addr);
}

/* To each public candidate of the peer's, from |at| on. */
static void openers_load(struct reach *r, adit_time at, bool is_low)
{
	r->n_openers = 0;
	for (size_t i = 0; i < r->peer_offer.n_cands && r->n_openers < REACH_OPENERS_MAX; i++) {
		const struct meet_cand *c = &r->peer_offer.cands[i];

		if (is_public(c) && r->home[reach_family_index(c->addr.family)] != REACH_NO_SOCK)
			r->openers[r->n_openers++] = (struct reach_opener){
				.to = c->addr, .left = REACH_OPENER_SENDS, .is_low = is_low, .at = at};
	}
}

/*
 * The first round's. Routers may be neighbours, so that every opener arrives: in the second round both sides send full
 * packets at the very start instead, which cross on their way, and in the third one the peer goes first. A search has
 * its own, and one side of it has no port that the other could know.
 */
void reach_openers_start(struct reach *r)
{
	r->n_openers = 0;
	if (r->start == REACH_START_APART && r->plan.quiet == 0 && !r->plan.is_search)
		openers_load(r, r->now, true);
}

/* ---- both are known ---- */

static void meeting_tell(struct reach *r)
{
	reach_push(r, &(struct reach_event){
			      .kind = REACH_EVENT_MEETING,
			      .mediator = r->mediator,
			      .mapped = r->own.public,
			      .instance = r->peer.instance,
			      .own_kind = r->own.kind,
			      .peer_kind = r->peer.kind,
			      .way = r->plan.way,
			      .round = r->round,
		      });
}

/*
 * Who asked is loud from the start on: its answer has come, so the peer is there. The peer cannot know that it has: it
 * stays quiet until it hears us, for a while; not toward a peer that is open to all, where nothing can be spoilt.
 */
static adit_time loud_at(const struct reach *r)
{
	if (r->cfg.role == MEET_CONNECT || r->plan.quiet > 0)
		return adit_time_add(r->start_at, r->plan.quiet);
	if (r->start == REACH_START_LATER)
		return adit_time_add(r->start_at, REACH_LATER);
	/* Its packets come from a port that nobody knows: they take nothing, and may find the door open. */
	if (r->plan.n_salvos > 0 && r->plan.salvo[0].target == REACH_TO_ONE)
		return r->start_at;
	if (r->start == REACH_START_APART && r->peer.kind != NAT_KIND_OPEN && r->cfg.low_ttl &&
	    reach_ttl_is_known(r, ADIT_FAMILY_V4))
		return adit_time_add(r->start_at, REACH_QUIET);
	return r->start_at;
}

/*
 * How long from the start. Where checks alone are tried, the first round is over soon: what it finds it finds within a
 * few round trips, and the next one is for what it cannot.
 */
static adit_dur lasts_of(const struct reach *r)
{
	adit_dur rtts = ADIT_US((adit_dur)r->peer_offer.rtt) + meet_client_rtt(&r->meet, r->mediator);
	adit_dur lasts = REACH_ROUND_MIN + 2 * rtts;

	if (r->plan.n_salvos > 0 || r->window.is_open || r->plan.again_at_once || r->plan.keep_home || r->round > 1)
		return r->plan.lasts > REACH_ROUND_MAX ? r->plan.lasts : REACH_ROUND_MAX;
	return lasts < REACH_ROUND_MAX ? lasts : REACH_ROUND_MAX;
}

void reach_punch(struct reach *r, adit_time start_at)
{
	adit_dur lasts;

	r->measure.view[0].mark.port = 0; /* flows that nobody counts begin */
	r->start_at = start_at;
	r->loud_at = loud_at(r);
	r->is_loud = false;
	lasts = lasts_of(r);
	reach_set_state(r, REACH_PUNCHING, adit_time_add(start_at, lasts));
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_punch round=%u way=%s lasts_ms=%u quiet_ms=%u",
		   (unsigned)r->round, nat_way_name(r->plan.way), (unsigned)(lasts / ADIT_MS(1)),
		   (unsigned)(adit_time_since(r->loud_at, r->start_at) / ADIT_MS(1)));
	meeting_tell(r);
	reach_relay_open(r);
	if (r->start == REACH_START_CROSS && r->plan.quiet == 0)
		openers_load(r, start_at, false);
	reach_window_fire(r, start_at);
	if (r->cfg.role == MEET_CONNECT && r->plan.again_at_once && r->peer_reflexive.family != ADIT_FAMILY_NONE)
		reach_window_open(r, &r->peer_reflexive);
}

/* Between these two networks a way was punched last time: so its reflexive address is what most likely works. */
static bool was_punched(const struct reach *r)
{
	return r->cfg.role == MEET_CONNECT && r->memory.way == NAT_WAY_PUNCH && reach_is_remembered(r) &&
	       adit_addr_eq_ip(&r->memory.peer_network, &r->peer.public) &&
	       !adit_addr_eq_ip(&r->own.public, &r->peer.public);
}

void reach_remote_add(struct reach *r, size_t i)
{
	const struct meet_cand *m = &r->peer_offer.cands[i];
	struct ice_candidate c = {
		.component = 1, .type = (enum ice_type)m->type, .priority = m->priority, .addr = m->addr};

	if (m->type == ICE_HOST && ice_candidate_is_private(&m->addr) && was_punched(r))
		c.priority = 1; /* after the others */
	/* Each its own: all are checked at once, as there are few. */
	c.foundation[0] = (char)('A' + i % 26);
	c.foundation[1] = (char)('a' + i / 26);
	(void)!ice_agent_add_remote(&r->agent, r->now, &c);
}

/*
 * Who searches for the peer's ports leaves plain checks to the peer: these find whatever ours would, and what the peer
 * has named is not where it can be found. Not behind the same NAT. The peer needs none where the NAT of who searches is
 * known to filter; it could only take a tuple from the search.
 */
static bool is_hopeless(const struct reach *r, const struct meet_cand *c)
{
	if (!r->plan.is_search || !adit_addr_is_v4(&c->addr) || adit_addr_eq_ip(&r->own.public, &r->peer.public))
		return false;
	return r->plan.salvo[0].target == REACH_TO_RANDOM ||
	       (r->peer.is_filtered && adit_addr_eq(&c->addr, &r->peer_reflexive));
}

/* Checks from home toward all that the peer has named. */
static void be_loud(struct reach *r)
{
	r->is_loud = true;
	for (size_t i = 0; i < r->peer_offer.n_cands; i++) {
		if (r->peer_offer.cands[i].type >= ICE_RELAY || is_hopeless(r, &r->peer_offer.cands[i]))
			continue; /* relayed ones it has */
		reach_remote_add(r, i);
		reach_flow_note(r, 1);
	}
	ice_agent_end_remote(&r->agent, r->now);
}

static enum nat_way way_of(enum reach_how how)
{
	static const enum nat_way ways[] = {
		[REACH_HOW_LAN] = NAT_WAY_DIRECT,        [REACH_HOW_IPV6] = NAT_WAY_DIRECT,
		[REACH_HOW_DIRECT] = NAT_WAY_DIRECT,     [REACH_HOW_PUNCHED] = NAT_WAY_PUNCH,
		[REACH_HOW_PREDICTED] = NAT_WAY_PREDICT, [REACH_HOW_BLOCK] = NAT_WAY_BLOCK,
		[REACH_HOW_BIRTHDAY] = NAT_WAY_BIRTHDAY,
	};

	return ways[how];
}

/*
 * What is worth keeping for the next run: told when it is new. |way| UNKNOWN: nothing has worked. Of the peer's address
 * only that it was heard from there: an offer's word would make the next search one toward whatever a single server
 * named (docs/rules.md 5).
 */
static void learn(struct reach *r, enum nat_way way)
{
	const struct reach_view *v = &r->measure.view[0];
	struct reach_memory m = {
		.network = v->public,
		.kind = v->kind,
		.low_ttl = reach_ttl_is_known(r, ADIT_FAMILY_V4) ? nat_ttl_low(&v->ttl) : 0,
		.peer_network = r->heard_from.family != ADIT_FAMILY_NONE ? r->heard_from : r->memory.peer_network,
		.peer_kind = r->peer.kind,
		.way = way,
		.start = way != NAT_WAY_UNKNOWN ? r->start : 0,
	};
	struct reach_memory *old = &r->memory;

	if (m.network.family == ADIT_FAMILY_NONE)
		return;
	/* What has worked in one network will most likely work there again, whatever fails in others meanwhile. */
	if (way == NAT_WAY_UNKNOWN && old->way != NAT_WAY_UNKNOWN && !adit_addr_eq_ip(&old->network, &m.network))
		return;
	if (v->ttl.state != NAT_TTL_KNOWN && adit_addr_eq_ip(&old->network, &m.network))
		m.low_ttl = old->low_ttl;
	if (adit_addr_eq_ip(&old->network, &m.network) && adit_addr_eq_ip(&old->peer_network, &m.peer_network) &&
	    old->kind == m.kind && old->low_ttl == m.low_ttl && old->peer_kind == m.peer_kind &&
	    ((old->way == m.way && old->start == m.start) || way == NAT_WAY_UNKNOWN))
		return;
	m.at = r->utc + (r->now - r->utc_at);
	*old = r->learnt = m;
	reach_push(r, &(struct reach_event){.kind = REACH_EVENT_LEARNT, .memory = &r->learnt});
}

void reach_round_won(struct reach *r, const struct ice_account *a, enum reach_how how)
{
	if (r->state != REACH_PUNCHING && r->state != REACH_MEETING && r->state != REACH_WAITING)
		return;
	adit_trace(r->cfg.log, ADIT_LOG_INFO, "reach_won round=%u way=%s sock=%u", (unsigned)r->round,
		   nat_way_name(r->plan.way), (unsigned)a->sock);
	r->pause = REACH_PAUSE;
	learn(r, way_of(how));
	r->n_openers = 0;
	reach_fire_stop(r);
	reach_window_hold(r);
	for (unsigned f = 0; f < 2; f++)
		r->is_spent[f] = false;
	reach_set_state(r, REACH_DONE, adit_time_add(r->now, REACH_SETTLE));
}

/* ---- the end ---- */

/* But for the one that an offer has just come in on: its answer has to leave from there. */
static void old_homes_close(struct reach *r)
{
	for (uint16_t i = 0; i < REACH_SOCK_SLOTS; i++)
		if (r->socks[i].use == REACH_USE_OLD && reach_sock_number(r, i) != r->input_sock)
			reach_sock_close(r, i);
}

void reach_round_stop(struct reach *r)
{
	r->n_openers = 0;
	if (r->has_agent) {
		reach_account_keep(r);
		ice_agent_done(&r->agent);
	}
	reach_fire_close(r);
	r->has_agent = r->has_plan = false;
	r->n_told = 0;
	for (size_t i = 0; i < REACH_SOCK_SLOTS; i++)
		r->socks[i].is_base = false;
	old_homes_close(r);
	if (r->cfg.role == MEET_SERVE)
		reach_window_close(r);
}

void reach_attempt_failed(struct reach *r, enum reach_verdict verdict)
{
	bool is_cheap = verdict == REACH_VERDICT_ABSENT || verdict == REACH_VERDICT_NO_MEDIATOR ||
			verdict == REACH_VERDICT_UNANSWERED;
	adit_dur pause = is_cheap ? REACH_PAUSE_ABSENT : r->pause;

	if (!is_cheap && r->has_plan && r->plan.is_search && pause < REACH_PAUSE_SEARCH)
		pause = REACH_PAUSE_SEARCH;
	r->verdict = verdict;
	adit_trace(r->cfg.log, ADIT_LOG_INFO, "reach_failed verdict=%s rounds=%u took_ms=%u",
		   reach_verdict_name(verdict), (unsigned)r->round,
		   (unsigned)(adit_time_since(r->now, r->began_at) / ADIT_MS(1)));
	if (r->has_peer)
		learn(r, NAT_WAY_UNKNOWN);
	reach_push(r, &(struct reach_event){
			      .kind = REACH_EVENT_FAILED,
			      .how = r->is_relay_valid ? REACH_HOW_RELAYED : REACH_HOW_DIRECT,
			      .verdict = verdict,
			      .instance = r->peer.instance,
			      .own_kind = r->own.kind,
			      .peer_kind = r->peer.kind,
			      .way = r->plan.way,
			      .round = r->round,
			      .took = adit_time_since(r->now, r->began_at),
		      });
	if (r->cfg.role == MEET_SERVE) {
		reach_round_stop(r);
		reach_set_state(r, REACH_WAITING, ADIT_NEVER);
		return;
	}
	reach_round_stop(r);
	reach_window_close(r);
	meet_client_stop(&r->meet); /* nobody is to answer an offer whose credentials are gone */
	if (!is_cheap)
		r->pause = 2 * r->pause < REACH_PAUSE_MAX ? 2 * r->pause : REACH_PAUSE_MAX;
	r->rest_at = r->now;
	reach_set_state(r, REACH_RESTING, adit_time_add(r->now, pause));
}

void reach_round_spend(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++) {
		r->is_spent[f] = !r->plan.keep_home;
		nat_ttl_failed(&r->measure.view[f].ttl);
	}
}

/* Nothing came of it. */
static void round_failed(struct reach *r)
{
	/* One that could not carry a check for as long as a search lasts is dead, and the next search has no flows
	 * left. */
	bool wants_relay = !r->plan.is_search && reach_relay_wants_round(r);

	reach_fire_stop(r);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_round_failed round=%u heard=%d", (unsigned)r->round,
		   r->heard_any);
	reach_round_spend(r);
	reach_window_close(r);
	if (r->round >= REACH_ROUNDS || (r->plan.is_last && !wants_relay)) {
		reach_attempt_failed(r, reach_verdict_of(r));
		return;
	}
	if (r->cfg.role == MEET_CONNECT) {
		reach_round_next(r);
		return;
	}
	/* Ready for the next offer, and still listening where the peer may be late. */
	for (unsigned f = 0; f < 2; f++)
		if (r->is_spent[f])
			reach_home_renew(r, f);
	reach_set_state(r, REACH_WAITING, adit_time_add(r->now, REACH_NEXT_ROUND));
}

static void state_over(struct reach *r)
{
	switch (r->state) {
	case REACH_PUNCHING:
		round_failed(r);
		break;
	case REACH_MEETING:
		if (r->cfg.role == MEET_CONNECT)
			reach_attempt_failed(r, reach_verdict_of(r));
		else
			reach_set_state(r, REACH_WAITING, ADIT_NEVER);
		break;
	case REACH_WAITING: /* serve: no further round came */
		reach_attempt_failed(r, reach_verdict_of(r));
		break;
	case REACH_DONE:
		reach_settled(r);
		break;
	case REACH_RESTING:
		reach_attempt_start(r);
		break;
	case REACH_MEASURING: /* nobody has wanted what was held ready */
		reach_rest(r, r->now);
		break;
	case REACH_IDLE:
		break;
	}
}

/* After a success nobody needs what was not taken. */
void reach_settled(struct reach *r)
{
	reach_round_stop(r);
	reach_window_close(r);
	if (r->cfg.role == MEET_SERVE) {
		reach_set_state(r, REACH_WAITING, ADIT_NEVER);
		return;
	}
	reach_measure_stop(r);
	reach_mapped_close(r);
	for (unsigned f = 0; f < 2; f++) {
		reach_home_close(r, f);
		r->via[f].asked_at = ADIT_NEVER; /* nobody hears an answer any more */
	}
	reach_set_state(r, REACH_DONE, ADIT_NEVER);
}

/* The window that the next round's offer will tell of is open, or will not be. */
static void window_tick(struct reach *r)
{
	if (r->state == REACH_PUNCHING && r->plan.again_at_once && r->cfg.role == MEET_CONNECT && !r->window.is_out &&
	    r->round < REACH_ROUNDS)
		reach_round_next(r);
}

void reach_round_tick(struct reach *r)
{
	if (r->state == REACH_PUNCHING && !r->is_loud && (r->now >= r->loud_at || r->heard_any))
		be_loud(r);
	window_tick(r);
	if (r->now >= r->state_until) {
		if (r->state == REACH_PUNCHING && r->heard_any && !r->was_extended) {
			r->was_extended = true;
			r->state_until = adit_time_add(r->now, REACH_ROUND_MORE);
			return;
		}
		state_over(r);
	}
}

adit_time reach_round_deadline(const struct reach *r)
{
	adit_time at = r->state_until;

	if (r->state == REACH_PUNCHING && !r->is_loud)
		at = adit_time_min(at, r->loud_at);
	if (r->state == REACH_MEASURING || (r->state == REACH_MEETING && r->cfg.role == MEET_SERVE))
		at = adit_time_min(at,
				   reach_relay_may_go(r) && !r->is_held ? r->ask_by : ADIT_NEVER); /* its own time */
	for (size_t i = 0; i < r->n_openers; i++)
		if (r->openers[i].left > 0)
			at = adit_time_min(at, r->openers[i].at);
	return at;
}

int reach_round_output(struct reach *r, struct adit_out *ret_out)
{
	for (size_t i = 0; i < r->n_openers; i++) {
		struct reach_opener *o = &r->openers[i];
		uint16_t home = r->home[reach_family_index(o->to.family)];

		if (o->left == 0 || r->now < o->at)
			continue;
		o->left--;
		o->at = adit_time_add(r->now, REACH_OPENER_STEP);
		if (home == REACH_NO_SOCK || !r->has_agent)
			continue;
		if (o->left + 1 == REACH_OPENER_SENDS && !reach_flow_take(r, 1)) {
			o->left = 0;
			continue;
		}
		*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
					     .sock = reach_sock_number(r, home),
					     .remote = o->to,
					     .data = r->out,
					     .len = ice_agent_check(&r->agent, false, r->out),
					     .ttl = o->is_low ? reach_low_ttl(r, o->to.family) : 0};
		r->stats.probes_sent++;
		r->stats.low_ttl_sent += ret_out->ttl != 0;
		return 1;
	}
	return 0;
}
