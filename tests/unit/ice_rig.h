/*
 * ICE agents on a bench, wired together: every datagram arrives after RIG_DELAY, unless the filter of the sender drops
 * it. Addresses are what they seem, there is no NAT; tests/sim has those.
 */
#ifndef ADIT_TEST_ICE_RIG_H
#define ADIT_TEST_ICE_RIG_H

#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_agent.h"
#include "core/stun/stun_attr.h"
#include "crypto/crypto.h"

#define RIG_DELAY    ADIT_MS(10)
#define RIG_WIRE_MAX 256
#define RIG_LOG_MAX  4096

struct rig_packet {
	adit_time at;
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	size_t len;
	uint8_t data[ICE_MSG_MAX];
};

/* One agent, and what it said and was told. */
struct rig {
	struct ice_agent a;
	struct ice_config cfg;
	struct adit_rng_seeded rng;
	adit_time now;
	bool is_deaf; /* what it is sent is lost */
	bool is_mute; /* what it sends is lost */
	struct rig_packet log[RIG_LOG_MAX]; /* what it has sent */
	size_t n;
	size_t seen; /* up to here it has been put on the wire */
	struct ice_candidate cands[ICE_LOCALS_MAX];
	size_t n_cands;
	unsigned events[ICE_EVENT_LOST + 1];
	struct ice_event last[ICE_EVENT_LOST + 1];
	adit_time event_at[ICE_EVENT_LOST + 1]; /* the first of each */
};

/* Started at now = 1 s. */
static inline void rig_init(struct rig *r, enum ice_role role, uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	r->now = ADIT_SEC(1);
	r->cfg =
		(struct ice_config){.role = role, .crypto = &crypto_gnutls, .rng = adit_rng_seeded_init(&r->rng, seed)};
}

static inline void rig_begin(struct rig *r)
{
	ice_agent_init(&r->a, &r->cfg, r->now);
}

/* 198.51.100.|host| : 5000 on socket 0. */
static inline struct adit_addr rig_addr(uint8_t host)
{
	return adit_addr_v4(198, 51, 100, host, 5000);
}

static inline void rig_drain(struct rig *r)
{
	struct adit_out o;
	struct ice_event ev;

	while (ice_agent_output(&r->a, r->now, &o)) {
		struct rig_packet *p = &r->log[r->n++];

		assert_true(r->n < RIG_LOG_MAX && o.kind == ADIT_OUT_SEND && o.len <= sizeof(p->data));
		assert_true(o.remote.port != 0 && o.local.port != 0);
		*p = (struct rig_packet){
			.at = r->now, .sock = o.sock, .local = o.local, .remote = o.remote, .len = o.len};
		memcpy(p->data, o.data, o.len);
	}
	while (ice_agent_event(&r->a, &ev)) {
		if (ev.kind == ICE_EVENT_CANDIDATE)
			r->cands[r->n_cands++] = ev.cand;
		if (r->events[ev.kind]++ == 0)
			r->event_at[ev.kind] = r->now;
		r->last[ev.kind] = ev;
	}
}

static inline int rig_input(struct rig *r, const struct adit_addr *local, const struct adit_addr *remote,
			    const uint8_t *data, size_t len)
{
	struct adit_dgram d = {.local = *local, .remote = *remote, .data = data, .len = len};
	int result = ice_agent_input(&r->a, r->now, &d);

	rig_drain(r);
	return result;
}

/* Alone for |d|. */
static inline void rig_run(struct rig *r, adit_dur d)
{
	adit_time until = r->now + d;

	rig_drain(r);
	do {
		adit_time at = ice_agent_deadline(&r->a);

		r->now = at < r->now ? r->now : at > until ? until : at;
		ice_agent_tick(&r->a, r->now);
		rig_drain(r);
		assert_true(ice_agent_deadline(&r->a) > r->now);
	} while (r->now < until);
}

static inline bool rig_has(const struct rig *r, const struct adit_addr *addr)
{
	for (size_t i = 0; i < ICE_BASES_MAX; i++)
		if (r->a.bases[i].is_used && adit_addr_eq(&r->a.bases[i].addr, addr))
			return true;
	return false;
}

/* When the next packet of |from| arrives at |to|. */
static inline adit_time rig_next(const struct rig *from)
{
	return from->seen < from->n ? from->log[from->seen].at + RIG_DELAY : ADIT_NEVER;
}

static inline void rig_deliver(struct rig *from, struct rig *to)
{
	while (rig_next(from) <= to->now) {
		const struct rig_packet *p = &from->log[from->seen++];

		if (!from->is_mute && !to->is_deaf && rig_has(to, &p->remote))
			(void)rig_input(to, &p->remote, &p->local, p->data, p->len);
	}
}

/* Both live for |d|, with the wire between them. */
static inline void rig_run_both(struct rig *x, struct rig *y, adit_dur d)
{
	adit_time until = x->now + d;

	assert_true(x->now == y->now);
	rig_drain(x);
	rig_drain(y);
	do {
		adit_time at = adit_time_min(adit_time_min(ice_agent_deadline(&x->a), ice_agent_deadline(&y->a)),
					     adit_time_min(rig_next(x), rig_next(y)));

		x->now = y->now = at < x->now ? x->now : at > until ? until : at;
		rig_deliver(x, y);
		rig_deliver(y, x);
		ice_agent_tick(&x->a, x->now);
		ice_agent_tick(&y->a, y->now);
		rig_drain(x);
		rig_drain(y);
	} while (x->now < until);
}

/* |to| learns the description of |from|, with all its candidates so far. */
static inline void rig_describe(struct rig *from, struct rig *to)
{
	struct ice_remote_desc desc = {.cred = *ice_agent_cred(&from->a), .has_ice2 = true};

	rig_drain(from);
	assert_int_equal(ice_agent_set_remote(&to->a, to->now, &desc), 0);
	for (size_t i = 0; i < from->n_cands; i++)
		(void)!ice_agent_add_remote(&to->a, to->now, &from->cands[i]);
	ice_agent_end_remote(&to->a, to->now);
}

/* One host address each, described to each other. */
static inline void rig_pair(struct rig *x, enum ice_role role_x, struct rig *y, enum ice_role role_y)
{
	struct adit_addr ax = rig_addr(1);
	struct adit_addr ay = rig_addr(2);

	rig_init(x, role_x, 11);
	rig_init(y, role_y, 22);
	rig_begin(x);
	rig_begin(y);
	assert_int_equal(ice_agent_add_host(&x->a, x->now, 0, &ax, ICE_IFACE_NORMAL), 0);
	assert_int_equal(ice_agent_add_host(&y->a, y->now, 0, &ay, ICE_IFACE_NORMAL), 0);
	ice_agent_gather(&x->a, x->now, false);
	ice_agent_gather(&y->a, y->now, false);
}

/* What a message says, by the codec that is tested elsewhere. */
static inline struct stun_msg rig_parse(const struct rig_packet *p)
{
	struct stun_msg m;

	assert_int_equal(stun_msg_parse(&m, p->data, p->len), 0);
	return m;
}

static inline bool rig_is_request(const struct rig_packet *p)
{
	return p->data[0] == 0 && p->data[1] == 1;
}

static inline bool rig_has_attr(const struct rig_packet *p, uint16_t type)
{
	struct stun_msg m = rig_parse(p);
	struct stun_attr a;

	return stun_msg_find(&m, type, &a) == 0;
}

/* How many requests |r| has sent that carry |type| (0: all) since |from|. */
static inline unsigned rig_requests(const struct rig *r, uint16_t type, adit_time from)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->log[i].at >= from && rig_is_request(&r->log[i]) && (!type || rig_has_attr(&r->log[i], type));
	return n;
}

#endif
