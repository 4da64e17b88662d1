#include "sim_cell.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define FWD_PORT 5555

static const char *const input_names[] = {
	[SIM_DROP] = "drop", [SIM_REJECT] = "reject", [SIM_ACCEPT] = "accept", [SIM_NONE] = "none", [SIM_FWD] = "fwd",
};

const char *sim_input_name(enum sim_input input)
{
	return input_names[input];
}

const char *sim_cell_format(const struct sim_cell *c, char buf[SIM_CELL_STRLEN])
{
	snprintf(buf, SIM_CELL_STRLEN, "in=%s,%s hops=%u rtt=%ld skew=%.3f clock=%ld port=%u late=%ld loss=%u low=%u",
		 input_names[c->input[0]], input_names[c->input[1]], c->hops, c->rtt_ms, (double)c->skew_us / 1000,
		 c->clock_ms, c->port, c->late_us, c->loss, c->low_ttl);
	return buf;
}

static bool parse_input(const char *name, enum sim_input *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(input_names); i++) {
		if (strcmp(name, input_names[i]) == 0) {
			*ret = (enum sim_input)i;
			return true;
		}
	}
	return false;
}

bool sim_cell_parse(const char *text, struct sim_cell *ret_cell)
{
	struct sim_cell c = {0};
	char in[2][8];
	double skew_ms;

	if (sscanf(text, "in=%7[a-z],%7[a-z] hops=%u rtt=%ld skew=%lf clock=%ld port=%u late=%ld loss=%u low=%u", in[0],
		   in[1], &c.hops, &c.rtt_ms, &skew_ms, &c.clock_ms, &c.port, &c.late_us, &c.loss, &c.low_ttl) != 10)
		return false;
	if (!parse_input(in[0], &c.input[0]) || !parse_input(in[1], &c.input[1]))
		return false;
	c.skew_us = (long)(skew_ms * 1000 + (skew_ms < 0 ? -0.5 : 0.5));
	*ret_cell = c;
	return true;
}

static struct adit_addr wan_of(int side)
{
	return adit_addr_v4(203, 0, 113, (uint8_t)(10 + 10 * side), 0);
}

static int router_init(struct sim_world *w, int side)
{
	static const enum lab_input inputs[] = {
		[SIM_DROP] = LAB_INPUT_DROP,
		[SIM_REJECT] = LAB_INPUT_REJECT,
		[SIM_ACCEPT] = LAB_INPUT_ACCEPT,
		[SIM_FWD] = LAB_INPUT_DROP,
	};
	struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr own = adit_addr_v4(192, 168, 1, 2, 0);
	struct adit_addr wan = wan_of(side);
	struct lab_linux_config cfg = {
		.wan = wan, .lan = lan, .input = inputs[w->cell.input[side]], .seed = lab_sim_seed(w->sim)};
	struct lab_net *home = lab_net_new(w->sim, NULL);

	if (w->cell.input[side] == SIM_FWD)
		cfg.forwards[0] = (struct lab_forward){.port = FWD_PORT, .to = adit_addr_with_port(own, FWD_PORT)};
	if (!home || !lab_host_attach(w->host[side], home, &own, NULL))
		return ADIT_ENOMEM;
	w->router[side] = lab_router_new(w->sim, lab_linux_new(&cfg), home, &lan, w->internet, &wan, NULL);
	return w->router[side] ? 0 : ADIT_ENOMEM;
}

static int home_init(struct sim_world *w, int side)
{
	struct adit_addr wan = wan_of(side);

	w->host[side] = lab_host_new(w->sim);
	if (!w->host[side])
		return ADIT_ENOMEM;
	lab_host_set_lateness(w->host[side], ADIT_US(w->cell.late_us));
	if (w->cell.input[side] != SIM_NONE)
		return router_init(w, side);
	return lab_host_attach(w->host[side], w->internet, &wan, NULL) ? 0 : ADIT_ENOMEM;
}

/* Between neighbours a packet still takes a moment, and not always the same one. */
static struct lab_link_config way_of(const struct sim_cell *c)
{
	struct lab_link_config way = {.delay = ADIT_US(500 * c->rtt_ms), .hops = c->hops, .loss_ppm = c->loss * 1000};

	if (way.delay < ADIT_US(20))
		way.delay = ADIT_US(20);
	way.jitter = way.delay / 100 + ADIT_US(10);
	return way;
}

int sim_world_init(struct sim_world *w, const struct sim_cell *c, uint64_t seed)
{
	struct lab_link_config way = way_of(c);
	adit_time start[2] = {c->skew_us < 0 ? ADIT_US(-c->skew_us) : 0, c->skew_us > 0 ? ADIT_US(c->skew_us) : 0};
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, seed);
	uint8_t k[32];

	memset(w, 0, sizeof(*w));
	w->cell = *c;
	w->sim = lab_sim_new(seed);
	if (!w->sim)
		return ADIT_ENOMEM;
	w->internet = lab_net_new(w->sim, &way);
	if (!w->internet || home_init(w, PUNCH_SERVE) < 0 || home_init(w, PUNCH_CONNECT) < 0)
		return ADIT_ENOMEM;
	lab_host_set_clock(w->host[PUNCH_CONNECT], c->clock_ms * 1000000);
	adit_rng_fill(&rng, k, sizeof(k));
	for (int side = 0; side < 2; side++) {
		struct adit_addr other = wan_of(!side);
		uint16_t port = (uint16_t)c->port;

		if (c->input[side] == SIM_FWD)
			port = FWD_PORT;
		if (c->input[!side] == SIM_FWD)
			other.port = FWD_PORT;

		if (sim_peer_init(&w->peer[side], w->sim, w->host[side], (enum punch_role)side, k, &other, port) < 0 ||
		    lab_sim_at(w->sim, start[side], sim_peer_start, &w->peer[side]) < 0)
			return ADIT_ENOMEM;
		w->peer[side].cfg.low_ttl = c->low_ttl;
	}
	w->later_at = start[0] > start[1] ? start[0] : start[1];
	return 0;
}

void sim_world_done(struct sim_world *w)
{
	char title[SIM_CELL_STRLEN];

	if (w->trace && !sim_trace_done(w->trace, sim_cell_format(&w->cell, title)))
		fprintf(stderr, "the trace is not complete\n");
	free(w->trace);
	lab_sim_free(w->sim);
	sim_peer_done(&w->peer[0]);
	sim_peer_done(&w->peer[1]);
}

bool sim_world_trace(struct sim_world *w, FILE *f)
{
	static const char *const names[2][2] = {{"serve", "serve's router"}, {"connect", "connect's router"}};

	w->trace = malloc(sizeof(*w->trace));
	if (!w->trace || !sim_trace_init(w->trace, w->sim, f))
		return false;
	sim_trace_node(w->trace, lab_host_id(w->host[0]), names[0][0]);
	for (int side = 0; side < 2; side++)
		if (w->router[side])
			sim_trace_node(w->trace, lab_router_id(w->router[side]), names[side][1]);
	sim_trace_node(w->trace, lab_host_id(w->host[1]), names[1][0]);
	return true;
}

static bool has_met(void *ctx)
{
	const struct sim_world *w = ctx;

	return w->peer[PUNCH_CONNECT].met_at != ADIT_NEVER;
}

void sim_world_meet(struct sim_world *w, adit_dur horizon, struct sim_result *ret)
{
	const struct sim_peer *c = &w->peer[PUNCH_CONNECT];

	*ret = (struct sim_result){0};
	ret->met = lab_sim_run_until(w->sim, w->later_at + horizon, has_met, w);
	assert(!ret->met || c->met_at > w->later_at);
	ret->took = ret->met ? c->met_at - w->later_at : ADIT_NEVER;
	ret->how = c->how;
	for (int side = 0; side < 2; side++) {
		struct punch_stats st;

		punch_stats(w->peer[side].punch, &st);
		ret->probes += st.probes_sent;
		ret->flows += st.flows_opened;
		if (w->router[side])
			ret->mappings += lab_router_nat(w->router[side])->stats.mappings;
	}
	ret->hash = lab_sim_hash(w->sim);
}

void sim_world_run(struct sim_world *w, adit_dur d)
{
	lab_sim_run(w->sim, lab_sim_now(w->sim) + d);
}

struct flow_wait {
	const struct sim_world *w;
	adit_time since;
};

static bool has_echo_since(const struct sim_peer *p, adit_time since)
{
	return p->echo_at != ADIT_NEVER && p->echo_at > since;
}

static bool flows(void *ctx)
{
	const struct flow_wait *f = ctx;

	return has_echo_since(&f->w->peer[0], f->since) && has_echo_since(&f->w->peer[1], f->since);
}

bool sim_world_flows(struct sim_world *w, adit_time since, adit_time until)
{
	struct flow_wait f = {.w = w, .since = since};

	return lab_sim_run_until(w->sim, until, flows, &f);
}
