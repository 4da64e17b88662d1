/*
 * A TURN server as a machine for the lab: RFC 8656 over UDP, relaying IPv4, asked over either family, with long-term
 * credentials, permissions and channels; written from the RFC, not over core/turn. Channels end after ten minutes; it
 * forgets nothing else but what it is told to: sim_turn_forget() is its restart. Its relayed addresses are ports of its
 * host.
 */
#ifndef SIM_TURN_H
#define SIM_TURN_H

#include "core/turn/turn.h"
#include "lab/lab_sim.h"

#define SIM_TURN_PORT     3478 /* RFC 8656 17 */
#define SIM_TURN_ALLOCS   4u /* two peers, and what they leave behind */
#define SIM_TURN_CHANNELS 32u
#define SIM_TURN_PERMITS  32u
#define SIM_TURN_OUTS     1024u /* that wait to be sent */
#define SIM_TURN_OUT_MAX  1600u /* bytes */

struct sim_turn_channel {
	uint16_t number; /* 0: free */
	struct adit_addr peer;
	adit_time expire_at;
};

struct sim_turn_alloc {
	bool used;
	bool opened;
	struct adit_addr client;
	uint8_t txid[STUN_TXID_LEN]; /* of the request that made it */
	struct adit_addr permits[SIM_TURN_PERMITS];
	size_t n_permits;
	struct sim_turn_channel channels[SIM_TURN_CHANNELS];
};

struct sim_turn_out {
	uint32_t sock;
	struct adit_addr remote;
	size_t len;
	uint8_t data[SIM_TURN_OUT_MAX];
};

struct sim_turn {
	struct lab_host *host;
	struct lab_machine *machine;
	struct adit_addr addr;
	struct turn_server server; /* for who uses it */
	struct turn_server server_v6; /* the same over IPv6; its address has family NONE: it has none */
	bool opened;
	bool opened_v6;
	adit_time now; /* of what came last */
	struct sim_turn_alloc allocs[SIM_TURN_ALLOCS]; /* relayed at socket 1 + index, port 50000 + index */
	struct sim_turn_out *outs;
	unsigned out_first;
	unsigned n_outs;
	uint64_t relayed; /* datagrams */
	uint64_t refused; /* no permission, no channel */
};

/* Becomes a machine of |h|, which has |addr| (no port) already; runs at once. 0 or ENOMEM; then _done is due as well.
 */
ADIT_MUST_CHECK int sim_turn_init(struct sim_turn *t, struct lab_host *h, const struct adit_addr *addr);
/* Clients may ask over IPv6, too, at |addr|, which its host has already. */
void sim_turn_add_v6(struct sim_turn *t, const struct adit_addr *addr);
/* All allocations are gone. */
void sim_turn_forget(struct sim_turn *t);
/* After lab_sim_free. Accepts a zeroed one. */
void sim_turn_done(struct sim_turn *t);

#endif
