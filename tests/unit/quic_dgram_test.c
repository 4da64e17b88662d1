#include "test.h"

#include <string.h>

#include "base/rng.h"
#include "quic/quic_dgram.h"
#include "quic/quic_limits.h"

static void what_goes_in_comes_out_in_order(void **state)
{
	struct adit_rng_seeded rs;
	struct adit_rng rng = adit_rng_seeded_init(&rs, 5);
	static uint8_t buf[9000];
	struct quic_dgrams d;
	size_t in = 0;
	size_t out = 0;
	size_t full = 0;

	(void)state;
	quic_dgrams_init(&d);
	while (out < 50000) {
		if (adit_rng_below(&rng, 100) < 52) {
			/* The length tells the number, and so do the bytes. */
			size_t len = in % 7919;

			memset(buf, (int)in, len);
			if (quic_dgrams_push(&d, buf, len) == 0)
				in++;
			else
				full++;
		} else {
			size_t len;
			const uint8_t *data = quic_dgrams_peek(&d, &len);

			assert_int_equal(data != NULL, in != out);
			if (!data)
				continue;
			assert_int_equal(len, out % 7919);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(data[i], (uint8_t)out);
			quic_dgrams_pop(&d);
			out++;
		}
	}
	assert_true(full > 0);
	quic_dgrams_done(&d);
}

static void it_is_full_at_its_limits(void **state)
{
	static uint8_t buf[QUIC_DGRAM_BYTES];
	struct quic_dgrams d;
	size_t n = 0;

	(void)state;
	quic_dgrams_init(&d);
	quic_dgrams_pop(&d);
	while (quic_dgrams_push(&d, buf, 0) == 0)
		n++;
	assert_int_equal(n, QUIC_DGRAM_QUEUE);
	quic_dgrams_done(&d);
	n = 0;
	while (quic_dgrams_push(&d, buf, 65507) == 0)
		n++;
	assert_int_equal(n, QUIC_DGRAM_BYTES / (65507 + 4));
	assert_int_equal(quic_dgrams_push(&d, buf, sizeof(buf)), ADIT_EFULL);
	quic_dgrams_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out_in_order),
		cmocka_unit_test(it_is_full_at_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
