/*
 * Two links with real sessions, each behind a NAT of the zoo, a mediator and a TURN server between them: what becomes
 * of a session whose paths come and go. The direct way between the two routers has a gate that lets nothing pass, or
 * everything; either router can be rebooted, cut off, or given another address; either machine can be put to sleep.
 * Include "../unit/test.h" first.
 *
 * Both sides send a little all the time, so that a gap in what arrives is a gap of the session: sim_link_run() keeps
 * the longest. Every byte is checked.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "../unit/link_rig.h"
#include "sim_mediator.h"
#include "sim_trace.h"
#include "sim_turn.h"

#define SIM_LINK_STEP ADIT_MS(5) /* of the tests' own clock: gaps are known to this much */
#define SIM_LINK_FELT ADIT_MS(200) /* a longer wait is felt where somebody types or talks */

struct sim_link_config {
	const char *nats[2]; /* by enum punch_role; texts of lab_species.h */
	adit_dur way[2]; /* from each side to the middle of the Internet, one way */
	adit_dur relay_way; /* and from the TURN server */
	adit_dur mediator_way;
	unsigned loss_ppm; /* on each of the sides' wires */
	bool relays[2]; /* who is told of the TURN server */
	bool no_mediator; /* both sides know each other's address instead */
	bool direct_at_first;
	adit_dur pace; /* each side sends |piece| bytes this often; 0: nothing by itself */
	size_t piece;
};

#define SIM_LINK_FLOWS 64

struct sim_link_gate; /* a NAT with the gate in front of it */

/* What arrives at one side. */
struct sim_link_ear {
	uint64_t seen; /* bytes */
	adit_time at; /* of the newest */
	adit_dur longest; /* wait for the next one, since sim_link_forget() */
	unsigned felt; /* waits above SIM_LINK_FELT that have ended since then */
};

struct sim_link {
	struct rig r;
	struct sim_link_config cfg;
	struct sim_mediator mediator;
	struct sim_turn turn;
	struct lab_iface *mediator_iface;
	struct lab_iface *turn_iface;
	struct lab_router *router[2];
	struct lab_net *home[2];
	struct sim_link_gate *gate[2];
	struct adit_addr wan[2];
	struct sim_link_ear ear[2];
	adit_time send_at;
	uint64_t mark[2]; /* for the test: bytes seen then */
	unsigned moves; /* sim_link_readdress_host() */
	bool is_open; /* the direct way */
	struct sim_link_flow {
		struct adit_addr serve; /* as the Internet sees them; family NONE: no more */
		struct adit_addr connect;
		uint64_t packets;
	} flow[SIM_LINK_FLOWS]; /* between the two routers; not while tracing */
	uint64_t to_relay; /* packets of both sides to the TURN server, and to what it relays; likewise */
	bool is_tracing;
	struct sim_trace trace;
	struct sim_link_log {
		struct adit_log log; /* what a side decides, between the packets */
		const struct lab_sim *sim;
		const char *name;
		FILE *f;
	} log[2];
};

/* Makes the world; a test may change the sides' |cfg| before sim_link_up(). */
void sim_link_init(struct sim_link *w, const struct sim_link_config *cfg, uint64_t seed);
void sim_link_done(struct sim_link *w);
/* Before sim_link_up(): prints what happens to |f| (NULL: nothing) and writes the files of sim_trace.h. */
void sim_link_trace(struct sim_link *w, FILE *f);

/* The side with |role|. */
struct side *sim_link_side(struct sim_link *w, enum punch_role role);
/* Both running, admitted, and one stream open that both send on; false: not within 30 s. */
bool sim_link_up(struct sim_link *w);
/* For |d|. */
void sim_link_run(struct sim_link *w, adit_dur d);
/* Until |done|, for |d| at most; returns whether. */
bool sim_link_run_until(struct sim_link *w, adit_dur d, bool (*done)(struct sim_link *w));
/* The longest gap is counted from here on. */
void sim_link_forget(struct sim_link *w);
/* Of both directions, also one that has not ended yet. */
adit_dur sim_link_gap(const struct sim_link *w);
/* How many were felt, of the direction that had more of them; also one that has not ended yet. */
unsigned sim_link_felt(const struct sim_link *w);
/* Nothing more is sent; all that was arrives within |d|, and none of it was wrong. */
bool sim_link_drain(struct sim_link *w, adit_dur d);

/* Packets that have gone between the two routers over the pair of ports that |s| uses now, and over all pairs. */
uint64_t sim_link_packets_used(const struct sim_link *w);
uint64_t sim_link_packets(const struct sim_link *w);
struct link_status sim_link_status(const struct side *s);
bool sim_link_is_relayed(struct sim_link *w);
bool sim_link_is_direct(struct sim_link *w);

/* The direct way between the two routers. */
void sim_link_open(struct sim_link *w, bool open);
/* Router of |role|. */
void sim_link_cut(struct sim_link *w, enum punch_role role, bool cut);
/* The router has another address outside, and its NAT has forgotten all. */
void sim_link_readdress_router(struct sim_link *w, enum punch_role role);
/* The side's machine has another address, and is told so. */
void sim_link_readdress_host(struct sim_link *w, enum punch_role role);
/* Both: to the machine this is another network. */
void sim_link_readdress(struct sim_link *w, enum punch_role role);
/* The side's machine neither hears nor does anything for |d|; its clock goes on. */
void sim_link_sleep(struct sim_link *w, enum punch_role role, adit_dur d);

#endif
