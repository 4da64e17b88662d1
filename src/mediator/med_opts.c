#include "mediator/med_opts.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/stun/stun_limits.h"
#include "core/turn/turn_uri.h"

enum {
	OPT_LISTEN = 256,
	OPT_PUBLIC,
	OPT_ALT_PORT,
	OPT_RATE,
	OPT_TURN,
	OPT_TURN_SECRET_FILE,
	OPT_TURN_FOR,
	OPT_JSON,
};

static const struct option options[] = {
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"public", required_argument, NULL, OPT_PUBLIC},
	{"alt-port", required_argument, NULL, OPT_ALT_PORT},
	{"rate", required_argument, NULL, OPT_RATE},
	{"turn", required_argument, NULL, OPT_TURN},
	{"turn-secret-file", required_argument, NULL, OPT_TURN_SECRET_FILE},
	{"turn-for", required_argument, NULL, OPT_TURN_FOR},
	{"json", no_argument, NULL, OPT_JSON},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int fault(struct med_fault *f, const char *next, const char *what, const char *text)
{
	snprintf(f->what, sizeof(f->what), what, text ? text : "");
	f->next = next;
	return ADIT_EINVAL;
}

static int read_number(const char *text, unsigned long max, unsigned long *ret_n)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return ADIT_EINVAL;
	errno = 0;
	*ret_n = strtoul(text, &end, 10);
	return errno || *end || *ret_n > max ? ADIT_EINVAL : 0;
}

static struct med_family *family_of(struct med_opts *o, const struct adit_addr *a)
{
	return &o->families[adit_addr_is_v6(a)];
}

static int add_listen(struct med_opts *o, const char *text, struct med_fault *f)
{
	struct med_family *fam;
	struct adit_addr a;

	if (adit_addr_parse(text, strlen(text), &a) != 0 || adit_addr_is_multicast(&a))
		return fault(f, "for example: --listen 203.0.113.5 or --listen [2001:db8::5]:3478",
			     "--listen takes an address of this machine, not \"%.60s\"", text);
	if (a.port == 0)
		a.port = MED_PORT;
	fam = family_of(o, &a);
	if (fam->n_listen == MED_LISTEN)
		return fault(f, "behaviour discovery knows two addresses; leave one out",
			     "--listen is given more than twice for one family, with %.60s", text);
	for (unsigned i = 0; i < fam->n_listen; i++) {
		if (adit_addr_eq_ip(&fam->listen[i], &a))
			return fault(f, "give each address once", "--listen %.60s is given twice", text);
		if (fam->listen[i].port != a.port)
			return fault(f, "clients try the same port at both addresses",
				     "--listen %.60s has another port than the address before", text);
		if (adit_addr_is_any(&fam->listen[i]) || adit_addr_is_any(&a))
			return fault(f, "name the two addresses, or give this one alone",
				     "--listen %.60s: all addresses and a single one do not go together", text);
	}
	fam->listen[fam->n_listen++] = a;
	return 0;
}

static int add_public(struct med_opts *o, const char *text, struct med_fault *f)
{
	struct med_family *fam;
	struct adit_addr a;

	if (adit_addr_parse(text, strlen(text), &a) != 0 || a.port != 0 || adit_addr_is_any(&a))
		return fault(f, "for example: --listen 10.0.0.5 --public 203.0.113.5",
			     "--public takes an address without a port, not \"%.60s\"", text);
	fam = family_of(o, &a);
	if (fam->n_public == MED_LISTEN)
		return fault(f, "one --public for each --listen, in the same order", "--public %.60s is one too many",
			     text);
	fam->public_ip[fam->n_public++] = a;
	return 0;
}

/* Passed on as it is, where those that it is lent to can read it. */
static int add_turn(struct med_opts *o, const char *text, struct med_fault *f)
{
	struct turn_uri uri;

	if (turn_uri_parse(text, &uri) < 0 || strlen(text) > MED_TURN_URI_MAX)
		return fault(f, "for example: --turn turn:relay.example.org:3478", "--turn takes a URI, not \"%.60s\"",
			     text);
	if (o->n_turns == MED_TURN_URIS)
		return fault(f, "leave one out", "--turn is given more than four times, with %.60s", text);
	o->turns[o->n_turns++] = text;
	return 0;
}

static int set_one(struct med_opts *o, int opt, const char *text, struct med_fault *f)
{
	unsigned long n = 0;

	switch (opt) {
	case OPT_LISTEN:
		return add_listen(o, text, f);
	case OPT_PUBLIC:
		return add_public(o, text, f);
	case OPT_ALT_PORT:
		if (read_number(text, UINT16_MAX, &n) != 0 || n == 0)
			return fault(f, "1 to 65535", "--alt-port takes a port, not \"%.60s\"", text);
		o->alt_port = (uint16_t)n;
		return 0;
	case OPT_RATE:
		if (read_number(text, MED_RATE_MAX, &n) != 0)
			return fault(f, "0 to 1000000 answers a second; 0: no limit",
				     "--rate takes a number, not \"%.60s\"", text);
		o->rate = (uint32_t)n;
		return 0;
	case OPT_TURN:
		return add_turn(o, text, f);
	case OPT_TURN_SECRET_FILE:
		o->turn_secret_file = text;
		return 0;
	case OPT_TURN_FOR:
		o->turn_for = text;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case 'q':
		o->verbose = -1;
		return 0;
	case 'v':
		o->verbose++;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default: /* ':' too: leading in the letters, it stands for a value that is missing */
		return fault(f, "adit mediator -h lists the options",
			     opt == ':' ? "%.60s: its value is missing" : "%.60s: there is no such option", text);
	}
}

/* What follows from what was given, and what contradicts itself. */
static int finish(struct med_opts *o, struct med_fault *f)
{
	uint16_t port = MED_PORT;

	if ((o->n_turns || o->turn_secret_file || o->turn_for) && !(o->n_turns && o->turn_secret_file && o->turn_for))
		return fault(f, "to lend a relay: --turn URI --turn-secret-file FILE --turn-for FILE", "%s",
			     "--turn, --turn-secret-file and --turn-for go together, and one is missing");
	o->is_default = o->families[0].n_listen + o->families[1].n_listen == 0;
	if (o->is_default) {
		static const uint8_t any[16];

		o->families[0].listen[o->families[0].n_listen++] = adit_addr_v4(0, 0, 0, 0, MED_PORT);
		o->families[1].listen[o->families[1].n_listen++] = adit_addr_v6(any, MED_PORT);
	}
	for (int i = 0; i < MED_FAMILIES; i++) {
		const struct med_family *fam = &o->families[i];

		if (fam->n_public > 0 && fam->n_public != fam->n_listen)
			return fault(f, "one --public for each --listen, in the same order", "%s",
				     "--public and --listen do not fit together");
		for (unsigned k = 0; k < fam->n_listen; k++) {
			port = fam->listen[k].port;
			if (port == o->alt_port)
				return fault(f, "leave --alt-port out: it is the port after the first", "%s",
					     "--alt-port is the port of --listen");
		}
	}
	if (o->alt_port == 0 && port == UINT16_MAX)
		return fault(f, "give --alt-port", "%s", "there is no port after 65535 for the second one");
	return 0;
}

/* What getopt_long() stopped at: a letter, maybe among others, or a whole word. */
static const char *culprit(char **argv, char letter[3])
{
	if (optopt <= 0 || optopt >= OPT_LISTEN)
		return argv[optind - 1];
	letter[0] = '-';
	letter[1] = (char)optopt;
	letter[2] = 0;
	return letter;
}

int med_opts_read(struct med_opts *o, int argc, char **argv, struct med_fault *f)
{
	char letter[3];
	int c, rc;

	*o = (struct med_opts){.rate = STUN_SERVER_RATE};
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":qvh", options, NULL)) != -1) {
		rc = set_one(o, c, c == '?' || c == ':' ? culprit(argv, letter) : optarg, f);
		if (rc != 0)
			return rc;
	}
	if (optind < argc)
		return fault(f, "addresses go behind --listen", "mediator takes no words, and \"%.60s\" is given",
			     argv[optind]);
	return finish(o, f);
}
