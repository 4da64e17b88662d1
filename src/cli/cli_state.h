/*
 * Between the command line and the state directory: what io_state.h reports becomes messages and exit codes, and PEER
 * becomes a ticket. Each function returns CLI_GO or, after it has said why, the exit code.
 */
#ifndef ADIT_CLI_STATE_H
#define ADIT_CLI_STATE_H

#include "cli/cli.h"
#include "core/trust/trust_ticket.h"
#include "io/io_state.h"

/* The system's UTC with --clock-offset. */
adit_utc cli_utc(const struct cli *cli);

/* Opens the directory that --state, a config file or the environment name. */
ADIT_MUST_CHECK int cli_state_open(struct cli *cli, struct io_state *ret_st);

/* Prints |why|; the exit code of |err|. Does not return CLI_GO. */
int cli_state_fault(struct cli *cli, int err, const struct io_why *why);

/* Warns of each damaged line of |store|. */
void cli_state_damage(struct cli *cli, const struct io_state *st, const char *store, const struct io_damage *damage);

/* Reads a ticket; |from| says where it stood ("the ticket in /home/me/t"), for the message. */
ADIT_MUST_CHECK int cli_ticket_read(struct cli *cli, const char *text, const char *from,
				    struct trust_ticket *ret_ticket);

/*
 * PEER of connect and pipe: the ticket, from wherever it is given, and into cli->opts what `adit peer add` saved with
 * it. Afterwards the ways to meet are checked as by cli_meet_check().
 */
ADIT_MUST_CHECK int cli_peer_find(struct cli *cli, const struct io_state *st, struct trust_ticket *ret_ticket);

/* Says that no peer is saved under that name, and which was probably meant; returns the exit code. */
int cli_peer_unknown(struct cli *cli, const struct io_state *st, const char *typed);

/* Refuses meeting through a mediator, which this version cannot. A mediator from a file is passed over beside --peer.
 */
ADIT_MUST_CHECK int cli_meet_check(struct cli *cli);

/* For who has no running session to share: is there a way to meet at all? */
ADIT_MUST_CHECK int cli_meet_need(struct cli *cli);

#endif
