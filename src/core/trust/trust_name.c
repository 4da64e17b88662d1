#include "core/trust/trust_name.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"

bool trust_name_is_valid(const char *name, size_t len)
{
	if (len < 1 || len > TRUST_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

bool trust_name_is_host(const char *host, size_t len)
{
	if (len < 1 || len > TRUST_HINT_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = host[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c != '\0' && strchr(".:_[]-", c))))
			return false;
	}
	return true;
}

/* "name:3478" is "name"; but "2001:db8::3478" is an address. */
static bool is_named_with_port(const char *host, const char *suffix)
{
	size_t len = strlen(host);
	size_t end = strlen(suffix);

	return len > end && strcmp(host + len - end, suffix) == 0 && strchr(host, ':') == host + len - end;
}

void trust_name_spell_host(const char *host, char ret_host[TRUST_HINT_MAX + 1])
{
	char suffix[8];
	struct adit_addr a;

	snprintf(suffix, sizeof(suffix), ":%d", TRUST_MEDIATOR_PORT);
	if (adit_addr_parse(host, strlen(host), &a) == 0) {
		char text[ADIT_ADDR_STRLEN];

		if (a.port == TRUST_MEDIATOR_PORT)
			a.port = 0;
		snprintf(ret_host, TRUST_HINT_MAX + 1, "%s", adit_addr_format(&a, text));
		return;
	}
	snprintf(ret_host, TRUST_HINT_MAX + 1, "%s", host);
	if (is_named_with_port(ret_host, suffix))
		ret_host[strlen(ret_host) - strlen(suffix)] = '\0';
	for (char *p = ret_host; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
}

/*
 * The character at |p| and its length in bytes; 0 where there is no valid one. Unicode 15 table 3-7: no overlong form,
 * no surrogate, nothing above U+10FFFF.
 */
static size_t utf8_next(const uint8_t *p, size_t len, uint32_t *ret_c)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80             ? 1
		   : (p[0] & 0xe0) == 0xc0 ? 2
		   : (p[0] & 0xf0) == 0xe0 ? 3
		   : (p[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_c = c;
	return n;
}

/* Characters that do something to a terminal or to the reader instead of being seen. */
static bool is_unsafe(uint32_t c)
{
	static const struct {
		uint32_t first;
		uint32_t last;
	} ranges[] = {
		{0x00, 0x1f}, /* C0: ESC, CR, LF, BS ... */
		{0x7f, 0x9f}, /* DEL, and C1: 0x9b is CSI in one character */
		{0xad, 0xad}, /* soft hyphen */
		{0x61c, 0x61c}, /* Arabic letter mark */
		{0x180e, 0x180e}, /* Mongolian vowel separator */
		{0x200b, 0x200f}, /* zero width, marks of direction */
		{0x2028, 0x202e}, /* line and paragraph separators, embeddings and overrides (UTS 55) */
		{0x2060, 0x206f}, /* invisible operators, isolates */
		{0xfeff, 0xfeff}, /* byte order mark */
		{0xfff9, 0xfffb}, /* interlinear annotation */
		{0xe0000, 0xe0fff}, /* tags, variation selectors supplement */
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

size_t trust_text_safe(const void *src, size_t len, char *dst, size_t cap)
{
	const uint8_t *p = src;
	size_t out = 0;

	for (size_t i = 0; i < len;) {
		uint32_t c = 0;
		size_t n = utf8_next(p + i, len - i, &c);
		bool keep = n > 0 && !is_unsafe(c);
		size_t width = keep ? n : 1;

		if (width > cap - 1 - out)
			break;
		if (keep)
			memcpy(dst + out, p + i, n);
		else
			dst[out] = '?';
		out += width;
		i += n > 0 ? n : 1;
	}
	dst[out] = '\0';
	return out;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits from |a| to |b|, a swap of neighbours being one (optimal string alignment). Both at most TRUST_NAME_MAX long.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][TRUST_NAME_MAX + 1];
	size_t *before = rows[0];
	size_t *last = rows[1];
	size_t *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *tmp = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = tmp;
	}
	return last[b_len];
}

const char *trust_name_suggest(const char *name, const char *const *names, size_t n_names)
{
	size_t len = strnlen(name, TRUST_NAME_MAX + 1);
	size_t best = (len < 3 ? 3 : len) / 3 + 1;
	const char *nearest = NULL;

	if (len < 1 || len > TRUST_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < n_names; i++) {
		size_t other_len = strnlen(names[i], TRUST_NAME_MAX + 1);
		size_t d;

		if (other_len > TRUST_NAME_MAX)
			continue;
		d = distance(name, len, names[i], other_len);
		/* Every letter changed: that is another name, however short. */
		if (d < best && d < len) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}
