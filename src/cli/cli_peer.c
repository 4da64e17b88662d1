#include "cli/cli_peer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "cli/cli_state.h"
#include "cli/cli_text.h"
#include "crypto/crypto.h"
#include "io/io_peers.h"

/* What is around a ticket that was copied with more than itself: a greeting, a "> ", quotes, the drawn code. */
static const char *no_ticket_next(const char *text)
{
	if (text[strspn(text, " \t\r\n")] == '\0')
		return "it is empty; the other side shows its ticket with \"adit ticket show\"";
	if (strcasestr(text, TRUST_TICKET_PREFIX))
		return "a ticket is in it, and other text before it: leave the ticket alone there";
	return "a ticket starts with adit1 and has about 90 characters";
}

int cli_peer_ticket(struct cli *cli, const char *text, const char *from, struct trust_ticket *ret_ticket)
{
	int err = trust_ticket_decode(text, strlen(text), &crypto_gnutls, ret_ticket);

	if (err == 0)
		return CLI_GO;
	if (err == ADIT_EVERSION)
		cli_error(&cli->msg, "update adit", "%s is of a later version than this program", from);
	else if (err == ADIT_ECHECKSUM)
		cli_error(&cli->msg, "copy it again, whole: the other side shows it with \"adit ticket show\"",
			  "%s is damaged: characters are missing or wrong", from);
	else
		cli_error(&cli->msg, no_ticket_next(text), "%s is no ticket", from);
	return CLI_EXIT_BAD;
}

/* A ticket that others may read is a service that others may use. */
static void warn_if_open(struct cli *cli, const char *path)
{
	char next[PATH_MAX + 64];
	unsigned mode;

	snprintf(next, sizeof(next), "if that is not meant: chmod 600 %s", path);
	if (io_file_is_open(path, &mode))
		cli_warn(&cli->msg, next, "other users may read the ticket in %s (mode %04o)", path, mode);
}

static int ticket_from_file(struct cli *cli, struct trust_ticket *ret_ticket)
{
	const char *path = cli->opts.connect.ticket_file;
	bool is_stdin = strcmp(path, "-") == 0;
	struct io_text text;
	struct io_why why;
	char from[128];
	int err = io_file_read(path, CLI_TICKET_MAX, &text, &why);

	if (err != 0) {
		cli_error(&cli->msg, NULL, "--ticket-file: %s", why.what);
		return err == ADIT_EFULL ? CLI_EXIT_BAD : CLI_EXIT_LOCAL;
	}
	if (!is_stdin)
		warn_if_open(cli, path);
	snprintf(from, sizeof(from), "the ticket in %.80s", is_stdin ? "stdin" : path);
	err = cli_peer_ticket(cli, text.data, from, ret_ticket);
	io_text_done(&text);
	return err;
}

struct names {
	const char *typed;
	char all[IO_PEERS_MAX][TRUST_NAME_MAX + 1];
	const char *v[IO_PEERS_MAX];
	size_t n;
};

static void collect(void *ctx, const struct io_peer *peer)
{
	struct names *names = ctx;

	memcpy(names->all[names->n], peer->name, sizeof(peer->name));
	names->v[names->n] = names->all[names->n];
	names->n++;
}

int cli_peer_unknown(struct cli *cli, const struct io_state *st, const char *typed)
{
	struct names *names = calloc(1, sizeof(*names));
	struct io_damage damage = {0};
	struct io_why why;
	const char *guess = NULL;
	bool is_cut = strncasecmp(typed, TRUST_TICKET_PREFIX, TRUST_TICKET_PREFIX_LEN) == 0;
	char next[128] = "give its ticket, or save it first: adit peer add NAME";

	if (names && io_peers_each(st, collect, names, &damage, &why) == 0)
		guess = cli_text_guess(typed, names->v, names->n);
	if (guess)
		snprintf(next, sizeof(next), "did you mean %s?", guess);
	else if (names && names->n > 0)
		snprintf(next, sizeof(next), "adit peer list shows the saved names");
	if (is_cut)
		snprintf(next, sizeof(next), "if it is a ticket, its end is missing: copy it again, whole");
	cli_error(&cli->msg, next, "no peer is saved as \"%s\"", typed);
	free(names);
	return is_cut ? CLI_EXIT_BAD : CLI_EXIT_USAGE;
}

static int apply_saved(struct cli *cli, const struct io_state *st, const struct io_peer *peer)
{
	struct cli_fault f;

	for (size_t i = 0; i < peer->n_options; i++) {
		int err = cli_opts_set(&cli->opts, cli->opts_for, CLI_RANK_SAVED, peer->options[i].name,
				       peer->options[i].value, &f);

		if (err == 0 || err == ADIT_EIGNORED)
			continue;
		cli_fault_where(&f, "the peer \"%s\", saved in %.200s/peers", peer->name, st->dir);
		cli_fault_next(&f, "save it anew: adit peer remove %s, adit peer add %s", peer->name, peer->name);
		f.exit = CLI_EXIT_BAD;
		return cli_msg_fault(&cli->msg, &f);
	}
	return CLI_GO;
}

static int ticket_from_name(struct cli *cli, const struct io_state *st, struct trust_ticket *ret_ticket)
{
	const char *name = cli->opts.connect.peer;
	struct io_peer *peer = malloc(sizeof(*peer));
	struct io_damage damage = {0};
	struct io_why why;
	char from[128];
	int err;

	if (!peer) {
		cli_error(&cli->msg, NULL, "out of memory");
		return CLI_EXIT_INTERNAL;
	}
	err = io_peers_get(st, name, peer, &damage, &why);
	cli_state_damage(cli, st, "peers", &damage);
	if (err == 0) {
		snprintf(from, sizeof(from), "the saved ticket of \"%s\"", name);
		err = cli_peer_ticket(cli, peer->ticket, from, ret_ticket);
		if (err == CLI_GO)
			err = apply_saved(cli, st, peer);
		adit_bytes_wipe(peer->ticket, sizeof(peer->ticket));
	} else {
		err = err == ADIT_ENOENT ? cli_peer_unknown(cli, st, name) : cli_state_fault(cli, err, &why);
	}
	free(peer);
	return err;
}

int cli_peer_find(struct cli *cli, const struct io_state *st, struct trust_ticket *ret_ticket)
{
	const struct cli_connect *c = &cli->opts.connect;

	if (c->ticket_file[0] != '\0')
		return ticket_from_file(cli, ret_ticket);
	if (c->env_ticket)
		return cli_peer_ticket(cli, c->env_ticket, "the ticket in ADIT_TICKET", ret_ticket);
	if (trust_ticket_is_text(c->peer, strlen(c->peer)))
		return cli_peer_ticket(cli, c->peer, "the ticket", ret_ticket);
	return ticket_from_name(cli, st, ret_ticket);
}
