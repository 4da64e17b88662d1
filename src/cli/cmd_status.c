/* adit status: asks every running serve, connect and pipe of this user what it is doing. */
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

/* The value of |key| in a flat part of JSON that our own processes wrote; "" where there is none. */
static const char *field(const char *json, const char *key, char *buf, size_t cap)
{
	char pattern[48];
	const char *p;
	size_t n;

	snprintf(pattern, sizeof(pattern), "\"%s\":", key);
	p = strstr(json, pattern);
	buf[0] = '\0';
	if (!p)
		return buf;
	p += strlen(pattern);
	if (strncmp(p, "null", 4) == 0)
		return buf;
	p += *p == '"';
	n = strcspn(p, "\",}");
	snprintf(buf, cap, "%.*s", (int)(n < cap ? n : cap - 1), p);
	return buf;
}

/* One lane of a serve, or a connect as a whole. */
static void show_link(struct cli_msg *m, const char *what, const char *json)
{
	char state[24], remote[ADIT_ADDR_STRLEN], how[16], rtt[16], since[16], conns[16], tx[24], rx[24], paths[16];

	field(json, "state", state, sizeof(state));
	field(json, "remote", remote, sizeof(remote));
	cli_out(m, "%-24s %s for %s s%s%s", what, state, field(json, "since_s", since, sizeof(since)),
		remote[0] ? ", path " : "", remote);
	if (!remote[0])
		return;
	cli_out(m, "  punched: %s pair, round trip %s ms, path number %s; %s connections",
		field(json, "how", how, sizeof(how)), field(json, "quic_rtt_ms", rtt, sizeof(rtt)),
		field(json, "paths", paths, sizeof(paths)), field(json, "connections", conns, sizeof(conns)));
	cli_out(m, "  sent %s bytes, received %s bytes", field(json, "tx_bytes", tx, sizeof(tx)),
		field(json, "rx_bytes", rx, sizeof(rx)));
}

static void show(struct cli_msg *m, const char *json)
{
	char command[16], pid[16], name[64], what[96];
	const char *lane = strstr(json, "\"lanes\":[");

	field(json, "command", command, sizeof(command));
	field(json, "pid", pid, sizeof(pid));
	if (!lane) {
		field(json, "peer", name, sizeof(name));
		snprintf(what, sizeof(what), "%.15s%s%.40s (%.15s)", command, name[0] ? " " : "", name, pid);
		show_link(m, what, json);
		return;
	}
	while ((lane = strstr(lane, "{\"label\":"))) {
		const char *end = strchr(lane, '}');
		char *one = strndup(lane, end ? (size_t)(end - lane) + 1 : strlen(lane));

		if (!one)
			return;
		field(one, "label", name, sizeof(name));
		snprintf(what, sizeof(what), "%.15s %.40s (%.15s)", command, name, pid);
		show_link(m, what, one);
		free(one);
		lane++;
	}
}

/* 1: it answered. */
static int ask(struct cli *cli, const char *path)
{
	static char text[EP_CTL_TEXT_MAX];
	int fd = ep_ctl_dial(path);
	int r;

	if (fd < 0)
		return 0;
	r = ep_ctl_send(fd, "status", -1);
	if (r == 0)
		r = ep_ctl_recv(fd, text, ANSWER_MS);
	close(fd);
	if (r <= 0)
		return 0;
	if (cli->opts.common.json) {
		cli_out_raw(&cli->msg, text);
		cli_out_raw(&cli->msg, "\n");
	} else {
		show(&cli->msg, text);
	}
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

	(void)argc;
	(void)argv;
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
