#include "test.h"

#include <limits.h>

#include "base/rng.h"
#include "core/nat/nat_budget.h"

static void a_fresh_one_holds_a_minute_s_worth(void **state)
{
	struct nat_budget b;
	adit_time now = ADIT_SEC(1000);
	unsigned n = 0;

	(void)state;
	nat_budget_init(&b);
	assert_int_equal(nat_budget_left(&b, now), NAT_FLOWS_PER_MIN);
	while (nat_budget_take(&b, now, 1, 0))
		n++;
	assert_int_equal(n, NAT_FLOWS_PER_MIN);
	assert_int_equal(nat_budget_left(&b, now), 0);
}

static void what_was_taken_comes_back_after_a_minute_and_not_before(void **state)
{
	struct nat_budget b;
	adit_time at = ADIT_SEC(1000) + ADIT_MS(1); /* of a second that has just begun */

	(void)state;
	nat_budget_init(&b);
	assert_true(nat_budget_take(&b, at, NAT_FLOWS_PER_MIN, 0));
	assert_false(nat_budget_take(&b, at + ADIT_SEC(60), 1, 0));
	assert_true(nat_budget_take(&b, at + ADIT_SEC(61), NAT_FLOWS_PER_MIN, 0));
}

/* Whatever is asked for, however it is spread: every 60 s that end with a flow are counted. */
static void no_60_seconds_hold_more_than_the_limit(void **state)
{
	static adit_time at[40 * NAT_FLOWS_PER_MIN];
	struct nat_budget b;
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 7);
	adit_time now = ADIT_SEC(5);
	size_t n = 0;
	size_t first = 0;

	(void)state;
	nat_budget_init(&b);
	while (now < ADIT_SEC(1200)) {
		unsigned want = (unsigned)adit_rng_below(&rng, 40);

		if (nat_budget_take(&b, now, want, 0))
			while (want--)
				at[n++] = now;
		/* Bursts, and now and then a long rest. */
		now += adit_rng_below(&rng, 50) ? adit_rng_below(&rng, ADIT_MS(400))
						: adit_rng_below(&rng, ADIT_SEC(90));
	}
	for (size_t i = 0; i < n; i++) {
		while (at[first] + ADIT_SEC(60) <= at[i])
			first++;
		assert_true(i - first + 1 <= NAT_FLOWS_PER_MIN);
	}
	assert_true(n > 5 * (size_t)NAT_FLOWS_PER_MIN);
}

static void a_reserve_is_left_to_others(void **state)
{
	struct nat_budget b;
	adit_time now = ADIT_SEC(1000);
	unsigned n = 0;

	(void)state;
	nat_budget_init(&b);
	while (nat_budget_take(&b, now, 1, 200))
		n++;
	assert_int_equal(n, NAT_FLOWS_PER_MIN - 200);
	assert_true(nat_budget_take(&b, now, 1, 0));
}

static void all_or_nothing_is_taken(void **state)
{
	struct nat_budget b;

	(void)state;
	nat_budget_init(&b);
	assert_false(nat_budget_take(&b, 0, NAT_FLOWS_PER_MIN + 1, 0));
	assert_false(nat_budget_take(&b, 0, UINT_MAX, UINT_MAX));
	assert_false(nat_budget_take(&b, 0, 1, UINT_MAX));
	assert_true(nat_budget_take(&b, 0, NAT_FLOWS_PER_MIN, 0));
	assert_true(nat_budget_take(&b, 0, 0, 0));
}

static void a_long_sleep_or_a_time_that_goes_back_confuses_nothing(void **state)
{
	struct nat_budget b;

	(void)state;
	nat_budget_init(&b);
	assert_true(nat_budget_take(&b, ADIT_SEC(1000), 1000, 0));
	assert_int_equal(nat_budget_left(&b, ADIT_SEC(10)), NAT_FLOWS_PER_MIN - 1000);
	assert_true(nat_budget_take(&b, ADIT_SEC(10), 400, 0));
	assert_false(nat_budget_take(&b, ADIT_SEC(1000), 1, 0));
	assert_int_equal(nat_budget_left(&b, ADIT_SEC(1000000000)), NAT_FLOWS_PER_MIN);
	assert_true(nat_budget_take(&b, ADIT_NEVER, NAT_FLOWS_PER_MIN, 0));
	assert_int_equal(nat_budget_left(&b, ADIT_NEVER), 0);
}

static void a_second_s_worth_of_probes_may_leave_at_once(void **state)
{
	struct nat_budget b;
	adit_time now = ADIT_SEC(3) + ADIT_MS(7);
	unsigned n = 0;

	(void)state;
	nat_budget_init(&b);
	while (nat_budget_probe(&b, now))
		n++;
	assert_int_equal(n, NAT_PROBES_PER_S);
	assert_in_range(nat_budget_probe_at(&b, now), now + ADIT_SEC(1), now + ADIT_MS(1010));
	assert_false(nat_budget_probe(&b, nat_budget_probe_at(&b, now) - 1));
	assert_true(nat_budget_probe(&b, nat_budget_probe_at(&b, now)));
}

/* Eager, lazy, in fits: any second that ends with a probe is counted, and hardly one is given away. */
static void no_second_holds_more_than_200_probes(void **state)
{
	static adit_time at[20000];
	struct nat_budget b;
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 11);
	adit_time now = ADIT_SEC(5);
	size_t n = 0;
	size_t first = 0;

	(void)state;
	nat_budget_init(&b);
	while (now < ADIT_SEC(65)) {
		assert_true(nat_budget_probe_at(&b, now) >= now);
		if (nat_budget_probe(&b, now))
			at[n++] = now;
		else
			assert_true(nat_budget_probe_at(&b, now) > now);
		now += adit_rng_below(&rng, adit_rng_below(&rng, 100) ? ADIT_MS(3) : ADIT_MS(400));
	}
	for (size_t i = 0; i < n; i++) {
		while (at[first] + ADIT_SEC(1) <= at[i])
			first++;
		assert_true(i - first + 1 <= NAT_PROBES_PER_S);
	}
	assert_true(n > (size_t)50 * NAT_PROBES_PER_S);
}

static void who_waits_for_the_budget_gets_almost_200_a_second(void **state)
{
	struct nat_budget b;
	adit_time now = ADIT_SEC(3);
	unsigned n = 0;

	(void)state;
	nat_budget_init(&b);
	while (now < ADIT_SEC(13)) {
		n += nat_budget_probe(&b, now);
		now = nat_budget_probe_at(&b, now + 1);
	}
	assert_in_range(n, 1960, 2000);
}

static void one_search_at_a_time(void **state)
{
	struct nat_budget b;
	int a;
	int c;

	(void)state;
	nat_budget_init(&b);
	assert_true(nat_budget_search(&b, &a));
	assert_true(nat_budget_search(&b, &a));
	assert_false(nat_budget_search(&b, &c));
	nat_budget_search_end(&b, &c);
	assert_false(nat_budget_search(&b, &c));
	nat_budget_search_end(&b, &a);
	assert_true(nat_budget_search(&b, &c));
}

static void what_is_opened_anyway_is_missing_to_others(void **state)
{
	struct nat_budget b;
	adit_time at = ADIT_SEC(1000) + ADIT_MS(1);

	(void)state;
	nat_budget_init(&b);
	nat_budget_note(&b, at, 30);
	assert_int_equal(nat_budget_left(&b, at), NAT_FLOWS_PER_MIN - 30);
	assert_true(nat_budget_take(&b, at, NAT_FLOWS_PER_MIN - 30, 0));
	nat_budget_note(&b, at, 50); /* more than there is */
	assert_int_equal(nat_budget_left(&b, at), 0);
	assert_false(nat_budget_take(&b, at + ADIT_SEC(60), 1, 0));
	assert_int_equal(nat_budget_left(&b, at + ADIT_SEC(61)), NAT_FLOWS_PER_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_one_holds_a_minute_s_worth),
		cmocka_unit_test(what_was_taken_comes_back_after_a_minute_and_not_before),
		cmocka_unit_test(no_60_seconds_hold_more_than_the_limit),
		cmocka_unit_test(a_reserve_is_left_to_others),
		cmocka_unit_test(all_or_nothing_is_taken),
		cmocka_unit_test(a_long_sleep_or_a_time_that_goes_back_confuses_nothing),
		cmocka_unit_test(a_second_s_worth_of_probes_may_leave_at_once),
		cmocka_unit_test(no_second_holds_more_than_200_probes),
		cmocka_unit_test(who_waits_for_the_budget_gets_almost_200_a_second),
		cmocka_unit_test(one_search_at_a_time),
		cmocka_unit_test(what_is_opened_anyway_is_missing_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
