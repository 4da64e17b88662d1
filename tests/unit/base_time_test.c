#include "test.h"

#include "base/time.h"

static void units_are_nanoseconds(void **state)
{
	(void)state;
	assert_true(ADIT_US(3) == 3000);
	assert_true(ADIT_MS(3) == 3000000);
	assert_true(ADIT_SEC(3) == UINT64_C(3000000000));
	/* An int argument is widened first: 68 years in seconds do not wrap at 32 bits. */
	assert_true(ADIT_SEC(2147483647) == UINT64_C(2147483647000000000));
}

static void never_stays_never(void **state)
{
	(void)state;
	assert_true(adit_time_add(1, 2) == 3);
	assert_true(adit_time_add(ADIT_NEVER, 0) == ADIT_NEVER);
	assert_true(adit_time_add(ADIT_NEVER, ADIT_SEC(1)) == ADIT_NEVER);
	assert_true(adit_time_add(1, ADIT_NEVER) == ADIT_NEVER);
	assert_true(adit_time_add(ADIT_NEVER - 5, 4) == ADIT_NEVER - 1);
	assert_true(adit_time_add(ADIT_NEVER - 5, 6) == ADIT_NEVER);
	assert_true(adit_time_add(0, 0) == 0);
}

static void the_earlier_one_is_the_minimum(void **state)
{
	(void)state;
	assert_true(adit_time_min(1, 2) == 1);
	assert_true(adit_time_min(2, 1) == 1);
	assert_true(adit_time_min(ADIT_NEVER, 7) == 7);
	assert_true(adit_time_min(ADIT_NEVER, ADIT_NEVER) == ADIT_NEVER);
}

static void the_future_is_no_time_ago(void **state)
{
	(void)state;
	assert_true(adit_time_since(5, 3) == 2);
	assert_true(adit_time_since(3, 5) == 0);
	assert_true(adit_time_since(3, 3) == 0);
	assert_true(adit_time_since(3, ADIT_NEVER) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_are_nanoseconds),
		cmocka_unit_test(never_stays_never),
		cmocka_unit_test(the_earlier_one_is_the_minimum),
		cmocka_unit_test(the_future_is_no_time_ago),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
