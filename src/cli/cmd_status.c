/*
 * adit status: asks every running serve, connect and pipe of this user what it is doing: "status" is answered in JSON,
 * "show" in lines for people; -v wants more of them. On a terminal long lines are folded at words, and with --watch
 * each picture is drawn over the one before, as much of it as there is room for.
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
#include "cli/cli_text.h"
#include "endpoint/ep_ctl.h"
#include "io/io_state.h"
#include "io/io_store.h"

#define ANSWER_MS   5000 /* between two messages of an answer; who takes longer is passed over */
#define EVERY       ADIT_SEC(1) /* --watch */
#define RATE_TIME   ADIT_MS(250) /* a single answer tells the traffic's rate of so long */
#define FOLD_INDENT 14 /* columns: below the texts of cli_show_row() */
#define FOLD_ROOM   30 /* columns for text, or the indent is left out */
#define COLUMNS_MAX 500 /* wider lines are nothing to read, */
#define ROW_MAX     2048 /* and fit in here with all that UTF-8 makes of them */
#define SOCKETS_MAX 64 /* processes of one user that are asked */
#define ERASE_RIGHT "\033[K" /* ECMA-48 EL, ED, CUP */
#define ERASE_BELOW "\033[J"
#define CURSOR_HOME "\033[H"

static volatile sig_atomic_t stopped;

static void note_signal(int nr)
{
	(void)nr;
	stopped = 1;
}

/* Ends the pause: the picture is drawn anew. */
static void note_resize(int nr)
{
	(void)nr;
}

struct picture {
	struct cli *cli;
	char dir[PATH_MAX];
	char prefix[IO_SOCKET_PREFIX_LEN];
	bool is_drawn; /* over the one before */
	size_t columns; /* 0: lines are not folded */
	size_t rows; /* that there still is room for */
	size_t hidden; /* rows that there was no room for */
};

/* --- on the terminal --- */

static void put_row(struct picture *p, const char *indent, const char *s, size_t len)
{
	char row[ROW_MAX + 64];

	if (p->is_drawn && p->rows == 0) {
		p->hidden++;
		return;
	}
	p->rows -= p->is_drawn;
	snprintf(row, sizeof(row), "%s%.*s%s\n", indent, (int)len, s, p->is_drawn ? ERASE_RIGHT : "");
	cli_out_raw(&p->cli->msg, row);
}

static void put_line(struct picture *p, const char *line)
{
	static const char blanks[FOLD_INDENT + 1] = "              ";
	const char *indent = p->columns >= FOLD_INDENT + FOLD_ROOM ? blanks : "  ";
	size_t columns = p->columns;
	const char *before = "";

	do {
		size_t skip;
		size_t n = cli_text_fold(line, columns, &skip);

		put_row(p, before, line, n);
		line += n + skip;
		before = indent;
		columns = p->columns - strlen(indent);
	} while (*line != '\0');
}

static void put_text(struct picture *p, char *text)
{
	char *save = NULL;

	if (p->columns == 0) {
		cli_out_raw(&p->cli->msg, text);
		return;
	}
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		put_line(p, line);
}

static void begin(struct picture *p)
{
	bool watch = p->cli->opts.watch;
	char text[CLI_TEXT_UTC_LEN];
	char line[CLI_TEXT_UTC_LEN + 64];
	struct timespec now;

	p->columns = p->rows = p->hidden = 0;
	if (!p->cli->msg.out_is_tty || p->cli->opts.common.json)
		return;
	cli_msg_window(p->cli->msg.out, &p->columns, &p->rows);
	if (p->columns > COLUMNS_MAX)
		p->columns = COLUMNS_MAX;
	p->is_drawn = watch;
	if (!watch)
		return;
	cli_out_raw(&p->cli->msg, CURSOR_HOME);
	p->rows -= p->rows > 2 ? 2 : p->rows; /* the last two are of end() */
	clock_gettime(CLOCK_REALTIME, &now);
	cli_text_utc(ADIT_SEC((uint64_t)now.tv_sec), text);
	snprintf(line, sizeof(line), "%.8s UTC, every second; Ctrl-C ends", text + strlen("2025-01-31T"));
	put_line(p, line);
}

static void end(struct picture *p)
{
	char text[64];

	if (!p->is_drawn)
		return;
	if (p->hidden > 0) {
		snprintf(text, sizeof(text), "%zu more rows: they want a larger window", p->hidden);
		p->rows = 1;
		put_line(p, text);
	}
	cli_out_raw(&p->cli->msg, ERASE_BELOW);
}

/* --- asking --- */

/* The whole answer, which ends with the connection. False: there was none, or not all of it. */
static bool read_answer(int fd, struct io_buf *ret_all)
{
	static char text[EP_CTL_TEXT_MAX];
	int n;

	while ((n = ep_ctl_recv(fd, text, ANSWER_MS)) > 0)
		io_buf_add(ret_all, text, (size_t)n);
	io_buf_add(ret_all, "", 1);
	return n == ADIT_ENOENT && !ret_all->bad && ret_all->len > 1;
}

static void put_answer(struct picture *p, const char *path, struct io_buf *answer, bool is_whole)
{
	struct cli_msg *msg = &p->cli->msg;

	if (!is_whole) {
		cli_warn(msg, "look again; if it stays so, end that process", "%s: no answer within %d s", path,
			 ANSWER_MS / 1000);
	} else if (strncmp(answer->data, "error ", 6) == 0) {
		cli_warn(msg, NULL, "%s: no status: %s", path, answer->data + 6);
	} else if (p->cli->opts.common.json) {
		cli_out_raw(msg, answer->data);
		cli_out_raw(msg, "\n");
	} else {
		put_text(p, answer->data);
	}
}

/* 1: it is running. |p| NULL: it is only told that somebody will ask again, for what is counted in between. */
static int ask(struct cli *cli, struct picture *p, const char *path)
{
	const char *question = cli->opts.common.json ? "status" : cli_opts_level(&cli->opts) > 0 ? "show more" : "show";
	struct io_buf answer = {0};
	int fd = ep_ctl_dial(path);
	bool is_whole;

	if (fd < 0)
		return 0;
	(void)!ep_ctl_send(fd, question, -1); /* who hangs up at once has said why */
	is_whole = read_answer(fd, &answer);
	close(fd);
	if (p)
		put_answer(p, path, &answer, is_whole);
	io_buf_done(&answer);
	return 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* In the same order each time. How many answered. */
static int ask_all(const struct picture *where, struct picture *p)
{
	static char names[SOCKETS_MAX][NAME_MAX + 1];
	DIR *dir = opendir(where->dir);
	const struct dirent *e;
	size_t n = 0;
	int answers = 0;

	if (!dir)
		return 0;
	while (n < SOCKETS_MAX && (e = readdir(dir)))
		if (strncmp(e->d_name, where->prefix, strlen(where->prefix)) == 0)
			snprintf(names[n++], sizeof(names[0]), "%s", e->d_name);
	closedir(dir);
	qsort(names, n, sizeof(names[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		char path[PATH_MAX + NAME_MAX + 2];

		snprintf(path, sizeof(path), "%s/%.*s", where->dir, NAME_MAX, names[i]);
		answers += ask(where->cli, p, path);
	}
	return answers;
}

static void nothing_runs(struct picture *p)
{
	if (p->is_drawn)
		put_line(p, "nothing is running here");
	else
		cli_info(&p->cli->msg, "nothing is running here");
}

static void pause_for(adit_dur d)
{
	const struct timespec ts = {.tv_sec = (time_t)(d / ADIT_SEC(1)), .tv_nsec = (long)(d % ADIT_SEC(1))};

	nanosleep(&ts, NULL);
}

static void show(struct picture *p)
{
	bool watch = p->cli->opts.watch;

	if (!p->cli->opts.common.json && ask_all(p, NULL) > 0)
		pause_for(RATE_TIME);
	while (!stopped && p->cli->msg.out_errno == 0) {
		begin(p);
		if (ask_all(p, p) == 0)
			nothing_runs(p);
		end(p);
		if (!watch)
			break;
		pause_for(EVERY); /* or until the window has changed */
	}
}

static int refuse(struct cli *cli, const struct io_why *why)
{
	cli_error(&cli->msg, why->next[0] ? why->next : NULL, "%s", why->what);
	return CLI_EXIT_LOCAL;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	static struct picture p;
	const char *state_dir = cli->opts.common.state;
	struct sigaction act = {.sa_handler = note_signal};
	struct sigaction resized = {.sa_handler = note_resize};
	struct io_state state;
	struct io_why why;
	int rc = CLI_EXIT_OK;

	if (argc > 0) {
		cli_error(&cli->msg, "adit status shows all that runs here",
			  "status takes no words, and \"%.60s\" is given", argv[0]);
		return CLI_EXIT_USAGE;
	}
	if (io_state_open_as_owner(&state, state_dir[0] ? state_dir : NULL, &why) < 0)
		return refuse(cli, &why);
	p.cli = cli;
	if (io_state_sockets(&state, p.dir, p.prefix, &why) < 0)
		rc = refuse(cli, &why);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGWINCH, &resized, NULL);
	if (rc == CLI_EXIT_OK)
		show(&p);
	io_state_close(&state);
	return rc;
}
