/*
 * adit-lab: a NAT zoo and a network in a bottle, in front of real programs. One cmd per subcommand; what it is made of:
 * box_link.c, a wire; box_nat.c, a router (lab_gate.c, without its sockets); box_net.c, a whole topology.
 */
#include <stdio.h>
#include <string.h>

#include "lab/box_opts.h"
#include "lab/box_shell.h"

static const char help_text[] = "adit-lab net home.lab -- laptop ping -c 3 server     a network in a bottle\n"
				"\n"
				"Commands:\n"
				"  net    a topology of hosts and routers from a file; runs commands in it\n"
				"  nat    a router for any NAT of the zoo between two interfaces\n"
				"  link   a wire with delay, loss and rate between two interfaces\n"
				"  list   the zoo: named NATs, each with where it was seen\n"
				"  help   this text, or that of a command\n"
				"\n"
				"`adit-lab COMMAND -h` says more; adit-lab(1) says all.\n"
				"Exit codes: 0 done, 2 usage, 3 a topology or NAT that is none, 4 something of\n"
				"this machine cannot be had. `net` ends with its command's own code.\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"net", box_cmd_net, box_help_net},
	{"nat", box_cmd_nat, box_help_nat},
	{"link", box_cmd_link, box_help_link},
	{"list", box_cmd_list, box_help_list},
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static bool is_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

static int help(const char *name)
{
	const struct command *c = name ? find(name) : NULL;

	if (name && !c)
		return box_usage(NULL, "unknown command", name);
	fputs(c ? c->help : help_text, stdout);
	return BOX_EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *c;

	/* Several processes of one network may report at once: each line in one piece. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	if (argc < 2)
		return box_usage(NULL, "a command is missing", NULL);
	if (is_help(argv[1]) || strcmp(argv[1], "help") == 0)
		return help(argc > 2 && !is_help(argv[2]) ? argv[2] : NULL);
	if (strcmp(argv[1], "--version") == 0) {
		puts("adit-lab " ADIT_VERSION);
		return BOX_EXIT_OK;
	}
	c = find(argv[1]);
	if (!c)
		return box_usage(NULL, "unknown command", argv[1]);
	/* Words behind -- are another program's. */
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (is_help(argv[i]))
			return help(c->name);
	return c->run(argc - 1, argv + 1);
}
