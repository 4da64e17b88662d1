/*
 * connect and pipe over the session of another command of the same user: the client of endpoint/ep_share.h. It has no
 * loop; it waits for messages, and the owner carries the bytes.
 */
#ifndef ADIT_CLI_LENT_H
#define ADIT_CLI_LENT_H

#include "cli/cli_doors.h"

/*
 * Opens the doors, or carries stdin and stdout to |pipe_service| where that is not NULL, over the session behind the
 * control socket |ctl|, until a signal comes or it is over. CLI_GO: the owner is gone, look again who has the session;
 * else the exit code.
 */
int cli_lent_run(struct cli_run *r, struct cli_doors *doors, const char *pipe_service, int ctl);

#endif
