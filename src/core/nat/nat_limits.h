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

/* --- what is kept of a network --- */

#define NAT_SERVERS_MAX 16 /* addresses of servers, both families together: eight names, two addresses each */
#define NAT_PUBLICS_MAX 4 /* public addresses that are told by name */
#define NAT_SILENT_MIN  2 /* where so many addresses are silent UDP is blocked; a single server may be dead */

/* --- what the user's router is asked for (nat_budget.h) --- */

#define NAT_FLOWS_PER_MIN 1400u /* new flows of the whole program in any 60 s (docs/rules.md 2) */
#define NAT_PROBES_PER_S  200u /* probes of the whole program in any second (docs/rules.md 2) */

/* --- reading ports (nat_ports.h) --- */

#define NAT_KEPT_SAMPLES 2 /* one in 28000 that a random port is the inside one; two are enough */
#define NAT_STEP_SAMPLES 4
#define NAT_STEP_REACH \
	64 /* ports; a larger difference is no step. 35 foreign flows/s (Klinec, Matyas 2014) are 4 a probe */
#define NAT_MEAN_UNIT 16u /* parts of a port in which the mean step is told */
/* Random ports fall into one block by chance in n * (4096 / 64512)^(n - 1), 3e-8 for 8, and into two in 1e-4. */
#define NAT_BLOCK_SAMPLES 8
#define NAT_BLOCK_SPAN    4096 /* ports; RFC 7422 and vendors give 64 to 2048, wider is as good as random */

/* --- asking (nat_check.h) --- */

#define NAT_CHECK_SLOTS 48 /* transactions under way */
/*
 * Questions that are asked at once, of one family: to the servers; of the wide sockets and the narrow ones; to the 3
 * other places of each twin, and 2 filters there with 2 packets each, and one for a clash; 2 and 2 for the hairpin; the
 * TTLs. 84. Then 3 for each of the 21 ages of a mapping.
 */
#define NAT_CHECK_MAIN                                                                               \
	(NAT_SERVERS_MAX + NAT_CHECK_WIDE * (NAT_CHECK_ASKED + NAT_CHECK_TWINS) + NAT_CHECK_NARROW + \
	 (3 + 2 * 2 + 1) * NAT_CHECK_TWINS + 2 + 2 + NAT_TTL_TRIES * (NAT_TTL_MAX - 1))
#define NAT_CHECK_PROBES (NAT_CHECK_MAIN + 3 * 21)
#define NAT_CHECK_SOCKS  48 /* sockets of one family in all */
/* Between two questions: the NAT sees them in order, and 200 a second (docs/rules.md 2). */
#define NAT_CHECK_PACE   ADIT_MS(5)
#define NAT_CHECK_WIDE   3 /* sockets that ask everybody, so that who disagrees is seen more than once */
#define NAT_CHECK_NARROW 10 /* sockets that ask one server each: with the others enough for NAT_BLOCK_SAMPLES */
#define NAT_CHECK_ASKED  6 /* servers that a wide socket asks at most */
#define NAT_CHECK_TWINS  2 /* servers whose second address is asked too */

/*
 * A question is sent four times, at 0, 0.5, 1.5, 3.5 s, and given up 1 s later (RFC 8489 6.2.1 lets Rc and Rm be
 * chosen): at 10 % loss each way one question in 770 is lost. Its default, 39.5 s, is too long to watch.
 */
#define NAT_CHECK_RTO   ADIT_MS(500)
#define NAT_CHECK_SENDS 4
#define NAT_CHECK_WAIT  2

/* Toward the own public address: 100 ms apart, there and back is the own router. */
#define NAT_HAIRPIN_RTO   ADIT_MS(100)
#define NAT_HAIRPIN_SENDS 4
#define NAT_HAIRPIN_WAIT  5

/*
 * The time-out of a mapping (nat_life.h). Traffic in both directions after this long makes Linux believe in the flow
 * (LAB_UDP_STREAM_AGE is the same number), and so does a real session.
 */
#define NAT_LIFE_WARM   ADIT_MS(2500)
#define NAT_LIFE_FINE   ADIT_SEC(2) /* what is left is not divided further than this */
#define NAT_LIFE_POINTS 8 /* the second round divides what is left into so many parts and one more */
#define NAT_LIFE_MAX    ADIT_SEC(305) /* longest wait: RFC 4787 REQ-5 recommends five minutes or more */
#define NAT_LIFE_ROUNDS 2

#endif
