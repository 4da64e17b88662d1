#include "core/reach/reach_measure.h"

#include <string.h>

#include "core/reach/reach_int.h"
#include "core/stun/stun_attr.h"

/* A question's tag: what it is, of which family, which one. */
#define TAG_KIND(tag)   ((enum reach_tag)((tag) >> 16))
#define TAG_FAMILY(tag) (((tag) >> 8) & 1u)
#define TAG_INDEX(tag)  ((tag)&0xffu)

#define TTL_THROUGH 2u /* a question with less ends at the NAT, before it has a port */

void reach_measure_init(struct reach *r)
{
	struct reach_measure *m = &r->measure;

	stun_client_init(&m->client, &r->cfg.rng, m->slot, REACH_ASK_SLOTS);
	for (unsigned f = 0; f < 2; f++) {
		struct reach_view *v = &m->view[f];

		*v = (struct reach_view){.burst_at = ADIT_NEVER,
					 .burst_until = ADIT_NEVER,
					 .first_at = ADIT_NEVER,
					 .second_at = ADIT_NEVER,
					 .asked_at = ADIT_NEVER,
					 .ttl_sock = REACH_NO_SOCK,
					 .filter_sock = REACH_NO_SOCK};
		for (size_t i = 0; i < REACH_SAMPLES; i++)
			v->sample_sock[i] = REACH_NO_SOCK;
		nat_ttl_init(&v->ttl);
	}
}

/* Servers at one address are one witness, whoever told of them. */
static int dest_add(struct reach *r, const struct adit_addr *addr, size_t witness)
{
	struct reach_measure *m = &r->measure;

	for (size_t i = 0; i < m->n_dests; i++) {
		if (adit_addr_eq(&m->dest[i].addr, addr))
			return ADIT_EIGNORED;
		if (adit_addr_eq_ip(&m->dest[i].addr, addr))
			witness = m->dest[i].witness;
	}
	if (m->n_dests == REACH_DESTS_MAX)
		return ADIT_EFULL;
	m->dest[m->n_dests] = (struct reach_dest){.addr = *addr, .witness = (uint8_t)witness};
	return (int)m->n_dests++;
}

static bool names(const struct reach *r, const struct adit_addr *who, const struct adit_addr *whom)
{
	for (size_t i = 0; i < r->measure.n_dests; i++)
		if (adit_addr_eq_ip(&r->measure.dest[i].addr, who) && adit_addr_eq_ip(&r->measure.dest[i].other, whom))
			return true;
	return false;
}

/* Each says so of the other: the word of one alone would take away a server that has nothing to do with it. */
static bool are_twins(const struct reach *r, const struct adit_addr *a, const struct adit_addr *b)
{
	return names(r, a, b) && names(r, b, a);
}

/* What others told of is known from a better source now: it is a witness of its own, unless both are one server. */
static bool witness_free(struct reach *r, const struct adit_addr *addr)
{
	struct reach_measure *m = &r->measure;
	size_t own = REACH_DESTS_MAX;

	for (size_t i = 0; i < m->n_dests; i++) {
		const struct adit_addr *speaker = &m->dest[m->dest[i].witness].addr;

		if (!adit_addr_eq_ip(&m->dest[i].addr, addr) || adit_addr_eq_ip(speaker, addr) ||
		    are_twins(r, addr, speaker))
			continue;
		if (own == REACH_DESTS_MAX)
			own = i;
		m->dest[i].witness = (uint8_t)own;
	}
	return own != REACH_DESTS_MAX;
}

int reach_measure_add(struct reach *r, const struct adit_addr *addr)
{
	bool is_freed = witness_free(r, addr);
	int n = dest_add(r, addr, r->measure.n_dests);

	return n == ADIT_EIGNORED && is_freed ? 0 : n;
}

/* ---- questions ---- */

uint32_t reach_measure_tag(enum reach_tag tag, unsigned family, unsigned index)
{
	return (uint32_t)tag << 16 | family << 8 | index;
}

bool reach_measure_ask(struct reach *r, enum reach_tag tag, unsigned family, unsigned index, uint16_t slot,
		       const struct adit_addr *to)
{
	struct stun_client *c = &r->measure.client;
	bool is_known = stun_client_rto(c, r->now, to) != STUN_RTO;
	struct stun_ask ask = {
		.sock = reach_sock_number(r, slot),
		.tag = reach_measure_tag(tag, family, index),
		.to = *to,
		.rto = is_known ? 0 : REACH_ASK_RTO,
		.sends = REACH_ASK_SENDS,
		.last_wait = REACH_ASK_LAST,
	};
	struct stun_build b;
	struct stun_tx *tx;

	if (tag == REACH_TAG_SAMPLE || tag == REACH_TAG_WINDOW || tag == REACH_TAG_FILTER)
		ask.sends = REACH_SAMPLE_SENDS;
	if (tag == REACH_TAG_TTL) {
		ask.ttl = (uint8_t)index;
		ask.sends = 1;
	}
	ask.any_source = tag == REACH_TAG_FILTER;
	if (stun_client_begin(c, &ask, STUN_BINDING, &b, &tx) < 0)
		return false;
	if (tag == REACH_TAG_FILTER)
		stun_build_u32(&b, STUN_ATTR_CHANGE_REQUEST, STUN_CHANGE_PORT);
	stun_build_flag(&b, STUN_ATTR_ADIT_COOKIE);
	if (stun_client_send(c, r->now, tx, &b) < 0)
		return false;
	r->stats.questions_sent++;
	return true;
}

static void ask_home(struct reach *r, unsigned family, size_t dest)
{
	struct reach_dest *d = &r->measure.dest[dest];

	d->is_dead = false;
	if (d->asked_from != reach_sock_number(r, r->home[family])) {
		d->asked_from = reach_sock_number(r, r->home[family]);
		d->mark = (struct reach_mark){.flows = ++r->measure.view[family].flows, .at = r->now};
		reach_flow_note(r, 1);
	}
	d->is_out = reach_measure_ask(r, REACH_TAG_HOME, family, (unsigned)dest, r->home[family], &d->addr);
}

/* Once in a network, of the first servers. A port of the user's may be forwarded, which a fresh socket's is not. */
static void ask_filter(struct reach *r, size_t dest)
{
	struct reach_dest *d = &r->measure.dest[dest];
	struct reach_view *v = &r->measure.view[0];

	if (reach_home_pinned(r, 0) != 0 || d->filter_asked || !adit_addr_is_v4(&d->addr) || dest != d->witness ||
	    v->filter_out == REACH_FILTER_ASKS)
		return;
	if (v->filter_sock == REACH_NO_SOCK)
		v->filter_sock = reach_sock_open(r, REACH_USE_FILTER, ADIT_FAMILY_V4, 0);
	if (v->filter_sock == REACH_NO_SOCK ||
	    !reach_measure_ask(r, REACH_TAG_FILTER, 0, (unsigned)dest, v->filter_sock, &d->addr))
		return;
	d->filter_asked = true;
	v->filter_out++;
	v->flows++;
	reach_flow_note(r, 1);
}

static void filter_close(struct reach *r)
{
	struct reach_view *v = &r->measure.view[0];

	reach_sock_close(r, v->filter_sock);
	v->filter_sock = REACH_NO_SOCK;
	v->filter_out = 0;
}

static void filter_answered(struct reach *r, const struct stun_result *res, bool good)
{
	struct reach_view *v = &r->measure.view[0];

	if (good && adit_addr_eq(&res->from, &res->to))
		r->measure.dest[TAG_INDEX(res->tag)].has_twin = false; /* it says so, and has none */
	else if (good)
		v->is_let_in = true;
	if (v->filter_out > 0 && --v->filter_out == 0)
		filter_close(r);
}

/* Who can answer from elsewhere was asked to, and what was asked of home at that time was answered some time ago. */
bool reach_measure_is_filtered(const struct reach *r)
{
	for (size_t i = 0; i < r->measure.n_dests && !r->measure.view[0].is_let_in; i++) {
		const struct reach_dest *d = &r->measure.dest[i];

		if (d->filter_asked && d->has_twin && d->has_answered &&
		    adit_time_since(r->now, d->answered_at) >= REACH_FILTER_WAIT)
			return true;
	}
	return false;
}

void reach_measure_start(struct reach *r, unsigned family)
{
	struct reach_measure *m = &r->measure;
	struct reach_view *v = &m->view[family];
	bool any = false;

	if (r->home[family] == REACH_NO_SOCK)
		return;
	stun_client_cancel_sock(&m->client, reach_sock_number(r, r->home[family]));
	for (size_t i = 0; i < m->n_dests; i++) {
		if (!reach_dest_is_of(&m->dest[i], family))
			continue;
		m->dest[i].has_answered = false;
		ask_home(r, family, i);
		any = true;
	}
	for (size_t i = 0; i < m->n_dests && family == 0; i++)
		ask_filter(r, i);
	v->phase = any ? REACH_PHASE_ASK : REACH_PHASE_KNOWN;
	v->asked_at = r->now;
	v->first_at = v->second_at = ADIT_NEVER;
	v->is_early = false;
	v->reflexive = (struct adit_addr){0};
	if (!any)
		v->kind = NAT_KIND_UNKNOWN;
}

void reach_burst_close(struct reach *r, struct reach_view *v)
{
	for (size_t i = 0; i < REACH_SAMPLES; i++) {
		if (v->sample_sock[i] != REACH_NO_SOCK)
			reach_sock_close(r, v->sample_sock[i]);
		v->sample_sock[i] = REACH_NO_SOCK;
	}
	v->burst_at = v->burst_until = ADIT_NEVER;
}

void reach_burst_start(struct reach *r, struct reach_view *v, unsigned n)
{
	reach_burst_close(r, v);
	v->phase = REACH_PHASE_BURST;
	v->n_wanted = n;
	v->n_sent = v->n_ended = 0;
	v->sample_flows = v->flows;
	v->flows += n;
	v->burst_at = r->now;
	memset(v->sample, 0, sizeof(v->sample));
}

void reach_measure_forget(struct reach *r)
{
	struct reach_measure *m = &r->measure;

	for (unsigned f = 0; f < 2; f++) {
		nat_ttl_init(&m->view[f].ttl);
		m->view[f].mark.port = 0;
		m->view[f].foreign_seen = 0;
		m->view[f].foreign_took = 0;
	}
	m->view[0].is_let_in = false;
	for (size_t i = 0; i < m->n_dests; i++) {
		m->dest[i].asked_from = 0;
		m->dest[i].filter_asked = false;
	}
}

void reach_measure_again(struct reach *r, unsigned family)
{
	struct reach_view *v = &r->measure.view[family];

	if (v->phase == REACH_PHASE_KNOWN && v->kind == NAT_KIND_SEQUENTIAL)
		reach_burst_start(r, v, v->ports.jumps ? REACH_SAMPLES : REACH_SAMPLES_AGAIN);
}

void reach_measure_stop(struct reach *r)
{
	struct reach_measure *m = &r->measure;

	for (unsigned f = 0; f < 2; f++) {
		reach_burst_close(r, &m->view[f]);
		m->view[f].phase = REACH_PHASE_REST;
		reach_sock_close(r, m->view[f].ttl_sock);
		m->view[f].ttl_sock = REACH_NO_SOCK;
	}
	filter_close(r);
	for (size_t i = 0; i < REACH_ASK_SLOTS; i++)
		m->slot[i].state = STUN_TX_FREE;
	for (size_t i = 0; i < m->n_dests; i++)
		m->dest[i].is_out = false;
}

/* What is asked through the relay is silent from home: nobody waits for it. */
static bool is_asked(const struct reach *r, unsigned f)
{
	return r->home[f] != REACH_NO_SOCK && !reach_relay_is_via(r, f);
}

bool reach_measure_is_known(const struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (is_asked(r, f) && r->measure.view[f].phase != REACH_PHASE_KNOWN)
			return false;
	return true;
}

bool reach_measure_is_likely(const struct reach *r)
{
	for (unsigned f = 0; f < 2; f++) {
		const struct reach_view *v = &r->measure.view[f];

		if (is_asked(r, f) && v->phase != REACH_PHASE_KNOWN && !(v->phase == REACH_PHASE_ASK && v->is_early))
			return false;
	}
	return true;
}

bool reach_measure_is_refuted(const struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->measure.view[f].is_early && r->measure.view[f].phase == REACH_PHASE_BURST)
			return true;
	return false;
}

/* ---- answers ---- */

/* An address that a server on the other side of all our NATs cannot see. */
static bool is_nonsense(const struct adit_addr *mapped, const struct adit_addr *server)
{
	if (mapped->family != server->family || mapped->port == 0 || adit_addr_is_any(mapped) ||
	    adit_addr_is_multicast(mapped))
		return true;
	return adit_addr_is_loopback(mapped) && !adit_addr_is_loopback(server);
}

/* Who was named by both addresses is one witness all the same. */
static void merge_witnesses(struct reach *r, size_t dest)
{
	struct reach_measure *m = &r->measure;

	for (size_t i = 0; i < m->n_dests; i++) {
		uint8_t a = m->dest[i].witness;
		uint8_t b = m->dest[dest].witness;

		if (a == b || !are_twins(r, &m->dest[i].addr, &m->dest[dest].addr))
			continue;
		for (size_t k = 0; k < m->n_dests; k++)
			if (m->dest[k].witness == a || m->dest[k].witness == b)
				m->dest[k].witness = a < b ? a : b;
	}
}

/* Other addresses of a server that has just answered, each asked too. */
static void add_twins(struct reach *r, unsigned family, size_t dest, const struct adit_addr *other)
{
	struct adit_addr from = r->measure.dest[dest].addr;
	struct adit_addr more[2] = {*other, adit_addr_with_port(from, other->port)};

	for (size_t i = 0; i < 2; i++) {
		int n = dest_add(r, &more[i], r->measure.dest[dest].witness);

		if (n < 0)
			continue;
		adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_twin dest=%d of=%u", n, (unsigned)dest);
		if (r->measure.view[family].phase == REACH_PHASE_ASK)
			ask_home(r, family, (size_t)n);
	}
}

static void home_answered(struct reach *r, unsigned family, size_t dest, const struct stun_result *res,
			  const struct stun_binding *b)
{
	struct reach_view *v = &r->measure.view[family];
	struct reach_dest *d = &r->measure.dest[dest];
	struct adit_addr other = stun_binding_other(b, &d->addr);

	d->has_answered = true;
	d->answered_at = r->now;
	d->mapped = b->mapped;
	d->mark.port = b->mapped.port;
	v->local = res->local;
	if (other.family != ADIT_FAMILY_NONE) {
		d->has_twin = true;
		d->other = other;
		merge_witnesses(r, dest);
	}
	if (v->first_at == ADIT_NEVER)
		v->first_at = r->now;
	else if (v->second_at == ADIT_NEVER)
		for (size_t i = 0; i < r->measure.n_dests; i++)
			if (reach_dest_is_of(&r->measure.dest[i], family) && r->measure.dest[i].has_answered &&
			    r->measure.dest[i].witness != d->witness)
				v->second_at = r->now;
	if (other.family != ADIT_FAMILY_NONE)
		add_twins(r, family, dest, &other);
}

static void sample_answered(struct reach_view *v, unsigned index, const struct stun_result *res, uint16_t outside)
{
	v->sample[index].inside = res->local.port;
	v->sample[index].outside = outside;
	v->sample_again[index] = res->sends > 1;
	v->n_ended++;
}

static void ended(struct reach *r, const struct stun_result *res)
{
	unsigned family = TAG_FAMILY(res->tag);
	unsigned index = TAG_INDEX(res->tag);
	struct reach_view *v = &r->measure.view[family];
	struct stun_binding b;
	bool good = res->end == STUN_END_ANSWER && stun_binding_read(&res->msg, &b) == 0 &&
		    !is_nonsense(&b.mapped, &res->to);

	switch (TAG_KIND(res->tag)) {
	case REACH_TAG_HOME:
		r->measure.dest[index].is_out = false;
		r->measure.dest[index].is_dead = !good;
		if (good)
			home_answered(r, family, index, res, &b);
		break;
	case REACH_TAG_SAMPLE:
		if (v->phase != REACH_PHASE_BURST)
			break;
		if (good)
			sample_answered(v, index, res, b.mapped.port);
		else
			v->n_ended++;
		break;
	case REACH_TAG_WINDOW:
		reach_window_answered(r, index, good ? b.mapped.port : 0);
		break;
	case REACH_TAG_MAPPED:
		reach_mapped_answered(r, family, index, res, good ? &b : NULL);
		break;
	case REACH_TAG_FILTER:
		filter_answered(r, res, good);
		break;
	case REACH_TAG_TTL:
		break;
	}
}

int reach_measure_input(struct reach *r, const struct adit_dgram *d)
{
	struct stun_result res;
	int err = stun_client_input(&r->measure.client, r->now, d, &res);

	if (err == 1)
		ended(r, &res);
	return err < 0 ? err : 0;
}

bool reach_measure_icmp(struct reach *r, const struct adit_icmp *icmp)
{
	uint32_t tag;

	if (stun_client_icmp(&r->measure.client, r->now, icmp, &tag) < 0)
		return false;
	if (TAG_KIND(tag) == REACH_TAG_TTL && nat_ttl_is_expiry(icmp))
		nat_ttl_expired(&r->measure.view[TAG_FAMILY(tag)].ttl, (uint8_t)TAG_INDEX(tag), &icmp->offender);
	return true;
}

void reach_measure_sock_failed(struct reach *r, uint16_t slot)
{
	for (unsigned f = 0; f < 2; f++) {
		struct reach_view *v = &r->measure.view[f];

		if (v->ttl_sock == slot)
			v->ttl_sock = REACH_NO_SOCK;
		if (v->filter_sock == slot)
			filter_close(r);
		for (size_t i = 0; i < REACH_SAMPLES; i++) {
			if (v->sample_sock[i] != slot)
				continue;
			v->sample_sock[i] = REACH_NO_SOCK;
			v->n_ended++;
		}
	}
}

/* ---- time ---- */

static size_t answers(const struct reach *r, unsigned family, size_t *ret_out)
{
	size_t n = 0;

	*ret_out = 0;
	for (size_t i = 0; i < r->measure.n_dests; i++) {
		n += reach_dest_is_of(&r->measure.dest[i], family) && r->measure.dest[i].has_answered;
		*ret_out += reach_dest_is_of(&r->measure.dest[i], family) && r->measure.dest[i].is_out;
	}
	return n;
}

static size_t dest_next(const struct reach *r, unsigned family, size_t after)
{
	for (size_t k = 1; k <= r->measure.n_dests; k++) {
		size_t i = (after + k) % r->measure.n_dests;

		if (reach_dest_is_of(&r->measure.dest[i], family) && r->measure.dest[i].has_answered)
			return i;
	}
	return REACH_DESTS_MAX;
}

bool reach_measure_question(struct reach *r, enum reach_tag tag, unsigned family, unsigned index, uint16_t slot)
{
	size_t dest = dest_next(r, family, 0);

	return slot != REACH_NO_SOCK && dest != REACH_DESTS_MAX &&
	       reach_measure_ask(r, tag, family, index, slot, &r->measure.dest[dest].addr);
}

static void sample_send(struct reach *r, unsigned family)
{
	struct reach_view *v = &r->measure.view[family];
	size_t dest = dest_next(r, family, v->n_sent);
	uint16_t slot = reach_sock_open(r, REACH_USE_SAMPLE, reach_family_of(family), 0);
	unsigned i = v->n_sent++;

	v->sample[i] = (struct nat_sample){.at = r->now};
	v->sample_sock[i] = slot;
	v->burst_at = i + 1 < v->n_wanted ? adit_time_add(r->now, REACH_SAMPLE_PACE) : ADIT_NEVER;
	v->burst_until = adit_time_add(r->now, REACH_SAMPLE_MAX);
	if (slot == REACH_NO_SOCK || dest == REACH_DESTS_MAX || !reach_flow_take(r, 1) ||
	    !reach_measure_ask(r, REACH_TAG_SAMPLE, family, i, slot, &r->measure.dest[dest].addr))
		v->n_ended++;
}

/* Nobody has answered: nobody will after this. Where the other family is answered, this one is not waited for long. */
static adit_time silent_until(const struct reach *r, unsigned family)
{
	adit_time asked_at = r->measure.view[family].asked_at;
	adit_time other = r->measure.view[!family].first_at;
	adit_time at = adit_time_add(asked_at, REACH_ASK_MAX);

	if (other == ADIT_NEVER || r->home[!family] == REACH_NO_SOCK)
		return at;
	return adit_time_min(at, adit_time_add(other > asked_at ? other : asked_at, REACH_ASK_ONE));
}

/* Enough words, or no time for more? */
static bool is_heard_out(const struct reach *r, unsigned family)
{
	const struct reach_view *v = &r->measure.view[family];
	size_t out;
	size_t n = answers(r, family, &out);

	if (out == 0)
		return true;
	if (n == 0)
		return r->now >= silent_until(r, family);
	return r->now >=
	       adit_time_min(adit_time_add(v->first_at, REACH_ASK_ONE), adit_time_add(v->second_at, REACH_ASK_TWO));
}

static void step_ttl(struct reach *r, unsigned family)
{
	struct reach_view *v = &r->measure.view[family];
	uint8_t ttl;

	nat_ttl_tick(&v->ttl, r->now);
	if (v->ttl.state != NAT_TTL_ASK) {
		if (v->ttl_sock != REACH_NO_SOCK) {
			adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_ttl family=%u low=%u known=%d", family ? 6u : 4u,
				   (unsigned)nat_ttl_low(&v->ttl), v->ttl.state == NAT_TTL_KNOWN);
			reach_sock_close(r, v->ttl_sock);
		}
		v->ttl_sock = REACH_NO_SOCK;
		return;
	}
	ttl = nat_ttl_question(&v->ttl);
	if (ttl == 0)
		return;
	for (size_t i = 0; i < r->measure.n_dests; i++) {
		const struct reach_dest *d = &r->measure.dest[i];

		if (!reach_dest_is_of(d, family) || adit_addr_is_loopback(&d->addr))
			continue;
		if (v->ttl_sock == REACH_NO_SOCK)
			v->ttl_sock = reach_sock_open(r, REACH_USE_TTL, reach_family_of(family), 0);
		if (ttl == TTL_THROUGH)
			reach_flow_note(r, 1);
		v->flows += ttl == TTL_THROUGH;
		if (v->ttl_sock != REACH_NO_SOCK &&
		    reach_measure_ask(r, REACH_TAG_TTL, family, ttl, v->ttl_sock, &d->addr))
			nat_ttl_asked(&v->ttl, r->now);
		return;
	}
}

/* What follows from the answers so far. */
static void step_view(struct reach *r, unsigned family)
{
	struct reach_view *v = &r->measure.view[family];

	step_ttl(r, family);
	if (v->phase == REACH_PHASE_ASK && is_heard_out(r, family))
		reach_judge_home(r, family);
	else if (v->phase == REACH_PHASE_ASK && !v->is_early)
		v->is_early = reach_judge_early(r, family);
	if (v->phase == REACH_PHASE_BURST && v->burst_at == ADIT_NEVER &&
	    (v->n_ended >= v->n_sent || r->now >= v->burst_until))
		reach_judge_samples(r, v);
}

void reach_measure_step(struct reach *r)
{
	for (unsigned f = 0; f < 2; f++)
		if (r->measure.view[f].phase != REACH_PHASE_REST && r->home[f] != REACH_NO_SOCK)
			step_view(r, f);
}

static void tick_view(struct reach *r, unsigned family)
{
	struct reach_view *v = &r->measure.view[family];

	if (v->phase == REACH_PHASE_REST || r->home[family] == REACH_NO_SOCK)
		return;
	while (v->phase == REACH_PHASE_BURST && r->now >= v->burst_at)
		sample_send(r, family);
}

void reach_measure_tick(struct reach *r)
{
	struct stun_result res;

	stun_client_tick(&r->measure.client, r->now);
	while (stun_client_event(&r->measure.client, &res))
		ended(r, &res);
	for (unsigned f = 0; f < 2; f++)
		tick_view(r, f);
}

static adit_time view_deadline(const struct reach *r, unsigned family)
{
	const struct reach_view *v = &r->measure.view[family];
	adit_time at = nat_ttl_deadline(&v->ttl);

	if (v->phase == REACH_PHASE_REST || r->home[family] == REACH_NO_SOCK)
		return ADIT_NEVER;
	if (v->phase == REACH_PHASE_ASK && v->first_at == ADIT_NEVER)
		at = adit_time_min(at, silent_until(r, family));
	else if (v->phase == REACH_PHASE_ASK)
		at = adit_time_min(at, adit_time_min(adit_time_add(v->first_at, REACH_ASK_ONE),
						     adit_time_add(v->second_at, REACH_ASK_TWO)));
	if (v->phase == REACH_PHASE_BURST)
		at = adit_time_min(at, adit_time_min(v->burst_at, v->burst_until));
	return at;
}

adit_time reach_measure_deadline(const struct reach *r)
{
	return adit_time_min(stun_client_deadline(&r->measure.client),
			     adit_time_min(view_deadline(r, 0), view_deadline(r, 1)));
}

int reach_measure_output(struct reach *r, struct adit_out *ret_out)
{
	return stun_client_output(&r->measure.client, r->now, ret_out);
}
