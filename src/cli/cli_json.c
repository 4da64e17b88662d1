#include "cli/cli_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"

#define JSON_START 256 /* bytes of the first buffer */

void cli_json_init(struct cli_json *j)
{
	*j = (struct cli_json){0};
}

void cli_json_done(struct cli_json *j)
{
	if (!j)
		return;
	free(j->buf);
	*j = (struct cli_json){0};
}

static void put(struct cli_json *j, const char *s, size_t len)
{
	if (j->bad)
		return;
	if (j->cap - j->len <= len) {
		size_t cap = j->cap > 0 ? j->cap : JSON_START;
		char *buf;

		while (cap - j->len <= len)
			cap *= 2;
		buf = realloc(j->buf, cap);
		if (!buf) {
			j->bad = true;
			return;
		}
		j->buf = buf;
		j->cap = cap;
	}
	memcpy(j->buf + j->len, s, len);
	j->len += len;
	j->buf[j->len] = '\0';
}

static void put_text(struct cli_json *j, const char *s)
{
	put(j, s, strlen(s));
}

static void put_unicode(struct cli_json *j, uint32_t cp)
{
	char esc[8];

	put(j, esc, (size_t)snprintf(esc, sizeof(esc), "\\u%04x", (unsigned)(cp & 0xffff)));
}

static void put_string(struct cli_json *j, const char *s, size_t len)
{
	put_text(j, "\"");
	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = cli_text_next(s + i, len - i, &cp);

		if (cp == '"' || cp == '\\') {
			put_text(j, "\\");
			put(j, s + i, 1);
		} else if (cp == '\n') {
			put_text(j, "\\n");
		} else if (cp == '\t') {
			put_text(j, "\\t");
		} else if (cp == CLI_TEXT_BAD) {
			put_unicode(j, 0xfffd);
		} else if (cli_text_is_unsafe(cp)) {
			put_unicode(j, cp); /* all of them lie in the first plane: no surrogates needed */
		} else {
			put(j, s + i, n);
		}
		i += n;
	}
	put_text(j, "\"");
}

/* What stands before a value: a comma behind a neighbour, the key in an object. */
static void begin(struct cli_json *j, const char *key)
{
	if (j->comma)
		put_text(j, ",");
	if (key) {
		put_string(j, key, strlen(key));
		put_text(j, ":");
	}
	j->comma = true;
}

void cli_json_object(struct cli_json *j, const char *key)
{
	begin(j, key);
	put_text(j, "{");
	j->comma = false;
}

void cli_json_object_end(struct cli_json *j)
{
	put_text(j, "}");
	j->comma = true;
}

void cli_json_array(struct cli_json *j, const char *key)
{
	begin(j, key);
	put_text(j, "[");
	j->comma = false;
}

void cli_json_array_end(struct cli_json *j)
{
	put_text(j, "]");
	j->comma = true;
}

void cli_json_strn(struct cli_json *j, const char *key, const char *s, size_t len)
{
	begin(j, key);
	put_string(j, s, len);
}

void cli_json_str(struct cli_json *j, const char *key, const char *s)
{
	if (s)
		cli_json_strn(j, key, s, strlen(s));
	else
		cli_json_null(j, key);
}

void cli_json_int(struct cli_json *j, const char *key, int64_t v)
{
	char num[24];

	begin(j, key);
	put(j, num, (size_t)snprintf(num, sizeof(num), "%" PRId64, v));
}

void cli_json_uint(struct cli_json *j, const char *key, uint64_t v)
{
	char num[24];

	begin(j, key);
	put(j, num, (size_t)snprintf(num, sizeof(num), "%" PRIu64, v));
}

void cli_json_milli(struct cli_json *j, const char *key, double v)
{
	char num[352]; /* the largest double has 309 digits before the point */

	if (!isfinite(v)) {
		cli_json_null(j, key); /* RFC 8259 6 has no infinity */
		return;
	}
	begin(j, key);
	put(j, num, (size_t)snprintf(num, sizeof(num), "%.3f", v));
}

void cli_json_bool(struct cli_json *j, const char *key, bool v)
{
	begin(j, key);
	put_text(j, v ? "true" : "false");
}

void cli_json_null(struct cli_json *j, const char *key)
{
	begin(j, key);
	put_text(j, "null");
}

const char *cli_json_text(const struct cli_json *j)
{
	return j->bad ? NULL : j->buf;
}
