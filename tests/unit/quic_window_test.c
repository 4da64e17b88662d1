#include "test.h"

#include "base/bytes.h"
#include "base/rng.h"
#include "quic/quic_limits.h"
#include "quic/quic_window.h"

#define RTT ADIT_MS(50)

static struct quic_budget b;

static int set_up(void **state)
{
	(void)state;
	quic_budget_init(&b);
	return 0;
}

/* The sender fills the window, the reader takes it all, once every |dur|, for |rounds|. In two steps: a gulp is no
 * speed. */
static void drain(struct quic_window *w, adit_time *now, adit_dur dur, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		uint64_t n = w->limit - w->taken;

		quic_window_take(w, &b, (size_t)n / 2, *now, RTT);
		*now += dur;
		quic_window_take(w, &b, (size_t)(n - n / 2), *now, RTT);
	}
}

static void a_new_window_is_small(void **state)
{
	struct quic_window w;

	(void)state;
	quic_window_init(&w, &b, 0);
	assert_int_equal(w.limit, QUIC_WINDOW_MIN);
	assert_int_equal(b.used, QUIC_WINDOW_IDLE);
}

static void a_stream_is_charged_for_its_window_while_bytes_wait_in_it(void **state)
{
	struct quic_window w;

	(void)state;
	quic_window_init(&w, &b, 0);
	quic_window_heard(&w, &b, 1000);
	assert_int_equal(b.used, QUIC_WINDOW_MIN);
	quic_window_take(&w, &b, 999, 0, RTT);
	assert_int_equal(b.used, QUIC_WINDOW_MIN);
	quic_window_take(&w, &b, 1, 0, RTT);
	assert_int_equal(b.used, QUIC_WINDOW_IDLE);
	quic_window_heard(&w, &b, QUIC_WINDOW_MIN - 1000);
	assert_int_equal(b.used, QUIC_WINDOW_MIN);
	quic_window_take(&w, &b, QUIC_WINDOW_MIN - 1000, 0, RTT);
	assert_true(w.limit - w.taken >= QUIC_WINDOW_MIN); /* granted again */
	assert_int_equal(b.used, QUIC_WINDOW_IDLE);
}

static void ten_thousand_idle_streams_leave_half_of_the_budget(void **state)
{
	static struct quic_window w[10000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(w); i++) {
		if (b.credits == 0)
			assert_true(quic_budget_credit(&b) > 0);
		quic_budget_credit_used(&b);
		quic_window_init(&w[i], &b, 0);
		quic_window_heard(&w[i], &b, 100);
		quic_window_take(&w[i], &b, 100, 0, RTT);
	}
	assert_true(quic_budget_has_room(&b));
	assert_true(b.used <= QUIC_WINDOW_BUDGET / 2);
}

static void a_fast_reader_makes_it_grow_to_the_maximum(void **state)
{
	struct quic_window w;
	adit_time now = 0;

	(void)state;
	quic_window_init(&w, &b, now);
	drain(&w, &now, RTT / 4, 60);
	assert_int_equal(w.size, QUIC_WINDOW_MAX);
	assert_true(w.limit - w.taken <= QUIC_WINDOW_MAX);
	assert_true(b.used <= QUIC_WINDOW_MAX);
}

static void a_slow_reader_keeps_it_small(void **state)
{
	struct quic_window w;
	adit_time now = 0;

	(void)state;
	quic_window_init(&w, &b, now);
	drain(&w, &now, 5 * RTT, 100);
	assert_int_equal(w.size, QUIC_WINDOW_MIN);
}

static void a_reader_that_gulps_now_and_then_is_not_fast(void **state)
{
	struct quic_window w;
	adit_time now = 0;

	(void)state;
	quic_window_init(&w, &b, now);
	for (int i = 0; i < 100; i++) {
		now += ADIT_SEC(10);
		quic_window_take(&w, &b, (size_t)(w.limit - w.taken), now, RTT);
	}
	assert_int_equal(w.size, QUIC_WINDOW_MIN);
}

static void credit_comes_in_portions(void **state)
{
	struct quic_window w;
	uint64_t grant = 0;
	unsigned grants = 0;

	(void)state;
	quic_window_init(&w, &b, 0);
	for (int i = 0; i < 100; i++) {
		grant = quic_window_take(&w, &b, 1000, ADIT_SEC(i), RTT);
		if (grant > 0)
			grants++;
		/* The peer never has less than half in hand. */
		assert_true(w.limit - w.taken >= QUIC_WINDOW_MIN / 2 - 1000);
	}
	assert_in_range(grants, 5, 6);
}

static void a_large_window_is_granted_again_in_small_steps(void **state)
{
	struct quic_window w;
	adit_time now = 0;

	(void)state;
	quic_window_init(&w, &b, now);
	while (w.size < QUIC_WINDOW_MAX) {
		now += RTT;
		quic_window_take(&w, &b, (size_t)(w.limit - w.taken), now, RTT);
	}
	for (unsigned i = 0; i < 4000; i++) {
		now += RTT / 100;
		quic_window_take(&w, &b, QUIC_CHUNK_SIZE, now, RTT);
		assert_true(w.limit - w.taken > QUIC_WINDOW_MAX - QUIC_WINDOW_STEP);
	}
}

static void all_windows_together_stay_within_the_budget(void **state)
{
	static struct quic_window w[40];
	adit_time now = 0;

	(void)state;
	assert_int_equal(quic_budget_credit(&b), QUIC_CREDIT_MAX);
	for (int i = 0; i < 40; i++) {
		quic_budget_credit_used(&b);
		quic_window_init(&w[i], &b, now);
		quic_window_heard(&w[i], &b, 1);
	}
	for (int round = 0; round < 400; round++) {
		now += RTT / 4;
		for (int i = 0; i < 40; i++) {
			uint64_t held = 0;

			quic_window_take(&w[i], &b, (size_t)(w[i].limit - w[i].taken) / 2, now, RTT);
			for (int k = 0; k < 40; k++)
				held += w[k].limit - w[k].taken;
			assert_true(held + b.credits * QUIC_WINDOW_IDLE <= QUIC_WINDOW_BUDGET);
		}
	}
	/* Grown, all of them. */
	for (int i = 0; i < 40; i++)
		assert_true(w[i].size > QUIC_WINDOW_MIN);
}

static void new_streams_wait_when_the_budget_is_spent_and_large_windows_shrink_for_them(void **state)
{
	static struct quic_window w[2000];
	size_t n = 0;
	adit_time now = 0;

	(void)state;
	quic_budget_credit(&b);
	quic_budget_credit_used(&b);
	quic_window_init(&w[n++], &b, now);
	drain(&w[0], &now, RTT / 4, 60);
	assert_int_equal(w[0].size, QUIC_WINDOW_MAX);
	/* Streams that are opened and never read. */
	while (b.credits > 0) {
		quic_budget_credit_used(&b);
		quic_window_init(&w[n], &b, now);
		quic_window_heard(&w[n++], &b, 1);
		quic_budget_credit(&b);
	}
	/* Those that were promised while they looked cheap. */
	assert_true(b.used <= QUIC_WINDOW_BUDGET + QUIC_CREDIT_MAX * QUIC_WINDOW_MIN);
	assert_false(quic_budget_has_room(&b));
	assert_in_range(n, 500, 520 + QUIC_CREDIT_MAX);
	/* The large one is read on, and gives room. */
	for (int i = 0; i < 400 && b.credits < QUIC_CREDIT_MAX; i++) {
		drain(&w[0], &now, RTT / 4, 1);
		quic_budget_credit(&b);
	}
	assert_true(b.credits > 0);
	assert_true(w[0].size < QUIC_WINDOW_MAX);
	assert_true(b.used + b.credits * QUIC_WINDOW_IDLE <= QUIC_WINDOW_BUDGET);
	/* And however little is left, a stream's own minimum can always be granted again. */
	for (size_t i = 1; i < n; i++) {
		quic_window_take(&w[i], &b, QUIC_WINDOW_MIN, now, RTT);
		assert_true(w[i].limit - w[i].taken >= QUIC_WINDOW_MIN);
	}
}

static void connections_of_one_peer_divide_the_budget(void **state)
{
	static struct quic_window w[3000];
	uint64_t held = 0;
	adit_time now = 0;
	size_t n = 0;

	(void)state;
	quic_budget_share(&b, 1);
	assert_int_equal(b.max, QUIC_WINDOW_BUDGET);
	quic_budget_share(&b, 8);
	while (n < ARRAY_LEN(w) && (b.credits > 0 || quic_budget_credit(&b) > 0)) {
		quic_budget_credit_used(&b);
		quic_window_init(&w[n++], &b, now);
	}
	/* An eighth of the streams ... */
	assert_in_range(n, 2900, QUIC_WINDOW_BUDGET / 8 / QUIC_WINDOW_IDLE);
	assert_int_equal(quic_budget_credit(&b), 0);
	quic_budget_init(&b);
	quic_budget_share(&b, 8);
	for (int i = 0; i < 4; i++) {
		quic_window_init(&w[i], &b, now);
		drain(&w[i], &now, RTT / 4, 60);
		held += w[i].limit - w[i].taken;
	}
	/* ... and of the bytes, but for what is a stream's own. */
	assert_in_range(held, QUIC_WINDOW_BUDGET / 16, QUIC_WINDOW_BUDGET / 8 + 3 * QUIC_WINDOW_MIN);
}

/* What it had before stays the peer's until it is drained. */
static void a_window_that_is_larger_than_the_part_that_is_left_shrinks(void **state)
{
	struct quic_window w;
	adit_time now = 0;

	(void)state;
	quic_window_init(&w, &b, now);
	drain(&w, &now, RTT / 4, 60);
	assert_int_equal(w.size, QUIC_WINDOW_MAX);
	quic_budget_share(&b, 4);
	assert_int_equal(w.limit - w.taken, QUIC_WINDOW_MAX);
	drain(&w, &now, RTT / 4, 10);
	assert_true(w.limit - w.taken <= QUIC_WINDOW_BUDGET / 4);
	assert_true(b.used <= QUIC_WINDOW_BUDGET / 4);
}

static void an_ended_stream_is_charged_for_its_unread_bytes_only(void **state)
{
	struct quic_window w;

	(void)state;
	quic_window_init(&w, &b, 0);
	quic_window_end(&w, &b, 1000);
	assert_int_equal(b.used, 1000);
	assert_int_equal(quic_window_take(&w, &b, 400, 0, RTT), 0);
	assert_int_equal(b.used, 600);
	quic_window_take(&w, &b, 600, 0, RTT);
	assert_int_equal(b.used, 0);
}

static void stream_credit_is_topped_up_in_portions(void **state)
{
	static struct quic_window w[QUIC_CREDIT_MAX];
	size_t n = 0;
	unsigned frames = 0;

	(void)state;
	assert_int_equal(quic_budget_credit(&b), QUIC_CREDIT_MAX);
	for (; n < QUIC_CREDIT_MAX; n++) {
		quic_budget_credit_used(&b);
		quic_window_init(&w[n], &b, 0);
		if (quic_budget_credit(&b) > 0)
			frames++;
		assert_true(b.credits >= QUIC_CREDIT_MAX - QUIC_CREDIT_MAX / 8);
	}
	assert_int_equal(frames, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_new_window_is_small, set_up),
		cmocka_unit_test_setup(a_stream_is_charged_for_its_window_while_bytes_wait_in_it, set_up),
		cmocka_unit_test_setup(ten_thousand_idle_streams_leave_half_of_the_budget, set_up),
		cmocka_unit_test_setup(a_fast_reader_makes_it_grow_to_the_maximum, set_up),
		cmocka_unit_test_setup(a_slow_reader_keeps_it_small, set_up),
		cmocka_unit_test_setup(a_reader_that_gulps_now_and_then_is_not_fast, set_up),
		cmocka_unit_test_setup(credit_comes_in_portions, set_up),
		cmocka_unit_test_setup(a_large_window_is_granted_again_in_small_steps, set_up),
		cmocka_unit_test_setup(all_windows_together_stay_within_the_budget, set_up),
		cmocka_unit_test_setup(new_streams_wait_when_the_budget_is_spent_and_large_windows_shrink_for_them,
				       set_up),
		cmocka_unit_test_setup(connections_of_one_peer_divide_the_budget, set_up),
		cmocka_unit_test_setup(a_window_that_is_larger_than_the_part_that_is_left_shrinks, set_up),
		cmocka_unit_test_setup(an_ended_stream_is_charged_for_its_unread_bytes_only, set_up),
		cmocka_unit_test_setup(stream_credit_is_topped_up_in_portions, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
