/* Who leads out of this network, the router to ask for port mappings; and whether there is a way out at all. */
#ifndef ADIT_IO_ROUTE_H
#define ADIT_IO_ROUTE_H

#include "base/addr.h"

/*
 * The next hop of the default route with the lowest metric, and our own address towards it (port 0). ENOENT: there is
 * no such route; ESYS: /proc does not tell.
 */
ADIT_MUST_CHECK int io_route_default(enum adit_family family, struct adit_addr *ret_gateway, struct adit_addr *ret_own);

/* False: this machine has no route to |to|, or no address of its family to send from. Nothing is sent. */
bool io_route_leads_to(const struct adit_addr *to);

#endif
