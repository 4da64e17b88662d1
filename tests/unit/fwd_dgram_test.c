#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "core/fwd/fwd_dgram.h"

static uint8_t PAYLOAD[FWD_PAYLOAD_MAX];

static int fill_payload(void **state)
{
	struct adit_rng_seeded gen;
	struct adit_rng rng = adit_rng_seeded_init(&gen, 1);

	(void)state;
	adit_rng_fill(&rng, PAYLOAD, sizeof(PAYLOAD));
	return 0;
}

static void a_small_payload_is_one_datagram(void **state)
{
	static const uint8_t want[] = {0, 0x12, 0x34, 0x7b, 0xbd, 'a', 'b', 'c'};
	struct fwd_split s;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(fwd_split_init(&s, 0x1234, 15293, 9, (const uint8_t *)"abc", 3, 8), 1);
	assert_int_equal(fwd_split_next(&s, buf, sizeof(buf)), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
	assert_int_equal(fwd_split_next(&s, buf, sizeof(buf)), 0);
	assert_int_equal(fwd_split_init(&s, 0x1234, 15293, 9, NULL, 0, 5), 1);
	assert_int_equal(fwd_split_next(&s, buf, sizeof(buf)), 5);
	assert_int_equal(fwd_split_next(&s, buf, sizeof(buf)), 0);
}

static void a_fragment_looks_like_this(void **state)
{
	static const uint8_t first[] = {1, 0, 1, 2, 0xab, 0xcd, 0, 2, 'a', 'b'};
	static const uint8_t second[] = {1, 0, 1, 2, 0xab, 0xcd, 1, 2, 'c'};
	struct fwd_split s;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(fwd_split_init(&s, 1, 2, 0xabcd, (const uint8_t *)"abcdefg", 7, 10), 4);
	assert_int_equal(fwd_split_init(&s, 1, 2, 0xabcd, (const uint8_t *)"abc", 3, 6), ADIT_EINVAL);
	s = (struct fwd_split){
		.next = {.service = 1, .flow = 2, .is_fragment = true, .message = 0xabcd, .count = 2},
		.data = (const uint8_t *)"abc",
		.len = 3,
		.chunk = 2,
		.left = 2,
	};
	assert_int_equal(fwd_split_next(&s, buf, sizeof(buf)), sizeof(first));
	assert_memory_equal(buf, first, sizeof(first));
	assert_int_equal(fwd_split_next(&s, buf, sizeof(second) - 1), ADIT_EFULL);
	assert_int_equal(fwd_split_next(&s, buf, sizeof(second)), sizeof(second));
	assert_memory_equal(buf, second, sizeof(second));
	assert_int_equal(fwd_split_next(&s, buf, sizeof(buf)), 0);
}

/* Splits, decodes, and lays the pieces end to end. */
static void check_split(uint32_t flow, size_t len, size_t max)
{
	static uint8_t back[FWD_PAYLOAD_MAX];
	static uint8_t buf[FWD_PAYLOAD_MAX + FWD_DGRAM_HEAD_MAX];
	struct fwd_split s;
	size_t got = 0;
	size_t first_len = 0;
	int count = fwd_split_init(&s, 7, flow, 0x1234, PAYLOAD, len, max);

	assert_true(count >= 1);
	for (int i = 0; i < count; i++) {
		int n = fwd_split_next(&s, buf, max);
		struct fwd_dgram d;

		assert_in_range(n, 1, max);
		assert_int_equal(fwd_dgram_decode(buf, (size_t)n, &d), 0);
		assert_int_equal(d.service, 7);
		assert_int_equal(d.flow, flow);
		assert_int_equal(d.is_fragment, count > 1);
		if (count > 1) {
			assert_int_equal(d.message, 0x1234);
			assert_int_equal(d.index, i);
			assert_int_equal(d.count, count);
			assert_int_not_equal(d.len, 0);
		}
		if (i == 0)
			first_len = d.len;
		if (i < count - 1)
			assert_int_equal(d.len, first_len);
		assert_true(d.len <= first_len);
		memcpy(back + got, d.data, d.len);
		got += d.len;
	}
	assert_int_equal(fwd_split_next(&s, buf, max), 0);
	assert_int_equal(got, len);
	assert_memory_equal(back, PAYLOAD, len);
}

static void every_length_is_cut_and_fits(void **state)
{
	static const uint32_t flows[] = {0, 63, 64, 16383, 16384, (1u << 30) - 1, 1u << 30, UINT32_MAX};

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(flows); f++)
		for (size_t len = 0; len < 400; len++)
			for (size_t max = 19; max < 120; max += 13)
				check_split(flows[f], len, max);
	for (size_t len = 1380; len < 1420; len++)
		check_split(5, len, 1400);
	check_split(5, 9000, 1412);
	check_split(5, FWD_PAYLOAD_MAX, 1412);
	check_split(UINT32_MAX, FWD_PAYLOAD_MAX, 272);
	check_split(5, FWD_PAYLOAD_MAX, sizeof(PAYLOAD) + FWD_DGRAM_HEAD_MAX);
}

static void what_cannot_be_cut_is_refused(void **state)
{
	static uint8_t more[FWD_PAYLOAD_MAX + 1];
	struct fwd_split s;

	(void)state;
	assert_int_equal(fwd_split_init(&s, 1, 1, 0, more, sizeof(more), 1400), ADIT_EINVAL);
	for (size_t max = 0; max < 9; max++)
		assert_int_equal(fwd_split_init(&s, 1, 1, 0, PAYLOAD, 100, max), ADIT_EINVAL);
	assert_int_equal(fwd_split_init(&s, 1, 1, 0, PAYLOAD, 255, 9), 255);
	assert_int_equal(fwd_split_init(&s, 1, 1, 0, PAYLOAD, 256, 9), ADIT_EINVAL);
	assert_int_equal(fwd_split_init(&s, 1, 1, 0, PAYLOAD, FWD_PAYLOAD_MAX, 8 + 256), ADIT_EINVAL);
	assert_true(fwd_split_init(&s, 1, 1, 0, PAYLOAD, FWD_PAYLOAD_MAX, 8 + 257) > 0);
}

static int decode(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct fwd_dgram d;
	int err;

	memcpy(copy, data, len);
	err = fwd_dgram_decode(copy, len, &d);
	free(copy);
	return err;
}

static void every_truncation_is_refused_or_shorter(void **state)
{
	static const uint8_t whole[] = {0, 0, 1, 0x80, 0, 0, 2, 'a'};
	static const uint8_t fragment[] = {1, 0, 1, 0x40, 2, 0, 3, 1, 2, 'a'};

	(void)state;
	for (size_t i = 0; i <= sizeof(whole); i++)
		assert_int_equal(decode(whole, i), i < 7 ? ADIT_EPROTO : 0);
	for (size_t i = 0; i <= sizeof(fragment); i++)
		assert_int_equal(decode(fragment, i), i < 10 ? ADIT_EPROTO : 0);
}

static void datagrams_that_make_no_sense_are_refused(void **state)
{
	static const uint8_t big_flow[] = {0, 0, 1, 0xc0, 0, 0, 1, 0, 0, 0, 0, 'a'};
	static uint8_t huge[FWD_PAYLOAD_MAX + 8];
	uint8_t fragment[] = {1, 0, 1, 2, 0, 3, 0, 2, 'a'};

	(void)state;
	assert_int_equal(decode(big_flow, sizeof(big_flow)), ADIT_EPROTO);
	assert_int_equal(decode(fragment, sizeof(fragment)), 0);
	for (unsigned flags = 2; flags < 256; flags++) {
		fragment[0] = (uint8_t)flags;
		assert_int_equal(decode(fragment, sizeof(fragment)), ADIT_EPROTO);
	}
	fragment[0] = 1;
	for (unsigned index = 0; index < 256; index++) {
		fragment[6] = (uint8_t)index;
		assert_int_equal(decode(fragment, sizeof(fragment)), index < 2 ? 0 : ADIT_EPROTO);
	}
	fragment[6] = 0;
	fragment[7] = 1;
	assert_int_equal(decode(fragment, sizeof(fragment)), ADIT_EPROTO);
	fragment[7] = 0;
	assert_int_equal(decode(fragment, sizeof(fragment)), ADIT_EPROTO);
	/* Whole payloads up to the most UDP can carry; fragments that together could not be one. */
	assert_int_equal(decode(huge, 4 + FWD_PAYLOAD_MAX), 0);
	assert_int_equal(decode(huge, 5 + FWD_PAYLOAD_MAX), ADIT_EPROTO);
	huge[0] = 1;
	huge[7] = 3;
	assert_int_equal(decode(huge, 8 + FWD_PAYLOAD_MAX / 2), 0);
	assert_int_equal(decode(huge, 8 + FWD_PAYLOAD_MAX / 2 + 1), ADIT_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_payload_is_one_datagram),
		cmocka_unit_test(a_fragment_looks_like_this),
		cmocka_unit_test(every_length_is_cut_and_fits),
		cmocka_unit_test(what_cannot_be_cut_is_refused),
		cmocka_unit_test(every_truncation_is_refused_or_shorter),
		cmocka_unit_test(datagrams_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, fill_payload, NULL);
}
