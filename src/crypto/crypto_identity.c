#include "crypto/crypto_identity.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
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
