#include "test.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "core/punch/punch_plan.h"
#include "crypto/crypto.h"

#define NOON (UINT64_C(1790000000) * ADIT_SEC(1))

static struct punch_keys keys;

static int setup(void **state)
{
	static const uint8_t secret[32] = {42};

	(void)state;
	punch_keys_init(&keys, &crypto_gnutls, secret);
	return 0;
}

/* The pair |index| as |role| sees it. */
static struct punch_plan_pair pair_of(enum punch_role role, enum punch_family f, uint64_t slot, uint16_t index)
{
	uint16_t order = (uint16_t)(role == PUNCH_SERVE ? index : punch_plan_count(f) - 1 - index);

	return punch_plan_pair(&keys, role, f, slot, order);
}

static void the_two_sides_see_mirrored_ports(void **state)
{
	(void)state;
	for (int f = 0; f < PUNCH_FAMILIES; f++) {
		for (uint16_t i = 0; i < punch_plan_count((enum punch_family)f); i++) {
			struct punch_plan_pair s = pair_of(PUNCH_SERVE, (enum punch_family)f, 1000, i);
			struct punch_plan_pair c = pair_of(PUNCH_CONNECT, (enum punch_family)f, 1000, i);

			assert_int_equal(s.index, i);
			assert_int_equal(c.index, i);
			assert_int_equal(s.port, c.peer_port);
			assert_int_equal(s.peer_port, c.port);
			assert_true(s.close_at == c.close_at);
		}
	}
}

static void each_side_opens_its_pairs_in_order(void **state)
{
	(void)state;
	for (int f = 0; f < PUNCH_FAMILIES; f++) {
		for (uint16_t k = 1; k < punch_plan_count((enum punch_family)f); k++) {
			struct punch_plan_pair a =
				punch_plan_pair(&keys, PUNCH_CONNECT, (enum punch_family)f, 5, (uint16_t)(k - 1));
			struct punch_plan_pair b = punch_plan_pair(&keys, PUNCH_CONNECT, (enum punch_family)f, 5, k);

			assert_true(a.open_at <= b.open_at);
			assert_true(a.is_burst || a.first_at < b.first_at);
			assert_true(b.open_at <= b.first_at);
			assert_true(b.first_at < b.full_at);
			assert_true(b.full_at < b.close_at);
			assert_int_equal(a.index, b.index + 1);
		}
	}
}

/* The heart of it: within the gap, each side has a pair in which it is first, and then it is the quiet one. */
static void whatever_the_clocks_say_within_the_gap_each_side_is_first_somewhere(void **state)
{
	static const struct {
		enum punch_family f;
		adit_dur gap;
	} rows[] = {{PUNCH_NEAR, PUNCH_NEAR_GAP},
		    {PUNCH_MID, PUNCH_MID_GAP},
		    {PUNCH_FAR, PUNCH_FAR_GAP},
		    {PUNCH_WIDE, PUNCH_WIDE_GAP}};

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		for (int step = -9; step <= 9; step++) {
			int64_t error = (int64_t)rows[r].gap / 10 * step; /* the connect side's clock is late by this */
			bool first[2] = {false, false};

			for (uint16_t i = 0; i < 2; i++) {
				struct punch_plan_pair s = pair_of(PUNCH_SERVE, rows[r].f, 7, i);
				struct punch_plan_pair c = pair_of(PUNCH_CONNECT, rows[r].f, 7, i);
				int64_t lead = (int64_t)(c.first_at - s.first_at) + error;

				assert_int_equal(s.is_first, !c.is_first);
				first[PUNCH_SERVE] |= s.is_first && lead > 0;
				first[PUNCH_CONNECT] |= c.is_first && lead < 0;
				/* While the first is quiet the second becomes loud. */
				if (s.is_first)
					assert_true((int64_t)(c.full_at - s.full_at) + error <
						    (int64_t)PUNCH_HEAD + (int64_t)rows[r].gap);
			}
			assert_true(first[PUNCH_SERVE]);
			assert_true(first[PUNCH_CONNECT]);
		}
	}
}

/* Both packets are under way at once: the openings differ by less than the way takes. */
static bool some_pair_crosses(enum punch_family f, uint64_t slot, int64_t error, int64_t one_way)
{
	for (uint16_t i = 0; i < punch_plan_count(f); i++) {
		struct punch_plan_pair s = pair_of(PUNCH_SERVE, f, slot, i);
		struct punch_plan_pair c = pair_of(PUNCH_CONNECT, f, slot, i);

		if (llabs((int64_t)(c.first_at - s.first_at) + error) < one_way)
			return true;
	}
	return false;
}

static void each_volley_crosses_between_neighbours_two_milliseconds_apart(void **state)
{
	(void)state;
	for (uint64_t slot = 100; slot < 140; slot++)
		for (int64_t error = -2000; error <= 2000; error += 500)
			assert_true(some_pair_crosses(PUNCH_VOLLEY, slot, error * 1000, (int64_t)ADIT_MS(2)));
}

static void one_of_two_volleys_crosses_when_the_clocks_are_thirteen_milliseconds_apart(void **state)
{
	(void)state;
	for (uint64_t slot = 100; slot < 110; slot++)
		for (int64_t error = -13000; error <= 13000; error += 500)
			assert_true(some_pair_crosses(PUNCH_VOLLEY, slot, error * 1000, (int64_t)ADIT_MS(2)) ||
				    some_pair_crosses(PUNCH_VOLLEY, slot + 1, error * 1000, (int64_t)ADIT_MS(2)));
	assert_false(some_pair_crosses(PUNCH_VOLLEY, 7, (int64_t)ADIT_MS(30), (int64_t)ADIT_MS(2)));
}

static void each_volley_crosses_in_one_building_if_the_clocks_are_equal(void **state)
{
	(void)state;
	for (uint64_t slot = 100; slot < 140; slot++)
		for (int64_t error = -400; error <= 400; error += 50)
			assert_true(some_pair_crosses(PUNCH_VOLLEY, slot, error * 1000, (int64_t)ADIT_US(60)));
}

/* 0.3 ms apart and clocks that differ by anything up to 10 ms: a try in five fits, and it is not always the same one.
 */
static void bad_luck_does_not_last(void **state)
{
	unsigned never = 0;

	(void)state;
	for (int64_t error = -10000; error <= 10000; error += 250) {
		unsigned hits = 0;

		for (uint64_t slot = 100; slot < 112; slot++)
			hits += some_pair_crosses(PUNCH_VOLLEY, slot, error * 1000, (int64_t)ADIT_US(300));
		never += hits == 0;
	}
	assert_true(never <= 4);
}

static void a_burst_crosses_up_to_an_eighth_of_a_second(void **state)
{
	(void)state;
	for (int64_t error = -125; error <= 125; error++)
		assert_true(some_pair_crosses(PUNCH_BURST, 7, error * 1000000, (int64_t)ADIT_MS(2)));
}

static void slots_follow_each_other_without_gap(void **state)
{
	(void)state;
	for (int f = 0; f < PUNCH_FAMILIES; f++) {
		uint64_t slot = punch_plan_slot(&keys, (enum punch_family)f, NOON);
		adit_utc start = punch_plan_start(&keys, (enum punch_family)f, slot);
		adit_utc next = punch_plan_start(&keys, (enum punch_family)f, slot + 1);

		assert_true(start <= NOON && NOON < next);
		assert_true(punch_plan_slot(&keys, (enum punch_family)f, next) == slot + 1);
		assert_true(punch_plan_slot(&keys, (enum punch_family)f, next - 1) == slot);
		assert_true(punch_plan_slot(&keys, (enum punch_family)f, 0) == 0);
		assert_true(punch_plan_open_at(&keys, (enum punch_family)f, 0, 0) < next);
	}
}

/* New flows toward one address in a span of waiting, as the machine opens them. */
static unsigned flows_between(adit_dur from, adit_dur to)
{
	unsigned n = 0;

	for (int i = 0; i < PUNCH_FAMILIES; i++) {
		enum punch_family f = (enum punch_family)i;

		for (uint64_t slot = punch_plan_slot(&keys, f, NOON + from) + 1;; slot++) {
			adit_utc start = punch_plan_start(&keys, f, slot);

			if (start >= NOON + to)
				break;
			if (f != PUNCH_BURST && punch_plan_is_due(f, slot, start - NOON, 0))
				n += punch_plan_count(f);
		}
	}
	return n;
}

static void the_flow_budget_is_kept(void **state)
{
	(void)state;
	assert_in_range(flows_between(0, ADIT_SEC(60)), 300, 400);
	assert_in_range(flows_between(ADIT_SEC(60), ADIT_SEC(360)), 5 * 30, 5 * 60);
	assert_in_range(flows_between(ADIT_SEC(3600), ADIT_SEC(7200)), 60 * 20, 60 * 40);
}

static void bursts_come_late_and_three_times(void **state)
{
	(void)state;
	assert_false(punch_plan_is_due(PUNCH_BURST, 1, PUNCH_BURST_AFTER - 1, 0));
	assert_true(punch_plan_is_due(PUNCH_BURST, 1, PUNCH_BURST_AFTER, 0));
	assert_true(punch_plan_is_due(PUNCH_BURST, 1, PUNCH_BURST_AFTER, PUNCH_BURSTS_MAX - 1));
	assert_false(punch_plan_is_due(PUNCH_BURST, 1, PUNCH_BURST_AFTER, PUNCH_BURSTS_MAX));
}

/* A newcomer's volleys, one every 2 s, hit an old waiter's within a minute or two: their slots are a subset. */
static void a_waiter_keeps_volleys_that_a_newcomer_has_too(void **state)
{
	unsigned old = 0;

	(void)state;
	for (uint64_t slot = 640; slot < 768; slot++) {
		assert_true(punch_plan_is_due(PUNCH_VOLLEY, slot, 0, 0));
		if (!punch_plan_is_due(PUNCH_VOLLEY, slot, ADIT_SEC(3600), 0))
			continue;
		old++;
		assert_true(punch_plan_is_due(PUNCH_VOLLEY, slot, ADIT_SEC(30), 0));
		assert_true(punch_plan_is_due(PUNCH_VOLLEY, slot, ADIT_SEC(300), 0));
	}
	assert_int_equal(old, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_sides_see_mirrored_ports),
		cmocka_unit_test(each_side_opens_its_pairs_in_order),
		cmocka_unit_test(whatever_the_clocks_say_within_the_gap_each_side_is_first_somewhere),
		cmocka_unit_test(each_volley_crosses_between_neighbours_two_milliseconds_apart),
		cmocka_unit_test(one_of_two_volleys_crosses_when_the_clocks_are_thirteen_milliseconds_apart),
		cmocka_unit_test(each_volley_crosses_in_one_building_if_the_clocks_are_equal),
		cmocka_unit_test(bad_luck_does_not_last),
		cmocka_unit_test(a_burst_crosses_up_to_an_eighth_of_a_second),
		cmocka_unit_test(slots_follow_each_other_without_gap),
		cmocka_unit_test(the_flow_budget_is_kept),
		cmocka_unit_test(bursts_come_late_and_three_times),
		cmocka_unit_test(a_waiter_keeps_volleys_that_a_newcomer_has_too),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
