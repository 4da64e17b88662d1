/*
 * Local listeners. Opening (which address, which port) and accepting are apart, because the sockets of one process may
 * be served by another one that has the session (ep_share.h).
 */
#ifndef ADIT_EP_LISTEN_H
#define ADIT_EP_LISTEN_H

#include <stdbool.h>
#include <uv.h>

#include "base/addr.h"
#include "base/err.h"

#define EP_LISTEN_BACKLOG  1024 /* the kernel cuts it to net.core.somaxconn */
#define EP_LISTEN_PAUSE_MS 100 /* how long accepting stops when descriptors ran out */
#define EP_LISTEN_FDS_MAX  2 /* 127.0.0.1 and ::1 */

/* Where to listen. */
struct ep_local {
	struct adit_addr addr; /* family NONE: both loopbacks; port 0: any free */
	char path[108]; /* a unix socket instead, if not empty */
	bool dgram; /* a UDP socket instead of a TCP listener */
};

/*
 * Opens up to two sockets (both loopbacks, on one port). Returns how many, or ADIT_ESYS with errno. |ret_port|: 0 for a
 * unix socket. A unix socket file that nobody answers on is replaced.
 */
ADIT_MUST_CHECK int ep_listen_open(const struct ep_local *local, int ret_fds[EP_LISTEN_FDS_MAX], uint16_t *ret_port);

struct ep_listen;

struct ep_listen_ops {
	void (*accepted)(void *ctx, int fd); /* |fd| is the callee's: non-blocking, close-on-exec */
	void (*paused)(void *ctx, int err); /* accept failed with |err|; again after EP_LISTEN_PAUSE_MS */
};

/* Takes over |fd|, a listening stream socket; also on failure. ENOMEM, ESYS or 0. */
ADIT_MUST_CHECK int ep_listen_new(uv_loop_t *loop, int fd, const struct ep_listen_ops *ops, void *ctx,
				  struct ep_listen **ret_listen);
void ep_listen_close(struct ep_listen *l);

#endif
