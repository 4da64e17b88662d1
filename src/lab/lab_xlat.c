#include "lab/lab_xlat.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_gate.h"
#include "lab/lab_packet_inner.h"

#define V4_HEADER   20u
#define V6_HEADER   40u
#define V6_FRAGMENT 8u

/* RFC 7915 5.1: a packet up to this long leaves without DF. 1280 less what the IPv6 header has more. */
#define NO_DF_MAX 1260u

/* What an IP header says that survives in another one. */
struct header {
	uint8_t traffic_class;
	uint8_t ttl;
	uint8_t fragment; /* enum lab_fragment; atomic fragments are whole */
	uint32_t id;
	uint16_t offset; /* eights */
	bool more;
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)lab_packet_get16(p) << 16 | lab_packet_get16(p + 2);
}

/* EPROTO: IPv6 extension headers other than one fragment header. */
static int read_header(const uint8_t *ip, const struct lab_packet_part *part, struct header *ret_h)
{
	struct header h = {.fragment = part->fragment};
	size_t length = part->l4 - part->ip;

	if (part->family == ADIT_FAMILY_V4) {
		uint16_t field = lab_packet_get16(ip + 6);

		h.traffic_class = ip[1];
		h.ttl = ip[8];
		h.id = lab_packet_get16(ip + 4);
		h.offset = field & 0x1fff;
		h.more = field & 0x2000;
		*ret_h = h; /* options are left out (RFC 7915 4.1) */
		return 0;
	}
	if (length != V6_HEADER && (length != V6_HEADER + V6_FRAGMENT || ip[6] != LAB_IP_FRAGMENT))
		return ADIT_EPROTO;
	h.traffic_class = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	h.ttl = ip[7];
	if (length > V6_HEADER) {
		uint16_t field = lab_packet_get16(ip + V6_HEADER + 2);

		h.id = get32(ip + V6_HEADER + 4);
		h.offset = field >> 3;
		h.more = field & 1;
	}
	*ret_h = h;
	return 0;
}

static size_t header_len(const struct header *h, uint8_t family)
{
	if (family == ADIT_FAMILY_V4)
		return V4_HEADER;
	return V6_HEADER + (h->fragment == LAB_WHOLE ? 0 : V6_FRAGMENT);
}

/* |said|: what the length field is to speak of; a quote is shorter than its packet was. */
static void write_header(uint8_t *ip, const struct header *h, uint8_t protocol, size_t said, const struct lab_flow *to)
{
	bool fragment = h->fragment != LAB_WHOLE;
	struct adit_wr w = adit_wr_over(ip, header_len(h, to->src.family));

	if (to->src.family == ADIT_FAMILY_V4) {
		bool df = !fragment && V4_HEADER + said > NO_DF_MAX;

		adit_wr_u8(&w, 0x45);
		adit_wr_u8(&w, h->traffic_class);
		adit_wr_u16(&w, (uint16_t)(V4_HEADER + said));
		adit_wr_u16(&w, (uint16_t)h->id);
		adit_wr_u16(&w, (uint16_t)(h->offset | (h->more ? 0x2000 : 0) | (df ? 0x4000 : 0)));
		adit_wr_u8(&w, h->ttl);
		adit_wr_u8(&w, protocol);
		adit_wr_u16(&w, 0);
		adit_wr_bytes(&w, to->src.ip, 4);
		adit_wr_bytes(&w, to->dst.ip, 4);
		lab_packet_put16(ip + 10, (uint16_t)~lab_packet_sum(ip, V4_HEADER, 0));
		return;
	}
	adit_wr_u32(&w, 0x60000000 | (uint32_t)h->traffic_class << 20);
	adit_wr_u16(&w, (uint16_t)(said + (fragment ? V6_FRAGMENT : 0)));
	adit_wr_u8(&w, fragment ? LAB_IP_FRAGMENT : protocol);
	adit_wr_u8(&w, h->ttl);
	adit_wr_bytes(&w, to->src.ip, 16);
	adit_wr_bytes(&w, to->dst.ip, 16);
	if (fragment) {
		adit_wr_u8(&w, protocol);
		adit_wr_u8(&w, 0);
		adit_wr_u16(&w, (uint16_t)(h->offset << 3 | h->more));
		adit_wr_u32(&w, h->id);
	}
}

/* The transport behind the header that is about to change. */
struct transport {
	uint8_t *l4;
	size_t have; /* bytes that are there */
	size_t len; /* that the pseudo-header counts; not known of fragments */
	const struct lab_packet_part *part;
	bool partial;
};

/* A sum with |from| taken out and |to| put in (RFC 1624). */
static uint16_t adjust(uint16_t sum, uint16_t from, uint16_t to)
{
	uint32_t s = (uint32_t)sum + (uint16_t)~from + to;

	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)((s & 0xffff) + (s >> 16));
}

static uint16_t addr_sum(const struct adit_addr *src, const struct adit_addr *dst)
{
	/* Unused bytes of an address are zero and add nothing. */
	return lab_packet_sum(dst->ip, 16, lab_packet_sum(src->ip, 16, 0));
}

/* RFC 7915 4.2, 5.2: types 8 and 0 are 128 and 129. ICMP has no pseudo-header, ICMPv6 does. */
static int change_echo(const struct transport *t, const struct lab_flow *from, const struct lab_flow *to)
{
	bool to_v4 = to->src.family == ADIT_FAMILY_V4;
	bool request;
	uint16_t was;
	uint16_t old_pseudo = 0;
	uint16_t new_pseudo = 0;
	uint16_t sum;

	if (t->part->fragment != LAB_WHOLE || !lab_packet_is_echo(t->part->protocol, t->l4[0], &request))
		return ADIT_EPROTO;
	if (to_v4)
		old_pseudo = lab_packet_pseudo_sum(&from->src, &from->dst, LAB_IP_ICMPV6, t->len);
	else
		new_pseudo = lab_packet_pseudo_sum(&to->src, &to->dst, LAB_IP_ICMPV6, t->len);
	sum = adjust((uint16_t)~lab_packet_get16(t->l4 + 2), old_pseudo, new_pseudo);
	was = lab_packet_get16(t->l4);
	if (to_v4)
		t->l4[0] = request ? 8 : 0;
	else
		t->l4[0] = request ? 128 : 129;
	sum = adjust(sum, was, lab_packet_get16(t->l4));
	was = lab_packet_get16(t->l4 + 4);
	lab_packet_put16(t->l4 + 4, request ? to->src.port : to->dst.port);
	sum = adjust(sum, was, lab_packet_get16(t->l4 + 4));
	lab_packet_put16(t->l4 + 2, (uint16_t)~sum);
	return 0;
}

static int change_ports(const struct transport *t, const struct lab_flow *from, const struct lab_flow *to)
{
	size_t at = t->part->protocol == LAB_IP_TCP ? 16 : 6;
	bool udp = t->part->protocol == LAB_IP_UDP;
	uint16_t sum = adjust(0, addr_sum(&from->src, &from->dst), addr_sum(&to->src, &to->dst));
	uint16_t field = t->have >= at + 2 ? lab_packet_get16(t->l4 + at) : 0;
	bool none = udp && !t->partial && t->have >= at + 2 && field == 0;

	/* Nothing to go on from: IPv6 wants one (RFC 7915 4.5), which takes the whole datagram. */
	if (none && to->src.family == ADIT_FAMILY_V6) {
		if (t->part->fragment != LAB_WHOLE || t->have != t->len)
			return ADIT_EPROTO;
		lab_packet_put16(t->l4, to->src.port);
		lab_packet_put16(t->l4 + 2, to->dst.port);
		sum = (uint16_t)~lab_packet_sum(t->l4, t->len,
						lab_packet_pseudo_sum(&to->src, &to->dst, LAB_IP_UDP, t->len));
		lab_packet_put16(t->l4 + at, sum ? sum : 0xffff);
		return 0;
	}
	if (!t->partial)
		sum = adjust(sum, lab_packet_sum(t->l4, 4, 0), 0);
	lab_packet_put16(t->l4, to->src.port);
	lab_packet_put16(t->l4 + 2, to->dst.port);
	if (!t->partial)
		sum = adjust(sum, 0, lab_packet_sum(t->l4, 4, 0));
	if (t->have < at + 2 || none)
		return 0;
	field = adjust(t->partial ? field : (uint16_t)~field, 0, sum);
	field = t->partial ? field : (uint16_t)~field;
	lab_packet_put16(t->l4 + at, udp && !t->partial && field == 0 ? 0xffff : field);
	return 0;
}

static int change_transport(const struct transport *t, const struct lab_flow *from, const struct lab_flow *to,
			    uint8_t *ret_protocol)
{
	bool is_icmp = t->part->protocol == LAB_IP_ICMP || t->part->protocol == LAB_IP_ICMPV6;

	*ret_protocol = t->part->protocol;
	if (is_icmp)
		*ret_protocol = to->src.family == ADIT_FAMILY_V4 ? LAB_IP_ICMP : LAB_IP_ICMPV6;
	if (t->part->fragment == LAB_FRAGMENT_LATER)
		return is_icmp ? ADIT_EPROTO : 0;
	return is_icmp ? change_echo(t, from, to) : change_ports(t, from, to);
}

/* The frame begins |headers| bytes of IP header before |l4| from now on. EPROTO: there is no room. */
static int move_start(struct lab_frame *f, uint8_t *l4, size_t headers)
{
	size_t before = (size_t)(l4 - f->data) + f->headroom;
	uint8_t *end = f->data + f->len;

	if (before < LAB_ETH + headers)
		return ADIT_EPROTO;
	f->headroom = before - LAB_ETH - headers;
	f->data = l4 - headers - LAB_ETH;
	f->len = (size_t)(end - f->data);
	return 0;
}

static int read_anew(struct lab_frame *f, struct lab_packet *p)
{
	return lab_packet_parse(p, f->data + LAB_ETH, f->len - LAB_ETH, &f->offload, LAB_ETH);
}

int lab_xlat_flow(struct lab_frame *f, struct lab_packet *p, const struct lab_flow *to)
{
	struct transport t = {.l4 = p->data + p->own.l4,
			      .have = p->len - p->own.l4,
			      .len = p->len - p->own.l4,
			      .part = &p->own,
			      .partial = p->partial};
	struct header h;
	uint8_t protocol;
	uint8_t kind = f->offload.gso_type & (uint8_t)~LAB_GSO_ECN;

	assert(to->src.family != p->own.family);
	if (read_header(p->data, &p->own, &h) < 0)
		return ADIT_EPROTO;
	if (move_start(f, t.l4, header_len(&h, to->src.family)) < 0 ||
	    change_transport(&t, &p->flow, to, &protocol) < 0)
		return ADIT_EPROTO;
	write_header(f->data + LAB_ETH, &h, protocol, t.len, to);
	if (p->partial)
		f->offload.csum_start = (uint16_t)(t.l4 - f->data);
	if (kind == LAB_GSO_TCPV4 || kind == LAB_GSO_TCPV6)
		f->offload.gso_type = (uint8_t)((f->offload.gso_type & LAB_GSO_ECN) |
						(to->src.family == ADIT_FAMILY_V4 ? LAB_GSO_TCPV4 : LAB_GSO_TCPV6));
	return read_anew(f, p);
}

/* ---- errors ---- */

/* RFC 7915 4.2: the ICMPv6 error that an ICMP one becomes. False: none. */
static bool error_to_v6(const uint8_t *icmp, uint8_t ret[8])
{
	uint16_t mtu = lab_packet_get16(icmp + 6);

	memset(ret, 0, 8);
	if (icmp[0] == 11) {
		ret[0] = 3;
		ret[1] = icmp[1];
		return true;
	}
	if (icmp[0] != 3 || icmp[1] > 15)
		return false;
	ret[0] = 1;
	switch (icmp[1]) {
	case 2: /* protocol unreachable: unknown next header, at byte 6 */
		ret[0] = 4;
		ret[1] = 1;
		ret[7] = 6;
		return true;
	case 3:
		ret[1] = 4;
		return true;
	case 4: /* RFC 4821 lowers what a router did not say */
		ret[0] = 2;
		lab_packet_put16(ret + 6, mtu + 20u > 1280 ? (uint16_t)(mtu + 20) : 1280);
		return true;
	case 9:
	case 10:
	case 13:
	case 15:
		ret[1] = 1;
		return true;
	case 14:
		return false;
	default:
		return true;
	}
}

/* RFC 7915 5.2. */
static bool error_to_v4(const uint8_t *icmp, uint8_t ret[8])
{
	static const uint8_t unreachable[] = {1, 10, 1, 1, 3};
	uint32_t mtu = get32(icmp + 4);

	memset(ret, 0, 8);
	ret[0] = 3;
	switch (icmp[0]) {
	case 1:
		if (icmp[1] >= sizeof(unreachable))
			return false;
		ret[1] = unreachable[icmp[1]];
		return true;
	case 2:
		ret[1] = 4;
		lab_packet_put16(ret + 6, (uint16_t)(mtu > 65535 ? 65535 : mtu < 88 ? 68 : mtu - 20));
		return true;
	case 3:
		ret[0] = 11;
		ret[1] = icmp[1];
		return true;
	case 4:
		ret[1] = 2;
		return icmp[1] == 1;
	default:
		return false;
	}
}

/*
 * Who complains, as seen on the other side. Toward IPv4: the address that the quote was sent to. Toward IPv6: the IPv4
 * address in the prefix that the quote's destination shows, where that is a /96; else that destination itself.
 */
static struct adit_addr complainer(const struct lab_packet *p, const struct lab_flow *to)
{
	struct adit_addr a = adit_addr_with_port(to->dst, 0);

	if (a.family == ADIT_FAMILY_V6 && memcmp(a.ip + 12, p->flow.dst.ip, 4) == 0)
		memcpy(a.ip + 12, p->src.ip, 4);
	return a;
}

/* ICMP header, quoted IP header and what is there of its transport, into |buf|. Returns the length; 0: it cannot be. */
static size_t make_error(const struct lab_packet *p, const struct lab_flow *to, uint8_t buf[LAB_REPLY_MAX])
{
	size_t have = p->len - p->quote.l4;
	uint16_t said = lab_packet_get16(p->data + p->quote.ip + (p->own.family == ADIT_FAMILY_V4 ? 2 : 4));
	size_t quoted = p->own.family == ADIT_FAMILY_V4 ? said : said + V6_HEADER;
	struct transport t = {.have = have, .part = &p->quote};
	struct header h;
	uint8_t protocol;
	size_t headers;
	bool to_v6 = to->src.family == ADIT_FAMILY_V6;

	if (read_header(p->data + p->quote.ip, &p->quote, &h) < 0 || quoted < p->quote.l4 - p->quote.ip)
		return 0;
	headers = header_len(&h, to->src.family);
	if (!(to_v6 ? error_to_v6 : error_to_v4)(p->data + p->own.l4, buf))
		return 0;
	if (8 + headers + have > LAB_REPLY_MAX - V6_HEADER)
		have = LAB_REPLY_MAX - V6_HEADER - 8 - headers;
	t.l4 = buf + 8 + headers;
	t.have = have;
	t.len = quoted - (p->quote.l4 - p->quote.ip);
	memcpy(t.l4, p->data + p->quote.l4, have);
	if (change_transport(&t, &p->flow, to, &protocol) < 0)
		return 0;
	write_header(buf + 8, &h, protocol, t.len, to);
	return 8 + headers + have;
}

int lab_xlat_error(struct lab_frame *f, struct lab_packet *p, const struct lab_flow *to)
{
	uint8_t buf[LAB_REPLY_MAX];
	bool to_v6 = to->src.family == ADIT_FAMILY_V6;
	struct lab_flow outer = {.src = complainer(p, to), .dst = adit_addr_with_port(to->src, 0)};
	struct header h = {.ttl = p->ttl};
	size_t room = f->headroom + (size_t)(p->data - f->data) + p->len;
	size_t headers = to_v6 ? V6_HEADER : V4_HEADER;
	size_t len;
	uint8_t *end = p->data + p->len;
	uint16_t start = 0;

	assert(to->src.family != p->own.family);
	len = make_error(p, to, buf);
	if (len == 0)
		return ADIT_EPROTO;
	/* At its end the quote gives way where the frame has no room to grow; its ports must stay. */
	if (LAB_ETH + headers + len > room) {
		if (room < LAB_ETH + headers + 8 + V6_HEADER + V6_FRAGMENT + 8)
			return ADIT_EPROTO;
		len = room - LAB_ETH - headers;
	}
	if (to_v6)
		start = lab_packet_pseudo_sum(&outer.src, &outer.dst, LAB_IP_ICMPV6, len);
	lab_packet_put16(buf + 2, (uint16_t)~lab_packet_sum(buf, len, start));
	f->len = (size_t)(end - f->data);
	if (move_start(f, end - len, headers) < 0)
		return ADIT_EPROTO;
	memcpy(end - len, buf, len);
	write_header(f->data + LAB_ETH, &h, to_v6 ? LAB_IP_ICMPV6 : LAB_IP_ICMP, len, &outer);
	f->offload = (struct lab_offload){0};
	return read_anew(f, p);
}
