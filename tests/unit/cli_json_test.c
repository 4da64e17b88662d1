#include "test.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_json.h"

static void values_and_commas_fall_into_place(void **state)
{
	struct cli_json j;

	(void)state;
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "s", "x");
	cli_json_array(&j, "a");
	cli_json_int(&j, NULL, -1);
	cli_json_object(&j, NULL);
	cli_json_object_end(&j);
	cli_json_array(&j, NULL);
	cli_json_array_end(&j);
	cli_json_uint(&j, NULL, UINT64_MAX);
	cli_json_array_end(&j);
	cli_json_bool(&j, "t", true);
	cli_json_bool(&j, "f", false);
	cli_json_null(&j, "n");
	cli_json_str(&j, "m", NULL);
	cli_json_milli(&j, "d", 0.0125);
	cli_json_milli(&j, "inf", HUGE_VAL);
	cli_json_int(&j, "min", INT64_MIN);
	cli_json_object_end(&j);
	assert_string_equal(
		cli_json_text(&j),
		"{\"s\":\"x\",\"a\":[-1,{},[],18446744073709551615],\"t\":true,\"f\":false,\"n\":null,\"m\":null,"
		"\"d\":0.013,\"inf\":null,\"min\":-9223372036854775808}");
	cli_json_done(&j);
}

static void strings_are_escaped(void **state)
{
	static const char *const cases[][2] = {
		{"", "\"\""},
		{"a\"b\\c/", "\"a\\\"b\\\\c/\""},
		{"\n\t\r\x01\x1f\x7f", "\"\\n\\t\\u000d\\u0001\\u001f\\u007f\""},
		{"\xc3\xbc\xf0\x9f\x9a\x87", "\"\xc3\xbc\xf0\x9f\x9a\x87\""},
		{"\xff\xc3", "\"\\ufffd\\ufffd\""},
		{"\xe2\x80\xae\xe2\x80\xa8\xc2\x9b", "\"\\u202e\\u2028\\u009b\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cli_json j;

		cli_json_init(&j);
		cli_json_str(&j, NULL, cases[i][0]);
		assert_string_equal(cli_json_text(&j), cases[i][1]);
		cli_json_done(&j);
	}
}

static void a_nul_inside_survives(void **state)
{
	struct cli_json j;

	(void)state;
	cli_json_init(&j);
	cli_json_strn(&j, NULL, "a\0b", 3);
	assert_string_equal(cli_json_text(&j), "\"a\\u0000b\"");
	cli_json_done(&j);
}

static void long_texts_grow_the_buffer(void **state)
{
	char text[5000];
	struct cli_json j;

	(void)state;
	memset(text, 'x', sizeof(text));
	cli_json_init(&j);
	cli_json_strn(&j, NULL, text, sizeof(text));
	assert_int_equal(strlen(cli_json_text(&j)), sizeof(text) + 2);
	assert_memory_equal(cli_json_text(&j) + 1, text, sizeof(text));
	cli_json_done(&j);
	cli_json_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_commas_fall_into_place),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(a_nul_inside_survives),
		cmocka_unit_test(long_texts_grow_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
