/*
 * The first byte says whether the rest is a stream header or its answer. What is read is written again as the same
 * bytes; a beginning of a good one asks for more.
 *
 * covers: src/core/fwd/fwd_open.c
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/fwd/fwd_open.h"

/* Returns how many bytes it was, EAGAIN, or EPROTO. */
typedef int decode_fn(const uint8_t *data, size_t len);

static uint8_t AGAIN[FWD_OPEN_MAX];

static int open_header(const uint8_t *data, size_t len)
{
	struct fwd_open o;
	int n = fwd_open_decode(data, len, &o);

	if (n <= 0)
		return n;
	FUZZ_CHECK(fwd_open_encode(&o, AGAIN, sizeof(AGAIN)) == n && memcmp(AGAIN, data, (size_t)n) == 0);
	FUZZ_CHECK(fwd_open_encode(&o, AGAIN, (size_t)n - 1) == ADIT_EFULL);
	return n;
}

static int answer(const uint8_t *data, size_t len)
{
	struct fwd_opened o;
	int n = fwd_opened_decode(data, len, &o);

	if (n <= 0)
		return n;
	FUZZ_CHECK(fwd_opened_encode(&o, AGAIN, sizeof(AGAIN)) == n && memcmp(AGAIN, data, (size_t)n) == 0);
	return n;
}

/* Codes come from the wire, too. */
static int codes(const uint8_t *data, size_t len)
{
	struct adit_rd r = adit_rd_over(data, len);
	uint64_t code = adit_rd_varint(&r);

	FUZZ_CHECK(fwd_stream_text(code)[0] != '\0' && fwd_close_text(code)[0] != '\0');
	return ADIT_EPROTO;
}

/* At the end of memory of its own, so that reading on is noticed. The middle of a long one is like its beginning. */
static void check_beginnings(decode_fn *decode, const uint8_t *data, size_t end)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static decode_fn *const decoders[] = {open_header, answer, codes};
	decode_fn *decode;
	int n;

	if (size == 0)
		return 0;
	decode = decoders[data[0] % 3];
	n = decode(data + 1, size - 1);
	if (n > 0)
		check_beginnings(decode, data + 1, (size_t)n);
	else if (n == ADIT_EAGAIN)
		check_beginnings(decode, data + 1, size - 1);
	return 0;
}
