/* The boxes of a topology: NATs, and nets with wires. */
#include <string.h>

#include "lab/box_bottle.h"
#include "lab/box_limits.h"
#include "lab/box_nat.h"
#include "lab/box_net_inner.h"
#include "lab/box_shell.h"
#include "lab/box_species.h"
#include "lab/box_switch.h"

static struct lab_link_config link_of(const struct lab_plan_wire *w)
{
	return (struct lab_link_config){
		.delay = w->delay,
		.jitter = w->jitter,
		.loss_ppm = (uint32_t)(w->loss * 1e6 + 0.5),
		.dup_ppm = (uint32_t)(w->dup * 1e6 + 0.5),
		.reorder_ppm = (uint32_t)(w->reorder * 1e6 + 0.5),
		.reorder_hold = BOX_REORDER_HOLD,
		.rate = w->rate,
		.queue = w->queue ? (uint32_t)w->queue : BOX_QUEUE_DEFAULT,
	};
}

int box_net_run_switch(struct box_net *n, unsigned i, int ready_fd)
{
	static struct box_switch_port ports[LAB_PLAN_NODES];
	const struct lab_plan *p = n->cfg->plan;
	const struct box_net_fabric *f = &n->nets[i];
	struct box_switch_config cfg = {.ports = ports,
					.n_ports = f->n_ports,
					.seed = n->cfg->seed * 1000 + i,
					.verbose = n->cfg->verbose,
					.ready_fd = ready_fd};

	for (unsigned k = 0; k < f->n_ports; k++) {
		const struct lab_plan_port *port = &p->nodes[f->owner[k][0]].ports[f->owner[k][1]];

		ports[k].name = f->port[k];
		if (port->has_wire)
			ports[k].up = ports[k].down = link_of(&port->wire);
		else if (p->nets[i].has_wire)
			ports[k].up = link_of(&p->nets[i].wire);
	}
	if (box_bottle_enter(n->fabric) < 0)
		return box_fail(p->nets[i].name, "setns");
	return box_switch_run(&cfg);
}

int box_net_run_nat(struct box_net *n, unsigned i, int ready_fd)
{
	static struct box_nat_config cfg;
	const struct lab_plan_node *d = &n->cfg->plan->nodes[i];
	struct lab_plan_route routes[LAB_PLAN_ROUTES];
	size_t n_routes = lab_plan_routes(n->cfg->plan, i, routes, LAB_GATE_ROUTES);
	int err;

	cfg.label = d->name;
	cfg.seed = n->cfg->seed * 1000 + 500 + i;
	cfg.verbose = n->cfg->verbose;
	cfg.ready_fd = ready_fd;
	for (int side = 0; side < 2; side++) {
		const struct lab_plan_port *port = &d->ports[side];

		cfg.name[side] = n->nodes[i].port[side];
		memcpy(cfg.gate.side[side].addrs, port->addrs, port->n_addrs * sizeof(port->addrs[0]));
		cfg.gate.side[side].n_addrs = port->n_addrs;
	}
	for (size_t k = 0; k < n_routes; k++)
		cfg.gate.routes[cfg.gate.n_routes++] = (struct lab_gate_route){.prefix = routes[k].to.addr,
									       .len = routes[k].to.len,
									       .side = (uint8_t)routes[k].port,
									       .via = routes[k].via};
	if (box_bottle_enter(n->fabric) < 0)
		return box_fail(d->name, "setns");
	err = box_species_make(&cfg, d->species, cfg.seed);
	if (err)
		return err;
	err = box_nat_run(&cfg);
	lab_nat_free(cfg.gate.nat);
	return err;
}
