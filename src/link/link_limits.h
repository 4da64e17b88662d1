/* Every number of the room, with its reason. */
#ifndef ADIT_LINK_LIMITS_H
#define ADIT_LINK_LIMITS_H

#include "base/time.h"
#include "core/punch/punch_limits.h"

/*
 * Socket numbers begin here: of core/punch, which never makes two thousand million, of core/reach, which uses 65536 in
 * turn, and of the connections to TURN servers.
 */
#define LINK_PUNCH_SOCKS 1u
#define LINK_REACH_SOCKS 0x80000000u
#define LINK_TURN_SOCKS  0xf0000000u
/* What looks like a socket to all but link_relay.c: through the TURN server in use. No driver ever hears of it. */
#define LINK_RELAY_SOCK 0xffffffffu

/*
 * The one in use, stand-bys (below), those that were just left or are new, and a newcomer's. When all are taken the one
 * that is needed least makes room.
 */
#define LINK_PATHS_MAX 8

/* Stand-bys that the connect side keeps: relayed ones, and others. */
#define LINK_STANDBYS_RELAYED 1u
#define LINK_STANDBYS         2u

/* The search through mediators gives its memory back after this time without anything under way. */
#define LINK_FOLD_AFTER ADIT_MS(250)
/* There is no memory to go on with: it is tried again. */
#define LINK_MEMORY_AGAIN ADIT_SEC(1)

/* Choosing a path (link_choose.h). */
#define LINK_PATIENCE      ADIT_MS(100) /* at least, and a round trip: then a question is worth its 128 bytes */
#define LINK_JUDGE_MIN     ADIT_MS(120) /* after the question; two more have been asked by then, as one may be lost */
#define LINK_JUDGE_MORE    ADIT_MS(60) /* beyond one and a quarter round trips: a peer that is busy */
#define LINK_DOUBT_STEP    ADIT_MS(50) /* between questions of a doubt */
#define LINK_DOUBT_ASKS    5u
#define LINK_CUT_WAIT      ADIT_MS(300) /* and a round trip: no stand-by answers in place of what is gone for certain */
#define LINK_LOSS_WEIGHT   5u /* loss of 10 % makes a path count as half as long again */
#define LINK_CLEAR_LEAST   ADIT_MS(5) /* less is within what queues do all the time */
#define LINK_CLEAR_PERCENT 20u
#define LINK_CLEAR_TIMES   3u /* measurements in a row */
#define LINK_HOLD          ADIT_MS(500) /* a path that fell must be steady this long, doubling with each fall ... */
#define LINK_HOLD_MAX      ADIT_SEC(60) /* ... up to this */
#define LINK_HOLD_ASK      ADIT_MS(250) /* between questions meanwhile */
#define LINK_FORGIVEN      ADIT_SEC(60) /* in use for this long without a fall: the earlier ones are forgotten */
#define LINK_MOVES         6u /* toward better ones at once ... */
#define LINK_MOVE_EVERY    ADIT_SEC(10) /* ... and one more after this: 12 in the worst minute */

/* Keeping stand-bys (link_watch.c). */
#define LINK_TRIALS       4u /* questions to a new one, ... */
#define LINK_TRIAL_EVERY  ADIT_SEC(1) /* ... this far apart; then as often as a keepalive is due */
#define LINK_LATE         ADIT_SEC(3) /* packets may still come over a path that was left: a slow relay's queue */
#define LINK_LOST_FOR     ADIT_SEC(60) /* a stand-by that is lost is asked for so long whether it comes back */
#define LINK_UNASKED      ADIT_SEC(150) /* serve: the connect side asks its stand-bys more often than this */
#define LINK_SETTLE       ADIT_SEC(4) /* the finders go on for so long, for better paths and stand-bys */
#define LINK_FRESH_SEARCH ADIT_SEC(60) /* the finder without servers looks for so long while a relay is in use */
#define LINK_SLEPT        ADIT_SEC(5) /* nobody came for this long after the deadline: the machine was asleep */
/*
 * Silence of the path in use: a round trip and this after what has to be answered it is asked, so often and so far
 * apart, as what was sent may have been mere acknowledgements. When the last question has had its round trip and this,
 * too, others are looked for: at 10 % loss each way one lone packet in 770 leads to that.
 */
#define LINK_ALARM_ASK   ADIT_MS(100)
#define LINK_ALARM_STEP  ADIT_MS(40)
#define LINK_ALARM_ASKS  3u
#define LINK_ALARM_LAST  ADIT_MS(50)
#define LINK_ALARM_READY ADIT_SEC(10) /* with the last one the finders get ready, not more often */
#define LINK_ALARM_LATER ADIT_MS(250) /* serve: half a PUNCH_PATH_RETRY, so that the two ask in turn from then on */
#define LINK_ALARM_CALM  ADIT_SEC(10) /* if it answers after all: silence is no such reason again before, ... */
#define LINK_ALARM_FALSE 3u /* ... twice as long with each time in a row, so often */
#define LINK_ALARM_AT_EASE                                                                         \
	ADIT_SEC(2) /* a question to a path that was merely idle: no other one so early before ... \
		     */
#define LINK_ALARM_EASY  ADIT_MS(200) /* ... but so much later */
#define LINK_AGAIN       ADIT_MS(500) /* in an outage, while no server answers: the finders begin anew ... */
#define LINK_AGAIN_OFTEN ADIT_SEC(120) /* ... this long; then, as the outage grows, ... */
#define LINK_AGAIN_MAX   ADIT_SEC(15) /* ... up to this far apart */

/* Addresses that sent a valid probe. A volley and every slot's pairs may be heard within one round trip: forgetting the
 * one that the peer has chosen meanwhile costs a handshake's 10 s. The oldest is forgotten. */
#define LINK_KNOWN_MAX PUNCH_HOLES_MAX
#define LINK_KNOWN_FEW 4u /* places that are made at first, and doubled */
/* Events of the link's own that wait for the driver: one input makes three at most, four mediators that fail at once
 * two each. */
#define LINK_QUEUE_MAX 16

/*
 * Datagrams that wait for the server to let their peer in, one round trip: first checks and questions to mediators,
 * small and sent again anyway; what is longer is QUIC's, which comes after them.
 */
#define LINK_RELAY_WAITS    8
#define LINK_RELAY_WAIT_LEN 1500 /* bytes */
#define LINK_RELAY_WAIT     ADIT_SEC(1)
/* The path in use is silent for twice its patience: the server of our relay is asked, not more often. */
#define LINK_RELAY_ASK   ADIT_SEC(1)
#define LINK_RELAY_BATCH 65536 /* bytes: no driver takes more at once (io_sock.h) */

/* Paths that end at a certain age (link_age.h). */
#define LINK_AGE_FIRST      ADIT_SEC(38) /* the youngest death seen in the field was at 48 s (docs/rules.md 3) */
#define LINK_AGE_LEAST      ADIT_SEC(30) /* a death before is of something else ... */
#define LINK_AGE_MOST       ADIT_SEC(110) /* ... and so is one after: 75 s was the oldest */
#define LINK_AGE_LASTS_FROM ADIT_SEC(120)
#define LINK_AGE_WATCH      ADIT_SEC(5) /* between questions to the one before */
#define LINK_AGE_AGAIN      ADIT_SEC(6) /* the search for a successor is begun anew after this */

/* How long an idle mapping lives (link_keep.h). */
#define LINK_KEEP_MAX    ADIT_SEC(120) /* RFC 4787 REQ-5: a NAT that keeps to it needs no more */
#define LINK_KEEP_ENOUGH ADIT_SEC(150) /* four fifths of it are the above */
#define LINK_KEEP_NARROW 4u /* what lies between is known well enough when it is a quarter */
#define LINK_KEEP_AGAIN  ADIT_SEC(600) /* trials rest after a fall, doubling with each ... */
#define LINK_KEEP_FALLS  6u /* ... so often: ten hours */
#define LINK_KEEP_TURN   ADIT_SEC(4) /* beyond the rest: the peer asks four times meanwhile (PUNCH_PATH_LOST) */
#define LINK_KEEP_SLACK  ADIT_SEC(2) /* a rest that is shorter by this is as good */
#define LINK_KEEP_SEARCH ADIT_SEC(90) /* between searches for a path to try it with */

/* The code of a mediator that does not know the peer (docs/mediator.md). */
#define LINK_ABSENT 404u

/* An address that sent a valid probe may begin a QUIC handshake for this long: a slot pair lives 128 s at most. */
#define LINK_KNOWN_FOR ADIT_SEC(128)

/*
 * Serve: the peer's new program answers, so its Initial follows within a round trip; where that is lost, others 1 and 3
 * s later. So long the session before is kept, and with it the socket.
 */
#define LINK_NEWCOMER ADIT_SEC(5)

/* From the first Initial to the answered hello. The TLS handshake has 10 s of its own (quic_limits.h). */
#define LINK_ADMIT_WITHIN ADIT_SEC(15)

/*
 * Streams before that. None is looked at until the peer is admitted, so their windows (QUIC_WINDOW_MIN each) are what a
 * peer that is not may have in memory: half a megabyte.
 */
#define LINK_EARLY_STREAMS 16u

/* Runs of strands' datagrams in one input: each of the 64 that the kernel puts into a batch may be another's. */
#define LINK_STRAND_QUEUE 64

/* A migration that QUIC put off for want of a connection id is tried again this often. */
#define LINK_MIGRATE_RETRY ADIT_MS(50)

/* Bytes: no QUIC datagram is longer (quic_dgram_max() tells the path's own bound). */
#define LINK_DGRAM_MAX 65536

/* Cut UDP payloads that may be under way to us at once; 64 KB each, but a page costs nothing until it is used. */
#define LINK_REASM_SLOTS 16

#endif
