/* From a plan to namespaces: links, addresses, routes, kernel routers. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/box_bottle.h"
#include "lab/box_net_inner.h"
#include "lab/box_netlink.h"
#include "lab/box_shell.h"

/* ---- networks ---- */

static bool has_v6(const struct lab_plan *p)
{
	for (size_t i = 0; i < p->n_nets; i++)
		if (p->nets[i].prefix[1].addr.family != ADIT_FAMILY_NONE)
			return true;
	return false;
}

/* What a lab wants otherwise than a machine on the internet: no IPv6 of its own accord, no waiting for duplicates. */
static void set_up_ipv6(bool on)
{
	/* Refused or unknown: then there is none, or it waits a second. */
	(void)box_bottle_sysctl("net.ipv6.conf.all.disable_ipv6", on ? "0" : "1");
	(void)box_bottle_sysctl("net.ipv6.conf.default.disable_ipv6", on ? "0" : "1");
	(void)box_bottle_sysctl("net.ipv6.conf.default.accept_dad", "0");
	(void)box_bottle_sysctl("net.ipv6.conf.default.accept_ra", "0");
}

static int make_network(const char *name, bool v6, int *ret_fd)
{
	int fd = box_bottle_net();

	if (fd < 0 || box_bottle_enter(fd) < 0)
		return box_fail(name, "network namespace");
	set_up_ipv6(v6);
	*ret_fd = fd;
	return 0;
}

static int make_networks(struct box_net *n)
{
	const struct lab_plan *p = n->cfg->plan;
	int err = make_network("fabric", false, &n->fabric);

	for (unsigned i = 0; !err && i < p->n_nodes; i++) {
		if (p->nodes[i].kind == LAB_PLAN_NAT) {
			n->nodes[i].fd = n->fabric;
			continue;
		}
		err = make_network(p->nodes[i].name, has_v6(p), &n->nodes[i].fd);
		/* Ping for everybody, as distributions have it. */
		if (!err)
			(void)box_bottle_sysctl("net.ipv4.ping_group_range", "0 0");
		if (!err && p->nodes[i].kind == LAB_PLAN_KERNEL) {
			(void)box_bottle_sysctl("net.ipv4.ip_forward", "1");
			(void)box_bottle_sysctl("net.ipv6.conf.all.forwarding", "1");
		}
	}
	return err;
}

/* ---- links ---- */

static struct box_nl_end next_end(struct box_net *n, int netns, const char *name)
{
	unsigned i = ++n->n_links;

	return (struct box_nl_end){.netns = netns, .name = name, .mac = {0x02, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
}

/* A port's interface: called as its net is, where it has a network of its own. */
static void name_port(struct box_net *n, unsigned node, unsigned port)
{
	const struct lab_plan_node *d = &n->cfg->plan->nodes[node];
	char *name = n->nodes[node].port[port];

	if (d->kind == LAB_PLAN_NAT)
		snprintf(name, LAB_PLAN_NAME, "r%u.%u", node, port);
	else
		snprintf(name, LAB_PLAN_NAME, "%s", n->cfg->plan->nets[d->ports[port].net].name);
}

static void collect_ports(struct box_net *n)
{
	const struct lab_plan *p = n->cfg->plan;

	for (unsigned i = 0; i < p->n_nodes; i++)
		for (unsigned k = 0; k < p->nodes[i].n_ports; k++) {
			const struct lab_plan_port *port = &p->nodes[i].ports[k];
			struct box_net_fabric *f = &n->nets[port->net];

			f->is_switch |= port->has_wire;
			f->owner[f->n_ports][0] = i;
			f->owner[f->n_ports++][1] = k;
			name_port(n, i, k);
		}
	for (unsigned i = 0; i < p->n_nets; i++) {
		struct box_net_fabric *f = &n->nets[i];

		f->is_switch |= p->nets[i].has_wire;
		/* A wire that nobody is at the other end of needs no process. */
		f->is_switch &= f->n_ports > 1;
		f->is_pair = !f->is_switch && f->n_ports == 2;
	}
}

static int link_pair(struct box_net *n, int nl, const struct box_net_fabric *f)
{
	struct box_nl_end e[2];

	for (int i = 0; i < 2; i++) {
		const struct box_net_node *d = &n->nodes[f->owner[i][0]];

		e[i] = next_end(n, d->fd, d->port[f->owner[i][1]]);
	}
	return box_nl_veth(nl, &e[0], &e[1]);
}

/* To a bridge, or to the process that carries the frames. */
static int link_star(struct box_net *n, int nl, unsigned net)
{
	struct box_net_fabric *f = &n->nets[net];
	char bridge[LAB_PLAN_NAME];

	snprintf(bridge, sizeof(bridge), "b%u", net);
	if (!f->is_switch && f->n_ports > 0 && box_nl_bridge(nl, bridge) < 0)
		return -1;
	for (unsigned i = 0; i < f->n_ports; i++) {
		const struct box_net_node *d = &n->nodes[f->owner[i][0]];
		struct box_nl_end near;
		struct box_nl_end far;

		snprintf(f->port[i], LAB_PLAN_NAME, "n%u.%u", net, i);
		near = next_end(n, d->fd, d->port[f->owner[i][1]]);
		far = next_end(n, n->fabric, f->port[i]);
		if (box_nl_veth(nl, &near, &far) < 0 || (!f->is_switch && box_nl_enslave(nl, f->port[i], bridge) < 0) ||
		    box_nl_up(nl, f->port[i]) < 0)
			return -1;
	}
	return 0;
}

static int make_links(struct box_net *n)
{
	const struct lab_plan *p = n->cfg->plan;
	int nl;
	int err = 0;

	if (box_bottle_enter(n->fabric) < 0 || (nl = box_nl_open()) < 0)
		return box_fail("rtnetlink", NULL);
	for (unsigned i = 0; !err && i < p->n_nets; i++)
		if ((n->nets[i].is_pair ? link_pair(n, nl, &n->nets[i]) : link_star(n, nl, i)) < 0)
			err = box_fail(p->nets[i].name, "cannot be linked");
	close(nl);
	return err;
}

/* ---- addresses and routes ---- */

static unsigned port_mtu(const struct lab_plan *p, const struct lab_plan_port *port)
{
	return port->has_wire ? port->wire.mtu : p->nets[port->net].has_wire ? p->nets[port->net].wire.mtu : 0;
}

static int make_port(struct box_net *n, int nl, unsigned node, unsigned port)
{
	const struct lab_plan *p = n->cfg->plan;
	const struct lab_plan_port *d = &p->nodes[node].ports[port];
	const char *name = n->nodes[node].port[port];
	unsigned mtu = port_mtu(p, d);

	if (box_nl_up(nl, name) < 0 || (mtu && box_nl_mtu(nl, name, mtu) < 0))
		return -1;
	/* A NAT answers for its addresses itself: the kernel is not to know them. */
	for (size_t i = 0; p->nodes[node].kind != LAB_PLAN_NAT && i < d->n_addrs; i++) {
		bool v6 = d->addrs[i].family == ADIT_FAMILY_V6;

		if (box_nl_addr(nl, name, &d->addrs[i], p->nets[d->net].prefix[v6].len) < 0)
			return -1;
	}
	return 0;
}

static int make_node(struct box_net *n, unsigned node)
{
	const struct lab_plan *p = n->cfg->plan;
	struct lab_plan_route routes[LAB_PLAN_ROUTES];
	size_t n_routes = lab_plan_routes(p, node, routes, LAB_PLAN_ROUTES);
	int nl;
	int err = 0;

	if (box_bottle_enter(n->nodes[node].fd) < 0 || (nl = box_nl_open()) < 0)
		return box_fail("rtnetlink", NULL);
	for (unsigned i = 0; !err && i < p->nodes[node].n_ports; i++)
		err = make_port(n, nl, node, i);
	for (size_t i = 0; !err && p->nodes[node].kind != LAB_PLAN_NAT && i < n_routes; i++)
		err = box_nl_route(nl, n->nodes[node].port[routes[i].port], &routes[i].to.addr, routes[i].to.len,
				   &routes[i].via);
	if (err)
		err = box_fail(p->nodes[node].name, "cannot be set up");
	close(nl);
	return err;
}

/* Everybody's names, for programs that look them up. */
static void make_hosts(const struct box_net *n)
{
	static char text[16384];
	size_t used = (size_t)snprintf(text, sizeof(text), "127.0.0.1 localhost\n::1 localhost\n");
	char addr[ADIT_ADDR_STRLEN];

	for (size_t i = 0; i < n->cfg->plan->n_nodes; i++)
		for (int f = 0; f < 2; f++) {
			const struct lab_plan_node *d = &n->cfg->plan->nodes[i];
			const struct adit_addr *a = NULL;

			/* A router is known by its address outside. */
			for (size_t k = d->n_ports; k > 0 && !a; k--)
				for (size_t j = 0; j < d->ports[k - 1].n_addrs && !a; j++)
					if (d->ports[k - 1].addrs[j].family == (f ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4))
						a = &d->ports[k - 1].addrs[j];
			if (a && used < sizeof(text) - 128)
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s\n",
							 adit_addr_format(a, addr), d->name);
		}
	/* Without it there are addresses. */
	(void)box_bottle_hosts(text);
}

/* ---- kernel routers ---- */

ADIT_PRINTF(3, 4) static void append(char *text, size_t cap, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, cap - used, fmt, ap);
	va_end(ap);
}

static void write_rules(const struct lab_plan *p, const struct lab_plan_node *d, char *text, size_t cap)
{
	static const char *const nat[] = {"masquerade", "masquerade random", "masquerade fully-random", ""};
	static const char *const input[] = {"drop", "reject", "accept"};
	const char *wan = p->nets[d->ports[1].net].name;
	char host[ADIT_ADDR_STRLEN];

	text[0] = 0;
	append(text, cap,
	       "table inet filter {\n chain input { type filter hook input priority 0; policy accept;\n"
	       "  ct state established,related accept\n  meta l4proto ipv6-icmp accept\n  iifname \"%s\" %s\n }\n"
	       " chain forward { type filter hook forward priority 0; policy accept;\n",
	       wan, input[d->input]);
	/* What translates nothing lets everything through: a hop on the way, not a firewall. */
	if (d->masquerade != LAB_PLAN_UNTRANSLATED)
		append(text, cap,
		       "  ct state established,related accept\n  ct status dnat accept\n  iifname \"%s\" drop\n", wan);
	append(text, cap, " }\n}\n");
	if (d->masquerade == LAB_PLAN_UNTRANSLATED)
		return;
	append(text, cap, "table ip nat {\n chain pre { type nat hook prerouting priority -100;\n");
	for (size_t i = 0; i < d->n_forwards; i++) {
		const struct lab_plan_forward *f = &d->forwards[i];
		const struct adit_addr *to = lab_plan_addr(&p->nodes[f->node], ADIT_FAMILY_V4);

		if (to)
			append(text, cap, "  iifname \"%s\" %s dport %u dnat to %s:%u\n", wan, f->tcp ? "tcp" : "udp",
			       f->port, adit_addr_format(to, host), f->to_port);
	}
	append(text, cap, " }\n chain post { type nat hook postrouting priority 100; oifname \"%s\" %s\n }\n}\n", wan,
	       nat[d->masquerade]);
}

static int load_rules(const char *name, const char *text)
{
	FILE *nft = popen("nft -f -", "w");
	int status;

	if (!nft)
		return box_fail(name, "nft");
	fputs(text, nft);
	status = pclose(nft);
	if (status == 0)
		return 0;
	fprintf(stderr, "adit-lab: %s: nft has refused its rules; is nftables installed?\n", name);
	return BOX_EXIT_LOCAL;
}

static int make_firewalls(struct box_net *n)
{
	static char text[4096];
	const struct lab_plan *p = n->cfg->plan;
	int err = 0;

	for (unsigned i = 0; !err && i < p->n_nodes; i++) {
		if (p->nodes[i].kind != LAB_PLAN_KERNEL)
			continue;
		write_rules(p, &p->nodes[i], text, sizeof(text));
		if (box_bottle_enter(n->nodes[i].fd) < 0)
			return box_fail(p->nodes[i].name, "setns");
		err = load_rules(p->nodes[i].name, text);
	}
	return err;
}

int box_net_build(struct box_net *n)
{
	int err = make_networks(n);

	collect_ports(n);
	if (!err)
		err = make_links(n);
	for (unsigned i = 0; !err && i < n->cfg->plan->n_nodes; i++)
		err = make_node(n, i);
	if (!err)
		err = make_firewalls(n);
	if (!err)
		make_hosts(n);
	return err;
}
