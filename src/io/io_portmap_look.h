/*
 * Which ways there are to have the router map a port, without mapping any: PCP and NAT-PMP
 * (core/portmap/portmap_look.h) and UPnP (io_igd.h, on the worker pool), side by side. For `adit check`.
 *
 * Start here: io_portmap_look_new() asks at once; |done| has the result, after four seconds at most unless a router
 * takes longer for its UPnP.
 */
#ifndef ADIT_IO_PORTMAP_LOOK_H
#define ADIT_IO_PORTMAP_LOOK_H

#include <uv.h>

#include "base/log.h"
#include "core/portmap/portmap_look.h"
#include "io/io_portmap_limits.h"

struct io_portmap_look;

struct io_portmap_services {
	/* IPv4: the default route's router, family NONE: there is none and nothing was asked. */
	struct adit_addr gateway;
	struct adit_addr own; /* our address towards it */
	struct portmap_look_service pcp;
	struct portmap_look_service pmp;
	struct adit_addr pmp_external; /* as NAT-PMP tells it; family NONE: it does not */
	unsigned upnp_version; /* 1 or 2; 0: no such router */
	bool upnp_is_connected;
	struct adit_addr upnp_external; /* family NONE: it does not tell */
	char upnp_why[IO_UPNP_WHY_MAX]; /* what goes wrong with UPnP; "": nothing */
	/* IPv6: the router whose firewall could be asked for a pinhole. */
	struct adit_addr gateway6;
	struct portmap_look_service pcp6;
	bool is_whole; /* false: given up before all answers or silences were known */
};

/* The router's external address as it says; family NONE: unknown. */
struct adit_addr io_portmap_services_external(const struct io_portmap_services *s);
/* Anything that could map an IPv4 port. */
bool io_portmap_services_any(const struct io_portmap_services *s);

/* |s| is good until the close, which may be called from here. */
typedef void io_portmap_look_done(void *ctx, const struct io_portmap_services *s);

/* |done| is called from the loop, never from here. ENOMEM, ESYS or 0. */
ADIT_MUST_CHECK int io_portmap_look_new(uv_loop_t *loop, const struct adit_log *log, io_portmap_look_done *done,
					void *ctx, struct io_portmap_look **ret_look);
/* What is known so far; not whole. */
const struct io_portmap_services *io_portmap_look_services(const struct io_portmap_look *l);
/* No call comes any more; a step on the worker pool is left to finish by itself. NULL is fine. */
void io_portmap_look_close(struct io_portmap_look *l);

#endif
