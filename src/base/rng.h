/*
 * Randomness comes in from above: the system's in the program, a seeded generator
 * in the simulator, where the same seed and inputs give the same bytes out.
 */
#ifndef ADIT_BASE_RNG_H
#define ADIT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct adit_rng {
	void (*fill)(void *ctx, void *buf, size_t len); /* never fails */
	void *ctx; /* borrowed for the rng's life */
};

void adit_rng_fill(const struct adit_rng *r, void *buf, size_t len);
uint64_t adit_rng_u64(const struct adit_rng *r);

/* Uniform in [0, n); |n| > 0. Rejection, so without bias. */
uint64_t adit_rng_below(const struct adit_rng *r, uint64_t n);

/*
 * A seeded generator (xoshiro256** by Blackman and Vigna, seeded by splitmix64), for simulation and tests only:
 * it is fast and repeatable, and guessable.
 */
struct adit_rng_seeded {
	uint64_t s[4];
};

/* The returned rng borrows |state|. */
struct adit_rng adit_rng_seeded_init(struct adit_rng_seeded *state, uint64_t seed);

#endif
