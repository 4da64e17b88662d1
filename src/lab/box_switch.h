/*
 * Wires that meet: frames from each interface go to the one that their destination was seen at, or to all others.
 * `adit-lab link` is one with two interfaces; `adit-lab net` has one for each net with a wire.
 */
#ifndef ADIT_LAB_BOX_SWITCH_H
#define ADIT_LAB_BOX_SWITCH_H

#include "lab/lab_link.h"

struct box_switch_port {
	const char *name; /* the interface; borrowed */
	struct lab_link_config up; /* from the interface to the others */
	struct lab_link_config down; /* and back */
};

struct box_switch_config {
	const struct box_switch_port *ports; /* borrowed */
	unsigned n_ports;
	uint64_t seed;
	bool verbose; /* counters to stderr at the end */
	int ready_fd; /* told "ready\n" when frames pass */
};

/* Passes frames until SIGTERM or SIGINT. Returns the exit code of the program. */
int box_switch_run(const struct box_switch_config *cfg);

#endif
