#include "lab/lab_trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_limits.h"
#include "lab/lab_sum.h"

/* Block types and options (draft-ietf-opsawg-pcapng 4.1, 4.2, 4.3). All numbers are big-endian, as the section says. */
#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_MARK 0x1a2b3c4du
#define OPT_END         0u
#define OPT_COMMENT     1u
#define OPT_FLAGS       2u
#define OPT_IF_NAME     2u
#define OPT_IF_TSRESOL  9u
#define FLAG_INBOUND    1u
#define FLAG_OUTBOUND   2u
#define LINKTYPE_RAW    101u

/* Bytes. The largest headers: IPv6, fragment, ICMP, quoted IPv6, quoted UDP. */
#define HEADERS_MAX (2 * LAB_IP6_HEADER + LAB_FRAG_HEADER + 2 * LAB_UDP_HEADER)

#define PROTO_ICMP     1u
#define PROTO_UDP      17u
#define PROTO_FRAGMENT 44u
#define PROTO_ICMP6    58u

const char *lab_trace_comment(enum lab_step step)
{
	switch (step) {
	case LAB_STEP_LOST:
		return "lost";
	case LAB_STEP_DIED:
		return "TTL used up";
	case LAB_STEP_REFUSED:
		return "refused";
	case LAB_STEP_CLOSED:
		return "nobody listens";
	case LAB_STEP_UNREACHABLE:
		return "nobody has this address";
	case LAB_STEP_NO_MEMORY:
		return "no memory";
	case LAB_STEP_FULL:
		return "lost: the queue is full";
	case LAB_STEP_TOO_BIG:
		return "too big";
	case LAB_STEP_SPLIT:
		return "cut into fragments";
	case LAB_STEP_HELD:
		return "fragment";
	case LAB_STEP_SENT:
	case LAB_STEP_DELIVERED:
	case LAB_STEP_FORWARDED:
	case LAB_STEPS:
		break;
	}
	return NULL;
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void put_option(struct adit_wr *w, uint16_t code, const void *value, size_t len)
{
	adit_wr_u16(w, code);
	adit_wr_u16(w, (uint16_t)len);
	adit_wr_bytes(w, value, len);
	adit_wr_zero(w, padded(len) - len);
}

/* --- the packet's own headers --- */

static bool is_v4(const struct adit_addr *a)
{
	return adit_addr_is_v4(a);
}

/* The pseudo-header's share of a checksum (RFC 768, RFC 8200 8.1). */
static uint64_t pseudo_sum(const struct adit_addr *src, const struct adit_addr *dst, unsigned proto, size_t len)
{
	size_t n = is_v4(src) ? 4 : 16;

	return (uint64_t)lab_sum(src->ip, n) + lab_sum(dst->ip, n) + proto + (len & 0xffff) + (len >> 16);
}

/* IPv4 flags and offset in units of eight bytes: DF 0x4000, MF 0x2000. IPv6: offset in bytes, M 1. */
struct ip {
	const struct adit_addr *src;
	const struct adit_addr *dst;
	uint8_t ttl;
	uint8_t proto;
	bool df;
	bool more;
	bool fragment;
	uint16_t id;
	size_t at; /* of the IP payload */
	size_t len; /* what follows */
};

static void put_ip4(struct adit_wr *w, const struct ip *h)
{
	size_t begin = w->len;

	adit_wr_u16(w, 0x4500);
	adit_wr_u16(w, (uint16_t)(LAB_IP4_HEADER + h->len));
	adit_wr_u16(w, h->id);
	adit_wr_u16(w, (uint16_t)((h->df ? 0x4000u : 0) | (h->more ? 0x2000u : 0) | h->at / 8));
	adit_wr_u8(w, h->ttl);
	adit_wr_u8(w, h->proto);
	adit_wr_u16(w, 0);
	adit_wr_bytes(w, h->src->ip, 4);
	adit_wr_bytes(w, h->dst->ip, 4);
	adit_wr_patch_u16(w, begin + 10, (uint16_t)~lab_sum(w->buf + begin, LAB_IP4_HEADER));
}

static void put_ip6(struct adit_wr *w, const struct ip *h)
{
	adit_wr_u32(w, 0x60000000);
	adit_wr_u16(w, (uint16_t)(h->len + (h->fragment ? LAB_FRAG_HEADER : 0)));
	adit_wr_u8(w, h->fragment ? PROTO_FRAGMENT : h->proto);
	adit_wr_u8(w, h->ttl);
	adit_wr_bytes(w, h->src->ip, 16);
	adit_wr_bytes(w, h->dst->ip, 16);
	if (!h->fragment)
		return;
	adit_wr_u8(w, h->proto);
	adit_wr_u8(w, 0);
	adit_wr_u16(w, (uint16_t)(h->at | h->more));
	adit_wr_u32(w, h->id);
}

static void put_ip(struct adit_wr *w, const struct ip *h)
{
	if (is_v4(h->src))
		put_ip4(w, h);
	else
		put_ip6(w, h);
}

/* Over the whole datagram, of which |p| may hold the first piece or what an error quotes of it. */
static void put_udp(struct adit_wr *w, const struct lab_tap_packet *p)
{
	uint64_t sum = p->len == p->whole_len ? lab_sum(p->data, p->len) : p->whole_sum;
	size_t len = LAB_UDP_HEADER + p->whole_len;
	uint16_t check;

	sum += pseudo_sum(&p->src, &p->dst, PROTO_UDP, len) + p->src.port + p->dst.port + len;
	check = (uint16_t)~lab_sum_fold(sum);
	adit_wr_u16(w, p->src.port);
	adit_wr_u16(w, p->dst.port);
	adit_wr_u16(w, (uint16_t)len);
	adit_wr_u16(w, check ? check : 0xffff);
}

static void put_icmp(struct adit_wr *w, const struct lab_tap_packet *p)
{
	struct ip quoted = {.src = &p->src,
			    .dst = &p->dst,
			    .ttl = p->quoted_ttl,
			    .proto = PROTO_UDP,
			    .len = LAB_UDP_HEADER + p->whole_len};
	size_t begin = w->len;
	uint64_t sum;

	adit_wr_u8(w, p->icmp_type);
	adit_wr_u8(w, p->icmp_code);
	adit_wr_u16(w, 0);
	adit_wr_u32(w, p->icmp_mtu); /* RFC 1191: the lower half; RFC 4443 3.2: all of it; else unused */
	put_ip(w, &quoted);
	put_udp(w, p);
	sum = (uint64_t)lab_sum(w->buf + begin, w->len - begin) + lab_sum(p->data, p->len);
	if (!is_v4(&p->outer_src))
		sum += pseudo_sum(&p->outer_src, &p->outer_dst, PROTO_ICMP6, w->len - begin + p->len);
	adit_wr_patch_u16(w, begin + 2, (uint16_t)~lab_sum_fold(sum));
}

static void put_headers(struct adit_wr *w, const struct lab_tap_packet *p)
{
	bool later = !p->is_icmp && p->fragment == LAB_FRAGMENT_LATER;
	uint8_t body[HEADERS_MAX];
	struct adit_wr inner = adit_wr_over(body, sizeof(body));
	struct ip h = {.src = &p->outer_src,
		       .dst = &p->outer_dst,
		       .ttl = p->ttl,
		       .proto = PROTO_UDP,
		       .df = p->df,
		       .more = p->more,
		       .fragment = !p->is_icmp && p->fragment != LAB_WHOLE,
		       .id = p->fragment_id,
		       .at = later ? p->fragment_at + LAB_UDP_HEADER : 0};

	if (p->is_icmp) {
		h.proto = is_v4(h.src) ? PROTO_ICMP : PROTO_ICMP6;
		put_icmp(&inner, p);
	} else if (!later) {
		put_udp(&inner, p);
	}
	h.len = inner.len + p->len;
	put_ip(w, &h);
	adit_wr_bytes(w, body, inner.len);
}

/* --- the file --- */

void lab_trace_init(struct lab_trace *t, const struct lab_sim *sim,
		    void (*put)(void *ctx, const void *data, size_t len), void *ctx)
{
	uint8_t buf[28];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));

	*t = (struct lab_trace){.sim = sim, .put = put, .ctx = ctx};
	adit_wr_u32(&w, BLOCK_SECTION);
	adit_wr_u32(&w, sizeof(buf));
	adit_wr_u32(&w, BYTE_ORDER_MARK);
	adit_wr_u32(&w, 0x00010000); /* version 1.0 */
	adit_wr_u64(&w, UINT64_MAX); /* the section's length is not known */
	adit_wr_u32(&w, sizeof(buf));
	t->put(t->ctx, buf, w.len);
}

static void put_interface(struct lab_trace *t, unsigned node)
{
	const char *name = lab_sim_name(t->sim, node);
	uint8_t buf[64 + LAB_NAME_MAX];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));
	uint32_t len = (uint32_t)(4 + padded(strlen(name)) + 4 + 4 + 4 + 20);

	adit_wr_u32(&w, BLOCK_INTERFACE);
	adit_wr_u32(&w, len);
	adit_wr_u16(&w, LINKTYPE_RAW);
	adit_wr_u16(&w, 0);
	adit_wr_u32(&w, 0); /* nothing is cut off */
	put_option(&w, OPT_IF_NAME, name, strlen(name));
	put_option(&w, OPT_IF_TSRESOL, &(uint8_t){9}, 1); /* 10^-9 s */
	put_option(&w, OPT_END, NULL, 0);
	adit_wr_u32(&w, len);
	t->put(t->ctx, buf, w.len);
}

/* The interface of |node|; false: no memory. */
static bool iface_of(struct lab_trace *t, unsigned node, uint32_t *ret_iface)
{
	if (node >= t->cap) {
		size_t cap = 2 * (size_t)node + 16;
		unsigned *ifaces = realloc(t->ifaces, cap * sizeof(*ifaces));

		if (!ifaces) {
			t->no_memory = true;
			return false;
		}
		memset(ifaces + t->cap, 0, (cap - t->cap) * sizeof(*ifaces));
		t->ifaces = ifaces;
		t->cap = cap;
	}
	if (t->ifaces[node] == 0) {
		put_interface(t, node);
		t->ifaces[node] = ++t->count;
	}
	*ret_iface = t->ifaces[node] - 1;
	return true;
}

void lab_trace_packet(void *trace, const struct lab_tap_packet *p)
{
	struct lab_trace *t = trace;
	bool sent = p->step == LAB_STEP_SENT;
	const char *comment = lab_trace_comment(p->step);
	uint8_t flags[4] = {0, 0, 0, sent ? FLAG_OUTBOUND : FLAG_INBOUND};
	uint8_t head[28 + HEADERS_MAX];
	uint8_t tail[80];
	struct adit_wr h = adit_wr_over(head, sizeof(head));
	struct adit_wr o = adit_wr_over(tail, sizeof(tail));
	size_t len;
	size_t total;
	uint32_t iface;

	/* What a wire's router sends shows where it is: on its net. */
	if (!iface_of(t, sent && p->from ? p->from : p->node, &iface))
		return;
	h.len = 28;
	put_headers(&h, p);
	len = h.len - 28 + p->len;
	total = 28 + padded(len) + 8 + (comment ? 4 + padded(strlen(comment)) : 0) + 8;
	h.len = 0;
	adit_wr_u32(&h, BLOCK_PACKET);
	adit_wr_u32(&h, (uint32_t)total);
	adit_wr_u32(&h, iface);
	adit_wr_u64(&h, p->at);
	adit_wr_u32(&h, (uint32_t)len);
	adit_wr_u32(&h, (uint32_t)len);
	adit_wr_zero(&o, padded(len) - len);
	put_option(&o, OPT_FLAGS, flags, sizeof(flags));
	if (comment)
		put_option(&o, OPT_COMMENT, comment, strlen(comment));
	put_option(&o, OPT_END, NULL, 0);
	adit_wr_u32(&o, (uint32_t)total);
	t->put(t->ctx, head, 28 + len - p->len);
	t->put(t->ctx, p->data, p->len);
	t->put(t->ctx, tail, o.len);
}

void lab_trace_done(struct lab_trace *t)
{
	free(t->ifaces);
	t->ifaces = NULL;
	t->cap = 0;
}
