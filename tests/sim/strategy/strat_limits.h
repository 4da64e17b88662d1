/* Every number that the strategy models share, with its unit. Those of one strategy stand in its own file. */
#ifndef STRAT_LIMITS_H
#define STRAT_LIMITS_H

#include "base/time.h"

/*
 * A match that is not decided by then is lost, from the later start: hyperdht's longest try takes 35 s, frp's second
 * one of its longest kind begins after 40 s. adit tells its user after 30 s that this NAT needs a mediator
 * (docs/rules.md 4).
 */
#define STRAT_HORIZON      ADIT_SEC(60)
#define STRAT_REAL_HORIZON ADIT_SEC(30)

/* A server that has not answered by then is not counted on (RFC 8489 6.2.1: two retransmissions at 500 ms RTO). */
#define STRAT_GATHER_MAX ADIT_MS(1500)

/* The called side of adit has been there for so long: it has measured, and is registered with its mediators. */
#define STRAT_REGISTERED ADIT_SEC(5)

/* Where nothing brings the two together people start both ends by hand, this much apart at most. */
#define STRAT_SKEW_MAX ADIT_SEC(5)

/* What a network of today looks like to a match: there and back, and routers between, uniform in these ranges. */
#define STRAT_RTT_MIN_MS 20
#define STRAT_RTT_MAX_MS 200
#define STRAT_HOPS_MIN   6
#define STRAT_HOPS_MAX   18

/* One way from a side to the mediator, ms, and what a busy server adds to it. */
#define STRAT_LEG_MIN_MS 5
#define STRAT_LEG_MAX_MS 50
#define STRAT_LEG_JITTER ADIT_MS(2)

/* Timers fire late by up to this, as a busy machine's do. */
#define STRAT_LATENESS ADIT_US(100)

/* An NTP client's error, ms either way; it matters to serverless adit only. */
#define STRAT_CLOCK_ERROR_MS 50

#define STRAT_SERVERS      4
#define STRAT_ASKS_MAX     4
#define STRAT_VOLLEYS_MAX  8
#define STRAT_QUEUE_MAX    16
#define STRAT_LETTERS_MAX  128
#define STRAT_MESSAGE_LEN  16
#define STRAT_STUN_PORT    3478
#define STRAT_STUN_PORT2   3479
#define STRAT_BOUNCE_PORT1 9856 /* of the 2006 listing */
#define STRAT_BOUNCE_PORT2 17000

#endif
