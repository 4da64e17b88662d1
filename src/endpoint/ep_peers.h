/*
 * The peer's public addresses as the user gave them (--peer, several), names resolved at the start and every minute again:
 * dynamic DNS is the serverless answer to a changed address (DESIGN: a name is resolved anew at each try).
 */
#ifndef ADIT_EP_PEERS_H
#define ADIT_EP_PEERS_H

#include <stdbool.h>
#include <uv.h>

#include "base/addr.h"
#include "base/err.h"

#define EP_PEERS_MAX	  8     /* addresses handed to a link (PUNCH_PEERS_MAX) */
#define EP_PEERS_AGAIN_MS 60000 /* how often names are looked up */

struct ep_peers;

/* |names|: "host", "host:port", "1.2.3.4", "[v6]:port". |n| addresses, sorted as given; n = 0 with |failed| = the name. */
typedef void ep_peers_changed(void *ctx, const struct adit_addr *addrs, size_t n);
typedef void ep_peers_failed(void *ctx, const char *name, const char *why);

/* |names| is copied. EINVAL: one of them is no host[:port]; ENOMEM. */
ADIT_MUST_CHECK int ep_peers_new(uv_loop_t *loop, const char *const *names, size_t n, ep_peers_changed *changed,
				 ep_peers_failed *failed, void *ctx, struct ep_peers **ret_peers);
void ep_peers_close(struct ep_peers *p);

#endif
