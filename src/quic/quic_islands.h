/* What has arrived of a stream: everything up to |base|, and islands after it. */
#ifndef ADIT_QUIC_ISLANDS_H
#define ADIT_QUIC_ISLANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quic_island {
	uint64_t from;
	uint64_t to;
};

struct quic_islands {
	uint64_t base;
	struct quic_island *list; /* ascending, never touching each other or |base| */
	size_t n;
	size_t room;
};

void quic_islands_done(struct quic_islands *i);
/* All up to |base| is there. */
void quic_islands_trim(struct quic_islands *i, uint64_t base);
/* How many islands there would be with [from, to) added. */
size_t quic_islands_with(const struct quic_islands *i, uint64_t from, uint64_t to);
/* Adds it; false: out of memory, nothing changed. */
bool quic_islands_add(struct quic_islands *i, uint64_t from, uint64_t to);

#endif
