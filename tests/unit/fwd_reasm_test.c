#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "core/fwd/fwd_reasm.h"

#define SLOTS 4

static struct fwd_reasm_slot SLOT[SLOTS];
static struct fwd_reasm R;
static struct adit_rng_seeded GEN;
static struct adit_rng RNG;
static uint8_t PAYLOAD[FWD_PAYLOAD_MAX + 64]; /* some tests ask for more than may be */

static int setup(void **state)
{
	(void)state;
	RNG = adit_rng_seeded_init(&GEN, 1);
	adit_rng_fill(&RNG, PAYLOAD, sizeof(PAYLOAD));
	memset(SLOT, 0xee, sizeof(SLOT));
	fwd_reasm_init(&R, SLOT, SLOTS);
	return 0;
}

/* A fragment of a message of |count| pieces of |len| bytes; the last one has |last| bytes. All out of PAYLOAD. */
static struct fwd_dgram piece(uint32_t flow, uint16_t message, uint8_t index, uint8_t count, size_t len, size_t last)
{
	return (struct fwd_dgram){
		.service = 1,
		.flow = flow,
		.is_fragment = true,
		.message = message,
		.index = index,
		.count = count,
		.data = PAYLOAD + index * len,
		.len = index == count - 1 ? last : len,
	};
}

static int input(adit_time now, struct fwd_dgram d, size_t *ret_len)
{
	const uint8_t *data;
	int got = fwd_reasm_input(&R, now, &d, &data, ret_len);

	if (got == 1)
		assert_memory_equal(data, PAYLOAD, *ret_len);
	return got;
}

static void in_any_order_the_pieces_make_the_payload(void **state)
{
	static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
		for (size_t last = 1; last <= 100; last += 33) {
			size_t len;

			for (size_t i = 0; i < 3; i++)
				assert_int_equal(input(1, piece(5, (uint16_t)o, orders[o][i], 3, 100, last), &len),
						 i == 2);
			assert_int_equal(len, 200 + last);
		}
	}
	assert_int_equal(R.stats.whole, 6 * 4);
	assert_true(fwd_reasm_deadline(&R) == ADIT_NEVER);
}

/* Through the splitter and the decoder, shuffled, some twice, two payloads mixed. */
static void any_payload_survives_shuffling(void **state)
{
	static uint8_t wire[2 * FWD_FRAGMENTS_MAX][1500];
	static size_t wire_len[2 * FWD_FRAGMENTS_MAX];

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		size_t max = 300 + adit_rng_below(&RNG, 1200);
		size_t want[2];
		size_t n = 0;
		unsigned whole = 0;

		for (uint32_t flow = 0; flow < 2; flow++) {
			struct fwd_split s;
			int len;

			want[flow] = round == 0 ? FWD_PAYLOAD_MAX : 2000 + adit_rng_below(&RNG, FWD_PAYLOAD_MAX - 2000);
			assert_true(fwd_split_init(&s, 1, flow, (uint16_t)round, PAYLOAD, want[flow], max) > 1);
			while ((len = fwd_split_next(&s, wire[n], sizeof(wire[n]))) > 0)
				wire_len[n++] = (size_t)len;
		}
		for (size_t left = n; left > 0; left--) {
			size_t pick = adit_rng_below(&RNG, left);
			struct fwd_dgram d;
			size_t len;

			assert_int_equal(fwd_dgram_decode(wire[pick], wire_len[pick], &d), 0);
			if (input(round, d, &len) == 1) {
				assert_int_equal(len, want[d.flow]);
				whole++;
			} else if (adit_rng_below(&RNG, 4) == 0) {
				assert_int_equal(input(round, d, &len), 0);
			}
			memmove(wire[pick], wire[left - 1], wire_len[left - 1]);
			wire_len[pick] = wire_len[left - 1];
		}
		assert_int_equal(whole, 2);
	}
	assert_int_equal(R.stats.inconsistent, 0);
	assert_true(R.stats.duplicates > 0);
}

static void what_was_never_cut_passes_through(void **state)
{
	struct fwd_dgram d = {.service = 1, .flow = 2, .data = PAYLOAD, .len = 10};
	const uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(fwd_reasm_input(&R, 1, &d, &data, &len), 1);
	assert_ptr_equal(data, PAYLOAD);
	assert_int_equal(len, 10);
	d.len = 0;
	assert_int_equal(fwd_reasm_input(&R, 1, &d, &data, &len), 1);
	assert_int_equal(len, 0);
	assert_true(fwd_reasm_deadline(&R) == ADIT_NEVER);
}

static void a_payload_is_not_made_of_two_flows(void **state)
{
	struct fwd_dgram other_service = piece(5, 1, 1, 2, 100, 100);
	size_t len;

	(void)state;
	other_service.service = 2;
	assert_int_equal(input(1, piece(5, 1, 0, 2, 100, 100), &len), 0);
	assert_int_equal(input(1, piece(6, 1, 1, 2, 100, 100), &len), 0);
	assert_int_equal(input(1, piece(5, 2, 1, 2, 100, 100), &len), 0);
	assert_int_equal(input(1, other_service, &len), 0);
	assert_int_equal(R.stats.whole, 0);
	assert_int_equal(input(1, piece(5, 1, 1, 2, 100, 100), &len), 1);
}

static void duplicates_change_nothing(void **state)
{
	struct fwd_dgram forged = piece(5, 1, 0, 3, 100, 50);
	size_t len;

	(void)state;
	assert_int_equal(input(1, piece(5, 1, 0, 3, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 0, 3, 100, 50), &len), 0);
	forged.data = PAYLOAD + 1000; /* other bytes for what is there: the first ones stay */
	assert_int_equal(input(1, forged, &len), 0);
	assert_int_equal(input(1, piece(5, 1, 2, 3, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 2, 3, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 1, 3, 100, 50), &len), 1);
	assert_int_equal(len, 250);
	assert_int_equal(R.stats.duplicates, 3);
}

static void pieces_that_do_not_fit_are_dropped(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(input(1, piece(5, 1, 1, 4, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 0, 3, 100, 50), &len), ADIT_EPROTO); /* another count */
	assert_int_equal(input(1, piece(5, 1, 0, 4, 99, 50), &len), ADIT_EPROTO); /* another length */
	assert_int_equal(input(1, piece(5, 1, 2, 4, 101, 50), &len), ADIT_EPROTO);
	assert_int_equal(input(1, piece(5, 1, 3, 4, 100, 101), &len), ADIT_EPROTO); /* a last one that is longer */
	assert_int_equal(R.stats.inconsistent, 4);
	/* It is none the worse for it. */
	assert_int_equal(input(1, piece(5, 1, 3, 4, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 2, 4, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 0, 4, 100, 50), &len), 1);
	assert_int_equal(len, 350);
}

static void a_last_piece_that_came_first_must_fit_too(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(input(1, piece(5, 1, 2, 3, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 0, 3, 49, 50), &len), ADIT_EPROTO);
	assert_int_equal(input(1, piece(5, 1, 1, 3, 50, 50), &len), 0);
	fwd_reasm_init(&R, SLOT, SLOTS);
	/* 2 * 32753 + 1 is the most; with a last piece of 2 it would be one too many. */
	assert_int_equal(input(1, piece(5, 1, 2, 3, FWD_PAYLOAD_MAX / 2, 2), &len), 0);
	assert_int_equal(input(1, piece(5, 1, 0, 3, FWD_PAYLOAD_MAX / 2, 2), &len), ADIT_EPROTO);
	assert_int_equal(input(1, piece(6, 1, 2, 3, FWD_PAYLOAD_MAX / 2, 1), &len), 0);
	assert_int_equal(input(1, piece(6, 1, 0, 3, FWD_PAYLOAD_MAX / 2, 1), &len), 0);
	assert_int_equal(input(1, piece(6, 1, 1, 3, FWD_PAYLOAD_MAX / 2, 1), &len), 1);
	assert_int_equal(len, FWD_PAYLOAD_MAX);
	/* And in the other order. */
	assert_int_equal(input(1, piece(7, 1, 0, 3, FWD_PAYLOAD_MAX / 2, 2), &len), 0);
	assert_int_equal(input(1, piece(7, 1, 2, 3, FWD_PAYLOAD_MAX / 2, 2), &len), ADIT_EPROTO);
}

static void what_stays_incomplete_is_given_up_in_time(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(input(ADIT_SEC(1), piece(5, 1, 0, 2, 100, 50), &len), 0);
	assert_int_equal(input(ADIT_SEC(2), piece(6, 1, 0, 2, 100, 50), &len), 0);
	assert_true(fwd_reasm_deadline(&R) == ADIT_SEC(1) + FWD_REASM_TIMEOUT);
	fwd_reasm_tick(&R, ADIT_SEC(1) + FWD_REASM_TIMEOUT - 1);
	assert_int_equal(R.stats.expired, 0);
	fwd_reasm_tick(&R, ADIT_SEC(1) + FWD_REASM_TIMEOUT);
	assert_int_equal(R.stats.expired, 1);
	assert_true(fwd_reasm_deadline(&R) == ADIT_SEC(2) + FWD_REASM_TIMEOUT);
	/* Too late: that is a new payload, and it lacks the first half. Input alone notices the time, too. */
	assert_int_equal(input(ADIT_SEC(2) + FWD_REASM_TIMEOUT, piece(5, 1, 1, 2, 100, 50), &len), 0);
	assert_int_equal(R.stats.expired, 2);
	assert_int_equal(R.stats.whole, 0);
}

static void the_oldest_makes_room_for_the_newest(void **state)
{
	size_t len;

	(void)state;
	for (uint16_t m = 0; m < SLOTS; m++)
		assert_int_equal(input(10 + m, piece(5, m, 0, 2, 100, 50), &len), 0);
	assert_int_equal(input(20, piece(5, SLOTS, 0, 2, 100, 50), &len), 0);
	assert_int_equal(R.stats.evicted, 1);
	for (uint16_t m = 1; m <= SLOTS; m++)
		assert_int_equal(input(21, piece(5, m, 1, 2, 100, 50), &len), 1);
	assert_int_equal(input(21, piece(5, 0, 1, 2, 100, 50), &len), 0);
}

/* RFC 4963: when numbers come around again, halves of two payloads must not meet. */
static void numbers_that_come_around_do_not_mix_payloads(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(input(1, piece(5, 65500, 0, 2, 100, 50), &len), 0);
	assert_int_equal(input(1, piece(6, 65500, 0, 2, 100, 50), &len), 0);
	/* As far ahead as allowed, across the wrap: it stays. */
	assert_int_equal(input(2, piece(5, (uint16_t)(65500 + FWD_REASM_WINDOW), 0, 2, 100, 50), &len), 0);
	assert_int_equal(R.stats.expired, 0);
	/* One more: it is given up; another flow's is not. */
	assert_int_equal(input(2, piece(5, (uint16_t)(65501 + FWD_REASM_WINDOW), 0, 2, 100, 50), &len), 0);
	assert_int_equal(R.stats.expired, 1);
	assert_int_equal(input(3, piece(5, 65500, 1, 2, 100, 50), &len), 0);
	assert_int_equal(input(3, piece(6, 65500, 1, 2, 100, 50), &len), 1);
	/* One that is behind gives nobody up. */
	assert_int_equal(R.stats.expired, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(in_any_order_the_pieces_make_the_payload, setup),
		cmocka_unit_test_setup(any_payload_survives_shuffling, setup),
		cmocka_unit_test_setup(what_was_never_cut_passes_through, setup),
		cmocka_unit_test_setup(a_payload_is_not_made_of_two_flows, setup),
		cmocka_unit_test_setup(duplicates_change_nothing, setup),
		cmocka_unit_test_setup(pieces_that_do_not_fit_are_dropped, setup),
		cmocka_unit_test_setup(a_last_piece_that_came_first_must_fit_too, setup),
		cmocka_unit_test_setup(what_stays_incomplete_is_given_up_in_time, setup),
		cmocka_unit_test_setup(the_oldest_makes_room_for_the_newest, setup),
		cmocka_unit_test_setup(numbers_that_come_around_do_not_mix_payloads, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
