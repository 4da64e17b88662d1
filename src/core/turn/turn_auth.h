/*
 * Long-term credentials (RFC 8489 9.2), client side: what a server's challenge (401, 438) says, and the attributes that
 * a request then has. Start here: turn_auth_init(), turn_auth_challenge() with each challenge, turn_auth_build() as the
 * last step of each request.
 *
 * A server of RFC 5389 gets MD5 and HMAC-SHA1. One whose nonce says so (the nonce cookie) gets the first of its
 * password algorithms that we know, HMAC-SHA256, and a hash in place of the user name where it asks for that. User name
 * and password are used as they are: printable ASCII is what every string preparation leaves alone.
 */
#ifndef ADIT_TURN_AUTH_H
#define ADIT_TURN_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "core/stun/stun_client.h"
#include "core/stun/stun_msg.h"
#include "core/turn/turn_limits.h"

struct turn_auth {
	const struct adit_crypto *crypto;
	char user[TURN_USER_MAX + 1];
	char pass[TURN_PASS_MAX + 1];
	bool is_challenged; /* the rest is known */
	size_t realm_len;
	size_t nonce_len;
	size_t algs_len; /* of |algs|: PASSWORD-ALGORITHMS as it came, echoed; 0: a server of RFC 5389 */
	uint16_t alg; /* IANA stun-parameters: 1 MD5, 2 SHA-256 */
	bool is_anonymous; /* USERHASH instead of USERNAME */
	size_t key_len;
	struct stun_cred cred; /* points at |key| */
	uint8_t realm[TURN_REALM_MAX];
	uint8_t nonce[TURN_NONCE_MAX];
	uint8_t algs[TURN_ALGS_MAX];
	uint8_t key[STUN_SHA256_LEN];
	uint8_t userhash[STUN_USERHASH_LEN];
};

/* The strings are copied; |crypto| is borrowed, and the struct must not move. EINVAL: one is too long, or no user. */
ADIT_MUST_CHECK int turn_auth_init(struct turn_auth *a, const struct adit_crypto *crypto, const char *user,
				   const char *pass);
/* Wipes the secrets. */
void turn_auth_done(struct turn_auth *a);
/* Another server: its realm and nonce are not known yet. */
void turn_auth_forget(struct turn_auth *a);

/*
 * A 401 or 438. 0; EPROTO: realm or nonce are missing, malformed or too long; EAUTH: someone took the password
 * algorithms out of it (RFC 8489 9.2.5: do not go on); EVERSION: no algorithm that we know. Unchanged but for 0.
 */
ADIT_MUST_CHECK int turn_auth_challenge(struct turn_auth *a, const struct stun_msg *m);
/* Adds user, realm, nonce and integrity; before the first challenge nothing. */
void turn_auth_build(const struct turn_auth *a, struct stun_build *b);
/* Under which answers must be authentic; NULL before the first challenge. */
const struct stun_cred *turn_auth_cred(const struct turn_auth *a);

#endif
