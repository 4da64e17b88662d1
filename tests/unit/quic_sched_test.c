#include "test.h"

#include "quic/quic_limits.h"
#include "quic/quic_sched.h"

static struct quic_sched s;
static struct quic_turn t[4];

static int set_up(void **state)
{
	(void)state;
	quic_sched_init(&s);
	for (int i = 0; i < 4; i++)
		quic_turn_init(&t[i]);
	return 0;
}

static int next(void)
{
	struct quic_turn *n = quic_sched_next(&s);

	return n ? (int)(n - t) : -1;
}

/* Makes |i| a bulk stream and leaves it dry. */
static void make_bulk(int i, adit_time now)
{
	quic_sched_ready(&s, &t[i], now);
	quic_sched_sent(&s, &t[i], QUIC_INTERACTIVE_MAX);
	quic_sched_dry(&t[i], now);
}

static void interactive_ones_go_in_arrival_order(void **state)
{
	(void)state;
	assert_int_equal(next(), -1);
	quic_sched_ready(&s, &t[2], 0);
	quic_sched_ready(&s, &t[0], 0);
	quic_sched_ready(&s, &t[2], 0);
	assert_int_equal(next(), 2);
	quic_sched_sent(&s, &t[2], 100);
	assert_int_equal(next(), 2);
	quic_sched_dry(&t[2], 0);
	assert_int_equal(next(), 0);
	quic_sched_dry(&t[0], 0);
	assert_int_equal(next(), -1);
	quic_sched_dry(&t[0], 0);
}

static void whoever_sends_much_becomes_bulk_and_waits_for_the_others(void **state)
{
	(void)state;
	quic_sched_ready(&s, &t[0], 0);
	quic_sched_ready(&s, &t[1], 0);
	quic_sched_sent(&s, &t[0], QUIC_INTERACTIVE_MAX - 1);
	assert_int_equal(next(), 0);
	quic_sched_sent(&s, &t[0], 1);
	assert_int_equal(next(), 1);
	quic_sched_dry(&t[1], 0);
	assert_int_equal(next(), 0);
}

static void bulk_takes_turns(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		make_bulk(i, 0);
		quic_sched_ready(&s, &t[i], 1);
	}
	for (int round = 0; round < 6; round++) {
		assert_int_equal(next(), round % 3);
		quic_sched_sent(&s, &t[round % 3], QUIC_TURN - 1);
		assert_int_equal(next(), round % 3);
		quic_sched_sent(&s, &t[round % 3], 1);
	}
	/* And an interactive one goes before all of them. */
	quic_sched_ready(&s, &t[3], 1);
	assert_int_equal(next(), 3);
}

static void only_a_long_rest_makes_interactive_again(void **state)
{
	(void)state;
	make_bulk(0, 0);
	make_bulk(1, 0);
	quic_sched_ready(&s, &t[1], 1);
	quic_sched_ready(&s, &t[0], QUIC_INTERACTIVE_REST - 1);
	assert_int_equal(next(), 1);
	quic_sched_dry(&t[0], ADIT_SEC(1));
	quic_sched_ready(&s, &t[0], ADIT_SEC(1) + QUIC_INTERACTIVE_REST);
	assert_int_equal(next(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(interactive_ones_go_in_arrival_order, set_up),
		cmocka_unit_test_setup(whoever_sends_much_becomes_bulk_and_waits_for_the_others, set_up),
		cmocka_unit_test_setup(bulk_takes_turns, set_up),
		cmocka_unit_test_setup(only_a_long_rest_makes_interactive_again, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
