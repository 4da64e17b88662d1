/*
 * The check of a network, with everything that comes from outside chosen by the input: answers of all shapes with the
 * right transaction id or a wrong one, from anywhere, to any socket; ICMP errors; time; sockets that fail. Whatever
 * comes, it ends, closes its sockets, and its report holds only what can be printed.
 *
 * covers: src/core/stun/stun_client.c src/core/nat/nat_check.c src/core/nat/nat_check_plan.c
 */
#include "fuzz.h"

#include <string.h>

#include "core/nat/nat_check.h"
#include "core/stun/stun_attr.h"

#define SENT_MAX 64

struct sent {
	uint32_t sock;
	struct adit_addr to;
	uint8_t data[STUN_CLIENT_MSG_MAX];
	size_t len;
	bool is_answered; /* by honest(); once is enough */
};

static struct nat_check check;
static struct sent sent[SENT_MAX];
static size_t n_sent;
static int n_open;
static int open_max; /* descriptors there are */

static void drain(adit_time now)
{
	struct adit_out out;
	unsigned n = 0;

	while (nat_check_ops.output(&check, now, &out)) {
		FUZZ_CHECK(++n < 10000);
		if (out.kind == ADIT_OUT_OPEN && n_open >= open_max)
			nat_check_ops.sock_failed(&check, now, out.sock);
		else if (out.kind == ADIT_OUT_OPEN)
			n_open++;
		else if (out.kind == ADIT_OUT_CLOSE)
			n_open--;
		if (out.kind != ADIT_OUT_SEND)
			continue;
		FUZZ_CHECK(out.len <= STUN_CLIENT_MSG_MAX && out.remote.port != 0);
		sent[n_sent % SENT_MAX] = (struct sent){.sock = out.sock, .to = out.remote, .len = out.len};
		memcpy(sent[n_sent++ % SENT_MAX].data, out.data, out.len);
	}
}

static struct adit_addr read_addr(struct adit_rd *r)
{
	uint8_t kind = adit_rd_u8(r);
	struct adit_addr a = adit_addr_v4(203, 0, 113, (uint8_t)(kind & 3), adit_rd_u16(r));

	if (kind & 4)
		a.family = ADIT_FAMILY_V6;
	if (kind & 8)
		adit_rd_bytes(r, a.ip, adit_addr_is_v4(&a) ? 4 : 16);
	return a;
}

/* An answer to one of the requests that are out, as good or bad as the input says. */
static void answer(struct adit_rd *r, adit_time now)
{
	const struct sent *s = &sent[adit_rd_u8(r) % SENT_MAX];
	uint8_t how = adit_rd_u8(r);
	uint8_t buf[256];
	struct adit_dgram d = {.sock = s->sock, .remote = s->to, .data = buf};
	struct adit_addr mapped = read_addr(r);
	struct stun_build b;
	int len;

	if (s->len == 0)
		return;
	stun_build_begin(&b, buf, sizeof(buf), how & 1 ? STUN_ERROR : STUN_SUCCESS, STUN_BINDING, s->data + 8);
	if (how & 1)
		stun_build_error(&b, 300 + adit_rd_u8(r), "x");
	if (!(how & 2))
		stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped);
	if (how & 4) {
		struct adit_addr other = read_addr(r);

		stun_build_addr(&b, STUN_ATTR_OTHER_ADDRESS, &other);
	}
	if (how & 8) {
		struct adit_addr origin = read_addr(r);

		stun_build_addr(&b, STUN_ATTR_RESPONSE_ORIGIN, &origin);
	}
	if (how & 16)
		stun_build_bytes(&b, adit_rd_u16(r), &how, 1);
	if (how & 32)
		d.remote = read_addr(r);
	if (how & 64)
		d.sock = (uint32_t)adit_rd_u8(r);
	len = stun_build_end(&b);
	if (len < 0)
		return;
	d.len = (size_t)len;
	d.local = adit_addr_v4(192, 168, 1, 2, mapped.port);
	nat_check_ops.input(&check, now, &d);
}

/*
 * All that is out is answered by an honest server with a second place, and a NAT on the way that maps as |how| says;
 * some of what is asked for from elsewhere it keeps out.
 */
static void honest(struct adit_rd *r, adit_time now)
{
	uint8_t how = adit_rd_u8(r);
	size_t n = n_sent < SENT_MAX ? n_sent : SENT_MAX;

	for (size_t i = 0; i < n; i++) {
		struct sent *s = &sent[i];
		uint8_t buf[256], cookie[STUN_COOKIE_LEN] = {how};
		struct adit_dgram d = {.sock = s->sock, .remote = s->to, .data = buf};
		struct adit_addr other = s->to,
				 mapped = adit_addr_v4(203, 0, 113, 9, (uint16_t)(2000 + (uint16_t)s->sock));
		struct stun_attr a;
		struct stun_build b;
		struct stun_msg m;
		uint32_t change = 0;

		if (s->is_answered || stun_msg_parse(&m, s->data, s->len) < 0)
			continue;
		if (stun_msg_find(&m, STUN_ATTR_CHANGE_REQUEST, &a) == 0 && stun_attr_read_u32(&a, &change) == 0 &&
		    (how & change))
			continue;
		other.ip[3] ^= how & 8 ? 0 : 128;
		other.port ^= 1;
		if (how & 16)
			mapped.port = (uint16_t)(mapped.port + s->to.ip[3] + 7 * s->to.port);
		d.remote.port ^= change & STUN_CHANGE_PORT ? 1 : 0;
		d.local = adit_addr_v4(192, 168, 1, 2, how & 32 ? mapped.port : 5000);
		stun_build_begin(&b, buf, sizeof(buf), STUN_SUCCESS, STUN_BINDING, s->data + 8);
		stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped);
		stun_build_addr(&b, STUN_ATTR_OTHER_ADDRESS, &other);
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, how & 64 ? sizeof(cookie) : 5);
		d.len = (size_t)stun_build_end(&b);
		s->is_answered = true;
		nat_check_ops.input(&check, now, &d);
	}
}

static void icmp(struct adit_rd *r, adit_time now)
{
	const struct sent *s = &sent[adit_rd_u8(r) % SENT_MAX];
	struct adit_icmp e = {.sock = s->sock, .remote = s->to, .data = s->data, .len = s->len};

	e.type = adit_rd_u8(r);
	e.code = adit_rd_u8(r);
	e.offender = read_addr(r);
	nat_check_ops.icmp(&check, now, &e);
}

static void raw(struct adit_rd *r, adit_time now)
{
	const struct sent *s = &sent[adit_rd_u8(r) % SENT_MAX];
	size_t len = adit_rd_u8(r);
	struct adit_dgram d = {.sock = s->sock, .remote = s->to, .data = adit_rd_take(r, len), .len = len};

	if (!d.data)
		return;
	d.seg_size = len / 2;
	nat_check_ops.input(&check, now, &d);
	/* Our own request, come back. */
	d = (struct adit_dgram){.sock = s->sock, .remote = s->to, .data = s->data, .len = s->len};
	nat_check_ops.input(&check, now, &d);
}

static void look(void)
{
	const struct nat_report *r = nat_check_report(&check);
	const struct nat_view *views[] = {&r->v4, &r->v6};

	FUZZ_CHECK(r->n_servers <= NAT_SERVERS_MAX);
	for (size_t i = 0; i < r->n_servers; i++)
		FUZZ_CHECK(nat_server_state_name(r->server[i].state)[0]);
	for (size_t i = 0; i < 2; i++) {
		FUZZ_CHECK(views[i]->n_public <= NAT_PUBLICS_MAX && views[i]->n_hops <= NAT_TTL_MAX);
		FUZZ_CHECK(views[i]->low_ttl <= NAT_TTL_MAX && views[i]->honest <= views[i]->answered);
		FUZZ_CHECK(views[i]->life != NAT_LIFE_BETWEEN || views[i]->life_low < views[i]->life_high);
		FUZZ_CHECK(nat_kind_name(views[i]->kind)[0] && nat_port_kind_name(views[i]->ports.kind)[0]);
		FUZZ_CHECK(nat_way_name(nat_kind_way(views[i]->kind, NAT_KIND_STEADY))[0]);
	}
}

/* A driver says so instead of opening it, so there is nothing to close. */
static void fail_sock(uint32_t sock, adit_time now)
{
	nat_check_ops.sock_failed(&check, now, sock);
	n_open--;
}

static void op(struct adit_rd *r, adit_time *now)
{
	uint8_t what = adit_rd_u8(r);
	adit_time at;

	if (what < 150)
		answer(r, *now);
	else if (what < 170)
		icmp(r, *now);
	else if (what < 190)
		raw(r, *now);
	else if (what == 190)
		open_max = adit_rd_u8(r) % NAT_CHECK_SOCKS;
	else if (what < 195)
		fail_sock(sent[what % SENT_MAX].sock, *now);
	else if (what < 205)
		honest(r, *now);
	else if (what == 205)
		nat_check_stop(&check);
	else if (what < 225)
		*now += ADIT_MS(adit_rd_u8(r));
	else if ((at = nat_check_ops.deadline(&check)) != ADIT_NEVER && at > *now)
		*now = at;
	nat_check_ops.tick(&check, *now);
	drain(*now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size);
	struct adit_rng_seeded state;
	struct adit_rng rng = adit_rng_seeded_init(&state, 1);
	uint8_t head = adit_rd_u8(&r);
	struct nat_check_config cfg = {.rng = &rng, .n_servers = head % 6u, .lifetime = head & 8};
	adit_time now = ADIT_SEC(1);

	for (size_t i = 0; i < cfg.n_servers; i++) {
		cfg.server[i] = adit_addr_v4(198, 51, 100, (uint8_t)(1 + i), 3478);
		if (head & 16 && i & 1)
			cfg.server[i].family = ADIT_FAMILY_V6;
	}
	memset(sent, 0, sizeof(sent));
	n_sent = 0;
	n_open = 0;
	open_max = 2 * NAT_CHECK_SOCKS;
	nat_check_init(&check, now, &cfg);
	drain(now);
	while (adit_rd_left(&r) > 0) {
		op(&r, &now);
		look();
	}
	/* Left alone it ends: in minutes, not in rounds without end. */
	FUZZ_CHECK(nat_check_progress(&check, now).done <= nat_check_progress(&check, now).asked);
	for (unsigned i = 0; !nat_check_is_done(&check); i++) {
		adit_time at = nat_check_ops.deadline(&check);

		FUZZ_CHECK(i < 100000 && at != ADIT_NEVER);
		if (at > now)
			now = at;
		nat_check_ops.tick(&check, now);
		drain(now);
	}
	drain(now);
	look();
	FUZZ_CHECK(n_open <= 0 && nat_check_ops.deadline(&check) == ADIT_NEVER);
	return 0;
}
