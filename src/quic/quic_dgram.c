#include "quic/quic_dgram.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quic/quic_limits.h"

/* An entry is its length and its bytes, never across the ring's end. */
#define LEN_SIZE  sizeof(uint32_t)
#define LEN_WRAPS UINT32_MAX /* no entry: go on at the beginning */

void quic_dgrams_init(struct quic_dgrams *d)
{
	*d = (struct quic_dgrams){0};
}

void quic_dgrams_done(struct quic_dgrams *d)
{
	free(d->ring);
	quic_dgrams_init(d);
}

static uint32_t len_at(const struct quic_dgrams *d, size_t at)
{
	uint32_t len;

	memcpy(&len, d->ring + at, LEN_SIZE);
	return len;
}

static void set_len_at(struct quic_dgrams *d, size_t at, uint32_t len)
{
	memcpy(d->ring + at, &len, LEN_SIZE);
}

/* Moves |tail| to where |need| bytes fit; false: nowhere. One byte stays free, for full not to look like empty. */
static bool dgrams_make_room(struct quic_dgrams *d, size_t need)
{
	if (d->n == 0)
		d->head = d->tail = 0;
	if (d->tail < d->head)
		return need < d->head - d->tail;
	if (need <= QUIC_DGRAM_BYTES - d->tail)
		return true;
	if (need >= d->head)
		return false;
	if (QUIC_DGRAM_BYTES - d->tail >= LEN_SIZE)
		set_len_at(d, d->tail, LEN_WRAPS);
	d->tail = 0;
	return true;
}

int quic_dgrams_push(struct quic_dgrams *d, const uint8_t *data, size_t len)
{
	if (!d->ring) {
		d->ring = malloc(QUIC_DGRAM_BYTES);
		if (!d->ring)
			return ADIT_ENOMEM;
	}
	if (d->n >= QUIC_DGRAM_QUEUE || len > QUIC_DGRAM_BYTES || !dgrams_make_room(d, LEN_SIZE + len))
		return ADIT_EFULL;
	set_len_at(d, d->tail, (uint32_t)len);
	if (len > 0)
		memcpy(d->ring + d->tail + LEN_SIZE, data, len);
	d->tail += LEN_SIZE + len;
	d->n++;
	return 0;
}

const uint8_t *quic_dgrams_peek(struct quic_dgrams *d, size_t *ret_len)
{
	if (d->n == 0)
		return NULL;
	if (QUIC_DGRAM_BYTES - d->head < LEN_SIZE || len_at(d, d->head) == LEN_WRAPS)
		d->head = 0;
	*ret_len = len_at(d, d->head);
	return d->ring + d->head + LEN_SIZE;
}

void quic_dgrams_pop(struct quic_dgrams *d)
{
	size_t len;

	if (!quic_dgrams_peek(d, &len))
		return;
	d->head += LEN_SIZE + len;
	d->n--;
}
