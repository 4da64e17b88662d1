/*
 * A byte queue of chunks, for one direction of a stream. Bytes enter at the back, are read at a cursor (what has been
 * put into packets) and leave at the front (what was acknowledged or consumed). An empty queue holds no chunk, so a
 * thousand idle streams cost nothing.
 */
#ifndef ADIT_QUIC_BUF_H
#define ADIT_QUIC_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "quic/quic_stream.h"

struct quic_chunk;

/*
 * Free chunks, last in first out: the warmest in cache is used next. One for all connections of an identity's
 * credentials: an idle connection holds none.
 */
struct quic_pool {
	struct quic_chunk *free;
	size_t n_free;
	size_t n_used; /* chunks in queues now */
	size_t used; /* bytes of room in them */
};

void quic_pool_init(struct quic_pool *p);
/* All queues must have been cleared. */
void quic_pool_done(struct quic_pool *p);

struct quic_buf {
	struct quic_chunk *head;
	struct quic_chunk *tail; /* the last one with committed bytes, or the first one reserved */
	struct quic_chunk *cursor; /* where the next unread byte is; NULL: none yet */
	size_t head_pos; /* first byte held, in |head| */
	size_t cursor_pos;
	size_t tail_len; /* bytes committed in |tail| */
	uint64_t start; /* stream offset of the first byte held */
	uint64_t read; /* ... of the cursor */
	uint64_t end; /* ... after the last byte */
};

void quic_buf_init(struct quic_buf *b);
void quic_buf_clear(struct quic_buf *b, struct quic_pool *p);

/* Up to |max| free vectors, |want| bytes or less in all; 0 where memory is out. */
size_t quic_buf_reserve(struct quic_buf *b, struct quic_pool *p, struct quic_vec *vec, size_t max, size_t want);
/* The first |n| reserved bytes are filled; the rest goes back to the pool. Must follow quic_buf_reserve(). */
void quic_buf_commit(struct quic_buf *b, struct quic_pool *p, size_t n);
/* Copies all of |data| or returns ENOMEM. */
ADIT_MUST_CHECK int quic_buf_append(struct quic_buf *b, struct quic_pool *p, const void *data, size_t len);

/* Bytes held from the front, in place; |max| vectors at most. */
size_t quic_buf_front(const struct quic_buf *b, struct quic_vec *vec, size_t max);
/* The same from the cursor, and no more vectors than |want| bytes need. */
size_t quic_buf_unread(const struct quic_buf *b, struct quic_vec *vec, size_t max, size_t want);
/* Moves the cursor by |n| unread bytes. */
void quic_buf_advance(struct quic_buf *b, size_t n);
/* Lets go of |n| bytes at the front; the cursor is never before them. */
void quic_buf_drop(struct quic_buf *b, struct quic_pool *p, size_t n);
/* Lets go of what is behind the cursor. */
void quic_buf_cut(struct quic_buf *b, struct quic_pool *p);

static inline uint64_t quic_buf_len(const struct quic_buf *b)
{
	return b->end - b->start;
}

static inline uint64_t quic_buf_unread_len(const struct quic_buf *b)
{
	return b->end - b->read;
}

#endif
