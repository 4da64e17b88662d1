/*
 * What a session lives through, in virtual time: a router that reboots, another address, a machine that sleeps, a
 * network that is gone for a minute. ADIT_SIM_SEEDS=100 prints how soon bytes flow again once the network is back;
 * ADIT_SIM_SEED=17 ADIT_SIM_EVENT=3 runs that one and prints its packets. ADIT_SIM_HOURS=4: so many hours where
 * mappings end at 60 s; ADIT_SIM_SEED=1 ADIT_SIM_AGE=1 (0: without successors) prints five minutes of it.
 */
#include "../unit/test.h"

#include "sim_link.h"

#define CI_SEEDS 6

static struct sim_link world;

static const char *const nats[] = {"linux", "mapping=ei,filter=apd", "mapping=ei,filter=ad", "mapping=ei,filter=ei"};

/* Does it, and returns when the network is back. */
struct event {
	const char *name;
	void (*happen)(struct sim_link *w, const struct adit_rng *rng);
	adit_dur within; /* bytes flow again, at the 95th percentile */
};

/* Newer bytes are those that are sent from now on. */
static void mark(struct sim_link *w)
{
	w->mark[PUNCH_SERVE] = w->r.connect.sent;
	w->mark[PUNCH_CONNECT] = w->r.serve.sent;
}

static enum punch_role either(const struct adit_rng *rng)
{
	return adit_rng_below(rng, 2) ? PUNCH_CONNECT : PUNCH_SERVE;
}

/* 20 s without power, and all mappings gone. */
static void reboots(struct sim_link *w, const struct adit_rng *rng)
{
	enum punch_role role = either(rng);

	lab_router_reboot(w->router[role], ADIT_SEC(20));
	sim_link_run(w, ADIT_SEC(20));
}

/* A router forgets all mappings, and the network is there all the time: nobody is told. */
static void forgets(struct sim_link *w, const struct adit_rng *rng)
{
	lab_router_reboot(w->router[either(rng)], 0);
}

/* Serve's, again 5 s later: that the first alarm was no false one must be known. */
static void forgets_again(struct sim_link *w, const struct adit_rng *rng)
{
	(void)rng;
	lab_router_reboot(w->router[PUNCH_SERVE], 0);
	sim_link_run(w, ADIT_SEC(5));
	mark(w);
	lab_router_reboot(w->router[PUNCH_SERVE], 0);
}

/* From one network into another: own address, router's address and mappings. */
static void roams(struct sim_link *w, const struct adit_rng *rng)
{
	(void)rng;
	sim_link_readdress(w, PUNCH_CONNECT);
}

static void blacks_out(struct sim_link *w, const struct adit_rng *rng)
{
	enum punch_role role = either(rng);

	sim_link_cut(w, role, true);
	sim_link_run(w, ADIT_SEC(60));
	sim_link_cut(w, role, false);
}

static void sleeps(struct sim_link *w, const struct adit_rng *rng)
{
	sim_link_sleep(w, either(rng), ADIT_SEC(600));
	sim_link_run(w, ADIT_SEC(600));
}

static const struct event events[] = {
	{"router reboots", reboots, ADIT_SEC(1)},   {"other address", roams, ADIT_SEC(1)},
	{"60 s blackout", blacks_out, ADIT_SEC(1)}, {"10 min asleep", sleeps, ADIT_SEC(1)},
	{"mappings gone", forgets, ADIT_SEC(2)}, /* silence alone tells of it */
	{"and again", forgets_again, ADIT_SEC(2)},
};

static adit_dur between(const struct adit_rng *rng, adit_dur lo, adit_dur hi)
{
	return lo + adit_rng_below(rng, hi - lo);
}

static bool flows_both_ways(struct sim_link *w)
{
	return w->ear[0].seen > w->mark[0] && w->ear[1].seen > w->mark[1];
}

/* How long after the network is back newer bytes than before come through both ways; ADIT_NEVER: something went wrong.
 */
static adit_dur live_through(struct sim_link *w, const struct event *e, uint64_t seed, bool has_relay, bool traced)
{
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, seed);
	struct sim_link_config cfg = {
		.nats = {nats[adit_rng_below(&rng, ARRAY_LEN(nats))], nats[adit_rng_below(&rng, ARRAY_LEN(nats))]},
		.way = {between(&rng, ADIT_MS(2), ADIT_MS(30)), between(&rng, ADIT_MS(2), ADIT_MS(30))},
		.relay_way = between(&rng, ADIT_MS(2), ADIT_MS(20)),
		.mediator_way = between(&rng, ADIT_MS(2), ADIT_MS(20)),
		.direct_at_first = true,
		.relays = {has_relay, has_relay},
		.pace = ADIT_MS(50),
		.piece = 300,
	};
	adit_dur took = ADIT_NEVER;
	const char *wrong = NULL;
	adit_time back;

	if (e->happen == forgets || e->happen == forgets_again)
		cfg.nats[0] = cfg.nats[1] = "mapping=ei,filter=apd,ports=random"; /* new mappings have other ports */
	sim_link_init(w, &cfg, seed);
	if (traced)
		sim_link_trace(w, stdout);
	if (!sim_link_up(w)) {
		wrong = "no session";
	} else {
		sim_link_run(w, between(&rng, ADIT_SEC(5), ADIT_SEC(25)));
		mark(w);
		e->happen(w, &rng);
		back = lab_sim_now(w->r.sim);
		if (sim_link_run_until(w, ADIT_SEC(60), flows_both_ways))
			took = lab_sim_now(w->r.sim) - back;
		sim_link_run(w, ADIT_SEC(20));
		if (!sim_link_drain(w, ADIT_SEC(20)))
			wrong = "bytes are missing";
	}
	if (wrong || took > e->within)
		fprintf(stderr, "  %s: ADIT_SIM_SEED=%llu ADIT_SIM_EVENT=%d tests/sim/life_sim_test\n",
			wrong ? wrong : "slow", (unsigned long long)seed, (int)(e - events));
	sim_link_done(w);
	return wrong ? ADIT_NEVER : took;
}

static int by_value(const void *a, const void *b)
{
	adit_dur x = *(const adit_dur *)a;
	adit_dur y = *(const adit_dur *)b;

	return x < y ? -1 : x > y;
}

/* The 95th percentile. */
static adit_dur print_event(const struct event *e, uint64_t first, unsigned seeds, bool has_relay)
{
	adit_dur *took = calloc(seeds, sizeof(*took));
	unsigned wrong = 0;
	adit_dur p95;

	assert_non_null(took);
	for (unsigned i = 0; i < seeds; i++) {
		took[i] = live_through(&world, e, first + i, has_relay, false);
		wrong += took[i] == ADIT_NEVER;
	}
	qsort(took, seeds, sizeof(*took), by_value);
	p95 = took[(seeds - 1) * 95 / 100];
	printf("%-16s %-10s %4u  median %7.3f s  p95 %7.3f  longest %7.3f  wrong %u\n", e->name,
	       has_relay ? "with relay" : "no relay", seeds, (double)took[seeds / 2] / 1e9, (double)p95 / 1e9,
	       (double)took[seeds - 1] / 1e9, wrong);
	fflush(stdout);
	free(took);
	return wrong ? ADIT_NEVER : p95;
}

static void bytes_flow_again_in_time_once_the_network_is_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		for (int relay = 0; relay < 2; relay++)
			assert_true(print_event(&events[i], 1, CI_SEEDS, relay) <= events[i].within);
}

/* --- an hour in a network where mappings end at 60 s --- */

/* Gaps above 200 ms beyond the pace of what is sent. */
static unsigned gaps_in(struct sim_link *w, adit_dur span, adit_dur *ret_longest)
{
	adit_time end = lab_sim_now(w->r.sim) + span;
	unsigned gaps = 0;

	*ret_longest = 0;
	while (lab_sim_now(w->r.sim) < end) {
		adit_dur gap;

		sim_link_forget(w);
		sim_link_run(w, ADIT_SEC(2));
		gap = sim_link_gap(w);
		gaps += gap > ADIT_MS(200);
		*ret_longest = gap > *ret_longest ? gap : *ret_longest;
	}
	return gaps;
}

static unsigned ages(uint64_t seed, bool with_successors, adit_dur span, bool traced, adit_dur *ret_longest)
{
	struct sim_link_config cfg = {
		.nats = {nats[seed % ARRAY_LEN(nats)], "mobile,foreign=0"},
		.way = {ADIT_MS(12), ADIT_MS(25)},
		.mediator_way = ADIT_MS(10),
		.direct_at_first = true,
		.pace = ADIT_MS(50),
		.piece = 100,
	};
	unsigned gaps;

	sim_link_init(&world, &cfg, seed);
	world.r.connect.cfg.no_successors = world.r.serve.cfg.no_successors = !with_successors;
	if (traced)
		sim_link_trace(&world, stdout);
	assert_true(sim_link_up(&world));
	gaps = gaps_in(&world, span, ret_longest);
	assert_true(sim_link_drain(&world, ADIT_SEC(20)));
	sim_link_done(&world);
	return gaps;
}

static void mappings_that_end_at_60_s_are_not_felt(void **state)
{
	adit_dur longest;

	(void)state;
	assert_int_equal(ages(1, true, ADIT_SEC(300), false, &longest), 0);
	assert_true(ages(1, false, ADIT_SEC(300), false, &longest) >= 3);
}

static void print_ages(uint64_t first, unsigned seeds)
{
	for (int with = 0; with < 2; with++) {
		adit_dur longest = 0;
		unsigned gaps = 0;

		for (unsigned i = 0; i < seeds; i++) {
			adit_dur here;

			gaps += ages(first + i, with, ADIT_SEC(3600), false, &here);
			longest = here > longest ? here : longest;
		}
		printf("life=60s, %u hours, %s successors: %u gaps above 200 ms, longest %.3f s\n", seeds,
		       with ? "with" : "without", gaps, (double)longest / 1e9);
		fflush(stdout);
	}
}

/* --- nothing to say for an hour --- */

static void an_idle_hour_costs_four_packets_in_15_s_for_the_path_in_use_and_no_fast_timer(void **state)
{
	struct sim_link_config cfg = {
		.nats = {"linux", "mapping=ei,filter=apd"},
		.way = {ADIT_MS(12), ADIT_MS(25)},
		.relay_way = ADIT_MS(8),
		.mediator_way = ADIT_MS(10),
		.direct_at_first = true,
		.relays = {true, true},
	};
	struct side *s = &world.r.connect;
	struct link_status st;
	uint64_t packets;
	uint64_t used;
	uint64_t wakes;
	unsigned direct = 0;

	(void)state;
	sim_link_init(&world, &cfg, 1);
	assert_true(sim_link_up(&world));
	rig_run(&world.r, ADIT_SEC(300)); /* one successor, and what is learnt from the one before */
	assert_true(sim_link_is_direct(&world));
	st = sim_link_status(s);
	for (size_t i = 0; i < st.n_paths; i++)
		direct += !st.paths[i].is_used && st.paths[i].info.how != LINK_HOW_RELAYED;
	packets = sim_link_packets(&world);
	used = sim_link_packets_used(&world);
	wakes = s->wakes + world.r.serve.wakes;
	rig_run(&world.r, ADIT_SEC(3600));
	packets = sim_link_packets(&world) - packets;
	used = sim_link_packets_used(&world) - used;
	wakes = s->wakes + world.r.serve.wakes - wakes;
	printf("idle hour: %.2f packets in 15 s on the path in use, %.2f with %u direct stand-bys; %.2f timers a "
	       "second at "
	       "both ends together\n",
	       (double)used / 240, (double)packets / 240, direct, (double)wakes / 3600);
	assert_true(used <= 4 * 3600 / 15);
	assert_true(used >= 3600 / 120);
	assert_true(packets <= (4 + 2 * direct) * 3600 / 15);
	assert_true(wakes <= 2 * 3600);
	assert_int_equal(world.r.serve.n[LINK_EVENT_OUTAGE] + s->n[LINK_EVENT_OUTAGE], 0);
	assert_int_equal(sim_link_status(s).switches, st.switches);
	sim_link_done(&world);
}

int main(void)
{
	const char *seeds = getenv("ADIT_SIM_SEEDS");
	const char *seed = getenv("ADIT_SIM_SEED");
	const char *event = getenv("ADIT_SIM_EVENT");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_flow_again_in_time_once_the_network_is_back),
		cmocka_unit_test(mappings_that_end_at_60_s_are_not_felt),
		cmocka_unit_test(an_idle_hour_costs_four_packets_in_15_s_for_the_path_in_use_and_no_fast_timer),
	};

	if (getenv("ADIT_SIM_HOURS")) {
		print_ages(seed ? strtoull(seed, NULL, 0) : 1, (unsigned)strtoul(getenv("ADIT_SIM_HOURS"), NULL, 0));
		return 0;
	}
	if (seed && getenv("ADIT_SIM_AGE")) {
		adit_dur longest;

		printf("%u gaps\n",
		       ages(strtoull(seed, NULL, 0), atoi(getenv("ADIT_SIM_AGE")), ADIT_SEC(300), true, &longest));
		return 0;
	}
	if (seeds) {
		for (size_t i = 0; i < ARRAY_LEN(events); i++)
			for (int relay = 0; relay < 2; relay++)
				(void)print_event(&events[i], seed ? strtoull(seed, NULL, 0) : 1,
						  (unsigned)strtoul(seeds, NULL, 0), relay);
		return 0;
	}
	if (seed && event)
		return live_through(&world, &events[strtoul(event, NULL, 0) % ARRAY_LEN(events)],
				    strtoull(seed, NULL, 0), getenv("ADIT_SIM_RELAY") != NULL, true) == ADIT_NEVER;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
