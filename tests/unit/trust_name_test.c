#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_name.h"

static void names_are_short_and_plain(void **state)
{
	static const char *const good[] = {"a", "0", "-", "web", "udp-53", "abcdefghijklmnopqrstuvwxyz-01234"};
	static const char *const bad[] = {
		"", "Web", "a_b", "a.b", "a b", "a/b", "\xc3\xa4", "a\n", "abcdefghijklmnopqrstuvwxyz-012345"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(trust_name_is_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(trust_name_is_valid(bad[i], strlen(bad[i])));
	assert_false(trust_name_is_valid("a\0b", 3));
	assert_false(trust_name_is_valid("a", 2)); /* its NUL is no letter */
}

static void exactly_the_allowed_letters_are_allowed(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned c = 0; c < 256; c++)
		n += trust_name_is_valid(&(char){(char)c}, 1);
	assert_int_equal(n, 26 + 10 + 1);
	n = 0;
	for (unsigned c = 0; c < 256; c++)
		n += trust_name_is_host(&(char){(char)c}, 1);
	assert_int_equal(n, 26 + 26 + 10 + 6);
}

static void hosts_are_addresses_or_dns_names(void **state)
{
	static const char *const good[] = {"meet.example.org", "meet.example.org:3478", "[2001:db8::1]:3478", "_x.Y"};
	static const char *const bad[] = {"", "a b", "a\x1b[2J", "a/b", "a@b", "a%b", "\xc3\xa4.example"};
	char longest[TRUST_HINT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(trust_name_is_host(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(trust_name_is_host(bad[i], strlen(bad[i])));
	memset(longest, 'a', sizeof(longest));
	assert_true(trust_name_is_host(longest, TRUST_HINT_MAX));
	assert_false(trust_name_is_host(longest, TRUST_HINT_MAX + 1));
}

static void text_becomes_safe(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{"plain text", "plain text"},
		{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		 "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\x1b[31mred\x07", "?[31mred?"},
		{"a\r\nb\tc\x7f", "a??b?c?"},
		{"\xc2\x9b[2J", "?[2J"}, /* CSI in one character */
		{"\x9b", "?"}, /* and as a lone byte */
		{"\xe2\x81\xa6x\xe2\x81\xa9", "?x?"}, /* isolates */
		{"\xe2\x80\x8b\xef\xbb\xbf", "??"}, /* zero width space, byte order mark */
		{"\xf3\xa0\x81\x81", "?"}, /* a tag */
		{"\xc0\xaf", "??"}, /* overlong '/' */
		{"\xe0\x80\xaf", "???"}, /* overlong in three */
		{"\xf0\x80\x80\xaf", "????"}, /* and in four */
		{"\xed\xa0\x80", "???"}, /* a surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* above U+10FFFF */
		{"\xf8\x88\x80\x80\x80", "?????"}, /* five bytes */
		{"\xe2\x82", "??"}, /* cut short */
		{"\xe2\x82g\xc3", "??g?"},
		{"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"}, /* next to the surrogates */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char buf[64];

		assert_int_equal(trust_text_safe(cases[i].in, strlen(cases[i].in), buf, sizeof(buf)),
				 strlen(cases[i].out));
		assert_string_equal(buf, cases[i].out);
	}
}

static void a_nul_inside_does_not_end_it(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(trust_text_safe("a\0b", 3, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "a?b");
	assert_int_equal(trust_text_safe(NULL, 0, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
}

/* Embeddings and overrides, U+202A to U+202E: what follows would be shown in another order (UTS 55). */
static void nothing_turns_the_reading_around(void **state)
{
	(void)state;
	for (unsigned c = 0xaa; c <= 0xae; c++) {
		char in[] = {'a', '\xe2', '\x80', (char)c, 'b', '\0'};
		char buf[8];

		assert_int_equal(trust_text_safe(in, 5, buf, sizeof(buf)), 3);
		assert_string_equal(buf, "a?b");
	}
}

static void text_is_cut_between_characters(void **state)
{
	static const char text[] = "a\xe2\x82\xac"
				   "b";
	static const size_t want[] = {0, 1, 1, 1, 4, 5, 5};
	char buf[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		memset(buf, 0x55, sizeof(buf));
		assert_int_equal(trust_text_safe(text, sizeof(text) - 1, buf, i + 1), want[i]);
		assert_int_equal(buf[want[i]], '\0');
		assert_memory_equal(buf, text, want[i]);
	}
}

/* No pair of bytes brings a control byte through, and making it safe once is enough. */
static void nothing_gets_through_by_pairs(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 0x10000; v++) {
		uint8_t in[2] = {(uint8_t)(v >> 8), (uint8_t)v};
		char once[8];
		char twice[8];
		size_t n = trust_text_safe(in, 2, once, sizeof(once));

		assert_in_range(n, 1, 2);
		for (size_t i = 0; i < n; i++)
			assert_true((uint8_t)once[i] >= 0x20 && once[i] != 0x7f);
		assert_int_equal(trust_text_safe(once, n, twice, sizeof(twice)), n);
		assert_string_equal(once, twice);
	}
}

static void the_name_that_was_meant_is_found(void **state)
{
	static const char *const names[] = {"home", "office", "backup-server", "a", "homer"};
	static const struct {
		const char *typed;
		const char *want;
	} cases[] = {
		{"hmoe", "home"},
		{"hom", "home"},
		{"homee", "home"},
		{"Home", "home"},
		{"offcie", "office"},
		{"ofice", "office"},
		{"offices", "office"},
		{"bakcup-servr", "backup-server"},
		{"homer", "homer"},
		{"b", NULL},
		{"", NULL},
		{"zzzz", NULL},
		{"officers-mess", NULL},
		{"a-name-that-is-much-longer-than-any-name-may-be", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = trust_name_suggest(cases[i].typed, names, ARRAY_LEN(names));

		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
		else
			assert_null(got);
	}
	assert_null(trust_name_suggest("home", NULL, 0));
}

static void a_mediator_has_one_spelling(void **state)
{
	static const char *const same[][2] = {
		{"Med.Example.NET", "med.example.net"},
		{"med.example.net:3478", "med.example.net"},
		{"med.example.net:3479", "med.example.net:3479"},
		{"192.0.2.1:3478", "192.0.2.1"},
		{"[2001:DB8::1]:3478", "2001:db8::1"},
		{"2001:db8:0::3478", "2001:db8::3478"},
		{"[2001:db8::1]:80", "[2001:db8::1]:80"},
		{":3478", ":3478"},
	};
	char out[TRUST_HINT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		trust_name_spell_host(same[i][0], out);
		assert_string_equal(out, same[i][1]);
		trust_name_spell_host(same[i][1], out);
		assert_string_equal(out, same[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mediator_has_one_spelling),
		cmocka_unit_test(names_are_short_and_plain),
		cmocka_unit_test(exactly_the_allowed_letters_are_allowed),
		cmocka_unit_test(hosts_are_addresses_or_dns_names),
		cmocka_unit_test(text_becomes_safe),
		cmocka_unit_test(a_nul_inside_does_not_end_it),
		cmocka_unit_test(nothing_turns_the_reading_around),
		cmocka_unit_test(text_is_cut_between_characters),
		cmocka_unit_test(nothing_gets_through_by_pairs),
		cmocka_unit_test(the_name_that_was_meant_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
