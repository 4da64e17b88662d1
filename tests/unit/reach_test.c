#include "test.h"

#include "core/reach/reach_int.h"
#include "reach_rig.h"

static void two_steady_nats_meet_within_the_round_trips(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(a->last[REACH_EVENT_VALID].how, REACH_HOW_PUNCHED);
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
	assert_int_equal(a->last[REACH_EVENT_VALID].instance, 100);
	assert_true(r->now - r->offer_at <= ADIT_MS(30 + 70 + 100 + 60));
	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	assert_true(b->count[REACH_EVENT_HEARD] >= 1);
	assert_int_equal(b->last[REACH_EVENT_VALID].instance, 101);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void pair(struct rig *r, enum rig_nat serve, enum rig_nat connect, enum reach_how how, adit_dur within)
{
	struct rig_peer *b = rig_serving(r, serve, ADIT_MS(25));
	struct rig_peer *a = rig_connecting(r, connect, ADIT_MS(15));

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, within));
	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	/* The home of a NAT that changes ports sees the peer where it was told to be. */
	assert_true(a->last[REACH_EVENT_VALID].how == how || b->last[REACH_EVENT_VALID].how == how);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void a_counting_nat_opens_a_window_as_the_serve_side(void **state)
{
	pair(*state, RIG_NAT_SEQUENTIAL, RIG_NAT_STEADY, REACH_HOW_PREDICTED, ADIT_SEC(2));
}

static void a_counting_nat_opens_a_window_as_the_connect_side(void **state)
{
	pair(*state, RIG_NAT_STEADY, RIG_NAT_SEQUENTIAL, REACH_HOW_PREDICTED, ADIT_SEC(2));
}

static void two_counting_nats_step_by_one_and_two(void **state)
{
	pair(*state, RIG_NAT_SEQUENTIAL, RIG_NAT_SEQUENTIAL, REACH_HOW_PREDICTED, ADIT_SEC(4));
}

static void a_block_is_searched_from_both_sides(void **state)
{
	pair(*state, RIG_NAT_BLOCK, RIG_NAT_STEADY, REACH_HOW_BLOCK, ADIT_SEC(6));
}

static void a_block_is_searched_from_the_connect_side(void **state)
{
	pair(*state, RIG_NAT_STEADY, RIG_NAT_BLOCK, REACH_HOW_BLOCK, ADIT_SEC(6));
}

static bool is_filtered(struct rig *r, enum rig_nat nat, uint16_t port)
{
	struct rig_peer *b = rig_peer(r, MEET_SERVE, nat, ADIT_MS(20));
	bool ret;

	b->reach->cfg.port = port;
	reach_start(b->reach, r->now);
	rig_run(r, ADIT_SEC(3));
	ret = reach_measure_is_filtered(b->reach);
	assert_int_equal(b->reach->measure.view[0].filter_sock, REACH_NO_SOCK); /* closed again */
	return ret;
}

static void a_nat_that_keeps_answers_from_another_port_out_filters(void **state)
{
	struct rig *r = *state;

	assert_true(is_filtered(r, RIG_NAT_STEADY, 0));
	assert_false(is_filtered(r, RIG_NAT_NONE, 0));
	assert_false(is_filtered(r, RIG_NAT_STEADY, 5000)); /* it may be forwarded, a fresh socket's is not */
}

static void who_is_known_to_filter_is_searched_from_the_start_on(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(3)));
	assert_true(a->reach->own.is_filtered && b->reach->peer.is_filtered);
	assert_false(b->reach->own.is_filtered); /* that goes without saying */
	assert_true(b->reach->plan.salvo[0].low_delay == 0);
	assert_true(a->reach->plan.salvo[0].delay == REACH_OPEN_LEAD);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(15)));
}

static void a_random_nat_is_found_by_a_birthday_search(void **state)
{
	pair(*state, RIG_NAT_RANDOM, RIG_NAT_STEADY, REACH_HOW_BIRTHDAY, ADIT_SEC(15));
}

static void a_random_nat_that_asks_is_found_too(void **state)
{
	pair(*state, RIG_NAT_STEADY, RIG_NAT_RANDOM, REACH_HOW_BIRTHDAY, ADIT_SEC(15));
}

static void many_pairs_meet_though_packets_are_lost(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b, *a;

	r->loss = 10;
	b = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(40));
	reach_start(b->reach, r->now);
	rig_run(r, ADIT_SEC(8));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(30));
	for (unsigned i = 0; i < 12; i++) {
		assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(40)));
		rig_run(r, ADIT_SEC(20));
		rig_restart(r, a, MEET_CONNECT, 200 + i);
	}
}

static void a_public_host_is_reached_directly(void **state)
{
	pair(*state, RIG_NAT_NONE, RIG_NAT_RANDOM, REACH_HOW_DIRECT, ADIT_SEC(3));
}

static void rest_closes_what_nobody_took_and_serve_stays_registered(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_RANDOM, ADIT_MS(20));

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(15)));
	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	assert_int_equal(reach_take(a->reach, r->now, a->last[REACH_EVENT_VALID].sock), 0);
	reach_rest(a->reach, r->now);
	reach_rest(b->reach, r->now);
	rig_run(r, ADIT_SEC(60));
	assert_int_equal(rig_open_socks(a), 1); /* the path's */
	assert_int_equal(rig_open_socks(b), 1); /* home */
	assert_int_equal(r->mediators[0].meet->table.used, 1);
	assert_int_equal(b->count[REACH_EVENT_LOST], 0);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void rest_lets_serve_answer_who_asks_just_then(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	unsigned attempts;

	for (unsigned ms = 0; b->reach->state == REACH_WAITING && ms < 5000; ms++)
		rig_run(r, ADIT_MS(1));
	assert_int_not_equal(b->reach->state, REACH_WAITING);
	attempts = a->reach->attempt;
	reach_rest(b->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	assert_int_equal(a->reach->attempt, attempts);
}

static void stop_closes_everything(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	rig_run(r, ADIT_MS(300));
	assert_true(rig_open_socks(b) > 10);
	reach_stop(a->reach, r->now);
	reach_stop(b->reach, r->now);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(rig_open_socks(a) + rig_open_socks(b), 0);
	assert_true(reach_deadline(a->reach) == ADIT_NEVER);
	assert_true(reach_deadline(b->reach) == ADIT_NEVER);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
	reach_start(b->reach, r->now);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(15)));
}

static void how_it_ended_is_reported_from_where_the_mediator_knows_us(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(reach_take(a->reach, r->now, a->last[REACH_EVENT_VALID].sock), 0);
	reach_report(a->reach, r->now, MEET_PATH_PUNCHED, a->last[REACH_EVENT_VALID].took);
	reach_rest(a->reach, r->now);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(r->mediators[0].meet->stats.paths[MEET_PATH_PUNCHED], 1);
}

static void what_was_learnt_is_told_once_and_used(void **state)
{
	struct rig *r = *state;
	struct reach_stats stats;
	struct rig_peer *a;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	a = rig_connecting(r, RIG_NAT_RANDOM, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_LEARNT, 1, ADIT_SEC(15)));
	assert_int_equal(a->memory.kind, NAT_KIND_RANDOM);
	assert_int_equal(a->memory.low_ttl, 2);
	assert_int_equal(a->memory.peer_kind, NAT_KIND_STEADY);
	assert_int_equal(a->memory.way, NAT_WAY_BIRTHDAY);
	assert_true(adit_addr_eq_ip(&a->memory.network, &a->outside));
	/* Another run: no burst of new flows, and the low TTL is known though no router tells. */
	a->drops_low = true;
	reach_stop(a->reach, r->now);
	rig_run(r, ADIT_SEC(1));
	rig_restart(r, a, MEET_CONNECT, 300);
	reach_set_memory(a->reach, &a->memory);
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	assert_int_equal(a->last[REACH_EVENT_MEETING].own_kind, NAT_KIND_RANDOM);
	assert_true(adit_addr_eq(&a->last[REACH_EVENT_MEETING].mapped, &a->outside));
	reach_stats(a->reach, &stats);
	assert_in_range(stats.questions_sent, 2, 8);
	assert_true(stats.ttl_known);
	assert_int_equal(stats.ttl, 2);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(15)));
	assert_int_equal(a->count[REACH_EVENT_LEARNT], 0);
}

/* Away nothing works; at home it is known as before. */
static void a_failure_in_another_network_forgets_no_success(void **state)
{
	struct rig *r = *state;
	struct reach_memory memory;
	struct rig_peer *a;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_LEARNT, 1, ADIT_SEC(15)));
	memory = a->memory;
	assert_int_equal(memory.way, NAT_WAY_PUNCH);
	a->outside = adit_addr_v4(192, 0, 2, 99, 0);
	a->is_deaf = true;
	rig_restart(r, a, MEET_CONNECT, 300);
	reach_set_memory(a->reach, &memory);
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(200)));
	assert_int_equal(a->count[REACH_EVENT_LEARNT], 0);
	/* What works there takes its place. */
	a->is_deaf = false;
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(200)));
	assert_int_equal(a->count[REACH_EVENT_LEARNT], 1);
	assert_true(adit_addr_eq_ip(&a->memory.network, &a->outside));
}

static void names_resolve_late_and_mediators_come_one_after_the_other(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b;
	struct adit_addr late = adit_addr_v4(203, 0, 113, 77, RIG_PORT);

	r->n_mediators = 1;
	b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	r->n_mediators = 2;
	assert_int_equal(reach_add_mediator(b->reach, r->now, "two.example", &late), 0);
	rig_run(r, ADIT_SEC(2));
	assert_int_equal(b->count[REACH_EVENT_HELD], 1);
	assert_int_equal(reach_add_mediator(b->reach, r->now, "two.example", &r->mediators[1].addr), 0);
	rig_run(r, ADIT_SEC(2));
	assert_int_equal(b->count[REACH_EVENT_HELD], 2);
	assert_int_equal(r->mediators[1].meet->table.used, 1);
}

static void a_mediator_is_registered_with_where_servers_have_taken_all_room(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b;
	struct adit_addr server = adit_addr_v4(203, 0, 113, 90, RIG_PORT);
	int err = 0;

	r->n_mediators = 1;
	b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	for (server.port = 1; err == 0; server.port++)
		err = reach_add_server(b->reach, r->now, &server);
	assert_int_equal(err, ADIT_EFULL);
	r->n_mediators = 2;
	assert_int_equal(reach_add_mediator(b->reach, r->now, "two.example", &r->mediators[1].addr), 0);
	rig_run(r, ADIT_SEC(2));
	assert_int_equal(b->count[REACH_EVENT_HELD], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one, two_steady_nats_meet_within_the_round_trips),
		RIG_TEST(two, two_steady_nats_meet_within_the_round_trips),
		RIG_TEST(two, a_counting_nat_opens_a_window_as_the_serve_side),
		RIG_TEST(two, a_counting_nat_opens_a_window_as_the_connect_side),
		RIG_TEST(two, two_counting_nats_step_by_one_and_two),
		RIG_TEST(two, a_block_is_searched_from_both_sides),
		RIG_TEST(two, a_block_is_searched_from_the_connect_side),
		RIG_TEST(one, a_nat_that_keeps_answers_from_another_port_out_filters),
		RIG_TEST(two, a_nat_that_keeps_answers_from_another_port_out_filters),
		RIG_TEST(two, who_is_known_to_filter_is_searched_from_the_start_on),
		RIG_TEST(two, a_random_nat_is_found_by_a_birthday_search),
		RIG_TEST(two, a_random_nat_that_asks_is_found_too),
		RIG_TEST(one, many_pairs_meet_though_packets_are_lost),
		RIG_TEST(two, a_public_host_is_reached_directly),
		RIG_TEST(two, rest_closes_what_nobody_took_and_serve_stays_registered),
		RIG_TEST(two, rest_lets_serve_answer_who_asks_just_then),
		RIG_TEST(two, stop_closes_everything),
		RIG_TEST(one, how_it_ended_is_reported_from_where_the_mediator_knows_us),
		RIG_TEST(two, what_was_learnt_is_told_once_and_used),
		RIG_TEST(one, a_failure_in_another_network_forgets_no_success),
		RIG_TEST(two, names_resolve_late_and_mediators_come_one_after_the_other),
		RIG_TEST(two, a_mediator_is_registered_with_where_servers_have_taken_all_room),
	};

	return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
