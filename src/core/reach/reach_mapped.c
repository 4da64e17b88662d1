/* A port that the router forwards (reach_mapped.h): its socket, its candidate, and whether it works. */
#include "core/ice/ice_candidate.h"
#include "core/reach/reach_int.h"

void reach_mapped_init(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		r->mapped[f] = (struct reach_mapped){.try_at = ADIT_NEVER};
}

/* Whatever listens there: a socket of its own, home, or what was home and is a path's now. */
static uint16_t slot_of(const struct reach *r, unsigned family)
{
	for (uint16_t i = 0; i < REACH_SOCK_SLOTS; i++) {
		const struct reach_sock *s = &r->socks[i];

		if (s->port == r->mapped[family].map.port && reach_family_index(s->family) == family &&
		    (s->state == REACH_SOCK_WANTED || s->state == REACH_SOCK_OPEN || s->state == REACH_SOCK_TAKEN))
			return i;
	}
	return REACH_NO_SOCK;
}

void reach_mapped_open(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->mapped[f].is_set && r->home[f] != REACH_NO_SOCK && slot_of(r, f) == REACH_NO_SOCK)
			(void)reach_sock_open(r, REACH_USE_MAPPED, reach_family_of(f), r->mapped[f].map.port);
}

void reach_mapped_close(struct reach *r)
{
	for (uint16_t i = 0; i < REACH_SOCK_SLOTS; i++)
		if (r->socks[i].use == REACH_USE_MAPPED)
			reach_sock_close(r, i);
}

/* ---- what others are told ---- */

/* Family NONE: there is none that is worth telling. */
struct adit_addr reach_mapped_external(const struct reach *r, unsigned family)
{
	static const struct adit_addr none;
	const struct reach_mapped *m = &r->mapped[family];
	const struct reach_view *v = &r->measure.view[family];

	if (!m->is_set || m->state == REACH_MAPPED_DEAD || slot_of(r, family) == REACH_NO_SOCK)
		return none;
	if (!adit_addr_is_any(&m->map.external))
		return m->map.external;
	if (v->public.family == ADIT_FAMILY_NONE)
		return none;
	return adit_addr_with_port(v->public, m->map.external.port);
}

bool reach_mapped_is_open(const struct reach *r)
{
	return r->mapped[0].state == REACH_MAPPED_PROVEN && reach_mapped_external(r, 0).family != ADIT_FAMILY_NONE;
}

/* ---- whether it works ---- */

static void try_later(struct reach *r, unsigned family, adit_dur after)
{
	r->mapped[family].phase = REACH_MAPPED_REST;
	r->mapped[family].try_at = adit_time_add(r->now, after);
}

static void found(struct reach *r, unsigned family, enum reach_mapped_state state)
{
	struct reach_mapped *m = &r->mapped[family];
	bool is_news = m->state != state;
	char text[ADIT_ADDR_STRLEN];

	m->state = state;
	m->silent = 0;
	try_later(r, family, REACH_MAPPED_AGAIN);
	if (!is_news)
		return;
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_mapped port=%u external=%s works=%d", (unsigned)m->map.port,
		   adit_addr_format(&m->map.external, text), state == REACH_MAPPED_PROVEN);
	reach_push(r, &(struct reach_event){.kind = REACH_EVENT_MAPPED,
					    .mapped = m->map.external,
					    .works = state == REACH_MAPPED_PROVEN});
}

void reach_set_mapped(struct reach *r, adit_time now, enum adit_family family, const struct reach_mapping *map)
{
	unsigned f = reach_family_index((uint8_t)family);
	struct reach_mapped *m = &r->mapped[f];

	reach_set_now(r, now);
	if (map && m->is_set && m->map.port == map->port && adit_addr_eq(&m->map.external, &map->external))
		return;
	if (m->is_set && (!map || m->map.port != map->port)) {
		uint16_t slot = slot_of(r, f);

		if (slot != REACH_NO_SOCK && r->socks[slot].use == REACH_USE_MAPPED)
			reach_sock_close(r, slot);
	}
	*m = (struct reach_mapped){.is_set = map != NULL, .try_at = map ? now : ADIT_NEVER};
	if (!map)
		return;
	m->map = *map;
	if (r->state != REACH_IDLE)
		reach_mapped_open(r);
	/* What has failed without it may succeed now. */
	if (r->state == REACH_RESTING)
		r->state_until = now;
	reach_step(r);
}

/* Does |a|, the address a server names, fit? Else it would answer to somewhere else: its word says nothing. */
static bool is_seen_there(const struct reach_mapped *m, const struct adit_addr *a)
{
	return adit_addr_is_any(&m->map.external) || adit_addr_eq_ip(&m->map.external, a);
}

/* Who is to hear must never have asked: its own flow to the server would let the answer in. So home tells nothing. */
static uint16_t asker_of(const struct reach *r, unsigned family)
{
	uint16_t home = r->home[family];
	uint16_t slot = slot_of(r, family);

	if (home == REACH_NO_SOCK || slot == REACH_NO_SOCK || r->socks[home].state != REACH_SOCK_OPEN ||
	    r->socks[slot].use != REACH_USE_MAPPED)
		return REACH_NO_SOCK;
	return home;
}

static size_t next_dest(const struct reach *r, unsigned family)
{
	size_t n = r->measure.n_dests;

	for (size_t k = 1; k <= n; k++) {
		size_t i = (r->mapped[family].dest + k) % n;

		if (reach_dest_is_of(&r->measure.dest[i], family) && r->measure.dest[i].has_answered)
			return i;
	}
	return REACH_DESTS_MAX;
}

static void begin(struct reach *r, unsigned family)
{
	struct reach_mapped *m = &r->mapped[family];
	uint16_t asker = asker_of(r, family);
	size_t dest = next_dest(r, family);

	if (asker == REACH_NO_SOCK || dest == REACH_DESTS_MAX ||
	    !reach_measure_ask(r, REACH_TAG_MAPPED, family, 0, asker, &r->measure.dest[dest].addr)) {
		try_later(r, family, REACH_MAPPED_RETRY);
		return;
	}
	m->dest = (uint8_t)dest;
	m->phase = REACH_MAPPED_ASK;
	m->try_at = ADIT_NEVER;
	m->wait_until = m->silent == 0 ? adit_time_add(r->now, REACH_MAPPED_WAIT) : 0;
}

static void knock(struct reach *r, unsigned family, const struct stun_binding *b)
{
	struct reach_mapped *m = &r->mapped[family];
	uint16_t asker = asker_of(r, family);
	struct stun_ask ask = {.tag = reach_measure_tag(REACH_TAG_MAPPED, family, 1),
			       .to = r->measure.dest[m->dest].addr,
			       .sends = REACH_ASK_SENDS,
			       .last_wait = REACH_ASK_LAST,
			       .any_source = true,
			       .with_cookie = true,
			       .cookie = b->has_cookie ? b->cookie : NULL};

	if (asker == REACH_NO_SOCK) {
		try_later(r, family, REACH_MAPPED_RETRY);
		return;
	}
	ask.sock = reach_sock_number(r, asker);
	if (stun_client_bind(&r->measure.client, r->now, &ask, 0, m->map.external.port) < 0) {
		try_later(r, family, REACH_MAPPED_RETRY);
		return;
	}
	r->stats.questions_sent++;
	m->has_cookie = b->has_cookie;
	m->phase = REACH_MAPPED_KNOCK;
}

/* Only a server that gives cookies is known to do as it was asked: with others silence means nothing. */
static void not_heard(struct reach *r, unsigned family)
{
	struct reach_mapped *m = &r->mapped[family];

	if (!m->has_cookie)
		try_later(r, family, REACH_MAPPED_RETRY);
	else if (++m->silent >= REACH_MAPPED_SILENT)
		found(r, family, REACH_MAPPED_DEAD);
	else
		try_later(r, family, 0);
}

void reach_mapped_answered(struct reach *r, unsigned family, unsigned index, const struct stun_result *res,
			   const struct stun_binding *b)
{
	struct reach_mapped *m = &r->mapped[family];
	uint16_t slot = slot_of(r, family);

	if (!m->is_set || slot == REACH_NO_SOCK || m->phase != (index == 0 ? REACH_MAPPED_ASK : REACH_MAPPED_KNOCK))
		return; /* of a try before, which reach_mapped_again() has ended */
	if (m->phase == REACH_MAPPED_ASK) {
		if (b && is_seen_there(m, &b->mapped))
			knock(r, family, b);
		else
			try_later(r, family, b ? REACH_MAPPED_AGAIN : REACH_MAPPED_RETRY);
	} else if (b && res->sock == reach_sock_number(r, slot)) {
		found(r, family, REACH_MAPPED_PROVEN);
	} else if (res->end == STUN_END_TIMEOUT) {
		not_heard(r, family);
	} else {
		try_later(r, family, REACH_MAPPED_RETRY); /* it does not know RESPONSE-PORT */
	}
}

/* A peer's check where we have sent nothing to: only the mapping can have let it in. */
void reach_mapped_heard(struct reach *r, const struct ice_account *a)
{
	unsigned f = reach_family_index(a->remote.family);
	uint16_t slot = reach_sock_find(r, a->sock);

	if (!r->mapped[f].is_set || slot == REACH_NO_SOCK || r->socks[slot].port != r->mapped[f].map.port ||
	    a->sent > 0 || adit_addr_is_private(&a->remote) || adit_addr_is_link_local(&a->remote) ||
	    adit_addr_is_loopback(&a->remote))
		return;
	found(r, f, REACH_MAPPED_PROVEN);
}

/* The network may be another one: what was found counts no more. */
void reach_mapped_again(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->mapped[f].is_set)
			try_later(r, f, 0);
}

void reach_mapped_tick(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->now >= r->mapped[f].try_at)
			begin(r, f);
}

/* IPv4's alone: there is nothing to be searched for with IPv6. */
bool reach_mapped_is_awaited(const struct reach *r)
{
	const struct reach_mapped *m = &r->mapped[0];
	enum nat_kind kind = r->measure.view[0].kind;

	if (!m->is_set || m->state != REACH_MAPPED_UNTRIED || kind == NAT_KIND_STEADY || kind == NAT_KIND_OPEN)
		return false;
	return m->phase == REACH_MAPPED_REST ? r->now >= m->try_at : r->now < m->wait_until;
}

adit_time reach_mapped_deadline(const struct reach *r)
{
	adit_time at = adit_time_min(r->mapped[0].try_at, r->mapped[1].try_at);

	return r->mapped[0].phase != REACH_MAPPED_REST && reach_mapped_is_awaited(r)
		       ? adit_time_min(at, r->mapped[0].wait_until)
		       : at;
}
