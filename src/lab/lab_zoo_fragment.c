/* Later fragments, which have no ports: they follow the first one. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

#include <stdlib.h>
#include <string.h>

/* Two datagrams in one place: the newer is followed, of the older what comes later is lost. */
static struct lab_zoo_fragment *place(struct lab_zoo *z, bool out, const struct lab_flow *f)
{
	uint64_t hash = lab_zoo_mix_ip(f->fragment_id + 65536u * f->proto + (out ? UINT64_C(1) << 32 : 0), &f->src);

	return &z->fragments[lab_zoo_mix_ip(hash, &f->dst) % LAB_ZOO_FRAGMENTS];
}

static bool is_same(const struct lab_zoo_fragment *p, bool out, const struct lab_flow *f)
{
	return p->out == out && p->key.fragment_id == f->fragment_id && p->key.proto == f->proto &&
	       adit_addr_eq_ip(&p->key.src, &f->src) && adit_addr_eq_ip(&p->key.dst, &f->dst);
}

void lab_zoo_fragment_first(struct lab_zoo *z, adit_time now, bool out, const struct lab_flow *f, enum lab_verdict v,
			    const struct lab_flow *as)
{
	struct lab_zoo_fragment *p;

	/* Most NATs never see one. */
	if (!z->fragments)
		z->fragments = calloc(LAB_ZOO_FRAGMENTS, sizeof(*z->fragments));
	if (!z->fragments) {
		z->nat.stats.full++;
		return;
	}
	p = place(z, out, f);
	*p = (struct lab_zoo_fragment){
		.expire_at = adit_time_add(now, LAB_ZOO_FRAGMENT_LIFE),
		.key = *f,
		.as = {.src = adit_addr_with_port(as->src, 0), .dst = adit_addr_with_port(as->dst, 0)},
		.verdict = v,
		.out = out,
	};
}

enum lab_verdict lab_zoo_fragment_later(struct lab_zoo *z, adit_time now, bool out, const struct lab_flow *f,
					struct lab_flow *ret_flow)
{
	const struct lab_zoo_fragment *p = z->fragments ? place(z, out, f) : NULL;

	if (z->cfg.fragments == LAB_ZOO_FRAGMENTS_DROP || !p || p->expire_at <= now || !is_same(p, out, f)) {
		z->nat.stats.refused++;
		return LAB_DROP;
	}
	if (f->ttl <= 1)
		return z->cfg.ttl_silent ? LAB_DROP : LAB_EXPIRED;
	*ret_flow = *f;
	ret_flow->src = p->as.src;
	ret_flow->dst = p->as.dst;
	return p->verdict;
}

void lab_zoo_fragment_forget(struct lab_zoo *z)
{
	if (z->fragments)
		memset(z->fragments, 0, LAB_ZOO_FRAGMENTS * sizeof(*z->fragments));
}
