#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/reach/reach_plan.h"

#define OWN_HOME  adit_addr_v4(203, 0, 113, 1, 5001)
#define PEER_HOME adit_addr_v4(203, 0, 113, 2, 5002)

static struct reach_desc own;
static struct reach_desc peer;
static struct reach_plan_ask ask;
static struct reach_plan p;

static struct nat_ports ports_of(enum nat_kind kind)
{
	switch (kind) {
	case NAT_KIND_SEQUENTIAL:
		return (struct nat_ports){.kind = NAT_PORT_SEQUENTIAL,
					  .samples = 9,
					  .step = 2,
					  .spread = 2,
					  .mean = 32,
					  .low = 30000,
					  .high = 30016,
					  .last = 30016};
	case NAT_KIND_BLOCK:
		return (struct nat_ports){.kind = NAT_PORT_BLOCK,
					  .samples = 9,
					  .low = 20500,
					  .high = 21400,
					  .block = 1024,
					  .last = 20700};
	case NAT_KIND_RANDOM:
		return (struct nat_ports){
			.kind = NAT_PORT_RANDOM, .samples = 9, .low = 3000, .high = 64000, .last = 40000};
	default:
		return (struct nat_ports){.kind = NAT_PORT_UNKNOWN};
	}
}

static void ask_init(enum nat_kind own_kind, enum nat_kind peer_kind, enum meet_role role)
{
	own = (struct reach_desc){.kind = own_kind, .ports = ports_of(own_kind), .round = 1};
	peer = (struct reach_desc){.kind = peer_kind, .ports = ports_of(peer_kind), .round = 1};
	own.public = adit_addr_with_port(OWN_HOME, 0);
	peer.public = adit_addr_with_port(PEER_HOME, 0);
	ask = (struct reach_plan_ask){.role = role,
				      .own = &own,
				      .peer = &peer,
				      .own_reflexive = OWN_HOME,
				      .peer_reflexive = PEER_HOME,
				      .trusted = true};
}

static void make(enum nat_kind own_kind, enum nat_kind peer_kind, enum meet_role role)
{
	ask_init(own_kind, peer_kind, role);
	reach_plan_make(&ask, &p);
}

/* What each cell of the table at the head of reach_plan.h is. */
static void every_pair_has_its_way_and_plans_that_are_sound(void **state)
{
	static const unsigned n_salvos[5][5] = {
		/* OPEN, STEADY, SEQUENTIAL, BLOCK, RANDOM */
		{0, 0, 0, 0, 0}, {0, 0, 1, 1, 1}, {0, 0, 1, 1, 0}, {1, 1, 1, 1, 0}, {4, 4, 0, 0, 0},
	};

	(void)state;
	for (int a = NAT_KIND_UNKNOWN; a <= NAT_KIND_BLOCKED; a++) {
		for (int b = NAT_KIND_UNKNOWN; b <= NAT_KIND_BLOCKED; b++) {
			make((enum nat_kind)a, (enum nat_kind)b, MEET_CONNECT);
			if (a != NAT_KIND_UNKNOWN && b != NAT_KIND_UNKNOWN)
				assert_int_equal(p.way, nat_kind_way((enum nat_kind)a, (enum nat_kind)b));
			assert_in_range(p.lasts, ADIT_SEC(1), ADIT_SEC(15));
			if (a >= NAT_KIND_OPEN && a <= NAT_KIND_RANDOM && b >= NAT_KIND_OPEN && b <= NAT_KIND_RANDOM)
				assert_int_equal(p.n_salvos, n_salvos[a - NAT_KIND_OPEN][b - NAT_KIND_OPEN]);
			for (size_t i = 0; i < p.n_salvos; i++) {
				const struct reach_salvo_spec *s = &p.salvo[i];

				assert_true(adit_addr_eq_ip(&s->to, &peer.public));
				assert_true(s->passes > 0 && s->low_passes <= s->passes);
				assert_true(s->target == REACH_TO_ONE || (s->low > 0 && s->low <= s->high));
				assert_true(s->target != REACH_TO_RANGE || s->stride != 0);
				assert_true(s->socks <= REACH_SOCKS_MAX);
				assert_true(s->shots <= (s->is_in_turn ? REACH_TURNS : REACH_PROBES_MAX));
			}
		}
	}
}

static void a_steady_side_searches_among_the_ports_that_were_seen(void **state)
{
	(void)state;
	make(NAT_KIND_STEADY, NAT_KIND_RANDOM, MEET_SERVE);
	assert_true(p.is_search && p.is_last);
	assert_int_equal(p.salvo[0].target, REACH_TO_RANDOM);
	assert_int_equal(p.salvo[0].socks, 0);
	assert_int_equal(p.salvo[0].shots, REACH_PROBES_MAX);
	assert_int_equal(p.salvo[0].low, 3000);
	assert_int_equal(p.salvo[0].high, 64000);
	assert_true(p.lasts >= (REACH_PROBES_MAX + REACH_TURNS) * REACH_SEARCH_PACE + ADIT_SEC(1));

	peer.ports.samples = REACH_RANGE_MIN - 1; /* too few to know */
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].low, REACH_PORT_FIRST);
	assert_int_equal(p.salvo[0].high, 65535);
}

static void the_other_side_opens_sockets_at_low_ttl_then_others_beside_the_probes_and_fresh_ones_last(void **state)
{
	struct reach_salvo_spec socks[REACH_SALVOS_MAX];
	const struct reach_salvo_spec *search = &p.salvo[0];

	(void)state;
	make(NAT_KIND_RANDOM, NAT_KIND_STEADY, MEET_CONNECT);
	assert_true(p.is_search && p.is_last);
	assert_int_equal(p.n_salvos, 4);
	memcpy(socks, p.salvo, sizeof(socks));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(socks[i].target, REACH_TO_ONE);
		assert_true(adit_addr_eq(&socks[i].to, &ask.peer_reflexive));
		assert_true(socks[i].passes == 1 && socks[i].low_passes == (i == 0));
	}
	assert_int_equal(socks[0].socks, REACH_SOCKS_FIRST);
	assert_int_equal(socks[1].socks, REACH_SOCKS_BESIDE);
	assert_true(socks[1].may_hurry && !socks[0].may_hurry && !socks[2].may_hurry);
	assert_true(socks[2].is_in_turn && socks[2].shots == REACH_TURNS);
	make(NAT_KIND_STEADY, NAT_KIND_RANDOM, MEET_SERVE);
	/* As many probes as sockets; then one of each at the same pace, from about the same time on. */
	assert_true(search->delay >= socks[0].low_delay + ADIT_MS(10));
	assert_true(socks[1].delay == search->delay + search->slow_from * search->pace);
	assert_int_equal(search->slow_to, search->slow_from + REACH_SOCKS_BESIDE);
	assert_true(search->slow_pace == socks[1].pace);
	/* Fresh ones come when the probes are over, and these rest meanwhile. */
	assert_true(socks[2].delay > socks[1].delay + REACH_SOCKS_BESIDE * socks[1].pace +
					     (search->first - REACH_SOCKS_SEARCH) * search->pace);
	assert_true(search->rest > socks[2].shots * socks[2].pace);
	/* The first ones alone where nobody may. */
	ask_init(NAT_KIND_RANDOM, NAT_KIND_STEADY, MEET_CONNECT);
	ask.trusted = false;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.n_salvos, 1);
	assert_int_equal(p.salvo[0].socks, REACH_UNTRUSTED_MAX);
}

static void a_scout_goes_to_the_port_beside_which_no_probe_needs(void **state)
{
	(void)state;
	make(NAT_KIND_RANDOM, NAT_KIND_STEADY, MEET_CONNECT);
	assert_true(p.salvo[3].socks == 0 && p.salvo[3].passes == 1 && p.salvo[3].low_passes == 0);
	assert_true(adit_addr_eq_ip(&p.salvo[3].to, &ask.peer_reflexive));
	assert_int_equal(p.salvo[3].to.port, ask.peer_reflexive.port + 1);
	assert_true(p.salvo[3].delay <= p.salvo[0].low_delay);
	ask.peer_reflexive.port = 65535;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[3].to.port, 65534);
}

/* P(hit) of |shots| different ports out of |space|, of which |open| lead in (docs/rules.md 2). */
static double chance(unsigned space, unsigned open, unsigned shots)
{
	double miss = 1;

	for (unsigned k = 0; k < shots; k++)
		miss *= 1 - (double)open / (space - k);
	return 1 - miss;
}

/* With home, nine samples, and one each for the TTL and the filter; and with the answers. */
static void a_search_meets_within_256_sockets_and_1100_probes(void **state)
{
	(void)state;
	assert_true(REACH_SOCKS_SEARCH + 1 + REACH_SAMPLES + 2 <= 256);
	assert_true(REACH_PROBES_FIRST + 50 <= 1100);
	assert_true(chance(64512, REACH_SOCKS_SEARCH, REACH_PROBES_FIRST) > 0.97);
	/* A router on the random side that accepts: no socket can have a port that was probed before. */
	assert_true(chance(64512, REACH_SOCKS_SEARCH, REACH_PROBES_FIRST - REACH_SOCKS_SEARCH) > 0.94);
}

static void both_sides_fire_slowly_where_much_would_be_under_way(void **state)
{
	(void)state;
	for (unsigned rtt = 0; rtt <= 1000; rtt += 50) {
		struct reach_salvo_spec beside;

		ask_init(NAT_KIND_RANDOM, NAT_KIND_STEADY, MEET_CONNECT);
		ask.round_trip = ADIT_MS(rtt);
		reach_plan_make(&ask, &p);
		beside = p.salvo[1];
		assert_in_range(beside.pace, REACH_SEARCH_PACE, REACH_BESIDE_PACE);
		if (rtt <= 300) /* the scout's answer is there */
			assert_true(beside.delay > p.salvo[3].delay + ADIT_MS(rtt));
		if (rtt <= 100)
			assert_true(REACH_UNDER_WAY * (beside.pace + 1) > ADIT_MS(rtt));
		assert_in_range(p.lasts, ADIT_SEC(1), ADIT_SEC(15));
		ask_init(NAT_KIND_STEADY, NAT_KIND_RANDOM, MEET_SERVE);
		ask.round_trip = ADIT_MS(rtt);
		reach_plan_make(&ask, &p);
		assert_true(p.salvo[0].slow_pace == beside.pace);
		assert_in_range(p.salvo[0].slow_from, REACH_ALONE_MIN, REACH_SOCKS_FIRST);
		assert_true(beside.delay == p.salvo[0].delay + p.salvo[0].slow_from * p.salvo[0].pace);
	}
}

static void a_search_waits_a_round_trip_for_plain_checks(void **state)
{
	(void)state;
	ask_init(NAT_KIND_RANDOM, NAT_KIND_STEADY, MEET_CONNECT);
	ask.round_trip = ADIT_MS(80);
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].low_delay == ADIT_MS(80) + REACH_PLAIN_MORE);
	ask_init(NAT_KIND_STEADY, NAT_KIND_BLOCK, MEET_CONNECT);
	ask.round_trip = ADIT_SEC(4);
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].delay == REACH_PLAIN_MAX);
	ask.last_way = NAT_WAY_BLOCK; /* they were of no use last time */
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].delay == 0);
	ask.last_way = NAT_WAY_UNKNOWN;
	own.is_filtered = true; /* nor can they be */
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].delay == 0);
	ask_init(NAT_KIND_RANDOM, NAT_KIND_STEADY, MEET_CONNECT);
	peer.is_filtered = true;
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].low_delay == 0);
}

static void a_block_takes_few_sockets_and_probes_of_either_side(void **state)
{
	unsigned socks;
	unsigned shots;

	(void)state;
	make(NAT_KIND_BLOCK, NAT_KIND_STEADY, MEET_CONNECT);
	socks = p.salvo[0].socks;
	assert_false(p.is_search);
	make(NAT_KIND_STEADY, NAT_KIND_BLOCK, MEET_SERVE);
	shots = p.salvo[0].shots;
	assert_true(socks < 32 && shots < 200);
	assert_true(chance(1024, socks, shots) > 0.99);
	assert_int_equal(p.salvo[0].low, 20500);
	assert_int_equal(p.salvo[0].high, 21400);
}

static void a_larger_block_takes_more_and_a_tiny_one_fewer_sockets(void **state)
{
	unsigned socks;

	(void)state;
	ask_init(NAT_KIND_BLOCK, NAT_KIND_STEADY, MEET_CONNECT);
	own.ports.high = own.ports.low + 1900;
	reach_plan_make(&ask, &p);
	socks = p.salvo[0].socks;
	ask_init(NAT_KIND_STEADY, NAT_KIND_BLOCK, MEET_SERVE);
	peer.ports.high = peer.ports.low + 1900;
	reach_plan_make(&ask, &p);
	assert_true(chance(4096, socks, p.salvo[0].shots) > 0.98);

	ask_init(NAT_KIND_BLOCK, NAT_KIND_STEADY, MEET_CONNECT);
	own.ports.block = 64;
	own.ports.high = own.ports.low + 50;
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].socks <= 64 / 4);
}

/* Where fewer ports were seen than are fired at, their neighbours are fired at too. */
static void a_search_reaches_beyond_a_narrow_range_on_both_sides(void **state)
{
	(void)state;
	ask_init(NAT_KIND_STEADY, NAT_KIND_BLOCK, MEET_SERVE);
	peer.ports.low = 4100;
	peer.ports.high = 4150;
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].low < 4100 && p.salvo[0].high > 4150);
	assert_in_range(p.salvo[0].high - p.salvo[0].low + 1, p.salvo[0].shots - 1, p.salvo[0].shots + 1);
	peer.ports.low = 3;
	peer.ports.high = 60;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].low, 1);
	peer.ports.low = 65500;
	peer.ports.high = 65535;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].high, 65535);
}

static void all_ports_of_a_window_are_fired_at(void **state)
{
	(void)state;
	ask_init(NAT_KIND_STEADY, NAT_KIND_SEQUENTIAL, MEET_SERVE);
	peer.window_to = OWN_HOME;
	peer.window_low = 30020;
	peer.window_high = 30040;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.n_salvos, 1);
	assert_int_equal(p.salvo[0].low, 30020);
	assert_int_equal(p.salvo[0].high, 30040);
	assert_int_equal(p.salvo[0].stride, 2 * REACH_STRIDE_UNIT); /* what lies between is nobody's */
	assert_true(p.salvo[0].passes > 1);

	peer.ports.jumps = true;
	peer.ports.mean = 40;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].stride, REACH_STRIDE_UNIT);
	peer.ports.jumps = false;
	peer.ports.step = -1;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].stride, REACH_STRIDE_UNIT);
	assert_int_equal(p.salvo[0].low, 30020);

	peer.window_low = 1;
	peer.window_high = 65535; /* who claims that */
	reach_plan_make(&ask, &p);
	assert_true(p.salvo[0].shots <= REACH_WINDOW_PORTS);
}

/* A sequential connect side knows where to open its window after the answer: the home it leads to must stay. */
static void a_window_that_cannot_be_known_yet_is_waited_for(void **state)
{
	(void)state;
	make(NAT_KIND_SEQUENTIAL, NAT_KIND_STEADY, MEET_CONNECT);
	assert_true(p.again_at_once);
	make(NAT_KIND_STEADY, NAT_KIND_SEQUENTIAL, MEET_SERVE);
	assert_true(p.keep_home);
	assert_int_equal(p.n_salvos, 0);

	ask_init(NAT_KIND_SEQUENTIAL, NAT_KIND_STEADY, MEET_CONNECT);
	own.window_to = PEER_HOME;
	reach_plan_make(&ask, &p);
	assert_false(p.again_at_once);
	make(NAT_KIND_SEQUENTIAL, NAT_KIND_STEADY, MEET_SERVE);
	assert_false(p.again_at_once);
}

static void without_a_window_the_next_ports_are_foretold(void **state)
{
	(void)state;
	ask_init(NAT_KIND_STEADY, NAT_KIND_SEQUENTIAL, MEET_CONNECT);
	peer.window_to = adit_addr_v4(203, 0, 113, 1, 9); /* not where we are */
	peer.window_low = 10;
	peer.window_high = 20;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.n_salvos, 1);
	assert_int_equal(p.salvo[0].low, 30018);
	assert_int_equal(p.salvo[0].stride, 2 * REACH_STRIDE_UNIT);
	peer.window_to = ask.own_reflexive = (struct adit_addr){.family = ADIT_FAMILY_NONE};
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].low, 30018);
	peer.ports.step = -2;
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].high, 30014);
	assert_int_equal(p.salvo[0].stride, -2 * (int)REACH_STRIDE_UNIT);
}

/* Plays flow after flow of both plans, the NATs being off by any number of flows that is covered. */
static void two_that_step_meet_whatever_the_estimates_are_off_by(void **state)
{
	static const int steps[] = {1, 2, -1, 5, -3};
	int e = (int)REACH_BOTH_ERROR;
	int first = (int)REACH_BOTH_FIRST;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(steps) * ARRAY_LEN(steps); k++) {
		struct reach_salvo_spec a;
		struct reach_salvo_spec b;
		int sa = steps[k % ARRAY_LEN(steps)];
		int sb = steps[k / ARRAY_LEN(steps)];

		ask_init(NAT_KIND_SEQUENTIAL, NAT_KIND_SEQUENTIAL, MEET_CONNECT);
		own.ports.step = sa;
		peer.ports.step = sb;
		peer.ports.last = 50000;
		reach_plan_make(&ask, &p);
		a = p.salvo[0];
		ask_init(NAT_KIND_SEQUENTIAL, NAT_KIND_SEQUENTIAL, MEET_SERVE);
		own.ports.step = sb;
		peer.ports.step = sa;
		peer.ports.last = 30000;
		reach_plan_make(&ask, &p);
		b = p.salvo[0];
		for (int ea = -e; ea <= e; ea++) {
			for (int eb = -e; eb <= e; eb++) {
				unsigned met = 0;

				for (int i = 0; i < (int)a.shots; i++) {
					int to_b = (a.stride > 0 ? a.low : a.high) + i * a.stride / 16;

					for (int j = 0; j < (int)b.shots; j++) {
						int to_a = (b.stride > 0 ? b.low : b.high) + j * b.stride / 16;

						met += to_b == 50000 + (first + eb + j) * sb &&
						       to_a == 30000 + (first + ea + i) * sa;
					}
				}
				assert_int_equal(met, 1);
			}
		}
	}
}

static void foreign_flows_since_the_measurement_are_reckoned_with(void **state)
{
	int low;

	(void)state;
	make(NAT_KIND_SEQUENTIAL, NAT_KIND_SEQUENTIAL, MEET_CONNECT);
	low = p.salvo[0].low;
	peer.ports.foreign = 20;
	ask.since_peer = ADIT_MS(500);
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].low, low + 10 * 2);
	peer.ports.foreign = 65535; /* who claims that */
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].low, low + REACH_FOREIGN_MAX / 2 * 2);
	ask.since_peer = ADIT_SEC(100000);
	reach_plan_make(&ask, &p);
	assert_int_equal(p.salvo[0].low, low);
}

static void ports_at_the_ends_of_the_range_stay_within_it(void **state)
{
	static const uint16_t lasts[] = {0, 1, 2, 30, 65500, 65534, 65535};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lasts); i++) {
		for (int role = MEET_SERVE; role <= MEET_CONNECT; role++) {
			for (int step = -64; step <= 64; step++) {
				ask_init(NAT_KIND_SEQUENTIAL, NAT_KIND_SEQUENTIAL, (enum meet_role)role);
				peer.ports.last = lasts[i];
				peer.ports.step = step;
				reach_plan_make(&ask, &p);
				assert_int_equal(p.n_salvos, step != 0);
				if (step != 0)
					assert_true(p.salvo[0].low > 0 && p.salvo[0].low <= p.salvo[0].high);
			}
		}
	}
}

/* docs/rules.md 5: at most 64 probes toward an address that one server alone has named. */
static void an_address_that_is_not_trusted_gets_64_probes_at_most(void **state)
{
	(void)state;
	for (int a = NAT_KIND_UNKNOWN; a <= NAT_KIND_BLOCKED; a++) {
		for (int b = NAT_KIND_UNKNOWN; b <= NAT_KIND_BLOCKED; b++) {
			for (int role = MEET_SERVE; role <= MEET_CONNECT; role++) {
				unsigned sum = 0;

				ask_init((enum nat_kind)a, (enum nat_kind)b, (enum meet_role)role);
				ask.trusted = false;
				peer.window_to = OWN_HOME;
				peer.window_low = 1000;
				peer.window_high = 1100;
				reach_plan_make(&ask, &p);
				for (size_t i = 0; i < p.n_salvos; i++) {
					const struct reach_salvo_spec *s = &p.salvo[i];
					unsigned n = s->target == REACH_TO_ONE ? s->socks : s->shots;

					sum += (n > 0 ? n : 1) * s->passes;
					assert_true(s->low_passes <= s->passes && s->passes > 0);
				}
				assert_true(sum <= REACH_UNTRUSTED_MAX);
			}
		}
	}
}

static void a_plan_says_whether_trust_would_have_made_it_larger(void **state)
{
	(void)state;
	ask_init(NAT_KIND_STEADY, NAT_KIND_RANDOM, MEET_SERVE);
	ask.trusted = false;
	reach_plan_make(&ask, &p);
	assert_true(p.is_capped);
	assert_int_equal(p.salvo[0].shots, REACH_UNTRUSTED_MAX);
	ask_init(NAT_KIND_STEADY, NAT_KIND_SEQUENTIAL, MEET_SERVE);
	ask.trusted = false;
	peer.window_to = OWN_HOME;
	peer.window_low = 1000;
	peer.window_high = 1014;
	reach_plan_make(&ask, &p);
	assert_false(p.is_capped);
	ask.trusted = true;
	ask.peer = &own;
	reach_plan_make(&ask, &p);
	assert_false(p.is_capped);
}

static void what_no_search_can_find_is_said_at_once(void **state)
{
	(void)state;
	make(NAT_KIND_RANDOM, NAT_KIND_RANDOM, MEET_CONNECT);
	assert_true(p.is_last);
	assert_int_equal(p.n_salvos, 0);
	assert_int_equal(p.way, NAT_WAY_RELAY);
	make(NAT_KIND_BLOCK, NAT_KIND_RANDOM, MEET_CONNECT);
	assert_true(p.is_last);
	make(NAT_KIND_STEADY, NAT_KIND_BLOCKED, MEET_CONNECT);
	assert_int_equal(p.n_salvos, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_has_its_way_and_plans_that_are_sound),
		cmocka_unit_test(a_steady_side_searches_among_the_ports_that_were_seen),
		cmocka_unit_test(
			the_other_side_opens_sockets_at_low_ttl_then_others_beside_the_probes_and_fresh_ones_last),
		cmocka_unit_test(a_scout_goes_to_the_port_beside_which_no_probe_needs),
		cmocka_unit_test(a_search_meets_within_256_sockets_and_1100_probes),
		cmocka_unit_test(both_sides_fire_slowly_where_much_would_be_under_way),
		cmocka_unit_test(a_search_waits_a_round_trip_for_plain_checks),
		cmocka_unit_test(a_block_takes_few_sockets_and_probes_of_either_side),
		cmocka_unit_test(a_larger_block_takes_more_and_a_tiny_one_fewer_sockets),
		cmocka_unit_test(a_search_reaches_beyond_a_narrow_range_on_both_sides),
		cmocka_unit_test(all_ports_of_a_window_are_fired_at),
		cmocka_unit_test(a_window_that_cannot_be_known_yet_is_waited_for),
		cmocka_unit_test(without_a_window_the_next_ports_are_foretold),
		cmocka_unit_test(two_that_step_meet_whatever_the_estimates_are_off_by),
		cmocka_unit_test(foreign_flows_since_the_measurement_are_reckoned_with),
		cmocka_unit_test(ports_at_the_ends_of_the_range_stay_within_it),
		cmocka_unit_test(an_address_that_is_not_trusted_gets_64_probes_at_most),
		cmocka_unit_test(a_plan_says_whether_trust_would_have_made_it_larger),
		cmocka_unit_test(what_no_search_can_find_is_said_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
