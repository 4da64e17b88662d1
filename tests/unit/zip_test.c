#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "quic/quic_limits.h"
#include "zip/zip.h"

static struct zip *z;
static struct zip_out o;
static uint8_t raw[ZIP_RAW_MAX];
static uint8_t wire[ZIP_WIRE_MAX(ZIP_RAW_MAX)];
static uint8_t back[ZIP_RAW_MAX];

static int set_up(void **state)
{
	(void)state;
	o = (struct zip_out){0};
	return zip_new(&z);
}

static int tear_down(void **state)
{
	(void)state;
	zip_free(z);
	return 0;
}

static void fill_random(uint64_t seed)
{
	struct adit_rng_seeded s;
	struct adit_rng rng = adit_rng_seeded_init(&s, seed);

	adit_rng_fill(&rng, raw, sizeof(raw));
}

/* Words of a small language: shrinks to a third or so. */
static void fill_text(uint64_t seed)
{
	static const char words[16][8] = {"hole ",  "punch ", "two ",  "router ", "a ",    "matter ",
					  "of ",    "time ",  "and ",  "path ",   "peer ", "packet ",
					  "serve ", "port ",  "open ", "fast\n"};
	struct adit_rng_seeded s;
	struct adit_rng rng = adit_rng_seeded_init(&s, seed);
	size_t at = 0;

	while (at < sizeof(raw)) {
		const char *w = words[adit_rng_below(&rng, 16)];
		size_t n = strlen(w) < sizeof(raw) - at ? strlen(w) : sizeof(raw) - at;

		memcpy(raw + at, w, n);
		at += n;
	}
}

/* Every block of |wire| unpacked and compared with |raw|; returns how many were packed. */
static unsigned check_blocks(size_t wire_len, size_t raw_len)
{
	size_t at = 0, got = 0;
	unsigned packed = 0;

	while (at < wire_len) {
		struct zip_head h;
		int n;

		assert_true(wire_len - at > ZIP_HEAD_LEN);
		assert_int_equal(zip_head_read(wire + at, &h), 0);
		at += ZIP_HEAD_LEN;
		assert_true(h.len <= wire_len - at);
		if (h.is_packed) {
			n = zip_unpack(z, wire + at, h.len, back);
			assert_true(n > 0 && (size_t)n <= raw_len - got);
			assert_memory_equal(back, raw + got, (size_t)n);
			packed++;
		} else {
			n = (int)h.len;
			assert_true(h.len <= raw_len - got);
			assert_memory_equal(wire + at, raw + got, h.len);
		}
		at += h.len;
		got += (size_t)n;
	}
	assert_int_equal(got, raw_len);
	return packed;
}

static void every_length_comes_back(void **state)
{
	(void)state;
	for (int text = 0; text < 2; text++) {
		for (size_t len = 1; len <= ZIP_RAW_MAX; len = len < 300 ? len + 1 : len * 5 / 4) {
			size_t n;

			if (text)
				fill_text(len);
			else
				fill_random(len);
			o = (struct zip_out){0};
			n = zip_pack(z, &o, raw, len, wire);
			assert_true(n <= ZIP_WIRE_MAX(len));
			check_blocks(n, len);
		}
	}
}

static void a_packed_block_always_fits_the_smallest_window(void **state)
{
	(void)state;
	assert_true(ZIP_PACKED_MAX + ZIP_HEAD_LEN <= QUIC_WINDOW_MIN / 2);
	for (uint64_t seed = 1; seed < 40; seed++) {
		size_t want = zip_want(&o);
		size_t n;

		assert_in_range(want, ZIP_TRY_LEN, ZIP_RAW_MAX);
		/* Half of it shrinks, half does not. */
		fill_random(seed);
		memset(raw, 'x', want / (1 + seed % 3));
		n = zip_pack(z, &o, raw, want, wire);
		check_blocks(n, want);
	}
}

static void text_shrinks_to_a_third_and_blocks_grow(void **state)
{
	size_t sum = 0, sent = 0;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		size_t want = zip_want(&o);
		size_t n;

		fill_text(i);
		n = zip_pack(z, &o, raw, want, wire);
		assert_int_equal(check_blocks(n, want), 1);
		sum += want;
		sent += n;
	}
	assert_true(sent < sum / 3);
	assert_true(zip_want(&o) > 2 * ZIP_TRY_LEN);
}

static void random_bytes_are_tried_ever_more_seldom(void **state)
{
	unsigned tries = 0;
	size_t sum = 0, sent = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		size_t want = zip_want(&o);

		tries += o.left == 0;
		fill_random(i);
		sent += zip_pack(z, &o, raw, want, wire);
		sum += want;
	}
	assert_in_range(tries, 10, 25);
	assert_true(sent - sum < sum / 5000);
}

static void text_after_random_bytes_is_noticed(void **state)
{
	unsigned stored = 0;

	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		fill_random(i);
		zip_pack(z, &o, raw, zip_want(&o), wire);
	}
	fill_text(1);
	while (check_blocks(zip_pack(z, &o, raw, ZIP_RAW_MAX, wire), ZIP_RAW_MAX) == 0)
		stored++;
	assert_true(stored <= ZIP_SKIP_MAX);
}

static void what_a_person_types_is_stored_with_three_bytes_around(void **state)
{
	(void)state;
	fill_text(1);
	for (size_t len = 1; len < ZIP_LEAST; len++)
		assert_int_equal(zip_pack(z, &o, raw, len, wire), len + ZIP_HEAD_LEN);
	assert_int_equal(o.left, 0);
}

static void heads_that_are_none_are_refused(void **state)
{
	static const uint8_t bad[][ZIP_HEAD_LEN] = {{0, 0, 0},
						    {1, 0, 0},
						    {2, 0, 1},
						    {255, 1, 1},
						    {1, (ZIP_PACKED_MAX + 1) >> 8, (ZIP_PACKED_MAX + 1) & 255},
						    {1, 255, 255}};
	struct zip_head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(zip_head_read(bad[i], &h), ADIT_EPROTO);
	assert_int_equal(zip_head_read((const uint8_t[]){0, 255, 255}, &h), 0);
	assert_int_equal(h.len, 65535);
}

static void damaged_blocks_are_refused_or_are_something_else(void **state)
{
	size_t n;

	(void)state;
	fill_text(3);
	n = zip_pack(z, &o, raw, ZIP_TRY_LEN, wire) - ZIP_HEAD_LEN;
	for (size_t len = 0; len < n; len++)
		assert_int_equal(zip_unpack(z, wire + ZIP_HEAD_LEN, len, back), ADIT_EPROTO);
	for (size_t at = 0; at < n; at++) {
		int r;

		wire[ZIP_HEAD_LEN + at] ^= 0x20;
		r = zip_unpack(z, wire + ZIP_HEAD_LEN, n, back);
		assert_true(r == ADIT_EPROTO || (r > 0 && r <= ZIP_RAW_MAX));
		wire[ZIP_HEAD_LEN + at] ^= 0x20;
	}
}

/* A frame of a gigabyte of zeros (RFC 8878 3.1.1: header, one RLE block after the other) in 16 KB. */
static void a_bomb_does_not_get_out(void **state)
{
	static const uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98}; /* no size told, a window of 512 MB */
	uint8_t bomb[ZIP_PACKED_MAX];
	size_t n = sizeof(head);

	(void)state;
	memcpy(bomb, head, n);
	while (n + 4 <= sizeof(bomb)) {
		uint32_t block = (128u * 1024) << 3 | 1u << 1; /* RLE, 128 KB */

		bomb[n++] = (uint8_t)block;
		bomb[n++] = (uint8_t)(block >> 8);
		bomb[n++] = (uint8_t)(block >> 16);
		bomb[n++] = 0;
	}
	assert_int_equal(zip_unpack(z, bomb, n, back), ADIT_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_length_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_packed_block_always_fits_the_smallest_window, set_up, tear_down),
		cmocka_unit_test_setup_teardown(text_shrinks_to_a_third_and_blocks_grow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(random_bytes_are_tried_ever_more_seldom, set_up, tear_down),
		cmocka_unit_test_setup_teardown(text_after_random_bytes_is_noticed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_person_types_is_stored_with_three_bytes_around, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(heads_that_are_none_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_blocks_are_refused_or_are_something_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bomb_does_not_get_out, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
