#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "lab/box_line.h"

static uint64_t store[512];

static void line_init(struct box_line *l, const struct lab_link_config *cfg)
{
	box_line_init(l, cfg, 42, store, sizeof(store));
}

/* When a frame is given out, ADIT_NEVER: lost. */
static adit_time due_of(struct box_line *l, adit_time arrival, size_t len)
{
	struct box_pass p = box_line_pass(l, arrival, len);

	return p.n ? p.copy[0].due : ADIT_NEVER;
}

static int push(struct box_line *l, adit_time due, const void *data, size_t len)
{
	struct box_pass p = {.n = 1};

	p.copy[0].due = due;
	return box_line_push(l, &p, 0, data, len);
}

static void frames_come_out_after_the_delay_and_not_before(void **state)
{
	struct box_line l;
	struct box_frame f;
	struct box_cursor c;
	adit_time due;

	(void)state;
	line_init(&l, &(struct lab_link_config){.delay = ADIT_MS(25)});
	due = due_of(&l, ADIT_MS(100), 5);
	assert_int_equal(due, ADIT_MS(125));
	assert_int_equal(push(&l, due, "hello", 5), 0);
	assert_int_equal(box_line_deadline(&l), ADIT_MS(125));
	c = box_line_walk(&l);
	assert_false(box_line_next(&l, &c, ADIT_MS(125) - 1, &f));
	assert_true(box_line_next(&l, &c, ADIT_MS(125), &f));
	assert_int_equal(f.len, 5);
	assert_memory_equal(f.data, "hello", 5);
	box_line_pop(&l, 1);
	assert_true(box_line_is_empty(&l));
	assert_int_equal(box_line_deadline(&l), ADIT_NEVER);
}

static void a_wire_does_not_reorder_even_when_stamps_cross(void **state)
{
	struct box_line l;

	(void)state;
	line_init(&l, &(struct lab_link_config){.delay = ADIT_MS(1)});
	assert_int_equal(due_of(&l, ADIT_MS(10), 60), ADIT_MS(11));
	assert_int_equal(due_of(&l, ADIT_MS(9), 60), ADIT_MS(11));
}

/* Any sequence of pushes and pops gives every frame once, whole and in order, or says that there is no room. */
static void the_store_wraps_without_losing_a_byte(void **state)
{
	struct box_line l;
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 7);
	uint32_t pushed = 0;
	uint32_t popped = 0;
	unsigned refused = 0;

	(void)state;
	line_init(&l, &(struct lab_link_config){0});
	for (int step = 0; step < 20000; step++) {
		uint8_t frame[700];
		size_t len = 4 + adit_rng_below(&rng, sizeof(frame) - 4);
		struct box_cursor c = box_line_walk(&l);
		struct box_frame f;

		if (adit_rng_below(&rng, 2)) {
			memset(frame, (int)(pushed & 0xff), len);
			memcpy(frame, &pushed, sizeof(pushed));
			if (push(&l, step, frame, len) == 0)
				pushed++;
			else
				refused++;
			continue;
		}
		if (!box_line_next(&l, &c, (adit_time)step, &f))
			continue;
		assert_memory_equal(f.data, &popped, sizeof(popped));
		for (size_t i = sizeof(popped); i < f.len; i++)
			assert_int_equal(f.data[i], popped & 0xff);
		box_line_pop(&l, 1);
		popped++;
	}
	assert_int_equal(l.ring[0].count, pushed - popped);
	assert_int_equal(l.stats.overrun, refused);
	assert_true(refused > 100);
	assert_true(popped > 5000);
}

static void a_walk_sees_all_due_frames_across_the_wrap(void **state)
{
	struct box_line l;
	struct box_cursor c;
	struct box_frame f;
	uint8_t frame[1000];
	unsigned seen = 0;

	(void)state;
	memset(frame, 0x5a, sizeof(frame));
	line_init(&l, &(struct lab_link_config){0});
	for (int i = 0; i < 4; i++)
		assert_int_equal(push(&l, (adit_time)i, frame, sizeof(frame)), 0);
	assert_int_equal(push(&l, 4, frame, sizeof(frame)), ADIT_EFULL);
	box_line_pop(&l, 2);
	assert_int_equal(push(&l, 4, frame, sizeof(frame)), 0);
	c = box_line_walk(&l);
	while (box_line_next(&l, &c, 4, &f)) {
		assert_int_equal(f.due, 2 + seen);
		assert_int_equal(f.data[999], 0x5a);
		seen++;
	}
	assert_int_equal(seen, 3);
}

static void losses_are_as_frequent_as_asked_and_repeat_with_the_seed(void **state)
{
	struct box_line a;
	struct box_line b;
	unsigned lost = 0;

	(void)state;
	line_init(&a, &(struct lab_link_config){.loss_ppm = 10000});
	line_init(&b, &(struct lab_link_config){.loss_ppm = 10000});
	for (int i = 0; i < 100000; i++) {
		bool is_lost = due_of(&a, (adit_time)i, 1500) == ADIT_NEVER;

		assert_int_equal(is_lost, due_of(&b, (adit_time)i, 1500) == ADIT_NEVER);
		lost += is_lost;
	}
	assert_in_range(lost, 900, 1100); /* 3 sigma of the binomial are 94 */
	assert_int_equal(a.stats.lost, lost);
	line_init(&a, &(struct lab_link_config){.loss_ppm = 1000000});
	assert_int_equal(due_of(&a, 1, 1500), ADIT_NEVER);
	line_init(&a, &(struct lab_link_config){.loss_ppm = 0});
	assert_int_equal(due_of(&a, 1, 1500), 1);
}

static void the_rate_spaces_frames_and_the_queue_has_an_end(void **state)
{
	struct box_line l;
	adit_time due = 0;
	int passed = 0;

	(void)state;
	/* 1250 bytes at 10 Mbit/s are 1 ms; 10 frames wait, the one under way has its place too. */
	line_init(&l, &(struct lab_link_config){.rate = 10000000, .queue = 12500, .delay = ADIT_MS(5)});
	for (int i = 1; i <= 20; i++) {
		adit_time t = due_of(&l, 0, 1250);

		if (t == ADIT_NEVER)
			continue;
		passed++;
		assert_int_equal(t, ADIT_MS(5) + ADIT_MS(1) * (adit_dur)passed);
		due = t;
	}
	assert_int_equal(passed, 10);
	assert_int_equal(l.stats.full, 10);
	/* When it has drained a frame passes again, at once. */
	assert_int_equal(due_of(&l, due, 1250), due + ADIT_MS(6));
}

static void a_frame_that_is_held_back_is_overtaken(void **state)
{
	static uint64_t big[4096];
	struct box_line l;
	struct box_cursor c;
	struct box_frame f;
	unsigned overtaken = 0;
	unsigned seen = 0;
	adit_time last = 0;
	uint32_t expect = 0;

	(void)state;
	box_line_init(&l, &(struct lab_link_config){.delay = 1000, .reorder_ppm = 200000, .reorder_hold = 250}, 1, big,
		      sizeof(big));
	for (uint32_t i = 0; i < 100; i++) {
		struct box_pass p = box_line_pass(&l, i * 100, 60);

		assert_int_equal(p.n, 1);
		assert_int_equal(box_line_push(&l, &p, 0, &i, sizeof(i)), 0);
	}
	c = box_line_walk(&l);
	while (box_line_next(&l, &c, ADIT_SEC(1), &f)) {
		uint32_t i;

		memcpy(&i, f.data, sizeof(i));
		assert_true(f.due >= last);
		last = f.due;
		overtaken += i < expect;
		expect = i > expect ? i : expect;
		seen++;
	}
	assert_int_equal(seen, 100);
	assert_in_range(overtaken, 5, 40);
	box_line_pop(&l, 100);
	assert_true(box_line_is_empty(&l));
}

static void a_duplicate_comes_right_behind(void **state)
{
	struct box_line l;
	struct box_pass p;

	(void)state;
	line_init(&l, &(struct lab_link_config){.delay = 5, .dup_ppm = 1000000});
	p = box_line_pass(&l, 1, 60);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.copy[0].due, 6);
	assert_int_equal(p.copy[1].due, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_out_after_the_delay_and_not_before),
		cmocka_unit_test(a_wire_does_not_reorder_even_when_stamps_cross),
		cmocka_unit_test(the_store_wraps_without_losing_a_byte),
		cmocka_unit_test(a_walk_sees_all_due_frames_across_the_wrap),
		cmocka_unit_test(losses_are_as_frequent_as_asked_and_repeat_with_the_seed),
		cmocka_unit_test(the_rate_spaces_frames_and_the_queue_has_an_end),
		cmocka_unit_test(a_frame_that_is_held_back_is_overtaken),
		cmocka_unit_test(a_duplicate_comes_right_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
