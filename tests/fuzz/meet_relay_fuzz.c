/*
 * Any bytes as the plain text of a loan: what is accepted keeps its limits and reads back the same.
 *
 * covers: src/core/meet/meet_relay.c: meet_relay_decode meet_relay_encode
 */
#include "fuzz.h"

#include <string.h>

#include "core/meet/meet_relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t plain[MEET_RELAY_PLAIN_MAX];
	struct meet_relay r;
	int len;

	if (meet_relay_decode(data, size, &r) != 0)
		return 0;
	FUZZ_CHECK(r.n_uris >= 1 && r.n_uris <= MEET_RELAY_URIS);
	FUZZ_CHECK(strlen(r.user) <= MEET_RELAY_USER_MAX && strlen(r.pass) <= MEET_RELAY_PASS_MAX);
	for (unsigned i = 0; i < r.n_uris; i++)
		for (const char *p = r.uris[i]; *p; p++)
			FUZZ_CHECK(*p > ' ' && *p <= '~');
	len = meet_relay_encode(&r, plain);
	FUZZ_CHECK(len > 0 && (size_t)len <= size && memcmp(plain, data, (size_t)len) == 0);
	return 0;
}
