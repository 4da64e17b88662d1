/*
 * Between a local socket and a stream: the bytes as they are, or in blocks where the session compresses (zip/zip.h). It
 * keeps no bytes of its own: a packed block lies in the stream until all it holds has been written.
 */
#ifndef ADIT_EP_PACK_H
#define ADIT_EP_PACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "quic/quic_stream.h"
#include "zip/zip.h"

/* For all connections of one loop that compress. */
struct ep_packer {
	struct zip *zip; /* NULL: not made yet */
	uint8_t raw[ZIP_RAW_MAX];
	uint8_t wire[ZIP_WIRE_MAX(ZIP_RAW_MAX)];
};

void ep_packer_done(struct ep_packer *p);

/* Of one connection; zeroed: bytes go as they are. */
struct ep_pack {
	struct ep_packer *packer; /* NULL: the session does not compress */
	struct zip_out out;
	size_t stored; /* bytes of a stored block that are still to be written */
	size_t packed; /* length of the packed block at the front; 0: none */
	size_t holds; /* ... how much it unpacks to */
	size_t done; /* ... and how much of that has been written */
};

/* From now on in blocks. ENOMEM or 0. */
ADIT_MUST_CHECK int ep_pack_begin(struct ep_pack *p, struct ep_packer *packer);

/* As readv(2) from |fd| into |s|; |*ret_full|: |s| has no room, and nothing was read. */
ssize_t ep_pack_read(struct ep_pack *p, struct quic_stream *s, int fd, bool *ret_full);

/*
 * What is to be written next: up to |max| vectors, good until the next call for any connection. 0: nothing yet, or the
 * end; EPROTO: what came is no sequence of blocks, or ended within one.
 */
int ep_pack_front(struct ep_pack *p, struct quic_stream *s, struct quic_vec *vec, size_t max);
/* |n| bytes of them were written. */
void ep_pack_took(struct ep_pack *p, struct quic_stream *s, size_t n);

#endif
