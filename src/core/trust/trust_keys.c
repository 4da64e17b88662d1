#include "core/trust/trust_keys.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

static const char TICKET_LABEL[] = "adit 1 pair secret from ticket";
static const char SHARED_LABEL[] = "adit 1 pair secret from keys";
static const char PROOF_LABEL[] = "adit 1 access proof";

void trust_keys_from_ticket(const struct adit_crypto *crypto, const struct trust_ticket *t, uint8_t ret_k[TRUST_K_LEN])
{
	uint8_t info[sizeof(TICKET_LABEL) - 1 + TRUST_KEY_LEN + TRUST_SECRET_ID_LEN];
	struct adit_wr w = adit_wr_over(info, sizeof(info));

	assert(!trust_ticket_is_by_key(t));
	adit_wr_bytes(&w, TICKET_LABEL, sizeof(TICKET_LABEL) - 1);
	adit_wr_bytes(&w, t->identity, sizeof(t->identity));
	adit_wr_bytes(&w, t->secret_id, sizeof(t->secret_id));
	crypto->hkdf_sha256(t->secret, sizeof(t->secret), info, w.len, ret_k, TRUST_K_LEN);
}

void trust_keys_from_shared(const struct adit_crypto *crypto, const uint8_t shared[32],
			    const uint8_t serve_key[TRUST_KEY_LEN], const uint8_t connect_key[TRUST_KEY_LEN],
			    uint8_t ret_k[TRUST_K_LEN])
{
	uint8_t info[sizeof(SHARED_LABEL) - 1 + 2 * TRUST_KEY_LEN];
	struct adit_wr w = adit_wr_over(info, sizeof(info));

	adit_wr_bytes(&w, SHARED_LABEL, sizeof(SHARED_LABEL) - 1);
	adit_wr_bytes(&w, serve_key, TRUST_KEY_LEN);
	adit_wr_bytes(&w, connect_key, TRUST_KEY_LEN);
	crypto->hkdf_sha256(shared, 32, info, w.len, ret_k, TRUST_K_LEN);
}

void trust_keys_derive(const struct adit_crypto *crypto, const uint8_t k[TRUST_K_LEN], const char *label, uint8_t *out,
		       size_t out_len)
{
	crypto->hkdf_sha256(k, TRUST_K_LEN, label, strlen(label), out, out_len);
}

void trust_keys_proof(const struct adit_crypto *crypto, const uint8_t k[TRUST_K_LEN], enum trust_role role,
		      const uint8_t exporter[TRUST_EXPORTER_LEN], uint8_t ret_proof[TRUST_PROOF_LEN])
{
	uint8_t key[32];
	uint8_t msg[1 + TRUST_EXPORTER_LEN];
	struct adit_wr w = adit_wr_over(msg, sizeof(msg));

	trust_keys_derive(crypto, k, PROOF_LABEL, key, sizeof(key));
	adit_wr_u8(&w, (uint8_t)role);
	adit_wr_bytes(&w, exporter, TRUST_EXPORTER_LEN);
	crypto->hmac_sha256(key, sizeof(key), msg, w.len, ret_proof);
	adit_bytes_wipe(key, sizeof(key));
}

bool trust_keys_is_proof(const struct adit_crypto *crypto, const uint8_t k[TRUST_K_LEN], enum trust_role role,
			 const uint8_t exporter[TRUST_EXPORTER_LEN], const uint8_t proof[TRUST_PROOF_LEN])
{
	uint8_t want[TRUST_PROOF_LEN];
	bool same;

	trust_keys_proof(crypto, k, role, exporter, want);
	same = adit_bytes_eq_ct(want, proof, sizeof(want));
	adit_bytes_wipe(want, sizeof(want));
	return same;
}
