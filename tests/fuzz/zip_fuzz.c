/*
 * What a peer may send as blocks: heads and packed blocks of any kind. Nothing is written behind its place. Then the
 * same bytes are packed by us, and must come back.
 *
 * covers: src/zip/zip.c
 * planted: src/zip/zip.c: memcpy(wire + ZIP_HEAD_LEN, raw, len) -> memcpy(wire + ZIP_HEAD_LEN, raw, len + 1)
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"
#include "zip/zip.h"

static struct zip *z;

static void unpack_all(const uint8_t *data, size_t size)
{
	static uint8_t raw[ZIP_RAW_MAX];

	while (size >= ZIP_HEAD_LEN) {
		struct zip_head h;

		if (zip_head_read(data, &h) < 0)
			return;
		FUZZ_CHECK(h.len > 0 && (!h.is_packed || h.len <= ZIP_PACKED_MAX));
		data += ZIP_HEAD_LEN;
		size -= ZIP_HEAD_LEN;
		if (h.len > size)
			return;
		if (h.is_packed) {
			int n = zip_unpack(z, data, h.len, raw);

			FUZZ_CHECK(n == ADIT_EPROTO || (n > 0 && n <= ZIP_RAW_MAX));
		}
		data += h.len;
		size -= h.len;
	}
}

static void there_and_back(struct zip_out *o, const uint8_t *data, size_t size)
{
	static uint8_t wire[ZIP_WIRE_MAX(ZIP_RAW_MAX)];
	static uint8_t raw[ZIP_RAW_MAX];
	size_t n = zip_pack(z, o, data, size, wire);
	size_t got = 0;

	FUZZ_CHECK(n <= ZIP_WIRE_MAX(size));
	for (size_t at = 0; at < n;) {
		struct zip_head h;
		int len;

		FUZZ_CHECK(zip_head_read(wire + at, &h) == 0);
		at += ZIP_HEAD_LEN;
		len = h.is_packed ? zip_unpack(z, wire + at, h.len, raw) : (int)h.len;
		FUZZ_CHECK(len > 0 && (size_t)len <= size - got);
		FUZZ_CHECK(memcmp(h.is_packed ? raw : wire + at, data + got, (size_t)len) == 0);
		at += h.len;
		got += (size_t)len;
	}
	FUZZ_CHECK(got == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t large[ZIP_RAW_MAX];
	struct zip_out o = {0};

	if (!z)
		FUZZ_CHECK(zip_new(&z) == 0);
	if (size == 0)
		return 0;
	unpack_all(data, size);
	if (size > ZIP_RAW_MAX)
		return 0;
	/* As it is, and so often that it fills more than one block. */
	there_and_back(&o, data, size);
	for (size_t at = 0; at < sizeof(large); at++)
		large[at] = (uint8_t)(data[at % size] + (data[0] & 1 ? at / size * 197 : 0));
	for (int i = 0; i < 3; i++)
		there_and_back(&o, large, zip_want(&o));
	return 0;
}
