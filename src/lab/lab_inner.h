/*
 * What the files of the simulator share; nobody else includes it.
 *   lab_sim.c     time, the queue, nodes
 *   lab_pkt.c     packets' memory, the transcript, ICMP errors
 *   lab_frag.c    fragments: cut and joined
 *   lab_net.c     nets, ifaces, routes
 *   lab_way.c     the crossing of wires
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
	struct lab_pkt *next; /* free ones, fragments */
	uint8_t cap_class;
	/* From here on a copy is the same. */
	struct lab_iface *from;
	struct lab_iface *to;
	enum lab_wire wire; /* the next one to pass */
	struct lab_link *dies_on; /* its TTL ends on this wire, ... */
	unsigned dies_at; /* ... at this router */
	adit_time sent_at; /* onto this net */
	uint64_t id;
	uint64_t cause;
	struct adit_addr src;
	struct adit_addr dst;
	uint8_t ttl;
	bool df;
	bool is_icmp;
	uint8_t icmp; /* enum lab_icmp_what */
	uint32_t icmp_mtu;
	struct lab_flow quoted; /* ICMP: the packet it is about; |data| holds what is quoted of its payload */
	bool more; /* a fragment, and others follow */
	uint8_t frag; /* enum lab_fragment */
	uint16_t frag_id;
	uint16_t whole_sum; /* over whole_len bytes, where |data| is only a part */
	size_t frag_at; /* where |data| begins in the datagram's payload */
	size_t whole_len; /* of the datagram's payload */
	size_t len;
	uint8_t data[];
};

/* Fragments that wait for the others, the oldest first; each ->sent_at is when it came. */
struct lab_frags {
	struct lab_pkt *first;
	size_t count;
};

/* An address on a net. Several may share the wires of one: |main|, which may be itself. */
struct lab_iface {
	struct lab_iface *next; /* in its net's bucket */
	struct lab_net *net;
	struct lab_host *host; /* one of the two */
	struct lab_router *router;
	struct lab_iface *main;
	uint8_t face; /* of its router */
	struct adit_addr addr;
	struct lab_link up;
	struct lab_link down;
	adit_time moved_at; /* to |addr|; 0: it always had it */
	bool cut;
	struct adit_list of_host;
};

struct lab_route {
	struct lab_route *next; /* longest first */
	struct adit_addr prefix;
	unsigned bits;
	struct lab_iface *via;
};

struct lab_net {
	struct lab_sim *sim;
	struct adit_list all;
	unsigned id;
	struct lab_link core;
	struct lab_icmp_limit limit; /* of its routers */
	struct lab_iface *gateways[2]; /* of IPv4, IPv6 */
	struct lab_route *routes;
	struct lab_iface **buckets; /* by address */
	unsigned bucket_bits;
	size_t ifaces;
};

/* How packets of one family pass a router. */
struct lab_face {
	struct lab_nat *nat; /* NULL: as they are */
	struct lab_iface *lan;
	struct lab_iface *wan;
};

#define LAB_FACES 4u

struct lab_router {
	struct lab_sim *sim;
	struct adit_list all;
	unsigned id;
	struct lab_face faces[LAB_FACES];
	unsigned face_count;
	bool defrag;
	adit_time up_at;
	struct lab_frags frags; /* that will be joined, */
	struct lab_frags held[2]; /* that came before the first one, from outside, from inside */
	struct lab_icmp_limit limit;
	struct lab_iface *inside; /* the first face's */
	struct lab_iface *outside;
};

#define LAB_SOCK_BUCKETS 256u

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
	bool fragments; /* its datagrams may be fragmented */
	uint16_t next_frag_id;
	struct lab_frags frags;
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
	uint64_t next_pkt;
	unsigned next_link;
	char (*names)[LAB_NAME_MAX + 1]; /* by id, the first one unused */
	unsigned nodes;
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

/* The id of a new node of |kind| ("host"); 0: no memory. */
unsigned lab_node_new(struct lab_sim *s, const char *kind);

/* A packet with room for |len| bytes of payload, the rest zero; NULL: no memory, and that is counted. */
struct lab_pkt *lab_pkt_new(struct lab_sim *s, size_t len);
/* Another one, the same in all but its id. NULL: no memory, and that is counted. */
struct lab_pkt *lab_pkt_copy(struct lab_sim *s, const struct lab_pkt *p);
void lab_pkt_free(struct lab_sim *s, struct lab_pkt *p);
/* Those that are kept for the next ones, at the very end. */
void lab_pkt_release(struct lab_sim *s);
/* Bytes of the IP packet. */
size_t lab_pkt_size(const struct lab_pkt *p);
/* Into the transcript, the statistics and the tap. */
void lab_pkt_note(struct lab_sim *s, const struct lab_pkt *p, enum lab_step step, unsigned node);
/* The end of a packet: noted and freed. */
void lab_pkt_end(struct lab_sim *s, struct lab_pkt *p, enum lab_step step, unsigned node);
/* Queues it for |at|; there it goes on with the wire it stands before. */
void lab_pkt_queue(struct lab_sim *s, struct lab_pkt *p, adit_time at);
/* An ICMP error about |about| from |offender| to its sender. NULL: there is none about such a packet, or no memory. */
struct lab_pkt *lab_icmp_about(struct lab_sim *s, const struct lab_pkt *about, const struct adit_addr *offender,
			       enum lab_icmp_what what);

/* Cuts |p| to packets of |mtu| bytes at most, linked by ->next; frees it. NULL: no memory. */
struct lab_pkt *lab_frag_split(struct lab_sim *s, struct lab_pkt *p, size_t mtu);
/* Takes a fragment over, at |node|; returns the datagram if it was the last one missing, else NULL. */
struct lab_pkt *lab_frag_join(struct lab_frags *f, struct lab_sim *s, struct lab_pkt *p, unsigned node);
/* Keeps a fragment, at |node|, until lab_frag_take() asks for it. */
void lab_frag_keep(struct lab_frags *f, struct lab_sim *s, struct lab_pkt *p, unsigned node);
/* One of the datagram that |first| is of. NULL: no more. */
struct lab_pkt *lab_frag_take(struct lab_frags *f, struct lab_sim *s, const struct lab_flow *first);
void lab_frags_free(struct lab_frags *f, struct lab_sim *s);

/* Sends |p| from |from|, over its net, to whoever has p->dst or to the gateway. Takes |p| over. */
void lab_net_send(struct lab_iface *from, struct lab_pkt *p);
/* Goes on with a packet whose time has come. */
void lab_net_resume(struct lab_pkt *p);
struct lab_iface *lab_net_find(const struct lab_net *n, const struct adit_addr *addr);
/* Whose wires a packet to |addr| takes: its own, else a route's, else the gateway's. NULL: there is no way. */
struct lab_iface *lab_net_way(const struct lab_net *n, const struct adit_addr *addr);
/* |main| (may be NULL): whose wires to share. NULL: no memory, or the address is in use. */
struct lab_iface *lab_iface_new(struct lab_net *n, const struct adit_addr *addr, struct lab_iface *main,
				const struct lab_link_config *access);
void lab_net_free(struct lab_net *n);

void lab_router_rx(struct lab_router *r, struct lab_iface *on, struct lab_pkt *p);
void lab_router_free(struct lab_router *r);
void lab_host_rx(struct lab_host *h, struct lab_iface *on, struct lab_pkt *p);
void lab_host_free(struct lab_host *h);
void lab_machine_due(struct lab_machine *m);
/* NULL: the port is taken, or none is free, or no memory. */
struct lab_sock *lab_sock_open(struct lab_machine *m, uint32_t number, uint8_t family, uint16_t port);
void lab_sock_close(struct lab_sock *k);

#endif
