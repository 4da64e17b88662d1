/*
 * Compression of a stream's bytes, block by block (--compress). zstd appears in this room alone.
 *
 * On the stream, in each direction behind its header, there are blocks: one byte kind, two bytes length (big endian,
 * not 0), the bytes. A stored block is the bytes themselves; a packed one is a zstd frame of at most ZIP_RAW_MAX bytes,
 * which refers to nothing before it. So a stream costs no memory here, whatever was read can be sent at once, and what
 * a block unpacks to is bounded by the place it is unpacked to. A packed block is no longer than ZIP_PACKED_MAX: the
 * least that a stream's window always lets through, so it can lie in the stream until it is whole.
 *
 * Packing is given up where it does not pay: after a block that does not shrink by a sixteenth the next one is stored
 * untried, then the next three, and so on up to 63.
 *
 * Start at zip_pack() and zip_head_read().
 */
#ifndef ADIT_ZIP_H
#define ADIT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ZIP_HEAD_LEN   3
#define ZIP_RAW_MAX    65535 /* bytes: what a block's length can say */
#define ZIP_PACKED_MAX 16349 /* bytes: half of QUIC_WINDOW_MIN, less the head */
#define ZIP_TRY_LEN    16384 /* bytes: what is tried where nothing is known; if it shrinks at all it fits */
#define ZIP_LEAST      64 /* bytes: less is stored; a frame has some 15 around it */
#define ZIP_TELLING    1024 /* bytes: a shorter block that does not shrink says nothing about the next */
#define ZIP_SKIP_MAX   63 /* blocks stored untried in a row: at 64 KB each, one try in 4 MB */

/* What |len| bytes can become at worst. */
#define ZIP_WIRE_MAX(len) ((len) + ZIP_HEAD_LEN * ((len) / ZIP_TRY_LEN + 1))

/* The machinery, for any number of streams of one thread. */
struct zip;

/* ENOMEM or 0. */
ADIT_MUST_CHECK int zip_new(struct zip **ret_zip);
void zip_free(struct zip *z);

/* Of one stream's sending side; zeroed at first. */
struct zip_out {
	uint16_t next; /* bytes that should make a packed block of good size; 0: nothing known */
	uint8_t skips; /* how many were stored untried the last time */
	uint8_t left; /* how many still are */
};

/* How much should be read for the next call of zip_pack(). */
size_t zip_want(const struct zip_out *o);
/* |len| bytes (1 to ZIP_RAW_MAX) as blocks into |wire|, which has ZIP_WIRE_MAX(len). Returns their length. */
size_t zip_pack(struct zip *z, struct zip_out *o, const uint8_t *raw, size_t len, uint8_t *wire);

struct zip_head {
	bool is_packed;
	size_t len;
};

/* EPROTO: no head of ours. */
ADIT_MUST_CHECK int zip_head_read(const uint8_t head[ZIP_HEAD_LEN], struct zip_head *ret_head);
/* What a packed block holds, into |raw|, which has ZIP_RAW_MAX bytes. Its length (> 0), or EPROTO. */
int zip_unpack(struct zip *z, const uint8_t *packed, size_t len, uint8_t *raw);

#endif
