#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "core/nat/nat_ports.h"

#define N_MAX 40

static struct nat_sample s[N_MAX];
static struct nat_ports p;
static struct adit_rng_seeded seeded;
static struct adit_rng rng;

static int setup(void **state)
{
	(void)state;
	rng = adit_rng_seeded_init(&seeded, 815);
	memset(&p, 0, sizeof(p));
	return 0;
}

/* Samples 5 ms apart with these outside ports. */
static void read_these(const int *outside, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s[i] = (struct nat_sample){
			.at = ADIT_SEC(9) + i * ADIT_MS(5), .inside = 7, .outside = (uint16_t)outside[i]};
	nat_ports_read(s, n, &p);
}

static int draw(int low, int span)
{
	return low + (int)adit_rng_below(&rng, (uint64_t)span);
}

static void nothing_is_read_from_nothing(void **state)
{
	(void)state;
	nat_ports_read(s, 0, &p);
	assert_int_equal(p.kind, NAT_PORT_UNKNOWN);
	assert_int_equal(p.low, 0);
	assert_int_equal(p.high, 0);
	read_these((const int[]){5000}, 1);
	assert_int_equal(p.kind, NAT_PORT_UNKNOWN);
	assert_int_equal(p.low, 5000);
	assert_int_equal(p.last, 5000);
}

static void ports_that_are_kept_are_kept(void **state)
{
	(void)state;
	read_these((const int[]){7, 7, 7, 7}, 4);
	assert_int_equal(p.kind, NAT_PORT_KEPT);
	assert_int_equal(p.kept, 4);
	read_these((const int[]){7, 7, 7, 7, 9000}, 5); /* one was taken */
	assert_int_equal(p.kind, NAT_PORT_KEPT);
}

static void a_step_has_size_direction_and_mean(void **state)
{
	static const struct {
		int outside[9];
		int step;
		unsigned spread, mean;
	} rows[] = {
		{{100, 101, 102, 103, 104, 105, 106, 107, 108}, 1, 1, 16},
		{{100, 102, 104, 106, 108, 110, 112, 114, 116}, 2, 2, 32},
		{{108, 107, 106, 105, 104, 103, 102, 101, 100}, -1, 1, 16},
		{{100, 101, 102, 105, 106, 107, 108, 109, 110}, 1, 3, 20}, /* two foreign flows */
		{{65530, 65532, 65534, 1024, 1026, 1028, 1030, 1032, 1034}, 2, 2, 32}, /* begins again */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		read_these(rows[i].outside, 9);
		assert_int_equal(p.kind, NAT_PORT_SEQUENTIAL);
		assert_int_equal(p.step, rows[i].step);
		assert_int_equal(p.spread, rows[i].spread);
		assert_int_equal(p.mean, rows[i].mean);
		assert_false(p.jumps);
		assert_int_equal(p.last, rows[i].outside[8]);
	}
}

static void foreign_flows_are_counted_by_the_second(void **state)
{
	(void)state;
	read_these((const int[]){100, 101, 102, 105, 106, 107, 108, 109, 110}, 9);
	assert_int_equal(p.foreign, 2 * 1000 / 40);
	read_these((const int[]){100, 102, 104, 106, 110, 112, 114, 116, 118}, 9); /* one, in steps of two */
	assert_int_equal(p.foreign, 1 * 1000 / 40);
	read_these((const int[]){100, 101, 102, 103, 104}, 5);
	assert_int_equal(p.foreign, 0);
}

/* Uniform steps from 1 to 4: told from foreign flows, and the mean found, in nearly all series of nine. */
static void random_steps_are_known_as_such(void **state)
{
	unsigned jumps = 0;
	unsigned near = 0;

	(void)state;
	for (unsigned k = 0; k < 1000; k++) {
		int port[9] = {30000};

		for (size_t i = 1; i < ARRAY_LEN(port); i++)
			port[i] = port[i - 1] + draw(1, 4);
		read_these(port, 9);
		assert_int_equal(p.kind, NAT_PORT_SEQUENTIAL);
		jumps += p.jumps;
		near += p.mean == 40;
	}
	assert_in_range(jumps, 960, 1000);
	assert_in_range(near, 850, 1000);
}

/* 20 foreign flows a second are one in ten of the ways of 5 ms. */
static void foreign_flows_are_not_taken_for_random_steps(void **state)
{
	unsigned jumps = 0;

	(void)state;
	for (unsigned k = 0; k < 1000; k++) {
		int port[9] = {30000};

		for (size_t i = 1; i < ARRAY_LEN(port); i++)
			port[i] = port[i - 1] + (draw(0, 10) == 0 ? 2 : 1);
		read_these(port, 9);
		jumps += p.jumps;
	}
	assert_in_range(jumps, 0, 50);
}

static void a_block_is_told_from_chance(void **state)
{
	static const int sizes[] = {64, 512, 1000, 1024, 2048};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		unsigned good = 0;

		for (unsigned t = 0; t < 200; t++) {
			int low = 1024 + sizes[k] * draw(0, 20); /* aligned to its size, from 1024 on */
			int port[9];

			for (size_t i = 0; i < ARRAY_LEN(port); i++)
				port[i] = draw(low, sizes[k]);
			read_these(port, 9);
			good += p.kind == NAT_PORT_BLOCK && (int)p.block * 2 >= sizes[k] &&
				(int)p.block <= 4 * sizes[k];
			assert_true(p.low >= low && p.high < low + sizes[k]); /* never beyond it */
			assert_true(p.low <= p.last && p.last <= p.high);
		}
		assert_in_range(good, 180, 200);
	}
}

static void random_ports_are_no_block(void **state)
{
	unsigned blocks = 0;

	(void)state;
	for (unsigned t = 0; t < 10000; t++) {
		int port[9];

		for (size_t i = 0; i < ARRAY_LEN(port); i++)
			port[i] = draw(1024, 64512);
		read_these(port, 9);
		blocks += p.kind != NAT_PORT_RANDOM;
	}
	assert_in_range(blocks, 0, 3);
}

/* Each further sample leaves the estimate as it was, or nearer to the block, whose ends it never passes. */
static void every_further_sample_makes_the_block_better_known(void **state)
{
	(void)state;
	for (unsigned t = 0; t < 100; t++) {
		int port[N_MAX];
		unsigned known = 0;

		for (size_t i = 0; i < ARRAY_LEN(port); i++)
			port[i] = draw(20480, 1024);
		for (size_t n = NAT_BLOCK_SAMPLES; n <= ARRAY_LEN(port); n++) {
			read_these(port, n);
			assert_int_equal(p.kind, NAT_PORT_BLOCK);
			assert_true((unsigned)(p.high - p.low) >= known);
			known = (unsigned)(p.high - p.low);
			assert_true(p.low >= 20480 && p.high < 21504);
		}
		assert_true(known > 700);
		assert_int_equal(p.block, 1024);
	}
}

static void of_two_blocks_the_one_that_more_ports_lie_in_is_told(void **state)
{
	(void)state;
	read_these((const int[]){2000, 40100, 40500, 40210, 2600, 40900, 2222, 40001, 40555}, 9);
	assert_int_equal(p.kind, NAT_PORT_BLOCK);
	assert_int_equal(p.low, 40001);
	assert_int_equal(p.high, 40900);
	assert_int_equal(p.last, 40555);
	read_these((const int[]){2000, 40100, 2500, 2210, 2600, 40900, 2222, 2001, 40555}, 9);
	assert_int_equal(p.low, 2000);
	assert_int_equal(p.high, 2600);
	assert_int_equal(p.last, 2001);
	read_these((const int[]){2000, 40100, 2500, 2210, 20600, 40900, 2222, 2001, 40555}, 9); /* three: random */
	assert_int_equal(p.kind, NAT_PORT_RANDOM);
	assert_int_equal(p.low, 2000);
	assert_int_equal(p.high, 40900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_read_from_nothing, setup),
		cmocka_unit_test_setup(ports_that_are_kept_are_kept, setup),
		cmocka_unit_test_setup(a_step_has_size_direction_and_mean, setup),
		cmocka_unit_test_setup(foreign_flows_are_counted_by_the_second, setup),
		cmocka_unit_test_setup(random_steps_are_known_as_such, setup),
		cmocka_unit_test_setup(foreign_flows_are_not_taken_for_random_steps, setup),
		cmocka_unit_test_setup(a_block_is_told_from_chance, setup),
		cmocka_unit_test_setup(random_ports_are_no_block, setup),
		cmocka_unit_test_setup(every_further_sample_makes_the_block_better_known, setup),
		cmocka_unit_test_setup(of_two_blocks_the_one_that_more_ports_lie_in_is_told, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
