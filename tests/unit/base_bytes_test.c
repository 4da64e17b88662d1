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
	for (size_t len = 0; len <= sizeof(a); len++) {
		assert_true(adit_bytes_eq_ct(a, b, len));
		for (size_t i = 0; i < sizeof(a); i++) {
			b[i] = 0x80;
			assert_true(adit_bytes_eq_ct(a, b, len) == (i >= len));
			b[i] = 0;
		}
	}
}

static void no_bytes_at_all_can_be_read_and_written(void **state)
{
	struct adit_rd r = adit_rd_over(NULL, 0);
	struct adit_wr w = adit_wr_over(NULL, 0);

	(void)state;
	assert_non_null(adit_rd_take(&r, 0));
	adit_rd_bytes(&r, NULL, 0);
	adit_rd_skip(&r, 0);
	assert_false(r.bad);
	adit_wr_bytes(&w, NULL, 0);
	adit_wr_zero(&w, 0);
	assert_false(w.bad);
	adit_wr_u8(&w, 0);
	assert_true(w.bad);
	adit_rd_skip(&r, 1);
	assert_true(r.bad);
}

/* Each position, each length: what is left decides, and a length near SIZE_MAX does not wrap. */
static void a_reader_takes_what_is_left_and_no_more(void **state)
{
	static const uint8_t buf[8];

	(void)state;
	for (size_t pos = 0; pos <= sizeof(buf); pos++) {
		for (size_t len = 0; len <= sizeof(buf) + 1; len++) {
			struct adit_rd r = adit_rd_over(buf, sizeof(buf));

			adit_rd_skip(&r, pos);
			assert_int_equal(adit_rd_take(&r, len) != NULL, pos + len <= sizeof(buf));
			assert_int_equal(adit_rd_left(&r), pos + len <= sizeof(buf) ? sizeof(buf) - pos - len : 0);
		}
		for (size_t less = 0; less < 16; less++) {
			struct adit_rd r = adit_rd_over(buf, sizeof(buf));

			adit_rd_skip(&r, pos);
			assert_null(adit_rd_take(&r, SIZE_MAX - less));
		}
	}
}

static void a_patch_stays_inside_what_was_written(void **state)
{
	static const size_t outside[] = {3, 4, 5, SIZE_MAX - 1, SIZE_MAX};
	uint8_t buf[8] = {0};
	struct adit_wr w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		w = adit_wr_over(buf, sizeof(buf));
		adit_wr_u32(&w, 0);
		adit_wr_patch_u16(&w, outside[i], 0xffff);
		assert_true(w.bad);
	}
	w = adit_wr_over(buf, sizeof(buf));
	adit_wr_u32(&w, 0);
	adit_wr_patch_u16(&w, 2, 0x1234);
	assert_false(w.bad);
	assert_memory_equal(buf, ((uint8_t[8]){0, 0, 0x12, 0x34}), 8);
}

/* Every length class at its borders; a varint cut short fails, one that does not fit is not written. */
static void varints_have_exact_borders(void **state)
{
	static const struct {
		uint64_t v;
		size_t len;
	} cases[] = {
		{0, 1},     {63, 1},         {64, 2},         {16383, 2},
		{16384, 4}, {1073741823, 4}, {1073741824, 8}, {(UINT64_C(1) << 62) - 1, 8},
	};
	uint8_t buf[8];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));

	(void)state;
	adit_wr_varint(&w, UINT64_C(1) << 62);
	assert_true(w.bad);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t cap = 0; cap <= sizeof(buf); cap++) {
			w = adit_wr_over(buf, cap);
			adit_wr_varint(&w, cases[i].v);
			assert_int_equal(w.bad, cap < cases[i].len);
			assert_int_equal(w.len, w.bad ? 0 : cases[i].len);
		}
		for (size_t len = 0; len <= cases[i].len; len++) {
			struct adit_rd r = adit_rd_over(buf, len);

			assert_true(adit_rd_varint(&r) == (len < cases[i].len ? 0 : cases[i].v));
			assert_int_equal(r.bad, len < cases[i].len);
		}
	}
}

static void a_wipe_leaves_zeroes_and_nothing_else_changes(void **state)
{
	uint8_t buf[6] = {1, 2, 3, 4, 5, 6};

	(void)state;
	adit_bytes_wipe(buf + 1, 4);
	assert_memory_equal(buf, ((uint8_t[6]){1, 0, 0, 0, 0, 6}), 6);
	adit_bytes_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(reading_past_the_end_gives_zero_and_stays_bad),
		cmocka_unit_test(writing_past_the_end_writes_nothing),
		cmocka_unit_test(varints_match_rfc9000),
		cmocka_unit_test(equality_looks_at_every_byte),
		cmocka_unit_test(no_bytes_at_all_can_be_read_and_written),
		cmocka_unit_test(a_reader_takes_what_is_left_and_no_more),
		cmocka_unit_test(a_patch_stays_inside_what_was_written),
		cmocka_unit_test(varints_have_exact_borders),
		cmocka_unit_test(a_wipe_leaves_zeroes_and_nothing_else_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
