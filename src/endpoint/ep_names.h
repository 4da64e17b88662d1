/*
 * The names of an endpoint: of the peer, of mediators and further servers, and of relays. Each kind is its own
 * (ep_peers.h, ep_meet.h, ep_relay.h); all are looked up again at once when something that was reached is reached no
 * more, whichever it is, because an address that changed is what may have done it: ep_names_heard().
 */
#ifndef ADIT_EP_NAMES_H
#define ADIT_EP_NAMES_H

#include "endpoint/ep_meet.h"
#include "endpoint/ep_peers.h"
#include "endpoint/ep_relay.h"

/* NULL: none is named. */
struct ep_names {
	struct ep_peers *peers;
	struct ep_meet *meet;
	struct ep_relay *relay;
};

/* What a link of the endpoint reports, all of it. */
void ep_names_heard(const struct ep_names *n, const struct link_event *e);
/* What is looked up comes to nothing; |n| is empty then. */
void ep_names_close(struct ep_names *n);

#endif
