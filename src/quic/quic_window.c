#include "quic/quic_window.h"

#include <assert.h>

#include "quic/quic_limits.h"

void quic_budget_init(struct quic_budget *b)
{
	*b = (struct quic_budget){.max = QUIC_WINDOW_BUDGET};
}

void quic_budget_share(struct quic_budget *b, unsigned n)
{
	b->max = QUIC_WINDOW_BUDGET / (n > 1 ? n : 1);
}

static uint64_t budget_room(const struct quic_budget *b)
{
	uint64_t spent = b->used + b->credits * QUIC_WINDOW_IDLE;

	return spent < b->max ? b->max - spent : 0;
}

bool quic_budget_has_room(const struct quic_budget *b)
{
	return budget_room(b) >= QUIC_WINDOW_MIN;
}

uint64_t quic_budget_credit(struct quic_budget *b)
{
	uint64_t want = QUIC_CREDIT_MAX - b->credits;
	uint64_t can = budget_room(b) / QUIC_WINDOW_IDLE;
	uint64_t n = want < can ? want : can;

	/* An eighth at a time, unless the peer is nearly out of credit. */
	if (n < QUIC_CREDIT_MAX / 8 && b->credits >= QUIC_CREDIT_LOW)
		return 0;
	b->credits += n;
	return n;
}

void quic_budget_credit_used(struct quic_budget *b)
{
	assert(b->credits > 0);
	b->credits--;
}

static uint64_t window_own(const struct quic_window *w)
{
	uint64_t held = w->limit - w->taken;

	return held > QUIC_WINDOW_MIN ? held : QUIC_WINDOW_MIN;
}

static void window_charge(struct quic_window *w, struct quic_budget *b)
{
	uint64_t held = w->limit - w->taken;
	uint64_t charge;

	if (w->is_final)
		charge = held;
	else if (w->heard == w->taken && held <= QUIC_WINDOW_MIN && w->size == QUIC_WINDOW_MIN)
		charge = QUIC_WINDOW_IDLE;
	else
		charge = window_own(w);
	b->used = b->used - w->charge + charge;
	w->charge = charge;
}

void quic_window_init(struct quic_window *w, struct quic_budget *b, adit_time now)
{
	*w = (struct quic_window){.size = QUIC_WINDOW_MIN, .limit = QUIC_WINDOW_MIN, .mark_at = now};
	window_charge(w, b);
}

/* New streams wait, or soon will. */
static bool budget_is_tight(const struct quic_budget *b)
{
	return b->credits < QUIC_CREDIT_LOW && !quic_budget_has_room(b);
}

/*
 * The measure is a whole window in QUIC_WINDOW_RTTS round trips. Not less than a whole one: that much can be waiting
 * unread, and a reader that takes it all at once after a long sleep would look fast.
 */
static void window_adapt(struct quic_window *w, const struct quic_budget *b, bool is_tight, adit_time now, adit_dur rtt)
{
	adit_dur quick = QUIC_WINDOW_RTTS * (rtt > QUIC_WINDOW_RTT_MIN ? rtt : QUIC_WINDOW_RTT_MIN);
	unsigned enough = w->size < QUIC_WINDOW_SURE ? QUIC_WINDOW_QUICK : 1;
	uint64_t more;

	if (w->taken - w->mark < w->size)
		return;
	w->quick = adit_time_since(now, w->mark_at) <= quick ? w->quick + 1 : 0;
	if (is_tight) {
		if (w->size > QUIC_WINDOW_MIN)
			w->size /= 2;
	} else if (w->quick >= enough && w->size < QUIC_WINDOW_MAX) {
		/* Both the growth and what the old size still has to be granted must fit. */
		more = w->size + (w->taken + w->size - w->limit);
		if (budget_room(b) >= more) {
			w->size *= 2;
			w->quick = 0;
		}
	}
	w->mark = w->taken;
	w->mark_at = now;
}

void quic_window_heard(struct quic_window *w, struct quic_budget *b, size_t n)
{
	w->heard += n;
	if (!w->is_final && w->charge < QUIC_WINDOW_MIN)
		window_charge(w, b);
}

uint64_t quic_window_take(struct quic_window *w, struct quic_budget *b, size_t n, adit_time now, adit_dur rtt)
{
	bool is_tight = budget_is_tight(b);
	uint64_t grant, step, room;

	w->taken += n;
	assert(w->taken <= w->limit);
	window_charge(w, b);
	if (w->is_final)
		return 0;
	window_adapt(w, b, is_tight, now, rtt);

	if (w->taken + w->size <= w->limit)
		return 0;
	grant = w->taken + w->size - w->limit;
	step = w->size / 4 < QUIC_WINDOW_STEP ? w->size / 4 : QUIC_WINDOW_STEP;
	if (grant < step || grant <= QUIC_WINDOW_MIN / 2)
		return 0;
	room = budget_room(b) + (window_own(w) - (w->limit - w->taken));
	if (grant > room) {
		w->size = w->size / 2 > QUIC_WINDOW_MIN ? w->size / 2 : QUIC_WINDOW_MIN;
		grant = room;
	}
	w->limit += grant;
	window_charge(w, b);
	return grant;
}

void quic_window_end(struct quic_window *w, struct quic_budget *b, uint64_t size)
{
	w->limit = size > w->taken ? size : w->taken;
	w->is_final = true;
	window_charge(w, b);
}
