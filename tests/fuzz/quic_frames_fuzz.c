/*
 * Any bytes as the frames of a decrypted packet. Each frame found lies behind the one before, and its bytes are there.
 *
 * covers: src/quic/quic_frames.c
 */
#include "fuzz.h"

#include "quic/quic_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size);
	struct quic_frame f;
	size_t at = 0;

	(void)quic_frames_are_probing(data, size);
	while (quic_frames_next(&r, &f)) {
		FUZZ_CHECK(r.pos > at && r.pos <= size);
		FUZZ_CHECK(f.to >= f.from && f.to - f.from <= r.pos - at);
		fuzz_touch(data + at, r.pos - at);
		at = r.pos;
	}
	return 0;
}
