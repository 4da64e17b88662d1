/*
 * Any datagram as a STUN message; what is accepted is looked at from all sides and taken apart into attributes. Then
 * the same bytes as a list of attributes for a message that is built, which must read back.
 *
 * covers: src/core/stun/stun_msg.c src/core/stun/stun_attr.c
 */
#include "fuzz_crypto.h"

#include "core/stun/stun_attr.h"

static const uint8_t key[16];

/* Whatever it is: read it as everything. */
static void read_attr(const struct stun_msg *m, const struct stun_attr *a)
{
	struct adit_addr addr;
	uint16_t types[8];
	const uint8_t *text;
	unsigned code;
	size_t len;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;
	uint8_t v8;
	bool flag;
	int n;

	fuzz_touch(a->value, a->len);
	FUZZ_CHECK(a->value + a->len <= m->data + m->len);
	if (stun_attr_read_addr(a, &addr) == 0)
		FUZZ_CHECK(addr.family != ADIT_FAMILY_NONE);
	FUZZ_CHECK((stun_attr_read_xor_addr(a, m->txid, &addr) == 0) == (stun_attr_read_addr(a, &addr) == 0));
	FUZZ_CHECK((stun_attr_read_u32(a, &v32) == 0) == (a->len == 4));
	FUZZ_CHECK((stun_attr_read_u64(a, &v64) == 0) == (a->len == 8));
	FUZZ_CHECK((stun_attr_read_u16_pad(a, &v16) == 0) == (a->len == 4));
	FUZZ_CHECK((stun_attr_read_u8_pad(a, &v8) == 0) == (a->len == 4));
	FUZZ_CHECK((stun_attr_read_even_port(a, &flag) == 0) == (a->len == 1));
	if (stun_attr_read_error(a, &code, &text, &len) == 0) {
		FUZZ_CHECK(code >= 300 && code <= 699);
		fuzz_touch(text, len);
	}
	n = stun_attr_read_unknown(a, types, 8);
	FUZZ_CHECK(n < 0 ? a->len % 2 == 1 : n == a->len / 2);
	FUZZ_CHECK((stun_attr_check_text(a, 128) == 0) == (a->len >= 1 && a->len <= 128));
}

static void read_msg(const uint8_t *data, size_t size)
{
	static const uint16_t known[] = {STUN_ATTR_USERNAME, STUN_ATTR_PRIORITY};
	uint16_t unknown[4];
	struct stun_attr a;
	struct stun_attr b;
	struct stun_msg m;
	size_t pos = 0;
	size_t n;
	int frame = stun_msg_frame_len(data, size);

	if (stun_msg_parse(&m, data, size) < 0) {
		FUZZ_CHECK(frame <= 0 || frame >= STUN_HEADER_LEN);
		return;
	}
	FUZZ_CHECK(frame == (int)size);
	FUZZ_CHECK(m.method <= 0xfff && (unsigned)m.class <= 3);
	FUZZ_CHECK(stun_msg_is_stun(data, size) == (data[0] <= 3));
	while (stun_msg_next(&m, &pos, &a)) {
		read_attr(&m, &a);
		FUZZ_CHECK(stun_msg_find(&m, a.type, &b) == 0 && b.value <= a.value);
	}
	FUZZ_CHECK(pos <= size);
	n = stun_msg_unknown(&m, known, ARRAY_LEN(known), unknown, ARRAY_LEN(unknown));
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(unknown[i] < STUN_ATTR_OPTIONAL_FROM);
	(void)!stun_msg_verify(&m, &fuzz_crypto, STUN_ATTR_MESSAGE_INTEGRITY, key, sizeof(key));
	(void)!stun_msg_verify(&m, &fuzz_crypto, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key, sizeof(key));
}

/* One attribute, of the shape and with the content that the next bytes say. */
static void build_attr(struct stun_build *b, struct adit_rd *r)
{
	uint8_t op = adit_rd_u8(r);
	uint16_t type = adit_rd_u16(r);
	uint8_t len = adit_rd_u8(r);
	struct adit_addr addr = {.port = type, .family = op & 0x10 ? ADIT_FAMILY_V4 : ADIT_FAMILY_V6};
	uint16_t types[4] = {type, op, len, 1};
	const uint8_t *p;

	addr.ip[0] = len;
	if (op >= 0xf0)
		addr.family = ADIT_FAMILY_NONE;
	switch (op % 12) {
	case 0:
		stun_build_addr(b, type, &addr);
		break;
	case 1:
		stun_build_xor_addr(b, type, &addr);
		break;
	case 2:
		stun_build_u32(b, type, len);
		break;
	case 3:
		stun_build_u64(b, type, len);
		break;
	case 4:
		stun_build_u16_pad(b, type, len);
		break;
	case 5:
		stun_build_u8_pad(b, type, len);
		break;
	case 6:
		stun_build_even_port(b, len & 1);
		break;
	case 7:
		stun_build_flag(b, type);
		break;
	case 8:
		stun_build_error(b, 300 + len, "reason");
		break;
	case 9:
		stun_build_unknown(b, types, len % 5u);
		break;
	default:
		p = adit_rd_take(r, len);
		stun_build_bytes(b, type, p, p ? len : 0);
		break;
	}
}

static bool is_trailer(uint16_t type)
{
	return type == STUN_ATTR_FINGERPRINT || type == STUN_ATTR_MESSAGE_INTEGRITY ||
	       type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
}

static void build_msg(const uint8_t *data, size_t size)
{
	struct adit_rd r = adit_rd_over(data, size);
	uint8_t flags = adit_rd_u8(&r);
	size_t cap = 40 + adit_rd_u16(&r) % 1000u;
	uint8_t txid[STUN_TXID_LEN] = {flags};
	uint8_t *buf = malloc(cap);
	struct stun_build b;
	struct stun_msg m;
	bool odd = false;
	int len;

	FUZZ_CHECK(buf);
	stun_build_begin(&b, buf, cap, flags & 3, flags * 16u, txid);
	while (adit_rd_left(&r) > 4) {
		odd |= is_trailer((uint16_t)(r.buf[r.pos + 1] << 8 | r.buf[r.pos + 2]));
		build_attr(&b, &r);
	}
	if (flags & 4)
		stun_build_integrity_sha1(&b, &fuzz_crypto, key, sizeof(key));
	if (flags & 8)
		stun_build_integrity_sha256(&b, &fuzz_crypto, key, sizeof(key));
	if (flags & 16)
		stun_build_fingerprint(&b);
	len = stun_build_end(&b);
	if (len > 0) {
		FUZZ_CHECK((size_t)len <= cap);
		read_msg(buf, (size_t)len);
		if (!odd) { /* no trailer of our own making in the middle: then it must be a good message */
			FUZZ_CHECK(stun_msg_parse(&m, buf, (size_t)len) == 0);
			FUZZ_CHECK(m.class == (flags & 3) && m.method == flags * 16u);
			FUZZ_CHECK(!(flags & 4) || stun_msg_verify(&m, &fuzz_crypto, STUN_ATTR_MESSAGE_INTEGRITY, key,
								   sizeof(key)) == 0);
			FUZZ_CHECK(!(flags & 8) || stun_msg_verify(&m, &fuzz_crypto, STUN_ATTR_MESSAGE_INTEGRITY_SHA256,
								   key, sizeof(key)) == 0);
		}
	}
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_msg(data, size);
	build_msg(data, size);
	return 0;
}
