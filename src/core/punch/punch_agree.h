/*
 * Agreeing on one pair, so that both sides hand over the two ends of the same: for who wants the punched socket and no
 * session over it (with one, the first QUIC packet says which pair it is).
 *
 * The connect side proposes a pair that works by asking over it, the serve side answers. The connect side is done with
 * the answer; the serve side when it has not been asked for a while, because what it answered last must have arrived:
 * else the question would have come again. A pair that does not answer is given up for the next.
 * The message is the probe (punch_probe.h) under credentials of its own, so nobody takes one for the other.
 *
 *   state      meaning                                     left by
 *   OPEN       nothing proposed                            valid (connect: ASKING), a proposal (serve: ASKED)
 *   ASKING     connect: asks over a pair                   its answer (AGREED), no answer from any pair (OPEN)
 *   ASKED      serve: has answered                         no further question (AGREED)
 *   AGREED     both sides have the same pair               -
 */
#ifndef ADIT_PUNCH_AGREE_H
#define ADIT_PUNCH_AGREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/rng.h"
#include "core/punch/punch_keys.h"
#include "core/punch/punch_limits.h"
#include "core/punch/punch_probe.h"
#include "core/punch/punch_replay.h"

enum punch_agree_state {
	PUNCH_AGREE_OPEN,
	PUNCH_AGREE_ASKING,
	PUNCH_AGREE_ASKED,
	PUNCH_AGREE_AGREED,
};

struct punch_agree_config {
	enum punch_role role;
	const struct adit_crypto *crypto; /* borrowed */
	const struct adit_log *log; /* borrowed; may be NULL */
	struct adit_rng rng;
	uint8_t k[32]; /* the pair secret */
	uint64_t instance; /* random, new with each start */
};

struct punch_agree; /* below: the caller hands the storage */

void punch_agree_init(struct punch_agree *a, const struct punch_agree_config *cfg, adit_time now);
void punch_agree_set_utc(struct punch_agree *a, adit_time now, adit_utc utc);

/* What was agreed on cannot be used after all: everything anew. */
void punch_agree_reset(struct punch_agree *a, adit_time now);

/* A pair was found valid. Connect proposes the first one first; a table that is full forgets the oldest. */
void punch_agree_valid(struct punch_agree *a, adit_time now, uint32_t sock, const struct adit_addr *local,
		       const struct adit_addr *remote);

/* 0: it was for this machine. EIGNORED: it was not. EREPLAY, EAUTH, EPROTO: drop. */
int punch_agree_input(struct punch_agree *a, adit_time now, const struct adit_dgram *d);
void punch_agree_tick(struct punch_agree *a, adit_time now);
adit_time punch_agree_deadline(const struct punch_agree *a);
int punch_agree_output(struct punch_agree *a, adit_time now, struct adit_out *ret_out);

enum punch_agree_state punch_agree_state(const struct punch_agree *a);

struct punch_agree_pair {
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	struct adit_addr mapped; /* connect: what the peer saw us as; else family NONE */
};

/* AGREED: which. */
const struct punch_agree_pair *punch_agree_pair(const struct punch_agree *a);

/* From here on: the storage. Nobody but this file looks inside. */
struct punch_agree {
	struct punch_agree_config cfg;
	struct punch_keys keys;
	struct punch_replay replay;
	enum punch_agree_state state;
	adit_time now;
	adit_time utc_at; /* |utc| was the time then */
	adit_utc utc;
	struct punch_agree_pair pairs[PUNCH_AGREE_PAIRS_MAX]; /* connect: the proposed one first */
	size_t n_pairs;
	struct punch_agree_pair asked; /* serve */
	unsigned asks; /* of the proposed pair, so far */
	uint8_t txids[PUNCH_AGREE_ASKS_MAX][STUN_TXID_LEN];
	adit_time ask_at; /* connect: the next question; NEVER */
	adit_time calm_at; /* serve: agreed; NEVER */
	bool has_answer; /* serve: one waits to be sent */
	size_t answer_len;
	uint8_t answer[PUNCH_PROBE_MAX];
	uint8_t out[PUNCH_PROBE_MAX];
};

#endif
