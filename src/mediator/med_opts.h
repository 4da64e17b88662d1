/*
 * The mediator's command line: argv into a plain struct, and what is wrong with it. Nothing here prints or opens
 * anything.
 */
#ifndef ADIT_MED_OPTS_H
#define ADIT_MED_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "mediator/med_limits.h"

/* One family's addresses. */
struct med_family {
	struct adit_addr listen[MED_LISTEN]; /* with the first port */
	struct adit_addr public_ip[MED_LISTEN]; /* as the world sees them; family NONE: the same */
	unsigned n_listen;
	unsigned n_public;
};

struct med_opts {
	struct med_family families[MED_FAMILIES]; /* IPv4, IPv6 */
	bool is_default; /* no --listen: what this machine does not have is left out */
	uint16_t alt_port;
	uint32_t rate; /* answers a second for one network; 0: no limit */
	const char *turns[MED_TURN_URIS]; /* of argv */
	unsigned n_turns; /* 0: no relay is lent */
	const char *turn_secret_file;
	const char *turn_for;
	bool json;
	bool help;
	int verbose; /* -1: errors only */
};

/* What is wrong, and what to do. */
struct med_fault {
	char what[160];
	const char *next; /* static */
};

/* 0, or ADIT_EINVAL with |f| filled. Not reentrant (getopt_long is not). */
ADIT_MUST_CHECK int med_opts_read(struct med_opts *o, int argc, char **argv, struct med_fault *f);

#endif
