/* A queue of datagrams (RFC 9221) with an end: full means that the newest is dropped. */
#ifndef ADIT_QUIC_DGRAM_H
#define ADIT_QUIC_DGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct quic_dgram;

struct quic_dgrams {
	struct quic_dgram *head;
	struct quic_dgram *tail;
	struct quic_dgram *given; /* taken from the queue and still in its taker's hands */
	size_t n;
	size_t bytes;
};

void quic_dgrams_init(struct quic_dgrams *d);
void quic_dgrams_done(struct quic_dgrams *d);

/* Queues a copy. EFULL, ENOMEM. */
ADIT_MUST_CHECK int quic_dgrams_push(struct quic_dgrams *d, const uint8_t *data, size_t len);
/* The first in the queue, in place; NULL: none. */
const uint8_t *quic_dgrams_peek(const struct quic_dgrams *d, size_t *ret_len);
void quic_dgrams_pop(struct quic_dgrams *d);
/* Peek and pop; the bytes stay good until the next take. */
const uint8_t *quic_dgrams_take(struct quic_dgrams *d, size_t *ret_len);

#endif
