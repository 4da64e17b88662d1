#include "lab/box_line.h"

#include <assert.h>
#include <string.h>

struct box_record {
	adit_time due;
	uint64_t len;
};

void box_line_init(struct box_line *l, const struct box_line_config *cfg, void *store, size_t size)
{
	assert(size % 8 == 0);
	memset(l, 0, sizeof(*l));
	l->cfg = *cfg;
	l->store = store;
	l->size = size;
	l->wrap = size;
	/* 2^64 is exact in a double, 2^64 * 1.0 does not fit: 1 is "every frame". */
	l->loss_below = cfg->loss >= 1 ? UINT64_MAX : (uint64_t)(cfg->loss * 18446744073709551616.0);
	l->rng = adit_rng_seeded_init(&l->seeded, cfg->seed);
}

static bool box_line_is_lost(struct box_line *l)
{
	if (l->loss_below == 0)
		return false;
	return l->loss_below == UINT64_MAX || adit_rng_u64(&l->rng) < l->loss_below;
}

/* When the last bit of the frame has left a transmitter of cfg.rate; ADIT_NEVER: the queue before it is full. */
static adit_time box_line_transmit(struct box_line *l, adit_time arrival, size_t wire_len)
{
	adit_time start = l->free_at > arrival ? l->free_at : arrival;
	double waiting = (double)(start - arrival) * (double)l->cfg.rate / 8e9;

	if (waiting + (double)wire_len > (double)l->cfg.queue && start > arrival)
		return ADIT_NEVER;
	l->free_at = start + (adit_dur)((double)wire_len * 8e9 / (double)l->cfg.rate);
	return l->free_at;
}

bool box_line_is_plain(const struct box_line *l)
{
	return l->cfg.delay == 0 && l->cfg.jitter == 0 && l->cfg.rate == 0 && l->loss_below == 0;
}

void box_line_count(struct box_line *l, size_t wire_len)
{
	l->stats.frames++;
	l->stats.bytes += wire_len;
}

adit_time box_line_due(struct box_line *l, adit_time arrival, size_t wire_len)
{
	adit_time sent = arrival;
	adit_time due;

	l->stats.frames++;
	l->stats.bytes += wire_len;
	if (l->cfg.rate) {
		sent = box_line_transmit(l, arrival, wire_len);
		if (sent == ADIT_NEVER) {
			l->stats.full++;
			return ADIT_NEVER;
		}
	}
	/* After the queue: a frame lost on the wire has taken its time on it. */
	if (box_line_is_lost(l)) {
		l->stats.lost++;
		return ADIT_NEVER;
	}
	due = adit_time_add(sent, l->cfg.delay);
	if (l->cfg.jitter)
		due = adit_time_add(due, adit_rng_below(&l->rng, l->cfg.jitter + 1));
	/* Receive stamps of two processors may cross by microseconds; a wire does not reorder. */
	if (due < l->last_due)
		due = l->last_due;
	l->last_due = due;
	return due;
}

static size_t record_size(size_t len)
{
	return sizeof(struct box_record) + ((len + 7) & ~(size_t)7);
}

/*
 * Finds |need| bytes in one piece. Records lie in [tail, head), or in [tail, wrap) and [0, head). head == tail is empty
 * or full: |count| tells.
 */
static bool box_line_room(struct box_line *l, size_t need)
{
	if (l->count == 0) {
		l->head = l->tail = 0;
		l->wrap = l->size;
	}
	if (l->count > 0 && l->head <= l->tail)
		return need <= l->tail - l->head;
	if (need <= l->size - l->head)
		return true;
	if (l->count == 0 || need > l->tail)
		return false;
	l->wrap = l->head;
	l->head = 0;
	return true;
}

int box_line_push(struct box_line *l, adit_time due, const void *data, size_t len)
{
	struct box_record rec = {.due = due, .len = len};
	size_t need = record_size(len);

	if (!box_line_room(l, need)) {
		l->stats.overrun++;
		return ADIT_EFULL;
	}
	memcpy(l->store + l->head, &rec, sizeof(rec));
	memcpy(l->store + l->head + sizeof(rec), data, len);
	l->head += need;
	l->count++;
	return 0;
}

bool box_line_is_empty(const struct box_line *l)
{
	return l->count == 0;
}

adit_time box_line_deadline(const struct box_line *l)
{
	struct box_record rec;

	if (l->count == 0)
		return ADIT_NEVER;
	memcpy(&rec, l->store + (l->tail == l->wrap ? 0 : l->tail), sizeof(rec));
	return rec.due;
}

struct box_cursor box_line_walk(const struct box_line *l)
{
	return (struct box_cursor){.at = l->tail, .left = l->count};
}

bool box_line_next(const struct box_line *l, struct box_cursor *c, adit_time now, struct box_frame *ret_frame)
{
	struct box_record rec;

	if (c->left == 0)
		return false;
	if (c->at == l->wrap)
		c->at = 0;
	memcpy(&rec, l->store + c->at, sizeof(rec));
	if (rec.due > now)
		return false;
	*ret_frame = (struct box_frame){.due = rec.due, .data = l->store + c->at + sizeof(rec), .len = (size_t)rec.len};
	c->at += record_size(ret_frame->len);
	c->left--;
	return true;
}

void box_line_pop(struct box_line *l, size_t n)
{
	struct box_record rec;

	assert(n <= l->count);
	for (; n > 0; n--) {
		if (l->tail == l->wrap) {
			l->tail = 0;
			l->wrap = l->size;
		}
		memcpy(&rec, l->store + l->tail, sizeof(rec));
		l->tail += record_size((size_t)rec.len);
		l->count--;
	}
}
