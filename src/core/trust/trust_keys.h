/*
 * The pair secret K: 32 bytes that two peers share, and from which everything between them is derived, each with its
 * own label. It comes from a ticket or, where keys are admitted, from X25519 of both identities.
 */
#ifndef ADIT_TRUST_KEYS_H
#define ADIT_TRUST_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "core/trust/trust_limits.h"
#include "core/trust/trust_ticket.h"

/* Whose proof it is: one side's cannot be sent back as the other's. */
enum trust_role {
	TRUST_ROLE_SERVE = 0,
	TRUST_ROLE_CONNECT = 1,
};

/* K = HKDF(secret, label || identity || secret id). The ticket has a secret (else everybody could compute K). */
void trust_keys_from_ticket(const struct adit_crypto *crypto, const struct trust_ticket *t, uint8_t ret_k[TRUST_K_LEN]);

/* K = HKDF(X25519 of both, label || serve key || connect key). */
void trust_keys_from_shared(const struct adit_crypto *crypto, const uint8_t shared[32],
			    const uint8_t serve_key[TRUST_KEY_LEN], const uint8_t connect_key[TRUST_KEY_LEN],
			    uint8_t ret_k[TRUST_K_LEN]);

/* A key for one purpose: HKDF(K, label). |label| is unique to the purpose; |out_len| <= 255 * 32. */
void trust_keys_derive(const struct adit_crypto *crypto, const uint8_t k[TRUST_K_LEN], const char *label, uint8_t *out,
		       size_t out_len);

/* The label of the TLS exporter that a proof is bound to (RFC 8446 7.5, RFC 5705 4). */
#define TRUST_EXPORTER_LABEL "EXPERIMENTAL-adit-access"

/*
 * The access proof of |role|: HMAC-SHA256(HKDF(K, "proof"), role || exporter). Good in this one TLS session only, whose
 * transcript holds the serve side's key; the connect side's own key is proven by TLS itself.
 */
void trust_keys_proof(const struct adit_crypto *crypto, const uint8_t k[TRUST_K_LEN], enum trust_role role,
		      const uint8_t exporter[TRUST_EXPORTER_LEN], uint8_t ret_proof[TRUST_PROOF_LEN]);

/* Did |role| prove K? In constant time. */
bool trust_keys_is_proof(const struct adit_crypto *crypto, const uint8_t k[TRUST_K_LEN], enum trust_role role,
			 const uint8_t exporter[TRUST_EXPORTER_LEN], const uint8_t proof[TRUST_PROOF_LEN]);

#endif
