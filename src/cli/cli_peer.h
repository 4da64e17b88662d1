/*
 * Who is meant: PEER of connect and pipe becomes a ticket, saved options take effect. Each function returns CLI_GO or,
 * after it has said why, the exit code.
 */
#ifndef ADIT_CLI_PEER_H
#define ADIT_CLI_PEER_H

#include "cli/cli.h"
#include "core/trust/trust_ticket.h"
#include "io/io_state.h"

/* Reads a ticket; |from| says where it stood ("the ticket in /home/me/t"), for the message. */
ADIT_MUST_CHECK int cli_peer_ticket(struct cli *cli, const char *text, const char *from,
				    struct trust_ticket *ret_ticket);

/* PEER: the ticket, from wherever it is given, and into cli->opts what `adit peer add` saved with it. */
ADIT_MUST_CHECK int cli_peer_find(struct cli *cli, const struct io_state *st, struct trust_ticket *ret_ticket);

/* Says that no peer is saved under that name, and which was probably meant; returns the exit code. */
int cli_peer_unknown(struct cli *cli, const struct io_state *st, const char *typed);

#endif
