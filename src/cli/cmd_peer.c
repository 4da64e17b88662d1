/* `adit peer add|list|remove`: tickets of others, saved under a name with how to meet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_peer.h"
#include "cli/cli_relays.h"
#include "cli/cli_state.h"
#include "cli/cli_text.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_name.h"
#include "crypto/crypto.h"
#include "io/io_peers.h"
#include "io/io_tty.h"

#define SHOWN_KEY 8 /* characters of a key in lists */

static int too_many(struct cli *cli, const char *verb, const char *word)
{
	cli_error(&cli->msg, "adit peer -h shows what it takes", "peer %s: \"%.60s\" is one word too many", verb, word);
	return CLI_EXIT_USAGE;
}

static int out_of_memory(struct cli *cli)
{
	cli_error(&cli->msg, NULL, "out of memory");
	return CLI_EXIT_INTERNAL;
}

/* The ticket's text, white space and all, from stdin or a person. */
static int ask_ticket(struct cli *cli, struct io_text *ret_text)
{
	struct io_why why;
	int err;

	if (io_tty_is_person())
		err = io_tty_ask("Ticket (it is not shown): ", CLI_TICKET_MAX, ret_text, &why);
	else
		err = io_file_read("-", CLI_TICKET_MAX, ret_text, &why);
	if (err == 0)
		return CLI_GO;
	cli_error(&cli->msg, "the ticket may stand behind the name, or come by stdin: adit peer add NAME < FILE", "%s",
		  why.what);
	return err == ADIT_ESYS ? CLI_EXIT_LOCAL : CLI_EXIT_BAD;
}

/* |text| as it is saved: one spelling, without white space. */
static int put_ticket(struct cli *cli, const char *text, struct io_peer *p)
{
	struct trust_ticket ticket;
	int rc = cli_peer_ticket(cli, text, "the ticket", &ticket);
	int len;

	if (rc != CLI_GO)
		return rc;
	len = trust_ticket_encode(&ticket, &crypto_gnutls, p->ticket);
	trust_ticket_done(&ticket);
	if (len >= 0)
		return CLI_GO;
	cli_error(&cli->msg, NULL, "the ticket cannot be saved: %s", adit_strerror(len));
	return CLI_EXIT_BAD;
}

static int put_options(struct cli *cli, struct io_peer *p, int argc, char **argv)
{
	struct cli_opts *o = &cli->opts;
	struct cli_fault f;
	int err = 0;

	for (size_t i = 0; i < o->n_given && err == 0; i++)
		err = io_peer_add_option(p, o->given[i].name, o->given[i].value);
	for (int i = 0; i < argc && err == 0; i++) {
		if (cli_opts_set(o, CLI_FOR_PEER, CLI_RANK_SAVED, "connect", argv[i], &f) != 0)
			return cli_msg_fault(&cli->msg, &f);
		err = io_peer_add_option(p, "connect", argv[i]);
	}
	if (err == 0)
		return CLI_GO;
	cli_error(&cli->msg, NULL, "more options and services than can be saved with one peer");
	return CLI_EXIT_USAGE;
}

static int fill_peer(struct cli *cli, struct io_peer *p, int argc, char **argv)
{
	bool is_given = argc > 1 && trust_ticket_is_text(argv[1], strlen(argv[1]));
	struct io_text text;
	int rc;

	snprintf(p->name, sizeof(p->name), "%s", argv[0]);
	/* What was typed is checked before a person is asked for more. */
	rc = put_options(cli, p, argc - 1 - is_given, argv + 1 + is_given);
	if (rc != CLI_GO || is_given)
		return rc != CLI_GO ? rc : put_ticket(cli, argv[1], p);
	rc = ask_ticket(cli, &text);
	if (rc != CLI_GO)
		return rc;
	rc = put_ticket(cli, text.data, p);
	io_text_done(&text);
	return rc;
}

static int add(struct cli *cli, struct io_state *st, int argc, char **argv)
{
	struct cli_fault f;
	struct io_peer *p;
	struct io_why why;
	int rc;

	if (argc == 0) {
		cli_error(&cli->msg, "for example: adit peer add home --peer 203.0.113.10",
			  "peer add: the name is missing");
		return CLI_EXIT_USAGE;
	}
	if (cli_name_check("name", argv[0], &f) != 0)
		return cli_msg_fault(&cli->msg, &f);
	rc = cli_relays_check(cli);
	if (rc != CLI_GO)
		return rc;
	p = calloc(1, sizeof(*p));
	if (!p)
		return out_of_memory(cli);
	rc = fill_peer(cli, p, argc, argv);
	if (rc == CLI_GO) {
		int err = io_peers_add(st, p, &why);

		rc = err == 0 ? CLI_EXIT_OK : cli_state_fault(cli, err, &why);
	}
	adit_bytes_wipe(p, sizeof(*p));
	free(p);
	if (rc == CLI_EXIT_OK)
		cli_info(&cli->msg, "saved: adit connect %s", argv[0]);
	return rc;
}

/* While the list is printed. */
struct listing {
	struct cli *cli;
	struct cli_json json;
	size_t n;
};

static void key_of(const struct io_peer *p, char key[TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1])
{
	struct trust_ticket ticket;

	key[0] = '\0';
	if (trust_ticket_decode(p->ticket, strlen(p->ticket), &crypto_gnutls, &ticket) != 0)
		return;
	trust_base32_encode(ticket.identity, sizeof(ticket.identity), key);
	trust_ticket_done(&ticket);
}

static void list_json(struct listing *l, const struct io_peer *p, const char *key)
{
	static const char *const kinds[] = {"peer", "mediator", "stun", "relay", "connect"};
	static const char *const single[] = {"port",     "mapped",     "no-portmap", "linger",
					     "compress", "threads",    "timeout",    "relay-file",
					     "relay-ca", "relay-only", "direct-only"};
	struct cli_json *j = &l->json;

	cli_json_object(j, NULL);
	cli_json_str(j, "name", p->name);
	cli_json_str(j, "key", key[0] != '\0' ? key : NULL);
	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
		cli_json_array(j, kinds[kind]);
		for (size_t i = 0; i < p->n_options; i++)
			if (strcmp(p->options[i].name, kinds[kind]) == 0)
				cli_json_str(j, NULL, p->options[i].value);
		cli_json_array_end(j);
	}
	for (size_t i = 0; i < p->n_options; i++) {
		const char *name = p->options[i].name;

		for (size_t k = 0; k < ARRAY_LEN(single); k++)
			if (strcmp(name, single[k]) == 0)
				cli_json_str(j, name, p->options[i].value);
	}
	cli_json_object_end(j);
}

static void list_one(void *ctx, const struct io_peer *p)
{
	struct listing *l = ctx;
	char key[TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1];
	char line[CLI_MSG_TEXT];
	size_t at;

	l->n++;
	key_of(p, key);
	if (l->cli->opts.common.json) {
		list_json(l, p, key);
		return;
	}
	at = (size_t)snprintf(line, sizeof(line), "%s  %.*s", p->name, SHOWN_KEY, key[0] != '\0' ? key : "(damaged)");
	for (size_t i = 0; i < p->n_options && at < sizeof(line); i++) {
		bool is_service = strcmp(p->options[i].name, "connect") == 0;

		at += (size_t)snprintf(line + at, sizeof(line) - at, "  %s%s%s%s", is_service ? "" : "--",
				       is_service ? "" : p->options[i].name, is_service ? "" : " ",
				       p->options[i].value);
	}
	cli_out(&l->cli->msg, "%s", line);
}

static int list(struct cli *cli, struct io_state *st, int argc, char **argv)
{
	struct listing l = {.cli = cli};
	struct io_damage damage = {0};
	struct io_why why;
	int err;

	if (argc > 0)
		return too_many(cli, "list", argv[0]);
	cli_json_init(&l.json);
	cli_json_array(&l.json, NULL);
	err = io_peers_each(st, list_one, &l, &damage, &why);
	cli_json_array_end(&l.json);
	cli_state_damage(cli, st, "peers", &damage);
	if (err == 0 && cli->opts.common.json)
		cli_out_json(&cli->msg, &l.json);
	else if (err == 0 && l.n == 0)
		cli_info(&cli->msg, "no peer is saved; adit peer add NAME saves one");
	cli_json_done(&l.json);
	return err == 0 ? CLI_EXIT_OK : cli_state_fault(cli, err, &why);
}

static int drop(struct cli *cli, struct io_state *st, int argc, char **argv)
{
	struct cli_fault f;
	struct io_why why;
	int err;

	if (argc == 0) {
		cli_error(&cli->msg, "for example: adit peer remove home", "peer remove: the name is missing");
		return CLI_EXIT_USAGE;
	}
	if (argc > 1)
		return too_many(cli, "remove", argv[1]);
	if (cli_name_check("name", argv[0], &f) != 0)
		return cli_msg_fault(&cli->msg, &f);
	err = io_peers_remove(st, argv[0], &why);
	if (err == ADIT_ENOENT)
		return cli_peer_unknown(cli, st, argv[0]);
	if (err != 0)
		return cli_state_fault(cli, err, &why);
	cli_info(&cli->msg, "removed: %s", argv[0]);
	return CLI_EXIT_OK;
}

static const struct {
	const char *name;
	int (*run)(struct cli *cli, struct io_state *st, int argc, char **argv);
} verbs[] = {{"add", add}, {"list", list}, {"remove", drop}};

static int unknown_verb(struct cli *cli, const char *typed)
{
	const char *names[ARRAY_LEN(verbs)];
	char next[64] = "adit peer -h shows what they do";
	const char *guess;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		names[i] = verbs[i].name;
	guess = cli_text_guess(typed, names, ARRAY_LEN(verbs));
	if (guess)
		snprintf(next, sizeof(next), "did you mean \"adit peer %s\"?", guess);
	cli_error(&cli->msg, next, "\"%.60s\" is none of add, list and remove", typed);
	return CLI_EXIT_USAGE;
}

int cmd_peer(struct cli *cli, int argc, char **argv)
{
	struct io_state st;
	size_t i = 0;
	int rc;

	if (argc == 0) {
		cli_error(&cli->msg, "adit peer -h shows what they do", "peer: one of add, list and remove is missing");
		return CLI_EXIT_USAGE;
	}
	while (i < ARRAY_LEN(verbs) && strcmp(verbs[i].name, argv[0]) != 0)
		i++;
	if (i == ARRAY_LEN(verbs))
		return unknown_verb(cli, argv[0]);
	if (verbs[i].run != add && cli->opts.n_given > 0) {
		cli_error(&cli->msg, "for example: adit peer add home --peer 203.0.113.10",
			  "--%s makes sense with peer add only", cli->opts.given[0].name);
		return CLI_EXIT_USAGE;
	}
	rc = cli_state_open(cli, &st);
	if (rc != CLI_GO)
		return rc;
	rc = verbs[i].run(cli, &st, argc - 1, argv + 1);
	io_state_close(&st);
	return rc;
}
