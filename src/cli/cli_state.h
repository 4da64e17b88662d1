/* Between the command line and the state directory: what io_state.h reports becomes messages and exit codes. */
#ifndef ADIT_CLI_STATE_H
#define ADIT_CLI_STATE_H

#include "cli/cli.h"
#include "io/io_state.h"

/* The system's UTC with --clock-offset. */
adit_utc cli_utc(const struct cli *cli);

/* Opens the directory that --state, a config file or the environment name. CLI_GO, or the exit code after saying why.
 */
ADIT_MUST_CHECK int cli_state_open(struct cli *cli, struct io_state *ret_st);

/* Prints |why|; the exit code of |err|. Does not return CLI_GO. */
int cli_state_fault(struct cli *cli, int err, const struct io_why *why);

/* Warns of each damaged line of |store|. */
void cli_state_damage(struct cli *cli, const struct io_state *st, const char *store, const struct io_damage *damage);

#endif
