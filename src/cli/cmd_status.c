/*
 * adit status: asks every running serve, connect and pipe of this user what it is doing: "status" is answered in JSON,
 * "show" in lines for people; -v wants more of them.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "endpoint/ep_ctl.h"
#include "io/io_state.h"

#define ANSWER_MS 1000 /* a process that does not answer in time is passed over */

static volatile sig_atomic_t stopped;

static void note_signal(int nr)
{
	(void)nr;
	stopped = 1;
}

/* 1: it answered. */
static int ask(struct cli *cli, const char *path)
{
	static char text[EP_CTL_TEXT_MAX];
	int fd = ep_ctl_dial(path);
	int r;

	if (fd < 0)
		return 0;
	r = ep_ctl_send(fd,
			cli->opts.common.json            ? "status"
			: cli_opts_level(&cli->opts) > 0 ? "show more"
							 : "show",
			-1);
	if (r == 0)
		r = ep_ctl_recv(fd, text, ANSWER_MS);
	close(fd);
	if (r <= 0)
		return 0;
	cli_out_raw(&cli->msg, text);
	if (cli->opts.common.json)
		cli_out_raw(&cli->msg, "\n");
	return 1;
}

static int ask_all(struct cli *cli, const char *dir_name, const char *prefix)
{
	DIR *dir = opendir(dir_name);
	struct dirent *e;
	int n = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		char path[PATH_MAX + 256];

		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir_name, e->d_name);
		n += ask(cli, path);
	}
	closedir(dir);
	return n;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	const char *state_dir = cli->opts.common.state;
	struct sigaction act = {.sa_handler = note_signal};
	static const struct timespec second = {.tv_sec = 1};
	char prefix[IO_SOCKET_PREFIX_LEN];
	char dir[PATH_MAX];
	struct io_state state;
	struct io_why why;
	int rc = CLI_EXIT_OK;

	if (argc > 0) {
		cli_error(&cli->msg, "adit status shows all that runs here",
			  "status takes no words, and \"%.60s\" is given", argv[0]);
		return CLI_EXIT_USAGE;
	}
	if (io_state_open(&state, state_dir[0] ? state_dir : NULL, &why) < 0) {
		cli_error(&cli->msg, why.next[0] ? why.next : NULL, "%s", why.what);
		return CLI_EXIT_LOCAL;
	}
	if (io_state_sockets(&state, dir, prefix, &why) < 0) {
		cli_error(&cli->msg, why.next[0] ? why.next : NULL, "%s", why.what);
		rc = CLI_EXIT_LOCAL;
	}
	sigaction(SIGINT, &act, NULL);
	while (rc == CLI_EXIT_OK && !stopped) {
		if (cli->opts.watch && cli->msg.out_is_tty)
			cli_out_raw(&cli->msg, "\033[H\033[2J"); /* ECMA-48: home, erase all */
		if (ask_all(cli, dir, prefix) == 0)
			cli_info(&cli->msg, "nothing is running here");
		if (!cli->opts.watch)
			break;
		nanosleep(&second, NULL);
	}
	io_state_close(&state);
	return rc;
}
