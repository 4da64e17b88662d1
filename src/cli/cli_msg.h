/*
 * The one place that prints. Results go to stdout, everything else to stderr; each message says what happened and
 * why, and its |next| (may be NULL) what to do about it. All text is made safe for the terminal on the way.
 *
 * On a terminal a status line may live below the messages: it is taken away before each message and drawn again
 * after it. With --log json every message is one JSON object per line, and there is no status line.
 *
 * Texts are one line each. Nothing here exits; a stdout that cannot be written to is reported once, when it
 * happens, and remembered for cli_msg_finish().
 */
#ifndef ADIT_CLI_MSG_H
#define ADIT_CLI_MSG_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cli_fault.h"
#include "cli/cli_json.h"
#include "cli/cli_opts.h"

#define CLI_MSG_TEXT   2048 /* bytes of one message; longer ones are cut */
#define CLI_STATUS_MAX 256 /* bytes of the status line */

enum cli_level {
	CLI_ERROR, /* shown even with -q */
	CLI_WARN,
	CLI_INFO, /* what a person follows: waiting, connected, lost */
	CLI_DETAIL, /* -v: decisions and why */
	CLI_TRACE, /* -vv: each step of the machines, each packet */
};

struct cli_msg {
	int out; /* fd of results */
	int err; /* fd of messages */
	int verbosity; /* -1 to 2 */
	bool log_json;
	bool color; /* of messages */
	bool is_tty; /* |err| is a terminal that understands cursor movement */
	bool out_is_tty;
	bool last_shown; /* the last message passed the level: its hints do too */
	int out_errno; /* the first error of writing to |out|, or 0 */
	char status[CLI_STATUS_MAX]; /* what stands on the status line; "": nothing */
	struct adit_log trace; /* see cli_msg_log() */
};

/* |m| is to stay where it is. Until cli_msg_setup() it prints plain text at the usual level. */
void cli_msg_init(struct cli_msg *m, int out, int err);

/* After the options are read; looks at NO_COLOR and TERM. */
void cli_msg_setup(struct cli_msg *m, const struct cli_opts *o);

ADIT_PRINTF(3, 4) void cli_error(struct cli_msg *m, const char *next, const char *fmt, ...);
ADIT_PRINTF(3, 4) void cli_warn(struct cli_msg *m, const char *next, const char *fmt, ...);
ADIT_PRINTF(2, 3) void cli_info(struct cli_msg *m, const char *fmt, ...);
ADIT_PRINTF(2, 3) void cli_detail(struct cli_msg *m, const char *fmt, ...); /* -v */

/* One more line of advice below the last message, shown if that one was. */
ADIT_PRINTF(2, 3) void cli_hint(struct cli_msg *m, const char *fmt, ...);

/* Prints the fault; returns its exit code. */
int cli_msg_fault(struct cli_msg *m, const struct cli_fault *f);

/* The traces of floors 0-2, as lines of -vv; NULL where nobody wants them. Good for |m|'s life. */
const struct adit_log *cli_msg_log(struct cli_msg *m);

/* The living line: replaces what it shows. Nothing happens without a terminal, with -q, or with --log json. */
ADIT_PRINTF(2, 3) void cli_status_set(struct cli_msg *m, const char *fmt, ...);
void cli_status_clear(struct cli_msg *m);

/* A line of results. */
ADIT_PRINTF(2, 3) void cli_out(struct cli_msg *m, const char *fmt, ...);

/* How large the terminal behind |fd| is; 80 by 24 where it does not say. */
void cli_msg_window(int fd, size_t *ret_columns, size_t *ret_rows);

/* Results as they are, newlines and all: help texts. */
void cli_out_raw(struct cli_msg *m, const char *text);

/* The object as one line of results; |j| is done afterwards. */
void cli_out_json(struct cli_msg *m, struct cli_json *j);

/* Takes the status line away; |exit|, or CLI_EXIT_LOCAL where results could not be written. */
int cli_msg_finish(struct cli_msg *m, int exit);

#endif
