/* Every number of the punching engine, with its unit and source. */
#ifndef ADIT_REACH_LIMITS_H
#define ADIT_REACH_LIMITS_H

#include "base/time.h"

#define REACH_ROUNDS        3u /* of an attempt: 97.6 % of what ever succeeds does so in the first (DESIGN 5.2) */
#define REACH_SALVOS_MAX    4u /* of one plan */
#define REACH_SOCKS_MAX     248u /* of one birthday search; homes and questions beside it make 256 (DESIGN 5.2) */
#define REACH_PROBES_MAX    1024u /* of one birthday search: 98 % */
#define REACH_UNTRUSTED_MAX 64u /* probes toward an address that one server alone has named (DESIGN 3) */
#define REACH_BLOCK_SOCKS   28u /* of a search within a port block of up to 1024; with all others 32 */
#define REACH_BLOCK_PROBES  160u /* 99 % */
#define REACH_BLOCK_MORE    2u /* times as many of both within a larger block: of 4096 ports 99 % */
#define REACH_BLOCK_USUAL   1024u /* ports */
#define REACH_BLOCK_SMALL   224u /* ports: at most an eighth of them is taken for sockets */

/* Salvos (reach_plan.c). "simulated": tests/sim/salvo_sim_test.c. */
#define REACH_LASTS        ADIT_MS(2000) /* after the start nothing was heard: a fresh socket (DESIGN 5.1.6) */
#define REACH_FLOWS_KEEP   64u /* new flows that a search leaves to the ICE checks beside it, and to others */
#define REACH_PORT_FIRST   1024u /* where nothing is known of a NAT's range (RFC 4787 4.2.1: it is this one) */
#define REACH_RANGE_MIN    8u /* samples from which on a range is known */
#define REACH_WINDOW_PORTS 64u /* of a window that are fired at: openers, their questions, foreign flows */
#define REACH_OPEN_PACE    ADIT_US(500) /* between openers, as far as the budget lets them */
#define REACH_FIRE_PACE    ADIT_MS(1) /* of a series of foretold ports: few foreign flows come between */
#define REACH_FIRE_AGAIN   ADIT_MS(150) /* between its passes: each packet may be lost */
#define REACH_FIRE_PASSES  4u
/*
 * Both foretell: whatever the two estimates are off by, up to this many flows, one pair fits: reach_plan.c has the
 * arithmetic, which needs 6 E + 1 flows of one side and 4 E + 1 of the other.
 */
#define REACH_BOTH_ERROR  10u
#define REACH_BOTH_JUMPS  128u /* flows of each side where steps are random: simulated, 60 % a round */
/*
 * Foreign flows: a burst of samples is over in T = 4 ms each, too short to tell their rate, so that one flow and 200 ms
 * are added to what was seen. 35/s were the most that others could live with (Klinec, Matyas 2014).
 */
#define REACH_FOREIGN_MAX  50u
#define REACH_FOREIGN_TOOK 4u /* ms a sample */
#define REACH_FOREIGN_MORE 200u /* ms */
#define REACH_ONCE        240u /* flows of each side where two random choices must fit */

#define REACH_SERVERS_MAX   8u /* STUN servers, mediators included */
#define REACH_HOSTS_MAX     16u /* own addresses */

#endif
