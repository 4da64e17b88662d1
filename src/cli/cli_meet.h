/* How connect and pipe come to know whom to meet: the ticket, a saved peer's options, and the keys that follow from
 * them. */
#ifndef ADIT_CLI_MEET_H
#define ADIT_CLI_MEET_H

#include "cli/cli_run.h"
#include "core/trust/trust_ticket.h"
#include "endpoint/ep_connect.h"

struct cli_target_peer {
	struct trust_ticket ticket;
	char name[TRUST_NAME_MAX + 1]; /* the saved name, or "" */
	bool by_key; /* the ticket has no secret: this machine's key is what admits us */
	bool line_told; /* by key: the line that the other side needs was shown */
};

/*
 * Finds the ticket (argv, --ticket-file, ADIT_TICKET, or a saved name, whose options are then applied too). CLI_GO, or
 * the exit code after saying why.
 */
int cli_meet_find(struct cli_run *r, struct cli_target_peer *ret_peer);
void cli_meet_done(struct cli_target_peer *p);

/* Fills the connect side's configuration; CLI_GO or the exit code. */
int cli_meet_config(struct cli_run *r, const struct cli_target_peer *p, struct ep_connect_config *ret_cfg);

/* The mediators to ask: those of the options, else the ticket's. */
void cli_meet_mediators(struct cli_run *r, const struct cli_target_peer *p, struct cli_mediators *ret);

/* The path of the control socket that all commands to this peer on this machine share. CLI_GO or the exit code. */
int cli_meet_socket(struct cli_run *r, const struct cli_target_peer *p, char ret_path[IO_SOCKET_PATH_MAX + 1]);

/* One more line after a failure, once: where only known keys are admitted, the line that the other side needs. */
void cli_meet_hint(struct cli_run *r, struct cli_target_peer *p);

/*
 * After 30 s without an answer: the possible reasons, with what can be checked from here. |own|: this network's public
 * address, without a port; family NONE: not known.
 */
void cli_meet_stuck(struct cli_run *r, struct cli_target_peer *p, const struct adit_addr *own);

#endif
