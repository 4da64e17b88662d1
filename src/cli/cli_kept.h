/*
 * What earlier runs learnt about a peer or a lane, in the state directory. |key| names whose it is: the first
 * characters of a peer's key, or what cli_lanes_way() makes of a lane's label. What cannot be kept is told with -v, and
 * nothing else comes of it.
 */
#ifndef ADIT_CLI_KEPT_H
#define ADIT_CLI_KEPT_H

#include "cli/cli_run.h"

/* The way to |key|: which strategy found it, what its NAT does. False: nothing is known. */
bool cli_kept_way(struct cli_run *r, const char *key, struct reach_memory *ret_memory);
void cli_kept_way_set(struct cli_run *r, const char *key, const struct reach_memory *memory);

/* How long mappings live on the way to |key|. False: nothing is known. */
bool cli_kept_lives(struct cli_run *r, const char *key, struct link_memory *ret_lives);
void cli_kept_lives_set(struct cli_run *r, const char *key, const struct link_memory *lives);

/* The peer's UTC minus ours in nanoseconds, so that slots are counted in its time from the start; 0: not known. */
int64_t cli_kept_clock(struct cli_run *r, const char *key);
/* A difference that costs no time is not kept, but one that was kept is corrected. */
void cli_kept_clock_set(struct cli_run *r, const char *key, int64_t diff);

/* No probe of the lane |label| that is older than this is answered (punch_replay.h); 0: not known. */
uint64_t cli_kept_horizon(struct cli_run *r, const char *label);
void cli_kept_horizon_set(struct cli_run *r, const char *label, uint64_t horizon);

#endif
