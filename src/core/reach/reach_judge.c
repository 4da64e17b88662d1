/* What follows from the servers' answers about the own NATs. */
#include "core/reach/reach_int.h"

/* How many witnesses name this address (with the port, where |exact|) for home. */
static unsigned named_by(const struct reach *r, unsigned family, const struct adit_addr *mapped, bool exact)
{
	uint32_t seen = 0;
	unsigned n = 0;

	for (size_t i = 0; i < r->measure.n_dests; i++) {
		const struct reach_dest *d = &r->measure.dest[i];

		if (!reach_dest_is_of(d, family) || !d->has_answered || (seen & 1u << d->witness))
			continue;
		if (exact ? !adit_addr_eq(&d->mapped, mapped) : !adit_addr_eq_ip(&d->mapped, mapped))
			continue;
		seen |= 1u << d->witness;
		n++;
	}
	return n;
}

/* Do all name one address and port? One that stands alone against two others that agree is left out. */
static bool is_steady(const struct reach *r, unsigned family, const struct adit_addr *best)
{
	for (size_t i = 0; i < r->measure.n_dests; i++) {
		const struct reach_dest *d = &r->measure.dest[i];

		if (!reach_dest_is_of(d, family) || !d->has_answered || adit_addr_eq(&d->mapped, best))
			continue;
		if (named_by(r, family, best, true) < 2 || named_by(r, family, &d->mapped, true) > 1)
			return false;
	}
	return true;
}

static void known(struct reach *r, struct reach_view *v, enum nat_kind kind)
{
	char a[ADIT_ADDR_STRLEN];

	v->phase = REACH_PHASE_KNOWN;
	v->kind = kind;
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_measured family=%u kind=%s reflexive=%s witnesses=%u took_ms=%u",
		   v == &r->measure.view[0] ? 4u : 6u, nat_kind_name(kind),
		   v->reflexive.family != ADIT_FAMILY_NONE ? adit_addr_format(&v->reflexive, a) : "none", v->witnesses,
		   (unsigned)(adit_time_since(r->now, v->asked_at) / ADIT_MS(1)));
	reach_mapped_again(r);
}

/* The address that most witnesses name; of several, what the first of them says. */
static const struct reach_dest *best_dest(const struct reach *r, unsigned family)
{
	const struct reach_dest *best = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < r->measure.n_dests; i++) {
		const struct reach_dest *d = &r->measure.dest[i];
		unsigned n;

		if (!reach_dest_is_of(d, family) || !d->has_answered)
			continue;
		n = 32 * named_by(r, family, &d->mapped, false) + named_by(r, family, &d->mapped, true);
		if (n > most) {
			best = d;
			most = n;
		}
	}
	return best;
}

/* Home's oldest flow. */
static struct reach_mark first_mark(const struct reach *r, unsigned family)
{
	struct reach_mark m = {0};

	for (size_t i = 0; i < r->measure.n_dests; i++) {
		const struct reach_dest *d = &r->measure.dest[i];

		if (reach_dest_is_of(d, family) && d->has_answered && (m.port == 0 || d->mark.flows < m.flows))
			m = d->mark;
	}
	return m;
}

static bool have_two_addresses_answered(const struct reach *r, unsigned family)
{
	const struct reach_dest *first = NULL;

	for (size_t i = 0; i < r->measure.n_dests; i++) {
		const struct reach_dest *d = &r->measure.dest[i];

		if (!reach_dest_is_of(d, family) || !d->has_answered)
			continue;
		if (first && !adit_addr_eq_ip(&d->addr, &first->addr))
			return true;
		first = d;
	}
	return false;
}

/* Ports of one address tell nothing of a NAT that maps by address (RFC 4787 4.1): it is dealt with as if it were
 * steady. */
static enum nat_kind kind_where_all_agree(const struct reach *r, unsigned family)
{
	const struct reach_view *v = &r->measure.view[family];

	if (adit_addr_eq(&v->local, &v->reflexive))
		return NAT_KIND_OPEN;
	return have_two_addresses_answered(r, family) ? NAT_KIND_STEADY : NAT_KIND_UNKNOWN;
}

static void take_best(struct reach *r, unsigned family, const struct reach_dest *best)
{
	struct reach_view *v = &r->measure.view[family];

	v->reflexive = best->mapped;
	v->public = adit_addr_with_port(best->mapped, 0);
	v->witnesses = named_by(r, family, &best->mapped, false);
}

/* Somebody else was heard or may yet be, whose word counts beside |witness|'s. */
static bool has_other(const struct reach *r, unsigned family, uint8_t witness)
{
	for (size_t i = 0; i < r->measure.n_dests; i++) {
		const struct reach_dest *d = &r->measure.dest[i];

		if (reach_dest_is_of(d, family) && (d->is_out || d->has_answered) && d->witness != witness)
			return true;
	}
	return false;
}

/*
 * A NAT that leaves a socket its port does so for all destinations, but for clashes; so does one where plain checks
 * have found a way before. Not where the peer was one that searches: a search goes by what is known of both.
 */
static bool is_likely_steady(const struct reach *r, unsigned family, const struct adit_addr *mapped)
{
	const struct reach_memory *m = &r->memory;

	if (have_two_addresses_answered(r, family))
		return true; /* and agree */
	if (m->peer_kind > NAT_KIND_STEADY)
		return false;
	if (family == 0 && adit_addr_eq_ip(&m->network, mapped) &&
	    (m->kind > NAT_KIND_STEADY || m->way != NAT_WAY_UNKNOWN))
		return m->kind <= NAT_KIND_STEADY;
	return mapped->port == r->measure.view[family].local.port;
}

bool reach_judge_early(struct reach *r, unsigned family)
{
	struct reach_view *v = &r->measure.view[family];
	const struct reach_dest *best = best_dest(r, family);

	if (!best || has_other(r, family, best->witness) || !is_steady(r, family, &best->mapped) ||
	    !is_likely_steady(r, family, &best->mapped))
		return false;
	take_best(r, family, best);
	v->ports = (struct nat_ports){.last = best->mapped.port};
	v->kind = kind_where_all_agree(r, family);
	return true;
}

void reach_judge_home(struct reach *r, unsigned family)
{
	struct reach_view *v = &r->measure.view[family];
	const struct reach_dest *best = best_dest(r, family);

	if (!best) {
		v->witnesses = 0;
		v->public = v->reflexive = (struct adit_addr){0};
		known(r, v, NAT_KIND_UNKNOWN);
		return;
	}
	take_best(r, family, best);
	if (is_steady(r, family, &best->mapped)) {
		v->ports = (struct nat_ports){.last = best->mapped.port};
		known(r, v, kind_where_all_agree(r, family));
		return;
	}
	/* Learnt here in an earlier run: no burst is needed to know it again. */
	if (r->memory.kind == NAT_KIND_RANDOM && family == 0 && reach_is_remembered(r)) {
		v->ports = (struct nat_ports){.kind = NAT_PORT_RANDOM, .last = best->mapped.port};
		v->ports_at = r->now;
		known(r, v, NAT_KIND_RANDOM);
		return;
	}
	if (v->mark.port == 0)
		v->mark = first_mark(r, family);
	reach_burst_start(r, v, REACH_SAMPLES);
}

/*
 * How many flows of others came between the mark and the last sample, and how many that makes a second: over all
 * that is known of, as one burst is too short. Its own spread is all there is to see where nothing went before.
 */
static void count_foreign(struct reach_view *v, const struct reach_mark *last)
{
	int step = v->ports.step;
	int way = (int)last->port - (int)v->mark.port;
	int own = (int)(last->flows - v->mark.flows);
	int foreign = way / step - own;

	if (v->mark.port != 0 && way % step == 0 && foreign >= 0 && foreign < (int)REACH_FOREIGN_ODD) {
		if (v->foreign_took > REACH_FOREIGN_TIME) {
			v->foreign_seen /= 2;
			v->foreign_took /= 2;
		}
		v->foreign_seen += (unsigned)foreign;
		v->foreign_took += adit_time_since(last->at, v->mark.at);
	}
	v->mark = *last;
	v->ports.foreign = reach_plan_foreign(v->foreign_seen, v->foreign_took);
}

static struct reach_mark last_mark(const struct reach_view *v)
{
	struct reach_mark m = {0};

	for (unsigned i = 0; i < v->n_sent; i++)
		if (v->sample[i].outside != 0 && !v->sample_again[i])
			m = (struct reach_mark){
				.port = v->sample[i].outside, .flows = v->sample_flows + i + 1, .at = v->sample[i].at};
	return m;
}

/* Too few to tell a kind from: they show where the NAT is now. A peer takes nothing whose last port is not in its
 * range. */
static void take_last(struct nat_ports *known, const struct nat_ports *seen)
{
	if (known->kind == NAT_PORT_SEQUENTIAL) {
		known->low = seen->low;
		known->high = seen->high;
	}
	if (seen->last >= known->low && seen->last <= known->high)
		known->last = seen->last;
}

static void judge_kind(struct reach *r, struct reach_view *v)
{
	struct reach_mark last;

	switch (v->ports.kind) {
	case NAT_PORT_KEPT:
		known(r, v, NAT_KIND_STEADY);
		break;
	case NAT_PORT_SEQUENTIAL:
		last = last_mark(v);
		count_foreign(v, &last);
		known(r, v, NAT_KIND_SEQUENTIAL);
		break;
	case NAT_PORT_BLOCK:
		known(r, v, NAT_KIND_BLOCK);
		break;
	case NAT_PORT_UNKNOWN:
	case NAT_PORT_RANDOM:
		known(r, v, NAT_KIND_RANDOM);
		break;
	}
}

/* In the order in which they left; those whose first packet was lost are read only where the order does not matter. */
void reach_judge_samples(struct reach *r, struct reach_view *v)
{
	struct nat_sample all[REACH_SAMPLES] = {0};
	struct nat_sample sure[REACH_SAMPLES] = {0};
	struct nat_ports ports;
	size_t n_all = 0;
	size_t n_sure = 0;

	for (size_t i = 0; i < v->n_sent; i++) {
		if (v->sample[i].outside == 0)
			continue;
		all[n_all++] = v->sample[i];
		if (!v->sample_again[i])
			sure[n_sure++] = v->sample[i];
	}
	nat_ports_read(sure, n_sure, &ports);
	if (ports.kind != NAT_PORT_SEQUENTIAL)
		nat_ports_read(all, n_all, &ports);
	if (n_all > 0 && (ports.kind != NAT_PORT_UNKNOWN || v->ports.kind == NAT_PORT_UNKNOWN))
		v->ports = ports;
	else if (n_all > 0)
		take_last(&v->ports, &ports);
	v->ports_at = n_all > 0 ? all[n_all - 1].at : r->now;
	reach_burst_close(r, v);
	judge_kind(r, v);
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE,
		   "reach_ports kind=%s samples=%u step=%d spread=%u foreign=%u low=%u high=%u last=%u",
		   nat_port_kind_name(v->ports.kind), v->ports.samples, v->ports.step, v->ports.spread,
		   v->ports.foreign, (unsigned)v->ports.low, (unsigned)v->ports.high, (unsigned)v->ports.last);
}
