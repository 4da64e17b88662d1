/*
 * Any bytes as text for a terminal and in JSON, as durations and numbers. Nothing that a terminal obeys comes out, and
 * safe text stays as it is.
 *
 * covers: src/cli/cli_text.c: cli_text_next cli_text_is_unsafe cli_text_safe cli_text_fit cli_text_duration
 * cli_text_offset cli_text_number unit_seconds cli_text_span covers: src/cli/cli_json.c: put put_text put_unicode
 * put_string begin cli_json_strn planted: src/cli/cli_text.c: if (n == 0 || n > len) -> if (n == 0)
 */
#include "fuzz.h"

#include <string.h>

#include "cli/cli_json.h"
#include "cli/cli_text.h"

static void check_safe(const char *src, size_t len, size_t cap)
{
	char *once = malloc(cap);
	char *twice = malloc(cap);
	size_t n = cli_text_safe(once, cap, src, len);
	uint32_t cp;

	FUZZ_CHECK(n < cap && strlen(once) == n);
	for (size_t i = 0; i < n;) {
		i += cli_text_next(once + i, n - i, &cp);
		FUZZ_CHECK(!cli_text_is_unsafe(cp));
	}
	FUZZ_CHECK(cli_text_safe(twice, cap, once, n) == n && strcmp(once, twice) == 0);
	FUZZ_CHECK(cli_text_fit(once, 7) <= n);
	free(once);
	free(twice);
}

/* A string of JSON without escapes of its own: printable, and its quotes are where they belong. */
static void check_json(const char *src, size_t len)
{
	struct cli_json j;
	const char *text;
	size_t n;

	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_strn(&j, "key", src, len);
	cli_json_object_end(&j);
	text = cli_json_text(&j);
	FUZZ_CHECK(text);
	n = strlen(text);
	FUZZ_CHECK(strncmp(text, "{\"key\":\"", 8) == 0 && strcmp(text + n - 2, "\"}") == 0);
	for (size_t i = 8; i < n - 2; i++) {
		FUZZ_CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f && text[i] != '"');
		if (text[i] == '\\')
			i++;
		FUZZ_CHECK(i < n - 2);
	}
	cli_json_done(&j);
}

static void check_numbers(const char *text)
{
	char span[CLI_TEXT_SPAN_LEN];
	unsigned long v;
	int64_t offset;
	adit_dur d;

	if (cli_text_duration(text, ADIT_SEC(1000000), &d) == 0) {
		FUZZ_CHECK(d <= ADIT_SEC(1000000));
		FUZZ_CHECK(strlen(cli_text_span(d, span)) > 0);
	}
	if (cli_text_offset(text, ADIT_SEC(1000), &offset) == 0)
		FUZZ_CHECK(offset >= -(int64_t)ADIT_SEC(1000) && offset <= (int64_t)ADIT_SEC(1000));
	if (cli_text_number(text, 3, 70000, &v) == 0)
		FUZZ_CHECK(v >= 3 && v <= 70000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *src = (const char *)data;
	char *text = malloc(size + 1);

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_safe(src, size, 1);
	check_safe(src, size, 9);
	check_safe(src, size, 6 * size + 1);
	check_json(src, size);
	check_numbers(text);
	free(text);
	return 0;
}
