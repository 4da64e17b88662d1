#include <stdlib.h>
#include <string.h>

#include "lab/lab_inner.h"

static struct lab_iface **bucket_of(const struct lab_net *n, const struct adit_addr *a)
{
	uint32_t last;

	/* Neighbours differ at the end of their addresses. */
	memcpy(&last, a->ip + (adit_addr_is_v4(a) ? 0 : 12), 4);
	return (struct lab_iface **)&n->buckets[last * 0x9e3779b9u >> 26];
}

struct lab_iface *lab_net_find(const struct lab_net *n, const struct adit_addr *addr)
{
	struct lab_iface *i = *bucket_of(n, addr);

	while (i && !adit_addr_eq_ip(&i->addr, addr))
		i = i->next;
	return i;
}

struct lab_net *lab_net_new(struct lab_sim *s, const struct lab_link_config *core)
{
	struct lab_net *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->sim = s;
	n->id = ++s->next_id;
	lab_link_init(&n->core, core, lab_sim_seed(s));
	n->core.id = ++s->next_id;
	adit_list_push_back(&s->nets, &n->all);
	return n;
}

void lab_net_set_core(struct lab_net *n, const struct lab_link_config *core)
{
	lab_link_set(&n->core, core);
}

void lab_net_free(struct lab_net *n)
{
	for (size_t b = 0; b < LAB_NET_BUCKETS; b++) {
		struct lab_iface *i;

		while ((i = n->buckets[b])) {
			n->buckets[b] = i->next;
			free(i);
		}
	}
	adit_list_del(&n->all);
	free(n);
}

struct lab_iface *lab_iface_new(struct lab_net *n, const struct adit_addr *addr, const struct lab_link_config *access)
{
	struct lab_iface **bucket = bucket_of(n, addr);
	struct lab_iface *i;

	if (lab_net_find(n, addr))
		return NULL;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->net = n;
	i->addr = adit_addr_with_port(*addr, 0);
	adit_list_init(&i->of_host);
	lab_link_init(&i->up, access, lab_sim_seed(n->sim));
	lab_link_init(&i->down, access, lab_sim_seed(n->sim));
	i->up.id = ++n->sim->next_id;
	i->down.id = ++n->sim->next_id;
	i->next = *bucket;
	*bucket = i;
	return i;
}

void lab_iface_set_access(struct lab_iface *i, const struct lab_link_config *up, const struct lab_link_config *down)
{
	lab_link_set(&i->up, up);
	lab_link_set(&i->down, down);
}

void lab_iface_set_cut(struct lab_iface *i, bool cut)
{
	i->cut = cut;
}

/* The wire that |p| stands before, past those that do nothing; NULL: it is there. */
static struct lab_link *next_wire(struct lab_pkt *p)
{
	struct lab_link *wires[] = {
		[LAB_WIRE_UP] = &p->from->up,
		[LAB_WIRE_CORE] = &p->from->net->core,
		[LAB_WIRE_DOWN] = &p->to->down,
	};

	while (p->wire < LAB_WIRE_END && lab_link_is_none(wires[p->wire]))
		p->wire++;
	return p->wire < LAB_WIRE_END ? wires[p->wire] : NULL;
}

static void queue_copy(struct lab_sim *s, const struct lab_pkt *p, adit_time at)
{
	struct lab_pkt *copy = lab_pkt_new(s, p->len);

	if (!copy)
		return;
	memcpy((uint8_t *)copy + offsetof(struct lab_pkt, from), (const uint8_t *)p + offsetof(struct lab_pkt, from),
	       offsetof(struct lab_pkt, data) - offsetof(struct lab_pkt, from) + p->len);
	lab_pkt_queue(s, copy, at);
}

static void pass_wire(struct lab_sim *s, struct lab_pkt *p, struct lab_link *l)
{
	struct lab_passage pass = lab_link_pass(l, s->now, p->ttl);

	switch (pass.fate) {
	case LAB_LOST:
		lab_pkt_end(s, p, LAB_STEP_LOST, l->id);
		return;
	case LAB_DIES:
		p->dies_on = l;
		p->dies_at = pass.hop;
		break;
	case LAB_PASSES:
		p->ttl = (uint8_t)(p->ttl - l->cfg.hops);
		p->wire++;
		if (pass.copy_at != ADIT_NEVER)
			queue_copy(s, p, pass.copy_at);
		break;
	}
	lab_pkt_queue(s, p, pass.at);
}

/* The error takes the way back in the time that the packet took; where a wire loses packets, it may be lost too. */
static void die(struct lab_sim *s, struct lab_pkt *p)
{
	struct lab_link *l = p->dies_on;
	struct lab_net *n = p->from->net;
	struct adit_addr offender = lab_link_hop_addr(l, p->dies_at, p->src.family);
	struct lab_pkt *e;

	p->ttl = 1;
	if (!p->is_icmp && lab_icmp_allow(&n->limit, s->now, l->id << 8 | p->dies_at, &p->src) &&
	    (e = lab_icmp_about(s, p, &offender, LAB_ICMP_TIME_EXCEEDED))) {
		e->from = p->from;
		e->to = p->from;
		e->sent_at = s->now;
		e->wire = LAB_WIRE_END;
		lab_pkt_note(s, e, LAB_STEP_SENT, l->id);
		if (lab_link_loses(l))
			lab_pkt_end(s, e, LAB_STEP_LOST, l->id);
		else
			lab_pkt_queue(s, e, s->now + (s->now - p->sent_at));
	}
	lab_pkt_end(s, p, LAB_STEP_DIED, l->id);
}

void lab_net_resume(struct lab_pkt *p)
{
	struct lab_net *n = p->from->net;
	struct lab_link *l;

	if (p->dies_on) {
		die(n->sim, p);
		return;
	}
	l = next_wire(p);
	if (l)
		pass_wire(n->sim, p, l);
	else if (p->to->cut)
		lab_pkt_end(n->sim, p, LAB_STEP_LOST, n->id);
	else if (p->to->router)
		lab_router_rx(p->to->router, p->to, p);
	else
		lab_host_rx(p->to->host, p->to, p);
}

void lab_net_send(struct lab_iface *from, struct lab_pkt *p)
{
	struct lab_net *n = from->net;
	struct lab_link *l;

	lab_pkt_note(n->sim, p, LAB_STEP_SENT, n->id);
	p->from = from;
	p->to = lab_net_find(n, &p->dst);
	if (!p->to)
		p->to = n->gateways[adit_addr_is_v6(&p->dst)];
	if (!p->to || (p->to == from && from->router)) {
		lab_pkt_end(n->sim, p, LAB_STEP_UNREACHABLE, n->id);
		return;
	}
	if (from->cut) {
		lab_pkt_end(n->sim, p, LAB_STEP_LOST, n->id);
		return;
	}
	p->sent_at = n->sim->now;
	p->wire = LAB_WIRE_UP;
	l = next_wire(p);
	if (l)
		pass_wire(n->sim, p, l);
	else
		lab_pkt_queue(n->sim, p, n->sim->now);
}
