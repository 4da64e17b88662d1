#include "cli/cli_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "core/trust/trust_name.h"

size_t cli_text_next(const char *p, size_t len, uint32_t *ret_cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length: below it is overlong */
	uint8_t b = (uint8_t)p[0];
	size_t n = b < 0x80 ? 1 : b >= 0xc2 && b < 0xe0 ? 2 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xf0 && b < 0xf5 ? 4 : 0;
	uint32_t cp = n > 1 ? b & (0x7fu >> n) : b;

	*ret_cp = CLI_TEXT_BAD;
	if (n == 0 || n > len)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if (((uint8_t)p[i] & 0xc0) != 0x80)
			return 1;
		cp = cp << 6 | ((uint8_t)p[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 1;
	*ret_cp = cp;
	return n;
}

bool cli_text_is_unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x61c || cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == CLI_TEXT_BAD;
}

size_t cli_text_safe(char *dst, size_t cap, const char *src, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len;) {
		char spelled[16];
		uint32_t cp;
		size_t n = cli_text_next(src + i, len - i, &cp);
		const char *from = src + i;
		size_t put = n;

		if (cli_text_is_unsafe(cp)) {
			put = (size_t)snprintf(spelled, sizeof(spelled),
					       cp == CLI_TEXT_BAD || cp < 0x100 ? "\\x%02x" : "\\u%04x",
					       cp == CLI_TEXT_BAD ? (uint8_t)src[i] : (unsigned)cp);
			from = spelled;
		}
		if (out + put >= cap)
			break;
		memcpy(dst + out, from, put);
		out += put;
		i += n;
	}
	dst[out] = '\0';
	return out;
}

size_t cli_text_fit(const char *s, size_t columns)
{
	size_t len = strlen(s);
	size_t i = 0;
	uint32_t cp;

	while (i < len && columns-- > 0)
		i += cli_text_next(s + i, len - i, &cp);
	return i;
}

size_t cli_text_fold(const char *s, size_t columns, size_t *ret_skip)
{
	size_t n = cli_text_fit(s, columns > 0 ? columns : 1);
	size_t at = n;

	*ret_skip = 0;
	if (s[n] == '\0')
		return n;
	while (at > 0 && s[at] != ' ')
		at--;
	if (at == 0)
		return n; /* a word of more than a row */
	*ret_skip = strspn(s + at, " ");
	return at;
}

const char *cli_text_guess(const char *typed, const char *const *words, size_t n_words)
{
	size_t len = strlen(typed);

	for (size_t i = 0; len > 1 && i < n_words; i++)
		if (strncmp(typed, words[i], len) == 0)
			return words[i];
	return trust_name_suggest(typed, words, n_words);
}

int cli_text_number(const char *s, unsigned long min, unsigned long max, unsigned long *ret)
{
	unsigned long v = 0;

	if (*s == '\0')
		return ADIT_EINVAL;
	for (; *s; s++) {
		unsigned long digit = (unsigned long)(*s - '0');

		if (*s < '0' || *s > '9' || v > (max - (digit < max ? digit : max)) / 10)
			return ADIT_EINVAL;
		v = v * 10 + digit;
	}
	if (v < min || v > max)
		return ADIT_EINVAL;
	*ret = v;
	return 0;
}

static uint64_t unit_seconds(const char *s)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(s, units[i].unit) == 0)
			return units[i].seconds;
	return 0;
}

int cli_text_duration(const char *s, adit_dur max, adit_dur *ret_dur)
{
	uint64_t ns = 0;
	uint64_t scale = ADIT_SEC(1);
	uint64_t unit;
	size_t digits = 0;

	for (; *s >= '0' && *s <= '9' && digits < 9; s++, digits++)
		ns = ns * 10 + (uint64_t)(*s - '0') * ADIT_SEC(1);
	if (digits > 0 && *s == '.' && s[1] >= '0' && s[1] <= '9')
		for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
			ns += (uint64_t)(*s - '0') * (scale / 10);
	unit = unit_seconds(s);
	if (digits == 0 || unit == 0 || ns > max / unit)
		return ADIT_EINVAL;
	*ret_dur = ns * unit;
	return 0;
}

int cli_text_offset(const char *s, adit_dur max, int64_t *ret_ns)
{
	bool minus = *s == '-';
	adit_dur d;

	if (cli_text_duration(s + (*s == '-' || *s == '+'), max, &d) != 0)
		return ADIT_EINVAL;
	*ret_ns = minus ? -(int64_t)d : (int64_t)d;
	return 0;
}

const char *cli_text_span(adit_dur d, char buf[CLI_TEXT_SPAN_LEN])
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	uint64_t left = (d + ADIT_MS(500)) / ADIT_SEC(1);
	size_t at = 0;
	size_t first = ARRAY_LEN(units);

	if (d < ADIT_SEC(1)) {
		snprintf(buf, CLI_TEXT_SPAN_LEN, "%u ms", (unsigned)(d / ADIT_MS(1)));
		return buf;
	}
	/* Two units are enough to judge by: "3 d 4 h". */
	for (size_t i = 0; i < ARRAY_LEN(units) && i < first + 2; i++) {
		uint64_t n = left / units[i].seconds;

		left %= units[i].seconds;
		if (n == 0)
			continue;
		if (first == ARRAY_LEN(units))
			first = i;
		at += (size_t)snprintf(buf + at, CLI_TEXT_SPAN_LEN - at, "%s%llu %s", at > 0 ? " " : "",
				       (unsigned long long)n, units[i].name);
	}
	return buf;
}

const char *cli_text_bytes(uint64_t n, char buf[CLI_TEXT_BYTES_LEN])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)n;
	size_t unit = 0;

	if (n < 1000) {
		snprintf(buf, CLI_TEXT_BYTES_LEN, "%u bytes", (unsigned)n);
		return buf;
	}
	v /= 1000;
	while (v >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
		v /= 1000;
		unit++;
	}
	snprintf(buf, CLI_TEXT_BYTES_LEN, "%.*f %s", v < 9.95 ? 1 : 0, v, units[unit]);
	return buf;
}

static struct tm broken_down(adit_utc utc)
{
	time_t t = (time_t)(utc / ADIT_SEC(1));
	struct tm tm = {0};

	gmtime_r(&t, &tm);
	return tm;
}

const char *cli_text_utc(adit_utc utc, char buf[CLI_TEXT_UTC_LEN])
{
	struct tm tm = broken_down(utc);
	size_t n = strftime(buf, CLI_TEXT_UTC_LEN, "%Y-%m-%dT%H:%M:%S", &tm);

	snprintf(buf + n, CLI_TEXT_UTC_LEN - n, ".%03uZ", (unsigned)(utc % ADIT_SEC(1) / ADIT_MS(1)));
	return buf;
}

const char *cli_text_date(adit_utc utc, char buf[CLI_TEXT_UTC_LEN])
{
	struct tm tm = broken_down(utc);

	if (strftime(buf, CLI_TEXT_UTC_LEN, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		buf[0] = '\0';
	return buf;
}
