#include "test.h"

#include <string.h>

#include "base/bytes.h"

static void what_was_written_is_read_back(void **state)
{
	uint8_t buf[64];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));
	struct adit_rd r;

	(void)state;
	adit_wr_u8(&w, 0x12);
	adit_wr_u16(&w, 0x3456);
	adit_wr_u32(&w, 0x789abcde);
	adit_wr_u64(&w, UINT64_C(0x0123456789abcdef));
	adit_wr_bytes(&w, "xyz", 3);
	adit_wr_patch_u16(&w, 1, 0xaaaa);
	assert_false(w.bad);
	r = adit_rd_over(buf, w.len);
	assert_int_equal(adit_rd_u8(&r), 0x12);
	assert_int_equal(adit_rd_u16(&r), 0xaaaa);
	assert_int_equal(adit_rd_u32(&r), 0x789abcde);
	assert_true(adit_rd_u64(&r) == UINT64_C(0x0123456789abcdef));
	assert_memory_equal(adit_rd_take(&r, 3), "xyz", 3);
	assert_false(r.bad);
	assert_int_equal(adit_rd_left(&r), 0);
}

static void reading_past_the_end_gives_zero_and_stays_bad(void **state)
{
	static const uint8_t buf[3] = {1, 2, 3};
	struct adit_rd r = adit_rd_over(buf, sizeof(buf));
	uint8_t out[4] = {9, 9, 9, 9};

	(void)state;
	assert_int_equal(adit_rd_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(adit_rd_u8(&r), 0);
	adit_rd_bytes(&r, out, sizeof(out));
	assert_int_equal(out[0], 0);
	assert_null(adit_rd_take(&r, 1));
}

static void writing_past_the_end_writes_nothing(void **state)
{
	uint8_t buf[4] = {0xee, 0xee, 0xee, 0xee};
	struct adit_wr w = adit_wr_over(buf, 3);

	(void)state;
	adit_wr_u32(&w, 0);
	assert_true(w.bad);
	adit_wr_u8(&w, 1);
	assert_int_equal(w.len, 0);
	assert_int_equal(buf[0], 0xee);
	assert_int_equal(buf[3], 0xee);
}

/* The four examples of RFC 9000 A.1. */
static void varints_match_rfc9000(void **state)
{
	static const struct {
		uint64_t v;
		size_t len;
		uint8_t wire[8];
	} cases[] = {
		{UINT64_C(151288809941952652), 8, {0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}},
		{494878333, 4, {0x9d, 0x7f, 0x3e, 0x7d}},
		{15293, 2, {0x7b, 0xbd}},
		{37, 1, {0x25}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t buf[8];
		struct adit_wr w = adit_wr_over(buf, sizeof(buf));
		struct adit_rd r = adit_rd_over(cases[i].wire, cases[i].len);

		adit_wr_varint(&w, cases[i].v);
		assert_int_equal(w.len, cases[i].len);
		assert_memory_equal(buf, cases[i].wire, cases[i].len);
		assert_true(adit_rd_varint(&r) == cases[i].v);
		assert_false(r.bad);
	}
}

static void equality_looks_at_every_byte(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	assert_true(adit_bytes_eq_ct(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 1;
		assert_false(adit_bytes_eq_ct(a, b, sizeof(a)));
		b[i] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(reading_past_the_end_gives_zero_and_stays_bad),
		cmocka_unit_test(writing_past_the_end_writes_nothing),
		cmocka_unit_test(varints_match_rfc9000),
		cmocka_unit_test(equality_looks_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
