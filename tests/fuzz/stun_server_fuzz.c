/*
 * Any datagrams at a STUN server, with and without a second address, over both families, with and without limits. What
 * comes out is a STUN answer (or one of RFC 3489) that keeps the promised lengths and goes where the asker is.
 *
 * covers: src/core/stun/stun_server.c src/core/stun/stun_limit.c src/core/stun/stun_cookie.c
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_msg.h"
#include "core/stun/stun_server.h"

static void zeroes(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	memset(buf, 0, len);
}

static struct adit_addr some_addr(uint8_t how, uint8_t host, uint16_t port)
{
	struct adit_addr a = adit_addr_v4(203, 0, 113, host, port);

	if (how & 1) {
		a = adit_addr_v6(a.ip, port);
		a.ip[15] = host;
	}
	return a;
}

static void check(const struct stun_server_answer *a, const struct adit_addr *from, const uint8_t *req, size_t len,
		  const uint8_t *buf)
{
	struct stun_msg m;

	FUZZ_CHECK(a->len >= STUN_HEADER_LEN && (a->len <= STUN_SERVER_ANSWER_MAX || a->len <= len));
	FUZZ_CHECK(adit_addr_eq_ip(&a->remote, from));
	FUZZ_CHECK((a->change & ~(STUN_SERVER_CHANGE_IP | STUN_SERVER_CHANGE_PORT)) == 0);
	FUZZ_CHECK(memcmp(buf + 4, req + 4, 16) == 0);
	fuzz_touch(buf, a->len);
	if (!stun_msg_is_stun(buf, a->len))
		return;
	FUZZ_CHECK(stun_msg_parse(&m, buf, a->len) == 0);
	FUZZ_CHECK(m.method == STUN_BINDING && (m.class == STUN_SUCCESS || m.class == STUN_ERROR));
}

/* One datagram: a byte of how, its length, itself; with a good header if asked for. */
static void one(struct stun_server *s, adit_time now, struct adit_rd *r)
{
	static const uint8_t head[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	uint8_t how = adit_rd_u8(r);
	uint16_t len = adit_rd_u16(r) % 2100;
	struct stun_server_place place = {.local = some_addr(how, 1, 3478)};
	struct adit_addr from = some_addr(how, 7, how & 0x80 ? 0 : 4000);
	struct stun_server_answer a;
	uint8_t *req, *buf;

	if (how & 2)
		place.other = some_addr(how, how & 4 ? 2 : 1, 3479);
	if (len > adit_rd_left(r))
		len = (uint16_t)adit_rd_left(r);
	req = malloc(len ? len : 1);
	buf = malloc(STUN_SERVER_PADDED_MAX);
	FUZZ_CHECK(req && buf);
	adit_rd_bytes(r, req, len);
	if ((how & 8) && len >= STUN_HEADER_LEN) {
		memcpy(req, head, how & 16 ? 4 : sizeof(head));
		req[2] = (uint8_t)((len - STUN_HEADER_LEN) >> 8);
		req[3] = (uint8_t)(len - STUN_HEADER_LEN);
	}
	if (stun_server_answer(s, now, &place, &from, req, len, buf, &a))
		check(&a, &from, req, len, buf);
	free(req);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stun_server s, free_for_all;
	struct adit_rd r = adit_rd_over(data, size);
	adit_time now = ADIT_SEC(1);
	bool is_limited = adit_rd_u8(&r) & 1;
	struct stun_server_config cfg = {.rng = {.fill = zeroes}, .rate = is_limited ? STUN_SERVER_RATE : 0};

	/* Without limits nothing is remembered: once is enough. */
	if (is_limited)
		stun_server_init(&s, now, &cfg);
	else if (!free_for_all.limit.slots)
		stun_server_init(&free_for_all, now, &cfg);
	for (unsigned n = 0; adit_rd_left(&r) > 3 && n < 1000; n++) {
		one(is_limited ? &s : &free_for_all, now, &r);
		now += ADIT_MS(1);
	}
	return 0;
}
