/* One TURN client and its server (turn_rig.h), nothing between. Include test.h first. */
#ifndef ADIT_TURN_PAIR_H
#define ADIT_TURN_PAIR_H

#include "turn_rig.h"

#define SOCK 7

struct rig {
	struct turn t;
	struct rig_server s;
	struct rig_server other; /* where a redirection leads */
	struct adit_rng_seeded seed;
	struct turn_config cfg;
	adit_time now;
	unsigned opened, closed;
	bool is_cut; /* nothing goes through */
	uint8_t out[TURN_OUT_MIN * 8];
};

static inline void drain(struct rig *r)
{
	uint8_t buf[1500];
	struct adit_out o;

	while (turn_output(&r->t, r->now, &o)) {
		struct rig_server *s = adit_addr_eq(&o.remote, &r->other.addr) ? &r->other : &r->s;
		struct adit_dgram d = {.sock = SOCK, .remote = s->addr, .data = buf};
		size_t seg = o.seg_size ? o.seg_size : o.len;

		assert_int_equal(o.sock, SOCK);
		r->opened += o.kind == ADIT_OUT_OPEN;
		r->closed += o.kind == ADIT_OUT_CLOSE;
		if (o.kind != ADIT_OUT_SEND || r->is_cut)
			continue;
		assert_true(adit_addr_eq(&o.remote, &s->addr));
		for (size_t at = 0; at < o.len; at += seg) {
			d.len = rig_take(s, o.data + at, o.len - at < seg ? o.len - at : seg, buf, sizeof(buf));
			if (d.len > 0)
				assert_int_equal(turn_input(&r->t, r->now, &d), 0);
		}
	}
}

static inline void run_until(struct rig *r, adit_time until)
{
	drain(r);
	while (turn_deadline(&r->t) <= until) {
		assert_true(turn_deadline(&r->t) >= r->now);
		r->now = turn_deadline(&r->t);
		turn_tick(&r->t, r->now);
		drain(r);
	}
	r->now = until;
	turn_tick(&r->t, r->now);
	drain(r);
}

static inline void run_for(struct rig *r, adit_dur d)
{
	run_until(r, r->now + d);
}

static inline void prepare(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->now = ADIT_SEC(1000);
	rig_server_init(&r->s, "192.0.2.1:3478");
	rig_server_init(&r->other, "192.0.2.9:3478");
	r->cfg = (struct turn_config){.server = {.addr = r->s.addr, .user = "ann", .pass = "secret"},
				      .sock = SOCK,
				      .crypto = &crypto_gnutls,
				      .rng = adit_rng_seeded_init(&r->seed, 1),
				      .out = r->out,
				      .out_cap = sizeof(r->out)};
}

static inline void begin(struct rig *r)
{
	assert_int_equal(turn_init(&r->t, &r->cfg), 0);
	turn_start(&r->t, r->now);
	drain(r);
}

/* The next event, which must be |kind|. */
static inline struct turn_event event(struct rig *r, enum turn_event_kind kind)
{
	struct turn_event e = {0};

	assert_int_equal(turn_event(&r->t, &e), 1);
	assert_int_equal(e.kind, kind);
	return e;
}

static inline void no_event(struct rig *r)
{
	struct turn_event e;

	assert_int_equal(turn_event(&r->t, &e), 0);
}

static inline void ready(struct rig *r)
{
	event(r, TURN_EVENT_HELD);
	event(r, TURN_EVENT_READY);
	no_event(r);
}

/* From nothing to an allocation. */
static inline void allocate(struct rig *r)
{
	prepare(r);
	begin(r);
	ready(r);
}

static inline struct adit_addr peer_addr(void)
{
	return rig_addr("198.51.100.77:7000");
}

static inline int send_text(struct rig *r, const char *text)
{
	struct adit_addr peer = peer_addr();
	int err = turn_send(&r->t, r->now, &peer, text, strlen(text), 0);

	drain(r);
	return err;
}

static inline struct adit_dgram from_server(struct rig *r, const uint8_t *data, size_t len)
{
	return (struct adit_dgram){.sock = SOCK, .remote = r->s.addr, .data = data, .len = len};
}

#endif
