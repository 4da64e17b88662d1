/*
 * Any text as an identity line. What is read is written again, and that line reads the same.
 *
 * covers: src/core/trust/trust_idline.c
 * planted: src/core/trust/trust_idline.c: while (line->len > 0 && !is_between -> while (!is_between
 */
#include "fuzz.h"

#include <string.h>

#include "core/trust/trust_idline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trust_idline id;
	struct trust_idline again;
	const char *reason = NULL;
	char line[TRUST_IDLINE_TEXT_MAX + 1];
	size_t len;
	int err = trust_idline_parse((const char *)data, size, &id, &reason);

	FUZZ_CHECK(err == 0 || err == ADIT_EIGNORED || reason);
	if (err < 0)
		return 0;
	len = trust_idline_format(&id, line);
	FUZZ_CHECK(len <= TRUST_IDLINE_TEXT_MAX && line[len] == '\0');
	FUZZ_CHECK(trust_idline_parse(line, len, &again, &reason) == 0);
	FUZZ_CHECK(memcmp(id.key, again.key, sizeof(id.key)) == 0 && id.n_services == again.n_services);
	for (size_t i = 0; i < id.n_services; i++) {
		FUZZ_CHECK(strcmp(id.services[i], again.services[i]) == 0);
		FUZZ_CHECK(trust_idline_has_service(&again, id.services[i]));
	}
	trust_idline_has_service(&id, "web");
	return 0;
}
