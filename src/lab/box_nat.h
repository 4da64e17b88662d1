/* `adit-lab nat`: a router for any NAT of the zoo between two interfaces, with a wire on each side of it. */
#ifndef ADIT_LAB_BOX_NAT_H
#define ADIT_LAB_BOX_NAT_H

#include "lab/lab_gate.h"
#include "lab/lab_link.h"

struct box_nat_config {
	const char *name[2]; /* the interfaces, LAB_GATE_INSIDE and _OUTSIDE; "tun:NAME" makes one; borrowed */
	struct lab_link_config wire[2]; /* what lies between the router and each of them, both ways alike */
	unsigned mtu[2]; /* 0: the interface's */
	struct lab_gate_config gate; /* MACs and MTUs are filled in from the interfaces */
	const char *label; /* in messages and reports: the species, or the router's name; borrowed */
	/* Live mappings, for the report; NULL: not known. */
	size_t (*count)(struct lab_nat *n, adit_time now);
	uint64_t seed; /* of the wires */
	bool json; /* counters to stdout at the end, as one object; else to stderr if |verbose| */
	bool verbose;
	int ready_fd; /* told "ready\n" when packets pass */
};

/* Routes until SIGTERM or SIGINT; SIGUSR1 prints the counters, SIGHUP is a reboot. Returns the exit code. */
int box_nat_run(const struct box_nat_config *cfg);

#endif
