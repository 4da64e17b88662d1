#include <stdlib.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "crypto/crypto_md5.h"

void crypto_md5(const void *data, size_t len, uint8_t ret_sum[16])
{
	int rc;

	/* In FIPS mode GnuTLS refuses MD5 unless told that this is not cryptography. */
	GNUTLS_FIPS140_SET_LAX_MODE();
	rc = gnutls_hash_fast(GNUTLS_DIG_MD5, data, len, ret_sum);
	GNUTLS_FIPS140_SET_STRICT_MODE();
	if (rc < 0)
		abort(); /* no input can cause this, only a library without MD5; going on would send stack garbage */
}
