/* Every number of the port mappings' driver, with its unit and source. */
#ifndef ADIT_IO_PORTMAP_LIMITS_H
#define ADIT_IO_PORTMAP_LIMITS_H

#include "base/time.h"

/* PCP and NAT-PMP answer within milliseconds where they are; after this much silence UPnP is asked as well. Ours. */
#define IO_PORTMAP_UPNP_AFTER ADIT_SEC(1)

#define IO_UPNP_DISCOVER_MS \
	2000 /* how long answers to M-SEARCH are waited for: UPnP DA 1.1 has MX up to 5 s, IGDs answer at once */
#define IO_UPNP_TTL   2 /* of the multicast: UPnP DA 1.1, 1.3.2 */
#define IO_UPNP_LEASE 3600u /* seconds asked for, as IGD:2 recommends (WANIPConnection:2, 2.5.16) */
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
