/*
 * What a session lives through, in virtual time: a router that reboots, another address, a machine that sleeps, a
 * network that is gone for a minute. ADIT_SIM_SEEDS=100 prints how soon bytes flow again once the network is back;
 * ADIT_SIM_SEED=17 ADIT_SIM_EVENT=3 runs that one and prints its packets. ADIT_SIM_HOURS=4: so many hours where
 * mappings end at 60 s; ADIT_SIM_SEED=1 ADIT_SIM_AGE=1 (0: without successors; 2: without a mediator) prints five
 * minutes of it. Both fail where a bound does not hold.
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
	bool no_mediator;
	adit_dur within; /* bytes flow again, at the 95th percentile */
	bool is_relayed; /* there is no direct way, and |owner| alone has a relay */
	enum punch_role owner;
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
	sim_link_readdress(w, either(rng));
}

static void serve_roams(struct sim_link *w, const struct adit_rng *rng)
{
	(void)rng;
	sim_link_readdress(w, PUNCH_SERVE);
}

/* The same, but its machine comes to hear of it later: what it has found meanwhile is gone once more. */
static void roams_late(struct sim_link *w, const struct adit_rng *rng)
{
	enum punch_role role = either(rng);

	sim_link_readdress_router(w, role);
	sim_link_run(w, adit_rng_below(rng, ADIT_SEC(2)));
	mark(w);
	sim_link_readdress_host(w, role);
}

/* Both in the same moment: neither knows where the other one is, nor does the mediator. */
static void both_roam(struct sim_link *w, const struct adit_rng *rng)
{
	(void)rng;
	sim_link_readdress(w, PUNCH_CONNECT);
	sim_link_readdress(w, PUNCH_SERVE);
}

static void blacks_out(struct sim_link *w, const struct adit_rng *rng)
{
	enum punch_role role = either(rng);

	sim_link_cut(w, role, true);
	sim_link_run(w, ADIT_SEC(60));
	sim_link_cut(w, role, false);
}

/* Connect's alone: a relay that it has was silent to it all the while. */
static void connect_blacks_out(struct sim_link *w, const struct adit_rng *rng)
{
	sim_link_cut(w, PUNCH_CONNECT, true);
	sim_link_run(w, ADIT_SEC(60) + adit_rng_below(rng, ADIT_SEC(1)));
	sim_link_cut(w, PUNCH_CONNECT, false);
}

/* How long a router needs to be back differs. */
static void loses_power(struct sim_link *w, const struct adit_rng *rng, enum punch_role role)
{
	adit_dur d = ADIT_SEC(3) + adit_rng_below(rng, ADIT_SEC(57));

	lab_router_reboot(w->router[role], d);
	sim_link_run(w, d);
}

static void connect_loses_power(struct sim_link *w, const struct adit_rng *rng)
{
	loses_power(w, rng, PUNCH_CONNECT);
}

static void serve_loses_power(struct sim_link *w, const struct adit_rng *rng)
{
	loses_power(w, rng, PUNCH_SERVE);
}

static void sleeps(struct sim_link *w, const struct adit_rng *rng)
{
	sim_link_sleep(w, either(rng), ADIT_SEC(600));
	sim_link_run(w, ADIT_SEC(600));
}

/* Its NAT has forgotten all by then; the peer has asked all the while. */
static void naps(struct sim_link *w, const struct adit_rng *rng)
{
	adit_dur d = ADIT_SEC(40) + adit_rng_below(rng, ADIT_SEC(300));

	sim_link_sleep(w, either(rng), d);
	sim_link_run(w, d);
}

static const struct event events[] = {
	{"router reboots", reboots, .within = ADIT_SEC(1)},
	{"other address", roams, .within = ADIT_SEC(1)},
	{"router, then host", roams_late, .within = ADIT_MS(1500)}, /* what has just been found is gone, too */
	{"60 s blackout", blacks_out, .within = ADIT_SEC(1)},
	{"no power, connect's", connect_loses_power, .within = ADIT_SEC(1)},
	{"no power, serve's", serve_loses_power, .within = ADIT_SEC(1)},
	{"10 min asleep", sleeps, .within = ADIT_SEC(1)},
	{"mappings gone", forgets, .within = ADIT_SEC(1)}, /* silence alone tells of it */
	{"and again", forgets_again, .within = ADIT_SEC(1)},
	{"both addresses", both_roam, .within = ADIT_MS(1500)}, /* the first offer goes where serve was */
	{"relayed, serve moves", serve_roams, .within = ADIT_SEC(2), .is_relayed = true,
	 .owner = PUNCH_CONNECT}, /* silence alone tells connect */
	/* Some five round trips one after the other: the allocation's, the mediator's, through the relay. */
	{"relayed, blackout", connect_blacks_out, .within = ADIT_MS(1500), .is_relayed = true, .owner = PUNCH_CONNECT},
	{"relayed, no power", connect_loses_power, .within = ADIT_MS(1500), .is_relayed = true, .owner = PUNCH_CONNECT},
	{"relayed, serve's", serve_loses_power, .within = ADIT_SEC(2), .is_relayed = true, .owner = PUNCH_SERVE},
	{"asleep, no mediator", naps, true, ADIT_SEC(1)},
	{"reboot, no mediator", reboots, true, ADIT_SEC(1)},
	{"blackout, no mediator", blacks_out, true, ADIT_SEC(1)},
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
		.no_mediator = e->no_mediator,
		.relays = {has_relay, has_relay},
		.pace = ADIT_MS(50),
		.piece = 300,
	};
	adit_dur took = ADIT_NEVER;
	const char *wrong = NULL;
	adit_time back;

	if (e->happen == forgets || e->happen == forgets_again)
		cfg.nats[0] = cfg.nats[1] = "mapping=ei,filter=apd,ports=random"; /* new mappings have other ports */
	if (e->is_relayed) {
		cfg.nats[0] = cfg.nats[1] = "mapping=apd,filter=apd,ports=random";
		cfg.direct_at_first = false;
		cfg.relays[!e->owner] = false;
	}
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
		if (!e->is_relayed && !sim_link_is_direct(w))
			wrong = "left on a relay";
		else if (!sim_link_drain(w, ADIT_SEC(20)))
			wrong = "bytes are missing";
	}
	if (wrong || took > e->within)
		fprintf(stderr, "  %s, %.3f s: %sADIT_SIM_SEED=%llu ADIT_SIM_EVENT=%d tests/sim/life_sim_test\n",
			wrong ? wrong : "slow", (double)took / 1e9, has_relay ? "ADIT_SIM_RELAY=1 " : "",
			(unsigned long long)seed, (int)(e - events));
	sim_link_done(w);
	return wrong ? ADIT_NEVER : took;
}

static int by_value(const void *a, const void *b)
{
	adit_dur x = *(const adit_dur *)a;
	adit_dur y = *(const adit_dur *)b;

	return x < y ? -1 : x > y;
}

/* Nothing went wrong, and so many of a hundred were in time. */
static bool holds(const struct event *e, uint64_t first, unsigned seeds, bool has_relay, unsigned percent)
{
	adit_dur *took = calloc(seeds, sizeof(*took));
	unsigned wrong = 0;
	bool in_time;

	assert_non_null(took);
	for (unsigned i = 0; i < seeds; i++) {
		took[i] = live_through(&world, e, first + i, has_relay, false);
		wrong += took[i] == ADIT_NEVER;
	}
	qsort(took, seeds, sizeof(*took), by_value);
	in_time = took[(seeds - 1) * percent / 100] <= e->within;
	printf("%-21s %-10s %4u  median %7.3f s  p95 %7.3f  longest %7.3f  wrong %u\n", e->name,
	       has_relay ? "with relay" : "no relay", seeds, (double)took[seeds / 2] / 1e9,
	       (double)took[(seeds - 1) * 95 / 100] / 1e9, (double)took[seeds - 1] / 1e9, wrong);
	fflush(stdout);
	free(took);
	return wrong == 0 && in_time;
}

/* So few that all of them have to be in time. */
static void bytes_flow_again_in_time_once_the_network_is_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		for (int relay = events[i].is_relayed; relay < 2 - events[i].no_mediator; relay++)
			assert_true(holds(&events[i], 1, CI_SEEDS, relay, 100));
}

/* 0: all events, or |chosen| alone, are survived in time at the 95th percentile. */
static int print_events(uint64_t first, unsigned seeds, const char *chosen)
{
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		for (int relay = events[i].is_relayed; relay < 2 - events[i].no_mediator; relay++)
			if (!chosen || i == strtoul(chosen, NULL, 0))
				failed |= !holds(&events[i], first, seeds, relay, 95);
	return failed;
}

/* --- an hour in a network where mappings end at 60 s --- */

/* Who could do something about it. */
static const struct aging {
	const char *name;
	bool no_successors;
	bool no_mediator;
} agings[] = {
	{"without successors", .no_successors = true},
	{"with successors"},
	{"without a mediator", .no_mediator = true},
};

enum { AGES_UNAIDED, AGES_WITH_SUCCESSORS, AGES_WITHOUT_MEDIATOR };

/* How many gaps are felt in one direction. */
static unsigned ages(uint64_t seed, const struct aging *a, adit_dur span, bool traced, adit_dur *ret_longest)
{
	/* Its ports are random: without a mediator the other NAT has to let any port in. */
	size_t first = a->no_mediator ? 2 : 0;
	struct sim_link_config cfg = {
		.nats = {nats[first + seed % (ARRAY_LEN(nats) - first)], "mobile,foreign=0"},
		.way = {ADIT_MS(12), ADIT_MS(25)},
		.mediator_way = ADIT_MS(10),
		.direct_at_first = true,
		.no_mediator = a->no_mediator,
		.pace = ADIT_MS(50),
		.piece = 100,
	};
	unsigned felt;

	sim_link_init(&world, &cfg, seed);
	world.r.connect.cfg.no_successors = world.r.serve.cfg.no_successors = a->no_successors;
	if (traced)
		sim_link_trace(&world, stdout);
	assert_true(sim_link_up(&world));
	sim_link_run(&world, span);
	felt = sim_link_felt(&world);
	*ret_longest = sim_link_gap(&world);
	assert_true(sim_link_drain(&world, ADIT_SEC(20)));
	sim_link_done(&world);
	return felt;
}

static void mappings_that_end_at_60_s_are_not_felt(void **state)
{
	adit_dur longest;

	(void)state;
	for (uint64_t seed = 1; seed <= ARRAY_LEN(nats); seed++) {
		assert_int_equal(ages(seed, &agings[AGES_WITH_SUCCESSORS], ADIT_SEC(300), false, &longest), 0);
		assert_true(ages(seed, &agings[AGES_UNAIDED], ADIT_SEC(300), false, &longest) >= 3);
	}
}

/* 0: none is felt where paths have successors, and many are where they have none. */
static int print_ages(uint64_t first, unsigned seeds)
{
	unsigned felt[ARRAY_LEN(agings)] = {0};

	for (size_t a = 0; a < ARRAY_LEN(agings); a++) {
		adit_dur longest = 0;

		for (unsigned i = 0; i < seeds; i++) {
			adit_dur here;

			felt[a] += ages(first + i, &agings[a], ADIT_SEC(3600), false, &here);
			longest = here > longest ? here : longest;
		}
		printf("life=60s, %u hours, %s: %u gaps above 200 ms, longest %.3f s\n", seeds, agings[a].name, felt[a],
		       (double)longest / 1e9);
		fflush(stdout);
	}
	return felt[AGES_WITH_SUCCESSORS] > 0 || felt[AGES_UNAIDED] < 30 * seeds;
}

/* --- nothing to say for an hour --- */

#define IDLE_MINUTES 60
#define IDLE_MAX     (4 * 4) /* packets a minute of both ends together on a path */

/* What the two ends do in each minute of an hour. */
struct idle {
	uint64_t packets[IDLE_MINUTES]; /* on the path in use if it is direct; to the TURN server if it is relayed */
	uint64_t total;
	uint64_t wakes[IDLE_MINUTES]; /* of the end that has more of them */
	unsigned disturbances;
};

static unsigned disturbances(const struct sim_link *w)
{
	return w->r.serve.n[LINK_EVENT_OUTAGE] + w->r.connect.n[LINK_EVENT_OUTAGE] +
	       sim_link_status(&w->r.connect).switches;
}

static int by_count(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct idle idle_hour(struct sim_link *w, uint64_t (*count)(const struct sim_link *w))
{
	struct side *sides[] = {&w->r.serve, &w->r.connect};
	struct idle d = {.disturbances = disturbances(w)};

	for (int m = 0; m < IDLE_MINUTES; m++) {
		uint64_t wakes[] = {sides[0]->wakes, sides[1]->wakes};
		uint64_t packets = count(w);

		rig_run(&w->r, ADIT_SEC(60));
		d.packets[m] = count(w) - packets;
		d.total += d.packets[m];
		for (int i = 0; i < 2; i++)
			if (sides[i]->wakes - wakes[i] > d.wakes[m])
				d.wakes[m] = sides[i]->wakes - wakes[i];
	}
	d.disturbances = disturbances(w) - d.disturbances;
	qsort(d.packets, IDLE_MINUTES, sizeof(d.packets[0]), by_count);
	qsort(d.wakes, IDLE_MINUTES, sizeof(d.wakes[0]), by_count);
	printf("idle hour: %.2f packets in 15 s, %.2f in the median minute; timers of the busier end: %.2f a second in "
	       "the median minute, %.2f in its busiest\n",
	       (double)d.total / 240, (double)d.packets[IDLE_MINUTES / 2] / 4, (double)d.wakes[IDLE_MINUTES / 2] / 60,
	       (double)d.wakes[IDLE_MINUTES - 1] / 60);
	return d;
}

static void assert_idle(const struct idle *d)
{
	assert_true(d->total >= 3600 / 120);
	assert_true(d->wakes[IDLE_MINUTES / 2] <= 60);
	assert_true(d->wakes[IDLE_MINUTES - 1] <= 120); /* a search is no timer */
	assert_int_equal(d->disturbances, 0);
}

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
	struct link_status st;
	struct idle d;
	uint64_t packets;
	unsigned direct = 0;

	(void)state;
	sim_link_init(&world, &cfg, 1);
	assert_true(sim_link_up(&world));
	rig_run(&world.r, ADIT_SEC(300)); /* one successor, and what is learnt from the one before */
	assert_true(sim_link_is_direct(&world));
	st = sim_link_status(&world.r.connect);
	for (size_t i = 0; i < st.n_paths; i++)
		direct += !st.paths[i].is_used && st.paths[i].info.how != LINK_HOW_RELAYED;
	packets = sim_link_packets(&world);
	d = idle_hour(&world, sim_link_packets_used);
	packets = sim_link_packets(&world) - packets;
	printf("  with %u direct stand-bys %.2f\n", direct, (double)packets / 240);
	assert_true(d.total <= IDLE_MAX * IDLE_MINUTES);
	assert_true(packets <= (4 + 2 * direct) * 3600 / 15);
	assert_idle(&d);
	sim_link_done(&world);
}

static uint64_t to_relay(const struct sim_link *w)
{
	return w->to_relay;
}

/*
 * Questions, answers, and what keeps the server's allocation and the mapping to it. Every five minutes a direct way is
 * looked for, through the relay as well: that is no minute like the others.
 */
static void an_idle_hour_through_a_relay_costs_no_more(void **state)
{
	static const bool relays[][2] = {{false, true}, {true, false}, {true, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(relays); i++) {
		struct sim_link_config cfg = {
			.nats = {"linux", "linux"},
			.way = {ADIT_MS(12), ADIT_MS(25)},
			.relay_way = ADIT_MS(8),
			.mediator_way = ADIT_MS(10),
			.relays = {relays[i][0], relays[i][1]},
		};
		size_t paths;
		struct idle d;

		sim_link_init(&world, &cfg, 1);
		assert_true(sim_link_up(&world));
		rig_run(&world.r, ADIT_SEC(300));
		assert_true(sim_link_is_relayed(&world));
		paths = sim_link_status(&world.r.connect).n_paths;
		d = idle_hour(&world, to_relay);
		printf("  through the relay of serve %d, of connect %d, %zu paths\n", relays[i][PUNCH_SERVE],
		       relays[i][PUNCH_CONNECT], paths);
		/* A stand-by over a second relay is asked like the path in use, and its allocation is kept, too. */
		assert_true(d.packets[IDLE_MINUTES / 2] <= (paths == 1 ? IDLE_MAX : (IDLE_MAX + 4) * paths));
		assert_true(sim_link_is_relayed(&world));
		assert_idle(&d);
		sim_link_done(&world);
	}
}

int main(void)
{
	const char *seeds = getenv("ADIT_SIM_SEEDS");
	const char *seed = getenv("ADIT_SIM_SEED");
	const char *event = getenv("ADIT_SIM_EVENT");
	uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_flow_again_in_time_once_the_network_is_back),
		cmocka_unit_test(mappings_that_end_at_60_s_are_not_felt),
		cmocka_unit_test(an_idle_hour_costs_four_packets_in_15_s_for_the_path_in_use_and_no_fast_timer),
		cmocka_unit_test(an_idle_hour_through_a_relay_costs_no_more),
	};

	if (getenv("ADIT_SIM_HOURS"))
		return print_ages(first, (unsigned)strtoul(getenv("ADIT_SIM_HOURS"), NULL, 0));
	if (seed && getenv("ADIT_SIM_AGE")) {
		adit_dur longest;
		unsigned a = (unsigned)strtoul(getenv("ADIT_SIM_AGE"), NULL, 0) % ARRAY_LEN(agings);

		printf("%u gaps\n", ages(first, &agings[a], ADIT_SEC(300), true, &longest));
		return 0;
	}
	if (seeds)
		return print_events(first, (unsigned)strtoul(seeds, NULL, 0), event);
	if (seed && event)
		return live_through(&world, &events[strtoul(event, NULL, 0) % ARRAY_LEN(events)], first,
				    getenv("ADIT_SIM_RELAY") != NULL, true) == ADIT_NEVER;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
