#include "test.h"

#include <string.h>

#include "base/rng.h"
#include "quic/quic_replay.h"

#define WINDOW (QUIC_REPLAY_WORDS * 64)

/* RFC 9000 A.3: the highest seen is 0xa82f30ea, the two bytes 9b32 mean 0xa82f9b32. */
static void the_rfcs_example_decodes(void **state)
{
	struct quic_replay r = {.next = 0xa82f30eb};

	(void)state;
	assert_true(quic_replay_decode(&r, 0x9b32, 2) == 0xa82f9b32);
}

static void truncated_numbers_decode_around_the_highest(void **state)
{
	(void)state;
	for (uint64_t next = 1; next < 2000; next += 7) {
		struct quic_replay r = {.next = next};

		for (uint64_t n = next > 100 ? next - 100 : 0; n < next + 100; n++)
			assert_true(quic_replay_decode(&r, n & 0xff, 1) == n);
		for (uint64_t n = 0; n < next + 20000; n += 333)
			assert_true(quic_replay_decode(&r, n & 0xffff, 2) == n);
	}
}

static void every_number_counts_once(void **state)
{
	struct quic_replay r = {0};

	(void)state;
	for (uint64_t n = 0; n < 3 * WINDOW; n++) {
		assert_true(quic_replay_note(&r, n));
		assert_false(quic_replay_note(&r, n));
		if (n >= 100)
			assert_false(quic_replay_note(&r, n - 100));
	}
}

static void late_ones_count_while_the_window_reaches_back(void **state)
{
	struct quic_replay r = {0};

	(void)state;
	assert_true(quic_replay_note(&r, 2 * WINDOW));
	assert_false(quic_replay_note(&r, 5));
	assert_true(quic_replay_note(&r, WINDOW + 100));
	assert_false(quic_replay_note(&r, WINDOW + 100));
	assert_true(quic_replay_note(&r, 2 * WINDOW - 1));
}

/* Against a plain table, with jumps and stragglers. */
static void random_orders_agree_with_a_table(void **state)
{
	static bool seen[400000];
	struct adit_rng_seeded rs;
	struct adit_rng rng = adit_rng_seeded_init(&rs, 3);
	struct quic_replay r = {0};
	uint64_t top = 0;

	(void)state;
	while (top < sizeof(seen) - 3 * WINDOW) {
		uint64_t n;

		if (adit_rng_below(&rng, 500) == 0)
			top += adit_rng_below(&rng, 3 * WINDOW);
		n = top > 1000 ? top - 1000 + adit_rng_below(&rng, 1020) : adit_rng_below(&rng, top + 20);
		assert_int_equal(quic_replay_note(&r, n), !seen[n]);
		seen[n] = true;
		top = n > top ? n : top;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_example_decodes),
		cmocka_unit_test(truncated_numbers_decode_around_the_highest),
		cmocka_unit_test(every_number_counts_once),
		cmocka_unit_test(late_ones_count_while_the_window_reaches_back),
		cmocka_unit_test(random_orders_agree_with_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
