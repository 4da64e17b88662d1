#include "test.h"

#include "core/punch/punch_budget.h"

static void it_holds_half_a_minute_and_fills_again(void **state)
{
	struct punch_budget b;
	adit_time now = ADIT_SEC(1000);
	unsigned n = 0;

	(void)state;
	punch_budget_init(&b);
	while (punch_budget_take(&b, now, 1, 0))
		n++;
	assert_int_equal(n, PUNCH_FLOWS_PER_MIN / 2);
	assert_false(punch_budget_take(&b, now + ADIT_MS(40), 1, 0));
	assert_true(punch_budget_take(&b, now + ADIT_MS(50), 1, 0));
	assert_false(punch_budget_take(&b, now + ADIT_MS(50), 1, 0));
}

/* Whatever is asked for: never more than 1.5 times the rate in a minute, and the rate over a longer time. */
static void no_minute_sees_more_than_the_router_should(void **state)
{
	struct punch_budget b;
	unsigned total = 0;

	(void)state;
	punch_budget_init(&b);
	for (adit_time now = ADIT_SEC(1000); now < ADIT_SEC(1060); now += ADIT_MS(1))
		total += punch_budget_take(&b, now, 1, 0);
	assert_in_range(total, PUNCH_FLOWS_PER_MIN, PUNCH_FLOWS_PER_MIN * 3 / 2);
	for (adit_time now = ADIT_SEC(1060); now < ADIT_SEC(1120); now += ADIT_MS(1))
		total += punch_budget_take(&b, now, 1, 0);
	assert_in_range(total, 2 * PUNCH_FLOWS_PER_MIN, PUNCH_FLOWS_PER_MIN * 5 / 2);
}

static void a_burst_leaves_the_reserve_to_others(void **state)
{
	struct punch_budget b;
	adit_time now = ADIT_SEC(1000);
	unsigned n = 0;

	(void)state;
	punch_budget_init(&b);
	while (punch_budget_take(&b, now, 1, PUNCH_FLOWS_BURST_MIN))
		n++;
	assert_int_equal(n, PUNCH_FLOWS_PER_MIN / 2 - PUNCH_FLOWS_BURST_MIN);
	assert_true(punch_budget_take(&b, now, 1, 0));
}

static void all_or_nothing_is_taken(void **state)
{
	struct punch_budget b;

	(void)state;
	punch_budget_init(&b);
	assert_false(punch_budget_take(&b, 0, PUNCH_FLOWS_PER_MIN, 0));
	assert_true(punch_budget_take(&b, 0, PUNCH_FLOWS_PER_MIN / 2, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_half_a_minute_and_fills_again),
		cmocka_unit_test(no_minute_sees_more_than_the_router_should),
		cmocka_unit_test(a_burst_leaves_the_reserve_to_others),
		cmocka_unit_test(all_or_nothing_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
