/*
 * Why a parser refused, for a person to read: what happened and why, what to do next, and the exit code that fits.
 * Parsers fill it and print nothing; user text in it is raw, cli_msg makes it safe for the terminal.
 */
#ifndef ADIT_CLI_FAULT_H
#define ADIT_CLI_FAULT_H

#include "base/err.h"

#define CLI_FAULT_TEXT 512 /* bytes with the NUL; longer texts are cut */

struct cli_fault {
	int exit; /* enum cli_exit */
	char what[CLI_FAULT_TEXT];
	char next[CLI_FAULT_TEXT]; /* "": nothing sensible to advise */
};

/* Writes |what| and clears |next|; returns ADIT_EINVAL, so that a parser ends with `return cli_fault_set(...)`. */
ADIT_PRINTF(3, 4) int cli_fault_set(struct cli_fault *f, int exit, const char *fmt, ...);

/* Adds the advice; returns ADIT_EINVAL too. */
ADIT_PRINTF(2, 3) int cli_fault_next(struct cli_fault *f, const char *fmt, ...);

/* Puts "|fmt|: " before |what|: where it happened (a file and its line). */
ADIT_PRINTF(2, 3) void cli_fault_where(struct cli_fault *f, const char *fmt, ...);

#endif
