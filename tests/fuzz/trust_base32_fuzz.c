/*
 * Any text as base32, into a buffer of any size; what is read is written again and must read the same.
 *
 * covers: src/core/trust/trust_base32.c
 * planted: src/core/trust/trust_base32.c: if (n == cap) -> if (n == cap + 8)
 */
#include "fuzz.h"

#include <string.h>

#include "core/trust/trust_base32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cap = size > 0 ? data[0] % 64 : 0;
	const char *text = (const char *)data + (size > 0);
	size_t len = size - (size > 0);
	uint8_t *out = malloc(cap);
	uint8_t again[64];
	char written[TRUST_BASE32_LEN(64) + 1];
	int n = trust_base32_decode(text, len, out, cap);

	if (n >= 0) {
		size_t chars = trust_base32_encode(out, (size_t)n, written);

		FUZZ_CHECK((size_t)n <= cap && chars == TRUST_BASE32_LEN((size_t)n) && written[chars] == '\0');
		FUZZ_CHECK(trust_base32_decode(written, chars, again, sizeof(again)) == n);
		FUZZ_CHECK(n == 0 || memcmp(out, again, (size_t)n) == 0);
	}
	free(out);
	return 0;
}
