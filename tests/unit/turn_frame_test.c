#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/turn/turn_frame.h"

/* Three bytes on a channel (and their padding), a Binding request, an empty ChannelData. */
static const uint8_t stream[] = "\x40\x01\x00\x03"
				"abc\0"
				"\x00\x01\x00\x00\x21\x12\xa4\x42"
				"twelve bytes"
				"\x4f\xff\x00\x00";
#define STREAM_LEN (sizeof(stream) - 1)

static void put(struct turn_frame *f, const void *data, size_t len)
{
	size_t room;
	uint8_t *to = turn_frame_room(f, &room);

	assert_true(room >= len);
	memcpy(to, data, len);
	turn_frame_filled(f, len);
}

static void want_frames(struct turn_frame *f, const char *const *want, const size_t *len, size_t n)
{
	const uint8_t *data;
	size_t got;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(turn_frame_next(f, &data, &got), 1);
		assert_int_equal(got, len[i]);
		assert_memory_equal(data, want[i], got);
	}
	assert_int_equal(turn_frame_next(f, &data, &got), 0);
}

static void messages_and_channel_data_come_out_whole_and_without_padding(void **state)
{
	const char *want[] = {(const char *)stream, (const char *)stream + 8, (const char *)stream + 28};
	const size_t len[] = {7, 20, 4};
	uint8_t buf[64];
	struct turn_frame f;

	(void)state;
	turn_frame_init(&f, buf, sizeof(buf));
	put(&f, stream, STREAM_LEN);
	want_frames(&f, want, len, 3);
}

static void every_cut_of_the_stream_gives_the_same_frames(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= STREAM_LEN; cut++) {
		uint8_t buf[32]; /* the stream's 32 bytes fit but for what is left over */
		struct turn_frame f;
		const uint8_t *data;
		size_t n = 0;
		size_t len;

		turn_frame_init(&f, buf, sizeof(buf));
		put(&f, stream, cut);
		while (turn_frame_next(&f, &data, &len) == 1)
			n += len;
		put(&f, stream + cut, STREAM_LEN - cut);
		while (turn_frame_next(&f, &data, &len) == 1)
			n += len;
		assert_int_equal(n, 7 + 20 + 4);
		assert_false(f.bad);
	}
}

static void byte_by_byte_nothing_is_lost(void **state)
{
	uint8_t buf[20];
	struct turn_frame f;
	const uint8_t *data;
	unsigned frames = 0;
	size_t len;

	(void)state;
	turn_frame_init(&f, buf, sizeof(buf));
	for (size_t i = 0; i < STREAM_LEN; i++) {
		put(&f, stream + i, 1);
		while (turn_frame_next(&f, &data, &len) == 1)
			frames++;
	}
	assert_int_equal(frames, 3);
}

static void what_begins_no_frame_ends_the_stream_for_good(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {{"\x50\x00\x00\x00", 4},
		   {"\x80", 1},
		   {"\x04\x01\x00\x00", 4},
		   {"GET / HTTP/1.1", 14},
		   {"\x00\x01\x00\x00\x21\x12\xa4\x43", 8},
		   {"\x00\x01\x00\x01\x21\x12\xa4\x42", 8}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t buf[64];
		struct turn_frame f;
		const uint8_t *data;
		size_t len;

		turn_frame_init(&f, buf, sizeof(buf));
		put(&f, bad[i].bytes, bad[i].len);
		assert_int_equal(turn_frame_next(&f, &data, &len), ADIT_EPROTO);
		put(&f, stream, STREAM_LEN);
		assert_int_equal(turn_frame_next(&f, &data, &len), ADIT_EPROTO);
	}
}

static void a_frame_longer_than_the_buffer_ends_the_stream(void **state)
{
	uint8_t buf[16];
	struct turn_frame f;
	const uint8_t *data;
	size_t len;

	(void)state;
	turn_frame_init(&f, buf, sizeof(buf));
	put(&f, "\x40\x00\x00\x0d", 4);
	assert_int_equal(turn_frame_next(&f, &data, &len), ADIT_EPROTO);
	turn_frame_init(&f, buf, sizeof(buf));
	put(&f, "\x40\x00\x00\x0c", 4);
	assert_int_equal(turn_frame_next(&f, &data, &len), 0);
}

static void the_longest_frames_there_are_fit_the_limit(void **state)
{
	static uint8_t buf[TURN_FRAME_MAX];
	struct turn_frame f;
	const uint8_t *data;
	size_t len;
	size_t room;

	(void)state;
	turn_frame_init(&f, buf, sizeof(buf));
	put(&f, "\x40\x00\xff\xff", 4);
	turn_frame_room(&f, &room);
	turn_frame_filled(&f, 65536);
	assert_int_equal(turn_frame_next(&f, &data, &len), 1);
	assert_int_equal(len, 65539);
	put(&f, "\x00\x01\xff\xfc\x21\x12\xa4\x42", 8);
	turn_frame_room(&f, &room);
	turn_frame_filled(&f, 12 + 65532);
	assert_int_equal(turn_frame_next(&f, &data, &len), 1);
	assert_int_equal(len, 20 + 65532);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_and_channel_data_come_out_whole_and_without_padding),
		cmocka_unit_test(every_cut_of_the_stream_gives_the_same_frames),
		cmocka_unit_test(byte_by_byte_nothing_is_lost),
		cmocka_unit_test(what_begins_no_frame_ends_the_stream_for_good),
		cmocka_unit_test(a_frame_longer_than_the_buffer_ends_the_stream),
		cmocka_unit_test(the_longest_frames_there_are_fit_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
