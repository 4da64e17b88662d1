/*
 * Names from people and text from peers: what goes to a terminal is valid UTF-8 without control characters, and safe
 * text stays as it is. The first byte says how large the buffer is.
 *
 * covers: src/core/trust/trust_name.c
 * planted: src/core/trust/trust_name.c: if (n == 0 || n > len) -> if (n == 0 || n > len + 3)
 */
#include "fuzz.h"

#include <string.h>

#include "core/trust/trust_name.h"

static void suggest(const char *name)
{
	static const char *const names[] = {"home", "web-server", "", "a-name-of-thirty-two-characters-",
					    "a-name-that-is-longer-than-thirty-two-characters"};
	const char *found = trust_name_suggest(name, names, sizeof(names) / sizeof(names[0]));

	FUZZ_CHECK(!found || strlen(found) <= TRUST_NAME_MAX);
	found = trust_name_suggest(name, &name, 1);
	FUZZ_CHECK(!found || strcmp(found, name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cap = size > 0 ? 1u + data[0] : 1;
	const char *text = (const char *)data + (size > 0);
	size_t len = size - (size > 0);
	char *safe = malloc(cap);
	char *again = malloc(cap);
	size_t n = trust_text_safe(text, len, safe, cap);

	FUZZ_CHECK(n < cap && safe[n] == '\0' && strlen(safe) == n);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK((unsigned char)safe[i] >= ' ' && safe[i] != 0x7f);
	FUZZ_CHECK(trust_text_safe(safe, n, again, cap) == n && memcmp(safe, again, n) == 0);
	if (trust_name_is_valid(text, len))
		FUZZ_CHECK(trust_name_is_host(text, len) && len <= TRUST_NAME_MAX);
	suggest(safe);
	free(safe);
	free(again);
	return 0;
}
