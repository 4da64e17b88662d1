/*
 * Time-limited credentials (draft-uberti-behave-turn-rest-00, coturn's use-auth-secret): whoever shares a secret with
 * the server makes a user name that says until when it is good, and its password. The server keeps no users.
 */
#ifndef ADIT_STUN_TIMED_H
#define ADIT_STUN_TIMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/time.h"

#define STUN_TIMED_NAME_MAX 32 /* characters behind the time */
/* 20 digits, a colon, the name, NUL; base64 of a SHA-1, NUL. */
#define STUN_TIMED_USER_STRLEN (20 + 1 + STUN_TIMED_NAME_MAX + 1)
#define STUN_TIMED_PASS_STRLEN (28 + 1)

/* |until|: UTC. |name|: whatever the server counts by, at most STUN_TIMED_NAME_MAX characters. Needs hmac_sha1. */
void stun_timed_make(const struct adit_crypto *crypto, const void *secret, size_t secret_len, adit_utc until,
		     const char *name, char ret_user[STUN_TIMED_USER_STRLEN], char ret_pass[STUN_TIMED_PASS_STRLEN]);

/* Does |user| begin with a time, and is that past? */
bool stun_timed_is_over(const char *user, adit_utc utc);

#endif
