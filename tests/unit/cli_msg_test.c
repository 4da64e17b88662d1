#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli_exit.h"
#include "cli/cli_msg.h"

static struct cli_opts opts;
static struct cli_msg m;
static int out[2];
static int err[2];
static char text[16384];

static int setup(void **state)
{
	(void)state;
	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	if (pipe2(out, O_NONBLOCK) != 0 || pipe2(err, O_NONBLOCK) != 0)
		return -1;
	cli_opts_init(&opts);
	cli_msg_init(&m, out[1], err[1]);
	cli_msg_setup(&m, &opts);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(out[0]);
	close(out[1]);
	close(err[0]);
	close(err[1]);
	return 0;
}

static const char *drain(int fd)
{
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* A terminal hands on in its own time, and in pieces. */
static void expect_tty(int fd, const char *want)
{
	size_t n = 0;

	while (n < strlen(want)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		assert_int_equal(poll(&p, 1, 10000), 1);
		got = read(fd, text + n, sizeof(text) - 1 - n);
		assert_true(got > 0);
		n += (size_t)got;
	}
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void setup_with(const char *name, const char *value)
{
	struct cli_fault f;

	assert_int_equal(cli_opts_set(&opts, CLI_FOR_SERVE, CLI_RANK_ARGV, name, value, &f), 0);
	cli_msg_setup(&m, &opts);
}

static void errors_carry_their_advice_and_results_go_elsewhere(void **state)
{
	(void)state;
	cli_error(&m, "do that", "cannot %s", "fly");
	cli_warn(&m, NULL, "careful");
	cli_info(&m, "connected");
	cli_hint(&m, "more");
	cli_out(&m, "result %d", 1);
	assert_string_equal(drain(err[0]),
			    "adit: error: cannot fly\n      do that\nadit: warning: careful\nconnected\n      more\n");
	assert_string_equal(drain(out[0]), "result 1\n");
	assert_int_equal(cli_msg_finish(&m, 7), 7);
}

static void quiet_leaves_errors_and_their_hints(void **state)
{
	(void)state;
	setup_with("quiet", "");
	cli_warn(&m, "w", "warned");
	cli_hint(&m, "to the warning");
	cli_info(&m, "told");
	cli_error(&m, NULL, "failed");
	cli_hint(&m, "to the error");
	assert_string_equal(drain(err[0]), "adit: error: failed\n      to the error\n");
}

static void verbosity_opens_details_then_traces(void **state)
{
	(void)state;
	cli_detail(&m, "why");
	assert_null(cli_msg_log(&m));
	assert_string_equal(drain(err[0]), "");
	setup_with("verbose", "");
	cli_detail(&m, "why");
	assert_null(cli_msg_log(&m)); /* -v is for people: sentences alone */
	drain(err[0]);
	assert_non_null(strstr(text, " why\n"));
	assert_int_equal(text[2], ':');
	assert_int_equal(text[8], '.');
	setup_with("verbose", "");
	adit_trace(cli_msg_log(&m), ADIT_LOG_DECIDE, "pair-open pair=%d", 3);
	adit_trace(cli_msg_log(&m), ADIT_LOG_PACKET, "packet n=1");
	drain(err[0]);
	assert_non_null(strstr(text, " pair-open pair=3\n"));
	assert_non_null(strstr(text, " packet n=1\n"));
}

static void foreign_text_is_made_safe(void **state)
{
	(void)state;
	cli_error(&m, "n\033ext", "name \"%s\"", "a\033[2J\nb");
	assert_string_equal(drain(err[0]), "adit: error: name \"a\\x1b[2J\\x0ab\"\n      n\\x1bext\n");
	cli_out(&m, "%s", "x\033\xe2\x80\xae");
	assert_string_equal(drain(out[0]), "x\\x1b\\u202e\n");
}

static void messages_can_be_json_lines(void **state)
{
	(void)state;
	setup_with("log", "json");
	setup_with("verbose", "");
	setup_with("verbose", "");
	cli_error(&m, "do that", "cannot \"fly\"");
	drain(err[0]);
	assert_memory_equal(text, "{\"time\":\"20", 11);
	assert_non_null(
		strstr(text, "Z\",\"level\":\"error\",\"text\":\"cannot \\\"fly\\\"\",\"next\":\"do that\"}\n"));
	cli_hint(&m, "more");
	assert_non_null(strstr(drain(err[0]), "\"level\":\"hint\",\"text\":\"more\"}\n"));
	adit_trace(cli_msg_log(&m), ADIT_LOG_DECIDE, "path-lost gen=2 why=no answer since=3 s ms=5");
	assert_non_null(strstr(drain(err[0]), "\"level\":\"trace\",\"event\":\"path-lost\",\"data\":{\"gen\":\"2\","
					      "\"why\":\"no answer\",\"since\":\"3 s\",\"ms\":\"5\"}}\n"));
	adit_trace(cli_msg_log(&m), ADIT_LOG_DECIDE, "alone");
	assert_non_null(strstr(drain(err[0]), "\"event\":\"alone\",\"data\":{}}\n"));
	cli_status_set(&m, "waiting");
	assert_string_equal(drain(err[0]), "");
}

static void colours_only_when_asked_or_on_a_terminal(void **state)
{
	(void)state;
	cli_error(&m, NULL, "x");
	assert_null(strchr(drain(err[0]), '\033'));
	setup_with("color", "always");
	setenv("NO_COLOR", "1", 1);
	cli_msg_setup(&m, &opts);
	cli_error(&m, NULL, "x");
	assert_string_equal(drain(err[0]), "\033[1;31madit: error: \033[0mx\n");
	setup_with("log", "json");
	cli_error(&m, NULL, "x");
	assert_null(strchr(drain(err[0]), '\033'));
}

static void results_as_json_are_one_line_each(void **state)
{
	struct cli_json j;

	(void)state;
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "a", "b");
	cli_json_object_end(&j);
	cli_out_json(&m, &j);
	assert_string_equal(drain(out[0]), "{\"a\":\"b\"}\n");
	assert_null(j.buf);
}

static void a_stdout_that_fails_is_an_error_said_at_once_and_once(void **state)
{
	int full = open("/dev/full", O_WRONLY);

	(void)state;
	assert_true(full >= 0);
	m.out = full;
	cli_out(&m, "a");
	assert_string_equal(drain(err[0]), "adit: error: cannot write the results to stdout: No space left on device\n"
					   "      look at where stdout leads, and start again\n");
	cli_out(&m, "b");
	assert_int_equal(cli_msg_finish(&m, CLI_EXIT_OK), CLI_EXIT_LOCAL);
	assert_string_equal(drain(err[0]), "");
	cli_out(&m, "c");
	assert_int_equal(cli_msg_finish(&m, CLI_EXIT_LOST), CLI_EXIT_LOST);
	close(full);
}

/* A pseudo terminal as stderr: the status line lives. */
static void the_status_line_makes_room_for_messages(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	struct winsize ws = {.ws_row = 24, .ws_col = 20};
	int tty;

	(void)state;
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		skip();
	tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(tty >= 0);
	assert_int_equal(ioctl(tty, TIOCSWINSZ, &ws), 0);
	cli_msg_init(&m, out[1], tty);
	cli_msg_setup(&m, &opts);
	cli_status_set(&m, "waiting %d s", 1);
	expect_tty(master, "waiting 1 s");
	cli_status_set(&m, "waiting %d s", 1);
	assert_string_equal(drain(master), "");
	cli_status_set(&m, "waiting %d s for somebody far away", 2);
	expect_tty(master, "\r\033[Kwaiting 2 s for som");
	cli_info(&m, "met");
	expect_tty(master, "\r\033[Kmet\r\nwaiting 2 s for som");
	cli_status_clear(&m);
	expect_tty(master, "\r\033[K");
	cli_status_clear(&m);
	cli_info(&m, "bye");
	expect_tty(master, "bye\r\n");
	setenv("TERM", "dumb", 1);
	cli_msg_setup(&m, &opts);
	cli_status_set(&m, "waiting");
	assert_string_equal(drain(master), "");
	close(tty);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(errors_carry_their_advice_and_results_go_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(quiet_leaves_errors_and_their_hints, setup, teardown),
		cmocka_unit_test_setup_teardown(verbosity_opens_details_then_traces, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_text_is_made_safe, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_can_be_json_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(colours_only_when_asked_or_on_a_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(results_as_json_are_one_line_each, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stdout_that_fails_is_an_error_said_at_once_and_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_status_line_makes_room_for_messages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
