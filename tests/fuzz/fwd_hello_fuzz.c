/*
 * The first byte says whether the rest is a hello or a welcome. What is read is written again as the same bytes; a
 * beginning of a good message asks for more, and nothing else.
 *
 * covers: src/core/fwd/fwd_hello.c src/core/fwd/fwd_tlv.c
 */
#include "fuzz_decode.h"

#include "base/bytes.h"
#include "core/fwd/fwd_hello.h"
#include "core/fwd/fwd_tlv.h"

static struct fwd_service SERVICES[FWD_SERVICES_MAX];
static uint8_t AGAIN[FWD_WELCOME_MAX];

static int hello(const uint8_t *data, size_t len)
{
	struct fwd_hello h;
	int n = fwd_hello_decode(data, len, &h);

	if (n <= 0)
		return n;
	FUZZ_CHECK(fwd_hello_encode(&h, AGAIN, sizeof(AGAIN)) == n && memcmp(AGAIN, data, (size_t)n) == 0);
	FUZZ_CHECK(fwd_hello_encode(&h, AGAIN, (size_t)n - 1) == ADIT_EFULL);
	FUZZ_CHECK(fwd_hello_version(&h) <= h.version_max);
	return n;
}

static int welcome(const uint8_t *data, size_t len)
{
	struct fwd_welcome m;
	int n = fwd_welcome_decode(data, len, SERVICES, len % 7 ? FWD_SERVICES_MAX : 2, &m);
	int again;

	if (n <= 0)
		return n == ADIT_EFULL ? ADIT_EPROTO : n;
	again = fwd_welcome_encode(&m, AGAIN, sizeof(AGAIN));
	/* Services of unknown kinds are left out. */
	FUZZ_CHECK(again > 0 && again <= n);
	FUZZ_CHECK(again < n || memcmp(AGAIN, data, (size_t)n) == 0);
	FUZZ_CHECK(fwd_status_text(m.status)[0] != '\0');
	FUZZ_CHECK(m.status == FWD_STATUS_OK || m.n_services == 0);
	return n;
}

static int tlvs(const uint8_t *data, size_t len)
{
	struct adit_rd r = adit_rd_over(data, len);
	struct adit_wr w = adit_wr_over(AGAIN, sizeof(AGAIN));
	struct fwd_tlv tlv;

	while (fwd_tlv_next(&r, &tlv))
		fwd_tlv_write(&w, tlv.type, tlv.value, tlv.len);
	FUZZ_CHECK(fwd_tlv_is_list(data, len) == !r.bad);
	FUZZ_CHECK(w.bad || memcmp(AGAIN, data, w.len) == 0);
	return ADIT_EPROTO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static fuzz_decode_fn *const decoders[] = {hello, welcome, tlvs};

	fuzz_decode(decoders, ARRAY_LEN(decoders), data, size);
	return 0;
}
