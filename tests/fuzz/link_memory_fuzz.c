/*
 * Any text as what was learnt of two networks. What is read is written again, and that must read the same.
 *
 * covers: src/link/link_memory.c src/base/words.c
 * planted: src/base/words.c: while (i < n && !adit_word_is( -> while (!adit_word_is(
 */
#include "fuzz.h"

#include <string.h>

#include "link/link_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct link_memory m;
	struct link_memory again;
	char first[LINK_MEMORY_STRLEN];
	char second[LINK_MEMORY_STRLEN];

	memcpy(text, data, size);
	text[size] = '\0';
	if (link_memory_parse(text, &m) == 0) {
		FUZZ_CHECK(link_memory_format(&m, first) > 0 && link_memory_parse(first, &again) == 0);
		FUZZ_CHECK(link_memory_eq(&m, &again));
		FUZZ_CHECK(link_memory_format(&again, second) > 0 && strcmp(first, second) == 0);
		FUZZ_CHECK(m.died == 0 || m.died > m.lived);
	}
	free(text);
	return 0;
}
