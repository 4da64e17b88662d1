/* Every number of quic/: unit and source. */
#ifndef ADIT_QUIC_LIMITS_H
#define ADIT_QUIC_LIMITS_H

#include "base/time.h"

/* Bytes of our connection ids: short headers can then be told apart by one 8-byte compare. */
#define QUIC_CID_LEN 8

/* Bytes of a connection id at most, RFC 9000 17.2. */
#define QUIC_CID_MAX 20

/* In the first byte of our connection ids: which of a session's connections it is. The other 61 bits are random. */
#define QUIC_CID_INDEX 0x07

/* First byte of a packet, RFC 9000 17. */
#define QUIC_HEADER_LONG      0x80
#define QUIC_HEADER_FIXED_BIT 0x40
#define QUIC_HEADER_TYPE      0x30 /* long headers */
#define QUIC_HEADER_INITIAL   0x00
#define QUIC_HEADER_PN_LEN    0x03

/* Our connection ids alive at once: the library's pool of 8 and as many retired ones that may still be under way. */
#define QUIC_CIDS_MAX 24

/* Connection ids the peer may keep ready for us, and we for it: that many migrations need no round trip between. */
#define QUIC_ACTIVE_CIDS 7

/* Virtual paths remembered; the library refers to 8 at most (current, fallback, bound, validating). */
#define QUIC_PATHS_MAX 16

/*
 * Migrations a peer may show us while something of ours is unacknowledged. The library aborts the process when more
 * than 16 RETIRE_CONNECTION_ID frames are unacknowledged, and a peer decides what it acknowledges.
 */
#define QUIC_MIGRATIONS_UNACKED 12

/*
 * Migrations of the peer that the library is shown at once, and how long until one more: each uses up one of the
 * QUIC_ACTIVE_CIDS - 1 spare connection ids, and a new one needs two round trips to come.
 */
#define QUIC_PATH_TOKENS      5
#define QUIC_PATH_TOKEN_EVERY ADIT_SEC(1)

/* Beyond two round trips: silence from which on nothing of the peer's is taken to be under way. */
#define QUIC_REST ADIT_MS(50)

/* Datagrams of a new path that are kept until the one that begins it: a client sends two PATH_CHALLENGEs ahead. */
#define QUIC_EARLY_MAX 2

/* A path we left counts as come back when the newer one has been silent for so long; less is reordering. */
#define QUIC_PATH_RETURN ADIT_MS(500)

/* Bytes of UDP payload a datagram must have to begin a connection, RFC 9000 14.1. */
#define QUIC_INITIAL_MIN 1200

/* Bytes of UDP payload we send where nobody said that the path carries more, RFC 9000 14. */
#define QUIC_PAYLOAD_MIN 1200

/* The most it can be told: four of these make a batch. */
#define QUIC_PAYLOAD_MAX 16376

/* What congestion control reckons with where the configuration does not say: Ethernet's 1500 less IPv4 and UDP. */
#define QUIC_PAYLOAD_USUAL 1472

/* Bytes of a batch from where the library's own idea of one is trusted: with jumbo frames it would be 90 KB, always. */
#define QUIC_QUANTUM_PACKETS 10

/* Bytes of one batch: the kernel's limit for a UDP_SEGMENT send, and how many packets are worth it. */
#define QUIC_BATCH_MAX     65507
#define QUIC_BATCH_PACKETS 45

/* Bytes put out at one instant before the driver should look at its sockets again. */
#define QUIC_WAKEUP_MAX (256 * 1024)

/*
 * After a lone packet of data what the library has to say by itself, most often that it came, waits for bytes of ours
 * to go with: an echo or an answer is one packet then, where it was two. A second packet ends it (RFC 9000 13.2.2). A
 * full one, a download's, waits for its second an eighth of a round trip, as the library would have it: slow lines have
 * fewer acknowledgements for that. RFC 9000 13.2.1 allows max_ack_delay, 25 ms.
 */
#define QUIC_HOLD          ADIT_MS(1)
#define QUIC_HOLD_MAX      ADIT_MS(25)
#define QUIC_HOLD_FULL     600 /* bytes from which on it is taken for one of many */
#define QUIC_HOLD_FULL_RTT 8 /* so many times it fits into a round trip */

/*
 * How late a driver may be: what it lost is sent after, no more. A busy machine is late by a few scheduler's ticks, and
 * what is never sent would be taken for what the path carries: it would be slower each time.
 */
#define QUIC_PACING_SLACK ADIT_MS(5)

/* Where less is under way than the path holds: such a part of the shortest round trip (quic_floor_pace()). */
#define QUIC_REFILL_PART 8

/* How long a bulk stream's packets may wait in the path's queue, beyond what round trips vary. */
#define QUIC_QUEUE_MAX ADIT_MS(2)

/* The same while small things of others share the connection, and for how long one of them counts as sharing it. */
#define QUIC_QUEUE_SHARED ADIT_MS(1)
#define QUIC_SHARED_FOR   ADIT_SEC(2)

/* BBR probes for more at so many times the rate it knows (draft-cardwell-iccrg-bbr-congestion-control-02 4.6.1). */
#define QUIC_PROBE_GAIN 1.25

/*
 * BBR's idea of the rate comes out too high on busy machines, where packets come in bunches, by up to so many times
 * (measured: 1.16), and only rises while it probes. What is more than that is a path that has become faster.
 */
#define QUIC_RATE_DOUBT 1.25

/* Times the round trips' mean deviation (RFC 9002 5.3): WLANs and busy machines, which hold packets back in bunches. */
#define QUIC_FLOOR_VARS 2

/* Over so long: some of BBR's cycles, of which the phase that fills the queue is a small part. */
#define QUIC_FLOOR_AVERAGE ADIT_SEC(1)

/* What arrives is measured over so long: many times what packets leave and acknowledgements come in bunches. */
#define QUIC_FLOOR_ARRIVES ADIT_MS(250)

/* A path that is shorter has no queue worth mentioning: what round trips take beyond it, processors take. */
#define QUIC_FLOOR_MIN ADIT_MS(2)

/* For so long at least the shortest round trip counts; BBR shows it every five seconds. */
#define QUIC_FLOOR_WINDOW ADIT_SEC(6)

/* The library lets packets go so much before their time (NGTCP2_PKT_PACING_OVERHEAD of 0.12.1). */
#define QUIC_PACING_EARLY ADIT_MS(1)

/* RFC 9000 10.2 and 4.1.1 name no number; two round trips on a bad satellite link, with loss. */
#define QUIC_HANDSHAKE_TIMEOUT ADIT_SEC(10)

/* Payload of one chunk of stream data, bytes: with its header an allocation of 16 KB. */
#define QUIC_CHUNK_SIZE (16 * 1024 - 32)

/*
 * The first chunk of a queue, where no more is asked for, and the one after it: allocations of 1 and 4 KB. With whole
 * ones a byte that waits in each of ten thousand streams would cost 160 MB.
 */
#define QUIC_CHUNK_FIRST  (1024 - 32)
#define QUIC_CHUNK_SECOND (4 * 1024 - 32)

/* Free chunks kept for reuse (1 MB). */
#define QUIC_POOL_KEEP 64

/* Bytes a stream accepts ahead of what has been put into packets. */
#define QUIC_STREAM_UNSENT_MAX (256 * 1024)

/* The same while the peer's window is shut or the connection as a whole holds QUIC_UNSENT_TOTAL: one chunk. */
#define QUIC_STREAM_UNSENT_MIN QUIC_CHUNK_SIZE

/* Unsent bytes of all streams from where each gets QUIC_STREAM_UNSENT_MIN only. */
#define QUIC_UNSENT_TOTAL (8 * 1024 * 1024)

/* Receive window of a new stream, bytes, and how far it may grow: a stopped reader holds two whole chunks. */
#define QUIC_WINDOW_MIN (2 * QUIC_CHUNK_SIZE)
#define QUIC_WINDOW_MAX (1024 * QUIC_WINDOW_MIN) /* a little less than 32 MB */

/*
 * Bytes by which a large window is granted again, a quarter of a small one: what is not granted yet does not serve, and
 * frames are not free.
 */
#define QUIC_WINDOW_STEP (16 * QUIC_WINDOW_MIN)

/*
 * A window doubles after so many of it were drained quickly in a row, as long as it is smaller than this; then after
 * each. The socket a reader sits behind takes some 200 KB quickly even if nobody reads; it never takes the 448 KB that
 * lead there.
 */
#define QUIC_WINDOW_QUICK 2
#define QUIC_WINDOW_SURE  (8 * QUIC_WINDOW_MIN)

/* What all streams of a peer may still send us or have sent unread, bytes; its connections divide it among them. */
#define QUIC_WINDOW_BUDGET (48 * 1024 * 1024)

/*
 * What a stream is charged that has nothing unread and never had a larger window than QUIC_WINDOW_MIN: about what its
 * structures cost. So the budget lets 24 000 idle streams be; once bytes wait in one it counts for its whole window.
 */
#define QUIC_WINDOW_IDLE 2048

/*
 * Connection window (RFC 9000 4.1), in budgets. Streams' windows are what limits, but for a peer that fills thousands
 * of idle ones at once and has readers that take nothing: then this is the end of it, and of its memory.
 */
#define QUIC_CONN_WINDOWS 2

/* Stream credit the peer has in hand while the budget lasts, and from how little on large windows must shrink. */
#define QUIC_CREDIT_MAX 256
#define QUIC_CREDIT_LOW 32

/*
 * A window grows when its reader drains it in so many round trips. One is the least possible; where packets get lost
 * the reader has to wait for them, and drains it in two at best.
 */
#define QUIC_WINDOW_RTTS 4

/* A round trip shorter than this says little about how fast a reader drains. */
#define QUIC_WINDOW_RTT_MIN ADIT_MS(5)

/* Bytes after which a stream that never ran dry counts as bulk. */
#define QUIC_INTERACTIVE_MAX (16 * 1024)

/* How long a stream must have been dry to be interactive again. */
#define QUIC_INTERACTIVE_REST ADIT_MS(20)

/* Bytes a bulk stream sends before the next one's turn. */
#define QUIC_TURN (16 * 1024)

/* Datagrams (RFC 9221) waiting, each way: entries and bytes. */
#define QUIC_DGRAM_QUEUE 256
#define QUIC_DGRAM_BYTES (512 * 1024)

/* Around a datagram's bytes in a packet: short header 1 + 8 + 4, tag 16, frame type 1 and length 2, MAX_STREAMS 9. */
#define QUIC_DGRAM_OVERHEAD 41

/* Streams waiting for window that are asked, per call, whether the peer stopped reading. */
#define QUIC_STOP_CHECKS 4

/* A driver that comes this much after the deadline was stopped: no busy machine is that late. */
#define QUIC_STALL ADIT_SEC(1)

#endif
