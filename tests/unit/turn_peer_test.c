#include "test.h"

#include "turn_pair.h"

static void data_go_out_when_the_permission_is_there(void **state)
{
	struct adit_addr peer = peer_addr();
	struct rig r;

	(void)state;
	allocate(&r);
	assert_int_equal(send_text(&r, "lost"), ADIT_EAGAIN);
	assert_int_equal(r.s.sends, 0);
	assert_int_equal(send_text(&r, "hello"), 0);
	assert_int_equal(r.s.sends, 1);
	assert_true(adit_addr_eq(&r.s.to, &peer));
	assert_int_equal(r.s.len, 5);
	assert_memory_equal(r.s.data, "hello", 5);
}

static void after_three_datagrams_a_channel_carries_them(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < 10; i++)
		(void)!send_text(&r, "hello");
	assert_int_equal(r.s.binds, 1);
	assert_int_equal(r.s.sends, 3);
	assert_int_equal(r.s.channel_datas, 6);
	assert_memory_equal(r.s.data, "hello", 5);
}

static void permissions_are_renewed_before_they_end_and_idle_channels_are_not(void **state)
{
	struct adit_addr peer = peer_addr();
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < 10; i++)
		(void)!send_text(&r, "hello");
	assert_int_equal(r.s.permits, 1);
	run_for(&r, ADIT_SEC(3600));
	assert_in_range(r.s.permits, 3600 / 240, 3600 / 240 + 1);
	assert_int_equal(r.s.binds, 1);
	turn_forget(&r.t, &peer);
	run_for(&r, ADIT_SEC(3600));
	assert_in_range(r.s.permits, 3600 / 240, 3600 / 240 + 1);
}

static void a_channel_in_use_is_renewed(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < 3600; i++) {
		(void)!send_text(&r, "hello");
		run_for(&r, ADIT_SEC(1));
	}
	assert_int_equal(r.s.binds, 1 + 3600 / 540);
	assert_true(r.s.sends < 5);
}

static void a_batch_is_framed_datagram_by_datagram(void **state)
{
	uint8_t data[3000];
	struct adit_addr peer = peer_addr();
	struct adit_out o;
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < 5; i++)
		(void)!send_text(&r, "hello");
	memset(data, 'y', sizeof(data));
	assert_int_equal(turn_send(&r.t, r.now, &peer, data, sizeof(data), 1200), 0);
	assert_int_equal(turn_output(&r.t, r.now, &o), 1);
	assert_int_equal(o.seg_size, 1204);
	assert_int_equal(o.len, 3000 + 3 * 4);
	assert_int_equal(turn_send(&r.t, r.now, &peer, data, sizeof(data), 1200), 0);
	assert_int_equal(turn_send(&r.t, r.now, &peer, data, 1, 0), ADIT_EFULL);
	drain(&r);
	assert_int_equal(r.s.len, 600);
	assert_int_equal(turn_send(&r.t, r.now, &peer, data, 1, 0), 0);
}

static void data_come_in_as_indications_and_over_channels(void **state)
{
	struct adit_addr peer = peer_addr();
	struct adit_dgram got;
	struct adit_dgram d;
	uint8_t buf[256];
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < 5; i++)
		(void)!send_text(&r, "hello");
	d = from_server(&r, buf, rig_indication(buf, sizeof(buf), &peer, "answer"));
	assert_int_equal(turn_input(&r.t, r.now, &d), 0);
	assert_int_equal(turn_data(&r.t, &got), 1);
	assert_true(adit_addr_eq(&got.remote, &peer));
	assert_int_equal(got.len, 6);
	assert_memory_equal(got.data, "answer", 6);
	assert_int_equal(turn_data(&r.t, &got), 0);

	/* Two of one batch; the second is padded as RFC 8656 12.5 lets UDP do. */
	d = from_server(&r,
			(const uint8_t *)"\x40\x00\x00\x04"
					 "abcd"
					 "\x40\x00\x00\x03"
					 "xyz",
			15);
	d.seg_size = 8;
	assert_int_equal(turn_input(&r.t, r.now, &d), 0);
	assert_int_equal(turn_data(&r.t, &got), 1);
	assert_memory_equal(got.data, "abcd", 4);
	assert_int_equal(turn_data(&r.t, &got), 1);
	assert_int_equal(got.len, 3);
	assert_int_equal(turn_data(&r.t, &got), 0);
	assert_int_equal(turn_stats(&r.t)->received, 3);
}

/* The server's answer is lost or behind; nobody but the server knows the number. */
static void data_over_a_channel_that_was_asked_for_are_the_peers(void **state)
{
	const uint8_t *data = (const uint8_t *)"\x40\x00\x00\x04"
					       "abcd";
	struct adit_addr peer = peer_addr();
	struct adit_dgram got;
	struct adit_dgram d;
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < 3; i++)
		(void)!send_text(&r, "hello");
	d = from_server(&r, data, 8);
	(void)!turn_input(&r.t, r.now, &d);
	assert_int_equal(turn_data(&r.t, &got), 0); /* not yet */
	r.s.is_dead = true;
	(void)!send_text(&r, "hello");
	assert_int_equal(turn_input(&r.t, r.now, &d), 0);
	assert_int_equal(turn_data(&r.t, &got), 1);
	assert_true(adit_addr_eq(&got.remote, &peer));
	assert_memory_equal(got.data, "abcd", 4);
}

static void what_strangers_send_is_dropped(void **state)
{
	struct adit_addr stranger = rig_addr("198.51.100.78:7000");
	struct adit_dgram got;
	struct adit_dgram d;
	uint8_t buf[256];
	struct rig r;

	(void)state;
	allocate(&r);
	(void)!send_text(&r, "hello");
	d = from_server(&r, buf, rig_indication(buf, sizeof(buf), &stranger, "let me in"));
	assert_int_equal(turn_input(&r.t, r.now, &d), 0);
	assert_int_equal(turn_data(&r.t, &got), 0);
	d = from_server(&r, (const uint8_t *)"\x4f\xff\x00\x01z", 5);
	assert_int_equal(turn_input(&r.t, r.now, &d), 0);
	assert_int_equal(turn_data(&r.t, &got), 0);
	d.remote.port++;
	assert_int_equal(turn_input(&r.t, r.now, &d), ADIT_EIGNORED);
	assert_int_equal(turn_stats(&r.t)->strange, 3);
}

static void a_refused_peer_is_told_and_asked_for_again_a_minute_later(void **state)
{
	struct adit_addr peer = peer_addr();
	struct turn_event e;
	struct rig r;

	(void)state;
	allocate(&r);
	r.s.refuse_permit = 403;
	turn_permit(&r.t, r.now, &peer);
	drain(&r);
	e = event(&r, TURN_EVENT_REFUSED);
	assert_int_equal(e.code, 403);
	assert_true(adit_addr_eq_ip(&e.peer, &peer));
	run_for(&r, ADIT_SEC(60) - 1);
	assert_int_equal(r.s.permits, 1);
	r.s.refuse_permit = 0;
	run_for(&r, 1);
	assert_int_equal(r.s.permits, 2);
	assert_int_equal(send_text(&r, "x"), 0);
}

static void a_refused_channel_leaves_indications_going(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	r.s.refuse_bind = 400;
	for (unsigned i = 0; i < 20; i++)
		(void)!send_text(&r, "hello");
	assert_int_equal(r.s.sends, 19);
	assert_int_equal(r.s.binds, 1);
}

static void a_refused_channel_is_asked_for_again_while_it_is_used_and_no_longer(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	r.s.refuse_bind = 508;
	for (unsigned i = 0; i < 180; i++) {
		(void)!send_text(&r, "hello");
		run_for(&r, ADIT_SEC(1));
	}
	assert_true(r.s.binds >= 3 && r.s.binds <= 4);
	run_for(&r, ADIT_SEC(3600));
	assert_true(r.s.binds <= 4);
}

static void more_peers_than_places_push_out_the_one_not_used_for_longest(void **state)
{
	struct adit_addr peer = rig_addr("203.0.113.1:1");
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < TURN_PERMITS_MAX + 1; i++) {
		peer.ip[3] = (uint8_t)(i + 1);
		turn_permit(&r.t, r.now, &peer);
		run_for(&r, ADIT_MS(10));
	}
	assert_int_equal(r.s.permits, TURN_PERMITS_MAX + 1);
	assert_int_equal(turn_send(&r.t, r.now, &peer, "x", 1, 0), 0);
	drain(&r);
	peer.ip[3] = 1;
	assert_int_equal(turn_send(&r.t, r.now, &peer, "x", 1, 0), ADIT_EAGAIN);
}

static int send_to(struct rig *r, const char *peer)
{
	struct adit_addr a = rig_addr(peer);
	int err = turn_send(&r->t, r->now, &a, "x", 1, 0);

	drain(r);
	return err;
}

static void a_public_relay_is_sent_to_nobodys_private_network(void **state)
{
	static const char *const beyond[] = {
		"10.0.0.1:1",    "172.16.0.1:1",  "192.168.1.1:1",       "100.64.0.1:1", "127.0.0.1:1",
		"169.254.1.1:1", "224.0.0.251:1", "0.0.0.0:1",           "[fc00::1]:1",  "[::1]:1",
		"[fe80::1]:1",   "[ff02::1]:1",   "[::ffff:10.0.0.1]:1",
	};
	struct rig r;

	(void)state;
	prepare(&r);
	r.cfg.families = TURN_V4 | TURN_V6;
	begin(&r);
	ready(&r);
	for (size_t i = 0; i < ARRAY_LEN(beyond); i++) {
		struct adit_addr a = rig_addr(beyond[i]);

		assert_int_equal(send_to(&r, beyond[i]), ADIT_EINVAL);
		turn_permit(&r.t, r.now, &a);
		drain(&r);
		assert_int_equal(turn_stats(&r.t)->beyond, 2 * (i + 1));
	}
	assert_int_equal(r.s.permits, 0);
	assert_int_equal(r.s.sends, 0);
	assert_int_equal(send_to(&r, "203.0.113.1:1"), ADIT_EAGAIN);
	assert_int_equal(send_to(&r, "203.0.113.1:1"), 0);
	assert_int_equal(turn_stats(&r.t)->beyond, 2 * ARRAY_LEN(beyond));
}

static void a_relay_in_a_private_network_reaches_what_is_there(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r);
	r.s.relayed_v4 = rig_addr("10.1.2.3:50000");
	begin(&r);
	ready(&r);
	assert_int_equal(send_to(&r, "192.168.1.1:1"), ADIT_EAGAIN);
	assert_int_equal(send_to(&r, "192.168.1.1:1"), 0);
	assert_int_equal(send_to(&r, "203.0.113.1:1"), ADIT_EAGAIN);
	/* Not the server itself, and not everybody. */
	assert_int_equal(send_to(&r, "127.0.0.1:1"), ADIT_EINVAL);
	assert_int_equal(send_to(&r, "224.0.0.251:1"), ADIT_EINVAL);
}

/* What is wanted is kept in mind for servers that come later (turn_set.h): each judges anew. */
static void what_was_wanted_before_is_judged_by_the_relay_that_comes(void **state)
{
	struct adit_addr peer = rig_addr("10.0.0.1:1");
	struct rig r;

	(void)state;
	prepare(&r);
	assert_int_equal(turn_init(&r.t, &r.cfg), 0);
	turn_permit(&r.t, r.now, &peer);
	turn_start(&r.t, r.now);
	drain(&r);
	ready(&r);
	run_for(&r, ADIT_SEC(1));
	assert_int_equal(r.s.permits, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_go_out_when_the_permission_is_there),
		cmocka_unit_test(a_public_relay_is_sent_to_nobodys_private_network),
		cmocka_unit_test(a_relay_in_a_private_network_reaches_what_is_there),
		cmocka_unit_test(what_was_wanted_before_is_judged_by_the_relay_that_comes),
		cmocka_unit_test(after_three_datagrams_a_channel_carries_them),
		cmocka_unit_test(permissions_are_renewed_before_they_end_and_idle_channels_are_not),
		cmocka_unit_test(a_channel_in_use_is_renewed),
		cmocka_unit_test(a_batch_is_framed_datagram_by_datagram),
		cmocka_unit_test(data_come_in_as_indications_and_over_channels),
		cmocka_unit_test(data_over_a_channel_that_was_asked_for_are_the_peers),
		cmocka_unit_test(what_strangers_send_is_dropped),
		cmocka_unit_test(a_refused_peer_is_told_and_asked_for_again_a_minute_later),
		cmocka_unit_test(a_refused_channel_leaves_indications_going),
		cmocka_unit_test(a_refused_channel_is_asked_for_again_while_it_is_used_and_no_longer),
		cmocka_unit_test(more_peers_than_places_push_out_the_one_not_used_for_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
