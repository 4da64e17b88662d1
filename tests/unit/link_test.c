/* One peer from the first probe to the goodbye, in virtual time. */
#include "test.h"

#include "link/link_int.h"
#include "link_rig.h"

#define TWO_WAYS ADIT_MS(200) /* more than enough for a few round trips */

static void a_session_comes_up_and_lists_the_services(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1, false);
	rig_up(&r);
	assert_int_equal(rig_state(&r.serve), LINK_UP);
	assert_int_equal(rig_state(&r.connect), LINK_UP);
	assert_int_equal(r.connect.up.n_services, 2);
	assert_string_equal(r.connect.services[0].name, "echo");
	assert_int_equal(r.connect.services[0].kind, FWD_KIND_STREAM);
	assert_int_equal(r.connect.services[1].id, RIG_TIME);
	assert_memory_equal(r.connect.up.peer_key, rig_public[0], 32);
	assert_memory_equal(r.serve.up.peer_key, rig_public[1], 32);
	assert_true(r.connect.up.path.rtt >= ADIT_MS(40) && r.connect.up.path.rtt < ADIT_MS(60));
	assert_int_equal(r.connect.log[0], LINK_EVENT_HOLE);
	assert_int_equal(r.connect.log[1], LINK_EVENT_UP);
	rig_done(&r);
}

static void a_stream_carries_bytes_both_ways_and_each_half_ends_by_itself(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 2, false);
	rig_up(&r);
	r.connect.to_send = 300000;
	r.connect.finishes = true;
	r.serve.to_send = 0;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, ADIT_SEC(5));
	assert_int_equal(r.serve.received, 300000);
	assert_int_equal(r.serve.wrong, 0);
	assert_true(r.serve.at_end);
	assert_true(link_stream_is_answered(r.connect.stream));
	/* The other half is still open, and carries on. */
	assert_false(r.connect.at_end);
	r.serve.to_send = 200000;
	r.serve.finishes = true;
	rig_pump(&r.serve);
	lab_machine_wake(r.serve.machine);
	rig_run(&r, ADIT_SEC(5));
	assert_int_equal(r.connect.received, 200000);
	assert_int_equal(r.connect.wrong, 0);
	assert_true(r.connect.at_end);
	assert_true(r.connect.news & QUIC_NEWS_ACKED);
	assert_null(r.connect.stream); /* CLOSED came */
	assert_null(r.serve.stream);
	rig_done(&r);
}

static void a_reset_arrives_with_its_code(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 3, false);
	rig_up(&r);
	r.connect.to_send = 1000;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, TWO_WAYS);
	quic_stream_reset(link_stream_bytes(r.serve.stream), FWD_STREAM_TARGET_TIMED_OUT);
	lab_machine_wake(r.serve.machine);
	rig_run(&r, TWO_WAYS);
	assert_true(r.connect.news & QUIC_NEWS_RESET);
	assert_int_equal(r.connect.error, FWD_STREAM_TARGET_TIMED_OUT);
	rig_done(&r);
}

static void a_driver_may_refuse_a_request_with_its_own_code(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 4, false);
	rig_up(&r);
	r.serve.refuse_with = FWD_STREAM_TARGET_REFUSED;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, TWO_WAYS);
	assert_int_equal(r.serve.n[LINK_EVENT_REQUEST], 1);
	assert_true(r.connect.news & QUIC_NEWS_RESET);
	assert_int_equal(r.connect.error, FWD_STREAM_TARGET_REFUSED);
	rig_done(&r);
}

static void a_service_that_is_not_offered_is_refused_and_the_session_lives_on(void **state)
{
	static const uint16_t services[] = {99, RIG_TIME /* datagrams only */};
	struct rig r;

	(void)state;
	rig_init(&r, 5, false);
	rig_up(&r);
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		rig_open(&r, services[i]);
		rig_run(&r, ADIT_SEC(1));
		assert_true(r.connect.news & QUIC_NEWS_RESET);
		assert_int_equal(r.connect.error, FWD_STREAM_NO_SERVICE);
		assert_null(r.connect.stream);
	}
	assert_int_equal(r.serve.n[LINK_EVENT_REQUEST], 0);
	assert_int_equal(rig_state(&r.connect), LINK_UP);
	rig_done(&r);
}

static void a_stranger_without_the_secret_gets_zero_bytes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 6, false);
	r.connect.cfg.k[31] ^= 1;
	/* Both pin one port: else it would not even knock where the other one listens. */
	r.serve.cfg.pinned_port = r.connect.cfg.pinned_port = 5555;
	rig_start(&r.serve);
	rig_run(&r, ADIT_MS(500));
	rig_start(&r.connect);
	rig_run(&r, ADIT_SEC(60));
	assert_true(r.connect.packets > 10);
	assert_int_equal(r.serve.packets, 0);
	assert_int_equal(r.connect.n[LINK_EVENT_UP] + r.connect.n[LINK_EVENT_HOLE], 0);
	assert_int_equal(r.connect.n[LINK_EVENT_STUCK], 1);
	rig_done(&r);
}

static void a_public_serve_side_that_starts_after_its_peer_is_found(void **state)
{
	struct rig r;

	(void)state;
	for (int late = 4; late <= 1000; late *= 6) { /* seconds */
		rig_init(&r, 27, true);
		rig_start(&r.connect);
		rig_run(&r, ADIT_SEC(late));
		rig_start(&r.serve);
		assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADIT_SEC(20)));
		rig_done(&r);
	}
}

static void a_peer_without_the_tickets_key_is_a_bad_key(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 7, false);
	memcpy(r.connect.cfg.peer_key, rig_public[2], 32);
	rig_start(&r.serve);
	rig_start(&r.connect);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_DOWN, 1, ADIT_SEC(20)));
	assert_int_equal(r.connect.down.reason, LINK_REASON_BAD_KEY);
	assert_int_equal(r.connect.n[LINK_EVENT_UP], 0);
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.n[LINK_EVENT_UP], 0);
	rig_done(&r);
}

static void a_datagram_of_60000_bytes_crosses(void **state)
{
	uint8_t *data = malloc(60000);
	struct rig r;

	(void)state;
	for (size_t i = 0; i < 60000; i++)
		data[i] = rig_pattern(i);
	rig_init(&r, 8, false);
	rig_up(&r);
	assert_int_equal(link_dgram_send(r.connect.link, RIG_TIME, 77, data, 60000), 0);
	lab_machine_wake(r.connect.machine);
	rig_run(&r, ADIT_SEC(2));
	assert_int_equal(r.serve.n[LINK_EVENT_DGRAM], 1);
	assert_int_equal(r.serve.dgram_len, 60000);
	assert_int_equal(r.serve.dgram_flow, 77);
	assert_memory_equal(r.serve.dgram, data, 60000);
	/* And an empty one back. */
	assert_int_equal(link_dgram_send(r.serve.link, RIG_TIME, 77, data, 0), 0);
	lab_machine_wake(r.serve.machine);
	rig_run(&r, TWO_WAYS);
	assert_int_equal(r.connect.n[LINK_EVENT_DGRAM], 1);
	assert_int_equal(r.connect.dgram_len, 0);
	free(data);
	rig_done(&r);
}

static void what_is_asked_without_a_session_has_to_wait(void **state)
{
	struct link_stream *stream;
	struct rig r;

	(void)state;
	rig_init(&r, 9, false);
	rig_start(&r.connect);
	assert_int_equal(link_stream_open(r.connect.link, RIG_ECHO, &stream), ADIT_EAGAIN);
	assert_int_equal(link_dgram_send(r.connect.link, RIG_TIME, 1, (const uint8_t *)"x", 1), ADIT_EAGAIN);
	rig_done(&r);
}

static void an_outage_is_told_on_both_sides_and_no_byte_is_lost_over_it(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 10, false);
	rig_up(&r);
	r.connect.to_send = 3000000;
	r.connect.finishes = true;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, ADIT_MS(300));
	assert_true(r.serve.received > 0 && r.serve.received < 3000000);
	rig_cut(&r, true);
	rig_run(&r, ADIT_SEC(5)); /* "found within 3 s" */
	assert_int_equal(r.serve.n[LINK_EVENT_OUTAGE], 1);
	assert_int_equal(r.connect.n[LINK_EVENT_OUTAGE], 1);
	assert_int_equal(rig_state(&r.connect), LINK_OUTAGE);
	assert_int_equal(link_dgram_send(r.connect.link, RIG_TIME, 1, (const uint8_t *)"x", 1), ADIT_EAGAIN);
	rig_run(&r, ADIT_SEC(55));
	rig_cut(&r, false);
	rig_run(&r, ADIT_SEC(30));
	assert_int_equal(r.serve.n[LINK_EVENT_BACK], 1);
	assert_int_equal(r.connect.n[LINK_EVENT_BACK], 1);
	assert_int_equal(r.serve.received, 3000000);
	assert_int_equal(r.serve.wrong, 0);
	assert_true(r.serve.at_end);
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN] + r.connect.n[LINK_EVENT_DOWN], 0);
	rig_done(&r);
}

/* A relay that is gone while a stand-by might answer (link_watch_cut()), and then the path falls silent by itself. */
static void what_is_about_to_be_cut_is_not_cut_once_it_was_left(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 25, false);
	rig_up(&r);
	rig_open(&r, RIG_ECHO);
	r.connect.to_send = 1000000;
	rig_run(&r, ADIT_MS(10));
	rig_cut(&r, true);
	rig_run(&r, ADIT_MS(2300));
	assert_int_equal(rig_state(&r.connect), LINK_UP);
	r.connect.link->watch.cut_at = lab_host_now(r.connect.host) + ADIT_MS(510);
	rig_run(&r, ADIT_MS(500));
	assert_int_equal(rig_state(&r.connect), LINK_OUTAGE);
	rig_cut(&r, false);
	rig_run(&r, ADIT_SEC(5));
	assert_int_equal(r.connect.n[LINK_EVENT_OUTAGE], 1);
	assert_int_equal(r.connect.n[LINK_EVENT_BACK], 1);
	rig_done(&r);
}

static void another_port_of_the_peers_nat_in_mid_session_is_followed(void **state)
{
	struct adit_addr before;
	struct rig r;

	(void)state;
	rig_init(&r, 11, true);
	rig_up(&r);
	r.connect.to_send = 4000000;
	r.connect.finishes = true;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, ADIT_MS(300));
	before = r.last_source;
	lab_router_nat(r.router)->ops->flush(lab_router_nat(r.router));
	rig_run(&r, ADIT_SEC(60));
	assert_false(adit_addr_eq(&r.last_source, &before));
	assert_int_equal(r.serve.received, 4000000);
	assert_int_equal(r.serve.wrong, 0);
	assert_true(r.serve.n[LINK_EVENT_MOVED] + r.serve.n[LINK_EVENT_BACK] >= 1);
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN] + r.connect.n[LINK_EVENT_DOWN], 0);
	assert_int_equal(rig_state(&r.serve), LINK_UP);
	assert_int_equal(rig_state(&r.connect), LINK_UP);
	rig_done(&r);
}

static void a_restarted_connect_side_replaces_its_old_session(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 12, false);
	rig_up(&r);
	rig_run(&r, ADIT_SEC(5)); /* idle: nobody asks whether the old one lives */
	rig_kill(&r.connect);
	rig_start(&r.connect);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 2, ADIT_SEC(20)));
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN], 1);
	assert_int_equal(r.serve.down.reason, LINK_REASON_REPLACED);
	assert_int_equal(r.serve.n[LINK_EVENT_UP], 2);
	/* The old one's end comes before the new one's beginning. */
	assert_int_equal(r.serve.log[r.serve.n_log - 2], LINK_EVENT_DOWN);
	assert_int_equal(r.serve.log[r.serve.n_log - 1], LINK_EVENT_UP);
	r.connect.to_send = 10000;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.received, 10000);
	rig_done(&r);
}

static void a_restarted_connect_side_is_found_out_by_a_question_too(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 25, false);
	rig_up(&r);
	r.connect.to_send = 1;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, LINK_ALARM_ASK); /* silence since then: just now the serve side asks */
	rig_kill(&r.connect);
	rig_start(&r.connect);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 2, ADIT_SEC(2)));
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN], 1);
	assert_int_equal(r.serve.down.reason, LINK_REASON_RESTART);
	assert_int_equal(r.serve.n[LINK_EVENT_UP], 2);
	rig_done(&r);
}

/* It takes the ticket's key for another one, so its handshake fails: the session before is over all the same. */
static void a_restarted_connect_side_that_does_not_come_in_has_ended_its_session(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 25, false);
	rig_up(&r);
	r.connect.to_send = 1;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, LINK_ALARM_ASK);
	rig_kill(&r.connect);
	memcpy(r.connect.cfg.peer_key, rig_public[2], 32);
	rig_start(&r.connect);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_DOWN, 1, ADIT_SEC(2)));
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN], 0);
	assert_true(rig_wait(&r, &r.serve, LINK_EVENT_DOWN, 1, LINK_NEWCOMER));
	assert_int_equal(r.serve.down.reason, LINK_REASON_RESTART);
	assert_int_equal(rig_state(&r.serve), LINK_SEEKING);
	rig_done(&r);
}

static void a_restarted_serve_side_is_noticed_and_found_again(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 13, false);
	rig_up(&r);
	rig_kill(&r.serve);
	rig_start(&r.serve);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_DOWN, 1, ADIT_SEC(40)));
	assert_int_equal(r.connect.down.reason, LINK_REASON_RESTART);
	assert_int_equal(rig_state(&r.connect), LINK_SEEKING);
	link_start(r.connect.link, lab_host_now(r.connect.host));
	lab_machine_wake(r.connect.machine);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 2, ADIT_SEC(20)));
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.n[LINK_EVENT_UP], 2);
	rig_done(&r);
}

static void an_outage_longer_than_linger_ends_the_session(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 14, false);
	r.serve.cfg.linger = ADIT_SEC(60);
	r.connect.cfg.linger = ADIT_SEC(90);
	rig_up(&r);
	rig_open(&r, RIG_ECHO);
	rig_run(&r, ADIT_SEC(1));
	rig_cut(&r, true);
	rig_run(&r, ADIT_SEC(80));
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN], 1);
	assert_int_equal(r.serve.down.reason, LINK_REASON_LINGER);
	assert_int_equal(rig_state(&r.serve), LINK_SEEKING);
	assert_int_equal(r.connect.n[LINK_EVENT_DOWN], 0);
	rig_run(&r, ADIT_SEC(80));
	assert_int_equal(r.connect.down.reason, LINK_REASON_LINGER);
	assert_true(r.connect.news & QUIC_NEWS_CLOSED); /* the stream was told, before DOWN */
	rig_done(&r);
}

static void closing_says_goodbye_with_a_code(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 15, false);
	rig_up(&r);
	rig_close(&r.serve, FWD_CLOSE_REVOKED);
	rig_run(&r, TWO_WAYS);
	assert_int_equal(r.connect.n[LINK_EVENT_DOWN], 1);
	assert_int_equal(r.connect.down.reason, LINK_REASON_PEER);
	assert_int_equal(r.connect.down.code, FWD_CLOSE_REVOKED);
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN], 1);
	assert_int_equal(r.serve.down.reason, LINK_REASON_CLOSED);
	assert_int_equal(rig_state(&r.serve), LINK_OVER);
	rig_done(&r);
}

static void a_closed_link_stays_closed(void **state)
{
	uint64_t sent;
	struct rig r;

	(void)state;
	rig_init(&r, 16, false);
	rig_up(&r);
	rig_close(&r.connect, FWD_CLOSE_DONE);
	link_start(r.connect.link, lab_host_now(r.connect.host));
	lab_machine_wake(r.connect.machine);
	rig_run(&r, ADIT_SEC(1));
	sent = r.connect.packets;
	rig_run(&r, ADIT_SEC(60));
	assert_int_equal(r.connect.packets, sent);
	assert_int_equal(lab_machine_socks(r.connect.machine), 0);
	assert_int_equal(r.connect.n[LINK_EVENT_DOWN], 1);
	rig_done(&r);
}

static void a_single_ticket_belongs_to_the_first_key_that_uses_it(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 17, false);
	r.serve.cfg.single = true;
	rig_up(&r);
	assert_memory_equal(r.serve.up.peer_key, rig_public[1], 32);
	rig_kill(&r.connect);
	r.connect.cfg.creds = r.creds[2];
	rig_start(&r.connect);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_DOWN, 1, ADIT_SEC(20)));
	assert_int_equal(r.connect.down.reason, LINK_REASON_REFUSED);
	assert_int_equal(r.connect.down.code, FWD_STATUS_BOUND);
	assert_int_equal(r.connect.n[LINK_EVENT_UP], 1);
	rig_run(&r, ADIT_SEC(1));
	/* The first one may come back. */
	rig_kill(&r.connect);
	r.connect.cfg.creds = r.creds[1];
	rig_start(&r.connect);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 2, ADIT_SEC(20)));
	rig_done(&r);
}

static void a_key_that_is_not_allowed_is_told_so(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 18, false);
	r.serve.cfg.has_peer_key = true;
	memcpy(r.serve.cfg.peer_key, rig_public[2], 32);
	rig_start(&r.serve);
	rig_start(&r.connect);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_DOWN, 1, ADIT_SEC(20)));
	assert_int_equal(r.connect.down.reason, LINK_REASON_REFUSED);
	assert_int_equal(r.connect.down.code, FWD_STATUS_NOT_ALLOWED);
	rig_done(&r);
}

/* Of the second machine nothing is heard after its Initial. */
static void second_dies_in_its_handshake(struct rig *r)
{
	unsigned holes = r->serve.n[LINK_EVENT_HOLE];

	rig_start(&r->second);
	assert_true(rig_wait(r, &r->serve, LINK_EVENT_HOLE, holes + 1, ADIT_SEC(20)));
	rig_kill(&r->second);
}

static void another_machine_with_the_same_ticket_takes_over(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 26, false);
	rig_add_second(&r);
	rig_up(&r);
	rig_start(&r.second);
	assert_true(rig_wait(&r, &r.second, LINK_EVENT_UP, 1, ADIT_SEC(20)));
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.down.reason, LINK_REASON_REPLACED);
	assert_int_equal(r.connect.down.reason, LINK_REASON_PEER);
	assert_int_equal(r.connect.down.code, FWD_CLOSE_REPLACED);
	assert_memory_equal(r.serve.up.peer_key, rig_public[2], 32);
	rig_done(&r);
}

static void a_newcomer_that_dies_in_its_handshake_leaves_room_for_the_next(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 19, false);
	rig_add_second(&r);
	rig_up(&r);
	second_dies_in_its_handshake(&r);
	rig_run(&r, ADIT_SEC(20));
	assert_int_equal(rig_state(&r.serve), LINK_UP);
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN] + r.serve.n[LINK_EVENT_OUTAGE], 0);
	rig_start(&r.second);
	assert_true(rig_wait(&r, &r.second, LINK_EVENT_UP, 1, ADIT_SEC(20)));
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.n[LINK_EVENT_UP], 2);
	rig_done(&r);
}

static void a_link_that_is_closed_while_a_newcomer_is_coming_does_not_begin_anew(void **state)
{
	uint64_t sent;
	struct rig r;

	(void)state;
	rig_init(&r, 20, false);
	rig_add_second(&r);
	rig_up(&r);
	second_dies_in_its_handshake(&r);
	rig_close(&r.serve, FWD_CLOSE_SHUTTING_DOWN);
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(rig_state(&r.serve), LINK_OVER);
	assert_int_equal(r.serve.n[LINK_EVENT_DOWN], 1);
	sent = r.serve.packets;
	rig_run(&r, ADIT_SEC(60));
	assert_int_equal(rig_state(&r.serve), LINK_OVER);
	assert_int_equal(r.serve.packets, sent);
	assert_int_equal(lab_machine_socks(r.serve.machine), 0);
	rig_done(&r);
}

static void an_idle_hour_costs_four_packets_in_15_s_and_no_busy_loop(void **state)
{
	uint64_t events;
	uint64_t packets;
	struct rig r;

	(void)state;
	rig_init(&r, 21, true);
	rig_up(&r);
	rig_run(&r, ADIT_SEC(60)); /* the library's own settling: path MTU, connection ids */
	packets = r.serve.packets + r.connect.packets;
	events = lab_sim_stats(r.sim)->events;
	rig_run(&r, ADIT_SEC(3600));
	packets = r.serve.packets + r.connect.packets - packets;
	events = lab_sim_stats(r.sim)->events - events;
	assert_true(packets <= 4 * 3600 / 15);
	assert_true(packets >= 3600 / 15); /* and the mapping lives */
	assert_true(events < 20000);
	assert_int_equal(r.serve.n[LINK_EVENT_OUTAGE] + r.connect.n[LINK_EVENT_OUTAGE], 0);
	assert_int_equal(rig_state(&r.connect), LINK_UP);
	rig_done(&r);
}

/* No interface has the address that a NAT64 gives; without a NAT64 it is an address that has gone. */
static void a_path_through_a_nat64_is_no_sign_of_another_network(void **state)
{
	struct adit_nat64 n = adit_nat64_well_known();
	struct reach_host own = {.addr = adit_addr_v4(10, 1, 2, 3, 0)};
	struct link *l;
	adit_time now;
	struct rig r;

	(void)state;
	rig_init(&r, 35, true);
	rig_up(&r);
	rig_run(&r, ADIT_SEC(60));
	l = r.connect.link;
	now = lab_host_now(r.connect.host);
	l->session_path->info.local = adit_nat64_own(4500);
	link_set_nat64(l, now, &n);
	link_set_hosts(l, now, &own, 1);
	assert_int_equal(l->find.wish, LINK_FIND_CALM);
	assert_true(adit_nat64_is_own(&l->session_path->info.local));
	n.len = 0;
	link_set_nat64(l, now, &n);
	link_set_hosts(l, now, &own, 1);
	assert_int_equal(l->find.wish, LINK_FIND_PEER);
	rig_done(&r);
}

/* An hour without a peer is not silent, but must not spin; the simulator asserts that no deadline stays in the past. */
static void an_hour_without_a_peer_is_no_busy_loop(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 22, false);
	rig_start(&r.serve);
	rig_run(&r, ADIT_SEC(3600));
	assert_true(lab_sim_stats(r.sim)->events < 200000);
	assert_int_equal(rig_state(&r.serve), LINK_SEEKING);
	rig_done(&r);
}

static uint64_t life(uint64_t seed)
{
	uint64_t hash;
	struct rig r;

	rig_init(&r, seed, true);
	rig_up(&r);
	r.connect.to_send = 200000;
	rig_open(&r, RIG_ECHO);
	rig_run(&r, ADIT_SEC(1));
	rig_cut(&r, true);
	rig_run(&r, ADIT_SEC(10));
	rig_cut(&r, false);
	rig_run(&r, ADIT_SEC(10));
	assert_int_equal(r.serve.received, 200000);
	hash = lab_sim_hash(r.sim);
	rig_done(&r);
	return hash;
}

static void the_same_seed_gives_the_same_packets_at_the_same_times(void **state)
{
	uint64_t first = life(23);

	(void)state;
	assert_true(life(23) == first);
	assert_true(life(24) != first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_comes_up_and_lists_the_services),
		cmocka_unit_test(a_stream_carries_bytes_both_ways_and_each_half_ends_by_itself),
		cmocka_unit_test(a_reset_arrives_with_its_code),
		cmocka_unit_test(a_driver_may_refuse_a_request_with_its_own_code),
		cmocka_unit_test(a_service_that_is_not_offered_is_refused_and_the_session_lives_on),
		cmocka_unit_test(a_stranger_without_the_secret_gets_zero_bytes),
		cmocka_unit_test(a_public_serve_side_that_starts_after_its_peer_is_found),
		cmocka_unit_test(a_peer_without_the_tickets_key_is_a_bad_key),
		cmocka_unit_test(a_datagram_of_60000_bytes_crosses),
		cmocka_unit_test(what_is_asked_without_a_session_has_to_wait),
		cmocka_unit_test(an_outage_is_told_on_both_sides_and_no_byte_is_lost_over_it),
		cmocka_unit_test(what_is_about_to_be_cut_is_not_cut_once_it_was_left),
		cmocka_unit_test(another_port_of_the_peers_nat_in_mid_session_is_followed),
		cmocka_unit_test(a_restarted_connect_side_replaces_its_old_session),
		cmocka_unit_test(a_restarted_connect_side_is_found_out_by_a_question_too),
		cmocka_unit_test(a_restarted_connect_side_that_does_not_come_in_has_ended_its_session),
		cmocka_unit_test(a_restarted_serve_side_is_noticed_and_found_again),
		cmocka_unit_test(an_outage_longer_than_linger_ends_the_session),
		cmocka_unit_test(closing_says_goodbye_with_a_code),
		cmocka_unit_test(a_closed_link_stays_closed),
		cmocka_unit_test(a_single_ticket_belongs_to_the_first_key_that_uses_it),
		cmocka_unit_test(a_key_that_is_not_allowed_is_told_so),
		cmocka_unit_test(another_machine_with_the_same_ticket_takes_over),
		cmocka_unit_test(a_newcomer_that_dies_in_its_handshake_leaves_room_for_the_next),
		cmocka_unit_test(a_link_that_is_closed_while_a_newcomer_is_coming_does_not_begin_anew),
		cmocka_unit_test(an_idle_hour_costs_four_packets_in_15_s_and_no_busy_loop),
		cmocka_unit_test(a_path_through_a_nat64_is_no_sign_of_another_network),
		cmocka_unit_test(an_hour_without_a_peer_is_no_busy_loop),
		cmocka_unit_test(the_same_seed_gives_the_same_packets_at_the_same_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
