/*
 * A connection to a TURN server (io_conn.h) in libuv's loop. Start here: io_turn_tcp_open(), then the three calls of
 * struct io_turn_tcp_ops.
 */
#ifndef ADIT_IO_TURN_TCP_H
#define ADIT_IO_TURN_TCP_H

#include <uv.h>

#include "base/err.h"
#include "base/machine.h"

struct io_turn_tcp;

/* None of them is called any more after io_turn_tcp_close(), which each of them may call. */
struct io_turn_tcp_ops {
	void (*up)(void *ctx); /* frames can be sent */
	void (*frame)(void *ctx, const uint8_t *data, size_t len); /* good during the call */
	void (*down)(void *ctx, const char *why); /* nothing comes or goes any more; to be closed */
};

/*
 * As the OPEN |out| wants it, whose sock_kind is a stream. |ops| and |ctx| are borrowed; |out| is not. ENOMEM, EINVAL
 * (the CA file), ESYS with errno, or 0.
 */
ADIT_MUST_CHECK int io_turn_tcp_open(uv_loop_t *loop, const struct adit_out *out, const char *ca_file,
				     const struct io_turn_tcp_ops *ops, void *ctx, struct io_turn_tcp **ret_tcp);
/* As io_conn_send(). */
size_t io_turn_tcp_send(struct io_turn_tcp *s, const uint8_t *data, size_t len, size_t seg_size);
/* Sends what has been taken, as far as that goes at once. NULL is fine. */
void io_turn_tcp_close(struct io_turn_tcp *s);

#endif
