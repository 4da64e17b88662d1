#include "lab/lab_zoo.h"

#include <string.h>

/* RFC 6052 2.1. */
static const uint8_t well_known[12] = {0x00, 0x64, 0xff, 0x9b};

/*
 * RFC 6052 2.2: the IPv4 address follows the prefix, but for the octet of bits 64 to 71, which is 0. The place of its
 * |i|th octet behind |bytes| octets of prefix:
 */
static size_t octet_at(size_t bytes, size_t i)
{
	size_t at = bytes + i;

	return bytes <= 8 && at >= 8 ? at + 1 : at;
}

static const uint8_t *prefix_or_default(const uint8_t prefix[16], uint8_t *len)
{
	if (*len != 0)
		return prefix;
	*len = 96;
	return well_known;
}

struct adit_addr lab_zoo_synthesize(const uint8_t prefix[16], uint8_t prefix_len, const struct adit_addr *v4)
{
	const uint8_t *p = prefix_or_default(prefix, &prefix_len);
	size_t bytes = prefix_len / 8;
	struct adit_addr v6 = {.family = ADIT_FAMILY_V6, .port = v4->port};

	memcpy(v6.ip, p, bytes);
	for (size_t i = 0; i < 4; i++)
		v6.ip[octet_at(bytes, i)] = v4->ip[i];
	return v6;
}

bool lab_zoo_extract(const uint8_t prefix[16], uint8_t prefix_len, const struct adit_addr *v6, struct adit_addr *ret_v4)
{
	const uint8_t *p = prefix_or_default(prefix, &prefix_len);
	size_t bytes = prefix_len / 8;
	struct adit_addr v4 = {.family = ADIT_FAMILY_V4, .port = v6->port};

	if (v6->family != ADIT_FAMILY_V6 || memcmp(v6->ip, p, bytes) != 0)
		return false;
	for (size_t i = 0; i < 4; i++)
		v4.ip[i] = v6->ip[octet_at(bytes, i)];
	*ret_v4 = v4;
	return true;
}
