#include "core/trust/trust_base32.h"

size_t trust_base32_encode(const void *data, size_t len, char *text)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	const uint8_t *p = data;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		acc = acc << 8 | p[i];
		for (bits += 8; bits >= 5; bits -= 5)
			text[n++] = alphabet[acc >> (bits - 5) & 31];
	}
	if (bits > 0)
		text[n++] = alphabet[acc << (5 - bits) & 31];
	text[n] = '\0';
	return n;
}

bool trust_base32_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int digit_of(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

int trust_base32_decode(const char *text, size_t len, uint8_t *ret_data, size_t cap)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int digit;

		if (trust_base32_is_space(text[i]))
			continue;
		digit = digit_of(text[i]);
		if (digit < 0)
			return ADIT_EINVAL;
		acc = acc << 5 | (uint32_t)digit;
		bits += 5;
		if (bits < 8)
			continue;
		if (n == cap)
			return ADIT_EFULL;
		bits -= 8;
		ret_data[n++] = (uint8_t)(acc >> bits);
	}
	/* Five bits or more left: the last character added nothing. Set bits left: another spelling of the same bytes.
	 */
	if (bits >= 5 || (acc & ((1u << bits) - 1)) != 0)
		return ADIT_EINVAL;
	return (int)n;
}
