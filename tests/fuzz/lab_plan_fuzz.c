/*
 * Any text as a topology: it is refused with a place that is in it, or everything in it fits together.
 *
 * covers: src/lab/lab_plan.c src/lab/lab_plan_route.c
 */
#include "fuzz.h"

#include <string.h>

#include "lab/lab_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lab_plan p;
	struct lab_plan_error error = {0};
	struct lab_plan_route routes[LAB_PLAN_ROUTES];

	if (lab_plan_parse((const char *)data, size, &p, &error) < 0) {
		FUZZ_CHECK(error.at.line > 0 && error.at.column > 0 && error.at.column <= size + 1 && error.text[0]);
		return 0;
	}
	for (unsigned i = 0; i < p.n_nodes; i++) {
		const struct lab_plan_node *n = &p.nodes[i];

		FUZZ_CHECK(lab_plan_find_node(&p, n->name, strlen(n->name)) == (int)i);
		FUZZ_CHECK(n->kind == LAB_PLAN_HOST || n->n_ports == 2);
		for (size_t k = 0; k < n->n_ports; k++)
			FUZZ_CHECK(n->ports[k].net < p.n_nets && n->ports[k].n_addrs > 0 &&
				   n->ports[k].n_addrs <= LAB_PLAN_ADDRS);
		FUZZ_CHECK(lab_plan_routes(&p, i, routes, LAB_PLAN_ROUTES) <= LAB_PLAN_ROUTES);
	}
	for (size_t i = 0; i < p.n_runs; i++)
		FUZZ_CHECK(p.runs[i].command >= (const char *)data &&
			   p.runs[i].command + p.runs[i].len <= (const char *)data + size);
	return 0;
}
