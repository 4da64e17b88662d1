#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_exit.h"
#include "cli/cli_opts.h"

#define TICKET "adit1aeaxu4kburtc2zfzgs252pdod3h7tajtnkmi6larokynyhmtkd3hgkajlvnpxxtgbdiosvppyoesijesz6dk6ico2cvqk"

static struct cli_opts o; /* large */
static struct cli_fault f;
static char *env_ticket;
static char *args[600]; /* copies: secrets are overwritten in them */
static int n_args;

static void drop_args(void)
{
	for (int i = 0; i < n_args; i++)
		free(args[i]);
	n_args = 0;
}

/* Reads a command line of words between blanks: 0 or ADIT_EINVAL, as the program does it. */
static int read_line(enum cli_for cmd, const char *line)
{
	char *copy = strdup(line);
	char *save = NULL;
	int err;

	cli_opts_done(&o);
	drop_args();
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		args[n_args++] = strdup(w);
	args[n_args] = NULL;
	free(copy);
	cli_opts_init(&o);
	memset(&f, 0, sizeof(f));
	err = cli_opts_argv(&o, cmd, n_args, args, &f);
	return err != 0 || o.common.help ? err : cli_opts_words(&o, cmd, env_ticket, &f);
}

static int teardown(void **state)
{
	(void)state;
	cli_opts_done(&o);
	drop_args();
	return 0;
}

static void threads_are_a_number(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve 22"), 0);
	assert_int_equal(o.meet.threads, 0);
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect home --threads 8"), 0);
	assert_int_equal(o.meet.threads, 8);
	assert_int_equal(cli_opts_config(&o, CLI_FOR_SERVE, "f", "threads 3\n", 10, &f), 0);
	assert_int_equal(o.meet.threads, 8); /* what was typed is the stronger word */
}

static void mapped_takes_a_port_or_none(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve 22 --port 5555 --mapped"), 0);
	assert_true(o.meet.mapped && o.meet.mapped_port == 0 && o.meet.port == 5555 && !o.meet.no_portmap);
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve 22 --port 5555 --mapped=4500 --no-portmap"), 0);
	assert_true(o.meet.mapped && o.meet.mapped_port == 4500 && o.meet.no_portmap);
	/* A port that stands apart is a word: a service here. */
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve --port 5555 --mapped 4500"), 0);
	assert_true(o.meet.mapped_port == 0 && o.serve.n_services == 1);
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve 22 --mapped=0"), ADIT_EINVAL);
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve 22 --no-portmap=yes"), ADIT_EINVAL);
	assert_int_equal(read_line(CLI_FOR_STATUS, "status --mapped"), ADIT_EINVAL);
	assert_int_equal(cli_opts_config(&o, CLI_FOR_SERVE, "f", "mapped 4501\nno-portmap\n", 23, &f), 0);
	assert_int_equal(o.meet.mapped_port, 4501);
}

static void serve_takes_services_and_how_to_meet(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_SERVE,
				   "serve web=8080 22 --peer 203.0.113.20 --peer b.example:5 --port 5555 "
				   "--linger 10m --no-ticket --allow keys --state /s -vv --json --log json "
				   "--color never"),
			 0);
	assert_int_equal(o.serve.n_services, 2);
	assert_string_equal(o.serve.services[0].name, "web");
	assert_string_equal(o.serve.services[1].name, "22");
	assert_int_equal(o.meet.n_peers, 2);
	assert_string_equal(o.meet.peers[1].name, "b.example");
	assert_int_equal(o.meet.port, 5555);
	assert_int_equal(o.meet.linger, ADIT_SEC(600));
	assert_true(o.serve.no_ticket);
	assert_string_equal(o.serve.allow, "keys");
	assert_string_equal(o.common.state, "/s");
	assert_int_equal(cli_opts_level(&o), 2);
	assert_true(o.common.json);
	assert_true(o.common.log_json);
	assert_int_equal(o.common.color, CLI_COLOR_NEVER);
}

static void defaults_are_those_of_the_contract(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect home"), 0);
	assert_int_equal(o.meet.linger, ADIT_SEC(300));
	assert_int_equal(o.meet.timeout, ADIT_NEVER);
	assert_int_equal(o.connect.n_forwards, 0);
	assert_int_equal(cli_opts_level(&o), 0);
	assert_int_equal(read_line(CLI_FOR_PIPE, "pipe home ssh"), 0);
	assert_int_equal(o.meet.timeout, ADIT_SEC(60));
	assert_int_equal(read_line(CLI_FOR_PIPE, "pipe home ssh --timeout 5"), 0);
	assert_int_equal(o.meet.timeout, ADIT_SEC(5));
}

static void connect_takes_the_peer_first_and_options_anywhere(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect --peer 203.0.113.10 home 7100:web --timeout 1.5 ssh"), 0);
	assert_string_equal(o.connect.peer, "home");
	assert_int_equal(o.connect.n_forwards, 2);
	assert_string_equal(o.connect.forwards[0].service, "web");
	assert_string_equal(o.connect.forwards[1].service, "ssh");
	assert_int_equal(o.meet.timeout, ADIT_MS(1500));
}

static void a_ticket_in_argv_is_overwritten_there(void **state)
{
	static char x[sizeof(TICKET)];

	(void)state;
	memset(x, 'x', sizeof(TICKET) - 1);
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect " TICKET " web"), 0);
	assert_string_equal(o.connect.peer, TICKET);
	assert_string_equal(args[1], x);
	assert_string_equal(args[2], "web");
	assert_int_equal(read_line(CLI_FOR_PEER, "peer add home " TICKET), 0);
	assert_string_equal(o.words[2], TICKET);
	assert_string_equal(args[3], x);
}

static void the_ticket_may_come_from_a_file_or_the_environment(void **state)
{
	static char ticket[] = TICKET;
	static char empty[] = "";

	(void)state;
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect --ticket-file t web"), 0);
	assert_null(o.connect.peer);
	assert_string_equal(o.connect.ticket_file, "t");
	assert_string_equal(o.connect.forwards[0].service, "web");
	env_ticket = ticket;
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect web"), 0);
	assert_null(o.connect.peer);
	assert_ptr_equal(o.connect.env_ticket, ticket);
	assert_int_equal(read_line(CLI_FOR_PIPE, "pipe ssh"), 0);
	assert_string_equal(o.connect.forwards[0].service, "ssh");
	env_ticket = empty;
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect home"), 0);
	assert_string_equal(o.connect.peer, "home");
	env_ticket = NULL;
}

/* Which line, which word of the reason, which word of the advice. */
static void usage_errors_say_what_why_and_what_next(void **state)
{
	static const struct {
		enum cli_for cmd;
		const char *line;
		const char *what;
		const char *next;
	} bad[] = {
		{CLI_FOR_SERVE, "serve", "no service", "adit serve web=8080"},
		{CLI_FOR_SERVE, "serve web=8080 web=22", "two services are called \"web\"", "other=22"},
		{CLI_FOR_SERVE, "serve 22 other:22", "two services are called \"22\"", "other=other:22"},
		{CLI_FOR_SERVE, "serve web", "port is missing", "a target is"},
		{CLI_FOR_SERVE, "serve " TICKET, "a ticket was given", "adit connect TICKET"},
		{CLI_FOR_SERVE, "serve 22 --port 0", "--port \"0\"", "--port 5555"},
		{CLI_FOR_SERVE, "serve 22 --port 65536", "1 and 65535", ""},
		{CLI_FOR_SERVE, "serve 22 --port=x", "--port \"x\"", ""},
		{CLI_FOR_SERVE, "serve 22 --port", "--port: a value is missing", "--port N"},
		{CLI_FOR_SERVE, "serve 22 --threads 0", "between 1 and 8", "--threads 2"},
		{CLI_FOR_CONNECT, "connect home --threads 9", "--threads \"9\"", ""},
		{CLI_FOR_PIPE, "pipe home 22 --threads 2", "no option of this command", ""},
		{CLI_FOR_SERVE, "serve 22 --linger soon", "no duration", "5m"},
		{CLI_FOR_SERVE, "serve 22 --timeout 5", "no option of this command", ""},
		{CLI_FOR_SERVE, "serve 22 --peeer x", "unknown option \"--peeer\"", "--peer"},
		{CLI_FOR_SERVE, "serve 22 --pee x", "unknown option \"--pee\"", "--peer"},
		{CLI_FOR_SERVE, "serve 22 --no-ticket=yes", "takes no value", "alone"},
		{CLI_FOR_SERVE, "serve 22 --peer 0.0.0.0", "no single machine", "203.0.113.20"},
		{CLI_FOR_SERVE, "serve 22 --log xml", "not one of text, json", "--log text"},
		{CLI_FOR_SERVE, "serve 22 --color blue", "not one of auto, always, never", ""},
		{CLI_FOR_SERVE, "serve 22 -x", "unknown option \"-x\"", "-h, -q and -v"},
		{CLI_FOR_SERVE, "serve 22 -q -v", "contradict", ""},
		{CLI_FOR_SERVE, "serve 22 --clock-offset soon", "no number of seconds", ""},
		{CLI_FOR_SERVE, "serve 22 --relay relay.example.org", "no address of a TURN server", "--relay-file"},
		{CLI_FOR_SERVE, "serve 22 --relay turns:a?transport=udp", "no address of a TURN server", "turns:HOST"},
		{CLI_FOR_SERVE, "serve 22 --relay turn:a --relay turn:b --relay turn:c --relay turn:d --relay turn:e",
		 "more than 4", ""},
		{CLI_FOR_SERVE, "serve 22 --relay-only=yes", "takes no value", "alone"},
		{CLI_FOR_SERVE, "serve 22 --sideways", "unknown option", ""},
		{CLI_FOR_SERVE, "serve 22 --qrs", "unknown option", ""},
		{CLI_FOR_CONNECT, "connect", "whom to reach", "ADIT_TICKET"},
		{CLI_FOR_CONNECT, "connect Home", "no saved name", "a-z"},
		{CLI_FOR_CONNECT, "connect home web web", "the same place", "7101:web"},
		{CLI_FOR_CONNECT, "connect home 1:a 1:b", "the same place", "7100:a"},
		{CLI_FOR_CONNECT, "connect home " TICKET, "a ticket stands where a service", "adit connect TICKET"},
		{CLI_FOR_CONNECT, "connect home --peer 192.0.2.1 --peer 192.0.2.2", "given twice",
		 "one public address"},
		{CLI_FOR_CONNECT, "connect home --timeout 0", "above 0", ""},
		{CLI_FOR_CONNECT, "connect --ticket-file t " TICKET, "given twice", "leave one"},
		{CLI_FOR_CONNECT, "connect home --single", "no option of this command", ""},
		{CLI_FOR_PIPE, "pipe home", "none is given", "adit pipe home ssh"},
		{CLI_FOR_PIPE, "pipe home a b", "several are", ""},
		{CLI_FOR_PIPE, "pipe home 7100:ssh", "uses stdin and stdout", "adit connect PEER 7100:ssh"},
		{CLI_FOR_PIPE, "pipe --ticket-file - ssh", "that is the data", "--ticket-file FILE"},
		{CLI_FOR_PIPE, "pipe home ssh --json", "no option of this command", ""},
		{CLI_FOR_TICKET, "ticket --port 1", "no option of this command", ""},
		{CLI_FOR_ID, "id --jso", "unknown option \"--jso\"", "--json"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (read_line(bad[i].cmd, bad[i].line) == 0)
			fail_msg("\"%s\" was accepted", bad[i].line);
		assert_int_equal(f.exit, CLI_EXIT_USAGE);
		if (!strstr(f.what, bad[i].what) || !strstr(f.next, bad[i].next))
			fail_msg("\"%s\" is told as \"%s\" / \"%s\"", bad[i].line, f.what, f.next);
		/* No message repeats a secret: it may end up in a log. */
		assert_null(strstr(f.what, "adit1"));
		assert_null(strstr(f.next, "adit1"));
	}
}

static void both_file_and_environment_are_too_many(void **state)
{
	static char ticket[] = TICKET;

	(void)state;
	env_ticket = ticket;
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect --ticket-file t web"), ADIT_EINVAL);
	assert_non_null(strstr(f.what, "both --ticket-file and ADIT_TICKET"));
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect " TICKET), ADIT_EINVAL);
	assert_non_null(strstr(f.what, "given twice"));
	env_ticket = NULL;
}

static void tables_that_are_full_say_so(void **state)
{
	char line[8192] = "serve";

	(void)state;
	for (int i = 1; i <= CLI_SERVICES_MAX; i++)
		sprintf(line + strlen(line), " %d", i);
	assert_int_equal(read_line(CLI_FOR_SERVE, line), 0);
	strcat(line, " 9999");
	assert_int_equal(read_line(CLI_FOR_SERVE, line), ADIT_EINVAL);
	assert_string_equal(f.what, "more than 64 services");
	strcpy(line, "serve 22");
	for (int i = 0; i < CLI_PEERS_MAX; i++)
		sprintf(line + strlen(line), " --peer 192.0.2.%d", i + 1);
	assert_int_equal(read_line(CLI_FOR_SERVE, line), 0);
	strcat(line, " --peer 192.0.2.99");
	assert_int_equal(read_line(CLI_FOR_SERVE, line), ADIT_EINVAL);
	assert_non_null(strstr(f.what, "more than"));
	strcpy(line, "connect home");
	for (int i = 1; i <= CLI_SERVICES_MAX + 1; i++)
		sprintf(line + strlen(line), " %d:a", i);
	assert_int_equal(read_line(CLI_FOR_CONNECT, line), ADIT_EINVAL);
	assert_string_equal(f.what, "more than 64 services");
	strcpy(line, "ticket");
	for (int i = 0; i <= CLI_WORDS_MAX; i++)
		strcat(line, " a");
	assert_int_equal(read_line(CLI_FOR_TICKET, line), ADIT_EINVAL);
	assert_non_null(strstr(f.what, "words"));
	assert_int_equal(read_line(CLI_FOR_PEER, "peer " TICKET " " TICKET " " TICKET " " TICKET " " TICKET),
			 ADIT_EINVAL);
	assert_non_null(strstr(f.what, "more tickets"));
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve 22 -- --port"), ADIT_EINVAL);
	assert_non_null(strstr(f.what, "no target"));
}

static void help_is_seen_whatever_else_is_missing(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve -h"), 0);
	assert_true(o.common.help);
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect --help"), 0);
	assert_true(o.common.help);
}

static int config(enum cli_for cmd, const char *text)
{
	return cli_opts_config(&o, cmd, "adit.conf", text, strlen(text), &f);
}

static void a_config_file_gives_what_the_command_line_does_not(void **state)
{
	(void)state;
	cli_opts_init(&o);
	assert_int_equal(config(CLI_FOR_SERVE, "# what I offer\n"
					       "serve web=8080\n"
					       "serve ssh=22 # and that\n"
					       "\n"
					       "peer 203.0.113.20\n"
					       "port 5555\n"
					       "no-ticket\n"
					       "verbose\n"
					       "log json"),
			 0);
	assert_int_equal(cli_opts_words(&o, CLI_FOR_SERVE, NULL, &f), 0);
	assert_int_equal(o.serve.n_services, 2);
	assert_string_equal(o.serve.services[1].name, "ssh");
	assert_int_equal(o.meet.n_peers, 1);
	assert_int_equal(o.meet.port, 5555);
	assert_true(o.serve.no_ticket);
	assert_int_equal(cli_opts_level(&o), 1);
}

static void the_command_line_wins_over_files_and_replaces_their_lists(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_SERVE, "serve git=9418 --peer 192.0.2.1 --port 1 -q"), 0);
	assert_int_equal(config(CLI_FOR_SERVE, "serve web=8080\npeer 203.0.113.20\nport 5555\nlinger 60\nverbose\n"),
			 0);
	assert_int_equal(o.serve.n_services, 1);
	assert_string_equal(o.serve.services[0].name, "git");
	assert_int_equal(o.meet.n_peers, 1);
	assert_string_equal(o.meet.peers[0].name, "192.0.2.1");
	assert_int_equal(o.meet.port, 1);
	assert_int_equal(o.meet.linger, ADIT_SEC(60));
	assert_int_equal(cli_opts_level(&o), -1);
}

static void a_saved_peer_stands_between_file_and_command_line(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_CONNECT, "connect home --port 1"), 0);
	assert_int_equal(config(CLI_FOR_CONNECT, "peer 192.0.2.1\nport 3\nconnect 1:a\nlinger 5\n"), 0);
	assert_int_equal(cli_opts_set(&o, CLI_FOR_CONNECT, CLI_RANK_SAVED, "peer", "192.0.2.2", &f), 0);
	assert_int_equal(cli_opts_set(&o, CLI_FOR_CONNECT, CLI_RANK_SAVED, "port", "2", &f), 0);
	assert_int_equal(cli_opts_set(&o, CLI_FOR_CONNECT, CLI_RANK_SAVED, "connect", "2:b", &f), 0);
	assert_int_equal(cli_opts_set(&o, CLI_FOR_CONNECT, CLI_RANK_SAVED, "connect", "3:c", &f), 0);
	assert_int_equal(o.meet.n_peers, 1);
	assert_string_equal(o.meet.peers[0].name, "192.0.2.2");
	assert_int_equal(o.meet.port, 1);
	assert_int_equal(o.meet.linger, ADIT_SEC(5));
	assert_int_equal(o.connect.n_forwards, 2);
	assert_string_equal(o.connect.forwards[0].service, "b");
}

static void config_errors_name_file_and_line(void **state)
{
	static const char *const bad[][2] = {
		{"serve web=8080\nbogus 1\n", "adit.conf:2: unknown option \"bogus\""},
		{"\n\nport x\n", "adit.conf:3: port \"x\""},
		{"port\n", "adit.conf:1: port: a value is missing"},
		{"no-ticket yes\n", "adit.conf:1: no-ticket takes no value"},
		{"serve web=80\nserve web=81", "adit.conf:2: two services"},
		{"--port 5\n", "adit.conf:1: \"--port\" starts with a dash"},
		{"config other\n", "adit.conf:1: unknown option \"config\""},
		{"help\n", "adit.conf:1: unknown option \"help\""},
		{"peer 0.0.0.0\n", "adit.conf:1: peer \"0.0.0.0\""},
		{"# x\na\033b\n", "adit.conf:2: the line holds a control character"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cli_opts_init(&o);
		memset(&f, 0, sizeof(f));
		assert_int_equal(config(CLI_FOR_SERVE, bad[i][0]), ADIT_EINVAL);
		assert_int_equal(f.exit, CLI_EXIT_BAD);
		if (strncmp(f.what, bad[i][1], strlen(bad[i][1])) != 0)
			fail_msg("\"%s\" is told as \"%s\"", bad[i][0], f.what);
	}
}

static void one_config_file_may_serve_several_commands(void **state)
{
	(void)state;
	cli_opts_init(&o);
	assert_int_equal(config(CLI_FOR_CONNECT, "serve web=8080\nallow keys\nport 7\n"), 0);
	assert_int_equal(o.meet.port, 7);
	assert_int_equal(o.serve.n_services, 0);
	assert_string_equal(o.serve.allow, "");
}

static void peer_add_learns_which_options_to_save(void **state)
{
	(void)state;
	assert_int_equal(read_line(CLI_FOR_PEER, "peer add home --peer 192.0.2.1 --port 5 --mediator a.example "
						 "--mediator b.example --port 6 -v"),
			 0);
	assert_int_equal(o.n_given, 4);
	assert_string_equal(o.given[0].name, "peer");
	assert_string_equal(o.given[1].value, "6");
	assert_string_equal(o.given[3].value, "b.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapped_takes_a_port_or_none),
		cmocka_unit_test(threads_are_a_number),
		cmocka_unit_test(serve_takes_services_and_how_to_meet),
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(connect_takes_the_peer_first_and_options_anywhere),
		cmocka_unit_test(a_ticket_in_argv_is_overwritten_there),
		cmocka_unit_test(the_ticket_may_come_from_a_file_or_the_environment),
		cmocka_unit_test(usage_errors_say_what_why_and_what_next),
		cmocka_unit_test(both_file_and_environment_are_too_many),
		cmocka_unit_test(tables_that_are_full_say_so),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(help_is_seen_whatever_else_is_missing),
		cmocka_unit_test(a_config_file_gives_what_the_command_line_does_not),
		cmocka_unit_test(the_command_line_wins_over_files_and_replaces_their_lists),
		cmocka_unit_test(a_saved_peer_stands_between_file_and_command_line),
		cmocka_unit_test(config_errors_name_file_and_line),
		cmocka_unit_test(one_config_file_may_serve_several_commands),
		cmocka_unit_test(peer_add_learns_which_options_to_save),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
