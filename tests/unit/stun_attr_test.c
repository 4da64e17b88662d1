#include "test.h"

#include <string.h>

#include "core/stun/stun_attr.h"

static const uint8_t txid[STUN_TXID_LEN] = {0xff, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* A message with one attribute, and that attribute read back. */
struct one {
	uint8_t buf[1024];
	struct stun_build b;
	struct stun_msg m;
	struct stun_attr a;
};

static void one_begin(struct one *o)
{
	stun_build_begin(&o->b, o->buf, sizeof(o->buf), STUN_REQUEST, STUN_BINDING, txid);
}

static void one_end(struct one *o)
{
	size_t pos = 0;
	int len = stun_build_end(&o->b);

	assert_true(len > 0);
	assert_int_equal(stun_msg_parse(&o->m, o->buf, (size_t)len), 0);
	assert_true(stun_msg_next(&o->m, &pos, &o->a));
}

static void addresses_survive_plain_and_xored(void **state)
{
	static const char *const texts[] = {"192.0.2.1:80", "0.0.0.0:1", "[2001:db8::1]:65535", "[::]:1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct adit_addr addr;
		struct adit_addr back;
		struct one o;

		assert_int_equal(adit_addr_parse(texts[i], strlen(texts[i]), &addr), 0);
		one_begin(&o);
		stun_build_addr(&o.b, STUN_ATTR_RESPONSE_ORIGIN, &addr);
		one_end(&o);
		assert_int_equal(stun_attr_read_addr(&o.a, &back), 0);
		assert_true(adit_addr_eq(&addr, &back));
		one_begin(&o);
		stun_build_xor_addr(&o.b, STUN_ATTR_XOR_PEER_ADDRESS, &addr);
		one_end(&o);
		assert_int_equal(stun_attr_read_xor_addr(&o.a, o.m.txid, &back), 0);
		assert_true(adit_addr_eq(&addr, &back));
		assert_int_equal(stun_attr_read_addr(&o.a, &back), 0);
		assert_false(adit_addr_eq(&addr, &back)); /* it was hidden from a meddling NAT */
	}
}

static void addresses_of_wrong_shape_are_refused(void **state)
{
	static const uint8_t v4[20] = {0, 1, 0, 80, 192, 0, 2, 1};
	static const uint8_t v6[24] = {0, 2, 0, 80};
	static const uint8_t v5[8] = {0, 5, 0, 80, 192, 0, 2, 1};
	struct adit_addr addr = adit_addr_v4(9, 9, 9, 9, 9);
	struct stun_attr a = {.value = v4};

	(void)state;
	for (a.len = 0; a.len <= sizeof(v4); a.len++)
		assert_int_equal(stun_attr_read_addr(&a, &addr), a.len == 8 ? 0 : ADIT_EPROTO);
	a.value = v6;
	for (a.len = 0; a.len <= sizeof(v6); a.len++)
		assert_int_equal(stun_attr_read_addr(&a, &addr), a.len == 20 ? 0 : ADIT_EPROTO);
	a = (struct stun_attr){.value = v5, .len = sizeof(v5)};
	addr = adit_addr_v4(9, 9, 9, 9, 9);
	assert_int_equal(stun_attr_read_addr(&a, &addr), ADIT_EPROTO);
	assert_int_equal(stun_attr_read_xor_addr(&a, txid, &addr), ADIT_EPROTO);
	assert_int_equal(addr.port, 9); /* written on success only */
}

static void an_address_without_family_is_not_written(void **state)
{
	struct adit_addr none = {0};
	struct one o;

	(void)state;
	one_begin(&o);
	stun_build_xor_addr(&o.b, STUN_ATTR_XOR_MAPPED_ADDRESS, &none);
	assert_int_equal(stun_build_end(&o.b), ADIT_EFULL);
}

static void numbers_survive_and_have_one_length(void **state)
{
	uint64_t v64 = 0;
	uint32_t v32 = 0;
	uint16_t v16 = 0;
	uint8_t v8 = 0;
	struct one o;

	(void)state;
	one_begin(&o);
	stun_build_u64(&o.b, STUN_ATTR_ICE_CONTROLLING, UINT64_C(0x0123456789abcdef));
	one_end(&o);
	assert_int_equal(stun_attr_read_u64(&o.a, &v64), 0);
	assert_true(v64 == UINT64_C(0x0123456789abcdef));
	assert_int_equal(stun_attr_read_u32(&o.a, &v32), ADIT_EPROTO);
	one_begin(&o);
	stun_build_u32(&o.b, STUN_ATTR_LIFETIME, 0x89abcdef);
	one_end(&o);
	assert_int_equal(stun_attr_read_u32(&o.a, &v32), 0);
	assert_int_equal(v32, 0x89abcdef);
	assert_int_equal(stun_attr_read_u64(&o.a, &v64), ADIT_EPROTO);
	one_begin(&o);
	stun_build_u16_pad(&o.b, STUN_ATTR_CHANNEL_NUMBER, 0x4001);
	one_end(&o);
	assert_memory_equal(o.a.value, "\x40\x01\0\0", 4);
	assert_int_equal(stun_attr_read_u16_pad(&o.a, &v16), 0);
	assert_int_equal(v16, 0x4001);
	one_begin(&o);
	stun_build_u8_pad(&o.b, STUN_ATTR_REQUESTED_TRANSPORT, 17);
	one_end(&o);
	assert_memory_equal(o.a.value, "\x11\0\0\0", 4);
	assert_int_equal(stun_attr_read_u8_pad(&o.a, &v8), 0);
	assert_int_equal(v8, 17);
	o.a.len = 1;
	assert_int_equal(stun_attr_read_u8_pad(&o.a, &v8), ADIT_EPROTO);
	assert_int_equal(stun_attr_read_u16_pad(&o.a, &v16), ADIT_EPROTO);
}

static void even_port_is_one_byte_with_one_bit(void **state)
{
	bool reserve = false;
	struct one o;

	(void)state;
	one_begin(&o);
	stun_build_even_port(&o.b, true);
	one_end(&o);
	assert_int_equal(o.a.len, 1);
	assert_int_equal(o.m.len, STUN_HEADER_LEN + 8);
	assert_int_equal(stun_attr_read_even_port(&o.a, &reserve), 0);
	assert_true(reserve);
	o.a.len = 2;
	assert_int_equal(stun_attr_read_even_port(&o.a, &reserve), ADIT_EPROTO);
}

static void error_codes_are_split_into_class_and_number(void **state)
{
	const uint8_t *text = NULL;
	unsigned code = 0;
	size_t len = 0;
	struct one o;

	(void)state;
	one_begin(&o);
	stun_build_error(&o.b, 438, "Stale Nonce");
	one_end(&o);
	assert_memory_equal(o.a.value, "\0\0\x04\x26", 4);
	assert_int_equal(stun_attr_read_error(&o.a, &code, &text, &len), 0);
	assert_int_equal(code, 438);
	assert_int_equal(len, 11);
	assert_memory_equal(text, "Stale Nonce", 11);
}

static void error_codes_out_of_range_are_refused(void **state)
{
	static const uint8_t bad[][4] = {{0, 0, 2, 0}, {0, 0, 7, 0}, {0, 0, 4, 100}, {0, 0, 0, 0}};
	static const uint8_t class_with_other_bits[4] = {0xff, 0xff, 0xfc, 1};
	const uint8_t *text;
	unsigned code;
	size_t len;
	struct stun_attr a = {.len = 4};
	struct one o;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		a.value = bad[i];
		assert_int_equal(stun_attr_read_error(&a, &code, &text, &len), ADIT_EPROTO);
	}
	a.len = 3;
	assert_int_equal(stun_attr_read_error(&a, &code, &text, &len), ADIT_EPROTO);
	a = (struct stun_attr){.len = 4, .value = class_with_other_bits};
	assert_int_equal(stun_attr_read_error(&a, &code, &text, &len), 0);
	assert_int_equal(code, 401);
	assert_int_equal(len, 0);
	one_begin(&o);
	stun_build_error(&o.b, 299, "");
	assert_int_equal(stun_build_end(&o.b), ADIT_EFULL);
	one_begin(&o);
	stun_build_error(&o.b, 700, "");
	assert_int_equal(stun_build_end(&o.b), ADIT_EFULL);
}

static void a_list_of_unknown_attributes_is_padded_when_odd(void **state)
{
	static const uint16_t types[] = {0x001d, 0x7abc, 0x0001};
	uint16_t back[2];
	struct one o;

	(void)state;
	one_begin(&o);
	stun_build_unknown(&o.b, types, ARRAY_LEN(types));
	one_end(&o);
	assert_int_equal(o.a.len, 6);
	assert_int_equal(o.m.len, STUN_HEADER_LEN + 12);
	assert_int_equal(stun_attr_read_unknown(&o.a, back, ARRAY_LEN(back)), 3);
	assert_int_equal(back[0], types[0]);
	assert_int_equal(back[1], types[1]);
	o.a.len = 5;
	assert_int_equal(stun_attr_read_unknown(&o.a, back, ARRAY_LEN(back)), ADIT_EPROTO);
	one_begin(&o);
	stun_build_unknown(&o.b, types, UINT16_MAX);
	assert_int_equal(stun_build_end(&o.b), ADIT_EFULL);
}

static void texts_have_a_least_and_a_largest_length(void **state)
{
	struct stun_attr a = {.len = 0};

	(void)state;
	assert_int_equal(stun_attr_check_text(&a, 10), ADIT_EPROTO);
	a.len = 10;
	assert_int_equal(stun_attr_check_text(&a, 10), 0);
	a.len = 11;
	assert_int_equal(stun_attr_check_text(&a, 10), ADIT_EPROTO);
}

static void an_empty_attribute_is_four_bytes(void **state)
{
	struct one o;

	(void)state;
	one_begin(&o);
	stun_build_flag(&o.b, STUN_ATTR_DONT_FRAGMENT);
	one_end(&o);
	assert_int_equal(o.m.len, STUN_HEADER_LEN + 4);
	assert_int_equal(o.a.type, STUN_ATTR_DONT_FRAGMENT);
	assert_int_equal(o.a.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_plain_and_xored),
		cmocka_unit_test(addresses_of_wrong_shape_are_refused),
		cmocka_unit_test(an_address_without_family_is_not_written),
		cmocka_unit_test(numbers_survive_and_have_one_length),
		cmocka_unit_test(even_port_is_one_byte_with_one_bit),
		cmocka_unit_test(error_codes_are_split_into_class_and_number),
		cmocka_unit_test(error_codes_out_of_range_are_refused),
		cmocka_unit_test(a_list_of_unknown_attributes_is_padded_when_odd),
		cmocka_unit_test(texts_have_a_least_and_a_largest_length),
		cmocka_unit_test(an_empty_attribute_is_four_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
