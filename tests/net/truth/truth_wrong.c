/*
 * The model, and the model with one thing wrong: settings that differ from the kernel's, or a coat around its three
 * answers. A test that does not notice these tests nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "truth.h"

struct coat {
	struct lab_nat nat;
	struct lab_nat *inner;
	struct truth_model *model;
	struct lab_ct *ct;
	enum truth_wrong wrong;
};

static struct coat *coat_of(struct lab_nat *n)
{
	return adit_container(n, struct coat, nat);
}

static struct lab_tuple tuple_of(const struct lab_flow *f)
{
	return (struct lab_tuple){.src = f->src, .dst = f->dst, .proto = f->proto};
}

static struct lab_ct_entry *entry_of(struct coat *c, adit_time now, const struct lab_flow *f)
{
	struct lab_tuple t = tuple_of(f);
	enum lab_ct_dir dir;

	return lab_ct_find(c->ct, now, &t, &dir);
}

/* A live entry that shows |wan| outside, other than |not|, answered by |peer|'s address where that is given. */
static struct lab_ct_entry *mapping_of(struct coat *c, adit_time now, const struct lab_flow *f,
				       const struct adit_addr *wan, const struct adit_addr *peer)
{
	adit_list_each (it, &c->ct->entries) {
		struct lab_ct_entry *e = adit_container(it, struct lab_ct_entry, all);
		const struct lab_tuple *reply = &e->tuple[LAB_CT_REPLY];
		bool is_from_inside = e->tuple[LAB_CT_ORIGINAL].src.ip[0] == 10;

		if (e->expire_at > now && is_from_inside && reply->proto == f->proto &&
		    adit_addr_eq(&reply->dst, wan) && !adit_addr_eq(&e->tuple[LAB_CT_ORIGINAL].src, &f->src) &&
		    (!peer || adit_addr_eq_ip(&reply->src, peer)))
			return e;
	}
	return NULL;
}

/* Would |f| keep its port, going out as a new flow? */
static bool own_is_free(struct coat *c, adit_time now, const struct lab_flow *f)
{
	struct lab_flow answer = {.src = f->dst, .dst = truth_wan(f->src.port), .proto = f->proto};

	return !entry_of(c, now, &answer);
}

static void grow_old(struct coat *c)
{
	adit_list_each (it, &c->ct->entries)
		adit_container(it, struct lab_ct_entry, all)->stream_at = 0;
}

/* Has the socket that sends |f| said something to the router itself, and nothing since? */
static bool is_newest_local(const struct coat *c, adit_time now, const struct lab_flow *f)
{
	bool is_local = false;

	adit_list_each (it, &c->ct->entries) {
		const struct lab_ct_entry *e = adit_container(it, struct lab_ct_entry, all);
		const struct lab_tuple *orig = &e->tuple[LAB_CT_ORIGINAL];

		if (e->expire_at > now && orig->proto == f->proto && adit_addr_eq(&orig->src, &f->src))
			is_local = adit_addr_eq_ip(&e->tuple[LAB_CT_REPLY].dst, &f->src);
	}
	return is_local;
}

/* A new flow out: wrong ideas about its port. */
static void wrong_port(struct coat *c, adit_time now, const struct lab_flow *f, bool was_free, bool newest_is_local,
		       uint16_t shared, struct lab_flow *g)
{
	struct adit_addr wan = g->src;
	bool is_moved = g->src.port != f->src.port;

	switch (c->wrong) {
	case TRUTH_WRONG_OVERLOAD:
		if (mapping_of(c, now, f, &wan, NULL))
			g->src.port ^= 1;
		break;
	case TRUTH_WRONG_PREFER:
		if (is_moved && was_free)
			g->src.port = f->src.port;
		break;
	case TRUTH_WRONG_PREFER_NONE:
		if (is_moved && shared == g->src.port && f->src.port >= 1024)
			g->src.port = (uint16_t)(1024 + adit_rng_below(&c->model->rng, 65536 - 1024));
		break;
	case TRUTH_WRONG_PREFER_NEWEST:
		if (is_moved && was_free && newest_is_local)
			g->src.port = f->src.port;
		break;
	case TRUTH_WRONG_CLASS:
		if (is_moved && f->src.port < 1024 && f->proto == LAB_UDP)
			g->src.port = (uint16_t)(g->src.port + 1024);
		break;
	case TRUTH_WRONG_NOT_FULLY:
		if (shared)
			g->src.port = shared;
		break;
	default:
		break;
	}
}

static enum lab_verdict out_changed(struct coat *c, adit_time now, struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct adit_addr wan = truth_wan(0);
	struct lab_ct_entry *old = entry_of(c, now, f);
	bool was_free = own_is_free(c, now, f);
	bool newest_is_local = is_newest_local(c, now, f);
	struct lab_tuple t = tuple_of(f);
	struct lab_ct_entry *same = lab_ct_find_src(c->ct, now, &t, &wan);
	uint16_t shared = same ? same->tuple[LAB_CT_REPLY].dst.port : 0;
	enum lab_verdict v;

	if (c->wrong == TRUTH_WRONG_TTL_LEAVES && f->ttl == 1) {
		f->ttl = 64;
		v = c->inner->ops->out(c->inner, now, f, ret_flow);
		return v == LAB_FORWARD ? LAB_EXPIRED : v;
	}
	if (c->wrong == TRUTH_WRONG_HAIRPIN && adit_addr_eq_ip(&f->dst, &wan) &&
	    (same = mapping_of(c, now, f, &f->dst, NULL)) != NULL && f->ttl > 1) {
		*ret_flow =
			(struct lab_flow){.src = f->src, .dst = same->tuple[LAB_CT_ORIGINAL].src, .proto = f->proto};
		return LAB_HAIRPIN;
	}
	v = c->inner->ops->out(c->inner, now, f, ret_flow);
	if (v == LAB_FORWARD && !old)
		wrong_port(c, now, f, was_free, newest_is_local, shared, ret_flow);
	if (v == LAB_FORWARD && c->wrong == TRUTH_WRONG_PRESERVE && ret_flow->src.port == f->src.port)
		ret_flow->src.port ^= 1;
	return v;
}

static enum lab_verdict in_changed(struct coat *c, adit_time now, struct lab_flow *f, struct lab_flow *ret_flow)
{
	struct lab_ct_entry *old = entry_of(c, now, f);
	struct lab_ct_entry *m = mapping_of(c, now, f, &f->dst, c->wrong == TRUTH_WRONG_FILTER_AD ? &f->src : NULL);
	struct lab_tuple t = tuple_of(f);
	struct lab_tuple answer = lab_tuple_invert(&t);
	enum lab_verdict v;
	enum lab_ct_dir dir;

	if (!old && m && f->ttl > 1 && (c->wrong == TRUTH_WRONG_FILTER_EI || c->wrong == TRUTH_WRONG_FILTER_AD)) {
		*ret_flow = (struct lab_flow){.src = f->src, .dst = m->tuple[LAB_CT_ORIGINAL].src, .proto = f->proto};
		return LAB_FORWARD;
	}
	v = c->inner->ops->in(c->inner, now, f, ret_flow);
	if (c->wrong == TRUTH_WRONG_CLASH && v == LAB_LOCAL && (old = entry_of(c, now, f)) != NULL)
		old->expire_at = 0;
	if (c->wrong == TRUTH_WRONG_CLASH_DROPPED && v == LAB_DROP && !lab_ct_find(c->ct, now, &t, &dir) &&
	    !lab_ct_find(c->ct, now, &answer, &dir))
		(void)lab_ct_add(c->ct, now, &t, &answer);
	if (c->wrong == TRUTH_WRONG_TTL_LOCAL && v == LAB_LOCAL && f->ttl == 1)
		return LAB_EXPIRED;
	if (c->wrong == TRUTH_WRONG_FORWARD_SOURCE && v == LAB_FORWARD)
		ret_flow->src.port = f->src.port;
	return v;
}

static bool is_refresh_left_out(const struct coat *c, bool is_out, const struct lab_ct_entry *e, enum lab_verdict v)
{
	switch (c->wrong) {
	case TRUTH_WRONG_REFRESH_OUT:
		return is_out;
	case TRUTH_WRONG_REFRESH_IN:
		return !is_out;
	case TRUTH_WRONG_REFRESH_DEAD:
		return v == LAB_EXPIRED;
	case TRUTH_WRONG_REFRESH_CLASH:
		return !is_out && v == LAB_LOCAL && e != NULL;
	default:
		return false;
	}
}

static enum lab_verdict either(struct lab_nat *n, adit_time now, const struct lab_flow *flow, struct lab_flow *ret_flow,
			       bool is_out)
{
	struct coat *c = coat_of(n);
	struct lab_flow f = *flow;
	bool is_disguised = c->wrong == TRUTH_WRONG_PROTO && f.proto == LAB_PING;
	struct lab_ct_entry *e;
	adit_time expire_at;
	enum lab_verdict v;

	if (c->wrong == TRUTH_WRONG_TTL)
		f.ttl = 64;
	if (is_disguised)
		f.proto = LAB_UDP;
	e = entry_of(c, now, &f);
	expire_at = e ? e->expire_at : 0;
	v = (is_out ? out_changed : in_changed)(c, now, &f, ret_flow);
	if (e && is_refresh_left_out(c, is_out, e, v))
		e->expire_at = expire_at;
	if (is_disguised)
		ret_flow->proto = LAB_PING;
	if (c->wrong == TRUTH_WRONG_STREAM_YOUNG)
		grow_old(c);
	return v;
}

static enum lab_verdict coat_out(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	return either(n, now, f, ret_flow, true);
}

static enum lab_verdict coat_in(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow)
{
	return either(n, now, f, ret_flow, false);
}

static bool coat_icmp(struct lab_nat *n, adit_time now, struct lab_flow *quoted)
{
	struct coat *c = coat_of(n);
	struct lab_flow plain = *quoted;
	struct lab_flow answer = {.src = quoted->dst, .dst = quoted->src, .proto = quoted->proto};
	struct lab_ct_entry *e = entry_of(c, now, &answer);
	bool is_known = c->inner->ops->icmp(c->inner, now, quoted);

	switch (c->wrong) {
	case TRUTH_WRONG_ICMP_PLAIN:
		*quoted = plain;
		return is_known;
	case TRUTH_WRONG_ICMP_DROPPED:
		return false;
	case TRUTH_WRONG_ICMP_ALL:
		return true;
	case TRUTH_WRONG_REFRESH_ERROR:
		if (e)
			lab_ct_refresh(c->ct, now, e, LAB_CT_ORIGINAL, 0);
		return is_known;
	default:
		return is_known;
	}
}

static void coat_flush(struct lab_nat *n)
{
	lab_ct_flush(coat_of(n)->ct);
}

static void coat_free(struct lab_nat *n)
{
	lab_nat_free(coat_of(n)->inner);
	free(coat_of(n));
}

static const struct lab_nat_ops coat_ops = {
	.out = coat_out, .in = coat_in, .icmp = coat_icmp, .flush = coat_flush, .free = coat_free};

/* What is wrong by settings alone. */
static void set_wrong(struct lab_linux_config *cfg, enum truth_wrong w)
{
	switch (w) {
	case TRUTH_WRONG_UNREPLIED_LONG:
		cfg->unreplied *= 2;
		break;
	case TRUTH_WRONG_UNREPLIED_SHORT:
		cfg->unreplied /= 2;
		break;
	case TRUTH_WRONG_STREAM_SHORT:
		cfg->replied = cfg->unreplied;
		break;
	case TRUTH_WRONG_PING_TIMEOUT:
		cfg->ping = cfg->unreplied;
		break;
	case TRUTH_WRONG_RANDOM:
	case TRUTH_WRONG_NOT_RANDOM:
		cfg->random = w == TRUTH_WRONG_RANDOM;
		break;
	case TRUTH_WRONG_INPUT_DROP:
		cfg->input = LAB_INPUT_REJECT;
		break;
	case TRUTH_WRONG_INPUT_REJECT:
	case TRUTH_WRONG_INPUT_ACCEPT:
		cfg->input = LAB_INPUT_DROP;
		break;
	case TRUTH_WRONG_FORWARD:
		memset(cfg->forwards, 0, sizeof(cfg->forwards));
		break;
	default:
		break;
	}
}

/* The model's source of ports: the kernel's choice first, and something else where the model does not like that. */
static void draw(void *ctx, void *buf, size_t len)
{
	struct truth_model *mo = ctx;

	adit_rng_fill(&mo->fallback, buf, len);
	if (mo->is_primed && len == sizeof(mo->primed))
		memcpy(buf, &mo->primed, len);
	mo->is_primed = false;
}

bool truth_model_init(struct truth_model *mo, struct truth_mode m, enum truth_wrong w, unsigned slot)
{
	struct lab_linux_config cfg = {
		.wan = truth_wan(0),
		.lan = truth_lan(0),
		.input = m.input,
		.random = m.nat == TRUTH_RANDOM || m.nat == TRUTH_FULLY_RANDOM,
		.unreplied = ADIT_SEC(TRUTH_UNREPLIED),
		.replied = ADIT_SEC(TRUTH_STREAM),
		.ping = ADIT_SEC(TRUTH_PING),
		.rng = &mo->rng,
	};
	struct coat *c;

	*mo = (struct truth_model){.rng = {.fill = draw, .ctx = mo}};
	mo->is_random = cfg.random;
	mo->fallback = adit_rng_seeded_init(&mo->fallback_state, slot);
	if (m.nat == TRUTH_DNAT)
		truth_forwards(slot, cfg.forwards);
	set_wrong(&cfg, w);
	mo->nat = lab_linux_new(&cfg);
	if (!mo->nat)
		return false;
	mo->ct = lab_linux_ct(mo->nat);
	if (w == TRUTH_RIGHT)
		return true;
	c = calloc(1, sizeof(*c));
	if (!c)
		return false;
	*c = (struct coat){.nat = {.ops = &coat_ops}, .inner = mo->nat, .model = mo, .ct = mo->ct, .wrong = w};
	mo->nat = &c->nat;
	return true;
}

void truth_model_done(struct truth_model *mo)
{
	lab_nat_free(mo->nat);
	mo->nat = NULL;
}
