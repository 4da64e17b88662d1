#include "lab/lab_sim.h"

#include <stdlib.h>
#include <string.h>

#include "lab/lab_inner.h"
#include "lab/lab_limits.h"

struct call {
	struct lab_event ev;
	void (*fn)(void *ctx);
	void *ctx;
};

/* Payload bytes per class: a probe, a packet of an Ethernet, anything. */
static const size_t class_cap[LAB_PKT_CLASSES] = {256, 2048, LAB_DGRAM_MAX};

struct lab_sim *lab_sim_new(uint64_t seed)
{
	struct lab_sim *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->seed = seed;
	s->hash = seed;
	adit_list_init(&s->nets);
	adit_list_init(&s->routers);
	adit_list_init(&s->hosts);
	return s;
}

void lab_sim_free(struct lab_sim *s)
{
	struct lab_event *ev;

	if (!s)
		return;
	adit_list_each_safe (it, tmp, &s->hosts)
		lab_host_free(adit_container(it, struct lab_host, all));
	adit_list_each_safe (it, tmp, &s->routers)
		lab_router_free(adit_container(it, struct lab_router, all));
	adit_list_each_safe (it, tmp, &s->nets)
		lab_net_free(adit_container(it, struct lab_net, all));
	while ((ev = lab_queue_pop(&s->queue)))
		free(ev->kind == LAB_EVENT_PKT ? (void *)adit_container(ev, struct lab_pkt, ev)
					       : (void *)adit_container(ev, struct call, ev));
	for (int i = 0; i < LAB_PKT_CLASSES; i++) {
		struct lab_pkt *p;

		while ((p = s->free_pkts[i])) {
			s->free_pkts[i] = p->next_free;
			free(p);
		}
	}
	lab_queue_done(&s->queue);
	free(s);
}

adit_time lab_sim_now(const struct lab_sim *s)
{
	return s->now;
}

uint64_t lab_sim_seed(struct lab_sim *s)
{
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, s->seed ^ ++s->next_seed << 40);

	return adit_rng_u64(&rng);
}

int lab_sim_at(struct lab_sim *s, adit_time at, void (*fn)(void *ctx), void *ctx)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return ADIT_ENOMEM;
	c->ev.kind = LAB_EVENT_CALL;
	c->fn = fn;
	c->ctx = ctx;
	if (lab_queue_set(&s->queue, &c->ev, at > s->now ? at : s->now) < 0) {
		free(c);
		return ADIT_ENOMEM;
	}
	return 0;
}

static void happen(struct lab_event *ev)
{
	struct call *c;

	switch ((enum lab_event_kind)ev->kind) {
	case LAB_EVENT_PKT:
		lab_net_resume(adit_container(ev, struct lab_pkt, ev));
		break;
	case LAB_EVENT_TIMER:
		lab_machine_due(adit_container(ev, struct lab_machine, timer));
		break;
	case LAB_EVENT_CALL:
		c = adit_container(ev, struct call, ev);
		c->fn(c->ctx);
		free(c);
		break;
	}
}

bool lab_sim_run_until(struct lab_sim *s, adit_time until, bool (*done)(void *ctx), void *ctx)
{
	while (lab_queue_next_at(&s->queue) <= until) {
		s->now = lab_queue_next_at(&s->queue);
		s->stats.events++;
		happen(lab_queue_pop(&s->queue));
		if (done && done(ctx))
			return true;
	}
	if (until > s->now && until != ADIT_NEVER)
		s->now = until;
	return false;
}

void lab_sim_run(struct lab_sim *s, adit_time until)
{
	(void)lab_sim_run_until(s, until, NULL, NULL);
}

void lab_sim_set_tap(struct lab_sim *s, void (*fn)(void *ctx, const struct lab_tap_packet *p), void *ctx)
{
	s->tap = fn;
	s->tap_ctx = ctx;
}

const struct lab_sim_stats *lab_sim_stats(const struct lab_sim *s)
{
	return &s->stats;
}

uint64_t lab_sim_hash(const struct lab_sim *s)
{
	return s->hash;
}

struct lab_pkt *lab_pkt_new(struct lab_sim *s, size_t len)
{
	uint8_t c = 0;
	struct lab_pkt *p;

	while (len > class_cap[c])
		c++;
	p = s->free_pkts[c];
	if (p)
		s->free_pkts[c] = p->next_free;
	else
		p = malloc(sizeof(*p) + class_cap[c]);
	if (!p) {
		s->stats.steps[LAB_STEP_NO_MEMORY]++;
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->ev.kind = LAB_EVENT_PKT;
	p->cap_class = c;
	p->ttl = LAB_TTL;
	p->len = len;
	return p;
}

void lab_pkt_free(struct lab_sim *s, struct lab_pkt *p)
{
	p->next_free = s->free_pkts[p->cap_class];
	s->free_pkts[p->cap_class] = p;
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

void lab_pkt_note(struct lab_sim *s, const struct lab_pkt *p, enum lab_step step, unsigned node)
{
	uint64_t what = (uint64_t)node << 32 | (uint64_t)p->ttl << 16 | (uint64_t)p->icmp_type << 8 | step;

	s->stats.steps[step]++;
	s->hash = mix(mix(mix(s->hash, s->now), what), p->len);
	s->hash = mix_addr(mix_addr(s->hash, &p->src), &p->dst);
	if (s->tap) {
		struct lab_tap_packet t = {
			.at = s->now,
			.step = step,
			.node = node,
			.is_icmp = p->is_icmp,
			.icmp_type = p->icmp_type,
			.ttl = p->ttl,
			.src = p->is_icmp ? p->quoted.src : p->src,
			.dst = p->is_icmp ? p->quoted.dst : p->dst,
			.data = p->data,
			.len = p->len,
		};

		s->tap(s->tap_ctx, &t);
	}
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

struct lab_pkt *lab_icmp_about(struct lab_sim *s, const struct lab_pkt *about, const struct adit_addr *offender,
			       enum lab_icmp_what what)
{
	size_t len = about->len < LAB_ICMP_QUOTE ? about->len : LAB_ICMP_QUOTE;
	struct lab_pkt *p;

	if (about->is_icmp)
		return NULL;
	p = lab_pkt_new(s, len);
	if (!p)
		return NULL;
	p->is_icmp = true;
	lab_icmp_number(what, about->src.family, &p->icmp_type, &p->icmp_code);
	p->src = adit_addr_with_port(*offender, 0);
	p->dst = adit_addr_with_port(about->src, 0);
	p->quoted = (struct lab_flow){.src = about->src, .dst = about->dst, .ttl = about->ttl};
	memcpy(p->data, about->data, len);
	return p;
}
