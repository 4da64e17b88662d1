#include "test.h"

#include <stdbool.h>

#include "io/io_heap.h"
#include "base/rng.h"

#define NODES 300u

static void an_empty_one_has_no_first(void **state)
{
	struct io_heap h = {0};
	struct io_heap_node node = {0};

	(void)state;
	assert_null(io_heap_first(&h));
	io_heap_remove(&h, &node); /* is in none */
	assert_null(io_heap_first(&h));
	io_heap_done(&h);
}

static void the_earliest_is_first_and_one_that_is_set_anew_moves(void **state)
{
	struct io_heap h = {0};
	struct io_heap_node a = {0}, b = {0}, c = {0};

	(void)state;
	assert_int_equal(io_heap_reserve(&h, 3), 0);
	io_heap_set(&h, &a, 30);
	io_heap_set(&h, &b, 20);
	io_heap_set(&h, &c, 40);
	assert_ptr_equal(io_heap_first(&h), &b);
	io_heap_set(&h, &b, ADIT_NEVER);
	assert_ptr_equal(io_heap_first(&h), &a);
	io_heap_set(&h, &c, 10);
	assert_ptr_equal(io_heap_first(&h), &c);
	io_heap_remove(&h, &c);
	assert_int_equal(c.place, 0);
	assert_ptr_equal(io_heap_first(&h), &a);
	io_heap_remove(&h, &a);
	assert_ptr_equal(io_heap_first(&h), &b);
	io_heap_done(&h);
}

static adit_time least(const struct io_heap_node *nodes)
{
	adit_time at = ADIT_NEVER;

	for (size_t i = 0; i < NODES; i++)
		if (nodes[i].place > 0)
			at = adit_time_min(at, nodes[i].at);
	return at;
}

/* Any order of setting, moving and removing: the first is always as early as the earliest that is in. */
static void the_first_is_the_earliest_whatever_was_done(void **state)
{
	struct io_heap h = {0};
	struct io_heap_node nodes[NODES] = {0};
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 7);
	size_t in = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct io_heap_node *n = &nodes[adit_rng_below(&rng, NODES)];
		bool was_in = n->place > 0;

		if (adit_rng_below(&rng, 3) == 0) {
			io_heap_remove(&h, n);
			in -= was_in;
		} else {
			assert_int_equal(io_heap_reserve(&h, in + !was_in), 0);
			io_heap_set(&h, n, adit_rng_below(&rng, 1000));
			in += !was_in;
		}
		assert_int_equal(h.n, in);
		assert_true((io_heap_first(&h) ? io_heap_first(&h)->at : ADIT_NEVER) == least(nodes));
	}
	io_heap_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_first),
		cmocka_unit_test(the_earliest_is_first_and_one_that_is_set_anew_moves),
		cmocka_unit_test(the_first_is_the_earliest_whatever_was_done),
	};

	return cmocka_run_group_tests_name("io_heap", tests, NULL, NULL);
}
