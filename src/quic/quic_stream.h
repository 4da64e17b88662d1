/*
 * Bidirectional streams of a connection. Bytes live in queues of pooled chunks; the user fills and empties them in
 * place.
 *
 * Sending:   reserve -> write into the vectors -> commit; finish after the last byte. A stream accepts
 *            QUIC_STREAM_UNSENT_MAX bytes ahead of what has been put into packets.
 * Receiving: peek -> use the bytes -> consume. Only consume opens the window again, so a user who stops reading stops
 *            the sender at the far end. Window: starts at 32 KB, doubles while the reader drains it within four round
 *            trips, up to 32 MB; the sum of what all streams of a connection may still send us stays within the budget
 *            (48 MB), and the peer's stream credit waits when it is spent.
 * Order of sending: streams that sent little since they last ran dry go first, in arrival order; bulk takes turns.
 */
#ifndef ADIT_QUIC_STREAM_H
#define ADIT_QUIC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct quic;
struct quic_stream;

struct quic_vec {
	uint8_t *base;
	size_t len;
};

enum quic_stream_news {
	QUIC_NEWS_OPENED = 1 << 0, /* the peer opened it */
	QUIC_NEWS_READABLE = 1 << 1, /* bytes, or the end, can be read */
	QUIC_NEWS_WRITABLE = 1 << 2, /* reserve gave nothing before; now it would */
	QUIC_NEWS_RESET = 1 << 3, /* the peer gave up sending (RESET_STREAM); unread bytes are gone */
	QUIC_NEWS_STOPPED = 1 << 4, /* the peer will not read any more (STOP_SENDING); unsent bytes are gone */
	QUIC_NEWS_ACKED = 1 << 5, /* everything up to and with our FIN has arrived */
	QUIC_NEWS_CLOSED = 1 << 6, /* both directions are over (or the connection is): release it when done */
};

/* Opens one. EAGAIN: no stream credit from the peer, or no room in the budget; QUIC_EVENT_CREDIT will follow. EDEAD,
 * ENOMEM. */
ADIT_MUST_CHECK int quic_stream_open(struct quic *q, struct quic_stream **ret_stream);

/* The news since the last call, as flags; cleared by reading. */
unsigned quic_stream_news(struct quic_stream *s);

/* The caller's own pointer. */
void quic_stream_set_user(struct quic_stream *s, void *user);
void *quic_stream_user(const struct quic_stream *s);
uint64_t quic_stream_id(const struct quic_stream *s);

/* Up to |max| free vectors, |want| bytes or less in all; 0: full (WRITABLE news will follow). */
size_t quic_stream_reserve(struct quic_stream *s, struct quic_vec *vec, size_t max, size_t want);
/*
 * The first |n| bytes of the reserved vectors are filled; 0 gives all of them back. Mandatory after each reserve that
 * gave any, at once, with no other call on the connection between.
 */
void quic_stream_commit(struct quic_stream *s, size_t n);
/* What reserve gave was too little to be of use: WRITABLE news will follow when there is more. */
void quic_stream_want_room(struct quic_stream *s);
/* Copies; all or nothing: 0 or EFULL. */
ADIT_MUST_CHECK int quic_stream_write(struct quic_stream *s, const void *data, size_t len);
/* No more bytes from us: FIN after the last one. */
void quic_stream_finish(struct quic_stream *s);

/* Up to |max| vectors of received bytes in order; they stay until consumed. */
size_t quic_stream_peek(struct quic_stream *s, struct quic_vec *vec, size_t max);
void quic_stream_consume(struct quic_stream *s, size_t n);
size_t quic_stream_readable(const struct quic_stream *s);
/* The peer's FIN came and every byte before it was consumed. */
bool quic_stream_at_end(const struct quic_stream *s);
/* The peer's FIN came, and every byte before it; some may be unread. */
bool quic_stream_has_end(const struct quic_stream *s);
/* The code of RESET news; that of STOPPED is known with CLOSED only. */
uint64_t quic_stream_error(const struct quic_stream *s);
/* Bytes of ours that the peer has not acknowledged yet, sent or not. */
size_t quic_stream_unacked(const struct quic_stream *s);

/* Gives up both directions: RESET_STREAM and STOP_SENDING with |code|. Queued bytes are dropped. */
void quic_stream_reset(struct quic_stream *s, uint64_t code);
/* The user is done with it: no more news. What is still queued goes out; unread bytes are dropped. Mandatory, once. */
void quic_stream_release(struct quic_stream *s);

#endif
