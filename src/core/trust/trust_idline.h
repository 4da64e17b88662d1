/*
 * One identity as a line of text: what `adit id` prints and what `serve --allow FILE` holds.
 *
 *	ed25519 BASE32 comment [services]
 *
 * The comment is one word. Services are names with commas or blanks between them, in square brackets or not; without
 * them the key may use all. A comment must stand before services: a bracket in its place is refused, so that
 * a forgotten comment does not turn the list into one.
 */
#ifndef ADIT_TRUST_IDLINE_H
#define ADIT_TRUST_IDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/trust/trust_limits.h"

struct trust_idline {
	uint8_t key[TRUST_KEY_LEN];
	char comment[TRUST_COMMENT_MAX + 1]; /* terminal-safe, no blanks; may be empty */
	size_t n_services; /* 0: all */
	char services[TRUST_IDLINE_SERVICES_MAX][TRUST_NAME_MAX + 1];
};

/* Writes the line and a NUL, without line feed. Blanks and what a terminal should not see become '-' or '?'. */
size_t trust_idline_format(const struct trust_idline *id, char ret_text[TRUST_IDLINE_TEXT_MAX + 1]);

/*
 * One line of |len| bytes, with or without its line end. 0; EIGNORED: blank or a '#' comment; EINVAL or EFULL with
 * what is wrong in |ret_reason| (static; never NULL then). |ret_id| is undefined on failure.
 */
ADIT_MUST_CHECK int trust_idline_parse(const char *line, size_t len, struct trust_idline *ret_id,
				       const char **ret_reason);

/* May this key use |service|? */
bool trust_idline_has_service(const struct trust_idline *id, const char *service);

#endif
