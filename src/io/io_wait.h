/*
 * One file descriptor to wait for: an epoll set over a machine's UDP sockets, its connections to TURN servers
 * (io_conn.h) and a timer, for who has a loop of their own. No thread, no callback, no libuv; io_udp.h and io_timer.h
 * are the same for libuv's loop.
 *
 * The descriptor is readable when a socket has something, when a full one has room again, or when the deadline has
 * passed. Then: io_wait_poll(), io_wait_read() until it gives nothing, the machine's tick, io_wait_act() for each of
 * its outputs, io_wait_arm() with its deadline. Sockets go by the machine's numbers.
 */
#ifndef ADIT_IO_WAIT_H
#define ADIT_IO_WAIT_H

#include "base/log.h"
#include "base/machine.h"
#include "io/io_sock.h"

struct io_wait;

/* |gro|: the machine understands batches. |log| is borrowed, or NULL. ENOMEM, ESYS with errno, or 0. */
ADIT_MUST_CHECK int io_wait_new(bool gro, const struct adit_log *log, struct io_wait **ret_wait);
/*
 * Closes everything. In a child after fork this touches nothing of the parent's: the set and the timer are shared, so
 * nothing is taken out of them. Accepts NULL.
 */
void io_wait_free(struct io_wait *w);
/* Good until free; not to be read from. */
int io_wait_fd(const struct io_wait *w);

/*
 * A socket with the number |nr|, which is free, bound as io_sock_open() says; |*local| gets the port that it got.
 * ENOMEM, ESYS with errno, or 0.
 */
ADIT_MUST_CHECK int io_wait_open(struct io_wait *w, uint32_t nr, struct adit_addr *local);
void io_wait_close(struct io_wait *w, uint32_t nr);
/*
 * The descriptor of |nr|, which is the caller's from now on and in no set any more; ENOENT; ESYS. Where other numbers
 * have the socket, too (io_wait_numbers()), they keep it until they are closed: the caller does that first, or is not
 * the only one who reads.
 */
ADIT_MUST_CHECK int io_wait_take(struct io_wait *w, uint32_t nr);

/* Whom to trust for TLS: a file of certificates, borrowed; NULL: whom the system trusts, as at the start. */
void io_wait_trust(struct io_wait *w, const char *ca_file);

/* Looks what is ready; never waits. */
void io_wait_poll(struct io_wait *w);

enum io_wait_kind {
	IO_WAIT_NOTHING, /* nothing more now */
	IO_WAIT_DGRAM, /* or a connection's frame */
	IO_WAIT_ICMP,
	IO_WAIT_UP, /* connection |sock| carries frames */
	IO_WAIT_DOWN, /* connection |sock| has ended: |why|; to be closed */
};

struct io_wait_news {
	enum io_wait_kind kind;
	struct adit_dgram dgram; /* good until the next read */
	struct adit_icmp icmp;
	uint32_t sock;
	const char *why; /* a sentence; good until the next read */
};

#define IO_WAIT_SHARED_MAX 4
/*
 * All numbers of the socket |nr|, itself first: a machine that opens a port twice (io_wait_act()) has it once. What
 * comes is told with one of them, and is for whichever of the others wants it. How many, at most IO_WAIT_SHARED_MAX.
 */
size_t io_wait_numbers(const struct io_wait *w, uint32_t nr, uint32_t ret_nr[IO_WAIT_SHARED_MAX]);

/* The next thing that came, the sockets in turns. */
void io_wait_read(struct io_wait *w, struct io_wait_news *ret_news);

/*
 * Does what the machine wants. 0; ADIT_EAGAIN: a socket was full, the datagram is kept, no further output may be
 * fetched until io_wait_is_blocked() says no; ESYS: OPEN failed, to be told to the machine.
 */
ADIT_MUST_CHECK int io_wait_act(struct io_wait *w, const struct adit_out *out);
/* A datagram waits for room; tries again if there is some. */
bool io_wait_is_blocked(struct io_wait *w);

/* Readable at |deadline|, or as soon as that has passed; ADIT_NEVER: not for that reason. */
void io_wait_arm(struct io_wait *w, adit_time deadline);

#endif
