/*
 * `adit check` over the loop: resolves the servers' names, runs core/nat/nat_check.h over real sockets, looks for the
 * router's port mapping services beside it, and tells when anything new is known.
 */
#ifndef ADIT_EP_CHECK_H
#define ADIT_EP_CHECK_H

#include <uv.h>

#include "core/nat/nat_check.h"
#include "endpoint/ep_peers.h"
#include "io/io_portmap_look.h"

#define EP_CHECK_HOSTS_MAX 8 /* names; of each one IPv4 and one IPv6 address are asked */

struct ep_check;

struct ep_check_ops {
	/* A name that could not be resolved. */
	void (*unresolved)(void *ctx, const char *name, const char *why);
	/* Something has come or gone; for a status line. */
	void (*progress)(void *ctx, const struct nat_progress *p);
	/* Both are final, and good until ep_check_close(), which may be called from here. */
	void (*done)(void *ctx, const struct nat_report *report, const struct io_portmap_services *services);
};

struct ep_check_config {
	const struct adit_log *log;
	struct ep_host host[EP_CHECK_HOSTS_MAX];
	size_t n_hosts;
	bool lifetime;
};

/* ENOMEM, ESYS or 0. */
ADIT_MUST_CHECK int ep_check_new(uv_loop_t *loop, const struct ep_check_config *cfg, const struct ep_check_ops *ops,
				 void *ctx, struct ep_check **ret_check);
/* What is known by now is the report: done follows. */
void ep_check_stop(struct ep_check *c);
/* The name that a server of the report was given by, "" where it was given as an address. */
const char *ep_check_name(const struct ep_check *c, size_t server);
/* The NAT64 that IPv4 was asked through; its length is 0: none. Good until close. */
const struct adit_nat64 *ep_check_nat64(const struct ep_check *c);
void ep_check_close(struct ep_check *c);

#endif
