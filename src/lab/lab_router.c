/* A packet at a router of the simulation: through its NAT, past it, or refused. Begin with lab_inner.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_inner.h"
#include "lab/lab_limits.h"

/* How packets of the families of |lan| and |wan| pass from now on. Takes |nat| over if it succeeds. */
static int add_face(struct lab_router *r, struct lab_nat *nat, const struct adit_addr *lan, const struct adit_addr *wan)
{
	struct lab_face *f = &r->faces[r->face_count];

	assert(r->face_count < LAB_FACES);
	f->lan = lab_iface_new(r->inside->net, lan, r->inside, NULL);
	f->wan = f->lan ? lab_iface_new(r->outside->net, wan, r->outside, NULL) : NULL;
	if (!f->wan)
		return ADIT_ENOMEM;
	f->nat = nat;
	f->wan->face = f->lan->face = (uint8_t)r->face_count++;
	r->inside->net->gateways[adit_addr_is_v6(lan)] = r->inside;
	return 0;
}

static struct lab_router *router_new(struct lab_sim *s, struct lab_nat *nat, struct lab_net *inside,
				     const struct adit_addr *lan, struct lab_net *outside, const struct adit_addr *wan,
				     const struct lab_link_config *access)
{
	struct lab_router *r = calloc(1, sizeof(*r));

	if (!r)
		goto fail;
	r->id = lab_node_new(s, "router");
	if (r->id == 0) {
		free(r);
		goto fail;
	}
	r->sim = s;
	r->faces[0].nat = nat;
	r->face_count = 1;
	adit_list_push_back(&s->routers, &r->all);
	r->inside = r->faces[0].lan = lab_iface_new(inside, lan, NULL, NULL);
	r->outside = r->faces[0].wan = r->inside ? lab_iface_new(outside, wan, NULL, access) : NULL;
	/* What there is of it stays with the simulation, unused. */
	if (r->inside)
		r->inside->router = r;
	if (!r->outside)
		return NULL;
	r->outside->router = r;
	inside->gateways[adit_addr_is_v6(lan)] = r->inside;
	return r;

fail:
	lab_nat_free(nat);
	return NULL;
}

struct lab_router *lab_router_new(struct lab_sim *s, struct lab_nat *nat, struct lab_net *inside,
				  const struct adit_addr *lan, struct lab_net *outside, const struct adit_addr *wan,
				  const struct lab_link_config *access)
{
	return nat ? router_new(s, nat, inside, lan, outside, wan, access) : NULL;
}

struct lab_router *lab_router_plain(struct lab_sim *s, struct lab_net *inside, const struct adit_addr *lan,
				    struct lab_net *outside, const struct adit_addr *wan,
				    const struct lab_link_config *access)
{
	return router_new(s, NULL, inside, lan, outside, wan, access);
}

int lab_router_add_nat(struct lab_router *r, struct lab_nat *nat, const struct adit_addr *lan,
		       const struct adit_addr *wan)
{
	if (nat && add_face(r, nat, lan, wan) == 0)
		return 0;
	lab_nat_free(nat);
	return ADIT_ENOMEM;
}

int lab_router_add_plain(struct lab_router *r, const struct adit_addr *lan, const struct adit_addr *wan)
{
	return add_face(r, NULL, lan, wan);
}

int lab_router_add_wan(struct lab_router *r, const struct adit_addr *wan)
{
	struct lab_iface *i = lab_iface_new(r->outside->net, wan, r->outside, NULL);

	if (!i)
		return ADIT_ENOMEM;
	i->face = (uint8_t)(r->face_count - 1);
	return 0;
}

static void free_frags(struct lab_router *r)
{
	lab_frags_free(&r->frags, r->sim);
	lab_frags_free(&r->held[0], r->sim);
	lab_frags_free(&r->held[1], r->sim);
}

void lab_router_free(struct lab_router *r)
{
	for (unsigned i = 0; i < r->face_count; i++)
		lab_nat_free(r->faces[i].nat);
	free_frags(r);
	adit_list_del(&r->all);
	free(r);
}

unsigned lab_router_id(const struct lab_router *r)
{
	return r->id;
}

struct lab_nat *lab_router_nat(struct lab_router *r)
{
	return r->faces[0].nat;
}

struct lab_iface *lab_router_wan(struct lab_router *r)
{
	return r->outside;
}

void lab_router_set_defrag(struct lab_router *r, bool defrag)
{
	r->defrag = defrag;
}

void lab_router_reboot(struct lab_router *r, adit_dur down)
{
	for (unsigned i = 0; i < r->face_count; i++)
		if (r->faces[i].nat)
			r->faces[i].nat->ops->flush(r->faces[i].nat);
	free_frags(r);
	memset(&r->limit, 0, sizeof(r->limit));
	r->up_at = adit_time_add(r->sim->now, down);
}

/* The router's own iface with this address; NULL: it is somebody else's. */
static struct lab_iface *find_own(const struct lab_router *r, const struct adit_addr *a)
{
	struct lab_iface *i = lab_net_find(r->outside->net, a);

	if (i && i->router == r)
		return i;
	i = lab_net_find(r->inside->net, a);
	return i && i->router == r ? i : NULL;
}

/* Whose packet this is; NULL: of a family that the router does not speak. */
static struct lab_face *face_of(struct lab_router *r, bool out, const struct lab_pkt *p)
{
	struct lab_iface *own = r->face_count > 1 && !out ? lab_net_find(r->outside->net, &p->dst) : NULL;

	if (own && own->router == r)
		return &r->faces[own->face];
	for (unsigned i = 0; i < r->face_count; i++) {
		struct lab_face *f = &r->faces[i];

		if ((out ? f->lan : f->wan)->addr.family == p->src.family)
			return f;
	}
	return NULL;
}

/* Ends |p|, with an error to its sender if the limit allows one: from the address asked, where that is the router's. */
static void refuse(struct lab_router *r, struct lab_face *f, struct lab_iface *on, struct lab_pkt *p,
		   enum lab_step step, enum lab_icmp_what what)
{
	struct adit_addr from = find_own(r, &p->dst) ? p->dst : (on == r->inside ? f->lan : f->wan)->addr;
	struct lab_pkt *e = NULL;

	if (!p->is_icmp && lab_icmp_allow(&r->limit, r->sim->now, 0, &p->src))
		e = lab_icmp_about(r->sim, p, &from, what);
	lab_pkt_end(r->sim, p, step, r->id);
	if (e)
		lab_net_send(on, e);
}

/* True, and |p| is gone: it is too large for the wire on the other side. Linux asks that before it asks its NAT. */
static bool is_too_big(struct lab_router *r, struct lab_face *f, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_iface *to = on == r->inside ? r->outside : r->inside;
	uint8_t family = (on == r->inside ? f->wan : f->lan)->addr.family;
	/* What NAT64 makes of it is longer or shorter by the difference of the headers (RFC 7915 1.3). */
	size_t after = family == p->src.family ? 0 : LAB_IP6_HEADER - LAB_IP4_HEADER;
	size_t size = lab_pkt_size(p) + (family == ADIT_FAMILY_V6 ? after : -after);
	uint32_t mtu = to->up.cfg.mtu;
	struct lab_pkt *e;

	if (mtu == 0 || size <= mtu || (!p->df && family == ADIT_FAMILY_V4) || find_own(r, &p->dst))
		return false;
	e = lab_icmp_about(r->sim, p, &(on == r->inside ? f->lan : f->wan)->addr, LAB_ICMP_TOO_BIG);
	lab_pkt_end(r->sim, p, LAB_STEP_TOO_BIG, r->id);
	if (e) {
		e->icmp_mtu = (uint32_t)(mtu + (family == ADIT_FAMILY_V6 ? -after : after));
		lab_net_send(on, e);
	}
	return true;
}

static void forward(struct lab_router *r, struct lab_iface *to, struct lab_pkt *p, const struct lab_flow *f)
{
	lab_pkt_note(r->sim, p, LAB_STEP_FORWARDED, r->id);
	p->ttl--;
	p->src = f->src;
	p->dst = f->dst;
	if (p->frag == LAB_FRAGMENT_LATER)
		p->src.port = p->dst.port = 0;
	lab_net_send(to, p);
}

/* Where byte |i| of an IPv4 address stands behind an IPv6 prefix of |bits| (RFC 6052 2.2): not in the ninth byte. */
static size_t embedded_at(unsigned bits, size_t i)
{
	size_t at = bits / 8 + i;

	return bits < 96 && at >= 8 ? at + 1 : at;
}

/* IPv4 |from| as IPv6, behind the prefix with which |like| is |like4|. */
static struct adit_addr embed(const struct adit_addr *from, const struct adit_addr *like, const struct adit_addr *like4)
{
	static const unsigned lengths[] = {96, 64, 56, 48, 40, 32};
	struct adit_addr a = adit_addr_with_port(*like, 0);

	for (size_t n = 0; n < ARRAY_LEN(lengths); n++) {
		bool fits = true;

		for (size_t i = 0; i < 4; i++)
			fits = fits && like->ip[embedded_at(lengths[n], i)] == like4->ip[i];
		if (!fits)
			continue;
		for (size_t i = 0; i < 4; i++)
			a.ip[embedded_at(lengths[n], i)] = from->ip[i];
		break;
	}
	return a;
}

/*
 * An error goes to who sent the packet it is about, as that packet looked on his side. From inside it comes from the
 * address that the packet was sent to, where a NAT hides the real one; from outside its own sender is known.
 */
static void forward_icmp(struct lab_router *r, struct lab_face *f, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_flow quoted = p->quoted;
	struct lab_flow outer = {.src = p->src};
	struct lab_iface *to = r->outside;

	if (p->ttl <= 1 || !f->nat->ops->icmp(f->nat, r->sim->now, &quoted)) {
		lab_pkt_end(r->sim, p, LAB_STEP_REFUSED, r->id);
		return;
	}
	outer.dst = adit_addr_with_port(quoted.src, 0);
	/* From inside to inside: about a packet that was turned around. */
	if (on == r->outside || lab_net_find(r->inside->net, &outer.dst))
		to = r->inside;
	if (on == r->inside && !adit_addr_eq_ip(&quoted.dst, &p->quoted.dst))
		outer.src = adit_addr_with_port(quoted.dst, 0);
	else if (outer.src.family != outer.dst.family)
		outer.src = embed(&outer.src, &quoted.dst, &p->quoted.dst);
	lab_pkt_note(r->sim, p, LAB_STEP_FORWARDED, r->id);
	if (p->icmp_mtu > 0 && outer.dst.family != p->src.family)
		p->icmp_mtu = adit_addr_is_v6(&outer.dst) ? p->icmp_mtu + (LAB_IP6_HEADER - LAB_IP4_HEADER)
							  : p->icmp_mtu - (LAB_IP6_HEADER - LAB_IP4_HEADER);
	p->quoted.src = quoted.src;
	p->quoted.dst = quoted.dst;
	p->ttl--;
	p->src = outer.src;
	p->dst = outer.dst;
	lab_net_send(to, p);
}

/* Without a NAT. What is for the router itself finds nobody. */
static void route(struct lab_router *r, struct lab_face *f, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_flow same = {.src = p->src, .dst = p->dst};

	if (find_own(r, &p->dst))
		refuse(r, f, on, p, LAB_STEP_CLOSED, LAB_ICMP_PORT_UNREACHABLE);
	else if (p->ttl <= 1)
		refuse(r, f, on, p, LAB_STEP_DIED, LAB_ICMP_TIME_EXCEEDED);
	else
		forward(r, on == r->inside ? r->outside : r->inside, p, &same);
}

static void ask_nat(struct lab_router *r, struct lab_face *face, struct lab_iface *on, struct lab_pkt *p);

/* The first fragment has passed: those that came before it are offered again. */
static void release_held(struct lab_router *r, struct lab_face *face, struct lab_iface *on,
			 const struct lab_flow *first)
{
	struct lab_pkt *p;

	while ((p = lab_frag_take(&r->held[on == r->inside], r->sim, first)) != NULL)
		ask_nat(r, face, on, p);
}

static void ask_nat(struct lab_router *r, struct lab_face *face, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_flow f = {
		.src = p->src, .dst = p->dst, .ttl = p->ttl, .fragment = p->frag, .fragment_id = p->frag_id};
	struct lab_nat *nat = face->nat;
	bool out = on == r->inside;
	struct lab_flow g;

	switch (out ? nat->ops->out(nat, r->sim->now, &f, &g) : nat->ops->in(nat, r->sim->now, &f, &g)) {
	case LAB_FORWARD:
		forward(r, out ? r->outside : r->inside, p, &g);
		break;
	case LAB_HAIRPIN:
		forward(r, r->inside, p, &g);
		break;
	case LAB_LOCAL:
		refuse(r, face, on, p, LAB_STEP_CLOSED, LAB_ICMP_PORT_UNREACHABLE);
		break;
	case LAB_REJECT:
		refuse(r, face, on, p, LAB_STEP_REFUSED, LAB_ICMP_PORT_UNREACHABLE);
		break;
	case LAB_DROP:
		if (f.fragment == LAB_FRAGMENT_LATER && lab_nat_holds(nat, r->sim->now, out, &f)) {
			lab_frag_keep(&r->held[out], r->sim, p, r->id);
			break;
		}
		lab_pkt_end(r->sim, p, LAB_STEP_REFUSED, r->id);
		break;
	case LAB_EXPIRED:
		refuse(r, face, on, p, LAB_STEP_DIED, LAB_ICMP_TIME_EXCEEDED);
		break;
	}
	if (f.fragment == LAB_FRAGMENT_FIRST)
		release_held(r, face, on, &f);
}

void lab_router_rx(struct lab_router *r, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_face *f = face_of(r, on == r->inside, p);

	if (r->sim->now < r->up_at) {
		lab_pkt_end(r->sim, p, LAB_STEP_LOST, r->id);
		return;
	}
	if (!f) {
		lab_pkt_end(r->sim, p, LAB_STEP_UNREACHABLE, r->id);
		return;
	}
	if (p->frag != LAB_WHOLE && r->defrag && !(p = lab_frag_join(&r->frags, r->sim, p, r->id)))
		return;
	if (p->is_icmp && f->nat)
		forward_icmp(r, f, on, p);
	else if (is_too_big(r, f, on, p))
		return;
	else if (f->nat)
		ask_nat(r, f, on, p);
	else
		route(r, f, on, p);
}
