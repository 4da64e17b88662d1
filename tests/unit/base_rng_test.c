#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"

/* splitmix64 from 1234567, as its authors' code gives it: the four words of the state. */
static void a_seed_is_spread_by_splitmix64(void **state)
{
	struct adit_rng_seeded g;

	(void)state;
	adit_rng_seeded_init(&g, 1234567);
	assert_true(g.s[0] == UINT64_C(6457827717110365317));
	assert_true(g.s[1] == UINT64_C(3203168211198807973));
	assert_true(g.s[2] == UINT64_C(9817491932198370423));
	assert_true(g.s[3] == UINT64_C(4593380528125082431));
}

/* xoshiro256** from the state 1, 2, 3, 4: the values other implementations test against. */
static void the_generator_is_xoshiro256(void **state)
{
	static const uint64_t want[] = {
		11520,
		0,
		1509978240,
		UINT64_C(1215971899390074240),
		UINT64_C(1216172134540287360),
		UINT64_C(607988272756665600),
		UINT64_C(16172922978634559625),
		UINT64_C(8476171486693032832),
		UINT64_C(10595114339597558777),
		UINT64_C(2904607092377533576),
	};
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, 0);

	(void)state;
	g = (struct adit_rng_seeded){.s = {1, 2, 3, 4}};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_true(adit_rng_u64(&rng) == want[i]);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
	struct adit_rng_seeded g1;
	struct adit_rng_seeded g2;
	struct adit_rng a = adit_rng_seeded_init(&g1, 42);
	struct adit_rng b = adit_rng_seeded_init(&g2, 42);
	uint8_t x[100];
	uint8_t y[100];

	(void)state;
	for (size_t len = 0; len < sizeof(x); len++) {
		memset(x, 0xee, sizeof(x));
		memset(y, 0xee, sizeof(y));
		adit_rng_fill(&a, x, len);
		adit_rng_fill(&b, y, len);
		assert_memory_equal(x, y, sizeof(x));
		if (len < sizeof(x))
			assert_int_equal(x[len], 0xee);
	}
	b = adit_rng_seeded_init(&g2, 43);
	adit_rng_fill(&a, x, sizeof(x));
	adit_rng_fill(&b, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
}

static void below_stays_below_and_reaches_everything(void **state)
{
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, 1);

	(void)state;
	for (uint64_t n = 1; n < 40; n++) {
		unsigned seen[40] = {0};

		for (unsigned i = 0; i < 200 * n; i++) {
			uint64_t v = adit_rng_below(&rng, n);

			assert_true(v < n);
			seen[v]++;
		}
		/* 200 are expected each; 100 off would be seven standard deviations. */
		for (uint64_t v = 0; v < n; v++)
			assert_in_range(seen[v], 100, 300);
	}
	assert_true(adit_rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

/* Hands out a list of numbers. */
struct script {
	const uint64_t *values;
	size_t used;
};

static void script_fill(void *ctx, void *buf, size_t len)
{
	struct script *s = ctx;

	assert_int_equal(len, sizeof(uint64_t));
	memcpy(buf, &s->values[s->used++], len);
}

/* 2^64 is no multiple of 5: the values of the last, broken round would favour small results. */
static void values_that_would_favour_some_results_are_passed_over(void **state)
{
	static const uint64_t values[] = {UINT64_MAX, 12, UINT64_MAX - 1};
	struct script s = {.values = values};
	struct adit_rng rng = {.fill = script_fill, .ctx = &s};

	(void)state;
	assert_int_equal(adit_rng_below(&rng, 5), 2);
	assert_int_equal(s.used, 2);
	/* The one before belongs to a whole round. */
	assert_int_equal(adit_rng_below(&rng, 5), 4);
	assert_int_equal(s.used, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_is_spread_by_splitmix64),
		cmocka_unit_test(the_generator_is_xoshiro256),
		cmocka_unit_test(the_same_seed_gives_the_same_bytes),
		cmocka_unit_test(below_stays_below_and_reaches_everything),
		cmocka_unit_test(values_that_would_favour_some_results_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
