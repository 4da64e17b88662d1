/*
 * A session whose paths come and go, in virtual time: relayed at first, direct in mid-transfer, the direct way cut,
 * back to the relay, direct again. ADIT_SIM_SEEDS=1000 prints how long the gaps are, and fails
 * where one is too long at the 95th percentile; ADIT_SIM_SEED=17 runs that one
 * and prints its packets (sim_trace.h has pictures). ADIT_SIM_DRAW=1: the picture of docs/paths.md.
 */
#include "../unit/test.h"

#include "sim_link.h"

#define CI_SEEDS 12

/* What was found among the thousand: a question to the peer's QUIC without room; a channel whose answer was lost. */
static const uint64_t found[] = {90, 532};

/* NATs between which a direct way can be found. */
static const char *const nats[] = {"linux", "mapping=ei,filter=apd", "mapping=ei,filter=ad", "mapping=ei,filter=ei"};

static struct sim_link world;

struct gaps {
	adit_dur *all;
	size_t n;
	size_t cap;
};

static struct gaps before; /* what loss alone does */
static struct gaps upgrades[2]; /* without loss, with loss */
static struct gaps beyond[2]; /* of it, what is more than a round trip */
static struct gaps falls;

static void note(struct gaps *g, adit_dur gap)
{
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 64;
		g->all = realloc(g->all, g->cap * sizeof(*g->all));
		assert_non_null(g->all);
	}
	g->all[g->n++] = gap;
}

/* From number |first| on; before they are sorted. */
static adit_dur largest(const struct gaps *g, size_t first)
{
	adit_dur most = 0;

	for (size_t i = first; i < g->n; i++)
		most = g->all[i] > most ? g->all[i] : most;
	return most;
}

static int by_value(const void *a, const void *b)
{
	adit_dur x = *(const adit_dur *)a;
	adit_dur y = *(const adit_dur *)b;

	return x < y ? -1 : x > y;
}

static adit_dur quantile(struct gaps *g, unsigned percent)
{
	if (g->n == 0)
		return 0;
	qsort(g->all, g->n, sizeof(*g->all), by_value);
	return g->all[(g->n - 1) * percent / 100];
}

static void print_gaps(const char *what, struct gaps *g)
{
	printf("%-28s %5zu  median %6.1f ms  p95 %6.1f  p99 %6.1f  longest %6.1f\n", what, g->n,
	       (double)quantile(g, 50) / 1e6, (double)quantile(g, 95) / 1e6, (double)quantile(g, 99) / 1e6,
	       (double)quantile(g, 100) / 1e6);
}

static void print_all(void)
{
	print_gaps("upgrade, no loss", &upgrades[0]);
	print_gaps("  beyond a round trip", &beyond[0]);
	print_gaps("upgrade, with loss", &upgrades[1]);
	print_gaps("  beyond a round trip", &beyond[1]);
	print_gaps("  loss alone, no upgrade", &before);
	print_gaps("fall-back", &falls);
}

static adit_dur between(const struct adit_rng *rng, adit_dur lo, adit_dur hi)
{
	return lo + adit_rng_below(rng, hi - lo);
}

/* What went wrong in the transfer; NULL: nothing. */
static const char *roam_turns(struct sim_link *w, const struct adit_rng *rng, unsigned turns, adit_dur rtt)
{
	const adit_dur slack = w->cfg.pace + SIM_LINK_STEP;

	if (!sim_link_up(w))
		return "no session";
	if (!sim_link_is_relayed(w))
		return "not relayed at first";
	sim_link_forget(w);
	sim_link_run(w, between(rng, ADIT_SEC(1), ADIT_SEC(8)));
	if (w->cfg.loss_ppm > 0)
		note(&before, sim_link_gap(w));
	for (unsigned i = 0; i < turns; i++) {
		adit_dur gap;

		sim_link_open(w, true);
		sim_link_forget(w);
		if (!sim_link_run_until(w, ADIT_SEC(700), sim_link_is_direct))
			return "not direct";
		sim_link_run(w, ADIT_SEC(1));
		gap = sim_link_gap(w);
		note(&upgrades[w->cfg.loss_ppm > 0], gap);
		note(&beyond[w->cfg.loss_ppm > 0], gap > rtt + slack ? gap - rtt - slack : 0);
		sim_link_run(w, between(rng, ADIT_SEC(1), ADIT_SEC(8)));
		sim_link_forget(w);
		sim_link_open(w, false);
		if (!sim_link_run_until(w, ADIT_SEC(20), sim_link_is_relayed))
			return "not back on the relay";
		sim_link_run(w, ADIT_SEC(1));
		note(&falls, sim_link_gap(w));
		sim_link_run(w, between(rng, ADIT_SEC(1), ADIT_SEC(20)));
	}
	if (!sim_link_drain(w, ADIT_SEC(20)))
		return "bytes are missing";
	return w->r.serve.n[LINK_EVENT_OUTAGE] + w->r.connect.n[LINK_EVENT_OUTAGE] ? "an outage" : NULL;
}

/* One schedule; false: it went wrong, and stderr says how to see it again. */
static bool roam(struct sim_link *w, uint64_t seed, bool traced)
{
	static const unsigned losses[] = {0, 0, 1000, 10000};
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, seed);
	unsigned who = (unsigned)adit_rng_below(&rng, 3);
	struct sim_link_config cfg = {
		.nats = {nats[adit_rng_below(&rng, ARRAY_LEN(nats))], nats[adit_rng_below(&rng, ARRAY_LEN(nats))]},
		.way = {between(&rng, ADIT_MS(2), ADIT_MS(40)), between(&rng, ADIT_MS(2), ADIT_MS(40))},
		.relay_way = between(&rng, ADIT_MS(2), ADIT_MS(30)),
		.mediator_way = between(&rng, ADIT_MS(2), ADIT_MS(30)),
		.loss_ppm = losses[adit_rng_below(&rng, ARRAY_LEN(losses))],
		.relays = {who != 0, who != 1},
		.pace = ADIT_MS(10),
		.piece = 300,
	};
	adit_dur rtt = 2 * (cfg.way[0] + cfg.way[1]) + 4 * cfg.relay_way;
	unsigned turns = 1 + (unsigned)adit_rng_below(&rng, 3);
	size_t first_up = beyond[0].n, first_fall = falls.n;
	const char *wrong;

	sim_link_init(w, &cfg, seed);
	if (traced)
		sim_link_trace(w, stdout);
	wrong = roam_turns(w, &rng, turns, rtt);
	if (!wrong && (largest(&beyond[0], first_up) > 0 || largest(&falls, first_fall) > ADIT_SEC(1)))
		fprintf(stderr, "  slow: ADIT_SIM_SEED=%llu tests/sim/roam_sim_test\n", (unsigned long long)seed);
	if (wrong)
		fprintf(stderr, "  %s: ADIT_SIM_SEED=%llu tests/sim/roam_sim_test\n", wrong, (unsigned long long)seed);
	sim_link_done(w);
	return !wrong;
}

static void relayed_and_direct_in_turns_lose_no_byte_and_little_time(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= CI_SEEDS; seed++)
		assert_true(roam(&world, seed, false));
	for (size_t i = 0; i < ARRAY_LEN(found); i++)
		assert_true(roam(&world, found[i], false));
	print_all();
	assert_true(quantile(&beyond[0], 100) == 0);
	assert_true(quantile(&falls, 95) <= ADIT_SEC(1));
}

/* Nothing but the relay leads there, and its server is restarted: it is asked as soon as the path is silent. */
static void a_relay_that_has_forgotten_us_is_another_one_within_a_second(void **state)
{
	static const bool relays[][2] = {{false, true}, {true, false}, {true, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(relays); i++) {
		struct sim_link_config cfg = {
			.nats = {"linux", "linux"},
			.way = {ADIT_MS(10), ADIT_MS(20)},
			.relay_way = ADIT_MS(15),
			.mediator_way = ADIT_MS(5),
			.relays = {relays[i][0], relays[i][1]},
			.pace = ADIT_MS(10),
			.piece = 300,
		};

		sim_link_init(&world, &cfg, 7);
		assert_true(sim_link_up(&world));
		assert_true(sim_link_is_relayed(&world));
		sim_link_run(&world, ADIT_SEC(3));
		sim_link_forget(&world);
		sim_turn_forget(&world.turn);
		sim_link_run(&world, ADIT_SEC(8));
		printf("relay at serve %d, at connect %d: going again after %.0f ms\n", relays[i][PUNCH_SERVE],
		       relays[i][PUNCH_CONNECT], (double)sim_link_gap(&world) / 1e6);
		assert_true(sim_link_gap(&world) <= ADIT_SEC(1));
		assert_true(sim_link_drain(&world, ADIT_SEC(20)));
		sim_link_done(&world);
	}
}

/* No direct way ever opens. */
static void what_a_relay_had_to_carry_and_what_failed_is_told_to_the_mediator(void **state)
{
	(void)state;
	for (int has_relay = 0; has_relay < 2; has_relay++) {
		struct sim_link_config cfg = {
			.nats = {"linux", "linux"},
			.way = {ADIT_MS(10), ADIT_MS(20)},
			.relay_way = ADIT_MS(15),
			.mediator_way = ADIT_MS(5),
			.relays = {has_relay, has_relay},
		};
		const struct meet_server_stats *said;
		uint64_t soon = 0;

		sim_link_init(&world, &cfg, 7);
		assert_int_equal(sim_link_up(&world), has_relay);
		sim_link_run(&world, ADIT_SEC(60));
		said = &world.mediator.mind->meet.stats;
		for (enum meet_path p = MEET_PATH_NONE; p < MEET_PATHS; p++)
			if (p == (has_relay ? MEET_PATH_RELAY : MEET_PATH_NONE))
				assert_true(said->paths[p] > 0);
			else
				assert_int_equal(said->paths[p], 0);
		for (size_t i = 0; i < 8; i++) /* less than 2.048 s: to the relayed pair, not all the attempt */
			soon += said->durations[i];
		assert_int_equal(soon, said->paths[MEET_PATH_RELAY]);
		sim_link_done(&world);
	}
}

static int print_table(uint64_t first, uint64_t seeds)
{
	unsigned wrong = 0;

	for (uint64_t seed = first; seed < first + seeds; seed++)
		wrong += !roam(&world, seed, false);
	printf("%llu schedules, %u went wrong\n", (unsigned long long)seeds, wrong);
	print_all();
	return wrong > 0 || quantile(&beyond[0], 95) > 0 || quantile(&falls, 95) > ADIT_SEC(1);
}

/* One upgrade with little else in it: docs/paths.md. */
static int draw(void)
{
	struct sim_link_config cfg = {
		.nats = {"linux", "linux"},
		.way = {ADIT_MS(10), ADIT_MS(20)},
		.relay_way = ADIT_MS(15),
		.mediator_way = ADIT_MS(5),
		.relays = {false, true},
		.pace = ADIT_MS(50),
		.piece = 100,
	};

	sim_link_init(&world, &cfg, 5);
	sim_link_trace(&world, stdout);
	if (!sim_link_up(&world))
		return 1;
	sim_link_open(&world, true);
	if (!sim_link_run_until(&world, ADIT_SEC(60), sim_link_is_direct))
		return 1;
	sim_link_run(&world, ADIT_MS(60));
	sim_link_done(&world);
	return 0;
}

int main(void)
{
	const char *seeds = getenv("ADIT_SIM_SEEDS");
	const char *seed = getenv("ADIT_SIM_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_relay_had_to_carry_and_what_failed_is_told_to_the_mediator),
		cmocka_unit_test(relayed_and_direct_in_turns_lose_no_byte_and_little_time),
		cmocka_unit_test(a_relay_that_has_forgotten_us_is_another_one_within_a_second),
	};

	if (getenv("ADIT_SIM_DRAW"))
		return draw();
	if (seeds)
		return print_table(seed ? strtoull(seed, NULL, 0) : 1, strtoull(seeds, NULL, 0));
	if (seed) {
		return !roam(&world, strtoull(seed, NULL, 0), true);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
