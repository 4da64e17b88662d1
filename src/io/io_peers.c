#include "io/io_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_name.h"

#define STORE "peers"

int io_peer_add_option(struct io_peer *p, const char *name, const char *value)
{
	struct io_peer_option *o = &p->options[p->n_options];

	if (p->n_options == IO_PEER_OPTIONS || strlen(name) >= sizeof(o->name) || strlen(value) >= sizeof(o->value))
		return ADIT_EFULL;
	snprintf(o->name, sizeof(o->name), "%s", name);
	snprintf(o->value, sizeof(o->value), "%s", value);
	p->n_options++;
	return 0;
}

/* name=home ticket=adit1... [OPTION=VALUE]... */
static const char *parse_peer(const struct io_record *r, struct io_peer *p)
{
	const char *name = io_record_get(r, "name");
	const char *ticket = io_record_get(r, "ticket");

	if (!name || name != r->fields[0].value || !trust_name_is_valid(name, strlen(name)))
		return "it does not begin with a name";
	if (!ticket || strlen(ticket) > TRUST_TICKET_TEXT_MAX)
		return "there is no ticket in it";
	*p = (struct io_peer){0};
	memcpy(p->name, name, strlen(name));
	memcpy(p->ticket, ticket, strlen(ticket));
	for (size_t i = 1; i < r->n; i++)
		if (r->fields[i].value != ticket && io_peer_add_option(p, r->fields[i].key, r->fields[i].value) != 0)
			return "it has too many options, or a too long one";
	return NULL;
}

static const char *format_peer(const struct io_peer *p, struct io_record_out *r)
{
	io_record_put(r, "name", p->name);
	io_record_put(r, "ticket", p->ticket);
	for (size_t i = 0; i < p->n_options; i++)
		io_record_put(r, p->options[i].name, p->options[i].value);
	return r->text;
}

/* The names so far: a second record of one would be ignored in silence otherwise. */
struct names {
	char (*v)[TRUST_NAME_MAX + 1];
	size_t n;
};

static bool names_has(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return true;
	return false;
}

int io_peers_parse(const char *text, size_t len, io_peers_each_fn *each, void *ctx, struct io_damage *damage)
{
	struct names names = {.v = calloc(IO_PEERS_MAX, sizeof(*names.v))};
	struct io_peer *peer = malloc(sizeof(*peer));
	struct io_record r = {0};
	unsigned line = 0;
	size_t pos = 0;
	int err = names.v && peer ? 1 : ADIT_ENOMEM;

	while (err == 1 && (err = io_store_next(text, len, STORE, &pos, &line, &r, damage)) == 1) {
		const char *reason = parse_peer(&r, peer);

		if (!reason && names_has(&names, peer->name))
			reason = "the name stands above already";
		if (!reason && names.n == IO_PEERS_MAX)
			reason = "too many names";
		if (reason) {
			io_damage_add(damage, line, "%s", reason);
			continue;
		}
		memcpy(names.v[names.n++], peer->name, sizeof(peer->name));
		each(ctx, peer);
	}
	adit_bytes_wipe(&r, sizeof(r));
	if (peer)
		adit_bytes_wipe(peer->ticket, sizeof(peer->ticket));
	free(peer);
	free(names.v);
	return err;
}

static int parse_file(const struct io_state *st, const struct io_text *text, io_peers_each_fn *each, void *ctx,
		      struct io_damage *damage, struct io_why *why)
{
	int err = io_peers_parse(text->data ? text->data : "", text->len, each, ctx, damage);

	if (err == ADIT_ENOMEM)
		return io_why_set(why, err, "cannot read %s/" STORE ": out of memory", st->dir);
	return err == 0 ? 0 : io_state_bad_store(st, STORE, err, why);
}

int io_peers_each(const struct io_state *st, io_peers_each_fn *each, void *ctx, struct io_damage *damage,
		  struct io_why *why)
{
	struct io_text text;
	int err = io_state_read(st, STORE, &text, why);

	*damage = (struct io_damage){0};
	if (err != 0)
		return err;
	err = parse_file(st, &text, each, ctx, damage, why);
	io_text_done(&text);
	return err;
}

struct wanted {
	const char *name;
	struct io_peer *ret_peer; /* may be NULL: only whether it is there */
	bool found;
	size_t n;
};

static void look(void *ctx, const struct io_peer *peer)
{
	struct wanted *w = ctx;

	w->n++;
	if (strcmp(peer->name, w->name) != 0)
		return;
	w->found = true;
	if (w->ret_peer)
		*w->ret_peer = *peer;
}

int io_peers_get(const struct io_state *st, const char *name, struct io_peer *ret_peer, struct io_damage *damage,
		 struct io_why *why)
{
	struct wanted w = {.name = name, .ret_peer = ret_peer};
	int err = io_peers_each(st, look, &w, damage, why);

	if (err != 0 || w.found)
		return err;
	return io_why_set(why, ADIT_ENOENT, "no peer is saved as \"%s\"", name);
}

/* May |peer| be added to what there is? */
static int check_room(const struct io_peer *peer, const struct wanted *w, const struct io_record_out *record,
		      struct io_why *why)
{
	if (w->found) {
		io_why_set(why, 0, "the name \"%s\" is saved already", peer->name);
		return io_why_next(why, ADIT_EIGNORED,
				   "take another name, or remove that one first: adit peer remove %s", peer->name);
	}
	if (w->n == IO_PEERS_MAX) {
		io_why_set(why, 0, "%d names are saved already", IO_PEERS_MAX);
		return io_why_next(why, ADIT_EFULL, "remove one: adit peer list, adit peer remove NAME");
	}
	if (record->bad)
		return io_why_set(why, ADIT_EFULL, "the options of \"%s\" fill more than %d bytes", peer->name,
				  IO_LINE_MAX);
	return 0;
}

static int add_locked(struct io_state *st, const struct io_peer *peer, struct io_why *why)
{
	struct wanted w = {.name = peer->name};
	struct io_record_out record = {0};
	struct io_damage damage = {0};
	struct io_text text;
	int err = io_state_read(st, STORE, &text, why);

	if (err != 0)
		return err;
	err = parse_file(st, &text, look, &w, &damage, why);
	if (err == 0) {
		format_peer(peer, &record);
		err = check_room(peer, &w, &record, why);
	}
	if (err == 0)
		err = io_state_edit(st, STORE, &text, peer->name, record.text, 0, why);
	adit_bytes_wipe(&record, sizeof(record));
	io_text_done(&text);
	return err;
}

int io_peers_add(struct io_state *st, const struct io_peer *peer, struct io_why *why)
{
	int err = io_state_lock(st, why);

	if (err != 0)
		return err;
	err = add_locked(st, peer, why);
	io_state_unlock(st);
	return err;
}

static int remove_locked(struct io_state *st, const char *name, struct io_why *why)
{
	struct wanted w = {.name = name};
	struct io_damage damage = {0};
	struct io_text text;
	int err = io_state_read(st, STORE, &text, why);

	if (err != 0)
		return err;
	err = parse_file(st, &text, look, &w, &damage, why);
	if (err == 0 && !w.found)
		err = io_why_set(why, ADIT_ENOENT, "no peer is saved as \"%s\"", name);
	if (err == 0)
		err = io_state_edit(st, STORE, &text, name, NULL, 0, why);
	io_text_done(&text);
	return err;
}

int io_peers_remove(struct io_state *st, const char *name, struct io_why *why)
{
	int err = io_state_lock(st, why);

	if (err != 0)
		return err;
	err = remove_locked(st, name, why);
	io_state_unlock(st);
	return err;
}
