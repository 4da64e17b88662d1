/*
 * Sessions that have nothing to say, in virtual time, between NATs that forget idle mappings after various times: the
 * keepalive finds out how often it is needed, and no session notices. ADIT_SIM_SEEDS=20 prints what is found and how
 * soon; ADIT_SIM_SEED=3 ADIT_SIM_PAIR=5 runs that one and prints its packets.
 */
#include "../unit/test.h"

#include "sim_link.h"

static struct sim_link world;

/* Two NATs, and the shortest time after which either forgets; seconds. */
struct pair {
	const char *serve;
	const char *connect;
	unsigned life;
};

#define CONE  "mapping=ei,filter=apd,ports=random,"
#define LOOSE "mapping=ei,filter=ei,"

static const struct pair pairs[] = {
	{CONE "timeout=30s", CONE "timeout=300s", 30},
	{CONE "timeout=300s", CONE "timeout=30s", 30},
	{CONE "timeout=60s", CONE "timeout=120s", 60},
	{CONE "timeout=120s,refresh=both", CONE "timeout=60s,refresh=both", 60},
	{CONE "timeout=120s", CONE "timeout=300s", 120},
	{CONE "timeout=300s", CONE "timeout=120s", 120},
	{LOOSE "timeout=60s", LOOSE "timeout=60s", 60},
	{"linux", "linux", 120}, /* nf_conntrack_udp_timeout_stream */
	{CONE "timeout=300s", CONE "timeout=300s", 300},
};

#define LEARN ADIT_SEC(1500)
#define MOST  120u /* seconds: nobody is asked less often (LINK_KEEP_MAX) */

static void begin(const struct pair *p, uint64_t seed, const struct link_memory *lives, FILE *trace)
{
	struct sim_link_config cfg = {
		.nats = {p->serve, p->connect},
		.way = {ADIT_MS(12), ADIT_MS(25)},
		.mediator_way = ADIT_MS(10),
		.direct_at_first = true,
	};

	sim_link_init(&world, &cfg, seed);
	world.r.connect.cfg.lives = lives;
	if (trace)
		sim_link_trace(&world, trace);
	assert_true(sim_link_up(&world));
}

/* The path in use has never been felt. */
static void assert_calm(void)
{
	assert_int_equal(world.r.serve.n[LINK_EVENT_OUTAGE] + world.r.connect.n[LINK_EVENT_OUTAGE], 0);
	assert_int_equal(world.r.connect.n_silent, 0);
}

static adit_dur every(const struct side *s)
{
	struct link_status st = sim_link_status(s);

	assert_int_equal(st.state, LINK_UP);
	return st.paths[0].every;
}

static adit_dur longest(const struct pair *p)
{
	unsigned life = p->life < 2 * MOST ? p->life : 2 * MOST;

	return ADIT_SEC(life * 4 / 5 < MOST ? life * 4 / 5 : MOST);
}

static adit_dur learn(const struct pair *p, uint64_t seed, FILE *trace)
{
	adit_dur d;

	begin(p, seed, NULL, trace);
	rig_run(&world.r, LEARN);
	d = every(&world.r.connect);
	assert_true(every(&world.r.serve) <= d + ADIT_SEC(1));
	assert_calm();
	return d;
}

static void the_period_that_is_found_is_within_bounds_and_no_path_in_use_is_lost_for_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		adit_dur d = learn(&pairs[i], 1 + i, NULL);

		printf("%s x %s: asked every %u s\n", pairs[i].serve, pairs[i].connect, (unsigned)(d / ADIT_SEC(1)));
		assert_true(d <= longest(&pairs[i]));
		assert_true(d >= longest(&pairs[i]) * 3 / 4);
		rig_run(&world.r, ADIT_SEC(3600)); /* and that is kept up */
		assert_calm();
		sim_link_done(&world);
	}
}

static void what_was_found_holds_from_the_start_in_the_next_run(void **state)
{
	const struct pair *p = &pairs[2];
	struct link_memory lives;
	char text[LINK_MEMORY_STRLEN];
	adit_dur d = learn(p, 1, NULL);

	(void)state;
	assert_true(link_memory_format(&world.r.connect.learnt, text) > 0);
	sim_link_done(&world);
	assert_int_equal(link_memory_parse(text, &lives), 0);
	assert_int_equal(lives.age.kind, LINK_AGE_LASTS);
	begin(p, 2, &lives, NULL);
	rig_run(&world.r, ADIT_SEC(60));
	assert_true(every(&world.r.connect) == d);
	assert_int_equal(sim_link_status(&world.r.connect).switches, 0); /* nor is a successor needed any more */
	rig_run(&world.r, ADIT_SEC(600));
	assert_calm();
	sim_link_done(&world);
}

static void in_another_network_nothing_of_it_counts(void **state)
{
	const struct pair *p = &pairs[5];

	(void)state;
	for (int role = 0; role < 2; role++) {
		assert_true(learn(p, 1, NULL) > ADIT_SEC(60));
		sim_link_readdress(&world, (enum punch_role)role);
		rig_run(&world.r, ADIT_SEC(60)); /* nothing is sent: that serve has gone shows when it is next asked */
		assert_true(every(&world.r.connect) == PUNCH_PATH_KEEPALIVE);
		sim_link_done(&world);
	}
}

static void a_period_that_was_too_long_is_noticed_and_forgotten(void **state)
{
	const struct pair *p = &pairs[0];
	struct link_memory lives;

	(void)state;
	(void)learn(p, 1, NULL);
	lives = world.r.connect.learnt;
	sim_link_done(&world);
	lives.lived = ADIT_SEC(150); /* as if the router had been another one */
	lives.died = 0;
	begin(p, 1, &lives, NULL);
	rig_run(&world.r, ADIT_SEC(300));
	assert_true(every(&world.r.connect) < ADIT_SEC(30));
	assert_true(world.r.connect.learnt.lived < ADIT_SEC(30));
	rig_run(&world.r, ADIT_SEC(30));
	assert_int_equal(sim_link_status(&world.r.connect).state, LINK_UP);
	sim_link_done(&world);
}

int main(void)
{
	const char *seed = getenv("ADIT_SIM_SEED");
	const char *pair = getenv("ADIT_SIM_PAIR");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_period_that_is_found_is_within_bounds_and_no_path_in_use_is_lost_for_it),
		cmocka_unit_test(what_was_found_holds_from_the_start_in_the_next_run),
		cmocka_unit_test(in_another_network_nothing_of_it_counts),
		cmocka_unit_test(a_period_that_was_too_long_is_noticed_and_forgotten),
	};

	if (seed && pair) {
		(void)learn(&pairs[strtoul(pair, NULL, 0) % ARRAY_LEN(pairs)], strtoull(seed, NULL, 0), stdout);
		sim_link_done(&world);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
