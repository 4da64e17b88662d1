/*
 * adit-lab: test equipment that stands between real programs in network namespaces. It is not installed.
 * Start at box_link.c; box_line.c is the wire itself, without I/O.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/box_limits.h"
#include "lab/box_link.h"

static const char usage_text[] =
	"adit-lab link a0 b0 --delay 20 --loss 1     passes frames between two interfaces\n"
	"\n"
	"  --delay MS    each way, fractions allowed (default 0)\n"
	"  --loss PCT    each way, per frame, at random (default 0)\n"
	"  --rate MBIT   what the wire carries each way (default: no limit)\n"
	"  --queue KB    what waits for the rate; the rest is dropped (default 256)\n"
	"  --seed N      of the losses (default 1)\n"
	"  -v            counters to stderr at the end\n"
	"\n"
	"Writes `ready` when frames pass. Ends on SIGTERM and SIGINT with 0; 2 usage, 4 an interface cannot be had.\n";

static int usage(const char *why, const char *arg)
{
	fprintf(stderr, "adit-lab: %s%s%s; `adit-lab help` shows how\n", why, arg ? ": " : "", arg ? arg : "");
	return 2;
}

/* A number in [0, max]; everything else is refused. */
static int number(const char *text, double max, double *ret_value)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (errno || end == text || *end || !isfinite(v) || v < 0 || v > max)
		return -1;
	*ret_value = v;
	return 0;
}

static int set_option(struct box_link_config *cfg, int opt, const char *text)
{
	double v = 0;

	switch (opt) {
	case 'd':
		if (number(text, BOX_DELAY_MAX_MS, &v) < 0)
			return usage("--delay takes 0 to 10000 milliseconds, not", text);
		cfg->line.delay = (adit_dur)(v * 1e6);
		return 0;
	case 'l':
		if (number(text, 100, &v) < 0)
			return usage("--loss takes 0 to 100 per cent, not", text);
		cfg->line.loss = v / 100;
		return 0;
	case 'r':
		if (number(text, BOX_RATE_MAX, &v) < 0 || v < 0.001)
			return usage("--rate takes 0.001 to 400000 Mbit/s, not", text);
		cfg->line.rate = (uint64_t)(v * 1e6);
		return 0;
	case 'q':
		if (number(text, BOX_QUEUE_MAX_KB, &v) < 0)
			return usage("--queue takes 0 to 65536 KB, not", text);
		cfg->line.queue = (uint64_t)(v * 1024);
		return 0;
	case 's':
		if (number(text, 9e15, &v) < 0)
			return usage("--seed takes a whole number, not", text);
		cfg->line.seed = (uint64_t)v;
		return 0;
	case 'v':
		cfg->verbose = true;
		return 0;
	default:
		return usage("unknown option, or a value is missing", NULL);
	}
}

static int cmd_link(int argc, char **argv)
{
	static const struct option options[] = {
		{"delay", required_argument, NULL, 'd'},
		{"loss", required_argument, NULL, 'l'},
		{"rate", required_argument, NULL, 'r'},
		{"queue", required_argument, NULL, 'q'},
		{"seed", required_argument, NULL, 's'},
		{"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	struct box_link_config cfg = {.line = {.queue = BOX_QUEUE_DEFAULT, .seed = 1}};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		int err = set_option(&cfg, opt, optarg);

		if (err)
			return err;
	}
	if (argc - optind != 2)
		return usage("link takes two interfaces", NULL);
	cfg.name[0] = argv[optind];
	cfg.name[1] = argv[optind + 1];
	if (strcmp(cfg.name[0], cfg.name[1]) == 0)
		return usage("link takes two different interfaces", NULL);
	return box_link_run(&cfg);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage("a command is missing", NULL);
	if (strcmp(argv[1], "link") == 0)
		return cmd_link(argc - 1, argv + 1);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(usage_text, stdout);
		return 0;
	}
	return usage("unknown command", argv[1]);
}
