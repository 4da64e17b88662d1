/* Own candidates: their bases and ranks, and servers asked how they see us (RFC 8445 5.1). Begin with ice_agent.h. */
#include "core/ice/ice_int.h"

#include <stdio.h>
#include <string.h>

/* Kept for candidates that somebody is told: an authentic peer can invent peer-reflexive ones. */
#define LOCALS_RESERVED 16u

struct ice_base *ice_base_find(struct ice_agent *a, uint32_t sock, const struct adit_addr *local,
			       const struct adit_addr *remote)
{
	struct ice_base *any = NULL;

	for (size_t i = 0; i < ICE_BASES_MAX; i++) {
		struct ice_base *b = &a->bases[i];

		if (!b->is_used || b->sock != sock || b->addr.family != remote->family)
			continue;
		if (adit_addr_eq_ip(&b->addr, local))
			return b;
		/* Where the driver does not say which address was asked, or a relay asked for us. */
		if (!any && (local->family == ADIT_FAMILY_NONE || adit_addr_is_any(local) || b->is_relayed))
			any = b;
	}
	return any;
}

uint32_t ice_base_prflx_priority(const struct ice_base *base)
{
	return ice_candidate_priority(ICE_PRFLX, base->pref);
}

static size_t local_find(const struct ice_agent *a, uint8_t base, const struct adit_addr *addr)
{
	size_t other = ICE_LOCALS_MAX;

	for (size_t i = 0; i < a->n_locals; i++) {
		if (!adit_addr_eq(&a->locals[i].cand.addr, addr))
			continue;
		if (a->locals[i].base == base)
			return i;
		other = i;
	}
	return other;
}

/* RFC 8445 5.1.1.3: the same where type, base address and server address are. */
static void found(const struct ice_agent *a, struct ice_local *l)
{
	for (size_t i = 0; i < a->n_locals; i++) {
		const struct ice_local *o = &a->locals[i];

		if (o->cand.type == l->cand.type && adit_addr_eq_ip(&o->server, &l->server) &&
		    adit_addr_eq_ip(&a->bases[o->base].addr, &a->bases[l->base].addr)) {
			memcpy(l->cand.foundation, o->cand.foundation, sizeof(l->cand.foundation));
			return;
		}
	}
	/* The first of its kind: nobody else has its place in the table. */
	snprintf(l->cand.foundation, sizeof(l->cand.foundation), "%u", (unsigned)a->n_locals + 1);
}

/* The caller has seen that there is room. */
static size_t local_add(struct ice_agent *a, enum ice_type type, uint8_t base, const struct adit_addr *addr,
			const struct adit_addr *related, const struct adit_addr *server)
{
	struct ice_local l = {
		.is_told = type == ICE_PRFLX, /* RFC 8445 7.2.5.3.1: not signalled */
		.base = base,
		.cand = {.type = type,
			 .component = 1,
			 .priority = ice_candidate_priority(type, a->bases[base].pref),
			 .addr = *addr},
	};

	if (related)
		l.cand.related = *related;
	if (server)
		l.server = *server;
	found(a, &l);
	a->locals[a->n_locals] = l;
	return a->n_locals++;
}

size_t ice_local_seen(struct ice_agent *a, uint8_t base, const struct adit_addr *addr)
{
	size_t i = local_find(a, base, addr);

	if (i < ICE_LOCALS_MAX)
		return i;
	if (a->n_locals + LOCALS_RESERVED >= ICE_LOCALS_MAX)
		return ICE_LOCALS_MAX;
	return local_add(a, ICE_PRFLX, base, addr, &a->bases[base].addr, NULL);
}

/* ---- bases ---- */

static struct ice_base *base_room(struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_BASES_MAX; i++)
		if (!a->bases[i].is_used)
			return &a->bases[i];
	return NULL;
}

static unsigned ranked(const struct ice_agent *a)
{
	unsigned n = 0;

	for (size_t i = 0; i < ICE_BASES_MAX; i++)
		n += a->bases[i].is_used && a->bases[i].is_ranked;
	return n;
}

/* Its place among all, and its own candidate. */
static void base_rank(struct ice_agent *a, struct ice_base *b)
{
	uint8_t i = (uint8_t)(b - a->bases);

	b->pref = (uint16_t)((b->is_relayed ? ICE_LOCAL_PREF_RELAYED : ICE_LOCAL_PREF_MAX) - ranked(a));
	b->is_ranked = true;
	if (!b->is_relayed)
		b->local = (uint8_t)local_add(a, ICE_HOST, i, &b->addr, NULL, NULL);
}

static struct ice_base *next_unranked(struct ice_agent *a, enum ice_iface iface, uint8_t family)
{
	for (size_t i = 0; i < ICE_BASES_MAX; i++) {
		struct ice_base *b = &a->bases[i];

		if (b->is_used && !b->is_ranked && b->iface == iface && b->addr.family == family)
			return b;
	}
	return NULL;
}

/* RFC 8421 4: one family after the other, IPv6 first, so that a broken one costs the other one turn only. */
static void rank_all(struct ice_agent *a)
{
	for (int iface = ICE_IFACE_NORMAL; iface <= ICE_IFACE_VIRTUAL; iface++) {
		struct ice_base *v6;
		struct ice_base *v4;

		do {
			v6 = next_unranked(a, (enum ice_iface)iface, ADIT_FAMILY_V6);
			if (v6)
				base_rank(a, v6);
			v4 = next_unranked(a, (enum ice_iface)iface, ADIT_FAMILY_V4);
			if (v4)
				base_rank(a, v4);
		} while (v6 || v4);
	}
}

/* A server is asked from this base, unless it cannot be reached from there. */
static void gather_add(struct ice_agent *a, uint8_t base)
{
	for (size_t s = 0; s < a->n_servers; s++) {
		struct ice_gather *g = &a->gathers[base * ICE_SERVERS_MAX + s];

		if (a->bases[base].is_relayed || !ice_candidate_can_pair(&a->bases[base].addr, &a->servers[s]))
			continue;
		*g = (struct ice_gather){.state = ICE_GATHER_PENDING,
					 .base = base,
					 .server = (uint8_t)s,
					 .refresh_at = ADIT_NEVER,
					 .txn.retry_at = ADIT_NEVER};
	}
}

/* An entry for an own address. 0, EFULL, EINVAL. */
static int base_add(struct ice_agent *a, uint32_t sock, const struct adit_addr *addr, enum ice_iface iface,
		    struct ice_base **ret_base)
{
	struct ice_base *b;

	if (ice_candidate_judge(addr, a->cfg.allow_loopback) != ICE_REFUSED_NOT)
		return ADIT_EINVAL;
	for (size_t i = 0; i < ICE_BASES_MAX; i++)
		if (a->bases[i].is_used && adit_addr_eq(&a->bases[i].addr, addr))
			return ADIT_EINVAL;
	b = base_room(a);
	if (!b || (a->is_gathering && a->n_locals == ICE_LOCALS_MAX))
		return ADIT_EFULL;
	*b = (struct ice_base){.is_used = true, .iface = (uint8_t)iface, .sock = sock, .addr = *addr};
	*ret_base = b;
	return 0;
}

int ice_agent_add_heard(struct ice_agent *a, adit_time now, uint32_t sock, const struct adit_addr *addr)
{
	struct ice_base *b;
	int err;

	if (now > a->now)
		a->now = now;
	err = base_add(a, sock, addr, ICE_IFACE_NORMAL, &b);
	if (err < 0)
		return err;
	b->is_narrow = true;
	if (a->n_locals == ICE_LOCALS_MAX) {
		b->is_used = false;
		return ADIT_EFULL;
	}
	base_rank(a, b);
	a->locals[b->local].is_told = true;
	return 0;
}

int ice_agent_add_host(struct ice_agent *a, adit_time now, uint32_t sock, const struct adit_addr *addr,
		       enum ice_iface iface)
{
	struct ice_base *b;
	int err;

	if (now > a->now)
		a->now = now;
	err = base_add(a, sock, addr, iface, &b);
	if (err < 0 || !a->is_gathering)
		return err;
	base_rank(a, b);
	if (!a->is_gathered)
		gather_add(a, (uint8_t)(b - a->bases));
	ice_pairs_make(a);
	return 0;
}

int ice_agent_add_server(struct ice_agent *a, const struct adit_addr *addr)
{
	if (ice_candidate_judge(addr, a->cfg.allow_loopback) != ICE_REFUSED_NOT)
		return ADIT_EINVAL;
	if (a->n_servers == ICE_SERVERS_MAX)
		return ADIT_EFULL;
	a->servers[a->n_servers++] = *addr;
	return 0;
}

int ice_agent_add_relayed(struct ice_agent *a, adit_time now, uint32_t sock, const struct adit_addr *relayed,
			  const struct adit_addr *server, const struct adit_addr *mapped)
{
	struct ice_base *b = base_room(a);

	if (now > a->now)
		a->now = now;
	if (ice_candidate_judge(relayed, a->cfg.allow_loopback) != ICE_REFUSED_NOT)
		return ADIT_EINVAL;
	if (!b || a->n_locals == ICE_LOCALS_MAX)
		return ADIT_EFULL;
	*b = (struct ice_base){.is_used = true, .is_relayed = true, .sock = sock, .addr = *relayed};
	base_rank(a, b);
	b->local = (uint8_t)local_add(a, ICE_RELAY, (uint8_t)(b - a->bases), relayed, mapped, server);
	ice_pairs_make(a);
	return 0;
}

/* ---- gathering ---- */

void ice_agent_gather(struct ice_agent *a, adit_time now, bool more)
{
	if (now > a->now)
		a->now = now;
	if (a->is_gathering)
		return;
	a->is_gathering = true;
	a->is_more = more;
	a->gather_until = adit_time_add(a->now, ICE_GATHER_MAX);
	rank_all(a);
	for (size_t i = 0; i < ICE_BASES_MAX; i++)
		if (a->bases[i].is_used)
			gather_add(a, (uint8_t)i);
	ice_pairs_make(a);
	ice_agent_tick(a, a->now);
}

void ice_agent_gathered(struct ice_agent *a, adit_time now)
{
	a->is_more = false;
	ice_agent_tick(a, now);
}

/* Only what packets leave from stays, to be told anew; what others saw may have changed. */
void ice_local_tell_again(struct ice_agent *a)
{
	size_t n = a->n_locals;

	a->n_locals = 0;
	for (size_t i = 0; i < n; i++) {
		struct ice_local l = a->locals[i];

		if (l.cand.type != ICE_HOST && l.cand.type != ICE_RELAY)
			continue;
		l.is_told = false;
		a->bases[l.base].local = (uint8_t)a->n_locals;
		snprintf(l.cand.foundation, sizeof(l.cand.foundation), "%u", (unsigned)a->n_locals + 1);
		a->locals[a->n_locals++] = l;
	}
	memset(a->gathers, 0, sizeof(a->gathers));
	a->is_gathered = a->tell_gathered = false;
	if (!a->is_gathering)
		return;
	a->is_gathering = false;
	ice_agent_gather(a, a->now, a->is_more);
}

bool ice_gather_has_pending(const struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_GATHERS_MAX; i++)
		if (a->gathers[i].state == ICE_GATHER_PENDING)
			return true;
	return false;
}

/* RFC 8445 14.3. */
static adit_dur gather_rto(const struct ice_agent *a)
{
	adit_dur rto = 0;

	for (size_t i = 0; i < ICE_GATHERS_MAX; i++)
		if (a->gathers[i].state != ICE_GATHER_FREE)
			rto += a->ta;
	return rto > a->cfg.rto_min ? rto : a->cfg.rto_min;
}

bool ice_gather_start_one(struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_GATHERS_MAX; i++) {
		struct ice_gather *g = &a->gathers[i];

		if (g->state != ICE_GATHER_PENDING)
			continue;
		ice_txn_start(a, &g->txn, gather_rto(a));
		g->state = ICE_GATHER_ASKED;
		return true;
	}
	return false;
}

static bool is_open(const struct ice_gather *g)
{
	return g->state == ICE_GATHER_PENDING || g->state == ICE_GATHER_ASKED;
}

static void gather_fail(struct ice_gather *g)
{
	if (is_open(g))
		g->state = ICE_GATHER_FAILED;
	g->txn.is_out = false;
	ice_txn_stop(&g->txn);
}

/* RFC 8445 5.1.1.4: the NAT must not forget what the peer is told, however long its description takes. */
static void refresh(struct ice_agent *a, struct ice_gather *g)
{
	if (a->now < g->refresh_at)
		return;
	if (a->state == ICE_COMPLETED || ice_is_over(a)) {
		g->refresh_at = ADIT_NEVER;
		return;
	}
	g->refresh_at = adit_time_add(a->now, ICE_KEEPALIVE);
	ice_txn_start(a, &g->txn, gather_rto(a));
}

/* All servers have answered or had their time, and the caller has no more either. */
static void settle(struct ice_agent *a)
{
	bool any = false;

	for (size_t i = 0; i < ICE_GATHERS_MAX; i++) {
		if (a->now >= a->gather_until && is_open(&a->gathers[i]))
			gather_fail(&a->gathers[i]);
		any |= is_open(&a->gathers[i]);
	}
	if (!a->is_gathering || a->is_gathered || any || a->is_more)
		return;
	a->is_gathered = a->tell_gathered = true;
	adit_trace(a->cfg.log, ADIT_LOG_DECIDE, "ice_gathered locals=%u", (unsigned)a->n_locals);
}

void ice_gather_tick(struct ice_agent *a)
{
	for (size_t i = 0; i < ICE_GATHERS_MAX; i++) {
		struct ice_gather *g = &a->gathers[i];

		if (g->state == ICE_GATHER_FREE)
			continue;
		if (ice_txn_tick(&g->txn, a->now) < 0)
			gather_fail(g);
		refresh(a, g);
	}
	settle(a);
}

adit_time ice_gather_deadline(const struct ice_agent *a)
{
	adit_time at = ADIT_NEVER;

	for (size_t i = 0; i < ICE_GATHERS_MAX; i++) {
		const struct ice_gather *g = &a->gathers[i];

		if (g->state == ICE_GATHER_FREE)
			continue;
		at = adit_time_min(at, adit_time_min(g->txn.retry_at, g->refresh_at));
		if (g->txn.want_send)
			at = adit_time_min(at, a->now);
		if (is_open(g))
			at = adit_time_min(at, a->gather_until);
	}
	return at;
}

/*
 * Can this be how a server sees us? A public one sees nobody's private address: who says so wants the peer to look for
 * us in its own network. Behind a NAT64 an IPv6 socket is an IPv4 address to servers that are reached through it.
 */
static bool is_mine(const struct ice_agent *a, const struct ice_gather *g, const struct adit_addr *mapped)
{
	struct adit_addr v4;

	if (ice_candidate_judge(mapped, a->cfg.allow_loopback) != ICE_REFUSED_NOT ||
	    (ice_candidate_is_private(mapped) && !ice_candidate_is_private(&a->servers[g->server])))
		return false;
	if (mapped->family == a->bases[g->base].addr.family)
		return true;
	return adit_addr_is_v4(mapped) && adit_nat64_extract(&a->cfg.nat64, &a->servers[g->server], &v4);
}

static void gather_answered(struct ice_agent *a, struct ice_gather *g, const struct ice_msg_response *resp)
{
	struct adit_addr mapped = resp->mapped;

	g->state = ICE_GATHER_DONE;
	g->refresh_at = adit_time_add(a->now, ICE_KEEPALIVE);
	/* RFC 8445 5.1.3: the same address from the same base adds nothing; after the end nobody could be told. */
	if (a->is_gathered || local_find(a, g->base, &mapped) < ICE_LOCALS_MAX || a->n_locals == ICE_LOCALS_MAX)
		return;
	local_add(a, ICE_SRFLX, g->base, &mapped,
		  mapped.family == a->bases[g->base].addr.family ? &a->bases[g->base].addr : NULL,
		  &a->servers[g->server]);
}

int ice_gather_input(struct ice_agent *a, const struct adit_dgram *d, const struct stun_msg *m)
{
	for (size_t i = 0; i < ICE_GATHERS_MAX; i++) {
		struct ice_gather *g = &a->gathers[i];
		struct ice_msg_response resp;

		if (g->state == ICE_GATHER_FREE || !ice_txn_is(&g->txn, m->txid))
			continue;
		if (a->bases[g->base].sock != d->sock || !adit_addr_eq(&a->servers[g->server], &d->remote))
			return ADIT_EIGNORED;
		ice_msg_read_mapped(m, &resp);
		g->txn.is_out = false;
		ice_txn_stop(&g->txn);
		/* A server that errs or lies is as good as none. */
		if (resp.is_bad || resp.error > 0 || !is_mine(a, g, &resp.mapped))
			gather_fail(g);
		else
			gather_answered(a, g, &resp);
		settle(a);
		return 0;
	}
	return ADIT_EIGNORED;
}

bool ice_gather_icmp(struct ice_agent *a, const struct adit_icmp *icmp, const uint8_t *txid)
{
	for (size_t i = 0; i < ICE_GATHERS_MAX; i++) {
		struct ice_gather *g = &a->gathers[i];

		if (g->state == ICE_GATHER_FREE || !ice_txn_is(&g->txn, txid))
			continue;
		if (adit_addr_eq(&a->servers[g->server], &icmp->remote))
			gather_fail(g);
		settle(a);
		return true;
	}
	return false;
}

bool ice_gather_output(struct ice_agent *a, struct adit_out *ret_out)
{
	for (size_t i = 0; i < ICE_GATHERS_MAX; i++) {
		struct ice_gather *g = &a->gathers[i];
		const struct ice_base *b = &a->bases[g->base];

		if (g->state == ICE_GATHER_FREE || !g->txn.want_send)
			continue;
		ice_txn_sent(&g->txn, a->now);
		a->stats.gathers_sent++;
		*ret_out = (struct adit_out){
			.kind = ADIT_OUT_SEND,
			.sock = b->sock,
			.local = b->addr,
			.remote = a->servers[g->server],
			.data = a->out,
			.len = ice_msg_gather(g->txn.txid, a->out),
		};
		return true;
	}
	return false;
}
