#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "crypto/crypto_md5.h"
#include "udphp/udphp_rx.h"

#define T0 ADIT_SEC(100)

static struct udphp_zip zip;
static struct udphp_rx rx;

static int setup(void **state)
{
	(void)state;
	udphp_rx_init(&rx, crypto_md5, &zip, NULL);
	return udphp_zip_init(&zip);
}

static int teardown(void **state)
{
	(void)state;
	udphp_zip_done(&zip);
	return 0;
}

static bool give_bytes(uint16_t seq, const void *data, size_t len, adit_time now)
{
	uint8_t md5[16];
	struct udphp_msg m = {
		.type = UDPHP_PLAIN, .seq = seq, .len = (uint16_t)len, .digest = md5, .body = data, .body_len = len};

	crypto_md5(data, len, md5);
	return udphp_rx_data(&rx, now, &m);
}

static bool give(uint16_t seq, const char *text, adit_time now)
{
	return give_bytes(seq, text, strlen(text), now);
}

static void assert_answer(char type, uint16_t seq)
{
	uint8_t got[UDPHP_ACK_LEN];
	uint8_t want[UDPHP_ACK_LEN] = {(uint8_t)type, (uint8_t)(seq >> 8), (uint8_t)seq};

	assert_true(udphp_rx_output(&rx, got));
	assert_memory_equal(got, want, sizeof(want));
}

static void assert_no_answer(void)
{
	uint8_t got[UDPHP_ACK_LEN];

	assert_false(udphp_rx_output(&rx, got));
}

static void assert_takes(const char *text, adit_time now)
{
	size_t len;
	const uint8_t *data = udphp_rx_take(&rx, &len);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len);
	udphp_rx_taken(&rx, now, len);
}

static void what_is_expected_is_acknowledged_and_handed_on(void **state)
{
	(void)state;
	assert_true(give(0, "one", T0));
	assert_answer('A', 0);
	assert_true(give(1, "two", T0));
	assert_answer('A', 1);
	assert_takes("onetwo", T0);
	assert_no_answer();
}

static void bytes_are_taken_in_any_portions(void **state)
{
	size_t len;

	(void)state;
	assert_true(give(0, "abcdef", T0));
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(*udphp_rx_take(&rx, &len), "abcdef"[i]);
		assert_int_equal(len, 6 - i);
		udphp_rx_taken(&rx, T0, 1);
	}
	udphp_rx_take(&rx, &len);
	assert_int_equal(len, 0);
}

static void a_wrong_digest_length_or_number_is_answered_with_what_is_expected(void **state)
{
	uint8_t md5[16];
	struct udphp_msg m = {
		.type = UDPHP_PLAIN, .seq = 0, .len = 3, .digest = md5, .body = (const uint8_t *)"abc", .body_len = 3};

	(void)state;
	crypto_md5("abc", 3, md5);
	for (size_t i = 0; i < UDPHP_DIGEST; i++) {
		md5[i] ^= 1;
		assert_false(udphp_rx_data(&rx, T0, &m));
		assert_answer('N', 0);
		md5[i] ^= 1;
	}
	m.len = 2;
	assert_false(udphp_rx_data(&rx, T0, &m));
	assert_answer('N', 0);
	m.len = 65535;
	assert_false(udphp_rx_data(&rx, T0, &m));
	assert_answer('N', 0);
	m.len = 3;
	m.seq = 1;
	assert_false(udphp_rx_data(&rx, T0, &m));
	assert_answer('N', 0);
	m.seq = 0;
	assert_true(udphp_rx_data(&rx, T0, &m));
	assert_answer('A', 0);
	assert_takes("abc", T0);
}

static void a_bomb_is_answered_as_damaged(void **state)
{
	uLong size = 40000000;
	uint8_t *big = calloc(1, size);
	uLongf n = compressBound(size);
	uint8_t *bomb = malloc(n);
	uint8_t md5[16];
	struct udphp_msg m = {.type = UDPHP_ZIPPED, .digest = md5, .body = bomb};

	(void)state;
	assert_non_null(big);
	assert_non_null(bomb);
	assert_int_equal(compress2(bomb, &n, big, size, 9), Z_OK);
	m.body_len = n;
	for (unsigned i = 0; i < 3; i++) {
		m.len = (uint16_t)(i == 0 ? 0 : i == 1 ? UDPHP_MAXBUF : 65535);
		crypto_md5(big, m.len, md5);
		assert_false(udphp_rx_data(&rx, T0, &m));
		assert_answer('N', 0);
	}
	free(bomb);
	free(big);
}

static void a_repeated_message_is_acknowledged_again_but_not_while_its_ack_is_under_way(void **state)
{
	(void)state;
	assert_true(give(0, "one", T0));
	assert_answer('A', 0);
	assert_true(give(0, "one", T0 + ADIT_SEC(1))); /* a sign of life */
	assert_answer('A', 0);
	assert_true(give(0, "one", T0 + ADIT_SEC(1) + 1));
	assert_no_answer();
	assert_int_equal(udphp_rx_deadline(&rx), T0 + ADIT_SEC(1) + UDPHP_REACK_GAP);
	udphp_rx_tick(&rx, T0 + ADIT_SEC(1) + UDPHP_REACK_GAP - 1);
	assert_no_answer();
	udphp_rx_tick(&rx, T0 + ADIT_SEC(1) + UDPHP_REACK_GAP);
	assert_answer('A', 0);
	assert_int_equal(udphp_rx_deadline(&rx), ADIT_NEVER);
	assert_takes("one", T0);
}

static void the_next_message_cancels_that(void **state)
{
	(void)state;
	assert_true(give(0, "one", T0));
	assert_answer('A', 0);
	assert_true(give(0, "one", T0));
	assert_true(give(1, "two", T0 + ADIT_MS(20)));
	assert_answer('A', 1);
	assert_no_answer();
	assert_int_equal(udphp_rx_deadline(&rx), ADIT_NEVER);
}

static void much_older_ones_are_acknowledged_as_the_script_does(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 5; i++) {
		assert_true(give(i, "x", T0));
		assert_answer('A', i);
	}
	assert_false(give(2, "x", T0));
	assert_answer('A', 2);
}

/* They belong to data that an earlier run should have got: an ack would lose them. */
static void numbers_that_were_never_received_are_not_acknowledged(void **state)
{
	(void)state;
	assert_false(give(65535, "x", T0));
	assert_answer('N', 0);
	assert_false(give(40000, "x", T0));
	assert_answer('N', 0);
	assert_true(give(0, "x", T0));
	assert_answer('A', 0);
	assert_false(give(65535, "x", T0));
	assert_answer('N', 1);
}

/* The script as sender: its 65535 was received, the ack was lost, it comes again. The script itself would say 'N'. */
static void at_the_wrap_the_old_is_told_from_the_new(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 65540; i++) {
		assert_true(give((uint16_t)i, "x", T0 + i * ADIT_SEC(2)));
		assert_answer('A', (uint16_t)i);
		assert_takes("x", T0 + i * ADIT_SEC(2));
		if (i < 65534)
			continue;
		assert_true(give((uint16_t)i, "x", T0 + i * ADIT_SEC(2) + ADIT_SEC(1)));
		assert_answer('A', (uint16_t)i);
	}
	assert_false(give(65530, "x", T0 + ADIT_SEC(200000)));
	assert_answer('A', 65530);
	assert_false(give(5, "x", T0 + ADIT_SEC(200000)));
	assert_answer('N', 4);
}

static void a_stopped_reader_holds_back_the_ack_until_there_is_room_for_one_more(void **state)
{
	static uint8_t big[UDPHP_MAXBUF];
	size_t len;

	(void)state;
	assert_true(give_bytes(0, big, sizeof(big), T0));
	assert_answer('A', 0);
	assert_true(give_bytes(1, big, sizeof(big), T0));
	assert_no_answer();
	for (unsigned i = 1; i < 40; i++) { /* the peer repeats; a number of its own choice does not help it either */
		give_bytes(1, big, sizeof(big), T0 + ADIT_SEC(i));
		assert_no_answer();
		assert_false(give_bytes(2, big, sizeof(big), T0 + ADIT_SEC(i)));
		assert_no_answer();
	}
	udphp_rx_taken(&rx, T0 + ADIT_SEC(40), sizeof(big) - 1);
	assert_no_answer();
	udphp_rx_taken(&rx, T0 + ADIT_SEC(40), 1);
	assert_answer('A', 1);
	assert_true(give_bytes(2, big, sizeof(big), T0 + ADIT_SEC(40)));
	udphp_rx_take(&rx, &len);
	assert_int_equal(len, 2 * sizeof(big));
	udphp_rx_taken(&rx, T0 + ADIT_SEC(40), len);
	assert_answer('A', 2);
}

static void order_survives_any_mix_of_sizes_and_portions(void **state)
{
	static uint8_t data[UDPHP_MAXBUF];
	uint32_t sent = 0, got = 0, r = 1;
	uint16_t seq = 0;
	size_t len;

	(void)state;
	while (seq < 300) {
		size_t n = (r = r * 1664525 + 1013904223) >> 8;
		const uint8_t *out;

		n = n % 3 ? n % 2000 : n % UDPHP_MAXBUF;
		for (size_t i = 0; i < n; i++)
			data[i] = (uint8_t)((sent + i) * 2654435761u >> 24);
		if (give_bytes(seq, data, n, T0)) {
			sent += (uint32_t)n;
			seq++;
		}
		rx.n_replies = 0;
		out = udphp_rx_take(&rx, &len);
		if (len > 10000 || r & 1 << 20)
			len = len * 2 / 3;
		for (size_t i = 0; i < len; i++)
			assert_int_equal(out[i], (uint8_t)((got + i) * 2654435761u >> 24));
		udphp_rx_taken(&rx, T0, len);
		got += (uint32_t)len;
	}
	udphp_rx_take(&rx, &len);
	assert_int_equal(got + len, sent);
}

static void on_a_near_path_an_ack_is_repeated_once_if_nothing_follows(void **state)
{
	(void)state;
	assert_true(give(0, "x", T0));
	assert_answer('A', 0);
	assert_int_equal(udphp_rx_deadline(&rx), ADIT_NEVER); /* nothing is known of the path yet */
	assert_true(give(1, "x", T0 + UDPHP_NEAR - 1));
	assert_answer('A', 1);
	udphp_rx_tick(&rx, udphp_rx_deadline(&rx));
	assert_answer('A', 1);
	assert_int_equal(udphp_rx_deadline(&rx), ADIT_NEVER);
}

static void nothing_is_said_after_close(void **state)
{
	size_t len;

	(void)state;
	assert_true(give(0, "x", T0));
	assert_answer('A', 0);
	udphp_rx_close(&rx);
	assert_false(give(0, "x", T0 + ADIT_SEC(2)));
	assert_false(give(1, "x", T0 + ADIT_SEC(2)));
	udphp_rx_tick(&rx, T0 + ADIT_SEC(3));
	assert_no_answer();
	udphp_rx_take(&rx, &len);
	assert_int_equal(len, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_expected_is_acknowledged_and_handed_on),
		CASE(bytes_are_taken_in_any_portions),
		CASE(a_wrong_digest_length_or_number_is_answered_with_what_is_expected),
		CASE(a_bomb_is_answered_as_damaged),
		CASE(a_repeated_message_is_acknowledged_again_but_not_while_its_ack_is_under_way),
		CASE(the_next_message_cancels_that),
		CASE(much_older_ones_are_acknowledged_as_the_script_does),
		CASE(numbers_that_were_never_received_are_not_acknowledged),
		CASE(at_the_wrap_the_old_is_told_from_the_new),
		CASE(a_stopped_reader_holds_back_the_ack_until_there_is_room_for_one_more),
		CASE(order_survives_any_mix_of_sizes_and_portions),
		CASE(on_a_near_path_an_ack_is_repeated_once_if_nothing_follows),
		CASE(nothing_is_said_after_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
