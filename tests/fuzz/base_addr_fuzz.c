/*
 * Any text as an address. What parses is written again, and that must parse to
 * the same value.
 *
 * covers: src/base/addr.c
 * planted: src/base/addr.c: while (*p < end && **p >= '0' -> while (*p < end + 8 && **p >= '0'
 */
#include "fuzz.h"

#include <string.h>

#include "base/addr.h"

static void ask_everything(const struct adit_addr *a)
{
	struct adit_addr other = adit_addr_with_port(*a, 1);
	struct adit_addr same = adit_addr_is_v4(a) ? adit_addr_v4(a->ip[0], a->ip[1], a->ip[2], a->ip[3], a->port)
						   : adit_addr_v6(a->ip, a->port);

	FUZZ_CHECK(adit_addr_eq(a, &same));
	FUZZ_CHECK(adit_addr_eq_ip(a, &other));
	FUZZ_CHECK(!(adit_addr_is_loopback(a) && adit_addr_is_private(a)));
	FUZZ_CHECK(!(adit_addr_is_multicast(a) && adit_addr_is_link_local(a)));
	FUZZ_CHECK(!(adit_addr_is_any(a) && adit_addr_is_multicast(a)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_addr a;
	struct adit_addr again;
	char text[ADIT_ADDR_STRLEN];

	if (adit_addr_parse((const char *)data, size, &a) < 0)
		return 0;
	ask_everything(&a);
	adit_addr_format(&a, text);
	FUZZ_CHECK(adit_addr_parse(text, strlen(text), &again) == 0);
	FUZZ_CHECK(adit_addr_eq(&a, &again));
	return 0;
}
