#include "lab/lab_linux.h"

#include <assert.h>
#include <stdlib.h>

#include "base/rng.h"
#include "lab/lab_ct.h"
#include "lab/lab_limits.h"

struct lab_linux {
	struct lab_nat nat;
	struct lab_linux_config cfg;
	struct lab_ct ct;
	struct adit_rng_seeded rng_state;
	struct adit_rng rng;
};

static struct lab_tuple tuple_of(const struct lab_flow *f)
{
	return (struct lab_tuple){.src = f->src, .dst = f->dst, .proto = f->proto};
}

static struct lab_linux *linux_of(struct lab_nat *n)
{
	return adit_container(n, struct lab_linux, nat);
}

static bool is_own(const struct lab_linux *l, const struct adit_addr *a)
{
	return adit_addr_eq_ip(a, &l->cfg.wan) || adit_addr_eq_ip(a, &l->cfg.lan);
}

/* Would the answers to a packet |out|, as it leaves, be taken for another flow's? */
static bool is_taken(struct lab_linux *l, adit_time now, const struct lab_tuple *out)
{
	struct lab_tuple reply = lab_tuple_invert(out);
	enum lab_ct_dir dir;

	return lab_ct_find(&l->ct, now, &reply, &dir) != NULL;
}

/*
 * The class a port stays in when it must be changed; any identifier may become any (nf_nat_l4proto_unique_tuple). The
 * kernel draws the identifier 0, too, one time in 65536; here that is the mark of who answers.
 */
static void port_class(uint8_t proto, uint16_t port, unsigned *ret_min, unsigned *ret_size)
{
	unsigned max = 65535;

	*ret_min = 1024;
	if (proto == LAB_PING) {
		*ret_min = 1;
	} else if (port < 512) {
		*ret_min = 1;
		max = 511;
	} else if (port < 1024) {
		*ret_min = 600;
		max = 1023;
	}
	*ret_size = max - *ret_min + 1;
}

/* Runs of neighbouring ports from random starts, each run half as long as the one before. */
static bool pick_port(struct lab_linux *l, adit_time now, struct lab_tuple *out)
{
	unsigned min;
	unsigned size;
	unsigned tries = LAB_PORT_TRIES;

	port_class(out->proto, out->src.port, &min, &size);
	for (; tries >= LAB_PORT_TRIES_MIN / 2; tries /= 2) {
		unsigned at = (unsigned)adit_rng_below(&l->rng, 65536);

		for (unsigned i = 0; i < tries; i++) {
			out->src.port = (uint16_t)(min + (at + i) % size);
			if (!is_taken(l, now, out))
				return true;
		}
	}
	return false;
}

/*
 * The source that a new flow from inside would like to leave with: the one its socket has toward others already, else
 * its own port; with "random" any port.
 */
static struct lab_tuple wanted_source(struct lab_linux *l, adit_time now, const struct lab_tuple *t)
{
	struct lab_tuple own = {.src = adit_addr_with_port(l->cfg.wan, t->src.port), .dst = t->dst, .proto = t->proto};
	struct lab_tuple again = own;
	struct lab_ct_entry *same;

	if (l->cfg.random) {
		(void)pick_port(l, now, &own);
		return own;
	}
	same = lab_ct_find_src(&l->ct, now, t, &l->cfg.wan);
	if (!same)
		return own;
	again.src = same->tuple[LAB_CT_REPLY].dst;
	return is_taken(l, now, &again) ? own : again;
}

/*
 * Remembers a flow |orig| that goes on as |on|. If answers to |on| would be taken for another flow's, it goes on from
 * another port, at random: the kernel does that to whatever is new, masqueraded or not. False: no port is free.
 */
static bool remember(struct lab_linux *l, adit_time now, const struct lab_tuple *orig, struct lab_tuple *on)
{
	struct lab_tuple reply;

	if (is_taken(l, now, on) && !pick_port(l, now, on))
		return false;
	reply = lab_tuple_invert(on);
	return lab_ct_add(&l->ct, now, orig, &reply) != NULL;
}

/* A packet to the router itself, of no flow yet, that has been let in. */
static enum lab_verdict deliver_new(struct lab_linux *l, adit_time now, const struct lab_tuple *t)
{
	struct lab_tuple on = *t;

	/* Nobody listens: the router's own RST ends the flow at once (nf_conntrack_proto_tcp.c). */
	if (t->proto == LAB_TCP)
		return LAB_LOCAL;
	if (!remember(l, now, t, &on)) {
		l->nat.stats.full++;
		return LAB_DROP;
	}
	l->nat.stats.local++;
	return LAB_LOCAL;
}

/* How a packet of |e| that came in direction |dir| goes on: as if the answers' direction were turned round. */
static struct lab_flow translated(const struct lab_ct_entry *e, enum lab_ct_dir dir)
{
	return (struct lab_flow){.src = e->tuple[!dir].dst, .dst = e->tuple[!dir].src, .proto = e->tuple[dir].proto};
}

/* An echo answer that nobody has asked for belongs to nothing ("invalid"). */
static bool may_be_new(const struct lab_flow *f)
{
	return f->proto != LAB_PING || f->dst.port == 0;
}

static enum lab_verdict out_new(struct lab_linux *l, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct lab_tuple t = tuple_of(f);
	struct lab_tuple out;

	if (is_own(l, &f->dst))
		return may_be_new(f) ? deliver_new(l, now, &t) : LAB_DROP;
	if (f->ttl <= 1)
		return LAB_EXPIRED;
	if (!may_be_new(f))
		return LAB_DROP;
	out = wanted_source(l, now, &t);
	if (!remember(l, now, &t, &out)) {
		l->nat.stats.full++;
		return LAB_DROP;
	}
	l->nat.stats.mappings++;
	l->nat.stats.moved += out.src.port != f->src.port;
	*ret_flow = (struct lab_flow){.src = out.src, .dst = out.dst, .proto = f->proto};
	return LAB_FORWARD;
}

static enum lab_verdict linux_out(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct lab_linux *l = linux_of(n);
	struct lab_tuple t = tuple_of(f);
	enum lab_ct_dir dir;
	struct lab_ct_entry *e = lab_ct_find(&l->ct, now, &t, &dir);

	if (!e)
		return out_new(l, now, f, ret_flow);
	lab_ct_refresh(&l->ct, now, e, dir, f->tcp_flags);
	if (is_own(l, &f->dst))
		return LAB_LOCAL;
	if (f->ttl <= 1)
		return LAB_EXPIRED;
	*ret_flow = translated(e, dir);
	return LAB_FORWARD;
}

static enum lab_verdict by_policy(struct lab_linux *l)
{
	if (l->cfg.input == LAB_INPUT_ACCEPT)
		return LAB_LOCAL;
	l->nat.stats.refused++;
	return l->cfg.input == LAB_INPUT_REJECT ? LAB_REJECT : LAB_DROP;
}

static const struct lab_forward *find_forward(const struct lab_linux *l, const struct lab_flow *f)
{
	for (size_t i = 0; i < LAB_FORWARDS_MAX && f->dst.port != 0 && f->proto != LAB_PING; i++)
		if (l->cfg.forwards[i].port == f->dst.port)
			return &l->cfg.forwards[i];
	return NULL;
}

/* A new packet to a forwarded port. It is its source that is moved where the answers would clash. */
static enum lab_verdict forward_new(struct lab_linux *l, adit_time now, const struct lab_flow *f,
				    const struct lab_forward *fwd, struct lab_flow *ret_flow)
{
	struct lab_tuple t = tuple_of(f);
	struct lab_tuple on = {.src = f->src, .dst = fwd->to, .proto = f->proto};

	if (f->ttl <= 1)
		return LAB_EXPIRED;
	if (!remember(l, now, &t, &on)) {
		l->nat.stats.full++;
		return LAB_DROP;
	}
	l->nat.stats.mappings++;
	*ret_flow = (struct lab_flow){.src = on.src, .dst = on.dst, .proto = f->proto};
	return LAB_FORWARD;
}

static enum lab_verdict linux_in(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct lab_linux *l = linux_of(n);
	struct lab_tuple t = tuple_of(f);
	enum lab_ct_dir dir;
	struct lab_ct_entry *e = lab_ct_find(&l->ct, now, &t, &dir);
	const struct lab_forward *fwd;
	enum lab_verdict v;

	if (!e && (fwd = find_forward(l, f)) != NULL)
		return forward_new(l, now, f, fwd, ret_flow);
	if (!e) {
		v = by_policy(l);
		if (v == LAB_LOCAL && !may_be_new(f))
			return LAB_DROP;
		return v == LAB_LOCAL ? deliver_new(l, now, &t) : v;
	}
	lab_ct_refresh(&l->ct, now, e, dir, f->tcp_flags);
	/* The clash entry: its packets count as new for as long as the router does not answer, so the rules see them.
	 */
	if (is_own(l, &e->tuple[!dir].src))
		return by_policy(l);
	if (f->ttl <= 1)
		return LAB_EXPIRED;
	*ret_flow = translated(e, dir);
	return LAB_FORWARD;
}

static bool linux_icmp(struct lab_nat *n, adit_time now, struct lab_flow *quoted)
{
	struct lab_linux *l = linux_of(n);
	struct lab_tuple answer = {.src = quoted->dst, .dst = quoted->src, .proto = quoted->proto};
	enum lab_ct_dir dir;
	struct lab_ct_entry *e = lab_ct_find(&l->ct, now, &answer, &dir);

	/* An error refreshes nothing. One about what the router itself has said ends here. */
	if (!e || is_own(l, &e->tuple[!dir].src))
		return false;
	quoted->src = e->tuple[!dir].src;
	quoted->dst = e->tuple[!dir].dst;
	return true;
}

static void linux_flush(struct lab_nat *n)
{
	lab_ct_flush(&linux_of(n)->ct);
}

static void linux_free(struct lab_nat *n)
{
	struct lab_linux *l = linux_of(n);

	lab_ct_done(&l->ct);
	free(l);
}

static const struct lab_nat_ops linux_ops = {
	.out = linux_out,
	.in = linux_in,
	.icmp = linux_icmp,
	.flush = linux_flush,
	.free = linux_free,
};

struct lab_nat *lab_linux_new(const struct lab_linux_config *cfg)
{
	struct lab_linux *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->nat.ops = &linux_ops;
	l->cfg = *cfg;
	l->rng = cfg->rng ? *cfg->rng : adit_rng_seeded_init(&l->rng_state, cfg->seed);
	if (lab_ct_init(&l->ct, cfg->unreplied ? cfg->unreplied : LAB_UDP_UNREPLIED,
			cfg->replied ? cfg->replied : LAB_UDP_REPLIED) < 0) {
		free(l);
		return NULL;
	}
	if (cfg->ping)
		l->ct.ping = cfg->ping;
	return &l->nat;
}

void lab_linux_set_input(struct lab_nat *n, enum lab_input input)
{
	assert(n->ops == &linux_ops);
	linux_of(n)->cfg.input = input;
}

void lab_linux_set_wan(struct lab_nat *n, const struct adit_addr *wan)
{
	assert(n->ops == &linux_ops);
	linux_of(n)->cfg.wan = *wan;
	/* The kernel keeps what was not masqueraded; but nobody can send to the old address any more. */
	linux_flush(n);
}

struct lab_ct *lab_linux_ct(struct lab_nat *n)
{
	assert(n->ops == &linux_ops);
	return &linux_of(n)->ct;
}

size_t lab_linux_count(struct lab_nat *n, adit_time now)
{
	assert(n->ops == &linux_ops);
	return lab_ct_count(&linux_of(n)->ct, now);
}
