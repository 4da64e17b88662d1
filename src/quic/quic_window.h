/*
 * How much the peer may send us: a window per stream, and one budget over all of them and over the streams the peer may
 * still open.
 *
 * A window starts at QUIC_WINDOW_MIN and doubles while its reader drains it within four round trips. Growth stops when
 * the budget is spent; then nothing is taken back at once, but large windows shrink as they are drained, so that new
 * streams find room. A stream's first QUIC_WINDOW_MIN is always its own: it can be granted again whatever the others
 * do. While nothing waits in it, it is charged QUIC_WINDOW_IDLE only: most of ten thousand streams are idle.
 */
#ifndef ADIT_QUIC_WINDOW_H
#define ADIT_QUIC_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct quic_budget {
	uint64_t max; /* QUIC_WINDOW_BUDGET, or this connection's part of it */
	uint64_t used; /* bytes charged by the streams' windows */
	uint64_t credits; /* streams the peer may open and has not; QUIC_WINDOW_IDLE each */
};

struct quic_window {
	uint64_t size; /* bytes the peer shall have in hand while the reader keeps up */
	uint64_t limit; /* stream offset we have granted */
	uint64_t heard; /* stream offset that has arrived without a gap */
	uint64_t taken; /* stream offset the reader has consumed */
	uint64_t mark; /* |taken| at |mark_at|, where the reader's speed is measured from */
	adit_time mark_at;
	unsigned quick; /* windows in a row that were drained quickly */
	uint64_t charge; /* our part of the budget's |used| */
	bool is_final; /* |limit| is the stream's end */
};

void quic_budget_init(struct quic_budget *b);
/* From now on it is one of |n| connections of one peer, among which the budget is divided; nothing is taken back. */
void quic_budget_share(struct quic_budget *b, unsigned n);
/* Is there room for one more stream? */
bool quic_budget_has_room(const struct quic_budget *b);
/* How many more streams the peer may be allowed now; they are charged. 0 while the difference is not worth a frame. */
uint64_t quic_budget_credit(struct quic_budget *b);
/* The peer used one: its window is charged from now on. */
void quic_budget_credit_used(struct quic_budget *b);

void quic_window_init(struct quic_window *w, struct quic_budget *b, adit_time now);
/* |n| bytes more wait for the reader. */
void quic_window_heard(struct quic_window *w, struct quic_budget *b, size_t n);
/* The reader consumed |n| bytes. Returns by how much the granted offset grows now; 0: not yet. */
uint64_t quic_window_take(struct quic_window *w, struct quic_budget *b, size_t n, adit_time now, adit_dur rtt);
/* The peer's stream ends at offset |size|: nothing more is granted. */
void quic_window_end(struct quic_window *w, struct quic_budget *b, uint64_t size);

#endif
