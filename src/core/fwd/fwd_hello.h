/*
 * What travels inside QUIC. Start here: the two messages that open a session, on the first bidirectional stream.
 * fwd_open.h has the header of every later stream, fwd_dgram.h the datagrams of UDP services, fwd_reasm.h puts large
 * ones together, fwd_flow.h knows whom they belong to, fwd_limits.h has every number. Integers are big-endian.
 *
 *	hello, connect side to serve side            welcome, serve side to connect side
 *	length      u16  of all                      length    u16  of all
 *	version min u8                               status    u8   enum fwd_status
 *	version max u8                               version   u8   the chosen one; refused: our newest
 *	features    u32                              sentence  u8 length, UTF-8; mostly empty
 *	session id  16                               --- if the status is 0:
 *	connection  u8   which of the session's      features  u32  both sides' common ones
 *	secret id   4    zeroes: admitted by key     session id 16
 *	proof       32                               proof     32
 *	TLVs        to the end                       services  u16 count, {id u16, kind u8, port u16, name u8 length}
 *	                                             --- always:
 *	                                             TLVs      to the end
 *
 * The hello's layout is the same in all versions: that is how they find a common one.
 * Decoders take what has arrived so far and say EAGAIN until the message is whole; what is wrong is said at once.
 */
#ifndef ADIT_FWD_HELLO_H
#define ADIT_FWD_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/fwd/fwd_limits.h"

struct fwd_hello {
	uint8_t version_min;
	uint8_t version_max;
	uint32_t features;
	uint8_t session_id[FWD_SESSION_ID_LEN];
	uint8_t connection;
	uint8_t secret_id[FWD_SECRET_ID_LEN];
	uint8_t proof[FWD_PROOF_LEN];
	const uint8_t *tlvs; /* whole TLVs, fwd_tlv.h; decoded: inside the buffer that was decoded */
	size_t tlvs_len;
};

/* Returns the length. EFULL: |cap| is too small (FWD_HELLO_MAX is enough). EINVAL: not a message we would accept. */
ADIT_MUST_CHECK int fwd_hello_encode(const struct fwd_hello *h, uint8_t *buf, size_t cap);

/* Returns how many bytes of |data| the message was. EAGAIN: more are needed. EPROTO: it is malformed. */
ADIT_MUST_CHECK int fwd_hello_decode(const uint8_t *data, size_t len, struct fwd_hello *ret_hello);

/* The version both sides speak, the newest if there are several; 0: none. */
uint8_t fwd_hello_version(const struct fwd_hello *h);

/* 0 is success; any other status is a refusal, also one that is not in this list. */
#define FWD_STATUS_MAP(X)                                                                    \
	X(OK, 0, "welcome")                                                                  \
	X(REFUSED, 1, "refused")                                                             \
	X(NO_VERSION, 2, "the two programs have no version in common: update the older one") \
	X(BAD_PROOF, 3, "the ticket is not valid here")                                      \
	X(REVOKED, 4, "the ticket was revoked")                                              \
	X(BOUND, 5, "the ticket belongs to another key: it was made for a single machine")   \
	X(NOT_ALLOWED, 6, "this key is not allowed here")                                    \
	X(REPLACED, 7, "another client uses this ticket now")                                \
	X(TOO_MANY, 8, "too many sessions")                                                  \
	X(SHUTTING_DOWN, 9, "the other side is shutting down")

enum fwd_status {
#define FWD_STATUS_ENUM(name, code, text) FWD_STATUS_##name = (code),
	FWD_STATUS_MAP(FWD_STATUS_ENUM)
#undef FWD_STATUS_ENUM
};

/* A sentence; never NULL. */
const char *fwd_status_text(uint8_t status);

enum fwd_kind {
	FWD_KIND_STREAM = 1, /* TCP or a Unix socket: a QUIC stream per connection */
	FWD_KIND_DGRAM = 2, /* UDP: QUIC datagrams */
};

struct fwd_service {
	uint16_t id;
	uint8_t kind; /* enum fwd_kind */
	uint16_t port; /* the service's own, where the connect side likes to listen; 0: it has none */
	char name[FWD_NAME_MAX + 1];
};

struct fwd_welcome {
	uint8_t status; /* enum fwd_status */
	uint8_t version;
	const char *sentence; /* the peer's words, not terminated, not safe for a terminal; decoded: in the buffer */
	size_t sentence_len;
	uint32_t features; /* from here on zero unless the status is 0 */
	uint8_t session_id[FWD_SESSION_ID_LEN];
	uint8_t proof[FWD_PROOF_LEN];
	const struct fwd_service *services;
	size_t n_services;
	const uint8_t *tlvs; /* as in struct fwd_hello */
	size_t tlvs_len;
};

/* As fwd_hello_encode(); FWD_WELCOME_MAX bytes are enough. */
ADIT_MUST_CHECK int fwd_welcome_encode(const struct fwd_welcome *m, uint8_t *buf, size_t cap);

/*
 * As fwd_hello_decode(). |services| has room for |cap| of them and is where ret_welcome->services points; those of
 * a kind we do not know are left out. EFULL: more than |cap| (never with FWD_SERVICES_MAX). Names and ids occur once.
 */
ADIT_MUST_CHECK int fwd_welcome_decode(const uint8_t *data, size_t len, struct fwd_service *services, size_t cap,
				       struct fwd_welcome *ret_welcome);

#endif
