/*
 * connect and pipe over the session of another command of the same user: the client of endpoint/ep_share.h. It has no
 * loop; it waits for messages, and the owner carries the bytes.
 */
#ifndef ADIT_CLI_LENT_H
#define ADIT_CLI_LENT_H

#include "cli/cli_doors.h"
#include "cli/cli_meet.h"

struct cli_lent {
	struct cli_run *run;
	struct cli_target_peer *peer;
	struct cli_doors *doors;
	const char *pipe_service; /* NULL: doors */
	bool told; /* that a session is borrowed */
	bool told_stuck; /* ... and that its owner is still looking for the peer */
};

/*
 * Opens the doors, or carries stdin and stdout, over the session behind the control socket |ctl|, until a signal comes
 * or it is over. Waits for a session as long as --timeout says, counted from the start of the program. CLI_GO: the
 * owner is gone, look again who has the session; else the exit code.
 */
int cli_lent_run(struct cli_lent *l, int ctl);

#endif
