/*
 * A mediator as a machine for the lab: the very mind that src/mediator/ runs, on one or two addresses with two ports
 * each. With one port of one address it is an ordinary STUN server to who does not register.
 */
#ifndef SIM_MEDIATOR_H
#define SIM_MEDIATOR_H

#include "lab/lab_sim.h"
#include "mediator/med_mind.h"

#define SIM_MEDIATOR_PORT MED_PORT
#define SIM_MEDIATOR_OUTS 64u /* answers that wait to be sent: one for each datagram that came at one instant */

struct sim_mediator_out {
	struct meet_server_out to;
	uint8_t data[STUN_SERVER_PADDED_MAX];
};

struct sim_mediator {
	struct med_mind *mind; /* on the heap, as it is large */
	struct meet_peer *slots;
	struct lab_host *host;
	struct lab_machine *machine;
	struct adit_addr addrs[MED_LISTEN]; /* IPv4 */
	struct adit_addr six; /* family NONE: none */
	unsigned n_addrs;
	unsigned n_ports;
	unsigned opened; /* sockets: its ports, then those of |six| */
	unsigned out_first;
	unsigned n_outs;
	struct sim_mediator_out outs[SIM_MEDIATOR_OUTS];
	uint64_t lost; /* no room for an answer */
};

/*
 * Becomes a machine of |h|, which has the addresses |addrs| (no ports) already; runs at once. 0 or ENOMEM; then _done
 * is due all the same.
 */
ADIT_MUST_CHECK int sim_mediator_init(struct sim_mediator *m, struct lab_sim *s, struct lab_host *h,
				      const struct adit_addr *addrs, unsigned n_addrs, unsigned n_ports);
/* One of IPv6 beside them, which its host has already. */
void sim_mediator_add_v6(struct sim_mediator *m, const struct adit_addr *addr);
/* After lab_sim_free. Accepts a zeroed one. */
void sim_mediator_done(struct sim_mediator *m);

#endif
