#include "quic/quic_order.h"

#include "quic/quic_frames.h"
#include "quic/quic_stream_priv.h"

/* Holes that a stream may have. The library's limit is 1000; a few may have come unseen, before the alert. */
#define ORDER_HOLES 900

/* Holes of all streams: 16 bytes each. */
#define ORDER_HOLES_ALL 16384

/* Packets in order after which nothing is looked into any more. */
#define ORDER_CALM 1024

static struct quic_stream **order_slot(struct quic *q, uint64_t id)
{
	return &q->order.cache[id / 4 % QUIC_ORDER_CACHE];
}

static struct quic_stream *order_find(struct quic *q, uint64_t id)
{
	struct quic_stream **slot = order_slot(q, id);
	struct quic_stream *hit = *slot;

	if (hit && (uint64_t)hit->id == id)
		return hit;
	adit_list_each (it, &q->streams) {
		struct quic_stream *s = adit_container(it, struct quic_stream, node);

		if ((uint64_t)s->id == id && !s->is_closed)
			return *slot = s;
	}
	return NULL;
}

/* What the library has given us needs no islands any more. */
static void order_sync(struct quic *q, struct quic_stream *s)
{
	q->order.holes -= s->islands.n;
	if (!s->rx_over)
		quic_islands_trim(&s->islands, s->rx.end);
	q->order.holes += s->islands.n;
}

static bool order_fits(struct quic *q, const uint8_t *payload, size_t len)
{
	struct adit_rd r = adit_rd_over(payload, len);
	struct quic_frame f;

	while (quic_frames_next(&r, &f)) {
		struct quic_stream *s = order_find(q, f.stream);
		size_t with;

		if (!s)
			continue;
		order_sync(q, s);
		with = quic_islands_with(&s->islands, f.from, f.to);
		if (with > s->islands.n && (with > ORDER_HOLES || q->order.holes >= ORDER_HOLES_ALL))
			return false;
	}
	return true;
}

static bool order_add(struct quic *q, const uint8_t *payload, size_t len)
{
	struct adit_rd r = adit_rd_over(payload, len);
	struct quic_frame f;

	while (quic_frames_next(&r, &f)) {
		struct quic_stream *s = order_find(q, f.stream);
		size_t before;

		/* Beyond the window, the library will end the connection; let it. */
		if (!s || f.to > s->window.limit)
			continue;
		before = s->islands.n;
		if (!quic_islands_add(&s->islands, f.from, f.to))
			return false;
		q->order.holes += s->islands.n - before;
	}
	return true;
}

bool quic_order_accepts(struct quic *q, bool is_next, const uint8_t *payload, size_t len)
{
	struct quic_order *o = &q->order;

	if (!is_next) {
		o->is_alert = true;
		o->calm = 0;
	}
	if (!o->is_alert)
		return true;
	if (!order_fits(q, payload, len) || !order_add(q, payload, len))
		return false;
	if (o->holes > 0)
		o->calm = 0;
	else if (++o->calm >= ORDER_CALM)
		o->is_alert = false;
	return true;
}

void quic_order_forget(struct quic *q, struct quic_stream *s)
{
	struct quic_stream **slot = order_slot(q, (uint64_t)s->id);

	if (*slot == s)
		*slot = NULL;
	q->order.holes -= s->islands.n;
	quic_islands_done(&s->islands);
}
