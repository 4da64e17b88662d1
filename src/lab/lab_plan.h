/*
 * The language of `adit-lab net`: a topology of hosts, routers and nets, one statement a line. Pure: text in, a table
 * out, or an error with its line and column.
 *
 *   net internet 203.0.113.0/24
 *   net a-lan 192.168.1.0/24
 *   host server on internet 203.0.113.66
 *   host a on a-lan 192.168.1.10
 *   router ra nat home inside a-lan outside internet 203.0.113.10
 *   router rb kernel masquerade input=accept forward=udp/4000:b inside b-lan outside internet
 *   link a-lan delay 20ms loss 1%
 *   link internet server rate 100mbit
 *   run server: iperf3 -s
 *   main a: iperf3 -c server
 *
 * Words: a node is a host or a router; a port is where a node is attached to a net; a wire is what a packet meets
 * there. Start at lab_plan_parse(), then lab_plan_routes().
 */
#ifndef ADIT_LAB_PLAN_H
#define ADIT_LAB_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

#define LAB_PLAN_NETS     32u
#define LAB_PLAN_NODES    64u
#define LAB_PLAN_PORTS    4u /* of a node */
#define LAB_PLAN_ADDRS    20u /* of a port: a NAT's pool */
#define LAB_PLAN_RUNS     64u
#define LAB_PLAN_FORWARDS 8u
#define LAB_PLAN_NAME     16u /* bytes with the NUL: names are interfaces' names, too (IFNAMSIZ) */
#define LAB_PLAN_SPECIES  256u
#define LAB_PLAN_ROUTES   64u

/* The file's largest size in bytes. */
#define LAB_PLAN_TEXT_MAX (256u << 10)

/* What a wire does to packets; zero: nothing. */
struct lab_plan_wire {
	adit_dur delay;
	adit_dur jitter;
	double loss; /* 0..1 */
	double dup;
	double reorder;
	uint64_t rate; /* bit/s */
	uint64_t queue; /* bytes; 0: not said */
	unsigned mtu; /* 0: not said */
};

struct lab_plan_prefix {
	struct adit_addr addr; /* no port; NONE: the net has none of this family */
	uint8_t len;
};

struct lab_plan_net {
	char name[LAB_PLAN_NAME];
	struct lab_plan_prefix prefix[2]; /* [0] IPv4, [1] IPv6 */
	bool has_wire;
	struct lab_plan_wire wire; /* from every port into the net */
};

enum lab_plan_role {
	LAB_PLAN_ON, /* a host's */
	LAB_PLAN_INSIDE,
	LAB_PLAN_OUTSIDE,
};

struct lab_plan_port {
	unsigned net;
	uint8_t role; /* enum lab_plan_role */
	bool has_wire;
	struct lab_plan_wire wire; /* both ways; in place of the net's */
	struct adit_addr addrs[LAB_PLAN_ADDRS]; /* no ports; after parsing at least one of each family the net has */
	size_t n_addrs;
};

enum lab_plan_kind {
	LAB_PLAN_HOST,
	LAB_PLAN_NAT, /* a router with a NAT of the zoo */
	LAB_PLAN_KERNEL, /* a router with the kernel's own */
};

enum lab_plan_masquerade {
	LAB_PLAN_MASQUERADE,
	LAB_PLAN_RANDOM,
	LAB_PLAN_FULLY_RANDOM,
	LAB_PLAN_UNTRANSLATED,
};

enum lab_plan_input {
	LAB_PLAN_DROP,
	LAB_PLAN_REJECT,
	LAB_PLAN_ACCEPT,
};

struct lab_plan_forward {
	bool tcp;
	uint16_t port;
	unsigned node; /* a host */
	uint16_t to_port;
};

/* Where something stands in the file, from 1. */
struct lab_plan_at {
	unsigned line;
	unsigned column;
};

struct lab_plan_node {
	char name[LAB_PLAN_NAME];
	uint8_t kind; /* enum lab_plan_kind */
	struct lab_plan_port ports[LAB_PLAN_PORTS]; /* a router's: [0] inside, [1] outside */
	size_t n_ports;
	char species[LAB_PLAN_SPECIES]; /* NAT */
	struct lab_plan_at species_at;
	bool routed[2]; /* by family as in prefix: packets keep their addresses, so the outside needs a route */
	uint8_t masquerade; /* KERNEL: enum lab_plan_masquerade */
	uint8_t input; /* enum lab_plan_input */
	struct lab_plan_forward forwards[LAB_PLAN_FORWARDS];
	size_t n_forwards;
};

struct lab_plan_run {
	unsigned node;
	bool is_main; /* its exit code is the whole's */
	const char *command; /* in the text that was parsed; not ended by a NUL */
	size_t len;
};

struct lab_plan {
	struct lab_plan_net nets[LAB_PLAN_NETS];
	size_t n_nets;
	struct lab_plan_node nodes[LAB_PLAN_NODES];
	size_t n_nodes;
	struct lab_plan_run runs[LAB_PLAN_RUNS];
	size_t n_runs;
};

struct lab_plan_error {
	struct lab_plan_at at;
	char text[768]; /* a sentence: what is wrong, what was expected */
};

/*
 * Reads |text|, which the plan borrows. 0, or EINVAL with |ret_error| filled in. |ret_plan| is large: not for a stack.
 */
ADIT_MUST_CHECK int lab_plan_parse(const char *text, size_t len, struct lab_plan *ret_plan,
				   struct lab_plan_error *ret_error);

/* The node of this name, -1: none. */
int lab_plan_find_node(const struct lab_plan *p, const char *name, size_t len);

/* The node's first address of |family| on any port; NULL: none. */
const struct adit_addr *lab_plan_addr(const struct lab_plan_node *n, uint8_t family);

/* Router |node| has this NAT from now on, whatever the file said. EINVAL: |ret_error| says why, without a place. */
ADIT_MUST_CHECK int lab_plan_set_species(struct lab_plan *p, unsigned node, const char *species,
					 struct lab_plan_error *ret_error);

struct lab_plan_route {
	struct lab_plan_prefix to; /* len 0: everything */
	struct adit_addr via;
	unsigned port; /* of the node */
};

/*
 * The routes that |node| needs beside its own nets: a default one where a router has its inside there, and to nets
 * behind routers that do not translate. Returns how many, at most |max|.
 */
size_t lab_plan_routes(const struct lab_plan *p, unsigned node, struct lab_plan_route *ret_routes, size_t max);

#endif
