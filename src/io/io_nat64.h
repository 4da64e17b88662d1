/*
 * Is this machine on a network that has IPv6 alone, with a NAT64 that leads to IPv4? Looked at when addresses come and
 * go: where no route leads to IPv4's Internet, the resolver is asked for ADIT_NAT64_NAME (RFC 7050). A host that
 * translates by itself (464XLAT) has such a route, and is left to it.
 */
#ifndef ADIT_IO_NAT64_H
#define ADIT_IO_NAT64_H

#include <uv.h>

#include "base/err.h"
#include "base/nat64.h"

#define IO_NAT64_FRESH_MS (15 * 60 * 1000) /* a prefix is asked for again: the resolver does not tell us its TTL */
#define IO_NAT64_AGAIN_MS 60000 /* where there is none */
#define IO_NAT64_SOON_MS  5000 /* where the resolver did not answer: the network may just be coming up */

struct io_nat64;

/* |n->len| 0: there is none (any more). */
typedef void io_nat64_changed(void *ctx, const struct adit_nat64 *n);

/* Nothing is called before the loop runs. ENOMEM. */
ADIT_MUST_CHECK int io_nat64_new(uv_loop_t *loop, io_nat64_changed *changed, void *ctx, struct io_nat64 **ret_nat64);
/* NULL is fine. */
void io_nat64_close(struct io_nat64 *x);
/* What there is now; good until close, and its content follows. */
const struct adit_nat64 *io_nat64_get(const struct io_nat64 *x);

#endif
