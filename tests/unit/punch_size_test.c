#include "test.h"

#include "base/bytes.h"
#include "core/punch/punch_size.h"

#define RTT ADIT_MS(20)

/* A path that carries |carries| bytes and answers after RTT. */
static struct punch_size s;
static adit_time now;
static size_t carries;
static unsigned sent;
static size_t sent_bytes;
static size_t flying[64];
static adit_time flying_at[64];
static unsigned n_flying;

static void begin(size_t path, size_t max, bool is_v6)
{
	now = ADIT_SEC(5);
	carries = path;
	sent = 0;
	sent_bytes = 0;
	n_flying = 0;
	punch_size_init(&s);
	punch_size_start(&s, now, max, is_v6);
}

static void emit(void)
{
	size_t size;

	while ((size = punch_size_next(&s, now, RTT)) > 0) {
		assert_int_equal(size % 4, 0);
		assert_true(size <= s.max);
		sent++;
		sent_bytes += size;
		if (size > carries)
			continue;
		assert_true(n_flying < ARRAY_LEN(flying));
		flying[n_flying] = size;
		flying_at[n_flying++] = now + RTT;
	}
}

static void arrive(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n_flying; i++) {
		if (flying_at[i] <= now) {
			punch_size_passed(&s, now, flying[i]);
		} else {
			flying[kept] = flying[i];
			flying_at[kept++] = flying_at[i];
		}
	}
	n_flying = kept;
}

/* For |d|; full packets are sent every |gap| (0: never). */
static void run(adit_dur d, adit_dur gap)
{
	adit_time until = now + d;
	adit_time use_at = gap ? now : ADIT_NEVER;

	emit();
	while (now < until) {
		adit_time at = adit_time_min(punch_size_deadline(&s), use_at);

		for (unsigned i = 0; i < n_flying; i++)
			at = adit_time_min(at, flying_at[i]);
		now = at < now ? now : at > until ? until : at;
		arrive();
		if (now >= use_at && now < until) {
			punch_size_used(&s, now);
			use_at = now + gap;
		}
		emit();
	}
}

static void before_it_is_asked_it_is_the_base_and_sends_nothing(void **state)
{
	(void)state;
	punch_size_init(&s);
	assert_int_equal(s.size, PUNCH_SIZE_BASE);
	assert_true(punch_size_deadline(&s) == ADIT_NEVER);
	assert_int_equal(punch_size_next(&s, ADIT_SEC(100), RTT), 0);
	punch_size_used(&s, ADIT_SEC(1));
	assert_true(punch_size_deadline(&s) == ADIT_NEVER);
}

static void an_ethernet_path_costs_one_probe_and_one_round_trip(void **state)
{
	(void)state;
	begin(1472, 1472, false);
	run(RTT, 0);
	assert_int_equal(s.size, 1472);
	run(ADIT_SEC(60), 0);
	assert_int_equal(sent, 1);
}

static void every_size_of_path_is_found_within_a_second(void **state)
{
	static const struct {
		size_t carries, max, want;
	} cases[] = {
		{1472, 1472, 1472},    {1471, 1472, 1464},  {1464, 1472, 1464},  {1432, 1472, 1432},
		{1400, 1472, 1392},    {1391, 1472, 1352},  {1252, 1472, 1252},  {1251, 1472, 1200},
		{8972, 8972, 8972},    {8900, 8972, 8868},  {4096, 8972, 4068},  {2000, 8972, 1472},
		{65507, 16376, 16376}, {65507, 8972, 8972}, {1400, 16376, 1392}, {10000, 16376, 8972},
		{1472, 1300, 1200},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(cases[i].carries, cases[i].max, false);
		run(ADIT_SEC(1), 0);
		assert_int_equal(s.size, cases[i].want);
		assert_true(punch_size_deadline(&s) == ADIT_NEVER);
		assert_true(sent <= 1 + 2 * 6 + 1 + 2 * 3 + 1);
	}
}

static void ipv6_takes_its_header_off(void **state)
{
	(void)state;
	begin(1452, 1472, true);
	run(ADIT_SEC(1), 0);
	assert_int_equal(s.size, 1452);
	assert_int_equal(sent, 1);
}

static void an_idle_path_is_not_asked_again(void **state)
{
	(void)state;
	begin(1472, 1472, false);
	run(ADIT_SEC(1), ADIT_MS(10));
	run(ADIT_SEC(5), 0);
	sent = 0;
	run(ADIT_SEC(7200), 0);
	assert_int_equal(sent, 0);
}

static void a_path_in_use_is_asked_once_a_second(void **state)
{
	(void)state;
	begin(1472, 1472, false);
	run(ADIT_SEC(1), 0);
	sent = 0;
	run(ADIT_SEC(100), ADIT_MS(5));
	assert_in_range(sent, 95, 101);
	assert_int_equal(s.size, 1472);
}

static void a_black_hole_is_left_within_three_seconds(void **state)
{
	(void)state;
	begin(1472, 1472, false);
	run(ADIT_SEC(10), ADIT_MS(5));
	carries = 1400;
	run(ADIT_SEC(3), ADIT_MS(5));
	assert_int_equal(s.size, 1392);
	run(ADIT_SEC(100), ADIT_MS(5));
	assert_int_equal(s.size, 1392);
}

static void a_jumbo_path_that_shrinks_to_ethernet_goes_on_there(void **state)
{
	(void)state;
	begin(8972, 8972, false);
	run(ADIT_SEC(2), ADIT_MS(5));
	assert_int_equal(s.size, 8972);
	carries = 1472;
	run(ADIT_SEC(3), ADIT_MS(5));
	assert_int_equal(s.size, 1472);
}

static void a_path_that_grew_is_found_after_ten_minutes_of_use(void **state)
{
	(void)state;
	begin(1400, 1472, false);
	run(ADIT_SEC(60), ADIT_MS(50));
	assert_int_equal(s.size, 1392);
	carries = 1472;
	run(ADIT_SEC(500), ADIT_MS(50));
	assert_int_equal(s.size, 1392);
	run(ADIT_SEC(110), ADIT_MS(50));
	assert_int_equal(s.size, 1472);
}

/* Nothing passes for a while: an outage. Nothing larger than the base is believed in after it. */
static void silence_leads_to_the_base_and_back(void **state)
{
	(void)state;
	begin(1472, 1472, false);
	run(ADIT_SEC(3), ADIT_MS(5));
	carries = 0;
	run(ADIT_SEC(3), ADIT_MS(5));
	assert_int_equal(s.size, PUNCH_SIZE_BASE);
	punch_size_start(&s, now, 1472, false);
	carries = 1472;
	run(ADIT_SEC(1), ADIT_MS(5));
	assert_int_equal(s.size, 1472);
}

static void a_lost_probe_or_three_change_nothing(void **state)
{
	(void)state;
	begin(1472, 1472, false);
	run(ADIT_SEC(2), ADIT_MS(5));
	for (int i = 0; i < 50; i++) {
		carries = 0;
		run(ADIT_MS(350), ADIT_MS(5)); /* two or three questions at most */
		carries = 1472;
		run(ADIT_SEC(2), ADIT_MS(5));
		assert_int_equal(s.size, 1472);
	}
}

static void an_answer_that_nobody_asked_for_is_capped(void **state)
{
	(void)state;
	begin(1472, 1472, false);
	punch_size_passed(&s, now, 60000);
	assert_int_equal(s.size, PUNCH_SIZE_BASE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_it_is_asked_it_is_the_base_and_sends_nothing),
		cmocka_unit_test(an_ethernet_path_costs_one_probe_and_one_round_trip),
		cmocka_unit_test(every_size_of_path_is_found_within_a_second),
		cmocka_unit_test(ipv6_takes_its_header_off),
		cmocka_unit_test(an_idle_path_is_not_asked_again),
		cmocka_unit_test(a_path_in_use_is_asked_once_a_second),
		cmocka_unit_test(a_black_hole_is_left_within_three_seconds),
		cmocka_unit_test(a_jumbo_path_that_shrinks_to_ethernet_goes_on_there),
		cmocka_unit_test(a_path_that_grew_is_found_after_ten_minutes_of_use),
		cmocka_unit_test(silence_leads_to_the_base_and_back),
		cmocka_unit_test(a_lost_probe_or_three_change_nothing),
		cmocka_unit_test(an_answer_that_nobody_asked_for_is_capped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
