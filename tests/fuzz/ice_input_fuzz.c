/*
 * A byte string as a sequence of operations on an ICE agent: datagrams (any bytes; checks and answers of the peer with
 * one thing wrong; the agent's own come back), candidates, ICMP, time, commands. The MAC is one that everybody can
 * make, so that what lies behind it is reached. Whatever comes: nothing is sent to where nobody may be sent to, no
 * answer is longer than its question, and time goes on.
 *
 * covers: src/core/ice/ice_agent.c src/core/ice/ice_check.c src/core/ice/ice_local.c src/core/ice/ice_msg.c
 * covers: src/core/ice/ice_nominate.c src/core/ice/ice_pair.c src/core/ice/ice_path.c
 * covers: src/core/ice/ice_remote.c src/core/ice/ice_txn.c
 * planted: src/core/ice/ice_msg.c: || a.len <= len) -> || a.len < 1)
 */
#include "fuzz_crypto.h"

#include "base/bytes.h"
#include "core/ice/ice_agent.h"

struct world {
	struct ice_agent a;
	struct ice_cred peer;
	adit_time now;
	struct adit_addr own;
	struct adit_addr remote; /* the last one that was sent to */
	uint8_t last[ICE_MSG_MAX]; /* the last request sent */
	size_t last_len;
	unsigned sent;
};

static bool is_answer(const uint8_t *data)
{
	return data[0] == 1;
}

static void note(struct world *w, const struct adit_out *o)
{
	FUZZ_CHECK(o->kind == ADIT_OUT_SEND && o->sock < 3 && o->len >= STUN_HEADER_LEN && o->len <= ICE_MSG_MAX);
	fuzz_touch(o->data, o->len);
	w->sent++;
	FUZZ_CHECK(w->sent < 1000000);
	if (is_answer(o->data))
		return;
	FUZZ_CHECK(ice_candidate_judge(&o->remote, false) == ICE_REFUSED_NOT);
	w->remote = o->remote;
	if (o->data[1] == 1) {
		memcpy(w->last, o->data, o->len);
		w->last_len = o->len;
	}
}

static void drain(struct world *w)
{
	struct adit_out o;
	struct ice_event ev;
	unsigned n = 0;

	while (ice_agent_output(&w->a, w->now, &o)) {
		note(w, &o);
		FUZZ_CHECK(n++ < 1000);
	}
	while (ice_agent_event(&w->a, &ev))
		FUZZ_CHECK(n++ < 1000);
	/* Whatever is due has been done: the machine lets time go on. */
	ice_agent_tick(&w->a, w->now);
	while (ice_agent_output(&w->a, w->now, &o)) {
		note(w, &o);
		FUZZ_CHECK(n++ < 2000);
	}
	FUZZ_CHECK(ice_agent_deadline(&w->a) > w->now);
}

static struct adit_addr some_addr(struct adit_rd *r)
{
	static const uint8_t nets[8][2] = {{198, 51}, {203, 0}, {192, 168}, {10, 0},
					   {127, 0},  {224, 0}, {0, 0},     {192, 0}};
	uint8_t b = adit_rd_u8(r);
	struct adit_addr a = adit_addr_v4(nets[b & 7][0], nets[b & 7][1], (uint8_t)(b >> 5), b >> 3 & 3, 5000);

	if (b == 0xff)
		a.port = 0;
	if ((b & 0xf0) == 0xe0) {
		memset(a.ip, 0, sizeof(a.ip));
		a.family = ADIT_FAMILY_V6;
		a.ip[0] = b & 8 ? 0xfe : 0x20;
		a.ip[1] = b & 8 ? 0x80 : 0x01;
		a.ip[15] = b & 7;
	}
	return a;
}

static int deliver(struct world *w, const struct adit_addr *remote, const uint8_t *data, size_t len, size_t seg)
{
	uint8_t *copy = fuzz_exact(data, len);
	struct adit_dgram d = {.local = w->own, .remote = *remote, .data = copy, .len = len, .seg_size = seg};
	size_t before = w->a.answers_n;
	int r;

	if (adit_addr_is_v6(remote))
		d.sock = 1;
	d.local.family = ADIT_FAMILY_NONE;
	r = ice_agent_input(&w->a, w->now, &d);
	/* A 420 may name eight types of two bytes, and be a little longer; only who has the password gets one. */
	if (seg == 0 && w->a.answers_n > before)
		FUZZ_CHECK(w->a.answers[(w->a.answers_first + w->a.answers_n - 1) % ICE_ANSWERS_MAX].len <= len + 40);
	free(copy);
	return r;
}

static void op_garbage(struct world *w, struct adit_rd *r)
{
	static const uint8_t head[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	uint8_t flags = adit_rd_u8(r);
	size_t len = adit_rd_u8(r);
	struct adit_addr remote = some_addr(r);
	uint8_t buf[256] = {0};

	if (len > adit_rd_left(r))
		len = adit_rd_left(r);
	adit_rd_bytes(r, buf, len);
	if (flags & 1) {
		memcpy(buf, head, sizeof(head));
		len = len / 4 * 4 < STUN_HEADER_LEN ? STUN_HEADER_LEN : len / 4 * 4;
		buf[3] = (uint8_t)(len - STUN_HEADER_LEN);
		buf[0] = flags >> 1 & 1;
		buf[1] = flags & 4 ? 0x11 : 1;
	}
	(void)deliver(w, &remote, buf, len, flags & 0x80 ? 40 : 0);
}

static size_t build(struct world *w, uint8_t flags, uint8_t which, const struct adit_addr *remote, uint8_t *buf)
{
	struct ice_msg_check c = {.local = &w->peer,
				  .remote = flags & 0x40 && w->a.old_cred.ufrag[0] ? &w->a.old_cred : &w->a.cred,
				  .role = (enum ice_role)(which & 1),
				  .tiebreaker = (uint64_t)which << 56,
				  .priority = which & 2 ? which : 1u << 30,
				  .use_candidate = which & 4};
	static const unsigned codes[] = {487, 400, 403, 500};
	uint8_t txid[STUN_TXID_LEN] = {which};

	if (!(flags & 4))
		return ice_msg_check(&c, &fuzz_crypto, txid, buf);
	if (w->last_len > 0)
		memcpy(txid, w->last + 8, sizeof(txid));
	if (flags & 2)
		return ice_msg_error(&w->peer, &fuzz_crypto, ICE_SHA1, txid, codes[which & 3], "no", NULL, 0, buf);
	return ice_msg_answer(&w->peer, &fuzz_crypto, which & 8 ? ICE_SHA256 : ICE_SHA1, txid,
			      which & 1 ? &w->own : remote, buf);
}

/* The peer's check, or its answer to our last one, with something changed where wanted. */
static void op_peer(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	uint8_t which = adit_rd_u8(r);
	struct adit_addr remote = flags & 1 ? some_addr(r) : w->remote;
	uint8_t buf[ICE_MSG_MAX];
	size_t len = build(w, flags, which, &remote, buf);

	if (flags & 8)
		buf[which % len] ^= adit_rd_u8(r);
	if (flags & 16)
		len = which % len;
	(void)deliver(w, &remote, buf, len, flags & 32 ? len / 2 : 0);
}

static void op_candidate(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	struct ice_candidate c = {.type = (enum ice_type)(flags & 3),
				  .component = flags & 4 && flags & 8 ? 2 : 1,
				  .priority = 1u + flags,
				  .addr = some_addr(r)};

	c.foundation[0] = (char)('0' + (flags >> 5));
	if (flags & 16) {
		c.ufrag = w->peer.ufrag;
		c.ufrag_len = flags & 8 ? 3 : strlen(w->peer.ufrag);
	}
	(void)!ice_agent_add_remote(&w->a, w->now, &c);
	FUZZ_CHECK(w->a.n_signalled <= ICE_SIGNALLED_MAX && w->a.n_private <= ICE_PRIVATE_MAX);
}

static void op_time(struct world *w, struct adit_rd *r)
{
	uint8_t how = adit_rd_u8(r);
	adit_time at = ice_agent_deadline(&w->a);

	if (how & 1 && at != ADIT_NEVER && at > w->now)
		w->now = at;
	else
		w->now += ADIT_MS(1) << (how >> 1 & 15);
	ice_agent_tick(&w->a, w->now);
}

static void op_icmp(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	struct adit_icmp icmp = {.remote = w->remote, .type = flags & 1 ? 3 : 11, .code = 3, .data = w->last};

	icmp.len = flags & 2 ? w->last_len : 0;
	ice_agent_icmp(&w->a, w->now, &icmp);
}

static void op_describe(struct world *w, uint8_t flags)
{
	struct ice_remote_desc desc = {.cred = w->peer,
				       .is_lite = (flags & 0x30) == 0x30,
				       .has_ice2 = flags & 0x40,
				       .pacing_ms = flags & 0x80 ? flags : 0};

	(void)!ice_agent_set_remote(&w->a, w->now, &desc);
}

static void op_command(struct world *w, struct adit_rd *r)
{
	uint8_t flags = adit_rd_u8(r);
	struct adit_addr addr = some_addr(r);

	switch (flags & 7) {
	case 0:
	case 1:
		op_describe(w, flags);
		break;
	case 2:
		ice_agent_restart(&w->a, w->now);
		w->peer.ufrag[0] = (char)('a' + (flags >> 3));
		break;
	case 3:
		ice_agent_end_remote(&w->a, w->now);
		break;
	case 4:
		(void)!ice_agent_add_host(&w->a, w->now, 0, &addr, (enum ice_iface)(flags >> 3 & 1));
		break;
	case 5:
		(void)!ice_agent_add_relayed(&w->a, w->now, 2, &addr, &w->remote, flags & 8 ? &w->own : NULL);
		break;
	case 6:
		ice_agent_gather(&w->a, w->now, flags & 8);
		break;
	default:
		ice_agent_sent(&w->a, w->now);
		ice_agent_gathered(&w->a, w->now);
		break;
	}
}

static void step(struct world *w, struct adit_rd *r)
{
	static void (*const ops[])(struct world * w, struct adit_rd * r) = {
		op_peer, op_peer, op_garbage, op_candidate, op_icmp, op_command, op_time, op_time};
	uint8_t op = adit_rd_u8(r);

	ops[op & 7](w, r);
	if (!(op & 0x80)) /* a driver always drains; one that does not must not break it either */
		drain(w);
}

static void accounts(const struct world *w)
{
	char line[ICE_ACCOUNT_STRLEN];
	struct ice_account acc;
	size_t pos = 0;

	while (ice_agent_account(&w->a, &pos, &acc))
		FUZZ_CHECK(strlen(ice_account_format(&acc, line)) < sizeof(line) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size < 600 ? size : 600);
	uint64_t next = 0;
	uint8_t flags = adit_rd_u8(&r);
	struct ice_config cfg = {
		.role = (enum ice_role)(flags & 1),
		.crypto = &fuzz_crypto,
		.rng = fuzz_rng(&next),
		.no_consent = flags & 2,
	};
	struct adit_addr server = adit_addr_v4(192, 0, 2, 50, 3478);
	struct adit_addr own6 = adit_addr_v6((const uint8_t *)"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 4000);
	struct world *w = calloc(1, sizeof(*w));

	FUZZ_CHECK(w);
	w->now = ADIT_SEC(1);
	w->own = adit_addr_v4(192, 168, 1, 7, 4000);
	w->remote = adit_addr_v4(198, 51, 0, 1, 5000);
	memcpy(w->peer.ufrag, "peer", 5);
	memcpy(w->peer.pwd, "0123456789012345678901", 23);
	ice_agent_init(&w->a, &cfg, w->now);
	FUZZ_CHECK(ice_agent_add_host(&w->a, w->now, 0, &w->own, ICE_IFACE_NORMAL) == 0);
	if (flags & 4)
		FUZZ_CHECK(ice_agent_add_host(&w->a, w->now, 1, &own6, ICE_IFACE_VPN) == 0);
	if (flags & 8)
		FUZZ_CHECK(ice_agent_add_server(&w->a, &server) == 0);
	if (flags & 16)
		ice_agent_gather(&w->a, w->now, false);
	if (flags & 32)
		op_describe(w, flags);
	drain(w);
	while (adit_rd_left(&r) > 0)
		step(w, &r);
	accounts(w);
	ice_agent_done(&w->a);
	free(w);
	return 0;
}
