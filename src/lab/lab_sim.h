/*
 * A network in a bottle: hosts, NATs and wires in virtual time. The same seed and the same calls give the same run,
 * packet by packet (lab_sim_hash).
 *
 * Start here; then lab_nat.h for what a NAT is, lab_link.h for the wires, lab_trace.h and lab_draw.h for pictures.
 * Words:
 *
 *   net      a network on which everybody reaches everybody: the Internet, a carrier's, a home. It has a core that
 *            every packet crosses
 *   iface    where a host or a router is attached to a net: addresses, a wire up and a wire down
 *   gateway  the iface of a net that takes what is addressed to nobody on it
 *   node     a host, a router or a net, by its id and its name
 *   machine  what is tested, run on a host through struct adit_machine_ops
 *   tap      sees every packet at every step: for traces
 *
 * A packet from iface a to iface b passes a's up wire, the core, b's down wire; each delays it and counts its hops.
 * Datagrams carry "don't fragment", as io/ sends them, unless their host is told otherwise.
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
	LAB_STEP_SENT, /* onto a net, by its host or router; ICMP errors also by a router that only counts hops */
	LAB_STEP_LOST, /* on a wire, or where nobody is switched on */
	LAB_STEP_DIED, /* at a router, its TTL used up */
	LAB_STEP_DELIVERED, /* to a socket */
	LAB_STEP_REFUSED, /* by a NAT or firewall */
	LAB_STEP_CLOSED, /* where no socket listens */
	LAB_STEP_UNREACHABLE, /* nobody has this address */
	LAB_STEP_NO_MEMORY,
	LAB_STEP_FORWARDED, /* by a router: this is how it came in; SENT is how it goes on */
	LAB_STEP_FULL, /* no room in a wire's queue */
	LAB_STEP_TOO_BIG, /* for a wire's MTU, and not to be fragmented */
	LAB_STEP_SPLIT, /* into fragments, which are SENT */
	LAB_STEP_HELD, /* a fragment that waits for the others */
	LAB_STEPS,
};

/* "sent", "lost", ... */
const char *lab_step_name(enum lab_step step);

struct lab_tap_packet {
	adit_time at;
	enum lab_step step;
	unsigned node; /* where: on a net and its wires, at a host or a router */
	uint64_t id; /* of the packet all its way, through NATs; what is made of it (copy, fragment, error) has its own,
			... */
	uint64_t cause; /* ... and names it here; else 0 */
	unsigned from; /* SENT: by this host or router; 0: a router that only counts hops */
	unsigned to; /* SENT: to this host or router, the next on the way; 0: nobody */
	bool is_icmp;
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint32_t icmp_mtu; /* of "too big" */
	uint8_t ttl;
	struct adit_addr src; /* ICMP: of the packet that it quotes */
	struct adit_addr dst;
	struct adit_addr outer_src; /* ICMP: its own; else the same as |src| and |dst| */
	struct adit_addr outer_dst;
	uint8_t quoted_ttl; /* ICMP */
	bool df; /* don't fragment */
	bool more; /* a fragment, and not the last one */
	uint8_t fragment; /* enum lab_fragment */
	uint16_t fragment_id;
	size_t fragment_at; /* where |data| begins in the datagram's payload */
	size_t whole_len; /* of the datagram's payload, of which |data| may be a part */
	uint16_t whole_sum; /* where it is one: the Internet checksum's sum over the whole of it */
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

/* What nodes are called in traces; "host 3" and the like at first. At most LAB_NAME_MAX bytes are kept. */
#define LAB_NAME_MAX 31u
void lab_sim_set_name(struct lab_sim *s, unsigned node, const char *name);
/* Good until the next node is made. */
const char *lab_sim_name(const struct lab_sim *s, unsigned node);

/* |core| may be NULL: no delay. */
struct lab_net *lab_net_new(struct lab_sim *s, const struct lab_link_config *core);
unsigned lab_net_id(const struct lab_net *n);
void lab_net_set_core(struct lab_net *n, const struct lab_link_config *core);
/*
 * What is addressed to |prefix|/|bits| and to nobody on |n| goes to |via|, which is attached to |n|, not to the
 * gateway. The longest prefix counts. 0 or ENOMEM.
 */
ADIT_MUST_CHECK int lab_net_add_route(struct lab_net *n, const struct adit_addr *prefix, unsigned bits,
				      struct lab_router *via);

struct lab_host *lab_host_new(struct lab_sim *s);
unsigned lab_host_id(const struct lab_host *h);
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
 * Datagrams from there go without "don't fragment": IP_PMTUDISC_DONT, as programs that are older than the question
 * have it. Where one is larger than the MTU of the host's own wire, the host fragments it.
 */
void lab_host_set_fragments(struct lab_host *h, bool fragments);

/*
 * A router between two nets: the gateway of |inside|. Takes |nat| over, also on failure. Its addresses must be those
 * |nat| was made with. They need not be of one family (NAT64): what comes from inside is of |lan|'s, what comes from
 * outside of |wan|'s.
 */
struct lab_router *lab_router_new(struct lab_sim *s, struct lab_nat *nat, struct lab_net *inside,
				  const struct adit_addr *lan, struct lab_net *outside, const struct adit_addr *wan,
				  const struct lab_link_config *access);
/* One that translates nothing and lets everything pass. |outside| needs a route to what lies inside. */
struct lab_router *lab_router_plain(struct lab_sim *s, struct lab_net *inside, const struct adit_addr *lan,
				    struct lab_net *outside, const struct adit_addr *wan,
				    const struct lab_link_config *access);
/* The same for packets of another family, over the same wires. Takes |nat| over, also on failure. 0 or ENOMEM. */
ADIT_MUST_CHECK int lab_router_add_nat(struct lab_router *r, struct lab_nat *nat, const struct adit_addr *lan,
				       const struct adit_addr *wan);
ADIT_MUST_CHECK int lab_router_add_plain(struct lab_router *r, const struct adit_addr *lan,
					 const struct adit_addr *wan);
/* One more address outside, of the pool of the NAT that came last. 0, or ENOMEM, also where it is in use. */
ADIT_MUST_CHECK int lab_router_add_wan(struct lab_router *r, const struct adit_addr *wan);
unsigned lab_router_id(const struct lab_router *r);
/* The one it was made with. */
struct lab_nat *lab_router_nat(struct lab_router *r);
struct lab_iface *lab_router_wan(struct lab_router *r);
/* Fragments are put together before the NAT sees them, as Linux does wherever it tracks connections. */
void lab_router_set_defrag(struct lab_router *r, bool defrag);
/* Its NATs forget everything, and it is deaf for |down|. */
void lab_router_reboot(struct lab_router *r, adit_dur down);

void lab_iface_set_access(struct lab_iface *i, const struct lab_link_config *up, const struct lab_link_config *down);
/* A cut wire loses everything. */
void lab_iface_set_cut(struct lab_iface *i, bool cut);
/*
 * A new address in the place of the first one; what is on its way to the old one finds nobody. A NAT must be told by
 * its own function. 0, or EINVAL: it is in use, or of another family.
 */
ADIT_MUST_CHECK int lab_iface_set_addr(struct lab_iface *i, const struct adit_addr *addr);
/* One more address of a host on the same wires, such as its IPv6 one. 0, or ENOMEM, also where it is in use. */
ADIT_MUST_CHECK int lab_iface_add_addr(struct lab_iface *i, const struct adit_addr *addr);

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
