/* What a service leads to: TCP or UDP at a host and port, or a unix socket. */
#ifndef ADIT_EP_TARGET_H
#define ADIT_EP_TARGET_H

#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "base/err.h"

enum ep_kind {
	EP_TCP,
	EP_UDP,
	EP_UNIX,
};

struct ep_target {
	enum ep_kind kind;
	char host[256]; /* name or numeric address; empty: this machine (127.0.0.1, then ::1) */
	uint16_t port; /* TCP, UDP */
	struct adit_addr addr; /* UDP: |host| resolved, family NONE until it is */
	char path[108]; /* unix: as sun_path takes it, with the NUL */
};

/* Fills |addr| of a UDP target; waits for the resolver, so before the loop runs. ENOENT: the name has no address. */
ADIT_MUST_CHECK int ep_target_resolve(uv_loop_t *loop, struct ep_target *t);

#endif
