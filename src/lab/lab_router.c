#include <stdlib.h>

#include "lab/lab_inner.h"

struct lab_router *lab_router_new(struct lab_sim *s, struct lab_nat *nat, struct lab_net *inside,
				  const struct adit_addr *lan, struct lab_net *outside, const struct adit_addr *wan,
				  const struct lab_link_config *access)
{
	struct lab_router *r = nat ? calloc(1, sizeof(*r)) : NULL;

	if (!r) {
		lab_nat_free(nat);
		return NULL;
	}
	r->sim = s;
	r->id = ++s->next_id;
	r->nat = nat;
	adit_list_push_back(&s->routers, &r->all);
	r->inside = lab_iface_new(inside, lan, NULL);
	r->outside = lab_iface_new(outside, wan, access);
	/* What there is of it stays with the simulation, unused. */
	if (!r->inside || !r->outside)
		return NULL;
	r->inside->router = r;
	r->outside->router = r;
	inside->gateways[adit_addr_is_v6(lan)] = r->inside;
	return r;
}

void lab_router_free(struct lab_router *r)
{
	lab_nat_free(r->nat);
	adit_list_del(&r->all);
	free(r);
}

struct lab_nat *lab_router_nat(struct lab_router *r)
{
	return r->nat;
}

struct lab_iface *lab_router_wan(struct lab_router *r)
{
	return r->outside;
}

/* Ends |p|, with an error to its sender if the limit allows one. */
static void refuse(struct lab_router *r, struct lab_iface *on, struct lab_pkt *p, enum lab_step step,
		   enum lab_icmp_what what)
{
	struct lab_pkt *e;

	if (!p->is_icmp && lab_icmp_allow(&r->limit, r->sim->now, 0, &p->src) &&
	    (e = lab_icmp_about(r->sim, p, &on->addr, what)))
		lab_net_send(on, e);
	lab_pkt_end(r->sim, p, step, r->id);
}

static void forward_icmp(struct lab_router *r, struct lab_iface *on, struct lab_pkt *p)
{
	if (p->ttl <= 1 || !r->nat->ops->icmp(r->nat, r->sim->now, &p->quoted)) {
		lab_pkt_end(r->sim, p, LAB_STEP_REFUSED, r->id);
		return;
	}
	p->ttl--;
	p->dst = adit_addr_with_port(p->quoted.src, 0);
	if (on == r->inside)
		p->src = r->outside->addr;
	lab_net_send(on == r->inside ? r->outside : r->inside, p);
}

void lab_router_rx(struct lab_router *r, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_flow f = {.src = p->src, .dst = p->dst, .ttl = p->ttl};
	bool out = on == r->inside;
	struct lab_flow g;
	enum lab_verdict v;

	if (p->is_icmp) {
		forward_icmp(r, on, p);
		return;
	}
	v = out ? r->nat->ops->out(r->nat, r->sim->now, &f, &g) : r->nat->ops->in(r->nat, r->sim->now, &f, &g);
	switch (v) {
	case LAB_FORWARD:
	case LAB_HAIRPIN:
		p->ttl--;
		p->src = g.src;
		p->dst = g.dst;
		lab_net_send(out && v == LAB_FORWARD ? r->outside : r->inside, p);
		break;
	case LAB_LOCAL:
		refuse(r, on, p, LAB_STEP_CLOSED, LAB_ICMP_PORT_UNREACHABLE);
		break;
	case LAB_REJECT:
		refuse(r, on, p, LAB_STEP_REFUSED, LAB_ICMP_PORT_UNREACHABLE);
		break;
	case LAB_DROP:
		lab_pkt_end(r->sim, p, LAB_STEP_REFUSED, r->id);
		break;
	case LAB_EXPIRED:
		refuse(r, on, p, LAB_STEP_DIED, LAB_ICMP_TIME_EXCEEDED);
		break;
	}
}
