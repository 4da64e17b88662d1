/*
 * Any text as the URI of a TURN server: what is taken can be written and read again as the same, and stays within its
 * strings.
 *
 * planted: src/core/turn/turn_uri.c: memcpy(u->host, p, len); -> memcpy(u->host, p, len + 8);
 */
#include "fuzz.h"

#include <string.h>

#include "core/turn/turn_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char buf[TURN_URI_STRLEN];
	struct turn_uri again;
	struct turn_uri u;

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (turn_uri_parse(text, &u) == 0) {
		FUZZ_CHECK(u.port != 0 && memchr(u.host, 0, sizeof(u.host)) && u.host[0] != '\0');
		FUZZ_CHECK(turn_uri_parse(turn_uri_format(&u, buf), &again) == 0);
		FUZZ_CHECK(again.port == u.port && again.transport == u.transport && strcmp(again.host, u.host) == 0);
		FUZZ_CHECK(adit_addr_eq(&again.addr, &u.addr));
	}
	free(text);
	return 0;
}
