/* Finds the STREAM frames in a decrypted 1-RTT packet (RFC 9000 12.4, 19; RFC 9221 4). For quic_order.h only. */
#ifndef ADIT_QUIC_FRAMES_H
#define ADIT_QUIC_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct quic_frame {
	uint64_t stream;
	uint64_t from; /* stream offsets of the bytes */
	uint64_t to;
};

/* The next STREAM frame from |r| on. False at the end, or at something that is no frame: the library will say so. */
bool quic_frames_next(struct adit_rd *r, struct quic_frame *ret_frame);

/* Are there only frames that a packet may carry without being a migration (RFC 9000 9.1)? */
bool quic_frames_are_probing(const uint8_t *payload, size_t len);

#endif
