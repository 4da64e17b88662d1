/*
 * The lines of a session description that ICE needs (RFC 8839 5, RFC 8840 8), one at a time, and the credentials that
 * stand in them.
 */
#ifndef ADIT_ICE_SDP_H
#define ADIT_ICE_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "core/ice/ice_candidate.h"
#include "core/ice/ice_limits.h"

struct ice_cred {
	char ufrag[ICE_UFRAG_MAX + 1];
	char pwd[ICE_PWD_MAX + 1];
};

/* New ones, from ICE_UFRAG_LEN and ICE_PWD_LEN random characters. */
void ice_cred_make(struct ice_cred *ret_cred, const struct adit_rng *rng);
bool ice_cred_is_valid(const struct ice_cred *cred);

enum ice_line_kind {
	ICE_LINE_OTHER, /* not of ICE, or an extension that we do not know: skip it */
	ICE_LINE_UFRAG,
	ICE_LINE_PWD,
	ICE_LINE_OPTIONS,
	ICE_LINE_LITE,
	ICE_LINE_PACING,
	ICE_LINE_CANDIDATE,
	ICE_LINE_END, /* end-of-candidates */
};

struct ice_line {
	enum ice_line_kind kind;
	const char *text; /* UFRAG, PWD: borrows the line */
	size_t len;
	bool has_ice2; /* OPTIONS: RFC 8445 10 */
	bool has_trickle; /* OPTIONS: RFC 8838 */
	uint32_t pacing_ms; /* PACING */
	struct ice_candidate cand; /* CANDIDATE */
};

/* One line, with or without "a=" and a line end. 0 or EPROTO: it is of ICE, and malformed. */
ADIT_MUST_CHECK int ice_sdp_parse(const char *text, size_t len, struct ice_line *ret_line);

/* Words of the room's parsers. */
struct ice_sdp_text {
	const char *at;
	size_t len;
};

/* Without "a=" before and blanks and line end behind. */
struct ice_sdp_text ice_sdp_trim(const char *text, size_t len);
/* Goes past |prefix|; false if it is not there. */
bool ice_sdp_skip(struct ice_sdp_text *t, const char *prefix);
/* Equal but for case. */
bool ice_sdp_is_token(const char *text, size_t len, const char *token);
/* Only A-Z a-z 0-9 + / (ice-char). */
bool ice_sdp_is_chars(const char *text, size_t len);
/* One to ten digits, at most |max|. */
bool ice_sdp_number(const char *text, size_t len, uint32_t max, uint32_t *ret);

#endif
