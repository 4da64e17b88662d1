#include "cli/cli_opts.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli_config.h"
#include "cli/cli_exit.h"
#include "cli/cli_text.h"
#include "core/trust/trust_ticket.h"

#define FOR_LINK (CLI_FOR_SERVE | CLI_FOR_CONNECT | CLI_FOR_PIPE)
#define FOR_MEET (FOR_LINK | CLI_FOR_PEER)

enum where {
	EVERYWHERE,
	ONLY_ARGV,
	ONLY_FILES, /* config files and saved peers: on the command line these are bare words */
};

/* One row per option: all that parsing, completion and messages need. */
static const struct row {
	const char *name;
	char letter;
	enum cli_opt_id id;
	unsigned cmds;
	const char *arg; /* what the value is called; NULL: a flag */
	enum where where;
	bool is_saved; /* `peer add` keeps it */
} rows[] = {
	{"help", 'h', CLI_OPT_HELP, CLI_FOR_ALL, NULL, ONLY_ARGV, false},
	{"config", 0, CLI_OPT_CONFIG, CLI_FOR_ALL, "FILE", ONLY_ARGV, false},
	{"quiet", 'q', CLI_OPT_QUIET, CLI_FOR_ALL, NULL, EVERYWHERE, false},
	{"verbose", 'v', CLI_OPT_VERBOSE, CLI_FOR_ALL, NULL, EVERYWHERE, false},
	{"json", 0, CLI_OPT_JSON, CLI_FOR_ALL & ~CLI_FOR_PIPE, NULL, EVERYWHERE, false},
	{"log", 0, CLI_OPT_LOG, CLI_FOR_ALL, "FORMAT", EVERYWHERE, false},
	{"color", 0, CLI_OPT_COLOR, CLI_FOR_ALL, "WHEN", EVERYWHERE, false},
	{"state", 0, CLI_OPT_STATE, CLI_FOR_ALL, "DIR", EVERYWHERE, false},
	{"clock-offset", 0, CLI_OPT_CLOCK_OFFSET, FOR_LINK, "SEC", EVERYWHERE, false},
	{"peer", 0, CLI_OPT_PEER, FOR_MEET, "ADDR[:PORT]", EVERYWHERE, true},
	{"mediator", 0, CLI_OPT_MEDIATOR, FOR_MEET | CLI_FOR_CHECK, "HOST[:PORT]", EVERYWHERE, true},
	{"port", 0, CLI_OPT_PORT, FOR_MEET, "N", EVERYWHERE, true},
	{"mapped", 0, CLI_OPT_MAPPED, FOR_MEET, "[PORT]", EVERYWHERE, true},
	{"no-portmap", 0, CLI_OPT_NO_PORTMAP, FOR_MEET, NULL, EVERYWHERE, true},
	{"linger", 0, CLI_OPT_LINGER, FOR_MEET, "TIME", EVERYWHERE, true},
	{"compress", 0, CLI_OPT_COMPRESS, FOR_MEET, NULL, EVERYWHERE, true},
	{"threads", 0, CLI_OPT_THREADS, FOR_MEET & ~CLI_FOR_PIPE, "N", EVERYWHERE, true},
	{"timeout", 0, CLI_OPT_TIMEOUT, FOR_MEET & ~CLI_FOR_SERVE, "TIME", EVERYWHERE, true},
	{"ticket-file", 0, CLI_OPT_TICKET_FILE, CLI_FOR_CONNECT | CLI_FOR_PIPE, "FILE", EVERYWHERE, false},
	{"no-ticket", 0, CLI_OPT_NO_TICKET, CLI_FOR_SERVE, NULL, EVERYWHERE, false},
	{"allow", 0, CLI_OPT_ALLOW, CLI_FOR_SERVE, "FILE", EVERYWHERE, false},
	{"single", 0, CLI_OPT_SINGLE, CLI_FOR_TICKET, NULL, ONLY_ARGV, false},
	{"qr", 0, CLI_OPT_QR, CLI_FOR_TICKET, NULL, ONLY_ARGV, false},
	{"stun", 0, CLI_OPT_STUN, FOR_MEET | CLI_FOR_CHECK, "HOST[:PORT]", EVERYWHERE, true},
	{"relay", 0, CLI_OPT_RELAY, FOR_MEET, "turn:HOST[:PORT]", EVERYWHERE, true},
	{"relay-file", 0, CLI_OPT_RELAY_FILE, FOR_MEET, "FILE", EVERYWHERE, true},
	{"relay-ca", 0, CLI_OPT_RELAY_CA, FOR_MEET, "FILE", EVERYWHERE, true},
	{"relay-only", 0, CLI_OPT_RELAY_ONLY, FOR_MEET, NULL, EVERYWHERE, true},
	{"direct-only", 0, CLI_OPT_DIRECT_ONLY, FOR_MEET, NULL, EVERYWHERE, true},
	{"lifetime", 0, CLI_OPT_LIFETIME, CLI_FOR_CHECK, NULL, ONLY_ARGV, false},
	{"watch", 0, CLI_OPT_WATCH, CLI_FOR_STATUS, NULL, ONLY_ARGV, false},
	{"serve", 0, CLI_OPT_SERVICES, CLI_FOR_SERVE, "[SERVICE=]TARGET", ONLY_FILES, false},
	{"connect", 0, CLI_OPT_FORWARDS, CLI_FOR_CONNECT | CLI_FOR_PEER, "[LOCAL:]SERVICE", ONLY_FILES, false},
};

void cli_opts_init(struct cli_opts *o)
{
	memset(o, 0, sizeof(*o));
	o->meet.linger = CLI_LINGER_DEFAULT;
	o->meet.timeout = ADIT_NEVER;
}

void cli_opts_done(struct cli_opts *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n_secrets; i++) {
		adit_bytes_wipe(o->secrets[i], strlen(o->secrets[i]));
		free(o->secrets[i]);
	}
	o->n_secrets = 0;
}

/* --mapped, --mapped=PORT. */
static bool needs_value(const struct row *r)
{
	return r->arg && r->id != CLI_OPT_MAPPED;
}

static const struct row *find_row(const char *name, enum cli_rank rank)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, name) == 0 &&
		    rows[i].where != (rank == CLI_RANK_ARGV ? ONLY_FILES : ONLY_ARGV))
			return &rows[i];
	return NULL;
}

/* "--port" on the command line, "port" in a file. */
static const char *dashes(enum cli_rank rank)
{
	return rank == CLI_RANK_ARGV ? "--" : "";
}

static int unknown_option(enum cli_for cmd, enum cli_rank rank, const char *typed, struct cli_fault *f)
{
	const char *names[ARRAY_LEN(rows)];
	const char *guess;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((rows[i].cmds & cmd) && rows[i].id != CLI_OPT_CLOCK_OFFSET && find_row(rows[i].name, rank))
			names[n++] = rows[i].name;
	guess = cli_text_guess(typed, names, n);
	cli_fault_set(f, CLI_EXIT_USAGE, "unknown option \"%s%.60s\"", dashes(rank), typed);
	if (guess)
		cli_fault_next(f, "did you mean \"%s%s\"?", dashes(rank), guess);
	return ADIT_ENOENT;
}

static int set_path(const struct row *r, enum cli_rank rank, const char *value, char dst[PATH_MAX], struct cli_fault *f)
{
	size_t len = strlen(value);

	if (len == 0)
		return cli_fault_set(f, CLI_EXIT_USAGE, "%s%s: the name is empty", dashes(rank), r->name);
	if (len >= PATH_MAX)
		return cli_fault_set(f, CLI_EXIT_USAGE, "%s%s: the name has %zu bytes, at most %d are taken",
				     dashes(rank), r->name, len, PATH_MAX - 1);
	memcpy(dst, value, len + 1);
	return 0;
}

static int set_duration(const struct row *r, enum cli_rank rank, const char *value, adit_dur *dst, struct cli_fault *f)
{
	adit_dur d;

	if (cli_text_duration(value, CLI_DURATION_MAX, &d) != 0 || (r->id == CLI_OPT_TIMEOUT && d == 0)) {
		cli_fault_set(f, CLI_EXIT_USAGE, "%s%s \"%.40s\": no duration%s", dashes(rank), r->name, value,
			      r->id == CLI_OPT_TIMEOUT ? " above 0" : "");
		return cli_fault_next(f, "write seconds, or a unit behind the number: %s%s 90, %s%s 5m, %s%s 2h",
				      dashes(rank), r->name, dashes(rank), r->name, dashes(rank), r->name);
	}
	*dst = d;
	return 0;
}

static int set_port(const struct row *r, enum cli_rank rank, const char *value, uint16_t *dst, struct cli_fault *f)
{
	unsigned long v;

	if (cli_text_number(value, 1, 65535, &v) != 0) {
		cli_fault_set(f, CLI_EXIT_USAGE, "%s%s \"%.40s\": no port between 1 and 65535", dashes(rank), r->name,
			      value);
		return cli_fault_next(f, "for example: %s%s 5555", dashes(rank), r->name);
	}
	*dst = (uint16_t)v;
	return 0;
}

static int set_threads(const struct row *r, enum cli_rank rank, const char *value, unsigned *dst, struct cli_fault *f)
{
	unsigned long v;

	if (cli_text_number(value, 1, CLI_THREADS_MAX, &v) != 0) {
		cli_fault_set(f, CLI_EXIT_USAGE, "%s%s \"%.40s\": no number between 1 and %d", dashes(rank), r->name,
			      value, CLI_THREADS_MAX);
		return cli_fault_next(f, "for example: %s%s 2", dashes(rank), r->name);
	}
	*dst = (unsigned)v;
	return 0;
}

/* The position of |value| in |words|, or a fault that lists them. */
static int pick(const struct row *r, enum cli_rank rank, const char *value, const char *const *words,
		struct cli_fault *f)
{
	char list[64] = "";

	for (int i = 0; words[i]; i++) {
		size_t at = strlen(list);

		if (strcmp(value, words[i]) == 0)
			return i;
		snprintf(list + at, sizeof(list) - at, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	cli_fault_set(f, CLI_EXIT_USAGE, "%s%s \"%.40s\": not one of %s", dashes(rank), r->name, value, list);
	return cli_fault_next(f, "for example: %s%s %s", dashes(rank), r->name, words[0]);
}

static int add_host(const struct row *r, enum cli_for cmd, enum cli_rank rank, const char *value, struct cli_opts *o,
		    struct cli_fault *f)
{
	bool is_peer = r->id == CLI_OPT_PEER;
	bool is_stun = r->id == CLI_OPT_STUN;
	struct cli_host *hosts = is_peer ? o->meet.peers : is_stun ? o->meet.stuns : o->meet.mediators;
	size_t *n = is_peer ? &o->meet.n_peers : is_stun ? &o->meet.n_stuns : &o->meet.n_mediators;
	size_t max = is_peer ? CLI_PEERS_MAX : is_stun ? CLI_STUNS_MAX : CLI_MEDIATORS_MAX;
	char shown[16];

	snprintf(shown, sizeof(shown), "%s%s", dashes(rank), r->name);
	if (is_peer && cmd != CLI_FOR_SERVE && *n == 1) {
		cli_fault_set(f, CLI_EXIT_USAGE, "%s is given twice, and there is only one other side", shown);
		return cli_fault_next(f, "give the one public address of the machine that serves");
	}
	if (*n == max)
		return cli_fault_set(f, CLI_EXIT_USAGE, "more than %zu times %s", max, shown);
	if (cli_host_parse(shown, value, &hosts[*n], f) != 0)
		return ADIT_EINVAL;
	++*n;
	return 0;
}

static int add_relay(const struct row *r, enum cli_rank rank, const char *value, struct cli_meet *m,
		     struct cli_fault *f)
{
	if (m->n_relays == CLI_RELAYS_MAX)
		return cli_fault_set(f, CLI_EXIT_USAGE, "more than %d times %s%s", CLI_RELAYS_MAX, dashes(rank),
				     r->name);
	if (turn_uri_parse(value, &m->relays[m->n_relays]) < 0) {
		cli_fault_set(f, CLI_EXIT_USAGE, "%s%s \"%.80s\": no address of a TURN server", dashes(rank), r->name,
			      value);
		return cli_fault_next(
			f,
			"write turn:HOST[:PORT], turn:HOST?transport=tcp, or turns:HOST:443 for TLS; user "
			"and password stand in the file of %srelay-file",
			dashes(rank));
	}
	m->n_relays++;
	return 0;
}

bool cli_opts_claim(struct cli_opts *o, enum cli_opt_id id, enum cli_rank rank)
{
	if (rank < o->rank[id])
		return false;
	if (rank > o->rank[id]) {
		o->rank[id] = rank;
		if (id == CLI_OPT_PEER)
			o->meet.n_peers = 0;
		else if (id == CLI_OPT_MEDIATOR)
			o->meet.n_mediators = 0;
		else if (id == CLI_OPT_STUN)
			o->meet.n_stuns = 0;
		else if (id == CLI_OPT_RELAY)
			o->meet.n_relays = 0;
		else if (id == CLI_OPT_SERVICES)
			o->serve.n_services = 0;
		else if (id == CLI_OPT_FORWARDS)
			o->connect.n_forwards = 0;
		else if (id == CLI_OPT_VERBOSE)
			o->common.verbose = 0;
	}
	return true;
}

/*
 * Options that exclude each other: of two from one source the contradiction is told (cli_relays.h), of two sources the
 * higher one is meant. False: |id| is overruled.
 */
static bool overrules_opposite(struct cli_opts *o, enum cli_opt_id id, enum cli_rank rank)
{
	bool is_relay = id == CLI_OPT_RELAY || id == CLI_OPT_RELAY_FILE;

	if (id == CLI_OPT_DIRECT_ONLY) {
		if (rank < o->rank[CLI_OPT_RELAY_ONLY] || rank < o->rank[CLI_OPT_RELAY] ||
		    rank < o->rank[CLI_OPT_RELAY_FILE])
			return false;
		o->meet.relay_only = o->meet.relay_only && o->rank[CLI_OPT_RELAY_ONLY] == rank;
	} else if (id == CLI_OPT_RELAY_ONLY || is_relay) {
		if (rank < o->rank[CLI_OPT_DIRECT_ONLY])
			return id != CLI_OPT_RELAY_ONLY;
		o->meet.direct_only = o->meet.direct_only && o->rank[CLI_OPT_DIRECT_ONLY] == rank;
	}
	return true;
}

static void set_flag(struct cli_opts *o, enum cli_opt_id id)
{
	if (id == CLI_OPT_HELP)
		o->common.help = true;
	else if (id == CLI_OPT_QUIET)
		o->common.quiet = true;
	else if (id == CLI_OPT_VERBOSE)
		o->common.verbose += o->common.verbose < CLI_VERBOSE_MAX;
	else if (id == CLI_OPT_JSON)
		o->common.json = true;
	else if (id == CLI_OPT_COMPRESS)
		o->meet.compress = true;
	else if (id == CLI_OPT_NO_PORTMAP)
		o->meet.no_portmap = true;
	else if (id == CLI_OPT_NO_TICKET)
		o->serve.no_ticket = true;
	else if (id == CLI_OPT_SINGLE)
		o->single = true;
	else if (id == CLI_OPT_QR)
		o->qr = true;
	else if (id == CLI_OPT_LIFETIME)
		o->lifetime = true;
	else if (id == CLI_OPT_WATCH)
		o->watch = true;
	else if (id == CLI_OPT_RELAY_ONLY)
		o->meet.relay_only = true;
	else if (id == CLI_OPT_DIRECT_ONLY)
		o->meet.direct_only = true;
}

static int set_value(struct cli_opts *o, enum cli_for cmd, enum cli_rank rank, const struct row *r, const char *value,
		     struct cli_fault *f)
{
	static const char *const formats[] = {"text", "json", NULL};
	static const char *const colors[] = {"auto", "always", "never", NULL}; /* as enum cli_color */
	int n;

	switch (r->id) {
	case CLI_OPT_LOG:
		n = pick(r, rank, value, formats, f);
		o->common.log_json = n == 1;
		return n < 0 ? n : 0;
	case CLI_OPT_COLOR:
		n = pick(r, rank, value, colors, f);
		o->common.color = n < 0 ? CLI_COLOR_AUTO : (enum cli_color)n;
		return n < 0 ? n : 0;
	case CLI_OPT_STATE:
		return set_path(r, rank, value, o->common.state, f);
	case CLI_OPT_CONFIG:
		return set_path(r, rank, value, o->common.config, f);
	case CLI_OPT_TICKET_FILE:
		return set_path(r, rank, value, o->connect.ticket_file, f);
	case CLI_OPT_ALLOW:
		return set_path(r, rank, value, o->serve.allow, f);
	case CLI_OPT_PEER:
	case CLI_OPT_MEDIATOR:
	case CLI_OPT_STUN:
		return add_host(r, cmd, rank, value, o, f);
	case CLI_OPT_RELAY:
		return add_relay(r, rank, value, &o->meet, f);
	case CLI_OPT_RELAY_FILE:
		return set_path(r, rank, value, o->meet.relay_file, f);
	case CLI_OPT_RELAY_CA:
		return set_path(r, rank, value, o->meet.relay_ca, f);
	case CLI_OPT_PORT:
		return set_port(r, rank, value, &o->meet.port, f);
	case CLI_OPT_MAPPED:
		o->meet.mapped = true;
		return value[0] == '\0' ? 0 : set_port(r, rank, value, &o->meet.mapped_port, f);
	case CLI_OPT_THREADS:
		return set_threads(r, rank, value, &o->meet.threads, f);
	case CLI_OPT_LINGER:
		return set_duration(r, rank, value, &o->meet.linger, f);
	case CLI_OPT_TIMEOUT:
		return set_duration(r, rank, value, &o->meet.timeout, f);
	case CLI_OPT_SERVICES:
		return cli_opts_add_service(&o->serve, value, f);
	case CLI_OPT_FORWARDS:
		return cli_opts_add_forward(&o->connect, value, f);
	case CLI_OPT_CLOCK_OFFSET:
		if (cli_text_offset(value, CLI_CLOCK_MAX, &o->common.clock_offset) == 0)
			return 0;
		return cli_fault_set(f, CLI_EXIT_USAGE, "%s%s \"%.40s\": no number of seconds", dashes(rank), r->name,
				     value);
	default:
		set_flag(o, r->id);
		return 0;
	}
}

/* A single-valued option given twice: the last one counts, here as well. */
static int note_given(struct cli_opts *o, const struct row *r, const char *value, struct cli_fault *f)
{
	bool is_list = r->id == CLI_OPT_MEDIATOR || r->id == CLI_OPT_STUN || r->id == CLI_OPT_RELAY;
	size_t i = 0;

	while (i < o->n_given && (is_list || o->given[i].name != r->name))
		i++;
	if (i == CLI_GIVEN_MAX)
		return cli_fault_set(f, CLI_EXIT_USAGE, "more than %d options about meeting", CLI_GIVEN_MAX);
	o->given[i].name = r->name;
	o->given[i].value = value;
	o->n_given += i == o->n_given;
	return 0;
}

int cli_opts_set(struct cli_opts *o, enum cli_for cmd, enum cli_rank rank, const char *name, const char *value,
		 struct cli_fault *f)
{
	const struct row *r = find_row(name, rank);

	if (!r)
		return unknown_option(cmd, rank, name, f);
	if (!(r->cmds & cmd))
		return ADIT_EIGNORED;
	if (needs_value(r) && value[0] == '\0') {
		cli_fault_set(f, CLI_EXIT_USAGE, "%s%s: a value is missing", dashes(rank), name);
		return cli_fault_next(f, "write %s%s %s", dashes(rank), name, r->arg);
	}
	if (!r->arg && value[0] != '\0') {
		cli_fault_set(f, CLI_EXIT_USAGE, "%s%s takes no value, but \"%.40s\" was given", dashes(rank), name,
			      value);
		return cli_fault_next(f, "write %s%s alone", dashes(rank), name);
	}
	if (!cli_opts_claim(o, r->id, rank) || !overrules_opposite(o, r->id, rank))
		return 0;
	if (set_value(o, cmd, rank, r, value, f) != 0)
		return ADIT_EINVAL;
	return rank == CLI_RANK_ARGV && r->is_saved ? note_given(o, r, value, f) : 0;
}

int cli_opts_level(const struct cli_opts *o)
{
	if (o->common.quiet && o->rank[CLI_OPT_QUIET] >= o->rank[CLI_OPT_VERBOSE])
		return -1;
	return o->common.verbose;
}

static int take_word(struct cli_opts *o, char *word, struct cli_fault *f)
{
	size_t len = strlen(word);

	if (o->n_words == CLI_WORDS_MAX)
		return cli_fault_set(f, CLI_EXIT_USAGE, "more than %d words", CLI_WORDS_MAX);
	if (trust_ticket_is_text(word, len)) {
		char *copy;

		if (o->n_secrets == ARRAY_LEN(o->secrets) || len > CLI_TICKET_MAX)
			return cli_fault_set(f, CLI_EXIT_USAGE,
					     "more tickets, or a longer one, than any command takes");
		copy = strdup(word);
		if (!copy)
			return cli_fault_set(f, CLI_EXIT_INTERNAL, "out of memory");
		memset(word, 'x', len);
		o->secrets[o->n_secrets++] = copy;
		word = copy;
	}
	o->words[o->n_words++] = word;
	return 0;
}

/* Bits of getopt's val: rows start at 256, clear of the letters. */
#define VAL_ROW 256

static size_t fill_getopt(enum cli_for cmd, char *letters, struct option *longs)
{
	size_t n = 0;

	*letters++ = ':';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!(rows[i].cmds & cmd) || rows[i].where == ONLY_FILES)
			continue;
		longs[n++] = (struct option){rows[i].name,
					     needs_value(&rows[i]) ? required_argument
					     : rows[i].arg         ? optional_argument
								   : no_argument,
					     NULL, VAL_ROW + (int)i};
		if (rows[i].letter)
			*letters++ = rows[i].letter;
	}
	longs[n] = (struct option){0};
	*letters = '\0';
	return n;
}

static const struct row *row_of(int val)
{
	if (val >= VAL_ROW)
		return &rows[val - VAL_ROW];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].letter == val)
			return &rows[i];
	return NULL;
}

/* What getopt_long calls '?': |val| is optopt, |word| the word it stopped at. */
static int bad_option(enum cli_for cmd, int val, const char *word, struct cli_fault *f)
{
	const struct row *r = val ? row_of(val) : NULL;
	char name[64];

	if (r) {
		cli_fault_set(f, CLI_EXIT_USAGE, "--%s takes no value", r->name);
		cli_fault_next(f, "write --%s alone", r->name);
		return ADIT_EINVAL;
	}
	if (val) {
		cli_fault_set(f, CLI_EXIT_USAGE, "unknown option \"-%c\"", val);
		cli_fault_next(f, "options of one letter are -h, -q and -v");
		return ADIT_EINVAL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	r = find_row(name, CLI_RANK_ARGV);
	if (r && !(r->cmds & cmd)) {
		cli_fault_set(f, CLI_EXIT_USAGE, "--%s is no option of this command", name);
		return ADIT_EINVAL;
	}
	(void)unknown_option(cmd, CLI_RANK_ARGV, name, f);
	return ADIT_EINVAL;
}

/*
 * getopt_long takes "--tick" for --ticket-file as long as nothing else starts so: a script would break with the next
 * version's options. |word| is what was typed.
 */
static bool is_abbreviated(const struct row *r, const char *word)
{
	size_t len = strlen(r->name);

	return strncmp(word + 2, r->name, len) != 0 || (word[2 + len] != '\0' && word[2 + len] != '=');
}

static int one_option(struct cli_opts *o, enum cli_for cmd, int val, char **argv, struct cli_fault *f)
{
	const struct row *r = row_of(val);
	const char *word = argv[optind - 1];

	if (!r)
		return cli_fault_set(f, CLI_EXIT_INTERNAL, "option %d has no row", val);
	if (val >= VAL_ROW) {
		if (needs_value(r) && optarg == word)
			word = argv[optind - 2];
		if (is_abbreviated(r, word)) {
			cli_fault_set(f, CLI_EXIT_USAGE, "unknown option \"%.60s\"", word);
			return cli_fault_next(f, "write it out: --%s", r->name);
		}
	}
	return cli_opts_set(o, cmd, CLI_RANK_ARGV, r->name, optarg ? optarg : "", f) == 0 ? 0 : ADIT_EINVAL;
}

int cli_opts_argv(struct cli_opts *o, enum cli_for cmd, int argc, char **argv, struct cli_fault *f)
{
	struct option longs[ARRAY_LEN(rows) + 1];
	char letters[ARRAY_LEN(rows) + 2];
	int val;

	fill_getopt(cmd, letters, longs);
	opterr = 0;
	optind = 0; /* glibc: start afresh, with permutation */
	while ((val = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (val == '?')
			return bad_option(cmd, optopt, argv[optind - 1], f);
		if (val == ':') {
			const struct row *r = row_of(optopt);

			cli_fault_set(f, CLI_EXIT_USAGE, "--%s: a value is missing", r ? r->name : "?");
			return cli_fault_next(f, "write --%s %s", r ? r->name : "?", r ? r->arg : "?");
		}
		if (one_option(o, cmd, val, argv, f) != 0)
			return ADIT_EINVAL;
	}
	for (int i = optind; i < argc; i++)
		if (take_word(o, argv[i], f) != 0)
			return ADIT_EINVAL;
	if (o->common.quiet && o->common.verbose > 0) {
		cli_fault_set(f, CLI_EXIT_USAGE, "-q and -v contradict each other");
		return cli_fault_next(f, "give one of them");
	}
	return 0;
}

int cli_opts_config(struct cli_opts *o, enum cli_for cmd, const char *file, const char *text, size_t len,
		    struct cli_fault *f)
{
	unsigned line_nr = 1;

	for (size_t at = 0; at < len; line_nr++) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t n = newline ? (size_t)(newline - text) - at : len - at;
		struct cli_config_line line;
		int err = cli_config_parse(text + at, n, &line, f);

		if (err == 0 && line.name[0] != '\0')
			err = cli_opts_set(o, cmd, CLI_RANK_CONFIG, line.name, line.value, f);
		if (err != 0 && err != ADIT_EIGNORED) {
			f->exit = CLI_EXIT_BAD;
			cli_fault_where(f, "%.200s:%u", file, line_nr);
			return ADIT_EINVAL;
		}
		at += n + 1;
	}
	return 0;
}
