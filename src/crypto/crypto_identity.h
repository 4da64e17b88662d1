/*
 * The identity of an installation: one Ed25519 key pair (RFC 8032), kept as its seed. TLS proves it (raw public key),
 * tickets name it, and two identities that know each other share a secret without a ticket.
 */
#ifndef ADIT_CRYPTO_IDENTITY_H
#define ADIT_CRYPTO_IDENTITY_H

#include <stdint.h>

#include "base/err.h"

#define CRYPTO_KEY_LEN 32

struct crypto_identity {
	uint8_t public_key[CRYPTO_KEY_LEN];
	uint8_t seed[CRYPTO_KEY_LEN]; /* secret: crypto_identity_done() when no longer needed */
};

void crypto_identity_generate(struct crypto_identity *id);
void crypto_identity_from_seed(struct crypto_identity *id, const uint8_t seed[CRYPTO_KEY_LEN]);
/* Wipes it. NULL is fine. */
void crypto_identity_done(struct crypto_identity *id);

/*
 * X25519(static, static) of |id| and the peer's Ed25519 key, both mapped to Curve25519: equal on both sides. To be fed
 * to a key derivation (trust_keys.h), never used as a key itself. EINVAL: |peer_key| is no point of the prime-order
 * group (low order, mixed order, not on the curve), so nobody can prove to own it.
 */
ADIT_MUST_CHECK int crypto_shared(const struct crypto_identity *id, const uint8_t peer_key[CRYPTO_KEY_LEN],
				  uint8_t ret_shared[CRYPTO_KEY_LEN]);

#endif
