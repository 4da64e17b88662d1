/* Identities, tickets and what they give: the pair secret K (core/trust/trust_keys.h). */
#ifndef ADIT_API_KEY_H
#define ADIT_API_KEY_H

#include "api/api_int.h"
#include "core/trust/trust_keys.h"
#include "core/trust/trust_ticket.h"
#include "crypto/crypto_identity.h"

/* What a configuration says of keys. All but |serve| may be NULL. */
struct api_key_config {
	bool serve;
	const char *identity;
	const char *ticket;
	const char *allow; /* serve: the public half of the one client */
};

struct api_keys {
	struct crypto_identity id; /* a new one where none was given */
	struct trust_ticket ticket;
	uint8_t k[TRUST_K_LEN];
	bool has_peer_key;
	uint8_t peer_key[TRUST_KEY_LEN]; /* connect: the ticket's; serve: |allow|'s */
};

/*
 * Who is met with which secret. EINVAL: something is missing, does not fit together (a serve side's ticket is of its
 * own identity), or is no key; else as the parsers say. Wipe it with api_keys_done().
 */
ADIT_MUST_CHECK int api_keys_read(const struct api_key_config *cfg, struct api_keys *ret_keys);
void api_keys_done(struct api_keys *keys);

#endif
