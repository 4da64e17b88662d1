#include "lab/lab_queue.h"

#include <stdbool.h>
#include <stdlib.h>

void lab_queue_done(struct lab_queue *q)
{
	if (!q)
		return;
	free(q->slots);
	*q = (struct lab_queue){0};
}

static bool before(const struct lab_queue_slot *a, const struct lab_queue_slot *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void place(struct lab_queue *q, size_t i, struct lab_queue_slot slot)
{
	q->slots[i] = slot;
	slot.ev->pos = i + 1;
}

static void sift_up(struct lab_queue *q, size_t i, struct lab_queue_slot slot)
{
	while (i > 0 && before(&slot, &q->slots[(i - 1) / 2])) {
		place(q, i, q->slots[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(q, i, slot);
}

static void sift_down(struct lab_queue *q, size_t i, struct lab_queue_slot slot)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= q->len)
			break;
		if (child + 1 < q->len && before(&q->slots[child + 1], &q->slots[child]))
			child++;
		if (!before(&q->slots[child], &slot))
			break;
		place(q, i, q->slots[child]);
		i = child;
	}
	place(q, i, slot);
}

/* Puts |slot| where place |i| has become free. */
static void settle(struct lab_queue *q, size_t i, struct lab_queue_slot slot)
{
	if (i > 0 && before(&slot, &q->slots[(i - 1) / 2]))
		sift_up(q, i, slot);
	else
		sift_down(q, i, slot);
}

int lab_queue_set(struct lab_queue *q, struct lab_event *ev, adit_time at)
{
	struct lab_queue_slot slot = {.at = at, .seq = q->seq++, .ev = ev};

	if (ev->pos > 0) {
		settle(q, ev->pos - 1, slot);
		return 0;
	}
	if (q->len == q->cap) {
		size_t cap = q->cap ? 2 * q->cap : 64;
		struct lab_queue_slot *slots = realloc(q->slots, cap * sizeof(*slots));

		if (!slots)
			return ADIT_ENOMEM;
		q->slots = slots;
		q->cap = cap;
	}
	q->len++;
	sift_up(q, q->len - 1, slot);
	return 0;
}

void lab_queue_del(struct lab_queue *q, struct lab_event *ev)
{
	size_t i = ev->pos;

	if (i == 0)
		return;
	ev->pos = 0;
	q->len--;
	if (--i < q->len)
		settle(q, i, q->slots[q->len]);
}

adit_time lab_queue_next_at(const struct lab_queue *q)
{
	return q->len > 0 ? q->slots[0].at : ADIT_NEVER;
}

struct lab_event *lab_queue_pop(struct lab_queue *q)
{
	struct lab_event *ev;

	if (q->len == 0)
		return NULL;
	ev = q->slots[0].ev;
	lab_queue_del(q, ev);
	return ev;
}
