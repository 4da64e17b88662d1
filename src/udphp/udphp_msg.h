/*
 * The messages of udphp.py, as they are on the wire (integers big-endian):
 *
 *   'A' seq          all before and including seq has arrived        3 bytes
 *   'N' seq          a damaged message came while seq was expected   3 bytes
 *   'H' ...          heartbeat: HELOCLNT from the server side, HELOSRVR from the client side
 *   'U' seq len digest payload     |len| bytes of TCP data
 *   'C' seq len digest payload     the same, through zlib
 *
 * |len| and |digest| (11 bytes of MD5) are those of the data before compression. Nothing protects type and seq but the
 * checksum of UDP.
 */
#ifndef ADIT_UDPHP_MSG_H
#define ADIT_UDPHP_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "udphp/udphp_limits.h"

enum udphp_type {
	UDPHP_ACK = 'A',
	UDPHP_NACK = 'N',
	UDPHP_HELO = 'H',
	UDPHP_PLAIN = 'U',
	UDPHP_ZIPPED = 'C',
};

/* Pointers lead into the datagram that was decoded. What a type does not have is zero. */
struct udphp_msg {
	enum udphp_type type;
	uint16_t seq;
	uint16_t len;
	const uint8_t *digest; /* UDPHP_DIGEST bytes */
	const uint8_t *body;
	size_t body_len;
};

/*
 * Returns 0; ADIT_EPROTO for a known type whose size is wrong (and for no bytes at all); ADIT_EINVAL for an unknown
 * type. An ack of more than three bytes is refused, though the script would read it: it never sends one, but a data
 * message whose type byte was damaged must not acknowledge anything.
 */
ADIT_MUST_CHECK int udphp_msg_decode(const void *data, size_t len, struct udphp_msg *ret_msg);

/* |type| is UDPHP_ACK or UDPHP_NACK. */
void udphp_msg_write_ack(uint8_t buf[UDPHP_ACK_LEN], enum udphp_type type, uint16_t seq);

/* The header of a data message; the payload is the caller's. |md5| is the whole sum, of which 11 bytes are used. */
void udphp_msg_write_header(uint8_t buf[UDPHP_HEADER], enum udphp_type type, uint16_t seq, uint16_t len,
			    const uint8_t md5[16]);

/*
 * How far |seq| lies behind |expected| (negative: ahead), on the circle of 65536 numbers (as RFC 1982). The script
 * compares plain integers, which fails when the numbers begin anew.
 */
int udphp_seq_behind(uint16_t seq, uint16_t expected);

#endif
