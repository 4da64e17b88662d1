/*
 * A network in a bottle: hosts, NATs and wires in virtual time. The same seed and the same calls give the same run,
 * packet by packet (lab_sim_hash).
 *
 * Start here; then lab_linux.h for the NAT and lab_link.h for the wires. Words:
 *   net       a network on which everybody reaches everybody: the Internet, a home. It has a core that every packet
 * crosses iface     where a host or a router is attached to a net: one address, a wire up and a wire down gateway   the
 * iface of a net that takes what is addressed to nobody on it machine   what is tested, run on a host through struct
 * adit_machine_ops tap       sees every packet at every step: for traces A packet from iface a to iface b passes a's up
 * wire, the core, b's down wire; each delays it and counts its hops.
 *
 * Everything belongs to the simulation and goes with lab_sim_free. Constructors return NULL when there is no memory; a
 * packet that finds no memory is lost and counted.
 */
#ifndef ADIT_LAB_SIM_H
#define ADIT_LAB_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/machine.h"
#include "lab/lab_link.h"
#include "lab/lab_nat.h"

struct lab_sim;
struct lab_net;
struct lab_iface;
struct lab_host;
struct lab_router;
struct lab_machine;

struct lab_sim *lab_sim_new(uint64_t seed);
/* Accepts NULL. */
void lab_sim_free(struct lab_sim *s);

/* Virtual time: 0 at the start. Machines see another one, see lab_host_now. */
adit_time lab_sim_now(const struct lab_sim *s);
/* Calls |fn| at |at| (at once, if that is past), between two packets. |ctx| is borrowed. 0 or ENOMEM. */
ADIT_MUST_CHECK int lab_sim_at(struct lab_sim *s, adit_time at, void (*fn)(void *ctx), void *ctx);
/* Lets happen all that is due until |until|, and leaves the clock there. */
void lab_sim_run(struct lab_sim *s, adit_time until);
/* The same, but stops when |done| (asked after each event) says so; then true, and the clock stays. */
bool lab_sim_run_until(struct lab_sim *s, adit_time until, bool (*done)(void *ctx), void *ctx);
/* A number for whoever needs a seed of its own; another one each time. */
uint64_t lab_sim_seed(struct lab_sim *s);

enum lab_step {
	LAB_STEP_SENT, /* onto a net, by its host or router */
	LAB_STEP_LOST, /* on a wire */
	LAB_STEP_DIED, /* at a router, its TTL used up */
	LAB_STEP_DELIVERED, /* to a socket */
	LAB_STEP_REFUSED, /* by a NAT or firewall */
	LAB_STEP_CLOSED, /* where no socket listens */
	LAB_STEP_UNREACHABLE, /* nobody has this address */
	LAB_STEP_NO_MEMORY,
	LAB_STEPS,
};

struct lab_tap_packet {
	adit_time at;
	enum lab_step step;
	unsigned node; /* where: the id of a host, router or net, in the order of their making, from 1 */
	bool is_icmp;
	uint8_t icmp_type;
	uint8_t ttl;
	struct adit_addr src; /* ICMP: of the packet that it quotes */
	struct adit_addr dst;
	const uint8_t *data; /* good during the call */
	size_t len;
};

/* One tap; NULL: none. It may not change anything. */
void lab_sim_set_tap(struct lab_sim *s, void (*fn)(void *ctx, const struct lab_tap_packet *p), void *ctx);

struct lab_sim_stats {
	uint64_t events;
	uint64_t steps[LAB_STEPS];
	uint64_t bad_sends; /* on a socket that is not open, to another family, too long: the machine's fault */
};

const struct lab_sim_stats *lab_sim_stats(const struct lab_sim *s);
/* Over virtual time, place, addresses, TTL and length of every step of every packet so far. Not the content. */
uint64_t lab_sim_hash(const struct lab_sim *s);

/* |core| may be NULL: no delay. */
struct lab_net *lab_net_new(struct lab_sim *s, const struct lab_link_config *core);
void lab_net_set_core(struct lab_net *n, const struct lab_link_config *core);

struct lab_host *lab_host_new(struct lab_sim *s);
/* |addr| has no port; it must be free on |n|. |access| (may be NULL) is the wire, up and down alike. */
struct lab_iface *lab_host_attach(struct lab_host *h, struct lab_net *n, const struct adit_addr *addr,
				  const struct lab_link_config *access);
/* CLOCK_BOOTTIME there: virtual time plus a random time since boot. */
adit_time lab_host_now(const struct lab_host *h);
/* UTC there is true UTC plus this; all machines of the host are told. 0 at first. */
void lab_host_set_clock(struct lab_host *h, int64_t utc_offset);
adit_utc lab_host_utc(const struct lab_host *h);
/* Timers there fire late, by a random time up to this, as a busy machine's do. 0 at first. */
void lab_host_set_lateness(struct lab_host *h, adit_dur lateness);

/*
 * A router between two nets: the gateway of |inside|. Takes |nat| over, also on failure. Its addresses must be those
 * |nat| was made with.
 */
struct lab_router *lab_router_new(struct lab_sim *s, struct lab_nat *nat, struct lab_net *inside,
				  const struct adit_addr *lan, struct lab_net *outside, const struct adit_addr *wan,
				  const struct lab_link_config *access);
struct lab_nat *lab_router_nat(struct lab_router *r);

void lab_iface_set_access(struct lab_iface *i, const struct lab_link_config *up, const struct lab_link_config *down);
/* A cut wire loses everything. */
void lab_iface_set_cut(struct lab_iface *i, bool cut);
struct lab_iface *lab_router_wan(struct lab_router *r);

/*
 * Runs a machine on |h| from now on: set_utc first, then its outputs. |self| is borrowed. |events| (may be NULL) is
 * called with |ctx| whenever the outputs have been drained: it takes the machine's events and may give it commands, and
 * returns true if it did anything; then the outputs are drained again.
 */
struct lab_machine *lab_machine_new(struct lab_host *h, const struct adit_machine_ops *ops, void *self,
				    bool (*events)(void *ctx, adit_time now), void *ctx);
/* After a command given from elsewhere: drains, and arms anew. */
void lab_machine_wake(struct lab_machine *m);
/* Its sockets close, and it is never called again. */
void lab_machine_free(struct lab_machine *m);
/* The port a machine's socket has; 0: no such socket. */
uint16_t lab_machine_port(const struct lab_machine *m, uint32_t sock);
/* How many sockets it has open. */
size_t lab_machine_socks(const struct lab_machine *m);

#endif
