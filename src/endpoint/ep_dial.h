/*
 * Connects to a TCP or unix target: resolves the name (on libuv's worker pool), tries its addresses one after the
 * other, without ever blocking the loop.
 */
#ifndef ADIT_EP_DIAL_H
#define ADIT_EP_DIAL_H

#include <uv.h>

#include "base/err.h"
#include "endpoint/ep_target.h"

#define EP_DIAL_TIMEOUT_MS \
	10000 /* per address; a local or LAN service answers in milliseconds, a SYN is retried at 1, 3, 7 s */

#define EP_DIAL_AGAIN_MS 50 /* while a unix socket's backlog is full: a server that is alive accepts in less */
#define EP_DIAL_PAUSE_MS 100 /* while there are no descriptors, as EP_LISTEN_PAUSE_MS */

struct ep_dial;

/* |fd| >= 0: connected, the caller's; -1: |err| is an errno value (EHOSTUNREACH where the name is unknown). */
typedef void ep_dial_done(void *ctx, int fd, int err);

/* |done| is called once, later, unless the dial is cancelled. ENOMEM or 0. */
ADIT_MUST_CHECK int ep_dial_new(uv_loop_t *loop, const struct ep_target *target, ep_dial_done *done, void *ctx,
				struct ep_dial **ret_dial);
/*
 * Out of descriptors it waits until there are some, for as long as it is not cancelled; |waits| is told, once. Without
 * this it fails with EMFILE or ENFILE.
 */
typedef void ep_dial_waits(void *ctx, int err);
void ep_dial_be_patient(struct ep_dial *d, ep_dial_waits *waits);
void ep_dial_cancel(struct ep_dial *d);

#endif
