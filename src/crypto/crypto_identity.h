/*
 * The identity of an installation: one Ed25519 key pair (RFC 8032), kept as its seed. TLS proves it (raw public key),
 * tickets name it, and two identities that know each other share a secret without a ticket.
 */
#ifndef ADIT_CRYPTO_IDENTITY_H
#define ADIT_CRYPTO_IDENTITY_H

#include <stddef.h>
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
 * The secret as text, which is what the program's identity file holds: "adit identity 1\ned25519 SEED PUBLIC\n", both
 * in base32. The public key is there to notice damage: any seed is a valid one, and a wrong one would be a stranger to
 * everybody.
 */
#define CRYPTO_IDENTITY_TEXT_LEN 160 /* with the NUL */

/* Returns the length. */
size_t crypto_identity_format(const struct crypto_identity *id, char ret_text[CRYPTO_IDENTITY_TEXT_LEN]);
/* 0; EVERSION: a later version wrote it; EINVAL: it is damaged. |text| ends with a NUL. */
ADIT_MUST_CHECK int crypto_identity_parse(const char *text, struct crypto_identity *ret_id);

/*
 * X25519(static, static) of |id| and the peer's Ed25519 key, both mapped to Curve25519: equal on both sides. To be fed
 * to a key derivation (trust_keys.h), never used as a key itself. EINVAL: |peer_key| is no point of the prime-order
 * group (low order, mixed order, not on the curve), so nobody can prove to own it.
 */
ADIT_MUST_CHECK int crypto_shared(const struct crypto_identity *id, const uint8_t peer_key[CRYPTO_KEY_LEN],
				  uint8_t ret_shared[CRYPTO_KEY_LEN]);

#endif
