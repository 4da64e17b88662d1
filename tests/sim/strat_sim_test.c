/*
 * What is known of the field's strategies must come out of their models: whom plain ICE does not bring together, how
 * the clash kills plain retries, what the birthday arithmetic promises. All in virtual time.
 */
#include "../unit/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "strat_world.h"

static unsigned met(const struct strategy *s, const char *a, const char *b, const struct strat_fixed *fixed,
		    unsigned seeds)
{
	struct strat_match m = {.s = s, .kind = {strat_kind_find(a), strat_kind_find(b)}, .fixed = *fixed};
	unsigned n = 0;

	assert_non_null(m.s);
	assert_non_null(m.kind[0]);
	assert_non_null(m.kind[1]);
	for (m.seed = 1; m.seed <= seeds; m.seed++) {
		struct strat_result r;

		strat_play(&m, &r);
		assert_null(r.bad);
		n += r.met;
	}
	return n;
}

static unsigned met_named(const char *name, const char *a, const char *b, unsigned seeds)
{
	return met(strategy_find(name), a, b, &strat_free, seeds);
}

/* RFC 8445 has nothing against it: the port that a server has seen is not the one that the peer will see. */
static void plain_ice_fails_where_one_maps_by_destination_and_the_other_filters_by_port(void **state)
{
	(void)state;
	assert_int_equal(met_named("ice", "home", "home", 20), 20);
	assert_int_equal(met_named("ice", "public", "random", 20), 20);
	assert_int_equal(met_named("ice", "full-cone", "random", 20), 20);
	assert_int_equal(met_named("ice", "home", "random", 50), 0);
	assert_int_equal(met_named("ice", "cgn-block", "step", 20), 0);
	assert_int_equal(met_named("ice", "random", "random", 20), 0);
}

/* peers.md 3: of all that were measured only hyperdht met across "masq x sym"; nobody across "sym x sym". */
static void only_those_who_guess_ports_meet_a_symmetric_nat(void **state)
{
	(void)state;
	for (const struct strategy *const *s = strategies; *s; s++) {
		static const char *const guess[] = {"adit-mediator", "hyperdht", "easytier",
						    "openp2p",       "frp",      "birthday"};
		bool guesses = false;
		unsigned n;

		for (size_t i = 0; i < ARRAY_LEN(guess); i++)
			guesses |= strcmp(guess[i], (*s)->name) == 0;
		assert_int_equal(met(*s, "home", "home", &strat_free, 6), 6);
		n = met(*s, "home", "random", &strat_free, 8);
		assert_true(guesses ? n >= 5 : n == 0);
		assert_int_equal(met(*s, "random", "random", &strat_free, 4), 0);
	}
}

/*
 * The clash as it was measured on Linux 6.18, 40 ms one way, both sides probing every 100 ms, heads of TTL-2 probes:
 * which skews still meet, of all tries (docs/rules.md 1, and the table of the conntrack clash it came from).
 */
#define CLASH_STEP ADIT_MS(100)
#define CLASH_PORT 5555

static unsigned head;

static adit_dur retry_plan(struct strat_peer *p, unsigned attempt)
{
	if (attempt > 0)
		return 0;
	strat_fire(p, (struct strat_volley){
			      .to = adit_addr_with_port(strat_other(p)->seen[0], CLASH_PORT),
			      .shots = head + 30,
			      .low = head,
			      .ttl = 2,
			      .step = CLASH_STEP,
		      });
	return ADIT_SEC(5);
}

static const struct strategy retry = {
	.name = "retry", .start = STRAT_ALONE, .ports = {CLASH_PORT}, .fixed_reply = true, .plan = retry_plan};

static void the_clash_kills_plain_retries_beyond_the_one_way_delay(void **state)
{
	static const struct {
		const char *kind;
		unsigned head;
		long last_ms; /* the last skew at which all met; beyond it nobody does */
	} rows[] = {
		{"home-open", 0, 20}, {"home-open", 1, 100}, {"home-open", 3, 200}, {"home", 0, 500}, {"home", 3, 500}};
	static const long skews_ms[] = {0, 20, 60, 70, 100, 200, 500};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(skews_ms); k++) {
			struct strat_fixed fixed = {.rtt_ms = 80, .hops = 8, .skew_ms = skews_ms[k]};

			head = rows[i].head;
			assert_int_equal(met(&retry, rows[i].kind, rows[i].kind, &fixed, 4),
					 skews_ms[k] <= rows[i].last_ms ? 4 : 0);
		}
	}
}

/* One open router is enough, when its own side starts last; udphp.py walks into it. */
static void one_open_router_kills_about_half_of_unsynchronised_starts(void **state)
{
	unsigned n = met_named("udphp", "home", "home-open", 100);

	(void)state;
	assert_in_range(n, 35, 70);
	assert_int_equal(met_named("adit", "home", "home-open", 10), 10);
}

/* "This will work", says the listing of NATs that step; and of the others nothing. */
static void a_constant_delta_opens_nats_that_step_while_nobody_else_uses_them(void **state)
{
	(void)state;
	assert_int_equal(met_named("bounce2006", "step", "step", 20), 20);
	assert_int_equal(met_named("bounce2006", "home", "step", 20), 20);
	assert_in_range(met_named("bounce2006", "step-busy", "step-busy", 20), 0, 2);
	assert_int_equal(met_named("bounce2006", "home", "random", 20), 0);
}

/* P = 1 - C(S-N, M) / C(S, M): N sockets, M distinct probes, S ports. */
#define PORTS_FIRST 1024u
#define PORTS       (65536u - PORTS_FIRST)

static double birthday(unsigned n, unsigned m)
{
	double miss = 0;

	for (unsigned i = 0; i < m; i++)
		miss += log1p(-(double)n / (PORTS - i));
	return 1 - exp(miss);
}

static unsigned socks;
static unsigned probes;

static adit_dur guess_plan(struct strat_peer *p, unsigned attempt)
{
	struct strat_volley v = {.to = strat_last(strat_other(p))};

	if (attempt > 0)
		return 0;
	if (!strat_is_same(strat_own(p))) {
		strat_want_socks(p, socks);
		v.socks = v.salvo = v.shots = v.low = socks;
		v.ttl = 2;
	} else {
		v.to.port = PORTS_FIRST;
		v.target = STRAT_TO_SHUFFLED;
		v.ports = PORTS;
		v.shots = probes;
		v.delay = ADIT_SEC(1);
		v.step = ADIT_MS(10);
	}
	strat_fire(p, v);
	return ADIT_SEC(15);
}

static const struct strat_ask two[] = {{.port = STRAT_STUN_PORT}, {.port = STRAT_STUN_PORT2}};
static const struct strategy guess = {
	.name = "guess", .start = STRAT_PAIRED, .asks = two, .n_asks = 2, .plan = guess_plan};

/* The share of |n| matches within four standard deviations: a right simulator fails once in 16 000 changes of seeds. */
static void expect_share(unsigned got, unsigned n, double p)
{
	double slack = 4 * sqrt(p * (1 - p) / n);

	if (fabs((double)got / n - p) > slack)
		fprintf(stderr, "  %u of %u met, expected %.4f +- %.4f\n", got, n, p, slack);
	assert_true(fabs((double)got / n - p) <= slack);
}

static void birthdays_are_as_frequent_as_the_formula_says(void **state)
{
	static const struct {
		unsigned socks, probes;
	} rows[] = {{256, 1024}, {256, 174}, {128, 512}, {64, 256}};

	(void)state;
	assert_true(fabs(birthday(256, 1024) - 0.983) < 0.001); /* 98.2 % over 65536 ports, 98.3 % over these */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		socks = rows[i].socks;
		probes = rows[i].probes;
		expect_share(met(&guess, "home", "random", &strat_free, 250), 250, birthday(socks, probes));
	}
}

static void a_match_is_the_same_packet_for_packet_from_its_seed(void **state)
{
	(void)state;
	for (const struct strategy *const *s = strategies; *s; s++) {
		struct strat_match m = {
			.s = *s, .kind = {strat_kind_find("home"), strat_kind_find("home-open")}, .fixed = strat_free};
		struct strat_result r[3];

		for (unsigned i = 0; i < 3; i++) {
			m.seed = i < 2 ? 7 : 8;
			strat_play(&m, &r[i]);
			assert_null(r[i].bad);
		}
		assert_int_equal(r[0].hash, r[1].hash);
		assert_int_equal(r[0].took, r[1].took);
		assert_int_equal(r[0].packets, r[1].packets);
		assert_true(r[0].hash != r[2].hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_ice_fails_where_one_maps_by_destination_and_the_other_filters_by_port),
		cmocka_unit_test(only_those_who_guess_ports_meet_a_symmetric_nat),
		cmocka_unit_test(the_clash_kills_plain_retries_beyond_the_one_way_delay),
		cmocka_unit_test(one_open_router_kills_about_half_of_unsynchronised_starts),
		cmocka_unit_test(a_constant_delta_opens_nats_that_step_while_nobody_else_uses_them),
		cmocka_unit_test(birthdays_are_as_frequent_as_the_formula_says),
		cmocka_unit_test(a_match_is_the_same_packet_for_packet_from_its_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
