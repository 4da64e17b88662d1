#include "test.h"

#include <stdio.h>

#include "reach_rig.h"

static void print_line(void *ctx, enum adit_log_level level, const char *line)
{
	const struct rig *r = ctx;

	(void)level;
	printf("%9.3f %s\n", (double)(r->now - ADIT_SEC(1000)) / 1e9, line);
}

static struct adit_log verbose = {.write = print_line, .level = ADIT_LOG_DECIDE};

static struct rig *new_rig(unsigned n_mediators)
{
	struct rig *r = rig_new(n_mediators);

	verbose.ctx = r;
	r->log = getenv("ADIT_TEST_VERBOSE") ? &verbose : NULL;
	return r;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static int one_mediator(void **state)
{
	*state = new_rig(1);
	return 0;
}

static int two_mediators(void **state)
{
	*state = new_rig(2);
	return 0;
}

static struct rig_peer *serving(struct rig *r, enum rig_nat nat, adit_dur delay)
{
	struct rig_peer *p = rig_peer(r, MEET_SERVE, nat, delay);

	reach_start(p->reach, r->now);
	rig_run(r, ADIT_SEC(5));
	assert_int_equal(p->count[REACH_EVENT_HELD], r->n_mediators);
	return p;
}

static struct rig_peer *connecting(struct rig *r, enum rig_nat nat, adit_dur delay)
{
	struct rig_peer *p = rig_peer(r, MEET_CONNECT, nat, delay);

	reach_start(p->reach, r->now);
	return p;
}

static void two_steady_nats_meet_within_the_round_trips(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a = connecting(r, RIG_NAT_STEADY, ADIT_MS(15));

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(a->last[REACH_EVENT_VALID].how, REACH_HOW_PUNCHED);
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
	assert_int_equal(a->last[REACH_EVENT_VALID].instance, 100);
	assert_true(r->now - r->offer_at <= ADIT_MS(30 + 70 + 100 + 60));
	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	assert_true(b->count[REACH_EVENT_HEARD] >= 1);
	assert_int_equal(b->last[REACH_EVENT_VALID].instance, 101);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void pair(struct rig *r, enum rig_nat serve, enum rig_nat connect, enum reach_how how, adit_dur within)
{
	struct rig_peer *b = serving(r, serve, ADIT_MS(25));
	struct rig_peer *a = connecting(r, connect, ADIT_MS(15));

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, within));
	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	/* The home of a NAT that changes ports sees the peer where it was told to be. */
	assert_true(a->last[REACH_EVENT_VALID].how == how || b->last[REACH_EVENT_VALID].how == how);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void a_counting_nat_opens_a_window_as_the_serve_side(void **state)
{
	pair(*state, RIG_NAT_SEQUENTIAL, RIG_NAT_STEADY, REACH_HOW_PREDICTED, ADIT_SEC(2));
}

static void a_counting_nat_opens_a_window_as_the_connect_side(void **state)
{
	pair(*state, RIG_NAT_STEADY, RIG_NAT_SEQUENTIAL, REACH_HOW_PREDICTED, ADIT_SEC(2));
}

static void two_counting_nats_step_by_one_and_two(void **state)
{
	pair(*state, RIG_NAT_SEQUENTIAL, RIG_NAT_SEQUENTIAL, REACH_HOW_PREDICTED, ADIT_SEC(4));
}

static void a_block_is_searched_from_both_sides(void **state)
{
	pair(*state, RIG_NAT_BLOCK, RIG_NAT_STEADY, REACH_HOW_BLOCK, ADIT_SEC(6));
}

static void a_block_is_searched_from_the_connect_side(void **state)
{
	pair(*state, RIG_NAT_STEADY, RIG_NAT_BLOCK, REACH_HOW_BLOCK, ADIT_SEC(6));
}

static void a_random_nat_is_found_by_a_birthday_search(void **state)
{
	pair(*state, RIG_NAT_RANDOM, RIG_NAT_STEADY, REACH_HOW_BIRTHDAY, ADIT_SEC(15));
}

static void a_random_nat_that_asks_is_found_too(void **state)
{
	pair(*state, RIG_NAT_STEADY, RIG_NAT_RANDOM, REACH_HOW_BIRTHDAY, ADIT_SEC(15));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_steady_nats_meet_within_the_round_trips, one_mediator, teardown),
		cmocka_unit_test_setup_teardown(two_steady_nats_meet_within_the_round_trips, two_mediators, teardown),
		cmocka_unit_test_setup_teardown(a_counting_nat_opens_a_window_as_the_serve_side, two_mediators,
						teardown),
		cmocka_unit_test_setup_teardown(a_counting_nat_opens_a_window_as_the_connect_side, two_mediators,
						teardown),
		cmocka_unit_test_setup_teardown(two_counting_nats_step_by_one_and_two, two_mediators, teardown),
		cmocka_unit_test_setup_teardown(a_block_is_searched_from_both_sides, two_mediators, teardown),
		cmocka_unit_test_setup_teardown(a_block_is_searched_from_the_connect_side, two_mediators, teardown),
		cmocka_unit_test_setup_teardown(a_random_nat_is_found_by_a_birthday_search, two_mediators, teardown),
		cmocka_unit_test_setup_teardown(a_random_nat_that_asks_is_found_too, two_mediators, teardown),
	};

	return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
