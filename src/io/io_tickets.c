#include "io/io_tickets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_name.h"

#define STORE   "tickets"
#define UTC_MAX (UINT64_MAX / ADIT_SEC(1)) /* seconds that fit adit_utc */

/*
 *	label=laptop id=1a2b3c4d secret=32HEX created=SECONDS [single=1] [bound=BASE32] [revoked=SECONDS]
 *
 * A revoked one has no secret.
 */
static bool parse_key(const char *text, uint8_t ret_key[TRUST_KEY_LEN])
{
	return trust_base32_decode(text, strlen(text), ret_key, TRUST_KEY_LEN) == TRUST_KEY_LEN;
}

static const char *parse_ticket(const struct io_record *r, struct io_ticket *ret)
{
	const char *label = io_record_get(r, "label");
	const char *bound = io_record_get(r, "bound");
	struct io_ticket t = {0};
	uint64_t seconds;
	int err;

	if (!label || label != r->fields[0].value || !trust_name_is_valid(label, strlen(label)))
		return "it does not begin with a label";
	memcpy(t.label, label, strlen(label));
	err = io_record_number(r, "revoked", UTC_MAX, &seconds);
	if (err == ADIT_EINVAL)
		return "revoked= is no time";
	t.revoked = err == 0;
	t.revoked_at = t.revoked ? ADIT_SEC(seconds) : 0;
	if (io_record_number(r, "created", UTC_MAX, &seconds) != 0)
		return "created= is no time";
	t.created_at = ADIT_SEC(seconds);
	if (io_record_hex(r, "id", t.secret_id, sizeof(t.secret_id)) != 0)
		return "id= is not 8 hexadecimal digits";
	if (!t.revoked && io_record_hex(r, "secret", t.secret, sizeof(t.secret)) != 0)
		return "secret= is not 32 hexadecimal digits";
	t.single = io_record_get(r, "single") != NULL;
	t.bound = bound != NULL;
	if (bound && !parse_key(bound, t.key))
		return "bound= is no key";
	*ret = t;
	return NULL;
}

static const char *format_ticket(const struct io_ticket *t, struct io_record_out *r)
{
	char key[TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1];

	io_record_put(r, "label", t->label);
	io_record_put_hex(r, "id", t->secret_id, sizeof(t->secret_id));
	if (!t->revoked)
		io_record_put_hex(r, "secret", t->secret, sizeof(t->secret));
	io_record_put_number(r, "created", t->created_at / ADIT_SEC(1));
	if (t->single)
		io_record_put(r, "single", "1");
	if (t->bound) {
		trust_base32_encode(t->key, sizeof(t->key), key);
		io_record_put(r, "bound", key);
	}
	if (t->revoked)
		io_record_put_number(r, "revoked", t->revoked_at / ADIT_SEC(1));
	return r->text;
}

static int append(struct io_tickets *t, const struct io_ticket *ticket)
{
	struct io_ticket *v;

	/* Powers of two; the array is not wiped on its way, so it is copied by hand. */
	if ((t->n & (t->n - 1)) == 0) {
		v = calloc(t->n > 0 ? 2 * t->n : 1, sizeof(*v));
		if (!v)
			return ADIT_ENOMEM;
		if (t->n > 0) {
			memcpy(v, t->v, t->n * sizeof(*v));
			adit_bytes_wipe(t->v, t->n * sizeof(*v));
		}
		free(t->v);
		t->v = v;
	}
	t->v[t->n++] = *ticket;
	return 0;
}

int io_tickets_parse(const char *text, size_t len, struct io_tickets *ret_tickets)
{
	struct io_tickets t = {0};
	struct io_record r;
	unsigned line = 0;
	size_t pos = 0;
	int err;

	while ((err = io_store_next(text, len, STORE, &pos, &line, &r, &t.damage)) == 1) {
		struct io_ticket ticket = {0};
		const char *reason = parse_ticket(&r, &ticket);

		if (!reason && io_tickets_find(&t, ticket.label))
			reason = "the label stands above already";
		if (!reason && t.n == IO_TICKETS_MAX)
			reason = "too many labels";
		if (reason)
			io_damage_add(&t.damage, line, "%s", reason);
		else
			err = append(&t, &ticket);
		adit_bytes_wipe(&ticket, sizeof(ticket));
		if (err < 0)
			break;
	}
	adit_bytes_wipe(&r, sizeof(r));
	if (err == 0)
		*ret_tickets = t;
	else
		io_tickets_done(&t);
	return err;
}

static int parse_file(const struct io_state *st, const struct io_text *text, struct io_tickets *ret_tickets,
		      struct io_why *why)
{
	int err = io_tickets_parse(text->data ? text->data : "", text->len, ret_tickets);

	if (err == ADIT_ENOMEM)
		return io_why_set(why, err, "cannot read %s/" STORE ": out of memory", st->dir);
	return err == 0 ? 0 : io_state_bad_store(st, STORE, err, why);
}

int io_tickets_load(const struct io_state *st, struct io_tickets *ret_tickets, struct io_why *why)
{
	struct io_text text;
	int err = io_state_read(st, STORE, &text, why);

	if (err != 0)
		return err;
	err = parse_file(st, &text, ret_tickets, why);
	io_text_done(&text);
	return err;
}

void io_tickets_done(struct io_tickets *t)
{
	if (!t)
		return;
	if (t->v)
		adit_bytes_wipe(t->v, t->n * sizeof(*t->v));
	free(t->v);
	*t = (struct io_tickets){0};
}

const struct io_ticket *io_tickets_find(const struct io_tickets *t, const char *label)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].label, label) == 0)
			return &t->v[i];
	return NULL;
}

/* The store under its lock: read, decided on, perhaps written, given back. */
struct change {
	struct io_state *st;
	struct io_text text;
	struct io_tickets tickets;
};

static int change_begin(struct change *c, struct io_state *st, struct io_why *why)
{
	int err = io_state_lock(st, why);

	*c = (struct change){.st = st};
	if (err != 0)
		return err;
	err = io_state_read(st, STORE, &c->text, why);
	if (err == 0)
		err = parse_file(st, &c->text, &c->tickets, why);
	if (err != 0) {
		io_text_done(&c->text);
		io_state_unlock(st);
	}
	return err;
}

static void change_end(struct change *c)
{
	io_text_done(&c->text);
	io_tickets_done(&c->tickets);
	io_state_unlock(c->st);
}

static int change_write(struct change *c, const struct io_ticket *t, struct io_why *why)
{
	struct io_record_out record = {0};
	int err = io_state_edit(c->st, STORE, &c->text, t->label, format_ticket(t, &record), 0, why);

	adit_bytes_wipe(&record, sizeof(record));
	return err;
}

static bool id_is_taken(const struct io_tickets *t, const uint8_t id[TRUST_SECRET_ID_LEN])
{
	for (size_t i = 0; i < t->n; i++)
		if (memcmp(t->v[i].secret_id, id, TRUST_SECRET_ID_LEN) == 0)
			return true;
	return false;
}

static int make(struct change *c, const char *label, bool single, const struct adit_rng *rng, adit_utc utc,
		struct io_ticket *ret_ticket, struct io_why *why)
{
	static const uint8_t nobody[TRUST_KEY_LEN];
	struct trust_ticket fresh;
	struct io_ticket t = {.created_at = utc, .single = single};
	int err;

	/* The id is short, and looks up the lane: two labels must not share one. */
	do
		trust_ticket_init(&fresh, nobody, rng);
	while (id_is_taken(&c->tickets, fresh.secret_id));
	snprintf(t.label, sizeof(t.label), "%s", label);
	memcpy(t.secret_id, fresh.secret_id, sizeof(t.secret_id));
	memcpy(t.secret, fresh.secret, sizeof(t.secret));
	trust_ticket_done(&fresh);
	err = change_write(c, &t, why);
	if (err == 0)
		*ret_ticket = t;
	adit_bytes_wipe(&t, sizeof(t));
	return err;
}

/* A live |label|, or why there is none. */
static int pick(const struct io_tickets *t, const char *label, struct io_ticket *ret_ticket, struct io_why *why)
{
	const struct io_ticket *found = io_tickets_find(t, label);

	if (!found)
		return io_why_set(why, ADIT_ENOENT, "there is no ticket \"%s\"", label);
	if (found->revoked) {
		io_why_set(why, ADIT_ENOENT, "the ticket \"%s\" was revoked", label);
		return io_why_next(why, ADIT_ENOENT, "make it anew, with another secret: adit ticket new %s", label);
	}
	*ret_ticket = *found;
	return 0;
}

static int get_or_make(struct change *c, const char *label, const struct adit_rng *rng, adit_utc utc,
		       struct io_ticket *ret_ticket, struct io_why *why)
{
	bool makeable = strcmp(label, IO_TICKET_DEFAULT) == 0 && !io_tickets_find(&c->tickets, label);

	if (!makeable)
		return pick(&c->tickets, label, ret_ticket, why);
	if (c->tickets.damage.n == 0)
		return make(c, label, false, rng, utc, ret_ticket, why);
	io_why_set(why, ADIT_EINVAL, "%s/" STORE ":%u: %s; it may have been the ticket \"%s\"", c->st->dir,
		   c->tickets.damage.lines[0].line, c->tickets.damage.lines[0].reason, label);
	return io_why_next(why, ADIT_EINVAL, "restore the line or delete it; or make a new secret: adit ticket new %s",
			   label);
}

int io_tickets_get(struct io_state *st, const char *label, const struct adit_rng *rng, adit_utc utc,
		   struct io_ticket *ret_ticket, struct io_why *why)
{
	struct change c;
	int err = change_begin(&c, st, why);

	if (err != 0)
		return err;
	err = get_or_make(&c, label, rng, utc, ret_ticket, why);
	change_end(&c);
	return err;
}

int io_tickets_new(struct io_state *st, const char *label, bool single, const struct adit_rng *rng, adit_utc utc,
		   struct io_ticket *ret_ticket, struct io_why *why)
{
	const struct io_ticket *old;
	struct change c;
	int err = change_begin(&c, st, why);

	if (err != 0)
		return err;
	old = io_tickets_find(&c.tickets, label);
	if (old && !old->revoked) {
		err = io_why_set(why, ADIT_EIGNORED, "there is a ticket \"%s\" already", label);
		io_why_next(why, err, "take another label, or end that one first: adit ticket revoke %s", label);
	} else if (!old && c.tickets.n == IO_TICKETS_MAX) {
		err = io_why_set(why, ADIT_EFULL, "there are %d labels already", IO_TICKETS_MAX);
		io_why_next(why, err, "use the label of a revoked one again: adit ticket list");
	} else {
		err = make(&c, label, single, rng, utc, ret_ticket, why);
	}
	change_end(&c);
	return err;
}

int io_tickets_revoke(struct io_state *st, const char *label, adit_utc utc, struct io_why *why)
{
	const struct io_ticket *old;
	struct io_ticket t;
	struct change c;
	int err = change_begin(&c, st, why);

	if (err != 0)
		return err;
	old = io_tickets_find(&c.tickets, label);
	if (!old) {
		err = io_why_set(why, ADIT_ENOENT, "there is no ticket \"%s\"", label);
	} else if (old->revoked) {
		err = io_why_set(why, ADIT_EIGNORED, "the ticket \"%s\" was revoked before", label);
	} else {
		t = *old;
		adit_bytes_wipe(t.secret, sizeof(t.secret));
		t.revoked = true;
		t.revoked_at = utc;
		err = change_write(&c, &t, why);
	}
	change_end(&c);
	return err;
}

int io_tickets_bind(struct io_state *st, const struct io_ticket *ticket, const uint8_t key[TRUST_KEY_LEN],
		    struct io_why *why)
{
	struct io_ticket t = {0};
	struct change c;
	int err = change_begin(&c, st, why);

	if (err != 0)
		return err;
	err = pick(&c.tickets, ticket->label, &t, why);
	if (err == 0 && memcmp(t.secret_id, ticket->secret_id, sizeof(t.secret_id)) != 0)
		err = io_why_set(why, ADIT_ENOENT, "the ticket \"%s\" was made anew", ticket->label);
	if (err == 0 && t.bound && memcmp(t.key, key, TRUST_KEY_LEN) != 0)
		err = io_why_set(why, ADIT_EAUTH, "the ticket \"%s\" belongs to the key that used it first", t.label);
	if (err == 0 && !t.bound) {
		t.bound = true;
		memcpy(t.key, key, TRUST_KEY_LEN);
		err = change_write(&c, &t, why);
	}
	change_end(&c);
	adit_bytes_wipe(&t, sizeof(t));
	return err;
}

void io_ticket_issue(const struct io_ticket *t, const uint8_t identity[TRUST_KEY_LEN], struct trust_ticket *ret_ticket)
{
	*ret_ticket = (struct trust_ticket){0};
	memcpy(ret_ticket->identity, identity, TRUST_KEY_LEN);
	memcpy(ret_ticket->secret_id, t->secret_id, TRUST_SECRET_ID_LEN);
	memcpy(ret_ticket->secret, t->secret, TRUST_SECRET_LEN);
}
