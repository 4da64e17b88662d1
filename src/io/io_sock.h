/*
 * A bound, unconnected UDP socket without a loop: datagrams out (GSO) and in (GRO), the address that was asked
 * (IP_PKTINFO), a TTL per datagram, and ICMP errors from the error queue (IP_RECVERR). Each kernel feature is probed
 * and done without where missing. A send that fails is a lost packet, never an error: ICMP is not final while punching.
 *
 * io_udp.h puts one into libuv's loop, io_wait.h several into an epoll set.
 */
#ifndef ADIT_IO_SOCK_H
#define ADIT_IO_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/machine.h"

#define IO_SOCK_BATCH_MAX 65536 /* bytes: largest GSO send and GRO receive (IP total length is 16 bits) */
#define IO_SOCK_INBOX     16 /* datagrams or GRO batches that one call takes; of large ones a quarter */
#define IO_SOCK_BUFFER    (4 * 1024 * 1024) /* asked for as SO_RCVBUF and SO_SNDBUF; the system may grant less */

/*
 * A machine whose socket is full is not run for its timers more often than this: what is due cannot be done, and the
 * socket says itself when it can.
 */
#define IO_SOCK_FULL_WAIT ADIT_MS(10)

/* Bytes from one buffer to the next: a power of two apart they would compete for the same few cache lines. */
#define IO_SOCK_STRIDE (IO_SOCK_BATCH_MAX + 192)

struct io_sock {
	int fd; /* -1: closed */
	enum adit_family family;
	uint16_t port;
	bool gso;
};

/*
 * What one call took from a socket. Zero bytes are an empty one. A megabyte, of which no more is touched than datagrams
 * need: where nothing is merged on the way a page for each.
 */
struct io_sock_inbox {
	struct mmsghdr msg[IO_SOCK_INBOX];
	struct iovec iov[IO_SOCK_INBOX];
	struct sockaddr_storage from[IO_SOCK_INBOX];
	struct {
		_Alignas(struct cmsghdr) uint8_t buf[256];
	} control[IO_SOCK_INBOX];
	uint8_t data[IO_SOCK_INBOX][IO_SOCK_STRIDE];
	bool is_large; /* what came last: it would only push itself out of the processor's cache */
};

/*
 * |local|: its family; an address other than "any" and a port other than 0 are bound to. |gro|: the reader understands
 * batches (adit_dgram.seg_size). ESYS with errno set, or 0.
 */
ADIT_MUST_CHECK int io_sock_open(struct io_sock *s, const struct adit_addr *local, bool gro);
/*
 * Closes the descriptor and nothing else: neither an epoll set nor the connection of a process that shares it after a
 * fork is touched.
 */
void io_sock_close(struct io_sock *s);

/*
 * Makes an ordinary connected socket out of |fd|, which was io_sock_open()'s, for somebody else: none of the options
 * above, and nothing in front of its queue that did not come from |remote| or is STUN. ESYS with errno, or 0.
 */
ADIT_MUST_CHECK int io_sock_hand_over(int fd, const struct adit_addr *remote);

/* 1: sent, or lost for a reason that waiting will not cure; 0: the kernel's buffer is full. */
int io_sock_send(struct io_sock *s, const struct adit_out *out);

/*
 * 1: |ret_d| has a datagram or a GRO batch, its bytes in |buf|, |ret_d->sock| 0; 0: nothing more now; EIGNORED: not
 * this time (an earlier packet's error), read on. |cap|: IO_SOCK_BATCH_MAX.
 */
int io_sock_read(struct io_sock *s, uint8_t *buf, size_t cap, struct adit_dgram *ret_d);
/*
 * The same for several: how many |in| has now, in the order of their arrival; EIGNORED: read on. |ret_more|: there may
 * be more.
 */
int io_sock_read_many(struct io_sock *s, struct io_sock_inbox *in, bool *ret_more);
/* The |i|th of them; its bytes are |in|'s. */
struct adit_dgram io_sock_inbox_get(const struct io_sock *s, struct io_sock_inbox *in, int i);
/* 1: |ret_icmp| has an ICMP error, what came back of the datagram in |buf|; 0: no more; EIGNORED: read on. */
int io_sock_read_icmp(struct io_sock *s, uint8_t *buf, size_t cap, struct adit_icmp *ret_icmp);

#endif
