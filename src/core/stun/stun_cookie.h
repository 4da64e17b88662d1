/*
 * A stateless cookie: eight bytes that only who receives at an address can know, for a minute or two. The server keeps
 * one secret and no table.
 */
#ifndef ADIT_STUN_COOKIE_H
#define ADIT_STUN_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/siphash.h"
#include "base/time.h"

#define STUN_COOKIE_LEN 8

/* What the cookie is bound to. */
enum stun_cookie_scope {
	STUN_COOKIE_IP, /* the address: sockets of one host may share it */
	STUN_COOKIE_IP_PORT, /* the address and its port */
};

void stun_cookie_make(const uint8_t key[ADIT_SIPHASH_KEY_LEN], adit_time now, enum stun_cookie_scope scope,
		      const struct adit_addr *addr, uint8_t ret_cookie[STUN_COOKIE_LEN]);

/* Was it made for |addr|, STUN_COOKIE_LIFE to twice that ago at most? */
bool stun_cookie_is_good(const uint8_t key[ADIT_SIPHASH_KEY_LEN], adit_time now, enum stun_cookie_scope scope,
			 const struct adit_addr *addr, const uint8_t cookie[STUN_COOKIE_LEN]);

#endif
