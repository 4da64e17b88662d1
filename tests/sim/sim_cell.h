/*
 * A cell of the matrix: two homes behind masquerading routers, the way between them, who starts when, whose clock is
 * wrong. A run of a cell is given by its text and a seed, and by nothing else.
 *
 *   in=drop,accept hops=8 rtt=20 skew=-500.250 clock=300 port=0 late=100 loss=0 low=1
 *
 *   in     WAN input of the serve side's router, of the connect side's; none: no router, the host has the address;
 *          fwd: dropped but for port 5555, which is forwarded, pinned there and named to the other side
 *   hops   routers between the two; 0: neighbours
 *   rtt    there and back, ms
 *   skew   when the connect side starts, ms after the serve side; negative: before
 *   clock  the connect side's UTC minus the serve side's, ms
 *   port   the pinned one on both sides; 0: none
 *   late   timers fire up to this late, us
 *   loss   packets lost between the routers, per mille, each way
 *   low    0: no low TTL, to show what it is good for
 */
#ifndef SIM_CELL_H
#define SIM_CELL_H

#include <stdio.h>

#include "lab/lab_linux.h"
#include "sim_peer.h"
#include "sim_trace.h"

enum sim_input {
	SIM_DROP,
	SIM_REJECT,
	SIM_ACCEPT,
	SIM_NONE,
	SIM_FWD,
};

struct sim_cell {
	enum sim_input input[2]; /* by enum punch_role */
	unsigned hops;
	long rtt_ms;
	long skew_us;
	long clock_ms;
	unsigned port;
	long late_us;
	unsigned loss;
	unsigned low_ttl;
};

#define SIM_CELL_STRLEN 160

const char *sim_input_name(enum sim_input input);
const char *sim_cell_format(const struct sim_cell *c, char buf[SIM_CELL_STRLEN]);
ADIT_MUST_CHECK bool sim_cell_parse(const char *text, struct sim_cell *ret_cell);

struct sim_world {
	struct sim_cell cell;
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_router *router[2]; /* NULL: none */
	struct lab_host *host[2];
	struct sim_peer peer[2];
	struct sim_trace *trace; /* NULL: none */
	adit_time later_at; /* the later start */
};

/* 0 or ENOMEM; then _done is due all the same. */
ADIT_MUST_CHECK int sim_world_init(struct sim_world *w, const struct sim_cell *c, uint64_t seed);
void sim_world_done(struct sim_world *w);
/* Prints every step of every packet to |f|, and writes the files of sim_trace.h. False: it cannot. */
ADIT_MUST_CHECK bool sim_world_trace(struct sim_world *w, FILE *f);

struct sim_result {
	bool met; /* data has gone there and back */
	adit_dur took; /* from the later start */
	enum punch_how how;
	uint64_t probes; /* both sides together */
	uint64_t flows; /* what both engines think they have opened */
	uint64_t mappings; /* what both routers have made of it */
	uint64_t hash;
};

/* Runs for |d|. */
void sim_world_run(struct sim_world *w, adit_dur d);
/* Runs until each side has had an echo after |since|; false: not by |until|. */
ADIT_MUST_CHECK bool sim_world_flows(struct sim_world *w, adit_time since, adit_time until);

/* Runs until both have met, or |horizon| after the later start. */
void sim_world_meet(struct sim_world *w, adit_dur horizon, struct sim_result *ret);

#endif
