/* `adit-lab net`: a topology of network namespaces, and commands in its hosts. */
#ifndef ADIT_LAB_BOX_NET_H
#define ADIT_LAB_BOX_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/lab_plan.h"

struct box_net_config {
	const struct lab_plan *plan; /* borrowed, as its text */
	/* A command beside those of the plan, NULL-terminated; its exit code is the whole's. NULL: the plan's main. */
	char **argv;
	unsigned argv_node;
	uint64_t seed;
	bool verbose; /* counters of all boxes to stderr at the end */
};

/*
 * Builds it, runs the commands, takes it away. Returns the exit code of the main command; without one, the first of a
 * command that is not 0, when all have ended; without any command, 0 after SIGINT or SIGTERM.
 */
int box_net_run(const struct box_net_config *cfg);

#endif
