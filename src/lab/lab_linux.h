/*
 * Linux' own NAT: one masquerade rule on the way out, and on the way in a policy for what is addressed to the router
 * itself. tests/net/truth/ plays thousands of random scripts against it and against the kernel; the rules below are
 * those under which the two agree (UDP and echo, 6.18). The order of things is the kernel's (nf_conntrack_core.c,
 * nf_nat_core.c, ip_forward.c), and the clash of docs/rules.md 1 comes out of it:
 *
 *   1. each packet is looked up, and refreshes the entry it belongs to, whatever becomes of it afterwards;
 *   2. a packet that is to be forwarded dies here if its TTL is 1;
 *   3. rules: what came in new for the router is accepted, rejected or dropped;
 *   4. only what has survived leaves an entry: a forwarded packet when it leaves, a packet for the router when it is
 *      delivered, also where no socket takes it. A TTL does not matter for that one.
 *
 * A flow keeps its source port unless another entry holds the tuple its answers will have. Then any other port of its
 * class, at random: 1 to 511, 600 to 1023, 1024 and up (nf_nat_l4proto_unique_tuple). Later flows of the same inside
 * socket prefer the newest such port that was given to it, whatever else it has said meanwhile, also to the router
 * itself (find_appropriate_src goes through all of its flows). "random" gives each flow any port of its class, its own
 * included; "fully-random" is the same thing: nf_nat_core.c tells them apart no more.
 *
 * What else the kernel taught us:
 *   - The firewall is taken to drop what conntrack calls invalid, as firewalls do: without such a rule, an ICMP error
 * from inside about an unknown flow, and an echo answer nobody asked for, leave untranslated, with a private source.
 *     ip_forward.c looks at the TTL first: such a packet with TTL 1 is told so.
 *   - An ICMP error refreshes nothing, whichever way it goes. Where the destination it quotes is translated, its own
 * source becomes that destination, whoever sent it (nf_nat_icmp_reply_translation in nf_nat_proto.c); the same holds
 *     for a time exceeded of the router's own.
 *   - Each protocol has tuples of its own; an echo's identifier is preserved and moved like a port, in one class, and
 * lives by its own time-out, answered or not (nf_conntrack_proto_icmp.c).
 *   - A flow that has expired may be asked for its port until the kernel collects it, up to a minute later
 *     (find_appropriate_src looks at no clock). Here it is gone at once.
 *
 * TCP is translated by the same rules, with time-outs of its own for what is unanswered, answered, finished and reset;
 * its other states, and what they refuse, are left out, and truth does not play it. It knows no clash: a SYN to the
 * router itself is answered with a RST, which ends the entry.
 */
#ifndef ADIT_LAB_LINUX_H
#define ADIT_LAB_LINUX_H

#include "base/rng.h"
#include "lab/lab_ct.h"
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
	bool random; /* masquerade random or fully-random: nothing is shared between flows */
	adit_dur unreplied; /* 0: LAB_UDP_UNREPLIED */
	adit_dur replied; /* 0: LAB_UDP_REPLIED */
	adit_dur ping; /* 0: LAB_PING_TIMEOUT */
	uint64_t seed; /* for the ports */
	const struct adit_rng *rng; /* for the ports instead, where not NULL */
};

/* NULL: no memory. |cfg| is copied. */
struct lab_nat *lab_linux_new(const struct lab_linux_config *cfg);

/* For rules that are changed while it runs, as a firewall's are. */
void lab_linux_set_input(struct lab_nat *n, enum lab_input input);

/* Another address outside: what is masqueraded behind the old one is forgotten (nf_nat_masquerade.c). */
void lab_linux_set_wan(struct lab_nat *n, const struct adit_addr *wan);

/* Its table, for who compares it with the kernel's. Good as long as |n| is. */
struct lab_ct *lab_linux_ct(struct lab_nat *n);

/* Live entries, as `conntrack -C` counts them (but without those that only wait to be collected). */
size_t lab_linux_count(struct lab_nat *n, adit_time now);

#endif
