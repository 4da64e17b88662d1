/* Of a plan: the addresses that were left open, and the routes. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_plan_inner.h"
#include "lab/lab_species.h"

/* The host part at which free addresses are looked for: routers take the first inside, hosts leave room for them. */
#define FIRST_ROUTER 1u
#define FIRST_OTHER  10u

static bool port_has_family(const struct lab_plan_port *port, uint8_t family)
{
	for (size_t i = 0; i < port->n_addrs; i++)
		if (port->addrs[i].family == family)
			return true;
	return false;
}

/* Address number |n| of the prefix. False: it is beyond it, or its broadcast address. */
static bool nth(const struct lab_plan_prefix *p, uint32_t n, struct adit_addr *ret)
{
	size_t bytes = p->addr.family == ADIT_FAMILY_V4 ? 4 : 16;
	unsigned bits = (unsigned)bytes * 8 - p->len;

	if (bits < 32 && n >= (UINT32_C(1) << bits) - 1)
		return false;
	*ret = p->addr;
	for (size_t i = 0; i < 4; i++)
		ret->ip[bytes - 1 - i] |= (uint8_t)(n >> 8 * i);
	return true;
}

static bool choose_addr(struct lab_plan *p, struct lab_plan_port *port, const struct lab_plan_prefix *prefix)
{
	struct adit_addr a;
	uint32_t first = port->role == LAB_PLAN_INSIDE ? FIRST_ROUTER : FIRST_OTHER;

	/* Once round: a small net's first free address may lie before where it was begun. */
	for (int round = 0; round < 2; round++, first = 1)
		for (uint32_t n = first; n < first + LAB_PLAN_NODES * LAB_PLAN_ADDRS && nth(prefix, n, &a); n++)
			if (!lab_plan_is_taken(p, port->net, &a)) {
				port->addrs[port->n_addrs++] = a;
				return true;
			}
	return false;
}

bool lab_plan_settle(struct lab_plan_reader *r)
{
	for (size_t i = 0; i < r->plan->n_nodes; i++)
		for (size_t k = 0; k < r->plan->nodes[i].n_ports; k++) {
			struct lab_plan_port *port = &r->plan->nodes[i].ports[k];

			for (int f = 0; f < 2; f++) {
				const struct lab_plan_prefix *prefix = &r->plan->nets[port->net].prefix[f];
				uint8_t family = prefix->addr.family;

				if (family == ADIT_FAMILY_NONE || port_has_family(port, family))
					continue;
				if (!choose_addr(r->plan, port, prefix))
					return lab_plan_refuse(r, (struct lab_plan_word){r->begin, 0},
							       "a net has no address left for all who are on it");
			}
		}
	return true;
}

/* ---- routes ---- */

/* How a net is reached: over which port of the node, and who is asked to pass it on; NONE: the node is on it. */
struct reach {
	bool known;
	unsigned port;
	struct adit_addr via;
};

static const struct adit_addr *port_addr(const struct lab_plan_port *port, uint8_t family)
{
	for (size_t i = 0; i < port->n_addrs; i++)
		if (port->addrs[i].family == family)
			return &port->addrs[i];
	return NULL;
}

/* Packets may go from |from| to |to| through this router, keeping their destination. */
static bool passes(const struct lab_plan_node *n, const struct lab_plan_port *from, int f)
{
	return n->kind != LAB_PLAN_HOST && (from->role == LAB_PLAN_INSIDE || n->routed[f]);
}

/* From net |at|, through all its routers: nets that become known go to the end of |queue|. */
static void spread(const struct lab_plan *p, unsigned self, unsigned at, int f, struct reach *reach, unsigned *queue,
		   size_t *n_queue)
{
	uint8_t family = f ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4;

	for (unsigned i = 0; i < p->n_nodes; i++) {
		const struct lab_plan_node *n = &p->nodes[i];

		for (size_t k = 0; i != self && n->kind != LAB_PLAN_HOST && k < 2; k++) {
			const struct lab_plan_port *here = &n->ports[k];
			const struct lab_plan_port *there = &n->ports[!k];
			const struct adit_addr *gate = port_addr(here, family);

			if (here->net != at || !gate || reach[there->net].known || !passes(n, here, f))
				continue;
			reach[there->net] = reach[at];
			if (reach[at].via.family == ADIT_FAMILY_NONE)
				reach[there->net].via = *gate;
			queue[(*n_queue)++] = there->net;
		}
	}
}

/* The router whose inside the node is on: where everything goes that is not known better. */
static bool find_default(const struct lab_plan *p, unsigned self, int f, struct lab_plan_route *ret)
{
	const struct lab_plan_node *n = &p->nodes[self];
	uint8_t family = f ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4;

	for (unsigned port = 0; port < n->n_ports; port++) {
		/* A router's inside is no way out. */
		for (size_t i = 0; n->ports[port].role != LAB_PLAN_INSIDE && i < p->n_nodes; i++) {
			const struct lab_plan_port *in = &p->nodes[i].ports[0];
			const struct adit_addr *via = port_addr(in, family);

			if (i == self || p->nodes[i].kind == LAB_PLAN_HOST || in->net != n->ports[port].net || !via)
				continue;
			*ret = (struct lab_plan_route){.to.addr.family = family, .via = *via, .port = port};
			return true;
		}
	}
	return false;
}

static size_t routes_of(const struct lab_plan *p, unsigned self, int f, struct lab_plan_route *ret, size_t max)
{
	const struct lab_plan_node *node = &p->nodes[self];
	struct reach reach[LAB_PLAN_NETS] = {0};
	unsigned queue[LAB_PLAN_NETS];
	size_t n_queue = 0;
	size_t n = 0;
	struct lab_plan_route all;
	bool has_default = find_default(p, self, f, &all);

	if (has_default && n < max)
		ret[n++] = all;
	for (unsigned i = 0; i < node->n_ports; i++) {
		reach[node->ports[i].net] = (struct reach){.known = true, .port = i};
		queue[n_queue++] = node->ports[i].net;
	}
	for (size_t i = 0; i < n_queue; i++)
		spread(p, self, queue[i], f, reach, queue, &n_queue);
	for (size_t i = 0; i < p->n_nets; i++) {
		const struct lab_plan_prefix *to = &p->nets[i].prefix[f];

		if (!reach[i].known || reach[i].via.family == ADIT_FAMILY_NONE || to->addr.family == ADIT_FAMILY_NONE)
			continue;
		if (has_default && reach[i].port == all.port && adit_addr_eq(&reach[i].via, &all.via))
			continue;
		if (n < max)
			ret[n++] = (struct lab_plan_route){.to = *to, .via = reach[i].via, .port = reach[i].port};
	}
	return n;
}

size_t lab_plan_routes(const struct lab_plan *p, unsigned node, struct lab_plan_route *ret_routes, size_t max)
{
	size_t n = routes_of(p, node, 0, ret_routes, max);

	return n + routes_of(p, node, 1, ret_routes + n, max - n);
}

/* What a router's species means for routes. NULL, or why it is none. */
static const char *take_species(struct lab_plan_node *n, struct lab_species_error *why)
{
	struct lab_species_config cfg;

	if (lab_species_parse(n->species, &cfg, why) < 0)
		return why->text;
	n->routed[0] = n->routed[1] = !cfg.is_linux && cfg.zoo.kind == LAB_ZOO_FIREWALL;
	return NULL;
}

bool lab_plan_check_species(struct lab_plan_reader *r, struct lab_plan_node *n, struct lab_plan_word at)
{
	struct lab_species_error error;
	const char *why = take_species(n, &error);

	return !why || lab_plan_refuse(r, at, why);
}

int lab_plan_set_species(struct lab_plan *p, unsigned node, const char *species, struct lab_plan_error *ret_error)
{
	struct lab_plan_node *n = &p->nodes[node];
	struct lab_species_error error;
	const char *why = NULL;

	if (n->kind == LAB_PLAN_HOST)
		why = "it is a host";
	else if (strlen(species) >= sizeof(n->species))
		why = "this is too long for a species";
	if (!why) {
		n->kind = LAB_PLAN_NAT;
		snprintf(n->species, sizeof(n->species), "%s", species);
		why = take_species(n, &error);
	}
	if (!why)
		return 0;
	snprintf(ret_error->text, sizeof(ret_error->text), "%.*s", (int)sizeof(ret_error->text) - 1, why);
	return ADIT_EINVAL;
}
