/* Every number of the port mapping room, with its unit and source. */
#ifndef ADIT_PORTMAP_LIMITS_H
#define ADIT_PORTMAP_LIMITS_H

#include "base/time.h"

/* RFC 6887 19.1, RFC 6886 3: servers listen here, and tell their news to port 5350 of 224.0.0.1 and ff02::1. */
#define PORTMAP_SERVER_PORT 5351
#define PORTMAP_NEWS_PORT   5350

/* RFC 6887 8.1.1: IRT, MRT; each wait times 1 + RAND, RAND in -0.1..0.1. MRC and MRD are 0: there is no last try. */
#define PORTMAP_PCP_IRT      ADIT_SEC(3)
#define PORTMAP_PCP_MRT      ADIT_SEC(1024)
#define PORTMAP_PCP_RAND_PCT 10

/* RFC 6886 3.1: 250 ms, doubling, nine sends. */
#define PORTMAP_PMP_RTO   ADIT_MS(250)
#define PORTMAP_PMP_SENDS 9

/*
 * RFC 6886 3.5 has servers answer PCP with "unsupported version"; some keep silent instead. So after this time
 * NAT-PMP's question for the address goes out too: it leaves no state in the gateway.
 */
#define PORTMAP_PMP_AFTER       ADIT_SEC(1)
#define PORTMAP_PMP_PROBE_SENDS 6
/* NAT-PMP answered, PCP did not yet: its datagram may have been lost. It is asked once more, for this long. */
#define PORTMAP_PCP_LAST_CALL ADIT_MS(500)

/* Ours: NAT-PMP has fallen silent for all its sends; the next questions are PCP's again, not at once. */
#define PORTMAP_PMP_PAUSE ADIT_SEC(60)

/* Ours: after this much silence of everybody the caller is told, and asking goes on in the background. */
#define PORTMAP_SILENCE ADIT_SEC(10)
/* RFC 6887 14.1.3: who learns of a restart by multicast waits a random time up to this, as all others learn it too. */
#define PORTMAP_NEWS_SPREAD ADIT_SEC(5)
/* Ours: forged hints cost one question in this time. */
#define PORTMAP_HINT_GAP ADIT_SEC(10)

/* Seconds. RFC 6886 3.3 recommends two hours; RFC 6887 15: treat what is longer than a day (or endless) as a day. */
#define PORTMAP_LIFETIME     7200u
#define PORTMAP_LIFETIME_MAX 86400u
/* Seconds. Ours: what is shorter cannot be renewed in time, with two questions at the distance below. */
#define PORTMAP_LIFETIME_MIN 8u
/* RFC 6887 11.2.1: renewals are never nearer to each other. */
#define PORTMAP_RENEW_GAP ADIT_SEC(4)

/* RFC 6887 7.4: what short and long errors last. Also the limits to what a server may say. */
#define PORTMAP_ERROR_SHORT 30u /* seconds */
#define PORTMAP_ERROR_LONG  1800u /* seconds */

/*
 * Deleting when the program ends: it cannot wait for IRTs. The server is one hop away; what stays undeleted runs out by
 * itself.
 */
#define PORTMAP_DELETE_RTO ADIT_MS(250) /* doubling */
#define PORTMAP_DELETE_MAX ADIT_SEC(2)

/* The caller drains after each call, and none makes more. The oldest goes where one does not. */
#define PORTMAP_EVENTS_MAX 8

/* Ours: "is it there?" is asked so often, at NAT-PMP's distances; then 1.75 s have passed, one hop away. */
#define PORTMAP_LOOK_SENDS 3

#define PORTMAP_PCP_MSG_MAX 1100 /* bytes, RFC 6887 7 */

#endif
