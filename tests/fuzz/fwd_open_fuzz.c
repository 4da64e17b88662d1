/*
 * The first byte says whether the rest is a stream header or its answer. What is read is written again as the same
 * bytes; a beginning of a good one asks for more.
 *
 * covers: src/core/fwd/fwd_open.c
 */
#include "fuzz_decode.h"

#include "base/bytes.h"
#include "core/fwd/fwd_open.h"

static uint8_t AGAIN[FWD_OPEN_MAX];

static void named(const struct fwd_open *o)
{
	char name[FWD_NAME_MAX + 1];
	char again[FWD_NAME_MAX + 1];
	struct fwd_open back;
	int n;

	if (!fwd_open_service(o, name))
		return;
	n = fwd_open_encode_early(name, AGAIN, sizeof(AGAIN));
	FUZZ_CHECK(n > 0 && fwd_open_decode(AGAIN, (size_t)n, &back) == n);
	FUZZ_CHECK(fwd_open_service(&back, again) && strcmp(name, again) == 0);
}

static int open_header(const uint8_t *data, size_t len)
{
	struct fwd_open o;
	int n = fwd_open_decode(data, len, &o);

	if (n <= 0)
		return n;
	FUZZ_CHECK(fwd_open_encode(&o, AGAIN, sizeof(AGAIN)) == n && memcmp(AGAIN, data, (size_t)n) == 0);
	FUZZ_CHECK(fwd_open_encode(&o, AGAIN, (size_t)n - 1) == ADIT_EFULL);
	named(&o);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static fuzz_decode_fn *const decoders[] = {open_header, answer, codes};

	fuzz_decode(decoders, ARRAY_LEN(decoders), data, size);
	return 0;
}
