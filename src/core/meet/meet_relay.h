/*
 * Credentials of the operator's TURN server, which a mediator lends to who asked a peer of the operator's list and was
 * answered: time-limited ones, as coturn's use-auth-secret has them (draft-uberti-behave-turn-rest-00). Layouts:
 * docs/mediator.md. Words:
 *   lender   what the operator gave: URIs, the secret shared with the TURN server, and the list of hosts
 *   host     a peer of that list; whom it answers may borrow
 *   loan     credentials on the wire, sealed between two keys made for this one question: who only listens has nothing
 */
#ifndef ADIT_MEET_RELAY_H
#define ADIT_MEET_RELAY_H

#include "base/addr.h"
#include "base/crypto.h"
#include "base/rng.h"
#include "base/time.h"
#include "core/meet/meet_crypto.h"
#include "core/stun/stun_limits.h"

/*
 * URIs as RFC 7065 has them ("turn:relay.example.org:3478?transport=udp"), printable ASCII. A mediator is not believed
 * more than that: whoever goes there judges the address as he would a stranger's candidate.
 */
struct meet_relay {
	unsigned n_uris;
	char uris[MEET_RELAY_URIS][MEET_RELAY_URI_MAX + 1];
	char user[MEET_RELAY_USER_MAX + 1];
	char pass[MEET_RELAY_PASS_MAX + 1];
	uint32_t life; /* seconds from now; an allocation that was made within it lives on */
};

struct meet_lender {
	const struct adit_crypto *crypto; /* needs hmac_sha1, hkdf_sha256 */
	unsigned n_uris;
	char uris[MEET_RELAY_URIS][MEET_RELAY_URI_MAX + 1];
	const uint8_t *secret;
	size_t secret_len;
	const uint8_t (*hosts)[MEET_KEY_LEN]; /* in the order of memcmp */
	size_t n_hosts;
};

bool meet_lender_has_host(const struct meet_lender *l, const uint8_t key[MEET_KEY_LEN]);
/* |net|: by which the TURN server counts; it stands in the user's name. */
void meet_lender_make(const struct meet_lender *l, adit_utc utc, uint64_t net, struct meet_relay *ret_relay);

/* The plain text: its length, or EFULL. */
ADIT_MUST_CHECK int meet_relay_encode(const struct meet_relay *r, uint8_t buf[MEET_RELAY_PLAIN_MAX]);
/* 0, EVERSION, or EPROTO. Whatever stands behind the last known field is ignored. */
ADIT_MUST_CHECK int meet_relay_decode(const uint8_t *data, size_t len, struct meet_relay *ret_relay);

/* For who asked with the key |asker| in transaction |txid|. The length, EFULL, or EPROTO: |asker| is no such key. */
ADIT_MUST_CHECK int meet_relay_seal(const struct meet_crypto *mc, const struct adit_crypto *crypto,
				    const struct adit_rng *rng, const uint8_t asker[MEET_X25519_LEN],
				    const uint8_t txid[STUN_TXID_LEN], const struct meet_relay *r,
				    uint8_t buf[MEET_LOAN_MAX]);
/* |secret|: of the key that was asked with. 0, EAUTH, EVERSION or EPROTO. */
ADIT_MUST_CHECK int meet_relay_unseal(const struct meet_crypto *mc, const struct adit_crypto *crypto,
				      const uint8_t secret[MEET_X25519_LEN], const uint8_t txid[STUN_TXID_LEN],
				      const uint8_t *data, size_t len, struct meet_relay *ret_relay);

#endif
