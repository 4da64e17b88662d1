/*
 * Any bytes as the plain text of an offer: what is accepted keeps its limits and reads back the same.
 *
 * covers: src/core/meet/meet_seal.c: meet_offer_decode meet_offer_encode read_cand write_cand
 */
#include "fuzz.h"

#include <string.h>

#include "core/meet/meet_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t plain[MEET_PLAIN_MAX];
	struct meet_offer o, again;
	int len;

	if (meet_offer_decode(data, size, &o) != 0)
		return 0;
	FUZZ_CHECK(o.n_cands <= MEET_CANDS_MAX && o.extra_len <= MEET_EXTRA_MAX);
	FUZZ_CHECK(strlen(o.ufrag) <= MEET_UFRAG_MAX && strlen(o.pwd) <= MEET_PWD_MAX);
	for (size_t i = 0; i < o.n_cands; i++)
		FUZZ_CHECK(o.cands[i].addr.family == ADIT_FAMILY_V4 || o.cands[i].addr.family == ADIT_FAMILY_V6);
	len = meet_offer_encode(&o, plain);
	FUZZ_CHECK(len > 0 && (size_t)len <= size);
	FUZZ_CHECK(memcmp(plain, data, (size_t)len) == 0);
	FUZZ_CHECK(meet_offer_decode(plain, (size_t)len, &again) == 0 && again.stamp == o.stamp);
	return 0;
}
