/* adit: the table of commands, and the way from argv to one of them. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/cli_help.h"
#include "cli/cli_text.h"
#include "io/io_file.h"
#include "io/io_loop.h"
#include "io/io_std.h"

static const struct cli_row rows[] = {
	{"serve", "offer services; prints the ticket", CLI_FOR_SERVE, cmd_serve, NULL},
	{"connect", "open a peer's services here", CLI_FOR_CONNECT, cmd_connect, NULL},
	{"pipe", "connect stdin and stdout to a service", CLI_FOR_PIPE, cmd_pipe, NULL},
	{"check", "what this network's NAT does, and what will work", CLI_FOR_CHECK, cmd_check, NULL},
	{"status", "show the running endpoints", CLI_FOR_STATUS, cmd_status, NULL},
	{"ticket", "show, make, list and revoke this machine's tickets", CLI_FOR_TICKET, cmd_ticket, NULL},
	{"id", "print this machine's public key", CLI_FOR_ID, cmd_id, NULL},
	{"peer", "save the tickets of others, with how to meet", CLI_FOR_PEER, cmd_peer, NULL},
	{"mediator", "introduce peers to each other, and be a STUN server", 0, NULL, cmd_mediator},
	{"udphp", "udphp.py's protocol to an old peer", 0, NULL, cmd_udphp},
	{"help", "show the manual of a command", CLI_FOR_HELP, cmd_help, NULL},
};

const struct cli_row *cli_row_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

int cli_unknown_command(struct cli_msg *m, const char *typed)
{
	const char *names[ARRAY_LEN(rows)];
	char next[64] = "adit -h lists the commands";
	const char *guess;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		names[i] = rows[i].name;
	guess = cli_text_guess(typed, names, ARRAY_LEN(rows));
	if (guess)
		snprintf(next, sizeof(next), "did you mean \"%s\"?", guess);
	cli_error(m, next, "there is no command \"%.60s\"", typed);
	return CLI_EXIT_USAGE;
}

void cli_overview(struct cli *cli)
{
	cli_out_raw(&cli->msg, cli_help_head);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cli_out(&cli->msg, "  %-9s %s", rows[i].name, rows[i].summary);
	cli_out_raw(&cli->msg, cli_help_tail);
}

static int read_config(struct cli *cli, const struct cli_row *row)
{
	const char *path = cli->opts.common.config;
	struct cli_fault f;
	struct io_text text;
	struct io_why why;
	int err;

	if (path[0] == '\0')
		return CLI_GO;
	err = io_file_read(path, CLI_CONFIG_MAX, &text, &why);
	if (err != 0) {
		cli_error(&cli->msg, why.next, "--config: %s", why.what);
		return err == ADIT_EFULL ? CLI_EXIT_BAD : CLI_EXIT_LOCAL;
	}
	err = cli_opts_config(&cli->opts, row->opts, path, text.data, text.len, &f);
	io_text_done(&text);
	return err == 0 ? CLI_GO : cli_msg_fault(&cli->msg, &f);
}

static int run_row(struct cli *cli, const struct cli_row *row, int argc, char **argv)
{
	struct cli_opts *o = &cli->opts;
	struct cli_fault f;
	int rc;

	cli->name = row->name;
	cli->opts_for = row->opts;
	rc = cli_opts_argv(o, row->opts, argc, argv, &f);
	cli_msg_setup(&cli->msg, o); /* what was understood before a fault shapes how the fault is told */
	if (rc != 0) {
		rc = cli_msg_fault(&cli->msg, &f);
		cli_hint(&cli->msg, "all options: adit %s -h", row->name);
		return rc;
	}
	if (o->common.help) {
		cli_out_raw(&cli->msg, cli_help_text(row->name));
		return CLI_EXIT_OK;
	}
	rc = read_config(cli, row);
	if (rc != CLI_GO)
		return rc;
	cli_msg_setup(&cli->msg, o);
	if (cli_opts_words(o, row->opts, getenv("ADIT_TICKET"), &f) != 0)
		return cli_msg_fault(&cli->msg, &f);
	return row->run(cli, (int)o->n_words, o->words);
}

static int run(struct cli *cli, int argc, char **argv)
{
	const struct cli_row *row;

	if (argc < 2) {
		cli_error(&cli->msg, "for example: adit serve web=8080 --peer 203.0.113.20; adit -h lists the commands",
			  "no command is given");
		return CLI_EXIT_USAGE;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		cli_overview(cli);
		return CLI_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		cli_out(&cli->msg, "adit %s", ADIT_VERSION);
		return CLI_EXIT_OK;
	}
	if (argv[1][0] == '-') {
		cli_error(&cli->msg, "options stand behind the command: adit COMMAND [OPTION]...",
			  "\"%.60s\" stands where a command is expected", argv[1]);
		return CLI_EXIT_USAGE;
	}
	row = cli_row_find(argv[1]);
	if (!row)
		return cli_unknown_command(&cli->msg, argv[1]);
	if (row->run_raw)
		return row->run_raw(argc - 1, argv + 1);
	return run_row(cli, row, argc - 1, argv + 1);
}

/*
 * Bytes from where memory is the system's again as soon as it is freed, and none until it is touched: what a search for
 * a peer needs lies between what a thousand connected ones keep. glibc would let the limit grow to megabytes.
 */
#define MALLOC_LARGE (32 * 1024)

int main(int argc, char **argv)
{
	static struct cli cli; /* large: tables of fixed size */
	int rc;

	if (!io_std_open())
		return CLI_EXIT_LOCAL;
	mallopt(M_MMAP_THRESHOLD, MALLOC_LARGE);
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error code, for results and for forwarded streams */
	cli_opts_init(&cli.opts);
	cli_msg_init(&cli.msg, STDOUT_FILENO, STDERR_FILENO);
	rc = cli_msg_finish(&cli.msg, run(&cli, argc, argv));
	cli_opts_done(&cli.opts);
	if (io_loop_is_left())
		_exit(rc); /* a look-up hangs: exit() would wait for it */
	return rc;
}
