/*
 * Two engines in virtual time, each behind a NAT of its own (or none), and mediators with a STUN server beside; real
 * cryptography. A packet passes the sender's NAT (one hop), a router of the Internet (another one), the receiver's NAT.
 * The NATs are simple on purpose: what they do to ports, and that they let in only whom was sent to. tests/sim has the
 * real ones.
 */
#ifndef ADIT_TEST_REACH_RIG_H
#define ADIT_TEST_REACH_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/meet/meet_server.h"
#include "core/reach/reach.h"
#include "core/stun/stun_server.h"
#include "crypto/crypto.h"
#include "crypto/crypto_identity.h"
#include "crypto/crypto_meet.h"

#define RIG_PEERS     4
#define RIG_MEDIATORS 3
#define RIG_SLOTS     1024
#define RIG_SOCKS     1024
#define RIG_FLOWS     8192
#define RIG_EVENTS    256
#define RIG_PERMITS   32
#define RIG_RELAY     0xffffffffu /* the socket that leads through the relay */
#define RIG_KINDS     10
#define RIG_UTC       (UINT64_C(1790000000) * ADIT_SEC(1))
#define RIG_PORT      3478

enum rig_nat {
	RIG_NAT_NONE,
	RIG_NAT_STEADY, /* one port for a socket */
	RIG_NAT_KEEPING, /* the same: the socket's own */
	RIG_NAT_FICKLE, /* that once, for the first flow of all; for each other one at random */
	RIG_NAT_SEQUENTIAL, /* one for each destination, the next one */
	RIG_NAT_BLOCK, /* one for each destination, at random among 1024 */
	RIG_NAT_RANDOM, /* the same, among all */
};

struct rig_flow {
	uint16_t inside;
	uint16_t outside;
	struct adit_addr remote;
};

struct rig_sock {
	bool is_open;
	uint32_t number;
	uint16_t port;
};

struct rig_peer {
	struct rig *rig;
	struct reach *reach;
	struct adit_rng_seeded seeded;
	enum rig_nat nat;
	struct adit_addr inside; /* no port */
	struct adit_addr outside;
	struct adit_addr router; /* who answers a TTL that has run out in the NAT */
	adit_dur delay; /* one way to the middle of the Internet */
	unsigned folds;
	bool is_off; /* nothing leaves and nothing comes */
	bool is_deaf; /* nothing comes from the other peers */
	bool is_blunt; /* its router says "port unreachable" to what it does not let in */
	bool drops_low; /* routers tell nothing of a TTL that has run out */
	uint16_t forward_outside; /* the NAT forwards this port to ... */
	uint16_t forward_inside; /* ... this one, whoever sends; 0: none */
	uint16_t next_port;
	unsigned step; /* SEQUENTIAL; 0: 1 */
	struct rig_sock socks[RIG_SOCKS];
	struct rig_flow *flows;
	size_t n_flows;
	unsigned sent; /* to other peers */
	adit_time full_at; /* the first of them with the system's TTL */
	adit_time low_at; /* the first of them with a low one; ... */
	uint64_t low_order; /* ... what had left before it has a lower order than this */
	uint16_t last_port; /* the socket that the last of them left from */
	unsigned sent_low;
	struct reach_event last[RIG_KINDS];
	unsigned count[RIG_KINDS];
	struct reach_memory memory; /* as last learnt */
	adit_time valid_at; /* the first one */
	unsigned bad_sends;
	unsigned fail_opens; /* so many OPENs fail */
	struct adit_addr relay; /* what a TURN server relays; family NONE: there is none */
	struct adit_addr permits[RIG_PERMITS]; /* who may send there: whoever was sent to */
	size_t n_permits;
	unsigned relayed; /* sent through it */
	bool relay_only; /* as configured, by rig_engine() */
	bool direct_only;
};

struct rig_mediator {
	struct meet_server *meet;
	struct meet_peer *slots;
	struct stun_server *stun;
	struct adit_addr addr;
	struct adit_addr other; /* that it tells of as its second one; NONE: a second port */
	bool is_dead;
};

struct rig_packet {
	adit_time at;
	uint64_t order;
	struct adit_addr from, to;
	unsigned ttl;
	size_t len;
	uint8_t data[1500];
};

struct rig {
	adit_time now;
	struct adit_rng_seeded seeded;
	struct adit_rng rng;
	struct rig_mediator mediators[RIG_MEDIATORS];
	unsigned n_mediators;
	struct rig_peer peers[RIG_PEERS];
	unsigned n_peers;
	struct rig_packet *wire;
	size_t n_wire, cap_wire;
	uint64_t order;
	unsigned loss; /* percent */
	unsigned packets;
	struct crypto_identity identity;
	uint8_t k[MEET_K_LEN];
	struct adit_log *log;
	adit_time offer_at; /* the first Introduce with an offer left */
	struct nat_budget *budget; /* NULL: each engine has its own */
	struct adit_addr decoy; /* whatever is sent to this IP ... */
	unsigned to_decoy; /* ... is counted */
	struct rig_packet copy; /* the last packet of mediator 0 that carries an offer */
};

static inline void rig_mediator_start(struct rig *r, unsigned i)
{
	struct meet_server_config cfg = {.crypto = &crypto_meet, .rng = r->rng};
	struct stun_server_config stun = {.rng = r->rng, .rate = STUN_SERVER_RATE};
	struct rig_mediator *m = &r->mediators[i];

	free(m->slots);
	m->slots = calloc(RIG_SLOTS, sizeof(*m->slots));
	meet_server_init(m->meet, r->now, &cfg, m->slots, RIG_SLOTS);
	stun_server_init(m->stun, r->now, &stun);
}

static inline struct rig *rig_new(unsigned n_mediators)
{
	struct rig *r = calloc(1, sizeof(*r));
	uint8_t seed[CRYPTO_KEY_LEN] = {7};

	r->now = ADIT_SEC(1000);
	r->rng = adit_rng_seeded_init(&r->seeded, 1);
	(void)crypto_rng(); /* libsodium is ready from here on */
	crypto_identity_from_seed(&r->identity, seed);
	memset(r->k, 0x11, sizeof(r->k));
	r->n_mediators = n_mediators;
	r->offer_at = ADIT_NEVER;
	for (unsigned i = 0; i < n_mediators; i++) {
		r->mediators[i].meet = calloc(1, sizeof(*r->mediators[i].meet));
		r->mediators[i].stun = calloc(1, sizeof(*r->mediators[i].stun));
		r->mediators[i].addr = adit_addr_v4(203, 0, 113, (uint8_t)(1 + i), RIG_PORT);
		rig_mediator_start(r, i);
	}
	return r;
}

static inline void rig_free(struct rig *r)
{
	for (unsigned i = 0; i < r->n_peers; i++) {
		reach_done(r->peers[i].reach);
		free(r->peers[i].reach);
		free(r->peers[i].flows);
	}
	for (unsigned i = 0; i < r->n_mediators; i++) {
		free(r->mediators[i].meet);
		free(r->mediators[i].stun);
		free(r->mediators[i].slots);
	}
	free(r->wire);
	free(r);
}

static inline void rig_engine(struct rig *r, struct rig_peer *p, enum meet_role role, uint64_t instance)
{
	static const char *const names[RIG_MEDIATORS] = {"one.example", "two.example", "three.example"};
	struct reach_config cfg = {
		.role = role,
		.crypto = &crypto_gnutls,
		.meet_crypto = &crypto_meet,
		.rng = adit_rng_seeded_init(&p->seeded, instance),
		.log = r->log,
		.instance = instance,
		.sock_base = 1000,
		.budget = r->budget,
		.low_ttl = true,
		.relay_only = p->relay_only,
		.direct_only = p->direct_only,
		.borrow = true,
	};
	struct reach_host host = {.addr = p->inside};

	memcpy(cfg.k, r->k, sizeof(cfg.k));
	memcpy(cfg.key, r->identity.public_key, sizeof(cfg.key));
	memcpy(cfg.seed, r->identity.seed, sizeof(cfg.seed));
	reach_init(p->reach, &cfg, r->now);
	reach_set_utc(p->reach, r->now, RIG_UTC + r->now);
	for (unsigned i = 0; i < r->n_mediators; i++)
		(void)!reach_add_mediator(p->reach, r->now, names[i], &r->mediators[i].addr);
	reach_set_hosts(p->reach, r->now, &host, 1);
}

static inline struct rig_peer *rig_peer(struct rig *r, enum meet_role role, enum rig_nat nat, adit_dur delay)
{
	uint8_t n = (uint8_t)r->n_peers;
	struct rig_peer *p = &r->peers[r->n_peers++];

	p->rig = r;
	p->nat = nat;
	p->delay = delay;
	p->next_port = (uint16_t)(20000 + 7000 * n);
	p->outside = adit_addr_v4(192, 0, 2, (uint8_t)(10 + n), 0);
	p->inside = nat == RIG_NAT_NONE ? p->outside : adit_addr_v4(10, n, 0, 2, 0);
	p->router = nat == RIG_NAT_NONE ? adit_addr_v4(192, 0, 2, 1, 0) : adit_addr_v4(10, n, 0, 1, 0);
	p->flows = calloc(RIG_FLOWS, sizeof(*p->flows));
	p->reach = calloc(1, sizeof(*p->reach));
	p->valid_at = p->full_at = p->low_at = ADIT_NEVER;
	rig_engine(r, p, role, 100u + n);
	return p;
}

/* ---- NATs ---- */

static inline uint16_t rig_port_new(struct rig *r, struct rig_peer *p, uint16_t inside)
{
	switch (p->nat) {
	case RIG_NAT_NONE:
	case RIG_NAT_KEEPING:
		return inside;
	case RIG_NAT_FICKLE:
		return p->n_flows == 0 ? inside : (uint16_t)(1024 + adit_rng_below(&r->rng, 64512));
	case RIG_NAT_STEADY:
	case RIG_NAT_SEQUENTIAL:
		p->next_port = (uint16_t)(p->next_port + (p->step ? p->step : 1));
		return p->next_port;
	case RIG_NAT_BLOCK:
		return (uint16_t)(8192 + adit_rng_below(&r->rng, 1024));
	case RIG_NAT_RANDOM:
		return (uint16_t)(1024 + adit_rng_below(&r->rng, 64512));
	}
	return 0;
}

static inline uint16_t rig_out(struct rig *r, struct rig_peer *p, uint16_t inside, const struct adit_addr *remote)
{
	uint16_t outside = 0;

	for (size_t i = 0; i < p->n_flows; i++) {
		struct rig_flow *f = &p->flows[i];

		if (f->inside != inside)
			continue;
		if (adit_addr_eq(&f->remote, remote))
			return f->outside;
		if (p->nat == RIG_NAT_STEADY || p->nat == RIG_NAT_KEEPING || p->nat == RIG_NAT_NONE)
			outside = f->outside;
	}
	/* Answers to who came through the forward leave through it. */
	if (p->forward_inside == inside)
		outside = p->forward_outside;
	if (p->n_flows == RIG_FLOWS)
		abort();
	if (outside == 0)
		outside = rig_port_new(r, p, inside);
	p->flows[p->n_flows++] = (struct rig_flow){.inside = inside, .outside = outside, .remote = *remote};
	return outside;
}

/* 0: not let in. */
static inline uint16_t rig_in(const struct rig_peer *p, uint16_t outside, const struct adit_addr *remote)
{
	if (p->nat == RIG_NAT_NONE)
		return outside;
	for (size_t i = 0; i < p->n_flows; i++)
		if (p->flows[i].outside == outside && adit_addr_eq(&p->flows[i].remote, remote))
			return p->flows[i].inside;
	return outside == p->forward_outside ? p->forward_inside : 0;
}

/* ---- wires ---- */

/* NULL: it is lost. */
static inline struct rig_packet *rig_put(struct rig *r, adit_time at, const struct adit_addr *from,
					 const struct adit_addr *to, unsigned ttl, const uint8_t *data, size_t len)
{
	struct rig_packet *d;

	if (r->loss > 0 && adit_rng_below(&r->rng, 100) < r->loss)
		return NULL;
	if (r->n_wire == r->cap_wire) {
		r->cap_wire = r->cap_wire ? 2 * r->cap_wire : 256;
		r->wire = realloc(r->wire, r->cap_wire * sizeof(*r->wire));
	}
	d = &r->wire[r->n_wire++];
	d->at = at;
	d->order = r->order++;
	d->from = *from;
	d->to = *to;
	d->ttl = ttl;
	d->len = len;
	memcpy(d->data, data, len);
	r->packets++;
	return d;
}

static inline struct rig_sock *rig_sock_by(struct rig_peer *p, uint32_t number, uint16_t port)
{
	for (size_t i = 0; i < RIG_SOCKS; i++)
		if (p->socks[i].is_open && (port ? p->socks[i].port == port : p->socks[i].number == number))
			return &p->socks[i];
	return NULL;
}

static inline void rig_drain(struct rig *r, struct rig_peer *p);

static inline void rig_open(struct rig *r, struct rig_peer *p, const struct adit_out *o)
{
	for (size_t i = 0; i < RIG_SOCKS; i++) {
		if (p->socks[i].is_open)
			continue;
		if (p->fail_opens > 0) {
			p->fail_opens--;
			reach_sock_failed(p->reach, r->now, o->sock);
			return;
		}
		p->socks[i] = (struct rig_sock){
			.is_open = true,
			.number = o->sock,
			.port = o->local.port ? o->local.port : (uint16_t)(40000 + adit_rng_below(&r->rng, 20000))};
		return;
	}
	abort();
}

static inline void rig_expired(struct rig *r, struct rig_peer *p, const struct adit_out *o, struct adit_addr offender)
{
	struct adit_icmp icmp = {.sock = o->sock, .remote = o->remote, .offender = offender, .type = 11, .len = o->len};
	uint8_t copy[1500];

	if (p->drops_low)
		return;
	memcpy(copy, o->data, o->len);
	icmp.data = copy;
	reach_icmp(p->reach, r->now, &icmp);
}

static inline bool rig_relay_lets_in(const struct rig_peer *p, const struct adit_addr *from)
{
	for (size_t i = 0; i < p->n_permits; i++)
		if (adit_addr_eq_ip(&p->permits[i], from))
			return true;
	return false;
}

/* Works where nothing else does: over TCP. */
static inline void rig_relay(struct rig *r, struct rig_peer *p, const struct adit_out *o)
{
	if (p->relay.family == ADIT_FAMILY_NONE)
		return;
	if (!rig_relay_lets_in(p, &o->remote)) {
		assert_true(p->n_permits < RIG_PERMITS);
		p->permits[p->n_permits++] = o->remote;
	}
	p->relayed++;
	rig_put(r, r->now + p->delay, &p->relay, &o->remote, 62, o->data, o->len);
}

static inline void rig_send(struct rig *r, struct rig_peer *p, const struct adit_out *o)
{
	struct rig_sock *s = rig_sock_by(p, o->sock, 0);
	unsigned ttl = o->ttl ? o->ttl : 64;
	struct adit_addr from;
	struct adit_out copy = *o;
	struct stun_attr sealed;
	struct stun_msg m;
	uint8_t data[1500];

	if (o->sock == RIG_RELAY) {
		rig_relay(r, p, o);
		return;
	}
	if (!s) {
		p->bad_sends++;
		return;
	}
	r->to_decoy += adit_addr_eq_ip(&o->remote, &r->decoy);
	if (p->is_off)
		return;
	for (unsigned k = 0; k < r->n_peers; k++)
		if (adit_addr_eq_ip(&o->remote, &r->peers[k].outside) ||
		    adit_addr_eq_ip(&o->remote, &r->peers[k].inside)) {
			adit_time *first = o->ttl ? &p->low_at : &p->full_at;

			p->sent++;
			p->sent_low += o->ttl != 0;
			p->last_port = s->port;
			if (*first == ADIT_NEVER && o->ttl)
				p->low_order = r->order;
			if (*first == ADIT_NEVER)
				*first = r->now;
		}
	if (r->offer_at == ADIT_NEVER && stun_msg_parse(&m, o->data, o->len) == 0 && m.method == MEET_INTRODUCE &&
	    stun_msg_find(&m, MEET_ATTR_SEALED, &sealed) == 0)
		r->offer_at = r->now;
	memcpy(data, o->data, o->len);
	copy.data = data;
	if (ttl <= 1) {
		rig_expired(r, p, &copy, p->router);
		return;
	}
	from = adit_addr_with_port(p->outside, rig_out(r, p, s->port, &o->remote));
	if (ttl <= 2) {
		rig_expired(r, p, &copy, adit_addr_v4(198, 51, 100, 1, 0));
		return;
	}
	rig_put(r, r->now + p->delay, &from, &o->remote, ttl - 2, data, o->len);
}

/* Whenever nothing is under way it is folded and unfolded again: nobody may notice. */
static inline void rig_refold(struct rig_peer *p)
{
	size_t size = reach_folded_size(p->reach);
	struct reach *folded = size > 0 ? malloc(size) : NULL;

	if (!folded)
		return;
	reach_fold(p->reach, folded);
	memset(p->reach, 0, sizeof(*p->reach));
	reach_unfold(p->reach, folded);
	reach_done(folded);
	free(folded);
	p->folds++;
}

static inline void rig_drain(struct rig *r, struct rig_peer *p)
{
	struct reach_event ev;
	struct adit_out o;

	while (reach_output(p->reach, r->now, &o)) {
		struct rig_sock *s = rig_sock_by(p, o.sock, 0);

		if (o.kind == ADIT_OUT_OPEN)
			rig_open(r, p, &o);
		else if (o.kind == ADIT_OUT_SEND)
			rig_send(r, p, &o);
		else if (s)
			s->is_open = false;
	}
	while (reach_event(p->reach, &ev)) {
		p->last[ev.kind] = ev;
		p->count[ev.kind]++;
		if (ev.kind == REACH_EVENT_LEARNT)
			p->memory = *ev.memory;
		if (ev.kind == REACH_EVENT_VALID && p->valid_at == ADIT_NEVER)
			p->valid_at = r->now;
	}
	rig_refold(p);
}

static inline void rig_at_mediator(struct rig *r, struct rig_mediator *m, const struct rig_packet *in)
{
	struct stun_server_place place = {.local = in->to, .other = adit_addr_with_port(in->to, RIG_PORT + 1)};
	struct adit_dgram d = {.sock = 1, .local = in->to, .remote = in->from, .data = in->data, .len = in->len};
	struct stun_server_answer answer;
	struct meet_server_out out;
	struct rig_packet *passed;
	uint8_t buf[STUN_SERVER_PADDED_MAX + MEET_MSG_MAX];
	struct adit_addr from = in->to;
	adit_dur back = 0;

	if (m->is_dead)
		return;
	if (in->to.port == RIG_PORT && meet_server_input(m->meet, r->now, &d, buf, &out) == 1) {
		for (unsigned k = 0; k < r->n_peers; k++)
			if (adit_addr_eq_ip(&r->peers[k].outside, &out.remote))
				back = r->peers[k].delay;
		passed = rig_put(r, r->now + back, &in->to, &out.remote, 62, buf, out.len);
		if (passed && m == r->mediators && buf[0] == 2 && buf[1] == 0x83) /* an Introduce request */
			r->copy = *passed;
		return;
	}
	if (in->to.port != RIG_PORT)
		place.other.port = RIG_PORT;
	if (m->other.family != ADIT_FAMILY_NONE)
		place.other = m->other;
	if (stun_server_answer(m->stun, r->now, &place, &in->from, in->data, in->len, buf, &answer) != 1)
		return;
	for (unsigned k = 0; k < r->n_peers; k++)
		if (adit_addr_eq_ip(&r->peers[k].outside, &answer.remote))
			back = r->peers[k].delay;
	if (answer.change & STUN_SERVER_CHANGE_PORT)
		from.port = place.other.port;
	rig_put(r, r->now + back, &from, &answer.remote, 62, buf, answer.len);
}

static inline void rig_input_on(struct rig *r, struct rig_peer *p, const struct rig_packet *in, uint32_t sock,
				const struct adit_addr *local)
{
	uint8_t *copy = malloc(in->len ? in->len : 1);
	struct adit_dgram d = {.sock = sock, .local = *local, .remote = in->from, .data = copy, .len = in->len};

	memcpy(copy, in->data, in->len);
	(void)!reach_input(p->reach, r->now, &d);
	free(copy);
	rig_drain(r, p);
}

static inline void rig_input(struct rig *r, struct rig_peer *p, const struct rig_packet *in, uint16_t port)
{
	struct rig_sock *s = rig_sock_by(p, 0, port);
	struct adit_addr local = adit_addr_with_port(p->inside, port);

	if (s)
		rig_input_on(r, p, in, s->number, &local);
}

/* The sender's NAT knows whose packet the error is about. */
static inline void rig_unreachable(struct rig *r, const struct rig_packet *in)
{
	for (unsigned k = 0; k < r->n_peers; k++) {
		struct rig_peer *p = &r->peers[k];

		for (size_t i = 0; i < p->n_flows && adit_addr_eq_ip(&in->from, &p->outside); i++) {
			const struct rig_flow *f = &p->flows[i];
			const struct rig_sock *s = rig_sock_by(p, 0, f->inside);
			struct adit_icmp icmp = {.remote = in->to,
						 .offender = adit_addr_with_port(in->to, 0),
						 .type = 3,
						 .code = 3,
						 .data = in->data,
						 .len = in->len};

			if (f->outside != in->from.port || !adit_addr_eq(&f->remote, &in->to) || !s)
				continue;
			icmp.sock = s->number;
			reach_icmp(p->reach, r->now, &icmp);
			rig_drain(r, p);
			return;
		}
	}
}

static inline void rig_deliver(struct rig *r, const struct rig_packet *in)
{
	for (unsigned i = 0; i < r->n_mediators; i++)
		if (adit_addr_eq_ip(&in->to, &r->mediators[i].addr)) {
			rig_at_mediator(r, &r->mediators[i], in);
			return;
		}
	for (unsigned k = 0; k < r->n_peers; k++) {
		struct rig_peer *p = &r->peers[k];
		bool from_mediator = in->from.ip[0] == 203;
		uint16_t port;

		if (adit_addr_eq(&in->to, &p->relay)) {
			if (rig_relay_lets_in(p, &in->from))
				rig_input_on(r, p, in, RIG_RELAY, &p->relay);
			return;
		}
		if (!adit_addr_eq_ip(&in->to, &p->outside) || p->is_off || in->ttl < 1)
			continue;
		port = p->is_deaf && !from_mediator ? 0 : rig_in(p, in->to.port, &in->from);
		if (port != 0)
			rig_input(r, p, in, port);
		else if (p->is_blunt && !from_mediator)
			rig_unreachable(r, in);
		return;
	}
}

/* From one peer to another: the receiver's own way is added in the middle. */
static inline adit_dur rig_rest(const struct rig *r, const struct rig_packet *in)
{
	if (in->from.ip[0] == 203)
		return 0;
	for (unsigned k = 0; k < r->n_peers; k++)
		if (adit_addr_eq_ip(&in->to, &r->peers[k].outside))
			return r->peers[k].delay;
	return 0;
}

static inline bool rig_step(struct rig *r, adit_time end)
{
	adit_time at = end;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < r->n_wire; i++) {
		adit_time when = r->wire[i].at + rig_rest(r, &r->wire[i]);

		if (when < at || (when == at && best != SIZE_MAX && r->wire[i].order < r->wire[best].order)) {
			at = when;
			best = i;
		}
	}
	for (unsigned k = 0; k < r->n_peers; k++) {
		adit_time when = reach_deadline(r->peers[k].reach);

		if (when < at) {
			at = when;
			best = SIZE_MAX;
		}
	}
	if (at >= end)
		return false;
	r->now = at > r->now ? at : r->now;
	for (unsigned i = 0; i < r->n_mediators; i++)
		meet_server_tick(r->mediators[i].meet, r->now);
	if (best != SIZE_MAX) {
		struct rig_packet d = r->wire[best];

		r->wire[best] = r->wire[--r->n_wire];
		rig_deliver(r, &d);
	}
	for (unsigned k = 0; k < r->n_peers; k++) {
		if (reach_deadline(r->peers[k].reach) > r->now)
			continue; /* no tick that was not asked for: what it would hide is found */
		reach_tick(r->peers[k].reach, r->now);
		rig_drain(r, &r->peers[k]);
	}
	return true;
}

static inline void rig_run(struct rig *r, adit_dur d)
{
	adit_time end = r->now + d;

	for (unsigned k = 0; k < r->n_peers; k++)
		rig_drain(r, &r->peers[k]);
	while (rig_step(r, end))
		;
	r->now = end;
}

/* Until |p| has had |n| events of |kind|; false: not within |d|. */
static inline bool rig_until(struct rig *r, const struct rig_peer *p, enum reach_event_kind kind, unsigned n,
			     adit_dur d)
{
	adit_time end = r->now + d;

	for (unsigned k = 0; k < r->n_peers; k++)
		rig_drain(r, &r->peers[k]);
	while (p->count[kind] < n)
		if (!rig_step(r, end)) {
			r->now = end;
			return false;
		}
	return true;
}

/* ---- for tests ---- */

/* The peer's allocation is there, number |n|; 0: it is gone. */
static inline void rig_relay_set(struct rig *r, struct rig_peer *p, uint8_t n)
{
	struct reach_relay relay = {.sock = RIG_RELAY,
				    .server = adit_addr_v4(198, 51, 100, 9, 3478),
				    .mapped = adit_addr_with_port(p->outside, 5000)};

	p->relay = n ? adit_addr_v4(198, 51, 100, (uint8_t)(10 * n + (p - r->peers)), 50000) : (struct adit_addr){0};
	p->n_permits = 0;
	relay.relayed[0] = p->relay;
	reach_set_relay(p->reach, r->now, n ? &relay : NULL);
	rig_drain(r, p);
}

static inline void rig_print(void *ctx, enum adit_log_level level, const char *line)
{
	const struct rig *r = ctx;

	(void)level;
	printf("%9.3f %s\n", (double)(r->now - ADIT_SEC(1000)) / 1e9, line);
}

static inline int rig_setup(void **state, unsigned n_mediators)
{
	static struct adit_log verbose = {.write = rig_print, .level = ADIT_LOG_DECIDE};
	struct rig *r = rig_new(n_mediators);

	verbose.ctx = r;
	r->log = getenv("ADIT_TEST_VERBOSE") ? &verbose : NULL;
	*state = r;
	return 0;
}

static inline int rig_one(void **state)
{
	return rig_setup(state, 1);
}

static inline int rig_two(void **state)
{
	return rig_setup(state, 2);
}

static inline int rig_teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static inline struct rig_peer *rig_serving(struct rig *r, enum rig_nat nat, adit_dur delay)
{
	struct rig_peer *p = rig_peer(r, MEET_SERVE, nat, delay);

	reach_start(p->reach, r->now);
	rig_run(r, ADIT_SEC(5));
	assert_int_equal(p->count[REACH_EVENT_HELD], r->n_mediators);
	return p;
}

static inline struct rig_peer *rig_connecting(struct rig *r, enum rig_nat nat, adit_dur delay)
{
	struct rig_peer *p = rig_peer(r, MEET_CONNECT, nat, delay);

	reach_start(p->reach, r->now);
	return p;
}

static inline unsigned rig_open_socks(const struct rig_peer *p)
{
	unsigned n = 0;

	for (size_t i = 0; i < RIG_SOCKS; i++)
		n += p->socks[i].is_open;
	return n;
}

/* A new run of the same program: all its sockets are gone. */
static inline void rig_restart(struct rig *r, struct rig_peer *p, enum meet_role role, uint64_t instance)
{
	reach_done(p->reach);
	memset(p->socks, 0, sizeof(p->socks));
	memset(p->count, 0, sizeof(p->count));
	p->valid_at = ADIT_NEVER;
	rig_engine(r, p, role, instance);
	reach_start(p->reach, r->now);
}

#define RIG_TEST(mediators, name) cmocka_unit_test_setup_teardown(name, rig_##mediators, rig_teardown)

#endif
