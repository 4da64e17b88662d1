/*
 * The ticket: a bearer capability that fits on a line. Text: "adit1" and base32 (trust_base32.h) of
 *
 *	version     u8   1
 *	key type    u8   1 = Ed25519
 *	identity    32   public key of the serve side
 *	secret id   4    which ticket of that serve side; all zeroes: there is no secret, known keys are admitted
 *	secret      16   random; zeroes where there is none
 *	hints       TLVs {type u8, length u8, value}; unknown types are skipped and kept
 *	checksum    4    SHA-256(label || all before), cut
 *
 * Every later version keeps the prefix and the checksum, so that damage is told apart from news.
 */
#ifndef ADIT_TRUST_TICKET_H
#define ADIT_TRUST_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/err.h"
#include "base/rng.h"
#include "core/trust/trust_limits.h"

enum trust_hint {
	TRUST_HINT_MEDIATOR = 1, /* "host" or "host:port", not terminated */
};

struct trust_ticket {
	uint8_t identity[TRUST_KEY_LEN];
	uint8_t secret_id[TRUST_SECRET_ID_LEN];
	uint8_t secret[TRUST_SECRET_LEN];
	uint8_t hints[TRUST_HINTS_MAX]; /* raw TLVs */
	size_t hints_len;
};

/* A new ticket of |identity| with a random secret and id, without hints. */
void trust_ticket_init(struct trust_ticket *t, const uint8_t identity[TRUST_KEY_LEN], const struct adit_rng *rng);
/* Wipes it. NULL is fine. */
void trust_ticket_done(struct trust_ticket *t);

/* Writes the text and a NUL. Returns its length. EINVAL: hints that are no TLVs, or a secret without an id. */
ADIT_MUST_CHECK int trust_ticket_encode(const struct trust_ticket *t, const struct adit_crypto *crypto,
					char ret_text[TRUST_TICKET_TEXT_MAX + 1]);

/*
 * White space anywhere and upper case are fine. 0, or
 *   EINVAL     no ticket at all: another prefix, or no longer than a name; or one that no honest program wrote
 *   ECHECKSUM  a ticket, but damaged or cut: get it again
 *   EVERSION   an undamaged one of a version, or with a key type, that is newer than this program
 */
ADIT_MUST_CHECK int trust_ticket_decode(const char *text, size_t len, const struct adit_crypto *crypto,
					struct trust_ticket *ret_ticket);

/* It has no secret: the serve side admits known keys (--allow), and the pair secret comes from both sides' keys. */
bool trust_ticket_is_by_key(const struct trust_ticket *t);

/* Is it meant as a ticket (whether undamaged or not), and not as a name? */
bool trust_ticket_is_text(const char *text, size_t len);

/* Appends a mediator. EINVAL: not a host (trust_name_is_host()). EFULL: no room. */
ADIT_MUST_CHECK int trust_ticket_add_mediator(struct trust_ticket *t, const char *host);

/*
 * Lists mediators: *|pos| starts at 0 and is moved. 1: |ret_host| got the next one, terminated and terminal-safe; 0: no
 * more. Those with characters that no host has are passed over.
 */
int trust_ticket_next_mediator(const struct trust_ticket *t, size_t *pos, char ret_host[TRUST_HINT_MAX + 1]);

#endif
