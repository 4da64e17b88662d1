/*
 * MD5 (RFC 1321), for old protocols that use it as a checksum. It protects from nothing but accidents.
 */
#ifndef ADIT_CRYPTO_MD5_H
#define ADIT_CRYPTO_MD5_H

#include <stddef.h>
#include <stdint.h>

void crypto_md5(const void *data, size_t len, uint8_t ret_sum[16]);

#endif
