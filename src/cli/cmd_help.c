/* `adit help [COMMAND]`: the manual page, or the short text where there is no man or no page. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_help.h"

/* `man -w` finds the page without showing it: after an exec of man there is no way back to the short text. */
static bool has_page(const char *page)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null >= 0) {
			dup2(null, STDIN_FILENO);
			dup2(null, STDOUT_FILENO);
			dup2(null, STDERR_FILENO);
		}
		execlp("man", "man", "-w", page, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	const struct cli_row *row;
	const char *text;
	char page[64];

	if (argc == 0) {
		cli_overview(cli);
		return CLI_EXIT_OK;
	}
	if (argc > 1) {
		cli_error(&cli->msg, "for example: adit help serve", "help takes one command, and %d are given", argc);
		return CLI_EXIT_USAGE;
	}
	row = cli_row_find(argv[0]);
	if (!row)
		return cli_unknown_command(&cli->msg, argv[0]);
	snprintf(page, sizeof(page), "adit-%s", row->name);
	if (has_page(page)) {
		signal(SIGPIPE, SIG_DFL); /* ours is ignored, and exec would hand that on */
		execlp("man", "man", page, (char *)NULL);
	}
	text = cli_help_text(row->name);
	if (text)
		cli_out_raw(&cli->msg, text);
	else if (row->run_raw)
		return row->run_raw(2, (char *[]){argv[0], "-h", NULL});
	return CLI_EXIT_OK;
}
