/*
 * The punching engine against Linux' NAT in virtual time: WAN input policies, ways, start skews, clock errors, waits.
 *
 * A normal run tries few seeds and fails below what is promised. ADIT_SIM_SEEDS=1000 tries that many seeds a row and
 * prints the table instead; ADIT_SIM_ONLY picks the rows whose name contains it.
 * ADIT_SIM_CELL='...' with ADIT_SIM_SEED=n replays one run and prints its packets; see sim_trace.h for pictures of it.
 */
#include "../unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim_cell.h"

/* Where a run that meets no more is given up. */
#define HORIZON ADIT_SEC(60)

struct way {
	unsigned hops;
	long rtt_ms;
};

static const struct way ways[] = {{0, 0}, {0, 4}, {8, 20}, {8, 80}};
static const long skews_ms[] = {0, 100, -100, 500, -500, 2000, -2000, 5000, -5000};
static const long clocks_ms[] = {0, 10, -10, 300, -300, 3000, -3000, 30000, -30000};
static const long waits_ms[] = {0, 60000, 3600000};

/* A line of the table: all skews together. */
struct row {
	enum sim_input input[2];
	struct way way;
	long clock_ms;
	long wait_ms; /* 0: by skew; else one side starts this much earlier */
	unsigned port;
	unsigned loss; /* per mille */
};

/* What is promised of a row, the shares in per mille. */
struct promise {
	unsigned met;
	unsigned in_time;
	adit_dur limit;
};

static unsigned accepting(const struct row *r)
{
	return (r->input[0] == SIM_ACCEPT) + (r->input[1] == SIM_ACCEPT);
}

static bool rejecting(const struct row *r)
{
	return r->input[0] == SIM_REJECT || r->input[1] == SIM_REJECT;
}

/* How soon 95 % have met where a router accepts. */
static adit_dur limit_of(const struct row *r)
{
	if (r->wait_ms > 0 && r->way.hops > 0)
		return ADIT_SEC(5);
	if (labs(r->clock_ms) > 3000)
		return ADIT_SEC(60);
	/* Between neighbours a waiter cannot be quiet: it is found at its slots only, which grow rare with the hour. */
	if (r->wait_ms >= 600000)
		return ADIT_SEC(16);
	return ADIT_SEC(r->wait_ms > 0 || labs(r->clock_ms) > 10 ? 8 : 5);
}

/*
 * Nothing is promised where a port is pinned and a router accepts or one side alone is pinned, and where both accept
 * and have neither hops between them nor right clocks. Between neighbours at no distance at all that race is a matter
 * of luck: reported, not promised.
 */
static struct promise promise_of(const struct row *r)
{
	bool off = labs(r->clock_ms) > 10;
	bool waits = r->wait_ms > 0;
	bool neighbours = r->way.hops == 0;

	if (r->input[0] == SIM_FWD || r->input[1] == SIM_FWD)
		return (struct promise){0};
	if (accepting(r) == 0)
		return (struct promise){1000, 950, ADIT_SEC(5)};
	if (r->port > 0)
		return (struct promise){0};
	if (accepting(r) == 1 || !neighbours)
		return (struct promise){off && !(waits && !neighbours) ? 950 : 1000, 950, limit_of(r)};
	if (off || r->way.rtt_ms == 0 || r->wait_ms >= 600000)
		return (struct promise){0};
	return (struct promise){950, 950, limit_of(r)};
}

/* Two people who agree on an instant miss it by a little: by up to 1 ms where there is no skew, else by up to 10. */
static long skew_us(const struct row *r, uint64_t seed)
{
	long skew = r->wait_ms ? (seed % 2 ? r->wait_ms : -r->wait_ms) : skews_ms[seed % ARRAY_LEN(skews_ms)];
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, ~seed);
	long most = skew ? 10000 : 1000;

	return skew * 1000 + (long)adit_rng_below(&rng, (uint64_t)(2 * most + 1)) - most;
}

static struct sim_cell cell_of(const struct row *r, uint64_t seed)
{
	return (struct sim_cell){
		.input = {r->input[0], r->input[1]},
		.hops = r->way.hops,
		.rtt_ms = r->way.rtt_ms,
		.skew_us = skew_us(r, seed),
		.clock_ms = r->clock_ms,
		.port = r->port,
		.late_us = 100,
		.loss = r->loss,
		.low_ttl = 1,
	};
}

static void row_format(const struct row *r, char *buf, size_t len)
{
	snprintf(buf, len, "%-6s x %-6s %u hops %2ld ms clock %+6.2f wait %4ld loss %2u %%%s",
		 sim_input_name(r->input[0]), sim_input_name(r->input[1]), r->way.hops, r->way.rtt_ms,
		 (double)r->clock_ms / 1000, r->wait_ms / 1000, r->loss / 10, r->port ? " pinned" : "");
}

static void print_replay(FILE *f, const struct sim_cell *c, uint64_t seed, const struct sim_result *r)
{
	char text[SIM_CELL_STRLEN];

	fprintf(f, "  ADIT_SIM_CELL='%s' ADIT_SIM_SEED=%llu tests/sim/punch_sim_test  # ", sim_cell_format(c, text),
		(unsigned long long)seed);
	if (r->met)
		fprintf(f, "%.3f s\n", (double)r->took / 1e9);
	else
		fprintf(f, "never met\n");
}

static struct sim_result run(const struct sim_cell *c, uint64_t seed)
{
	struct sim_world w;
	struct sim_result r = {0};

	if (sim_world_init(&w, c, seed) < 0)
		abort();
	sim_world_meet(&w, HORIZON, &r);
	sim_world_done(&w);
	return r;
}

/* All rows of one kind together: a few seeds of a row alone say nothing about 95 %. */
struct tally {
	unsigned n;
	unsigned met;
	unsigned in_time;
	unsigned met_min; /* the strictest of the rows' promises */
	unsigned in_time_min;
};

static void tally_row(struct tally *t, const struct row *r, unsigned seeds)
{
	struct promise p = promise_of(r);

	if (p.met == 0)
		return;
	t->met_min = p.met > t->met_min ? p.met : t->met_min;
	t->in_time_min = p.in_time > t->in_time_min ? p.in_time : t->in_time_min;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct sim_cell c = cell_of(r, seed);
		struct sim_result res = run(&c, seed);

		t->n++;
		t->met += res.met;
		t->in_time += res.met && res.took <= p.limit;
		if (!res.met || res.took > p.limit)
			print_replay(stderr, &c, seed, &res);
	}
}

static void assert_kept(const struct tally *t)
{
	assert_true(t->n > 0);
	assert_true((uint64_t)t->met * 1000 >= (uint64_t)t->met_min * t->n);
	assert_true((uint64_t)t->in_time * 1000 >= (uint64_t)t->in_time_min * t->n);
}

/* Every pair of policies with |accept| of the two accepting, over every way. */
static void tally_all(struct tally *t, unsigned accept, long clock_ms, long wait_ms, unsigned port, unsigned seeds)
{
	for (int i = 0; i < 9; i++) {
		for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
			struct row r = {
				.input = {(enum sim_input)(i / 3), (enum sim_input)(i % 3)},
				.way = ways[k],
				.clock_ms = clock_ms,
				.wait_ms = wait_ms,
				.port = port,
			};

			/* A waiter is loud once and quiet then: to it, rejecting is dropping. */
			if (wait_ms > 0 && rejecting(&r))
				continue;
			if (accepting(&r) == accept)
				tally_row(t, &r, seeds);
		}
	}
}

static void closed_routers_always_open(void **state)
{
	struct tally t = {0};

	(void)state;
	tally_all(&t, 0, 0, 0, 0, ARRAY_LEN(skews_ms));
	assert_kept(&t);
}

static void one_open_router_always_opens(void **state)
{
	struct tally t = {0};

	(void)state;
	tally_all(&t, 1, 0, 0, 0, ARRAY_LEN(skews_ms));
	assert_kept(&t);
}

static void two_open_routers_open_with_hops_between_and_nearly_always_without(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
		struct tally t = {0};
		struct row r = {.input = {SIM_ACCEPT, SIM_ACCEPT}, .way = ways[k]};

		tally_row(&t, &r, 2 * ARRAY_LEN(skews_ms));
		if (promise_of(&r).met > 0)
			assert_kept(&t);
	}
}

static void a_wrong_clock_does_not_matter_to_closed_routers(void **state)
{
	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(clocks_ms); i++) {
		struct tally t = {0};

		tally_all(&t, 0, clocks_ms[i], 0, 0, 2);
		assert_kept(&t);
	}
}

static void a_wrong_clock_costs_time_with_one_open_router(void **state)
{
	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(clocks_ms); i++) {
		struct tally t = {0};

		tally_all(&t, 1, clocks_ms[i], 0, 0, 2);
		assert_kept(&t);
	}
}

static void who_has_waited_a_minute_is_found(void **state)
{
	(void)state;
	for (unsigned accept = 0; accept <= 2; accept++) {
		for (long clock_ms = 0; clock_ms <= 30000; clock_ms += 30000) {
			struct tally t = {0};

			tally_all(&t, accept, clock_ms, 60000, 0, 1);
			assert_kept(&t);
		}
	}
}

static void who_has_waited_an_hour_is_found(void **state)
{
	struct tally t = {0};

	(void)state;
	for (int i = 1; i < 4; i++) {
		struct row r = {
			.input = {i & 1 ? SIM_ACCEPT : SIM_DROP, i & 2 ? SIM_ACCEPT : SIM_DROP},
			.way = {8, 20},
			.clock_ms = i % 2 ? -30000 : 0,
			.wait_ms = 3600000,
		};

		tally_row(&t, &r, 1);
	}
	assert_kept(&t);
}

static void loss_costs_time_only(void **state)
{
	(void)state;
	for (unsigned loss = 10; loss <= 100; loss *= 10) {
		struct tally t = {0};

		for (int i = 1; i < 4; i++) {
			for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
				struct row r = {
					.input = {i & 1 ? SIM_ACCEPT : SIM_DROP, i & 2 ? SIM_ACCEPT : SIM_DROP},
					.way = ways[k],
					.loss = loss,
				};

				tally_row(&t, &r, 4);
			}
		}
		assert_kept(&t);
	}
}

/* Against every other side, from either end. */
static void tally_against_all(struct tally *t, enum sim_input input, unsigned seeds)
{
	for (int i = SIM_DROP; i <= SIM_NONE; i++) {
		for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
			struct row r = {.input = {input, (enum sim_input)i}, .way = ways[k]};
			struct row turned = {.input = {(enum sim_input)i, input}, .way = ways[k]};

			tally_row(t, &r, seeds);
			tally_row(t, &turned, seeds);
		}
	}
}

/* It needs no punching, but the side behind a router must go first, and nobody knows which side that is. */
static void a_public_host_is_always_reached(void **state)
{
	struct tally t = {0};

	(void)state;
	tally_against_all(&t, SIM_NONE, 4);
	assert_kept(&t);
}

static void forwarded_is_reached(int side, enum sim_input other, size_t way, long later_us, adit_dur limit)
{
	struct row r = {.way = ways[way]};
	struct sim_cell c;
	struct sim_result res;

	r.input[side] = SIM_FWD;
	r.input[!side] = other;
	c = cell_of(&r, 1);
	c.skew_us = later_us;
	res = run(&c, 1);
	if (!res.met || res.took > limit)
		print_replay(stderr, &c, 1, &res);
	assert_true(res.met && res.took <= limit);
}

/* At once by who comes later; who waits knocks there every PUNCH_KNOCK. */
static void a_forwarded_port_is_reached_whoever_comes_later(void **state)
{
	static const long later_us[] = {100000, 5000000, 60000000};

	(void)state;
	for (int i = 0; i < 2 * SIM_FWD; i++) {
		for (size_t k = 0; k < ARRAY_LEN(ways) * ARRAY_LEN(later_us); k++) {
			int side = i % 2;
			long by_us = later_us[k / ARRAY_LEN(ways)] * (side == PUNCH_SERVE ? 1 : -1);

			forwarded_is_reached(side, (enum sim_input)(i / 2), k % ARRAY_LEN(ways), by_us, ADIT_SEC(2));
			forwarded_is_reached(side, (enum sim_input)(i / 2), k % ARRAY_LEN(ways), -by_us, ADIT_SEC(3));
		}
	}
}

static void a_pinned_port_opens_closed_routers(void **state)
{
	struct tally t = {0};

	(void)state;
	tally_all(&t, 0, 0, 0, 5555, 4);
	tally_all(&t, 0, 3000, 0, 5555, 1);
	assert_kept(&t);
}

/* That the lab can tell: what the design says does not work, does not work here either. */
static void without_a_low_ttl_a_waiter_on_one_port_is_never_found(void **state)
{
	struct row r = {.input = {SIM_ACCEPT, SIM_ACCEPT}, .way = {8, 20}, .wait_ms = 60000, .port = 5555};

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct sim_cell c = cell_of(&r, seed);

		assert_true(run(&c, seed).met);
		c.low_ttl = 0;
		assert_false(run(&c, seed).met);
	}
}

static void one_seed_gives_one_run(void **state)
{
	struct row r = {.input = {SIM_ACCEPT, SIM_ACCEPT}, .way = {8, 20}};

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct sim_cell c = cell_of(&r, seed);
		struct sim_result a = run(&c, seed);
		struct sim_result b = run(&c, seed);
		struct sim_result other = run(&c, seed + 100);

		assert_true(a.hash == b.hash && a.took == b.took && a.probes == b.probes);
		assert_true(a.hash != other.hash);
	}
}

static int by_value(const void *a, const void *b)
{
	adit_dur x = *(const adit_dur *)a;
	adit_dur y = *(const adit_dur *)b;

	return x < y ? -1 : x > y;
}

static void print_row(const struct row *r, unsigned seeds, adit_dur *took)
{
	struct promise p = promise_of(r);
	uint64_t probes = 0;
	uint64_t mappings = 0;
	unsigned met = 0;
	unsigned in_time = 0;
	unsigned shown = 0;
	char name[100];

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct sim_cell c = cell_of(r, seed);
		struct sim_result res = run(&c, seed);

		took[seed - 1] = res.took;
		met += res.met;
		in_time += res.met && res.took <= p.limit;
		probes += res.probes;
		mappings += res.mappings;
		if ((!res.met || (p.met > 0 && res.took > p.limit)) && shown++ < 3)
			print_replay(stdout, &c, seed, &res);
	}
	qsort(took, seeds, sizeof(*took), by_value);
	row_format(r, name, sizeof(name));
	printf("%s  %5.1f %%", name, 100.0 * met / seeds);
	if (met > 0)
		printf("  median %7.3f", (double)took[(met - 1) / 2] / 1e9);
	if (met >= seeds * 95 / 100 && met > 0)
		printf("  p95 %7.3f", (double)took[seeds * 95 / 100 < met ? seeds * 95 / 100 : met - 1] / 1e9);
	else
		printf("  p95       -");
	printf("  flows %6.1f  probes %7.1f", (double)mappings / seeds, (double)probes / seeds);
	if (p.met > 0)
		printf("  %s", met * 1000 >= p.met * seeds && in_time * 1000 >= p.in_time * seeds ? "kept" : "BROKEN");
	printf("\n");
	fflush(stdout);
}

static void print_if_picked(const struct row *r, unsigned seeds, adit_dur *took)
{
	const char *only = getenv("ADIT_SIM_ONLY");
	char name[100];

	row_format(r, name, sizeof(name));
	if (!only || strstr(name, only))
		print_row(r, seeds, took);
}

/* Every clock error and every wait; and with right clocks, a pinned port, and loss. */
static void print_cells(const enum sim_input input[2], const struct way *way, unsigned seeds, adit_dur *took)
{
	struct row base = {.input = {input[0], input[1]}, .way = *way};
	bool rejects = rejecting(&base);

	for (size_t k = 0; k < ARRAY_LEN(waits_ms); k++) {
		for (size_t i = 0; i < ARRAY_LEN(clocks_ms); i++) {
			struct row r = base;

			r.wait_ms = waits_ms[k];
			r.clock_ms = clocks_ms[i];
			/* A waiter is loud once and quiet then: to it, rejecting is dropping. */
			if (r.wait_ms == 0 || !rejects)
				print_if_picked(&r, seeds, took);
		}
	}
	for (size_t k = 0; k < ARRAY_LEN(waits_ms); k++) {
		struct row r = base;

		r.wait_ms = waits_ms[k];
		r.port = 5555;
		if (r.wait_ms == 0 || !rejects)
			print_if_picked(&r, seeds, took);
	}
	for (unsigned loss = 10; loss <= 100 && !rejects; loss *= 10) {
		struct row r = base;

		r.loss = loss;
		print_if_picked(&r, seeds, took);
	}
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
	for (int i = 0; i < 25; i++) {
		enum sim_input input[2] = {(enum sim_input)(i / 5), (enum sim_input)(i % 5)};

		for (size_t k = 0; k < ARRAY_LEN(ways); k++)
			print_cells(input, &ways[k], seeds, took);
	}
	free(took);
	return 0;
}

static int replay(const char *text)
{
	const char *seed = getenv("ADIT_SIM_SEED");
	struct sim_cell c;
	struct sim_world w;
	struct sim_result r;

	if (!seed || !sim_cell_parse(text, &c)) {
		fprintf(stderr, "ADIT_SIM_CELL and ADIT_SIM_SEED: as they were printed\n");
		return 2;
	}
	if (sim_world_init(&w, &c, strtoull(seed, NULL, 0)) < 0)
		return 1;
	if (!sim_world_trace(&w, stdout))
		return 1;
	sim_world_meet(&w, HORIZON, &r);
	print_replay(stdout, &c, strtoull(seed, NULL, 0), &r);
	printf("  probes %llu, flows by the engines' count %llu, mappings made %llu\n", (unsigned long long)r.probes,
	       (unsigned long long)r.flows, (unsigned long long)r.mappings);
	sim_world_done(&w);
	return r.met ? 0 : 1;
}

int main(void)
{
	const char *cell = getenv("ADIT_SIM_CELL");
	const char *seeds = getenv("ADIT_SIM_SEEDS");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_seed_gives_one_run),
		cmocka_unit_test(without_a_low_ttl_a_waiter_on_one_port_is_never_found),
		cmocka_unit_test(closed_routers_always_open),
		cmocka_unit_test(one_open_router_always_opens),
		cmocka_unit_test(two_open_routers_open_with_hops_between_and_nearly_always_without),
		cmocka_unit_test(a_wrong_clock_does_not_matter_to_closed_routers),
		cmocka_unit_test(a_wrong_clock_costs_time_with_one_open_router),
		cmocka_unit_test(who_has_waited_a_minute_is_found),
		cmocka_unit_test(who_has_waited_an_hour_is_found),
		cmocka_unit_test(a_public_host_is_always_reached),
		cmocka_unit_test(a_forwarded_port_is_reached_whoever_comes_later),
		cmocka_unit_test(loss_costs_time_only),
		cmocka_unit_test(a_pinned_port_opens_closed_routers),
	};

	if (cell)
		return replay(cell);
	if (seeds)
		return print_table(seeds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
