#include "cli/cli_meet.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_text.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_idline.h"
#include "core/trust/trust_keys.h"
#include "crypto/crypto.h"
#include "io/io_peers.h"

#define TICKET_FILE_MAX 4096 /* bytes: a ticket with white space around and inside */

static int decode(struct cli_run *r, const char *where, const char *text, size_t len, struct cli_target_peer *p)
{
	struct cli_msg *m = &r->cli->msg;
	int err = trust_ticket_decode(text, len, &crypto_gnutls, &p->ticket);

	if (err >= 0) {
		p->by_key = trust_ticket_is_by_key(&p->ticket);
		return CLI_GO;
	}
	if (err == ADIT_EVERSION)
		cli_error(m, "update adit on this machine", "%s: the ticket was made by a later version", where);
	else if (err == ADIT_ECHECKSUM)
		cli_error(m, "copy it again, whole: it begins with adit1", "%s: the ticket is damaged", where);
	else
		cli_error(m, "a ticket begins with adit1; \"adit ticket\" on the other side prints it",
			  "%s: this is no ticket", where);
	return CLI_EXIT_BAD;
}

static int from_file(struct cli_run *r, struct cli_target_peer *p)
{
	const char *file = r->cli->opts.connect.ticket_file;
	struct io_text text;
	struct io_why why;
	int rc;

	if (io_file_read(file, TICKET_FILE_MAX, &text, &why) < 0) {
		cli_error(&r->cli->msg, why.next[0] ? why.next : NULL, "--ticket-file: %s", why.what);
		return CLI_EXIT_LOCAL;
	}
	rc = decode(r, strcmp(file, "-") == 0 ? "stdin" : file, text.data, text.len, p);
	io_text_done(&text);
	return rc;
}

struct guess {
	const char *names[IO_PEERS_MAX];
	char text[IO_PEERS_MAX][TRUST_NAME_MAX + 1];
	size_t n;
};

static void add_guess(void *ctx, const struct io_peer *peer)
{
	struct guess *g = ctx;

	if (g->n == IO_PEERS_MAX)
		return;
	memcpy(g->text[g->n], peer->name, sizeof(g->text[0]));
	g->names[g->n] = g->text[g->n];
	g->n++;
}

static int unknown_name(struct cli_run *r, const char *name)
{
	static struct guess g; /* large */
	char next[96] = "\"adit peer list\" shows the saved names; \"adit peer add\" saves one";
	struct io_damage damage;
	struct io_why why;
	const char *guess = NULL;

	g.n = 0;
	if (io_peers_each(&r->state, add_guess, &g, &damage, &why) == 0)
		guess = cli_text_guess(name, g.names, g.n);
	if (guess)
		snprintf(next, sizeof(next), "did you mean \"%s\"?", guess);
	cli_error(&r->cli->msg, next, "there is no saved peer \"%s\"", name);
	return CLI_EXIT_BAD;
}

static int from_name(struct cli_run *r, const char *name, struct cli_target_peer *p)
{
	static struct io_peer saved; /* large */
	struct cli_opts *o = &r->cli->opts;
	struct io_damage damage;
	struct cli_fault f;
	struct io_why why;
	int err = io_peers_get(&r->state, name, &saved, &damage, &why);

	if (err == ADIT_ENOENT)
		return unknown_name(r, name);
	if (err < 0) {
		cli_error(&r->cli->msg, why.next[0] ? why.next : NULL, "%s", why.what);
		return CLI_EXIT_LOCAL;
	}
	for (size_t i = 0; i < saved.n_options; i++) {
		err = cli_opts_set(o, CLI_FOR_CONNECT, CLI_RANK_SAVED, saved.options[i].name, saved.options[i].value,
				   &f);
		if (err < 0 && err != ADIT_EIGNORED)
			return cli_msg_fault(&r->cli->msg, &f);
	}
	snprintf(p->name, sizeof(p->name), "%s", name);
	err = decode(r, name, saved.ticket, strlen(saved.ticket), p);
	adit_bytes_wipe(&saved, sizeof(saved));
	return err;
}

int cli_meet_find(struct cli_run *r, struct cli_target_peer *ret_peer)
{
	const struct cli_connect *c = &r->cli->opts.connect;

	*ret_peer = (struct cli_target_peer){0};
	if (c->ticket_file[0])
		return from_file(r, ret_peer);
	if (c->env_ticket)
		return decode(r, "ADIT_TICKET", c->env_ticket, strlen(c->env_ticket), ret_peer);
	if (trust_ticket_is_text(c->peer, strlen(c->peer)))
		return decode(r, "PEER", c->peer, strlen(c->peer), ret_peer);
	return from_name(r, c->peer, ret_peer);
}

void cli_meet_done(struct cli_target_peer *p)
{
	trust_ticket_done(&p->ticket);
}

static int key_secret(struct cli_run *r, const struct trust_ticket *t, uint8_t ret_k[TRUST_K_LEN])
{
	uint8_t shared[CRYPTO_KEY_LEN];

	if (crypto_shared(&r->identity, t->identity, shared) < 0) {
		cli_error(&r->cli->msg, NULL, "the ticket's key is not a usable key");
		return CLI_EXIT_BAD;
	}
	trust_keys_from_shared(&crypto_gnutls, shared, t->identity, r->identity.public_key, ret_k);
	adit_bytes_wipe(shared, sizeof(shared));
	return CLI_GO;
}

int cli_meet_config(struct cli_run *r, const struct cli_target_peer *p, struct ep_connect_config *ret_cfg)
{
	*ret_cfg = (struct ep_connect_config){
		.log = cli_msg_log(&r->cli->msg),
		.creds = r->creds,
		.instance = r->instance,
		.port = r->cli->opts.meet.port,
		.linger = r->cli->opts.meet.linger,
	};
	memcpy(ret_cfg->secret_id, p->ticket.secret_id, sizeof(ret_cfg->secret_id));
	memcpy(ret_cfg->peer_key, p->ticket.identity, sizeof(ret_cfg->peer_key));
	if (p->by_key)
		return key_secret(r, &p->ticket, ret_cfg->k);
	trust_keys_from_ticket(&crypto_gnutls, &p->ticket, ret_cfg->k);
	return CLI_GO;
}

int cli_meet_socket(struct cli_run *r, const struct cli_target_peer *p, char ret_path[IO_SOCKET_PATH_MAX + 1])
{
	char id[TRUST_BASE32_LEN(8) + 1];
	char name[TRUST_BASE32_LEN(8) + 16];
	uint8_t bytes[8];
	struct io_why why;

	memcpy(bytes, p->ticket.identity, 4);
	memcpy(bytes + 4, p->ticket.secret_id, 4);
	trust_base32_encode(bytes, sizeof(bytes), id);
	snprintf(name, sizeof(name), "to-%s", id);
	if (io_state_socket(&r->state, name, ret_path, &why) == 0)
		return CLI_GO;
	cli_error(&r->cli->msg, why.next[0] ? why.next : NULL, "%s", why.what);
	return CLI_EXIT_LOCAL;
}

/* The line that the other side needs in its --allow file. */
static void hint_allow(struct cli_run *r)
{
	struct trust_idline id = {0};
	char line[TRUST_IDLINE_TEXT_MAX + 1];

	memcpy(id.key, r->identity.public_key, sizeof(id.key));
	trust_idline_format(&id, line);
	cli_hint(&r->cli->msg, "this ticket admits known keys only; the line for the other side's --allow file: %s",
		 line);
}

void cli_meet_stuck(struct cli_run *r, const struct cli_target_peer *p)
{
	const struct cli_meet *meet = &r->cli->opts.meet;
	struct cli_msg *m = &r->cli->msg;

	cli_warn(m, NULL, "no answer for 30 s; waiting goes on. Possible reasons:");
	if (meet->n_peers == 0)
		cli_hint(m, "no --peer is given: this side does not know where to knock");
	else
		cli_hint(m, "\"adit serve\" is not running over there, or not at %s", meet->peers[0].name);
	cli_hint(m, "the other side's --peer is not this network's public address");
	cli_hint(m, "one of the routers changes port numbers: without a mediator that cannot be crossed;"
		    " a forwarded UDP port (--port) on one side can");
	cli_hint(m, "one clock is far off: compare \"date -u\" on both sides");
	if (p->by_key)
		hint_allow(r);
	else
		cli_hint(m, "the ticket was revoked, or another machine is using it");
}
