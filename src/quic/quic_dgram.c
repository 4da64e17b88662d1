#include "quic/quic_dgram.h"

#include <stdlib.h>
#include <string.h>

#include "quic/quic_limits.h"

struct quic_dgram {
	struct quic_dgram *next;
	size_t len;
	uint8_t data[];
};

void quic_dgrams_init(struct quic_dgrams *d)
{
	*d = (struct quic_dgrams){0};
}

static struct quic_dgram *dgrams_unlink(struct quic_dgrams *d)
{
	struct quic_dgram *g = d->head;

	d->head = g->next;
	if (!d->head)
		d->tail = NULL;
	d->n--;
	d->bytes -= g->len;
	return g;
}

void quic_dgrams_done(struct quic_dgrams *d)
{
	while (d->head)
		quic_dgrams_pop(d);
	free(d->given);
	d->given = NULL;
}

int quic_dgrams_push(struct quic_dgrams *d, const uint8_t *data, size_t len)
{
	struct quic_dgram *g;

	if (d->n >= QUIC_DGRAM_QUEUE || d->bytes + len > QUIC_DGRAM_BYTES)
		return ADIT_EFULL;
	g = malloc(sizeof(*g) + len);
	if (!g)
		return ADIT_ENOMEM;
	g->next = NULL;
	g->len = len;
	if (len > 0)
		memcpy(g->data, data, len);
	if (d->tail)
		d->tail->next = g;
	else
		d->head = g;
	d->tail = g;
	d->n++;
	d->bytes += len;
	return 0;
}

const uint8_t *quic_dgrams_peek(const struct quic_dgrams *d, size_t *ret_len)
{
	if (!d->head)
		return NULL;
	*ret_len = d->head->len;
	return d->head->data;
}

void quic_dgrams_pop(struct quic_dgrams *d)
{
	free(dgrams_unlink(d));
}

const uint8_t *quic_dgrams_take(struct quic_dgrams *d, size_t *ret_len)
{
	if (!d->head)
		return NULL;
	free(d->given);
	d->given = dgrams_unlink(d);
	*ret_len = d->given->len;
	return d->given->data;
}
