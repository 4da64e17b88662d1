/*
 * A byte string as a sequence of operations on a path: probes of the peer and of others, with one thing wrong, answers,
 * silence, session data. The MAC is one that everybody can make. Whatever comes: only its own socket is used, and the
 * path leads elsewhere only after an answer from there.
 *
 * covers: src/core/punch/punch_path.c
 */
#include "fuzz_crypto.h"

#include "base/bytes.h"
#include "core/punch/punch_path.h"

#define SOCK 7
#define FULL 2000 /* the largest padded probe */

struct world {
	struct punch_replay replay;
	struct punch_path p;
	adit_time now;
	adit_utc stamp;
	uint8_t last[STUN_HEADER_LEN]; /* of the last request of ours */
	bool has_last;
	uint8_t padded[FULL];
	struct adit_addr last_to;
};

static void drain(struct world *w)
{
	struct punch_path_event e;
	struct punch_probe probe;
	struct adit_out o;
	unsigned n = 0;

	while (punch_path_output(&w->p, w->now, &o)) {
		FUZZ_CHECK(o.kind == ADIT_OUT_SEND && o.sock == SOCK && o.len <= FULL && ++n < 100);
		fuzz_touch(o.data, o.len);
		if (punch_probe_read(&w->p.keys, punch_role_other(w->p.cfg.role), o.data, o.len, &probe) < 0)
			abort();
		if (probe.is_answer)
			continue;
		memcpy(w->last, o.data, sizeof(w->last));
		w->has_last = true;
		w->last_to = o.remote;
	}
	while (punch_path_event(&w->p, &e))
		FUZZ_CHECK(e.kind != PUNCH_PATH_EVENT_LOST || w->p.state == PUNCH_PATH_IS_LOST || e.instance != 0);
}

static void deliver(struct world *w, const struct adit_addr *remote, const uint8_t *data, size_t len)
{
	struct adit_addr before = *punch_path_remote(&w->p);
	uint8_t *copy = fuzz_exact(data, len);
	struct adit_dgram d = {.sock = SOCK, .remote = *remote, .data = copy, .len = len};

	(void)punch_path_is_question(&w->p, &d);
	(void)!punch_path_input(&w->p, w->now, &d);
	free(copy);
	FUZZ_CHECK(adit_addr_eq(&before, punch_path_remote(&w->p)) || adit_addr_eq(remote, punch_path_remote(&w->p)));
}

static void op_probe(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	uint8_t which = adit_rd_u8(r);
	enum punch_role peer = punch_role_other(w->p.cfg.role);
	struct adit_addr remote = flags & 1 ? adit_addr_v4(203, 0, 113, which, which + 1) : w->last_to;
	uint8_t txid[STUN_TXID_LEN] = {which};
	uint8_t buf[PUNCH_PROBE_MAX];
	uint64_t instance = flags & 2 ? which : 6;
	size_t len;

	w->stamp += flags & 4 ? 1 : 0;
	if (flags & 8) {
		if (w->has_last)
			memcpy(txid, w->last + 8, sizeof(txid));
		len = punch_probe_answer(&w->p.keys, peer, txid, &remote, w->stamp, instance, buf);
	} else {
		len = punch_probe_request(&w->p.keys, peer, txid, w->stamp, instance, NULL, buf);
	}
	if (flags & 16)
		buf[which % len] ^= adit_rd_u8(r);
	if (flags & 32)
		len = which % len;
	deliver(w, &remote, buf, len);
}

/* With a STUN header, so that the length field and the attributes are what is wrong. */
static void op_garbage(struct world *w, struct adit_rd *r)
{
	static const uint8_t head[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	size_t len = adit_rd_u8(r);
	uint8_t buf[256] = {0};

	if (len > adit_rd_left(r))
		len = adit_rd_left(r);
	adit_rd_bytes(r, buf, len);
	memcpy(buf, head, sizeof(head));
	len = len / 4 * 4 < STUN_HEADER_LEN ? STUN_HEADER_LEN : len / 4 * 4;
	buf[3] = (uint8_t)(len - STUN_HEADER_LEN);
	deliver(w, &w->last_to, buf, len);
}

static void op_time(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	adit_time at = punch_path_deadline(&w->p);

	if (how & 1 && at != ADIT_NEVER && at > w->now)
		w->now = at;
	else if (!(how & 1))
		w->now += ADIT_MS(1) << (how >> 1 & 15);
	if (how & 0x40)
		punch_path_set_utc(&w->p, w->now, w->stamp);
	punch_path_tick(&w->p, w->now);
}

/* What the link asks of it. */
static void op_command(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	struct adit_addr local = adit_addr_v4(192, 168, 1, how, 5000);
	struct punch_path_view v;

	switch (how & 7) {
	case 0:
		punch_path_measure(&w->p, w->now, w->padded, how & 8 ? FULL : 1300);
		break;
	case 1:
		punch_path_sent_full(&w->p, w->now);
		break;
	case 2:
		punch_path_ask(&w->p, w->now);
		break;
	case 3:
		punch_path_stand_by(&w->p, w->now, how & 8);
		break;
	case 4:
		punch_path_proven(&w->p, w->now, ADIT_MS(how));
		break;
	default:
		punch_path_set_local(&w->p, &local);
		break;
	}
	punch_path_view(&w->p, &v);
	FUZZ_CHECK(v.state == punch_path_state(&w->p) && v.loss <= 1000);
	FUZZ_CHECK(punch_path_size(&w->p) <= FULL);
}

static void step(struct world *w, struct adit_rd *r)
{
	uint8_t op = adit_rd_u8(r);

	switch (op % 7) {
	case 0:
	case 1:
		op_probe(w, r);
		break;
	case 2:
		op_garbage(w, r);
		break;
	case 3:
		punch_path_heard(&w->p, w->now);
		break;
	case 4:
		punch_path_sent(&w->p, w->now);
		break;
	case 5:
		op_time(w, r);
		break;
	default:
		op_command(w, r);
		break;
	}
	if (!(op & 0x80)) /* a driver that does not drain must not break it either */
		drain(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size < 1000 ? size : 1000);
	uint64_t next = 0;
	struct adit_addr local = adit_addr_v4(192, 168, 1, 2, 5000);
	struct adit_addr remote = adit_addr_v4(203, 0, 113, 1, 5000);
	struct punch_config cfg = {
		.role = adit_rd_u8(&r) & 1 ? PUNCH_CONNECT : PUNCH_SERVE,
		.crypto = &fuzz_crypto,
		.rng = fuzz_rng(&next),
		.instance = 5,
	};
	struct world *w = calloc(1, sizeof(*w));

	FUZZ_CHECK(w);
	w->stamp = UINT64_C(1790000000) * ADIT_SEC(1);
	w->last_to = remote;
	punch_replay_init(&w->replay);
	cfg.replay = &w->replay;
	punch_path_init(&w->p, &cfg, w->now, SOCK, &local, &remote, 6);
	punch_path_set_utc(&w->p, w->now, w->stamp);
	while (adit_rd_left(&r) > 0)
		step(w, &r);
	drain(w);
	free(w);
	return 0;
}
