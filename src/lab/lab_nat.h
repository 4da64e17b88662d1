/*
 * What a NAT is to everybody who sends packets through it: two questions with explicit time, asked once for each packet
 * that reaches it. A kind of NAT is an ops table and a struct that begins with struct lab_nat. It knows nothing of the
 * simulator: the same model can stand between real wires.
 *
 * Words: inside is the private side, outside the public one (WAN); a flow's addresses are those of the packet as it
 * arrives.
 */
#ifndef ADIT_LAB_NAT_H
#define ADIT_LAB_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

enum lab_proto {
	LAB_UDP,
	LAB_TCP,
	LAB_PING, /* ICMP echo: its identifier stands as the port of whoever asks, the other port is 0 */
};

/* What of a datagram this packet is; only the first fragment carries ports. */
enum lab_fragment {
	LAB_WHOLE,
	LAB_FRAGMENT_FIRST,
	LAB_FRAGMENT_LATER,
};

/* TCP flags as in the header (RFC 9293 3.1). */
#define LAB_TCP_FIN 0x01u
#define LAB_TCP_SYN 0x02u
#define LAB_TCP_RST 0x04u
#define LAB_TCP_ACK 0x10u

/* One packet, as far as a NAT looks at it. */
struct lab_flow {
	struct adit_addr src;
	struct adit_addr dst;
	uint8_t proto; /* enum lab_proto */
	uint8_t ttl; /* as received: 1 goes no further */
	uint8_t tcp_flags;
	uint8_t fragment; /* enum lab_fragment */
	uint16_t fragment_id; /* of a fragment: what joins it to the others of its datagram */
};

enum lab_verdict {
	LAB_FORWARD, /* on to the other side, with the addresses returned and the TTL one lower */
	LAB_HAIRPIN, /* from inside, and turned around: back to the inside with the addresses returned, the TTL one
			lower */
	LAB_LOCAL, /* for the router itself, where nobody listens: ICMP port unreachable */
	LAB_REJECT, /* refused by a rule that says so: ICMP port unreachable too, but nothing is remembered */
	LAB_DROP, /* refused in silence */
	LAB_EXPIRED, /* it would have been forwarded, had its TTL been larger: ICMP time exceeded */
};

struct lab_nat;

struct lab_nat_ops {
	/* A packet from inside. FORWARD, HAIRPIN: |ret_flow| is how it goes on (its TTL means nothing). */
	enum lab_verdict (*out)(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow);
	/* A packet from outside to an address of the router. FORWARD: |ret_flow| is how it goes on inside. */
	enum lab_verdict (*in)(struct lab_nat *n, adit_time now, const struct lab_flow *f, struct lab_flow *ret_flow);
	/*
	 * An ICMP error, from either side, quotes |quoted|: rewritten to how that packet looked on the other side.
	 * False: it belongs to no flow that is known, and is dropped.
	 */
	bool (*icmp)(struct lab_nat *n, adit_time now, struct lab_flow *quoted);
	/* A reboot: everything is forgotten. */
	void (*flush)(struct lab_nat *n);
	/* May be NULL: see lab_nat_holds(). */
	bool (*holds)(struct lab_nat *n, adit_time now, bool out, const struct lab_flow *f);
	void (*free)(struct lab_nat *n);
};

struct lab_nat_stats {
	uint64_t mappings; /* flows from inside that got one, ever */
	uint64_t moved; /* of these, how many could not keep their port */
	uint64_t local; /* entries left by packets to the router itself, ever */
	uint64_t refused; /* packets dropped or rejected */
	uint64_t full; /* no port was free, or no memory */
};

struct lab_nat {
	const struct lab_nat_ops *ops;
	struct lab_nat_stats stats;
};

/*
 * Asked after DROP of a later fragment: true if this NAT would have waited for the first one of its datagram (RFC 4787
 * REQ-14). Then keep the packet, and offer it again once a first fragment with the same addresses and id has passed in
 * the same direction. A caller that never asks has a NAT that loses it.
 */
static inline bool lab_nat_holds(struct lab_nat *n, adit_time now, bool out, const struct lab_flow *f)
{
	return n->ops->holds && n->ops->holds(n, now, out, f);
}

/* Accepts NULL. */
static inline void lab_nat_free(struct lab_nat *n)
{
	if (n)
		n->ops->free(n);
}

#endif
