/*
 * The few primitives that floors 0 and 1 need, handed in from above (src/crypto/ has the real ones).
 * None of them can fail on the lengths allowed here.
 */
#ifndef ADIT_BASE_CRYPTO_H
#define ADIT_BASE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

struct adit_crypto {
	/* RFC 2104 over |len| bytes, with |key_len| key bytes. */
	void (*hmac_sha1)(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t ret_mac[20]);
	void (*hmac_sha256)(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t ret_mac[32]);
	/* RFC 1321, for the keys of RFC 5389's long-term credentials and nothing else. */
	void (*md5)(const void *data, size_t len, uint8_t ret_hash[16]);
	/* FIPS 180-4. */
	void (*sha256)(const void *data, size_t len, uint8_t ret_hash[32]);
	/*
	 * RFC 5869 HKDF-SHA256, extract (empty salt) and expand: |out_len| <= 255 * 32 bytes from the secret |ikm|,
	 * bound to |info|.
	 */
	void (*hkdf_sha256)(const uint8_t *ikm, size_t ikm_len, const void *info, size_t info_len, uint8_t *out,
			    size_t out_len);
};

#endif
