/*
 * The names of mediators: both sides must spell one in the same way, for the rendezvous id depends on it. So there is
 * one spelling, lower case and without the usual port; the ticket carries it to the other side.
 */
#ifndef ADIT_CLI_MEDIATORS_H
#define ADIT_CLI_MEDIATORS_H

#include "cli/cli.h"
#include "core/trust/trust_ticket.h"
#include "io/io_state.h"

struct cli_mediators {
	struct cli_host host[CLI_MEDIATORS_MAX];
	char name[CLI_MEDIATORS_MAX][TRUST_HINT_MAX + 1]; /* the one spelling; a ticket's as it stands there */
	size_t n;
};

/* Those of --mediator, each once. */
void cli_mediators_given(const struct cli_opts *o, struct cli_mediators *ret);
/* Those that |t| names, as far as they can be understood. */
void cli_mediators_hinted(const struct trust_ticket *t, struct cli_mediators *ret);

/* Puts them into |t|. CLI_GO, or the exit code after saying that they do not fit. */
ADIT_MUST_CHECK int cli_mediators_hint(struct cli *cli, const struct cli_mediators *m, struct trust_ticket *t);

/*
 * What the last serve used, for tickets that are made by another command. Keeping it is worth no more than a line with
 * -v when it fails.
 */
void cli_mediators_keep(struct cli *cli, struct io_state *st, const struct cli_mediators *m);
void cli_mediators_recall(const struct io_state *st, struct cli_mediators *ret);

/* "meet.example.org" or "a.example, b.example:3479 and c.example". Returns |buf|. */
#define CLI_MEDIATORS_STRLEN (CLI_MEDIATORS_MAX * (TRUST_HINT_MAX + 6))
const char *cli_mediators_text(const struct cli_mediators *m, char buf[CLI_MEDIATORS_STRLEN]);

#endif
