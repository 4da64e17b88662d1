/* The file of `serve --allow`: one `adit id` line each, blank lines and # comments between them. */
#ifndef ADIT_CLI_ALLOW_H
#define ADIT_CLI_ALLOW_H

#include "cli/cli.h"
#include "core/trust/trust_idline.h"

struct cli_allow {
	bool given;
	struct trust_idline *keys; /* owned */
	size_t n;
};

/* Reads the file of --allow anew. CLI_GO; or the exit code after saying which line is wrong: then nothing has changed.
 */
int cli_allow_load(struct cli_allow *a, struct cli *cli);
void cli_allow_done(struct cli_allow *a);

#endif
