#include "lab/lab_packet.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_packet_inner.h"

/* IPv4 header fields (RFC 791 3.1). */
#define V4_DF          0x4000u
#define V4_MF          0x2000u
#define V4_OFFSET_MASK 0x1fffu

/* IPv6 extension headers that may stand before the transport (RFC 8200 4). */
#define V6_HOP_BY_HOP 0u
#define V6_ROUTING    43u
#define V6_DEST       60u

uint16_t lab_packet_sum(const uint8_t *data, size_t len, uint16_t start)
{
	uint64_t sum = start;

	for (; len >= 2; data += 2, len -= 2)
		sum += (uint32_t)data[0] << 8 | data[1];
	if (len)
		sum += (uint32_t)data[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static size_t ip_bytes(uint8_t family)
{
	return family == ADIT_FAMILY_V4 ? 4 : 16;
}

uint16_t lab_packet_pseudo_sum(const struct adit_addr *src, const struct adit_addr *dst, uint8_t protocol, size_t len)
{
	uint8_t tail[6] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, protocol};
	uint16_t sum = lab_packet_sum(src->ip, ip_bytes(src->family), 0);

	sum = lab_packet_sum(dst->ip, ip_bytes(dst->family), sum);
	return lab_packet_sum(tail, sizeof(tail), sum);
}

uint16_t lab_packet_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

void lab_packet_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ---- reading ---- */

static struct adit_addr read_addr(const uint8_t *p, uint8_t family)
{
	struct adit_addr a = {.family = family};

	memcpy(a.ip, p, ip_bytes(family));
	return a;
}

/* Finds what an IPv4 header says; |room| bytes are there, of the quote perhaps not all. */
static int scan_v4(const uint8_t *ip, size_t room, struct lab_packet_part *part, struct lab_flow *f, size_t *ret_len)
{
	size_t header;
	uint16_t frag;

	if (room < 20 || (header = (size_t)(ip[0] & 15) * 4) < 20 || header > room)
		return ADIT_EPROTO;
	*ret_len = lab_packet_get16(ip + 2);
	if (*ret_len < header)
		return ADIT_EPROTO;
	frag = lab_packet_get16(ip + 6);
	part->family = ADIT_FAMILY_V4;
	part->protocol = ip[9];
	part->l4 = part->ip + header;
	part->fragment = LAB_WHOLE;
	if (frag & V4_OFFSET_MASK)
		part->fragment = LAB_FRAGMENT_LATER;
	else if (frag & V4_MF)
		part->fragment = LAB_FRAGMENT_FIRST;
	f->fragment_id = part->fragment == LAB_WHOLE ? 0 : lab_packet_get16(ip + 4);
	f->ttl = ip[8];
	f->src = read_addr(ip + 12, ADIT_FAMILY_V4);
	f->dst = read_addr(ip + 16, ADIT_FAMILY_V4);
	return 0;
}

/* The fragment header at |h| (RFC 8200 4.5). An "atomic" one, with neither offset nor more to come, is whole. */
static void scan_v6_fragment(const uint8_t *h, struct lab_packet_part *part, struct lab_flow *f)
{
	uint16_t offset = lab_packet_get16(h + 2);

	if (offset & ~7u)
		part->fragment = LAB_FRAGMENT_LATER;
	else if (offset & 1)
		part->fragment = LAB_FRAGMENT_FIRST;
	/* 32 bits folded into 16: it only has to tell apart what is under way at one time. */
	if (part->fragment != LAB_WHOLE)
		f->fragment_id = lab_packet_get16(h + 4) ^ lab_packet_get16(h + 6);
}

static int scan_v6(const uint8_t *ip, size_t room, struct lab_packet_part *part, struct lab_flow *f, size_t *ret_len)
{
	size_t at = 40;
	uint8_t next;

	if (room < 40)
		return ADIT_EPROTO;
	*ret_len = 40 + (size_t)lab_packet_get16(ip + 4);
	part->family = ADIT_FAMILY_V6;
	part->fragment = LAB_WHOLE;
	f->fragment_id = 0;
	f->ttl = ip[7];
	f->src = read_addr(ip + 8, ADIT_FAMILY_V6);
	f->dst = read_addr(ip + 24, ADIT_FAMILY_V6);
	for (next = ip[6]; part->fragment != LAB_FRAGMENT_LATER;) {
		bool extends = next == V6_HOP_BY_HOP || next == V6_ROUTING || next == V6_DEST;
		size_t step;

		if (!extends && next != LAB_IP_FRAGMENT)
			break;
		if (room - at < 8)
			return ADIT_EPROTO;
		step = extends ? 8 + (size_t)ip[at + 1] * 8 : 8;
		if (step > room - at)
			return ADIT_EPROTO;
		if (!extends)
			scan_v6_fragment(ip + at, part, f);
		next = ip[at];
		at += step;
	}
	part->protocol = next;
	part->l4 = part->ip + at;
	return 0;
}

/* ICMP types that carry a quote: RFC 792 (3, 11, 12), RFC 4443 2.1 (1 to 4). */
static bool is_icmp_error(uint8_t protocol, uint8_t type)
{
	if (protocol == LAB_IP_ICMP)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

bool lab_packet_is_echo(uint8_t protocol, uint8_t type, bool *ret_request)
{
	uint8_t request = protocol == LAB_IP_ICMP ? 8 : 128;
	uint8_t reply = protocol == LAB_IP_ICMP ? 0 : 129;

	*ret_request = type == request;
	return type == request || type == reply;
}

static bool is_icmp(const struct lab_packet_part *part)
{
	return part->protocol == (part->family == ADIT_FAMILY_V4 ? LAB_IP_ICMP : LAB_IP_ICMPV6);
}

/* Protocol and ports of |part|, of which |have| transport bytes are there. False: it has no flow. */
static bool scan_flow(const uint8_t *l4, size_t have, const struct lab_packet_part *part, struct lab_flow *f)
{
	bool request;

	f->fragment = part->fragment;
	f->tcp_flags = 0;
	if (part->protocol == LAB_IP_UDP)
		f->proto = LAB_UDP;
	else if (part->protocol == LAB_IP_TCP)
		f->proto = LAB_TCP;
	else if (is_icmp(part))
		f->proto = LAB_PING;
	else
		return false;
	if (part->fragment == LAB_FRAGMENT_LATER)
		return true;
	/* RFC 792: a quote has at least 64 bits of it. */
	if (have < 8)
		return false;
	if (f->proto != LAB_PING) {
		f->src.port = lab_packet_get16(l4);
		f->dst.port = lab_packet_get16(l4 + 2);
		if (f->proto == LAB_TCP && have >= 14)
			f->tcp_flags = l4[13];
		return true;
	}
	if (!lab_packet_is_echo(part->protocol, l4[0], &request))
		return false;
	if (request)
		f->src.port = lab_packet_get16(l4 + 4);
	else
		f->dst.port = lab_packet_get16(l4 + 4);
	return true;
}

static int scan(const uint8_t *data, size_t len, struct lab_packet_part *part, struct lab_flow *f, size_t *ret_len)
{
	const uint8_t *ip = data + part->ip;

	*f = (struct lab_flow){0};
	if (len <= part->ip)
		return ADIT_EPROTO;
	switch (ip[0] >> 4) {
	case 4:
		return scan_v4(ip, len - part->ip, part, f, ret_len);
	case 6:
		return scan_v6(ip, len - part->ip, part, f, ret_len);
	default:
		return ADIT_EPROTO;
	}
}

/* An ICMP error: the flow is that of its quote. One that quotes no flow is OTHER. */
static void parse_quote(struct lab_packet *p)
{
	struct lab_packet_part q = {.ip = p->own.l4 + 8};
	struct lab_flow f;
	size_t said;

	if (p->own.fragment != LAB_WHOLE || scan(p->data, p->len, &q, &f, &said) < 0 || q.family != p->own.family)
		return;
	if (!scan_flow(p->data + q.l4, p->len - q.l4, &q, &f))
		return;
	p->kind = LAB_PACKET_ERROR;
	p->quote = q;
	p->flow = f;
}

/* The shortest transport header: what a router may read of a packet that it is to translate. */
static size_t header_min(const struct lab_packet_part *part)
{
	return part->protocol == LAB_IP_TCP ? 20 : 8;
}

static size_t checksum_at(uint8_t protocol)
{
	if (protocol == LAB_IP_TCP)
		return 16;
	return protocol == LAB_IP_UDP ? 6 : 2;
}

int lab_packet_parse(struct lab_packet *p, uint8_t *data, size_t len, const struct lab_offload *offload, size_t at)
{
	size_t said;

	memset(p, 0, sizeof(*p));
	p->data = data;
	if (scan(data, len, &p->own, &p->flow, &said) < 0 || said > len || said < p->own.l4)
		return ADIT_EPROTO;
	p->len = said;
	p->src = p->flow.src;
	p->dst = p->flow.dst;
	p->ttl = p->flow.ttl;
	p->kind = LAB_PACKET_OTHER;
	p->dont_fragment = p->own.family == ADIT_FAMILY_V6 || lab_packet_get16(data + 6) & V4_DF;
	if (p->own.family == ADIT_FAMILY_V4 && lab_packet_sum(data, p->own.l4, 0) != 0xffff)
		return ADIT_EPROTO;
	if (p->own.fragment != LAB_FRAGMENT_LATER && p->len - p->own.l4 < header_min(&p->own))
		return 0;
	if (offload && offload->flags & LAB_OFFLOAD_NEEDS_CSUM)
		p->partial =
			offload->csum_start == at + p->own.l4 && offload->csum_offset == checksum_at(p->own.protocol);
	if (p->own.fragment != LAB_FRAGMENT_LATER && is_icmp(&p->own) &&
	    is_icmp_error(p->own.protocol, data[p->own.l4]))
		parse_quote(p);
	else if (scan_flow(data + p->own.l4, p->len - p->own.l4, &p->own, &p->flow))
		p->kind = LAB_PACKET_FLOW;
	return 0;
}

size_t lab_packet_wire_len(const struct lab_packet *p, const struct lab_offload *offload)
{
	size_t headers = p->own.l4 + 8;

	if (!offload || offload->gso_type == LAB_GSO_NONE || offload->gso_size == 0)
		return p->len;
	if (p->own.protocol == LAB_IP_TCP && p->len >= p->own.l4 + 20)
		headers = p->own.l4 + (size_t)(p->data[p->own.l4 + 12] >> 4) * 4;
	return headers + offload->gso_size < p->len ? headers + offload->gso_size : p->len;
}

/* ---- changing ---- */

/* RFC 1624 eqn. 3: bytes that summed up to |from| sum up to |to| now. */
static void fix(uint8_t *field, uint16_t from, uint16_t to, bool partial)
{
	uint16_t old = lab_packet_get16(field);
	uint32_t sum = (partial ? old : (uint16_t)~old) + (uint32_t)(uint16_t)~from + to;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	lab_packet_put16(field, partial ? (uint16_t)sum : (uint16_t)~sum);
}

static uint8_t *addr_field(uint8_t *ip, uint8_t family, bool is_dst)
{
	if (family == ADIT_FAMILY_V4)
		return ip + (is_dst ? 16 : 12);
	return ip + (is_dst ? 24 : 8);
}

/* Puts both addresses; the sums of the old and new ones. */
static void put_addrs(uint8_t *ip, uint8_t family, const struct adit_addr *src, const struct adit_addr *dst,
		      uint16_t *ret_from, uint16_t *ret_to)
{
	uint8_t *at = addr_field(ip, family, false);
	size_t n = ip_bytes(family);

	/* The destination follows the source in both families. */
	*ret_from = lab_packet_sum(at, 2 * n, 0);
	memcpy(at, src->ip, n);
	memcpy(at + n, dst->ip, n);
	*ret_to = lab_packet_sum(at, 2 * n, 0);
	if (family == ADIT_FAMILY_V4)
		fix(ip + 10, *ret_from, *ret_to, false);
}

/* Sums of the ports, or of the echo identifier, before and after. |have|: transport bytes that are there. */
static void put_ports(uint8_t *l4, const struct lab_packet_part *part, const struct lab_flow *to, uint16_t *ret_from,
		      uint16_t *ret_to)
{
	bool request;

	if (part->protocol == LAB_IP_UDP || part->protocol == LAB_IP_TCP) {
		*ret_from = lab_packet_sum(l4, 4, 0);
		lab_packet_put16(l4, to->src.port);
		lab_packet_put16(l4 + 2, to->dst.port);
		*ret_to = lab_packet_sum(l4, 4, 0);
		return;
	}
	(void)lab_packet_is_echo(part->protocol, l4[0], &request);
	*ret_from = lab_packet_get16(l4 + 4);
	*ret_to = request ? to->src.port : to->dst.port;
	lab_packet_put16(l4 + 4, *ret_to);
}

/* One's complement sum of two sums. */
static uint16_t plus(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void part_rewrite(uint8_t *data, size_t len, const struct lab_packet_part *part, bool partial,
			 const struct lab_flow *to)
{
	uint8_t *l4 = data + part->l4;
	size_t sum_at = checksum_at(part->protocol);
	uint16_t from[2] = {0, 0};
	uint16_t now[2] = {0, 0};

	put_addrs(data + part->ip, part->family, &to->src, &to->dst, &from[0], &now[0]);
	if (part->fragment == LAB_FRAGMENT_LATER)
		return;
	put_ports(l4, part, to, &from[1], &now[1]);
	if (len - part->l4 < sum_at + 2)
		return; /* a quote may end before it */
	/* RFC 768: no checksum. */
	if (part->protocol == LAB_IP_UDP && !partial && lab_packet_get16(l4 + sum_at) == 0)
		return;
	if (part->protocol == LAB_IP_ICMP) /* RFC 792: no pseudo-header */
		from[0] = now[0] = 0;
	if (partial) /* the pseudo-header has no ports */
		from[1] = now[1] = 0;
	fix(l4 + sum_at, plus(from[0], from[1]), plus(now[0], now[1]), partial);
	if (part->protocol == LAB_IP_UDP && !partial && lab_packet_get16(l4 + sum_at) == 0)
		lab_packet_put16(l4 + sum_at, 0xffff);
}

static void take_flow(struct lab_packet *p, const struct lab_flow *to)
{
	p->flow.src = to->src;
	p->flow.dst = to->dst;
}

void lab_packet_rewrite(struct lab_packet *p, const struct lab_flow *to)
{
	assert(p->kind == LAB_PACKET_FLOW && to->src.family == p->own.family && to->dst.family == p->own.family);
	part_rewrite(p->data, p->len, &p->own, p->partial, to);
	take_flow(p, to);
	p->src = adit_addr_with_port(to->src, 0);
	p->dst = adit_addr_with_port(to->dst, 0);
}

void lab_packet_requote(struct lab_packet *p, const struct lab_flow *to, const struct adit_addr *src,
			const struct adit_addr *dst)
{
	size_t quoted = p->len - p->quote.ip;
	uint8_t *sum = p->data + p->own.l4 + 2;
	uint16_t from;
	uint16_t now;

	assert(p->kind == LAB_PACKET_ERROR && to->src.family == p->own.family && to->dst.family == p->own.family);
	from = lab_packet_sum(p->data + p->quote.ip, quoted, 0);
	part_rewrite(p->data, p->len, &p->quote, false, to);
	now = lab_packet_sum(p->data + p->quote.ip, quoted, 0);
	if (!p->partial)
		fix(sum, from, now, false);
	take_flow(p, to);
	put_addrs(p->data, p->own.family, src, dst, &from, &now);
	if (p->own.family == ADIT_FAMILY_V6)
		fix(sum, from, now, p->partial);
	p->src = adit_addr_with_port(*src, 0);
	p->dst = adit_addr_with_port(*dst, 0);
}

void lab_packet_age(struct lab_packet *p)
{
	uint16_t from;

	assert(p->ttl > 0);
	p->ttl--;
	if (p->own.family == ADIT_FAMILY_V6) {
		p->data[7] = p->ttl;
		return;
	}
	from = lab_packet_get16(p->data + 8);
	p->data[8] = p->ttl;
	fix(p->data + 10, from, lab_packet_get16(p->data + 8), false);
}

/* ---- whole checksums ---- */

static uint16_t transport_sum(const struct lab_packet *p)
{
	size_t len = p->len - p->own.l4;
	uint16_t start = 0;

	if (p->own.protocol != LAB_IP_ICMP)
		start = lab_packet_pseudo_sum(&p->src, &p->dst, p->own.protocol, len);
	return lab_packet_sum(p->data + p->own.l4, len, start);
}

bool lab_packet_checksum_ok(const struct lab_packet *p)
{
	if (p->partial || p->own.fragment != LAB_WHOLE)
		return true;
	if (p->own.protocol == LAB_IP_UDP && lab_packet_get16(p->data + p->own.l4 + 6) == 0)
		return p->own.family == ADIT_FAMILY_V4;
	return transport_sum(p) == 0xffff;
}

void lab_packet_finish_checksum(struct lab_packet *p)
{
	uint8_t *field = p->data + p->own.l4 + checksum_at(p->own.protocol);
	uint16_t sum;

	if (!p->partial)
		return;
	lab_packet_put16(field, 0);
	sum = (uint16_t)~transport_sum(p);
	if (p->own.protocol == LAB_IP_UDP && sum == 0)
		sum = 0xffff;
	lab_packet_put16(field, sum);
	p->partial = false;
}
