/* struct adit_crypto by GnuTLS: SHA-256, HMAC, HKDF. Random bytes and identities: crypto_identity.c. */
#include <stdlib.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "crypto/crypto.h"
#include "crypto/crypto_md5.h"

#define SHA256_LEN 32

/*
 * None of these calls can fail for a reason that lies in the input, and they do not allocate. What is left is a GnuTLS
 * that refuses the algorithm (a failed self-test). Going on would mean a MAC of stack garbage, so we do not.
 */
static void must(int rc)
{
	if (rc < 0)
		abort();
}

static void do_hmac_sha1(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t ret_mac[20])
{
	must(gnutls_hmac_fast(GNUTLS_MAC_SHA1, key, key_len, data, len, ret_mac));
}

static void do_hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t ret_mac[32])
{
	must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key_len, data, len, ret_mac));
}

static void do_sha256(const void *data, size_t len, uint8_t ret_hash[32])
{
	must(gnutls_hash_fast(GNUTLS_DIG_SHA256, data, len, ret_hash));
}

static void do_hkdf_sha256(const uint8_t *ikm, size_t ikm_len, const void *info, size_t info_len, uint8_t *out,
			   size_t out_len)
{
	uint8_t prk[SHA256_LEN];
	gnutls_datum_t ikm_d = {.data = (unsigned char *)ikm, .size = (unsigned)ikm_len};
	gnutls_datum_t info_d = {.data = (unsigned char *)info, .size = (unsigned)info_len};
	gnutls_datum_t prk_d = {.data = prk, .size = sizeof(prk)};

	must(gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &ikm_d, NULL, prk));
	must(gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &prk_d, &info_d, out, out_len));
	gnutls_memset(prk, 0, sizeof(prk));
}

const struct adit_crypto crypto_gnutls = {
	.hmac_sha1 = do_hmac_sha1,
	.hmac_sha256 = do_hmac_sha256,
	.md5 = crypto_md5,
	.sha256 = do_sha256,
	.hkdf_sha256 = do_hkdf_sha256,
};
