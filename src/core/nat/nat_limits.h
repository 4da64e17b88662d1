/* Every number of the NAT room, with its unit and source. */
#ifndef ADIT_NAT_LIMITS_H
#define ADIT_NAT_LIMITS_H

#include "base/time.h"

/*
 * TTL 1 dies in the first router before that has made a mapping; 2 leaves it (measured). A host without a NAT uses 2 as
 * well: a firewall that is a router sees the packet.
 */
#define NAT_TTL_MIN 2
/* More private hops than this in a row are not the own side any more. */
#define NAT_TTL_MAX 8
/* How long a router may take for its ICMP: it is near. Asked twice, as routers limit the rate of ICMP. */
#define NAT_TTL_WAIT  ADIT_MS(150)
#define NAT_TTL_TRIES 2

#endif
