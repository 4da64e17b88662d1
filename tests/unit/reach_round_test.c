#include "test.h"

#include "core/reach/reach_int.h"
#include "reach_rig.h"

static void nothing_heard_brings_fresh_sockets_on_both_sides(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	uint16_t first[2];

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	rig_run(r, ADIT_SEC(1));
	first[0] = a->last_port;
	first[1] = b->last_port;
	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 2, ADIT_SEC(5)));
	a->is_deaf = b->is_deaf = false;
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(2)));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 2);
	assert_true(a->last[REACH_EVENT_VALID].local.port != first[0]);
	assert_true(b->last_port != first[1]);
}

static void a_round_that_is_over_for_the_peer_alone_brings_a_fresh_socket_too(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	uint16_t first;

	a->is_deaf = true; /* serve hears it, and goes on for a while */
	assert_true(rig_until(r, b, REACH_EVENT_HEARD, 1, ADIT_SEC(5)));
	first = b->last_port;
	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 2, ADIT_SEC(5)));
	a->is_deaf = false;
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(2)));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 2);
	assert_true(b->last_port != first);
}

static void a_second_round_costs_no_answer_though_the_registration_moves_meanwhile(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(12)));
	/* Three rounds of two seconds, and little between them. */
	assert_true(a->last[REACH_EVENT_FAILED].took < 3 * REACH_ROUND_MAX + ADIT_MS(800));
	assert_int_equal(a->count[REACH_EVENT_MEETING], REACH_ROUNDS);
	assert_int_equal(b->count[REACH_EVENT_MEETING], REACH_ROUNDS);
}

static void in_the_second_round_both_send_at_one_moment_and_nothing_before(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 2, ADIT_SEC(6)));
	a->full_at = b->low_at = b->full_at = ADIT_NEVER;
	rig_run(r, ADIT_MS(80));
	assert_true(b->low_at == ADIT_NEVER);
	assert_true(a->full_at != ADIT_NEVER);
	assert_in_range(b->full_at, a->full_at - ADIT_US(100), a->full_at + ADIT_US(100));
}

static void in_the_third_round_serve_waits_for_the_peer_to_go_first(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 3, ADIT_SEC(9)));
	b->low_at = b->full_at = ADIT_NEVER;
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 3, ADIT_SEC(1)));
	rig_run(r, REACH_LATER - ADIT_MS(5));
	assert_true(b->low_at == ADIT_NEVER && b->full_at == ADIT_NEVER);
	rig_run(r, ADIT_MS(20));
	assert_true(b->full_at != ADIT_NEVER);
}

static void a_late_answer_to_a_round_that_is_over_still_counts_on_the_serve_side(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	b->is_deaf = true;
	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	rig_run(r, REACH_ROUND_MAX - ADIT_MS(60));
	b->is_deaf = false;
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
}

static void attempts_come_again_after_pauses_that_double(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	adit_time at[4];

	a->is_deaf = b->is_deaf = true;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(rig_until(r, a, REACH_EVENT_FAILED, i + 1, ADIT_SEC(200)));
		at[i] = r->now;
	}
	assert_in_range((at[1] - at[0]) / ADIT_SEC(1), 30, 40);
	assert_in_range((at[2] - at[1]) / ADIT_SEC(1), 60, 70);
	assert_in_range((at[3] - at[2]) / ADIT_SEC(1), 120, 130);
}

static void another_network_ends_the_pause(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct reach_host own = {.addr = adit_addr_v4(10, 99, 0, 2, 0)};

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 3, ADIT_SEC(200))); /* the next one in two minutes */
	a->is_deaf = b->is_deaf = false;
	a->inside = own.addr;
	reach_set_hosts(a->reach, r->now, &own, 1);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
}

static void a_search_keeps_to_its_numbers(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct reach_stats sa, sb;

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(30)));
	reach_stats(a->reach, &sa);
	reach_stats(b->reach, &sb);
	assert_true(a->sent <= REACH_PROBES_MAX + 76);
	assert_true(sb.socks_max <= REACH_SOCKS_MAX + 4);
	assert_true(sa.flows_opened <= NAT_FLOWS_PER_MIN && sb.flows_opened <= REACH_SOCKS_SEARCH + REACH_TURNS + 52);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

/* Two that will never meet, searching; what the router of |blunt| does not let in, it says. */
static void search(struct rig *r, struct rig_peer **ret_random, struct rig_peer **ret_steady, int blunt)
{
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	a->is_deaf = b->is_deaf = true;
	a->is_blunt = blunt == 0;
	b->is_blunt = blunt == 1;
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	assert_true(a->reach->own.is_filtered && b->reach->peer.is_filtered);
	*ret_random = b;
	*ret_steady = a;
}

static void the_random_side_opens_all_at_low_ttl_where_the_peers_router_says_unreachable(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a, *b;

	search(r, &b, &a, 0);
	rig_run(r, ADIT_MS(400));
	assert_true(b->sent_low > REACH_SOCKS_FIRST + 50);
	rig_run(r, ADIT_MS(1000));
	assert_int_equal(b->sent_low, REACH_SOCKS_SEARCH);
	rig_run(r, ADIT_SEC(2));
	/* The scout, and a check to the private address: nothing else could take a tuple from a probe. */
	assert_true(b->sent - b->sent_low <= 4);
}

static void the_random_side_opens_others_beside_the_probes_where_it_does_not(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a, *b;
	struct adit_icmp icmp = {.type = 3, .code = 3};

	search(r, &b, &a, -1);
	rig_run(r, ADIT_MS(200));
	assert_int_equal(b->sent_low, REACH_SOCKS_FIRST);
	/* Nobody else can say it, nor something else than that, nor of somebody else. */
	icmp.sock = reach_sock_number(b->reach, b->reach->home[0]);
	icmp.remote = adit_addr_with_port(a->outside, 999);
	icmp.offender = adit_addr_v4(198, 51, 100, 7, 0);
	reach_icmp(b->reach, r->now, &icmp);
	icmp.offender = a->outside;
	icmp.code = 1;
	reach_icmp(b->reach, r->now, &icmp);
	icmp.code = 3;
	icmp.remote = adit_addr_v4(198, 51, 100, 7, 999);
	reach_icmp(b->reach, r->now, &icmp);
	rig_run(r, ADIT_MS(200));
	assert_int_equal(b->sent_low, REACH_SOCKS_FIRST);
	rig_run(r, ADIT_SEC(3));
	assert_int_equal(b->sent_low, REACH_SOCKS_FIRST);
	assert_true(b->sent >= REACH_SOCKS_SEARCH + 1);
}

static void probes_do_not_rest_where_the_random_sides_router_says_unreachable(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a, *b;
	adit_dur takes = REACH_PROBES_MAX * REACH_SEARCH_PACE + ADIT_MS(300);

	search(r, &b, &a, 1);
	rig_run(r, takes);
	assert_true(a->sent >= REACH_PROBES_MAX);
}

static void probes_rest_while_fresh_sockets_come_to_probed_ports(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a, *b;
	unsigned sockets;

	search(r, &b, &a, -1);
	rig_run(r, REACH_PROBES_FIRST * REACH_SEARCH_PACE + ADIT_MS(500));
	assert_in_range(a->sent, REACH_PROBES_FIRST, REACH_PROBES_FIRST + 4);
	sockets = b->sent;
	rig_run(r, REACH_TURNS * REACH_SEARCH_PACE - ADIT_MS(200));
	assert_in_range(a->sent, REACH_PROBES_FIRST, REACH_PROBES_FIRST + 4);
	assert_true(b->sent > sockets + REACH_TURNS / 2);
	assert_true(b->reach->stats.socks_max <= REACH_SOCKS_MAX + 4);
	rig_run(r, ADIT_SEC(3));
	assert_true(a->sent >= REACH_PROBES_MAX);
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void one_search_at_a_time_in_a_program(void **state)
{
	struct rig *r = *state;
	struct nat_budget budget;
	struct rig_peer *a;
	int somebody;

	nat_budget_init(&budget);
	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	r->budget = &budget;
	a = rig_connecting(r, RIG_NAT_RANDOM, ADIT_MS(20));
	assert_true(nat_budget_search(&budget, &somebody));
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(40)));
	assert_int_equal(a->last[REACH_EVENT_FAILED].verdict, REACH_VERDICT_BUDGET);
	assert_true(a->sent < 60);
	nat_budget_search_end(&budget, &somebody);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(90)));
	reach_rest(a->reach, r->now);
	rig_run(r, ADIT_SEC(1));
	assert_null(budget.searcher); /* given back */
}

static void low_ttl_off_is_the_labs_switch(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a;

	b->reach->cfg.low_ttl = false;
	reach_start(b->reach, r->now);
	rig_run(r, ADIT_SEC(3));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(3)));
	assert_true(b->low_at == ADIT_NEVER);
}

/* Flows of others on |p|'s NAT for a while. */
static void run_busy(struct rig *r, struct rig_peer *p, unsigned a_second, adit_dur time)
{
	for (unsigned i = 0; i < time / ADIT_MS(1) * a_second / 1000; i++) {
		p->next_port++;
		rig_run(r, ADIT_SEC(1) / a_second);
	}
}

static void flows_of_others_are_counted_from_one_measurement_to_the_next(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_SEQUENTIAL, ADIT_MS(20));
	struct rig_peer *a;
	struct reach_desc own, peer;

	run_busy(r, b, 20, ADIT_SEC(12));
	a = rig_connecting(r, RIG_NAT_SEQUENTIAL, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(3)));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
	reach_views(a->reach, &own, &peer);
	assert_in_range(peer.ports.foreign, 13, 20); /* it had been quiet for five seconds before */
	assert_in_range(own.ports.foreign, 1, 9); /* nobody was seen, for too short a time to be sure */
}

static void nobody_but_the_salvo_opens_a_flow_where_both_count(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_SEQUENTIAL, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_SEQUENTIAL, ADIT_MS(20));

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(3)));
	rig_run(r, ADIT_MS(50));
	assert_true(a->sent > 20 && a->sent_low == a->sent);
	assert_true(b->sent > 20 && b->sent_low == b->sent);
	rig_run(r, ADIT_MS(500));
	assert_true(a->sent_low < a->sent && b->sent_low < b->sent);
}

static void an_offer_that_has_waited_is_made_anew_where_both_count(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_SEQUENTIAL, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_SEQUENTIAL, ADIT_MS(20));

	run_busy(r, a, 20, ADIT_SEC(3));
	reach_start(b->reach, r->now);
	run_busy(r, a, 20, ADIT_SEC(3));
	assert_int_equal(a->count[REACH_EVENT_VALID], 1);
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
	assert_int_equal(a->reach->stats.rounds, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one, nothing_heard_brings_fresh_sockets_on_both_sides),
		RIG_TEST(one, a_round_that_is_over_for_the_peer_alone_brings_a_fresh_socket_too),
		RIG_TEST(one, a_second_round_costs_no_answer_though_the_registration_moves_meanwhile),
		RIG_TEST(one, in_the_second_round_both_send_at_one_moment_and_nothing_before),
		RIG_TEST(one, in_the_third_round_serve_waits_for_the_peer_to_go_first),
		RIG_TEST(one, a_late_answer_to_a_round_that_is_over_still_counts_on_the_serve_side),
		RIG_TEST(one, attempts_come_again_after_pauses_that_double),
		RIG_TEST(one, another_network_ends_the_pause),
		RIG_TEST(two, a_search_keeps_to_its_numbers),
		RIG_TEST(two, the_random_side_opens_all_at_low_ttl_where_the_peers_router_says_unreachable),
		RIG_TEST(two, the_random_side_opens_others_beside_the_probes_where_it_does_not),
		RIG_TEST(two, probes_do_not_rest_where_the_random_sides_router_says_unreachable),
		RIG_TEST(two, probes_rest_while_fresh_sockets_come_to_probed_ports),
		RIG_TEST(two, one_search_at_a_time_in_a_program),
		RIG_TEST(one, low_ttl_off_is_the_labs_switch),
		RIG_TEST(two, flows_of_others_are_counted_from_one_measurement_to_the_next),
		RIG_TEST(two, nobody_but_the_salvo_opens_a_flow_where_both_count),
		RIG_TEST(two, an_offer_that_has_waited_is_made_anew_where_both_count),
	};

	return cmocka_run_group_tests_name("reach_round", tests, NULL, NULL);
}
