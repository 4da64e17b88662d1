/* What follows from the answers. Everything is read anew from the list of probes each time: no order matters. */
#include <string.h>

#include "core/nat/nat_check_int.h"
#include "core/nat/nat_ports.h"

/* --- servers --- */

/* Servers at one address, and a server and its twin, are one witness. */
static unsigned witness_of(const struct nat_report *r, unsigned server)
{
	const struct nat_server *v = &r->server[server];

	for (unsigned i = 0; i < server; i++) {
		const struct nat_server *w = &r->server[i];

		if (adit_addr_eq_ip(&w->addr, &v->addr) || adit_addr_eq_ip(&w->other, &v->addr) ||
		    adit_addr_eq_ip(&w->addr, &v->other))
			return i;
	}
	return server;
}

/* An address that a server on the other side of all our NATs cannot see. */
static bool is_nonsense(const struct adit_addr *mapped, const struct adit_addr *server)
{
	if (mapped->port == 0 || adit_addr_is_any(mapped) || adit_addr_is_multicast(mapped))
		return true;
	if (adit_addr_is_loopback(mapped))
		return !adit_addr_is_loopback(server);
	if (adit_addr_is_private(mapped) || adit_addr_is_link_local(mapped))
		return !adit_addr_is_private(server) && !adit_addr_is_link_local(server);
	return false;
}

static bool is_asked(const struct nat_probe *p, enum nat_use use)
{
	return p->use == use && p->state != NAT_PROBE_QUEUED && p->state != NAT_PROBE_OUT;
}

static void judge_reach(struct nat_report *r, const struct nat_scan *s)
{
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];
		struct nat_server *v = &r->server[p->server];

		if (!is_asked(p, NAT_USE_REACH))
			continue;
		v->mapped = p->mapped;
		v->rtt = p->rtt;
		v->code = p->code;
		v->offender = p->offender;
		if (p->state == NAT_PROBE_ANSWERED)
			v->state = is_nonsense(&p->mapped, &v->addr) ? NAT_SERVER_NONSENSE : NAT_SERVER_GOOD;
		else if (p->end == STUN_END_ICMP)
			v->state = NAT_SERVER_REFUSED;
		else
			v->state = p->end == STUN_END_TIMEOUT ? NAT_SERVER_DEAD : NAT_SERVER_ERROR;
	}
}

/* Answers about our public address: of sockets that ask several. */
static bool is_word(const struct nat_report *r, const struct nat_probe *p)
{
	return p->state == NAT_PROBE_ANSWERED && r->server[p->server].state == NAT_SERVER_GOOD &&
	       (p->use == NAT_USE_REACH || p->use == NAT_USE_WIDE || p->use == NAT_USE_TWIN ||
		p->use == NAT_USE_NARROW);
}

/* How many witnesses name this IP. */
static unsigned named_by(const struct nat_report *r, const struct nat_scan *s, const struct adit_addr *ip)
{
	bool seen[NAT_SERVERS_MAX] = {false};
	unsigned n = 0;

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];
		unsigned w;

		if (!is_word(r, p) || !adit_addr_eq_ip(&p->mapped, ip))
			continue;
		w = witness_of(r, p->server);
		n += !seen[w];
		seen[w] = true;
	}
	return n;
}

/* Does anybody else confirm a single IP that |server| names, and is there one that others agree on? */
static bool is_alone_by_ip(const struct nat_report *r, const struct nat_scan *s, unsigned server)
{
	bool agreed = false;

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];

		if (!is_word(r, p))
			continue;
		if (named_by(r, s, &p->mapped) < 2)
			continue;
		agreed = true;
		if (p->server == server)
			return false;
	}
	return agreed;
}

enum accord {
	ACCORD_NONE, /* fewer than two witnesses */
	ACCORD_DIFFER,
	ACCORD_AGREE,
};

/* On socket |sock|: do two witnesses other than |not_by| agree on address and port? */
static enum accord accord_on(const struct nat_report *r, const struct nat_scan *s, unsigned sock, unsigned not_by,
			     struct adit_addr *ret_mapped)
{
	enum accord accord = ACCORD_NONE;

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];

		if (p->sock != sock || !is_word(r, p) || witness_of(r, p->server) == not_by)
			continue;
		for (size_t k = 0; k < i; k++) {
			const struct nat_probe *q = &s->probe[k];

			if (q->sock != sock || !is_word(r, q) || witness_of(r, q->server) == not_by ||
			    witness_of(r, q->server) == witness_of(r, p->server))
				continue;
			accord = ACCORD_DIFFER;
			if (!adit_addr_eq(&p->mapped, &q->mapped))
				continue;
			*ret_mapped = p->mapped;
			return ACCORD_AGREE;
		}
	}
	return accord;
}

/*
 * Wherever two others agree on address and port, |server| says something else; and they agree mostly: in a small port
 * block two flows have one port by chance.
 */
static bool is_alone_by_port(const struct nat_report *r, const struct nat_scan *s, unsigned server)
{
	unsigned against = 0;
	unsigned apart = 0;
	unsigned last = UINT32_MAX; /* each socket counts once */

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];
		struct adit_addr mapped;
		enum accord accord;

		if (p->server != server || !is_word(r, p) || (p->use != NAT_USE_WIDE && p->use != NAT_USE_REACH) ||
		    p->sock == last)
			continue;
		last = p->sock;
		accord = accord_on(r, s, p->sock, witness_of(r, server), &mapped);
		if (accord == ACCORD_AGREE && adit_addr_eq(&p->mapped, &mapped))
			return false;
		against += accord == ACCORD_AGREE;
		apart += accord == ACCORD_DIFFER;
	}
	return against >= 2 && against > apart;
}

static void judge_servers(struct nat_report *r, const struct nat_scan *s)
{
	bool alone[NAT_SERVERS_MAX] = {false};

	judge_reach(r, s);
	/* All are judged by the same witnesses, then those who are alone go. */
	for (unsigned i = 0; i < r->n_servers; i++)
		if (r->server[i].addr.family == s->family && r->server[i].state == NAT_SERVER_GOOD)
			alone[i] = is_alone_by_ip(r, s, i) || is_alone_by_port(r, s, i);
	for (unsigned i = 0; i < r->n_servers; i++)
		if (alone[i])
			r->server[i].state = NAT_SERVER_ALONE;
}

static void judge_twins(struct nat_report *r, const struct nat_scan *s)
{
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];
		struct nat_server *v = &r->server[p->server];

		if (is_asked(p, NAT_USE_TWIN) && (p->change & STUN_CHANGE_IP) && v->discovery != NAT_NO)
			v->discovery = p->state == NAT_PROBE_ANSWERED ? NAT_YES : NAT_NO;
		/* Who answers a CHANGE-REQUEST from the same place as ever does not know what that is. */
		if (is_asked(p, NAT_USE_CHANGE) && p->state == NAT_PROBE_ANSWERED && adit_addr_eq(&p->from, &p->to))
			v->discovery = NAT_NO;
	}
}

/* --- the network --- */

static void judge_publics(struct nat_view *v, const struct nat_report *r, const struct nat_scan *s)
{
	unsigned moved = 0;
	unsigned same = 0;

	v->n_public = 0;
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];
		size_t k = 0;

		if (!is_word(r, p))
			continue;
		v->local = adit_addr_with_port(p->local, 0);
		if (adit_addr_eq(&p->mapped, &p->local))
			same++;
		else
			moved++;
		v->nat64 |= p->mapped.family != s->family;
		v->rewrites |= p->plain.family != ADIT_FAMILY_NONE && !adit_addr_eq(&p->plain, &p->mapped);
		while (k < v->n_public && !adit_addr_eq_ip(&v->public[k].ip, &p->mapped))
			k++;
		v->several |= k > 0;
		if (k == v->n_public && k < NAT_PUBLICS_MAX)
			v->public[v->n_public++] = (struct nat_public){.ip = adit_addr_with_port(p->mapped, 0),
								       .named_by = named_by(r, s, &p->mapped)};
	}
	v->translated = moved + same == 0 ? NAT_UNKNOWN : moved > same ? NAT_YES : NAT_NO;
}

struct votes {
	unsigned same;
	unsigned differ;
};

static enum nat_dep dep_of(struct votes other_ip, struct votes other_port)
{
	if (other_ip.same + other_ip.differ > 0) {
		if (other_ip.same > other_ip.differ)
			return NAT_DEP_NONE;
		if (other_port.same + other_port.differ == 0)
			return NAT_DEP_SOME;
		return other_port.same > other_port.differ ? NAT_DEP_ADDR : NAT_DEP_PORT;
	}
	/* One address only: that it does not depend on the port is half of the answer. */
	return other_port.differ > other_port.same ? NAT_DEP_PORT : NAT_DEP_UNKNOWN;
}

/* RFC 5780 4.3, as a vote over all sockets that asked several destinations. */
static void judge_mapping(struct nat_view *v, const struct nat_report *r, const struct nat_scan *s)
{
	struct votes other_ip = {0, 0};
	struct votes other_port = {0, 0};

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];

		for (size_t k = 0; k < i && is_word(r, p); k++) {
			const struct nat_probe *q = &s->probe[k];
			struct votes *votes = adit_addr_eq_ip(&p->to, &q->to) ? &other_port : &other_ip;

			if (q->sock != p->sock || !is_word(r, q) || adit_addr_eq(&p->to, &q->to))
				continue;
			if (adit_addr_eq(&p->mapped, &q->mapped))
				votes->same++;
			else
				votes->differ++;
		}
	}
	v->mapping = v->translated == NAT_NO ? NAT_DEP_NONE : dep_of(other_ip, other_port);
}

static bool is_new_mapping(const struct nat_report *r, const struct nat_scan *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (s->probe[k].sock == s->probe[i].sock && is_word(r, &s->probe[k]) &&
		    s->probe[k].mapped.port == s->probe[i].mapped.port)
			return false;
	return true;
}

/* The list is in the order of sending, except for what was sent again: that does not count. */
static void judge_ports(struct nat_view *v, const struct nat_report *r, const struct nat_scan *s)
{
	struct nat_sample sample[NAT_CHECK_PROBES];
	size_t n = 0;

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];

		if (!is_word(r, p) || p->sends > 1 || p->use == NAT_USE_TWIN || !is_new_mapping(r, s, i))
			continue;
		sample[n++] = (struct nat_sample){.at = p->sent_at, .inside = p->local.port, .outside = p->mapped.port};
	}
	nat_ports_read(sample, n, &v->ports);
}

static const struct nat_probe *find_probe(const struct nat_scan *s, enum nat_use use, unsigned server, unsigned change)
{
	for (size_t i = 0; i < s->n_probes; i++)
		if (is_asked(&s->probe[i], use) && s->probe[i].server == server && s->probe[i].change == change)
			return &s->probe[i];
	return NULL;
}

/* An error says that the server does not know how, and a question that was given up nothing: no filter's words. */
static bool is_kept_out(const struct nat_probe *p)
{
	return p->state == NAT_PROBE_FAILED && p->end == STUN_END_TIMEOUT && p->sends > 0;
}

/*
 * By a server with one address and a second port that is there: the strictest kind of filter, and none other. What lets
 * the second port in may still look at the address, or at nothing.
 */
static enum nat_dep filtering_by_half(const struct nat_report *r, const struct nat_scan *s)
{
	for (unsigned i = 0; i < r->n_servers; i++) {
		const struct nat_probe *near = find_probe(s, NAT_USE_CHANGE, i, STUN_CHANGE_PORT);
		const struct nat_probe *there = find_probe(s, NAT_USE_TWIN, i, STUN_CHANGE_PORT);

		if (r->server[i].addr.family == s->family && r->server[i].state == NAT_SERVER_GOOD &&
		    r->server[i].discovery != NAT_NO && near && is_kept_out(near) && there &&
		    there->state == NAT_PROBE_ANSWERED && adit_addr_eq_ip(&r->server[i].addr, &r->server[i].other))
			return NAT_DEP_PORT;
	}
	return NAT_DEP_UNKNOWN;
}

/* RFC 5780 4.4, by a twin that is really there. */
static void judge_filtering(struct nat_view *v, const struct nat_report *r, const struct nat_scan *s)
{
	const unsigned both = STUN_CHANGE_IP | STUN_CHANGE_PORT;

	v->filtering = NAT_DEP_UNKNOWN;
	for (unsigned i = 0; i < r->n_servers && v->filtering == NAT_DEP_UNKNOWN; i++) {
		const struct nat_probe *far = find_probe(s, NAT_USE_CHANGE, i, both);
		const struct nat_probe *near = find_probe(s, NAT_USE_CHANGE, i, STUN_CHANGE_PORT);
		const struct nat_probe *there = find_probe(s, NAT_USE_TWIN, i, STUN_CHANGE_PORT);

		if (r->server[i].addr.family != s->family || r->server[i].state != NAT_SERVER_GOOD ||
		    r->server[i].discovery != NAT_YES)
			continue;
		if (far && far->state == NAT_PROBE_ANSWERED)
			v->filtering = NAT_DEP_NONE;
		else if (!far || !near || !is_kept_out(far))
			continue;
		else if (near->state == NAT_PROBE_ANSWERED)
			v->filtering = NAT_DEP_ADDR;
		else if (there && there->state == NAT_PROBE_ANSWERED && is_kept_out(near))
			v->filtering = NAT_DEP_PORT;
		else
			v->filtering = NAT_DEP_SOME;
	}
	if (v->filtering == NAT_DEP_UNKNOWN)
		v->filtering = filtering_by_half(r, s);
}

static void judge_clash(struct nat_view *v, const struct nat_report *r, const struct nat_scan *s)
{
	v->clash = NAT_UNKNOWN;
	/* Where each destination has its own port anyway there is nothing that could be taken. */
	if (v->translated != NAT_YES || v->mapping != NAT_DEP_NONE)
		return;
	if (v->filtering == NAT_DEP_NONE)
		v->clash = NAT_NO;
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];
		const struct nat_probe *open = find_probe(s, NAT_USE_OPEN, p->server, p->change);

		if (p->use != NAT_USE_CLASH || p->state != NAT_PROBE_ANSWERED || !open ||
		    r->server[p->server].state != NAT_SERVER_GOOD || r->server[p->server].discovery != NAT_YES)
			continue;
		v->clash = adit_addr_eq(&open->mapped, &p->mapped) ? NAT_NO : NAT_YES;
	}
}

static void judge_hairpin(struct nat_view *v, const struct nat_scan *s)
{
	unsigned asked = 0;

	v->hairpin = NAT_UNKNOWN;
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct nat_probe *p = &s->probe[i];

		if (p->use == NAT_USE_HAIRPIN && p->came_back) {
			v->hairpin = NAT_YES;
			v->hairpin_inside |= adit_addr_eq_ip(&p->from, &v->local);
		}
		asked += is_asked(p, NAT_USE_HAIRPIN);
	}
	/* Toward each other two sockets have other ports than toward the server, where the mapping depends on it. */
	if (v->hairpin == NAT_UNKNOWN && asked == 2 && v->mapping == NAT_DEP_NONE)
		v->hairpin = NAT_NO;
}

/* RFC 1918's three ranges, RFC 6598's, RFC 4193's: a network has one of them; where it changes, somebody translates. */
static unsigned realm_of(const struct adit_addr *a)
{
	if (!adit_addr_is_private(a))
		return 0;
	if (!adit_addr_is_v4(a))
		return 1;
	return a->ip[0] == 10 ? 2 : a->ip[0] == 172 ? 3 : a->ip[0] == 192 ? 4 : 5;
}

#define REALM_CARRIER 5u

static void judge_hops(struct nat_view *v, const struct nat_scan *s)
{
	unsigned realm = realm_of(&v->local);

	v->nats = v->translated == NAT_YES;
	v->carrier = realm == REALM_CARRIER;
	v->n_hops = 0;
	for (size_t i = 0; i < NAT_TTL_MAX && v->hop[i].family != ADIT_FAMILY_NONE; i++) {
		unsigned other = realm_of(&v->hop[i]);

		if (other == 0)
			break;
		v->n_hops++;
		v->nats += v->nats > 0 && realm != 0 && other != realm;
		v->carrier |= other == REALM_CARRIER;
		realm = other;
	}
	v->ttl_known = s->ttl.state == NAT_TTL_KNOWN ? NAT_YES : s->ttl.state == NAT_TTL_LADDER ? NAT_NO : NAT_UNKNOWN;
	v->low_ttl = s->ttl.state == NAT_TTL_KNOWN ? nat_ttl_low(&s->ttl) : 0;
}

static void judge_answers(struct nat_view *v, const struct nat_report *r, const struct nat_scan *s)
{
	bool is_reached = false;

	v->answered = v->honest = v->silent = 0;
	v->refused = false;
	for (unsigned i = 0; i < r->n_servers; i++) {
		const struct nat_server *w = &r->server[i];

		if (w->addr.family != s->family)
			continue;
		v->answered += w->state == NAT_SERVER_GOOD || w->state == NAT_SERVER_NONSENSE ||
			       w->state == NAT_SERVER_ALONE || w->state == NAT_SERVER_ERROR;
		v->honest += w->state == NAT_SERVER_GOOD;
		v->silent += w->state == NAT_SERVER_DEAD && witness_of(r, i) == i;
		if (w->state != NAT_SERVER_REFUSED)
			continue;
		/* By the server itself: there is none. By somebody else: not allowed, or no way. */
		if (adit_addr_eq_ip(&w->offender, &w->addr)) {
			is_reached = true;
		} else {
			v->refused = true;
			v->refused_by = w->offender;
		}
	}
	v->refused = v->refused && v->answered == 0;
	if (is_reached || v->answered > 0)
		v->silent = 0;
}

void nat_judge(struct nat_check *c, const struct nat_scan *s)
{
	struct nat_view *v = nat_view_of(c, s);
	struct nat_report *r = &c->report;

	judge_servers(r, s);
	judge_twins(r, s);
	judge_answers(v, r, s);
	v->several = v->rewrites = v->nat64 = v->hairpin_inside = false;
	judge_publics(v, r, s);
	judge_mapping(v, r, s);
	judge_ports(v, r, s);
	judge_filtering(v, r, s);
	judge_clash(v, r, s);
	judge_hairpin(v, s);
	judge_hops(v, s);
	v->life = c->cfg.lifetime ? NAT_LIFE_UNKNOWN : NAT_LIFE_NOT_ASKED;
	if (s->lives.low > 0 && s->phase >= NAT_PHASE_LIFE)
		v->life = s->lives.high == ADIT_NEVER ? NAT_LIFE_LONGER : NAT_LIFE_BETWEEN;
	v->life_low = s->lives.low;
	v->life_high = v->life == NAT_LIFE_BETWEEN ? s->lives.high : 0;
	v->kind = v->answered > 0 || s->phase == NAT_PHASE_DONE ? nat_view_kind(v) : NAT_KIND_UNKNOWN;
}
