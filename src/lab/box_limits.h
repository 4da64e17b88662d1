/* Every number of the frame box (adit-lab), with its unit. */
#ifndef ADIT_LAB_BOX_LIMITS_H
#define ADIT_LAB_BOX_LIMITS_H

/* Bytes. The largest GSO super-packet without BIG TCP is 65536 (GSO_LEGACY_MAX_SIZE), and its Ethernet header. */
#define BOX_FRAME_MAX (65536 + 64)

/* Bytes free before each frame taken: what a packet may grow by in front (lab_gate.h, NAT64). */
#define BOX_HEADROOM 64

/* Interfaces of one box. */
#define BOX_PORTS_MAX 64

/* Frames taken or given to the kernel in one call. */
#define BOX_BATCH 64

/* Bytes kept on the wire per direction: 40 ms at 12 Gbit/s, 500 ms at 1 Gbit/s. Beyond that frames are dropped,
 * counted. */
#define BOX_STORE_SIZE (64u << 20)

/* Bytes. What bursts on while the box waits for a processor; only root gets that much, others net.core.rmem_max. */
#define BOX_SOCKET_BUFFER (64 << 20)

/* Bytes waiting for a --rate link where --queue is not given: 100 ms at 20 Mbit/s, as home routers have it. */
#define BOX_QUEUE_DEFAULT (256u << 10)

/* Nanoseconds that a frame is held back by --reorder: one in the way of 10 Mbit/s. */
#define BOX_REORDER_HOLD ADIT_MS(2)

/*
 * Nanoseconds between two looks at wires that keep time. Frames of a full line are due each 12 us at 1 Gbit/s: a wakeup
 * for each takes a whole processor. They leave so much late at most, never early; what comes in has its stamp.
 */
#define BOX_GRAIN ADIT_US(100)

/* Bytes a frame costs on a real wire beyond its own: preamble 8, FCS 4, gap 12 (IEEE 802.3). */
#define BOX_WIRE_OVERHEAD 24

/* Nanoseconds. A receive stamp further from now than this is not believed: the system's clock was stepped. */
#define BOX_STAMP_MAX_AGE ADIT_SEC(1)

/* Milliseconds, per cent, Mbit/s, KB: what the command line takes at most. */
#define BOX_DELAY_MAX_MS 10000
#define BOX_RATE_MAX     400000
#define BOX_BURST_MAX    10000
#define BOX_QUEUE_MAX_KB (BOX_STORE_SIZE >> 10)

/* Bytes of an IP packet: RFC 791 3.2, and the largest there is. */
#define BOX_MTU_MIN 68
#define BOX_MTU_MAX 65535

#endif
