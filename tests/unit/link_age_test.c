/* When a path needs a successor, where mappings end at a certain age. */
#include "test.h"

#include "link/link_age.h"
#include "link/link_limits.h"

static void the_first_path_is_replaced_before_the_youngest_death_that_was_ever_seen(void **state)
{
	struct link_age a = {0};

	(void)state;
	assert_true(link_age_due(&a) == LINK_AGE_FIRST);
	assert_true(LINK_AGE_FIRST < ADIT_SEC(48));
}

static void one_that_lives_on_ends_it(void **state)
{
	struct link_age a = {0};

	(void)state;
	link_age_lives(&a, LINK_AGE_LASTS_FROM);
	assert_true(link_age_due(&a) == LINK_AGE_FIRST);
	link_age_lives(&a, LINK_AGE_LASTS_FROM + 1);
	assert_true(link_age_due(&a) == ADIT_NEVER);
	link_age_died(&a, ADIT_SEC(60)); /* of something else, then */
	assert_true(link_age_due(&a) == ADIT_NEVER);
	link_age_forget(&a);
	assert_true(link_age_due(&a) == LINK_AGE_FIRST);
}

static void one_that_dies_young_makes_all_later_ones_go_in_time(void **state)
{
	struct link_age a = {0};

	(void)state;
	link_age_died(&a, ADIT_SEC(60));
	assert_true(link_age_due(&a) == ADIT_SEC(30));
	link_age_died(&a, ADIT_SEC(70));
	assert_true(link_age_due(&a) == ADIT_SEC(30));
	link_age_died(&a, ADIT_SEC(48));
	assert_true(link_age_due(&a) == ADIT_SEC(24));
	assert_int_equal(a.kind, LINK_AGE_ENDS);
}

static void a_death_of_something_else_is_forgiven_when_a_later_path_lives_on(void **state)
{
	struct link_age a = {0};

	(void)state;
	link_age_died(&a, ADIT_SEC(50));
	link_age_lives(&a, ADIT_SEC(75));
	assert_int_equal(a.kind, LINK_AGE_ENDS);
	link_age_lives(&a, ADIT_SEC(75) + 1);
	assert_int_equal(a.kind, LINK_AGE_LASTS);
}

static void a_death_at_any_other_age_says_nothing(void **state)
{
	struct link_age a = {0};

	(void)state;
	link_age_died(&a, LINK_AGE_LEAST - 1);
	link_age_died(&a, LINK_AGE_MOST + 1);
	assert_int_equal(a.kind, LINK_AGE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_path_is_replaced_before_the_youngest_death_that_was_ever_seen),
		cmocka_unit_test(one_that_lives_on_ends_it),
		cmocka_unit_test(one_that_dies_young_makes_all_later_ones_go_in_time),
		cmocka_unit_test(a_death_of_something_else_is_forgiven_when_a_later_path_lives_on),
		cmocka_unit_test(a_death_at_any_other_age_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
