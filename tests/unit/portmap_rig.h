/* A port mapping and its router, asked by hand: for portmap_test and portmap_answer_test. Include test.h first. */
#ifndef ADIT_PORTMAP_RIG_H
#define ADIT_PORTMAP_RIG_H

#include <string.h>

#include "base/bytes.h"
#include "core/portmap/portmap.h"

#define ASK  4
#define NEWS 5

/* A router that is asked by hand, in virtual time. */
struct rig {
	struct portmap p;
	struct adit_rng_seeded seed;
	adit_time now;
	struct adit_addr gateway;
	uint8_t last[64]; /* the last question */
	size_t last_len;
	unsigned pcp, address, map; /* questions so far */
	bool ask_open, news_open;
};

static inline struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static inline void drain(struct rig *r)
{
	struct adit_out o;

	while (portmap_output(&r->p, r->now, &o)) {
		if (o.kind != ADIT_OUT_SEND) {
			bool *open = o.sock == ASK ? &r->ask_open : &r->news_open;

			assert_true(o.sock == ASK || o.sock == NEWS);
			assert_int_equal(o.local.port, o.sock == ASK || o.kind == ADIT_OUT_CLOSE ? o.local.port : 5350);
			*open = o.kind == ADIT_OUT_OPEN;
			continue;
		}
		assert_true(o.sock == ASK && r->ask_open && o.len <= sizeof(r->last));
		assert_true(adit_addr_eq(&o.remote, &r->gateway));
		memcpy(r->last, o.data, o.len);
		r->last_len = o.len;
		r->pcp += o.len == PORTMAP_PCP_MAP_LEN;
		r->map += o.len == PORTMAP_PMP_MAP_LEN;
		r->address += o.len == PORTMAP_PMP_ADDRESS_LEN;
	}
}

static inline void start(struct rig *r, const char *gateway, const char *own, uint32_t lifetime)
{
	struct portmap_config cfg = {.gateway = addr(gateway), .own = addr(own), .lifetime = lifetime, .sock = ASK};

	memset(r, 0, sizeof(*r));
	r->now = ADIT_SEC(1000);
	r->gateway = adit_addr_with_port(cfg.gateway, 5351);
	cfg.rng = adit_rng_seeded_init(&r->seed, 7);
	portmap_init(&r->p, &cfg, r->now);
	drain(r);
}

static inline void start_v4(struct rig *r)
{
	start(r, "192.168.1.1", "192.168.1.23:4500", 7200);
}

static inline void run_until(struct rig *r, adit_time until)
{
	for (unsigned n = 0; portmap_deadline(&r->p) <= until; n++) {
		assert_true(n < 10000);
		if (portmap_deadline(&r->p) > r->now)
			r->now = portmap_deadline(&r->p);
		portmap_tick(&r->p, r->now);
		drain(r);
	}
	r->now = until;
	portmap_tick(&r->p, r->now);
	drain(r);
}

static inline void run_for(struct rig *r, adit_dur d)
{
	run_until(r, r->now + d);
}

static inline int from(struct rig *r, uint32_t sock, struct adit_addr remote, const uint8_t *data, size_t len)
{
	struct adit_dgram d = {.sock = sock, .remote = remote, .data = data, .len = len};
	int code = portmap_input(&r->p, r->now, &d);

	drain(r);
	return code;
}

static inline int say(struct rig *r, const uint8_t *data, size_t len)
{
	return from(r, ASK, r->gateway, data, len);
}

/* The answer to our last MAP question. */
static inline size_t pcp_answer(const struct rig *r, uint8_t result, uint32_t lifetime, uint32_t epoch,
				const char *external, uint8_t out[PORTMAP_PCP_MAP_LEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct adit_wr w = adit_wr_over(out, PORTMAP_PCP_MAP_LEN);
	struct adit_addr a = addr(external);

	adit_wr_u8(&w, 2);
	adit_wr_u8(&w, 0x81);
	adit_wr_u8(&w, 0);
	adit_wr_u8(&w, result);
	adit_wr_u32(&w, lifetime);
	adit_wr_u32(&w, epoch);
	adit_wr_zero(&w, 12);
	adit_wr_bytes(&w, r->p.nonce, PORTMAP_PCP_NONCE_LEN);
	adit_wr_u8(&w, 17);
	adit_wr_zero(&w, 3);
	adit_wr_u16(&w, 4500);
	adit_wr_u16(&w, a.port);
	if (adit_addr_is_v4(&a))
		adit_wr_bytes(&w, mapped, sizeof(mapped));
	adit_wr_bytes(&w, a.ip, adit_addr_is_v4(&a) ? 4 : 16);
	assert_int_equal(w.len, PORTMAP_PCP_MAP_LEN);
	return w.len;
}

static inline uint32_t epoch_of(const struct rig *r)
{
	return (uint32_t)(r->now / ADIT_SEC(1)) + 5000;
}

static inline int grant(struct rig *r, uint32_t lifetime, uint32_t epoch, const char *external)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];

	return say(r, buf, pcp_answer(r, 0, lifetime, epoch, external, buf));
}

static inline int refuse(struct rig *r, uint8_t result, uint32_t lifetime)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];

	return say(r, buf, pcp_answer(r, result, lifetime, epoch_of(r), "0.0.0.0", buf));
}

static inline int announce(struct rig *r, uint32_t epoch)
{
	uint8_t buf[24] = {
		2, 0x80, [8] = (uint8_t)(epoch >> 24), (uint8_t)(epoch >> 16), (uint8_t)(epoch >> 8), (uint8_t)epoch};

	return from(r, NEWS, r->gateway, buf, sizeof(buf));
}

static inline size_t pmp_bytes(uint8_t op, uint16_t result, uint32_t epoch, uint8_t *out, size_t cap,
			       struct adit_wr *ret_w)
{
	*ret_w = adit_wr_over(out, cap);
	adit_wr_u8(ret_w, 0);
	adit_wr_u8(ret_w, 128 + op);
	adit_wr_u16(ret_w, result);
	adit_wr_u32(ret_w, epoch);
	return ret_w->len;
}

static inline int pmp_error(struct rig *r, uint8_t op, uint16_t result)
{
	struct adit_wr w;
	uint8_t buf[8];

	return say(r, buf, pmp_bytes(op, result, epoch_of(r), buf, sizeof(buf), &w));
}

static inline int pmp_address(struct rig *r, uint32_t sock, uint32_t epoch, const char *external)
{
	struct adit_addr a = addr(external);
	struct adit_wr w;
	uint8_t buf[12];

	pmp_bytes(0, 0, epoch, buf, sizeof(buf), &w);
	adit_wr_bytes(&w, a.ip, 4);
	return from(r, sock, r->gateway, buf, w.len);
}

static inline int pmp_map(struct rig *r, uint32_t epoch, uint16_t internal, uint16_t external, uint32_t lifetime)
{
	struct adit_wr w;
	uint8_t buf[16];

	pmp_bytes(1, 0, epoch, buf, sizeof(buf), &w);
	adit_wr_u16(&w, internal);
	adit_wr_u16(&w, external);
	adit_wr_u32(&w, lifetime);
	return say(r, buf, w.len);
}

static inline struct portmap_event event(struct rig *r, enum portmap_event_kind kind)
{
	struct portmap_event e;

	assert_int_equal(portmap_event(&r->p, &e), 1);
	assert_int_equal(e.kind, kind);
	return e;
}

static inline void no_event(struct rig *r)
{
	struct portmap_event e;

	assert_int_equal(portmap_event(&r->p, &e), 0);
}

static inline void start_mapped(struct rig *r, uint32_t lifetime)
{
	start_v4(r);
	assert_int_equal(grant(r, lifetime, epoch_of(r), "203.0.113.9:4500"), 0);
	event(r, PORTMAP_EVENT_MAPPED);
}

static inline void start_pmp(struct rig *r)
{
	start_v4(r);
	assert_int_equal(pmp_error(r, 1, PORTMAP_PMP_VERSION), 0);
	assert_int_equal(pmp_address(r, ASK, epoch_of(r), "203.0.113.9"), 0);
	assert_int_equal(pmp_map(r, epoch_of(r), 4500, 4501, 3600), 0);
	assert_int_equal(event(r, PORTMAP_EVENT_MAPPED).protocol, PORTMAP_PMP);
}

#endif
