#include "core/stun/stun_attr.h"

#include <string.h>

/* RFC 8489 14.1 */
#define FAMILY_V4         1
#define FAMILY_V6         2
#define COOKIE_HIGH_BITS  ((uint16_t)(STUN_COOKIE >> 16))
#define EVEN_PORT_RESERVE 0x80 /* RFC 8656 18.7 */

static struct adit_rd over(const struct stun_attr *a)
{
	return adit_rd_over(a->value, a->len);
}

/* Everything was there, and nothing more. */
static int done(const struct adit_rd *r)
{
	return r->bad || adit_rd_left(r) > 0 ? ADIT_EPROTO : 0;
}

int stun_attr_read_addr(const struct stun_attr *a, struct adit_addr *ret_addr)
{
	struct adit_rd r = over(a);
	struct adit_addr addr = {0};
	uint8_t family;

	adit_rd_skip(&r, 1);
	family = adit_rd_u8(&r);
	addr.port = adit_rd_u16(&r);
	if (family != FAMILY_V4 && family != FAMILY_V6)
		return ADIT_EPROTO;
	addr.family = family == FAMILY_V4 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6;
	adit_rd_bytes(&r, addr.ip, family == FAMILY_V4 ? 4 : 16);
	if (done(&r) < 0)
		return ADIT_EPROTO;
	*ret_addr = addr;
	return 0;
}

/* RFC 8489 14.2: the port against the cookie's high half, the address against cookie and transaction. Its own inverse.
 */
static struct adit_addr xor_addr(struct adit_addr addr, const uint8_t *txid)
{
	uint8_t mask[16] = {(uint8_t)(STUN_COOKIE >> 24), (uint8_t)(STUN_COOKIE >> 16), (uint8_t)(STUN_COOKIE >> 8),
			    (uint8_t)STUN_COOKIE};
	size_t len = adit_addr_is_v4(&addr) ? 4 : 16;

	memcpy(mask + 4, txid, STUN_TXID_LEN);
	addr.port ^= COOKIE_HIGH_BITS;
	for (size_t i = 0; i < len; i++)
		addr.ip[i] ^= mask[i];
	return addr;
}

int stun_attr_read_xor_addr(const struct stun_attr *a, const uint8_t *txid, struct adit_addr *ret_addr)
{
	struct adit_addr addr;

	if (stun_attr_read_addr(a, &addr) < 0)
		return ADIT_EPROTO;
	*ret_addr = xor_addr(addr, txid);
	return 0;
}

int stun_attr_read_u32(const struct stun_attr *a, uint32_t *ret_v)
{
	struct adit_rd r = over(a);
	uint32_t v = adit_rd_u32(&r);

	if (done(&r) < 0)
		return ADIT_EPROTO;
	*ret_v = v;
	return 0;
}

int stun_attr_read_u64(const struct stun_attr *a, uint64_t *ret_v)
{
	struct adit_rd r = over(a);
	uint64_t v = adit_rd_u64(&r);

	if (done(&r) < 0)
		return ADIT_EPROTO;
	*ret_v = v;
	return 0;
}

int stun_attr_read_u16_pad(const struct stun_attr *a, uint16_t *ret_v)
{
	uint32_t v;

	if (stun_attr_read_u32(a, &v) < 0)
		return ADIT_EPROTO;
	*ret_v = (uint16_t)(v >> 16);
	return 0;
}

int stun_attr_read_u8_pad(const struct stun_attr *a, uint8_t *ret_v)
{
	uint32_t v;

	if (stun_attr_read_u32(a, &v) < 0)
		return ADIT_EPROTO;
	*ret_v = (uint8_t)(v >> 24);
	return 0;
}

int stun_attr_read_even_port(const struct stun_attr *a, bool *ret_reserve)
{
	if (a->len != 1)
		return ADIT_EPROTO;
	*ret_reserve = (a->value[0] & EVEN_PORT_RESERVE) != 0;
	return 0;
}

int stun_attr_read_error(const struct stun_attr *a, unsigned *ret_code, const uint8_t **ret_text, size_t *ret_len)
{
	struct adit_rd r = over(a);
	unsigned class;
	unsigned number;

	adit_rd_skip(&r, 2);
	class = adit_rd_u8(&r) & 7;
	number = adit_rd_u8(&r);
	if (r.bad || class < 3 || class > 6 || number > 99 || adit_rd_left(&r) > STUN_TEXT_MAX)
		return ADIT_EPROTO;
	*ret_code = class * 100 + number;
	*ret_len = adit_rd_left(&r);
	*ret_text = adit_rd_take(&r, *ret_len);
	return 0;
}

int stun_attr_read_unknown(const struct stun_attr *a, uint16_t *ret_types, size_t max)
{
	struct adit_rd r = over(a);
	size_t n = a->len / 2;

	if (a->len % 2 != 0)
		return ADIT_EPROTO;
	for (size_t i = 0; i < n && i < max; i++)
		ret_types[i] = adit_rd_u16(&r);
	return (int)n;
}

int stun_attr_check_text(const struct stun_attr *a, size_t max)
{
	return a->len >= 1 && a->len <= max ? 0 : ADIT_EPROTO;
}

void stun_build_addr(struct stun_build *b, uint16_t type, const struct adit_addr *addr)
{
	uint8_t value[20];
	struct adit_wr w = adit_wr_over(value, sizeof(value));

	if (addr->family == ADIT_FAMILY_NONE) {
		b->w.bad = true;
		return;
	}
	adit_wr_u8(&w, 0);
	adit_wr_u8(&w, adit_addr_is_v4(addr) ? FAMILY_V4 : FAMILY_V6);
	adit_wr_u16(&w, addr->port);
	adit_wr_bytes(&w, addr->ip, adit_addr_is_v4(addr) ? 4 : 16);
	stun_build_bytes(b, type, value, w.len);
}

void stun_build_xor_addr(struct stun_build *b, uint16_t type, const struct adit_addr *addr)
{
	struct adit_addr masked;

	if (b->w.bad)
		return;
	masked = xor_addr(*addr, b->w.buf + 8);
	stun_build_addr(b, type, &masked);
}

void stun_build_u32(struct stun_build *b, uint16_t type, uint32_t v)
{
	adit_wr_u16(&b->w, type);
	adit_wr_u16(&b->w, 4);
	adit_wr_u32(&b->w, v);
}

void stun_build_u64(struct stun_build *b, uint16_t type, uint64_t v)
{
	adit_wr_u16(&b->w, type);
	adit_wr_u16(&b->w, 8);
	adit_wr_u64(&b->w, v);
}

void stun_build_u16_pad(struct stun_build *b, uint16_t type, uint16_t v)
{
	stun_build_u32(b, type, (uint32_t)v << 16);
}

void stun_build_u8_pad(struct stun_build *b, uint16_t type, uint8_t v)
{
	stun_build_u32(b, type, (uint32_t)v << 24);
}

void stun_build_even_port(struct stun_build *b, bool reserve)
{
	uint8_t v = reserve ? EVEN_PORT_RESERVE : 0;

	stun_build_bytes(b, STUN_ATTR_EVEN_PORT, &v, 1);
}

void stun_build_flag(struct stun_build *b, uint16_t type)
{
	stun_build_bytes(b, type, NULL, 0);
}

void stun_build_error(struct stun_build *b, unsigned code, const char *text)
{
	uint8_t value[4 + STUN_TEXT_MAX];
	struct adit_wr w = adit_wr_over(value, sizeof(value));

	adit_wr_u16(&w, 0);
	adit_wr_u8(&w, (uint8_t)(code / 100));
	adit_wr_u8(&w, (uint8_t)(code % 100));
	adit_wr_bytes(&w, text, strlen(text));
	if (w.bad || code < 300 || code > 699) {
		b->w.bad = true;
		return;
	}
	stun_build_bytes(b, STUN_ATTR_ERROR_CODE, value, w.len);
}

void stun_build_unknown(struct stun_build *b, const uint16_t *types, size_t n)
{
	if (n > UINT16_MAX / 2) {
		b->w.bad = true;
		return;
	}
	adit_wr_u16(&b->w, STUN_ATTR_UNKNOWN_ATTRIBUTES);
	adit_wr_u16(&b->w, (uint16_t)(2 * n));
	for (size_t i = 0; i < n; i++)
		adit_wr_u16(&b->w, types[i]);
	adit_wr_zero(&b->w, n % 2 * 2);
}
