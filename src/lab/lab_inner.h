/*
 * What the files of the simulator share; nobody else includes it.
 *   lab_sim.c     time, the queue, packets' memory, the transcript
 *   lab_net.c     nets and the crossing of wires
 *   lab_router.c  a packet at a router
 *   lab_host.c    sockets and ICMP at a host
 *   lab_machine.c machines and what they ask for
 */
#ifndef ADIT_LAB_INNER_H
#define ADIT_LAB_INNER_H

#include "base/list.h"
#include "base/rng.h"
#include "lab/lab_icmp.h"
#include "lab/lab_queue.h"
#include "lab/lab_sim.h"

enum lab_event_kind {
	LAB_EVENT_PKT,
	LAB_EVENT_TIMER,
	LAB_EVENT_CALL,
};

enum lab_wire {
	LAB_WIRE_UP,
	LAB_WIRE_CORE,
	LAB_WIRE_DOWN,
	LAB_WIRE_END, /* arrived */
};

struct lab_pkt {
	struct lab_event ev;
	struct lab_pkt *next_free;
	struct lab_iface *from;
	struct lab_iface *to;
	enum lab_wire wire; /* the next one to pass */
	struct lab_link *dies_on; /* its TTL ends on this wire, ... */
	unsigned dies_at; /* ... at this router */
	adit_time sent_at; /* onto this net */
	struct adit_addr src;
	struct adit_addr dst;
	uint8_t ttl;
	uint8_t cap_class;
	bool is_icmp;
	uint8_t icmp_type;
	uint8_t icmp_code;
	struct lab_flow quoted; /* ICMP: the packet it is about; |data| holds what is quoted of its payload */
	size_t len;
	uint8_t data[];
};

struct lab_iface {
	struct lab_iface *next; /* in its net's bucket */
	struct lab_net *net;
	struct lab_host *host; /* one of the two */
	struct lab_router *router;
	struct adit_addr addr;
	struct lab_link up;
	struct lab_link down;
	bool cut;
	struct adit_list of_host;
};

#define LAB_NET_BUCKETS 64u

struct lab_net {
	struct lab_sim *sim;
	struct adit_list all;
	unsigned id;
	struct lab_link core;
	struct lab_icmp_limit limit; /* of its routers */
	struct lab_iface *gateways[2]; /* of IPv4, IPv6 */
	struct lab_iface *buckets[LAB_NET_BUCKETS];
};

struct lab_router {
	struct lab_sim *sim;
	struct adit_list all;
	unsigned id;
	struct lab_nat *nat;
	struct lab_icmp_limit limit;
	struct lab_iface *inside;
	struct lab_iface *outside;
};

#define LAB_SOCK_BUCKETS 64u

struct lab_sock {
	struct lab_sock *next; /* in its host's bucket, by port */
	struct adit_list same_bucket; /* of its machine, by number */
	struct lab_machine *machine;
	uint32_t number;
	uint16_t port;
	uint8_t family;
};

struct lab_host {
	struct lab_sim *sim;
	struct adit_list all;
	unsigned id;
	adit_dur up_for; /* before virtual time began */
	int64_t utc_offset;
	adit_dur lateness;
	struct lab_icmp_limit limit;
	struct adit_rng_seeded rng_state;
	struct adit_rng rng; /* for ports */
	struct adit_list ifaces;
	struct adit_list machines;
	struct lab_sock *buckets[LAB_SOCK_BUCKETS];
};

struct lab_machine {
	struct lab_event timer;
	struct adit_list of_host;
	struct adit_list socks[LAB_SOCK_BUCKETS];
	size_t sock_count;
	struct lab_host *host;
	const struct adit_machine_ops *ops;
	void *self;
	bool (*events)(void *ctx, adit_time now);
	void *ctx;
	bool busy; /* its outputs are being drained */
	bool doomed; /* freed as soon as it is not busy */
	adit_time armed_for; /* the deadline in virtual time; ADIT_NEVER: not armed */
	adit_time spin_at; /* the last instant it was due at, ... */
	unsigned spins; /* ... and how often */
};

#define LAB_PKT_CLASSES 3

struct lab_sim {
	adit_time now;
	uint64_t seed;
	uint64_t next_seed;
	unsigned next_id;
	struct lab_queue queue;
	struct lab_pkt *free_pkts[LAB_PKT_CLASSES];
	struct adit_list nets;
	struct adit_list routers;
	struct adit_list hosts;
	struct lab_sim_stats stats;
	uint64_t hash;
	void (*tap)(void *ctx, const struct lab_tap_packet *p);
	void *tap_ctx;
};

/* A packet with room for |len| bytes of payload, the rest zero; NULL: no memory, and that is counted. */
struct lab_pkt *lab_pkt_new(struct lab_sim *s, size_t len);
void lab_pkt_free(struct lab_sim *s, struct lab_pkt *p);
/* Into the transcript, the statistics and the tap. */
void lab_pkt_note(struct lab_sim *s, const struct lab_pkt *p, enum lab_step step, unsigned node);
/* The end of a packet: noted and freed. */
void lab_pkt_end(struct lab_sim *s, struct lab_pkt *p, enum lab_step step, unsigned node);
/* Queues it for |at|; there it goes on with the wire it stands before. */
void lab_pkt_queue(struct lab_sim *s, struct lab_pkt *p, adit_time at);

/* Sends |p| from |from|, over its net, to whoever has p->dst or to the gateway. Takes |p| over. */
void lab_net_send(struct lab_iface *from, struct lab_pkt *p);
/* Goes on with a packet whose time has come. */
void lab_net_resume(struct lab_pkt *p);
struct lab_iface *lab_net_find(const struct lab_net *n, const struct adit_addr *addr);
/* NULL: no memory, or the address is in use. */
struct lab_iface *lab_iface_new(struct lab_net *n, const struct adit_addr *addr, const struct lab_link_config *access);
void lab_net_free(struct lab_net *n);

/* An ICMP error about |about| from |offender| to its sender. NULL: it is an error itself, or no memory. */
struct lab_pkt *lab_icmp_about(struct lab_sim *s, const struct lab_pkt *about, const struct adit_addr *offender,
			       enum lab_icmp_what what);

void lab_router_rx(struct lab_router *r, struct lab_iface *on, struct lab_pkt *p);
void lab_router_free(struct lab_router *r);
void lab_host_rx(struct lab_host *h, struct lab_iface *on, struct lab_pkt *p);
void lab_host_free(struct lab_host *h);
void lab_machine_due(struct lab_machine *m);
/* NULL: the port is taken, or none is free, or no memory. */
struct lab_sock *lab_sock_open(struct lab_machine *m, uint32_t number, uint8_t family, uint16_t port);
void lab_sock_close(struct lab_sock *k);
struct lab_sock *lab_machine_sock(const struct lab_machine *m, uint32_t number);

#endif
