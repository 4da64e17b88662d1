#include "core/ice/ice_sdp.h"

#include <string.h>

#include "base/bytes.h"

static const char ice_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void random_chars(char *out, size_t len, const struct adit_rng *rng)
{
	uint8_t bytes[ICE_PWD_LEN];

	adit_rng_fill(rng, bytes, len);
	for (size_t i = 0; i < len; i++)
		out[i] = ice_chars[bytes[i] & 63];
	adit_bytes_wipe(bytes, sizeof(bytes));
}

void ice_cred_make(struct ice_cred *ret_cred, const struct adit_rng *rng)
{
	memset(ret_cred, 0, sizeof(*ret_cred));
	random_chars(ret_cred->ufrag, ICE_UFRAG_LEN, rng);
	random_chars(ret_cred->pwd, ICE_PWD_LEN, rng);
}

static bool is_within(const char *text, size_t cap, size_t min)
{
	const char *end = memchr(text, '\0', cap);
	size_t len = end ? (size_t)(end - text) : 0;

	return len >= min && ice_sdp_is_chars(text, len);
}

bool ice_cred_is_valid(const struct ice_cred *cred)
{
	return is_within(cred->ufrag, sizeof(cred->ufrag), ICE_UFRAG_MIN) &&
	       is_within(cred->pwd, sizeof(cred->pwd), ICE_PWD_MIN);
}

struct ice_sdp_text ice_sdp_trim(const char *text, size_t len)
{
	struct ice_sdp_text t = {text, len};

	while (t.len > 0 && memchr("\r\n \t", t.at[t.len - 1], 4))
		t.len--;
	(void)ice_sdp_skip(&t, "a=");
	return t;
}

bool ice_sdp_skip(struct ice_sdp_text *t, const char *prefix)
{
	size_t n = strlen(prefix);

	if (t->len < n || memcmp(t->at, prefix, n) != 0)
		return false;
	t->at += n;
	t->len -= n;
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool ice_sdp_is_token(const char *text, size_t len, const char *token)
{
	if (len != strlen(token))
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(text[i]) != lower(token[i]))
			return false;
	return true;
}

bool ice_sdp_is_chars(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!memchr(ice_chars, text[i], sizeof(ice_chars) - 1))
			return false;
	return true;
}

bool ice_sdp_number(const char *text, size_t len, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	if (len == 0 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (n > max)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static int read_text(const struct ice_sdp_text *t, size_t min, size_t max, struct ice_line *line)
{
	if (t->len < min || t->len > max || !ice_sdp_is_chars(t->at, t->len))
		return ADIT_EPROTO;
	line->text = t->at;
	line->len = t->len;
	return 0;
}

static void read_options(struct ice_sdp_text t, struct ice_line *line)
{
	while (t.len > 0) {
		const char *blank = memchr(t.at, ' ', t.len);
		size_t n = blank ? (size_t)(blank - t.at) : t.len;

		line->has_ice2 |= ice_sdp_is_token(t.at, n, "ice2");
		line->has_trickle |= ice_sdp_is_token(t.at, n, "trickle");
		t.at += blank ? n + 1 : n;
		t.len -= blank ? n + 1 : n;
	}
}

static int read_line(struct ice_sdp_text t, struct ice_line *line)
{
	if (ice_sdp_skip(&t, "ice-ufrag:")) {
		line->kind = ICE_LINE_UFRAG;
		return read_text(&t, ICE_UFRAG_MIN, ICE_UFRAG_MAX, line);
	}
	if (ice_sdp_skip(&t, "ice-pwd:")) {
		line->kind = ICE_LINE_PWD;
		return read_text(&t, ICE_PWD_MIN, ICE_PWD_MAX, line);
	}
	if (ice_sdp_skip(&t, "ice-options:")) {
		line->kind = ICE_LINE_OPTIONS;
		read_options(t, line);
	} else if (ice_sdp_skip(&t, "ice-pacing:")) {
		line->kind = ICE_LINE_PACING;
		return ice_sdp_number(t.at, t.len, UINT32_MAX, &line->pacing_ms) ? 0 : ADIT_EPROTO;
	} else if (ice_sdp_is_token(t.at, t.len, "ice-lite")) {
		line->kind = ICE_LINE_LITE;
	} else if (ice_sdp_is_token(t.at, t.len, "end-of-candidates")) {
		line->kind = ICE_LINE_END;
	}
	return 0;
}

int ice_sdp_parse(const char *text, size_t len, struct ice_line *ret_line)
{
	struct ice_sdp_text t = ice_sdp_trim(text, len);
	struct ice_sdp_text rest = t;
	struct ice_line line = {0};
	int r;

	if (ice_sdp_skip(&rest, "candidate:")) {
		r = ice_candidate_parse(text, len, &line.cand);
		line.kind = r == 0 ? ICE_LINE_CANDIDATE : ICE_LINE_OTHER;
		if (r == ADIT_EIGNORED)
			r = 0;
	} else {
		r = read_line(t, &line);
	}
	if (r == 0)
		*ret_line = line;
	return r;
}
