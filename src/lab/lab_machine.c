/* Machines on a host: their sockets, timers, outputs and events, run in virtual time. Begin with lab_inner.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab_inner.h"
#include "lab/lab_limits.h"

static struct lab_sock *sock_of(const struct lab_machine *m, uint32_t number)
{
	adit_list_each (it, &m->socks[number % LAB_SOCK_BUCKETS]) {
		struct lab_sock *k = adit_container(it, struct lab_sock, same_bucket);

		if (k->number == number)
			return k;
	}
	return NULL;
}

uint16_t lab_machine_port(const struct lab_machine *m, uint32_t sock)
{
	const struct lab_sock *k = sock_of(m, sock);

	return k ? k->port : 0;
}

size_t lab_machine_socks(const struct lab_machine *m)
{
	return m->sock_count;
}

/*
 * The address a packet to |remote| leaves from: |local|, or one whose net has |remote| on it, or one whose net knows a
 * way, or the first. NULL: none of that family.
 */
static struct lab_iface *route(const struct lab_host *h, const struct adit_addr *local, const struct adit_addr *remote)
{
	struct lab_iface *best = NULL;
	bool has_way = false;

	adit_list_each (it, &h->ifaces) {
		struct lab_iface *i = adit_container(it, struct lab_iface, of_host);

		if (i->addr.family != remote->family)
			continue;
		if (local->family != ADIT_FAMILY_NONE) {
			if (adit_addr_eq_ip(&i->addr, local))
				return i;
			continue;
		}
		if (lab_net_find(i->net, remote))
			return i;
		if (!best || (!has_way && lab_net_way(i->net, remote))) {
			best = i;
			has_way = lab_net_way(i->net, remote) != NULL;
		}
	}
	return best;
}

static void send_one(struct lab_iface *i, const struct lab_sock *k, const struct adit_out *out, size_t at, size_t len)
{
	struct lab_host *h = i->host;
	struct lab_pkt *p = lab_pkt_new(h->sim, len);

	if (!p)
		return;
	p->src = adit_addr_with_port(i->addr, k->port);
	p->dst = out->remote;
	p->ttl = out->ttl ? out->ttl : LAB_TTL;
	p->df = !h->fragments;
	/* What cannot be fragmented needs no number (RFC 6864 4.1). */
	p->frag_id = p->df ? 0 : ++h->next_frag_id;
	if (len > 0)
		memcpy(p->data, out->data + at, len);
	lab_net_send(i, p);
}

static void send_out(struct lab_machine *m, const struct adit_out *out)
{
	const struct lab_sock *k = sock_of(m, out->sock);
	size_t seg = out->seg_size ? out->seg_size : out->len;
	struct lab_iface *i;

	if (!k || k->family != out->remote.family || out->remote.port == 0 || seg > LAB_DGRAM_MAX) {
		m->host->sim->stats.bad_sends++;
		return;
	}
	i = route(m->host, &out->local, &out->remote);
	if (!i)
		return; /* as ENETUNREACH: a lost packet */
	if (out->len == 0)
		send_one(i, k, out, 0, 0);
	for (size_t at = 0; at < out->len; at += seg)
		send_one(i, k, out, at, out->len - at < seg ? out->len - at : seg);
}

static void act(struct lab_machine *m, const struct adit_out *out)
{
	struct lab_sock *k;

	switch (out->kind) {
	case ADIT_OUT_OPEN:
		assert(!sock_of(m, out->sock)); /* a number is used once at a time */
		if (!lab_sock_open(m, out->sock, out->local.family, out->local.port) && m->ops->sock_failed)
			m->ops->sock_failed(m->self, lab_host_now(m->host), out->sock);
		break;
	case ADIT_OUT_SEND:
		send_out(m, out);
		break;
	case ADIT_OUT_CLOSE:
		k = sock_of(m, out->sock);
		if (k)
			lab_sock_close(k);
		break;
	}
}

static void arm(struct lab_machine *m)
{
	struct lab_host *h = m->host;
	struct lab_sim *s = h->sim;
	adit_time at = m->ops->deadline(m->self);

	if (at != ADIT_NEVER) {
		at = adit_time_since(at, h->up_for);
		if (at < s->now)
			at = s->now;
	}
	if (at == m->armed_for)
		return;
	m->armed_for = at;
	if (at == ADIT_NEVER) {
		lab_queue_del(&s->queue, &m->timer);
		return;
	}
	if (h->lateness > 0)
		at += adit_rng_below(&h->rng, h->lateness + 1);
	if (lab_queue_set(&s->queue, &m->timer, at) < 0)
		s->stats.steps[LAB_STEP_NO_MEMORY]++;
}

void lab_machine_wake(struct lab_machine *m)
{
	adit_time now = lab_host_now(m->host);
	struct adit_out out;
	unsigned rounds = 0;

	/* From within its own events: the loop below goes on. */
	if (m->busy)
		return;
	m->busy = true;
	do {
		rounds++;
		assert(rounds < LAB_DRAIN_MAX);
		while (!m->doomed && m->ops->output(m->self, now, &out))
			act(m, &out);
	} while (!m->doomed && m->events && m->events(m->ctx, now));
	m->busy = false;
	if (m->doomed)
		lab_machine_free(m);
	else
		arm(m);
}

void lab_machine_due(struct lab_machine *m)
{
	struct lab_sim *s = m->host->sim;

	m->armed_for = ADIT_NEVER;
	m->spins = m->spin_at == s->now ? m->spins + 1 : 0;
	m->spin_at = s->now;
	assert(m->spins < LAB_SPIN_MAX);
	m->ops->tick(m->self, lab_host_now(m->host));
	lab_machine_wake(m);
}

struct lab_machine *lab_machine_new(struct lab_host *h, const struct adit_machine_ops *ops, void *self,
				    bool (*events)(void *ctx, adit_time now), void *ctx)
{
	struct lab_machine *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->timer.kind = LAB_EVENT_TIMER;
	m->host = h;
	m->ops = ops;
	m->self = self;
	m->events = events;
	m->ctx = ctx;
	m->armed_for = ADIT_NEVER;
	for (size_t i = 0; i < LAB_SOCK_BUCKETS; i++)
		adit_list_init(&m->socks[i]);
	adit_list_push_back(&h->machines, &m->of_host);
	if (ops->set_utc)
		ops->set_utc(self, lab_host_now(h), lab_host_utc(h));
	lab_machine_wake(m);
	return m;
}

void lab_machine_free(struct lab_machine *m)
{
	if (!m)
		return;
	if (m->busy) {
		m->doomed = true;
		return;
	}
	lab_queue_del(&m->host->sim->queue, &m->timer);
	for (size_t i = 0; i < LAB_SOCK_BUCKETS; i++) {
		adit_list_each_safe (it, tmp, &m->socks[i])
			lab_sock_close(adit_container(it, struct lab_sock, same_bucket));
	}
	adit_list_del(&m->of_host);
	free(m);
}

void lab_host_set_clock(struct lab_host *h, int64_t utc_offset)
{
	h->utc_offset = utc_offset;
	adit_list_each_safe (it, tmp, &h->machines) {
		struct lab_machine *m = adit_container(it, struct lab_machine, of_host);

		if (m->ops->set_utc) {
			m->ops->set_utc(m->self, lab_host_now(h), lab_host_utc(h));
			lab_machine_wake(m);
		}
	}
}
