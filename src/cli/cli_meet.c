#include "cli/cli_meet.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_mapped.h"
#include "cli/cli_peer.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_idline.h"
#include "core/trust/trust_keys.h"
#include "crypto/crypto.h"

int cli_meet_find(struct cli_run *r, struct cli_target_peer *ret_peer)
{
	const char *word = r->cli->opts.connect.peer;
	int rc;

	*ret_peer = (struct cli_target_peer){0};
	rc = cli_peer_find(r->cli, &r->state, &ret_peer->ticket);
	if (rc != CLI_GO)
		return rc;
	ret_peer->by_key = trust_ticket_is_by_key(&ret_peer->ticket);
	if (word && !trust_ticket_is_text(word, strlen(word)))
		snprintf(ret_peer->name, sizeof(ret_peer->name), "%s", word);
	return CLI_GO;
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
		.mapped = cli_mapped_port(&r->cli->opts.meet),
		.linger = r->cli->opts.meet.linger,
		.compress = r->cli->opts.meet.compress,
		.threads = r->cli->opts.meet.threads,
		.relay_only = r->cli->opts.meet.relay_only,
		.direct_only = r->cli->opts.meet.direct_only,
		.borrow = !r->cli->opts.meet.direct_only && !r->cli->opts.meet.relay_only &&
			  r->cli->opts.meet.n_relays == 0 && r->cli->opts.meet.relay_file[0] == '\0',
		.relay_ca = r->cli->opts.meet.relay_ca[0] ? r->cli->opts.meet.relay_ca : NULL,
	};
	memcpy(ret_cfg->secret_id, p->ticket.secret_id, sizeof(ret_cfg->secret_id));
	memcpy(ret_cfg->peer_key, p->ticket.identity, sizeof(ret_cfg->peer_key));
	if (cli_mapped_check(&r->cli->msg, &r->cli->opts.meet) != CLI_GO)
		return CLI_EXIT_USAGE;
	if (p->by_key)
		return key_secret(r, &p->ticket, ret_cfg->k);
	trust_keys_from_ticket(&crypto_gnutls, &p->ticket, ret_cfg->k);
	return CLI_GO;
}

void cli_meet_mediators(struct cli_run *r, const struct cli_target_peer *p, struct cli_mediators *ret)
{
	cli_mediators_given(&r->cli->opts, ret);
	if (ret->n == 0)
		cli_mediators_hinted(&p->ticket, ret);
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

void cli_meet_hint(struct cli_run *r, struct cli_target_peer *p)
{
	struct trust_idline id = {0};
	char line[TRUST_IDLINE_TEXT_MAX + 1];

	if (!p->by_key || p->line_told)
		return;
	p->line_told = true;
	memcpy(id.key, r->identity.public_key, sizeof(id.key));
	trust_idline_format(&id, line);
	cli_hint(&r->cli->msg, "this ticket admits known keys only; the line for the other side's --allow file: %s",
		 line);
}

/* Where it should be: at the other side's address, or with a mediator. */
static void say_where(struct cli_run *r, const struct cli_mediators *m)
{
	const struct cli_meet *meet = &r->cli->opts.meet;
	struct cli_msg *msg = &r->cli->msg;
	char names[CLI_MEDIATORS_STRLEN];

	if (meet->n_peers > 0)
		cli_hint(msg, "\"adit serve\" is not running over there, or not at %s", meet->peers[0].name);
	if (m->n > 0)
		cli_hint(msg, "\"adit serve\" is not running over there, or not registered at %s",
			 cli_mediators_text(m, names));
	if (meet->n_peers == 0 && m->n == 0)
		cli_hint(msg, "neither --peer nor --mediator is given: this side does not know where to knock");
}

static void say_own(struct cli_run *r, const struct adit_addr *own)
{
	char addr[ADIT_ADDR_STRLEN];

	if (own->family == ADIT_FAMILY_NONE)
		cli_hint(&r->cli->msg, "the other side's --peer is not this network's public address (\"adit check "
				       "--stun HOST\" tells it)");
	else
		cli_hint(&r->cli->msg, "the other side's --peer is not this network's public address, which is %s",
			 adit_addr_format(own, addr));
}

void cli_meet_stuck(struct cli_run *r, struct cli_target_peer *p, const struct adit_addr *own)
{
	struct cli_msg *m = &r->cli->msg;
	struct cli_mediators mediators;

	cli_meet_mediators(r, p, &mediators);
	cli_warn(m, NULL, "no answer for 30 s; waiting goes on. Possible reasons:");
	say_where(r, &mediators);
	if (mediators.n == 0 || r->cli->opts.meet.n_peers > 0)
		say_own(r, own);
	if (mediators.n == 0)
		cli_hint(
			m,
			"one of the routers changes port numbers: that takes a mediator (--mediator on both sides), or a"
			" forwarded UDP port (--port) on one of them");
	else
		cli_hint(
			m,
			"both routers change port numbers: the search goes on; a forwarded UDP port (--port) on one of "
			"them ends it");
	cli_hint(m, "one clock is far off: compare \"date -u\" on both sides");
	if (!p->by_key)
		cli_hint(m, "the ticket was revoked, or another machine is using it");
	cli_meet_hint(r, p);
}
