/*
 * The probe: an ICE connectivity check (RFC 8445 7.2) whose credentials come from the pair secret.
 *
 * Request: USERNAME "peer's ufrag:own ufrag", PRIORITY, ICE-CONTROLLING or -CONTROLLED with the sender's instance
 * number as tiebreaker, STAMP, MESSAGE-INTEGRITY-SHA256 under the receiver's password, FINGERPRINT: 128 bytes. Answer:
 * XOR-MAPPED-ADDRESS, STAMP, MESSAGE-INTEGRITY-SHA256 under the same password, FINGERPRINT: never longer. STAMP is our
 * own comprehension-optional attribute: UTC in nanoseconds and the sender's instance, eight bytes each. In a request it
 * is unique and orders the sender's requests (punch_replay.h); in an answer it is the clock as it stands. AGAIN, where
 * there is one, says within how many seconds the sender of a request asks again, so that nobody is alarmed by its
 * silence; and after how many the receiver shall, if at all: 16 bits each. (What comes in after a long rest shows that
 * the own NAT has kept its mapping, which what goes out does not: it would have made a new one.)
 * PRIORITY is the lowest of its type where the request leaves through a relay of the sender's.
 */
#ifndef ADIT_PUNCH_PROBE_H
#define ADIT_PUNCH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/time.h"
#include "core/punch/punch_keys.h"
#include "core/stun/stun_limits.h"

/* In the range for Expert Review that receivers may ignore. */
#define PUNCH_ATTR_STAMP 0xcad1
#define PUNCH_ATTR_AGAIN 0xcad2

/* Zeroes: nothing is said. Whole seconds. */
struct punch_again {
	adit_dur mine; /* the sender asks again within this */
	adit_dur yours; /* the receiver shall ask after this */
};

/* What a request says; zeroes: nothing. */
struct punch_said {
	struct punch_again again;
	bool is_relayed; /* it leaves through a relay of the sender's */
};

struct punch_probe {
	bool is_answer;
	uint8_t txid[STUN_TXID_LEN];
	adit_utc stamp;
	uint64_t instance; /* of the sender */
	struct adit_addr mapped; /* answer: what the sender saw us as */
	struct punch_said said; /* request */
};

/* Writes a request from |role| into |buf| (PUNCH_PROBE_MAX bytes); returns its length. |said| may be NULL. */
size_t punch_probe_request(const struct punch_keys *k, enum punch_role role, const uint8_t *txid, adit_utc stamp,
			   uint64_t instance, const struct punch_said *said, uint8_t *buf);

/*
 * The same, padded to |size| bytes, which is a multiple of 4 and at least PUNCH_PROBE_MAX: PADDING (RFC 5780 7.6)
 * behind the integrity, where RFC 8489 14.5 has it ignored. Who answers it has seen a datagram of that size.
 */
size_t punch_probe_request_padded(const struct punch_keys *k, enum punch_role role, const uint8_t *txid, adit_utc stamp,
				  uint64_t instance, const struct punch_said *said, uint8_t *buf, size_t size);

/* The answer of |role| to a request with |txid| that came from |mapped|. */
size_t punch_probe_answer(const struct punch_keys *k, enum punch_role role, const uint8_t *txid,
			  const struct adit_addr *mapped, adit_utc stamp, uint64_t instance, uint8_t *buf);

/*
 * The transaction that a datagram claims to answer (STUN_TXID_LEN bytes in place), or NULL where it is no answer. To be
 * looked up before anything else is done: an answer names no pair, and one socket may serve many.
 */
const uint8_t *punch_probe_answered(const uint8_t *data, size_t len);

/*
 * Reads what |role| received. 0: authentic (but a request may be a replay, and an answer's txid is for the caller to
 * know). EIGNORED: not STUN, another method or class, or another pair's USERNAME. EPROTO: malformed, or a required
 * attribute that nobody knows. EAUTH: wrong integrity, or our own request come back.
 */
ADIT_MUST_CHECK int punch_probe_read(const struct punch_keys *k, enum punch_role role, const uint8_t *data, size_t len,
				     struct punch_probe *ret_probe);

#endif
