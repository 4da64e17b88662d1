/*
 * The local side of connect: which service listens where. Opens the sockets, prints a line of results for each, and
 * hands them to whoever has the session.
 */
#ifndef ADIT_CLI_DOORS_H
#define ADIT_CLI_DOORS_H

#include "cli/cli_run.h"

/* Takes |fd| over. 0 or a code. */
typedef int cli_doors_add(void *ctx, const char *service, bool dgram, int fd);

/*
 * Opens what the command line asks for, or everything that is offered. CLI_GO, or the exit code after saying why: a
 * LOCAL that was asked for and cannot be had, a service that is not offered.
 */
int cli_doors_open(struct cli_run *r, const struct fwd_service *offered, size_t n, cli_doors_add *add, void *ctx);

#endif
