/*
 * AES-128-GCM (NIST SP 800-38D, RFC 5116 5.1: 96-bit nonce, 128-bit tag) for QUIC packets, handed in from above where
 * something faster than the TLS library's own is at hand (src/crypto/crypto_mb.h).
 */
#ifndef ADIT_BASE_AEAD_H
#define ADIT_BASE_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADIT_AEAD_KEY_LEN   16
#define ADIT_AEAD_NONCE_LEN 12
#define ADIT_AEAD_TAG_LEN   16

struct adit_aead_key;

struct adit_aead {
	const char *name; /* for traces and status; static */
	/* The key's schedule, for one thread at a time; NULL: no memory. |key| is copied. */
	struct adit_aead_key *(*key_new)(const uint8_t key[ADIT_AEAD_KEY_LEN]);
	/* Wipes it. NULL is fine. */
	void (*key_free)(struct adit_aead_key *k);
	/* |text_len| bytes and the tag behind them go to |dest|, which may be |text|. */
	void (*seal)(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
		     const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len);
	/*
	 * |text_len| counts the tag; |dest|, which may be |text|, gets so many bytes less. False: forged, and |dest|
	 * holds zeros.
	 */
	bool (*open)(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
		     const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len);
};

#endif
