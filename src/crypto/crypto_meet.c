#include "crypto/crypto_meet.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/bytes.h"

static void do_blake2b_128(const void *data, size_t len, uint8_t ret_hash[MEET_ID_LEN])
{
	/* Fails for lengths outside of what is fixed here only. */
	if (crypto_generichash(ret_hash, MEET_ID_LEN, data, len, NULL, 0) != 0)
		abort();
}

static bool do_verify(const uint8_t key[MEET_KEY_LEN], const void *data, size_t len, const uint8_t sig[MEET_SIG_LEN])
{
	return crypto_sign_verify_detached(sig, data, len, key) == 0;
}

static void do_sign(const uint8_t seed[MEET_KEY_LEN], const void *data, size_t len, uint8_t ret_sig[MEET_SIG_LEN])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	uint8_t key[crypto_sign_PUBLICKEYBYTES];

	(void)crypto_sign_seed_keypair(key, secret, seed);
	(void)crypto_sign_detached(ret_sig, NULL, data, len, secret);
	adit_bytes_wipe(secret, sizeof(secret));
}

static void do_seal(const uint8_t key[MEET_SEAL_KEY], const uint8_t nonce[MEET_SEAL_NONCE], const void *ad,
		    size_t ad_len, const void *data, size_t len, uint8_t *out)
{
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, data, len, ad, ad_len, NULL, nonce, key);
}

static bool do_open(const uint8_t key[MEET_SEAL_KEY], const uint8_t nonce[MEET_SEAL_NONCE], const void *ad,
		    size_t ad_len, const void *data, size_t len, uint8_t *out)
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, data, len, ad, ad_len, nonce, key) == 0;
}

static void do_x25519_public(const uint8_t secret[MEET_X25519_LEN], uint8_t ret_public[MEET_X25519_LEN])
{
	(void)crypto_scalarmult_base(ret_public, secret);
}

static bool do_x25519(const uint8_t secret[MEET_X25519_LEN], const uint8_t public[MEET_X25519_LEN],
		      uint8_t ret_shared[MEET_X25519_LEN])
{
	return crypto_scalarmult(ret_shared, secret, public) == 0;
}

const struct meet_crypto crypto_meet = {
	.blake2b_128 = do_blake2b_128,
	.verify = do_verify,
	.sign = do_sign,
	.seal = do_seal,
	.open = do_open,
	.x25519_public = do_x25519_public,
	.x25519 = do_x25519,
};
