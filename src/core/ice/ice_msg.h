/*
 * Connectivity checks as STUN messages (RFC 8445 7): written, and read with everything that can be told from the
 * message alone. Credentials are short-term (RFC 8489 9.1): the USERNAME is "receiver:sender", and the receiver of the
 * request owns the password of both the request and its answer.
 */
#ifndef ADIT_ICE_MSG_H
#define ADIT_ICE_MSG_H

#include "core/ice/ice_limits.h"
#include "core/ice/ice_sdp.h"
#include "core/stun/stun_msg.h"

enum ice_role {
	ICE_CONTROLLING,
	ICE_CONTROLLED,
};

static inline enum ice_role ice_role_other(enum ice_role role)
{
	return role == ICE_CONTROLLING ? ICE_CONTROLLED : ICE_CONTROLLING;
}

/* Which integrity a request had, of two the stronger one: its answer has the same (RFC 8489 9.1.3.1). */
enum ice_integrity {
	ICE_SHA1,
	ICE_SHA256,
};

struct ice_msg_check {
	const struct ice_cred *local;
	const struct ice_cred *remote;
	enum ice_role role;
	uint64_t tiebreaker;
	uint32_t priority;
	bool use_candidate;
};

/* All of these fill |buf|, ICE_MSG_MAX bytes, and return the length. |txid|: STUN_TXID_LEN bytes. */
size_t ice_msg_check(const struct ice_msg_check *c, const struct adit_crypto *crypto, const uint8_t *txid,
		     uint8_t *buf);
size_t ice_msg_answer(const struct ice_cred *local, const struct adit_crypto *crypto, enum ice_integrity kind,
		      const uint8_t *txid, const struct adit_addr *mapped, uint8_t *buf);
/* |unknown|: for 420, else none. */
size_t ice_msg_error(const struct ice_cred *local, const struct adit_crypto *crypto, enum ice_integrity kind,
		     const uint8_t *txid, unsigned code, const char *text, const uint16_t *unknown, size_t n_unknown,
		     uint8_t *buf);
/* To a STUN server: nothing but the header and the fingerprint. */
size_t ice_msg_gather(const uint8_t *txid, uint8_t *buf);
/* RFC 8445 11: a Binding indication. */
size_t ice_msg_keepalive(const uint8_t *txid, uint8_t *buf);

#define ICE_UNKNOWN_MAX 8 /* attribute types named in a 420 */

struct ice_msg_request {
	enum ice_integrity integrity;
	bool has_role;
	enum ice_role role; /* of the sender */
	uint64_t tiebreaker;
	uint32_t priority; /* 0: missing or malformed, a 400 */
	bool use_candidate;
	const char *sender; /* its ufrag; borrows the message */
	size_t sender_len;
	uint16_t unknown[ICE_UNKNOWN_MAX];
	size_t n_unknown; /* a 420 */
};

/* Is this request's USERNAME "|local|:..."? Cheap, and nothing is proved by it. */
bool ice_msg_is_for(const struct stun_msg *m, const struct ice_cred *local);

/*
 * A Binding request under |local|'s password. 0; EPROTO: no fingerprint or no role; EAUTH: not for |local|, or its
 * integrity is missing or wrong.
 */
ADIT_MUST_CHECK int ice_msg_read_request(const struct stun_msg *m, const struct ice_cred *local,
					 const struct adit_crypto *crypto, struct ice_msg_request *ret_req);

struct ice_msg_response {
	unsigned error; /* 0: success */
	struct adit_addr mapped; /* of a success */
	bool is_bad; /* authentic, but it cannot be understood: its transaction has failed (RFC 8489 6.3.3) */
};

/* A response under |remote|'s password. 0 or EAUTH. */
ADIT_MUST_CHECK int ice_msg_read_response(const struct stun_msg *m, const struct ice_cred *remote,
					  const struct adit_crypto *crypto, struct ice_msg_response *ret_resp);
/* A STUN server's, without credentials. */
void ice_msg_read_mapped(const struct stun_msg *m, struct ice_msg_response *ret_resp);

#endif
