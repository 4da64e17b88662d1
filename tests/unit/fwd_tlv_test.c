#include "test.h"

#include <string.h>

#include "core/fwd/fwd_tlv.h"

static void what_was_written_is_read_back(void **state)
{
	uint8_t buf[64];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));
	struct adit_rd r;
	struct fwd_tlv tlv;

	(void)state;
	fwd_tlv_write(&w, 1, "abc", 3);
	fwd_tlv_write(&w, 0xffff, NULL, 0);
	assert_int_equal(w.len, 11);
	assert_true(fwd_tlv_is_list(buf, w.len));
	r = adit_rd_over(buf, w.len);
	assert_true(fwd_tlv_next(&r, &tlv));
	assert_int_equal(tlv.type, 1);
	assert_int_equal(tlv.len, 3);
	assert_memory_equal(tlv.value, "abc", 3);
	assert_true(fwd_tlv_next(&r, &tlv));
	assert_int_equal(tlv.type, 0xffff);
	assert_int_equal(tlv.len, 0);
	assert_false(fwd_tlv_next(&r, &tlv));
	assert_false(r.bad);
}

static void a_list_that_breaks_off_is_no_list(void **state)
{
	static const uint8_t list[] = {0, 1, 0, 2, 'a', 'b', 0, 2, 0, 0};

	(void)state;
	for (size_t len = 0; len <= sizeof(list); len++) {
		bool whole = len == 0 || len == 6 || len == 10;

		assert_int_equal(fwd_tlv_is_list(list, len), whole);
	}
	assert_true(fwd_tlv_is_list(NULL, 0));
}

static void a_value_too_long_for_its_length_is_not_written(void **state)
{
	static uint8_t value[UINT16_MAX + 1];
	static uint8_t buf[UINT16_MAX + 100];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));

	(void)state;
	fwd_tlv_write(&w, 1, value, UINT16_MAX);
	assert_false(w.bad);
	w = adit_wr_over(buf, sizeof(buf));
	fwd_tlv_write(&w, 1, value, sizeof(value));
	assert_true(w.bad);
	assert_int_equal(w.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(a_list_that_breaks_off_is_no_list),
		cmocka_unit_test(a_value_too_long_for_its_length_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
