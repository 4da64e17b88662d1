/*
 * What every command gets. Start here: main.c holds the table of commands; cli_opts.h all options, already read when
 * a command starts; cli_msg.h the one place that prints; cli_exit.h the exit codes.
 *
 *	int cmd_x(struct cli *cli, int argc, char **argv)
 *
 * |argv| holds the words that are no options (argv[0] is the first of them; also in cli->opts.words); serve, connect
 * and pipe find them parsed in cli->opts.serve and cli->opts.connect. The return value is the exit code.
 */
#ifndef ADIT_CLI_CLI_H
#define ADIT_CLI_CLI_H

#include "cli/cli_exit.h"
#include "cli/cli_msg.h"
#include "cli/cli_opts.h"

struct cli {
	const char *name; /* the command's */
	enum cli_for opts_for; /* its bit in the table of options */
	struct cli_opts opts;
	struct cli_msg msg;
};

/* One row of the table in main.c. Either |run|, or |run_raw| for a command that reads its own arguments. */
struct cli_row {
	const char *name;
	const char *summary; /* one line */
	enum cli_for opts; /* its bit in the table of options */
	int (*run)(struct cli *cli, int argc, char **argv);
	int (*run_raw)(int argc, char **argv); /* argv[0] is the command's name */
};

const struct cli_row *cli_row_find(const char *name);

/* Says that there is no such command and which one was probably meant; returns the exit code. */
int cli_unknown_command(struct cli_msg *m, const char *typed);

/* `adit -h`: an example and the commands. */
void cli_overview(struct cli *cli);

int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_id(struct cli *cli, int argc, char **argv);
int cmd_ticket(struct cli *cli, int argc, char **argv);
int cmd_peer(struct cli *cli, int argc, char **argv);

int cmd_serve(struct cli *cli, int argc, char **argv);
int cmd_connect(struct cli *cli, int argc, char **argv);
int cmd_pipe(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_mediator(int argc, char **argv);
int cmd_udphp(int argc, char **argv);

#endif
