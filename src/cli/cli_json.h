/*
 * Writes one JSON value (RFC 8259) into a growing buffer. Keys are given with each value inside an object and are
 * NULL inside an array and at the top. Strings may be any bytes: what is no UTF-8 becomes U+FFFD, and what a terminal
 * would obey is escaped, so that a line of output can be looked at safely.
 * Running out of memory makes |bad|, and the text then is NULL.
 */
#ifndef ADIT_CLI_JSON_H
#define ADIT_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_json {
	char *buf;
	size_t len;
	size_t cap;
	bool comma; /* a value was written at this depth */
	bool bad;
};

void cli_json_init(struct cli_json *j);
void cli_json_done(struct cli_json *j);

void cli_json_object(struct cli_json *j, const char *key);
void cli_json_object_end(struct cli_json *j);
void cli_json_array(struct cli_json *j, const char *key);
void cli_json_array_end(struct cli_json *j);
void cli_json_str(struct cli_json *j, const char *key, const char *s); /* NULL gives null */
void cli_json_strn(struct cli_json *j, const char *key, const char *s, size_t len);
void cli_json_int(struct cli_json *j, const char *key, int64_t v);
void cli_json_uint(struct cli_json *j, const char *key, uint64_t v);
/* |v| with three digits after the point. */
void cli_json_milli(struct cli_json *j, const char *key, double v);
void cli_json_bool(struct cli_json *j, const char *key, bool v);
void cli_json_null(struct cli_json *j, const char *key);

/* The text so far with a NUL; good until the next call. NULL where memory ran out. */
const char *cli_json_text(const struct cli_json *j);

#endif
