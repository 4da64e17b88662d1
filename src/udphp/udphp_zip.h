/*
 * zlib with bounds: compress where it pays, inflate never beyond the length that was announced.
 */
#ifndef ADIT_UDPHP_ZIP_H
#define ADIT_UDPHP_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/err.h"

struct udphp_zip {
	z_stream def;
	z_stream inf;
	int level; /* what |def| is set to */
	bool def_ready;
	bool inf_ready;
	bool lost; /* the last try gained too little */
	unsigned skipped; /* messages since then that were not even tried */
};

/* Returns 0 or ADIT_ENOMEM; _done accepts a half-built one. */
ADIT_MUST_CHECK int udphp_zip_init(struct udphp_zip *z);
void udphp_zip_done(struct udphp_zip *z);

/*
 * Compresses |len| bytes into |dst|, which has room for |len| bytes. Returns the number of bytes written, or 0 where
 * not more than UDPHP_MIN_GAIN bytes would be saved (or seem likely to be).
 */
size_t udphp_zip_pack(struct udphp_zip *z, int level, const uint8_t *src, size_t len, uint8_t *dst);

/*
 * Inflates one complete zlib stream of exactly |want| bytes into |dst|, which has room for |want| + 1 bytes. Returns
 * 0 or ADIT_EPROTO; never writes more than |want| + 1, whatever the stream says. Bytes behind the stream are ignored,
 * as the script does.
 */
ADIT_MUST_CHECK int udphp_zip_unpack(struct udphp_zip *z, const uint8_t *src, size_t len, uint8_t *dst, size_t want);

#endif
