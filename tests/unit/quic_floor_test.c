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
	f = (struct quic_floor){0};
	st.rtt_var = ADIT_MS(8) / QUIC_FLOOR_VARS;
	quic_floor_note(&f, ADIT_SEC(5), &st);
	assert_true(quic_floor_wait(&f, f.fell_at, &st) > 0);
}

static void what_makes_round_trips_vary_for_a_moment_is_given_none(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, RATE * (double)(RTT + QUIC_QUEUE_MAX + ADIT_MS(2)));
	adit_time now = ADIT_SEC(5);

	(void)state;
	quic_floor_note(&f, now, &st);
	st.rtt_var = ADIT_MS(10);
	for (adit_time end = now + ADIT_MS(50); now < end; now += ADIT_MS(1))
		quic_floor_note(&f, now, &st);
	assert_true(quic_floor_wait(&f, f.fell_at, &st) > 0);
	for (adit_time end = now + QUIC_FLOOR_AVERAGE; now < end; now += ADIT_MS(1))
		quic_floor_note(&f, now, &st);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
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

/* In flight: what arrives in a round trip, and |queue| more. */
static double and_queue(adit_dur queue)
{
	return RATE * (double)(RTT + queue);
}

/* |rate| arrives for two measures' time; returns when that is over. */
static adit_time arrive_on(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st, double rate)
{
	for (adit_time end = now + 2 * QUIC_FLOOR_ARRIVES; now <= end; now += ADIT_MS(1)) {
		quic_floor_note(f, now, st);
		f->sent += (uint64_t)(rate * (double)ADIT_MS(1));
	}
	f->fell_at = now;
	return now;
}

/* The same on a path that nothing has arrived on before. */
static adit_time arrive(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st, double rate)
{
	f->sent = st->in_flight;
	return arrive_on(f, now, st, rate);
}

static void beside_small_things_a_probe_for_more_fills_no_queue(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, and_queue(QUIC_QUEUE_SHARED + ADIT_MS(1)));
	adit_time now = ADIT_SEC(5);

	(void)state;
	st.pacing_rate = RATE * QUIC_PROBE_GAIN;
	now = arrive(&f, now, &st, RATE);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
	quic_floor_shared(&f, now);
	assert_in_range(quic_floor_wait(&f, f.fell_at, &st), ADIT_MS(1) - 20, ADIT_MS(1) + 20);
	st.in_flight = (uint64_t)and_queue(QUIC_QUEUE_SHARED) - 1;
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
}

/* A process that had no processor for a while counts what came meanwhile all at once. */
static void a_bunch_is_not_taken_for_a_faster_path(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, and_queue(QUIC_QUEUE_SHARED + ADIT_MS(1)));
	adit_time now = ADIT_SEC(5);

	(void)state;
	st.pacing_rate = RATE * QUIC_PROBE_GAIN;
	now = arrive(&f, now, &st, RATE);
	f.sent += (uint64_t)(RATE * (double)ADIT_MS(50));
	now = arrive_on(&f, now, &st, RATE);
	quic_floor_shared(&f, now);
	assert_in_range(quic_floor_wait(&f, f.fell_at, &st), ADIT_MS(1) - 20, ADIT_MS(1) + 20);
}

/* What the library's estimate is beyond what arrives, BBR's cycles would pile up in the queue. */
static void a_little_more_than_arrives_is_not_believed_and_far_more_is(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, and_queue(QUIC_QUEUE_SHARED + ADIT_MS(1)));
	adit_time now = ADIT_SEC(5);

	(void)state;
	st.pacing_rate = 1.2 * RATE * QUIC_PROBE_GAIN;
	now = arrive(&f, now, &st, RATE);
	quic_floor_shared(&f, now);
	assert_in_range(quic_floor_wait(&f, f.fell_at, &st), ADIT_MS(1) - 20, ADIT_MS(1) + 20);
	st.pacing_rate = 2 * RATE * QUIC_PROBE_GAIN;
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
}

static void a_measure_that_is_too_low_takes_no_more_than_the_probe(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, and_queue(QUIC_QUEUE_SHARED) - 1);
	adit_time now = ADIT_SEC(5);

	(void)state;
	st.pacing_rate = RATE * QUIC_PROBE_GAIN;
	now = arrive(&f, now, &st, RATE / 100);
	quic_floor_shared(&f, now);
	assert_int_equal(quic_floor_wait(&f, f.fell_at, &st), 0);
}

static void one_that_is_too_high_takes_no_more_than_the_pacer(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, and_queue(QUIC_QUEUE_SHARED + ADIT_MS(1)));
	adit_time now = ADIT_SEC(5);

	(void)state;
	now = arrive(&f, now, &st, 3 * RATE);
	quic_floor_shared(&f, now);
	assert_true(quic_floor_wait(&f, f.fell_at, &st) > 0);
}

static void what_was_small_is_forgotten_once_nothing_small_comes(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(RTT, and_queue(QUIC_QUEUE_MAX));
	adit_time now = ADIT_SEC(5);

	(void)state;
	quic_floor_shared(&f, now);
	quic_floor_note(&f, now, &st);
	for (adit_time end = now + QUIC_SHARED_FOR; now < end; now += ADIT_MS(10)) {
		f.fell_at = now;
		assert_true(quic_floor_wait(&f, now, &st) > 0);
	}
	f.fell_at = now;
	assert_int_equal(quic_floor_wait(&f, now, &st), 0);
}

static void a_path_that_emptied_is_filled_at_the_rate_it_had(void **state)
{
	struct quic_floor f = {0};
	struct quic_shim_stat st = path(5 * RTT, and_queue(3 * RTT));
	adit_time now = ADIT_SEC(5);
	adit_dur slack;

	(void)state;
	st.delivery_rate = (uint64_t)(RATE * 1e9);
	quic_floor_note(&f, now, &st);
	st.delivery_rate /= 4;
	st.pacing_rate = RATE / 4;
	quic_floor_note(&f, now + ADIT_MS(1), &st);
	assert_true(quic_floor_pace(&f, now, &st, &slack) > RATE * 0.99);
	assert_int_equal(slack, 5 * RTT / QUIC_REFILL_PART);
	/* As much as arrived: the pacer's own. */
	st.in_flight = (uint64_t)and_queue(4 * RTT);
	assert_true(quic_floor_pace(&f, now, &st, &slack) < RATE / 2);
	assert_int_equal(slack, QUIC_PACING_SLACK);
	/* And after a while it is no longer believed. */
	st.in_flight /= 2;
	for (unsigned ms = 2; ms < 5000; ms++)
		quic_floor_note(&f, now + ADIT_MS(ms), &st);
	assert_true(quic_floor_pace(&f, now + ADIT_SEC(5), &st, &slack) < RATE * 0.27);
	quic_floor_shared(&f, now + ADIT_SEC(5));
	quic_floor_pace(&f, now + ADIT_SEC(5), &st, &slack);
	assert_int_equal(slack, QUIC_PACING_SLACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_held_back_before_a_round_trip_is_known),
		cmocka_unit_test(what_the_path_holds_passes_and_more_waits_until_it_has_drained),
		cmocka_unit_test(what_is_not_acknowledged_holds_nothing_back),
		cmocka_unit_test(round_trips_that_vary_by_themselves_are_given_room),
		cmocka_unit_test(what_makes_round_trips_vary_for_a_moment_is_given_none),
		cmocka_unit_test(a_path_within_a_house_is_left_alone),
		cmocka_unit_test(a_route_that_has_become_longer_is_believed_after_two_windows),
		cmocka_unit_test(a_new_path_begins_with_what_is_measured_on_it),
		cmocka_unit_test(beside_small_things_a_probe_for_more_fills_no_queue),
		cmocka_unit_test(a_bunch_is_not_taken_for_a_faster_path),
		cmocka_unit_test(a_little_more_than_arrives_is_not_believed_and_far_more_is),
		cmocka_unit_test(a_measure_that_is_too_low_takes_no_more_than_the_probe),
		cmocka_unit_test(one_that_is_too_high_takes_no_more_than_the_pacer),
		cmocka_unit_test(what_was_small_is_forgotten_once_nothing_small_comes),
		cmocka_unit_test(a_path_that_emptied_is_filled_at_the_rate_it_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
