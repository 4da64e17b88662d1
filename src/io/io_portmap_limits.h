/* Every number of the port mappings' driver, with its unit and source. */
#ifndef ADIT_IO_PORTMAP_LIMITS_H
#define ADIT_IO_PORTMAP_LIMITS_H

#include "base/time.h"

/*
 * Ours: where PCP is there it has answered after milliseconds, NAT-PMP after PORTMAP_PMP_AFTER and
 * PORTMAP_PCP_LAST_CALL; after this much silence UPnP is asked as well.
 */
#define IO_PORTMAP_UPNP_AFTER ADIT_SEC(2)

/*
 * How long answers to one M-SEARCH are waited for. The library asks for four kinds of device in turn, so silence takes
 * four times that. IGDs answer at once; a second is the least that may be asked for (MX, UPnP DA 1.1, 1.3.2).
 */
#define IO_UPNP_DISCOVER_MS 1000
#define IO_UPNP_TTL         2 /* of the multicast: UPnP DA 1.1, 1.3.2 */
#define IO_UPNP_LEASE       3600u /* seconds asked for, as IGD:2 recommends (WANIPConnection:2, 2.5.16) */
#define IO_UPNP_LEASE_MIN   20u /* seconds: a router that tells less is not asked more often for it */
/* A mapping is made again at half of its lease, and looked after at least so often: a router that restarts tells
 * nobody. */
#define IO_UPNP_CHECK ADIT_SEC(120)
#define IO_UPNP_TRIES 8 /* external ports tried after conflicts (718) */
/* Nobody answered, or the router refused: asked again, doubling. */
#define IO_UPNP_RETRY_MIN ADIT_SEC(30)
#define IO_UPNP_RETRY_MAX ADIT_SEC(1800)
#define IO_UPNP_PORT_FROM 1024 /* other external ports are chosen from here on: routers often refuse lower ones */
#define IO_UPNP_WHY_MAX   160 /* bytes of a reason, with its NUL */

#endif
