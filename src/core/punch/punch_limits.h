/*
 * Every number of the punching room: its unit, and where it comes from. "simulated": tests/sim/punch_sim_test.c;
 * "measured": real kernel NAT, docs/rules.md.
 *
 * One way between the two NATs is called d, the own clock against the peer's e. A pair opens where each side's first
 * packet to reach the other NAT finds the mapping there already; only a router that accepts on its WAN side ("accept")
 * minds being late, because the early packet takes the tuple away (conntrack clash).
 */
#ifndef ADIT_PUNCH_LIMITS_H
#define ADIT_PUNCH_LIMITS_H

#include "base/time.h"

/*
 * Sizes. When a table is full: peers and pairs are refused, sent probes are forgotten oldest first (an answer that
 * comes later than 512 probes is none), holes are evicted oldest first unless valid, events wait in the machine.
 */
#define PUNCH_PEERS_MAX       8 /* addresses of one peer: --peer may be repeated, a name has several */
#define PUNCH_BURST_PEERS_MAX 2 /* of them, those that volleys and bursts are for: the flow budget is the limit */
#define PUNCH_PAIRS_MAX       256 /* open sockets: burst 128 + two volleys 48 + slots 16 + steady 2, and v6 */
#define PUNCH_SENT_MAX        512 /* probes whose answer would be known: a burst's first second */
#define PUNCH_FEW_PAIRS       8 /* of a machine without a store: the steady pairs, and those that still close */
#define PUNCH_FEW_SENT        32
#define PUNCH_FEW_HOLES       8
#define PUNCH_FEW_EVENTS      8
#define PUNCH_HOLES_MAX       64 /* (socket, remote) that were heard: a volley of which all pairs open, twice */
#define PUNCH_EVENTS_MAX      64
#define PUNCH_ANSWERS_MAX     16 /* the driver drains after each datagram; more than this at once is lost */
#define PUNCH_SOCK_SPAN       65536 /* numbers sock_base .. sock_base + this - 1 are used in turn */
#define PUNCH_TAKEN_MAX       16 /* sockets given away whose numbers are kept free */

/* The message (punch_probe.h). */
#define PUNCH_UFRAG_LEN        8 /* characters of 6 bits; RFC 8445 5.3 asks 24 bits */
#define PUNCH_PWD_LEN          32 /* characters of 6 bits; RFC 8445 5.3 asks 128 bits */
#define PUNCH_PROBE_MAX        160 /* bytes: a request has 136 at most, an IPv6 answer 108 */
#define PUNCH_PADDING_MAX      16384 /* bytes; the largest datagram worth sending (punch_size.c) and a bit */
#define PUNCH_PRIORITY         1862270975 /* RFC 8445 5.1.2: peer-reflexive 110 << 24 | 65535 << 8 | 255 */
#define PUNCH_PRIORITY_RELAYED 1845494015 /* 110 << 24 | 0 << 8 | 255: it leaves through a relay */

/* Replay (punch_replay.h). */
#define PUNCH_INSTANCES_MAX 64 /* senders remembered per lane */
#define PUNCH_INSTANCES_FEW 4 /* of them without memory of their own: most peers are started anew rarely */
#define PUNCH_STAMPS_MAX    16 /* stamps remembered per sender for reordering */
#define PUNCH_LATE          ADIT_SEC(5) /* a stamp that comes this much after its turn: a replay (a queue holds 1-2 s) */
#define PUNCH_DRIFT         1000 /* one part in this many of the silence is granted on top: clocks drift */
#define PUNCH_REORDER       ADIT_SEC(2) /* older than this behind the newest: a replay */

/*
 * Local ports of pairs: below Linux' ephemeral range (32768), so nobody holds them by accident; above the services.
 */
#define PUNCH_PORT_MIN   16384
#define PUNCH_PORT_COUNT 16384

/*
 * A pair's probes. The head is what a hop between the routers buys: the sides may open this far apart (plus d) in the
 * wrong order. Longer costs every meeting the same time.
 */
#define PUNCH_HEAD      ADIT_MS(300)
#define PUNCH_HEAD_STEP ADIT_MS(100) /* low-TTL probes in the head: 0, 100, 200 ms: one may be lost */
#define PUNCH_LOUD      ADIT_MS(2000) /* a newcomer's full TTL on the steady pair (measured: 64 of 64) */
#define PUNCH_LOUD_STEP ADIT_MS(200)
#define PUNCH_FULL_STEP ADIT_MS(200) /* full TTL on a slot's pair: this, doubling, to at most */
#define PUNCH_FULL_MAX  ADIT_SEC(12) /* (low or full: a Linux mapping lives 30 s unanswered, one probe may be lost) */
#define PUNCH_QUIET_MIN ADIT_SEC(10) /* low TTL while waiting: a Linux mapping lives 30 s, one probe may be lost */
#define PUNCH_QUIET_MAX ADIT_SEC(13)
/*
 * A valid pair that nobody took yet is asked every 2 s for as long as a handshake may take and the peer may choose; it
 * is closed when the peer has not asked for a minute (a path over there asks every 30 s at least). Both times differ,
 * or two sides that do not want it would keep it alive for each other.
 */
#define PUNCH_VALID_STEP ADIT_SEC(2)
#define PUNCH_VALID_ASK  ADIT_SEC(30)
#define PUNCH_VALID_MAX  ADIT_SEC(60)
/*
 * A peer's own port, as its address was given, is one that its router forwards: no clash there, so who waits knocks
 * with full TTL, this often. The peer may be pinned to that port and not know of any other of ours.
 */
#define PUNCH_KNOCK ADIT_SEC(2)
/*
 * Pinned to one port there are no slots, so two sides that both missed the other's loud start would stay quiet for
 * ever. The connect side is loud for one probe this often: 64 s leaves an unanswered conntrack entry (30 s) time to go.
 */
#define PUNCH_PINNED_LOUD ADIT_SEC(64)
#define PUNCH_REOPEN      ADIT_SEC(5) /* the steady port was taken: try again */

/* A triggered check is repeated at these distances until it is answered. */
#define PUNCH_CHECK_STEP ADIT_MS(150)
#define PUNCH_CHECKS_MAX 4
/* A peer that goes on asking gets a new check at most this often. */
#define PUNCH_CHECK_PACE ADIT_MS(50)

#define PUNCH_HEARD_AGAIN ADIT_SEC(10) /* a remote that goes on asking is told of again */

#define PUNCH_STUCK ADIT_SEC(30) /* CLI.md: after 30 s possible reasons are listed */
#define PUNCH_CALM  ADIT_SEC(3) /* after VALID no new pairs for as long as the handshake may take */

/* Answers leave at most at this rate: twice what a peer's burst needs. */
#define PUNCH_ANSWERS_PER_S 400

/*
 * Of the program's new flows (nat_budget.h: 1400 in any minute) so many must be left: by every pair, for whoever else
 * punches; by a volley or burst, for the pairs that matter more. So the lanes together open 1200 a minute at most.
 */
#define PUNCH_FLOWS_KEEP       200u
#define PUNCH_FLOWS_BURST_KEEP 400u

/* Times after this are taken for it: the year 2116, in nanoseconds, so that sums of two do not run over. */
#define PUNCH_UTC_MAX (UINT64_C(1) << 62)

/* The families of slots: punch_plan.c has the table and the reasons. */
#define PUNCH_NEAR_SLOT   ADIT_SEC(2)
#define PUNCH_NEAR_GAP    ADIT_MS(500)
#define PUNCH_MID_SLOT    ADIT_SEC(6)
#define PUNCH_MID_GAP     ADIT_MS(3600)
#define PUNCH_FAR_SLOT    ADIT_SEC(40)
#define PUNCH_FAR_GAP     ADIT_SEC(33)
#define PUNCH_WIDE_SLOT   ADIT_SEC(512)
#define PUNCH_WIDE_GAP    ADIT_SEC(250)
#define PUNCH_VOLLEY_SLOT ADIT_SEC(2)
#define PUNCH_VOLLEY_LIFE ADIT_MS(1600) /* three probes with full TTL, and a slow answer */
#define PUNCH_VOLLEY_N    24
/* A volley's openings before and after its middle, in microseconds; half of PUNCH_VOLLEY_N of them. */
#define PUNCH_VOLLEY_US   25, 75, 125, 175, 225, 275, 575, 1175, 2175, 3675, 5175, 6675
#define PUNCH_BURST_SLOT  ADIT_SEC(64)
#define PUNCH_BURST_N     128
#define PUNCH_BURST_STEP  ADIT_MS(1)
#define PUNCH_BURSTS_MAX  3 /* docs/rules.md 4 */
#define PUNCH_BURST_AFTER ADIT_SEC(8) /* of waiting: three slots have failed */
#define PUNCH_LEAD        ADIT_MS(20) /* sockets are opened this much ahead of the first probe */
#define PUNCH_BURST_LEAD  ADIT_MS(150)
#define PUNCH_FRESH       ADIT_SEC(12) /* of waiting: a volley in each of its slots */
#define PUNCH_FIRST       ADIT_SEC(60) /* of waiting: near pairs, and each 4th volley */
#define PUNCH_LONG        ADIT_SEC(600) /* of waiting: half of the volleys and mid slots */
#define PUNCH_STALE       ADIT_MS(50) /* a volley's or burst's pair that is later than this is left out */

/* Keeping a path (punch_path.h). */
#define PUNCH_PATH_KEEPALIVE     ADIT_SEC(15) /* docs/rules.md 3 */
#define PUNCH_PATH_EVERY_MAX     ADIT_SEC(300) /* what a peer may say: RFC 4787 REQ-5 recommends NATs five minutes */
#define PUNCH_PATH_REST          ADIT_SEC(10) /* nothing either way for so long: what follows tells of mappings */
#define PUNCH_PATH_LATER         ADIT_SEC(2) /* the serve side waits this much longer, so that one side asks */
#define PUNCH_PATH_SUSPECT       ADIT_MS(1000) /* silence after which a path in use is asked */
#define PUNCH_PATH_LOST          ADIT_MS(2500) /* silence after which it is lost: "found within 3 s" */
#define PUNCH_PATH_STEP          ADIT_MS(500) /* between probes of a suspect path */
#define PUNCH_PATH_RETRY         ADIT_MS(500) /* between probes of a lost one, from both ends: back within a second ... */
#define PUNCH_PATH_RETRY_LONG    ADIT_MS(1000) /* ... and then ... */
#define PUNCH_PATH_RETRY_OFTEN   ADIT_SEC(120) /* ... after so long without an answer */
#define PUNCH_PATH_RTT_FREE      ADIT_MS(500) /* a round trip beyond this is added to both waits, twice, ... */
#define PUNCH_PATH_RTT_MAX       ADIT_SEC(3) /* ... as if it were at most this */
#define PUNCH_PATH_MOVE_TRIES    3
#define PUNCH_PATH_MOVE_STEP     ADIT_MS(200)
#define PUNCH_PATH_MOVE_WAIT     ADIT_MS(100) /* and two round trips: for the old address to answer, if it still does */
#define PUNCH_PATH_SENT_MAX      16 /* a lost path's last 16 s; the oldest is forgotten */
#define PUNCH_PATH_ANSWERS_MAX   4 /* the driver drains after each datagram; more at once is lost */
#define PUNCH_PATH_ANSWERS_PER_S 50
#define PUNCH_PATH_SMOOTH        8 /* weight of the past against one answer: RFC 6298 2.3, alpha = 1/8 */
#define PUNCH_PATH_SMOOTH_LOSS   32 /* the same for loss: one question that is lost says little */
#define PUNCH_PATH_LATE          ADIT_MS(100) /* beyond two round trips a question counts as lost */
#define PUNCH_PATH_EVENTS_MAX    8 /* more wait for the state to change again: a path has few */

/*
 * Agreeing on a pair (punch_agree.h). After the last answer that the connect side lost, the serve side would have to
 * miss five questions in a row to be done too early: 1 in a million at 10 % loss each way.
 */
#define PUNCH_AGREE_PAIRS_MAX 8 /* that wait to be proposed */
#define PUNCH_AGREE_STEP      ADIT_MS(100) /* between questions */
#define PUNCH_AGREE_ASKS_MAX  20
#define PUNCH_AGREE_LAST      ADIT_SEC(1) /* the wait after the last one: a slow round trip */
#define PUNCH_AGREE_CALM      ADIT_MS(550) /* without a question: five of them */

/* The size of what a path carries (punch_size.h). */
#define PUNCH_SIZE_BASE   1200 /* bytes of UDP payload: RFC 9000 14 demands a path that carries it */
#define PUNCH_SIZE_TRIES  3 /* volleys per tier: RFC 8899 5.1.2, MAX_PROBES */
#define PUNCH_SIZE_MISSES 4 /* one more: at 10 % loss each way a false alarm comes once in twelve minutes */
#define PUNCH_SIZE_STEP   ADIT_MS(100) /* beyond two round trips: an answer's time */
#define PUNCH_SIZE_CONFIRM_EVERY                                                            \
	ADIT_SEC(1) /* while full packets flow: what a black hole may cost, and little else \
		     */
#define PUNCH_SIZE_AGAIN ADIT_SEC(600) /* RFC 8899 5.1.1, PMTU_RAISE_TIMER */

#endif
