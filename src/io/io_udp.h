/*
 * One UDP socket (io_sock.h) in libuv's loop: batches out and in, ICMP errors, and a word when a full one has room
 * again.
 */
#ifndef ADIT_IO_UDP_H
#define ADIT_IO_UDP_H

#include <stdbool.h>
#include <uv.h>

#include "base/machine.h"
#include "io/io_sock.h"
#include "base/nat64.h"

#define IO_UDP_READS_MAX 4 /* receive calls per wakeup, so that TCP gets its turn: a megabyte where batches come */

struct io_udp;

struct io_udp_ops {
	/* |d->sock| is 0; the driver knows whose socket it is. */
	void (*dgram)(void *ctx, struct adit_dgram *d);
	void (*icmp)(void *ctx, struct adit_icmp *icmp);
	/* A send had been refused with 0; the kernel has room again. */
	void (*writable)(void *ctx);
};

/* |port| 0: any. |ops| and |ctx| are borrowed. ADIT_ESYS with errno set, or 0. */
ADIT_MUST_CHECK int io_udp_open(uv_loop_t *loop, enum adit_family family, uint16_t port, const struct io_udp_ops *ops,
				void *ctx, struct io_udp **ret_udp);
/*
 * An IPv4 socket: while |n| (borrowed, its content may change) has a prefix, what is for IPv4's Internet goes through
 * that NAT64, from an IPv6 socket beside it. Nobody notices, but for the address it comes from: adit_nat64_own().
 */
void io_udp_set_nat64(struct io_udp *u, const struct adit_nat64 *n);
/* Could it be opened on |port| now? */
bool io_udp_is_free(uint16_t port);
/* Closes at once; the memory goes when libuv lets go of the handle. No callback comes any more. */
void io_udp_close(struct io_udp *u);
uint16_t io_udp_port(const struct io_udp *u);

/*
 * For another thread to send with: a descriptor of the same socket, which is the caller's to close. ENOENT: what is
 * sent has to be translated on the way (io_udp_set_nat64()). ESYS.
 */
ADIT_MUST_CHECK int io_udp_share(const struct io_udp *u, struct io_sock *ret_sock);

/* 1: sent, or lost for a reason that waiting will not cure; 0: the kernel's buffer is full, wait for writable. */
int io_udp_send(struct io_udp *u, const struct adit_out *out);

#endif
