#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "io/io_store.h"

static struct io_record r;
static const char *reason;

static int parse(const char *line)
{
	return io_record_parse(line, strlen(line), &r, &reason);
}

static void records_are_fields_with_escaped_values(void **state)
{
	(void)state;
	assert_int_equal(parse("  name=home   path=/a%20b%25%23 empty= x=a=b # trailing words"), 0);
	assert_int_equal(r.n, 4);
	assert_string_equal(io_record_get(&r, "name"), "home");
	assert_string_equal(io_record_get(&r, "path"), "/a b%#");
	assert_string_equal(io_record_get(&r, "empty"), "");
	assert_string_equal(io_record_get(&r, "x"), "a=b");
	assert_null(io_record_get(&r, "none"));
	assert_int_equal(parse(""), ADIT_EIGNORED);
	assert_int_equal(parse("   "), ADIT_EIGNORED);
	assert_int_equal(parse("# a=b"), ADIT_EIGNORED);
}

static void broken_records_say_why(void **state)
{
	static const char *const bad[][2] = {
		{"a=b word", "no key=value"},
		{"=b", "no key=value"},
		{"A=b", "no key=value"},
		{"a%20b=b", "no key=value"},
		{"a=%", "%XX"},
		{"a=%4", "%XX"},
		{"a=%4g", "%XX"},
		{"a=%4A", "%XX"}, /* one spelling only: lower case */
		{"a=%00", "%XX"},
		{"a=b\tc=d", "control"},
		{"a=\x7f", "control"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i][0]), ADIT_EINVAL);
		assert_non_null(strstr(reason, bad[i][1]));
	}
}

static void the_largest_record_fits_and_a_larger_one_does_not(void **state)
{
	static char line[IO_LINE_MAX + 2];

	(void)state;
	memset(line, 'x', IO_LINE_MAX);
	line[1] = '=';
	assert_int_equal(parse(line), 0);
	line[IO_LINE_MAX] = 'x';
	assert_int_equal(parse(line), ADIT_EINVAL);
	line[0] = '\0';
	for (int i = 0; i < IO_FIELDS_MAX; i++)
		strcat(line, "a=b ");
	assert_int_equal(parse(line), 0);
	strcat(line, "a=b");
	assert_int_equal(parse(line), ADIT_EINVAL);
	assert_string_equal(reason, "too many fields");
}

static void numbers_and_bytes_are_read_exactly(void **state)
{
	uint8_t bytes[2] = {0};
	uint64_t v = 0;

	(void)state;
	assert_int_equal(
		parse("n=42 max=18446744073709551615 over=18446744073709551616 neg=-1 none= h=0aff up=0AFF odd=0af"),
		0);
	assert_int_equal(io_record_number(&r, "n", 42, &v), 0);
	assert_int_equal(v, 42);
	assert_int_equal(io_record_number(&r, "n", 41, &v), ADIT_EINVAL);
	assert_int_equal(io_record_number(&r, "max", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(io_record_number(&r, "over", UINT64_MAX, &v), ADIT_EINVAL);
	assert_int_equal(io_record_number(&r, "neg", UINT64_MAX, &v), ADIT_EINVAL);
	assert_int_equal(io_record_number(&r, "none", UINT64_MAX, &v), ADIT_EINVAL);
	assert_int_equal(io_record_number(&r, "missing", UINT64_MAX, &v), ADIT_ENOENT);
	assert_int_equal(io_record_hex(&r, "h", bytes, 2), 0);
	assert_int_equal(bytes[0], 0x0a);
	assert_int_equal(bytes[1], 0xff);
	assert_int_equal(io_record_hex(&r, "h", bytes, 1), ADIT_EINVAL);
	assert_int_equal(io_record_hex(&r, "up", bytes, 2), ADIT_EINVAL);
	assert_int_equal(io_record_hex(&r, "odd", bytes, 2), ADIT_EINVAL);
	assert_int_equal(io_record_hex(&r, "missing", bytes, 2), ADIT_ENOENT);
}

static void what_is_written_is_read_again(void **state)
{
	struct io_record_out w = {0};
	static const uint8_t bytes[] = {0, 0xfe};

	(void)state;
	io_record_put(&w, "name", "a b\n%#\x7f\xc3\xbc");
	io_record_put_hex(&w, "hex", bytes, 2);
	io_record_put_number(&w, "n", UINT64_MAX);
	assert_false(w.bad);
	assert_string_equal(w.text, "name=a%20b%0a%25%23%7f\xc3\xbc hex=00fe n=18446744073709551615");
	assert_int_equal(parse(w.text), 0);
	assert_string_equal(io_record_get(&r, "name"), "a b\n%#\x7f\xc3\xbc");
}

static void a_record_that_grows_too_long_is_bad_and_stays_terminated(void **state)
{
	struct io_record_out *w = calloc(1, sizeof(*w));

	(void)state;
	for (int i = 0; i < IO_LINE_MAX; i++)
		io_record_put(w, "k", "v");
	assert_true(w->bad);
	assert_true(strlen(w->text) <= IO_LINE_MAX);
	free(w);
}

static void walking_reports_damage_by_line(void **state)
{
	static const char text[] = "adit things 1\n# comment\na=1\nbroken\n\na=2\n%=\na=3";
	struct io_damage d = {0};
	unsigned line = 0;
	size_t pos = 0;

	(void)state;
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(io_store_next(text, strlen(text), "things", &pos, &line, &r, &d), 1);
		assert_int_equal(atoi(io_record_get(&r, "a")), i);
	}
	assert_int_equal(r.line, 8);
	assert_int_equal(io_store_next(text, strlen(text), "things", &pos, &line, &r, &d), 0);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.lines[0].line, 4);
	assert_int_equal(d.lines[1].line, 7);
}

static void many_damaged_lines_are_counted(void **state)
{
	char text[512] = "adit things 1\n";
	struct io_damage d = {0};
	unsigned line = 0;
	size_t pos = 0;

	(void)state;
	for (int i = 0; i < IO_DAMAGE_MAX + 3; i++)
		strcat(text, "x\n");
	assert_int_equal(io_store_next(text, strlen(text), "things", &pos, &line, &r, &d), 0);
	assert_int_equal(d.n, IO_DAMAGE_MAX + 3);
	assert_int_equal(d.lines[IO_DAMAGE_MAX - 1].line, IO_DAMAGE_MAX + 1);
}

static void the_head_names_kind_and_version(void **state)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{"", 0},
		{"adit things 1", 0},
		{"adit things 1\n", 0},
		{"adit things 2\n", ADIT_EVERSION},
		{"adit things 10\n", ADIT_EVERSION},
		{"adit others 1\n", ADIT_EINVAL},
		{"adit things\n", ADIT_EINVAL},
		{"adit things 1 \n", ADIT_EINVAL},
		{"adit things 0\n", ADIT_EINVAL},
		{"a=b\n", ADIT_EINVAL},
		{"\n", ADIT_EINVAL},
		{"adit things 111111111111111111111111111111111111\n", ADIT_EVERSION},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct io_damage d = {0};
		unsigned line = 0;
		size_t pos = 0;

		assert_int_equal(io_store_next(cases[i].text, strlen(cases[i].text), "things", &pos, &line, &r, &d),
				 cases[i].want);
	}
}

static void edit_is(const char *text, const char *name, const char *record, size_t max, const char *want)
{
	struct io_buf out = {0};

	io_store_edit(text, strlen(text), "things", name, record, max, &out);
	assert_false(out.bad);
	assert_int_equal(out.len, strlen(want));
	assert_memory_equal(out.data, want, out.len);
	io_buf_done(&out);
}

static void edits_touch_one_record_only(void **state)
{
	static const char text[] = "adit things 1\n# keep me\nname=a v=1\nwhat is this\nname=b  v=2 # note\n";

	(void)state;
	edit_is("", "a", "name=a", 0, "adit things 1\nname=a\n");
	edit_is(text, "a", "name=a v=9", 0, "adit things 1\n# keep me\nname=a v=9\nwhat is this\nname=b  v=2 # note\n");
	edit_is(text, "c", "name=c", 0,
		"adit things 1\n# keep me\nname=a v=1\nwhat is this\nname=b  v=2 # note\nname=c\n");
	edit_is(text, "b", NULL, 0, "adit things 1\n# keep me\nname=a v=1\nwhat is this\n");
	edit_is(text, "c", NULL, 0, text);
	edit_is("adit things 1\nname=a", "b", "name=b", 0, "adit things 1\nname=a\nname=b\n");
	edit_is("adit things 1\nname=a\nname=a\n", "a", "name=a v=1", 0, "adit things 1\nname=a v=1\n");
}

static void the_oldest_makes_room_when_it_is_full(void **state)
{
	static const char text[] = "adit things 1\nname=a\n# c\nname=b\n";

	(void)state;
	edit_is(text, "c", "name=c", 2, "adit things 1\n# c\nname=b\nname=c\n");
	edit_is(text, "c", "name=c", 1, "adit things 1\n# c\nname=c\n");
	edit_is(text, "a", "name=a v=1", 2, "adit things 1\nname=a v=1\n# c\nname=b\n");
	edit_is(text, "c", "name=c", 3, "adit things 1\nname=a\n# c\nname=b\nname=c\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_fields_with_escaped_values),
		cmocka_unit_test(broken_records_say_why),
		cmocka_unit_test(the_largest_record_fits_and_a_larger_one_does_not),
		cmocka_unit_test(numbers_and_bytes_are_read_exactly),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(a_record_that_grows_too_long_is_bad_and_stays_terminated),
		cmocka_unit_test(walking_reports_damage_by_line),
		cmocka_unit_test(many_damaged_lines_are_counted),
		cmocka_unit_test(the_head_names_kind_and_version),
		cmocka_unit_test(edits_touch_one_record_only),
		cmocka_unit_test(the_oldest_makes_room_when_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
