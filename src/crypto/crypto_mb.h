/*
 * AES-128-GCM of Intel's libipsec-mb: three times as fast as GnuTLS with VAES (140 ns against 470 for 1423 bytes), a
 * little faster with AES-NI alone. Looked for at run time:
 * neither building nor running needs it.
 */
#ifndef ADIT_CRYPTO_MB_H
#define ADIT_CRYPTO_MB_H

#include <stdbool.h>

#include "base/aead.h"

/*
 * The first call loads and tests the library (under a millisecond), the others remember; any thread. NULL where it
 * cannot be used. |ret_why| is set in both cases: the version found, or what is missing; static.
 */
const struct adit_aead *crypto_mb(const char **ret_why);

/* Known answers both ways, agreement with GnuTLS on full packets, and forgeries refused: what crypto_mb() asks. */
bool crypto_mb_is_right(const struct adit_aead *aead);

#endif
