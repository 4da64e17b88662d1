/*
 * STUN messages (RFC 8489): a general codec for everything built on them: probes, ICE, TURN, NAT discovery, mediator.
 *
 * Start here. Reading: stun_msg_parse() checks the whole structure once and keeps pointers into the datagram; after it
 * nothing can overrun. stun_msg_find() gives an attribute, stun_attr.h reads its value, stun_msg_verify() checks the
 * HMAC. Writing: stun_build_begin(), attributes (stun_attr.h), stun_build_integrity_*(), stun_build_fingerprint(),
 * stun_build_end(). Words:
 *   class        request, indication, success, error (two bits of the type)
 *   required     attribute types below 0x8000: who does not know one must not act on the message
 *   integrity    MESSAGE-INTEGRITY (SHA-1) or MESSAGE-INTEGRITY-SHA256
 *
 * The codec keeps no state and judges no credentials: that is for the usages.
 */
#ifndef ADIT_STUN_MSG_H
#define ADIT_STUN_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"
#include "core/stun/stun_limits.h"

#define STUN_COOKIE UINT32_C(0x2112A442) /* RFC 8489 5 */

enum stun_class {
	STUN_REQUEST = 0,
	STUN_INDICATION = 1,
	STUN_SUCCESS = 2,
	STUN_ERROR = 3,
};

enum stun_method {
	STUN_BINDING = 0x001, /* RFC 8489 */
	STUN_ALLOCATE = 0x003, /* RFC 8656, as the next five */
	STUN_REFRESH = 0x004,
	STUN_SEND = 0x006,
	STUN_DATA = 0x007,
	STUN_CREATE_PERMISSION = 0x008,
	STUN_CHANNEL_BIND = 0x009,
	STUN_METHOD_MAX = 0x0ff, /* ours; above it the first byte of a message would leave 0..3 (RFC 7983) */
};

/* IANA stun-parameters; the values' shapes are in stun_attr.h. */
enum stun_attr_type {
	STUN_ATTR_MAPPED_ADDRESS = 0x0001,
	STUN_ATTR_RESPONSE_ADDRESS = 0x0002, /* RFC 3489 only, as the next but one and two */
	STUN_ATTR_CHANGE_REQUEST = 0x0003,
	STUN_ATTR_SOURCE_ADDRESS = 0x0004, /* RFC 3489 only: today's RESPONSE-ORIGIN */
	STUN_ATTR_CHANGED_ADDRESS = 0x0005, /* RFC 3489 only: today's OTHER-ADDRESS */
	STUN_ATTR_USERNAME = 0x0006,
	STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
	STUN_ATTR_ERROR_CODE = 0x0009,
	STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_ATTR_REFLECTED_FROM = 0x000b, /* RFC 3489 only */
	STUN_ATTR_CHANNEL_NUMBER = 0x000c,
	STUN_ATTR_LIFETIME = 0x000d,
	STUN_ATTR_XOR_PEER_ADDRESS = 0x0012,
	STUN_ATTR_DATA = 0x0013,
	STUN_ATTR_REALM = 0x0014,
	STUN_ATTR_NONCE = 0x0015,
	STUN_ATTR_XOR_RELAYED_ADDRESS = 0x0016,
	STUN_ATTR_REQUESTED_ADDRESS_FAMILY = 0x0017,
	STUN_ATTR_EVEN_PORT = 0x0018,
	STUN_ATTR_REQUESTED_TRANSPORT = 0x0019,
	STUN_ATTR_DONT_FRAGMENT = 0x001a,
	STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	STUN_ATTR_PASSWORD_ALGORITHM = 0x001d,
	STUN_ATTR_USERHASH = 0x001e,
	STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_ATTR_RESERVATION_TOKEN = 0x0022,
	STUN_ATTR_PRIORITY = 0x0024,
	STUN_ATTR_USE_CANDIDATE = 0x0025,
	STUN_ATTR_PADDING = 0x0026,
	STUN_ATTR_RESPONSE_PORT = 0x0027,
	STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
	STUN_ATTR_ADDRESS_ERROR_CODE = 0x8001,
	STUN_ATTR_PASSWORD_ALGORITHMS = 0x8002,
	STUN_ATTR_ALTERNATE_DOMAIN = 0x8003,
	STUN_ATTR_ICMP = 0x8004,
	STUN_ATTR_SOFTWARE = 0x8022,
	STUN_ATTR_ALTERNATE_SERVER = 0x8023,
	STUN_ATTR_FINGERPRINT = 0x8028,
	STUN_ATTR_ICE_CONTROLLED = 0x8029,
	STUN_ATTR_ICE_CONTROLLING = 0x802a,
	STUN_ATTR_RESPONSE_ORIGIN = 0x802b,
	STUN_ATTR_OTHER_ADDRESS = 0x802c,
	STUN_ATTR_OLD_ADDITIONAL_FAMILY = 0x8032, /* ADDITIONAL-ADDRESS-FAMILY, as coturn has it: a draft's number */
	STUN_ATTR_ADIT_COOKIE = 0xfad0, /* ours: stun_server.h */
};

/* Types from here on may be ignored by who does not know them. */
#define STUN_ATTR_OPTIONAL_FROM 0x8000

/* An attribute in place. |value| borrows the message's buffer; |len| is without padding. */
struct stun_attr {
	uint16_t type;
	uint16_t len;
	const uint8_t *value;
};

/* A parsed message; borrows the datagram. Offsets are from its start; 0: not there. */
struct stun_msg {
	const uint8_t *data;
	size_t len;
	enum stun_class class;
	uint16_t method;
	const uint8_t *txid; /* STUN_TXID_LEN bytes */
	size_t sha1_at;
	size_t sha256_at;
	size_t fingerprint_at;
};

/* Looks only: would a demultiplexer hand this to STUN (RFC 7983, RFC 8489 5)? First byte 0-3, cookie, length. */
bool stun_msg_is_stun(const void *data, size_t len);

/*
 * On a stream: how long the message is that begins at |data| (header included). 0: more bytes are needed to tell;
 * EPROTO: no STUN message begins here.
 */
int stun_msg_frame_len(const void *data, size_t len);

/*
 * Checks header, every attribute's bounds, the lengths and the order of integrity and fingerprint, and the fingerprint
 * itself where there is one. |data| holds exactly one message and is borrowed. Returns 0 or EPROTO.
 */
ADIT_MUST_CHECK int stun_msg_parse(struct stun_msg *ret_msg, const void *data, size_t len);

/*
 * The first attribute of this type that counts: behind MESSAGE-INTEGRITY only the other integrity and the fingerprint
 * do (RFC 8489 14.5). Returns 0 or ENOENT.
 */
ADIT_MUST_CHECK int stun_msg_find(const struct stun_msg *m, uint16_t type, struct stun_attr *ret_attr);

/* All attributes that count, in order: |*pos| starts at 0. False at the end. */
bool stun_msg_next(const struct stun_msg *m, size_t *pos, struct stun_attr *ret_attr);

/*
 * The required attributes that are not among the |n_known| given ones: at most |max| of them into |ret_types|, each
 * once. Returns how many were written. The types of this codec itself (integrity) are always known.
 */
size_t stun_msg_unknown(const struct stun_msg *m, const uint16_t *known, size_t n_known, uint16_t *ret_types,
			size_t max);

/*
 * Is the integrity attribute |type| (MESSAGE_INTEGRITY or its SHA256 sister) right under |key|? A truncated SHA-256 is
 * not accepted. 0, ENOENT (no such attribute), EAUTH, EFULL (longer than STUN_INTEGRITY_MSG_MAX).
 */
ADIT_MUST_CHECK int stun_msg_verify(const struct stun_msg *m, const struct adit_crypto *crypto,
				    enum stun_attr_type type, const uint8_t *key, size_t key_len);

/* Writes one message. A failed step sets |w.bad|; stun_build_end() tells. */
struct stun_build {
	struct adit_wr w;
};

/* |txid|: STUN_TXID_LEN bytes; |buf| is borrowed until the end. */
void stun_build_begin(struct stun_build *b, void *buf, size_t cap, enum stun_class class, uint16_t method,
		      const uint8_t *txid);

/* Any attribute from bytes; the padding is zero. */
void stun_build_bytes(struct stun_build *b, uint16_t type, const void *value, size_t len);

/* In this order, each at most once, as the last attributes (RFC 8489 14.5-14.7). */
void stun_build_integrity_sha1(struct stun_build *b, const struct adit_crypto *crypto, const uint8_t *key,
			       size_t key_len);
void stun_build_integrity_sha256(struct stun_build *b, const struct adit_crypto *crypto, const uint8_t *key,
				 size_t key_len);
void stun_build_fingerprint(struct stun_build *b);

/* The length of the message, or EFULL. */
ADIT_MUST_CHECK int stun_build_end(struct stun_build *b);

#endif
