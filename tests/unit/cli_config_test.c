#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "cli/cli_config.h"
#include "cli/cli_exit.h"

static void lines_become_names_and_values(void **state)
{
	static const char *const cases[][3] = {
		{"peer 203.0.113.20", "peer", "203.0.113.20"},
		{"  \tserve \t web=8080 \t", "serve", "web=8080"},
		{"no-ticket", "no-ticket", ""},
		{"no-ticket # said why", "no-ticket", ""},
		{"# all of it", "", ""},
		{"", "", ""},
		{"   ", "", ""},
		{"peer a\r", "peer", "a"},
		{"state /a dir/x", "state", "/a dir/x"},
		{"serve db=unix:/run/x#1", "serve", "db=unix:/run/x#1"},
		{"serve db=unix:/run/x #1", "serve", "db=unix:/run/x"},
		{"#peer x", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cli_config_line line;
		struct cli_fault f;

		assert_int_equal(cli_config_parse(cases[i][0], strlen(cases[i][0]), &line, &f), 0);
		assert_string_equal(line.name, cases[i][1]);
		assert_string_equal(line.value, cases[i][2]);
	}
}

static void the_longest_line_is_taken_and_a_longer_one_is_not(void **state)
{
	char text[CLI_CONFIG_LINE];
	struct cli_config_line line;
	struct cli_fault f;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(cli_config_parse(text, sizeof(text) - 1, &line, &f), 0);
	assert_int_equal(strlen(line.name), sizeof(text) - 1);
	assert_int_equal(cli_config_parse(text, sizeof(text), &line, &f), ADIT_EINVAL);
	assert_int_equal(f.exit, CLI_EXIT_BAD);
}

static void dashes_and_controls_are_refused_with_a_reason(void **state)
{
	struct cli_config_line line;
	struct cli_fault f;

	(void)state;
	assert_int_equal(cli_config_parse("--peer x", 8, &line, &f), ADIT_EINVAL);
	assert_string_equal(f.what, "\"--peer\" starts with a dash");
	assert_int_equal(cli_config_parse("pe\0er x", 7, &line, &f), ADIT_EINVAL);
	assert_string_equal(f.what, "the line holds a control character (column 3)");
	assert_int_equal(cli_config_parse("peer \033", 6, &line, &f), ADIT_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_names_and_values),
		cmocka_unit_test(the_longest_line_is_taken_and_a_longer_one_is_not),
		cmocka_unit_test(dashes_and_controls_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
