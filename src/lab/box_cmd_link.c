/* `adit-lab link`: two interfaces of this machine with a wire between them that delays and loses (box_switch.h). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab/box_opts.h"
#include "lab/box_shell.h"
#include "lab/box_switch.h"

const char box_help_link[] = "adit-lab link a0 b0 --delay 20 --loss 1     passes frames between two interfaces\n"
			     "\n"
			     "  --delay MS    each way, fractions allowed (default 0)\n"
			     "  --jitter MS   added to it, at random from 0 to this (default 0)\n"
			     "  --loss PCT    each way, per frame, at random (default 0)\n"
			     "  --burst N     lost N in a row on average, as often as --loss says (default 1)\n"
			     "  --duplicate PCT, --reorder PCT   frames that come twice, or 2 ms late\n"
			     "  --rate MBIT   what the wire carries each way (default: no limit)\n"
			     "  --queue KB    what waits for the rate; the rest is dropped (default 256)\n"
			     "  --seed N      of the losses (default 1)\n"
			     "  -v            counters to stderr at the end\n"
			     "\n"
			     "Writes `ready` when frames pass. Ends on SIGTERM and SIGINT with 0; 2 usage,\n"
			     "4 an interface cannot be had.\n";

enum {
	OPT_WIRE = 256,
};

int box_cmd_link(int argc, char **argv)
{
	static const struct option options[] = {
		BOX_WIRE_LONG("", OPT_WIRE),
		{"seed", required_argument, NULL, 's'},
		{"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	struct box_switch_port ports[2] = {0};
	struct box_switch_config cfg = {.ports = ports, .n_ports = 2, .ready_fd = STDOUT_FILENO};
	struct box_wire wire;
	double seed = 1;
	int opt;

	opterr = 0;
	box_wire_init(&wire);
	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		int err = 0;

		if (opt >= OPT_WIRE && opt < OPT_WIRE + BOX_WIRE_OPTIONS)
			err = box_wire_option(&wire, "link", opt - OPT_WIRE, optarg);
		else if (opt == 's' && box_number(optarg, 0, 9e15, &seed) < 0)
			err = box_usage("link", "--seed takes a whole number, not", optarg);
		else if (opt == 'v')
			cfg.verbose = true;
		else if (opt != 's')
			err = box_usage("link", "unknown option, or a value is missing", argv[optind - 1]);
		if (err)
			return err;
	}
	if (argc - optind != 2)
		return box_usage("link", "it takes two interfaces", NULL);
	if (strcmp(argv[optind], argv[optind + 1]) == 0)
		return box_usage("link", "it takes two different interfaces", NULL);
	box_wire_finish(&wire);
	cfg.seed = (uint64_t)seed;
	for (int i = 0; i < 2; i++)
		ports[i] = (struct box_switch_port){.name = argv[optind + i], .up = wire.link};
	return box_switch_run(&cfg);
}
