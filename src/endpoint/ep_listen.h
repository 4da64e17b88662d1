/*
 * A local listener: TCP on one address or on both loopbacks, or a unix socket. Out of descriptors it waits instead of
 * dropping connections.
 */
#ifndef ADIT_EP_LISTEN_H
#define ADIT_EP_LISTEN_H

#include <uv.h>

#include "base/addr.h"
#include "base/err.h"

#define EP_LISTEN_BACKLOG 1024 /* the kernel cuts it to net.core.somaxconn */
#define EP_LISTEN_PAUSE_MS 100 /* how long accepting stops when descriptors ran out */

/* Where to listen. */
struct ep_local {
	struct adit_addr addr; /* family NONE: both loopbacks; port 0: any free */
	char path[108];	       /* a unix socket instead, if not empty */
};

struct ep_listen;

struct ep_listen_ops {
	void (*accepted)(void *ctx, int fd); /* |fd| is the callee's: non-blocking, close-on-exec */
	/* Accepting failed with |err| and is paused for EP_LISTEN_PAUSE_MS. */
	void (*paused)(void *ctx, int err);
};

/* ADIT_ESYS with errno, ADIT_ENOMEM, or 0. A unix socket nobody listens on any more is replaced. */
ADIT_MUST_CHECK int ep_listen_new(uv_loop_t *loop, const struct ep_local *local, const struct ep_listen_ops *ops, void *ctx,
				  struct ep_listen **ret_listen);
/* A listening socket made by someone else (over the control socket); taken over. */
ADIT_MUST_CHECK int ep_listen_from_fd(uv_loop_t *loop, int fd, const struct ep_listen_ops *ops, void *ctx,
				      struct ep_listen **ret_listen);
void ep_listen_close(struct ep_listen *l);

/* The bound port; 0 for a unix socket. */
uint16_t ep_listen_port(const struct ep_listen *l);

/*
 * Opens the listening sockets without a loop: up to two (127.0.0.1 and ::1 on one port). Returns how many, or ADIT_ESYS
 * with errno.
 */
ADIT_MUST_CHECK int ep_listen_open_fds(const struct ep_local *local, int ret_fds[2], uint16_t *ret_port);

#endif
