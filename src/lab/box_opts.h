/* What the commands of adit-lab share of their command lines. */
#ifndef ADIT_LAB_BOX_OPTS_H
#define ADIT_LAB_BOX_OPTS_H

#include <getopt.h>
#include <stdbool.h>

#include "base/addr.h"
#include "lab/lab_link.h"

/* "adit-lab: WHY: ARG; `adit-lab COMMAND -h` shows how" to stderr; returns the exit code. |arg| may be NULL. */
int box_usage(const char *command, const char *why, const char *arg);

/* What `-h` of each command prints, and `adit-lab help COMMAND`. */
extern const char box_help_link[];
extern const char box_help_nat[];
extern const char box_help_net[];
extern const char box_help_list[];

int box_cmd_link(int argc, char **argv);
int box_cmd_nat(int argc, char **argv);
int box_cmd_net(int argc, char **argv);
int box_cmd_list(int argc, char **argv);

/* A number in [min, max]; everything else is refused: -1. */
int box_number(const char *text, double min, double max, double *ret_value);

/* "192.168.1.1/24": |ret_len| is 255 where none is given. 0 or EINVAL. */
ADIT_MUST_CHECK int box_prefix(const char *text, struct adit_addr *ret_addr, unsigned *ret_len);

/* One side's wire. */
struct box_wire {
	struct lab_link_config link;
	double burst; /* frames that a bad stretch is long on average; 0: each frame is lost for itself */
	unsigned mtu; /* 0: the interface's */
};

void box_wire_init(struct box_wire *w);

/*
 * The options of a wire. Their codes begin at |first| and are BOX_WIRE_OPTIONS in number; BOX_WIRE_LONG spells them for
 * getopt_long.
 */
#define BOX_WIRE_OPTIONS 9
#define BOX_WIRE_LONG(prefix, first)                                                                                 \
	{prefix "delay", required_argument, NULL, (first)}, {prefix "jitter", required_argument, NULL, (first) + 1}, \
		{prefix "loss", required_argument, NULL, (first) + 2},                                               \
		{prefix "burst", required_argument, NULL, (first) + 3},                                              \
		{prefix "duplicate", required_argument, NULL, (first) + 4},                                          \
		{prefix "reorder", required_argument, NULL, (first) + 5},                                            \
		{prefix "rate", required_argument, NULL, (first) + 6},                                               \
		{prefix "queue", required_argument, NULL, (first) + 7},                                              \
	{                                                                                                            \
		prefix "mtu", required_argument, NULL, (first) + 8                                                   \
	}

/* Option number |i| (its code less |first|) of |command|. 0, or an exit code after having said what it takes. */
int box_wire_option(struct box_wire *w, const char *command, int i, const char *text);

/* When all options are read: loss in bursts is loss and burst together. */
void box_wire_finish(struct box_wire *w);

#endif
