/*
 * What --turn, --turn-secret-file and --turn-for say, read at the start: a lender (core/meet/meet_relay.h) for the
 * mediator's mind.
 */
#ifndef ADIT_MED_TURN_H
#define ADIT_MED_TURN_H

#include "core/meet/meet_relay.h"
#include "io/io_file.h"
#include "mediator/med_opts.h"

struct med_turn {
	struct meet_lender lender; /* |n_uris| 0: there is none */
	uint8_t (*hosts)[MEET_KEY_LEN];
};

/* 0, or ADIT_EINVAL (what a file holds is wrong) or ADIT_ESYS with |why| filled. Zeroed or done before. */
ADIT_MUST_CHECK int med_turn_load(struct med_turn *t, const struct med_opts *o, struct io_why *why);
/* Wipes the secret. */
void med_turn_done(struct med_turn *t);

#endif
