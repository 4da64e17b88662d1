/*
 * A byte string as a sequence of operations on a reader that lies over the rest
 * of the same string, and on a writer. No order of operations leaves a buffer,
 * and what was written reads back.
 *
 * covers: src/base/bytes.c
 */
#include "fuzz.h"

#include <string.h>

#include "base/bytes.h"

static void read_any(struct adit_rd *r, uint8_t op)
{
	uint8_t out[16];
	const uint8_t *p;

	switch (op % 8) {
	case 0:
		adit_rd_u8(r);
		break;
	case 1:
		adit_rd_u16(r);
		break;
	case 2:
		adit_rd_u32(r);
		break;
	case 3:
		adit_rd_u64(r);
		break;
	case 4:
		adit_rd_bytes(r, out, op / 16u);
		break;
	case 5:
		adit_rd_skip(r, op / 8u);
		break;
	case 6:
		p = adit_rd_take(r, op / 8u);
		if (p && op >= 8)
			adit_bytes_eq_ct(p, p, op / 8u);
		break;
	default:
		adit_rd_varint(r);
	}
}

static void write_any(struct adit_wr *w, uint8_t op)
{
	static const uint8_t in[32] = {1, 2, 3};
	uint64_t wide = UINT64_C(0x9e3779b97f4a7c15) >> (op / 8 * 2);

	switch (op % 8) {
	case 0:
		adit_wr_u8(w, op);
		break;
	case 1:
		adit_wr_u16(w, op);
		break;
	case 2:
		adit_wr_u32(w, op);
		break;
	case 3:
		adit_wr_u64(w, wide);
		break;
	case 4:
		adit_wr_bytes(w, in, op / 8u);
		break;
	case 5:
		adit_wr_zero(w, op / 8u);
		break;
	case 6:
		adit_wr_patch_u16(w, op / 8u, op);
		break;
	default:
		adit_wr_varint(w, wide);
	}
}

static void varint_round_trip(uint64_t v)
{
	uint8_t buf[8];
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));
	struct adit_rd r;

	adit_wr_varint(&w, v);
	if (w.bad)
		return;
	r = adit_rd_over(buf, w.len);
	FUZZ_CHECK(adit_rd_varint(&r) == v && !r.bad && adit_rd_left(&r) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adit_rd ops = adit_rd_over(data, size < 64 ? size / 2 : 32);
	struct adit_rd r = adit_rd_over(data + ops.len, size - ops.len);
	uint8_t out[64];
	struct adit_wr w = adit_wr_over(out, sizeof(out));

	memset(out, 0, sizeof(out));
	while (adit_rd_left(&ops) > 0) {
		uint8_t op = adit_rd_u8(&ops);

		read_any(&r, op);
		write_any(&w, op);
		FUZZ_CHECK(w.len <= w.cap && adit_rd_left(&r) <= r.len);
	}
	r = adit_rd_over(data, size);
	varint_round_trip(adit_rd_u64(&r));
	adit_bytes_wipe(out, sizeof(out));
	FUZZ_CHECK(out[0] == 0);
	return 0;
}
