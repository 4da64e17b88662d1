/*
 * Whom serve admits: a lane of the endpoint for every live ticket of this machine, or for every key of --allow. Both
 * may change while it runs; cli_lanes_load() brings the endpoint's lanes to what the files say.
 */
#ifndef ADIT_CLI_LANES_H
#define ADIT_CLI_LANES_H

#include "cli/cli_allow.h"
#include "cli/cli_run.h"
#include "endpoint/ep_serve.h"

#define CLI_LANES_WAY_STRLEN 80

struct cli_lanes {
	struct cli_run *run;
	struct ep_serve *ep; /* borrowed; set before the first load */
	bool meets; /* there are mediators: what was learnt about a lane's way is of use */
	struct cli_allow allow; /* keys instead of tickets */
	struct io_stamp stamp; /* of the tickets that were read */
};

/* |run| is borrowed. */
void cli_lanes_init(struct cli_lanes *l, struct cli_run *run, bool meets);
void cli_lanes_done(struct cli_lanes *l);

/*
 * Adds the lanes that are new and ends those that are gone: tickets where the store has changed, keys always. CLI_GO,
 * or the exit code after saying why; the lanes are then as they were.
 */
int cli_lanes_load(struct cli_lanes *l);

/* A session of lane |label| is up: a ticket for one key only is |key|'s from now on. */
void cli_lanes_bind(struct cli_lanes *l, const char *label, const uint8_t key[CRYPTO_KEY_LEN]);

/* Keeps the horizon of every lane for the next run. */
void cli_lanes_keep(struct cli_lanes *l);

/* Under which a lane's way is kept (cli_kept.h): not to be taken for a peer's of connect. Returns |buf|. */
const char *cli_lanes_way(const char *label, char buf[CLI_LANES_WAY_STRLEN]);

#endif
