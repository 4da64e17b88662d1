#include "lab/lab_zoo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab_zoo_inner.h"

/* --- small questions --- */

static bool is_pool(const struct lab_zoo *z, const struct adit_addr *a)
{
	for (unsigned i = 0; i < z->cfg.wan_count; i++)
		if (adit_addr_eq_ip(&z->cfg.wan[i], a))
			return true;
	return false;
}

static bool is_lan(const struct lab_zoo *z, const struct adit_addr *a)
{
	return z->cfg.lan.family != ADIT_FAMILY_NONE && adit_addr_eq_ip(&z->cfg.lan, a);
}

/* A remote as the inside sees it. */
static struct adit_addr seen_inside(const struct lab_zoo *z, const struct adit_addr *remote)
{
	if (z->cfg.kind != LAB_ZOO_NAT64)
		return *remote;
	return adit_nat64_synthesize(&z->cfg.nat64, remote);
}

/* A destination as it is outside. False: NAT64, and it is not behind the prefix. */
static bool seen_outside(const struct lab_zoo *z, const struct adit_addr *dst, struct adit_addr *ret_remote)
{
	if (z->cfg.kind == LAB_ZOO_NAT64)
		return adit_nat64_extract(&z->cfg.nat64, dst, ret_remote);
	*ret_remote = *dst;
	return true;
}

static bool port_allowed(enum lab_zoo_allow allow, uint16_t port)
{
	switch (allow) {
	case LAB_ZOO_ALLOW_NONE:
		return false;
	case LAB_ZOO_ALLOW_DNS:
		return port == 53;
	case LAB_ZOO_ALLOW_WEB:
		return port == 53 || port == 80 || port == 443;
	default:
		return true;
	}
}

static bool may_go_out(const struct lab_zoo *z, const struct lab_flow *f)
{
	switch (f->proto) {
	case LAB_TCP:
		return port_allowed(z->cfg.tcp, f->dst.port);
	case LAB_PING:
		return !z->cfg.no_ping;
	default:
		return port_allowed(z->cfg.udp, f->dst.port);
	}
}

/* --- verdicts --- */

static enum lab_verdict refuse(struct lab_zoo *z, bool reject)
{
	z->nat.stats.refused++;
	return reject ? LAB_REJECT : LAB_DROP;
}

static enum lab_verdict no_room(const struct lab_zoo *z)
{
	return z->cfg.full == LAB_ZOO_FULL_REJECT ? LAB_REJECT : LAB_DROP;
}

static enum lab_verdict expired(const struct lab_zoo *z)
{
	return z->cfg.ttl_silent ? LAB_DROP : LAB_EXPIRED;
}

/*
 * A packet from outside that no mapping lets in. |own|: it is for the router itself, or would be for all it knows.
 * A firewall does not take what is for a host behind it.
 */
static enum lab_verdict by_policy(struct lab_zoo *z, adit_time now, const struct lab_flow *f, bool own)
{
	if (z->cfg.input != LAB_INPUT_ACCEPT || !own)
		return refuse(z, z->cfg.input == LAB_INPUT_REJECT);
	if (!lab_zoo_local_refresh(z, now, f))
		lab_zoo_local_add(z, now, f);
	return LAB_LOCAL;
}

/* --- out --- */

/*
 * The mapping of a packet from inside, made if need be, with what the filter will want to know of |remote|. Else NULL
 * and the verdict.
 */
static struct lab_zoo_map *map_for(struct lab_zoo *z, adit_time now, const struct lab_flow *f,
				   const struct adit_addr *remote, enum lab_verdict *ret_verdict)
{
	struct lab_zoo_want w = {.proto = f->proto, .in = f->src, .remote = *remote};
	struct lab_zoo_map *m = lab_zoo_map_find(z, &w);
	bool starts = f->proto != LAB_TCP || (f->tcp_flags & LAB_TCP_SYN);
	bool fresh = !m;

	/* An echo answer: its mapping was made when it was asked for, or never. */
	if (f->proto == LAB_PING && f->src.port == 0 && z->cfg.kind != LAB_ZOO_FIREWALL)
		starts = false;
	if (!starts && (z->cfg.tcp_strict || f->proto == LAB_PING) && (!m || !lab_zoo_session_has(z, m, remote))) {
		*ret_verdict = refuse(z, false);
		return NULL;
	}
	*ret_verdict = no_room(z);
	if (fresh)
		m = lab_zoo_map_make(z, now, &w);
	if (!m)
		return NULL;
	if (!lab_zoo_session_out(z, now, m, remote, f)) {
		if (fresh)
			lab_zoo_map_end(z, m);
		return NULL;
	}
	lab_zoo_map_use(z, now, m, true);
	return m;
}

/* A packet from inside to the pool. */
static enum lab_verdict turn_around(struct lab_zoo *z, adit_time now, const struct lab_flow *f,
				    const struct adit_addr *dst, struct lab_flow *ret_flow)
{
	enum lab_verdict v;
	struct adit_addr seen = f->src;
	struct lab_zoo_map *from = NULL;
	struct lab_zoo_map *to;

	if (z->cfg.hairpin == LAB_ZOO_HAIRPIN_NONE)
		return refuse(z, false);
	if (f->ttl <= 1 && !z->cfg.ttl_late)
		return expired(z);
	if (z->cfg.hairpin == LAB_ZOO_HAIRPIN_EXTERNAL) {
		from = map_for(z, now, f, dst, &v);
		if (!from)
			return v;
		seen = from->out;
	}
	to = lab_zoo_map_match(z, f->proto, dst, &seen);
	if (!to || to->foreign || (from && !lab_zoo_session_permits(z, to, &seen)))
		return refuse(z, z->cfg.input == LAB_INPUT_REJECT);
	if (f->ttl <= 1)
		return expired(z);
	if (from && !lab_zoo_session_in(z, now, to, &seen, f))
		return no_room(z);
	lab_zoo_map_use(z, now, to, false);
	ret_flow->src = from ? seen_inside(z, &seen) : seen;
	ret_flow->dst = to->in;
	return LAB_HAIRPIN;
}

static enum lab_verdict go_out(struct lab_zoo *z, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct adit_addr remote;
	enum lab_verdict v;
	struct lab_zoo_map *m;

	if (is_lan(z, &f->dst) || (z->cfg.kind == LAB_ZOO_FIREWALL && is_pool(z, &f->dst)))
		return LAB_LOCAL;
	if (!seen_outside(z, &f->dst, &remote) || !may_go_out(z, f))
		return refuse(z, z->cfg.out_reject);
	if (is_pool(z, &remote))
		return turn_around(z, now, f, &remote, ret_flow);
	if (f->ttl <= 1 && !z->cfg.ttl_late)
		return expired(z);
	m = map_for(z, now, f, &remote, &v);
	if (!m)
		return v;
	if (f->ttl <= 1)
		return expired(z);
	ret_flow->src = m->out;
	ret_flow->dst = remote;
	return LAB_FORWARD;
}

/* --- in --- */

/* RFC 4890 4.3.1: no firewall may stop echo requests to an IPv6 host. */
static bool is_echo_for_host(const struct lab_zoo *z, const struct lab_flow *f, bool own)
{
	return z->cfg.kind == LAB_ZOO_FIREWALL && !own && !z->cfg.no_ping && f->proto == LAB_PING && f->dst.port == 0 &&
	       f->dst.family == ADIT_FAMILY_V6;
}

static enum lab_verdict go_in(struct lab_zoo *z, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	bool own = z->cfg.kind != LAB_ZOO_FIREWALL || is_pool(z, &f->dst);
	struct lab_zoo_map *m;

	/* What found the router itself once goes on to, as conntrack has it: the rules see each of these packets. */
	if (lab_zoo_local_refresh(z, now, f))
		return by_policy(z, now, f, own);
	if (is_echo_for_host(z, f, own))
		return f->ttl <= 1 ? expired(z) : LAB_FORWARD;
	m = lab_zoo_map_match(z, f->proto, &f->dst, &f->src);
	if (m && m->foreign)
		return refuse(z, false);
	if (!m || !lab_zoo_session_permits(z, m, &f->src))
		return by_policy(z, now, f, own);
	if (f->proto == LAB_TCP && z->cfg.tcp_strict && !(f->tcp_flags & LAB_TCP_SYN) &&
	    !lab_zoo_session_has(z, m, &f->src))
		return refuse(z, false);
	if (f->ttl <= 1 && !z->cfg.ttl_late)
		return expired(z);
	if (!lab_zoo_session_in(z, now, m, &f->src, f))
		return no_room(z);
	lab_zoo_map_use(z, now, m, false);
	if (f->ttl <= 1)
		return expired(z);
	ret_flow->src = seen_inside(z, &f->src);
	ret_flow->dst = m->in;
	return LAB_FORWARD;
}

/* --- the five questions --- */

static enum lab_verdict pass(struct lab_zoo *z, adit_time now, bool out, const struct lab_flow *f,
			     struct lab_flow *ret_flow)
{
	enum lab_verdict v;

	lab_zoo_advance(z, now);
	*ret_flow = *f;
	if (f->fragment == LAB_FRAGMENT_LATER)
		return lab_zoo_fragment_later(z, now, out, f, ret_flow);
	if (f->fragment != LAB_WHOLE && z->cfg.fragments == LAB_ZOO_FRAGMENTS_DROP)
		return refuse(z, false);
	v = out ? go_out(z, now, f, ret_flow) : go_in(z, now, f, ret_flow);
	if (f->fragment == LAB_FRAGMENT_FIRST && (v == LAB_FORWARD || v == LAB_HAIRPIN))
		lab_zoo_fragment_first(z, now, out, f, v, ret_flow);
	return v;
}

static enum lab_verdict zoo_out(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	return pass(lab_zoo_of(n), now, true, f, ret_flow);
}

static enum lab_verdict zoo_in(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	return pass(lab_zoo_of(n), now, false, f, ret_flow);
}

static bool zoo_holds(struct lab_nat *n, adit_time now, bool out, const struct lab_flow *f)
{
	struct lab_zoo *z = lab_zoo_of(n);

	(void)now;
	(void)out;
	return f->fragment == LAB_FRAGMENT_LATER && f->ttl > 1 && z->cfg.fragments == LAB_ZOO_FRAGMENTS_ANY_ORDER;
}

/*
 * Which packet is quoted? From outside comes what one of our mappings sent, from inside what one of them received.
 * Either way the error is about a flow between an outside endpoint and a remote.
 */
static struct lab_zoo_map *map_quoted(struct lab_zoo *z, const struct lab_flow *q, struct adit_addr *ret_remote,
				      bool *ret_sent)
{
	struct lab_zoo_want w = {.proto = q->proto, .in = q->dst};
	struct lab_zoo_map *m = lab_zoo_map_match(z, q->proto, &q->src, &q->dst);

	*ret_sent = true;
	*ret_remote = q->dst;
	if (m && (z->cfg.kind == LAB_ZOO_FIREWALL || is_pool(z, &q->src)))
		return m;
	*ret_sent = false;
	if (!seen_outside(z, &q->src, &w.remote))
		return NULL;
	*ret_remote = w.remote;
	return lab_zoo_map_find(z, &w);
}

static bool zoo_icmp(struct lab_nat *n, adit_time now, struct lab_flow *quoted)
{
	struct lab_zoo *z = lab_zoo_of(n);
	struct adit_addr remote;
	struct lab_zoo_map *m;
	bool sent;

	lab_zoo_advance(z, now);
	m = map_quoted(z, quoted, &remote, &sent);
	if (!m || m->foreign || z->cfg.icmp == LAB_ZOO_ICMP_DROP || lab_zoo_local_has(z, m->proto, &m->out, &remote))
		return false;
	if (sent) {
		quoted->src = m->in;
		quoted->dst = seen_inside(z, &remote);
	} else {
		quoted->src = remote;
		quoted->dst = m->out;
	}
	if (z->cfg.icmp == LAB_ZOO_ICMP_KILL)
		lab_zoo_map_end(z, m);
	return true;
}

/* --- making one --- */

/* What has the size of the pool. */
static int init_pool(struct lab_zoo *z)
{
	size_t count;

	z->port_bits = calloc((size_t)z->cfg.wan_count * LAB_ZOO_PROTOS + 1, LAB_ZOO_PORT_BITS * sizeof(*z->port_bits));
	if (!z->port_bits)
		return ADIT_ENOMEM;
	if (z->cfg.block == 0)
		return 0;
	z->block_count = ((uint32_t)z->cfg.last - z->cfg.first + 1) / z->cfg.block;
	count = (size_t)z->cfg.wan_count * z->block_count;
	z->blocks = calloc(count + 1, sizeof(*z->blocks));
	if (!z->blocks)
		return ADIT_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		z->blocks[i].index = (uint32_t)i;
		adit_list_init(&z->blocks[i].of_host);
	}
	return 0;
}

static void done_pool(struct lab_zoo *z)
{
	free(z->port_bits);
	free(z->blocks);
	z->port_bits = NULL;
	z->blocks = NULL;
}

static void zoo_flush(struct lab_nat *n)
{
	lab_zoo_forget(lab_zoo_of(n));
}

static void zoo_free(struct lab_nat *n)
{
	struct lab_zoo *z = lab_zoo_of(n);

	lab_zoo_forget(z);
	lab_zoo_hash_done(&z->by_in);
	lab_zoo_hash_done(&z->by_pair);
	lab_zoo_hash_done(&z->by_port);
	lab_zoo_hash_done(&z->sessions);
	lab_zoo_hash_done(&z->locals);
	lab_zoo_hash_done(&z->hosts);
	done_pool(z);
	free(z->fragments);
	free(z);
}

static const struct lab_nat_ops zoo_ops = {
	.out = zoo_out,
	.in = zoo_in,
	.icmp = zoo_icmp,
	.flush = zoo_flush,
	.holds = zoo_holds,
	.free = zoo_free,
};

static int init_tables(struct lab_zoo *z)
{
	if (init_pool(z) < 0 || lab_zoo_hash_init(&z->by_in) < 0 || lab_zoo_hash_init(&z->by_pair) < 0 ||
	    lab_zoo_hash_init(&z->by_port) < 0 || lab_zoo_hash_init(&z->sessions) < 0 ||
	    lab_zoo_hash_init(&z->locals) < 0 || lab_zoo_hash_init(&z->hosts) < 0)
		return ADIT_ENOMEM;
	return 0;
}

struct lab_nat *lab_zoo_new(const struct lab_zoo_config *cfg)
{
	struct lab_zoo *z = lab_zoo_config_check(cfg) ? NULL : calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	z->nat.ops = &zoo_ops;
	z->cfg = *cfg;
	z->rng = adit_rng_seeded_init(&z->rng_state, cfg->seed);
	z->foreign_rng = adit_rng_seeded_init(&z->foreign_state, adit_rng_u64(&z->rng));
	adit_list_init(&z->host_lru);
	adit_list_init(&z->by_age);
	lab_zoo_timer_init(z);
	if (init_tables(z) < 0) {
		zoo_free(&z->nat);
		return NULL;
	}
	lab_zoo_port_restart(z);
	return &z->nat;
}

int lab_zoo_readdress(struct lab_nat *n, const struct adit_addr *wan, unsigned count)
{
	struct lab_zoo *z = lab_zoo_of(n);
	struct lab_zoo old = *z; /* for its pool alone */
	struct lab_zoo_config cfg = z->cfg;

	assert(n->ops == &zoo_ops);
	if (count > LAB_ZOO_POOL_MAX)
		return ADIT_EINVAL;
	memset(cfg.wan, 0, sizeof(cfg.wan));
	memcpy(cfg.wan, wan, count * sizeof(*wan));
	cfg.wan_count = count;
	if (lab_zoo_config_check(&cfg))
		return ADIT_EINVAL;
	lab_zoo_forget(z);
	z->cfg = cfg;
	z->next_ext = 0;
	z->blocks = NULL;
	if (init_pool(z) < 0) {
		done_pool(z);
		z->cfg = old.cfg;
		z->port_bits = old.port_bits;
		z->blocks = old.blocks;
		return ADIT_ENOMEM;
	}
	done_pool(&old);
	return 0;
}

size_t lab_zoo_count(struct lab_nat *n, adit_time now)
{
	struct lab_zoo *z = lab_zoo_of(n);

	assert(n->ops == &zoo_ops);
	lab_zoo_advance(z, now);
	return z->map_count - z->foreign_count;
}

size_t lab_zoo_host_count(struct lab_nat *n, adit_time now, const struct adit_addr *host)
{
	struct lab_zoo *z = lab_zoo_of(n);
	struct lab_zoo_host *h;

	assert(n->ops == &zoo_ops);
	lab_zoo_advance(z, now);
	h = lab_zoo_host_find(z, host);
	return h ? h->count : 0;
}

size_t lab_zoo_foreign_count(struct lab_nat *n, adit_time now)
{
	struct lab_zoo *z = lab_zoo_of(n);

	assert(n->ops == &zoo_ops);
	lab_zoo_advance(z, now);
	return z->foreign_count;
}
