#include "cli/cli_msg.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli_exit.h"
#include "cli/cli_text.h"

/* ECMA-48 SGR. */
#define SGR_RED    "\033[1;31m"
#define SGR_YELLOW "\033[33m"
#define SGR_DIM    "\033[2m"
#define SGR_OFF    "\033[0m"
#define ERASE_LINE "\r\033[K"

#define SAFE_MAX         (4 * CLI_MSG_TEXT) /* spelled-out characters take more room */
#define TERMINAL_COLUMNS 80 /* where the terminal does not say */
#define TERMINAL_ROWS    24

/* Everything or an errno. The descriptor may be non-blocking: somebody else's choice, on a shared terminal. */
static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd pfd = {.fd = fd, .events = POLLOUT};

			if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
				return errno;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

/* There is nobody to tell that stderr is gone. */
static void put_err(struct cli_msg *m, const char *s, size_t len)
{
	(void)write_all(m->err, s, len);
}

/* Said at once: a serve whose ticket nobody could read may run for months. */
static void out_failed(struct cli_msg *m, int err)
{
	m->out_errno = err;
	/* Whoever reads our results may stop early, as `head` does: nothing to report. */
	if (err != EPIPE)
		cli_error(m, "look at where stdout leads, and start again", "cannot write the results to stdout: %s",
			  strerror(err));
}

static void put_out(struct cli_msg *m, const char *s, size_t len)
{
	int err = m->out_errno ? 0 : write_all(m->out, s, len);

	if (err != 0)
		out_failed(m, err);
}

static adit_utc wall_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ADIT_SEC((uint64_t)ts.tv_sec) + (adit_utc)ts.tv_nsec;
}

static void status_erase(struct cli_msg *m)
{
	if (m->status[0] != '\0')
		put_err(m, ERASE_LINE, strlen(ERASE_LINE));
}

void cli_msg_window(int fd, size_t *ret_columns, size_t *ret_rows)
{
	struct winsize ws = {0};

	(void)ioctl(fd, TIOCGWINSZ, &ws);
	*ret_columns = ws.ws_col > 0 ? ws.ws_col : TERMINAL_COLUMNS;
	*ret_rows = ws.ws_row > 0 ? ws.ws_row : TERMINAL_ROWS;
}

/* One column stays free: at the very edge some terminals have wrapped already. */
static void status_draw(struct cli_msg *m)
{
	size_t columns;
	size_t rows;

	if (m->status[0] == '\0')
		return;
	cli_msg_window(m->err, &columns, &rows);
	put_err(m, m->status, cli_text_fit(m->status, columns - 1));
}

static void write_trace(void *ctx, enum adit_log_level level, const char *line);

void cli_msg_init(struct cli_msg *m, int out, int err)
{
	*m = (struct cli_msg){.out = out, .err = err};
	m->trace = (struct adit_log){.write = write_trace, .ctx = m, .level = ADIT_LOG_ERROR};
}

void cli_msg_setup(struct cli_msg *m, const struct cli_opts *o)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool dumb = !term || strcmp(term, "dumb") == 0 || term[0] == '\0';

	m->verbosity = cli_opts_level(o);
	m->log_json = o->common.log_json;
	m->is_tty = isatty(m->err) && !dumb;
	m->out_is_tty = isatty(m->out);
	/* https://no-color.org: set and not empty. An explicit --color always is the newer word. */
	m->color = o->common.color == CLI_COLOR_ALWAYS ||
		   (o->common.color == CLI_COLOR_AUTO && m->is_tty && !(no_color && no_color[0] != '\0'));
	m->color = m->color && !m->log_json;
	m->trace.level = ADIT_LOG_PACKET;
}

static bool is_shown(const struct cli_msg *m, enum cli_level level)
{
	return m->verbosity < 0 ? level == CLI_ERROR : (int)level <= (int)CLI_INFO + m->verbosity;
}

static const char *level_name(enum cli_level level)
{
	static const char *const names[] = {"error", "warning", "info", "detail", "trace"};

	return names[level];
}

static void put_json_line(struct cli_msg *m, struct cli_json *j)
{
	const char *text = cli_json_text(j);

	if (text) {
		put_err(m, text, strlen(text));
		put_err(m, "\n", 1);
	}
	cli_json_done(j);
}

static void json_head(struct cli_json *j, const char *level)
{
	char when[CLI_TEXT_UTC_LEN];

	cli_json_init(j);
	cli_json_object(j, NULL);
	cli_json_str(j, "time", cli_text_utc(wall_clock(), when));
	cli_json_str(j, "level", level);
}

static void say_json(struct cli_msg *m, enum cli_level level, const char *next, const char *text)
{
	struct cli_json j;

	json_head(&j, level_name(level));
	cli_json_str(&j, "text", text);
	if (next && next[0] != '\0')
		cli_json_str(&j, "next", next);
	cli_json_object_end(&j);
	put_json_line(m, &j);
}

/* Whole lines in one write: several commands may share a terminal or a journal. */
static void put_line(struct cli_msg *m, const char *color, const char *head, const char *text, const char *color_text)
{
	char safe[SAFE_MAX];
	char line[SAFE_MAX + 128];
	int n;

	cli_text_safe(safe, sizeof(safe), text, strlen(text));
	if (m->color)
		n = snprintf(line, sizeof(line), "%s%s%s%s%s%s\n", color, head, color[0] ? SGR_OFF : "", color_text,
			     safe, color_text[0] ? SGR_OFF : "");
	else
		n = snprintf(line, sizeof(line), "%s%s\n", head, safe);
	put_err(m, line, (size_t)n);
}

static void put_hint(struct cli_msg *m, const char *text)
{
	put_line(m, "", "      ", text, "");
}

static void say_plain(struct cli_msg *m, enum cli_level level, const char *next, const char *text)
{
	char when[CLI_TEXT_UTC_LEN];

	status_erase(m);
	if (level == CLI_ERROR) {
		put_line(m, SGR_RED, "adit: error: ", text, "");
	} else if (level == CLI_WARN) {
		put_line(m, SGR_YELLOW, "adit: warning: ", text, "");
	} else if (level == CLI_INFO) {
		put_line(m, "", "", text, "");
	} else {
		/* "12:34:56.789 ", cut out of the whole date. */
		cli_text_utc(wall_clock(), when);
		memmove(when, when + 11, 12);
		memcpy(when + 12, " ", 2);
		put_line(m, SGR_DIM, when, text, SGR_DIM);
	}
	if (next && next[0] != '\0')
		put_hint(m, next);
	status_draw(m);
}

static void say(struct cli_msg *m, enum cli_level level, const char *next, const char *text)
{
	m->last_shown = is_shown(m, level);
	if (!m->last_shown)
		return;
	if (m->log_json)
		say_json(m, level, next, text);
	else
		say_plain(m, level, next, text);
}

#define SAY(m, level, next, fmt)                        \
	do {                                            \
		char text[CLI_MSG_TEXT];                \
		va_list ap;                             \
                                                        \
		va_start(ap, fmt);                      \
		vsnprintf(text, sizeof(text), fmt, ap); \
		va_end(ap);                             \
		say(m, level, next, text);              \
	} while (0)

void cli_error(struct cli_msg *m, const char *next, const char *fmt, ...)
{
	SAY(m, CLI_ERROR, next, fmt);
}

void cli_warn(struct cli_msg *m, const char *next, const char *fmt, ...)
{
	SAY(m, CLI_WARN, next, fmt);
}

void cli_info(struct cli_msg *m, const char *fmt, ...)
{
	SAY(m, CLI_INFO, NULL, fmt);
}

void cli_detail(struct cli_msg *m, const char *fmt, ...)
{
	SAY(m, CLI_DETAIL, NULL, fmt);
}

void cli_hint(struct cli_msg *m, const char *fmt, ...)
{
	char text[CLI_MSG_TEXT];
	struct cli_json j;
	va_list ap;

	if (!m->last_shown)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (m->log_json) {
		json_head(&j, "hint");
		cli_json_str(&j, "text", text);
		cli_json_object_end(&j);
		put_json_line(m, &j);
		return;
	}
	status_erase(m);
	put_hint(m, text);
	status_draw(m);
}

int cli_msg_fault(struct cli_msg *m, const struct cli_fault *f)
{
	cli_error(m, f->next, "%s", f->what);
	return f->exit;
}

/* "event key=value key=value": the event, and a member per pair. A word without "=" belongs to the value before it. */
static void trace_members(struct cli_json *j, const char *line)
{
	size_t event = strcspn(line, " ");
	const char *p = line + event;

	cli_json_strn(j, "event", line, event);
	cli_json_object(j, "data");
	while (*(p += strspn(p, " ")) != '\0') {
		char key[64];
		size_t len = strcspn(p, "= ");
		const char *end;

		snprintf(key, sizeof(key), "%.*s", (int)len, p);
		p += len;
		p += *p == '=';
		end = p + strcspn(p, " ");
		while (*end == ' ' && !memchr(end + 1, '=', strcspn(end + 1, " ")))
			end += 1 + strcspn(end + 1, " ");
		cli_json_strn(j, key, p, (size_t)(end - p));
		p = end;
	}
	cli_json_object_end(j);
}

static void write_trace(void *ctx, enum adit_log_level level, const char *line)
{
	struct cli_msg *m = ctx;
	struct cli_json j;

	if (!m->log_json) {
		say(m, CLI_TRACE, NULL, line);
		return;
	}
	json_head(&j, level == ADIT_LOG_PACKET ? "packet" : "trace");
	trace_members(&j, line);
	cli_json_object_end(&j);
	put_json_line(m, &j);
}

const struct adit_log *cli_msg_log(struct cli_msg *m)
{
	return m->verbosity > 1 ? &m->trace : NULL;
}

void cli_status_set(struct cli_msg *m, const char *fmt, ...)
{
	char text[CLI_STATUS_MAX];
	char safe[CLI_STATUS_MAX];
	va_list ap;

	if (!m->is_tty || m->log_json || m->verbosity < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli_text_safe(safe, sizeof(safe), text, strlen(text));
	if (strcmp(safe, m->status) == 0)
		return;
	status_erase(m);
	memcpy(m->status, safe, sizeof(safe));
	status_draw(m);
}

void cli_status_clear(struct cli_msg *m)
{
	status_erase(m);
	m->status[0] = '\0';
}

/* Results on the same terminal as the status line: that one makes room. */
static void out_line(struct cli_msg *m, const char *line, size_t len)
{
	if (m->out_is_tty)
		status_erase(m);
	put_out(m, line, len);
	if (m->out_is_tty)
		status_draw(m);
}

void cli_out(struct cli_msg *m, const char *fmt, ...)
{
	char *text = NULL;
	char *safe;
	size_t cap;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	cap = n < 0 ? 0 : 6 * (size_t)n + 2; /* "\u202e" for three bytes, "\x1b" for one */
	safe = n < 0 ? NULL : malloc(cap);
	if (!safe) {
		out_failed(m, ENOMEM);
	} else {
		size_t len = cli_text_safe(safe, cap - 1, text, (size_t)n);

		safe[len] = '\n';
		out_line(m, safe, len + 1);
	}
	free(safe);
	if (n >= 0)
		free(text);
}

void cli_out_raw(struct cli_msg *m, const char *text)
{
	out_line(m, text, strlen(text));
}

void cli_out_json(struct cli_msg *m, struct cli_json *j)
{
	const char *text = cli_json_text(j);
	char *line = NULL;
	int n = text ? asprintf(&line, "%s\n", text) : -1;

	if (n < 0) {
		out_failed(m, ENOMEM);
	} else {
		out_line(m, line, (size_t)n);
		free(line);
	}
	cli_json_done(j);
}

int cli_msg_finish(struct cli_msg *m, int exit)
{
	cli_status_clear(m);
	if (m->out_errno == 0)
		return exit;
	m->out_errno = 0;
	return exit == CLI_EXIT_OK ? CLI_EXIT_LOCAL : exit;
}
