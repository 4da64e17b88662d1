#include "core/turn/turn_frame.h"

#include <assert.h>
#include <string.h>

#include "core/stun/stun_msg.h"

void turn_frame_init(struct turn_frame *f, uint8_t *buf, size_t cap)
{
	*f = (struct turn_frame){.buf = buf, .cap = cap};
}

uint8_t *turn_frame_room(struct turn_frame *f, size_t *ret_len)
{
	/* At most one frame's beginning is left to move. */
	if (f->pos > 0) {
		memmove(f->buf, f->buf + f->pos, f->len - f->pos);
		f->len -= f->pos;
		f->pos = 0;
	}
	*ret_len = f->cap - f->len;
	return f->buf + f->len;
}

void turn_frame_filled(struct turn_frame *f, size_t n)
{
	assert(n <= f->cap - f->len);
	f->len += n;
}

/*
 * The frame at |p|: |*ret_len| bytes that count, and how many it takes on the stream. 0: more is needed to tell.
 * RFC 8656 12.5: on a stream ChannelData are padded to a multiple of four, which their length does not count.
 */
static int measure(const uint8_t *p, size_t have, size_t *ret_len)
{
	int len;

	if (have == 0)
		return 0;
	if (p[0] >= TURN_CHANNEL_FIRST >> 8 && p[0] <= TURN_CHANNEL_LAST >> 8) {
		if (have < TURN_CHANNEL_HEADER_LEN)
			return 0;
		*ret_len = TURN_CHANNEL_HEADER_LEN + (size_t)(p[2] << 8 | p[3]);
		return (int)((*ret_len + STUN_ALIGN - 1) & ~(size_t)(STUN_ALIGN - 1));
	}
	if (p[0] > 3)
		return ADIT_EPROTO;
	len = stun_msg_frame_len(p, have);
	if (len > 0)
		*ret_len = (size_t)len;
	return len;
}

int turn_frame_next(struct turn_frame *f, const uint8_t **ret_data, size_t *ret_len)
{
	size_t have = f->len - f->pos;
	size_t len = 0;
	int takes;

	if (f->bad)
		return ADIT_EPROTO;
	takes = measure(f->buf + f->pos, have, &len);
	if (takes < 0 || (size_t)takes > f->cap) {
		f->bad = true;
		return ADIT_EPROTO;
	}
	if (takes == 0 || (size_t)takes > have)
		return 0;
	*ret_data = f->buf + f->pos;
	*ret_len = len;
	f->pos += (size_t)takes;
	return 1;
}
