/* What the files of `adit-lab net` share, and nobody else uses. */
#ifndef ADIT_LAB_BOX_NET_INNER_H
#define ADIT_LAB_BOX_NET_INNER_H

#include "lab/box_net.h"

/* Nanoseconds that commands and boxes have to end after SIGTERM. */
#define BOX_NET_PATIENCE ADIT_MS(400)

struct box_net_node {
	int fd; /* its network; a NAT's is the fabric */
	char port[LAB_PLAN_PORTS][LAB_PLAN_NAME]; /* its interfaces */
};

struct box_net_fabric {
	bool is_switch; /* has a wire: a process carries its frames */
	bool is_pair; /* two ports and no wire: nothing in between */
	/* The other ends of the ports of a net that is no pair, in the order of the nodes. */
	char port[LAB_PLAN_NODES][LAB_PLAN_NAME];
	unsigned owner[LAB_PLAN_NODES][2]; /* node and its port */
	unsigned n_ports;
};

struct box_net {
	const struct box_net_config *cfg;
	int fabric; /* the network where wires, bridges and NATs are */
	struct box_net_node nodes[LAB_PLAN_NODES];
	struct box_net_fabric nets[LAB_PLAN_NETS];
	unsigned n_links; /* for names and MACs */
};

/* All namespaces and what is in them; 0 or an exit code. */
int box_net_build(struct box_net *n);

/* In processes of their own: until SIGTERM; an exit code. |i| is the net, the node. */
int box_net_run_switch(struct box_net *n, unsigned i, int ready_fd);
int box_net_run_nat(struct box_net *n, unsigned i, int ready_fd);

#endif
