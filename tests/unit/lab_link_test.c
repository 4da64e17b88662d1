#include "test.h"

#include "lab/lab_limits.h"
#include "lab/lab_link.h"

static void a_wire_without_settings_does_nothing(void **state)
{
	struct lab_link l;
	struct lab_passage p;

	(void)state;
	lab_link_init(&l, NULL, 1);
	assert_true(lab_link_is_none(&l));
	p = lab_link_pass(&l, 77, 100, 1);
	assert_int_equal(p.fate, LAB_PASSES);
	assert_true(p.at == 77);
	assert_true(p.copy_at == ADIT_NEVER);
}

static void delay_is_exact(void **state)
{
	struct lab_link_config cfg = {.delay = ADIT_MS(20)};
	struct lab_link l;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (adit_time t = 0; t < ADIT_SEC(1); t += ADIT_US(333))
		assert_true(lab_link_pass(&l, t, 100, 1).at == t + ADIT_MS(20));
}

static void jitter_stays_in_its_range_and_does_not_reorder(void **state)
{
	struct lab_link_config cfg = {.delay = ADIT_MS(20), .jitter = ADIT_MS(5)};
	struct lab_link l;
	adit_time last = 0;
	unsigned late = 0;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (adit_time t = 0; t < ADIT_SEC(1); t += ADIT_MS(1)) {
		adit_time at = lab_link_pass(&l, t, 100, 1).at;

		assert_true(at >= t + ADIT_MS(20) && at <= t + ADIT_MS(25));
		assert_true(at >= last);
		late += at > t + ADIT_MS(22);
		last = at;
	}
	assert_true(late > 500);
}

/* Four standard deviations of a binomial distribution. */
static void loss_and_copies_are_as_often_as_set(void **state)
{
	struct lab_link_config cfg = {.loss_ppm = 100000, .dup_ppm = 50000};
	struct lab_link l;
	unsigned lost = 0;
	unsigned copies = 0;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (unsigned i = 0; i < 100000; i++) {
		struct lab_passage p = lab_link_pass(&l, i, 100, 64);

		lost += p.fate == LAB_LOST;
		copies += p.copy_at != ADIT_NEVER;
	}
	assert_in_range(lost, 10000 - 380, 10000 + 380);
	assert_in_range(copies, 4500 - 270, 4500 + 270);
}

static void what_is_held_back_is_overtaken(void **state)
{
	struct lab_link_config cfg = {.delay = ADIT_MS(10), .reorder_ppm = 200000, .reorder_hold = ADIT_MS(3)};
	struct lab_link l;
	unsigned held = 0;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (adit_time t = 0; t < ADIT_SEC(1); t += ADIT_MS(1)) {
		adit_time took = lab_link_pass(&l, t, 100, 64).at - t;

		assert_true(took == ADIT_MS(10) || took == ADIT_MS(13));
		held += took == ADIT_MS(13);
	}
	assert_in_range(held, 150, 250);
}

static void a_ttl_dies_at_the_router_of_its_number(void **state)
{
	struct lab_link_config cfg = {.delay = ADIT_MS(90), .hops = 8};
	struct lab_link l;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (unsigned ttl = 1; ttl <= 8; ttl++) {
		struct lab_passage p = lab_link_pass(&l, 0, 100, (uint8_t)ttl);

		assert_int_equal(p.fate, LAB_DIES);
		assert_int_equal(p.hop, ttl);
		assert_true(p.at == ADIT_MS(10) * ttl);
	}
	assert_int_equal(lab_link_pass(&l, 0, 100, 9).fate, LAB_PASSES);
}

static void routers_have_addresses_in_a_row(void **state)
{
	struct lab_link_config cfg = {.hops = 3, .hop_addr = adit_addr_v4(10, 9, 8, 7, 0)};
	struct adit_addr want4 = adit_addr_v4(10, 9, 8, 9, 0);
	struct lab_link l;
	struct adit_addr a;
	char buf[ADIT_ADDR_STRLEN];

	(void)state;
	lab_link_init(&l, &cfg, 1);
	a = lab_link_hop_addr(&l, 3, ADIT_FAMILY_V4);
	assert_true(adit_addr_eq(&a, &want4));
	a = lab_link_hop_addr(&l, 2, ADIT_FAMILY_V6);
	assert_string_equal(adit_addr_format(&a, buf), "2001:db8::2");
}

/* 1000 bytes at 8 Mbit/s take a millisecond each. */
static void a_rate_spaces_packets_out(void **state)
{
	struct lab_link_config cfg = {.delay = ADIT_MS(5), .rate = 8000000, .queue = 100000};
	struct lab_link l;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	assert_false(lab_link_is_none(&l));
	for (unsigned i = 0; i < 50; i++)
		assert_true(lab_link_pass(&l, ADIT_US(10) * i, 1000, 64).at == ADIT_MS(1) * (i + 1) + ADIT_MS(5));
	/* The queue has run empty: the next one is sent at once. */
	assert_true(lab_link_pass(&l, ADIT_SEC(1), 500, 64).at == ADIT_SEC(1) + ADIT_US(5500));
}

/* What is being sent waits no more, but its rest still takes room; RFC 2309's "tail drop". */
static void a_full_queue_drops_what_comes_last(void **state)
{
	struct lab_link_config cfg = {.rate = 8000000, .queue = 4000};
	struct lab_link l;
	unsigned passed = 0;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (unsigned i = 0; i < 10; i++) {
		struct lab_passage p = lab_link_pass(&l, 0, 1000, 64);

		assert_int_equal(p.fate, i < 4 ? LAB_PASSES : LAB_FULL);
		passed += p.fate == LAB_PASSES;
	}
	assert_int_equal(passed, 4);
	assert_int_equal(lab_link_pass(&l, ADIT_US(999), 1000, 64).fate, LAB_FULL);
	assert_true(lab_link_pass(&l, ADIT_MS(1), 1000, 64).at == ADIT_MS(5));
	/* A packet larger than the queue passes where nobody waits. */
	assert_int_equal(lab_link_pass(&l, ADIT_SEC(1), 5000, 64).fate, LAB_PASSES);
}

static void a_rate_without_a_queue_has_a_tenth_of_a_second(void **state)
{
	struct lab_link_config cfg = {.rate = 8000000};
	struct lab_link l;
	unsigned passed = 0;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (unsigned i = 0; i < 200; i++)
		passed += lab_link_pass(&l, 0, 1000, 64).fate == LAB_PASSES;
	assert_int_equal(passed, 100);
}

/* Gilbert-Elliott in the long run: bad enter / (enter + leave) of the time, for 1 / leave packets in a row. */
static void bursts_are_as_often_and_as_long_as_set(void **state)
{
	struct lab_link_config cfg = {.loss_ppm = 10000,
				      .burst = {.enter_ppm = 10000, .leave_ppm = 100000, .lose_ppm = LAB_PPM}};
	struct lab_link l;
	unsigned n = 1000000;
	unsigned lost = 0;
	unsigned pairs = 0;
	bool last = false;

	(void)state;
	lab_link_init(&l, &cfg, 1);
	for (unsigned i = 0; i < n; i++) {
		bool now = lab_link_pass(&l, i, 100, 64).fate == LAB_LOST;

		lost += now;
		pairs += now && last;
		last = now;
	}
	/* 1/11 bad, all lost; 10/11 good, 1 % lost: 10 %. Correlated over some 20 packets: a wide margin. */
	assert_in_range(lost, n / 10 - n / 200, n / 10 + n / 200);
	/* After a loss the next one is lost in 9 of 10 cases where the wire was bad (91 % of the losses). */
	assert_in_range(pairs * 1000ull / lost, 810, 840);
}

static void a_wire_that_never_turns_bad_draws_nothing_for_it(void **state)
{
	struct lab_link_config plain = {.loss_ppm = 100000};
	struct lab_link_config burst = {.loss_ppm = 100000, .burst = {.leave_ppm = 5, .lose_ppm = 7}};
	struct lab_link a;
	struct lab_link b;

	(void)state;
	lab_link_init(&a, &plain, 1);
	lab_link_init(&b, &burst, 1);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(lab_link_pass(&a, i, 100, 64).fate, lab_link_pass(&b, i, 100, 64).fate);
}

static void one_seed_gives_one_behaviour(void **state)
{
	struct lab_link_config cfg = {.delay = 100, .jitter = 1000, .loss_ppm = 300000, .dup_ppm = 300000};
	struct lab_link a;
	struct lab_link b;
	struct lab_link c;
	unsigned same = 0;

	(void)state;
	lab_link_init(&a, &cfg, 5);
	lab_link_init(&b, &cfg, 5);
	lab_link_init(&c, &cfg, 6);
	for (adit_time t = 0; t < ADIT_MS(1); t += 2000) {
		struct lab_passage p = lab_link_pass(&a, t, 100, 64);
		struct lab_passage q = lab_link_pass(&b, t, 100, 64);

		assert_int_equal(p.fate, q.fate);
		assert_true(p.at == q.at && p.copy_at == q.copy_at);
		same += p.at == lab_link_pass(&c, t, 100, 64).at;
	}
	assert_true(same < 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wire_without_settings_does_nothing),
		cmocka_unit_test(delay_is_exact),
		cmocka_unit_test(jitter_stays_in_its_range_and_does_not_reorder),
		cmocka_unit_test(loss_and_copies_are_as_often_as_set),
		cmocka_unit_test(what_is_held_back_is_overtaken),
		cmocka_unit_test(a_ttl_dies_at_the_router_of_its_number),
		cmocka_unit_test(routers_have_addresses_in_a_row),
		cmocka_unit_test(a_rate_spaces_packets_out),
		cmocka_unit_test(a_full_queue_drops_what_comes_last),
		cmocka_unit_test(a_rate_without_a_queue_has_a_tenth_of_a_second),
		cmocka_unit_test(bursts_are_as_often_and_as_long_as_set),
		cmocka_unit_test(a_wire_that_never_turns_bad_draws_nothing_for_it),
		cmocka_unit_test(one_seed_gives_one_behaviour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
