/*
 * SipHash-2-4 (Aumasson, Bernstein): a keyed hash of short input whose values nobody without the key can predict. For
 * tables that strangers fill, and for cookies that prove a return path (as RFC 9018 uses it). Not for long-lived
 * secrets: 64 bits.
 */
#ifndef ADIT_BASE_SIPHASH_H
#define ADIT_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define ADIT_SIPHASH_KEY_LEN 16

uint64_t adit_siphash(const uint8_t key[ADIT_SIPHASH_KEY_LEN], const void *data, size_t len);

#endif
