/*
 * Linux' own NAT: one masquerade rule on the way out, and on the way in a policy for what is addressed to the router
 * itself. The order of things is the kernel's (nf_conntrack_core.c, nf_nat_core.c, ip_forward.c), and the clash of
 * DESIGN 5.1 comes out of it:
 *
 *   1. each packet is looked up, and refreshes the entry it belongs to, whatever becomes of it afterwards;
 *   2. a packet that is to be forwarded dies here if its TTL is 1;
 *   3. rules: what came in new for the router is accepted, rejected or dropped;
 *   4. only what has survived leaves an entry: a forwarded packet when it leaves, a packet for the router when it is
 *      delivered, also where no socket takes it. A TTL does not matter for that one.
 *
 * A flow keeps its source port unless another entry holds the tuple its answers will have. Then any other port, at
 * random; later flows of the same inside socket prefer that port too.
 */
#ifndef ADIT_LAB_LINUX_H
#define ADIT_LAB_LINUX_H

#include "lab/lab_nat.h"

enum lab_input {
	LAB_INPUT_DROP,
	LAB_INPUT_REJECT,
	LAB_INPUT_ACCEPT,
};

/* A port forwarded inside: a DNAT rule, with which new packets to it go by the policy no more. */
struct lab_forward {
	uint16_t port;
	struct adit_addr to;
};

#define LAB_FORWARDS_MAX 4

struct lab_linux_config {
	struct adit_addr wan; /* the address outside, port 0 */
	struct adit_addr lan; /* and inside */
	enum lab_input input; /* what happens to new packets from outside for the router itself */
	struct lab_forward forwards[LAB_FORWARDS_MAX]; /* port 0: none */
	bool random; /* masquerade random: never the flow's own port, and nothing shared between flows */
	adit_dur unreplied; /* 0: LAB_UDP_UNREPLIED */
	adit_dur replied; /* 0: LAB_UDP_REPLIED */
	uint64_t seed; /* for the ports */
};

/* NULL: no memory. |cfg| is copied. */
struct lab_nat *lab_linux_new(const struct lab_linux_config *cfg);

/* For rules that are changed while it runs, as a firewall's are. */
void lab_linux_set_input(struct lab_nat *n, enum lab_input input);

/* Another address outside: what is masqueraded behind the old one is forgotten (nf_nat_masquerade.c). */
void lab_linux_set_wan(struct lab_nat *n, const struct adit_addr *wan);

/* Live entries, as `conntrack -C` counts them (but without those that only wait to be collected). */
size_t lab_linux_count(struct lab_nat *n, adit_time now);

#endif
