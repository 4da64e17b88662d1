#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "cli/cli_help.h"
#include "cli/cli_limits.h"

static const char *const commands[] = {"serve", "connect", "pipe", "status", "ticket", "id", "peer", "help", "check"};

static void every_text_fits_a_terminal_and_begins_with_an_example(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const char *text = cli_help_text(commands[i]);
		size_t lines = 0;

		assert_non_null(text);
		assert_memory_equal(text, "Example: ", 9);
		assert_non_null(strstr(text, "Usage: adit"));
		for (const char *p = text; *p; lines++) {
			size_t len = strcspn(p, "\n");

			assert_true(len <= CLI_HELP_WIDTH);
			assert_int_equal(p[len], '\n');
			p += len + 1;
		}
		/* The shell's next prompt takes a line. */
		if (lines > CLI_HELP_HEIGHT - 1)
			fail_msg("%s -h has %zu lines", commands[i], lines);
	}
	assert_null(cli_help_text("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_fits_a_terminal_and_begins_with_an_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
