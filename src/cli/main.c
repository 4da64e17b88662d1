/* adit: the table of commands, and the way from argv to one of them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/cli_help.h"

const struct cli_row cli_rows[] = {
	{"serve", "offer services; prints the ticket", CLI_FOR_SERVE, cmd_serve, NULL},
	{"connect", "open a peer's services here", CLI_FOR_CONNECT, cmd_connect, NULL},
	{"pipe", "connect stdin and stdout to a service", CLI_FOR_PIPE, cmd_pipe, NULL},
	{"status", "show the running endpoints", CLI_FOR_STATUS, cmd_status, NULL},
	{"ticket", "show, make, list and revoke the tickets of this machine", CLI_FOR_TICKET, cmd_ticket, NULL},
	{"id", "print this machine's public key", CLI_FOR_ID, cmd_id, NULL},
	{"peer", "save the tickets of others, with how to meet", CLI_FOR_PEER, cmd_peer, NULL},
	{"udphp", "udphp.py's protocol to an old peer", 0, NULL, cmd_udphp},
	{"help", "show the manual of a command", CLI_FOR_HELP, cmd_help, NULL},
	{NULL, NULL, 0, NULL, NULL},
};
