/* Every number of the TURN room, with its unit and source. */
#ifndef ADIT_TURN_LIMITS_H
#define ADIT_TURN_LIMITS_H

#include "base/time.h"
#include "core/stun/stun_limits.h"

/* ---- on the wire ---- */

#define TURN_CHANNEL_HEADER_LEN 4 /* bytes, RFC 8656 12.4 */
#define TURN_CHANNEL_FIRST      0x4000 /* RFC 8656 12 */
#define TURN_CHANNEL_LAST       0x4fff
#define TURN_PROTO_UDP          17 /* REQUESTED-TRANSPORT, RFC 8656 18.8 */
#define TURN_FAMILY_V4          1 /* RFC 8656 18.6 */
#define TURN_FAMILY_V6          2

/*
 * What a datagram grows by at most when it is relayed: a Send indication with an IPv6 peer (header 20, address 24,
 * DATA's header 4, padding 3). With a channel it is 4, on a stream up to 7.
 */
#define TURN_OVERHEAD_MAX 51
/* Bytes: ChannelData's length is 16 bits, and the longest STUN message is its header and as much. */
#define TURN_FRAME_MAX (STUN_HEADER_LEN + 65535)
/* Bytes: one relayed batch of the system's (UDP length is 16 bits, minus both headers). */
#define TURN_BATCH_MAX  65507
#define TURN_BATCH_SEGS 64 /* datagrams: Linux' UDP_MAX_SEGMENTS up to 6.8 */

/* ---- credentials ---- */

#define TURN_USER_MAX  128 /* bytes. RFC 8489 14.3 allows 508; a request has STUN_CLIENT_MSG_MAX for everything */
#define TURN_PASS_MAX  256 /* bytes, ours: never on the wire */
#define TURN_REALM_MAX 128 /* bytes. RFC 8489 14.9: 127 characters */
#define TURN_NONCE_MAX 160 /* bytes. RFC 8489 14.10: 127 characters; the longest in use are about 100 */
#define TURN_ALGS_MAX  64 /* bytes of PASSWORD-ALGORITHMS: two of 4 are defined */
/*
 * What is made of a secret shared with the server is good for a day (draft-uberti-behave-turn-rest-00 2.2 recommends
 * that): it outlasts a clock that is hours off, and an allocation goes on with what it was made with (RFC 8656 5).
 */
#define TURN_TIMED_LIFE  ADIT_SEC(86400)
#define TURN_TIMED_RENEW (TURN_TIMED_LIFE / 2)
#define TURN_PORT        3478u /* RFC 7065 3.2 */
#define TURN_PORT_TLS    5349u
#define TURN_HOST_MAX    253 /* bytes, RFC 1035 2.3.4 as text */

/* ---- one server ---- */

#define TURN_TX_MAX        8 /* transactions at a time; RFC 8489 6.2 allows ten */
#define TURN_PERMITS_MAX   32 /* peer addresses; the one not used for longest goes */
#define TURN_CHANNELS_MAX  32 /* peers with their port; likewise */
#define TURN_EVENTS_MAX    8 /* the oldest goes where nobody fetches them */
#define TURN_REDIRECTS_MAX 3 /* servers that one allocation is sent on to */
#define TURN_STALE_MAX     4 /* new nonces in a row for one request, ours: RFC 8489 9.2.5 wants an end */
#define TURN_PORTS_MAX     2 /* local ports tried after 437 or 441, ours; RFC 8656 7.4 asks for another one */

/*
 * Requests to allocate: 0, 0.5, 1.5, 3.5, 7.5 s and 4 s of waiting. RFC 8489 6.2.1 has two more and 39.5 s in all; who
 * has several servers cannot wait so long, and who has one asks again later anyway.
 */
#define TURN_ASK_SENDS     5
#define TURN_ASK_LAST_WAIT 8
/* Requests on a living allocation, which find the server's death: at 0, 0.5, 1.5, 3.5 s, given up at 5.5 s. */
#define TURN_LIVE_SENDS     4
#define TURN_LIVE_LAST_WAIT 4
/* Where somebody waits (turn_set_again()) both are sent beside their schedule, too, but so far apart. */
#define TURN_AGAIN ADIT_MS(400)
/* On a stream nothing is sent twice (RFC 8489 6.2.2: Ti = 39.5 s); ours are shorter for the same reason. */
#define TURN_STREAM_ASK_WAIT  ADIT_SEC(12)
#define TURN_STREAM_LIVE_WAIT ADIT_SEC(6)
/* Our address has changed, and with it mostly the one that the connection had: TCP cannot live on then. */
#define TURN_STREAM_MOVED_WAIT ADIT_SEC(1)
/* A connection to the server: TCP's first three SYNs (0, 1, 3 s) and an answer; TLS adds two round trips. */
#define TURN_STREAM_UP_WAIT ADIT_SEC(10)
/* Where somebody waits another takes its place instead of the third SYN, behind which there is none until 7 s. */
#define TURN_STREAM_AGAIN ADIT_SEC(3)

#define TURN_LIFETIME     600u /* seconds asked for, RFC 8656 3.2 */
#define TURN_LIFETIME_MIN 10u /* seconds. Ours: shorter ones could not be renewed in time */
#define TURN_RENEW_AHEAD  ADIT_SEC(60) /* RFC 8656 8.1: about a minute before the end */
/*
 * Ours: an allocation is refreshed at least so often, as only that tells that the server has not forgotten it
 * (restarted). 120 s are two packets in the time in which keepalives make 16.
 */
#define TURN_REFRESH_EVERY ADIT_SEC(120)
/* Data go out and nothing comes back for so long: is the allocation there? Also the time between two such questions. */
#define TURN_QUIET ADIT_SEC(3)

/*
 * RFC 4787 REQ-5 recommends more than 2 min for NATs; those in the field go down to 20 s: RFC 8445 11 has 15 s. A
 * second more, ours: a path that is asked every 15 s keeps the mapping alone.
 */
#define TURN_KEEPALIVE ADIT_SEC(16)

#define TURN_PERMIT_LIFE  ADIT_SEC(300) /* RFC 8656 9 */
#define TURN_PERMIT_RENEW ADIT_SEC(240) /* a minute before */
#define TURN_BIND_LIFE    ADIT_SEC(600) /* RFC 8656 12 */
#define TURN_BIND_RENEW   ADIT_SEC(540) /* a minute before; only a channel that was used since */
#define TURN_BIND_AFTER   3 /* datagrams to one peer, ours: then they are no attempts but a flow */
/* A refused permission or channel is not asked for again before this, ours. */
#define TURN_REFUSED_WAIT ADIT_SEC(60)

#define TURN_RELEASE_WAIT ADIT_SEC(1) /* at the program's end: three sends; what is not released ends by itself */
#define TURN_RELEASE_RTO  ADIT_MS(200)

/* ---- several servers ---- */

#define TURN_SERVERS_MAX 8 /* four, each with an address of either family */
/* UDP is the better way (no head-of-line blocking) and gets this much of a start, TCP as much before TLS. */
#define TURN_STREAM_DELAY ADIT_MS(300)
/* The first to answer gets so long for the rest, ours: then the others go on beside it. It is three sends over UDP. */
#define TURN_GO_WAIT ADIT_SEC(2)
/* All servers have failed: the next round, doubling. 60 s is what RFC 8656 7.4 wants after 486 and 508. */
#define TURN_RETRY_MIN ADIT_SEC(2)
#define TURN_RETRY_MAX ADIT_SEC(60)
/*
 * An allocation that lived no longer than this was no good, ours. The first time its server is asked again at once (it
 * was restarted, or our NAT was); after that it waits as a server does that has failed, while others are asked. What
 * ended because our own address changed does not count.
 */
#define TURN_GOOD ADIT_SEC(60)
/* The same where the server lives and says that it knows nothing of it: mappings of some NATs end each minute. */
#define TURN_GOOD_LIVING ADIT_SEC(2)

#endif
