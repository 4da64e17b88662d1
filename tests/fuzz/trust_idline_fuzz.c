/*
 * Any text as an identity line, as text for a terminal, and as a mediator's name. What is read is written again, and
 * that must read the same; what is refused has a reason.
 *
 * covers: src/core/trust/trust_idline.c src/core/trust/trust_name.c
 * planted: src/core/trust/trust_idline.c: while (line->len > 0 && is_between( -> while (is_between(
 */
#include "fuzz.h"

#include <string.h>

#include "core/trust/trust_idline.h"
#include "core/trust/trust_name.h"

static void check_line(const char *line, size_t len)
{
	static struct trust_idline id;
	static struct trust_idline back;
	static char text[TRUST_IDLINE_TEXT_MAX + 1];
	const char *reason = NULL;
	int err = trust_idline_parse(line, len, &id, &reason);
	size_t n;

	FUZZ_CHECK(err == 0 || err == ADIT_EIGNORED || reason);
	if (err < 0)
		return;
	n = trust_idline_format(&id, text);
	FUZZ_CHECK(n == strlen(text) && n <= TRUST_IDLINE_TEXT_MAX);
	FUZZ_CHECK(trust_idline_parse(text, n, &back, &reason) == 0);
	FUZZ_CHECK(memcmp(id.key, back.key, sizeof(id.key)) == 0 && strcmp(id.comment, back.comment) == 0);
	FUZZ_CHECK(id.n_services == back.n_services);
	for (size_t i = 0; i < id.n_services; i++) {
		FUZZ_CHECK(strcmp(id.services[i], back.services[i]) == 0);
		FUZZ_CHECK(trust_idline_has_service(&id, id.services[i]));
		FUZZ_CHECK(trust_name_is_valid(id.services[i], strlen(id.services[i])));
	}
	FUZZ_CHECK(trust_idline_has_service(&id, "No Name") == (id.n_services == 0));
}

static void check_safe(const char *src, size_t len, size_t cap)
{
	char *once = malloc(cap);
	char *twice = malloc(cap);
	size_t n = trust_text_safe(src, len, once, cap);

	FUZZ_CHECK(n < cap && n <= len && strlen(once) == n);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK((unsigned char)once[i] >= ' ' && once[i] != 0x7f);
	FUZZ_CHECK(trust_text_safe(once, n, twice, cap) == n && strcmp(once, twice) == 0);
	free(once);
	free(twice);
}

static void check_suggestion(const char *src, size_t len)
{
	static const char *const names[] = {"home", "office", "", "a-name-that-is-as-long-as-it-can", "homer"};
	char name[64];
	const char *found;

	trust_text_safe(src, len, name, sizeof(name));
	found = trust_name_suggest(name, names, sizeof(names) / sizeof(names[0]));
	FUZZ_CHECK(!found || strlen(name) <= TRUST_NAME_MAX);
	FUZZ_CHECK(trust_name_is_host(src, len) <= (len <= TRUST_HINT_MAX));
}

/* One spelling stays as it is. */
static void check_spelling(const char *src, size_t len)
{
	char host[TRUST_HINT_MAX + 1];
	char once[TRUST_HINT_MAX + 1];
	char twice[TRUST_HINT_MAX + 1];

	if (!trust_name_is_host(src, len))
		return;
	memcpy(host, src, len);
	host[len] = '\0';
	trust_name_spell_host(host, once);
	FUZZ_CHECK(strlen(once) <= TRUST_HINT_MAX);
	trust_name_spell_host(once, twice);
	FUZZ_CHECK(strcmp(once, twice) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_line(text, size);
	check_safe(text, size, 1);
	check_safe(text, size, 7);
	check_safe(text, size, size + 1);
	check_suggestion(text, size);
	check_spelling(text, size);
	return 0;
}
