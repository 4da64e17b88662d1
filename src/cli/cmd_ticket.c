/* `adit ticket [show|new|list|revoke] [LABEL]`: the tickets of this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_mediators.h"
#include "cli/cli_qr.h"
#include "cli/cli_state.h"
#include "cli/cli_text.h"
#include "core/trust/trust_base32.h"
#include "crypto/crypto.h"
#include "io/io_tickets.h"

#define SHOWN_KEY 8 /* characters of a key in lists */

struct verb {
	const char *name;
	size_t max_words;
	int (*run)(struct cli *cli, struct io_state *st, const char *label);
};

static const char *utc_or_null(bool is, adit_utc utc, char buf[CLI_TEXT_UTC_LEN])
{
	return is ? cli_text_utc(utc, buf) : NULL;
}

/* The members that tell about a ticket without giving it away. */
static void put_members(struct cli_json *j, const struct io_ticket *t)
{
	char key[TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1];
	char when[CLI_TEXT_UTC_LEN];

	trust_base32_encode(t->key, sizeof(t->key), key);
	cli_json_str(j, "label", t->label);
	cli_json_str(j, "created", cli_text_utc(t->created_at, when));
	cli_json_bool(j, "single", t->single);
	cli_json_str(j, "key", t->bound ? key : NULL);
	cli_json_str(j, "revoked", utc_or_null(t->revoked, t->revoked_at, when));
}

static void print_code(struct cli *cli, const char *text)
{
	char *drawn = cli_qr(text, cli->msg.out_is_tty && cli->msg.color);

	if (drawn) {
		cli_out_raw(&cli->msg, drawn);
		adit_bytes_wipe(drawn, strlen(drawn));
	} else {
		cli_warn(&cli->msg, "the line below is the ticket", "cannot draw the ticket as a QR code: no memory");
	}
	free(drawn);
}

/* The ticket itself on stdout: nothing else stands on that line. */
static int print_ticket(struct cli *cli, struct io_state *st, const struct io_ticket *t)
{
	char text[TRUST_TICKET_TEXT_MAX + 1];
	char names[CLI_MEDIATORS_STRLEN];
	struct cli_mediators mediators;
	struct trust_ticket issued;
	struct crypto_identity own;
	struct io_why why;
	struct cli_json j;
	int err = io_state_identity(st, &own, &why);

	if (err != 0)
		return cli_state_fault(cli, err, &why);
	io_ticket_issue(t, own.public_key, &issued);
	crypto_identity_done(&own);
	cli_mediators_recall(st, &mediators);
	err = cli_mediators_hint(cli, &mediators, &issued);
	if (err != CLI_GO) {
		trust_ticket_done(&issued);
		return err;
	}
	err = trust_ticket_encode(&issued, &crypto_gnutls, text);
	trust_ticket_done(&issued);
	if (err < 0) {
		cli_error(&cli->msg, NULL, "cannot write the ticket \"%s\": %s", t->label, adit_strerror(err));
		return CLI_EXIT_INTERNAL;
	}
	if (cli->opts.common.json) {
		cli_json_init(&j);
		cli_json_object(&j, NULL);
		put_members(&j, t);
		cli_json_str(&j, "ticket", text);
		cli_json_array(&j, "mediators");
		for (size_t i = 0; i < mediators.n; i++)
			cli_json_str(&j, NULL, mediators.name[i]);
		cli_json_array_end(&j);
		cli_json_object_end(&j);
		cli_out_json(&cli->msg, &j);
	} else {
		if (cli->opts.qr)
			print_code(cli, text);
		cli_out(&cli->msg, "%s", text);
		if (mediators.n > 0)
			cli_info(&cli->msg, "it leads to %s, as the last \"adit serve\" did",
				 cli_mediators_text(&mediators, names));
	}
	adit_bytes_wipe(text, sizeof(text));
	return CLI_EXIT_OK;
}

/* A label that is not there: which one was meant? Takes over |why|. */
static int unknown_label(struct cli *cli, struct io_state *st, const char *label, struct io_why *why)
{
	const char *names[IO_TICKETS_MAX];
	struct io_tickets tickets;
	struct io_why other;
	const char *guess;
	size_t n = 0;

	if (why->next[0] == '\0' && io_tickets_load(st, &tickets, &other) == 0) {
		for (size_t i = 0; i < tickets.n; i++)
			if (!tickets.v[i].revoked)
				names[n++] = tickets.v[i].label;
		guess = cli_text_guess(label, names, n);
		if (guess)
			io_why_next(why, 0, "did you mean %s?", guess);
		else
			io_why_next(why, 0, "adit ticket list shows the labels; adit ticket new %s makes it", label);
		io_tickets_done(&tickets);
	}
	return cli_state_fault(cli, ADIT_ENOENT, why);
}

static int show(struct cli *cli, struct io_state *st, const char *label)
{
	struct adit_rng rng = crypto_rng();
	struct io_ticket t;
	struct io_why why;
	int err = io_tickets_get(st, label, &rng, cli_utc(cli), &t, &why);

	if (err == ADIT_ENOENT)
		return unknown_label(cli, st, label, &why);
	if (err != 0)
		return cli_state_fault(cli, err, &why);
	err = print_ticket(cli, st, &t);
	adit_bytes_wipe(&t, sizeof(t));
	return err;
}

static int make(struct cli *cli, struct io_state *st, const char *label)
{
	struct adit_rng rng = crypto_rng();
	struct io_ticket t;
	struct io_why why;
	int err = io_tickets_new(st, label, cli->opts.single, &rng, cli_utc(cli), &t, &why);

	if (err != 0)
		return cli_state_fault(cli, err, &why);
	err = print_ticket(cli, st, &t);
	adit_bytes_wipe(&t, sizeof(t));
	return err;
}

static int revoke(struct cli *cli, struct io_state *st, const char *label)
{
	struct io_why why;
	struct cli_json j;
	int err = io_tickets_revoke(st, label, cli_utc(cli), &why);

	if (err == ADIT_ENOENT)
		return unknown_label(cli, st, label, &why);
	if (err == ADIT_EIGNORED) {
		cli_info(&cli->msg, "%s: nothing to do", why.what); /* it is as was asked for */
		return CLI_EXIT_OK;
	}
	if (err != 0)
		return cli_state_fault(cli, err, &why);
	if (cli->opts.common.json) {
		cli_json_init(&j);
		cli_json_object(&j, NULL);
		cli_json_str(&j, "label", label);
		cli_json_bool(&j, "revoked", true);
		cli_json_object_end(&j);
		cli_out_json(&cli->msg, &j);
	}
	cli_info(&cli->msg, "the ticket \"%s\" is revoked; a running serve ends its sessions within 5 s", label);
	return CLI_EXIT_OK;
}

static void print_row(struct cli *cli, const struct io_ticket *t, int width)
{
	char key[TRUST_BASE32_LEN(TRUST_KEY_LEN) + 1];
	char made[CLI_TEXT_UTC_LEN];
	char when[CLI_TEXT_UTC_LEN];
	char state[96] = "good";

	trust_base32_encode(t->key, sizeof(t->key), key);
	if (t->revoked)
		snprintf(state, sizeof(state), "revoked %s", cli_text_date(t->revoked_at, when));
	else if (t->bound)
		snprintf(state, sizeof(state), "only for key %.*s", SHOWN_KEY, key);
	else if (t->single)
		snprintf(state, sizeof(state), "for the first key that uses it");
	cli_out(&cli->msg, "%-*s  %s  %s", width, t->label, cli_text_date(t->created_at, made), state);
}

static void print_all(struct cli *cli, const struct io_tickets *tickets)
{
	struct cli_json j;
	int width = 0;

	if (cli->opts.common.json) {
		cli_json_init(&j);
		cli_json_array(&j, NULL);
		for (size_t i = 0; i < tickets->n; i++) {
			cli_json_object(&j, NULL);
			put_members(&j, &tickets->v[i]);
			cli_json_object_end(&j);
		}
		cli_json_array_end(&j);
		cli_out_json(&cli->msg, &j);
		return;
	}
	for (size_t i = 0; i < tickets->n; i++)
		if ((int)strlen(tickets->v[i].label) > width)
			width = (int)strlen(tickets->v[i].label);
	for (size_t i = 0; i < tickets->n; i++)
		print_row(cli, &tickets->v[i], width);
	if (tickets->n == 0)
		cli_info(&cli->msg, "there is no ticket yet; adit serve or adit ticket make the first");
}

static int list(struct cli *cli, struct io_state *st, const char *label)
{
	struct io_tickets tickets;
	struct io_why why;
	int err = io_tickets_load(st, &tickets, &why);

	(void)label;
	if (err != 0)
		return cli_state_fault(cli, err, &why);
	cli_state_damage(cli, st, "tickets", &tickets.damage);
	print_all(cli, &tickets);
	io_tickets_done(&tickets);
	return CLI_EXIT_OK;
}

static const struct verb verbs[] = {
	{"show", 1, show},
	{"new", 1, make},
	{"list", 0, list},
	{"revoke", 1, revoke},
};

static const struct verb *find_verb(struct cli *cli, const char *typed)
{
	const char *names[ARRAY_LEN(verbs)];
	char next[96];
	const char *guess;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, typed) == 0)
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	guess = cli_text_guess(typed, names, ARRAY_LEN(verbs));
	if (guess)
		snprintf(next, sizeof(next), "did you mean \"adit ticket %s\"?", guess);
	else
		snprintf(next, sizeof(next), "for the ticket of that name: adit ticket show %.40s", typed);
	cli_error(&cli->msg, next, "\"%.60s\" is none of show, new, list and revoke", typed);
	return NULL;
}

int cmd_ticket(struct cli *cli, int argc, char **argv)
{
	const struct verb *verb = &verbs[0];
	const char *label = IO_TICKET_DEFAULT;
	struct io_state st;
	struct cli_fault f;
	int rc;

	if (argc > 0)
		verb = find_verb(cli, argv[0]);
	if (!verb)
		return CLI_EXIT_USAGE;
	if (argc > 0 && (size_t)argc - 1 > verb->max_words) {
		cli_error(&cli->msg, "adit ticket -h shows what it takes", "ticket %s: \"%.60s\" is one word too many",
			  verb->name, argv[verb->max_words + 1]);
		return CLI_EXIT_USAGE;
	}
	if (cli->opts.single && verb->run != make) {
		cli_error(&cli->msg, "for example: adit ticket new laptop --single",
			  "--single makes sense for a new ticket only");
		return CLI_EXIT_USAGE;
	}
	if (cli->opts.qr && ((verb->run != make && verb->run != show) || cli->opts.common.json)) {
		cli_error(&cli->msg, "for example: adit ticket show --qr",
			  "--qr draws a ticket: it goes with show and new, and not with --json");
		return CLI_EXIT_USAGE;
	}
	if (argc > 1)
		label = argv[1];
	if (cli_name_check("label", label, &f) != 0)
		return cli_msg_fault(&cli->msg, &f);
	rc = cli_state_open(cli, &st);
	if (rc != CLI_GO)
		return rc;
	rc = verb->run(cli, &st, label);
	io_state_close(&st);
	return rc;
}
