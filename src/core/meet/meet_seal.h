/*
 * What two peers tell each other through a mediator, which sees nothing of it but its length: an offer or an answer,
 * sealed under a key that both derive from the pair secret K. Layouts: docs/mediator.md.
 */
#ifndef ADIT_MEET_SEAL_H
#define ADIT_MEET_SEAL_H

#include <stdint.h>

#include "base/addr.h"
#include "base/crypto.h"
#include "base/rng.h"
#include "base/time.h"
#include "core/meet/meet_crypto.h"
#include "core/meet/meet_limits.h"
#include "core/stun/stun_limits.h"

enum meet_kind {
	MEET_OFFER = 1, /* of the connect side */
	MEET_ANSWER = 2, /* of the serve side */
};

/* One candidate (RFC 8445 5.3); addresses are judged by who tries them, not here. */
struct meet_cand {
	uint8_t type; /* as ICE numbers them: the agent's matter */
	uint16_t foundation;
	uint32_t priority;
	struct adit_addr addr;
};

struct meet_offer {
	adit_utc stamp; /* the sender's clock */
	uint32_t rtt; /* microseconds between the sender and the mediator; 0: not measured */
	char ufrag[MEET_UFRAG_MAX + 1];
	char pwd[MEET_PWD_MAX + 1];
	uint8_t n_cands;
	uint8_t extra_len;
	struct meet_cand cands[MEET_CANDS_MAX];
	uint8_t extra[MEET_EXTRA_MAX];
};

/* The plain text: its length, or EFULL: it does not fit, or a count is beyond its limit. */
ADIT_MUST_CHECK int meet_offer_encode(const struct meet_offer *o, uint8_t buf[MEET_PLAIN_MAX]);
/* 0, EVERSION, or EPROTO. Whatever stands behind the last known field is ignored. */
ADIT_MUST_CHECK int meet_offer_decode(const uint8_t *data, size_t len, struct meet_offer *ret_offer);

/* Seals for one pair. */
struct meet_sealer {
	const struct meet_crypto *crypto;
	uint8_t offer_key[MEET_SEAL_KEY];
	uint8_t answer_key[MEET_SEAL_KEY];
};

void meet_sealer_init(struct meet_sealer *s, const struct meet_crypto *mc, const struct adit_crypto *crypto,
		      const uint8_t k[MEET_K_LEN]);
void meet_sealer_done(struct meet_sealer *s);

/*
 * Binds to the rendezvous |id| and the transaction |txid|: a mediator can neither move an answer to another question
 * nor an offer to another peer. Returns the length, or EFULL.
 */
ADIT_MUST_CHECK int meet_seal(const struct meet_sealer *s, const struct adit_rng *rng, enum meet_kind kind,
			      const uint8_t id[MEET_ID_LEN], const uint8_t txid[STUN_TXID_LEN],
			      const struct meet_offer *o, uint8_t buf[MEET_SEALED_MAX]);
/* 0, EAUTH, EVERSION or EPROTO. */
ADIT_MUST_CHECK int meet_unseal(const struct meet_sealer *s, enum meet_kind kind, const uint8_t id[MEET_ID_LEN],
				const uint8_t txid[STUN_TXID_LEN], const uint8_t *data, size_t len,
				struct meet_offer *ret_offer);

#endif
