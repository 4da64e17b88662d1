/*
 * The header of a stream that carries one connection, its answer, and the codes that end streams and sessions.
 *
 *	open, connect side to serve side          opened, serve side to connect side
 *	type     u8   enum fwd_open_type          status  u8   0; a refusal is a reset with a code instead
 *	service  u16  id from the welcome, or 0   TLVs    u16 length, TLVs
 *	TLVs     u16 length, TLVs
 *
 * Bytes of the connection follow at once; the connect side need not wait for the answer.
 */
#ifndef ADIT_FWD_OPEN_H
#define ADIT_FWD_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/fwd/fwd_limits.h"

enum fwd_open_type {
	FWD_OPEN_CONNECT = 1, /* connect to the service's target */
	/*
	 * The same before the welcome has come, so ids and features are not known: FWD_OPEN_TLV_SERVICE names the
	 * service, and the bytes go as they are in both directions, whatever the session agrees on.
	 */
	FWD_OPEN_EARLY = 2,
};

struct fwd_open {
	uint8_t type; /* enum fwd_open_type, or one of a later version: FWD_STREAM_UNSUPPORTED is the answer */
	uint16_t service;
	const uint8_t *tlvs; /* whole TLVs, fwd_tlv.h; decoded: inside the buffer that was decoded */
	size_t tlvs_len;
};

struct fwd_opened {
	const uint8_t *tlvs;
	size_t tlvs_len;
};

/* The header of an early one; as fwd_open_encode(). */
ADIT_MUST_CHECK int fwd_open_encode_early(const char *service, uint8_t *buf, size_t cap);
/* The service that an early one names. false: it names none that could be one. */
bool fwd_open_service(const struct fwd_open *o, char ret_name[FWD_NAME_MAX + 1]);

/* Return the length. EFULL: |cap| is too small (FWD_OPEN_MAX, FWD_OPENED_MAX are enough). EINVAL: bad TLVs. */
ADIT_MUST_CHECK int fwd_open_encode(const struct fwd_open *o, uint8_t *buf, size_t cap);
ADIT_MUST_CHECK int fwd_opened_encode(const struct fwd_opened *o, uint8_t *buf, size_t cap);

/* Return how many bytes of |data| it was. EAGAIN: more are needed. EPROTO: it is malformed. */
ADIT_MUST_CHECK int fwd_open_decode(const uint8_t *data, size_t len, struct fwd_open *ret_open);
ADIT_MUST_CHECK int fwd_opened_decode(const uint8_t *data, size_t len, struct fwd_opened *ret_opened);

/* Application error codes of RESET_STREAM and STOP_SENDING (RFC 9000 20.2). */
#define FWD_STREAM_MAP(X)                                                                  \
	X(CANCELLED, 0, "closed without an error")                                         \
	X(TCP_RESET, 1, "the connection was reset")                                        \
	X(TARGET_REFUSED, 2, "the target refused the connection: is the service running?") \
	X(TARGET_UNREACHABLE, 3, "the target cannot be reached from the serve side")       \
	X(TARGET_TIMED_OUT, 4, "the target did not answer in time")                        \
	X(NO_SERVICE, 5, "there is no such service")                                       \
	X(NOT_ALLOWED, 6, "this service is not allowed for this peer")                     \
	X(OVERLOAD, 7, "the other side has no room for more connections")                  \
	X(SHUTTING_DOWN, 8, "the other side is shutting down")                             \
	X(REPLACED, 9, "the session was replaced")                                         \
	X(PROTOCOL, 10, "a malformed stream header")                                       \
	X(UNSUPPORTED, 11, "the other side does not know this kind of stream: update it")

/* Application error codes of CONNECTION_CLOSE (0x1d). */
#define FWD_CLOSE_MAP(X)                                                     \
	X(DONE, 0, "the other side has ended the session")                   \
	X(REFUSED, 1, "the other side refused the session")                  \
	X(REVOKED, 2, "the ticket was revoked")                              \
	X(REPLACED, 3, "another client with the same ticket has taken over") \
	X(SHUTTING_DOWN, 4, "the other side is shutting down")               \
	X(PROTOCOL, 5, "the other side received a malformed message")        \
	X(OVERLOAD, 6, "the other side has no room for this session")        \
	X(BAD_PROOF, 7, "the other side could not prove that it knows the ticket")

enum fwd_stream_err {
#define FWD_STREAM_ENUM(name, code, text) FWD_STREAM_##name = (code),
	FWD_STREAM_MAP(FWD_STREAM_ENUM)
#undef FWD_STREAM_ENUM
};

enum fwd_close_err {
#define FWD_CLOSE_ENUM(name, code, text) FWD_CLOSE_##name = (code),
	FWD_CLOSE_MAP(FWD_CLOSE_ENUM)
#undef FWD_CLOSE_ENUM
};

/* A sentence for a code from the wire; never NULL. */
const char *fwd_stream_text(uint64_t code);
const char *fwd_close_text(uint64_t code);

#endif
