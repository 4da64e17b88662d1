/*
 * A connection to a TURN server over TCP or TLS, without a loop: frames in, frames out. The certificate is checked
 * against the system's trust store (or |ca_file|) and the server's name. Memory is bounded: a connection that is slower
 * than what is sent drops datagrams, as a router's full queue does.
 *
 * Start here: io_conn_open(); whenever its descriptor is ready io_conn_ready(), then io_conn_read() until it gives
 * nothing. io_turn_tcp.h puts one into libuv's loop, io_wait.h several into an epoll set.
 */
#ifndef ADIT_IO_CONN_H
#define ADIT_IO_CONN_H

#include "base/err.h"
#include "base/machine.h"

struct io_conn;

enum io_conn_kind {
	IO_CONN_NOTHING, /* nothing more now */
	IO_CONN_UP, /* frames can be sent */
	IO_CONN_FRAME, /* |data| */
	IO_CONN_DOWN, /* |why|: nothing comes or goes any more */
};

struct io_conn_news {
	enum io_conn_kind kind;
	const uint8_t *data; /* good until the next call, as |why| */
	size_t len;
	const char *why;
};

/*
 * As the OPEN |out| wants it, whose sock_kind is a stream; |out| is not borrowed. ENOMEM, EINVAL (the CA file), ESYS
 * with errno, or 0.
 */
ADIT_MUST_CHECK int io_conn_open(const struct adit_out *out, const char *ca_file, struct io_conn **ret_conn);
/* Sends nothing. NULL is fine. */
void io_conn_free(struct io_conn *c);
/* To be waited for: to be readable always, to be writable where io_conn_wants_room(). */
int io_conn_fd(const struct io_conn *c);
bool io_conn_wants_room(const struct io_conn *c);

/* The descriptor is readable, or writable; an error of it counts as both. */
void io_conn_ready(struct io_conn *c, bool readable, bool writable);
/* The next thing that came; bounded, so that nobody else waits: the descriptor stays ready. */
void io_conn_read(struct io_conn *c, struct io_conn_news *ret_news);

/*
 * Frames, of |seg_size| bytes each but the last (0: one). As many of them as there is room for; data leave some for
 * requests, which nobody sends twice. How many bytes were taken.
 */
size_t io_conn_send(struct io_conn *c, const uint8_t *data, size_t len, size_t seg_size);
/* The end in order: says so to the server, and sends what waits as far as that goes at once. */
void io_conn_bye(struct io_conn *c);

#endif
