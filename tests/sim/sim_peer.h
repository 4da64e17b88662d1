/*
 * One side of a session, as a machine for the lab: the punching engine, the path it found, and in the place of QUIC a
 * stand-in that sends data and gets it echoed. It does what src/link/ does with the engine, and no more: the connect
 * side takes the first valid pair, the serve side the one over which data comes; a lost path starts a new punch.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "base/rng.h"
#include "core/punch/punch.h"
#include "lab/lab_sim.h"

struct sim_peer {
	struct punch_config cfg;
	struct punch *punch; /* on the heap: it is large */
	struct adit_rng_seeded rng_state;
	struct lab_sim *sim;
	struct lab_host *host;
	struct lab_machine *machine;
	struct adit_addr other; /* the peer's public address */
	adit_dur data_every;

	/* The path in use. */
	bool has_path;
	uint32_t sock;
	struct adit_addr remote;
	adit_time data_at;
	bool owes_echo;
	uint32_t echo_sock;
	struct adit_addr echo_to;
	uint8_t out[8];

	/* What has happened, in virtual time; ADIT_NEVER: not yet. */
	adit_time started_at;
	adit_time valid_at;
	adit_time stuck_at;
	adit_time met_at; /* the first echo of our data */
	enum punch_how how;
	int64_t clock_diff;
	uint64_t echoes;
};

/* |p| is filled; it becomes a machine of |h| at sim_peer_start. 0 or ENOMEM. */
ADIT_MUST_CHECK int sim_peer_init(struct sim_peer *p, struct lab_sim *s, struct lab_host *h, enum punch_role role,
				  const uint8_t k[32], const struct adit_addr *other, uint16_t pinned_port);
void sim_peer_done(struct sim_peer *p);
/* The program starts. For lab_sim_at: |ctx| is the peer. */
void sim_peer_start(void *ctx);

#endif
