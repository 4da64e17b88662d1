#include "core/stun/stun_msg.h"

#include <string.h>

#define ATTR_HEADER_LEN 4
#define FINGERPRINT_XOR UINT32_C(0x5354554e) /* "STUN", RFC 8489 14.7 */
#define TYPE_CLASS_MASK 0x0110

/* The CRC-32 of zlib and Ethernet, four bits at a time: the table is small and messages are short. */
static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc = table[(crc ^ p[i]) & 15] ^ crc >> 4;
		crc = table[(crc ^ p[i] >> 4) & 15] ^ crc >> 4;
	}
	return ~crc;
}

static size_t padded(size_t len)
{
	return (len + STUN_ALIGN - 1) & ~(size_t)(STUN_ALIGN - 1);
}

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)get_u16(p) << 16 | get_u16(p + 2);
}

/* RFC 8489 5: the method's bits stand around the two class bits. */
static uint16_t type_make(enum stun_class class, uint16_t method)
{
	return (uint16_t)((method & 0x00f) | (method & 0x070) << 1 | (method & 0xf80) << 2 |
			  ((unsigned)class & 1) << 4 | ((unsigned)class & 2) << 7);
}

static uint16_t type_method(uint16_t type)
{
	return (uint16_t)((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);
}

static enum stun_class type_class(uint16_t type)
{
	return (enum stun_class)((type & TYPE_CLASS_MASK & 0x10) >> 4 | (type & TYPE_CLASS_MASK & 0x100) >> 7);
}

static bool header_is_sane(const uint8_t *p)
{
	return (p[0] & 0xc0) == 0 && get_u32(p + 4) == STUN_COOKIE && get_u16(p + 2) % STUN_ALIGN == 0;
}

bool stun_msg_is_stun(const void *data, size_t len)
{
	const uint8_t *p = data;

	return len >= STUN_HEADER_LEN && p[0] <= 3 && header_is_sane(p) && STUN_HEADER_LEN + get_u16(p + 2) == (int)len;
}

int stun_msg_frame_len(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len >= 1 && (p[0] & 0xc0) != 0)
		return ADIT_EPROTO;
	if (len < 8)
		return 0;
	return header_is_sane(p) ? STUN_HEADER_LEN + get_u16(p + 2) : ADIT_EPROTO;
}

/* The integrity attributes and the fingerprint: lengths and order. |at| is where |a| begins. */
static bool note_trailer(struct stun_msg *m, const struct stun_attr *a, size_t at)
{
	switch (a->type) {
	case STUN_ATTR_MESSAGE_INTEGRITY:
		if (m->sha1_at || m->sha256_at)
			return true; /* a repetition, or behind the SHA-256: does not count */
		m->sha1_at = at;
		return a->len == STUN_SHA1_LEN;
	case STUN_ATTR_MESSAGE_INTEGRITY_SHA256:
		if (m->sha256_at)
			return true;
		m->sha256_at = at;
		return a->len >= STUN_SHA256_LEN_MIN && a->len <= STUN_SHA256_LEN && a->len % STUN_ALIGN == 0;
	case STUN_ATTR_FINGERPRINT:
		m->fingerprint_at = at;
		return a->len == STUN_FINGERPRINT_LEN;
	default:
		return true;
	}
}

static bool walk(struct stun_msg *m)
{
	struct adit_rd r = adit_rd_over(m->data, m->len);

	adit_rd_skip(&r, STUN_HEADER_LEN);
	while (adit_rd_left(&r) > 0) {
		size_t at = r.pos;
		struct stun_attr a;

		if (m->fingerprint_at)
			return false; /* it must be the last one, RFC 8489 14.7 */
		a.type = adit_rd_u16(&r);
		a.len = adit_rd_u16(&r);
		a.value = adit_rd_take(&r, padded(a.len));
		if (r.bad || !note_trailer(m, &a, at))
			return false;
	}
	return true;
}

static bool fingerprint_is_right(const struct stun_msg *m)
{
	uint32_t crc = crc32(0, m->data, m->fingerprint_at);

	return (crc ^ FINGERPRINT_XOR) == get_u32(m->data + m->fingerprint_at + ATTR_HEADER_LEN);
}

int stun_msg_parse(struct stun_msg *ret_msg, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct stun_msg m = {.data = data, .len = len};

	if (len < STUN_HEADER_LEN || !header_is_sane(p) || len != STUN_HEADER_LEN + (size_t)get_u16(p + 2))
		return ADIT_EPROTO;
	m.class = type_class(get_u16(p));
	m.method = type_method(get_u16(p));
	m.txid = p + 8;
	if (!walk(&m) || (m.fingerprint_at && !fingerprint_is_right(&m)))
		return ADIT_EPROTO;
	*ret_msg = m;
	return 0;
}

/* RFC 8489 14.5, 14.6: what stands behind an integrity attribute is not protected and is ignored. */
static bool attr_counts(const struct stun_msg *m, uint16_t type, size_t at)
{
	if (type == STUN_ATTR_FINGERPRINT)
		return true;
	if (m->sha256_at && at > m->sha256_at)
		return false;
	if (m->sha1_at && at > m->sha1_at)
		return at == m->sha256_at;
	return true;
}

bool stun_msg_next(const struct stun_msg *m, size_t *pos, struct stun_attr *ret_attr)
{
	size_t at = *pos < STUN_HEADER_LEN ? STUN_HEADER_LEN : *pos;

	while (at < m->len) {
		const uint8_t *p = m->data + at;
		struct stun_attr a = {.type = get_u16(p), .len = get_u16(p + 2), .value = p + ATTR_HEADER_LEN};
		size_t start = at;

		at += ATTR_HEADER_LEN + padded(a.len);
		*pos = at;
		if (attr_counts(m, a.type, start)) {
			*ret_attr = a;
			return true;
		}
	}
	return false;
}

int stun_msg_find(const struct stun_msg *m, uint16_t type, struct stun_attr *ret_attr)
{
	struct stun_attr a;
	size_t pos = 0;

	while (stun_msg_next(m, &pos, &a)) {
		if (a.type == type) {
			*ret_attr = a;
			return 0;
		}
	}
	return ADIT_ENOENT;
}

static bool has_type(const uint16_t *types, size_t n, uint16_t type)
{
	for (size_t i = 0; i < n; i++)
		if (types[i] == type)
			return true;
	return false;
}

size_t stun_msg_unknown(const struct stun_msg *m, const uint16_t *known, size_t n_known, uint16_t *ret_types,
			size_t max)
{
	static const uint16_t own[] = {STUN_ATTR_MESSAGE_INTEGRITY, STUN_ATTR_MESSAGE_INTEGRITY_SHA256};
	struct stun_attr a;
	size_t pos = 0;
	size_t n = 0;

	while (n < max && stun_msg_next(m, &pos, &a)) {
		if (a.type >= STUN_ATTR_OPTIONAL_FROM || has_type(own, ARRAY_LEN(own), a.type))
			continue;
		if (!has_type(known, n_known, a.type) && !has_type(ret_types, n, a.type))
			ret_types[n++] = a.type;
	}
	return n;
}

/* The HMAC's input: everything before the attribute at |at|, with a length that ends right behind the attribute. */
static void integrity_mac(const uint8_t *input, size_t at, bool sha256, const struct adit_crypto *crypto,
			  const uint8_t *key, size_t key_len, uint8_t ret_mac[STUN_SHA256_LEN])
{
	if (sha256)
		crypto->hmac_sha256(key, key_len, input, at, ret_mac);
	else
		crypto->hmac_sha1(key, key_len, input, at, ret_mac);
}

int stun_msg_verify(const struct stun_msg *m, const struct adit_crypto *crypto, enum stun_attr_type type,
		    const uint8_t *key, size_t key_len)
{
	bool sha256 = type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
	size_t at = sha256 ? m->sha256_at : m->sha1_at;
	size_t mac_len = sha256 ? STUN_SHA256_LEN : STUN_SHA1_LEN;
	uint8_t copy[STUN_INTEGRITY_MSG_MAX];
	uint8_t mac[STUN_SHA256_LEN];
	size_t covered;

	if (at == 0)
		return ADIT_ENOENT;
	if (at > sizeof(copy))
		return ADIT_EFULL;
	if (get_u16(m->data + at + 2) != mac_len)
		return ADIT_EAUTH;
	covered = at + ATTR_HEADER_LEN + mac_len - STUN_HEADER_LEN;
	memcpy(copy, m->data, at);
	copy[2] = (uint8_t)(covered >> 8);
	copy[3] = (uint8_t)covered;
	integrity_mac(copy, at, sha256, crypto, key, key_len, mac);
	return adit_bytes_eq_ct(mac, m->data + at + ATTR_HEADER_LEN, mac_len) ? 0 : ADIT_EAUTH;
}

void stun_build_begin(struct stun_build *b, void *buf, size_t cap, enum stun_class class, uint16_t method,
		      const uint8_t *txid)
{
	b->w = adit_wr_over(buf, cap);
	adit_wr_u16(&b->w, type_make(class, method));
	adit_wr_u16(&b->w, 0);
	adit_wr_u32(&b->w, STUN_COOKIE);
	adit_wr_bytes(&b->w, txid, STUN_TXID_LEN);
}

void stun_build_bytes(struct stun_build *b, uint16_t type, const void *value, size_t len)
{
	if (len > UINT16_MAX) {
		b->w.bad = true;
		return;
	}
	adit_wr_u16(&b->w, type);
	adit_wr_u16(&b->w, (uint16_t)len);
	adit_wr_bytes(&b->w, value, len);
	adit_wr_zero(&b->w, padded(len) - len);
}

/* The header's length as if the message ended |more| bytes behind what is written. */
static void build_set_len(struct stun_build *b, size_t more)
{
	size_t len = b->w.len + more;

	if (b->w.bad || len < STUN_HEADER_LEN || len - STUN_HEADER_LEN > UINT16_MAX) {
		b->w.bad = true;
		return;
	}
	adit_wr_patch_u16(&b->w, 2, (uint16_t)(len - STUN_HEADER_LEN));
}

void stun_build_integrity_sha1(struct stun_build *b, const struct adit_crypto *crypto, const uint8_t *key,
			       size_t key_len)
{
	uint8_t mac[STUN_SHA256_LEN];

	build_set_len(b, ATTR_HEADER_LEN + STUN_SHA1_LEN);
	if (b->w.bad)
		return;
	integrity_mac(b->w.buf, b->w.len, false, crypto, key, key_len, mac);
	stun_build_bytes(b, STUN_ATTR_MESSAGE_INTEGRITY, mac, STUN_SHA1_LEN);
}

void stun_build_integrity_sha256(struct stun_build *b, const struct adit_crypto *crypto, const uint8_t *key,
				 size_t key_len)
{
	uint8_t mac[STUN_SHA256_LEN];

	build_set_len(b, ATTR_HEADER_LEN + STUN_SHA256_LEN);
	if (b->w.bad)
		return;
	integrity_mac(b->w.buf, b->w.len, true, crypto, key, key_len, mac);
	stun_build_bytes(b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, mac, STUN_SHA256_LEN);
}

void stun_build_fingerprint(struct stun_build *b)
{
	build_set_len(b, ATTR_HEADER_LEN + STUN_FINGERPRINT_LEN);
	if (b->w.bad)
		return;
	adit_wr_u16(&b->w, STUN_ATTR_FINGERPRINT);
	adit_wr_u16(&b->w, STUN_FINGERPRINT_LEN);
	adit_wr_u32(&b->w, crc32(0, b->w.buf, b->w.len - ATTR_HEADER_LEN) ^ FINGERPRINT_XOR);
}

int stun_build_end(struct stun_build *b)
{
	build_set_len(b, 0);
	return b->w.bad ? ADIT_EFULL : (int)b->w.len;
}
