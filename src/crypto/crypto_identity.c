#include "crypto/crypto_identity.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"
#include "crypto/crypto.h"

/* Idempotent and thread-safe; fails only where the system has no randomness. */
static void need_sodium(void)
{
	if (sodium_init() < 0)
		abort();
}

static void system_fill(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	randombytes_buf(buf, len);
}

struct adit_rng crypto_rng(void)
{
	need_sodium();
	return (struct adit_rng){.fill = system_fill};
}

void crypto_identity_from_seed(struct crypto_identity *id, const uint8_t seed[CRYPTO_KEY_LEN])
{
	uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];

	need_sodium();
	memmove(id->seed, seed, CRYPTO_KEY_LEN);
	/* It returns an int for the interface's sake: hashing and one multiplication, nothing that fails. */
	(void)crypto_sign_ed25519_seed_keypair(id->public_key, secret, id->seed);
	adit_bytes_wipe(secret, sizeof(secret));
}

void crypto_identity_generate(struct crypto_identity *id)
{
	uint8_t seed[CRYPTO_KEY_LEN];

	need_sodium();
	randombytes_buf(seed, sizeof(seed));
	crypto_identity_from_seed(id, seed);
	adit_bytes_wipe(seed, sizeof(seed));
}

void crypto_identity_done(struct crypto_identity *id)
{
	if (id)
		adit_bytes_wipe(id, sizeof(*id));
}

size_t crypto_identity_format(const struct crypto_identity *id, char ret_text[CRYPTO_IDENTITY_TEXT_LEN])
{
	char seed[TRUST_BASE32_LEN(CRYPTO_KEY_LEN) + 1];
	char public[TRUST_BASE32_LEN(CRYPTO_KEY_LEN) + 1];
	int len;

	trust_base32_encode(id->seed, sizeof(id->seed), seed);
	trust_base32_encode(id->public_key, sizeof(id->public_key), public);
	len = snprintf(ret_text, CRYPTO_IDENTITY_TEXT_LEN, "adit identity 1\ned25519 %s %s\n", seed, public);
	adit_bytes_wipe(seed, sizeof(seed));
	return (size_t)len;
}

int crypto_identity_parse(const char *text, struct crypto_identity *ret_id)
{
	char seed_text[64];
	char public_text[64];
	uint8_t seed[CRYPTO_KEY_LEN];
	uint8_t public[CRYPTO_KEY_LEN];
	unsigned version = 0;
	int end = 0;
	int n = sscanf(text, "adit identity %4u ed25519 %63s %63s %n", &version, seed_text, public_text, &end);
	bool good;

	if (n >= 1 && version > 1)
		return ADIT_EVERSION;
	good = n == 3 && version == 1 && text[end] == '\0' &&
	       trust_base32_decode(seed_text, strlen(seed_text), seed, sizeof(seed)) == (int)sizeof(seed) &&
	       trust_base32_decode(public_text, strlen(public_text), public, sizeof(public)) == (int)sizeof(public);
	if (good) {
		crypto_identity_from_seed(ret_id, seed);
		good = memcmp(ret_id->public_key, public, sizeof(public)) == 0;
		if (!good)
			crypto_identity_done(ret_id);
	}
	adit_bytes_wipe(seed, sizeof(seed));
	adit_bytes_wipe(seed_text, sizeof(seed_text));
	return good ? 0 : ADIT_EINVAL;
}

int crypto_shared(const struct crypto_identity *id, const uint8_t peer_key[CRYPTO_KEY_LEN],
		  uint8_t ret_shared[CRYPTO_KEY_LEN])
{
	uint8_t point[crypto_scalarmult_curve25519_BYTES];
	uint8_t scalar[crypto_scalarmult_curve25519_SCALARBYTES];
	uint8_t shared[crypto_scalarmult_curve25519_BYTES];
	uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
	int err = ADIT_EINVAL;

	/* Refuses small order, and points outside of the main subgroup. */
	if (crypto_sign_ed25519_pk_to_curve25519(point, peer_key) != 0)
		return ADIT_EINVAL;
	memcpy(secret, id->seed, CRYPTO_KEY_LEN);
	memcpy(secret + CRYPTO_KEY_LEN, id->public_key, CRYPTO_KEY_LEN);
	(void)crypto_sign_ed25519_sk_to_curve25519(scalar, secret);
	/* RFC 7748 6.1: an all-zero result is refused, too. */
	if (crypto_scalarmult_curve25519(shared, scalar, point) == 0) {
		memcpy(ret_shared, shared, sizeof(shared));
		err = 0;
	}
	adit_bytes_wipe(secret, sizeof(secret));
	adit_bytes_wipe(scalar, sizeof(scalar));
	adit_bytes_wipe(shared, sizeof(shared));
	return err;
}
