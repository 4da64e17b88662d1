/*
 * What happens to a path that was found: routers that forget, wires that are cut, programs that are killed, and nothing
 * for an hour. In virtual time, over Linux' NAT. ADIT_SIM_SEEDS=100 prints how long a forgetful router is felt.
 * A test that fails prints the line that runs its world again and prints its packets; see sim_trace.h for pictures.
 */
#include "../unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "sim_cell.h"

struct way {
	unsigned hops;
	long rtt_ms;
};

static const struct way ways[] = {{0, 4}, {8, 20}, {8, 80}};

/* The world that is being looked at, and what it was made from. */
static struct {
	bool is_open;
	bool is_replay; /* this one alone */
	struct sim_cell cell;
	uint64_t seed;
	unsigned variant;
	struct sim_world world;
} now;

/* A pair of peers that have met, exchange data, and have done so for three seconds. */
static void world_met(struct sim_world *w, const struct sim_cell *c, uint64_t seed)
{
	struct sim_result r;

	assert_int_equal(sim_world_init(w, c, seed), 0);
	if (now.is_replay)
		assert_true(sim_world_trace(w, stdout));
	sim_world_meet(w, ADIT_SEC(30), &r);
	assert_true(r.met);
	sim_world_run(w, ADIT_SEC(3));
	assert_int_equal(w->peer[0].losses + w->peer[1].losses, 0);
	assert_true(sim_world_flows(w, lab_sim_now(w->sim), lab_sim_now(w->sim) + ADIT_SEC(1)));
}

static void tell(const char *what, const struct sim_world *w, uint64_t seed, adit_time since)
{
	char text[SIM_CELL_STRLEN];

	fprintf(stderr, "  %s: %s seed=%llu, %.3f s after: losses %u %u, lost at %.3f %.3f\n", what,
		sim_cell_format(&w->cell, text), (unsigned long long)seed,
		(double)adit_time_since(lab_sim_now(w->sim), since) / 1e9, w->peer[0].losses, w->peer[1].losses,
		(double)(int64_t)(w->peer[0].lost_at - since) / 1e9,
		(double)(int64_t)(w->peer[1].lost_at - since) / 1e9);
}

/* Every mix of drop and accept, over every way. */
static struct sim_cell cell_of(unsigned i)
{
	return (struct sim_cell){
		.input = {i & 1 ? SIM_ACCEPT : SIM_DROP, i & 2 ? SIM_ACCEPT : SIM_DROP},
		.hops = ways[i / 4 % ARRAY_LEN(ways)].hops,
		.rtt_ms = ways[i / 4 % ARRAY_LEN(ways)].rtt_ms,
		.late_us = 100,
		.low_ttl = 1,
	};
}

static void with_world(void (*fn)(struct sim_world *w, uint64_t seed, unsigned variant))
{
	now.is_open = true;
	world_met(&now.world, &now.cell, now.seed);
	fn(&now.world, now.seed, now.variant);
	now.is_open = false;
	sim_world_done(&now.world);
}

/* Calls |fn| with a world of each cell that has met. */
static void for_all(unsigned seeds, void (*fn)(struct sim_world *w, uint64_t seed, unsigned variant), unsigned variants)
{
	if (now.is_replay) {
		with_world(fn);
		return;
	}
	for (unsigned i = 0; i < 4 * ARRAY_LEN(ways) * variants; i++) {
		now.cell = cell_of(i);
		now.variant = i / 4 / (unsigned)ARRAY_LEN(ways);
		for (now.seed = 1; now.seed <= seeds; now.seed++)
			with_world(fn);
	}
}

/* After each test: one that has failed has left its world open. */
static int close_world(void **state)
{
	char text[SIM_CELL_STRLEN];

	if (!now.is_open)
		return 0;
	now.is_open = false;
	fprintf(stderr,
		"  ADIT_SIM_TEST=%s ADIT_SIM_CELL='%s' ADIT_SIM_SEED=%llu ADIT_SIM_VARIANT=%u "
		"tests/sim/path_sim_test\n",
		(const char *)*state, sim_cell_format(&now.cell, text), (unsigned long long)now.seed, now.variant);
	sim_world_done(&now.world);
	return 0;
}

/*
 * A download meets a router that forgets: the peer sends every 10 ms, the router's own host every 100 ms, so that the
 * peer's packet is the first to come. Where the router accepts it, it takes the port.
 */
static unsigned clashes;

static void forgets(struct sim_world *w, uint64_t seed, unsigned side)
{
	struct lab_nat *n = lab_router_nat(w->router[side]);
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, seed);
	adit_time at;
	bool ok;

	sim_peer_set_pace(&w->peer[side], ADIT_MS(100));
	sim_peer_set_pace(&w->peer[!side], ADIT_MS(10));
	sim_world_run(w, ADIT_SEC(1) + adit_rng_below(&rng, ADIT_MS(100)));
	n->ops->flush(n);
	at = lab_sim_now(w->sim);
	ok = sim_world_flows(w, at + ADIT_MS(w->cell.rtt_ms + 1), at + ADIT_SEC(8));
	if (!ok)
		tell("the router forgot", w, seed, at);
	assert_true(ok);
	if (w->peer[side].losses > 0) {
		clashes++;
		assert_int_equal(w->cell.input[side], SIM_ACCEPT);
		assert_true(w->peer[0].lost_at <= at + ADIT_SEC(3) && w->peer[1].lost_at <= at + ADIT_SEC(3));
	}
	sim_peer_set_pace(&w->peer[!side], ADIT_MS(100));
	sim_world_run(w, ADIT_SEC(10));
	ok = sim_world_flows(w, lab_sim_now(w->sim), lab_sim_now(w->sim) + ADIT_SEC(1)) && w->peer[0].losses <= 1 &&
	     w->peer[1].losses <= 1;
	if (!ok)
		tell("later", w, seed, at);
	assert_true(ok);
}

/* Half of the worlds have a router that accepts where it forgets. */
static void a_router_that_forgets_is_noticed_within_three_seconds_and_punched_anew(void **state)
{
	(void)state;
	clashes = 0;
	for_all(2, forgets, 2);
	assert_true(now.is_replay || clashes >= 4 * ARRAY_LEN(ways) * 2 * 2 / 2 * 8 / 10);
}

static void both_forget(struct sim_world *w, uint64_t seed, unsigned variant)
{
	adit_time at = lab_sim_now(w->sim);
	bool ok;

	(void)variant;
	for (int side = 0; side < 2; side++) {
		struct lab_nat *n = lab_router_nat(w->router[side]);

		n->ops->flush(n);
	}
	ok = sim_world_flows(w, at + ADIT_MS(2 * w->cell.rtt_ms + 1), at + ADIT_SEC(8));
	if (!ok)
		tell("both forgot", w, seed, at);
	assert_true(ok);
}

static void both_routers_may_forget_at_once(void **state)
{
	(void)state;
	for_all(2, both_forget, 1);
}

static void is_cut(struct sim_world *w, uint64_t seed, unsigned variant)
{
	unsigned side = w->cell.rtt_ms == 80;
	adit_time at = lab_sim_now(w->sim);
	bool ok;

	(void)variant;
	lab_iface_set_cut(lab_router_wan(w->router[side]), true);
	sim_world_run(w, ADIT_SEC(60));
	assert_true(w->peer[0].lost_at <= at + ADIT_SEC(3) && w->peer[1].lost_at <= at + ADIT_SEC(3));
	lab_iface_set_cut(lab_router_wan(w->router[side]), false);
	at = lab_sim_now(w->sim);
	ok = sim_world_flows(w, at, at + ADIT_SEC(5));
	if (!ok)
		tell("cut", w, seed, at);
	assert_true(ok);
	sim_world_run(w, ADIT_SEC(10));
	assert_true(w->peer[0].losses == 1 && w->peer[1].losses == 1);
}

static void a_wire_cut_for_a_minute_comes_back(void **state)
{
	(void)state;
	for_all(1, is_cut, 1);
}

/* Each packet between the homes is sent three times: by its host, and by either router. */
static uint64_t packets(const struct sim_world *w)
{
	return lab_sim_stats(w->sim)->steps[LAB_STEP_SENT] / 3;
}

static void idles(struct sim_world *w, uint64_t seed, unsigned variant)
{
	adit_time at;
	uint64_t before;
	bool ok;

	(void)variant;
	sim_peer_set_pace(&w->peer[0], ADIT_NEVER);
	sim_peer_set_pace(&w->peer[1], ADIT_NEVER);
	sim_world_run(w, ADIT_SEC(60));
	before = packets(w);
	sim_world_run(w, ADIT_SEC(3600));
	assert_int_equal(w->peer[0].losses + w->peer[1].losses, 0);
	if (packets(w) - before > 3600 / 15 * 4)
		tell("idle", w, seed, 0);
	assert_true(packets(w) - before <= 3600 / 15 * 4);
	at = lab_sim_now(w->sim);
	sim_peer_set_pace(&w->peer[0], ADIT_MS(100));
	sim_peer_set_pace(&w->peer[1], ADIT_MS(100));
	ok = sim_world_flows(w, at, at + ADIT_MS(300));
	assert_true(ok);
}

/* docs/rules.md 3: at most four packets in 15 s, both ends together. */
static void an_idle_hour_costs_little_and_loses_nothing(void **state)
{
	(void)state;
	for_all(1, idles, 1);
}

/* An idle path, too, is found dead: at its next keepalive. */
static void idles_and_forgets(struct sim_world *w, uint64_t seed, unsigned side)
{
	struct lab_nat *n = lab_router_nat(w->router[side]);
	adit_time at;
	bool ok;

	sim_peer_set_pace(&w->peer[0], ADIT_NEVER);
	sim_peer_set_pace(&w->peer[1], ADIT_NEVER);
	sim_world_run(w, ADIT_SEC(100));
	n->ops->flush(n);
	at = lab_sim_now(w->sim);
	sim_world_run(w, ADIT_SEC(40));
	sim_peer_set_pace(&w->peer[0], ADIT_MS(100));
	sim_peer_set_pace(&w->peer[1], ADIT_MS(100));
	ok = sim_world_flows(w, lab_sim_now(w->sim), lab_sim_now(w->sim) + ADIT_SEC(1));
	if (!ok)
		tell("idle and forgotten", w, seed, at);
	assert_true(ok);
}

static void an_idle_path_whose_router_forgot_is_punched_anew(void **state)
{
	(void)state;
	for_all(1, idles_and_forgets, 2);
}

static void restarts(struct sim_world *w, uint64_t seed, unsigned side)
{
	adit_time at;
	bool ok;

	sim_peer_kill(&w->peer[side]);
	sim_world_run(w, ADIT_SEC(1));
	at = lab_sim_now(w->sim);
	sim_peer_start(&w->peer[side]);
	ok = sim_world_flows(w, at, at + ADIT_SEC(10));
	if (!ok || lab_sim_now(w->sim) > at + ADIT_SEC(5))
		tell(side ? "connect restarts" : "serve restarts", w, seed, at);
	assert_true(ok);
}

static void a_program_that_is_killed_and_started_again_is_found(void **state)
{
	(void)state;
	for_all(1, restarts, 2);
}

static int by_value(const void *a, const void *b)
{
	adit_dur x = *(const adit_dur *)a;
	adit_dur y = *(const adit_dur *)b;

	return x < y ? -1 : x > y;
}

/* From the moment a router forgot until data flow both ways again; ADIT_NEVER: not within a minute. */
static adit_dur outage(const struct sim_cell *c, uint64_t seed, unsigned side, bool *ret_clashed)
{
	struct sim_world w;
	struct lab_nat *n;
	adit_time at;
	adit_dur took = ADIT_NEVER;

	world_met(&w, c, seed);
	n = lab_router_nat(w.router[side]);
	sim_peer_set_pace(&w.peer[side], ADIT_MS(100));
	sim_peer_set_pace(&w.peer[!side], ADIT_MS(10));
	sim_world_run(&w, ADIT_SEC(1) + seed * ADIT_US(7919) % ADIT_MS(100));
	n->ops->flush(n);
	at = lab_sim_now(w.sim);
	if (sim_world_flows(&w, at + ADIT_MS(c->rtt_ms + 1), at + ADIT_SEC(60)))
		took = lab_sim_now(w.sim) - at;
	*ret_clashed = w.peer[side].losses > 0;
	sim_world_done(&w);
	return took;
}

static void print_outages(const struct sim_cell *c, unsigned side, unsigned seeds, adit_dur *took)
{
	unsigned lost = 0;
	unsigned healed = 0;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		bool clashed;

		took[seed - 1] = outage(c, seed, side, &clashed);
		lost += clashed;
		healed += took[seed - 1] != ADIT_NEVER;
	}
	qsort(took, seeds, sizeof(*took), by_value);
	printf("%-6s x %-6s %u hops %2ld ms, the %s router forgets: port lost %5.1f %%, healed %5.1f %%",
	       sim_input_name(c->input[0]), sim_input_name(c->input[1]), c->hops, c->rtt_ms,
	       side == PUNCH_SERVE ? "serve side's  " : "connect side's", 100.0 * lost / seeds, 100.0 * healed / seeds);
	if (healed > 0)
		printf("  median %6.3f  last %6.3f", (double)took[healed / 2] / 1e9, (double)took[healed - 1] / 1e9);
	printf("\n");
	fflush(stdout);
}

static int print_table(const char *text)
{
	unsigned seeds = (unsigned)strtoul(text, NULL, 10);
	adit_dur *took;

	if (seeds == 0) {
		fprintf(stderr, "ADIT_SIM_SEEDS: how many seeds each cell gets\n");
		return 2;
	}
	took = malloc(seeds * sizeof(*took));
	if (!took)
		return 1;
	for (unsigned i = 0; i < 4 * ARRAY_LEN(ways) * 2; i++) {
		struct sim_cell c = cell_of(i / 2);

		print_outages(&c, i % 2, seeds, took);
	}
	free(took);
	return 0;
}

static bool is_replay(void)
{
	const char *cell = getenv("ADIT_SIM_CELL");
	const char *seed = getenv("ADIT_SIM_SEED");
	const char *variant = getenv("ADIT_SIM_VARIANT");

	if (!cell || !seed || !variant || !sim_cell_parse(cell, &now.cell))
		return false;
	now.seed = strtoull(seed, NULL, 0);
	now.variant = (unsigned)strtoul(variant, NULL, 0);
	return true;
}

/* The name is the state that close_world() finds. */
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, NULL, close_world, (void *)#f)

int main(void)
{
	const char *seeds = getenv("ADIT_SIM_SEEDS");
	const char *test = getenv("ADIT_SIM_TEST");
	const struct CMUnitTest tests[] = {
		TEST(a_router_that_forgets_is_noticed_within_three_seconds_and_punched_anew),
		TEST(both_routers_may_forget_at_once),
		TEST(a_wire_cut_for_a_minute_comes_back),
		TEST(an_idle_hour_costs_little_and_loses_nothing),
		TEST(an_idle_path_whose_router_forgot_is_punched_anew),
		TEST(a_program_that_is_killed_and_started_again_is_found),
	};

	if (seeds)
		return print_table(seeds);
	if (test) {
		now.is_replay = is_replay();
		if (!now.is_replay) {
			fprintf(stderr, "ADIT_SIM_TEST, _CELL, _SEED and _VARIANT: as they were printed\n");
			return 2;
		}
		cmocka_set_test_filter(test);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
