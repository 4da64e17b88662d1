/*
 * A binary heap of times (Knuth 5.2.3; the children of place i are at 2 i and 2 i + 1): whose turn is first is found at
 * once, moving one costs the logarithm of how many there are. Intrusive: the heap owns nothing but its table.
 */
#ifndef ADIT_IO_HEAP_H
#define ADIT_IO_HEAP_H

#include <stddef.h>

#include "base/err.h"
#include "base/time.h"

struct io_heap_node {
	adit_time at;
	size_t place; /* from 1 on; 0: in no heap */
};

/* All zero is an empty one. */
struct io_heap {
	struct io_heap_node **nodes;
	size_t n;
	size_t room;
};

/* Makes room for |n| nodes, so that io_heap_set() cannot fail. 0 or ENOMEM. */
ADIT_MUST_CHECK int io_heap_reserve(struct io_heap *h, size_t n);
/* Puts |node| in, or moves it where it is in already. */
void io_heap_set(struct io_heap *h, struct io_heap_node *node, adit_time at);
/* Nothing where it is in none. */
void io_heap_remove(struct io_heap *h, struct io_heap_node *node);
/* NULL: it is empty. */
struct io_heap_node *io_heap_first(const struct io_heap *h);
void io_heap_done(struct io_heap *h);

#endif
