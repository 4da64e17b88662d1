/*
 * TURN over a byte stream (TCP, TLS): cuts it into STUN messages and ChannelData (RFC 8656 3.1, 12.5).
 *
 * Start here: turn_frame_room() says where the next bytes of the stream go, turn_frame_filled() that they are there,
 * turn_frame_next() gives whole frames, in place. What fits no frame ends the stream: there is no way to find the next
 * beginning. Memory is the caller's buffer and nothing more.
 */
#ifndef ADIT_TURN_FRAME_H
#define ADIT_TURN_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/turn/turn_limits.h"

struct turn_frame {
	uint8_t *buf;
	size_t cap;
	size_t pos; /* what is before has been given out */
	size_t len;
	bool bad;
};

/* |buf| is borrowed; TURN_FRAME_MAX bytes hold every frame that can come, a longer one ends the stream. */
void turn_frame_init(struct turn_frame *f, uint8_t *buf, size_t cap);
/* Where the next bytes go, and how many have room: never none after turn_frame_next() has said 0. */
uint8_t *turn_frame_room(struct turn_frame *f, size_t *ret_len);
/* |n| bytes have been written there. */
void turn_frame_filled(struct turn_frame *f, size_t n);
/*
 * 1: |ret_data| is a STUN message, or ChannelData with the header and without the padding; good until the next
 * turn_frame_room(). 0: more bytes are needed. EPROTO: the stream is broken, and stays so.
 */
ADIT_MUST_CHECK int turn_frame_next(struct turn_frame *f, const uint8_t **ret_data, size_t *ret_len);

#endif
