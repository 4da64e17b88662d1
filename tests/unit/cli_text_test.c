#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "cli/cli_text.h"

static void foreign_bytes_cannot_command_the_terminal(void **state)
{
	static const char *const cases[][2] = {
		{"plain", "plain"},
		{"gr\xc3\xbc\xc3\x9f \xe6\xb0\xb4 \xf0\x9f\x9a\x87",
		 "gr\xc3\xbc\xc3\x9f \xe6\xb0\xb4 \xf0\x9f\x9a\x87"},
		{"\033[2J", "\\x1b[2J"},
		{"a\r\nb\tc", "a\\x0d\\x0ab\\x09c"},
		{"\x7f", "\\x7f"},
		{"\xc2\x9b"
		 "31m",
		 "\\x9b31m"}, /* C1 CSI as a code point */
		{"\x9b"
		 "31m",
		 "\\x9b31m"}, /* and as a byte */
		{"a\xe2\x80\xae"
		 "b",
		 "a\\u202eb"}, /* right-to-left override */
		{"\xe2\x81\xa6", "\\u2066"},
		{"\xe2\x80\xa8", "\\u2028"},
		{"\xc0\xaf", "\\xc0\\xaf"}, /* overlong */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
		{"\xe6\xb0", "\\xe6\\xb0"}, /* cut */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char buf[128];

		cli_text_safe(buf, sizeof(buf), cases[i][0], strlen(cases[i][0]));
		assert_string_equal(buf, cases[i][1]);
	}
}

static void safe_text_is_cut_between_characters(void **state)
{
	static const char text[] = "ab\xc3\xbc\033";
	static const char *const want[] = {
		"", "a", "ab", "ab", "ab\xc3\xbc", "ab\xc3\xbc", "ab\xc3\xbc", "ab\xc3\xbc", "ab\xc3\xbc\\x1b"};

	(void)state;
	for (size_t cap = 1; cap <= ARRAY_LEN(want); cap++) {
		char buf[16];

		memset(buf, '!', sizeof(buf));
		assert_int_equal(cli_text_safe(buf, cap, text, strlen(text)), strlen(want[cap - 1]));
		assert_string_equal(buf, want[cap - 1]);
		assert_int_equal(buf[cap], '!');
	}
}

static void a_line_is_fitted_by_characters_not_bytes(void **state)
{
	(void)state;
	assert_int_equal(cli_text_fit("abc", 5), 3);
	assert_int_equal(cli_text_fit("abc", 2), 2);
	assert_int_equal(cli_text_fit("a\xc3\xbc\xc3\xbc", 2), 3);
	assert_int_equal(cli_text_fit("", 2), 0);
}

static void slips_and_unfinished_words_are_guessed(void **state)
{
	static const char *const words[] = {"serve", "connect", "pipe", "status", "ticket", "id", "peer"};

	(void)state;
	assert_string_equal(cli_text_guess("srve", words, ARRAY_LEN(words)), "serve");
	assert_string_equal(cli_text_guess("conn", words, ARRAY_LEN(words)), "connect");
	assert_string_equal(cli_text_guess("pier", words, ARRAY_LEN(words)), "peer");
	assert_null(cli_text_guess("xyzzy", words, ARRAY_LEN(words)));
	assert_null(cli_text_guess("", words, ARRAY_LEN(words)));
	assert_null(cli_text_guess("s", words, ARRAY_LEN(words)));
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		adit_dur want;
	} good[] = {
		{"0", 0},
		{"90", ADIT_SEC(90)},
		{"1.5", ADIT_MS(1500)},
		{"0.25s", ADIT_MS(250)},
		{"5m", ADIT_SEC(300)},
		{"5min", ADIT_SEC(300)},
		{"2h", ADIT_SEC(7200)},
		{"1d", ADIT_SEC(86400)},
		{"0.0000000019", 1},
	};
	static const char *const bad[] = {"",   " ",   "-1",  "+1",   "1 s",        "1x",   "s",  ".5",
					  "1.", "1.x", "1e3", "400d", "9999999999", "366d", "inf"};
	adit_dur d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(cli_text_duration(good[i].text, ADIT_SEC(31536000), &d), 0);
		assert_int_equal(d, good[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(cli_text_duration(bad[i], ADIT_SEC(31536000), &d), ADIT_EINVAL);
}

static void offsets_have_signs(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(cli_text_offset("-0.3", ADIT_SEC(100), &ns), 0);
	assert_int_equal(ns, -(int64_t)ADIT_MS(300));
	assert_int_equal(cli_text_offset("+30", ADIT_SEC(100), &ns), 0);
	assert_int_equal(ns, (int64_t)ADIT_SEC(30));
	assert_int_equal(cli_text_offset("3", ADIT_SEC(100), &ns), 0);
	assert_int_equal(ns, (int64_t)ADIT_SEC(3));
	assert_int_equal(cli_text_offset("--3", ADIT_SEC(100), &ns), ADIT_EINVAL);
	assert_int_equal(cli_text_offset("-", ADIT_SEC(100), &ns), ADIT_EINVAL);
	assert_int_equal(cli_text_offset("101", ADIT_SEC(100), &ns), ADIT_EINVAL);
}

static void numbers_are_digits_within_bounds(void **state)
{
	static const char *const bad[] = {"",   "0",    "65536", "99999999999999999999999", "-1", "+1", "1 ",
					  " 1", "0x10", "1.0"};
	unsigned long v;

	(void)state;
	assert_int_equal(cli_text_number("1", 1, 65535, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(cli_text_number("65535", 1, 65535, &v), 0);
	assert_int_equal(v, 65535);
	assert_int_equal(cli_text_number("00022", 1, 65535, &v), 0);
	assert_int_equal(v, 22);
	assert_int_equal(cli_text_number("3", 0, 5, &v), 0);
	assert_int_equal(cli_text_number("9", 0, 5, &v), ADIT_EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(cli_text_number(bad[i], 1, 65535, &v), ADIT_EINVAL);
}

static void spans_are_told_with_two_units(void **state)
{
	char buf[CLI_TEXT_SPAN_LEN];

	(void)state;
	assert_string_equal(cli_text_span(ADIT_MS(40), buf), "40 ms");
	assert_string_equal(cli_text_span(ADIT_SEC(42), buf), "42 s");
	assert_string_equal(cli_text_span(ADIT_SEC(300), buf), "5 min");
	assert_string_equal(cli_text_span(ADIT_SEC(7500), buf), "2 h 5 min");
	assert_string_equal(cli_text_span(ADIT_SEC(7501), buf), "2 h 5 min");
	assert_string_equal(cli_text_span(ADIT_SEC(3 * 86400 + 4 * 3600), buf), "3 d 4 h");
	assert_string_equal(cli_text_span(ADIT_SEC(86400 + 59), buf), "1 d");
	assert_string_equal(cli_text_span(ADIT_MS(59600), buf), "1 min");
}

static void instants_are_written_in_utc(void **state)
{
	char buf[CLI_TEXT_UTC_LEN];

	(void)state;
	assert_string_equal(cli_text_utc(ADIT_SEC(1738326896) + ADIT_MS(789), buf), "2025-01-31T12:34:56.789Z");
	assert_string_equal(cli_text_date(ADIT_SEC(1738326896), buf), "2025-01-31 12:34 UTC");
	assert_string_equal(cli_text_utc(0, buf), "1970-01-01T00:00:00.000Z");
}

static void bytes_are_for_people(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {{0, "0 bytes"},     {999, "999 bytes"},     {1000, "1.0 kB"},
		     {9949, "9.9 kB"},   {9999, "10 kB"},        {999499, "999 kB"},
		     {999500, "1.0 MB"}, {1234567890, "1.2 GB"}, {UINT64_MAX, "18 EB"}};
	char buf[CLI_TEXT_BYTES_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(cli_text_bytes(cases[i].n, buf), cases[i].text);
}

static void lines_are_folded_at_blanks(void **state)
{
	size_t skip;

	(void)state;
	assert_int_equal(cli_text_fold("one two", 7, &skip), 7);
	assert_int_equal(skip, 0);
	assert_int_equal(cli_text_fold("one two", 6, &skip), 3);
	assert_int_equal(skip, 1);
	assert_int_equal(cli_text_fold("one   two", 3, &skip), 3);
	assert_int_equal(skip, 3);
	assert_int_equal(cli_text_fold("onetwo", 4, &skip), 4); /* a word of more than a row */
	assert_int_equal(skip, 0);
	assert_int_equal(cli_text_fold(" onetwo", 3, &skip), 3);
	assert_int_equal(cli_text_fold("\u00e4\u00f6 \u00fc", 2, &skip), 4); /* characters, not bytes */
	assert_int_equal(skip, 1);
	assert_int_equal(cli_text_fold("x", 0, &skip), 1); /* it always goes on */
	assert_int_equal(cli_text_fold("", 5, &skip), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_for_people),
		cmocka_unit_test(lines_are_folded_at_blanks),
		cmocka_unit_test(foreign_bytes_cannot_command_the_terminal),
		cmocka_unit_test(safe_text_is_cut_between_characters),
		cmocka_unit_test(a_line_is_fitted_by_characters_not_bytes),
		cmocka_unit_test(slips_and_unfinished_words_are_guessed),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(offsets_have_signs),
		cmocka_unit_test(numbers_are_digits_within_bounds),
		cmocka_unit_test(spans_are_told_with_two_units),
		cmocka_unit_test(instants_are_written_in_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
