#include "test.h"

#include "reach_rig.h"

/* Both NATs choose at random: nothing but a relay brings them together. */
static void random_pair(struct rig *r, struct rig_peer **ret_serve, struct rig_peer **ret_connect)
{
	*ret_serve = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(25));
	*ret_connect = rig_peer(r, MEET_CONNECT, RIG_NAT_RANDOM, ADIT_MS(15));
}

static void relayed_soon(struct rig *r, struct rig_peer *a, struct rig_peer *b, adit_dur within)
{
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, within));
	assert_int_equal(a->last[REACH_EVENT_VALID].how, REACH_HOW_RELAYED);
	assert_true(rig_until(r, b, REACH_EVENT_HEARD, 1, ADIT_SEC(1)));
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void a_relay_at_the_connect_side_is_enough(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	rig_relay_set(r, a, 1);
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
}

static void a_relay_at_the_serve_side_is_enough(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	rig_relay_set(r, b, 1);
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
	assert_int_equal(a->relayed, 0);
	assert_true(b->relayed > 0);
}

static void a_relayed_pair_does_not_end_the_search(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	rig_relay_set(r, a, 1);
	rig_relay_set(r, b, 1);
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	assert_int_equal(a->last[REACH_EVENT_FAILED].how, REACH_HOW_RELAYED);
	assert_int_equal(a->last[REACH_EVENT_FAILED].verdict, REACH_VERDICT_RANDOM);
	/* And again, by itself. */
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 2, REACH_PAUSE + ADIT_SEC(20)));
}

/* It swallows everything, and nobody has noticed. */
static void a_dead_relay_costs_a_search_no_second_one(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(25));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(15));

	rig_relay_set(r, a, 1);
	a->relay = (struct adit_addr){0};
	a->is_deaf = b->is_deaf = true;
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(16)));
	assert_int_equal(a->last[REACH_EVENT_FAILED].round, 1);
	assert_int_equal(a->last[REACH_EVENT_FAILED].how, REACH_HOW_DIRECT);
}

/* A first round is short, and a relay over TCP may need longer than that. */
static void a_silent_relay_has_its_rounds_where_they_are_short(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	rig_relay_set(r, a, 1);
	a->relay = (struct adit_addr){0};
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	assert_int_equal(a->last[REACH_EVENT_FAILED].round, REACH_ROUNDS);
	assert_int_equal(a->last[REACH_EVENT_FAILED].verdict, REACH_VERDICT_RANDOM);
}

static void a_relay_that_has_gone_is_not_told_of_as_a_path(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	rig_relay_set(r, a, 1);
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
	rig_relay_set(r, a, 0);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	assert_int_equal(a->last[REACH_EVENT_FAILED].how, REACH_HOW_DIRECT);
}

static void a_direct_pair_is_found_beside_the_relayed_one(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(25));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(15));
	bool any = false;

	rig_relay_set(r, a, 1);
	rig_relay_set(r, b, 1);
	reach_start(a->reach, r->now);
	for (unsigned n = 1; n < 8 && !any; n++) {
		assert_true(rig_until(r, a, REACH_EVENT_VALID, n, ADIT_SEC(3)));
		any = a->last[REACH_EVENT_VALID].how == REACH_HOW_PUNCHED;
	}
	assert_true(any);
	rig_run(r, ADIT_SEC(30));
	assert_int_equal(a->count[REACH_EVENT_FAILED], 0);
}

static void an_offer_waits_a_moment_for_the_relay(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;
	adit_time began;

	random_pair(r, &b, &a);
	began = r->now;
	reach_await_relay(a->reach, r->now);
	reach_start(a->reach, r->now);
	rig_run(r, ADIT_MS(300));
	assert_int_equal(r->offer_at, ADIT_NEVER);
	rig_relay_set(r, a, 1);
	assert_int_equal(r->offer_at, began + ADIT_MS(300));
	relayed_soon(r, a, b, ADIT_SEC(1));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
}

static void an_offer_does_not_wait_longer(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(25));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(15));

	(void)b;
	reach_await_relay(a->reach, r->now);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, REACH_RELAY_WAIT + ADIT_MS(300)));
	assert_int_equal(a->last[REACH_EVENT_VALID].how, REACH_HOW_PUNCHED);
}

static void a_late_relay_has_a_round_that_costs_none(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(3)));
	rig_run(r, ADIT_MS(300));
	assert_int_equal(a->count[REACH_EVENT_VALID], 0);
	rig_relay_set(r, a, 1);
	relayed_soon(r, a, b, ADIT_SEC(1));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
}

static void a_relay_that_comes_in_the_pause_ends_it(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	rig_run(r, ADIT_SEC(2));
	rig_relay_set(r, a, 1);
	relayed_soon(r, a, b, ADIT_SEC(1));
}

static void another_address_of_the_relay_is_told_at_once(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	rig_relay_set(r, a, 1);
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	rig_relay_set(r, a, 0);
	rig_relay_set(r, a, 2);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, a->count[REACH_EVENT_VALID] + 1, ADIT_SEC(1)));
	assert_true(adit_addr_eq(&a->last[REACH_EVENT_VALID].local, &a->relay));
}

/* Its address changes while it is being punched with: nobody has told the other side of the new one. */
static void a_relay_that_nobody_told_of_is_a_relay_none_the_less(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(25));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_NONE, ADIT_MS(15));

	rig_relay_set(r, b, 1);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 1, ADIT_SEC(2)));
	rig_run(r, ADIT_MS(1));
	b->is_off = true; /* the answer has left, and all that follows goes through the relay */
	rig_relay_set(r, b, 2);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	assert_true(adit_addr_eq(&a->last[REACH_EVENT_VALID].remote, &b->relay));
	assert_int_equal(a->last[REACH_EVENT_VALID].how, REACH_HOW_RELAYED);
	assert_false(reach_is_done(a->reach));
}

/* UDP is blocked: nothing but the relay, which is reached over TCP, goes in or out. */
static void blocked(struct rig *r, bool at_connect, bool at_serve)
{
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(25));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(15));

	a->is_off = at_connect;
	b->is_off = at_serve;
	rig_relay_set(r, a, 1);
	rig_relay_set(r, b, 1);
	reach_start(b->reach, r->now);
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 1, ADIT_SEC(2)));
	if (at_serve)
		assert_true(adit_addr_eq_ip(&b->last[REACH_EVENT_HELD].mapped, &b->relay));
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(2));
	assert_int_equal(a->last[REACH_EVENT_MEETING].own_kind == NAT_KIND_BLOCKED, at_connect);
	assert_int_equal(a->last[REACH_EVENT_MEETING].peer_kind == NAT_KIND_BLOCKED, at_serve);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	assert_int_equal(a->last[REACH_EVENT_FAILED].verdict, REACH_VERDICT_BLOCKED);
}

static void blocked_at_the_connect_side_everything_goes_through_the_relay(void **state)
{
	blocked(*state, true, false);
}

static void blocked_at_the_serve_side_it_registers_through_the_relay(void **state)
{
	blocked(*state, false, true);
}

static void blocked_at_both_sides_they_meet_relay_to_relay(void **state)
{
	blocked(*state, true, true);
}

static void mediators_are_asked_directly_again_when_that_works(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(25));

	b->is_off = true;
	rig_relay_set(r, b, 1);
	reach_start(b->reach, r->now);
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 1, ADIT_SEC(2)));
	b->is_off = false;
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 2, REACH_RELAY_DIRECT + ADIT_SEC(2)));
	assert_true(adit_addr_eq_ip(&b->last[REACH_EVENT_HELD].mapped, &b->outside));
	/* And the other way round, within a refresh's time. */
	b->is_off = true;
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 3, ADIT_SEC(40)));
	assert_true(adit_addr_eq_ip(&b->last[REACH_EVENT_HELD].mapped, &b->relay));
}

static void without_the_relay_they_are_asked_directly_again(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(25));

	b->is_off = true;
	rig_relay_set(r, b, 1);
	reach_start(b->reach, r->now);
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 1, ADIT_SEC(2)));
	b->is_off = false;
	rig_relay_set(r, b, 0);
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 2, ADIT_SEC(2)));
	assert_true(adit_addr_eq_ip(&b->last[REACH_EVENT_HELD].mapped, &b->outside));
}

static struct rig_peer *relay_only(struct rig *r, enum meet_role role)
{
	struct rig_peer *p = rig_peer(r, role, RIG_NAT_STEADY, ADIT_MS(15));

	reach_done(p->reach);
	p->relay_only = true;
	rig_engine(r, p, role, 200);
	return p;
}

static void relay_only_opens_no_socket_and_tells_no_address(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(25));
	struct rig_peer *a = relay_only(r, MEET_CONNECT);
	struct reach_desc own;
	struct reach_desc peer;

	rig_relay_set(r, a, 1);
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
	assert_int_equal(b->reach->peer_offer.n_cands, 1);
	assert_int_equal(b->reach->peer_offer.cands[0].type, ICE_RELAY);
	rig_run(r, ADIT_SEC(10));
	assert_int_equal(a->sent, 0);
	assert_int_equal(rig_open_socks(a), 0);
	reach_views(a->reach, &own, &peer);
	assert_int_equal(own.public.family, ADIT_FAMILY_NONE);
}

static void relay_only_serves_through_the_relay(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = relay_only(r, MEET_SERVE);
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(15));

	rig_relay_set(r, b, 1);
	reach_start(b->reach, r->now);
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 1, ADIT_SEC(1)));
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
	assert_int_equal(b->sent, 0);
	assert_int_equal(rig_open_socks(b), 0);
}

static void relay_only_without_a_relay_says_so(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;

	(void)rig_serving(r, RIG_NAT_STEADY, ADIT_MS(25));
	a = relay_only(r, MEET_CONNECT);
	reach_await_relay(a->reach, r->now);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, REACH_RELAY_MAX + ADIT_SEC(1)));
	assert_int_equal(a->last[REACH_EVENT_FAILED].verdict, REACH_VERDICT_NO_RELAY);
	assert_int_equal(r->offer_at, ADIT_NEVER);
}

static void direct_only_takes_no_relayed_pair(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(25));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_RANDOM, ADIT_MS(15));

	reach_done(a->reach);
	a->direct_only = true;
	rig_engine(r, a, MEET_CONNECT, 200);
	rig_relay_set(r, b, 1);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	assert_int_equal(a->count[REACH_EVENT_VALID] + a->count[REACH_EVENT_HEARD], 0);
}

/* The outage is noticed here when the peer, who was quicker, has sent its offer already. */
static void looking_anew_does_not_drop_the_offer_that_is_being_answered(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(25));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(15));

	reach_await_relay(b->reach, r->now); /* so that the answer waits */
	reach_start(a->reach, r->now);
	while (b->reach->state != REACH_MEETING)
		assert_true(rig_step(r, r->now + ADIT_SEC(1)));
	reach_start(b->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
}

static void a_relay_that_comes_and_goes_has_few_rounds_of_its_own(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	struct rig_peer *b;
	unsigned before;

	random_pair(r, &b, &a);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(20)));
	before = a->reach->stats.attempts;
	for (uint8_t i = 0; i < 60; i++) {
		rig_relay_set(r, a, (uint8_t)(1 + i % 2));
		rig_run(r, ADIT_MS(500));
		rig_relay_set(r, a, 0);
		rig_run(r, ADIT_MS(500));
	}
	/* At 0, 1, 3, 7, 15 and 31 s, where without a bound it would be 60. */
	assert_in_range(a->reach->stats.rounds, 1, 12 + 3);
	assert_in_range(a->reach->stats.attempts - before, 1, 7);
	/* The last one that stays has its round, if later. */
	rig_relay_set(r, a, 1);
	relayed_soon(r, a, b, ADIT_SEC(61));
}

static void a_relay_is_not_sent_to_the_peers_private_addresses(void **state)
{
	struct rig *r = *state;
	struct reach_stats before;
	struct reach_stats after;
	struct rig_peer *a;
	struct rig_peer *b;

	random_pair(r, &b, &a);
	rig_relay_set(r, a, 1);
	reach_start(a->reach, r->now);
	relayed_soon(r, a, b, ADIT_SEC(1));
	reach_stats(a->reach, &before);
	/* An authentic peer that says that its relay is in our relay's network. */
	a->reach->peer_offer.n_cands = 1;
	a->reach->peer_offer.cands[0] =
		(struct meet_cand){.type = ICE_RELAY, .addr = adit_addr_v4(192, 168, 0, 1, 5000)};
	a->reach->relay_opened = 0;
	a->relayed = 0;
	reach_tick(a->reach, r->now);
	rig_drain(r, a);
	reach_stats(a->reach, &after);
	assert_int_equal(after.relay_refused, before.relay_refused + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(two, a_relay_at_the_connect_side_is_enough),
		RIG_TEST(two, a_relay_at_the_serve_side_is_enough),
		RIG_TEST(two, a_relayed_pair_does_not_end_the_search),
		RIG_TEST(two, a_direct_pair_is_found_beside_the_relayed_one),
		RIG_TEST(two, a_dead_relay_costs_a_search_no_second_one),
		RIG_TEST(two, a_silent_relay_has_its_rounds_where_they_are_short),
		RIG_TEST(two, a_relay_that_has_gone_is_not_told_of_as_a_path),
		RIG_TEST(two, an_offer_waits_a_moment_for_the_relay),
		RIG_TEST(two, an_offer_does_not_wait_longer),
		RIG_TEST(two, a_late_relay_has_a_round_that_costs_none),
		RIG_TEST(two, a_relay_that_comes_in_the_pause_ends_it),
		RIG_TEST(two, another_address_of_the_relay_is_told_at_once),
		RIG_TEST(two, a_relay_that_nobody_told_of_is_a_relay_none_the_less),
		RIG_TEST(two, a_relay_that_comes_and_goes_has_few_rounds_of_its_own),
		RIG_TEST(two, a_relay_is_not_sent_to_the_peers_private_addresses),
		RIG_TEST(one, blocked_at_the_connect_side_everything_goes_through_the_relay),
		RIG_TEST(one, blocked_at_the_serve_side_it_registers_through_the_relay),
		RIG_TEST(one, blocked_at_both_sides_they_meet_relay_to_relay),
		RIG_TEST(one, mediators_are_asked_directly_again_when_that_works),
		RIG_TEST(one, without_the_relay_they_are_asked_directly_again),
		RIG_TEST(one, relay_only_opens_no_socket_and_tells_no_address),
		RIG_TEST(one, relay_only_serves_through_the_relay),
		RIG_TEST(one, relay_only_without_a_relay_says_so),
		RIG_TEST(two, direct_only_takes_no_relayed_pair),
		RIG_TEST(one, looking_anew_does_not_drop_the_offer_that_is_being_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
