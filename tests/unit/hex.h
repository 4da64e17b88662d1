/* Bytes from hexadecimal text, for vectors. Spaces between bytes are allowed. */
#ifndef ADIT_TEST_HEX_H
#define ADIT_TEST_HEX_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The number of bytes; at most |cap|. */
static inline size_t from_hex(const char *text, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned byte;

	while (*text && n < cap) {
		if (*text == ' ') {
			text++;
			continue;
		}
		if (sscanf(text, "%2x", &byte) != 1)
			break;
		out[n++] = (uint8_t)byte;
		text += 2;
	}
	return n;
}

#endif
