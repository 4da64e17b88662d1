#include "test.h"

#include <stdbool.h>

#include "core/punch/punch_replay.h"

#define T0 ADIT_SEC(1000000)

static struct punch_replay r;

static struct punch_replay_sender many[PUNCH_INSTANCES_MAX];

static int setup(void **state)
{
	(void)state;
	punch_replay_init(&r);
	return 0;
}

static void a_stamp_is_fresh_once(void **state)
{
	(void)state;
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 1), 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 1), ADIT_EREPLAY);
}

static void reordering_within_two_seconds_is_no_replay(void **state)
{
	(void)state;
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + ADIT_SEC(2)), 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 - 1), ADIT_EREPLAY);
}

/* The newest 16 are known one by one; what is older than all of them cannot be told from a replay. */
static void what_was_forgotten_is_a_replay(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= PUNCH_STAMPS_MAX + 1; i++)
		assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 2 * i), 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 2), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 1), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 5), 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 5), ADIT_EREPLAY);
	/* Late and older than the 16 newest: taken once, and then the floor. */
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 4 + 1), ADIT_EREPLAY);
}

static void nothing_is_fresh_twice_in_any_order(void **state)
{
	enum { N = 64 };
	uint32_t seed = 1;
	bool taken[N] = {false};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		unsigned n;

		seed = seed * 1664525 + 1013904223;
		n = seed >> 16 & (N - 1);
		if (punch_replay_check(&r, 0, 1, T0 + n) == 0) {
			assert_false(taken[n]);
			taken[n] = true;
		}
	}
	assert_true(taken[N - 1]);
}

static void each_instance_has_its_own_time(void **state)
{
	(void)state;
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + ADIT_SEC(3600)), 0);
	assert_int_equal(punch_replay_check(&r, 0, 2, T0), 0);
	assert_int_equal(punch_replay_check(&r, 0, 2, T0), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), ADIT_EREPLAY);
}

static void evict(unsigned places)
{
	for (unsigned i = 0; i < places; i++)
		assert_int_equal(punch_replay_check(&r, 0, 100 + i, T0 + i), 0);
	assert_int_equal(r.horizon, 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 1000), 0); /* in the place of instance 100 */
	assert_int_equal(punch_replay_check(&r, 0, 100, T0), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 7, T0 - 5), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 100, T0 + 1), 0);
	assert_int_equal(r.n, places);
}

static void an_evicted_instance_raises_the_horizon(void **state)
{
	(void)state;
	evict(PUNCH_INSTANCES_FEW);
	punch_replay_init(&r);
	punch_replay_lend(&r, many);
	evict(PUNCH_INSTANCES_MAX);
}

static void with_more_places_nobody_is_forgotten(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PUNCH_INSTANCES_FEW; i++) {
		assert_false(punch_replay_is_full(&r));
		assert_int_equal(punch_replay_check(&r, 0, 100 + i, T0 + i), 0);
	}
	assert_true(punch_replay_is_full(&r));
	punch_replay_lend(&r, many);
	assert_false(punch_replay_is_full(&r));
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 1000), 0);
	assert_int_equal(r.horizon, 0);
	for (unsigned i = 0; i < PUNCH_INSTANCES_FEW; i++) {
		assert_int_equal(punch_replay_check(&r, 0, 100 + i, T0 + i), ADIT_EREPLAY);
		assert_int_equal(punch_replay_check(&r, 0, 100 + i, T0 + 10 + i), 0);
	}
	assert_true(punch_replay_horizon(&r, T0 + ADIT_SEC(1)) == T0 + 1000);
}

static void a_kept_horizon_refuses_what_was_captured_before(void **state)
{
	adit_utc kept;

	(void)state;
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), 0);
	kept = punch_replay_horizon(&r, T0 + ADIT_SEC(5));
	assert_true(kept == T0);
	punch_replay_init(&r);
	punch_replay_set_horizon(&r, kept);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + 1), 0);
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), ADIT_EREPLAY);
	punch_replay_set_horizon(&r, 1);
	assert_true(r.horizon == kept);
}

static void a_peer_ahead_of_time_is_not_locked_out_later(void **state)
{
	(void)state;
	assert_int_equal(punch_replay_check(&r, 0, 1, T0 + ADIT_SEC(3600)), 0);
	assert_true(punch_replay_horizon(&r, T0) == T0);
	punch_replay_set_horizon(&r, punch_replay_horizon(&r, T0));
	assert_int_equal(punch_replay_check(&r, 0, 2, T0 + 1), 0);
}

/* Three days of silence, and a clock that loses 50 in a million. */
static void drift_over_a_long_silence_is_no_replay(void **state)
{
	const adit_dur days = ADIT_SEC(3 * 86400);

	(void)state;
	assert_int_equal(punch_replay_check(&r, 0, 1, T0), 0);
	assert_int_equal(punch_replay_check(&r, days, 1, T0 + days - days / 1000000 * 50), 0);
	assert_int_equal(punch_replay_check(&r, 2 * days, 1, T0 + 2 * days - days / 100), ADIT_EREPLAY);
}

static void own_stamps_are_never_used_twice(void **state)
{
	adit_utc last = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		/* The clock stands for a while, then steps back an hour. */
		adit_utc now = punch_replay_stamp(&r, 0, i < 50 ? T0 + ADIT_SEC(3600) : T0);

		assert_true(now > last);
		last = now;
	}
	assert_true(punch_replay_stamp(&r, 0, T0 + ADIT_SEC(7200)) == T0 + ADIT_SEC(7200));
}

static void what_comes_much_later_than_its_turn_is_a_replay(void **state)
{
	(void)state;
	assert_int_equal(punch_replay_check(&r, ADIT_SEC(100), 1, T0), 0);
	/* Captured before it arrived: a second later it may have been on its way, six seconds later not. */
	assert_int_equal(punch_replay_check(&r, ADIT_SEC(101), 1, T0 + 1), 0);
	assert_int_equal(punch_replay_check(&r, ADIT_SEC(107), 1, T0 + 2), ADIT_EREPLAY);
	assert_int_equal(punch_replay_check(&r, ADIT_SEC(107), 1, T0 - 1), ADIT_EREPLAY);
	/* The sender's clock was set forward, and may run a little fast or slow. */
	assert_int_equal(punch_replay_check(&r, ADIT_SEC(108), 1, T0 + ADIT_SEC(3600)), 0);
	assert_int_equal(punch_replay_check(&r, ADIT_SEC(3708), 1, T0 + ADIT_SEC(7199)), 0);
}

static void a_stamp_runs_on_where_the_clock_steps_back(void **state)
{
	(void)state;
	assert_true(punch_replay_stamp(&r, ADIT_SEC(10), T0) == T0);
	assert_true(punch_replay_stamp(&r, ADIT_SEC(20), T0 - ADIT_SEC(3600)) > T0 + ADIT_SEC(10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_stamp_is_fresh_once, setup),
		cmocka_unit_test_setup(what_comes_much_later_than_its_turn_is_a_replay, setup),
		cmocka_unit_test_setup(a_stamp_runs_on_where_the_clock_steps_back, setup),
		cmocka_unit_test_setup(reordering_within_two_seconds_is_no_replay, setup),
		cmocka_unit_test_setup(what_was_forgotten_is_a_replay, setup),
		cmocka_unit_test_setup(nothing_is_fresh_twice_in_any_order, setup),
		cmocka_unit_test_setup(each_instance_has_its_own_time, setup),
		cmocka_unit_test_setup(an_evicted_instance_raises_the_horizon, setup),
		cmocka_unit_test_setup(with_more_places_nobody_is_forgotten, setup),
		cmocka_unit_test_setup(a_kept_horizon_refuses_what_was_captured_before, setup),
		cmocka_unit_test_setup(a_peer_ahead_of_time_is_not_locked_out_later, setup),
		cmocka_unit_test_setup(drift_over_a_long_silence_is_no_replay, setup),
		cmocka_unit_test_setup(own_stamps_are_never_used_twice, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
