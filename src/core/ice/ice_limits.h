/* Every number of the ICE room: its unit, and where it comes from. */
#ifndef ADIT_ICE_LIMITS_H
#define ADIT_ICE_LIMITS_H

#include "base/time.h"

/* Text. RFC 8839 5.1 and 5.4, in characters. */
#define ICE_FOUNDATION_MAX 32u
#define ICE_UFRAG_MIN      4u
#define ICE_UFRAG_MAX      256u
#define ICE_PWD_MIN        22u
#define ICE_PWD_MAX        256u
/* What we make: 6 bits a character, so 48 and 144 bits (RFC 8445 5.3 wants 24 and 128). */
#define ICE_UFRAG_LEN 8u
#define ICE_PWD_LEN   24u
/* A line longer than this is not read: the longest of ours has 200 characters, extensions may follow (own choice). */
#define ICE_LINE_MAX           1024u
#define ICE_COMPONENT_MAX      256u /* RFC 8445 5.1.2.1 */
#define ICE_PRIORITY_MAX       0x7fffffffu /* RFC 8445 5.1.2 */
#define ICE_LOCAL_PREF_MAX     65535u /* RFC 8445 5.1.2.1 */
#define ICE_LOCAL_PREF_RELAYED 255u /* no more for relayed bases, and more for all others: a choice of ours */

/* Type preferences, RFC 8445 5.1.2.2. */
#define ICE_PREF_HOST  126u
#define ICE_PREF_PRFLX 110u
#define ICE_PREF_SRFLX 100u
#define ICE_PREF_RELAY 0u

/* Tables. */
#define ICE_BASES_MAX     16u /* own addresses: full means refused (own choice) */
#define ICE_SERVERS_MAX   4u /* STUN servers asked from each of them (own choice) */
#define ICE_GATHERS_MAX   (ICE_BASES_MAX * ICE_SERVERS_MAX)
#define ICE_LOCALS_MAX    64u /* own candidates; when full, further reflexive ones are refused (own choice) */
#define ICE_SIGNALLED_MAX 30u /* docs/rules.md 5: candidates that the peer may name */
#define ICE_LEARNT_MAX    10u /* peer-reflexive ones; when full, one whose checks all failed makes room (own choice) */
#define ICE_REMOTES_MAX   (ICE_SIGNALLED_MAX + ICE_LEARNT_MAX)
#define ICE_PRIVATE_MAX   3u /* docs/rules.md 5: how many of the peer's addresses in private ranges are ever checked */
#define ICE_PAIRS_MAX     100u /* RFC 8445 6.1.2.5; when full, the lowest priority that waits makes room */
#define ICE_EARLY_MAX \
	16u /* checks heard before the peer's description; the rest are answered and forgotten (own choice) */
#define ICE_ANSWERS_MAX 16u /* answers between two drains of the outputs; the rest are lost packets (own choice) */
#define ICE_MSG_MAX     608u /* bytes of the longest request: 20 + USERNAME 4 + 516, 8, 12, 4, 24, 8, rounded up */

/* Pacing and retransmission. */
#define ICE_TA         ADIT_MS(50) /* RFC 8445 14.2 */
#define ICE_TA_MIN     ADIT_MS(5) /* RFC 8445 14.2: all of a host together no faster */
#define ICE_TA_MAX     ADIT_SEC(10) /* a peer may ask for a slower pace, but not for none (own choice) */
#define ICE_RTO_MIN    ADIT_MS(500) /* RFC 8445 14.3 */
#define ICE_RC         7u /* RFC 8489 6.2.1: sends of a request */
#define ICE_RM         16u /* RFC 8489 6.2.1: the wait after the last one, in first RTOs */
#define ICE_HURRY      ADIT_MS(20) /* between repetitions that the peer's own checks cause (own choice) */
#define ICE_PATIENCE   ADIT_MS(39500) /* RFC 8863 4: a whole transaction at the smallest RTO */
#define ICE_GRACE      ADIT_SEC(5) /* after the own checks failed, for those of the peer (own choice) */
#define ICE_GATHER_MAX ADIT_SEC(5) /* a server that has not answered by then is left out (own choice) */

/*
 * After the first valid pair, for a better one (own choice). A host on the same LAN answers within a few milliseconds
 * of its turn, and a turn comes every Ta.
 */
#define ICE_NOMINATE_WAIT ADIT_MS(300)
/* How long a controlled agent with a valid pair waits to be told which one (own choice: one transaction). */
#define ICE_UNNOMINATED_MAX ICE_PATIENCE

/* Afterwards. */
#define ICE_KEEPALIVE       ADIT_SEC(15) /* RFC 8445 11: Tr */
#define ICE_CONSENT_EVERY   ADIT_SEC(5) /* RFC 7675 5.1, times 0.8 to 1.2 */
#define ICE_CONSENT_SPREAD  ADIT_SEC(2) /* the width of that */
#define ICE_CONSENT_TIMEOUT ADIT_SEC(30) /* RFC 7675 5.1 */
#define ICE_CONSENTS_MAX    8u /* asked within that time: 30 s / 4 s */

#endif
