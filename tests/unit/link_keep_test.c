/* How often an idle path is asked, by what rests mappings have lived through. */
#include "test.h"

#include "link/link_keep.h"
#include "link/link_limits.h"

/* Tries a NAT that forgets after |life|, until nothing is left to learn. Returns how many trials it died of. */
static unsigned learn(struct link_keep *k, adit_dur life)
{
	unsigned died = 0;

	for (unsigned n = 0; link_keep_is_curious(k, 0); n++) {
		adit_dur rest = link_keep_trial(k, 0);

		assert_true(n < 10);
		assert_true(rest > PUNCH_PATH_KEEPALIVE && rest <= LINK_KEEP_ENOUGH);
		if (rest < life) {
			link_keep_lived(k, rest);
		} else {
			link_keep_died(k, rest);
			died++;
		}
		assert_true(link_keep_every(k) < life);
	}
	return died;
}

static void nothing_known_is_15_s_and_twice_that_is_tried(void **state)
{
	struct link_keep k = {0};

	(void)state;
	assert_true(link_keep_every(&k) == PUNCH_PATH_KEEPALIVE);
	assert_true(link_keep_trial(&k, 0) == 2 * PUNCH_PATH_KEEPALIVE);
}

static void whatever_the_nat_the_period_ends_between_half_of_its_time_and_four_fifths(void **state)
{
	(void)state;
	for (unsigned s = 20; s <= 600; s++) {
		struct link_keep k = {0};
		adit_dur life = ADIT_SEC(s);
		adit_dur every;

		assert_true(learn(&k, life) <= 3);
		every = link_keep_every(&k);
		assert_true(every <= LINK_KEEP_MAX && (every <= life / 5 * 4 || every == PUNCH_PATH_KEEPALIVE));
		assert_true(every >= (life / 2 < LINK_KEEP_MAX ? life / 2 : LINK_KEEP_MAX) ||
			    every == PUNCH_PATH_KEEPALIVE);
		assert_true(link_keep_trial(&k, 0) == k.lived); /* to see that it is still so */
	}
}

static void a_rest_that_was_lived_through_and_kills_later_makes_all_unknown_again(void **state)
{
	struct link_keep k = {0};

	(void)state;
	link_keep_lived(&k, ADIT_SEC(60));
	link_keep_died(&k, ADIT_SEC(60));
	assert_true(link_keep_every(&k) == PUNCH_PATH_KEEPALIVE);
	assert_true(link_keep_trial(&k, 0) < ADIT_SEC(60));
}

static void a_death_of_something_else_is_corrected_by_a_longer_life(void **state)
{
	struct link_keep k = {0};

	(void)state;
	link_keep_died(&k, ADIT_SEC(30));
	link_keep_lived(&k, ADIT_SEC(40));
	assert_true(k.died == 0);
	assert_true(link_keep_trial(&k, 0) == ADIT_SEC(80));
}

static void after_a_fall_trials_wait_longer_each_time(void **state)
{
	struct link_keep k = {0};
	adit_time now = ADIT_SEC(1000);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		unsigned doublings = i < LINK_KEEP_FALLS ? i : LINK_KEEP_FALLS;

		link_keep_lived(&k, ADIT_SEC(60));
		link_keep_fell(&k, now);
		assert_true(link_keep_every(&k) == PUNCH_PATH_KEEPALIVE);
		assert_int_equal(link_keep_trial(&k, now), 0);
		now += LINK_KEEP_AGAIN << doublings;
		assert_false(link_keep_is_curious(&k, now - 1));
		assert_true(link_keep_is_curious(&k, now));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_known_is_15_s_and_twice_that_is_tried),
		cmocka_unit_test(whatever_the_nat_the_period_ends_between_half_of_its_time_and_four_fifths),
		cmocka_unit_test(a_rest_that_was_lived_through_and_kills_later_makes_all_unknown_again),
		cmocka_unit_test(a_death_of_something_else_is_corrected_by_a_longer_life),
		cmocka_unit_test(after_a_fall_trials_wait_longer_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
