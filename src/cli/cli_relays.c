#include "cli/cli_relays.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_config.h"
#include "cli/cli_run.h"
#include "cli/cli_text.h"
#include "io/io_file.h"

#define FILE_MAX (64 * 1024) /* bytes: four lines are used */
#define SECRET   "secret" /* in place of a user: what follows is shared with the server */

void cli_relays_done(struct cli_relays *r)
{
	adit_bytes_wipe(r, sizeof(*r));
}

static bool is_same(const struct turn_uri *a, const struct turn_uri *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port && a->transport == b->transport;
}

static struct ep_relay_config *find(struct cli_relays *r, const struct turn_uri *uri)
{
	for (size_t i = 0; i < r->n; i++)
		if (is_same(&r->relay[i].uri, uri))
			return &r->relay[i];
	return NULL;
}

/* The next word of |*at|, at most |max| characters; its length, 0: none, or too long. */
static size_t word(const char **at, char *buf, size_t max)
{
	size_t len;

	*at += strspn(*at, " \t");
	len = strcspn(*at, " \t");
	if (len == 0 || len > max)
		return 0;
	memcpy(buf, *at, len);
	buf[len] = '\0';
	*at += len;
	return len;
}

static int line_fault(struct cli_fault *f, const char *what, const char *uri)
{
	cli_fault_set(f, CLI_EXIT_BAD, "%s%.80s", what, uri);
	return cli_fault_next(
		f, "a line is: turn:relay.example.org USER PASSWORD, or: turn:relay.example.org secret SECRET");
}

static int take_line(struct cli_relays *r, const struct cli_config_line *line, struct cli_fault *f)
{
	struct ep_relay_config c = {0};
	const char *at = line->value;
	struct ep_relay_config *to;

	if (turn_uri_parse(line->name, &c.uri) < 0)
		return line_fault(f, "no address of a TURN server: ", line->name);
	if (!word(&at, c.user, TURN_USER_MAX) || !word(&at, c.pass, TURN_PASS_MAX) || at[strspn(at, " \t")] != '\0')
		return line_fault(f, "user and password are expected behind ", line->name);
	c.is_secret = strcmp(c.user, SECRET) == 0;
	to = find(r, &c.uri);
	if (!to && r->n == EP_RELAYS_MAX) {
		cli_fault_set(f, CLI_EXIT_BAD, "more than %d servers", EP_RELAYS_MAX);
		return cli_fault_next(f, "leave the ones out that are farther away");
	}
	*(to ? to : &r->relay[r->n++]) = c;
	adit_bytes_wipe(&c, sizeof(c));
	return 0;
}

int cli_relays_parse(struct cli_relays *r, const char *file, const char *text, size_t len, struct cli_fault *f)
{
	unsigned nr = 1;

	*r = (struct cli_relays){0};
	for (size_t at = 0; at < len; nr++) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t n = newline ? (size_t)(newline - text) - at : len - at;
		struct cli_config_line line;
		int err = cli_config_parse(text + at, n, &line, f);

		if (err == 0 && line.name[0] != '\0')
			err = take_line(r, &line, f);
		adit_bytes_wipe(&line, sizeof(line));
		if (err != 0) {
			f->exit = CLI_EXIT_BAD;
			cli_fault_where(f, "%.200s:%u", file, nr);
			return ADIT_EINVAL;
		}
		at += n + 1;
	}
	return 0;
}

static int read_file(struct cli *cli, struct cli_relays *ret)
{
	const char *path = cli->opts.meet.relay_file;
	struct cli_fault f;
	struct io_text text;
	struct io_why why;
	unsigned mode;
	int err;

	*ret = (struct cli_relays){0};
	if (path[0] == '\0')
		return CLI_GO;
	err = io_file_read(path, FILE_MAX, &text, &why);
	if (err != 0) {
		cli_error(&cli->msg, why.next[0] ? why.next : NULL, "--relay-file: %s", why.what);
		return err == ADIT_EFULL ? CLI_EXIT_BAD : CLI_EXIT_LOCAL;
	}
	if (io_file_is_open(path, &mode))
		cli_warn(&cli->msg, "if that is not meant: chmod 600 FILE",
			 "other users may read the passwords in %s (mode %04o)", path, mode);
	err = cli_relays_parse(ret, path, text.data, text.len, &f);
	io_text_done(&text);
	return err == 0 ? CLI_GO : cli_msg_fault(&cli->msg, &f);
}

/* Only those that --relay names, in that order. */
static int pick(struct cli *cli, struct cli_relays *r)
{
	const struct cli_meet *o = &cli->opts.meet;
	struct cli_relays picked = {0};
	int rc = CLI_GO;

	for (size_t i = 0; i < o->n_relays && rc == CLI_GO; i++) {
		const struct ep_relay_config *c = find(r, &o->relays[i]);
		char text[TURN_URI_STRLEN];

		if (c) {
			picked.relay[picked.n++] = *c;
			continue;
		}
		cli_error(&cli->msg,
			  "put \"URI USER PASSWORD\" into a file that only you may read, and give it with --relay-file",
			  "--relay %s: user and password are missing", turn_uri_format(&o->relays[i], text));
		rc = CLI_EXIT_BAD;
	}
	*r = picked;
	adit_bytes_wipe(&picked, sizeof(picked));
	return rc;
}

int cli_relays_check(struct cli *cli)
{
	if (!cli->opts.meet.relay_only || !cli->opts.meet.direct_only)
		return CLI_GO;
	cli_error(&cli->msg, "give one of them", "--relay-only and --direct-only contradict each other");
	return CLI_EXIT_USAGE;
}

int cli_relays_take(struct cli *cli, bool meets, struct cli_relays *ret)
{
	const struct cli_meet *o = &cli->opts.meet;
	int rc = read_file(cli, ret);

	if (rc == CLI_GO && o->n_relays > 0)
		rc = pick(cli, ret);
	if (rc == CLI_GO)
		rc = cli_relays_check(cli);
	if (rc != CLI_GO)
		return rc;
	if (o->relay_only && (ret->n == 0 || !meets)) {
		cli_error(&cli->msg,
			  ret->n == 0 ? "name a TURN server: --relay-file FILE"
				      : "give one: --mediator HOST, on both sides",
			  ret->n == 0 ? "--relay-only, and there is no relay"
				      : "--relay-only, and there is no mediator to tell the other side of the relay");
		return CLI_EXIT_USAGE;
	}
	if (o->direct_only)
		ret->n = 0;
	else if (ret->n > 0 && !meets)
		cli_warn(&cli->msg, "give one: --mediator HOST, on both sides",
			 "the relay is of no use without a mediator, which tells the other side of it");
	return CLI_GO;
}

/* --- what is said --- */

#define RELAY_STRLEN (ADIT_ADDR_STRLEN + 16)

/* "192.0.2.1:3478 over TLS". */
static void format_relay(const struct link_relay_info *relay, char buf[RELAY_STRLEN])
{
	static const char *const over[] = {[TURN_UDP] = "", [TURN_TCP] = " over TCP", [TURN_TLS] = " over TLS"};
	char text[ADIT_ADDR_STRLEN];

	snprintf(buf, RELAY_STRLEN, "%s%s", adit_addr_format(&relay->server, text),
		 relay->state == LINK_RELAY_READY ? over[relay->transport] : "");
}

void cli_relays_say(struct cli *cli, const char *prefix, const struct link_relay_info *relay)
{
	const char *why =
		relay->is_expired ? "its time-limited user name and password have run out" : turn_why_text(relay->why);
	bool has_stream_why = relay->why == TURN_WHY_STREAM && relay->stream[0] != '\0';
	char text[RELAY_STRLEN];
	char code[24] = "";

	format_relay(relay, text);
	if (relay->code != 0)
		snprintf(code, sizeof(code), " (%u)", relay->code);
	switch (relay->state) {
	case LINK_RELAY_READY:
		cli_detail(&cli->msg, "%sthe relay %s is ready", prefix, text);
		break;
	case LINK_RELAY_LOST:
		cli_info(&cli->msg, "%sthe relay %s is lost: %s%s; asking for another", prefix, text, why, code);
		break;
	case LINK_RELAY_FAILED:
		cli_warn(&cli->msg,
			 relay->is_expired ? "put new ones into the file of --relay-file, or the server's secret"
					   : NULL,
			 "%sno relay: %s: %s%s%s%s; trying on", prefix, text, why, code, has_stream_why ? ": " : "",
			 has_stream_why ? relay->stream : "");
		break;
	case LINK_RELAY_NONE:
	case LINK_RELAY_ASKED:
		break;
	}
}

void cli_relays_status_json(struct cli_json *j, const struct link_relay_info *relay, adit_time now)
{
	static const char *const transports[] = {[TURN_UDP] = "udp", [TURN_TCP] = "tcp", [TURN_TLS] = "tls"};
	char text[ADIT_ADDR_STRLEN];

	if (relay->state == LINK_RELAY_NONE)
		return;
	cli_json_object(j, "relay");
	cli_json_str(j, "state", link_relay_state_name(relay->state));
	if (relay->server.family != ADIT_FAMILY_NONE)
		cli_json_str(j, "server", adit_addr_format(&relay->server, text));
	if (relay->state == LINK_RELAY_READY)
		cli_json_str(j, "transport", transports[relay->transport]);
	for (unsigned f = 0; f < 2; f++)
		if (relay->relayed[f].family != ADIT_FAMILY_NONE)
			cli_json_str(j, f ? "relayed_v6" : "relayed_v4", adit_addr_format(&relay->relayed[f], text));
	if (relay->why != TURN_WHY_NONE)
		cli_json_str(j, "why", turn_why_text(relay->why));
	if (relay->code != 0)
		cli_json_uint(j, "code", relay->code);
	cli_json_milli(j, "since_s", (double)adit_time_since(now, relay->since) / 1e9);
	cli_json_object_end(j);
}

const char *cli_relays_status_text(const struct link_relay_info *relay, adit_time now,
				   char buf[CLI_RELAY_STATUS_STRLEN])
{
	char text[RELAY_STRLEN];
	char since[CLI_TEXT_SPAN_LEN];

	cli_text_span(adit_time_since(now, relay->since), since);
	format_relay(relay, text);
	if (relay->state == LINK_RELAY_READY)
		snprintf(buf, CLI_RELAY_STATUS_STRLEN, "%s: ready for %s", text, since);
	else if (relay->state == LINK_RELAY_ASKED)
		snprintf(buf, CLI_RELAY_STATUS_STRLEN, "asked for %s", since);
	else
		snprintf(buf, CLI_RELAY_STATUS_STRLEN, "%s: none for %s: %s", text, since, turn_why_text(relay->why));
	return relay->state == LINK_RELAY_NONE ? NULL : buf;
}
