#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/rng.h"
#include "udphp/udphp_limits.h"
#include "udphp/udphp_zip.h"

static struct udphp_zip zip;
static uint8_t src[UDPHP_MAXBUF], packed[UDPHP_MAXBUF + 64], out[UDPHP_MAXBUF + 1];

static int setup(void **state)
{
	(void)state;
	return udphp_zip_init(&zip);
}

static int teardown(void **state)
{
	(void)state;
	udphp_zip_done(&zip);
	return 0;
}

static void fill_random(uint64_t seed)
{
	struct adit_rng_seeded s;
	struct adit_rng rng = adit_rng_seeded_init(&s, seed);

	adit_rng_fill(&rng, src, sizeof(src));
}

static void what_was_packed_is_unpacked_at_both_levels(void **state)
{
	static const int level[] = {UDPHP_LEVEL_SLOW, UDPHP_LEVEL_FAST, UDPHP_LEVEL_SLOW};

	(void)state;
	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)(i * i >> 7);
	for (size_t k = 0; k < 3; k++) {
		size_t n = udphp_zip_pack(&zip, level[k], src, sizeof(src), packed);

		assert_in_range(n, 1, sizeof(src) - UDPHP_MIN_GAIN - 1);
		assert_int_equal(udphp_zip_unpack(&zip, packed, n, out, sizeof(src)), 0);
		assert_memory_equal(out, src, sizeof(src));
	}
}

/* The script: len > 100, and compressed < len - 100. zlib makes 12 bytes of up to 258 equal ones. */
static void only_a_gain_of_more_than_100_bytes_counts(void **state)
{
	size_t first = 0;

	(void)state;
	memset(src, 'a', sizeof(src));
	for (size_t len = 0; len < 200 && !first; len++) {
		uLongf n = sizeof(packed);

		assert_int_equal(compress(packed, &n, src, len), Z_OK);
		if (len > UDPHP_MIN_GAIN && n < len - UDPHP_MIN_GAIN)
			first = len;
		assert_int_equal(udphp_zip_pack(&zip, UDPHP_LEVEL_SLOW, src, len, packed), first ? n : 0);
	}
	assert_in_range(first, 101, 199);
}

static void random_bytes_are_tried_only_now_and_then(void **state)
{
	(void)state;
	fill_random(1);
	assert_int_equal(udphp_zip_pack(&zip, 1, src, sizeof(src), packed), 0);
	for (unsigned i = 1; i <= UDPHP_ZIP_AGAIN; i++) {
		assert_int_equal(udphp_zip_pack(&zip, 1, src, sizeof(src), packed), 0);
		assert_int_equal(zip.skipped, i);
	}
	assert_int_equal(udphp_zip_pack(&zip, 1, src, sizeof(src), packed), 0);
	assert_int_equal(zip.skipped, 0);
}

static void text_after_random_bytes_is_packed_at_once(void **state)
{
	(void)state;
	fill_random(2);
	assert_int_equal(udphp_zip_pack(&zip, 1, src, sizeof(src), packed), 0);
	memset(src, ' ', sizeof(src));
	assert_true(udphp_zip_pack(&zip, 1, src, sizeof(src), packed) > 0);
}

static void repeated_random_bytes_are_found_at_the_next_try(void **state)
{
	unsigned i = 0;

	(void)state;
	fill_random(3);
	assert_int_equal(udphp_zip_pack(&zip, 1, src, sizeof(src), packed), 0);
	memcpy(src + sizeof(src) / 2, src, sizeof(src) / 2);
	memcpy(src + sizeof(src) / 4, src, sizeof(src) / 4);
	while (i <= UDPHP_ZIP_AGAIN && !udphp_zip_pack(&zip, 1, src, sizeof(src), packed))
		i++;
	assert_int_equal(i, UDPHP_ZIP_AGAIN);
}

/* 40 MB of zeroes in 40 kB: nothing may be written behind the length that was announced. */
static void a_bomb_is_cut_off_at_the_announced_length(void **state)
{
	static const size_t want[] = {0, 1, 1000, UDPHP_MAXBUF};
	uLong size = 40000000;
	uint8_t *big = calloc(1, size);
	uLongf n = compressBound(size);
	uint8_t *bomb = malloc(n);

	(void)state;
	assert_non_null(big);
	assert_non_null(bomb);
	assert_int_equal(compress2(bomb, &n, big, size, 9), Z_OK);
	assert_true(n < UDPHP_MAXBUF);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		uint8_t *exact = malloc(want[i] + 1); /* so that the sanitizer sees one byte too many */

		assert_non_null(exact);
		assert_int_equal(udphp_zip_unpack(&zip, bomb, n, exact, want[i]), ADIT_EPROTO);
		assert_true(zip.inf.total_out <= want[i] + 1);
		free(exact);
	}
	free(bomb);
	free(big);
}

static void another_length_a_cut_and_a_changed_byte_are_refused(void **state)
{
	size_t n;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		src[i] = (uint8_t)(i / 3);
	n = udphp_zip_pack(&zip, UDPHP_LEVEL_SLOW, src, 1000, packed);
	assert_true(n > 0);
	assert_int_equal(udphp_zip_unpack(&zip, packed, n, out, 999), ADIT_EPROTO);
	assert_int_equal(udphp_zip_unpack(&zip, packed, n, out, 1001), ADIT_EPROTO);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(udphp_zip_unpack(&zip, packed, cut, out, 1000), ADIT_EPROTO);
	/* Adler-32 at the end catches what the syntax does not; the second header byte has bits without meaning. */
	for (size_t i = 2; i < n; i++) {
		packed[i] ^= 0x10;
		assert_true(udphp_zip_unpack(&zip, packed, n, out, 1000) < 0 || !memcmp(out, src, 1000));
		packed[i] ^= 0x10;
	}
	assert_int_equal(udphp_zip_unpack(&zip, packed, n, out, 1000), 0);
	assert_memory_equal(out, src, 1000);
}

static void done_accepts_nothing_and_what_is_done(void **state)
{
	(void)state;
	udphp_zip_done(NULL);
	udphp_zip_done(&zip);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_packed_is_unpacked_at_both_levels),
		CASE(only_a_gain_of_more_than_100_bytes_counts),
		CASE(random_bytes_are_tried_only_now_and_then),
		CASE(text_after_random_bytes_is_packed_at_once),
		CASE(repeated_random_bytes_are_found_at_the_next_try),
		CASE(a_bomb_is_cut_off_at_the_announced_length),
		CASE(another_length_a_cut_and_a_changed_byte_are_refused),
		CASE(done_accepts_nothing_and_what_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
