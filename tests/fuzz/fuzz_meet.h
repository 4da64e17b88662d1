/*
 * As fuzz_crypto.h, for mediators and what goes through them: a signature that begins with a zero is good, and a seal
 * that ends in one.
 */
#ifndef ADIT_FUZZ_MEET_H
#define ADIT_FUZZ_MEET_H

#include "core/meet/meet_crypto.h"
#include "core/meet/meet_limits.h"
#include "fuzz_crypto.h"

static inline void fuzz_blake(const void *data, size_t len, uint8_t ret_hash[MEET_ID_LEN])
{
	fuzz_hash(data, len, ret_hash, MEET_ID_LEN);
}

static inline bool fuzz_verify(const uint8_t key[MEET_KEY_LEN], const void *data, size_t len,
			       const uint8_t sig[MEET_SIG_LEN])
{
	fuzz_touch(key, MEET_KEY_LEN);
	fuzz_touch(data, len);
	return sig[0] == 0;
}

static inline void fuzz_sign(const uint8_t seed[MEET_KEY_LEN], const void *data, size_t len,
			     uint8_t ret_sig[MEET_SIG_LEN])
{
	fuzz_touch(seed, MEET_KEY_LEN);
	fuzz_touch(data, len);
	memset(ret_sig, 0, MEET_SIG_LEN);
}

static inline void fuzz_seal(const uint8_t key[MEET_SEAL_KEY], const uint8_t nonce[MEET_SEAL_NONCE], const void *ad,
			     size_t ad_len, const void *data, size_t len, uint8_t *out)
{
	fuzz_touch(key, MEET_SEAL_KEY);
	fuzz_touch(nonce, MEET_SEAL_NONCE);
	fuzz_touch(ad, ad_len);
	memcpy(out, data, len);
	memset(out + len, 0, MEET_SEAL_TAG);
}

static inline bool fuzz_unseal(const uint8_t key[MEET_SEAL_KEY], const uint8_t nonce[MEET_SEAL_NONCE], const void *ad,
			       size_t ad_len, const void *data, size_t len, uint8_t *out)
{
	fuzz_touch(key, MEET_SEAL_KEY);
	fuzz_touch(nonce, MEET_SEAL_NONCE);
	fuzz_touch(ad, ad_len);
	fuzz_touch(data, len);
	memcpy(out, data, len - MEET_SEAL_TAG);
	return ((const uint8_t *)data)[len - 1] == 0;
}

static inline void fuzz_x25519_public(const uint8_t secret[MEET_X25519_LEN], uint8_t ret_public[MEET_X25519_LEN])
{
	memcpy(ret_public, secret, MEET_X25519_LEN);
}

/* A key that begins with a zero is none. */
static inline bool fuzz_x25519(const uint8_t secret[MEET_X25519_LEN], const uint8_t public[MEET_X25519_LEN],
			       uint8_t ret_shared[MEET_X25519_LEN])
{
	for (size_t i = 0; i < MEET_X25519_LEN; i++)
		ret_shared[i] = secret[i] ^ public[i];
	return public[0] != 0;
}

static const struct meet_crypto fuzz_meet_crypto = {.blake2b_128 = fuzz_blake,
						    .verify = fuzz_verify,
						    .sign = fuzz_sign,
						    .seal = fuzz_seal,
						    .open = fuzz_unseal,
						    .x25519_public = fuzz_x25519_public,
						    .x25519 = fuzz_x25519};

#endif
