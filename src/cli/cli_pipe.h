/* What pipe does whoever has the session: stdin and stdout become a socket, and how it ended becomes an exit code. */
#ifndef ADIT_CLI_PIPE_H
#define ADIT_CLI_PIPE_H

#include "cli/cli.h"
#include "endpoint/ep_conn.h"

/* CLI_GO, or the exit code after saying why. |ret_fd| is the caller's. */
int cli_pipe_begin(struct cli *cli, int *ret_fd);

/* Says why it ended, waits until stdout has everything; the exit code. |code| is the peer's, of fwd_open.h. */
int cli_pipe_end(struct cli *cli, const char *service, enum ep_end end, uint64_t code);

#endif
