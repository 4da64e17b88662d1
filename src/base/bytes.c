#include "base/bytes.h"

#include <string.h>

struct adit_rd adit_rd_over(const void *buf, size_t len)
{
	/* No bytes at NULL are no bytes anywhere: adit_rd_take(r, 0) must not look like a failure. */
	static const uint8_t nothing[1];

	return (struct adit_rd){.buf = buf ? buf : nothing, .len = buf ? len : 0};
}

size_t adit_rd_left(const struct adit_rd *r)
{
	return r->bad ? 0 : r->len - r->pos;
}

const uint8_t *adit_rd_take(struct adit_rd *r, size_t len)
{
	const uint8_t *p;

	if (r->bad || len > r->len - r->pos) {
		r->bad = true;
		return NULL;
	}
	p = r->buf + r->pos;
	r->pos += len;
	return p;
}

static uint64_t rd_uint(struct adit_rd *r, size_t len)
{
	const uint8_t *p = adit_rd_take(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t adit_rd_u8(struct adit_rd *r)
{
	return (uint8_t)rd_uint(r, 1);
}

uint16_t adit_rd_u16(struct adit_rd *r)
{
	return (uint16_t)rd_uint(r, 2);
}

uint32_t adit_rd_u32(struct adit_rd *r)
{
	return (uint32_t)rd_uint(r, 4);
}

uint64_t adit_rd_u64(struct adit_rd *r)
{
	return rd_uint(r, 8);
}

void adit_rd_bytes(struct adit_rd *r, void *dst, size_t len)
{
	const uint8_t *p = adit_rd_take(r, len);

	if (len == 0)
		return;
	if (p)
		memcpy(dst, p, len);
	else
		memset(dst, 0, len);
}

void adit_rd_skip(struct adit_rd *r, size_t len)
{
	(void)adit_rd_take(r, len);
}

uint64_t adit_rd_varint(struct adit_rd *r)
{
	uint8_t first = adit_rd_u8(r);
	size_t more = ((size_t)1 << (first >> 6)) - 1;
	uint64_t rest = rd_uint(r, more);

	return r->bad ? 0 : (uint64_t)(first & 0x3f) << (8 * more) | rest;
}

struct adit_wr adit_wr_over(void *buf, size_t cap)
{
	return (struct adit_wr){.buf = buf, .cap = cap};
}

static uint8_t *wr_room(struct adit_wr *w, size_t len)
{
	uint8_t *p;

	if (w->bad || len > w->cap - w->len) {
		w->bad = true;
		return NULL;
	}
	p = w->buf + w->len;
	w->len += len;
	return p;
}

static void wr_uint(struct adit_wr *w, uint64_t v, size_t len)
{
	uint8_t *p = wr_room(w, len);

	for (size_t i = len; p && i > 0; i--, v >>= 8)
		p[i - 1] = (uint8_t)v;
}

void adit_wr_u8(struct adit_wr *w, uint8_t v)
{
	wr_uint(w, v, 1);
}

void adit_wr_u16(struct adit_wr *w, uint16_t v)
{
	wr_uint(w, v, 2);
}

void adit_wr_u32(struct adit_wr *w, uint32_t v)
{
	wr_uint(w, v, 4);
}

void adit_wr_u64(struct adit_wr *w, uint64_t v)
{
	wr_uint(w, v, 8);
}

void adit_wr_bytes(struct adit_wr *w, const void *src, size_t len)
{
	uint8_t *p = len > 0 ? wr_room(w, len) : NULL;

	if (p)
		memcpy(p, src, len);
}

void adit_wr_zero(struct adit_wr *w, size_t len)
{
	uint8_t *p = len > 0 ? wr_room(w, len) : NULL;

	if (p)
		memset(p, 0, len);
}

void adit_wr_varint(struct adit_wr *w, uint64_t v)
{
	if (v < 1u << 6)
		wr_uint(w, v, 1);
	else if (v < 1u << 14)
		wr_uint(w, v | 1u << 14, 2);
	else if (v < 1u << 30)
		wr_uint(w, v | 2u << 30, 4);
	else if (v < UINT64_C(1) << 62)
		wr_uint(w, v | UINT64_C(3) << 62, 8);
	else
		w->bad = true;
}

void adit_wr_patch_u16(struct adit_wr *w, size_t at, uint16_t v)
{
	if (w->bad || at > w->len || w->len - at < 2) {
		w->bad = true;
		return;
	}
	w->buf[at] = (uint8_t)(v >> 8);
	w->buf[at + 1] = (uint8_t)v;
}

bool adit_bytes_eq_ct(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a;
	const uint8_t *y = b;
	uint64_t diff = 0;
	size_t i = 0;

	/* By words: a packet's tag is two of them. The compiler must not know of |diff| that it could stop. */
	for (; len - i >= sizeof(diff); i += sizeof(diff)) {
		uint64_t v, w;

		memcpy(&v, x + i, sizeof(v));
		memcpy(&w, y + i, sizeof(w));
		diff |= v ^ w;
		__asm__ volatile("" : "+r"(diff));
	}
	for (; i < len; i++) {
		diff |= x[i] ^ y[i];
		__asm__ volatile("" : "+r"(diff));
	}
	return diff == 0;
}

void adit_bytes_wipe(void *p, size_t len)
{
	if (len == 0)
		return; /* and |p| may be NULL */
	memset(p, 0, len);
	__asm__ volatile("" : : "r"(p) : "memory"); /* for all the compiler knows, somebody reads it now */
}
