#include "base/rng.h"

#include <string.h>

void adit_rng_fill(const struct adit_rng *r, void *buf, size_t len)
{
	r->fill(r->ctx, buf, len);
}

uint64_t adit_rng_u64(const struct adit_rng *r)
{
	uint64_t v;

	r->fill(r->ctx, &v, sizeof(v));
	return v;
}

uint64_t adit_rng_below(const struct adit_rng *r, uint64_t n)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % n;
	uint64_t v;

	do
		v = adit_rng_u64(r);
	while (v >= limit);
	return v % n;
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static uint64_t seeded_next(struct adit_rng_seeded *g)
{
	uint64_t *s = g->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

static void seeded_fill(void *ctx, void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len > 0) {
		uint64_t v = seeded_next(ctx);
		size_t n = len < sizeof(v) ? len : sizeof(v);

		memcpy(out, &v, n);
		out += n;
		len -= n;
	}
}

struct adit_rng adit_rng_seeded_init(struct adit_rng_seeded *state, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		state->s[i] = z ^ z >> 31;
	}
	return (struct adit_rng){.fill = seeded_fill, .ctx = state};
}
