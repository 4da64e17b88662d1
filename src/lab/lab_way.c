/* A packet's way over a net: up, core, down, each a wire (lab_link.h). */
#include "lab/lab_inner.h"
#include "lab/lab_limits.h"

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

/*
 * Ends |p| with |step| at router |hop| on |l|, which sends an error. That takes the way back in the time that the
 * packet took; where a wire loses packets, it may be lost too.
 */
static void end_with_error(struct lab_sim *s, struct lab_pkt *p, struct lab_link *l, unsigned hop, enum lab_step step,
			   enum lab_icmp_what what)
{
	struct lab_net *n = p->from->net;
	struct adit_addr offender = lab_link_hop_addr(l, hop, p->src.family);
	struct lab_iface *from = p->from;
	adit_dur back = s->now - p->sent_at;
	struct lab_pkt *e = NULL;

	/* Linux does not limit the errors that path MTU discovery needs (icmpv4_xrlim_allow, icmpv6_mask_allow). */
	if (!p->is_icmp && p->frag != LAB_FRAGMENT_LATER &&
	    (what == LAB_ICMP_TOO_BIG || lab_icmp_allow(&n->limit, s->now, l->id << 8 | hop, &p->src)))
		e = lab_icmp_about(s, p, &offender, what);
	lab_pkt_end(s, p, step, n->id);
	if (!e)
		return;
	e->icmp_mtu = what == LAB_ICMP_TOO_BIG ? l->cfg.mtu : 0;
	e->to = from;
	e->sent_at = s->now;
	e->wire = LAB_WIRE_END;
	lab_pkt_note(s, e, LAB_STEP_SENT, n->id);
	e->from = from;
	if (lab_link_loses(l))
		lab_pkt_end(s, e, LAB_STEP_LOST, n->id);
	else
		lab_pkt_queue(s, e, s->now + back);
}

static void pass_wire(struct lab_sim *s, struct lab_pkt *p, struct lab_link *l)
{
	struct lab_passage pass = lab_link_pass(l, s->now, lab_pkt_size(p), p->ttl);
	struct lab_pkt *copy;

	switch (pass.fate) {
	case LAB_LOST:
		lab_pkt_end(s, p, LAB_STEP_LOST, p->from->net->id);
		return;
	case LAB_FULL:
		lab_pkt_end(s, p, LAB_STEP_FULL, p->from->net->id);
		return;
	case LAB_DIES:
		p->dies_on = l;
		p->dies_at = pass.hop;
		break;
	case LAB_PASSES:
		p->ttl = (uint8_t)(p->ttl - l->cfg.hops);
		p->wire++;
		if (pass.copy_at != ADIT_NEVER && (copy = lab_pkt_copy(s, p)) != NULL)
			lab_pkt_queue(s, copy, pass.copy_at);
		break;
	}
	lab_pkt_queue(s, p, pass.at);
}

/* ICMP errors are small enough for every MTU there is; here they pass a smaller one, too. */
static bool is_too_big(const struct lab_pkt *p, const struct lab_link *l)
{
	return l->cfg.mtu > 0 && !p->is_icmp && lab_pkt_size(p) > l->cfg.mtu;
}

/* Only its sender may cut an IPv6 packet. */
static bool may_split(const struct lab_pkt *p, const struct lab_link *l)
{
	return !p->df && (adit_addr_is_v4(&p->src) || (l == &p->from->up && p->from->host));
}

/* On a wire further on than the sender's. */
static void split_on_the_way(struct lab_sim *s, struct lab_pkt *p, struct lab_link *l)
{
	unsigned net = p->from->net->id;
	struct lab_pkt *next;

	lab_pkt_note(s, p, LAB_STEP_SPLIT, net);
	for (p = lab_frag_split(s, p, l->cfg.mtu); p; p = next) {
		struct lab_iface *from = p->from;

		next = p->next;
		p->from = NULL;
		lab_pkt_note(s, p, LAB_STEP_SENT, net);
		p->from = from;
		pass_wire(s, p, l);
	}
}

static void meet_wire(struct lab_sim *s, struct lab_pkt *p, struct lab_link *l)
{
	if (!is_too_big(p, l)) {
		pass_wire(s, p, l);
	} else if (may_split(p, l)) {
		split_on_the_way(s, p, l);
	} else {
		end_with_error(s, p, l, 1, LAB_STEP_TOO_BIG, LAB_ICMP_TOO_BIG);
	}
}

static void die(struct lab_sim *s, struct lab_pkt *p)
{
	p->ttl = 1;
	end_with_error(s, p, p->dies_on, p->dies_at, LAB_STEP_DIED, LAB_ICMP_TIME_EXCEEDED);
}

/* The address that |p| goes to has moved away while it was on its way. */
static bool is_moved(const struct lab_pkt *p)
{
	return p->sent_at <= p->to->moved_at && p->to->moved_at > 0 && p->wire == LAB_WIRE_END &&
	       lab_net_way(p->to->net, &p->dst) != p->to;
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
		meet_wire(n->sim, p, l);
	else if (p->to->cut)
		lab_pkt_end(n->sim, p, LAB_STEP_LOST, n->id);
	else if (is_moved(p))
		lab_pkt_end(n->sim, p, LAB_STEP_UNREACHABLE, n->id);
	else if (p->to->router)
		lab_router_rx(p->to->router, p->to, p);
	else
		lab_host_rx(p->to->host, p->to, p);
}

/* The sender itself cuts what its wire does not take; of a host's datagrams nobody sees more than the pieces. */
static void send_pieces(struct lab_iface *from, struct lab_pkt *p)
{
	struct lab_pkt *next;

	if (from->router)
		lab_pkt_note(from->net->sim, p, LAB_STEP_SPLIT, from->router->id);
	for (p = lab_frag_split(from->net->sim, p, from->up.cfg.mtu); p; p = next) {
		next = p->next;
		lab_net_send(from, p);
	}
}

void lab_net_send(struct lab_iface *from, struct lab_pkt *p)
{
	struct lab_net *n = from->net;
	struct lab_link *l;

	from = from->main;
	p->from = from;
	if (is_too_big(p, &from->up) && may_split(p, &from->up)) {
		send_pieces(from, p);
		return;
	}
	p->to = lab_net_way(n, &p->dst);
	p->sent_at = n->sim->now;
	lab_pkt_note(n->sim, p, LAB_STEP_SENT, n->id);
	if (!p->to || (p->to == from && from->router)) {
		lab_pkt_end(n->sim, p, LAB_STEP_UNREACHABLE, n->id);
		return;
	}
	if (from->cut) {
		lab_pkt_end(n->sim, p, LAB_STEP_LOST, n->id);
		return;
	}
	/* As EMSGSIZE; a router has looked before it asked its NAT, unless the packet grew there. */
	if (is_too_big(p, &from->up)) {
		if (from->router)
			end_with_error(n->sim, p, &from->up, 1, LAB_STEP_TOO_BIG, LAB_ICMP_TOO_BIG);
		else
			lab_pkt_end(n->sim, p, LAB_STEP_TOO_BIG, n->id);
		return;
	}
	p->wire = LAB_WIRE_UP;
	l = next_wire(p);
	if (l)
		meet_wire(n->sim, p, l);
	else
		lab_pkt_queue(n->sim, p, n->sim->now);
}
