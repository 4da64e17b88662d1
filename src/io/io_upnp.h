/*
 * One UDP port mapped by UPnP-IGD, version 1 or 2, over miniupnpc. Start here: io_upnp_new() looks for the router at
 * once; what comes of it is told by the |event| call; io_upnp_end() deletes the mapping.
 *
 * The library blocks, so each step runs on the loop's worker pool, one at a time. A mapping is renewed at half its
 * lease and looked after in between, as a router that restarts tells nobody. Where another host has the port another
 * one is asked for; a router that knows only permanent mappings (725) gets one.
 */
#ifndef ADIT_IO_UPNP_H
#define ADIT_IO_UPNP_H

#include <uv.h>

#include "base/addr.h"
#include "base/log.h"
#include "io/io_portmap_limits.h"

struct io_upnp;

struct io_upnp_config {
	struct adit_addr own; /* IPv4, with the port to be mapped */
	uint16_t want_port; /* external; 0: the same as inside */
	uint32_t lease; /* seconds to ask for; 0: IO_UPNP_LEASE */
	adit_dur check; /* how often the mapping is looked after; 0: IO_UPNP_CHECK */
	const struct adit_log *log; /* borrowed; may be NULL */
};

enum io_upnp_event_kind {
	IO_UPNP_MAPPED, /* |external|, |lease|; also when it has moved */
	IO_UPNP_LOST, /* |why|; tried on */
	IO_UPNP_NONE, /* no router answers, or none that can do it: |why|; tried on, ever more rarely */
	IO_UPNP_WITHDRAWN, /* it forwards nothing, twice; deleted, and not made again */
	IO_UPNP_ENDED, /* io_upnp_end() is done */
};

struct io_upnp_event {
	enum io_upnp_event_kind kind;
	struct adit_addr external;
	uint32_t lease; /* seconds; 0: for ever */
	const char *why; /* good during the call */
};

typedef void io_upnp_told(void *ctx, const struct io_upnp_event *e);

/* |cfg| is copied. ENOMEM, ESYS or 0. */
ADIT_MUST_CHECK int io_upnp_new(uv_loop_t *loop, const struct io_upnp_config *cfg, io_upnp_told *told, void *ctx,
				struct io_upnp **ret_upnp);
/* Look after the mapping now: the network or the router may have changed. */
void io_upnp_check(struct io_upnp *u);
/* Somebody outside found that it forwards: a failure from now on counts as the first. */
void io_upnp_verify_passed(struct io_upnp *u);
/* ... that it does not: deleted and made again, with another port where that goes; the second time WITHDRAWN. */
void io_upnp_verify_failed(struct io_upnp *u);
/* Deletes the mapping; ENDED follows. |keep|: leaves it (another protocol has the same one). */
void io_upnp_end(struct io_upnp *u, bool keep);
/* A step is on the worker pool: it may take seconds. */
bool io_upnp_is_busy(const struct io_upnp *u);
/* No call comes any more; a step on the worker pool is left to finish by itself. NULL is fine. */
void io_upnp_free(struct io_upnp *u);

#endif
