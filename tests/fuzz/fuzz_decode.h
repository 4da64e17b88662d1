/* Several decoders of messages that say their own length: the input's first byte says which one reads the rest. */
#ifndef ADIT_FUZZ_DECODE_H
#define ADIT_FUZZ_DECODE_H

#include <string.h>

#include "base/err.h"
#include "fuzz.h"

/* Returns how many bytes the message has, ADIT_EAGAIN while more are needed, or another code. */
typedef int fuzz_decode_fn(const uint8_t *data, size_t len);

/* At the end of memory of its own, so that reading on is noticed. The middle of a long one is like its beginning. */
static inline void fuzz_decode_beginnings(fuzz_decode_fn *decode, const uint8_t *data, size_t end)
{
	for (size_t len = 0; len < end; len++) {
		uint8_t *exact;

		if (len > 128 && len + 16 < end)
			continue;
		exact = malloc(len + 1);
		memcpy(exact + 1, data, len);
		FUZZ_CHECK(decode(exact + 1, len) == ADIT_EAGAIN);
		free(exact);
	}
}

/* Every beginning of a good message must ask for more. */
static inline void fuzz_decode(fuzz_decode_fn *const *decoders, size_t n_decoders, const uint8_t *data, size_t size)
{
	fuzz_decode_fn *decode;
	int n;

	if (size == 0)
		return;
	decode = decoders[data[0] % n_decoders];
	n = decode(data + 1, size - 1);
	if (n > 0)
		fuzz_decode_beginnings(decode, data + 1, (size_t)n);
	else if (n == ADIT_EAGAIN)
		fuzz_decode_beginnings(decode, data + 1, size - 1);
}

#endif
