#include "test.h"

#include <string.h>

#include "base/rng.h"
#include "quic/quic_islands.h"

static void touching_pieces_become_one(void **state)
{
	struct quic_islands i = {0};

	(void)state;
	assert_true(quic_islands_add(&i, 10, 20));
	assert_true(quic_islands_add(&i, 30, 40));
	assert_true(quic_islands_add(&i, 50, 60));
	assert_int_equal(i.n, 3);
	assert_int_equal(quic_islands_with(&i, 20, 30), 2);
	assert_int_equal(quic_islands_with(&i, 21, 29), 4);
	assert_int_equal(quic_islands_with(&i, 15, 55), 1);
	assert_int_equal(quic_islands_with(&i, 0, 5), 3);
	assert_int_equal(quic_islands_with(&i, 0, 10), 2);
	assert_true(quic_islands_add(&i, 20, 30));
	assert_int_equal(i.n, 2);
	assert_int_equal(i.list[0].from, 10);
	assert_int_equal(i.list[0].to, 40);
	assert_true(quic_islands_add(&i, 0, 10));
	assert_int_equal(i.base, 40);
	assert_int_equal(i.n, 1);
	quic_islands_trim(&i, 55);
	assert_int_equal(i.base, 60);
	assert_int_equal(i.n, 0);
	quic_islands_done(&i);
}

/* Against a plain table of bytes. */
static void random_pieces_agree_with_a_table(void **state)
{
	enum { SIZE = 4000 };
	static bool there[SIZE + 1];
	struct adit_rng_seeded rs;
	struct adit_rng rng = adit_rng_seeded_init(&rs, 9);

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct quic_islands i = {0};

		memset(there, 0, sizeof(there));
		while (i.base < SIZE) {
			uint64_t from = adit_rng_below(&rng, SIZE);
			uint64_t to = from + 1 + adit_rng_below(&rng, 12);
			size_t promised, n = 0;
			uint64_t base = 0;

			to = to > SIZE ? SIZE : to;
			promised = quic_islands_with(&i, from, to);
			assert_true(quic_islands_add(&i, from, to));
			memset(there + from, 1, to - from);
			while (there[base])
				base++;
			for (uint64_t k = base; k < SIZE; k++)
				if (there[k] && !there[k - 1])
					n++;
			assert_int_equal(i.base, base);
			assert_int_equal(i.n, n);
			/* A piece that reaches the base is told as if the islands after it stayed. */
			assert_true(promised >= n);
			if (from > base)
				assert_int_equal(promised, n);
		}
		quic_islands_done(&i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(touching_pieces_become_one),
		cmocka_unit_test(random_pieces_agree_with_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
