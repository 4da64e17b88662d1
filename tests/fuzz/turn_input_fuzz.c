/*
 * A byte string as a sequence of operations on an allocation: a server's true answers with one thing wrong,
 * redirections, garbage, data both ways, time, commands. Whatever comes: it talks to its server alone, through its own
 * socket, opens and closes that in turn, gives data from inside the datagram, and comes to an end when told to.
 *
 * covers: src/core/turn/turn.c src/core/turn/turn_allocate.c src/core/turn/turn_auth.c src/core/turn/turn_data.c
 * covers: src/core/turn/turn_peer.c src/core/turn/turn_refresh.c src/core/turn/turn_request.c
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_attr.h"
#include "core/turn/turn.h"

#define SOCK 3
#define ASKS 8

struct asked {
	size_t len;
	uint8_t msg[STUN_CLIENT_MSG_MAX];
};

struct world {
	struct turn t;
	struct adit_rng_seeded seed;
	adit_time now;
	bool is_open;
	struct asked asked[ASKS];
	size_t n_asked;
	uint8_t out[4096];
};

static void toy(const void *data, size_t len, uint8_t *ret, size_t n)
{
	const uint8_t *p = data;
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211u;
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint8_t)(h >> i % 8 * 8);
}

static void mac_sha1(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t mac[20])
{
	(void)key;
	(void)key_len;
	toy(data, len, mac, 20);
}

static void mac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t mac[32])
{
	(void)key;
	(void)key_len;
	toy(data, len, mac, 32);
}

static void hash_md5(const void *data, size_t len, uint8_t hash[16])
{
	toy(data, len, hash, 16);
}

static void hash_sha256(const void *data, size_t len, uint8_t hash[32])
{
	toy(data, len, hash, 32);
}

static const struct adit_crypto crypto = {
	.hmac_sha1 = mac_sha1, .hmac_sha256 = mac_sha256, .md5 = hash_md5, .sha256 = hash_sha256};

static struct adit_addr peer_of(uint8_t n)
{
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8};
	struct adit_addr a = n & 0x80 ? adit_addr_v6(v6, 7000) : adit_addr_v4(10, 0, 0, 0, 7000);

	a.ip[n & 0x80 ? 15 : 3] = n & 63;
	return a;
}

static void keep_request(struct world *w, const struct adit_out *o)
{
	struct asked *a = &w->asked[w->n_asked++ % ASKS];

	if (o->len > sizeof(a->msg) || o->data[0] >= 0x40)
		return;
	a->len = o->len;
	memcpy(a->msg, o->data, o->len);
}

static void drain(struct world *w)
{
	struct turn_event e;
	struct adit_out o;
	unsigned n = 0;

	while (turn_output(&w->t, w->now, &o)) {
		FUZZ_CHECK(++n < 200 && o.sock == SOCK);
		if (o.kind == ADIT_OUT_OPEN) {
			FUZZ_CHECK(!w->is_open);
			w->is_open = true;
		} else if (o.kind == ADIT_OUT_CLOSE) {
			FUZZ_CHECK(w->is_open);
			w->is_open = false;
		} else {
			FUZZ_CHECK(w->is_open && adit_addr_eq(&o.remote, &turn_server(&w->t)->addr));
			fuzz_touch(o.data, o.len);
			keep_request(w, &o);
		}
	}
	while (turn_event(&w->t, &e)) {
		FUZZ_CHECK(++n < 300 && turn_why_text(e.why)[0]);
		if (e.kind == TURN_EVENT_READY && turn_state(&w->t) == TURN_READY)
			FUZZ_CHECK(turn_relayed(&w->t, ADIT_FAMILY_V4) || turn_relayed(&w->t, ADIT_FAMILY_V6));
	}
}

static void deliver(struct world *w, const uint8_t *data, size_t len, size_t seg)
{
	uint8_t *copy = fuzz_exact(data, len);
	struct adit_dgram d = {
		.sock = SOCK, .remote = turn_server(&w->t)->addr, .data = copy, .len = len, .seg_size = seg};
	struct adit_dgram got;
	unsigned n = 0;

	(void)!turn_input(&w->t, w->now, &d);
	while (turn_data(&w->t, &got)) {
		FUZZ_CHECK(++n <= len && turn_state(&w->t) == TURN_READY);
		fuzz_touch(got.data, got.len);
		FUZZ_CHECK(got.data >= copy && got.data + got.len <= copy + len);
	}
	free(copy);
}

/* The attributes that an answer may have, each by a bit. */
static void put_attributes(struct stun_build *b, unsigned flags, uint8_t more)
{
	static const char *const nonces[] = {"nonce", "another", "obMatJos2AAADx", "obMatJos2AAABx"};
	static const uint8_t algs[] = {0, 2, 0, 0, 0, 1, 0, 0};
	struct adit_addr a = peer_of((uint8_t)(more & 0x83));

	if (flags & 1)
		stun_build_bytes(b, STUN_ATTR_REALM, "realm", 5);
	if (flags & 1)
		stun_build_bytes(b, STUN_ATTR_NONCE, nonces[more & 3], strlen(nonces[more & 3]));
	if (flags & 2)
		stun_build_bytes(b, STUN_ATTR_PASSWORD_ALGORITHMS, algs, more & 4 ? 7 : more & 8 ? 4 : 8);
	if (flags & 4)
		stun_build_xor_addr(b, STUN_ATTR_XOR_RELAYED_ADDRESS, &a);
	if (flags & 8)
		stun_build_xor_addr(b, STUN_ATTR_XOR_MAPPED_ADDRESS, &a);
	if (flags & 16)
		stun_build_u32(b, STUN_ATTR_LIFETIME, (uint32_t)more * 8);
	if (flags & 32)
		stun_build_addr(b, STUN_ATTR_ALTERNATE_SERVER, &a);
	if (flags & 64)
		stun_build_bytes(b, STUN_ATTR_ALTERNATE_DOMAIN, "other.test", 10);
	if (flags & 128)
		stun_build_bytes(b, 0x7777, &more, 1); /* required, and unknown */
}

static void op_answer(struct world *w, struct adit_rd *r)
{
	static const uint16_t codes[] = {401, 438, 300, 400, 403, 437, 440, 441, 442, 443, 486, 500, 508};
	const struct asked *a = &w->asked[adit_rd_u8(r) % ASKS];
	uint8_t kind = adit_rd_u8(r);
	uint8_t flags = adit_rd_u8(r);
	uint8_t more = adit_rd_u8(r);
	uint8_t buf[512];
	struct stun_build b;
	struct stun_msg m;
	int len;

	if (a->len == 0 || stun_msg_parse(&m, a->msg, a->len) < 0)
		return;
	stun_build_begin(&b, buf, sizeof(buf), kind & 1 ? STUN_ERROR : STUN_SUCCESS, m.method, m.txid);
	if (kind & 1)
		stun_build_error(&b, codes[(kind >> 2) % ARRAY_LEN(codes)], "");
	put_attributes(&b, flags, more);
	if (m.sha256_at && !(kind & 2))
		stun_build_integrity_sha256(&b, &crypto, NULL, 0);
	else if (m.sha1_at && !(kind & 2))
		stun_build_integrity_sha1(&b, &crypto, NULL, 0);
	len = stun_build_end(&b);
	if (len > 0)
		deliver(w, buf, (size_t)len, 0);
}

static void op_garbage(struct world *w, struct adit_rd *r)
{
	size_t seg = adit_rd_u8(r) % 64;
	size_t len = adit_rd_u8(r);

	if (len > adit_rd_left(r))
		len = adit_rd_left(r);
	deliver(w, r->buf + r->pos, len, seg);
	adit_rd_skip(r, len);
}

static void op_channel(struct world *w, struct adit_rd *r)
{
	uint8_t number = adit_rd_u8(r) & 7;
	uint8_t len = adit_rd_u8(r);
	uint8_t buf[4 + 64] = {0x40, number, 0, len};

	deliver(w, buf, 4 + len % 64u, 0);
}

static void op_indication(struct world *w, struct adit_rd *r)
{
	struct adit_addr peer = peer_of(adit_rd_u8(r));
	uint8_t what = adit_rd_u8(r);
	uint8_t buf[128];
	struct stun_build b;
	int len;

	stun_build_begin(&b, buf, sizeof(buf), what & 1 ? STUN_REQUEST : STUN_INDICATION, STUN_DATA,
			 (const uint8_t *)"twelve bytes");
	if (!(what & 2))
		stun_build_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
	if (!(what & 4))
		stun_build_bytes(&b, STUN_ATTR_DATA, "data", what >> 6);
	len = stun_build_end(&b);
	deliver(w, buf, (size_t)len, 0);
}

static void op_send(struct world *w, struct adit_rd *r)
{
	static const uint8_t data[1024];
	struct adit_addr peer = peer_of(adit_rd_u8(r));
	size_t len = (size_t)adit_rd_u8(r) * 4;
	size_t seg = (size_t)adit_rd_u8(r) * 4;

	(void)!turn_send(&w->t, w->now, &peer, data, len, seg);
}

static void op_permit(struct world *w, struct adit_rd *r)
{
	uint8_t n = adit_rd_u8(r);
	struct adit_addr peer = peer_of(n);

	if (n & 0x40)
		turn_forget(&w->t, &peer);
	else
		turn_permit(&w->t, w->now, &peer);
}

static void op_time(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	adit_time at = turn_deadline(&w->t);

	w->now += how & 1 ? ADIT_MS(100) * how : 0;
	if (!(how & 1) && at != ADIT_NEVER && at > w->now)
		w->now = at;
	turn_tick(&w->t, w->now);
}

static void op_icmp(struct world *w, struct adit_rd *r)
{
	const struct asked *a = &w->asked[adit_rd_u8(r) % ASKS];
	struct adit_icmp icmp = {.sock = SOCK, .remote = turn_server(&w->t)->addr, .data = a->msg, .len = a->len};

	icmp.type = 3;
	icmp.code = adit_rd_u8(r) % 6;
	turn_icmp(&w->t, w->now, &icmp);
}

static void op_command(struct world *w, struct adit_rd *r)
{
	switch (adit_rd_u8(r) % 8) {
	case 0:
	case 1:
		turn_start(&w->t, w->now);
		break;
	case 2:
		turn_go(&w->t, w->now);
		break;
	case 3:
		turn_end(&w->t, w->now);
		break;
	case 4:
		turn_stop(&w->t);
		break;
	case 5:
		turn_stream_up(&w->t, w->now);
		break;
	case 6:
		turn_stream_down(&w->t, w->now);
		break;
	default:
		if (w->is_open) {
			w->is_open = false;
			turn_sock_failed(&w->t, w->now, SOCK);
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(struct world *,
				   struct adit_rd *) = {op_answer, op_answer, op_garbage, op_channel, op_send,
							op_permit, op_time,   op_icmp,    op_command, op_indication};
	struct adit_rd r = adit_rd_over(data, size);
	uint8_t shape = adit_rd_u8(&r);
	static struct world w;
	struct turn_config cfg = {.server = {.addr = adit_addr_v4(192, 0, 2, 1, 3478), .user = "u", .pass = "p"},
				  .sock = SOCK,
				  .crypto = &crypto};

	memset(&w, 0, sizeof(w));
	w.now = ADIT_SEC(100);
	cfg.rng = adit_rng_seeded_init(&w.seed, 1);
	cfg.server.transport = (enum turn_transport)(shape % 3);
	cfg.families = shape >> 2 & 3;
	cfg.hold = shape & 16;
	cfg.out = w.out;
	cfg.out_cap = sizeof(w.out);
	FUZZ_CHECK(turn_init(&w.t, &cfg) == 0);
	turn_start(&w.t, w.now);
	drain(&w);
	while (adit_rd_left(&r) > 0) {
		ops[adit_rd_u8(&r) % ARRAY_LEN(ops)](&w, &r);
		drain(&w);
	}
	turn_end(&w.t, w.now);
	for (unsigned i = 0; turn_state(&w.t) != TURN_IDLE; i++) {
		FUZZ_CHECK(i < 50);
		drain(&w);
		if (turn_deadline(&w.t) > w.now && turn_deadline(&w.t) != ADIT_NEVER)
			w.now = turn_deadline(&w.t);
		turn_tick(&w.t, w.now);
	}
	drain(&w);
	FUZZ_CHECK(!w.is_open);
	turn_done(&w.t);
	return 0;
}
