/*
 * A meeting through mediators: two sides behind NATs of the zoo, mediators with the real server's mind, the real engine
 * on both sides, and the ways between. A run is given by the cell's text and a seed, and by nothing else; the seed also
 * draws how far each side and each mediator is from the middle of the net.
 *
 *   serve=linux connect=symmetric-random share=none med=2 addrs=1 stun=0 hops=8 rtt=87 skew=1234.500 late=100 loss=0
 *
 *   serve, connect   the side's NATs, from inside out, joined by "/": texts of lab_species.h; none: a public host, or
 *                    one on the shared net itself; forward: Linux with a port forwarded, which the engine is told;
 *                    mapped: the same by a mapping protocol, so with the router's own outside address
 *   share            a NAT that both sides have in common, between their own ones and the Internet
 *   med, addrs       mediators, and addresses of each; stun=1: one more STUN server that is no mediator
 *   hops             routers of the Internet between any two
 *   rtt              between the two sides, there and back, ms
 *   skew             when the connect side starts, ms after the serve side; negative: before
 *   late             timers fire up to this late, us
 *   loss             packets lost on the Internet and on the shared net, per mille, each way
 */
#ifndef SIM_MEET_H
#define SIM_MEET_H

#include <stdio.h>

#include "sim_mediator.h"
#include "sim_reach.h"
#include "sim_trace.h"

#define SIM_MEET_SPECLEN 160u
#define SIM_MEET_LEVELS  2u
#define SIM_MEET_SERVERS (SIM_REACH_MEDIATORS + 1u) /* the last one: plain STUN */
#define SIM_MEET_LOW_TTL 33u /* what is sent with less is meant to die on its way */
#define SIM_MEET_PORTS   65536u
#define SIM_MEET_STRLEN  (3 * SIM_MEET_SPECLEN + 160)

struct sim_meet_cell {
	char nats[2][SIM_MEET_SPECLEN]; /* by enum meet_role */
	char share[SIM_MEET_SPECLEN];
	unsigned med;
	unsigned addrs;
	unsigned stun;
	unsigned hops;
	long rtt_ms;
	long skew_us;
	long late_us;
	unsigned loss;
};

const char *sim_meet_format(const struct sim_meet_cell *c, char buf[SIM_MEET_STRLEN]);
ADIT_MUST_CHECK bool sim_meet_parse(const char *text, struct sim_meet_cell *ret_cell);

/* What one side sent to the other's public address, until the first valid pair. */
struct sim_meet_count {
	uint64_t packets;
	unsigned socks; /* from so many ports of its own ... */
	unsigned aimed; /* ... to so many of the other's */
	uint8_t from_seen[SIM_MEET_PORTS / 8];
	uint8_t to_seen[SIM_MEET_PORTS / 8];
};

struct sim_meet {
	struct sim_meet_cell cell;
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_net *shared; /* NULL: none */
	struct lab_router *routers[2 * SIM_MEET_LEVELS + 1];
	int router_side[2 * SIM_MEET_LEVELS + 1]; /* whose; -1: it is shared */
	unsigned n_routers;
	struct lab_host *host[2];
	unsigned host_id[2];
	struct sim_reach peer[2];
	struct lab_host *server_host[SIM_MEET_SERVERS];
	struct sim_mediator server[SIM_MEET_SERVERS];
	adit_dur way[2]; /* from a side to the middle, one way */
	adit_dur server_way[SIM_MEET_SERVERS];
	adit_dur core; /* across the middle */
	adit_dur shared_way; /* from the shared net to the middle; 0: there is none */
	struct adit_addr public_ip[2];
	struct sim_meet_count count[2];
	bool in_series; /* an offer is out, and nobody has said yet that the peer is absent */
	adit_time series_at;
	adit_time offer_at; /* the first byte of the offer that reached the serve side; ADIT_NEVER: none has */
	unsigned offer_server; /* through this one */
	adit_time later_at; /* the later start */
	struct sim_trace *trace; /* NULL: none */
	struct sim_meet_log {
		struct adit_log log; /* what the engine decides, between the packets */
		const struct lab_sim *sim;
		const char *name;
		FILE *f;
	} log[2];
};

/* 0, or ENOMEM, or EINVAL: a NAT's text is wrong; then _done is due all the same. */
ADIT_MUST_CHECK int sim_meet_init(struct sim_meet *w, const struct sim_meet_cell *c, uint64_t seed);
void sim_meet_done(struct sim_meet *w);
/* Prints every step of every packet and what the engines decide to |f|, and writes the files of sim_trace.h. False: it
 * cannot. */
ADIT_MUST_CHECK bool sim_meet_trace(struct sim_meet *w, FILE *f);

struct sim_meet_result {
	bool valid; /* the connect side has a valid pair */
	bool met; /* and data has gone there and back */
	adit_dur offer_to_valid; /* ADIT_NEVER: not */
	int64_t excess; /* of that, beyond RTT(A,M) + RTT(B,M) + RTT(A,B) + 200 ms */
	adit_dur start_to_met; /* from the later start; ADIT_NEVER: not */
	bool failed; /* with |verdict|, |start_to_failed| after the later start */
	enum reach_verdict verdict;
	adit_dur start_to_failed;
	enum reach_how how;
	enum nat_kind kind[2]; /* as each sees itself */
	unsigned round;
	uint64_t packets[2]; /* to the other's public address */
	unsigned socks[2];
	unsigned aimed[2];
	unsigned socks_max[2]; /* open at once, as the engine says */
	unsigned socks_opened[2]; /* by the first valid pair, for whatever */
	uint64_t mappings; /* that all NATs have made */
	uint64_t bad_sends; /* over sockets that are not open: the engine's fault */
	uint64_t hash;
};

/* Runs until both have met, the attempt has failed, or |horizon| after the later start. */
void sim_meet_run(struct sim_meet *w, adit_dur horizon, struct sim_meet_result *ret);

#endif
