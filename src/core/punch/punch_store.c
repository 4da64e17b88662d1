/* Where the machine keeps what it has opened, sent and heard: a few places of its own, or those of a lent store. */
#include <string.h>

#include "core/punch/punch_int.h"

void punch_use_few(struct punch *p)
{
	p->pairs = p->few.pairs;
	p->n_pairs = PUNCH_FEW_PAIRS;
	p->sent = p->few.sent;
	p->n_sent = PUNCH_FEW_SENT;
	p->holes = p->few.holes;
	p->n_holes = PUNCH_FEW_HOLES;
	p->events = p->few.events;
	p->events_max = PUNCH_FEW_EVENTS;
}

void punch_lend(struct punch *p, struct punch_store *store)
{
	memset(store, 0, sizeof(*store));
	memcpy(store->pairs, p->few.pairs, sizeof(p->few.pairs));
	memcpy(store->sent, p->few.sent, sizeof(p->few.sent));
	memcpy(store->holes, p->few.holes, sizeof(p->few.holes));
	for (size_t i = 0; i < p->events_n; i++)
		store->events[i] = p->few.events[(p->events_first + i) % PUNCH_FEW_EVENTS];
	p->pairs = store->pairs;
	p->n_pairs = PUNCH_PAIRS_MAX;
	p->sent = store->sent;
	p->n_sent = PUNCH_SENT_MAX;
	p->sent_next %= PUNCH_FEW_SENT;
	p->holes = store->holes;
	p->n_holes = PUNCH_HOLES_MAX;
	p->events = store->events;
	p->events_max = PUNCH_EVENTS_MAX;
	p->events_first = 0;
}

/* false: more than that is in use. */
static bool fits_few(const struct punch *p)
{
	size_t pairs = 0, holes = 0;

	for (size_t i = 0; i < p->pairs_end; i++)
		pairs += p->pairs[i].state != PUNCH_PAIR_FREE;
	for (size_t i = 0; i < p->n_holes; i++)
		holes += p->holes[i].is_used;
	return pairs <= PUNCH_FEW_PAIRS && holes <= PUNCH_FEW_HOLES && p->events_n == 0;
}

bool punch_give_back(struct punch *p)
{
	size_t holes = 0, pairs = 0;

	if (p->pairs == p->few.pairs)
		return true;
	if (p->state == PUNCH_SEEKING || !fits_few(p))
		return false;
	memset(&p->few, 0, sizeof(p->few));
	for (size_t i = 0; i < p->pairs_end; i++)
		if (p->pairs[i].state != PUNCH_PAIR_FREE)
			p->few.pairs[pairs++] = p->pairs[i];
	for (size_t i = 0; i < p->n_holes; i++)
		if (p->holes[i].is_used)
			p->few.holes[holes++] = p->holes[i];
	/* The newest are those that may still be answered. */
	for (size_t i = 0; i < PUNCH_FEW_SENT; i++)
		p->few.sent[i] = p->sent[(p->sent_next + PUNCH_SENT_MAX - PUNCH_FEW_SENT + i) % PUNCH_SENT_MAX];
	p->sent_next = 0;
	p->events_first = 0;
	p->pairs_end = pairs;
	punch_use_few(p);
	return true;
}
