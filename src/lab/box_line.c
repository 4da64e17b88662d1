#include "lab/box_line.h"

#include <assert.h>
#include <string.h>

struct box_record {
	adit_time due;
	uint64_t len;
};

enum {
	RING_ORDER,
	RING_HELD,
};

/* The share of the store for frames that are held back: few at a time. */
#define HELD_SHARE 8u

void box_line_init(struct box_line *l, const struct lab_link_config *cfg, uint64_t seed, void *store, size_t size)
{
	size_t held = cfg->reorder_ppm ? size / HELD_SHARE : 0;

	assert(size % 64 == 0);
	memset(l, 0, sizeof(*l));
	lab_link_init(&l->link, cfg, seed);
	l->ring[RING_ORDER] = (struct box_ring){.store = store, .size = size - held, .wrap = size - held};
	l->ring[RING_HELD] = (struct box_ring){.store = (uint8_t *)store + size - held, .size = held, .wrap = held};
}

bool box_line_is_plain(const struct box_line *l)
{
	return lab_link_is_none(&l->link);
}

void box_line_count(struct box_line *l, size_t wire_len)
{
	l->stats.frames++;
	l->stats.bytes += wire_len;
}

/* |at|, but not before what is in the ring already: receive stamps of two processors may cross by microseconds. */
static void add_copy(struct box_line *l, struct box_pass *p, adit_time at)
{
	/* The link moves its own order on for all but those that it holds back. */
	uint8_t which = at > l->link.last_at ? RING_HELD : RING_ORDER;
	struct box_ring *r = &l->ring[which];

	if (at < r->last_due)
		at = r->last_due;
	r->last_due = at;
	p->copy[p->n].due = at;
	p->copy[p->n++].ring = which;
}

struct box_pass box_line_pass(struct box_line *l, adit_time arrival, size_t wire_len)
{
	struct box_pass p = {0};
	struct lab_passage fate;

	box_line_count(l, wire_len);
	fate = lab_link_pass(&l->link, arrival, wire_len, UINT8_MAX);
	if (fate.fate == LAB_LOST) {
		l->stats.lost++;
	} else if (fate.fate == LAB_FULL) {
		l->stats.full++;
	} else {
		add_copy(l, &p, fate.at);
		if (fate.copy_at != ADIT_NEVER)
			add_copy(l, &p, fate.copy_at);
	}
	return p;
}

static size_t record_size(size_t len)
{
	return sizeof(struct box_record) + ((len + 7) & ~(size_t)7);
}

/*
 * Finds |need| bytes in one piece. Records lie in [tail, head), or in [tail, wrap) and [0, head). head == tail is empty
 * or full: |count| tells.
 */
static bool ring_room(struct box_ring *r, size_t need)
{
	if (r->count == 0) {
		r->head = r->tail = 0;
		r->wrap = r->size;
	}
	if (r->count > 0 && r->head <= r->tail)
		return need <= r->tail - r->head;
	if (need <= r->size - r->head)
		return true;
	if (r->count == 0 || need > r->tail)
		return false;
	r->wrap = r->head;
	r->head = 0;
	return true;
}

int box_line_push(struct box_line *l, const struct box_pass *pass, unsigned i, const void *data, size_t len)
{
	struct box_ring *r = &l->ring[pass->copy[i].ring];
	struct box_record rec = {.due = pass->copy[i].due, .len = len};
	size_t need = record_size(len);

	assert(i < pass->n);
	if (!ring_room(r, need)) {
		l->stats.overrun++;
		return ADIT_EFULL;
	}
	memcpy(r->store + r->head, &rec, sizeof(rec));
	memcpy(r->store + r->head + sizeof(rec), data, len);
	r->head += need;
	r->count++;
	return 0;
}

bool box_line_is_empty(const struct box_line *l)
{
	return l->ring[RING_ORDER].count == 0 && l->ring[RING_HELD].count == 0;
}

static adit_time due_at(const struct box_ring *r, size_t at, size_t left)
{
	struct box_record rec;

	if (left == 0)
		return ADIT_NEVER;
	memcpy(&rec, r->store + (at == r->wrap ? 0 : at), sizeof(rec));
	return rec.due;
}

/* The ring whose next frame is due first; ties go to the one in order. */
static unsigned first_ring(const struct box_line *l, const struct box_cursor *c)
{
	return due_at(&l->ring[RING_HELD], c->at[RING_HELD], c->left[RING_HELD]) <
			       due_at(&l->ring[RING_ORDER], c->at[RING_ORDER], c->left[RING_ORDER])
		       ? RING_HELD
		       : RING_ORDER;
}

struct box_cursor box_line_walk(const struct box_line *l)
{
	struct box_cursor c;

	for (int i = 0; i < 2; i++) {
		c.at[i] = l->ring[i].tail;
		c.left[i] = l->ring[i].count;
	}
	return c;
}

adit_time box_line_deadline(const struct box_line *l)
{
	struct box_cursor c = box_line_walk(l);
	unsigned i = first_ring(l, &c);

	return due_at(&l->ring[i], c.at[i], c.left[i]);
}

bool box_line_next(const struct box_line *l, struct box_cursor *c, adit_time now, struct box_frame *ret_frame)
{
	unsigned i = first_ring(l, c);
	const struct box_ring *r = &l->ring[i];
	struct box_record rec;

	if (c->left[i] == 0)
		return false;
	if (c->at[i] == r->wrap)
		c->at[i] = 0;
	memcpy(&rec, r->store + c->at[i], sizeof(rec));
	if (rec.due > now)
		return false;
	*ret_frame =
		(struct box_frame){.due = rec.due, .data = r->store + c->at[i] + sizeof(rec), .len = (size_t)rec.len};
	c->at[i] += record_size(ret_frame->len);
	c->left[i]--;
	return true;
}

static void ring_pop(struct box_ring *r)
{
	struct box_record rec;

	if (r->tail == r->wrap) {
		r->tail = 0;
		r->wrap = r->size;
	}
	memcpy(&rec, r->store + r->tail, sizeof(rec));
	r->tail += record_size((size_t)rec.len);
	r->count--;
}

void box_line_pop(struct box_line *l, size_t n)
{
	for (; n > 0; n--) {
		struct box_cursor c = box_line_walk(l);
		unsigned i = first_ring(l, &c);

		assert(c.left[i] > 0);
		ring_pop(&l->ring[i]);
	}
}
