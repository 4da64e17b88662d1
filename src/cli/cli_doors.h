/*
 * The local side of connect: which service listens where. Opens the sockets, prints a line of results for each, and
 * hands them to whoever has the session.
 */
#ifndef ADIT_CLI_DOORS_H
#define ADIT_CLI_DOORS_H

#include "cli/cli_run.h"

#include "endpoint/ep_listen.h"

/* What was asked for by its LOCAL, bound before there is a session. */
struct cli_doors {
	char peer[9]; /* the first characters of its key: whose ports are remembered */
	struct {
		int fds[EP_LISTEN_FDS_MAX];
		int n;
		uint16_t port;
		bool is_early; /* handed over already */
	} reserved[CLI_SERVICES_MAX]; /* by place on the command line; |n| 0: nothing */
};

/*
 * Binds every LOCAL of the command line, but for those that are bound already, as a stream listener, so that one that
 * cannot be had is known at once; connections wait in its queue until the session is there. CLI_GO, or the exit code
 * after saying why.
 */
int cli_doors_reserve(struct cli_doors *d, struct cli_run *r);
void cli_doors_done(struct cli_doors *d);

/* Takes |fd| over. 0 or a code. */
typedef int cli_doors_add(void *ctx, const char *service, bool dgram, int fd);

/*
 * Hands over what is bound before it is known what is offered: as stream listeners, so who gave them away looks what
 * they are good for before cli_doors_open(). CLI_GO, or the exit code after saying why.
 */
int cli_doors_early(struct cli_doors *d, struct cli_run *r, cli_doors_add *add, void *ctx);

/*
 * Opens what the command line asks for, or everything that is offered, and prints where. CLI_GO, or the exit code after
 * saying why: no port to be had, a service that is not offered.
 */
int cli_doors_open(struct cli_doors *d, struct cli_run *r, const struct fwd_service *offered, size_t n,
		   cli_doors_add *add, void *ctx);

#endif
