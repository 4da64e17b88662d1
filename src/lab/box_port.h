/*
 * A network interface as a place where whole Ethernet frames are taken and given: AF_PACKET with virtio headers, so
 * that a GSO super-packet passes as one frame and a checksum still to be filled in stays marked so. Works in an
 * unprivileged user namespace that owns the network namespace.
 *
 * A frame here is {virtio_net_hdr, Ethernet frame}; it is given out just as it was taken.
 */
#ifndef ADIT_LAB_BOX_PORT_H
#define ADIT_LAB_BOX_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/time.h"
#include "lab/box_limits.h"

struct box_port_stats {
	uint64_t taken;
	uint64_t given;
	uint64_t refused; /* given, and not accepted by the kernel: link down, no memory */
	uint64_t too_long; /* longer than BOX_FRAME_MAX */
	uint64_t unknown; /* a kind of super-packet that virtio headers of this kernel cannot say */
	uint64_t overflown; /* lost in the socket's buffer before we came */
};

struct box_port {
	int fd;
	const char *name; /* borrowed */
	bool is_tun;
	uint8_t mac[6];
	unsigned mtu;
	size_t n_out; /* frames in |out| that wait for box_port_flush() */
	struct mmsghdr out[BOX_BATCH];
	struct iovec out_iov[BOX_BATCH];
	struct box_port_stats stats;
};

/* Bytes of the virtio header before each frame. */
#define BOX_VNET 10

/* What box_port_take() fills: one buffer for any number of ports, valid until the next call. */
struct box_inbox {
	struct mmsghdr msg[BOX_BATCH];
	struct iovec iov[BOX_BATCH];
	struct {
		uint64_t aligned[8];
	} ctl[BOX_BATCH];
	uint8_t (*data)[BOX_HEADROOM + BOX_FRAME_MAX];
	size_t n;
};

struct box_taken {
	uint8_t *data; /* BOX_HEADROOM bytes before it may be written */
	size_t len;
	size_t wire_len; /* bytes that a real wire would be busy for */
	adit_time arrival; /* CLOCK_BOOTTIME, by the kernel's receive stamp */
};

/* Opens |name| (borrowed), promiscuous; own frames are not seen. ESYS: errno tells, |ret_what| the call. */
ADIT_MUST_CHECK int box_port_open(struct box_port *p, const char *name, const char **ret_what);
void box_port_close(struct box_port *p);

ADIT_MUST_CHECK int box_inbox_init(struct box_inbox *in);
void box_inbox_done(struct box_inbox *in);

/* Takes what is there, at most BOX_BATCH frames; returns how many calls to box_inbox_get() are good for. */
size_t box_port_take(struct box_port *p, struct box_inbox *in);

/* Frame |i|; |now| is CLOCK_BOOTTIME, |utc_offset| what to subtract from CLOCK_REALTIME to get it. len 0: skip it. */
struct box_taken box_inbox_get(const struct box_inbox *in, size_t i, adit_time now, int64_t utc_offset);

/* Queues a frame; |data| is borrowed until box_port_flush(), which this calls by itself when the batch is full. */
void box_port_give(struct box_port *p, const uint8_t *data, size_t len);
void box_port_flush(struct box_port *p);

/* Bytes that a real wire would be busy for with the frame |data|, virtio header first. */
size_t box_port_wire_len(const uint8_t *data, size_t len);

/* Adds the kernel's own count of frames lost in the socket to the statistics. */
void box_port_count_overflow(struct box_port *p);

#endif
