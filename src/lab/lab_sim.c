#include "lab/lab_sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/lab_inner.h"

struct call {
	struct lab_event ev;
	void (*fn)(void *ctx);
	void *ctx;
};

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
	lab_pkt_release(s);
	lab_queue_done(&s->queue);
	free(s->names);
	free(s);
}

unsigned lab_node_new(struct lab_sim *s, const char *kind)
{
	unsigned id = s->nodes + 1;

	/* Room for as many again whenever a power of two is reached. */
	if ((id & (id - 1)) == 0) {
		void *names = realloc(s->names, 2 * (size_t)id * sizeof(*s->names));

		if (!names)
			return 0;
		s->names = names;
	}
	s->nodes = id;
	snprintf(s->names[id], sizeof(*s->names), "%s %u", kind, id);
	return id;
}

void lab_sim_set_name(struct lab_sim *s, unsigned node, const char *name)
{
	assert(node > 0 && node <= s->nodes);
	snprintf(s->names[node], sizeof(*s->names), "%s", name);
}

const char *lab_sim_name(const struct lab_sim *s, unsigned node)
{
	return node > 0 && node <= s->nodes ? s->names[node] : "";
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
