#include "test.h"

#include <string.h>

#include "quic/quic_frames.h"

/* One of each frame (RFC 9000 19, RFC 9221 4), then a STREAM frame: 4 bytes at offset 300 of stream 8. */
static const uint8_t before[] = {
	0x00, 0x00, /* PADDING */
	0x01, /* PING */
	0x02, 0x40, 0x80, 0x05, 0x02, 0x03, 0x01, 0x01, 0x02, 0x02, /* ACK, two more ranges */
	0x03, 0x10, 0x05, 0x00, 0x03, 0x01, 0x02, 0x03, /* ACK_ECN */
	0x04, 0x08, 0x01, 0x02, /* RESET_STREAM */
	0x05, 0x08, 0x01, /* STOP_SENDING */
	0x06, 0x00, 0x02, 0xaa, 0xbb, /* CRYPTO */
	0x07, 0x01, 0xcc, /* NEW_TOKEN */
	0x10, 0x44, 0x00, /* MAX_DATA */
	0x11, 0x08, 0x44, 0x00, /* MAX_STREAM_DATA */
	0x12, 0x10, 0x13, 0x10, /* MAX_STREAMS */
	0x14, 0x01, 0x15, 0x08, 0x01, 0x16, 0x01, 0x17, 0x01, /* BLOCKED */
	0x18, 0x01, 0x00, 0x04, 1,    2,    3,    4,    0,    1,    2, 3, 4, 5, 6, 7, 8, 9, 10,
	11,   12,   13,   14,   15, /* NEW_CONNECTION_ID */
	0x19, 0x01, /* RETIRE_CONNECTION_ID */
	0x1a, 1,    2,    3,    4,    5,    6,    7,    8,    0x1b, 1, 2, 3, 4, 5, 6, 7, 8, /* PATH_CHALLENGE,
											       PATH_RESPONSE */
	0x1e, /* HANDSHAKE_DONE */
	0x31, 0x02, 0x0f, 0x0f, /* DATAGRAM with length */
};
static const uint8_t stream[] = {0x0f, 0x08, 0x41, 0x2c, 0x04, 'a', 'b', 'c', 'd'};

static void a_stream_frame_is_found_after_any_other(void **state)
{
	uint8_t buf[sizeof(before) + sizeof(stream)];
	struct adit_rd r;
	struct quic_frame f;

	(void)state;
	memcpy(buf, before, sizeof(before));
	memcpy(buf + sizeof(before), stream, sizeof(stream));
	r = adit_rd_over(buf, sizeof(buf));
	assert_true(quic_frames_next(&r, &f));
	assert_int_equal(f.stream, 8);
	assert_int_equal(f.from, 300);
	assert_int_equal(f.to, 304);
	assert_false(quic_frames_next(&r, &f));
	assert_false(r.bad);
}

static void no_truncation_is_read_beyond(void **state)
{
	uint8_t buf[sizeof(before) + sizeof(stream)];
	struct quic_frame f;

	(void)state;
	memcpy(buf, before, sizeof(before));
	memcpy(buf + sizeof(before), stream, sizeof(stream));
	for (size_t len = 0; len < sizeof(buf); len++) {
		struct adit_rd r = adit_rd_over(buf, len);

		assert_false(quic_frames_next(&r, &f));
	}
}

static void all_forms_of_a_stream_frame_are_read(void **state)
{
	static const struct {
		size_t len;
		uint8_t wire[8];
		uint64_t from, to;
	} cases[] = {
		{4, {0x08, 0x04, 'x', 'y'}, 0, 2},   {5, {0x09, 0x04, 'x', 'y', 'z'}, 0, 3},
		{4, {0x0a, 0x04, 0x01, 'x'}, 0, 1},  {5, {0x0c, 0x04, 0x09, 'x', 'y'}, 9, 11},
		{4, {0x0f, 0x04, 0x09, 0x00}, 9, 9},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct adit_rd r = adit_rd_over(cases[i].wire, cases[i].len);
		struct quic_frame f;

		assert_true(quic_frames_next(&r, &f));
		assert_int_equal(f.stream, 4);
		assert_int_equal(f.from, cases[i].from);
		assert_int_equal(f.to, cases[i].to);
	}
}

static void what_is_no_frame_ends_the_walk(void **state)
{
	static const uint8_t buf[] = {0x3f, 0x0f, 0x08, 0x00, 0x00};
	struct adit_rd r = adit_rd_over(buf, sizeof(buf));
	struct quic_frame f;

	(void)state;
	assert_false(quic_frames_next(&r, &f));
}

static void probing_packets_are_told_from_others(void **state)
{
	static const uint8_t probing[] = {0x1a, 1, 2, 3, 4, 5, 6,    7,  8,  0x00, 0x00, 0x1b, 1, 2,
					  3,    4, 5, 6, 7, 8, 0x18, 1,  0,  1,    9,    0,    1, 2,
					  3,    4, 5, 6, 7, 8, 9,    10, 11, 12,   13,   14,   15};
	uint8_t buf[sizeof(probing) + 1];

	(void)state;
	assert_true(quic_frames_are_probing(probing, sizeof(probing)));
	assert_false(quic_frames_are_probing(probing, sizeof(probing) - 1));
	memcpy(buf, probing, sizeof(probing));
	buf[sizeof(probing)] = 0x01;
	assert_false(quic_frames_are_probing(buf, sizeof(buf)));
	assert_false(quic_frames_are_probing(stream, sizeof(stream)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_frame_is_found_after_any_other),
		cmocka_unit_test(no_truncation_is_read_beyond),
		cmocka_unit_test(all_forms_of_a_stream_frame_are_read),
		cmocka_unit_test(what_is_no_frame_ends_the_walk),
		cmocka_unit_test(probing_packets_are_told_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
