#include "test.h"

#include "quic/quic_floor.h"
#include "quic/quic_limits.h"

#define RATE 0.1 /* bytes per nanosecond: 100 MB/s */
#define RTT  ADIT_MS(20)

static struct quic_shim_stat path(adit_dur latest, double in_flight)
{
	return (struct quic_shim_stat){.rtt = RTT,
				       .min_rtt = RTT,
				       .latest_rtt = latest,
				       .pacing_rate = RATE,
				       .in_flight = (uint64_t)in_flight};
}

static void nothing_is_held_back_before_a_round_trip_is_known(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(0, 1e9);

	(void)state;
	st.min_rtt = 0;
	quic_floor_note(&f, ADIT_SEC(5), &st);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
}

static void what_the_path_holds_passes_and_more_waits_until_it_has_drained(void **state)
{
	struct quic_floor f = {0};
	double holds = RATE * (double)(RTT + QUIC_QUEUE_MAX);
	struct quic_shim_stat st = path(RTT, holds);

	(void)state;
	quic_floor_note(&f, ADIT_SEC(5), &st);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
	st = path(RTT + ADIT_MS(15), holds + RATE * (double)ADIT_MS(7));
	quic_floor_note(&f, ADIT_SEC(5) + 1, &st);
	assert_in_range(quic_floor_wait(&f, f.fell_at, &st), ADIT_MS(7) - 20, ADIT_MS(7) + 20);
}

static void what_is_not_acknowledged_holds_nothing_back(void **state)
{
	struct quic_floor f = {0};
	double holds = RATE * (double)(RTT + QUIC_QUEUE_MAX);
	struct quic_shim_stat st = path(RTT, 3 * holds);
	adit_time now = ADIT_SEC(5);

	(void)state;
	quic_floor_note(&f, now, &st);
	st = path(RTT, 2 * holds);
	quic_floor_note(&f, now + 1, &st);
	quic_floor_note(&f, now + 2 * RTT, &st);
	assert_true(quic_floor_wait(&f, now + 2 * RTT, &st) > 0);
	quic_floor_note(&f, now + 2 * (RTT + QUIC_QUEUE_MAX) + 2, &st);
	assert_int_equal(quic_floor_wait(&f, now + 2 * (RTT + QUIC_QUEUE_MAX) + 2, &st), 0);
}

static void round_trips_that_vary_by_themselves_are_given_room(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, RATE * (double)(RTT + QUIC_QUEUE_MAX + ADIT_MS(9)));

	(void)state;
	st.rtt_var = ADIT_MS(10) / QUIC_FLOOR_VARS;
	quic_floor_note(&f, ADIT_SEC(5), &st);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
	st.rtt_var = ADIT_MS(8) / QUIC_FLOOR_VARS;
	assert_true(quic_floor_wait(&f, f.fell_at, &st) > 0);
}

static void a_path_within_a_house_is_left_alone(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(QUIC_FLOOR_MIN - 1, 1e9);

	(void)state;
	st.min_rtt = st.latest_rtt;
	quic_floor_note(&f, ADIT_SEC(5), &st);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
}

static void a_route_that_has_become_longer_is_believed_after_two_windows(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, 0);
	adit_time now = ADIT_SEC(5);

	(void)state;
	quic_floor_note(&f, now, &st);
	st = path(5 * RTT, RATE * (double)(5 * RTT));
	quic_floor_note(&f, now + QUIC_FLOOR_WINDOW, &st);
	assert_true(quic_floor_wait(&f, f.fell_at, &st) > 0);
	quic_floor_note(&f, now + 2 * QUIC_FLOOR_WINDOW, &st);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
}

static void a_new_path_begins_with_what_is_measured_on_it(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, 0);

	(void)state;
	quic_floor_note(&f, ADIT_SEC(5), &st);
	st = path(5 * RTT, RATE * (double)(5 * RTT));
	st.min_rtt = 5 * RTT;
	quic_floor_note(&f, ADIT_SEC(6), &st);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_held_back_before_a_round_trip_is_known),
		cmocka_unit_test(what_the_path_holds_passes_and_more_waits_until_it_has_drained),
		cmocka_unit_test(what_is_not_acknowledged_holds_nothing_back),
		cmocka_unit_test(round_trips_that_vary_by_themselves_are_given_room),
		cmocka_unit_test(a_path_within_a_house_is_left_alone),
		cmocka_unit_test(a_route_that_has_become_longer_is_believed_after_two_windows),
		cmocka_unit_test(a_new_path_begins_with_what_is_measured_on_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
