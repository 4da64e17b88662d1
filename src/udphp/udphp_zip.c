#include "udphp/udphp_zip.h"

#include <stdlib.h>
#include <string.h>

#include "udphp/udphp_limits.h"

static void *zip_alloc(void *ctx, unsigned n, unsigned size)
{
	(void)ctx;
	return calloc(n, size);
}

static void zip_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

int udphp_zip_init(struct udphp_zip *z)
{
	*z = (struct udphp_zip){.level = UDPHP_LEVEL_SLOW};
	z->def.zalloc = z->inf.zalloc = zip_alloc;
	z->def.zfree = z->inf.zfree = zip_free;
	z->def_ready = deflateInit(&z->def, z->level) == Z_OK;
	z->inf_ready = inflateInit(&z->inf) == Z_OK;
	if (z->def_ready && z->inf_ready)
		return 0;
	udphp_zip_done(z);
	return ADIT_ENOMEM;
}

void udphp_zip_done(struct udphp_zip *z)
{
	if (!z)
		return;
	if (z->def_ready)
		deflateEnd(&z->def);
	if (z->inf_ready)
		inflateEnd(&z->inf);
	z->def_ready = z->inf_ready = false;
}

/* Are the bytes so evenly spread that only repetitions could shrink them? */
static bool looks_random(const uint8_t *src, size_t len)
{
	uint32_t count[256] = {0};
	uint64_t squares = 0;

	for (size_t i = 0; i < len; i++)
		count[src[i]]++;
	for (size_t i = 0; i < 256; i++)
		squares += (uint64_t)count[i] * count[i];
	/* chi2 = 256/n * sum(count^2) - n */
	return squares * 256 < (uint64_t)len * (len + UDPHP_FLAT_CHI2);
}

size_t udphp_zip_pack(struct udphp_zip *z, int level, const uint8_t *src, size_t len, uint8_t *dst)
{
	int rc;

	if (len <= UDPHP_MIN_GAIN)
		return 0;
	if (z->lost && z->skipped < UDPHP_ZIP_AGAIN && looks_random(src, len)) {
		z->skipped++;
		return 0;
	}
	deflateReset(&z->def);
	if (z->level != level && deflateParams(&z->def, level, Z_DEFAULT_STRATEGY) == Z_OK)
		z->level = level;
	z->def.next_in = (Bytef *)src;
	z->def.avail_in = (uInt)len;
	z->def.next_out = dst;
	z->def.avail_out = (uInt)(len - UDPHP_MIN_GAIN - 1); /* no room, no gain: deflate stops there */
	rc = deflate(&z->def, Z_FINISH);
	z->lost = rc != Z_STREAM_END;
	z->skipped = 0;
	return z->lost ? 0 : (size_t)(z->def.next_out - dst);
}

int udphp_zip_unpack(struct udphp_zip *z, const uint8_t *src, size_t len, uint8_t *dst, size_t want)
{
	int rc;

	inflateReset(&z->inf);
	z->inf.next_in = (Bytef *)src;
	z->inf.avail_in = (uInt)len;
	z->inf.next_out = dst;
	z->inf.avail_out = (uInt)(want + 1); /* one more than allowed, so that "too much" can be seen */
	rc = inflate(&z->inf, Z_FINISH);
	return rc == Z_STREAM_END && (size_t)(z->inf.next_out - dst) == want ? 0 : ADIT_EPROTO;
}
