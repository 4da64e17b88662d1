/*
 * Lines of a description, as a peer sends them: what is read as a candidate must be written and read again as the same,
 * and no line may be two things.
 *
 * covers: src/core/ice/ice_candidate.c: ice_candidate_parse ice_candidate_format read_fixed read_rest read_addr
 * next_word covers: src/core/ice/ice_candidate.c: read_type read_number format_ip is_obsolete ice_candidate_judge
 * covers: src/core/ice/ice_sdp.c: ice_sdp_parse read_line read_text read_options ice_sdp_number ice_sdp_trim
 * ice_sdp_skip planted: src/core/ice/ice_candidate.c: while (w->at < w->end && *w->at == ' ') -> while (*w->at == ' ')
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_sdp.h"

static void check_candidate(const struct ice_candidate *c)
{
	char line[ICE_LINE_MAX];
	struct ice_candidate again;
	int n = ice_candidate_format(c, line, sizeof(line));

	FUZZ_CHECK(n > 0 && (size_t)n == strlen(line));
	FUZZ_CHECK(c->priority > 0 && c->priority <= ICE_PRIORITY_MAX && c->component > 0);
	FUZZ_CHECK(strlen(c->foundation) > 0 && strlen(c->foundation) <= ICE_FOUNDATION_MAX);
	FUZZ_CHECK(ice_candidate_parse(line, (size_t)n, &again) == 0);
	FUZZ_CHECK(adit_addr_eq(&again.addr, &c->addr) && again.priority == c->priority && again.type == c->type);
	FUZZ_CHECK(strcmp(again.foundation, c->foundation) == 0 && again.component == c->component);
	if (c->type != ICE_HOST && c->related.family != ADIT_FAMILY_NONE)
		FUZZ_CHECK(adit_addr_eq(&again.related, &c->related));
	if (ice_candidate_judge(&c->addr, false) == ICE_REFUSED_NOT)
		FUZZ_CHECK(!adit_addr_is_multicast(&c->addr) && !adit_addr_is_loopback(&c->addr) && c->addr.port != 0);
}

static void check_line(const struct ice_line *l, const char *text, size_t len)
{
	if (l->text) {
		FUZZ_CHECK(l->text >= text && l->text + l->len <= text + len);
		FUZZ_CHECK(l->kind == ICE_LINE_UFRAG || l->kind == ICE_LINE_PWD);
	}
	if (l->kind == ICE_LINE_CANDIDATE) {
		if (l->cand.ufrag)
			fuzz_touch(l->cand.ufrag, l->cand.ufrag_len);
		check_candidate(&l->cand);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	/* Each line in memory of its own size. */
	while (at < size) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t len = (end ? (size_t)(end - data) + 1 : size) - at;
		char *line = malloc(len);
		struct ice_line l;

		FUZZ_CHECK(line);
		memcpy(line, data + at, len);
		if (ice_sdp_parse(line, len, &l) == 0)
			check_line(&l, line, len);
		free(line);
		at += len;
	}
	return 0;
}
