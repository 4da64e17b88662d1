/*
 * Every number of the udphp room. "Script" is udphp.py 0.12, which has no other specification than its source.
 */
#ifndef ADIT_UDPHP_LIMITS_H
#define ADIT_UDPHP_LIMITS_H

#include "base/time.h"

#define UDPHP_PORT_DEFAULT 5555u /* UDP port; script: UDP_PORT */

#define UDPHP_MAXBUF    40000u /* bytes of TCP data in one message; script: MAXBUF_SIZE */
#define UDPHP_DIGEST    11u /* leading bytes of the MD5 sum; script: DIGEST_SIZE */
#define UDPHP_HEADER    16u /* bytes before the payload; script: HEADER_SIZE */
#define UDPHP_DGRAM_MAX (UDPHP_HEADER + UDPHP_MAXBUF) /* bytes; the script reads no more of a datagram */
#define UDPHP_ACK_LEN   3u /* bytes of an 'A' or 'N' */
#define UDPHP_HELO_LEN  8u /* bytes of a heartbeat */

#define UDPHP_MIN_GAIN 100u /* bytes that compression must save; script: MIN_GAIN */

#define UDPHP_RETRY     ADIT_SEC(1) /* script: ack_event.wait(1) */
#define UDPHP_TRIES_MAX 30u /* sendings of one message; script: range(30) */
/*
 * An 'N' asks for the message at once. Each sending can yield one 'N', and a network that duplicates would make two of
 * each: so only this many in a second, the timer does the rest. Ours.
 */
#define UDPHP_NACKS_MAX 8u

#define UDPHP_HELO_MIN    ADIT_SEC(20) /* between two heartbeats; script: 10 * (2 + random()) */
#define UDPHP_HELO_SPREAD ADIT_SEC(10) /* added to it at random */
#define UDPHP_HELO_MAX    10u /* unanswered heartbeats; script: HB_COUNT < 10 */
#define UDPHP_RATIO_EVERY 16u /* heartbeats between two lines about the compression; script: stat_count > 15 */

/*
 * A repeated message is acknowledged again, but not within this time of its first acknowledgement: that one is most
 * likely still on its way, and a second one wakes the script while it waits for the next, which it then sends twice,
 * which is acknowledged twice, and so on without end. A script that really missed one asks again after UDPHP_RETRY.
 * Ours.
 */
#define UDPHP_REACK_GAP ADIT_MS(500)

/*
 * The script clears its "acknowledged" event after sending: an ack that is faster than that is lost on it, and it waits
 * out its second. Any further ack wakes it. So on a path that is fast enough for this to happen, an ack is repeated
 * once if nothing follows it. (64 MiB from the script to a faster peer: 18 s without this, 17 of them asleep.) Ours.
 */
#define UDPHP_NUDGE ADIT_MS(10)

/* The peer's port is followed to another one after this silence of the present one; less than 30 tries last. Ours. */
#define UDPHP_FOLLOW_AFTER ADIT_SEC(10)

/*
 * A message of unknown type is taken for a damaged one of ours if its number lies so close to the present one. Ours.
 */
#define UDPHP_RECENT 16u

/* At the end of the local connection: how long it may take to hand it what the peer had sent. Ours. */
#define UDPHP_DRAIN_MAX ADIT_SEC(5)

/* A path that has ever answered faster than this is "near": a LAN, or the same machine. Ours. */
#define UDPHP_NEAR ADIT_MS(5)

/*
 * Compression costs time: on a near path the fast level of zlib, elsewhere the one the script uses. Ours; the receiver
 * cannot tell.
 */
#define UDPHP_LEVEL_FAST 1
#define UDPHP_LEVEL_SLOW 6
/* Data that look random and did not shrink last time are tried again only each so many messages. Ours. */
#define UDPHP_ZIP_AGAIN 16u
/*
 * "Look random": chi-square of the byte counts. A gain of 100 bytes by Huffman coding alone needs about
 * 2 ln 2 * 800 bits = 1109. Ours.
 */
#define UDPHP_FLAT_CHI2 1000u

#endif
