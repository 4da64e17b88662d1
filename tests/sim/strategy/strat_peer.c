#include "strat_peer.h"

#include <stdlib.h>
#include <string.h>

#include "strat_msg.h"

enum strat_side strat_side(const struct strat_peer *p)
{
	return p->side;
}

const struct strat_info *strat_own(const struct strat_peer *p)
{
	return &p->own;
}

const struct strat_info *strat_other(const struct strat_peer *p)
{
	return &p->other;
}

const struct adit_rng *strat_rng(struct strat_peer *p)
{
	return &p->rng;
}

void strat_want_socks(struct strat_peer *p, unsigned n)
{
	if (n > p->socks_wanted)
		p->socks_wanted = n;
}

void strat_fire(struct strat_peer *p, struct strat_volley v)
{
	if (p->n_volleys == STRAT_VOLLEYS_MAX || v.shots == 0)
		return;
	v.at = adit_time_add(p->now, v.delay);
	v.socks += v.socks == 0;
	v.salvo += v.salvo == 0;
	v.copies += v.copies == 0;
	v.ports += v.ports == 0;
	p->volleys[p->n_volleys++] = v;
}

uint16_t strat_port(long port)
{
	return (uint16_t)(port < 1 ? 1 : port > 65535 ? 65535 : port);
}

unsigned strat_n_seen(const struct strat_info *i)
{
	unsigned n = 0;

	for (unsigned a = 0; a < STRAT_ASKS_MAX; a++)
		n += i->seen[a].family != ADIT_FAMILY_NONE;
	return n;
}

struct adit_addr strat_last(const struct strat_info *i)
{
	struct adit_addr last = {0};

	for (unsigned a = 0; a < STRAT_ASKS_MAX; a++)
		if (i->seen[a].family != ADIT_FAMILY_NONE)
			last = i->seen[a];
	return last;
}

bool strat_is_same(const struct strat_info *i)
{
	struct adit_addr last = strat_last(i);

	for (unsigned a = 0; a < STRAT_ASKS_MAX; a++)
		if (i->seen[a].family != ADIT_FAMILY_NONE && !adit_addr_eq(&i->seen[a], &last))
			return false;
	return true;
}

unsigned strat_span(const struct strat_info *i)
{
	unsigned lo = 65535;
	unsigned hi = 0;

	for (unsigned a = 0; a < STRAT_ASKS_MAX; a++) {
		if (i->seen[a].family == ADIT_FAMILY_NONE)
			continue;
		lo = i->seen[a].port < lo ? i->seen[a].port : lo;
		hi = i->seen[a].port > hi ? i->seen[a].port : hi;
	}
	return hi > lo ? hi - lo : 0;
}

bool strat_is_public(const struct strat_info *i)
{
	struct adit_addr last = strat_last(i);

	return adit_addr_eq_ip(&i->local, &last);
}

void strat_peer_init(struct strat_peer *p, uint64_t seed)
{
	p->rng = adit_rng_seeded_init(&p->rng_state, seed);
	p->heard_at = p->up_at = ADIT_NEVER;
	p->gather_until = p->plan_at = p->attempt_until = ADIT_NEVER;
}

void strat_peer_done(struct strat_peer *p)
{
	free(p->ports);
}

static void send_msg(struct strat_peer *p, enum strat_msg_kind kind, uint32_t id, uint32_t sock,
		     const struct adit_addr *to)
{
	static const struct adit_addr any = {0};
	struct strat_msg m = {.kind = (uint8_t)kind, .side = (uint8_t)p->side, .id = id, .addr = p->own_ip};
	uint8_t buf[STRAT_MESSAGE_LEN];

	strat_msg_encode(&m, buf);
	strat_queue_push(&p->queue, sock, &any, to, buf);
}

/* Sockets of its own for this attempt, and the questions to the servers. */
static void begin(struct strat_peer *p, unsigned attempt)
{
	bool again = p->is_asking || p->has_own;

	p->attempt = attempt;
	p->is_over = false;
	p->n_volleys = p->copies_left = 0;
	p->is_running = false;
	p->has_own = p->has_other = false;
	p->plan_at = p->attempt_until = ADIT_NEVER;
	if (again && !p->s->keeps_socks) {
		p->socks_to_close = p->socks_open;
		p->socks_closed = p->socks_open = p->socks_wanted = 0;
		p->up_at = ADIT_NEVER; /* over a socket that is gone */
	}
	strat_want_socks(p, p->s->socks ? p->s->socks : 1);
	memset(&p->own, 0, sizeof(p->own));
	p->own.local = adit_addr_with_port(p->own_ip, 0);
	p->is_asking = true;
	p->asks_left = p->s->n_asks;
	p->gather_until = p->asks_left ? adit_time_add(p->now, STRAT_GATHER_MAX) : p->now;
	for (unsigned i = 0; i < p->s->n_asks; i++) {
		const struct strat_ask *a = &p->s->asks[i];
		struct adit_addr to = adit_addr_with_port(p->servers[a->server], a->port);

		send_msg(p, STRAT_MSG_ASK, attempt << 8 | i, a->sock, &to);
	}
}

static void run_plan(struct strat_peer *p)
{
	adit_dur took;

	p->plan_at = ADIT_NEVER;
	p->is_running = true;
	p->n_volleys = 0;
	took = p->s->plan(p, p->attempt);
	p->attempt_until = took ? adit_time_add(p->now, took) : ADIT_NEVER;
	p->is_over = took == 0;
}

/* Both sides know what there is to know. */
static void consider(struct strat_peer *p)
{
	if (!p->has_own || !p->has_other || p->is_running || p->plan_at != ADIT_NEVER)
		return;
	if (p->s->start != STRAT_SYNC) {
		p->plan_at = p->now;
	} else if (p->side == STRAT_CONNECT) {
		p->tell(p->tell_ctx, p->side, STRAT_LETTER_SYNC, p->attempt, NULL);
		p->plan_at = adit_time_add(p->now, p->sync_delay);
	}
}

static void gathered(struct strat_peer *p)
{
	p->is_asking = false;
	p->gather_until = ADIT_NEVER;
	p->has_own = true;
	if (p->s->start == STRAT_ALONE) {
		p->other.seen[0] = p->other_ip;
		p->has_other = true;
	} else if (p->s->n_asks == 0 || strat_n_seen(&p->own) > 0) {
		p->tell(p->tell_ctx, p->side, STRAT_LETTER_INFO, p->attempt, &p->own);
	} else {
		p->is_over = true; /* no server answers: "link down" */
		return;
	}
	consider(p);
}

static void peer_tick(void *self, adit_time now);

void strat_peer_start(struct strat_peer *p, adit_time now)
{
	p->now = now;
	if (p->s->start != STRAT_ALONE) {
		if (p->side != STRAT_CONNECT)
			return;
		p->tell(p->tell_ctx, p->side, STRAT_LETTER_CALL, 0, NULL);
	}
	begin(p, 0);
	peer_tick(p, now);
}

void strat_peer_told(struct strat_peer *p, adit_time now, enum strat_letter_kind kind, unsigned attempt,
		     const struct strat_info *info)
{
	p->now = now;
	if (kind == STRAT_LETTER_CALL && (attempt > 0 || !p->is_asking)) {
		begin(p, attempt);
	} else if (attempt == p->attempt && kind == STRAT_LETTER_INFO) {
		p->other = *info;
		p->has_other = true;
		consider(p);
	} else if (attempt == p->attempt && kind == STRAT_LETTER_SYNC && p->has_own && p->has_other) {
		p->plan_at = now;
	}
	peer_tick(p, now);
}

/* The caller calls again; alone, each goes on by itself. */
static void next_attempt(struct strat_peer *p)
{
	p->attempt_until = ADIT_NEVER;
	if (p->s->start == STRAT_ALONE) {
		p->attempt++;
		run_plan(p);
	} else if (p->side == STRAT_CONNECT) {
		p->tell(p->tell_ctx, p->side, STRAT_LETTER_CALL, p->attempt + 1, NULL);
		begin(p, p->attempt + 1);
	}
}

static void peer_tick(void *self, adit_time now)
{
	struct strat_peer *p = self;

	p->now = now;
	if (p->is_asking && now >= p->gather_until)
		gathered(p);
	if (now >= p->plan_at)
		run_plan(p);
	if (p->up_at == ADIT_NEVER && !p->is_over && now >= p->attempt_until)
		next_attempt(p);
}

static adit_time peer_deadline(const void *self)
{
	const struct strat_peer *p = self;
	adit_time at = adit_time_min(p->gather_until, p->plan_at);

	if (p->up_at != ADIT_NEVER || p->is_over)
		return at;
	at = adit_time_min(at, p->attempt_until);
	for (unsigned i = 0; i < p->n_volleys; i++)
		at = adit_time_min(at, p->volleys[i].at);
	return at;
}

static void is_up(struct strat_peer *p)
{
	if (p->up_at == ADIT_NEVER)
		p->up_at = p->now;
}

static void said(struct strat_peer *p, const struct strat_msg *m)
{
	struct adit_addr *seen = &p->own.seen[m->id & 0xff];

	if (m->id >> 8 != p->attempt || (m->id & 0xff) >= p->s->n_asks || !p->is_asking ||
	    seen->family != ADIT_FAMILY_NONE)
		return;
	*seen = m->addr;
	if (--p->asks_left == 0)
		gathered(p);
}

static void peer_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct strat_peer *p = self;
	struct adit_addr back = p->s->fixed_reply ? adit_addr_with_port(p->other_ip, p->s->ports[0]) : d->remote;
	struct strat_msg m;

	p->now = now;
	if (!strat_msg_decode(d->data, d->len, &m) || (m.kind != STRAT_MSG_SAID && m.side == p->side))
		return;
	switch ((enum strat_msg_kind)m.kind) {
	case STRAT_MSG_SAID:
		said(p, &m);
		break;
	case STRAT_MSG_PROBE:
		p->heard_at = adit_time_min(p->heard_at, now);
		send_msg(p, STRAT_MSG_ANSWER, 0, d->sock, &back);
		if (p->s->triggered && p->up_at == ADIT_NEVER)
			send_msg(p, STRAT_MSG_PROBE, 0, d->sock, &back);
		break;
	case STRAT_MSG_ANSWER:
		is_up(p);
		send_msg(p, STRAT_MSG_CONFIRM, 0, d->sock, &back);
		break;
	case STRAT_MSG_CONFIRM:
		is_up(p);
		break;
	case STRAT_MSG_ASK:
		break;
	}
}

/* The next one of a random order that is made while it is used (Fisher and Yates). */
static uint16_t shuffled_port(struct strat_peer *p, const struct strat_volley *v)
{
	uint16_t port;

	if (!p->ports) {
		p->ports = malloc(65536 * sizeof(*p->ports));
		if (!p->ports)
			abort();
		for (unsigned i = 0; i < v->ports; i++)
			p->ports[i] = (uint16_t)i;
	}
	if (p->ports_used < v->ports) {
		unsigned i = p->ports_used + (unsigned)adit_rng_below(&p->rng, v->ports - p->ports_used);

		port = p->ports[i];
		p->ports[i] = p->ports[p->ports_used];
		p->ports[p->ports_used++] = port;
	} else {
		port = p->ports[adit_rng_below(&p->rng, v->ports)];
	}
	return strat_port((long)v->to.port + port);
}

static uint16_t port_of(struct strat_peer *p, const struct strat_volley *v)
{
	switch (v->target) {
	case STRAT_TO_ONE:
		break;
	case STRAT_TO_RANGE:
		return strat_port((long)v->to.port + v->fired / v->socks % v->ports);
	case STRAT_TO_RANDOM:
		return strat_port((long)v->to.port + (long)adit_rng_below(&p->rng, v->ports));
	case STRAT_TO_SHUFFLED:
		return shuffled_port(p, v);
	}
	return v->to.port;
}

static void fire(struct strat_peer *p, struct strat_volley *v, struct adit_out *ret_out)
{
	struct strat_msg m = {.kind = STRAT_MSG_PROBE, .side = (uint8_t)p->side, .addr = p->own_ip};

	strat_msg_encode(&m, p->out);
	p->last = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = v->sock + v->fired % v->socks,
		.remote = adit_addr_with_port(v->to, port_of(p, v)),
		.data = p->out,
		.len = sizeof(p->out),
		.ttl = v->fired < v->low ? v->ttl : 0,
	};
	*ret_out = p->last;
	p->copies_left = v->copies - 1;
	v->fired++;
	if (v->fired == v->shots) {
		v->at = ADIT_NEVER;
	} else if (v->fired % v->salvo == 0) {
		v->at = adit_time_add(v->at, v->step);
		if (v->backoff)
			v->step *= 2;
	}
}

static int sock_output(struct strat_peer *p, struct adit_out *ret_out)
{
	if (p->socks_closed < p->socks_to_close) {
		*ret_out = (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = p->socks_closed++};
		return 1;
	}
	p->socks_to_close = 0;
	if (p->socks_open < p->socks_wanted) {
		*ret_out = (struct adit_out){
			.kind = ADIT_OUT_OPEN,
			.sock = p->socks_open,
			.local = {.family = ADIT_FAMILY_V4, .port = p->socks_open < 2 ? p->s->ports[p->socks_open] : 0},
		};
		p->socks_open++;
		return 1;
	}
	return 0;
}

static int peer_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct strat_peer *p = self;

	p->now = now;
	if (sock_output(p, ret_out) || strat_queue_pop(&p->queue, ret_out))
		return 1;
	if (p->up_at != ADIT_NEVER || p->is_over)
		return 0;
	if (p->copies_left > 0) {
		p->copies_left--;
		*ret_out = p->last;
		return 1;
	}
	for (unsigned i = 0; i < p->n_volleys; i++) {
		if (now >= p->volleys[i].at) {
			fire(p, &p->volleys[i], ret_out);
			return 1;
		}
	}
	return 0;
}

const struct adit_machine_ops strat_peer_ops = {
	.input = peer_input,
	.tick = peer_tick,
	.deadline = peer_deadline,
	.output = peer_output,
};
