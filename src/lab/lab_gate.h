/*
 * A router of real frames with any of the lab's NATs in it, without a socket: frames and time come in, frames go out.
 * It answers for its own addresses (ARP, neighbour discovery, echo), finds its neighbours, asks the NAT about every
 * packet and does what that says: forwards it, rewritten, or says time-exceeded, port unreachable, reset.
 *
 * The common case copies nothing: lab_gate_input() changes the frame where it lies and names the side it leaves by.
 * What the gate makes itself, or had to keep until a neighbour answered, comes out of lab_gate_output(). After any
 * input or tick the driver drains that, then arms lab_gate_deadline().
 *
 * Words: side, the inside (LAN) or the outside (WAN); raw, a side without Ethernet (TUN): a frame there has 14 bytes in
 * front that mean nothing, and there are no neighbours to be asked.
 */
#ifndef ADIT_LAB_GATE_H
#define ADIT_LAB_GATE_H

#include "base/list.h"
#include "lab/lab_icmp.h"
#include "lab/lab_nat.h"
#include "lab/lab_neigh.h"
#include "lab/lab_packet.h"
#include "lab/lab_reply.h"

enum {
	LAB_GATE_INSIDE,
	LAB_GATE_OUTSIDE,
	LAB_GATE_NOWHERE, /* the frame goes no further */
};

/* Addresses of one side: a pool, or one of each family. */
#define LAB_GATE_ADDRS 24u

/* Routes of the router; a lab's topology has few. */
#define LAB_GATE_ROUTES 64u

/* Frames that the gate holds, its own and such as wait for a neighbour; for one neighbour at most (Linux' unres_qlen is
 * 101 small packets). Beyond that the oldest goes. */
#define LAB_GATE_KEPT_MAX     512u
#define LAB_GATE_KEPT_FOR_ONE 64u

/* Bytes that must be free before a frame that may be translated to the other family (see lab_xlat.h). */
#define LAB_GATE_HEADROOM 64u

/* Bytes that are free before a frame of lab_gate_output(): for a driver that puts a header there. */
#define LAB_GATE_OUT_HEADROOM 16u

struct lab_gate_route {
	struct adit_addr prefix; /* no port */
	uint8_t len; /* bits */
	uint8_t side;
	struct adit_addr via; /* NONE: the addresses of the prefix are neighbours */
};

struct lab_gate_side {
	uint8_t mac[LAB_MAC];
	bool raw;
	unsigned mtu; /* bytes of an IP packet */
	struct adit_addr addrs[LAB_GATE_ADDRS]; /* no ports */
	size_t n_addrs;
};

struct lab_gate_config {
	struct lab_nat *nat; /* borrowed; made with these addresses */
	struct lab_gate_side side[2];
	/* The longest one wins; where none fits, a destination is a neighbour. */
	struct lab_gate_route routes[LAB_GATE_ROUTES];
	size_t n_routes;
	/*
	 * IPv4 packets from outside that are for none of our addresses go to the NAT too: it is a firewall before hosts
	 * with addresses of their own. IPv6 ones always do.
	 */
	bool routed;
	/*
	 * The NAT is to see whole datagrams only, as Linux' does (nf_defrag): later fragments follow their first one
	 * here, and are held until it comes. Else the NAT is asked about each.
	 */
	bool joins_fragments;
};

/* Datagrams of which fragments are under way, for joins_fragments; the oldest gives way. */
#define LAB_GATE_DATAGRAMS 64u

/* Nanoseconds: how long a first fragment is remembered, and a later one held (ipfrag_time is 30 s). */
#define LAB_GATE_FRAGMENT_LIFE ADIT_SEC(30)

/* Fragments held until their first one comes; the oldest is lost. */
#define LAB_GATE_HELD_MAX 64u

/* How the first fragment of a datagram went on. */
struct lab_gate_datagram {
	adit_time expire_at;
	int side; /* it came from */
	int out;
	struct lab_flow key;
	struct lab_flow to;
};

struct lab_frame {
	struct lab_offload offload;
	uint8_t *data; /* Ethernet header and packet */
	size_t len;
	size_t headroom; /* writable bytes before |data|; translation between families moves |data| */
};

struct lab_gate_stats {
	uint64_t taken[2]; /* frames, by side */
	uint64_t forwarded[2]; /* by the side they came from */
	uint64_t translated_errors; /* ICMP errors that went on */
	uint64_t errors; /* ICMP errors and resets of our own */
	uint64_t echoes; /* that we answered ourselves */
	uint64_t refused; /* by the NAT: dropped, or nobody is there */
	uint64_t expired; /* TTL */
	uint64_t too_big; /* for the other side's MTU, and may not be cut */
	uint64_t cut; /* into fragments */
	uint64_t malformed; /* no IP packet */
	uint64_t other; /* not for us, multicast, protocols that no NAT knows */
	uint64_t unresolved; /* the neighbour did not answer */
	uint64_t no_room; /* no memory or too many waiting */
};

struct lab_gate {
	struct lab_gate_config cfg;
	struct lab_neigh neigh;
	struct lab_icmp_limit limit;
	struct adit_list ready; /* of struct lab_gate_kept */
	struct adit_list waiting; /* for a neighbour */
	struct adit_list held; /* later fragments, for their first one */
	size_t n_held;
	struct lab_gate_datagram datagrams[LAB_GATE_DATAGRAMS];
	size_t next_datagram;
	size_t kept;
	struct lab_gate_kept *lent; /* what lab_gate_output() gave out last */
	struct lab_gate_stats stats;
	adit_time now;
};

/* |cfg| is copied. */
void lab_gate_init(struct lab_gate *g, const struct lab_gate_config *cfg);
void lab_gate_done(struct lab_gate *g);

/*
 * A frame that arrived on |side|. Returns the side it is to be sent to now, changed in place; or LAB_GATE_NOWHERE, and
 * the frame is done with.
 */
int lab_gate_input(struct lab_gate *g, adit_time now, int side, struct lab_frame *f);

/* The next frame to send and its side, good until the next call; LAB_GATE_NOWHERE: no more. */
int lab_gate_output(struct lab_gate *g, struct lab_frame *ret_frame);

/* Is there anything to give out? */
static inline bool lab_gate_has_output(const struct lab_gate *g)
{
	return !adit_list_is_empty(&g->ready);
}

void lab_gate_tick(struct lab_gate *g, adit_time now);
adit_time lab_gate_deadline(const struct lab_gate *g);

#endif
