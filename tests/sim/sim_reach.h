/*
 * One side of a session that meets through mediators: core/reach as the engine of a sim_peer, which has the path and
 * the stand-in for QUIC. Like src/link/, it lets the engine rest when there is a path.
 */
#ifndef SIM_REACH_H
#define SIM_REACH_H

#include "core/reach/reach.h"
#include "sim_peer.h"

#define SIM_REACH_MEDIATORS 2u
#define SIM_REACH_HOSTS     2u

struct sim_reach {
	struct sim_peer peer; /* first: it is what the peer's verbs get */
	struct reach *reach; /* on the heap, as it is large */
	struct reach_config cfg;

	/* What the program is told when it starts. */
	struct adit_addr mediators[SIM_REACH_MEDIATORS]; /* with ports; the names are their addresses */
	unsigned n_mediators;
	struct adit_addr server; /* a further STUN server, with a port; NONE: none */
	struct adit_addr hosts[SIM_REACH_HOSTS]; /* its own addresses */
	unsigned n_hosts;
	struct reach_mapping mapping; /* that its router has told it of; port 0: none */
	struct adit_addr trusted; /* the peer's address, if the user typed it; NONE: not */

	struct reach_memory memory; /* of an earlier run; and what was learnt in this one */
	bool has_memory;

	/* What has happened, in virtual time; ADIT_NEVER: not yet. */
	adit_time held_at; /* serve: registered for the first time */
	adit_time meeting_at; /* the last round's descriptions are known */
	adit_time failed_at; /* the first failure */
	enum reach_verdict verdict; /* of it */
	enum reach_how how; /* of the first valid pair */
	unsigned round; /* of the last meeting */
	enum nat_kind own_kind;
	enum nat_kind peer_kind;
	enum nat_way way;
};

/* Fills |r|; the caller sets what it is told, then sim_peer_start(&r->peer). |seed| is the identity's. 0 or ENOMEM. */
ADIT_MUST_CHECK int sim_reach_init(struct sim_reach *r, struct lab_sim *s, struct lab_host *h, enum meet_role role,
				   const uint8_t k[MEET_K_LEN], const uint8_t seed[MEET_KEY_LEN]);
void sim_reach_done(struct sim_reach *r);

#endif
