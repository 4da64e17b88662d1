/*
 * Cursors over byte strings that remember failure: a codec reads or writes
 * everything and checks |bad| once at the end; no access leaves the buffer.
 * All integers are big-endian ("network order").
 */
#ifndef ADIT_BASE_BYTES_H
#define ADIT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Reader: borrows |buf| for its own life. A failed read gives zeroes and sets |bad|. */
struct adit_rd {
	const uint8_t *buf;
	size_t len;
	size_t pos;
	bool bad;
};

struct adit_rd adit_rd_over(const void *buf, size_t len);
size_t adit_rd_left(const struct adit_rd *r);
uint8_t adit_rd_u8(struct adit_rd *r);
uint16_t adit_rd_u16(struct adit_rd *r);
uint32_t adit_rd_u32(struct adit_rd *r);
uint64_t adit_rd_u64(struct adit_rd *r);
void adit_rd_bytes(struct adit_rd *r, void *dst, size_t len);
void adit_rd_skip(struct adit_rd *r, size_t len);

/* The next |len| bytes in place (good as long as the buffer is), or NULL. */
const uint8_t *adit_rd_take(struct adit_rd *r, size_t len);

/* QUIC variable-length integer, RFC 9000 16. */
uint64_t adit_rd_varint(struct adit_rd *r);

/* Writer: a failed write writes nothing and sets |bad|. */
struct adit_wr {
	uint8_t *buf;
	size_t cap;
	size_t len;
	bool bad;
};

struct adit_wr adit_wr_over(void *buf, size_t cap);
void adit_wr_u8(struct adit_wr *w, uint8_t v);
void adit_wr_u16(struct adit_wr *w, uint16_t v);
void adit_wr_u32(struct adit_wr *w, uint32_t v);
void adit_wr_u64(struct adit_wr *w, uint64_t v);
void adit_wr_bytes(struct adit_wr *w, const void *src, size_t len);
void adit_wr_zero(struct adit_wr *w, size_t len);

/* QUIC variable-length integer, RFC 9000 16; |v| < 2^62, else |bad|. */
void adit_wr_varint(struct adit_wr *w, uint64_t v);

/* Overwrites two bytes already written at |at| (a length known only afterwards). */
void adit_wr_patch_u16(struct adit_wr *w, size_t at, uint16_t v);

/* Equal in constant time: for anything secret. */
bool adit_bytes_eq_ct(const void *a, const void *b, size_t len);

/* Zeroes that the compiler may not drop. */
void adit_bytes_wipe(void *p, size_t len);

#endif
