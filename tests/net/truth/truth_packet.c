/* IPv4 with UDP, ICMP echo and ICMP errors (RFC 791, 768, 792), as far as a NAT touches them. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "truth.h"

#define IP_LEN   20u
#define L4_LEN   8u
#define MARK_LEN 4u
#define FLOW_LEN (IP_LEN + L4_LEN + MARK_LEN)

#define IPPROTO_NR_ICMP 1u
#define IPPROTO_NR_UDP  17u

#define ICMP_ECHO_REPLY    0u
#define ICMP_UNREACHABLE   3u
#define ICMP_ECHO          8u
#define ICMP_TIME_EXCEEDED 11u

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_ip(uint8_t *p, size_t len, uint8_t proto, uint8_t ttl, const struct adit_addr *src,
		   const struct adit_addr *dst)
{
	memset(p, 0, IP_LEN);
	p[0] = 0x45;
	put16(p + 2, (uint16_t)len);
	p[8] = ttl;
	p[9] = proto;
	memcpy(p + 12, src->ip, 4);
	memcpy(p + 16, dst->ip, 4);
	put16(p + 10, checksum(p, IP_LEN));
}

/* UDP goes without a checksum, which IPv4 allows; the kernel leaves it so. */
static size_t put_flow(uint8_t *p, const struct lab_flow *f, uint32_t mark)
{
	uint8_t *l4 = p + IP_LEN;
	bool is_ping = f->proto == LAB_PING;
	bool is_answer = is_ping && f->dst.port != 0;

	put_ip(p, FLOW_LEN, is_ping ? IPPROTO_NR_ICMP : IPPROTO_NR_UDP, f->ttl, &f->src, &f->dst);
	memset(l4, 0, L4_LEN);
	put16(l4 + L4_LEN, (uint16_t)(mark >> 16));
	put16(l4 + L4_LEN + 2, (uint16_t)mark);
	if (is_ping) {
		l4[0] = is_answer ? ICMP_ECHO_REPLY : ICMP_ECHO;
		put16(l4 + 4, is_answer ? f->dst.port : f->src.port);
		put16(l4 + 2, checksum(l4, L4_LEN + MARK_LEN));
	} else {
		put16(l4, f->src.port);
		put16(l4 + 2, f->dst.port);
		put16(l4 + 4, L4_LEN + MARK_LEN);
	}
	return FLOW_LEN;
}

size_t truth_packet_build(const struct truth_packet *p, uint8_t buf[TRUTH_PACKET_MAX])
{
	uint8_t *icmp = buf + IP_LEN;
	size_t len = IP_LEN + L4_LEN + FLOW_LEN;

	if (!p->is_error)
		return put_flow(buf, &p->flow, p->mark);
	put_ip(buf, len, IPPROTO_NR_ICMP, 64, &p->from, &p->to);
	memset(icmp, 0, L4_LEN);
	icmp[0] = p->type;
	icmp[1] = p->code;
	(void)put_flow(icmp + L4_LEN, &p->flow, p->mark);
	put16(icmp + 2, checksum(icmp, len - IP_LEN));
	return len;
}

static struct adit_addr addr_at(const uint8_t *p)
{
	return adit_addr_v4(p[0], p[1], p[2], p[3], 0);
}

/* What of a packet says which flow it belongs to; |len| may end in its payload where it is quoted. */
static bool get_flow(const uint8_t *p, size_t len, struct lab_flow *f, uint32_t *ret_mark)
{
	const uint8_t *l4 = p + IP_LEN;

	if (len < FLOW_LEN || p[0] != 0x45 || get16(p + 2) != FLOW_LEN)
		return false;
	*f = (struct lab_flow){.src = addr_at(p + 12), .dst = addr_at(p + 16), .ttl = p[8]};
	*ret_mark = (uint32_t)get16(l4 + L4_LEN) << 16 | get16(l4 + L4_LEN + 2);
	if (p[9] == IPPROTO_NR_UDP) {
		f->proto = LAB_UDP;
		f->src.port = get16(l4);
		f->dst.port = get16(l4 + 2);
		return true;
	}
	f->proto = LAB_PING;
	if (l4[0] == ICMP_ECHO)
		f->src.port = get16(l4 + 4);
	else
		f->dst.port = get16(l4 + 4);
	return p[9] == IPPROTO_NR_ICMP && (l4[0] == ICMP_ECHO || l4[0] == ICMP_ECHO_REPLY);
}

bool truth_packet_parse(const uint8_t *buf, size_t len, struct truth_packet *ret_p)
{
	const uint8_t *icmp = buf + IP_LEN;

	*ret_p = (struct truth_packet){.is_error = false};
	if (len < IP_LEN + L4_LEN || buf[0] != 0x45 || get16(buf + 2) != len || checksum(buf, IP_LEN) != 0)
		return false;
	if (buf[9] == IPPROTO_NR_ICMP && checksum(icmp, len - IP_LEN) != 0)
		return false;
	if (buf[9] != IPPROTO_NR_ICMP || (icmp[0] != ICMP_UNREACHABLE && icmp[0] != ICMP_TIME_EXCEEDED))
		return get_flow(buf, len, &ret_p->flow, &ret_p->mark);
	ret_p->is_error = true;
	ret_p->from = addr_at(buf + 12);
	ret_p->to = addr_at(buf + 16);
	ret_p->type = icmp[0];
	ret_p->code = icmp[1];
	return get_flow(icmp + L4_LEN, len - IP_LEN - L4_LEN, &ret_p->flow, &ret_p->mark);
}

const char *truth_packet_text(const struct truth_packet *p, char buf[256])
{
	static const char *const sides[] = {"inside", "outside"};
	char a[ADIT_ADDR_STRLEN];
	char b[ADIT_ADDR_STRLEN];
	char c[ADIT_ADDR_STRLEN];
	char d[ADIT_ADDR_STRLEN];
	const char *proto = p->flow.proto == LAB_PING ? "echo" : "udp";

	if (p->is_error)
		(void)snprintf(buf, 256, "%s: icmp %u/%u %s to %s about %s %s to %s", sides[p->side], p->type, p->code,
			       adit_addr_format(&p->from, a), adit_addr_format(&p->to, b), proto,
			       adit_addr_format(&p->flow.src, c), adit_addr_format(&p->flow.dst, d));
	else
		(void)snprintf(buf, 256, "%s: %s %s to %s ttl %u", sides[p->side], proto,
			       adit_addr_format(&p->flow.src, a), adit_addr_format(&p->flow.dst, b), p->flow.ttl);
	return buf;
}
