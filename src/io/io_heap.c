#include "io/io_heap.h"

#include <stdlib.h>

static struct io_heap_node **at_place(const struct io_heap *h, size_t place)
{
	return &h->nodes[place - 1];
}

static void put(struct io_heap *h, size_t place, struct io_heap_node *node)
{
	*at_place(h, place) = node;
	node->place = place;
}

static void rise(struct io_heap *h, struct io_heap_node *node, size_t place)
{
	for (; place > 1 && (*at_place(h, place / 2))->at > node->at; place /= 2)
		put(h, place, *at_place(h, place / 2));
	put(h, place, node);
}

static void sink(struct io_heap *h, struct io_heap_node *node, size_t place)
{
	while (2 * place <= h->n) {
		size_t child = 2 * place;

		if (child < h->n && (*at_place(h, child + 1))->at < (*at_place(h, child))->at)
			child++;
		if ((*at_place(h, child))->at >= node->at)
			break;
		put(h, place, *at_place(h, child));
		place = child;
	}
	put(h, place, node);
}

static void settle(struct io_heap *h, struct io_heap_node *node, size_t place)
{
	if (place > 1 && (*at_place(h, place / 2))->at > node->at)
		rise(h, node, place);
	else
		sink(h, node, place);
}

int io_heap_reserve(struct io_heap *h, size_t n)
{
	size_t room = h->room > 0 ? h->room : 4;
	struct io_heap_node **nodes;

	if (n <= h->room)
		return 0;
	while (room < n)
		room *= 2;
	nodes = reallocarray(h->nodes, room, sizeof(struct io_heap_node *));
	if (!nodes)
		return ADIT_ENOMEM;
	h->nodes = nodes;
	h->room = room;
	return 0;
}

void io_heap_set(struct io_heap *h, struct io_heap_node *node, adit_time at)
{
	if (node->place == 0)
		node->place = ++h->n;
	node->at = at;
	settle(h, node, node->place);
}

void io_heap_remove(struct io_heap *h, struct io_heap_node *node)
{
	size_t place = node->place;
	struct io_heap_node *last;

	if (place == 0)
		return;
	last = *at_place(h, h->n--);
	if (last != node)
		settle(h, last, place);
	node->place = 0;
}

struct io_heap_node *io_heap_first(const struct io_heap *h)
{
	return h->n > 0 ? h->nodes[0] : NULL;
}

void io_heap_done(struct io_heap *h)
{
	free(h->nodes);
	*h = (struct io_heap){0};
}
