/*
 * The tickets of this installation: a label each, with a secret of its own. A revoked one stays listed without its
 * secret until its label is used again.
 */
#ifndef ADIT_IO_TICKETS_H
#define ADIT_IO_TICKETS_H

#include "base/rng.h"
#include "core/trust/trust_ticket.h"
#include "io/io_state.h"

#define IO_TICKET_DEFAULT "default"

struct io_ticket {
	char label[TRUST_NAME_MAX + 1];
	uint8_t secret_id[TRUST_SECRET_ID_LEN];
	uint8_t secret[TRUST_SECRET_LEN]; /* zeroes where revoked */
	adit_utc created_at;
	bool single; /* only for the first key that uses it */
	bool bound; /* |key| has used it first */
	uint8_t key[TRUST_KEY_LEN];
	bool revoked;
	adit_utc revoked_at;
};

struct io_tickets {
	struct io_ticket *v; /* owned, in the order they were made */
	size_t n;
	struct io_damage damage; /* lines that were passed over */
};

/* The store as pure text: what io_tickets_load() does with the file's content. EINVAL, EVERSION: the head; ENOMEM. */
ADIT_MUST_CHECK int io_tickets_parse(const char *text, size_t len, struct io_tickets *ret_tickets);

/* Good lines only: damaged ones are in |damage|, to be told to somebody. */
ADIT_MUST_CHECK int io_tickets_load(const struct io_state *st, struct io_tickets *ret_tickets, struct io_why *why);
/* Wipes and frees. NULL is fine. */
void io_tickets_done(struct io_tickets *t);
const struct io_ticket *io_tickets_find(const struct io_tickets *t, const char *label);

/*
 * The ticket |label|. The one called "default" is made if there is none, by that name, and no line is damaged (it may
 * have been that one). ADIT_ENOENT: no such label, or revoked; ADIT_EINVAL: not made because of damage; and the codes
 * of io_state.h. All fill |why|.
 */
ADIT_MUST_CHECK int io_tickets_get(struct io_state *st, const char *label, const struct adit_rng *rng, adit_utc utc,
				   struct io_ticket *ret_ticket, struct io_why *why);

/* Makes |label|, unless it is there and not revoked (ADIT_EIGNORED). ADIT_EFULL: IO_TICKETS_MAX. */
ADIT_MUST_CHECK int io_tickets_new(struct io_state *st, const char *label, bool single, const struct adit_rng *rng,
				   adit_utc utc, struct io_ticket *ret_ticket, struct io_why *why);

/* Ends |label| and forgets its secret. ADIT_ENOENT: no such label; ADIT_EIGNORED: revoked before. */
ADIT_MUST_CHECK int io_tickets_revoke(struct io_state *st, const char *label, adit_utc utc, struct io_why *why);

/*
 * Binds a --single ticket to the first key that used it. 0: bound now, or to this key before; ADIT_EAUTH: another key
 * was first; ADIT_ENOENT: the label is gone, revoked or made anew meanwhile.
 */
ADIT_MUST_CHECK int io_tickets_bind(struct io_state *st, const struct io_ticket *ticket,
				    const uint8_t key[TRUST_KEY_LEN], struct io_why *why);

/* As the other side gets it. */
void io_ticket_issue(const struct io_ticket *t, const uint8_t identity[TRUST_KEY_LEN], struct trust_ticket *ret_ticket);

#endif
