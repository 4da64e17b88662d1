#include "quic/quic_islands.h"

#include <stdlib.h>
#include <string.h>

void quic_islands_done(struct quic_islands *i)
{
	free(i->list);
	*i = (struct quic_islands){0};
}

/* The first island that ends at |at| or later; |n| where there is none. */
static size_t islands_find(const struct quic_islands *i, uint64_t at)
{
	size_t low = 0;
	size_t high = i->n;

	/* Nearly always the last one grows, or a new one comes after it. */
	if (i->n > 0 && i->list[i->n - 1].to <= at)
		return i->list[i->n - 1].to == at ? i->n - 1 : i->n;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (i->list[mid].to < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Islands |first| to |last| - 1 touch [from, to). */
static void islands_touched(const struct quic_islands *i, uint64_t from, uint64_t to, size_t *first, size_t *last)
{
	*first = islands_find(i, from);
	*last = *first;
	while (*last < i->n && i->list[*last].from <= to)
		(*last)++;
}

static void islands_remove(struct quic_islands *i, size_t first, size_t last)
{
	memmove(i->list + first, i->list + last, (i->n - last) * sizeof(i->list[0]));
	i->n -= last - first;
}

void quic_islands_trim(struct quic_islands *i, uint64_t base)
{
	size_t gone = 0;

	if (base <= i->base)
		return;
	while (gone < i->n && i->list[gone].from <= base) {
		if (i->list[gone].to > base)
			base = i->list[gone].to;
		gone++;
	}
	i->base = base;
	if (gone > 0)
		islands_remove(i, 0, gone);
}

size_t quic_islands_with(const struct quic_islands *i, uint64_t from, uint64_t to)
{
	size_t first, last;

	if (to <= i->base)
		return i->n;
	islands_touched(i, from, to, &first, &last);
	return i->n - (last - first) + (from > i->base ? 1 : 0);
}

static bool islands_grow(struct quic_islands *i)
{
	size_t room = i->room ? 2 * i->room : 8;
	struct quic_island *list;

	if (i->n < i->room)
		return true;
	list = realloc(i->list, room * sizeof(list[0]));
	if (!list)
		return false;
	i->list = list;
	i->room = room;
	return true;
}

bool quic_islands_add(struct quic_islands *i, uint64_t from, uint64_t to)
{
	size_t first, last;

	if (from <= i->base) {
		quic_islands_trim(i, to);
		return true;
	}
	if (from >= to)
		return true;
	islands_touched(i, from, to, &first, &last);
	if (first == last) {
		if (!islands_grow(i))
			return false;
		memmove(i->list + first + 1, i->list + first, (i->n - first) * sizeof(i->list[0]));
		i->n++;
		i->list[first] = (struct quic_island){.from = from, .to = to};
		return true;
	}
	if (i->list[first].from > from)
		i->list[first].from = from;
	if (i->list[last - 1].to > to)
		to = i->list[last - 1].to;
	i->list[first].to = to;
	islands_remove(i, first + 1, last);
	return true;
}
