/*
 * Cryptography that everybody can do, for targets whose input must get behind it: every MAC is zero, every key follows
 * from its label. And randomness that counts, so that an input is replayed as it was.
 */
#ifndef ADIT_FUZZ_CRYPTO_H
#define ADIT_FUZZ_CRYPTO_H

#include <string.h>

#include "base/crypto.h"
#include "base/rng.h"
#include "fuzz.h"

/* Different for different bytes, and cheap. */
static inline void fuzz_hash(const void *data, size_t len, uint8_t *out, size_t out_len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ ((const uint8_t *)data)[i]) * 16777619u;
	for (size_t i = 0; i < out_len; i++) {
		h = h * 1664525u + 1013904223u;
		out[i] = (uint8_t)(h >> 24);
	}
}

static inline void fuzz_mac_sha1(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t ret_mac[20])
{
	fuzz_touch(key, key_len);
	fuzz_touch(data, len);
	memset(ret_mac, 0, 20);
}

static inline void fuzz_mac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len,
				   uint8_t ret_mac[32])
{
	fuzz_touch(key, key_len);
	fuzz_touch(data, len);
	memset(ret_mac, 0, 32);
}

static inline void fuzz_hkdf(const uint8_t *ikm, size_t ikm_len, const void *info, size_t info_len, uint8_t *out,
			     size_t out_len)
{
	fuzz_touch(ikm, ikm_len);
	fuzz_hash(info, info_len, out, out_len);
}

static const struct adit_crypto fuzz_crypto = {
	.hmac_sha1 = fuzz_mac_sha1, .hmac_sha256 = fuzz_mac_sha256, .hkdf_sha256 = fuzz_hkdf};

static inline void fuzz_count(void *ctx, void *buf, size_t len)
{
	uint64_t *next = ctx;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)((*next)++ * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

/* Goes on from |next|, which is borrowed. */
static inline struct adit_rng fuzz_rng(uint64_t *next)
{
	return (struct adit_rng){.fill = fuzz_count, .ctx = next};
}

#endif
