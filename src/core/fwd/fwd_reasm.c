#include "core/fwd/fwd_reasm.h"

#include <assert.h>
#include <string.h>

void fwd_reasm_init(struct fwd_reasm *r, struct fwd_reasm_slot *slots, size_t n_slots)
{
	assert(n_slots > 0);
	*r = (struct fwd_reasm){.slots = slots, .n_slots = n_slots};
}

static bool is_of_flow(const struct fwd_reasm_slot *s, const struct fwd_dgram *d)
{
	return s->used && s->service == d->service && s->flow == d->flow;
}

/* Linear scans throughout: tens of slots, and 64 KB are moved for each payload that ends up in one. */
static struct fwd_reasm_slot *find(struct fwd_reasm *r, const struct fwd_dgram *d)
{
	for (size_t i = 0; i < r->n_begun; i++)
		if (is_of_flow(&r->slots[i], d) && r->slots[i].message == d->message)
			return &r->slots[i];
	return NULL;
}

static void drop_overtaken(struct fwd_reasm *r, const struct fwd_dgram *d)
{
	for (size_t i = 0; i < r->n_begun; i++) {
		struct fwd_reasm_slot *s = &r->slots[i];
		uint16_t ahead = (uint16_t)(d->message - s->message);

		if (is_of_flow(s, d) && ahead > FWD_REASM_WINDOW && ahead < 0x8000) {
			s->used = false;
			r->stats.expired++;
		}
	}
}

static struct fwd_reasm_slot *take_slot(struct fwd_reasm *r)
{
	struct fwd_reasm_slot *oldest = &r->slots[0];

	/* Another page only where those that were used before are not enough. */
	for (size_t i = 0; i < r->n_begun; i++) {
		if (!r->slots[i].used)
			return &r->slots[i];
		if (r->slots[i].expire_at < oldest->expire_at)
			oldest = &r->slots[i];
	}
	if (r->n_begun < r->n_slots)
		return &r->slots[r->n_begun++];
	r->stats.evicted++;
	return oldest;
}

static struct fwd_reasm_slot *begin(struct fwd_reasm *r, const struct fwd_dgram *d)
{
	struct fwd_reasm_slot *s;

	drop_overtaken(r, d);
	s = take_slot(r);
	s->used = true;
	s->service = d->service;
	s->flow = d->flow;
	s->message = d->message;
	s->count = d->count;
	s->n_got = 0;
	memset(s->got, 0, sizeof(s->got));
	s->chunk = 0;
	s->last_len = 0;
	s->expire_at = adit_time_add(r->now, FWD_REASM_TIMEOUT);
	return s;
}

/* Do pieces of |chunk| bytes with a last one of |last_len| (0: unknown) make a payload of this slot? */
static bool fits(const struct fwd_reasm_slot *s, size_t chunk, size_t last_len)
{
	return last_len <= chunk && (s->count - 1u) * chunk + (last_len ? last_len : 1) <= FWD_PAYLOAD_MAX;
}

/* Where the last piece lies: behind the others, or at the very end while nobody knows how long the others are. */
static uint8_t *last_place(struct fwd_reasm_slot *s)
{
	return s->chunk ? s->data + (s->count - 1u) * s->chunk : s->data + FWD_PAYLOAD_MAX - s->last_len;
}

static bool put_last(struct fwd_reasm_slot *s, const struct fwd_dgram *d)
{
	if (s->chunk && !fits(s, s->chunk, d->len))
		return false;
	s->last_len = d->len;
	memcpy(last_place(s), d->data, d->len);
	return true;
}

static bool put_other(struct fwd_reasm_slot *s, const struct fwd_dgram *d)
{
	if (s->chunk == 0) {
		const uint8_t *parked = last_place(s);

		if (!fits(s, d->len, s->last_len))
			return false;
		s->chunk = d->len;
		memmove(last_place(s), parked, s->last_len);
	}
	if (d->len != s->chunk)
		return false;
	memcpy(s->data + d->index * s->chunk, d->data, d->len);
	return true;
}

int fwd_reasm_input(struct fwd_reasm *r, adit_time now, const struct fwd_dgram *d, const uint8_t **ret_data,
		    size_t *ret_len)
{
	struct fwd_reasm_slot *s;
	uint32_t bit = UINT32_C(1) << d->index % 32;

	fwd_reasm_tick(r, now);
	if (!d->is_fragment) {
		*ret_data = d->data;
		*ret_len = d->len;
		return 1;
	}
	s = find(r, d);
	if (!s)
		s = begin(r, d);
	if (s->count != d->count) {
		r->stats.inconsistent++;
		return ADIT_EPROTO;
	}
	if (s->got[d->index / 32] & bit) {
		r->stats.duplicates++;
		return 0;
	}
	if (d->index == d->count - 1 ? !put_last(s, d) : !put_other(s, d)) {
		r->stats.inconsistent++;
		return ADIT_EPROTO;
	}
	s->got[d->index / 32] |= bit;
	if (++s->n_got < s->count)
		return 0;
	s->used = false;
	r->stats.whole++;
	*ret_data = s->data;
	*ret_len = (s->count - 1u) * s->chunk + s->last_len;
	return 1;
}

void fwd_reasm_tick(struct fwd_reasm *r, adit_time now)
{
	assert(now >= r->now);
	r->now = now;
	for (size_t i = 0; i < r->n_begun; i++) {
		struct fwd_reasm_slot *s = &r->slots[i];

		if (s->used && now >= s->expire_at) {
			s->used = false;
			r->stats.expired++;
		}
	}
}

adit_time fwd_reasm_deadline(const struct fwd_reasm *r)
{
	adit_time at = ADIT_NEVER;

	for (size_t i = 0; i < r->n_begun; i++)
		if (r->slots[i].used)
			at = adit_time_min(at, r->slots[i].expire_at);
	return at;
}
