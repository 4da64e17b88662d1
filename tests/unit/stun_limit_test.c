#include "test.h"

#include "base/bytes.h"
#include "core/stun/stun_limit.h"
#include "core/stun/stun_limits.h"

static const uint8_t key[ADIT_SIPHASH_KEY_LEN] = {1, 2, 3};

static unsigned taken(struct stun_limit *l, adit_time now, struct adit_addr from, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += stun_limit_take(l, now, &from);
	return n;
}

static void a_network_has_its_burst_and_then_its_rate(void **state)
{
	struct stun_limit_slot slots[64];
	struct adit_addr a = adit_addr_v4(192, 0, 2, 1, 1000);
	adit_time now = ADIT_SEC(1000);
	struct stun_limit l;

	(void)state;
	stun_limit_init(&l, now, slots, ARRAY_LEN(slots), ADIT_SEC(1) / 10, 50, key);
	assert_int_equal(taken(&l, now, a, 1000), 50);
	for (int i = 0; i < 10; i++) {
		now += ADIT_SEC(1);
		assert_int_equal(taken(&l, now, a, 1000), 10);
	}
	now += ADIT_SEC(3600);
	assert_int_equal(taken(&l, now, a, 1000), 50);
}

static void neighbours_share_and_strangers_do_not(void **state)
{
	static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 1, 1};
	static const uint8_t same[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 1, 0xff, 9};
	static const uint8_t next[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 2, 1};
	struct stun_limit_slot slots[1024];
	struct stun_limit l;

	(void)state;
	stun_limit_init(&l, 0, slots, ARRAY_LEN(slots), ADIT_SEC(1), 8, key);
	assert_int_equal(taken(&l, 0, adit_addr_v4(192, 0, 2, 1, 1), 5), 5);
	assert_int_equal(taken(&l, 0, adit_addr_v4(192, 0, 2, 254, 2), 5), 3);
	assert_int_equal(taken(&l, 0, adit_addr_v4(192, 0, 3, 1, 1), 9), 8);
	assert_int_equal(taken(&l, 0, adit_addr_v6(six, 1), 5), 5);
	assert_int_equal(taken(&l, 0, adit_addr_v6(same, 1), 5), 3);
	assert_int_equal(taken(&l, 0, adit_addr_v6(next, 1), 9), 8);
}

static void an_old_bucket_is_full_whenever_it_is_looked_at(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 0, 2, 1, 1000);
	struct stun_limit_slot slots[4];
	adit_time now = 0;
	struct stun_limit l;

	(void)state;
	stun_limit_init(&l, now, slots, ARRAY_LEN(slots), ADIT_SEC(1) / 10, 20, key);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(taken(&l, now, a, 30), 20);
		now += ADIT_SEC(60 * (unsigned)i);
		now += ADIT_SEC(10);
	}
}

static void forged_sources_neither_grow_the_sum_nor_wash_a_drained_bucket(void **state)
{
	struct adit_addr bad = adit_addr_v4(192, 0, 2, 1, 1000);
	struct stun_limit_slot slots[64];
	unsigned sum = 0;
	struct stun_limit l;

	(void)state;
	stun_limit_init(&l, 0, slots, ARRAY_LEN(slots), ADIT_SEC(1) / 10, 20, key);
	assert_int_equal(taken(&l, 0, bad, 100), 20);
	for (unsigned i = 0; i < 100000; i++)
		sum += taken(&l, 0, adit_addr_v4(10, (uint8_t)(i >> 8), (uint8_t)i, 1, 1), 1);
	assert_int_equal(sum, 63 * 20); /* what all the other buckets held */
	assert_int_equal(taken(&l, 0, bad, 100), 0);
}

static void no_rate_means_no_limit(void **state)
{
	struct stun_limit_slot slots[4];
	struct stun_limit l;

	(void)state;
	stun_limit_init(&l, 0, slots, ARRAY_LEN(slots), 0, 0, key);
	assert_int_equal(taken(&l, 0, adit_addr_v4(192, 0, 2, 1, 1), 5000), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_has_its_burst_and_then_its_rate),
		cmocka_unit_test(neighbours_share_and_strangers_do_not),
		cmocka_unit_test(an_old_bucket_is_full_whenever_it_is_looked_at),
		cmocka_unit_test(forged_sources_neither_grow_the_sum_nor_wash_a_drained_bucket),
		cmocka_unit_test(no_rate_means_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
