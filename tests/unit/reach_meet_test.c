#include "test.h"

#include "core/reach/reach_int.h"
#include "reach_rig.h"

static void cookies_are_there_before_the_offer(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	uint64_t cookies;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	cookies = r->mediators[0].meet->stats.cookies;
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	/* From its first byte on: there, and the answer back. */
	assert_true(r->now - r->offer_at <= ADIT_MS(30 + 70 + 1));
	assert_int_equal(r->mediators[0].meet->stats.cookies, cookies + 1);
	assert_int_equal(r->mediators[0].meet->stats.introduced, 1);
}

/* 15 ms to the mediator; the peer's own 35. When the offer left, after the start; and when it was answered. */
static struct rig_peer *offering(struct rig *r, enum rig_nat nat, const struct reach_memory *memory, adit_dur *ret_left,
				 adit_dur *ret_met)
{
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, nat, ADIT_MS(15));
	adit_time began = r->now;

	if (memory)
		reach_set_memory(a->reach, memory);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	*ret_left = r->offer_at - began;
	*ret_met = r->now - began;
	return a;
}

#define ROUND_TRIP ADIT_MS(30)
#define ANSWERED   ADIT_MS(30 + 70) /* after it has left */

static void where_a_nat_keeps_ports_the_offer_waits_for_one_answer_alone(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	adit_dur left, met;
	struct rig_peer *a = offering(r, RIG_NAT_KEEPING, NULL, &left, &met);

	assert_int_equal(left, ROUND_TRIP);
	assert_int_equal(met, ROUND_TRIP + ANSWERED);
	assert_int_equal(b->reach->peer_reflexive.port, a->reach->measure.view[0].local.port);
	assert_int_equal(b->reach->peer.witnesses, 1);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
	assert_int_equal(r->mediators[0].meet->stats.introduced, 1);
	assert_true(reach_measure_is_known(a->reach)); /* the rest has come meanwhile */
}

static void without_a_nat_too(void **state)
{
	struct rig *r = *state;
	adit_dur left, met;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	offering(r, RIG_NAT_NONE, NULL, &left, &met);
	assert_int_equal(left, ROUND_TRIP);
	assert_int_equal(r->peers[0].reach->peer.kind, NAT_KIND_OPEN);
}

static void other_ports_are_compared_first(void **state)
{
	struct rig *r = *state;
	adit_dur left, met;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	offering(r, RIG_NAT_STEADY, NULL, &left, &met);
	assert_int_equal(left, 2 * ROUND_TRIP);
	assert_int_equal(met, left + ANSWERED);
}

static void an_offer_that_proves_wrong_is_followed_by_the_right_one_at_no_loss_of_time(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	adit_dur left, met, later_left, later_met;
	struct rig_peer *a = offering(r, RIG_NAT_FICKLE, NULL, &left, &met), *c;

	assert_int_equal(left, ROUND_TRIP);
	assert_int_equal(a->reach->own.kind, NAT_KIND_RANDOM);
	assert_int_equal(b->reach->peer.kind, NAT_KIND_RANDOM);
	assert_int_equal(a->last[REACH_EVENT_MEETING].round, 1);
	assert_int_equal(a->count[REACH_EVENT_MEETING], 1);
	assert_int_equal(r->mediators[0].meet->stats.introduced, 2);
	/* One that never kept a port takes as long. */
	reach_stop(a->reach, r->now);
	r->offer_at = ADIT_NEVER;
	c = offering(r, RIG_NAT_RANDOM, NULL, &later_left, &later_met);
	assert_int_equal(c->reach->own.kind, NAT_KIND_RANDOM);
	assert_in_range(met, later_met - ADIT_MS(1), later_met + ADIT_MS(1));
}

static void what_is_remembered_says_whether_to_wait(void **state)
{
	struct rig *r = *state;
	struct reach_memory m = {.network = adit_addr_v4(192, 0, 2, 11, 0), .way = NAT_WAY_PUNCH};
	adit_dur left, met;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	offering(r, RIG_NAT_STEADY, &m, &left, &met); /* 192.0.2.11 */
	assert_int_equal(left, ROUND_TRIP);
	/* Elsewhere that says nothing. */
	r->offer_at = ADIT_NEVER;
	offering(r, RIG_NAT_STEADY, &m, &left, &met);
	assert_int_equal(left, 2 * ROUND_TRIP);
	/* A peer that has to search is told all at once. */
	r->offer_at = ADIT_NEVER;
	m.peer_kind = NAT_KIND_RANDOM;
	offering(r, RIG_NAT_KEEPING, &m, &left, &met);
	assert_int_equal(left, 2 * ROUND_TRIP);
}

static void a_second_witness_is_waited_for(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	adit_dur left, met;

	offering(r, RIG_NAT_KEEPING, NULL, &left, &met);
	assert_in_range(left, ROUND_TRIP, ROUND_TRIP + REACH_ASK_TWO);
	assert_int_equal(b->reach->peer.witnesses, 2);
	assert_true(b->reach->peer.is_filtered);
}

static void a_relay_is_borrowed_when_the_peer_has_answered_and_a_stopped_peer_is_absent(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(35)), *a;
	struct meet_server *server = r->mediators[0].meet;
	struct meet_lender lender = {.crypto = &crypto_gnutls,
				     .n_uris = 1,
				     .uris = {"turn:relay.example"},
				     .secret = r->k,
				     .secret_len = sizeof(r->k),
				     .hosts = (const uint8_t(*)[MEET_KEY_LEN])r->identity.public_key,
				     .n_hosts = 1};

	/* As if it had lent already when the peer registered. */
	server->lender = &lender;
	meet_server_set_utc(server, r->now, RIG_UTC);
	meet_table_find(&server->table, b->reach->meet.entries[0].id)->sock |= MEET_PEER_HOST;
	a = rig_connecting(r, RIG_NAT_RANDOM, ADIT_MS(15));
	assert_true(rig_until(r, a, REACH_EVENT_RELAY, 1, ADIT_SEC(5)));
	assert_string_equal(a->last[REACH_EVENT_RELAY].relay->uris[0], "turn:relay.example");
	assert_int_equal(a->count[REACH_EVENT_MEETING], 1);
	assert_int_equal(server->stats.lent, 1);
	/* One round trip to the mediator after the answer. */
	assert_true(r->now - r->offer_at <= ADIT_MS(30 + 70 + 30 + 1));
	reach_stop(b->reach, r->now);
	rig_run(r, ADIT_MS(36));
	assert_int_equal(server->stats.left, 1);
	assert_int_equal(server->table.used, 0);
	server->lender = NULL;
}

static void serve_answers_at_once_as_it_has_measured_before(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(35));
	struct reach_stats before, after;
	struct rig_peer *a;

	reach_stats(b->reach, &before);
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	reach_stats(b->reach, &after);
	assert_int_equal(before.questions_sent, after.questions_sent);
	assert_true(r->now - r->offer_at <= ADIT_MS(30 + 70 + 1));
}

static void serve_sends_low_ttl_openers_first_and_nothing_louder_before_it_hears_the_peer(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));
	adit_time met_at;
	unsigned left = 0;

	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	met_at = r->now;
	assert_int_equal(b->low_at, met_at);
	assert_true(b->full_at == ADIT_NEVER);
	/* Its answer leaves after them: where all are near, the peer's check comes at once. */
	for (size_t i = 0; i < r->n_wire; i++)
		if (adit_addr_eq_ip(&r->wire[i].from, &b->outside)) {
			assert_true(r->wire[i].order >= b->low_order);
			left++;
		}
	assert_int_equal(left, 1);
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	assert_int_equal(a->full_at, r->now); /* it knows that the peer is there */
	/* Both began within a millisecond, half of both round trips after the answer had left. */
	assert_in_range(r->now - met_at, ADIT_MS(49), ADIT_MS(51));
	assert_true(rig_until(r, b, REACH_EVENT_HEARD, 1, ADIT_SEC(1)));
	assert_int_equal(b->full_at, r->now);
	/* Its check toward the host address went first, then that toward the reflexive one. */
	assert_in_range(r->now - a->full_at, ADIT_MS(50), ADIT_MS(50) + 2 * REACH_TA);
}

static void a_lost_answer_costs_no_port(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	a->is_off = true; /* the answer gets lost */
	rig_run(r, ADIT_MS(60));
	a->is_off = false;
	rig_run(r, ADIT_MS(400));
	assert_true(b->full_at == ADIT_NEVER);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(2)));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
	assert_int_equal(b->count[REACH_EVENT_MEETING], 1);
}

static void a_replayed_offer_changes_nothing(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_packet copy;
	struct reach_stats before, after;
	unsigned events;

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	rig_run(r, ADIT_SEC(30));
	copy = r->copy;
	assert_true(copy.len > 0);
	reach_stats(b->reach, &before);
	events = b->count[REACH_EVENT_MEETING];
	for (unsigned i = 0; i < 8; i++) {
		/* As it was, and with another transaction: the seal does not fit then. */
		copy.data[19] ^= i % 2;
		rig_put(r, r->now, &copy.from, &copy.to, 60, copy.data, copy.len);
		rig_run(r, ADIT_SEC(1));
	}
	reach_stats(b->reach, &after);
	assert_int_equal(before.probes_sent, after.probes_sent);
	assert_int_equal(before.rounds, after.rounds);
	assert_int_equal(b->count[REACH_EVENT_MEETING], events);
}

static void a_peer_that_was_restarted_is_met_again_and_told_apart(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(b->last[REACH_EVENT_VALID].instance, 101);
	assert_int_equal(reach_take(b->reach, r->now, b->last[REACH_EVENT_VALID].sock), 0);
	b->count[REACH_EVENT_VALID] = 0;
	rig_restart(r, a, MEET_CONNECT, 555);
	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(b->last[REACH_EVENT_VALID].instance, 555);
	/* And the other way round. */
	a->count[REACH_EVENT_VALID] = 0;
	rig_restart(r, b, MEET_SERVE, 777);
	rig_run(r, ADIT_SEC(3));
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(a->last[REACH_EVENT_VALID].instance, 777);
}

static void another_run_that_counts_its_attempts_from_the_beginning_is_heard(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	for (unsigned i = 0; i < 4; i++) {
		assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
		rig_run(r, ADIT_SEC(5));
		rig_restart(r, a, MEET_CONNECT, 101); /* the same instance */
	}
}

static void the_second_mediator_helps_where_the_first_is_dead(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	r->mediators[0].is_dead = true;
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(6)));
	assert_int_equal(r->mediators[1].meet->stats.introduced, 1);
	assert_int_equal(a->last[REACH_EVENT_MEETING].mediator, 1);
}

static void a_mediator_that_dies_and_comes_back_is_told_of(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a;

	r->mediators[0].is_dead = true;
	assert_true(rig_until(r, b, REACH_EVENT_LOST, 1, ADIT_SEC(60)));
	assert_int_equal(b->last[REACH_EVENT_LOST].mediator, 0);
	assert_true(b->count[REACH_EVENT_MEDIATOR] >= 1);
	r->mediators[0].is_dead = false;
	rig_mediator_start(r, 0); /* with another key, and an empty table */
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 3, ADIT_SEC(150)));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
}

static void only_so_many_offers_a_minute_are_looked_at(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(5));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(5));
	struct reach_stats stats;

	for (unsigned i = 0; i < 40; i++) {
		rig_run(r, ADIT_MS(500));
		reach_start(a->reach, r->now);
	}
	reach_stats(b->reach, &stats);
	assert_true(stats.offers_refused > 0);
	/* Six at once, and one each three seconds. */
	assert_in_range(b->count[REACH_EVENT_MEETING], 6, 6 + 8);
	rig_run(r, ADIT_SEC(60));
	a->count[REACH_EVENT_VALID] = 0;
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
}

static void an_address_that_changes_is_registered_and_measured_anew(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a;

	/* The router was restarted: all is forgotten, and its ports are others. */
	b->n_flows = 0;
	b->next_port = 50000;
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 2, ADIT_SEC(20)));
	assert_true(b->last[REACH_EVENT_HELD].mapped.port > 50000);
	rig_run(r, ADIT_SEC(1));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(a->last[REACH_EVENT_VALID].round, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one, cookies_are_there_before_the_offer),
		RIG_TEST(one, where_a_nat_keeps_ports_the_offer_waits_for_one_answer_alone),
		RIG_TEST(one, without_a_nat_too),
		RIG_TEST(one, other_ports_are_compared_first),
		RIG_TEST(one, an_offer_that_proves_wrong_is_followed_by_the_right_one_at_no_loss_of_time),
		RIG_TEST(one, what_is_remembered_says_whether_to_wait),
		RIG_TEST(two, a_second_witness_is_waited_for),
		RIG_TEST(one, a_relay_is_borrowed_when_the_peer_has_answered_and_a_stopped_peer_is_absent),
		RIG_TEST(two, serve_answers_at_once_as_it_has_measured_before),
		RIG_TEST(one, serve_sends_low_ttl_openers_first_and_nothing_louder_before_it_hears_the_peer),
		RIG_TEST(one, a_lost_answer_costs_no_port),
		RIG_TEST(one, a_replayed_offer_changes_nothing),
		RIG_TEST(one, a_peer_that_was_restarted_is_met_again_and_told_apart),
		RIG_TEST(one, another_run_that_counts_its_attempts_from_the_beginning_is_heard),
		RIG_TEST(two, the_second_mediator_helps_where_the_first_is_dead),
		RIG_TEST(two, a_mediator_that_dies_and_comes_back_is_told_of),
		RIG_TEST(one, only_so_many_offers_a_minute_are_looked_at),
		RIG_TEST(one, an_address_that_changes_is_registered_and_measured_anew),
	};

	return cmocka_run_group_tests_name("reach_meet", tests, NULL, NULL);
}
