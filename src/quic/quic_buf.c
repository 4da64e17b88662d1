#include "quic/quic_buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "quic/quic_limits.h"

struct quic_chunk {
	struct quic_chunk *next;
	size_t size; /* of |data| */
	uint8_t data[];
};

void quic_pool_init(struct quic_pool *p)
{
	*p = (struct quic_pool){0};
}

void quic_pool_done(struct quic_pool *p)
{
	struct quic_chunk *c = p->free;

	assert(p->n_used == 0);
	while (c) {
		struct quic_chunk *next = c->next;

		free(c);
		c = next;
	}
	quic_pool_init(p);
}

static struct quic_chunk *pool_get(struct quic_pool *p, size_t size)
{
	struct quic_chunk *c = size == QUIC_CHUNK_SIZE ? p->free : NULL;

	if (c) {
		p->free = c->next;
		p->n_free--;
	} else {
		c = malloc(sizeof(*c) + size);
		if (!c)
			return NULL;
		c->size = size;
	}
	c->next = NULL;
	p->n_used++;
	p->used += c->size;
	return c;
}

static void pool_put(struct quic_pool *p, struct quic_chunk *c)
{
	p->n_used--;
	p->used -= c->size;
	if (c->size != QUIC_CHUNK_SIZE || p->n_free >= QUIC_POOL_KEEP) {
		free(c);
		return;
	}
	c->next = p->free;
	p->free = c;
	p->n_free++;
}

static void pool_put_chain(struct quic_pool *p, struct quic_chunk *c)
{
	while (c) {
		struct quic_chunk *next = c->next;

		pool_put(p, c);
		c = next;
	}
}

void quic_buf_init(struct quic_buf *b)
{
	*b = (struct quic_buf){0};
}

/* Offsets stay: only the memory goes. */
static void buf_release(struct quic_buf *b, struct quic_pool *p)
{
	pool_put_chain(p, b->head);
	b->head = b->tail = b->cursor = NULL;
	b->head_pos = b->cursor_pos = b->tail_len = 0;
}

void quic_buf_clear(struct quic_buf *b, struct quic_pool *p)
{
	buf_release(b, p);
	b->start = b->read = b->end;
}

/* Of the chunk after |last|, for |want| bytes: a stream that says little costs little, and few steps lead to the most.
 */
static size_t chunk_size(const struct quic_chunk *last, size_t want)
{
	if (!last)
		return want <= QUIC_CHUNK_FIRST ? QUIC_CHUNK_FIRST : QUIC_CHUNK_SIZE;
	return last->size == QUIC_CHUNK_FIRST ? QUIC_CHUNK_SECOND : QUIC_CHUNK_SIZE;
}

/* The chunk behind |last|, which is full, or the queue's first; NULL: no memory. */
static struct quic_chunk *chunk_after(struct quic_buf *b, struct quic_pool *p, struct quic_chunk *last, size_t want)
{
	struct quic_chunk *c = last && last->next ? last->next : pool_get(p, chunk_size(last, want));

	if (!c)
		return NULL;
	if (last)
		last->next = c;
	else
		b->head = b->tail = c;
	return c;
}

size_t quic_buf_reserve(struct quic_buf *b, struct quic_pool *p, struct quic_vec *vec, size_t max, size_t want)
{
	struct quic_chunk *c = b->tail;
	size_t used = b->tail_len;
	size_t n = 0;

	while (n < max && want > 0) {
		size_t room;

		if (!c || used == c->size) {
			c = chunk_after(b, p, c, want);
			if (!c)
				break;
			used = 0;
		}
		room = c->size - used;
		vec[n].base = c->data + used;
		vec[n].len = room < want ? room : want;
		want -= vec[n].len;
		used += vec[n].len;
		n++;
	}
	return n;
}

void quic_buf_commit(struct quic_buf *b, struct quic_pool *p, size_t n)
{
	b->end += n;
	while (n > 0) {
		size_t room, take;

		assert(b->tail);
		room = b->tail->size - b->tail_len;
		take = n < room ? n : room;
		b->tail_len += take;
		n -= take;
		if (n > 0) {
			assert(b->tail->next); /* quic_buf_reserve() linked them */
			b->tail = b->tail->next;
			b->tail_len = 0;
		}
	}
	if (b->end == b->start) {
		buf_release(b, p);
	} else {
		assert(b->tail); /* bytes are in chunks */
		pool_put_chain(p, b->tail->next);
		b->tail->next = NULL;
	}
}

/* Not by reserving: this is what each packet that comes goes through. */
int quic_buf_append(struct quic_buf *b, struct quic_pool *p, const void *data, size_t len)
{
	const uint8_t *from = data;

	while (len > 0) {
		size_t n;

		if (!b->tail || b->tail_len == b->tail->size) {
			struct quic_chunk *c = chunk_after(b, p, b->tail, len);

			if (!c)
				return ADIT_ENOMEM;
			b->tail = c;
			b->tail_len = 0;
		}
		n = b->tail->size - b->tail_len;
		if (n > len)
			n = len;
		memcpy(b->tail->data + b->tail_len, from, n);
		b->tail_len += n;
		b->end += n;
		from += n;
		len -= n;
	}
	return 0;
}

static size_t chunk_end(const struct quic_buf *b, const struct quic_chunk *c)
{
	return c == b->tail ? b->tail_len : c->size;
}

static size_t buf_vectors(const struct quic_buf *b, struct quic_chunk *c, size_t pos, struct quic_vec *vec, size_t max,
			  size_t want)
{
	size_t n = 0;

	for (; c && n < max && want > 0; c = c->next, pos = 0) {
		size_t len = chunk_end(b, c) - pos;

		if (len == 0)
			continue;
		vec[n].base = c->data + pos;
		vec[n].len = len;
		want -= len < want ? len : want;
		n++;
	}
	return n;
}

size_t quic_buf_front(const struct quic_buf *b, struct quic_vec *vec, size_t max)
{
	return buf_vectors(b, b->head, b->head_pos, vec, max, SIZE_MAX);
}

size_t quic_buf_unread(const struct quic_buf *b, struct quic_vec *vec, size_t max, size_t want)
{
	if (!b->cursor)
		return buf_vectors(b, b->head, b->head_pos, vec, max, want);
	return buf_vectors(b, b->cursor, b->cursor_pos, vec, max, want);
}

void quic_buf_advance(struct quic_buf *b, size_t n)
{
	assert(n <= quic_buf_unread_len(b));
	if (!b->cursor) {
		b->cursor = b->head;
		b->cursor_pos = b->head_pos;
	}
	b->read += n;
	while (n > 0) {
		size_t len = chunk_end(b, b->cursor) - b->cursor_pos;
		size_t take = n < len ? n : len;

		b->cursor_pos += take;
		n -= take;
		if (b->cursor_pos == b->cursor->size && b->cursor->next) {
			b->cursor = b->cursor->next;
			b->cursor_pos = 0;
		}
	}
}

void quic_buf_drop(struct quic_buf *b, struct quic_pool *p, size_t n)
{
	assert(n <= quic_buf_len(b));
	b->start += n;
	if (b->read < b->start) {
		b->read = b->start;
		b->cursor = NULL;
	}
	if (b->start == b->end) {
		buf_release(b, p);
		return;
	}
	while (n > 0) {
		size_t len = chunk_end(b, b->head) - b->head_pos;
		struct quic_chunk *gone = b->head;

		assert(gone); /* bytes are in chunks */
		if (n < len) {
			b->head_pos += n;
			break;
		}
		n -= len;
		/* The cursor may rest at the very end of a full chunk. */
		if (b->cursor == gone)
			b->cursor = NULL;
		b->head = gone->next;
		b->head_pos = 0;
		pool_put(p, gone);
	}
}

void quic_buf_cut(struct quic_buf *b, struct quic_pool *p)
{
	b->end = b->read;
	if (b->start == b->end) {
		buf_release(b, p);
		return;
	}
	b->tail = b->cursor;
	b->tail_len = b->cursor_pos;
	pool_put_chain(p, b->tail->next);
	b->tail->next = NULL;
}
