/*
 * A punching machine on a bench: time passes, and everything it asks for is written down. Two of them can be wired
 * together, every datagram arriving as it was sent.
 */
#ifndef ADIT_TEST_PUNCH_RIG_H
#define ADIT_TEST_PUNCH_RIG_H

#include <string.h>

#include "base/bytes.h"
#include "core/punch/punch.h"
#include "crypto/crypto.h"

#define RIG_UTC (UINT64_C(1790000000) * ADIT_SEC(1))
#define RIG_MAX 32768

struct rig_out {
	adit_time at;
	enum adit_out_kind kind;
	uint32_t sock;
	uint8_t ttl;
	struct adit_addr local;
	struct adit_addr remote;
	size_t len;
	uint8_t data[PUNCH_PROBE_MAX];
};

struct rig {
	struct punch p;
	struct punch_store store;
	struct punch_config cfg;
	struct punch_replay replay;
	struct adit_rng_seeded rng;
	adit_time now;
	adit_utc utc;
	struct rig_out out[RIG_MAX];
	size_t n;
	size_t seen; /* up to here somebody has looked */
	uint16_t port[PUNCH_SOCK_SPAN]; /* of open sockets, by number */
	uint32_t top; /* no number of a socket was higher than this - 1 */
	unsigned open;
	unsigned open_max;
	bool is_mute; /* its router says nothing when a TTL ends there */
};

static inline struct adit_addr rig_addr(enum punch_role role)
{
	return adit_addr_v4(203, 0, 113, role == PUNCH_SERVE ? 10 : 20, 0);
}

/* Started at now = 1 s, with the other side as its peer. */
static inline void rig_init(struct rig *r, enum punch_role role)
{
	memset(r, 0, sizeof(*r));
	r->now = ADIT_SEC(1);
	r->utc = RIG_UTC;
	r->cfg = (struct punch_config){
		.role = role,
		.crypto = &crypto_gnutls,
		.rng = adit_rng_seeded_init(&r->rng, (uint64_t)role + 1),
		.instance = 1000 + (uint64_t)role,
		.low_ttl = true,
	};
	memset(r->cfg.k, 7, sizeof(r->cfg.k));
}

static inline void rig_start(struct rig *r)
{
	struct adit_addr peer = rig_addr(punch_role_other(r->cfg.role));

	punch_replay_init(&r->replay);
	r->cfg.replay = &r->replay;
	punch_init(&r->p, &r->cfg, r->now);
	punch_lend(&r->p, &r->store);
	punch_set_utc(&r->p, r->now, r->utc);
	punch_set_peers(&r->p, r->now, &peer, 1);
	punch_start(&r->p, r->now);
}

static inline void rig_note(struct rig *r, const struct adit_out *o)
{
	struct rig_out *w = &r->out[r->n++];

	assert_true(r->n < RIG_MAX);
	*w = (struct rig_out){.at = r->now,
			      .kind = o->kind,
			      .sock = o->sock,
			      .ttl = o->ttl,
			      .local = o->local,
			      .remote = o->remote,
			      .len = o->len};
	assert_true(o->len <= sizeof(w->data));
	if (o->len > 0)
		memcpy(w->data, o->data, o->len);
	assert_true(o->sock < PUNCH_SOCK_SPAN);
	if (o->sock >= r->top)
		r->top = o->sock + 1;
	switch (o->kind) {
	case ADIT_OUT_OPEN:
		assert_int_equal(r->port[o->sock], 0);
		r->port[o->sock] = o->local.port;
		if (++r->open > r->open_max)
			r->open_max = r->open;
		break;
	case ADIT_OUT_SEND:
		assert_int_not_equal(r->port[o->sock], 0);
		assert_int_not_equal(o->remote.port, 0);
		break;
	case ADIT_OUT_CLOSE:
		assert_int_not_equal(r->port[o->sock], 0);
		r->port[o->sock] = 0;
		r->open--;
		break;
	}
}

/* The router, one hop away. */
static inline void rig_expire(struct rig *r, const struct adit_out *o)
{
	struct rig_out *w = &r->out[r->n - 1];
	struct adit_icmp icmp = {
		.sock = o->sock,
		.remote = o->remote,
		.offender = adit_addr_v4(192, 168, 1, 1, 0),
		.type = 11,
		.data = w->data,
		.len = w->len,
	};

	punch_icmp(&r->p, r->now, &icmp);
}

static inline void rig_drain(struct rig *r)
{
	struct adit_out o;

	while (punch_output(&r->p, r->now, &o)) {
		rig_note(r, &o);
		if (o.kind == ADIT_OUT_SEND && o.ttl == 1 && !r->is_mute && adit_addr_is_v4(&o.remote))
			rig_expire(r, &o);
	}
}

static inline void rig_tick(struct rig *r)
{
	punch_tick(&r->p, r->now);
	rig_drain(r);
}

/* The next instant something happens, but not beyond |until|. */
static inline void rig_step(struct rig *r, adit_time until)
{
	adit_time at = punch_deadline(&r->p);

	r->utc -= r->now;
	r->now = at < r->now ? r->now : at > until ? until : at;
	r->utc += r->now;
	rig_tick(r);
}

static inline void rig_run(struct rig *r, adit_dur d)
{
	adit_time until = r->now + d;

	rig_drain(r);
	while (r->now < until)
		rig_step(r, until);
	rig_tick(r);
}

/* Hands |r| a datagram; |local| is the address that was asked. */
static inline int rig_input(struct rig *r, uint32_t sock, const struct adit_addr *remote, const uint8_t *data,
			    size_t len)
{
	struct adit_dgram d = {
		.sock = sock,
		.local = adit_addr_with_port(adit_addr_v4(192, 168, 1, 2, 0), r->port[sock]),
		.remote = *remote,
		.data = data,
		.len = len,
	};

	return punch_input(&r->p, r->now, &d);
}

/* The socket of |r| at |port|; fails the test if there is none. */
static inline uint32_t rig_sock_at(const struct rig *r, uint16_t port)
{
	for (uint32_t i = 0; i < r->top; i++)
		if (r->port[i] == port && port != 0)
			return i;
	fail();
	return 0;
}

static inline uint16_t rig_steady_port(const struct rig *r)
{
	uint16_t port[2];

	punch_keys_ports(&r->p.keys, PUNCH_STEADY, 0, 0, port);
	return port[r->cfg.role];
}

static inline bool rig_has_port(const struct rig *r, uint16_t port)
{
	for (uint32_t i = 0; i < r->top; i++)
		if (r->port[i] == port)
			return true;
	return false;
}

/* Delivers what |from| has sent since the last look; the wire is a cable: nothing is lost and ports stay. */
static inline unsigned rig_deliver(struct rig *from, struct rig *to)
{
	unsigned n = 0;

	rig_drain(from);
	for (; from->seen < from->n; from->seen++) {
		const struct rig_out *o = &from->out[from->seen];
		struct adit_addr remote = adit_addr_with_port(rig_addr(from->cfg.role), from->port[o->sock]);

		if (o->kind != ADIT_OUT_SEND || o->ttl || !rig_has_port(to, o->remote.port))
			continue;
		(void)!rig_input(to, rig_sock_at(to, o->remote.port), &remote, o->data, o->len);
		n++;
	}
	return n;
}

/* Both live for |d|, with the cable between them. */
static inline void rig_run_both(struct rig *a, struct rig *b, adit_dur d)
{
	adit_time until = a->now + d;

	assert_true(a->now == b->now);
	do {
		adit_time at = adit_time_min(punch_deadline(&a->p), punch_deadline(&b->p));

		at = at < a->now ? a->now : at > until ? until : at;
		rig_step(a, at);
		rig_step(b, at);
		a->now = b->now = at;
		while (rig_deliver(a, b) + rig_deliver(b, a) > 0)
			;
	} while (a->now < until);
}

/* How many events of |kind| wait; the last of them in |ret_event| (may be NULL). Takes all events. */
static inline unsigned rig_events(struct rig *r, enum punch_event_kind kind, struct punch_event *ret_event)
{
	struct punch_event e;
	unsigned n = 0;

	while (punch_event(&r->p, &e)) {
		if (e.kind != kind)
			continue;
		n++;
		if (ret_event)
			*ret_event = e;
	}
	return n;
}

#endif
