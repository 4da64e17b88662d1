#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/reach/reach_salvo.h"

#define PEER adit_addr_v4(203, 0, 113, 2, 5002)

static struct reach_salvo s;
static struct nat_budget budget;
static struct adit_rng_seeded seeded;
static struct adit_rng rng;
static struct reach_plan plan;
static adit_time now;
static bool open[REACH_SOCKS_MAX];
static unsigned opens;
static unsigned closes;

static int setup(void **state)
{
	(void)state;
	rng = adit_rng_seeded_init(&seeded, 4711);
	nat_budget_init(&budget);
	reach_salvo_init(&s, &rng, &budget);
	memset(&plan, 0, sizeof(plan));
	memset(open, 0, sizeof(open));
	opens = closes = 0;
	now = ADIT_SEC(1000);
	return 0;
}

static struct reach_salvo_spec *one(unsigned socks, unsigned passes)
{
	struct reach_salvo_spec *spec = &plan.salvo[plan.n_salvos++];

	*spec = (struct reach_salvo_spec){.target = REACH_TO_ONE,
					  .to = PEER,
					  .socks = socks,
					  .passes = passes,
					  .pace = ADIT_MS(1),
					  .again = ADIT_MS(100)};
	return spec;
}

static struct reach_salvo_spec *many(enum reach_target target, uint16_t low, uint16_t high, unsigned shots)
{
	struct reach_salvo_spec *spec = one(0, 1);

	spec->target = target;
	spec->low = low;
	spec->high = high;
	spec->stride = REACH_STRIDE_UNIT;
	spec->shots = shots;
	return spec;
}

/* The next SEND, at whatever time it comes; false: there is none any more. Sockets are held against the rules. */
static bool next_send(struct reach_shot *ret)
{
	for (;;) {
		while (reach_salvo_next(&s, now, ret)) {
			assert_true(ret->kind == ADIT_OUT_SEND || !ret->from_home);
			assert_true(ret->sock < REACH_SOCKS_MAX);
			if (ret->kind == ADIT_OUT_OPEN) {
				assert_false(open[ret->sock]);
				open[ret->sock] = true;
				opens++;
			} else if (ret->kind == ADIT_OUT_CLOSE) {
				assert_true(open[ret->sock]);
				open[ret->sock] = false;
				closes++;
			} else {
				assert_true(ret->from_home || open[ret->sock]);
				return true;
			}
		}
		if (reach_salvo_deadline(&s) == ADIT_NEVER)
			return false;
		assert_true(reach_salvo_deadline(&s) > now);
		now = reach_salvo_deadline(&s);
	}
}

static void start(adit_time start_at)
{
	assert_int_equal(reach_salvo_start(&s, now, start_at, &plan), 0);
}

static void each_socket_sends_to_one_address_in_each_pass(void **state)
{
	struct reach_shot shot;
	adit_time from = now;

	(void)state;
	one(3, 2)->low_passes = 1;
	start(now);
	for (unsigned i = 0; i < 6; i++) {
		assert_true(next_send(&shot));
		assert_false(shot.from_home);
		assert_true(adit_addr_eq(&shot.to, &(struct adit_addr){0}) == false && shot.to.port == 5002);
		assert_int_equal(shot.sock, i % 3);
		assert_int_equal(shot.is_low, i < 3);
		assert_true(now == from + ADIT_MS(i % 3) + (i < 3 ? 0 : ADIT_MS(2)) || now == from + ADIT_MS(i % 3));
	}
	assert_false(next_send(&shot));
	assert_true(reach_salvo_is_done(&s));
	assert_int_equal(opens, 3);
	assert_int_equal(closes, 0);
	assert_int_equal(reach_salvo_counts(&s, 0).sent, 6);
	assert_int_equal(reach_salvo_counts(&s, 0).socks, 3);
}

static void a_range_is_walked_from_either_end(void **state)
{
	struct reach_shot shot;

	(void)state;
	many(REACH_TO_RANGE, 100, 109, 50)->stride = 2 * REACH_STRIDE_UNIT;
	start(now);
	for (unsigned port = 100; port <= 108; port += 2) {
		assert_true(next_send(&shot));
		assert_true(shot.from_home);
		assert_int_equal(shot.to.port, port);
	}
	assert_false(next_send(&shot));

	plan.salvo[0].stride = -5 * (int)REACH_STRIDE_UNIT / 2; /* two and a half */
	start(now);
	for (unsigned i = 0; i < 4; i++) {
		static const uint16_t want[] = {109, 107, 104, 102};

		assert_true(next_send(&shot));
		assert_int_equal(shot.to.port, want[i]);
	}
	assert_false(next_send(&shot));
}

static void random_ports_are_all_different_and_all_come(void **state)
{
	static uint8_t seen[65536];
	static const struct {
		uint16_t low, high;
	} ranges[] = {{1024, 65535}, {1, 65535}, {7, 7}, {7, 8}, {1000, 1002}, {1024, 2047}, {30000, 30996}};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(ranges); k++) {
		unsigned n = (unsigned)ranges[k].high - ranges[k].low + 1;
		struct reach_shot shot;
		unsigned shots = n < 1300 ? n : 1300;

		setup(NULL);
		many(REACH_TO_RANDOM, ranges[k].low, ranges[k].high, n < 1300 ? 9999 : 1300);
		start(now);
		memset(seen, 0, sizeof(seen));
		for (unsigned i = 0; i < shots; i++) {
			assert_true(next_send(&shot));
			assert_in_range(shot.to.port, ranges[k].low, ranges[k].high);
			assert_int_equal(seen[shot.to.port]++, 0);
		}
		assert_false(next_send(&shot));
	}
}

/* Any sixteenth of the range gets its share of any beginning of the row, so a NAT that uses a part of it is no worse.
 */
static void random_ports_are_spread_evenly_from_the_first_on(void **state)
{
	unsigned in[16] = {0};
	struct reach_shot shot;

	(void)state;
	many(REACH_TO_RANDOM, 1024, 65535, 320);
	start(now);
	while (next_send(&shot))
		in[(shot.to.port - 1024) / (64512 / 16)]++;
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		assert_in_range(in[i], 15, 25);
}

static void two_searches_ask_in_different_orders(void **state)
{
	struct reach_shot shot;
	uint16_t first[20];
	unsigned same = 0;

	(void)state;
	many(REACH_TO_RANDOM, 1024, 65535, 20);
	start(now);
	for (size_t i = 0; next_send(&shot); i++)
		first[i] = shot.to.port;
	start(now);
	for (size_t i = 0; next_send(&shot); i++)
		same += first[i] == shot.to.port;
	assert_true(same < 3);
}

/* Whatever is planned: 200 in any second, all salvos together. */
static void the_pace_is_the_budgets_at_most(void **state)
{
	struct reach_shot shot;
	adit_time from = now;
	unsigned n = 0;

	(void)state;
	many(REACH_TO_RANDOM, 1024, 65535, 300)->pace = 0;
	one(200, 1)->pace = ADIT_US(1);
	start(now);
	while (next_send(&shot)) {
		n++;
		assert_true(n <= NAT_PROBES_PER_S * (1 + (now - from) / ADIT_SEC(1)));
	}
	assert_int_equal(n, 500);
	assert_in_range(now - from, ADIT_SEC(2), ADIT_MS(2020));
}

static void a_salvo_keeps_its_own_pace(void **state)
{
	struct reach_shot shot;
	adit_time from = now + ADIT_MS(70);

	(void)state;
	many(REACH_TO_RANGE, 1, 10, 10)->pace = ADIT_MS(7);
	plan.salvo[0].delay = ADIT_MS(50);
	start(now + ADIT_MS(20));
	for (unsigned i = 0; next_send(&shot); i++)
		assert_true(now == from + i * ADIT_MS(7));
}

/* A driver that wakes up late sends what it missed, within the budget, and is in step again. */
static void a_late_tick_makes_up_for_the_pace(void **state)
{
	struct reach_shot shot;

	(void)state;
	many(REACH_TO_RANGE, 1, 100, 100)->pace = ADIT_MS(10);
	start(now);
	assert_true(next_send(&shot));
	now += ADIT_MS(95);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(reach_salvo_next(&s, now, &shot), 1);
	assert_int_equal(reach_salvo_next(&s, now, &shot), 0);
	assert_true(reach_salvo_deadline(&s) == now + ADIT_MS(5));
}

static void what_is_held_leaves_later_all_at_once(void **state)
{
	struct reach_shot shot;

	(void)state;
	many(REACH_TO_RANGE, 1, 100, 100);
	start(now);
	assert_true(next_send(&shot));
	reach_salvo_hold(&s, now + ADIT_MS(50));
	assert_true(reach_salvo_deadline(&s) == now + ADIT_MS(50));
	now += ADIT_MS(49);
	assert_int_equal(reach_salvo_next(&s, now, &shot), 0);
	now += ADIT_MS(1);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(reach_salvo_next(&s, now, &shot), 1);
	assert_int_equal(reach_salvo_next(&s, now, &shot), 0);
}

static void each_salvo_has_its_own_time_after_the_start(void **state)
{
	struct reach_shot shot;
	struct reach_salvo_spec *spec = one(2, 3);

	(void)state;
	spec->low_passes = 1;
	spec->low_delay = ADIT_MS(100);
	spec->delay = ADIT_MS(500);
	many(REACH_TO_RANGE, 1, 3, 3);
	start(ADIT_NEVER);
	assert_false(next_send(&shot)); /* waits */
	assert_false(reach_salvo_is_done(&s));
	now += ADIT_MS(300);
	reach_salvo_begin(&s, now + ADIT_MS(40));
	for (unsigned i = 0; i < 3; i++) {
		assert_true(next_send(&shot));
		assert_int_equal(shot.salvo, 1);
	}
	assert_true(now == ADIT_SEC(1000) + ADIT_MS(300 + 40 + 2));
	for (unsigned i = 0; i < 2; i++) {
		assert_true(next_send(&shot));
		assert_true(shot.is_low);
	}
	assert_true(now == ADIT_SEC(1000) + ADIT_MS(300 + 40 + 100 + 1));
	for (unsigned i = 0; i < 4; i++) {
		assert_true(next_send(&shot));
		assert_false(shot.is_low);
		assert_int_equal(shot.salvo, 0);
	}
	assert_false(next_send(&shot));
	assert_true(now == ADIT_SEC(1000) + ADIT_MS(300 + 40 + 500 + 100 + 1));
	assert_int_equal(opens, 2);
	assert_true(reach_salvo_is_done(&s));
}

static void each_first_shot_costs_a_flow_and_the_same_again_none(void **state)
{
	struct reach_shot shot;

	(void)state;
	one(5, 3);
	many(REACH_TO_RANGE, 1, 7, 7)->passes = 2;
	start(now);
	while (next_send(&shot))
		;
	assert_int_equal(reach_salvo_counts(&s, 0).sent, 15);
	assert_int_equal(reach_salvo_counts(&s, 1).sent, 14);
	assert_int_equal(nat_budget_left(&budget, now), NAT_FLOWS_PER_MIN - 12);
}

static void a_spent_budget_ends_a_salvo_for_good(void **state)
{
	struct reach_shot shot;

	(void)state;
	assert_true(nat_budget_take(&budget, now, NAT_FLOWS_PER_MIN - REACH_FLOWS_KEEP - 4, 0));
	many(REACH_TO_RANGE, 1, 7, 7)->passes = 2;
	one(5, 2)->delay = ADIT_MS(100);
	start(now);
	while (next_send(&shot))
		;
	assert_int_equal(reach_salvo_counts(&s, 0).sent, 8);
	assert_int_equal(reach_salvo_counts(&s, 0).refused, 3);
	assert_int_equal(reach_salvo_counts(&s, 1).sent, 0);
	assert_int_equal(reach_salvo_counts(&s, 1).refused, 5);
	assert_int_equal(opens, 0);
	assert_true(reach_salvo_is_done(&s));
}

static void a_search_leaves_flows_to_others(void **state)
{
	struct reach_shot shot;
	unsigned n = 0;

	(void)state;
	assert_true(nat_budget_take(&budget, now, NAT_FLOWS_PER_MIN - REACH_FLOWS_KEEP - 10, 0));
	plan.is_search = true;
	many(REACH_TO_RANDOM, 1024, 65535, 1000);
	start(now);
	while (next_send(&shot))
		n++;
	assert_int_equal(n, 10);
	assert_int_equal(reach_salvo_counts(&s, 0).refused, 990);
	assert_int_equal(nat_budget_left(&budget, now), REACH_FLOWS_KEEP);
}

static void one_search_at_a_time_in_a_program(void **state)
{
	struct reach_salvo other;

	(void)state;
	reach_salvo_init(&other, &rng, &budget);
	plan.is_search = true;
	many(REACH_TO_RANDOM, 1024, 65535, 10);
	start(now);
	assert_int_equal(reach_salvo_start(&other, now, now, &plan), ADIT_EAGAIN);
	assert_true(reach_salvo_deadline(&other) == ADIT_NEVER);
	start(now); /* its own next one is no other */
	assert_int_equal(reach_salvo_start(&other, now, now, &plan), ADIT_EAGAIN);
	plan.is_search = false;
	start(now);
	plan.is_search = true;
	assert_int_equal(reach_salvo_start(&other, now, now, &plan), 0);
	reach_salvo_stop(&other);
	start(now);
}

static void a_stop_closes_what_nobody_keeps(void **state)
{
	struct reach_shot shot;

	(void)state;
	one(4, 5);
	start(now);
	for (unsigned i = 0; i < 6; i++)
		assert_true(next_send(&shot));
	assert_true(reach_salvo_keep(&s, 2));
	assert_true(reach_salvo_keep(&s, 2));
	assert_false(reach_salvo_keep(&s, 4));
	assert_false(reach_salvo_keep(&s, REACH_SOCKS_MAX));
	reach_salvo_stop(&s);
	assert_true(reach_salvo_deadline(&s) <= now);
	assert_false(next_send(&shot));
	assert_int_equal(closes, 3);
	assert_true(open[2]);
	assert_true(reach_salvo_is_done(&s));
	assert_true(reach_salvo_deadline(&s) == ADIT_NEVER);
}

static void a_kept_socket_has_its_number_until_it_is_given_back_or_gone(void **state)
{
	struct reach_shot shot;

	(void)state;
	one(3, 1);
	start(now);
	while (next_send(&shot))
		;
	assert_true(reach_salvo_keep(&s, 0));
	assert_true(reach_salvo_keep(&s, 1));
	start(now); /* the next plan: numbers 2, 3, 4; next_send() holds that 0 and 1 are not opened again */
	while (next_send(&shot))
		assert_true(shot.sock >= 2);
	assert_int_equal(opens, 6);
	assert_int_equal(closes, 1);
	reach_salvo_give_back(&s, 0);
	reach_salvo_give_back(&s, 0);
	reach_salvo_give_back(&s, 3); /* not kept: nothing */
	assert_false(next_send(&shot));
	assert_int_equal(closes, 2);
	assert_false(open[0]);
	reach_salvo_sock_failed(&s, 1); /* taken by somebody, and closed there */
	open[1] = false;
	one(3, 1);
	start(now);
	while (next_send(&shot))
		;
	assert_true(open[0] && open[1]);
}

static void a_socket_that_cannot_be_opened_sends_nothing(void **state)
{
	struct reach_shot shot;
	unsigned n = 0;

	(void)state;
	one(3, 3);
	start(now);
	assert_int_equal(reach_salvo_next(&s, now, &shot), 1);
	assert_int_equal(shot.kind, ADIT_OUT_OPEN);
	reach_salvo_sock_failed(&s, shot.sock);
	reach_salvo_sock_failed(&s, shot.sock);
	reach_salvo_sock_failed(&s, REACH_SOCKS_MAX);
	while (next_send(&shot))
		n++;
	assert_int_equal(n, 6);
	assert_int_equal(opens, 2);
}

static void more_sockets_than_there_are_numbers_are_left_out(void **state)
{
	struct reach_shot shot;
	unsigned n = 0;

	(void)state;
	one(REACH_SOCKS_MAX - 10, 1);
	one(20, 1);
	start(now);
	while (next_send(&shot))
		n++;
	assert_int_equal(n, REACH_SOCKS_MAX);
	assert_int_equal(opens, REACH_SOCKS_MAX);
}

/* The first three leave, then each fresh one takes the place of the oldest. */
static void sockets_in_turn_are_fresh_and_few(void **state)
{
	struct reach_shot shot;
	struct reach_salvo_spec *spec;
	unsigned n = 0;

	(void)state;
	one(3, 1);
	spec = one(3, 1);
	spec->is_in_turn = true;
	spec->shots = 7;
	spec->delay = ADIT_MS(10);
	start(now);
	while (next_send(&shot)) {
		n++;
		assert_int_equal(opens, n);
		assert_int_equal(closes, n > 3 ? n - 3 : 0);
		assert_int_equal(shot.salvo, n > 3);
		assert_false(shot.is_low);
	}
	assert_int_equal(n, 10);
	assert_int_equal(reach_salvo_counts(&s, 1).socks, 7);
	reach_salvo_stop(&s);
	assert_false(next_send(&shot));
	assert_int_equal(closes, 10);
}

static void a_socket_in_turn_that_was_heard_on_stays(void **state)
{
	struct reach_shot shot;
	struct reach_salvo_spec *spec;
	uint32_t kept;

	(void)state;
	one(2, 1);
	spec = one(2, 1);
	spec->is_in_turn = true;
	spec->shots = 4;
	start(now);
	assert_true(next_send(&shot));
	kept = shot.sock;
	assert_true(reach_salvo_keep(&s, kept));
	while (next_send(&shot))
		assert_int_not_equal(shot.sock, kept);
	assert_true(open[kept]);
	assert_int_equal(closes, 3);
}

static void none_in_turn_where_there_are_no_others(void **state)
{
	struct reach_shot shot;

	(void)state;
	one(4, 1)->is_in_turn = true;
	plan.salvo[0].shots = 4;
	start(now);
	assert_false(next_send(&shot));
	assert_int_equal(opens, 0);
}

static void a_salvo_is_slower_for_a_while(void **state)
{
	struct reach_shot shot;
	adit_time from = now;
	struct reach_salvo_spec *spec = many(REACH_TO_RANGE, 1, 9, 9);

	(void)state;
	spec->slow_from = 3;
	spec->slow_to = 6;
	spec->slow_pace = ADIT_MS(4);
	start(now);
	for (unsigned i = 0; i < 9; i++) {
		assert_true(next_send(&shot));
		assert_true(now == from + ADIT_MS(i) + (i < 3 ? 0 : i < 6 ? (i - 2) * ADIT_MS(3) : ADIT_MS(9)));
	}
}

static void who_may_hurry_does_with_the_low_ttl_where_the_peers_router_says_unreachable(void **state)
{
	struct reach_shot shot;
	adit_time from = now;
	struct reach_salvo_spec *spec = one(5, 1);

	(void)state;
	spec->may_hurry = true;
	spec->delay = ADIT_SEC(1);
	spec->pace = ADIT_MS(100);
	reach_salvo_go_on(&s, now); /* nothing is loaded */
	start(ADIT_NEVER);
	reach_salvo_go_on(&s, now); /* the start is not known: nothing leaves */
	assert_false(next_send(&shot));
	start(now);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(next_send(&shot));
		assert_true(!shot.is_low && now == from + ADIT_SEC(1) + ADIT_MS(100 * i));
	}
	reach_salvo_go_on(&s, now);
	reach_salvo_go_on(&s, now);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(next_send(&shot));
		assert_true(shot.is_low && now == from + ADIT_MS(1100) + i * REACH_OPEN_PACE);
	}
	assert_false(next_send(&shot));
	reach_salvo_go_on(&s, now); /* it is over */
	assert_false(next_send(&shot));
	start(now); /* which knows nothing of it */
	assert_true(next_send(&shot) && !shot.is_low);
}

static void a_salvo_rests_after_its_first_shots(void **state)
{
	struct reach_shot shot;
	adit_time from = now;
	struct reach_salvo_spec *spec = many(REACH_TO_RANGE, 1, 9, 9);

	(void)state;
	spec->first = 4;
	spec->rest = ADIT_SEC(3);
	start(now);
	for (unsigned i = 0; i < 9; i++) {
		assert_true(next_send(&shot));
		assert_true(now == from + ADIT_MS(i) + (i < 4 ? 0 : ADIT_SEC(3)));
		assert_int_equal(shot.to.port, 1 + i);
	}
	assert_false(next_send(&shot));
}

static void a_rest_is_over_or_does_not_come_where_it_is_of_no_use(void **state)
{
	struct reach_shot shot;
	adit_time from = now;
	struct reach_salvo_spec *spec = many(REACH_TO_RANGE, 1, 9, 9);

	(void)state;
	spec->first = 4;
	spec->rest = ADIT_SEC(3);
	start(now);
	for (unsigned i = 0; i < 4; i++)
		assert_true(next_send(&shot));
	assert_true(reach_salvo_deadline(&s) > from + ADIT_SEC(3));
	reach_salvo_go_on(&s, now);
	assert_true(next_send(&shot));
	assert_true(now == from + ADIT_MS(3));
	start(now); /* which knows nothing of it */
	from = now;
	reach_salvo_go_on(&s, now);
	for (unsigned i = 0; i < 9; i++)
		assert_true(next_send(&shot));
	assert_true(now == from + ADIT_MS(8));
}

static void what_is_heard_is_counted(void **state)
{
	(void)state;
	many(REACH_TO_RANGE, 1, 7, 7);
	start(now);
	reach_salvo_heard(&s, 0);
	reach_salvo_heard(&s, 1);
	assert_int_equal(reach_salvo_counts(&s, 0).heard, 1);
	assert_int_equal(reach_salvo_counts(&s, 1).heard, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_socket_sends_to_one_address_in_each_pass, setup),
		cmocka_unit_test_setup(a_range_is_walked_from_either_end, setup),
		cmocka_unit_test_setup(random_ports_are_all_different_and_all_come, setup),
		cmocka_unit_test_setup(random_ports_are_spread_evenly_from_the_first_on, setup),
		cmocka_unit_test_setup(two_searches_ask_in_different_orders, setup),
		cmocka_unit_test_setup(the_pace_is_the_budgets_at_most, setup),
		cmocka_unit_test_setup(a_salvo_keeps_its_own_pace, setup),
		cmocka_unit_test_setup(a_late_tick_makes_up_for_the_pace, setup),
		cmocka_unit_test_setup(what_is_held_leaves_later_all_at_once, setup),
		cmocka_unit_test_setup(each_salvo_has_its_own_time_after_the_start, setup),
		cmocka_unit_test_setup(each_first_shot_costs_a_flow_and_the_same_again_none, setup),
		cmocka_unit_test_setup(a_spent_budget_ends_a_salvo_for_good, setup),
		cmocka_unit_test_setup(a_search_leaves_flows_to_others, setup),
		cmocka_unit_test_setup(one_search_at_a_time_in_a_program, setup),
		cmocka_unit_test_setup(a_stop_closes_what_nobody_keeps, setup),
		cmocka_unit_test_setup(a_kept_socket_has_its_number_until_it_is_given_back_or_gone, setup),
		cmocka_unit_test_setup(a_socket_that_cannot_be_opened_sends_nothing, setup),
		cmocka_unit_test_setup(more_sockets_than_there_are_numbers_are_left_out, setup),
		cmocka_unit_test_setup(sockets_in_turn_are_fresh_and_few, setup),
		cmocka_unit_test_setup(a_socket_in_turn_that_was_heard_on_stays, setup),
		cmocka_unit_test_setup(none_in_turn_where_there_are_no_others, setup),
		cmocka_unit_test_setup(a_salvo_is_slower_for_a_while, setup),
		cmocka_unit_test_setup(who_may_hurry_does_with_the_low_ttl_where_the_peers_router_says_unreachable,
				       setup),
		cmocka_unit_test_setup(a_salvo_rests_after_its_first_shots, setup),
		cmocka_unit_test_setup(a_rest_is_over_or_does_not_come_where_it_is_of_no_use, setup),
		cmocka_unit_test_setup(what_is_heard_is_counted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
