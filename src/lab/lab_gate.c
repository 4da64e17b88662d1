#include "lab/lab_gate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_packet_inner.h"
#include "lab/lab_xlat.h"

/* A frame of the gate's own, or one that waits. */
struct lab_gate_kept {
	struct adit_list node;
	struct adit_addr next; /* waiting: the neighbour */
	struct lab_flow flow; /* held: whose fragment it is */
	adit_time until; /* held */
	int side; /* it leaves by; held: it came from */
	struct lab_offload offload;
	size_t len;
	uint8_t *data; /* in |room| */
	uint8_t room[];
};

void lab_gate_init(struct lab_gate *g, const struct lab_gate_config *cfg)
{
	memset(g, 0, sizeof(*g));
	g->cfg = *cfg;
	adit_list_init(&g->ready);
	adit_list_init(&g->waiting);
	adit_list_init(&g->held);
	lab_neigh_init(&g->neigh);
}

static struct lab_gate_kept *kept_of(struct adit_list *it)
{
	return adit_container(it, struct lab_gate_kept, node);
}

static void forget(struct lab_gate *g, struct lab_gate_kept *k)
{
	adit_list_del(&k->node);
	free(k);
	g->kept--;
}

void lab_gate_done(struct lab_gate *g)
{
	if (!g || !g->ready.next)
		return;
	adit_list_each_safe (it, tmp, &g->ready)
		forget(g, kept_of(it));
	adit_list_each_safe (it, tmp, &g->waiting)
		forget(g, kept_of(it));
	adit_list_each_safe (it, tmp, &g->held)
		forget(g, kept_of(it));
	free(g->lent);
	g->lent = NULL;
}

/* Room for a frame that the caller fills in and puts into a list. NULL: there is none, counted. */
static struct lab_gate_kept *keep(struct lab_gate *g, int side, size_t len)
{
	struct lab_gate_kept *k = NULL;

	if (g->kept < LAB_GATE_KEPT_MAX)
		k = malloc(sizeof(*k) + LAB_GATE_OUT_HEADROOM + len);
	if (!k) {
		g->stats.no_room++;
		return NULL;
	}
	*k = (struct lab_gate_kept){.side = side, .len = len, .data = k->room + LAB_GATE_OUT_HEADROOM};
	g->kept++;
	return k;
}

static bool is_own(const struct lab_gate_side *s, const struct adit_addr *a)
{
	for (size_t i = 0; i < s->n_addrs; i++)
		if (adit_addr_eq_ip(&s->addrs[i], a))
			return true;
	return false;
}

static const struct adit_addr *own_addr(const struct lab_gate_side *s, uint8_t family)
{
	for (size_t i = 0; i < s->n_addrs; i++)
		if (s->addrs[i].family == family)
			return &s->addrs[i];
	return NULL;
}

static void write_eth(uint8_t *frame, const uint8_t *to, const uint8_t *from, uint8_t family)
{
	memcpy(frame, to, LAB_MAC);
	memcpy(frame + LAB_MAC, from, LAB_MAC);
	lab_packet_put16(frame + 2 * LAB_MAC, family == ADIT_FAMILY_V4 ? LAB_ETH_IPV4 : LAB_ETH_IPV6);
}

/* ---- neighbours ---- */

static void send_ask(struct lab_gate *g, int side, const struct adit_addr *target)
{
	const struct lab_gate_side *s = &g->cfg.side[side];
	const struct adit_addr *own = own_addr(s, target->family);
	struct adit_addr local = lab_link_local(s->mac);
	struct lab_gate_kept *k;

	if (!own && target->family == ADIT_FAMILY_V4)
		return; /* it will go unanswered, and be counted */
	k = keep(g, side, LAB_WHOIS_MAX);
	if (!k)
		return;
	k->len = lab_whois_ask(target, own ? own : &local, s->mac, k->data);
	adit_list_push_back(&g->ready, &k->node);
}

/* Everything that waits for |addr| on |side| goes on, to |mac|; NULL: it is lost. */
static void release(struct lab_gate *g, int side, const struct adit_addr *addr, const uint8_t *mac)
{
	adit_list_each_safe (it, tmp, &g->waiting) {
		struct lab_gate_kept *k = kept_of(it);

		if (k->side != side || !adit_addr_eq_ip(&k->next, addr))
			continue;
		if (!mac) {
			g->stats.unresolved++;
			forget(g, k);
			continue;
		}
		memcpy(k->data, mac, LAB_MAC);
		adit_list_del(&k->node);
		adit_list_push_back(&g->ready, &k->node);
	}
}

static void resolve(struct lab_gate *g, adit_time now)
{
	struct adit_addr addr;
	uint8_t side;
	int what;

	while ((what = lab_neigh_next(&g->neigh, now, &side, &addr)) != 0) {
		if (what > 0)
			send_ask(g, side, &addr);
		else
			release(g, side, &addr, NULL);
	}
}

static bool input_whois(struct lab_gate *g, int side, const struct lab_frame *f)
{
	const struct lab_gate_side *s = &g->cfg.side[side];
	struct adit_addr local = lab_link_local(s->mac);
	struct lab_whois w;
	struct lab_gate_kept *k;
	const struct adit_addr *teller;
	bool for_us;
	int err = lab_whois_parse(f->data, f->len, &w);

	if (err == ADIT_EIGNORED)
		return false;
	if (err < 0) {
		g->stats.malformed++;
		return true;
	}
	for_us = w.kind == LAB_WHOIS_ASK && (is_own(s, &w.target) || adit_addr_eq_ip(&w.target, &local));
	teller = w.kind == LAB_WHOIS_ASK ? &w.sender : &w.target;
	/* Who asks for us is about to be answered: RFC 826 has it merged at once. */
	if (teller->family != ADIT_FAMILY_NONE && !is_own(s, teller) &&
	    lab_neigh_learn(&g->neigh, g->now, (uint8_t)side, teller, w.mac, for_us))
		release(g, side, teller, w.mac);
	if (for_us && (k = keep(g, side, LAB_WHOIS_MAX)) != NULL) {
		k->len = lab_whois_tell(&w, s->mac, k->data);
		adit_list_push_back(&g->ready, &k->node);
	}
	return true;
}

static bool has_prefix(const struct adit_addr *a, const struct lab_gate_route *r)
{
	size_t whole = r->len / 8;
	uint8_t rest = (uint8_t)(0xff00 >> r->len % 8);

	return a->family == r->prefix.family && memcmp(a->ip, r->prefix.ip, whole) == 0 &&
	       (r->len % 8 == 0 || ((a->ip[whole] ^ r->prefix.ip[whole]) & rest) == 0);
}

/* Who is to be given a packet for |dst| on |side|. */
static struct adit_addr next_hop(const struct lab_gate *g, int side, const struct adit_addr *dst)
{
	const struct lab_gate_route *best = NULL;

	for (size_t i = 0; i < g->cfg.n_routes; i++) {
		const struct lab_gate_route *r = &g->cfg.routes[i];

		if (r->side == side && has_prefix(dst, r) && (!best || r->len > best->len))
			best = r;
	}
	return best && best->via.family != ADIT_FAMILY_NONE ? best->via : *dst;
}

static void keep_waiting(struct lab_gate *g, int side, const struct adit_addr *next, const struct lab_frame *f)
{
	struct lab_gate_kept *oldest = NULL;
	struct lab_gate_kept *k;
	size_t n = 0;

	adit_list_each (it, &g->waiting) {
		k = kept_of(it);
		if (k->side != side || !adit_addr_eq_ip(&k->next, next))
			continue;
		oldest = oldest ? oldest : k;
		n++;
	}
	if (n >= LAB_GATE_KEPT_FOR_ONE) {
		g->stats.no_room++;
		forget(g, oldest);
	}
	k = keep(g, side, f->len);
	if (!k)
		return;
	k->next = *next;
	k->offload = f->offload;
	memcpy(k->data, f->data, f->len);
	adit_list_push_back(&g->waiting, &k->node);
}

/* The frame, finished but for its Ethernet header, leaves by |side|; the side, or NOWHERE while it waits. */
static int send_on(struct lab_gate *g, int side, const struct lab_packet *p, struct lab_frame *f)
{
	static const uint8_t nobody[LAB_MAC];
	const struct lab_gate_side *s = &g->cfg.side[side];
	struct adit_addr next;
	const uint8_t *mac = nobody;

	if (!s->raw) {
		next = next_hop(g, side, &p->dst);
		mac = lab_neigh_use(&g->neigh, g->now, (uint8_t)side, &next);
	}
	write_eth(f->data, mac ? mac : nobody, s->mac, p->own.family);
	if (mac)
		return side;
	keep_waiting(g, side, &next, f);
	resolve(g, g->now);
	return LAB_GATE_NOWHERE;
}

/* ---- answers ---- */

/* |packet| goes back where |f| came from: to the neighbour who sent that, without a question. */
static void answer(struct lab_gate *g, int side, const struct lab_frame *f, const uint8_t *packet, size_t len,
		   uint8_t family)
{
	struct lab_gate_kept *k = len ? keep(g, side, LAB_ETH + len) : NULL;

	if (!k)
		return;
	write_eth(k->data, f->data + LAB_MAC, g->cfg.side[side].mac, family);
	memcpy(k->data + LAB_ETH, packet, len);
	adit_list_push_back(&g->ready, &k->node);
}

/* |mtu| is for TOO_BIG. */
static void complain(struct lab_gate *g, int side, const struct lab_frame *f, const struct lab_packet *p,
		     enum lab_reply_error what, unsigned mtu)
{
	const struct lab_gate_side *s = &g->cfg.side[side];
	struct adit_addr local = lab_link_local(s->mac);
	const struct adit_addr *from = is_own(s, &p->dst) ? &p->dst : own_addr(s, p->own.family);
	uint8_t buf[LAB_REPLY_MAX];
	size_t len;

	if (!from && p->own.family == ADIT_FAMILY_V4)
		return;
	len = lab_reply_error(p, what, mtu, from ? from : &local, buf);
	if (len == 0)
		return;
	/* Path MTU discovery must not be starved (RFC 1812 4.3.2.8 leaves the brake to us). */
	if (what != LAB_REPLY_TOO_BIG && !lab_icmp_allow(&g->limit, g->now, 0, &p->src))
		return;
	g->stats.errors++;
	answer(g, side, f, buf, len, p->own.family);
}

/* For the router itself, and let in: echo is answered, everything else finds no socket. */
static void input_local(struct lab_gate *g, int side, const struct lab_frame *f, struct lab_packet *p)
{
	uint8_t buf[LAB_REPLY_MAX];
	size_t len;

	if (lab_reply_echo(p)) {
		g->stats.echoes++;
		answer(g, side, f, p->data, p->len, p->own.family);
		return;
	}
	g->stats.refused++;
	len = lab_reply_reset(p, buf);
	if (len > 0) {
		g->stats.errors++;
		answer(g, side, f, buf, len, p->own.family);
	} else if (p->flow.proto == LAB_UDP) {
		complain(g, side, f, p, LAB_REPLY_PORT, 0);
	}
}

/* ---- forwarding ---- */

/* A piece or a whole packet becomes |to| and leaves by |out|; what send_on() says. */
static int rewrite_and_send(struct lab_gate *g, int out, struct lab_frame *f, struct lab_packet *p,
			    const struct lab_flow *to)
{
	if (to->src.family == p->own.family) {
		lab_packet_rewrite(p, to);
	} else if (lab_xlat_flow(f, p, to) < 0) {
		g->stats.other++;
		return LAB_GATE_NOWHERE;
	}
	return send_on(g, out, p, f);
}

/* IPv4 without DF: the packet in pieces of at most |mtu|, each then rewritten. */
static void send_pieces(struct lab_gate *g, int out, struct lab_packet *p, const struct lab_flow *to, unsigned mtu)
{
	size_t at = 0;

	lab_packet_finish_checksum(p);
	for (;;) {
		struct lab_gate_kept *k = keep(g, out, LAB_GATE_HEADROOM + LAB_ETH + mtu);
		struct lab_frame f = {.headroom = LAB_GATE_HEADROOM};
		struct lab_packet piece;
		bool sent = false;

		if (!k)
			return;
		f.data = k->data + LAB_GATE_HEADROOM;
		f.len = lab_reply_fragment(p, mtu, &at, f.data + LAB_ETH);
		if (f.len > 0 && lab_packet_parse(&piece, f.data + LAB_ETH, f.len, NULL, LAB_ETH) == 0) {
			size_t len = f.len;

			f.len = LAB_ETH + len;
			sent = rewrite_and_send(g, out, &f, &piece, to) == out;
		}
		if (sent) {
			k->data = f.data;
			k->len = f.len;
			adit_list_push_back(&g->ready, &k->node);
			continue;
		}
		/* The end; or it was copied, to wait. */
		g->kept--;
		free(k);
		if (f.len == 0)
			return;
	}
}

/*
 * The largest packet of the family |p| has that fits side |out| once it is of |family|: IPv6 takes 20 bytes more, and 8
 * if it is, or may become, a fragment.
 */
static unsigned mtu_of(const struct lab_gate *g, int out, const struct lab_packet *p, uint8_t family)
{
	unsigned mtu = g->cfg.side[out].mtu;

	if (family == p->own.family)
		return mtu;
	if (family == ADIT_FAMILY_V4)
		return mtu + 20;
	return p->dont_fragment && p->own.fragment == LAB_WHOLE ? mtu - 20 : mtu - 28;
}

/*
 * Does |p|, as it arrived, fit into |mtu|? |ret_cut|: it does if it is cut. A TCP super-packet that may be cut is just
 * segmented smaller.
 */
static bool fits(struct lab_gate *g, unsigned mtu, const struct lab_packet *p, struct lab_frame *f, bool *ret_cut)
{
	size_t over = lab_packet_wire_len(p, &f->offload);

	*ret_cut = false;
	if (over <= mtu)
		return true;
	if (p->dont_fragment)
		return false;
	over -= mtu;
	if (f->offload.gso_type == LAB_GSO_NONE) {
		*ret_cut = true;
		g->stats.cut++;
		return true;
	}
	if ((f->offload.gso_type & ~LAB_GSO_ECN) != LAB_GSO_TCPV4 || f->offload.gso_size <= over)
		return false;
	f->offload.gso_size = (uint16_t)(f->offload.gso_size - over);
	return true;
}

/* A FLOW goes on as |to|, by side |out|. */
static int forward_flow(struct lab_gate *g, int side, int out, struct lab_frame *f, struct lab_packet *p,
			const struct lab_flow *to)
{
	unsigned mtu = mtu_of(g, out, p, to->src.family);
	bool cut = false;

	if (p->ttl <= 1) {
		g->stats.expired++;
		complain(g, side, f, p, LAB_REPLY_TTL, 0);
		return LAB_GATE_NOWHERE;
	}
	if (!fits(g, mtu, p, f, &cut)) {
		g->stats.too_big++;
		complain(g, side, f, p, LAB_REPLY_TOO_BIG, mtu);
		return LAB_GATE_NOWHERE;
	}
	lab_packet_age(p);
	g->stats.forwarded[side]++;
	if (!cut)
		return rewrite_and_send(g, out, f, p, to);
	send_pieces(g, out, p, to, mtu);
	return LAB_GATE_NOWHERE;
}

/* ---- fragments ---- */

static int input_packet(struct lab_gate *g, int side, struct lab_frame *f);

static bool is_same_datagram(const struct lab_flow *a, const struct lab_flow *b)
{
	return a->fragment_id == b->fragment_id && a->proto == b->proto && adit_addr_eq_ip(&a->src, &b->src) &&
	       adit_addr_eq_ip(&a->dst, &b->dst);
}

static struct lab_gate_datagram *find_datagram(struct lab_gate *g, int side, const struct lab_flow *f)
{
	for (size_t i = 0; i < LAB_GATE_DATAGRAMS; i++) {
		struct lab_gate_datagram *d = &g->datagrams[i];

		if (d->expire_at > g->now && d->side == side && is_same_datagram(&d->key, f))
			return d;
	}
	return NULL;
}

static void remember_datagram(struct lab_gate *g, int side, int out, const struct lab_flow *f,
			      const struct lab_flow *to)
{
	struct lab_gate_datagram *d = find_datagram(g, side, f);

	if (!d)
		d = &g->datagrams[g->next_datagram++ % LAB_GATE_DATAGRAMS];
	*d = (struct lab_gate_datagram){
		.expire_at = g->now + LAB_GATE_FRAGMENT_LIFE, .side = side, .out = out, .key = *f, .to = *to};
}

/* A later fragment waits for the first one. */
static void hold(struct lab_gate *g, int side, const struct lab_frame *f, const struct lab_flow *flow)
{
	struct lab_gate_kept *k = keep(g, side, f->len + LAB_GATE_HEADROOM);

	if (!k)
		return;
	k->data += LAB_GATE_HEADROOM;
	k->len = f->len;
	k->flow = *flow;
	k->until = g->now + LAB_GATE_FRAGMENT_LIFE;
	memcpy(k->data, f->data, f->len);
	adit_list_push_back(&g->held, &k->node);
	if (++g->n_held > LAB_GATE_HELD_MAX) {
		g->stats.no_room++;
		g->n_held--;
		forget(g, kept_of(adit_list_first(&g->held)));
	}
}

/* The first fragment |flow| has gone on, so that those held can. */
static void release_held(struct lab_gate *g, int side, const struct lab_flow *flow)
{
	struct adit_list now;

	adit_list_init(&now);
	adit_list_each_safe (it, tmp, &g->held) {
		struct lab_gate_kept *k = kept_of(it);

		if (k->until > g->now && (k->side != side || !is_same_datagram(&k->flow, flow)))
			continue;
		adit_list_del(it);
		g->n_held--;
		adit_list_push_back(&now, it);
	}
	adit_list_each_safe (it, tmp, &now) {
		struct lab_gate_kept *k = kept_of(it);
		struct lab_frame f = {.data = k->data, .len = k->len, .headroom = LAB_GATE_HEADROOM};
		int out = k->until > g->now ? input_packet(g, side, &f) : LAB_GATE_NOWHERE;

		if (out == LAB_GATE_NOWHERE) {
			forget(g, k);
			continue;
		}
		adit_list_del(&k->node);
		k->side = out;
		k->data = f.data;
		k->len = f.len;
		adit_list_push_back(&g->ready, &k->node);
	}
}

/* A fragment before a NAT that sees none. */
static int input_joined(struct lab_gate *g, int side, struct lab_frame *f, struct lab_packet *p)
{
	struct lab_gate_datagram *d = find_datagram(g, side, &p->flow);

	if (!d) {
		hold(g, side, f, &p->flow);
		return LAB_GATE_NOWHERE;
	}
	return forward_flow(g, side, d->out, f, p, &d->to);
}

static int forward_first(struct lab_gate *g, int side, int out, struct lab_frame *f, struct lab_packet *p,
			 const struct lab_flow *to)
{
	struct lab_flow key = p->flow;
	int at;

	if (key.fragment != LAB_FRAGMENT_FIRST)
		return forward_flow(g, side, out, f, p, to);
	if (g->cfg.joins_fragments)
		remember_datagram(g, side, out, &key, to);
	at = forward_flow(g, side, out, f, p, to);
	if (g->n_held > 0)
		release_held(g, side, &key);
	return at;
}

static int input_flow(struct lab_gate *g, int side, struct lab_frame *f, struct lab_packet *p)
{
	struct lab_nat *nat = g->cfg.nat;
	bool is_out = side == LAB_GATE_INSIDE;
	struct lab_flow to = p->flow;
	enum lab_verdict v;

	if (g->cfg.joins_fragments && p->own.fragment == LAB_FRAGMENT_LATER)
		return input_joined(g, side, f, p);
	v = (is_out ? nat->ops->out : nat->ops->in)(nat, g->now, &p->flow, &to);
	switch (v) {
	case LAB_FORWARD:
		return forward_first(g, side, !side, f, p, &to);
	case LAB_HAIRPIN:
		return forward_first(g, side, side, f, p, &to);
	case LAB_LOCAL:
		input_local(g, side, f, p);
		break;
	case LAB_REJECT:
		g->stats.refused++;
		complain(g, side, f, p, LAB_REPLY_PORT, 0);
		break;
	case LAB_EXPIRED:
		g->stats.expired++;
		complain(g, side, f, p, LAB_REPLY_TTL, 0);
		break;
	case LAB_DROP:
		if (p->own.fragment == LAB_FRAGMENT_LATER && lab_nat_holds(nat, g->now, is_out, &p->flow)) {
			hold(g, side, f, &p->flow);
			break;
		}
		g->stats.refused++;
		break;
	}
	return LAB_GATE_NOWHERE;
}

/*
 * An ICMP error goes to whoever sent what it quotes. Outward, its own source becomes the address that stands for the
 * complaining host outside, as in its other packets; inward it stays: it names a router on the way.
 */
static int input_error(struct lab_gate *g, int side, struct lab_frame *f, struct lab_packet *p)
{
	struct lab_flow quoted = p->flow;
	struct adit_addr src = p->src;
	bool unchanged;

	if (p->ttl <= 1 || !g->cfg.nat->ops->icmp(g->cfg.nat, g->now, &quoted)) {
		g->stats.refused++;
		return LAB_GATE_NOWHERE;
	}
	unchanged = adit_addr_eq(&quoted.src, &p->flow.src) && adit_addr_eq(&quoted.dst, &p->flow.dst);
	if (side == LAB_GATE_INSIDE && !unchanged)
		src = adit_addr_with_port(quoted.dst, 0);
	lab_packet_age(p);
	if (quoted.src.family == p->own.family) {
		struct adit_addr dst = adit_addr_with_port(quoted.src, 0);

		lab_packet_requote(p, &quoted, &src, &dst);
	} else if (lab_xlat_error(f, p, &quoted) < 0) {
		g->stats.other++;
		return LAB_GATE_NOWHERE;
	}
	g->stats.translated_errors++;
	return send_on(g, !side, p, f);
}

static bool is_for_us(const struct lab_gate_side *s, const uint8_t *frame)
{
	return s->raw || memcmp(frame, s->mac, LAB_MAC) == 0;
}

static int input_packet(struct lab_gate *g, int side, struct lab_frame *f)
{
	struct lab_packet p;

	if (lab_packet_parse(&p, f->data + LAB_ETH, f->len - LAB_ETH, &f->offload, LAB_ETH) < 0) {
		g->stats.malformed++;
		return LAB_GATE_NOWHERE;
	}
	f->len = LAB_ETH + p.len; /* padding stays behind */
	if (p.kind == LAB_PACKET_OTHER || adit_addr_is_multicast(&p.dst) || adit_addr_is_any(&p.src) ||
	    adit_addr_is_link_local(&p.dst) || adit_addr_is_loopback(&p.dst)) {
		g->stats.other++;
		return LAB_GATE_NOWHERE;
	}
	/* A NAT has no way for a family that it has no address of on that side. */
	if (!g->cfg.routed && !own_addr(&g->cfg.side[side], p.own.family)) {
		g->stats.other++;
		return LAB_GATE_NOWHERE;
	}
	if (side == LAB_GATE_OUTSIDE && p.own.family == ADIT_FAMILY_V4 && !g->cfg.routed &&
	    !is_own(&g->cfg.side[side], &p.dst)) {
		g->stats.other++;
		return LAB_GATE_NOWHERE;
	}
	return p.kind == LAB_PACKET_ERROR ? input_error(g, side, f, &p) : input_flow(g, side, f, &p);
}

int lab_gate_input(struct lab_gate *g, adit_time now, int side, struct lab_frame *f)
{
	const struct lab_gate_side *s = &g->cfg.side[side];

	assert(side == LAB_GATE_INSIDE || side == LAB_GATE_OUTSIDE);
	assert(now >= g->now);
	g->now = now;
	g->stats.taken[side]++;
	if (f->len <= LAB_ETH) {
		g->stats.malformed++;
		return LAB_GATE_NOWHERE;
	}
	if (!s->raw && input_whois(g, side, f))
		return LAB_GATE_NOWHERE;
	if (!is_for_us(s, f->data)) {
		g->stats.other++;
		return LAB_GATE_NOWHERE;
	}
	switch (lab_packet_get16(f->data + 2 * LAB_MAC)) {
	case LAB_ETH_IPV4:
	case LAB_ETH_IPV6:
		return input_packet(g, side, f);
	default:
		g->stats.other++;
		return LAB_GATE_NOWHERE;
	}
}

int lab_gate_output(struct lab_gate *g, struct lab_frame *ret_frame)
{
	struct adit_list *first = adit_list_first(&g->ready);
	struct lab_gate_kept *k;

	free(g->lent);
	g->lent = NULL;
	if (!first)
		return LAB_GATE_NOWHERE;
	k = kept_of(first);
	adit_list_del(&k->node);
	g->kept--;
	g->lent = k;
	*ret_frame = (struct lab_frame){
		.offload = k->offload, .data = k->data, .len = k->len, .headroom = LAB_GATE_OUT_HEADROOM};
	return k->side;
}

void lab_gate_tick(struct lab_gate *g, adit_time now)
{
	assert(now >= g->now);
	g->now = now;
	resolve(g, now);
}

adit_time lab_gate_deadline(const struct lab_gate *g)
{
	return lab_neigh_deadline(&g->neigh);
}
