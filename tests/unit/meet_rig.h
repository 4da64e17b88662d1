/*
 * Mediators and peers in virtual time, with real cryptography: datagrams take each peer's own time one way. What goes
 * over the wire can be watched and lost.
 */
#ifndef ADIT_TEST_MEET_RIG_H
#define ADIT_TEST_MEET_RIG_H

#include <stdlib.h>
#include <string.h>

#include "core/meet/meet_client.h"
#include "core/meet/meet_server.h"
#include "crypto/crypto.h"
#include "crypto/crypto_identity.h"
#include "crypto/crypto_meet.h"

#define RIG_PEERS     4
#define RIG_MEDIATORS 2
#define RIG_WIRE      256
#define RIG_SLOTS     1024
#define RIG_UTC       (UINT64_C(1790000000) * ADIT_SEC(1))

struct rig_dgram {
	adit_time at;
	struct adit_addr from, to;
	size_t len;
	uint8_t data[MEET_MSG_MAX];
};

struct rig_peer {
	struct meet_client c;
	struct adit_addr addr;
	adit_dur delay; /* one way to any mediator */
	struct meet_event last[8]; /* the newest event of each kind */
	struct meet_offer offer; /* the newest offer or answer that came */
	struct meet_relay relay; /* the newest that was lent */
	unsigned count[8]; /* how many of each kind */
	bool answers; /* offers, at once */
	adit_time start_at;
};

struct rig {
	adit_time now;
	struct adit_rng_seeded seeded;
	struct adit_rng rng;
	struct meet_server *servers[RIG_MEDIATORS];
	struct meet_peer *slots[RIG_MEDIATORS];
	struct adit_addr server_addr[RIG_MEDIATORS];
	bool dead[RIG_MEDIATORS];
	struct rig_peer peers[RIG_PEERS];
	unsigned n_peers;
	struct rig_dgram wire[RIG_WIRE];
	size_t n_wire;
	unsigned sent; /* by peers */
	unsigned drop_from; /* every how many of the peers' datagrams one is lost; 0: none */
	struct rig_dgram copy; /* the last datagram to a mediator of this method */
	uint16_t copy_method;
	struct crypto_identity identity;
	uint8_t k[MEET_K_LEN];
	struct meet_lender lender; /* of the mediators, if it has a URI */
	uint8_t hosts[2][MEET_KEY_LEN];
};

static inline struct meet_offer rig_offer(void)
{
	struct meet_offer o = {.ufrag = "abcdefgh", .pwd = "0123456789012345678901", .n_cands = 2, .extra_len = 1};

	o.cands[0] =
		(struct meet_cand){.type = 1, .foundation = 1, .priority = 5, .addr = adit_addr_v4(10, 0, 0, 1, 99)};
	o.cands[1] = (struct meet_cand){.type = 2, .foundation = 2, .priority = 4};
	o.cands[1].addr.family = ADIT_FAMILY_V6;
	o.cands[1].addr.ip[15] = 1;
	o.cands[1].addr.port = 7;
	o.extra[0] = 42;
	return o;
}

static inline void rig_server(struct rig *r, unsigned i)
{
	struct meet_server_config cfg = {
		.crypto = &crypto_meet, .rng = r->rng, .lender = r->lender.n_uris ? &r->lender : NULL};

	free(r->slots[i]);
	r->slots[i] = calloc(RIG_SLOTS, sizeof(*r->slots[i]));
	meet_server_init(r->servers[i], r->now, &cfg, r->slots[i], RIG_SLOTS);
	meet_server_set_utc(r->servers[i], r->now, RIG_UTC + r->now);
}

/* The mediators lend relays from here on, to who is answered by the rig's identity where |to_us|. */
static inline void rig_lend(struct rig *r, bool to_us)
{
	static const uint8_t secret[] = "0123456789abcdef";

	r->lender = (struct meet_lender){.crypto = &crypto_gnutls,
					 .n_uris = 2,
					 .uris = {"turn:relay.example:3478", "turns:relay.example?transport=tcp"},
					 .secret = secret,
					 .secret_len = sizeof(secret) - 1,
					 .hosts = (const uint8_t(*)[MEET_KEY_LEN])r->hosts,
					 .n_hosts = 2};
	memset(r->hosts, 0xff, sizeof(r->hosts));
	memcpy(r->hosts[0], r->identity.public_key, MEET_KEY_LEN);
	r->hosts[0][0] ^= !to_us;
	for (unsigned i = 0; i < RIG_MEDIATORS; i++)
		rig_server(r, i);
}

static inline struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	uint8_t seed[CRYPTO_KEY_LEN] = {7};

	r->now = ADIT_SEC(1000);
	r->rng = adit_rng_seeded_init(&r->seeded, 1);
	(void)crypto_rng(); /* libsodium is ready from here on */
	crypto_identity_from_seed(&r->identity, seed);
	memset(r->k, 0x11, sizeof(r->k));
	for (uint8_t i = 0; i < RIG_MEDIATORS; i++) {
		r->servers[i] = calloc(1, sizeof(*r->servers[i]));
		r->server_addr[i] = adit_addr_v4(203, 0, 113, (uint8_t)(1 + i), 3478);
		rig_server(r, i);
	}
	return r;
}

static inline void rig_free(struct rig *r)
{
	for (unsigned i = 0; i < r->n_peers; i++)
		meet_client_done(&r->peers[i].c);
	for (unsigned i = 0; i < RIG_MEDIATORS; i++) {
		free(r->servers[i]);
		free(r->slots[i]);
	}
	free(r);
}

/* |k| NULL: the rig's. */
static inline struct rig_peer *rig_peer(struct rig *r, enum meet_role role, adit_dur delay, const uint8_t *k)
{
	struct rig_peer *p = &r->peers[r->n_peers];
	struct meet_client_config cfg = {
		.role = role, .crypto = &crypto_gnutls, .meet_crypto = &crypto_meet, .rng = r->rng, .borrow = true};
	static const char *const names[RIG_MEDIATORS] = {"one.example", "two.example"};

	memcpy(cfg.k, k ? k : r->k, sizeof(cfg.k));
	memcpy(cfg.key, r->identity.public_key, sizeof(cfg.key));
	memcpy(cfg.seed, r->identity.seed, sizeof(cfg.seed));
	meet_client_init(&p->c, r->now, &cfg);
	meet_client_set_utc(&p->c, r->now, RIG_UTC + r->now);
	for (unsigned i = 0; i < RIG_MEDIATORS; i++)
		(void)!meet_client_add(&p->c, names[i], &r->server_addr[i]);
	p->addr = adit_addr_v4(192, 0, (uint8_t)(2 + r->n_peers), 7, 40000);
	p->delay = delay;
	p->answers = true;
	r->n_peers++;
	return p;
}

static inline struct rig_dgram *rig_put(struct rig *r, adit_time at, const struct adit_addr *from,
					const struct adit_addr *to, const uint8_t *data, size_t len)
{
	struct rig_dgram *d = &r->wire[r->n_wire++];

	if (r->n_wire == RIG_WIRE)
		abort();
	*d = (struct rig_dgram){.at = at, .from = *from, .to = *to, .len = len};
	memcpy(d->data, data, len);
	return d;
}

static inline void rig_drain(struct rig *r, struct rig_peer *p)
{
	struct meet_event ev;
	struct adit_out o;

	do {
		while (meet_client_output(&p->c, r->now, &o)) {
			struct stun_msg m;
			struct rig_dgram *d;

			if (r->drop_from && ++r->sent % r->drop_from == 0)
				continue;
			d = rig_put(r, r->now + p->delay, &p->addr, &o.remote, o.data, o.len);
			if (stun_msg_parse(&m, d->data, d->len) == 0 && m.method == r->copy_method)
				r->copy = *d;
		}
		while (meet_client_event(&p->c, &ev)) {
			p->last[ev.kind] = ev;
			p->count[ev.kind]++;
			if (ev.offer)
				p->offer = *ev.offer;
			if (ev.relay)
				p->relay = *ev.relay;
			if (ev.kind == MEET_EVENT_OFFER && p->answers) {
				struct meet_offer answer = rig_offer();

				answer.extra[0] = 43;
				(void)!meet_client_answer(&p->c, r->now, ev.ask, &answer, &p->start_at);
			}
		}
	} while (p->c.asks[0].want_send || p->c.asks[1].want_send || p->c.asks[2].want_send || p->c.asks[3].want_send);
}

/* At a mediator: what it says goes back, or on, with the delay of whom it is for. Returns what the server returned. */
static inline int rig_at_server(struct rig *r, unsigned i, const struct rig_dgram *in, struct meet_server_out *out,
				uint8_t *buf)
{
	uint8_t *copy = malloc(in->len ? in->len : 1);
	struct adit_dgram d = {.sock = 1, .local = r->server_addr[i], .remote = in->from, .data = copy, .len = in->len};
	int n;

	memcpy(copy, in->data, in->len);
	n = meet_server_input(r->servers[i], r->now, &d, buf, out);
	free(copy);
	return n;
}

static inline void rig_deliver(struct rig *r, const struct rig_dgram *d)
{
	for (unsigned i = 0; i < RIG_MEDIATORS; i++) {
		struct meet_server_out out;
		uint8_t buf[MEET_MSG_MAX];

		if (!adit_addr_eq(&d->to, &r->server_addr[i]) || r->dead[i] || rig_at_server(r, i, d, &out, buf) != 1)
			continue;
		for (unsigned k = 0; k < r->n_peers; k++)
			if (adit_addr_eq(&r->peers[k].addr, &out.remote))
				rig_put(r, r->now + r->peers[k].delay, &r->server_addr[i], &out.remote, buf, out.len);
	}
	for (unsigned k = 0; k < r->n_peers; k++) {
		if (!adit_addr_eq(&d->to, &r->peers[k].addr))
			continue;
		(void)!meet_client_input(&r->peers[k].c, r->now, &d->from, d->data, d->len);
		rig_drain(r, &r->peers[k]);
	}
}

/* The next thing that happens before |end|; false: nothing. */
static inline bool rig_step(struct rig *r, adit_time end)
{
	adit_time at = end;
	size_t best = r->n_wire;

	for (size_t i = 0; i < r->n_wire; i++)
		if (r->wire[i].at < at || (r->wire[i].at == at && best == r->n_wire)) {
			at = r->wire[i].at;
			best = i;
		}
	for (unsigned k = 0; k < r->n_peers; k++)
		if (meet_client_deadline(&r->peers[k].c) < at) {
			at = meet_client_deadline(&r->peers[k].c);
			best = SIZE_MAX;
		}
	if (at >= end)
		return false;
	r->now = at > r->now ? at : r->now;
	for (unsigned i = 0; i < RIG_MEDIATORS; i++)
		meet_server_tick(r->servers[i], r->now);
	if (best != SIZE_MAX) {
		struct rig_dgram d = r->wire[best];

		r->wire[best] = r->wire[--r->n_wire];
		rig_deliver(r, &d);
	}
	for (unsigned k = 0; k < r->n_peers; k++) {
		meet_client_tick(&r->peers[k].c, r->now);
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

#endif
