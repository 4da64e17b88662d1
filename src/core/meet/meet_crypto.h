/*
 * The primitives that only meetings need, handed in from above (src/crypto/crypto_meet.h has the real ones). None can
 * fail but where it says so.
 */
#ifndef ADIT_MEET_CRYPTO_H
#define ADIT_MEET_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/meet/meet_limits.h"

struct meet_crypto {
	/* RFC 7693 BLAKE2b with 16 bytes of output, no key. */
	void (*blake2b_128)(const void *data, size_t len, uint8_t ret_hash[MEET_ID_LEN]);
	/* RFC 8032 Ed25519. */
	bool (*verify)(const uint8_t key[MEET_KEY_LEN], const void *data, size_t len, const uint8_t sig[MEET_SIG_LEN]);
	void (*sign)(const uint8_t seed[MEET_KEY_LEN], const void *data, size_t len, uint8_t ret_sig[MEET_SIG_LEN]);
	/* XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): |out| gets |len| + MEET_SEAL_TAG bytes. */
	void (*seal)(const uint8_t key[MEET_SEAL_KEY], const uint8_t nonce[MEET_SEAL_NONCE], const void *ad,
		     size_t ad_len, const void *data, size_t len, uint8_t *out);
	/* |out| gets |len| - MEET_SEAL_TAG bytes; false and nothing, where it is not authentic. */
	bool (*open)(const uint8_t key[MEET_SEAL_KEY], const uint8_t nonce[MEET_SEAL_NONCE], const void *ad,
		     size_t ad_len, const void *data, size_t len, uint8_t *out);
	/* RFC 7748 X25519. */
	void (*x25519_public)(const uint8_t secret[MEET_X25519_LEN], uint8_t ret_public[MEET_X25519_LEN]);
	/* false: |public| is one of the few with which everybody knows the result. */
	bool (*x25519)(const uint8_t secret[MEET_X25519_LEN], const uint8_t public[MEET_X25519_LEN],
		       uint8_t ret_shared[MEET_X25519_LEN]);
};

#endif
