/*
 * A byte string as a sequence of operations on a punching machine: datagrams (any bytes, probes of the peer with one
 * thing wrong, the machine's own come back), ICMP, time, commands. The MAC is one that everybody can make, so that what
 * lies behind it is reached. Whatever comes: sockets are used only while they are open, no answer is longer than its
 * question, and a stranger hears nothing.
 *
 * covers: src/core/punch/punch.c src/core/punch/punch_hole.c src/core/punch/punch_pair.c
 * covers: src/core/punch/punch_probe.c src/core/punch/punch_replay.c src/core/nat/nat_ttl.c
 */
#include "fuzz_crypto.h"

#include "base/bytes.h"
#include "core/punch/punch.h"

/* Numbers of sockets here are small: the machine counts from 0 and an input is short. */
#define SOCKS 4096

struct world {
	struct punch_replay replay;
	struct punch p;
	struct punch_store store;
	adit_time now;
	adit_utc utc;
	uint16_t port[SOCKS]; /* of open sockets */
	bool taken[SOCKS];
	uint32_t sock; /* the last one that was used */
	struct adit_addr remote;
	uint8_t last[PUNCH_PROBE_MAX]; /* the last datagram sent */
	size_t last_len;
	uint64_t stamp;
};

static void note(struct world *w, const struct adit_out *o)
{
	FUZZ_CHECK(o->sock < SOCKS);
	switch (o->kind) {
	case ADIT_OUT_OPEN:
		FUZZ_CHECK(w->port[o->sock] == 0 && o->local.port != 0);
		w->port[o->sock] = o->local.port;
		w->taken[o->sock] = false;
		break;
	case ADIT_OUT_SEND:
		FUZZ_CHECK(w->port[o->sock] != 0);
		FUZZ_CHECK(o->remote.family != ADIT_FAMILY_NONE && o->len <= PUNCH_PROBE_MAX);
		fuzz_touch(o->data, o->len);
		memcpy(w->last, o->data, o->len);
		w->last_len = o->len;
		w->sock = o->sock;
		w->remote = o->remote;
		break;
	case ADIT_OUT_CLOSE:
		FUZZ_CHECK(w->port[o->sock] != 0 && !w->taken[o->sock]);
		w->port[o->sock] = 0;
		break;
	}
}

static unsigned drain(struct world *w)
{
	struct adit_out o;
	unsigned n = 0;

	while (punch_output(&w->p, w->now, &o)) {
		note(w, &o);
		n += o.kind == ADIT_OUT_SEND;
		FUZZ_CHECK(n < 2000);
	}
	return n;
}

static void events(struct world *w)
{
	struct punch_event e;

	while (punch_event(&w->p, &e))
		FUZZ_CHECK(e.kind == PUNCH_EVENT_STUCK || e.remote.family != ADIT_FAMILY_NONE);
}

/* In a buffer of just this size, so that a step outside is seen. */
static int deliver(struct world *w, uint32_t sock, const struct adit_addr *remote, const uint8_t *data, size_t len,
		   size_t seg)
{
	uint8_t *copy = fuzz_exact(data, len);
	struct adit_dgram d = {.sock = sock,
			       .local = {.family = ADIT_FAMILY_V4},
			       .remote = *remote,
			       .data = copy,
			       .len = len,
			       .seg_size = seg};
	int r = w->port[sock] == 0 ? ADIT_EIGNORED : punch_input(&w->p, w->now, &d);

	free(copy);
	return r;
}

static struct adit_addr some_addr(struct adit_rd *r)
{
	uint8_t b = adit_rd_u8(r);
	struct adit_addr a = adit_addr_v4(203, 0, 113, b & 7, b & 8 ? b : 0);

	if (b & 0x80) {
		a.family = ADIT_FAMILY_V6;
		memset(a.ip, 0, sizeof(a.ip));
		a.ip[0] = 0x20;
		a.ip[15] = b & 7;
	}
	if (b == 0x7f)
		a = (struct adit_addr){.family = ADIT_FAMILY_NONE};
	return a;
}

/* Any bytes; with a good header, if asked for. Nobody may hear anything. */
static void op_garbage(struct world *w, struct adit_rd *r)
{
	static const uint8_t head[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	uint8_t flags = adit_rd_u8(r);
	size_t len = adit_rd_u8(r);
	struct adit_addr remote = adit_addr_v4(198, 51, 100, 1, 99);
	uint8_t buf[256] = {0};
	uint64_t before;

	if (len > adit_rd_left(r))
		len = adit_rd_left(r);
	adit_rd_bytes(r, buf, len);
	if (flags & 1) {
		memcpy(buf, head, sizeof(head));
		len = len / 4 * 4 < STUN_HEADER_LEN ? STUN_HEADER_LEN : len / 4 * 4;
		buf[3] = (uint8_t)(len - STUN_HEADER_LEN);
		buf[0] = flags >> 1 & 1; /* a request or an answer */
	}
	before = w->p.stats.heard;
	(void)deliver(w, w->sock, &remote, buf, len, flags & 0x80 ? 40 : 0);
	FUZZ_CHECK(w->p.stats.heard == before || w->p.state != PUNCH_IDLE);
}

/* The peer's request, or its answer to our last one, with some bytes changed where wanted. */
static void op_probe(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	uint8_t which = adit_rd_u8(r);
	enum punch_role peer = punch_role_other(w->p.cfg.role);
	struct adit_addr remote = flags & 1 ? some_addr(r) : w->remote;
	uint8_t buf[PUNCH_PROBE_MAX];
	uint8_t txid[STUN_TXID_LEN] = {which};
	size_t len;

	if (remote.family == ADIT_FAMILY_NONE)
		remote = adit_addr_v4(198, 51, 100, 1, 99);
	w->stamp += flags & 2 ? 1 : 0;
	if (flags & 4) {
		if (w->last_len >= STUN_HEADER_LEN)
			memcpy(txid, w->last + 8, sizeof(txid));
		len = punch_probe_answer(&w->p.keys, peer, txid, &remote, w->stamp, which, buf);
	} else {
		len = punch_probe_request(&w->p.keys, peer, txid, w->stamp, which, NULL, buf);
	}
	if (flags & 8)
		buf[which % len] ^= adit_rd_u8(r);
	if (flags & 16)
		len = which % len;
	(void)deliver(w, flags & 32 ? which : w->sock, &remote, buf, len, 0);
	if (!(flags & 4))
		for (size_t i = 0; i < w->p.answers_n; i++)
			FUZZ_CHECK(w->p.answers[(w->p.answers_first + i) % PUNCH_ANSWERS_MAX].len <= 128);
}

static void op_reflect(struct world *w)
{
	size_t before = w->p.answers_n;

	if (w->last_len == 0 || w->p.state == PUNCH_IDLE)
		return;
	FUZZ_CHECK(deliver(w, w->sock, &w->remote, w->last, w->last_len, 0) < 0);
	FUZZ_CHECK(w->p.answers_n == before);
}

static void op_icmp(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	struct adit_icmp icmp = {.sock = w->sock, .remote = w->remote, .type = flags & 1 ? 11 : 3, .data = w->last};

	icmp.offender = flags & 2 ? adit_addr_v4(10, 0, 0, 1, 0) : adit_addr_v4(198, 51, 100, 9, 0);
	icmp.len = flags & 4 ? w->last_len : 0;
	punch_icmp(&w->p, w->now, &icmp);
}

static void op_time(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	adit_time at = punch_deadline(&w->p);

	if (how & 1 && at != ADIT_NEVER && at > w->now)
		w->now = at;
	else if (!(how & 1))
		w->now += ADIT_MS(1) << (how >> 1 & 15);
	if (how & 0x40) {
		w->utc = (adit_utc)adit_rd_u16(r) << (how >> 2 & 31);
		punch_set_utc(&w->p, w->now, w->utc);
	}
	punch_tick(&w->p, w->now);
}

static void op_peers(struct world *w, struct adit_rd *r)
{
	struct adit_addr peers[PUNCH_PEERS_MAX + 2];
	size_t n = adit_rd_u8(r) % ARRAY_LEN(peers);

	for (size_t i = 0; i < n; i++)
		peers[i] = some_addr(r);
	punch_set_peers(&w->p, w->now, peers, n);
}

static void op_take(struct world *w)
{
	if (punch_take(&w->p, w->sock) == 0)
		w->taken[w->sock] = true;
}

static void op_release(struct world *w)
{
	if (!w->taken[w->sock])
		return;
	w->taken[w->sock] = false;
	w->port[w->sock] = 0;
	punch_released(&w->p, w->now, w->sock);
}

static void op_command(struct world *w, struct adit_rd *r)
{
	switch (adit_rd_u8(r) % 6) {
	case 0:
		punch_start(&w->p, w->now);
		break;
	case 1:
		punch_rest(&w->p, w->now);
		break;
	case 2:
		punch_stop(&w->p, w->now);
		break;
	case 3:
		op_take(w);
		break;
	case 4:
		op_release(w);
		break;
	default:
		punch_set_clock_diff(&w->p, w->now, (int64_t)adit_rd_u32(r) * 1000000 - INT64_C(2147483648000000));
		break;
	}
}

static void op_fail(struct world *w, struct adit_rd *r)
{
	uint32_t sock = adit_rd_u8(r);

	if (w->taken[sock])
		return;
	w->port[sock] = 0;
	punch_sock_failed(&w->p, w->now, sock);
}

static void step(struct world *w, struct adit_rd *r)
{
	uint8_t op = adit_rd_u8(r);

	switch (op % 10) {
	case 0:
	case 1:
		op_probe(w, r);
		break;
	case 2:
		op_garbage(w, r);
		break;
	case 3:
		op_reflect(w);
		break;
	case 4:
		op_icmp(w, r);
		break;
	case 5:
		op_peers(w, r);
		break;
	case 6:
		op_command(w, r);
		break;
	case 7:
		op_fail(w, r);
		break;
	default:
		op_time(w, r);
		break;
	}
	if (op & 0x80) /* a driver always drains; one that does not must not break it either */
		return;
	drain(w);
	events(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size < 600 ? size : 600);
	uint64_t next = 0;
	uint8_t flags = adit_rd_u8(&r);
	struct punch_config cfg = {
		.role = flags & 1 ? PUNCH_CONNECT : PUNCH_SERVE,
		.crypto = &fuzz_crypto,
		.rng = fuzz_rng(&next),
		.instance = 5,
		.pinned_port = flags & 2 ? 5555 : 0,
		.low_ttl = !(flags & 4),
	};
	struct adit_addr peer = adit_addr_v4(203, 0, 113, 1, 0);
	struct world *w = calloc(1, sizeof(*w));

	FUZZ_CHECK(w);
	w->utc = UINT64_C(1790000000) * ADIT_SEC(1);
	w->stamp = w->utc;
	w->remote = peer;
	punch_replay_init(&w->replay);
	cfg.replay = &w->replay;
	punch_init(&w->p, &cfg, w->now);
	if (!(flags & 16))
		punch_lend(&w->p, &w->store);
	punch_set_utc(&w->p, w->now, w->utc);
	punch_set_peers(&w->p, w->now, &peer, flags & 8 ? 0 : 1);
	punch_start(&w->p, w->now);
	drain(w);
	while (adit_rd_left(&r) > 0)
		step(w, &r);
	punch_stop(&w->p, w->now);
	drain(w);
	for (size_t i = 0; i < SOCKS; i++)
		FUZZ_CHECK(w->port[i] == 0 || w->taken[i]);
	free(w);
	return 0;
}
