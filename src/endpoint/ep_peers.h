/*
 * The peer's public addresses as the user gave them (--peer, several), names resolved when the peer is looked for, for
 * two minutes again and again, and every minute from then on: dynamic DNS is the serverless answer to a changed address
 * (docs/rules.md 4).
 */
#ifndef ADIT_EP_PEERS_H
#define ADIT_EP_PEERS_H

#include <stdbool.h>
#include <uv.h>

#include "base/addr.h"
#include "base/err.h"

#define EP_PEERS_MAX      8 /* addresses handed to a link (PUNCH_PEERS_MAX) */
#define EP_PEERS_AGAIN_MS 60000 /* how often names are looked up */
#define EP_PEERS_SOON_MS  5000 /* after a failure: the network may just be coming up; never more often */
#define EP_PEERS_EAGER_MS                                                                          \
	10000 /* while it is new that the peer is looked for: an update of its name comes after it \
	       */
#define EP_PEERS_EAGER_N 12 /* so often: two minutes, twice the usual lifetime of such a record */

struct ep_peers;

/* A host as the user named it. */
struct ep_host {
	char name[256]; /* RFC 1035 2.3.4: 255 octets, and the NUL */
	uint16_t port; /* 0: none given */
	struct adit_addr addr; /* where |name| is numeric, with |port|; else family NONE */
};

/* All addresses known now, in the order of the hosts. */
typedef void ep_peers_changed(void *ctx, const struct adit_addr *addrs, size_t n);
/* A name could not be resolved; told once until it works again. Addresses known from before stay good. */
typedef void ep_peers_failed(void *ctx, const char *name, const char *why);

/* |hosts| is copied; more than EP_PEERS_MAX are ignored. ENOMEM or 0. */
ADIT_MUST_CHECK int ep_peers_new(uv_loop_t *loop, const struct ep_host *hosts, size_t n, ep_peers_changed *changed,
				 ep_peers_failed *failed, void *ctx, struct ep_peers **ret_peers);
/* The names may lead elsewhere by now (ep_names.h). NULL is fine. */
void ep_peers_again(struct ep_peers *p);
void ep_peers_close(struct ep_peers *p);

#endif
