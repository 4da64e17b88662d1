/* The real primitives behind core/meet/meet_crypto.h: libsodium's. */
#ifndef ADIT_CRYPTO_MEET_H
#define ADIT_CRYPTO_MEET_H

#include "core/meet/meet_crypto.h"

extern const struct meet_crypto crypto_meet;

#endif
