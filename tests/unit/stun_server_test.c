#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "core/stun/stun_attr.h"
#include "core/stun/stun_server.h"
#include "hex.h"

static const uint8_t txid[STUN_TXID_LEN] = {0xff, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

struct rig {
	struct stun_server *s;
	struct stun_server_place place;
	struct adit_addr from;
	adit_time now;
	uint8_t req[STUN_SERVER_REQUEST_MAX + 64];
	size_t req_len;
	struct stun_build b;
	uint8_t buf[STUN_SERVER_PADDED_MAX];
	struct stun_server_answer answer;
	struct stun_msg m; /* the answer */
};

static int setup(void **state)
{
	static struct adit_rng_seeded seeded;
	struct stun_server_config cfg = {.rng = adit_rng_seeded_init(&seeded, 1), .rate = STUN_SERVER_RATE};
	struct rig *r = calloc(1, sizeof(*r));

	r->s = calloc(1, sizeof(*r->s));
	r->now = ADIT_SEC(1000);
	stun_server_init(r->s, r->now, &cfg);
	r->place.local = adit_addr_v4(203, 0, 113, 1, 3478);
	r->place.other = adit_addr_v4(203, 0, 113, 2, 3479);
	r->from = adit_addr_v4(192, 0, 2, 7, 40000);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	free(r->s);
	free(r);
	return 0;
}

static void use_v6(struct rig *r)
{
	static const char *const texts[] = {"[2001:db8::1]:3478", "[2001:db8::2]:3479", "[2001:db8:9::7]:40000"};
	struct adit_addr *addrs[] = {&r->place.local, &r->place.other, &r->from};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(adit_addr_parse(texts[i], strlen(texts[i]), addrs[i]), 0);
}

static void begin(struct rig *r)
{
	stun_build_begin(&r->b, r->req, sizeof(r->req), STUN_REQUEST, STUN_BINDING, txid);
}

/* What the server makes of r->req. In a buffer of its own size, so that reading too far is seen. */
static int ask_raw(struct rig *r)
{
	uint8_t *copy = malloc(r->req_len ? r->req_len : 1);
	int n;

	memcpy(copy, r->req, r->req_len);
	n = stun_server_answer(r->s, r->now, &r->place, &r->from, copy, r->req_len, r->buf, &r->answer);
	free(copy);
	if (n > 0 && stun_msg_is_stun(r->buf, r->answer.len)) {
		assert_int_equal(stun_msg_parse(&r->m, r->buf, r->answer.len), 0);
		assert_memory_equal(r->m.txid, txid, sizeof(txid));
		assert_int_equal(r->m.method, STUN_BINDING);
	}
	return n;
}

static int ask(struct rig *r)
{
	int len = stun_build_end(&r->b);

	assert_true(len > 0);
	r->req_len = (size_t)len;
	return ask_raw(r);
}

static void must_have(struct rig *r, uint16_t type, const struct adit_addr *want)
{
	struct adit_addr got;
	struct stun_attr a;

	assert_int_equal(stun_msg_find(&r->m, type, &a), 0);
	if (type == STUN_ATTR_XOR_MAPPED_ADDRESS)
		assert_int_equal(stun_attr_read_xor_addr(&a, txid, &got), 0);
	else
		assert_int_equal(stun_attr_read_addr(&a, &got), 0);
	assert_true(adit_addr_eq(&got, want));
}

static bool has(struct rig *r, uint16_t type)
{
	struct stun_attr a;

	return stun_msg_find(&r->m, type, &a) == 0;
}

static void must_be_error(struct rig *r, unsigned want)
{
	const uint8_t *text;
	struct stun_attr a;
	unsigned code;
	size_t len;

	assert_int_equal(r->m.class, STUN_ERROR);
	assert_true(r->answer.len <= STUN_SERVER_ANSWER_MAX);
	assert_int_equal(r->answer.change, 0);
	assert_int_equal(stun_msg_find(&r->m, STUN_ATTR_ERROR_CODE, &a), 0);
	assert_int_equal(stun_attr_read_error(&a, &code, &text, &len), 0);
	assert_int_equal(code, want);
}

static void a_plain_request_gets_all_four_addresses(void **state)
{
	struct rig *r = *state;

	begin(r);
	assert_int_equal(ask(r), 1);
	assert_int_equal(r->m.class, STUN_SUCCESS);
	must_have(r, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->from);
	must_have(r, STUN_ATTR_MAPPED_ADDRESS, &r->from);
	must_have(r, STUN_ATTR_RESPONSE_ORIGIN, &r->place.local);
	must_have(r, STUN_ATTR_OTHER_ADDRESS, &r->place.other);
	assert_true(r->answer.len <= STUN_SERVER_ANSWER_MAX);
	assert_true(adit_addr_eq(&r->answer.remote, &r->from));
	assert_int_equal(r->answer.change, 0);
	assert_int_equal(r->s->stats.binding, 1);
}

static void over_ipv6_the_answer_keeps_its_80_bytes(void **state)
{
	struct rig *r = *state;

	use_v6(r);
	begin(r);
	assert_int_equal(ask(r), 1);
	must_have(r, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->from);
	must_have(r, STUN_ATTR_OTHER_ADDRESS, &r->place.other);
	assert_true(r->answer.len <= STUN_SERVER_ANSWER_MAX);
	begin(r);
	stun_build_u32(&r->b, STUN_ATTR_CHANGE_REQUEST, 6);
	stun_build_fingerprint(&r->b);
	assert_int_equal(ask(r), 1);
	must_have(r, STUN_ATTR_RESPONSE_ORIGIN, &r->place.other);
	assert_true(r->m.fingerprint_at != 0);
	assert_true(r->answer.len <= STUN_SERVER_ANSWER_MAX);
	begin(r);
	stun_build_flag(&r->b, STUN_ATTR_ADIT_COOKIE);
	stun_build_fingerprint(&r->b);
	assert_int_equal(ask(r), 1);
	assert_true(has(r, STUN_ATTR_ADIT_COOKIE));
	assert_true(r->answer.len <= STUN_SERVER_ANSWER_MAX);
}

/* RFC 5780 6.1, table 1. */
static void the_answer_leaves_from_where_the_request_wants_it(void **state)
{
	struct rig *r = *state;

	for (unsigned flags = 0; flags <= 6; flags += 2) {
		struct adit_addr want = flags & 4 ? r->place.other : r->place.local;

		want.port = flags & 2 ? r->place.other.port : r->place.local.port;
		begin(r);
		stun_build_u32(&r->b, STUN_ATTR_CHANGE_REQUEST, flags);
		assert_int_equal(ask(r), 1);
		assert_int_equal(r->answer.change, flags);
		must_have(r, STUN_ATTR_RESPONSE_ORIGIN, &want);
		must_have(r, STUN_ATTR_OTHER_ADDRESS, &r->place.other);
		assert_true(adit_addr_eq(&r->answer.remote, &r->from));
	}
	assert_int_equal(r->s->stats.changed, 3);
}

static void what_a_server_does_not_have_it_refuses(void **state)
{
	struct rig *r = *state;
	uint16_t type;
	struct stun_attr a;

	r->place.other = adit_addr_with_port(r->place.local, 3479); /* one address, two ports */
	begin(r);
	assert_int_equal(ask(r), 1);
	assert_false(has(r, STUN_ATTR_OTHER_ADDRESS));
	begin(r);
	stun_build_flag(&r->b, STUN_ATTR_ADIT_COOKIE);
	assert_int_equal(ask(r), 1);
	must_have(r, STUN_ATTR_OTHER_ADDRESS, &r->place.other);
	begin(r);
	stun_build_u32(&r->b, STUN_ATTR_CHANGE_REQUEST, STUN_SERVER_CHANGE_PORT);
	assert_int_equal(ask(r), 1);
	assert_int_equal(r->answer.change, STUN_SERVER_CHANGE_PORT);
	begin(r);
	stun_build_u32(&r->b, STUN_ATTR_CHANGE_REQUEST, STUN_SERVER_CHANGE_IP);
	assert_int_equal(ask(r), 1);
	must_be_error(r, 420);
	assert_int_equal(stun_msg_find(&r->m, STUN_ATTR_UNKNOWN_ATTRIBUTES, &a), 0);
	assert_int_equal(stun_attr_read_unknown(&a, &type, 1), 1);
	assert_int_equal(type, STUN_ATTR_CHANGE_REQUEST);
	r->place.other = (struct adit_addr){.family = ADIT_FAMILY_NONE}; /* one address, one port */
	for (unsigned flags = 2; flags <= 6; flags += 2) {
		begin(r);
		stun_build_u32(&r->b, STUN_ATTR_CHANGE_REQUEST, flags);
		assert_int_equal(ask(r), 1);
		must_be_error(r, 420);
	}
}

static void unknown_required_attributes_are_listed(void **state)
{
	struct rig *r = *state;
	uint16_t types[16];
	struct stun_attr a;

	begin(r);
	stun_build_u32(&r->b, 0x7ff1, 1);
	stun_build_u32(&r->b, 0xfff1, 1); /* optional */
	stun_build_u32(&r->b, STUN_ATTR_PRIORITY, 1);
	stun_build_bytes(&r->b, STUN_ATTR_USERNAME, "u", 1); /* of authentication, which is not ours */
	stun_build_u32(&r->b, 0x7ff1, 1);
	assert_int_equal(ask(r), 1);
	must_be_error(r, 420);
	assert_int_equal(stun_msg_find(&r->m, STUN_ATTR_UNKNOWN_ATTRIBUTES, &a), 0);
	assert_int_equal(stun_attr_read_unknown(&a, types, 16), 2);
	assert_int_equal(types[0], 0x7ff1);
	assert_int_equal(types[1], STUN_ATTR_PRIORITY);
	begin(r);
	for (uint16_t i = 0; i < 200; i++)
		stun_build_flag(&r->b, (uint16_t)(0x4000 + i));
	stun_build_fingerprint(&r->b);
	assert_int_equal(ask(r), 1);
	must_be_error(r, 420);
	assert_int_equal(stun_msg_find(&r->m, STUN_ATTR_UNKNOWN_ATTRIBUTES, &a), 0);
	assert_int_equal(stun_attr_read_unknown(&a, types, 16), STUN_SERVER_UNKNOWN_MAX);
	assert_true(r->m.fingerprint_at != 0);
}

static void a_fingerprint_is_answered_with_one(void **state)
{
	struct rig *r = *state;

	begin(r);
	stun_build_fingerprint(&r->b);
	assert_int_equal(ask(r), 1);
	assert_true(r->m.fingerprint_at != 0);
	assert_true(r->answer.len <= STUN_SERVER_ANSWER_MAX);
	begin(r);
	assert_int_equal(ask(r), 1);
	assert_true(r->m.fingerprint_at == 0);
}

static void padding_never_makes_the_answer_longer_than_the_request(void **state)
{
	static const uint8_t zero[1700];
	struct rig *r = *state;

	for (size_t n = 0; n <= sizeof(zero); n += 100) {
		begin(r);
		stun_build_bytes(&r->b, STUN_ATTR_PADDING, zero, n);
		if (n % 200 == 0)
			stun_build_fingerprint(&r->b);
		assert_int_equal(ask(r), 1);
		assert_int_equal(r->m.class, STUN_SUCCESS);
		if (r->req_len > STUN_SERVER_ANSWER_MAX)
			assert_int_equal(r->answer.len,
					 r->req_len < STUN_SERVER_PADDED_MAX ? r->req_len : STUN_SERVER_PADDED_MAX);
		else
			assert_true(r->answer.len <= STUN_SERVER_ANSWER_MAX);
	}
}

static void response_port_sends_the_answer_there_but_not_with_padding(void **state)
{
	struct rig *r = *state;
	struct adit_addr want = adit_addr_with_port(r->from, 5000);

	begin(r);
	stun_build_u16_pad(&r->b, STUN_ATTR_RESPONSE_PORT, 5000);
	assert_int_equal(ask(r), 1);
	assert_true(adit_addr_eq(&r->answer.remote, &want));
	must_have(r, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->from);
	begin(r);
	stun_build_u16_pad(&r->b, STUN_ATTR_RESPONSE_PORT, 5000);
	stun_build_bytes(&r->b, STUN_ATTR_PADDING, "1234", 4);
	assert_int_equal(ask(r), 1);
	must_be_error(r, 400);
	assert_true(adit_addr_eq(&r->answer.remote, &r->from));
	begin(r);
	stun_build_u16_pad(&r->b, STUN_ATTR_RESPONSE_PORT, 0);
	assert_int_equal(ask(r), 1);
	must_be_error(r, 400);
	begin(r);
	stun_build_bytes(&r->b, STUN_ATTR_CHANGE_REQUEST, "12345", 5);
	assert_int_equal(ask(r), 1);
	must_be_error(r, 400);
}

/* What Debian's `stun` sends: no cookie, a 16-byte transaction ID, CHANGE-REQUEST always. */
static void an_old_request_gets_an_old_answer(void **state)
{
	static const char req[] = "0001 0008 01020304 05060708 090a0b0c 0d0e0f10 0003 0004 00000000";
	static const char want[] = "0101 0024 01020304 05060708 090a0b0c 0d0e0f10"
				   "0001 0008 0001 9c40 c0000207 0004 0008 0001 0d96 cb007101"
				   "0005 0008 0001 0d97 cb007102";
	uint8_t bytes[128];
	struct rig *r = *state;
	size_t n;

	r->req_len = from_hex(req, r->req, sizeof(r->req));
	n = from_hex(want, bytes, sizeof(bytes));
	assert_int_equal(ask_raw(r), 1);
	assert_int_equal(r->answer.len, n);
	assert_memory_equal(r->buf, bytes, n);
	assert_int_equal(r->s->stats.classic, 1);
	r->req[r->req_len - 1] = 6;
	assert_int_equal(ask_raw(r), 1);
	assert_int_equal(r->answer.change, 6);
}

static void an_old_request_to_answer_somebody_else_is_refused(void **state)
{
	static const char req[] = "0001 000c 01020304 05060708 090a0b0c 0d0e0f10 0002 0008 0001 1234 c6336401";
	/* RFC 3489 11.2.10: with an odd number of types, one is repeated. */
	static const char want[] = "0111 0024 01020304 05060708 090a0b0c 0d0e0f10"
				   "0009 0015 00000414 556e6b6e6f776e20417474726962757465 000000 000a 0004 0002 0002";
	uint8_t bytes[128];
	struct rig *r = *state;
	size_t n;

	r->req_len = from_hex(req, r->req, sizeof(r->req));
	n = from_hex(want, bytes, sizeof(bytes));
	assert_int_equal(ask_raw(r), 1);
	assert_int_equal(r->answer.len, n);
	assert_memory_equal(r->buf, bytes, n);
	assert_true(adit_addr_eq(&r->answer.remote, &r->from));
}

static void what_is_no_request_gets_no_answer(void **state)
{
	static const enum stun_class classes[] = {STUN_INDICATION, STUN_SUCCESS, STUN_ERROR};
	struct rig *r = *state;
	int len;

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		stun_build_begin(&r->b, r->req, sizeof(r->req), classes[i], STUN_BINDING, txid);
		assert_int_equal(ask(r), 0);
		memset(r->req + 4, 0x55, 4); /* nor without a cookie */
		assert_int_equal(ask_raw(r), 0);
	}
	stun_build_begin(&r->b, r->req, sizeof(r->req), STUN_REQUEST, STUN_ALLOCATE, txid);
	assert_int_equal(ask(r), 0);
	/* A reflected answer: our own one comes back. */
	begin(r);
	assert_int_equal(ask(r), 1);
	memcpy(r->req, r->buf, r->answer.len);
	r->req_len = r->answer.len;
	assert_int_equal(ask_raw(r), 0);
	/* Cut anywhere. */
	begin(r);
	stun_build_u32(&r->b, STUN_ATTR_CHANGE_REQUEST, 0);
	len = stun_build_end(&r->b);
	for (r->req_len = 0; r->req_len < (size_t)len; r->req_len++)
		assert_int_equal(ask_raw(r), 0);
	/* Too long. */
	begin(r);
	for (int i = 0; i < STUN_SERVER_REQUEST_MAX / 8; i++)
		stun_build_u32(&r->b, 0xfff0, 1);
	assert_true(stun_build_end(&r->b) > STUN_SERVER_REQUEST_MAX);
	assert_int_equal(ask(r), 0);
	assert_int_equal(r->s->stats.binding, 1);
	assert_int_equal(r->s->stats.errors, 0);
}

static void nobody_is_answered_at_an_address_that_is_no_host(void **state)
{
	static const char *const texts[] = {"192.0.2.1",         "0.0.0.0:5",   "224.0.0.1:5",
					    "255.255.255.255:5", "[ff02::1]:5", "[::]:5"};
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(adit_addr_parse(texts[i], strlen(texts[i]), &r->from), 0);
		begin(r);
		assert_int_equal(ask(r), 0);
	}
	assert_int_equal(r->s->stats.malformed, ARRAY_LEN(texts));
}

static unsigned count_answers(struct rig *r, unsigned change, const uint8_t *cookie, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++) {
		begin(r);
		if (change)
			stun_build_u32(&r->b, STUN_ATTR_CHANGE_REQUEST, change);
		if (cookie)
			stun_build_bytes(&r->b, STUN_ATTR_ADIT_COOKIE, cookie, STUN_COOKIE_LEN);
		n += (unsigned)ask(r);
	}
	return n;
}

static void a_flood_from_one_network_gets_ten_answers_a_second(void **state)
{
	struct rig *r = *state;

	assert_int_equal(count_answers(r, 0, NULL, 10000), STUN_SERVER_BURST);
	for (int i = 0; i < 5; i++) {
		r->now += ADIT_SEC(1);
		r->from.ip[3]++; /* a neighbour */
		assert_int_equal(count_answers(r, 0, NULL, 1000), STUN_SERVER_RATE);
	}
	r->from.ip[2]++; /* another network */
	assert_int_equal(count_answers(r, 0, NULL, 1), 1);
	assert_true(r->s->stats.limited >= 10000);
}

static void answers_from_elsewhere_are_one_a_second_or_want_the_cookie_back(void **state)
{
	uint8_t cookie[STUN_COOKIE_LEN];
	struct rig *r = *state;
	struct stun_attr a;

	assert_int_equal(count_answers(r, 6, NULL, 50), STUN_SERVER_CHANGE_BURST);
	r->now += ADIT_SEC(1);
	assert_int_equal(count_answers(r, 4, NULL, 50), 1);
	r->now += ADIT_SEC(100);
	r->s->stats.limited = 0;
	assert_int_equal(count_answers(r, 6, NULL, 12), STUN_SERVER_CHANGE_BURST);
	begin(r);
	stun_build_flag(&r->b, STUN_ATTR_ADIT_COOKIE);
	assert_int_equal(ask(r), 1);
	assert_int_equal(stun_msg_find(&r->m, STUN_ATTR_ADIT_COOKIE, &a), 0);
	assert_int_equal(a.len, STUN_COOKIE_LEN);
	memcpy(cookie, a.value, sizeof(cookie));
	assert_int_equal(count_answers(r, 6, cookie, 50), 50);
	begin(r);
	stun_build_u16_pad(&r->b, STUN_ATTR_RESPONSE_PORT, 99);
	stun_build_bytes(&r->b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
	assert_int_equal(ask(r), 1);
	assert_false(has(r, STUN_ATTR_ADIT_COOKIE));
	cookie[0] ^= 1;
	assert_int_equal(count_answers(r, 6, cookie, 5), 0);
	assert_int_equal(r->s->stats.limited, 5);
}

/* RFC 5769 2.1 is an ICE check: its credentials and required attributes are not for a Binding server. */
static void a_check_of_ice_is_answered_with_what_is_not_known(void **state)
{
	static const char req[] = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e740024"
				  "00046e0001ff80290008"
				  "932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3"
				  "f249c1b571a280280004"
				  "e57a3bcf";
	uint8_t copy[128];
	struct rig *r = *state;

	r->req_len = from_hex(req, copy, sizeof(copy));
	assert_int_equal(stun_server_answer(r->s, r->now, &r->place, &r->from, copy, r->req_len, r->buf, &r->answer),
			 1);
	assert_int_equal(stun_msg_parse(&r->m, r->buf, r->answer.len), 0);
	must_be_error(r, 420);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_plain_request_gets_all_four_addresses),
		T(over_ipv6_the_answer_keeps_its_80_bytes),
		T(the_answer_leaves_from_where_the_request_wants_it),
		T(what_a_server_does_not_have_it_refuses),
		T(unknown_required_attributes_are_listed),
		T(a_fingerprint_is_answered_with_one),
		T(padding_never_makes_the_answer_longer_than_the_request),
		T(response_port_sends_the_answer_there_but_not_with_padding),
		T(an_old_request_gets_an_old_answer),
		T(an_old_request_to_answer_somebody_else_is_refused),
		T(what_is_no_request_gets_no_answer),
		T(nobody_is_answered_at_an_address_that_is_no_host),
		T(a_flood_from_one_network_gets_ten_answers_a_second),
		T(answers_from_elsewhere_are_one_a_second_or_want_the_cookie_back),
		T(a_check_of_ice_is_answered_with_what_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
