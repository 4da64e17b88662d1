/*
 * Whom the engine fires at (docs/rules.md 5): what makes an address trusted, what does not, what the others get; and
 * how much of it there is in all (docs/rules.md 2).
 */
#include "test.h"

#include "base/bytes.h"
#include "reach_rig.h"

/* What went out beside checks in the last attempt. */
static unsigned fired(const struct rig_peer *p)
{
	struct reach_account acc;
	unsigned sum = 0;

	for (size_t pos = 0; reach_account(p->reach, &pos, &acc);)
		sum += acc.is_pair ? 0 : acc.sent;
	return sum;
}

static void an_attempt_that_has_failed_makes_nothing_trusted(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct reach_memory memory;

	rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	a->is_deaf = true;
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(rig_until(r, a, REACH_EVENT_FAILED, i, ADIT_SEC(200)));
		assert_int_equal(a->last[REACH_EVENT_FAILED].verdict, REACH_VERDICT_UNTRUSTED);
		assert_in_range(fired(a), 1, REACH_UNTRUSTED_MAX);
	}
	assert_true(a->count[REACH_EVENT_LEARNT] > 0);
	assert_int_equal(a->memory.peer_network.family, ADIT_FAMILY_NONE);
	/* Nor in the next run. */
	memory = a->memory;
	rig_restart(r, a, MEET_CONNECT, 300);
	reach_set_memory(a->reach, &memory);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(200)));
	assert_in_range(fired(a), 1, REACH_UNTRUSTED_MAX);
}

static void where_the_peer_was_heard_from_is_trusted_in_the_next_run(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct reach_memory memory;

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(20)));
	assert_true(adit_addr_eq(&a->memory.peer_network, &b->outside));
	memory = a->memory;
	b->nat = RIG_NAT_RANDOM;
	rig_restart(r, b, MEET_SERVE, 200);
	rig_restart(r, a, MEET_CONNECT, 201);
	reach_set_memory(a->reach, &memory);
	a->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(60)));
	assert_true(fired(a) > 4 * REACH_UNTRUSTED_MAX);
}

static void who_was_met_in_the_same_network_is_not_trusted_elsewhere(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_NONE, ADIT_MS(1));
	struct rig_peer *a;

	/* To the mediator it is somebody else; what is heard comes from its own address. */
	b->outside = b->inside = adit_addr_v4(10, 9, 9, 9, 0);
	a = rig_connecting(r, RIG_NAT_NONE, ADIT_MS(1));
	rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(20));
	assert_int_equal(a->memory.peer_network.family, ADIT_FAMILY_NONE);
}

/* A ticket holder names what he likes as his own address, and two servers that have seen it. */
static void nothing_but_checks_goes_to_a_private_address(void **state)
{
	static const struct adit_addr near[] = {
		{.ip = {10, 1, 2, 3}, .family = ADIT_FAMILY_V4},
		{.ip = {172, 31, 0, 1}, .family = ADIT_FAMILY_V4},
		{.ip = {192, 168, 1, 1}, .family = ADIT_FAMILY_V4},
		{.ip = {100, 64, 0, 9}, .family = ADIT_FAMILY_V4},
		{.ip = {169, 254, 1, 1}, .family = ADIT_FAMILY_V4},
		{.ip = {127, 0, 0, 1}, .family = ADIT_FAMILY_V4},
		{.ip = {240, 0, 0, 1}, .family = ADIT_FAMILY_V4},
		{.ip = {255, 255, 255, 255}, .family = ADIT_FAMILY_V4},
	};
	struct adit_addr home = adit_addr_v4(203, 0, 113, 7, 4000);
	struct nat_ports ports = {.kind = NAT_PORT_SEQUENTIAL,
				  .samples = 5,
				  .step = 1,
				  .mean = NAT_MEAN_UNIT,
				  .low = 100,
				  .high = 109,
				  .last = 109};

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(near) * 2 * 64; n++) {
		struct reach_desc own = {.kind = (enum nat_kind)(n % 8), .ports = ports, .public = home};
		struct reach_desc peer = {.kind = (enum nat_kind)(n / 8 % 8),
					  .ports = ports,
					  .public = near[n / 128],
					  .witnesses = 9,
					  .window_to = home,
					  .window_low = 1000,
					  .window_high = 1010};
		struct reach_plan_ask ask = {.role = n / 64 % 2 ? MEET_SERVE : MEET_CONNECT,
					     .own = &own,
					     .peer = &peer,
					     .own_reflexive = home,
					     .peer_reflexive = adit_addr_with_port(near[n / 128], 5000),
					     .trusted = true};
		struct reach_plan p;

		if (own.kind > NAT_KIND_BLOCKED || peer.kind > NAT_KIND_BLOCKED)
			continue;
		reach_plan_make(&ask, &p);
		assert_int_equal(p.n_salvos, 0);
		assert_false(p.is_search);
	}
}

static void a_peer_that_says_it_is_at_a_private_address_is_not_searched_for(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(20));

	b->outside = adit_addr_v4(192, 168, 7, 7, 0);
	reach_start(b->reach, r->now);
	rig_run(r, ADIT_SEC(5));
	a->is_deaf = true;
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(60)));
	assert_int_equal(fired(a), 0);
	assert_true(a->sent < 60);
}

/* Whatever is tried, in however many rounds and attempts: two NATs that count have a plan for each round. */
static void without_trust_64_probes_go_out_in_any_minute(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_SEQUENTIAL, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_SEQUENTIAL, ADIT_MS(20));
	adit_time at[8] = {0};
	unsigned n[8] = {0};
	unsigned all = 0;

	a->is_deaf = b->is_deaf = true;
	for (unsigned i = 0; i < ARRAY_LEN(n); i++) {
		unsigned sum = 0;

		reach_start(a->reach, r->now); /* whoever wants it sooner than its pauses end */
		assert_true(rig_until(r, a, REACH_EVENT_FAILED, i + 1, ADIT_SEC(200)));
		at[i] = r->now;
		n[i] = fired(a);
		all += n[i];
		for (unsigned k = 0; k <= i; k++)
			sum += at[i] - at[k] < ADIT_SEC(60) ? n[k] : 0;
		assert_true(sum <= REACH_UNTRUSTED_MAX);
		rig_run(r, ADIT_SEC(5));
	}
	assert_true(all > REACH_UNTRUSTED_MAX); /* a minute later there are more */
}

static void a_mediator_sends_nobody_into_his_own_network(void **state)
{
	static const struct adit_addr near[] = {
		{.ip = {10, 0, 0, 1}, .port = 53, .family = ADIT_FAMILY_V4},
		{.ip = {192, 168, 1, 1}, .port = 53, .family = ADIT_FAMILY_V4},
		{.ip = {100, 64, 0, 1}, .port = 53, .family = ADIT_FAMILY_V4},
		{.ip = {127, 0, 0, 1}, .port = 53, .family = ADIT_FAMILY_V4},
		{.ip = {224, 0, 0, 251}, .port = 5353, .family = ADIT_FAMILY_V4},
		{.ip = {255, 255, 255, 255}, .port = 67, .family = ADIT_FAMILY_V4},
		{.ip = {240, 0, 0, 1}, .port = 53, .family = ADIT_FAMILY_V4},
		{.ip = {0, 0, 0, 1}, .port = 53, .family = ADIT_FAMILY_V4},
	};

	for (size_t i = 0; i < ARRAY_LEN(near); i++) {
		struct rig *r;

		rig_teardown(state);
		rig_one(state);
		r = *state;
		r->mediators[0].other = r->decoy = near[i];
		rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
		rig_run(r, ADIT_SEC(10));
		assert_int_equal(r->to_decoy, 0);
	}
}

static unsigned witnesses_of(struct rig *r)
{
	struct reach_desc own, peer;
	struct rig_peer *a;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(20)));
	reach_views(a->reach, &own, &peer);
	assert_int_equal(own.witnesses, peer.witnesses);
	return own.witnesses;
}

static void a_mediator_named_by_both_its_addresses_is_one_witness(void **state)
{
	struct rig *r;

	assert_int_equal(witnesses_of(*state), 2);
	rig_teardown(state);
	rig_two(state);
	r = *state;
	r->mediators[0].other = adit_addr_with_port(r->mediators[1].addr, RIG_PORT + 1);
	r->mediators[1].other = adit_addr_with_port(r->mediators[0].addr, RIG_PORT + 1);
	assert_int_equal(witnesses_of(r), 1);
}

/* Whichever of the two answers first. */
static void a_server_that_names_another_as_its_second_address_takes_no_witness_away(void **state)
{
	for (unsigned liar = 0; liar < 2; liar++) {
		struct rig *r;

		rig_teardown(state);
		rig_two(state);
		r = *state;
		r->mediators[liar].other = adit_addr_with_port(r->mediators[!liar].addr, RIG_PORT + 1);
		assert_int_equal(witnesses_of(r), 2);
	}
}

static void nor_one_whose_address_is_given_later(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p;

	r->mediators[0].other = r->mediators[1].addr;
	r->n_mediators = 1; /* that the peer is told of */
	p = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(20));
	r->n_mediators = 2;
	reach_start(p->reach, r->now);
	rig_run(r, ADIT_SEC(5));
	assert_int_equal(p->reach->measure.n_dests, 3);
	assert_int_equal(p->reach->measure.view[0].witnesses, 1);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(reach_add_server(p->reach, r->now, &r->mediators[1].addr), 0);
		rig_run(r, ADIT_SEC(5));
		assert_int_equal(p->reach->measure.view[0].witnesses, 2);
	}
}

/* Counted where they are made: two lanes of one program, which never meet and are started again all the time. */
static void no_minute_has_more_new_flows_than_the_router_may_be_asked_for(void **state)
{
	static const enum rig_nat nats[][2] = {{RIG_NAT_RANDOM, RIG_NAT_STEADY},
					       {RIG_NAT_STEADY, RIG_NAT_RANDOM},
					       {RIG_NAT_BLOCK, RIG_NAT_STEADY},
					       {RIG_NAT_SEQUENTIAL, RIG_NAT_SEQUENTIAL}};

	for (size_t i = 0; i < ARRAY_LEN(nats); i++) {
		struct nat_budget budget;
		size_t made[240] = {0};
		struct rig_peer *a[2];
		size_t most = 0;
		struct rig *r;

		rig_teardown(state);
		rig_two(state);
		r = *state;
		nat_budget_init(&budget);
		rig_serving(r, nats[i][0], ADIT_MS(20));
		r->budget = &budget;
		for (size_t k = 0; k < 2; k++) {
			a[k] = rig_connecting(r, nats[i][1], ADIT_MS(20));
			a[k]->is_deaf = true;
		}
		for (size_t second = 1; second < ARRAY_LEN(made); second++) {
			rig_run(r, ADIT_SEC(1));
			made[second] = a[0]->n_flows + a[1]->n_flows;
			for (size_t k = 0; k < 2 && second % 25 == 0; k++)
				reach_start(a[k]->reach, r->now);
			if (second >= 60 && made[second] - made[second - 60] > most)
				most = made[second] - made[second - 60];
		}
		assert_in_range(most, 50, NAT_FLOWS_PER_MIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one, an_attempt_that_has_failed_makes_nothing_trusted),
		RIG_TEST(one, where_the_peer_was_heard_from_is_trusted_in_the_next_run),
		RIG_TEST(one, who_was_met_in_the_same_network_is_not_trusted_elsewhere),
		cmocka_unit_test(nothing_but_checks_goes_to_a_private_address),
		RIG_TEST(two, a_peer_that_says_it_is_at_a_private_address_is_not_searched_for),
		RIG_TEST(one, a_mediator_sends_nobody_into_his_own_network),
		RIG_TEST(two, a_mediator_named_by_both_its_addresses_is_one_witness),
		RIG_TEST(two, a_server_that_names_another_as_its_second_address_takes_no_witness_away),
		RIG_TEST(two, nor_one_whose_address_is_given_later),
		RIG_TEST(one, without_trust_64_probes_go_out_in_any_minute),
		RIG_TEST(two, no_minute_has_more_new_flows_than_the_router_may_be_asked_for),
	};

	return cmocka_run_group_tests_name("reach_trust", tests, NULL, NULL);
}
