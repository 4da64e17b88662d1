/*
 * One side of a session, as a machine for the lab: the punching engine, the path it found and its keeper, and in the
 * place of QUIC a stand-in that sends data and gets them echoed. It does with the engine what src/link/ does, and no
 * more: the connect side takes the first valid pair, the serve side the one over which data comes from somebody who was
 * heard; a lost path starts a new punch, while the old one is still asked. The engine is core/punch here; sim_reach.h
 * has the one with mediators.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "base/rng.h"
#include "core/punch/punch.h"
#include "core/punch/punch_path.h"
#include "lab/lab_sim.h"

#define SIM_KNOWN_MAX 64

/* Somebody who was heard. */
struct sim_known {
	uint32_t sock;
	struct adit_addr remote;
	uint64_t instance;
};

struct sim_peer;

/* What an engine has found, or not. */
struct sim_found {
	enum {
		SIM_FOUND_HEARD,
		SIM_FOUND_VALID,
		SIM_FOUND_NOTHING
	} kind; /* NOTHING: it has run out of ways, for now */
	uint32_t sock;
	struct adit_addr local;
	struct adit_addr remote;
	uint64_t instance;
};

/* An engine that finds paths, as the peer uses it: a machine's verbs, and what src/link/ asks of it. */
struct sim_engine {
	void (*begin)(struct sim_peer *p, adit_time now); /* the program starts: what it knows is in |p| */
	void (*start)(struct sim_peer *p, adit_time now);
	void (*rest)(struct sim_peer *p, adit_time now);
	int (*take)(struct sim_peer *p, adit_time now, uint32_t sock);
	int (*input)(struct sim_peer *p, adit_time now, const struct adit_dgram *d);
	void (*icmp)(struct sim_peer *p, adit_time now, const struct adit_icmp *icmp);
	void (*sock_failed)(struct sim_peer *p, adit_time now, uint32_t sock);
	void (*tick)(struct sim_peer *p, adit_time now);
	void (*set_utc)(struct sim_peer *p, adit_time now, adit_utc utc);
	adit_time (*deadline)(const struct sim_peer *p);
	int (*output)(struct sim_peer *p, adit_time now, struct adit_out *ret_out);
	/* False: no more. |ret_found| NOTHING also where the event was for the engine's own statistics. */
	bool (*event)(struct sim_peer *p, adit_time now, struct sim_found *ret_found);
};

struct sim_peer {
	const struct sim_engine *engine;
	struct punch_config cfg; /* of core/punch, and of the path whatever found it */
	struct punch_replay replay;
	struct punch *punch; /* on the heap, as it is large; NULL: another engine */
	struct punch_store *store; /* its own */
	struct adit_rng_seeded rng_state;
	struct lab_sim *sim;
	struct lab_host *host;
	struct lab_machine *machine;
	struct adit_addr other; /* the peer's public address */
	adit_utc utc; /* at |utc_at|, in the host's time */
	adit_time utc_at;

	struct sim_known known[SIM_KNOWN_MAX]; /* the newest of them */
	size_t known_n;
	bool has_path;
	bool is_lost;
	bool is_confirmed; /* by an echo: until then data are sent, as QUIC challenges a new path */
	uint32_t sock;
	struct punch_path *path;
	uint32_t close_sock; /* of a path that was left, plus one; 0: none */

	adit_dur data_every; /* ADIT_NEVER: says nothing */
	adit_time data_at; /* in the host's time */
	bool owes_echo;
	struct adit_dgram echo;
	uint8_t out[8];

	/* What has happened, in virtual time; ADIT_NEVER: not yet. */
	adit_time started_at;
	adit_time valid_at;
	adit_time stuck_at;
	adit_time met_at; /* the first echo of our data since the start */
	adit_time lost_at; /* the last one */
	adit_time echo_at; /* the last one */
	enum punch_how how;
	int64_t clock_diff;
	unsigned losses;
	unsigned paths;
	uint64_t echoes;
};

/* Fills |p| for any engine. 0 or ENOMEM. */
ADIT_MUST_CHECK int sim_peer_init_engine(struct sim_peer *p, struct lab_sim *s, struct lab_host *h,
					 enum punch_role role, const uint8_t k[32], const struct sim_engine *engine);
/* The same with core/punch; it becomes a machine of |h| at sim_peer_start. 0 or ENOMEM. */
ADIT_MUST_CHECK int sim_peer_init(struct sim_peer *p, struct lab_sim *s, struct lab_host *h, enum punch_role role,
				  const uint8_t k[32], const struct adit_addr *other, uint16_t pinned_port);
void sim_peer_done(struct sim_peer *p);
/* The program starts. For lab_sim_at: |ctx| is the peer. */
void sim_peer_start(void *ctx);
/* It is killed: its sockets are gone, and nobody is told. It can be started again, as another instance. */
void sim_peer_kill(struct sim_peer *p);
/* How often data is sent from now on. */
void sim_peer_set_pace(struct sim_peer *p, adit_dur data_every);

#endif
