/*
 * A byte string as a sequence of operations on a port mapping: true answers with one thing wrong, garbage, time,
 * commands. Whatever comes: it asks the gateway alone, from its own socket, within a rate; ends when it is told to.
 *
 * covers: src/core/portmap/portmap.c src/core/portmap/portmap_answer.c
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/portmap/portmap.h"

#define SOCK 3

struct world {
	struct portmap p;
	struct adit_rng_seeded seed;
	adit_time now;
	struct adit_addr gateway;
	bool is_v6;
};

static void drain(struct world *w)
{
	struct portmap_event e;
	struct adit_out o;
	unsigned n = 0;

	while (portmap_output(&w->p, w->now, &o)) {
		FUZZ_CHECK(++n < 10 && (o.sock == SOCK || o.sock == SOCK + 1));
		if (o.kind != ADIT_OUT_SEND)
			continue;
		FUZZ_CHECK(o.sock == SOCK && o.len <= PORTMAP_PCP_MAP_LEN && adit_addr_eq(&o.remote, &w->gateway));
		FUZZ_CHECK(!w->is_v6 || o.len == PORTMAP_PCP_MAP_LEN);
		fuzz_touch(o.data, o.len);
	}
	while (portmap_event(&w->p, &e)) {
		FUZZ_CHECK(++n < 30 && e.reason);
		if (e.kind <= PORTMAP_EVENT_RESTORED)
			FUZZ_CHECK(e.external.port != 0 && e.lifetime >= PORTMAP_LIFETIME_MIN &&
				   e.lifetime <= PORTMAP_LIFETIME_MAX);
	}
	if (portmap_external(&w->p))
		FUZZ_CHECK(portmap_external(&w->p)->port != 0 && !portmap_is_done(&w->p));
}

static void deliver(struct world *w, uint8_t flags, const uint8_t *data, size_t len)
{
	uint8_t *copy = fuzz_exact(data, len);
	struct adit_dgram d = {.sock = flags & 1 ? SOCK + 1 : SOCK, .remote = w->gateway, .data = copy, .len = len};

	if ((flags & 6) == 6)
		d.remote.port++;
	(void)!portmap_input(&w->p, w->now, &d);
	free(copy);
}

static void put_address(struct adit_wr *o, bool is_v6, uint8_t host)
{
	static const uint8_t v6[15] = {0x20, 0x01, 0x0d, 0xb8};
	static const uint8_t v4[15] = {[10] = 0xff, [11] = 0xff, 203, 0, 113};

	adit_wr_bytes(o, is_v6 ? v6 : v4, 15);
	adit_wr_u8(o, host);
}

static void op_pcp(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	uint8_t result = flags & 8 ? adit_rd_u8(r) : 0;
	uint32_t lifetime = flags & 16 ? adit_rd_u32(r) : 600;
	uint32_t epoch = flags & 32 ? adit_rd_u32(r) : (uint32_t)(w->now / ADIT_SEC(1));
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct adit_wr o = adit_wr_over(buf, sizeof(buf));
	size_t len = flags & 64 ? 24 : sizeof(buf);

	adit_wr_u8(&o, 2);
	adit_wr_u8(&o, flags & 64 ? 0x80 : 0x81);
	adit_wr_u8(&o, 0);
	adit_wr_u8(&o, result);
	adit_wr_u32(&o, lifetime);
	adit_wr_u32(&o, epoch);
	adit_wr_zero(&o, 12);
	adit_wr_bytes(&o, w->p.nonce, sizeof(w->p.nonce));
	adit_wr_u8(&o, PORTMAP_UDP);
	adit_wr_zero(&o, 3);
	adit_wr_u16(&o, w->p.cfg.own.port);
	adit_wr_u16(&o, lifetime == 0 ? 0 : 4500);
	put_address(&o, w->is_v6, result);
	if (flags & 128) {
		uint8_t at = adit_rd_u8(r);

		buf[at % len] ^= adit_rd_u8(r);
	}
	deliver(w, flags, buf, len);
}

static void op_pmp(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	uint16_t result = flags & 8 ? adit_rd_u8(r) % 7u : 0;
	uint32_t lifetime = flags & 16 ? adit_rd_u32(r) : 600;
	uint32_t epoch = flags & 32 ? adit_rd_u32(r) : (uint32_t)(w->now / ADIT_SEC(1));
	uint8_t buf[16];
	struct adit_wr o = adit_wr_over(buf, sizeof(buf));

	adit_wr_u8(&o, 0);
	adit_wr_u8(&o, flags & 64 ? 0x80 : 0x81);
	adit_wr_u16(&o, result);
	adit_wr_u32(&o, epoch);
	if (flags & 64) {
		adit_wr_u32(&o, 0xcb007100u | (lifetime & 0xff));
	} else {
		adit_wr_u16(&o, w->p.cfg.own.port);
		adit_wr_u16(&o, lifetime == 0 ? 0 : 4500);
		adit_wr_u32(&o, lifetime);
	}
	if (flags & 128)
		buf[adit_rd_u8(r) % o.len] ^= adit_rd_u8(r);
	deliver(w, flags, buf, o.len);
}

static void op_garbage(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	size_t len = adit_rd_u8(r);

	if (len > adit_rd_left(r))
		len = adit_rd_left(r);
	deliver(w, flags, r->buf + r->pos, len);
	adit_rd_skip(r, len);
}

static void op_time(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	adit_time at = portmap_deadline(&w->p);

	w->now += how & 1 ? ADIT_MS(100) * how : 0;
	if (!(how & 1) && at != ADIT_NEVER && at > w->now)
		w->now = at;
	portmap_tick(&w->p, w->now);
}

static void op_icmp(struct world *w, struct adit_rd *r)
{
	struct adit_icmp icmp = {.sock = SOCK, .remote = w->gateway, .offender = w->gateway};

	icmp.type = adit_rd_u8(r) % 4;
	icmp.code = w->is_v6 ? 4 : 3;
	portmap_icmp(&w->p, w->now, &icmp);
}

static void op_command(struct world *w, struct adit_rd *r)
{
	switch (adit_rd_u8(r) % 6) {
	case 0:
		portmap_check(&w->p, w->now);
		break;
	case 1:
		portmap_verify_failed(&w->p, w->now);
		break;
	case 2:
		portmap_verify_passed(&w->p);
		break;
	case 3:
		portmap_end(&w->p, w->now);
		break;
	case 4:
		portmap_sock_failed(&w->p, w->now, SOCK + 1);
		break;
	default:
		portmap_sock_failed(&w->p, w->now, SOCK);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(struct world *, struct adit_rd *) = {op_pcp,  op_pmp,     op_time,   op_time,
									op_icmp, op_command, op_garbage};
	static const uint8_t router6[16] = {0xfe, 0x80, [15] = 1};
	static const uint8_t own6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 5};
	struct adit_rd r = adit_rd_over(data, size);
	struct world w = {.now = ADIT_SEC(100), .is_v6 = adit_rd_u8(&r) & 1};
	struct portmap_config cfg = {.sock = SOCK};

	cfg.gateway = w.is_v6 ? adit_addr_v6(router6, 0) : adit_addr_v4(192, 168, 1, 1, 0);
	cfg.own = w.is_v6 ? adit_addr_v6(own6, 4500) : adit_addr_v4(192, 168, 1, 2, 4500);
	cfg.rng = adit_rng_seeded_init(&w.seed, 1);
	w.gateway = adit_addr_with_port(cfg.gateway, PORTMAP_SERVER_PORT);
	portmap_init(&w.p, &cfg, w.now);
	drain(&w);
	while (adit_rd_left(&r) > 0) {
		ops[adit_rd_u8(&r) % ARRAY_LEN(ops)](&w, &r);
		drain(&w);
	}
	portmap_end(&w.p, w.now);
	for (unsigned i = 0; !portmap_is_done(&w.p); i++) {
		FUZZ_CHECK(i < 20);
		drain(&w);
		if (portmap_deadline(&w.p) > w.now)
			w.now = portmap_deadline(&w.p);
		portmap_tick(&w.p, w.now);
	}
	drain(&w);
	return 0;
}
