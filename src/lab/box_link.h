/* `adit-lab link`: a wire between two interfaces. */
#ifndef ADIT_LAB_BOX_LINK_H
#define ADIT_LAB_BOX_LINK_H

#include "lab/box_line.h"

struct box_link_config {
	const char *name[2]; /* the two interfaces; borrowed */
	struct box_line_config line; /* each way alike; the second direction's seed is derived from the first's */
	bool verbose; /* statistics to stderr at the end */
};

/* Passes frames until SIGTERM or SIGINT. Returns the exit code of the program. */
int box_link_run(const struct box_link_config *cfg);

#endif
