/* Packets of the simulation: their memory, the transcript and its hash, ICMP errors. Begin with lab_inner.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab_inner.h"
#include "lab/lab_limits.h"
#include "lab/lab_sum.h"

/* Payload bytes per class: a probe, a packet of an Ethernet, anything. */
static const size_t class_cap[LAB_PKT_CLASSES] = {256, 2048, LAB_DGRAM_MAX};

struct lab_pkt *lab_pkt_new(struct lab_sim *s, size_t len)
{
	uint8_t c = 0;
	struct lab_pkt *p;

	while (c < LAB_PKT_CLASSES - 1 && len > class_cap[c])
		c++;
	assert(len <= class_cap[c]);
	p = s->free_pkts[c];
	if (p)
		s->free_pkts[c] = p->next;
	else
		p = malloc(sizeof(*p) + class_cap[c]);
	if (!p) {
		s->stats.steps[LAB_STEP_NO_MEMORY]++;
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->ev.kind = LAB_EVENT_PKT;
	p->cap_class = c;
	p->id = ++s->next_pkt;
	p->ttl = LAB_TTL;
	p->len = len;
	p->whole_len = len;
	return p;
}

struct lab_pkt *lab_pkt_copy(struct lab_sim *s, const struct lab_pkt *p)
{
	struct lab_pkt *copy = lab_pkt_new(s, p->len);
	size_t first = offsetof(struct lab_pkt, from);
	uint64_t id;

	if (!copy)
		return NULL;
	id = copy->id;
	memcpy((uint8_t *)copy + first, (const uint8_t *)p + first, offsetof(struct lab_pkt, data) - first + p->len);
	copy->id = id;
	copy->cause = p->id;
	return copy;
}

void lab_pkt_free(struct lab_sim *s, struct lab_pkt *p)
{
	p->next = s->free_pkts[p->cap_class];
	s->free_pkts[p->cap_class] = p;
}

void lab_pkt_release(struct lab_sim *s)
{
	for (int i = 0; i < LAB_PKT_CLASSES; i++) {
		struct lab_pkt *p;

		while ((p = s->free_pkts[i])) {
			s->free_pkts[i] = p->next;
			free(p);
		}
	}
}

static size_t ip_header(const struct lab_pkt *p)
{
	if (adit_addr_is_v4(&p->src))
		return LAB_IP4_HEADER;
	return LAB_IP6_HEADER + (p->frag != LAB_WHOLE ? LAB_FRAG_HEADER : 0);
}

size_t lab_pkt_size(const struct lab_pkt *p)
{
	size_t size = ip_header(p) + p->len;

	if (p->frag != LAB_FRAGMENT_LATER)
		size += LAB_UDP_HEADER;
	/* ICMP: its own header is as long as UDP's; then the quoted packet's headers. */
	return p->is_icmp ? size + ip_header(p) + LAB_UDP_HEADER : size;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t mix_addr(uint64_t h, const struct adit_addr *a)
{
	uint64_t lo;
	uint64_t hi;

	memcpy(&lo, a->ip, 8);
	memcpy(&hi, a->ip + 8, 8);
	return mix(mix(mix(h, lo), hi), (uint64_t)a->scope << 32 | (uint64_t)a->family << 16 | a->port);
}

static unsigned node_of(const struct lab_iface *i)
{
	if (!i)
		return 0;
	return i->host ? i->host->id : i->router->id;
}

static void tell_tap(struct lab_sim *s, const struct lab_pkt *p, enum lab_step step, unsigned node)
{
	struct lab_tap_packet t = {
		.at = s->now,
		.step = step,
		.node = node,
		.id = p->id,
		.cause = p->cause,
		.from = step == LAB_STEP_SENT ? node_of(p->from) : 0,
		.to = step == LAB_STEP_SENT ? node_of(p->to) : 0,
		.is_icmp = p->is_icmp,
		.icmp_mtu = p->icmp_mtu,
		.ttl = p->ttl,
		.src = p->is_icmp ? p->quoted.src : p->src,
		.dst = p->is_icmp ? p->quoted.dst : p->dst,
		.outer_src = p->src,
		.outer_dst = p->dst,
		.quoted_ttl = p->quoted.ttl,
		.df = p->df,
		.more = p->more,
		.fragment = p->frag,
		.fragment_id = p->frag_id,
		.fragment_at = p->frag_at,
		.whole_len = p->whole_len,
		.whole_sum = p->whole_sum,
		.data = p->data,
		.len = p->len,
	};

	if (p->is_icmp)
		lab_icmp_number((enum lab_icmp_what)p->icmp, p->src.family, &t.icmp_type, &t.icmp_code);
	s->tap(s->tap_ctx, &t);
}

void lab_pkt_note(struct lab_sim *s, const struct lab_pkt *p, enum lab_step step, unsigned node)
{
	uint64_t what = (uint64_t)node << 32 | (uint64_t)p->ttl << 16 | (uint64_t)(p->is_icmp + p->icmp) << 8 | step;

	s->stats.steps[step]++;
	s->hash = mix(mix(mix(s->hash, s->now), what), p->len | (uint64_t)p->frag_at << 32);
	s->hash = mix_addr(mix_addr(s->hash, &p->src), &p->dst);
	if (s->tap)
		tell_tap(s, p, step, node);
}

const char *lab_step_name(enum lab_step step)
{
	static const char *const names[LAB_STEPS] = {
		[LAB_STEP_SENT] = "sent",
		[LAB_STEP_LOST] = "lost",
		[LAB_STEP_DIED] = "died",
		[LAB_STEP_DELIVERED] = "delivered",
		[LAB_STEP_REFUSED] = "refused",
		[LAB_STEP_CLOSED] = "closed",
		[LAB_STEP_UNREACHABLE] = "unreachable",
		[LAB_STEP_NO_MEMORY] = "no-memory",
		[LAB_STEP_FORWARDED] = "forwarded",
		[LAB_STEP_FULL] = "queue-full",
		[LAB_STEP_TOO_BIG] = "too-big",
		[LAB_STEP_SPLIT] = "split",
		[LAB_STEP_HELD] = "held",
	};

	return names[step];
}

void lab_pkt_end(struct lab_sim *s, struct lab_pkt *p, enum lab_step step, unsigned node)
{
	lab_pkt_note(s, p, step, node);
	lab_pkt_free(s, p);
}

void lab_pkt_queue(struct lab_sim *s, struct lab_pkt *p, adit_time at)
{
	if (lab_queue_set(&s->queue, &p->ev, at) < 0)
		lab_pkt_end(s, p, LAB_STEP_NO_MEMORY, 0);
}

/* No error about an error, nor about a fragment that has no ports (RFC 1122 3.2.2). */
struct lab_pkt *lab_icmp_about(struct lab_sim *s, const struct lab_pkt *about, const struct adit_addr *offender,
			       enum lab_icmp_what what)
{
	size_t len = about->len < LAB_ICMP_QUOTE ? about->len : LAB_ICMP_QUOTE;
	struct lab_pkt *p;

	if (about->is_icmp || about->frag == LAB_FRAGMENT_LATER)
		return NULL;
	p = lab_pkt_new(s, len);
	if (!p)
		return NULL;
	p->is_icmp = true;
	p->icmp = what;
	p->cause = about->id;
	p->src = adit_addr_with_port(*offender, 0);
	p->dst = adit_addr_with_port(about->src, 0);
	p->quoted = (struct lab_flow){.src = about->src,
				      .dst = about->dst,
				      .ttl = about->ttl,
				      .fragment = about->frag,
				      .fragment_id = about->frag_id};
	p->whole_len = about->whole_len;
	p->whole_sum = about->whole_len > about->len ? about->whole_sum
						     : lab_sum(about->data, about->whole_len > len ? about->len : 0);
	memcpy(p->data, about->data, len);
	return p;
}
