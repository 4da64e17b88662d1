/*
 * What `adit status` shows of one link, written by the process that has it: lines for people, members for programs.
 * The first line says what it is doing, "connect home (1234): connected to abcdefgh for 3 s, direct"; those below it
 * begin with what they are about.
 */
#ifndef ADIT_CLI_SHOW_H
#define ADIT_CLI_SHOW_H

#include "cli/cli_json.h"
#include "cli/cli_mediators.h"
#include "link/link.h"

#define CLI_SHOW_NAME_MAX 64 /* bytes of a label or a peer's name with its NUL */
#define CLI_SHOW_RATES_MAX \
	32 /* links whose traffic is compared between two questions; of the others there is no rate */

/* How much each link had carried when somebody asked last. A zeroed one is new. */
struct cli_rates {
	struct cli_rate {
		char name[CLI_SHOW_NAME_MAX];
		adit_time at;
		uint64_t tx;
		uint64_t rx;
	} of[CLI_SHOW_RATES_MAX];
	size_t next; /* the place that is taken when all are: the oldest */
};

struct cli_show {
	const char *command; /* "serve", "connect", "pipe" */
	const char *name; /* the ticket's label, or the peer's name; "": it has none */
	const struct link_status *st;
	adit_time now;
	size_t n_conns;
	bool more; /* what was tried, too */
	const struct cli_mediators *named; /* of which those without an address are not in |st| */
	struct cli_rates *rates;
};

/* Returns the length written, without the NUL; what does not fit is cut. */
size_t cli_show_text(char *buf, size_t cap, const struct cli_show *s);
/* Into the object that is being written. */
void cli_show_json(struct cli_json *j, const struct link_status *st, adit_time now);

/* A line "  TITLE     text" behind |at|; the new length. For what belongs to a process, not to a link. */
__attribute__((format(printf, 5, 6))) size_t cli_show_row(char *buf, size_t cap, size_t at, const char *title,
							  const char *fmt, ...);

#endif
