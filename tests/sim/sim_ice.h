/*
 * An ICE agent as a machine for the lab, the STUN server it asks, and the way descriptions take between two of them
 * (trickle, in order, with a delay). When a pair is selected, data go over it both ways.
 */
#ifndef SIM_ICE_H
#define SIM_ICE_H

#include "core/ice/ice_agent.h"
#include "lab/lab_sim.h"

#define SIM_ICE_PORT    5000
#define SIM_ICE_STUN    3478
#define SIM_SIGNALS_MAX 512

struct sim_ice;

/* Something signalled, on its way. */
struct sim_signal {
	struct sim_ice *to;
	enum { SIM_SIGNAL_DESC, SIM_SIGNAL_CANDIDATE, SIM_SIGNAL_END } kind;
	bool is_waiting; /* it came before the program was started */
	struct ice_remote_desc desc;
	struct ice_candidate cand;
};

struct sim_ice {
	struct ice_agent *agent; /* on the heap, as it is large */
	struct ice_config cfg;
	struct adit_rng_seeded rng_state;
	struct lab_sim *sim;
	struct lab_host *host;
	struct lab_machine *machine;
	struct sim_ice *other;
	struct adit_addr own;
	struct adit_addr server; /* family NONE: none */
	adit_dur signal_delay;
	bool is_silent; /* signals no candidate: the other learns from checks alone */
	bool is_opened;
	struct sim_signal signals[SIM_SIGNALS_MAX];
	size_t n_signals;

	bool has_path;
	struct ice_event path;
	adit_time data_at; /* in the host's time */
	uint8_t out[4];

	/* What has happened, in virtual time; ADIT_NEVER: not yet. */
	adit_time valid_at;
	adit_time selected_at;
	adit_time failed_at;
	adit_time lost_at;
	adit_time data_heard_at; /* the first */
};

ADIT_MUST_CHECK int sim_ice_init(struct sim_ice *p, struct lab_sim *s, struct lab_host *h, enum ice_role role,
				 const struct adit_addr *own, const struct adit_addr *server);
void sim_ice_done(struct sim_ice *p);
/* The program starts. For lab_sim_at: |ctx| is the agent's. */
void sim_ice_start(void *ctx);
/* A restart, which tells the other side to restart too. */
void sim_ice_restart(struct sim_ice *p);

/* A STUN server, a machine too. It answers anybody. */
struct sim_stun {
	bool is_opened;
	struct adit_addr to;
	size_t len;
	uint8_t out[128];
};

/* NULL: no memory. |s| is borrowed. */
struct lab_machine *sim_stun_new(struct sim_stun *s, struct lab_host *h);

#endif
