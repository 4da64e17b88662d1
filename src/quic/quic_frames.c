#include "quic/quic_frames.h"

/* RFC 9000 19, table 3. */
#define FRAME_PADDING           0x00
#define FRAME_PING              0x01
#define FRAME_ACK               0x02
#define FRAME_ACK_ECN           0x03
#define FRAME_RESET_STREAM      0x04
#define FRAME_STOP_SENDING      0x05
#define FRAME_CRYPTO            0x06
#define FRAME_NEW_TOKEN         0x07
#define FRAME_STREAM            0x08 /* to 0x0f */
#define FRAME_STREAM_FIN        0x01
#define FRAME_STREAM_LEN        0x02
#define FRAME_STREAM_OFF        0x04
#define FRAME_MAX_DATA          0x10
#define FRAME_MAX_STREAM_DATA   0x11
#define FRAME_MAX_STREAMS       0x12
#define FRAME_MAX_STREAMS_UNI   0x13
#define FRAME_DATA_BLOCKED      0x14
#define FRAME_STREAM_BLOCKED    0x15
#define FRAME_STREAMS_BLOCKED   0x16
#define FRAME_STREAMS_BLOCKED_2 0x17
#define FRAME_NEW_CID           0x18
#define FRAME_RETIRE_CID        0x19
#define FRAME_PATH_CHALLENGE    0x1a
#define FRAME_PATH_RESPONSE     0x1b
#define FRAME_HANDSHAKE_DONE    0x1e
#define FRAME_DATAGRAM          0x30
#define FRAME_DATAGRAM_LEN      0x31

#define PATH_DATA_LEN   8
#define RESET_TOKEN_LEN 16

static void skip_varints(struct adit_rd *r, unsigned n)
{
	while (n-- > 0)
		adit_rd_varint(r);
}

static void skip_bytes(struct adit_rd *r, uint64_t n)
{
	if (n > adit_rd_left(r))
		r->bad = true;
	else
		adit_rd_skip(r, (size_t)n);
}

static void skip_ack(struct adit_rd *r, bool has_ecn)
{
	uint64_t ranges;

	skip_varints(r, 2);
	ranges = adit_rd_varint(r);
	skip_varints(r, 1);
	for (; ranges > 0 && !r->bad; ranges--)
		skip_varints(r, 2);
	if (has_ecn)
		skip_varints(r, 3);
}

static void skip_frame(struct adit_rd *r, uint64_t type)
{
	switch (type) {
	case FRAME_PADDING:
	case FRAME_PING:
	case FRAME_HANDSHAKE_DONE:
		break;
	case FRAME_ACK:
	case FRAME_ACK_ECN:
		skip_ack(r, type == FRAME_ACK_ECN);
		break;
	case FRAME_RESET_STREAM:
		skip_varints(r, 3);
		break;
	case FRAME_CRYPTO:
		skip_varints(r, 1);
		skip_bytes(r, adit_rd_varint(r));
		break;
	case FRAME_NEW_TOKEN:
	case FRAME_DATAGRAM_LEN:
		skip_bytes(r, adit_rd_varint(r));
		break;
	case FRAME_STOP_SENDING:
	case FRAME_MAX_STREAM_DATA:
	case FRAME_STREAM_BLOCKED:
		skip_varints(r, 2);
		break;
	case FRAME_MAX_DATA:
	case FRAME_MAX_STREAMS:
	case FRAME_MAX_STREAMS_UNI:
	case FRAME_DATA_BLOCKED:
	case FRAME_STREAMS_BLOCKED:
	case FRAME_STREAMS_BLOCKED_2:
	case FRAME_RETIRE_CID:
		skip_varints(r, 1);
		break;
	case FRAME_NEW_CID:
		skip_varints(r, 2);
		skip_bytes(r, adit_rd_u8(r));
		adit_rd_skip(r, RESET_TOKEN_LEN);
		break;
	case FRAME_PATH_CHALLENGE:
	case FRAME_PATH_RESPONSE:
		adit_rd_skip(r, PATH_DATA_LEN);
		break;
	case FRAME_DATAGRAM:
		adit_rd_skip(r, adit_rd_left(r));
		break;
	default:
		r->bad = true;
		break;
	}
}

static void read_stream(struct adit_rd *r, uint64_t type, struct quic_frame *f)
{
	uint64_t len;

	f->stream = adit_rd_varint(r);
	f->from = type & FRAME_STREAM_OFF ? adit_rd_varint(r) : 0;
	len = type & FRAME_STREAM_LEN ? adit_rd_varint(r) : adit_rd_left(r);
	skip_bytes(r, len);
	f->to = f->from + len;
}

bool quic_frames_next(struct adit_rd *r, struct quic_frame *ret_frame)
{
	while (!r->bad && adit_rd_left(r) > 0) {
		uint64_t type = adit_rd_varint(r);

		if ((type & ~(uint64_t)(FRAME_STREAM_FIN | FRAME_STREAM_LEN | FRAME_STREAM_OFF)) != FRAME_STREAM) {
			skip_frame(r, type);
			continue;
		}
		read_stream(r, type, ret_frame);
		return !r->bad;
	}
	return false;
}

bool quic_frames_are_probing(const uint8_t *payload, size_t len)
{
	struct adit_rd r = adit_rd_over(payload, len);

	while (!r.bad && adit_rd_left(&r) > 0) {
		uint64_t type = adit_rd_varint(&r);

		if (type != FRAME_PADDING && type != FRAME_PATH_CHALLENGE && type != FRAME_PATH_RESPONSE &&
		    type != FRAME_NEW_CID)
			return false;
		skip_frame(&r, type);
	}
	return !r.bad;
}
