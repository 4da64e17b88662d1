/*
 * A queue of datagrams (RFC 9221) with an end: full means that the newest is dropped. The bytes lie in one ring, made
 * at the first use; an emptied queue starts at its beginning again, so that little memory stays warm.
 */
#ifndef ADIT_QUIC_DGRAM_H
#define ADIT_QUIC_DGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct quic_dgrams {
	uint8_t *ring;
	size_t head; /* the first entry */
	size_t tail; /* where the next one goes */
	size_t n;
};

void quic_dgrams_init(struct quic_dgrams *d);
void quic_dgrams_done(struct quic_dgrams *d);

/* Queues a copy. EFULL, ENOMEM. */
ADIT_MUST_CHECK int quic_dgrams_push(struct quic_dgrams *d, const uint8_t *data, size_t len);
/* The first in the queue, in place; NULL: none. Its bytes stay good after quic_dgrams_pop(), until the next push. */
const uint8_t *quic_dgrams_peek(struct quic_dgrams *d, size_t *ret_len);
void quic_dgrams_pop(struct quic_dgrams *d);

#endif
