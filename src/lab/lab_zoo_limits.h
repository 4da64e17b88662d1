/*
 * Every number of the configurable NAT, with its unit and where it comes from.
 */
#ifndef ADIT_LAB_ZOO_LIMITS_H
#define ADIT_LAB_ZOO_LIMITS_H

#include "base/time.h"

/* Addresses in a pool. Ours: enough to see paired from arbitrary. */
#define LAB_ZOO_POOL_MAX 16u

/* Mappings and sessions of one NAT, unless its configuration says fewer. Ours: every port of one protocol, and a
 * birthday search from each of 64 sockets. */
#define LAB_ZOO_MAPPINGS_MAX 65536u
#define LAB_ZOO_SESSIONS_MAX 262144u

/* Subscribers remembered; then idle ones are forgotten. Ours. */
#define LAB_ZOO_HOSTS_MAX 4096u

/* RFC 4787 REQ-5: at least two minutes; REQ-5c: five or more recommended. */
#define LAB_ZOO_UDP_IDLE ADIT_SEC(300)

/* RFC 5382 REQ-5. */
#define LAB_ZOO_TCP_ESTABLISHED ADIT_SEC(7440)
#define LAB_ZOO_TCP_TRANSITORY  ADIT_SEC(240)

/* RFC 5508 REQ-2. */
#define LAB_ZOO_PING_IDLE ADIT_SEC(60)

/* What Linux gives an unanswered UDP entry: nf_conntrack_udp_timeout. */
#define LAB_ZOO_CLASH ADIT_SEC(30)

/* RFC 6056 3.2: the ports that may be chosen freely. */
#define LAB_ZOO_PORT_FIRST 1024u
#define LAB_ZOO_PORT_LAST  65535u

/* RFC 4787 4.2.1: the class below. */
#define LAB_ZOO_PORT_CLASS 1024u

/* Ports tried at random, before all are tried in a row; and, where ports are shared between remotes, tried in all. */
#define LAB_ZOO_RANDOM_TRIES 32u
#define LAB_ZOO_SHARED_TRIES 4096u

/* Seconds' worth of a rate that may come at once. Ours: as a token bucket of one second. */
#define LAB_ZOO_BURST 1u

/* Datagrams whose fragments are followed, and for how long. RFC 6146 4: FRAGMENT_MIN is 2 s; Linux: ipfrag_time 30 s.
 */
#define LAB_ZOO_FRAGMENTS     256u
#define LAB_ZOO_FRAGMENT_LIFE ADIT_SEC(30)

/* Other subscribers of a carrier's NAT, if not said. Ours. */
#define LAB_ZOO_FOREIGN_HOSTS 64u
/* Foreign flows per second at most: each costs real time. Ours. */
#define LAB_ZOO_FOREIGN_MAX 100000.0

/* Packets that found the router itself (WAN input accepted) remembered. Ours. */
#define LAB_ZOO_LOCALS_MAX 65536u

#endif
