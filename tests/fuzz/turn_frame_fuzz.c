/*
 * A byte stream in pieces of every size: whole frames come out, each a STUN message or ChannelData within the buffer,
 * the same ones whatever the pieces are; after a broken one nothing more.
 *
 * planted: src/core/turn/turn_frame.c: have < TURN_CHANNEL_HEADER_LEN -> have < 1
 */
#include "fuzz.h"

#include <string.h>

#include "core/turn/turn_frame.h"

#define CAP_MAX 63 /* odd: a frame may begin at its very end */

/* A sum over all frames, for comparing. */
static uint64_t run(const uint8_t *data, size_t size, size_t piece)
{
	size_t cap = size < CAP_MAX ? size : CAP_MAX; /* exactly: what lies behind the data is not ours */
	uint8_t *buf = malloc(cap);
	struct turn_frame f;
	uint64_t sum = 0;
	int n = 0;

	FUZZ_CHECK(buf);
	turn_frame_init(&f, buf, cap);
	while (size > 0 && n >= 0) {
		const uint8_t *frame;
		size_t room;
		uint8_t *to = turn_frame_room(&f, &room);
		size_t take = piece < size ? piece : size;
		size_t len;

		FUZZ_CHECK(room > 0 && to + room == buf + cap);
		take = take < room ? take : room;
		memcpy(to, data, take);
		turn_frame_filled(&f, take);
		data += take;
		size -= take;
		while ((n = turn_frame_next(&f, &frame, &len)) == 1) {
			FUZZ_CHECK(len >= TURN_CHANNEL_HEADER_LEN && frame >= buf);
			fuzz_touch(frame, len);
			FUZZ_CHECK(frame + len <= buf + cap && (frame[0] <= 3 || frame[0] >> 4 == 4));
			for (size_t i = 0; i < len; i++)
				sum = sum * 31 + frame[i] + 1;
		}
	}
	free(buf);
	return n < 0 ? sum + 1 : sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole;

	if (size == 0)
		return 0;
	whole = run(data, size, CAP_MAX);
	FUZZ_CHECK(run(data, size, 1) == whole);
	FUZZ_CHECK(run(data, size, 7) == whole);
	return 0;
}
