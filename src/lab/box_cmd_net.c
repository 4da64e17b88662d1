/* `adit-lab net`: reads a topology (lab_plan.h), checks or prints it, or has box_net.h build it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/box_net.h"
#include "lab/box_opts.h"
#include "lab/box_shell.h"

/* A topology that is none. */
#define EXIT_PLAN 3

const char box_help_net[] = "adit-lab net home.lab -- laptop ping -c 3 server     a network in a bottle\n"
			    "\n"
			    "  FILE                  the topology; - is standard input\n"
			    "  -- HOST COMMAND...    run there; its exit code is this program's\n"
			    "  --nat ROUTER=SPECIES  another NAT than FILE says (adit-lab list)\n"
			    "  --check               only read FILE, and print who has which address\n"
			    "  --seed N              of ports and losses (default 1)\n"
			    "  -v                    counters of routers and wires to stderr at the end\n"
			    "\n"
			    "A file, one statement a line:\n"
			    "  net internet 203.0.113.0/24\n"
			    "  net lan 192.168.1.0/24\n"
			    "  host server on internet 203.0.113.66\n"
			    "  host laptop on lan\n"
			    "  router home nat home inside lan outside internet 203.0.113.10\n"
			    "  link internet home delay 20ms rate 50mbit\n"
			    "  run server: python3 -m http.server 80\n"
			    "\n"
			    "As root, or where users may have namespaces. Everything is taken away at the\n"
			    "end, also after kill -9. Without a command it stays until SIGINT. Exit codes:\n"
			    "the command's; 2 usage, 3 no such topology, 4 not permitted here.\n";

static int read_file(const char *path, char **ret_text, size_t *ret_len)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *text = malloc(LAB_PLAN_TEXT_MAX + 1);
	size_t n;

	if (!f || !text) {
		free(text);
		return box_fail(path, NULL);
	}
	n = fread(text, 1, LAB_PLAN_TEXT_MAX + 1, f);
	if (ferror(f)) {
		free(text);
		return box_fail(path, NULL);
	}
	if (f != stdin)
		fclose(f);
	*ret_text = text;
	*ret_len = n;
	return 0;
}

static void print_plan(const struct lab_plan *p)
{
	static const char *const kinds[] = {"host", "nat", "kernel"};
	char buf[ADIT_ADDR_STRLEN];

	for (size_t i = 0; i < p->n_nodes; i++)
		for (size_t k = 0; k < p->nodes[i].n_ports; k++) {
			const struct lab_plan_port *port = &p->nodes[i].ports[k];

			printf("%-16s %-8s %-16s", p->nodes[i].name, kinds[p->nodes[i].kind], p->nets[port->net].name);
			for (size_t j = 0; j < port->n_addrs; j++)
				printf(" %s", adit_addr_format(&port->addrs[j], buf));
			printf("\n");
		}
}

struct net_args {
	struct box_net_config cfg;
	const char *file;
	bool check;
	const char *nats[LAB_PLAN_NODES]; /* ROUTER=SPECIES */
	size_t n_nats;
	char **command; /* HOST, COMMAND...; NULL: none */
};

static int parse_args(struct net_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"check", no_argument, NULL, 'c'},
		{"nat", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int mine = 1;
	double seed = 1;
	int opt;

	/* What stands behind -- is somebody else's command line. */
	while (mine < argc && strcmp(argv[mine], "--") != 0)
		mine++;
	if (mine < argc)
		a->command = argv + mine + 1;
	opterr = 0;
	while ((opt = getopt_long(mine, argv, "v", options, NULL)) != -1) {
		if (opt == 'c')
			a->check = true;
		else if (opt == 'v')
			a->cfg.verbose = true;
		else if (opt == 'n' && a->n_nats < LAB_PLAN_NODES && strchr(optarg, '='))
			a->nats[a->n_nats++] = optarg;
		else if (opt == 'n')
			return box_usage("net", "--nat takes ROUTER=SPECIES, not", optarg);
		else if (opt != 's')
			return box_usage("net", "unknown option, or a value is missing", argv[optind - 1]);
		else if (box_number(optarg, 0, 9e12, &seed) < 0)
			return box_usage("net", "--seed takes a whole number, not", optarg);
	}
	a->cfg.seed = (uint64_t)seed;
	if (mine - optind != 1)
		return box_usage("net", mine == optind ? "a FILE is missing" : "it takes one FILE, not also",
				 mine == optind ? NULL : argv[optind + 1]);
	a->file = argv[optind];
	if (a->command && (!a->command[0] || !a->command[1]))
		return box_usage("net", "behind -- it takes HOST COMMAND...", NULL);
	return 0;
}

static int set_nats(const struct net_args *a, struct lab_plan *p)
{
	struct lab_plan_error error;

	for (size_t i = 0; i < a->n_nats; i++) {
		size_t len = strcspn(a->nats[i], "=");
		int node = lab_plan_find_node(p, a->nats[i], len);

		if (node < 0)
			return box_usage("net", "--nat: no such router in the file", a->nats[i]);
		if (lab_plan_set_species(p, (unsigned)node, a->nats[i] + len + 1, &error) < 0) {
			fprintf(stderr, "adit-lab net: --nat %s: %s\n", a->nats[i], error.text);
			return EXIT_PLAN;
		}
	}
	return 0;
}

static int find_command(struct net_args *a)
{
	const struct lab_plan *p = a->cfg.plan;
	int node;

	if (!a->command)
		return 0;
	node = lab_plan_find_node(p, a->command[0], strlen(a->command[0]));
	if (node < 0 || p->nodes[node].kind == LAB_PLAN_NAT)
		return box_usage("net", node < 0 ? "no such host in the file" : "a NAT runs no commands",
				 a->command[0]);
	a->cfg.argv_node = (unsigned)node;
	a->cfg.argv = a->command + 1;
	return 0;
}

int box_cmd_net(int argc, char **argv)
{
	static struct lab_plan plan;
	struct net_args a = {.cfg.plan = &plan};
	struct lab_plan_error error;
	char *text = NULL;
	size_t len = 0;
	int err = parse_args(&a, argc, argv);

	if (err || !a.file)
		return err;
	err = read_file(a.file, &text, &len);
	if (err)
		return err;
	if (lab_plan_parse(text, len, &plan, &error) < 0) {
		fprintf(stderr, "adit-lab: %s:%u:%u: %s\n", a.file, error.at.line, error.at.column, error.text);
		free(text);
		return EXIT_PLAN;
	}
	err = set_nats(&a, &plan);
	if (!err)
		err = find_command(&a);
	if (!err && a.check)
		print_plan(&plan);
	else if (!err)
		err = box_net_run(&a.cfg);
	free(text);
	return err;
}
