#include "test.h"

#include "base/bytes.h"
#include "base/rng.h"
#include "lab/lab_queue.h"

static void events_come_in_order_of_time(void **state)
{
	static const adit_time at[] = {5, 3, 9, 1, 7, 3, 0, 8};
	struct lab_queue q = {0};
	struct lab_event ev[ARRAY_LEN(at)] = {0};
	adit_time last = 0;

	(void)state;
	assert_true(lab_queue_next_at(&q) == ADIT_NEVER);
	assert_null(lab_queue_pop(&q));
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		assert_int_equal(lab_queue_set(&q, &ev[i], at[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		adit_time next = lab_queue_next_at(&q);
		struct lab_event *e = lab_queue_pop(&q);

		assert_true(next >= last);
		assert_true(at[e - ev] == next);
		last = next;
	}
	assert_null(lab_queue_pop(&q));
	lab_queue_done(&q);
}

static void events_of_one_instant_keep_their_order(void **state)
{
	struct lab_queue q = {0};
	struct lab_event ev[100] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ev); i++)
		assert_int_equal(lab_queue_set(&q, &ev[i], 7), 0);
	for (size_t i = 0; i < ARRAY_LEN(ev); i++)
		assert_ptr_equal(lab_queue_pop(&q), &ev[i]);
	lab_queue_done(&q);
}

static void an_event_moved_to_the_same_instant_goes_to_the_end(void **state)
{
	struct lab_queue q = {0};
	struct lab_event a = {0};
	struct lab_event b = {0};

	(void)state;
	assert_int_equal(lab_queue_set(&q, &a, 1), 0);
	assert_int_equal(lab_queue_set(&q, &b, 1), 0);
	assert_int_equal(lab_queue_set(&q, &a, 1), 0);
	assert_ptr_equal(lab_queue_pop(&q), &b);
	assert_ptr_equal(lab_queue_pop(&q), &a);
	lab_queue_done(&q);
}

/* Against a list that is searched from end to end. */
static void moving_and_deleting_keep_the_order(void **state)
{
	enum { N = 200 };
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, 1);
	struct lab_queue q = {0};
	struct lab_event ev[N] = {0};
	adit_time at[N];
	uint64_t order[N];
	uint64_t seq = 0;

	(void)state;
	for (size_t i = 0; i < N; i++)
		at[i] = ADIT_NEVER;
	for (int step = 0; step < 20000; step++) {
		size_t i = (size_t)adit_rng_below(&rng, N);
		size_t best = N;

		switch (adit_rng_below(&rng, 4)) {
		case 0:
			lab_queue_del(&q, &ev[i]);
			at[i] = ADIT_NEVER;
			break;
		case 1:
			for (size_t j = 0; j < N; j++) {
				if (at[j] != ADIT_NEVER &&
				    (best == N || at[j] < at[best] || (at[j] == at[best] && order[j] < order[best])))
					best = j;
			}
			if (best == N) {
				assert_null(lab_queue_pop(&q));
				break;
			}
			assert_true(lab_queue_next_at(&q) == at[best]);
			assert_ptr_equal(lab_queue_pop(&q), &ev[best]);
			at[best] = ADIT_NEVER;
			break;
		default:
			at[i] = adit_rng_below(&rng, 50);
			order[i] = seq++;
			assert_int_equal(lab_queue_set(&q, &ev[i], at[i]), 0);
		}
	}
	lab_queue_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_in_order_of_time),
		cmocka_unit_test(events_of_one_instant_keep_their_order),
		cmocka_unit_test(an_event_moved_to_the_same_instant_goes_to_the_end),
		cmocka_unit_test(moving_and_deleting_keep_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
