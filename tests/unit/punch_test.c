#include "test.h"

#include <stdlib.h>

#include "punch_rig.h"

static struct rig r;
static struct rig other;

static int serve(void **state)
{
	(void)state;
	rig_init(&r, PUNCH_SERVE);
	return 0;
}

static int connect_side(void **state)
{
	(void)state;
	rig_init(&r, PUNCH_CONNECT);
	return 0;
}

/* Sends from the steady port between two instants after the start; |low| or full TTL. */
static unsigned steady_sends(adit_dur from, adit_dur to, bool low)
{
	uint32_t sock = rig_sock_at(&r, rig_steady_port(&r));
	unsigned n = 0;

	for (size_t i = 0; i < r.n; i++) {
		const struct rig_out *o = &r.out[i];

		if (o->kind == ADIT_OUT_SEND && o->sock == sock && o->at >= ADIT_SEC(1) + from &&
		    o->at < ADIT_SEC(1) + to && (o->ttl != 0) == low && o->ttl != 1)
			n++;
	}
	return n;
}

static void a_newcomer_is_loud_for_two_seconds_and_then_quiet(void **state)
{
	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(120));
	/* Three probes of the head, and where the own side ends was asked twice with TTL 2. */
	assert_int_equal(steady_sends(0, PUNCH_HEAD, true), 3 + NAT_TTL_TRIES);
	assert_int_equal(steady_sends(0, PUNCH_HEAD, false), 0);
	assert_int_equal(steady_sends(PUNCH_HEAD, PUNCH_HEAD + PUNCH_LOUD, false), 10);
	assert_int_equal(steady_sends(PUNCH_HEAD + PUNCH_LOUD, ADIT_SEC(120), false), 0);
}

/* 30 s is how long Linux keeps an unanswered mapping: in each such span at least two probes, so that one may be lost.
 */
static void a_waiter_keeps_its_mapping_with_a_low_ttl(void **state)
{
	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(900));
	for (unsigned s = 3; s < 870; s++)
		assert_in_range(steady_sends(ADIT_SEC(s), ADIT_SEC(s + 30), true), 2, 3);
}

static void without_low_ttl_everything_is_full(void **state)
{
	(void)state;
	r.cfg.low_ttl = false;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(20));
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.out[i].ttl, 0);
}

/* No router says where it is: the ladder climbs to full TTL, and starts again instead of staying loud. */
static void without_icmp_the_waiter_climbs_the_ladder(void **state)
{
	bool seen[256] = {false};
	struct punch_stats st;

	(void)state;
	r.is_mute = true;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(60));
	for (size_t i = 0; i < r.n; i++)
		if (r.out[i].kind == ADIT_OUT_SEND)
			seen[r.out[i].ttl] = true;
	assert_true(seen[2] && seen[3] && seen[4] && seen[5] && seen[7] && seen[0]);
	assert_false(seen[6]);
	punch_stats(&r.p, &st);
	assert_false(st.ttl_known);
	assert_true(steady_sends(ADIT_SEC(3), ADIT_SEC(60), false) <= 1);
	assert_true(steady_sends(ADIT_SEC(3), ADIT_SEC(60), true) >= 3);
}

static void the_first_question_has_ttl_one(void **state)
{
	const struct rig_out *first = NULL;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_MS(1));
	for (size_t i = 0; i < r.n && !first; i++)
		if (r.out[i].kind == ADIT_OUT_SEND)
			first = &r.out[i];
	assert_true(first && first->ttl == 1);
}

static void pinned_it_has_one_socket_and_one_pair(void **state)
{
	(void)state;
	r.cfg.pinned_port = 5555;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(300));
	assert_int_equal(r.open_max, 1);
	assert_true(rig_has_port(&r, 5555));
	for (size_t i = 0; i < r.n; i++)
		if (r.out[i].kind == ADIT_OUT_SEND)
			assert_int_equal(r.out[i].remote.port, 5555);
}

/* Full-TTL probes after the loud start; pinned, there are no slots in which the peer could be met. */
static unsigned loud_again(void)
{
	unsigned n = 0;

	rig_run(&r, ADIT_SEC(300));
	for (size_t i = 0; i < r.n; i++)
		n += r.out[i].kind == ADIT_OUT_SEND && r.out[i].ttl == 0 && r.out[i].at > ADIT_SEC(10);
	return n;
}

static void pinned_the_connect_side_is_loud_once_a_minute(void **state)
{
	(void)state;
	r.cfg.pinned_port = 5555;
	rig_start(&r);
	assert_in_range(loud_again(), 3, 5);
}

static void pinned_the_serve_side_stays_quiet(void **state)
{
	(void)state;
	r.cfg.pinned_port = 5555;
	rig_start(&r);
	assert_int_equal(loud_again(), 0);
}

static void without_peers_it_listens_on_both_families_and_says_nothing(void **state)
{
	(void)state;
	rig_start(&r);
	punch_set_peers(&r.p, r.now, NULL, 0);
	punch_start(&r.p, r.now);
	rig_run(&r, ADIT_SEC(300));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(r.out[i].kind, ADIT_OUT_OPEN);
		assert_int_equal(r.out[i].local.port, rig_steady_port(&r));
	}
	assert_int_not_equal(r.out[0].local.family, r.out[1].local.family);
	for (size_t i = 0; i < r.n; i++)
		assert_int_not_equal(r.out[i].kind, ADIT_OUT_SEND);
	assert_int_equal(r.p.stats.flows_opened, 0);
	/* The slots' pairs too, for a peer that was there first; never many at once. */
	assert_true(r.open > 2 && r.open <= 32);
}

static void a_peer_of_one_family_opens_sockets_of_that_family(void **state)
{
	static const uint8_t ip[16] = {0x20, 1, 0xd, 0xb8, [15] = 9};
	struct adit_addr v6 = adit_addr_v6(ip, 0);

	(void)state;
	rig_start(&r);
	punch_stop(&r.p, r.now);
	punch_set_peers(&r.p, r.now, &v6, 1);
	punch_start(&r.p, r.now);
	rig_run(&r, ADIT_SEC(30));
	for (size_t i = 0; i < r.n; i++)
		if (r.out[i].kind == ADIT_OUT_OPEN)
			assert_int_equal(r.out[i].local.family, ADIT_FAMILY_V6);
	assert_true(r.p.stats.flows_opened > 5);
	assert_true(r.p.stats.flows_opened < 20); /* no volleys: no clash is possible */
}

static void a_port_in_the_peers_address_is_probed_beside_the_derived_one(void **state)
{
	struct adit_addr peer = adit_addr_with_port(rig_addr(PUNCH_CONNECT), 4242);
	unsigned derived = 0;
	unsigned given = 0;
	uint32_t sock;

	(void)state;
	rig_start(&r);
	punch_set_peers(&r.p, r.now, &peer, 1);
	rig_run(&r, ADIT_SEC(3));
	sock = rig_sock_at(&r, rig_steady_port(&r));
	for (size_t i = 0; i < r.n; i++) {
		if (r.out[i].kind != ADIT_OUT_SEND)
			continue;
		if (r.out[i].remote.port == 4242) {
			assert_int_equal(r.out[i].sock, sock);
			given++;
		} else if (r.out[i].sock == sock && r.out[i].ttl != 1) {
			derived++;
		}
	}
	assert_true(given >= 13);
	assert_true(derived >= 13);
}

static void addresses_nobody_can_have_are_not_probed(void **state)
{
	struct adit_addr peers[] = {adit_addr_v4(0, 0, 0, 0, 0),
				    adit_addr_v4(224, 0, 0, 1, 0),
				    adit_addr_v4(255, 255, 255, 255, 0),
				    {.family = ADIT_FAMILY_NONE}};

	(void)state;
	rig_start(&r);
	punch_set_peers(&r.p, r.now, peers, ARRAY_LEN(peers));
	assert_int_equal(r.p.n_peers, 0);
}

static void more_peers_than_fit_are_ignored(void **state)
{
	struct adit_addr peers[PUNCH_PEERS_MAX + 5];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		peers[i] = adit_addr_v4(198, 51, 100, (uint8_t)(i / 2), 0); /* each twice */
	rig_start(&r);
	punch_set_peers(&r.p, r.now, peers, ARRAY_LEN(peers));
	assert_int_equal(r.p.n_peers, (ARRAY_LEN(peers) + 1) / 2);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		peers[i] = adit_addr_v4(198, 51, 100, (uint8_t)i, 0);
	punch_set_peers(&r.p, r.now, peers, ARRAY_LEN(peers));
	assert_int_equal(r.p.n_peers, PUNCH_PEERS_MAX);
}

static void toward_a_new_address_it_is_a_newcomer_again(void **state)
{
	struct adit_addr same = rig_addr(PUNCH_CONNECT);
	struct adit_addr moved = adit_addr_v4(203, 0, 113, 99, 0);

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(60));
	punch_set_peers(&r.p, r.now, &same, 1);
	rig_run(&r, ADIT_SEC(5));
	assert_int_equal(steady_sends(ADIT_SEC(3), ADIT_SEC(65), false), 0);
	punch_set_peers(&r.p, r.now, &moved, 1);
	rig_run(&r, ADIT_SEC(5));
	assert_int_equal(steady_sends(ADIT_SEC(65), ADIT_SEC(70), false), 10);
}

static void after_thirty_seconds_it_is_stuck_once(void **state)
{
	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(30) - 1);
	assert_int_equal(rig_events(&r, PUNCH_EVENT_STUCK, NULL), 0);
	rig_run(&r, 1);
	assert_int_equal(rig_events(&r, PUNCH_EVENT_STUCK, NULL), 1);
	rig_run(&r, ADIT_SEC(600));
	assert_int_equal(rig_events(&r, PUNCH_EVENT_STUCK, NULL), 0);
	punch_start(&r.p, r.now);
	rig_run(&r, ADIT_SEC(31));
	assert_int_equal(rig_events(&r, PUNCH_EVENT_STUCK, NULL), 1);
}

static void the_flows_of_the_first_minute_stay_in_the_budget(void **state)
{
	struct punch_stats st;
	uint64_t first;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(60));
	punch_stats(&r.p, &st);
	assert_in_range(st.flows_opened, 300, 400 + PUNCH_BURST_N);
	assert_true(r.open_max <= PUNCH_PAIRS_MAX);
	first = st.flows_opened;
	rig_run(&r, ADIT_SEC(60));
	punch_stats(&r.p, &st);
	assert_in_range(st.flows_opened - first, 30, 60 + PUNCH_BURST_N);
	assert_int_equal(st.flows_refused, 0);
}

static void a_spent_budget_leaves_bursts_out_but_not_the_steady_pair(void **state)
{
	struct nat_budget spent;
	struct punch_stats st;

	(void)state;
	nat_budget_init(&spent);
	while (nat_budget_take(&spent, r.now, 1, 0))
		;
	r.cfg.budget = &spent;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(5));
	punch_stats(&r.p, &st);
	assert_int_equal(st.flows_opened, 1);
	assert_true(st.flows_refused > 24);
	assert_int_equal(r.open, 1);
}

static void a_steady_port_that_is_taken_is_tried_again(void **state)
{
	uint32_t sock;
	size_t before;

	(void)state;
	rig_start(&r);
	rig_drain(&r);
	sock = rig_sock_at(&r, rig_steady_port(&r));
	r.port[sock] = 0;
	r.open--;
	punch_sock_failed(&r.p, r.now, sock);
	before = r.n;
	rig_run(&r, PUNCH_REOPEN - 1);
	assert_false(rig_has_port(&r, rig_steady_port(&r)));
	rig_run(&r, 1);
	assert_true(rig_has_port(&r, rig_steady_port(&r)));
	assert_true(r.n > before);
}

static void resting_serve_keeps_the_steady_pair_quietly(void **state)
{
	size_t before;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(5));
	punch_rest(&r.p, r.now);
	rig_drain(&r);
	assert_int_equal(r.open, 1);
	assert_true(rig_has_port(&r, rig_steady_port(&r)));
	before = r.n;
	rig_run(&r, ADIT_SEC(600));
	assert_in_range(r.n - before, 600 / 13, 600 / 10 + 1);
	for (size_t i = before; i < r.n; i++)
		assert_int_not_equal(r.out[i].ttl, 0);
}

static void whoever_waits_for_a_peer_that_left_is_quiet_and_has_slots(void **state)
{
	uint16_t steady;
	size_t quiet = 0;

	(void)state;
	r.now = ADIT_SEC(1000);
	rig_start(&r);
	steady = rig_steady_port(&r);
	punch_wait(&r.p, r.now);
	rig_run(&r, ADIT_SEC(100));
	for (size_t i = 0; i < r.n; i++) {
		if (r.out[i].kind != ADIT_OUT_SEND || r.port[r.out[i].sock] != steady)
			continue;
		assert_int_not_equal(r.out[i].ttl, 0);
		quiet++;
	}
	assert_in_range(quiet, 8, 16);
	assert_true(r.open > 1);
}

static void resting_connect_has_nothing_open(void **state)
{
	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(5));
	punch_rest(&r.p, r.now);
	rig_drain(&r);
	assert_int_equal(r.open, 0);
	assert_true(punch_deadline(&r.p) == ADIT_NEVER);
}

static void stopped_nothing_is_left(void **state)
{
	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(5));
	punch_stop(&r.p, r.now);
	rig_drain(&r);
	assert_int_equal(r.open, 0);
	assert_true(punch_deadline(&r.p) == ADIT_NEVER);
	rig_run(&r, ADIT_SEC(60));
	assert_int_equal(r.open, 0);
}

static void stopped_at_once_nothing_was_opened(void **state)
{
	(void)state;
	rig_start(&r);
	punch_stop(&r.p, r.now);
	rig_drain(&r);
	assert_int_equal(r.n, 0);
}

static void a_taken_socket_is_left_alone(void **state)
{
	uint32_t sock;
	size_t before;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(1));
	sock = rig_sock_at(&r, rig_steady_port(&r));
	assert_int_equal(punch_take(&r.p, sock), 0);
	assert_int_equal(punch_take(&r.p, sock), ADIT_ENOENT);
	before = r.n;
	punch_rest(&r.p, r.now);
	rig_run(&r, ADIT_SEC(100));
	punch_stop(&r.p, r.now);
	rig_drain(&r);
	for (size_t i = before; i < r.n; i++)
		assert_true(r.out[i].sock != sock);
	assert_int_not_equal(r.port[sock], 0);
}

static void a_released_steady_socket_is_opened_anew(void **state)
{
	uint32_t sock;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(1));
	sock = rig_sock_at(&r, rig_steady_port(&r));
	assert_int_equal(punch_take(&r.p, sock), 0);
	punch_rest(&r.p, r.now);
	rig_run(&r, ADIT_SEC(100));
	assert_int_equal(r.open, 1); /* the caller's */
	r.port[sock] = 0;
	r.open--;
	punch_released(&r.p, r.now, sock);
	rig_run(&r, ADIT_MS(1));
	assert_int_equal(r.open, 1);
	assert_true(rig_has_port(&r, rig_steady_port(&r)));
}

/* The numbers come round after 65536 sockets; one that was given away must not be given out again. */
static void numbers_of_open_sockets_are_not_reused(void **state)
{
	uint32_t sock;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(1));
	sock = rig_sock_at(&r, rig_steady_port(&r));
	assert_int_equal(punch_take(&r.p, sock), 0);
	r.p.sock_next = PUNCH_SOCK_SPAN - 3 + sock;
	rig_run(&r, ADIT_SEC(10)); /* rig_note checks each OPEN */
	assert_true(r.p.sock_next < 1000);
}

static void a_step_of_utc_fires_no_timer(void **state)
{
	adit_time pairs;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(65));
	pairs = r.p.pairs[0].next_at;
	punch_set_utc(&r.p, r.now, r.utc + ADIT_SEC(7777));
	r.utc += ADIT_SEC(7777);
	assert_true(r.p.pairs[0].next_at == pairs);
	rig_run(&r, ADIT_SEC(10));
	punch_set_utc(&r.p, r.now, 0); /* the battery of the clock is empty */
	r.utc = 0;
	rig_run(&r, ADIT_SEC(10));
	punch_set_utc(&r.p, r.now, RIG_UTC);
	r.utc = RIG_UTC;
	rig_run(&r, ADIT_SEC(10));
	assert_true(r.open_max <= PUNCH_PAIRS_MAX);
}

static void after_a_long_sleep_only_the_present_slots_open(void **state)
{
	size_t before;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(65));
	before = r.n;
	r.now += ADIT_SEC(86400);
	r.utc += ADIT_SEC(86400);
	rig_tick(&r);
	assert_true(r.n - before < 150); /* the old ones closed, and one slot of each family or two */
	assert_true(r.open < 64);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
	(void)state;
	rig_init(&other, PUNCH_CONNECT);
	rig_start(&r);
	rig_start(&other);
	rig_drain(&other);
	rig_run(&r, ADIT_SEC(30));
	for (adit_time t = other.now; t < r.now; t += ADIT_MS(7)) { /* with many spurious ticks */
		rig_tick(&other);
		rig_run(&other, ADIT_MS(7));
	}
	rig_run(&other, r.now - other.now);
	assert_int_equal(r.n, other.n);
	for (size_t i = 0; i < r.n; i++) {
		assert_true(r.out[i].at == other.out[i].at);
		assert_true(r.out[i].sock == other.out[i].sock);
		assert_int_equal(r.out[i].len, other.out[i].len);
		assert_memory_equal(r.out[i].data, other.out[i].data, r.out[i].len);
	}
}

static void the_connect_side_counts_slots_in_the_serve_sides_time(void **state)
{
	struct rig_out const *a = NULL;
	struct rig_out const *b = NULL;

	(void)state;
	/* |other| has a clock that is 100 s slow and knows it. */
	rig_init(&other, PUNCH_CONNECT);
	other.utc -= ADIT_SEC(100);
	rig_start(&r);
	rig_start(&other);
	punch_set_clock_diff(&other.p, other.now, (int64_t)ADIT_SEC(100));
	rig_run(&r, ADIT_SEC(20));
	rig_run(&other, ADIT_SEC(20));
	for (size_t i = 0; i < r.n && !a; i++)
		if (r.out[i].kind == ADIT_OUT_OPEN && r.out[i].at > ADIT_SEC(2))
			a = &r.out[i];
	for (size_t i = 0; i < other.n && !b; i++)
		if (other.out[i].kind == ADIT_OUT_OPEN && other.out[i].at > ADIT_SEC(2))
			b = &other.out[i];
	assert_true(a && b && a->at == b->at && a->local.port == b->local.port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_newcomer_is_loud_for_two_seconds_and_then_quiet, serve),
		cmocka_unit_test_setup(a_waiter_keeps_its_mapping_with_a_low_ttl, serve),
		cmocka_unit_test_setup(without_low_ttl_everything_is_full, serve),
		cmocka_unit_test_setup(without_icmp_the_waiter_climbs_the_ladder, serve),
		cmocka_unit_test_setup(the_first_question_has_ttl_one, connect_side),
		cmocka_unit_test_setup(pinned_it_has_one_socket_and_one_pair, serve),
		cmocka_unit_test_setup(pinned_the_connect_side_is_loud_once_a_minute, connect_side),
		cmocka_unit_test_setup(pinned_the_serve_side_stays_quiet, serve),
		cmocka_unit_test_setup(without_peers_it_listens_on_both_families_and_says_nothing, serve),
		cmocka_unit_test_setup(a_peer_of_one_family_opens_sockets_of_that_family, connect_side),
		cmocka_unit_test_setup(a_port_in_the_peers_address_is_probed_beside_the_derived_one, serve),
		cmocka_unit_test_setup(addresses_nobody_can_have_are_not_probed, serve),
		cmocka_unit_test_setup(more_peers_than_fit_are_ignored, serve),
		cmocka_unit_test_setup(toward_a_new_address_it_is_a_newcomer_again, serve),
		cmocka_unit_test_setup(after_thirty_seconds_it_is_stuck_once, connect_side),
		cmocka_unit_test_setup(the_flows_of_the_first_minute_stay_in_the_budget, connect_side),
		cmocka_unit_test_setup(a_spent_budget_leaves_bursts_out_but_not_the_steady_pair, serve),
		cmocka_unit_test_setup(a_steady_port_that_is_taken_is_tried_again, serve),
		cmocka_unit_test_setup(resting_serve_keeps_the_steady_pair_quietly, serve),
		cmocka_unit_test_setup(whoever_waits_for_a_peer_that_left_is_quiet_and_has_slots, serve),
		cmocka_unit_test_setup(resting_connect_has_nothing_open, connect_side),
		cmocka_unit_test_setup(stopped_nothing_is_left, serve),
		cmocka_unit_test_setup(stopped_at_once_nothing_was_opened, serve),
		cmocka_unit_test_setup(a_taken_socket_is_left_alone, serve),
		cmocka_unit_test_setup(a_released_steady_socket_is_opened_anew, serve),
		cmocka_unit_test_setup(numbers_of_open_sockets_are_not_reused, serve),
		cmocka_unit_test_setup(a_step_of_utc_fires_no_timer, serve),
		cmocka_unit_test_setup(after_a_long_sleep_only_the_present_slots_open, serve),
		cmocka_unit_test_setup(the_same_seed_gives_the_same_bytes, connect_side),
		cmocka_unit_test_setup(the_connect_side_counts_slots_in_the_serve_sides_time, connect_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
