/*
 * UDP sockets of a server that answers strangers: batches in (recvmmsg), batches out (sendmmsg), signals and one timer,
 * in a loop of its own. For who moves a million small datagrams a second; links use io_udp.h.
 *
 * The loop samples the clock once per batch. A datagram that cannot be sent at once is lost, and counted.
 */
#ifndef ADIT_IO_BATCH_H
#define ADIT_IO_BATCH_H

#include "base/machine.h"

#define IO_BATCH_MSGS   64 /* datagrams of one system call; more makes no difference any more */
#define IO_BATCH_SIZE   2048 /* bytes of one datagram; longer ones are dropped */
#define IO_BATCH_SHORT  548 /* bytes that every IPv4 path carries whole: RFC 791's 576 without both headers */
#define IO_BATCH_TURNS  8 /* batches of one socket before the next one's turn */
#define IO_BATCH_SOCKS  64 /* sockets at most */
#define IO_BATCH_BUFFER (8 * 1024 * 1024) /* asked for as SO_RCVBUF and SO_SNDBUF; the system may grant less */

struct io_batch;

struct io_batch_ops {
	/* |d->local| is where it was sent to. io_batch_room() and io_batch_send() may be called. */
	void (*dgram)(void *ctx, adit_time now, const struct adit_dgram *d);
	/* SIGTERM, SIGINT, SIGUSR1 or SIGHUP came. */
	void (*signal)(void *ctx, adit_time now, int signo);
	/* After each wakeup, with everything read. */
	void (*tick)(void *ctx, adit_time now);
	adit_time (*deadline)(const void *ctx); /* when to tick at the latest */
};

struct io_batch_stats {
	uint64_t received;
	uint64_t sent;
	uint64_t too_long; /* dropped: longer than IO_BATCH_SIZE */
	uint64_t unsent; /* the system refused them, or had no room */
};

/* Blocks the four signals: call before threads are made. ADIT_ENOMEM, or ADIT_ESYS with errno. */
ADIT_MUST_CHECK int io_batch_new(const struct io_batch_ops *ops, void *ctx, struct io_batch **ret_batch);
/* NULL is fine. */
void io_batch_free(struct io_batch *b);

/* Binds socket number |sock| to |addr|; 0.0.0.0 or :: for all. ADIT_EFULL, or ADIT_ESYS with errno. */
ADIT_MUST_CHECK int io_batch_open(struct io_batch *b, uint32_t sock, const struct adit_addr *addr);

/* Where the next datagram's IO_BATCH_SIZE bytes go; sends what waits if there is no room. Good until io_batch_send().
 */
uint8_t *io_batch_room(struct io_batch *b);

/*
 * Sends |len| bytes of io_batch_room() from |sock| to |remote|, at the end of the batch. |local|: the source address
 * of a socket that is bound to all.
 */
void io_batch_send(struct io_batch *b, uint32_t sock, const struct adit_addr *local, const struct adit_addr *remote,
		   size_t len);

/* Until io_batch_stop(). ADIT_ESYS with errno when the system fails it. */
ADIT_MUST_CHECK int io_batch_run(struct io_batch *b);
void io_batch_stop(struct io_batch *b);

const struct io_batch_stats *io_batch_stats(const struct io_batch *b);

#endif
