/*
 * A UDP port of this host made reachable from outside through the home router: PCP and NAT-PMP (core/portmap) and UPnP
 * (io_upnp.h), whichever works.
 *
 * Start here: io_portmap_new() asks at once; the |told| call has one event per change, with the address the world can
 * send to, or why there is none. PCP is asked first, as it is one datagram and tells when the router has restarted;
 * where it is silent or refuses, UPnP is asked beside it. One mapping is held at a time. It is renewed until
 * io_portmap_end(), which deletes it.
 *
 * A router's yes proves nothing. Who tries the mapping from outside tells the result: io_portmap_proven(), or
 * io_portmap_suspect(): then it is deleted and made again; suspected again, the other protocol gets its chance; after
 * that IO_PORTMAP_WITHDRAWN says that this router's mappings are not to be used.
 */
#ifndef ADIT_IO_PORTMAP_H
#define ADIT_IO_PORTMAP_H

#include <uv.h>

#include "base/addr.h"
#include "base/log.h"
#include "io/io_portmap_limits.h"

struct io_portmap;

enum io_portmap_ways {
	IO_PORTMAP_PCP = 1 << 0, /* and NAT-PMP */
	IO_PORTMAP_UPNP = 1 << 1, /* IPv4 only */
};

struct io_portmap_config {
	enum adit_family family; /* IPv6: a pinhole in the router's firewall */
	uint16_t port; /* ours */
	uint16_t want_port; /* external; 0: the same */
	uint32_t lifetime; /* seconds; 0: each protocol's own */
	adit_dur check; /* how often a UPnP mapping is looked after; 0: IO_UPNP_CHECK */
	unsigned ways; /* 0: all */
	struct adit_addr gateway; /* family NONE: the default route's */
	struct adit_addr own; /* our address towards it; family NONE: as the system chooses */
	struct adit_addr seen; /* our address as a STUN server saw it; family NONE: not known */
	const struct adit_log *log; /* borrowed; may be NULL */
};

enum io_portmap_event_kind {
	IO_PORTMAP_MAPPED, /* |how|, |external|, |lifetime|, |is_behind|; again when any of it has changed */
	IO_PORTMAP_LOST, /* |why|; tried on */
	IO_PORTMAP_NONE, /* nothing gives a mapping: |why|; tried on, ever more rarely */
	IO_PORTMAP_WITHDRAWN, /* mappings are made and forward nothing; not tried on */
	IO_PORTMAP_ENDED, /* io_portmap_end() is done */
};

struct io_portmap_event {
	enum io_portmap_event_kind kind;
	const char *how; /* "PCP", "NAT-PMP", "UPnP" */
	struct adit_addr external;
	uint32_t lifetime; /* seconds; 0: for ever */
	/*
	 * A second NAT stands outside the router: |external| is private or another one than |seen|. The mapping is then
	 * of use only to who is between the two.
	 */
	bool is_behind;
	const char *why; /* a sentence; good during the call */
};

typedef void io_portmap_told(void *ctx, const struct io_portmap_event *e);

/* |cfg| is copied. ENOENT: there is no router (no default route); ENOMEM, ESYS or 0. */
ADIT_MUST_CHECK int io_portmap_new(uv_loop_t *loop, const struct io_portmap_config *cfg, io_portmap_told *told,
				   void *ctx, struct io_portmap **ret_portmap);
/* The network may have changed (resume, a new lease of the address): look after the mapping now. */
void io_portmap_check(struct io_portmap *p);
/* Our address as seen from outside, when that becomes known or changes. */
void io_portmap_set_seen(struct io_portmap *p, const struct adit_addr *seen);
void io_portmap_proven(struct io_portmap *p);
void io_portmap_suspect(struct io_portmap *p);
/*
 * Deletes the mapping, and one that is being made; ENDED follows, maybe within: after PORTMAP_DELETE_MAX at the latest,
 * with UPnP as long as the router takes. Who cannot wait frees it; the mapping then ends with its lease.
 */
void io_portmap_end(struct io_portmap *p);
/*
 * In the child of a fork that goes on with the loop (uv_loop_fork()): the worker's thread is not there, and what it was
 * at is begun anew.
 */
void io_portmap_forked(struct io_portmap *p);
/* No call comes any more. From anywhere, its own calls included; NULL is fine. */
void io_portmap_free(struct io_portmap *p);

#endif
