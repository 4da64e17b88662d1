#include "test.h"

#include <string.h>

#include "core/stun/stun_attr.h"
#include "core/stun/stun_client.h"
#include "crypto/crypto.h"

#define SLOTS 12

struct rig {
	struct adit_rng_seeded state;
	struct adit_rng rng;
	struct stun_tx slot[SLOTS];
	struct stun_client c;
	struct adit_addr server;
	struct adit_addr mapped;
	uint8_t sent[STUN_CLIENT_MSG_MAX]; /* the last request */
	size_t sent_len;
	struct adit_out out;
};

static void rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->rng = adit_rng_seeded_init(&r->state, 7);
	r->server = adit_addr_v4(198, 51, 100, 1, 3478);
	r->mapped = adit_addr_v4(203, 0, 113, 1, 40001);
	stun_client_init(&r->c, &r->rng, r->slot, SLOTS);
}

static struct stun_ask ask_of(const struct rig *r, uint32_t tag)
{
	return (struct stun_ask){.sock = 3, .tag = tag, .to = r->server};
}

static void ask(struct rig *r, adit_time now, uint32_t tag)
{
	struct stun_ask a = ask_of(r, tag);

	assert_int_equal(stun_client_bind(&r->c, now, &a, 0, 0), 0);
}

/* Takes one request that is due; false: none is. */
static bool take(struct rig *r, adit_time now)
{
	if (!stun_client_output(&r->c, now, &r->out))
		return false;
	assert_int_equal(r->out.kind, ADIT_OUT_SEND);
	memcpy(r->sent, r->out.data, r->out.len);
	r->sent_len = r->out.len;
	return true;
}

static struct stun_build begin_answer(const struct rig *r, uint8_t *buf, size_t cap, enum stun_class class)
{
	struct stun_build b;

	stun_build_begin(&b, buf, cap, class, STUN_BINDING, r->sent + 8);
	return b;
}

static int hear_from(struct rig *r, adit_time now, uint32_t sock, struct adit_addr from, struct stun_build *b,
		     struct stun_result *ret)
{
	int len = stun_build_end(b);
	struct adit_dgram d = {.sock = sock, .remote = from, .data = b->w.buf, .len = (size_t)len};

	assert_true(len > 0);
	return stun_client_input(&r->c, now, &d, ret);
}

static int hear(struct rig *r, adit_time now, struct stun_build *b, struct stun_result *ret)
{
	return hear_from(r, now, 3, r->server, b, ret);
}

static int answer(struct rig *r, adit_time now, struct stun_result *ret)
{
	static uint8_t buf[128]; /* the result borrows it */
	struct stun_build b = begin_answer(r, buf, sizeof(buf), STUN_SUCCESS);

	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->mapped);
	return hear(r, now, &b, ret);
}

static void resends_follow_the_rfc8489_schedule(void **state)
{
	static const unsigned want_ms[] = {0, 500, 1500, 3500, 7500, 15500, 31500};
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	ask(&r, ADIT_SEC(100), 1);
	for (size_t i = 0; i < ARRAY_LEN(want_ms); i++) {
		adit_time at = ADIT_SEC(100) + ADIT_MS(want_ms[i]);

		if (i > 0) {
			assert_true(stun_client_deadline(&r.c) == at);
			stun_client_tick(&r.c, at - 1);
			assert_false(take(&r, at - 1));
			stun_client_tick(&r.c, at);
		}
		assert_true(take(&r, at));
		assert_false(take(&r, at));
	}
	assert_true(stun_client_deadline(&r.c) == ADIT_SEC(100) + ADIT_MS(39500));
	stun_client_tick(&r.c, ADIT_SEC(100) + ADIT_MS(39500) - 1);
	assert_int_equal(stun_client_event(&r.c, &res), 0);
	stun_client_tick(&r.c, ADIT_SEC(100) + ADIT_MS(39500));
	assert_int_equal(stun_client_event(&r.c, &res), 1);
	assert_int_equal(res.end, STUN_END_TIMEOUT);
	assert_int_equal(res.tag, 1);
	assert_int_equal(res.sends, 7);
	assert_int_equal(stun_client_event(&r.c, &res), 0); /* once */
	assert_true(stun_client_deadline(&r.c) == ADIT_NEVER);
	assert_int_equal(stun_client_count(&r.c), 0);
}

static void resends_are_the_same_bytes(void **state)
{
	uint8_t first[STUN_CLIENT_MSG_MAX];
	struct rig r;

	(void)state;
	rig_init(&r);
	ask(&r, 0, 1);
	assert_true(take(&r, 0));
	memcpy(first, r.sent, r.sent_len);
	stun_client_tick(&r.c, ADIT_MS(500));
	assert_true(take(&r, ADIT_MS(500)));
	assert_memory_equal(first, r.sent, r.sent_len);
	assert_int_equal(r.sent_len, STUN_HEADER_LEN);
}

static void what_is_asked_again_goes_out_beside_the_schedule(void **state)
{
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	ask(&r, 0, 1);
	stun_client_again(&r.c, 0, 1, ADIT_MS(100)); /* the first is not out yet */
	assert_true(take(&r, 0));
	assert_false(take(&r, 0));
	stun_client_again(&r.c, ADIT_MS(99), 1, ADIT_MS(100));
	stun_client_again(&r.c, ADIT_MS(99), 2, 0);
	assert_false(take(&r, ADIT_MS(99)));
	stun_client_again(&r.c, ADIT_MS(100), 1, ADIT_MS(100));
	assert_true(take(&r, ADIT_MS(100)));
	assert_false(take(&r, ADIT_MS(100)));
	assert_int_equal(stun_client_deadline(&r.c), ADIT_MS(500));
	/* Which of the two was answered nobody knows. */
	assert_int_equal(answer(&r, ADIT_MS(130), &res), 1);
	assert_int_equal(res.sends, 2);
	assert_int_equal(res.rtt, 0);
	assert_int_equal(stun_client_rto(&r.c, ADIT_MS(130), &r.server), STUN_RTO);
}

static void an_answer_ends_the_transaction_and_is_read(void **state)
{
	struct stun_binding b;
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	ask(&r, 0, 42);
	assert_true(take(&r, 0));
	assert_int_equal(answer(&r, ADIT_MS(30), &res), 1);
	assert_int_equal(res.end, STUN_END_ANSWER);
	assert_int_equal(res.tag, 42);
	assert_true(res.rtt == ADIT_MS(30));
	assert_int_equal(stun_binding_read(&res.msg, &b), 0);
	assert_true(adit_addr_eq(&b.mapped, &r.mapped));
	assert_int_equal(b.plain.family, ADIT_FAMILY_NONE);
	/* The same once more, as a duplicate on the way makes it. */
	assert_int_equal(answer(&r, ADIT_MS(31), &res), ADIT_EIGNORED);
	assert_int_equal(r.c.dropped, 1);
}

static void what_is_no_answer_of_ours_changes_nothing(void **state)
{
	struct adit_addr other = adit_addr_with_port(adit_addr_v4(198, 51, 100, 1, 0), 3479);
	uint8_t buf[128];
	struct stun_build b;
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	ask(&r, 0, 1);
	assert_true(take(&r, 0));
	b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &r.mapped);
	assert_int_equal(hear_from(&r, 1, 3, other, &b, &res), 0); /* from another port */
	assert_int_equal(hear_from(&r, 1, 4, r.server, &b, &res), 0); /* to another socket */
	buf[8] ^= 1;
	assert_int_equal(hear_from(&r, 1, 3, r.server, &b, &res), ADIT_EIGNORED); /* another id */
	b = begin_answer(&r, buf, sizeof(buf), STUN_REQUEST);
	assert_int_equal(hear(&r, 1, &b, &res), ADIT_EIGNORED);
	b = begin_answer(&r, buf, sizeof(buf), STUN_INDICATION);
	assert_int_equal(hear(&r, 1, &b, &res), ADIT_EIGNORED);
	stun_build_begin(&b, buf, sizeof(buf), STUN_SUCCESS, STUN_ALLOCATE, r.sent + 8);
	assert_int_equal(hear(&r, 1, &b, &res), 0); /* another method */
	assert_int_equal(stun_client_count(&r.c), 1);
	assert_int_equal(answer(&r, 2, &res), 1);
}

static void an_answer_from_elsewhere_counts_where_that_was_asked_for(void **state)
{
	struct adit_addr other = adit_addr_v4(198, 51, 100, 2, 3479);
	struct stun_attr a;
	struct stun_msg m;
	uint32_t change;
	uint16_t port;
	uint8_t buf[128];
	struct stun_ask k;
	struct stun_build b;
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	k = ask_of(&r, 1);
	k.any_source = true;
	assert_int_equal(stun_client_bind(&r.c, 0, &k, STUN_CHANGE_IP | STUN_CHANGE_PORT, 40123), 0);
	assert_true(take(&r, 0));
	assert_int_equal(stun_msg_parse(&m, r.sent, r.sent_len), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_CHANGE_REQUEST, &a), 0);
	assert_int_equal(stun_attr_read_u32(&a, &change), 0);
	assert_int_equal(change, 6);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_RESPONSE_PORT, &a), 0);
	assert_int_equal(stun_attr_read_u16_pad(&a, &port), 0);
	assert_int_equal(port, 40123);
	b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &r.mapped);
	assert_int_equal(hear_from(&r, ADIT_MS(1), 9, other, &b, &res), 1);
	assert_true(adit_addr_eq(&res.from, &other));
	assert_int_equal(res.sock, 9);
}

static void the_first_resend_is_learnt_but_not_from_resent_requests(void **state)
{
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_true(stun_client_rto(&r.c, 0, &r.server) == ADIT_MS(500));
	ask(&r, 0, 1);
	assert_true(take(&r, 0));
	assert_int_equal(answer(&r, ADIT_MS(200), &res), 1);
	/* RFC 6298 2.2: SRTT 200 + 4 * 100. */
	assert_true(stun_client_rto(&r.c, ADIT_MS(200), &r.server) == ADIT_MS(600));
	ask(&r, ADIT_MS(200), 2);
	assert_true(take(&r, ADIT_MS(200)));
	stun_client_tick(&r.c, ADIT_MS(800));
	assert_true(take(&r, ADIT_MS(800)));
	assert_int_equal(answer(&r, ADIT_MS(801), &res), 1);
	assert_true(res.rtt == 0 && res.sends == 2);
	assert_true(stun_client_rto(&r.c, ADIT_MS(801), &r.server) == ADIT_MS(600));
	/* RFC 8489 6.2.1: stale after ten idle minutes. */
	assert_true(stun_client_rto(&r.c, ADIT_MS(200) + STUN_RTO_KEPT + 1, &r.server) == ADIT_MS(500));
	for (unsigned i = 0; i < 40; i++) {
		ask(&r, ADIT_SEC(2), 3);
		assert_true(take(&r, ADIT_SEC(2)));
		assert_int_equal(answer(&r, ADIT_SEC(2) + ADIT_MS(1), &res), 1);
	}
	assert_true(stun_client_rto(&r.c, ADIT_SEC(2), &r.server) == STUN_RTO_MIN);
}

static void errors_are_told_with_their_code(void **state)
{
	static const unsigned codes[] = {300, 400, 401, 420, 438, 500};
	uint8_t buf[128];
	struct stun_build b;
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		ask(&r, 0, 1);
		assert_true(take(&r, 0));
		b = begin_answer(&r, buf, sizeof(buf), STUN_ERROR);
		stun_build_error(&b, codes[i], "no");
		assert_int_equal(hear(&r, 1, &b, &res), 1);
		assert_int_equal(res.end, STUN_END_ERROR);
		assert_int_equal(res.code, codes[i]);
	}
	ask(&r, 0, 1);
	assert_true(take(&r, 0));
	b = begin_answer(&r, buf, sizeof(buf), STUN_ERROR);
	assert_int_equal(hear(&r, 1, &b, &res), 1);
	assert_int_equal(res.end, STUN_END_UNUSABLE);
}

/* RFC 8489 6.3.3. */
static void an_answer_with_an_unknown_required_attribute_is_unusable(void **state)
{
	static const uint16_t none_known[] = {0x7abc};
	uint8_t buf[128];
	struct stun_build b;
	struct stun_result res;
	struct rig r;

	(void)state;
	for (int known = 0; known < 2; known++) {
		rig_init(&r);
		if (known)
			stun_client_set_known(&r.c, none_known, 1);
		ask(&r, 0, 1);
		assert_true(take(&r, 0));
		b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
		stun_build_u32(&b, 0x7abc, 1);
		stun_build_u32(&b, 0xfabc, 1); /* this one may be passed over */
		assert_int_equal(hear(&r, 1, &b, &res), 1);
		assert_int_equal(res.end, known ? STUN_END_ANSWER : STUN_END_UNUSABLE);
	}
}

static void a_forged_answer_is_waited_out(void **state)
{
	static const uint8_t key[] = "VOkJxbRl1RmTxUk/WvJxBt";
	const struct stun_cred cred = {
		.crypto = &crypto_gnutls, .type = STUN_ATTR_MESSAGE_INTEGRITY, .key = key, .key_len = 22};
	uint8_t buf[128];
	struct stun_ask k;
	struct stun_build b;
	struct stun_result res;
	struct stun_tx *tx;
	struct rig r;

	(void)state;
	for (int right = 0; right < 2; right++) {
		rig_init(&r);
		k = ask_of(&r, 1);
		k.cred = &cred;
		k.sends = 1;
		k.last_wait = 1;
		assert_int_equal(stun_client_begin(&r.c, &k, STUN_BINDING, &b, &tx), 0);
		stun_build_integrity_sha1(&b, &crypto_gnutls, key, 22);
		assert_int_equal(stun_client_send(&r.c, 0, tx, &b), 0);
		assert_true(take(&r, 0));
		assert_int_equal(answer(&r, 1, &res), 0); /* without */
		b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
		stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &r.mapped);
		stun_build_integrity_sha1(&b, &crypto_gnutls, key, right ? 22 : 21);
		assert_int_equal(hear(&r, 2, &b, &res), right);
		if (right)
			continue;
		stun_client_tick(&r.c, ADIT_MS(500));
		assert_int_equal(stun_client_event(&r.c, &res), 1);
		assert_int_equal(res.end, STUN_END_TIMEOUT);
		assert_true(res.violated);
	}
}

static void icmp_counts_only_where_it_quotes_the_request(void **state)
{
	struct adit_addr gate = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_icmp icmp = {.sock = 3, .offender = gate, .type = 3, .code = 13};
	struct stun_result res;
	uint32_t tag = 0;
	struct rig r;

	(void)state;
	rig_init(&r);
	ask(&r, 0, 5);
	assert_true(take(&r, 0));
	icmp.remote = r.server;
	icmp.data = r.sent;
	icmp.len = 8;
	assert_int_equal(stun_client_icmp(&r.c, 1, &icmp, &tag), ADIT_EIGNORED);
	icmp.len = r.sent_len;
	icmp.type = 11; /* time exceeded: somebody's matter, not the end */
	assert_int_equal(stun_client_icmp(&r.c, 1, &icmp, &tag), 0);
	assert_int_equal(tag, 5);
	icmp.type = 3;
	icmp.code = 4;
	assert_int_equal(stun_client_icmp(&r.c, 1, &icmp, &tag), 0);
	assert_int_equal(stun_client_event(&r.c, &res), 0);
	icmp.code = 13;
	r.sent[8] ^= 1;
	assert_int_equal(stun_client_icmp(&r.c, 1, &icmp, &tag), ADIT_EIGNORED);
	r.sent[8] ^= 1;
	icmp.sock = 4;
	assert_int_equal(stun_client_icmp(&r.c, 1, &icmp, &tag), ADIT_EIGNORED);
	icmp.sock = 3;
	assert_int_equal(stun_client_icmp(&r.c, 1, &icmp, &tag), 0);
	assert_int_equal(stun_client_event(&r.c, &res), 1);
	assert_int_equal(res.end, STUN_END_ICMP);
	assert_true(adit_addr_eq(&res.offender, &gate));
}

static void the_table_and_each_server_have_a_limit(void **state)
{
	struct stun_ask k;
	struct rig r;

	(void)state;
	rig_init(&r);
	for (unsigned i = 0; i < STUN_PER_HOST; i++)
		ask(&r, 0, i);
	k = ask_of(&r, 99);
	k.to.port = 9; /* another port is the same host */
	assert_int_equal(stun_client_bind(&r.c, 0, &k, 0, 0), ADIT_EFULL);
	k.to = adit_addr_v4(198, 51, 100, 9, 3478);
	for (unsigned i = STUN_PER_HOST; i < SLOTS; i++)
		assert_int_equal(stun_client_bind(&r.c, 0, &k, 0, 0), 0);
	assert_int_equal(stun_client_bind(&r.c, 0, &k, 0, 0), ADIT_EFULL);
	stun_client_cancel(&r.c, 3);
	assert_int_equal(stun_client_bind(&r.c, 0, &k, 0, 0), 0);
	stun_client_cancel_sock(&r.c, 3);
	assert_int_equal(stun_client_count(&r.c), 0);
	assert_false(take(&r, 0));
}

static void a_message_that_is_too_long_is_refused(void **state)
{
	static const uint8_t zeros[600];
	struct stun_ask k;
	struct stun_build b;
	struct stun_tx *tx;
	struct rig r;

	(void)state;
	rig_init(&r);
	k = ask_of(&r, 1);
	assert_int_equal(stun_client_begin(&r.c, &k, STUN_BINDING, &b, &tx), 0);
	stun_build_bytes(&b, STUN_ATTR_PADDING, zeros, sizeof(zeros));
	assert_int_equal(stun_client_send(&r.c, 0, tx, &b), ADIT_EFULL);
	assert_int_equal(stun_client_count(&r.c), 0);
}

static void second_is(struct adit_addr server, struct adit_addr other, bool ok)
{
	struct stun_binding b = {.other = other};
	struct adit_addr got = stun_binding_other(&b, &server);

	assert_int_equal(got.family, ok ? other.family : ADIT_FAMILY_NONE);
	assert_true(!ok || adit_addr_eq(&got, &other));
}

static void a_server_names_no_second_address_that_it_could_not_have(void **state)
{
	struct adit_addr public = adit_addr_v4(203, 0, 113, 1, 3478);
	struct adit_addr private = adit_addr_v4(10, 0, 0, 1, 3478);
	struct adit_addr loopback = adit_addr_v4(127, 0, 0, 1, 3478);
	uint8_t ip6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct adit_addr v6 = adit_addr_v6(ip6, 3478);

	(void)state;
	second_is(public, adit_addr_v4(198, 51, 100, 2, 3479), true);
	second_is(public, adit_addr_v4(198, 51, 100, 2, 0), false);
	second_is(public, private, false);
	second_is(public, adit_addr_v4(100, 64, 0, 1, 3479), false);
	second_is(public, adit_addr_v4(169, 254, 0, 1, 3479), false);
	second_is(public, loopback, false);
	second_is(public, adit_addr_v4(224, 0, 0, 1, 3479), false);
	second_is(public, adit_addr_v4(255, 255, 255, 255, 3479), false);
	second_is(public, adit_addr_v4(0, 0, 0, 1, 3479), false);
	second_is(public, adit_addr_v4(240, 0, 0, 1, 3479), false);
	second_is(public, v6, false);
	second_is(v6, public, false);
	second_is(private, adit_addr_v4(10, 0, 0, 2, 3479), true);
	second_is(private, loopback, false);
	second_is(loopback, adit_addr_v4(127, 0, 0, 2, 3479), true);
	second_is(loopback, private, false);
}

static void old_servers_and_payload_rewriters_are_understood(void **state)
{
	struct adit_addr inside = adit_addr_v4(192, 168, 1, 2, 5000);
	struct adit_addr second = adit_addr_v4(198, 51, 100, 2, 3479);
	struct adit_addr portless = adit_addr_v4(203, 0, 113, 9, 0);
	uint8_t buf[128];
	struct stun_binding got;
	struct stun_build b;
	struct stun_result res;
	struct rig r;

	(void)state;
	rig_init(&r);
	ask(&r, 0, 1); /* RFC 3489: no XOR, the second address under its old name */
	assert_true(take(&r, 0));
	b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
	stun_build_addr(&b, STUN_ATTR_MAPPED_ADDRESS, &r.mapped);
	stun_build_addr(&b, STUN_ATTR_SOURCE_ADDRESS, &r.server);
	stun_build_addr(&b, STUN_ATTR_CHANGED_ADDRESS, &second);
	assert_int_equal(hear(&r, 1, &b, &res), 1);
	assert_int_equal(res.end, STUN_END_ANSWER);
	assert_int_equal(stun_binding_read(&res.msg, &got), 0);
	assert_true(adit_addr_eq(&got.mapped, &r.mapped));
	assert_true(adit_addr_eq(&got.other, &second));
	ask(&r, 0, 2); /* a NAT that rewrites what it takes for an address */
	assert_true(take(&r, 0));
	b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
	stun_build_addr(&b, STUN_ATTR_MAPPED_ADDRESS, &inside);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &r.mapped);
	assert_int_equal(hear(&r, 1, &b, &res), 1);
	assert_int_equal(stun_binding_read(&res.msg, &got), 0);
	assert_true(adit_addr_eq(&got.mapped, &r.mapped));
	assert_true(adit_addr_eq(&got.plain, &inside));
	ask(&r, 0, 3);
	assert_true(take(&r, 0));
	b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
	assert_int_equal(hear(&r, 1, &b, &res), 1);
	assert_int_equal(stun_binding_read(&res.msg, &got), ADIT_EPROTO); /* no address at all */
	ask(&r, 0, 4);
	assert_true(take(&r, 0));
	b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
	stun_build_u32(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, 1);
	assert_int_equal(hear(&r, 1, &b, &res), 1);
	assert_int_equal(stun_binding_read(&res.msg, &got), ADIT_EPROTO);
	ask(&r, 0, 5);
	assert_true(take(&r, 0));
	b = begin_answer(&r, buf, sizeof(buf), STUN_SUCCESS);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &portless);
	assert_int_equal(hear(&r, 1, &b, &res), 1);
	assert_int_equal(stun_binding_read(&res.msg, &got), ADIT_EPROTO); /* somebody would be sent there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resends_follow_the_rfc8489_schedule),
		cmocka_unit_test(resends_are_the_same_bytes),
		cmocka_unit_test(what_is_asked_again_goes_out_beside_the_schedule),
		cmocka_unit_test(an_answer_ends_the_transaction_and_is_read),
		cmocka_unit_test(what_is_no_answer_of_ours_changes_nothing),
		cmocka_unit_test(an_answer_from_elsewhere_counts_where_that_was_asked_for),
		cmocka_unit_test(the_first_resend_is_learnt_but_not_from_resent_requests),
		cmocka_unit_test(errors_are_told_with_their_code),
		cmocka_unit_test(an_answer_with_an_unknown_required_attribute_is_unusable),
		cmocka_unit_test(a_forged_answer_is_waited_out),
		cmocka_unit_test(icmp_counts_only_where_it_quotes_the_request),
		cmocka_unit_test(the_table_and_each_server_have_a_limit),
		cmocka_unit_test(a_message_that_is_too_long_is_refused),
		cmocka_unit_test(a_server_names_no_second_address_that_it_could_not_have),
		cmocka_unit_test(old_servers_and_payload_rewriters_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
