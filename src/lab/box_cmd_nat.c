/* `adit-lab nat`: reads the options of a NAT between two interfaces and hands over to box_nat.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab/box_nat.h"
#include "lab/box_opts.h"
#include "lab/box_shell.h"
#include "lab/box_species.h"

const char box_help_nat[] = "adit-lab nat home --inside lan0 --outside wan0 --lan 192.168.1.1/24\n"
			    "         --wan 203.0.113.10     a router for any NAT, between two interfaces\n"
			    "\n"
			    "  SPECIES[,KEY=VALUE...]  see `adit-lab list`\n"
			    "  --inside IF, --outside IF   veth and the like, or tun:NAME, which is made\n"
			    "  --lan ADDR[/LEN]        its address inside; once more for the other family\n"
			    "  --wan ADDR[,ADDR...]    its addresses outside; NAT64: IPv4\n"
			    "  --gateway ADDR          next hop outside (default: everybody is a neighbour)\n"
			    "  --delay, --jitter MS  --loss PCT  --burst N  --duplicate, --reorder PCT\n"
			    "  --rate MBIT  --queue KB  --mtu BYTES    the outside wire, each way; the\n"
			    "                          inside one's: --inside-delay and so on\n"
			    "  --seed N                of ports and losses (default 1)\n"
			    "  --json                  counters as JSON to stdout at the end\n"
			    "  -v                      counters to stderr at the end\n"
			    "\n"
			    "Writes `ready` when packets pass. SIGUSR1 prints the counters, SIGHUP is a\n"
			    "reboot (all mappings are forgotten), SIGTERM and SIGINT end it with 0. Exit\n"
			    "codes: 2 usage, 3 no such NAT, 4 an interface cannot be had.\n";

enum {
	OPT_WIRE = 256,
	OPT_INSIDE_WIRE = 300,
	OPT_INSIDE = 400,
	OPT_OUTSIDE,
	OPT_LAN,
	OPT_WAN,
	OPT_GATEWAY,
	OPT_SEED,
	OPT_JSON,
};

struct nat_args {
	struct box_nat_config cfg;
	struct box_wire wire[2]; /* by side */
	double seed;
};

static int add_addr(struct lab_gate_side *s, const struct adit_addr *a, const char *text)
{
	if (s->n_addrs == LAB_GATE_ADDRS)
		return box_usage("nat", "too many addresses, beginning with", text);
	s->addrs[s->n_addrs++] = *a;
	return 0;
}

static int add_lan(struct nat_args *a, const char *text)
{
	struct adit_addr addr;
	unsigned len;

	if (box_prefix(text, &addr, &len) < 0)
		return box_usage("nat", "--lan takes an address such as 192.168.1.1/24, not", text);
	return add_addr(&a->cfg.gate.side[LAB_GATE_INSIDE], &addr, text);
}

static int add_wan(struct nat_args *a, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		struct adit_addr addr;
		int err;

		if (adit_addr_parse(text, n, &addr) < 0 || addr.port != 0)
			return box_usage("nat", "--wan takes addresses such as 203.0.113.10,203.0.113.11, not", text);
		err = add_addr(&a->cfg.gate.side[LAB_GATE_OUTSIDE], &addr, text);
		if (err)
			return err;
		text += n + (text[n] == ',');
	}
	return 0;
}

static int add_gateway(struct nat_args *a, const char *text)
{
	struct lab_gate_config *g = &a->cfg.gate;
	struct adit_addr via;

	if (adit_addr_parse(text, strlen(text), &via) < 0 || via.port != 0)
		return box_usage("nat", "--gateway takes an address, not", text);
	if (g->n_routes == LAB_GATE_ROUTES)
		return box_usage("nat", "too many gateways", text);
	g->routes[g->n_routes++] =
		(struct lab_gate_route){.prefix = {.family = via.family}, .side = LAB_GATE_OUTSIDE, .via = via};
	return 0;
}

static int set_option(struct nat_args *a, int opt, const char *text, const char *word)
{
	if (opt >= OPT_WIRE && opt < OPT_WIRE + BOX_WIRE_OPTIONS)
		return box_wire_option(&a->wire[LAB_GATE_OUTSIDE], "nat", opt - OPT_WIRE, text);
	if (opt >= OPT_INSIDE_WIRE && opt < OPT_INSIDE_WIRE + BOX_WIRE_OPTIONS)
		return box_wire_option(&a->wire[LAB_GATE_INSIDE], "nat", opt - OPT_INSIDE_WIRE, text);
	switch (opt) {
	case OPT_INSIDE:
		a->cfg.name[LAB_GATE_INSIDE] = text;
		return 0;
	case OPT_OUTSIDE:
		a->cfg.name[LAB_GATE_OUTSIDE] = text;
		return 0;
	case OPT_LAN:
		return add_lan(a, text);
	case OPT_WAN:
		return add_wan(a, text);
	case OPT_GATEWAY:
		return add_gateway(a, text);
	case OPT_SEED:
		return box_number(text, 0, 9e15, &a->seed) < 0
			       ? box_usage("nat", "--seed takes a whole number, not", text)
			       : 0;
	case OPT_JSON:
		a->cfg.json = true;
		return 0;
	case 'v':
		a->cfg.verbose = true;
		return 0;
	default:
		return box_usage("nat", "unknown option, or a value is missing", word);
	}
}

static int parse_args(struct nat_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		BOX_WIRE_LONG("", OPT_WIRE),
		BOX_WIRE_LONG("inside-", OPT_INSIDE_WIRE),
		{"inside", required_argument, NULL, OPT_INSIDE},
		{"outside", required_argument, NULL, OPT_OUTSIDE},
		{"lan", required_argument, NULL, OPT_LAN},
		{"wan", required_argument, NULL, OPT_WAN},
		{"gateway", required_argument, NULL, OPT_GATEWAY},
		{"seed", required_argument, NULL, OPT_SEED},
		{"json", no_argument, NULL, OPT_JSON},
		{"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		int err = set_option(a, opt, optarg, argv[optind - 1]);

		if (err)
			return err;
	}
	if (argc - optind != 1)
		return box_usage("nat", argc == optind ? "a species is missing" : "one species at a time, not also",
				 argc == optind ? NULL : argv[optind + 1]);
	a->cfg.label = argv[optind];
	if (!a->cfg.name[0] || !a->cfg.name[1])
		return box_usage("nat", "it needs --inside and --outside", NULL);
	if (strcmp(a->cfg.name[0], a->cfg.name[1]) == 0)
		return box_usage("nat", "inside and outside are one interface", a->cfg.name[0]);
	if (a->cfg.gate.side[LAB_GATE_INSIDE].n_addrs == 0)
		return box_usage("nat", "it needs --lan, its address inside", NULL);
	return 0;
}

int box_cmd_nat(int argc, char **argv)
{
	static struct nat_args a = {.seed = 1, .cfg.ready_fd = STDOUT_FILENO};
	int err;

	for (int side = 0; side < 2; side++)
		box_wire_init(&a.wire[side]);
	err = parse_args(&a, argc, argv);
	if (err)
		return err;
	for (int side = 0; side < 2; side++) {
		box_wire_finish(&a.wire[side]);
		a.cfg.wire[side] = a.wire[side].link;
		a.cfg.mtu[side] = a.wire[side].mtu;
	}
	a.cfg.seed = (uint64_t)a.seed;
	err = box_species_make(&a.cfg, a.cfg.label, a.cfg.seed);
	if (err)
		return err;
	err = box_nat_run(&a.cfg);
	lab_nat_free(a.cfg.gate.nat);
	return err;
}
