/*
 * RFC 4648 6 base32: lower case, no padding. Reading accepts either case and skips white space, so that text which was
 * wrapped or shouted on its way still works; apart from that there is exactly one spelling for each byte string.
 */
#ifndef ADIT_TRUST_BASE32_H
#define ADIT_TRUST_BASE32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/trust/trust_limits.h"

/* Writes TRUST_BASE32_LEN(len) characters and a NUL to |text|, which has room for them. Returns their number. */
size_t trust_base32_encode(const void *data, size_t len, char *text);

/*
 * Returns how many bytes |ret_data| got. EINVAL: a character outside of the alphabet, a length that no byte string has,
 * or bits left over that are not zero. EFULL: more than |cap| bytes. |ret_data| is undefined on failure.
 */
ADIT_MUST_CHECK int trust_base32_decode(const char *text, size_t len, uint8_t *ret_data, size_t cap);

/* What trust_base32_decode() skips: space, \t, \n, \v, \f, \r. */
bool trust_base32_is_space(char c);

#endif
