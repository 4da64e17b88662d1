/*
 * The real primitives behind base/crypto.h (GnuTLS) and base/rng.h (libsodium). crypto_identity.h has the keys of an
 * installation. The crypto room sits beside the machines of floor 2 and uses floor 0 alone; core never includes it.
 */
#ifndef ADIT_CRYPTO_CRYPTO_H
#define ADIT_CRYPTO_CRYPTO_H

#include "base/crypto.h"
#include "base/rng.h"

/* Stateless: any thread, any time. A failure inside the library (it would be its self-test) aborts the program. */
extern const struct adit_crypto crypto_gnutls;

/* The system's randomness. Needs no state: copy it freely. */
struct adit_rng crypto_rng(void);

#endif
