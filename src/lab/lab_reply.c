#include "lab/lab_reply.h"

#include <string.h>

#include "base/bytes.h"
#include "lab/lab_packet_inner.h"

/* What a router's own packets start with (RFC 1700); neighbour discovery needs 255 (RFC 4861 7.1). */
#define OWN_TTL 64u

/* Bytes of IPv4 errors (RFC 1812 4.3.2.3). */
#define ERROR_MAX_V4 576u

static void write_v4(uint8_t *ip, size_t len, uint8_t protocol, const struct adit_addr *src,
		     const struct adit_addr *dst)
{
	struct adit_wr w = adit_wr_over(ip, 20);

	adit_wr_u8(&w, 0x45);
	adit_wr_u8(&w, 0);
	adit_wr_u16(&w, (uint16_t)len);
	adit_wr_u32(&w, 0);
	adit_wr_u8(&w, OWN_TTL);
	adit_wr_u8(&w, protocol);
	adit_wr_u16(&w, 0);
	adit_wr_bytes(&w, src->ip, 4);
	adit_wr_bytes(&w, dst->ip, 4);
	lab_packet_put16(ip + 10, (uint16_t)~lab_packet_sum(ip, 20, 0));
}

static void write_v6(uint8_t *ip, size_t len, uint8_t protocol, uint8_t ttl, const struct adit_addr *src,
		     const struct adit_addr *dst)
{
	struct adit_wr w = adit_wr_over(ip, 40);

	adit_wr_u32(&w, 0x60000000);
	adit_wr_u16(&w, (uint16_t)(len - 40));
	adit_wr_u8(&w, protocol);
	adit_wr_u8(&w, ttl);
	adit_wr_bytes(&w, src->ip, 16);
	adit_wr_bytes(&w, dst->ip, 16);
}

static size_t write_ip(uint8_t *ip, size_t payload, uint8_t protocol, const struct adit_addr *src,
		       const struct adit_addr *dst)
{
	size_t header = src->family == ADIT_FAMILY_V4 ? 20 : 40;

	if (header == 20)
		write_v4(ip, 20 + payload, protocol, src, dst);
	else
		write_v6(ip, 40 + payload, protocol, OWN_TTL, src, dst);
	return header;
}

/* Fills in the checksum at |at| of the transport of |protocol| in |l4|. */
static void write_sum(uint8_t *l4, size_t len, size_t at, uint8_t protocol, const struct adit_addr *src,
		      const struct adit_addr *dst)
{
	uint16_t start = protocol == LAB_IP_ICMP ? 0 : lab_packet_pseudo_sum(src, dst, protocol, len);

	lab_packet_put16(l4 + at, 0);
	lab_packet_put16(l4 + at, (uint16_t)~lab_packet_sum(l4, len, start));
}

static bool may_complain(const struct lab_packet *about)
{
	bool request;
	const uint8_t *l4 = about->data + about->own.l4;

	if (about->kind == LAB_PACKET_ERROR || about->own.fragment == LAB_FRAGMENT_LATER)
		return false;
	if (adit_addr_is_multicast(&about->dst) || adit_addr_is_multicast(&about->src) || adit_addr_is_any(&about->src))
		return false;
	/* Of ICMP only what is known to be no error. */
	if (about->own.protocol == LAB_IP_ICMP || about->own.protocol == LAB_IP_ICMPV6)
		return about->len > about->own.l4 && lab_packet_is_echo(about->own.protocol, l4[0], &request);
	return true;
}

size_t lab_reply_error(const struct lab_packet *about, enum lab_reply_error what, unsigned mtu,
		       const struct adit_addr *from, uint8_t buf[LAB_REPLY_MAX])
{
	/* Type and code: RFC 792, RFC 1191 4; RFC 4443 3.1 to 3.3. */
	static const uint8_t numbers[2][4][2] = {
		{[LAB_REPLY_TTL] = {11, 0},
		 [LAB_REPLY_PORT] = {3, 3},
		 [LAB_REPLY_HOST] = {3, 1},
		 [LAB_REPLY_TOO_BIG] = {3, 4}},
		{[LAB_REPLY_TTL] = {3, 0},
		 [LAB_REPLY_PORT] = {1, 4},
		 [LAB_REPLY_HOST] = {1, 3},
		 [LAB_REPLY_TOO_BIG] = {2, 0}},
	};
	bool v6 = about->own.family == ADIT_FAMILY_V6;
	uint8_t protocol = v6 ? LAB_IP_ICMPV6 : LAB_IP_ICMP;
	size_t header = v6 ? 40 : 20;
	size_t room = (v6 ? LAB_REPLY_MAX : ERROR_MAX_V4) - header - 8;
	size_t quote = about->len < room ? about->len : room;
	uint8_t *icmp = buf + header;

	if (!may_complain(about))
		return 0;
	write_ip(buf, 8 + quote, protocol, from, &about->src);
	memset(icmp, 0, 8);
	memcpy(icmp, numbers[v6][what], 2);
	if (what == LAB_REPLY_TOO_BIG)
		lab_packet_put16(icmp + 6, (uint16_t)mtu);
	memcpy(icmp + 8, about->data, quote);
	write_sum(icmp, 8 + quote, 2, protocol, from, &about->src);
	return header + 8 + quote;
}

bool lab_reply_echo(struct lab_packet *p)
{
	uint8_t *l4 = p->data + p->own.l4;
	bool v6 = p->own.family == ADIT_FAMILY_V6;
	struct adit_addr src = p->src;
	bool request;

	if (p->kind != LAB_PACKET_FLOW || p->flow.proto != LAB_PING || p->own.fragment != LAB_WHOLE)
		return false;
	if (!lab_packet_is_echo(p->own.protocol, l4[0], &request) || !request || p->partial)
		return false;
	p->src = p->dst;
	p->dst = src;
	p->ttl = OWN_TTL;
	memcpy(p->data + (v6 ? 8 : 12), p->src.ip, v6 ? 16 : 4);
	memcpy(p->data + (v6 ? 24 : 16), p->dst.ip, v6 ? 16 : 4);
	p->data[v6 ? 7 : 8] = OWN_TTL;
	if (!v6) {
		lab_packet_put16(p->data + 10, 0);
		lab_packet_put16(p->data + 10, (uint16_t)~lab_packet_sum(p->data, p->own.l4, 0));
	}
	l4[0] = v6 ? 129 : 0;
	write_sum(l4, p->len - p->own.l4, 2, p->own.protocol, &p->src, &p->dst);
	return true;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)lab_packet_get16(p) << 16 | lab_packet_get16(p + 2);
}

size_t lab_reply_reset(const struct lab_packet *about, uint8_t buf[LAB_REPLY_MAX])
{
	const uint8_t *tcp = about->data + about->own.l4;
	uint8_t flags = about->flow.tcp_flags;
	struct adit_wr w;
	size_t header;
	uint32_t len;

	if (about->kind != LAB_PACKET_FLOW || about->flow.proto != LAB_TCP || about->own.fragment != LAB_WHOLE ||
	    flags & LAB_TCP_RST)
		return 0;
	header = write_ip(buf, 20, LAB_IP_TCP, &about->dst, &about->src);
	len = (uint32_t)(about->len - about->own.l4) - (uint32_t)(tcp[12] >> 4) * 4 + !!(flags & LAB_TCP_SYN) +
	      !!(flags & LAB_TCP_FIN);
	w = adit_wr_over(buf + header, 20);
	adit_wr_u16(&w, about->flow.dst.port);
	adit_wr_u16(&w, about->flow.src.port);
	/* With an ACK, the RST has the number that it wanted next; else it acknowledges what came. */
	adit_wr_u32(&w, flags & LAB_TCP_ACK ? get32(tcp + 8) : 0);
	adit_wr_u32(&w, flags & LAB_TCP_ACK ? 0 : get32(tcp + 4) + len);
	adit_wr_u8(&w, 5 << 4);
	adit_wr_u8(&w, flags & LAB_TCP_ACK ? LAB_TCP_RST : LAB_TCP_RST | LAB_TCP_ACK);
	adit_wr_zero(&w, 6);
	write_sum(buf + header, 20, 16, LAB_IP_TCP, &about->dst, &about->src);
	return header + 20;
}

size_t lab_reply_fragment(const struct lab_packet *p, unsigned mtu, size_t *at, uint8_t *buf)
{
	size_t header = p->own.l4;
	size_t payload = p->len - header;
	size_t room = (mtu - header) & ~(size_t)7; /* RFC 791 3.2: offsets count eights */
	uint16_t field = lab_packet_get16(p->data + 6);
	size_t n = payload - *at;

	if (*at >= payload || mtu < header + 8)
		return 0;
	if (n > room) {
		n = room;
		field |= 0x2000; /* MF; the last piece of a fragment keeps what that one had */
	}
	memcpy(buf, p->data, header);
	memcpy(buf + header, p->data + header + *at, n);
	lab_packet_put16(buf + 2, (uint16_t)(header + n));
	lab_packet_put16(buf + 6, (uint16_t)(field + *at / 8));
	lab_packet_put16(buf + 10, 0);
	lab_packet_put16(buf + 10, (uint16_t)~lab_packet_sum(buf, header, 0));
	*at += n;
	return header + n;
}

/* ---- who has this address ---- */

/* Behind the Ethernet header: hardware Ethernet, protocol IPv4, their lengths (RFC 826). */
static const uint8_t arp_head[6] = {0, 1, 8, 0, 6, 4};

#define ARP_LEN 28u
#define ND_LEN  32u /* ICMPv6 header, target, one option (RFC 4861 4.3, 4.4) */

static int parse_arp(const uint8_t *frame, size_t len, struct lab_whois *ret_w)
{
	struct adit_rd r = adit_rd_over(frame + LAB_ETH, len - LAB_ETH);
	struct lab_whois w = {0};
	uint8_t head[6];
	struct adit_addr sender = {.family = ADIT_FAMILY_V4};
	struct adit_addr target = sender;
	uint16_t op;

	adit_rd_bytes(&r, head, sizeof(head));
	op = adit_rd_u16(&r);
	adit_rd_bytes(&r, w.mac, LAB_MAC);
	adit_rd_bytes(&r, sender.ip, 4);
	adit_rd_skip(&r, LAB_MAC);
	adit_rd_bytes(&r, target.ip, 4);
	if (r.bad || memcmp(head, arp_head, sizeof(head)) != 0 || (op != 1 && op != 2))
		return ADIT_EPROTO;
	w.kind = op == 1 ? LAB_WHOIS_ASK : LAB_WHOIS_TELL;
	w.target = w.kind == LAB_WHOIS_ASK ? target : sender;
	if (w.kind == LAB_WHOIS_ASK && !adit_addr_is_any(&sender))
		w.sender = sender;
	*ret_w = w;
	return 0;
}

/* The link-layer address option of |type| (RFC 4861 4.6.1). */
static bool find_mac(struct adit_rd *r, uint8_t type, uint8_t ret_mac[LAB_MAC])
{
	while (adit_rd_left(r) >= 8) {
		uint8_t t = adit_rd_u8(r);
		size_t n = (size_t)adit_rd_u8(r) * 8;

		if (n == 0)
			return false;
		if (t == type && n == 8) {
			adit_rd_bytes(r, ret_mac, LAB_MAC);
			return !r->bad;
		}
		adit_rd_skip(r, n - 2);
	}
	return false;
}

static int parse_nd(const uint8_t *frame, size_t len, struct lab_whois *ret_w)
{
	struct adit_rd r = adit_rd_over(frame + LAB_ETH, len - LAB_ETH);
	struct lab_whois w = {.target = {.family = ADIT_FAMILY_V6}};
	struct adit_addr src = w.target;
	struct adit_addr dst = w.target;
	uint16_t sum;
	uint8_t next;
	uint8_t hops;
	uint8_t type;
	size_t said;

	adit_rd_skip(&r, 4);
	said = adit_rd_u16(&r);
	next = adit_rd_u8(&r);
	hops = adit_rd_u8(&r);
	adit_rd_bytes(&r, src.ip, 16);
	adit_rd_bytes(&r, dst.ip, 16);
	if (r.bad || next != LAB_IP_ICMPV6 || said < 1 || said > adit_rd_left(&r))
		return ADIT_EIGNORED;
	r.len = r.pos + said;
	sum = lab_packet_sum(r.buf + r.pos, said, lab_packet_pseudo_sum(&src, &dst, LAB_IP_ICMPV6, said));
	type = adit_rd_u8(&r);
	if (type != 135 && type != 136)
		return ADIT_EIGNORED;
	/* RFC 4861 7.1: not forwarded, code 0, undamaged. */
	if (hops != 255 || sum != 0xffff || adit_rd_u8(&r) != 0)
		return ADIT_EPROTO;
	adit_rd_skip(&r, 6);
	adit_rd_bytes(&r, w.target.ip, 16);
	if (r.bad || adit_addr_is_multicast(&w.target))
		return ADIT_EPROTO;
	w.kind = type == 135 ? LAB_WHOIS_ASK : LAB_WHOIS_TELL;
	if (w.kind == LAB_WHOIS_ASK && !adit_addr_is_any(&src))
		w.sender = src;
	/* The option may be missing where the frame says it too. */
	if (!find_mac(&r, w.kind == LAB_WHOIS_ASK ? 1 : 2, w.mac))
		memcpy(w.mac, frame + LAB_MAC, LAB_MAC);
	*ret_w = w;
	return 0;
}

int lab_whois_parse(const uint8_t *frame, size_t len, struct lab_whois *ret_w)
{
	if (len < LAB_ETH)
		return ADIT_EIGNORED;
	switch (lab_packet_get16(frame + 12)) {
	case LAB_ETH_ARP:
		return parse_arp(frame, len, ret_w);
	case LAB_ETH_IPV6:
		return parse_nd(frame, len, ret_w);
	default:
		return ADIT_EIGNORED;
	}
}

static size_t write_arp(uint16_t op, const struct adit_addr *sender, const uint8_t mac[LAB_MAC],
			const struct adit_addr *target, const uint8_t to[LAB_MAC], uint8_t *buf)
{
	struct adit_wr w = adit_wr_over(buf, LAB_ETH + ARP_LEN);
	static const uint8_t everybody[LAB_MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t nobody[LAB_MAC];

	adit_wr_bytes(&w, to ? to : everybody, LAB_MAC);
	adit_wr_bytes(&w, mac, LAB_MAC);
	adit_wr_u16(&w, LAB_ETH_ARP);
	adit_wr_bytes(&w, arp_head, sizeof(arp_head));
	adit_wr_u16(&w, op);
	adit_wr_bytes(&w, mac, LAB_MAC);
	adit_wr_bytes(&w, sender->ip, 4);
	adit_wr_bytes(&w, to ? to : nobody, LAB_MAC);
	adit_wr_bytes(&w, target->ip, 4);
	return w.len;
}

struct lab_nd {
	uint8_t type;
	uint8_t flags;
	uint8_t option;
	struct adit_addr src;
	struct adit_addr dst;
	struct adit_addr target;
};

static size_t write_nd(const struct lab_nd *nd, const uint8_t mac[LAB_MAC], const uint8_t to[LAB_MAC], uint8_t *buf)
{
	struct adit_wr w = adit_wr_over(buf, LAB_WHOIS_MAX);

	adit_wr_bytes(&w, to, LAB_MAC);
	adit_wr_bytes(&w, mac, LAB_MAC);
	adit_wr_u16(&w, LAB_ETH_IPV6);
	write_v6(buf + w.len, 40 + ND_LEN, LAB_IP_ICMPV6, 255, &nd->src, &nd->dst);
	w.len += 40;
	adit_wr_u8(&w, nd->type);
	adit_wr_zero(&w, 3);
	adit_wr_u8(&w, nd->flags);
	adit_wr_zero(&w, 3);
	adit_wr_bytes(&w, nd->target.ip, 16);
	adit_wr_u8(&w, nd->option);
	adit_wr_u8(&w, 1); /* in units of 8 bytes */
	adit_wr_bytes(&w, mac, LAB_MAC);
	write_sum(buf + LAB_ETH + 40, ND_LEN, 2, LAB_IP_ICMPV6, &nd->src, &nd->dst);
	return w.len;
}

size_t lab_whois_ask(const struct adit_addr *target, const struct adit_addr *own, const uint8_t mac[LAB_MAC],
		     uint8_t buf[LAB_WHOIS_MAX])
{
	/* The solicited-node address (RFC 4291 2.7.1) and its Ethernet form (RFC 2464 7). */
	uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};
	uint8_t to[LAB_MAC] = {0x33, 0x33, 0xff};

	if (target->family == ADIT_FAMILY_V4)
		return write_arp(1, own, mac, target, NULL, buf);
	memcpy(group + 13, target->ip + 13, 3);
	memcpy(to + 3, target->ip + 13, 3);
	return write_nd(
		&(struct lab_nd){
			.type = 135, .option = 1, .src = *own, .dst = adit_addr_v6(group, 0), .target = *target},
		mac, to, buf);
}

size_t lab_whois_tell(const struct lab_whois *asked, const uint8_t mac[LAB_MAC], uint8_t buf[LAB_WHOIS_MAX])
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	static const uint8_t all_mac[LAB_MAC] = {0x33, 0x33, 0, 0, 0, 1};
	bool known = asked->sender.family != ADIT_FAMILY_NONE;

	if (asked->target.family == ADIT_FAMILY_V4) {
		const struct adit_addr *to = known ? &asked->sender : &asked->target;

		return write_arp(2, &asked->target, mac, to, asked->mac, buf);
	}
	/* Router, override; solicited unless nobody in particular asked (RFC 4861 7.2.4). */
	return write_nd(&(struct lab_nd){.type = 136,
					 .flags = known ? 0xe0 : 0xa0,
					 .option = 2,
					 .src = asked->target,
					 .dst = known ? asked->sender : adit_addr_v6(all_nodes, 0),
					 .target = asked->target},
			mac, known ? asked->mac : all_mac, buf);
}

struct adit_addr lab_link_local(const uint8_t mac[LAB_MAC])
{
	uint8_t ip[16] = {0xfe, 0x80, [11] = 0xff, [12] = 0xfe};

	memcpy(ip + 8, mac, 3);
	memcpy(ip + 13, mac + 3, 3);
	ip[8] ^= 2;
	return adit_addr_v6(ip, 0);
}
