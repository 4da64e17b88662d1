#include "zip/zip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"

#define LEVEL 3 /* zstd's own default: 200 MB/s and more; higher ones gain little on blocks of this size */

enum zip_kind {
	ZIP_STORED = 0,
	ZIP_PACKED = 1,
};

struct zip {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
};

int zip_new(struct zip **ret_zip)
{
	struct zip *z = calloc(1, sizeof(*z));

	if (!z)
		return ADIT_ENOMEM;
	z->pack = ZSTD_createCCtx();
	z->unpack = ZSTD_createDCtx();
	if (!z->pack || !z->unpack || ZSTD_isError(ZSTD_CCtx_setParameter(z->pack, ZSTD_c_compressionLevel, LEVEL))) {
		zip_free(z);
		return ADIT_ENOMEM;
	}
	*ret_zip = z;
	return 0;
}

void zip_free(struct zip *z)
{
	if (!z)
		return;
	ZSTD_freeCCtx(z->pack);
	ZSTD_freeDCtx(z->unpack);
	free(z);
}

size_t zip_want(const struct zip_out *o)
{
	if (o->left > 0)
		return ZIP_RAW_MAX;
	return o->next ? o->next : ZIP_TRY_LEN;
}

static size_t put_head(uint8_t *wire, enum zip_kind kind, size_t len)
{
	struct adit_wr w = adit_wr_over(wire, ZIP_HEAD_LEN);

	adit_wr_u8(&w, kind);
	adit_wr_u16(&w, (uint16_t)len);
	return ZIP_HEAD_LEN + len;
}

static size_t store(const uint8_t *raw, size_t len, uint8_t *wire)
{
	memcpy(wire + ZIP_HEAD_LEN, raw, len);
	return put_head(wire, ZIP_STORED, len);
}

/* One packed block, or 0 where it would not be worth it or is too long. */
static size_t squeeze(struct zip *z, const uint8_t *raw, size_t len, uint8_t *wire)
{
	size_t worth = len - len / 16;
	size_t n =
		ZSTD_compress2(z->pack, wire + ZIP_HEAD_LEN, worth < ZIP_PACKED_MAX ? worth : ZIP_PACKED_MAX, raw, len);

	return ZSTD_isError(n) ? 0 : put_head(wire, ZIP_PACKED, n);
}

static void learn(struct zip_out *o, size_t len, size_t wire_len)
{
	size_t next = len * (ZIP_PACKED_MAX * 3 / 4) / wire_len;

	o->skips = 0;
	o->next = (uint16_t)(next < ZIP_TRY_LEN ? ZIP_TRY_LEN : next > ZIP_RAW_MAX ? ZIP_RAW_MAX : next);
}

static void give_up(struct zip_out *o)
{
	o->skips = o->skips < ZIP_SKIP_MAX / 2 ? (uint8_t)(2 * o->skips + 1) : ZIP_SKIP_MAX;
	o->left = o->skips;
	o->next = 0;
}

/* ZIP_TRY_LEN bytes or less. */
static size_t pack_piece(struct zip *z, struct zip_out *o, const uint8_t *raw, size_t len, uint8_t *wire)
{
	size_t n = len >= ZIP_LEAST && o->left == 0 ? squeeze(z, raw, len, wire) : 0;

	if (n > 0) {
		learn(o, len, n);
		return n;
	}
	if (len >= ZIP_TELLING && o->left == 0)
		give_up(o);
	return store(raw, len, wire);
}

size_t zip_pack(struct zip *z, struct zip_out *o, const uint8_t *raw, size_t len, uint8_t *wire)
{
	size_t n = 0;

	assert(len > 0 && len <= ZIP_RAW_MAX);
	if (o->left > 0) {
		o->left--;
		return store(raw, len, wire);
	}
	if (len > ZIP_TRY_LEN) {
		n = squeeze(z, raw, len, wire);
		if (n > 0) {
			learn(o, len, n);
			return n;
		}
	}
	for (size_t at = 0; at < len; at += ZIP_TRY_LEN)
		n += pack_piece(z, o, raw + at, len - at < ZIP_TRY_LEN ? len - at : ZIP_TRY_LEN, wire + n);
	return n;
}

int zip_head_read(const uint8_t head[ZIP_HEAD_LEN], struct zip_head *ret_head)
{
	struct adit_rd r = adit_rd_over(head, ZIP_HEAD_LEN);
	uint8_t kind = adit_rd_u8(&r);
	size_t len = adit_rd_u16(&r);

	if (kind > ZIP_PACKED || len == 0 || (kind == ZIP_PACKED && len > ZIP_PACKED_MAX))
		return ADIT_EPROTO;
	*ret_head = (struct zip_head){.is_packed = kind == ZIP_PACKED, .len = len};
	return 0;
}

int zip_unpack(struct zip *z, const uint8_t *packed, size_t len, uint8_t *raw)
{
	/* The place is the bound: a frame that says it holds more fails, whatever window it asks for. */
	size_t n = ZSTD_decompressDCtx(z->unpack, raw, ZIP_RAW_MAX, packed, len);

	return ZSTD_isError(n) || n == 0 ? ADIT_EPROTO : (int)n;
}
