#include "test.h"

#include "turn_pair.h"

static void a_challenge_is_answered_and_the_allocation_is_told(void **state)
{
	struct adit_addr want = rig_addr("198.51.100.1:50000");
	struct rig r;

	(void)state;
	allocate(&r);
	assert_int_equal(r.s.allocates, 1);
	assert_true(adit_addr_eq(turn_relayed(&r.t, ADIT_FAMILY_V4), &want));
	assert_null(turn_relayed(&r.t, ADIT_FAMILY_V6));
	assert_true(adit_addr_eq(turn_mapped(&r.t), &r.s.mapped));
}

static void a_server_of_rfc8489_gets_sha256_and_a_hashed_user(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r);
	rig_server_be_new(&r.s);
	begin(&r);
	ready(&r);
	assert_int_equal(send_text(&r, "x"), ADIT_EAGAIN);
	assert_int_equal(r.s.permits, 1);
}

static void a_wrong_password_is_told_after_one_try(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	prepare(&r);
	r.s.pass = "another";
	begin(&r);
	event(&r, TURN_EVENT_HELD);
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_CREDENTIALS);
	assert_int_equal(r.s.asked, 2);
	run_for(&r, ADIT_SEC(3600));
	assert_int_equal(r.s.asked, 2);
	assert_int_equal(r.closed, 1);
}

static void silence_ends_the_asking_after_eleven_and_a_half_seconds(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	prepare(&r);
	r.s.is_dead = true;
	begin(&r);
	run_for(&r, ADIT_MS(11500) - 1);
	no_event(&r);
	run_for(&r, 1);
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_TIMEOUT);
}

static void an_allocation_lives_for_a_day_by_refreshes_and_keepalives(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	run_for(&r, ADIT_SEC(86400));
	no_event(&r);
	assert_int_equal(turn_state(&r.t), TURN_READY);
	assert_in_range(r.s.refreshes, 86400 / 120 - 2, 86400 / 120 + 1);
	/* At most one question and its answer in 15 s, as the budget of an idle path wants. */
	assert_true(r.s.keeps + r.s.refreshes <= 86400 / 15 + 1);
}

static void a_short_lifetime_is_refreshed_before_its_half(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r);
	r.s.lifetime = 20;
	begin(&r);
	ready(&r);
	run_for(&r, ADIT_SEC(10) - 1);
	assert_int_equal(r.s.refreshes, 0);
	run_for(&r, 1);
	assert_int_equal(r.s.refreshes, 1);
}

static void a_stale_nonce_is_replaced_and_the_request_repeated(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	strcpy(r.s.nonce, "second");
	run_for(&r, ADIT_SEC(130));
	assert_int_equal(r.s.refreshes, 1);
	assert_int_equal(turn_stats(&r.t)->stale, 1);
	strcpy(r.s.nonce, "third");
	assert_int_equal(send_text(&r, "x"), ADIT_EAGAIN);
	assert_int_equal(r.s.permits, 1);
	assert_int_equal(send_text(&r, "x"), 0);
	no_event(&r);
}

static void a_server_with_ever_new_nonces_is_given_up(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	prepare(&r);
	r.s.is_senile = true;
	begin(&r);
	event(&r, TURN_EVENT_HELD);
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_PROTOCOL);
	assert_int_equal(r.s.asked, 1 + 1 + TURN_STALE_MAX);
}

static void a_dead_server_is_noticed_within_nine_seconds_of_data(void **state)
{
	struct turn_event e;
	adit_time died;
	struct rig r;

	(void)state;
	allocate(&r);
	for (unsigned i = 0; i < 5; i++)
		(void)!send_text(&r, "hello");
	r.s.is_dead = true;
	died = r.now;
	while (turn_state(&r.t) == TURN_READY && r.now < died + ADIT_SEC(60)) {
		(void)!send_text(&r, "hello");
		run_for(&r, ADIT_MS(100));
	}
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_SILENT);
	assert_true(r.now - died <= ADIT_SEC(9));
}

static void an_idle_clients_dead_server_is_noticed_within_half_a_minute(void **state)
{
	adit_time died;
	struct rig r;

	(void)state;
	allocate(&r);
	run_for(&r, ADIT_SEC(100));
	r.s.is_dead = true;
	died = r.now;
	while (turn_state(&r.t) == TURN_READY)
		run_for(&r, ADIT_SEC(1));
	assert_true(r.now - died <= ADIT_SEC(30));
}

static void a_forgotten_allocation_is_noticed(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	allocate(&r);
	r.s.has_allocation = false;
	strcpy(r.s.nonce, "after the restart");
	run_for(&r, ADIT_SEC(121));
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_GONE);
	turn_start(&r.t, r.now);
	drain(&r);
	ready(&r);
}

static void a_doubt_asks_the_server_at_once_and_once(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	run_for(&r, ADIT_SEC(5));
	assert_int_equal(r.s.refreshes, 0);
	r.is_cut = true;
	turn_doubt(&r.t, r.now);
	assert_int_equal(turn_deadline(&r.t), r.now);
	turn_tick(&r.t, r.now);
	drain(&r);
	/* Doubts while it is being asked add nothing. */
	turn_doubt(&r.t, r.now);
	turn_tick(&r.t, r.now);
	r.is_cut = false;
	run_for(&r, ADIT_MS(600));
	assert_int_equal(r.s.refreshes, 1);
	no_event(&r);
	/* It has forgotten: its word counts at once, without any silence. */
	r.s.has_allocation = false;
	turn_doubt(&r.t, r.now);
	turn_tick(&r.t, r.now);
	drain(&r);
	assert_int_equal(event(&r, TURN_EVENT_FAILED).why, TURN_WHY_GONE);
	/* Nothing is left to be doubted. */
	turn_doubt(&r.t, r.now);
	assert_int_equal(turn_deadline(&r.t), ADIT_NEVER);
}

static void a_refused_refresh_is_told_by_whatever_code_says_that_it_is_gone(void **state)
{
	static const unsigned codes[] = {437, 441};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct turn_event e;
		struct rig r;

		allocate(&r);
		r.s.refuse_refresh = codes[i];
		turn_doubt(&r.t, r.now);
		turn_tick(&r.t, r.now);
		drain(&r);
		e = event(&r, TURN_EVENT_FAILED);
		assert_int_equal(e.why, TURN_WHY_GONE);
		assert_int_equal(e.code, codes[i]);
	}
}

static void a_new_public_address_is_noticed_by_the_next_keepalive(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	allocate(&r);
	run_for(&r, ADIT_SEC(1));
	r.s.mapped.port++;
	r.s.has_allocation = false; /* the five-tuple is another one now */
	run_for(&r, ADIT_SEC(16));
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_GONE);
}

static void a_redirection_is_followed_and_a_circle_is_not(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	prepare(&r);
	r.s.alternate = r.other.addr;
	begin(&r);
	ready(&r);
	assert_true(adit_addr_eq(&turn_server(&r.t)->addr, &r.other.addr));
	assert_int_equal(r.other.allocates, 1);

	prepare(&r);
	r.s.alternate = r.other.addr;
	r.other.alternate = r.s.addr;
	begin(&r);
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_REDIRECT);
	assert_int_equal(r.s.asked + r.other.asked, 2);
}

/* Nobody may make us ask what is behind our own router, or many. */
static void a_redirection_leads_to_no_private_address(void **state)
{
	static const char *const to[] = {"192.168.1.1:22",   "10.0.0.1:3478",  "100.64.0.1:3478", "127.0.0.1:3478",
					 "169.254.1.1:3478", "224.0.0.1:3478", "0.0.0.0:3478",    "[2001:db8::1]:3478"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		struct turn_event e;
		struct rig r;

		prepare(&r);
		assert_int_equal(adit_addr_parse(to[i], strlen(to[i]), &r.s.alternate), 0);
		begin(&r);
		e = event(&r, TURN_EVENT_FAILED);
		assert_int_equal(e.why, TURN_WHY_REDIRECT);
		assert_int_equal(r.s.asked, 1);
	}
}

static void a_taken_five_tuple_makes_it_try_another_port_once(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	prepare(&r);
	r.s.refuse_allocate = 437;
	begin(&r);
	event(&r, TURN_EVENT_HELD);
	event(&r, TURN_EVENT_HELD);
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_TAKEN);
	assert_int_equal(r.opened, 2);
	assert_int_equal(r.closed, 2);
}

static void refusals_are_told_by_their_code(void **state)
{
	static const struct {
		unsigned code;
		enum turn_why why;
	} cases[] = {{403, TURN_WHY_FORBIDDEN}, {440, TURN_WHY_FAMILY},   {442, TURN_WHY_TRANSPORT},
		     {486, TURN_WHY_QUOTA},     {508, TURN_WHY_CAPACITY}, {500, TURN_WHY_ERROR}};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct turn_event e;

		prepare(&r);
		r.s.refuse_allocate = cases[i].code;
		r.cfg.families = TURN_V6;
		begin(&r);
		event(&r, TURN_EVENT_HELD);
		e = event(&r, TURN_EVENT_FAILED);
		assert_int_equal(e.why, cases[i].why);
		assert_int_equal(e.code, cases[i].code);
	}
}

static void both_families_come_from_one_allocation_where_the_server_has_them(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r);
	r.cfg.families = TURN_V4 | TURN_V6;
	begin(&r);
	ready(&r);
	assert_non_null(turn_relayed(&r.t, ADIT_FAMILY_V4));
	assert_non_null(turn_relayed(&r.t, ADIT_FAMILY_V6));

	prepare(&r);
	r.cfg.families = TURN_V4 | TURN_V6;
	r.s.only_v4 = true;
	begin(&r);
	ready(&r);
	assert_null(turn_relayed(&r.t, ADIT_FAMILY_V6));

	prepare(&r);
	r.cfg.families = TURN_V4 | TURN_V6;
	r.s.refuse_allocate = 440;
	r.s.only_v4 = true;
	begin(&r);
	ready(&r);
	assert_non_null(turn_relayed(&r.t, ADIT_FAMILY_V4));
}

static void forged_answers_are_dropped_and_the_true_one_still_counts(void **state)
{
	uint8_t request[600];
	uint8_t forged[600];
	struct stun_build b;
	struct adit_dgram d;
	struct adit_out o;
	struct stun_msg m;
	struct rig r;

	(void)state;
	allocate(&r);
	run_for(&r, TURN_REFRESH_EVERY - 1);
	turn_tick(&r.t, ++r.now);
	assert_int_equal(turn_output(&r.t, r.now, &o), 1);
	memcpy(request, o.data, o.len);
	assert_int_equal(stun_msg_parse(&m, request, o.len), 0);
	assert_int_equal(m.method, STUN_REFRESH);
	stun_build_begin(&b, forged, sizeof(forged), STUN_ERROR, m.method, m.txid);
	stun_build_error(&b, 437, "gone");
	d = from_server(&r, forged, (size_t)stun_build_end(&b));
	assert_int_equal(turn_input(&r.t, r.now, &d), 0);
	assert_int_equal(turn_state(&r.t), TURN_READY);
	d = from_server(&r, forged, rig_take(&r.s, request, m.len, forged, sizeof(forged)));
	assert_int_equal(turn_input(&r.t, r.now, &d), 0);
	assert_false(r.t.is_refreshing);
	no_event(&r);
}

static void the_end_gives_the_allocation_back(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	turn_end(&r.t, r.now);
	drain(&r);
	event(&r, TURN_EVENT_ENDED);
	drain(&r);
	assert_int_equal(r.s.releases, 1);
	assert_false(r.s.has_allocation);
	assert_int_equal(r.opened, r.closed);
	assert_int_equal(turn_deadline(&r.t), ADIT_NEVER);
}

static void the_end_takes_a_second_where_the_server_is_dead(void **state)
{
	struct rig r;

	(void)state;
	allocate(&r);
	r.s.is_dead = true;
	turn_end(&r.t, r.now);
	run_for(&r, TURN_RELEASE_WAIT - 1);
	no_event(&r);
	run_for(&r, 1);
	event(&r, TURN_EVENT_ENDED);
}

static void over_a_stream_nothing_is_sent_twice_and_frames_are_padded(void **state)
{
	struct adit_addr peer = peer_addr();
	struct adit_out o;
	struct rig r;

	(void)state;
	prepare(&r);
	r.cfg.server.transport = TURN_TCP;
	begin(&r);
	assert_int_equal(r.s.asked, 0);
	turn_stream_up(&r.t, r.now);
	drain(&r);
	ready(&r);
	for (unsigned i = 0; i < 5; i++)
		(void)!send_text(&r, "hello");
	assert_int_equal(turn_send(&r.t, r.now, &peer, "hello", 5, 0), 0);
	assert_int_equal(turn_output(&r.t, r.now, &o), 1);
	assert_int_equal(o.len, 12);
	assert_memory_equal(o.data, "\x40\x00\x00\x05hello\0\0\0", 12);
	r.s.asked = 0;
	r.s.is_dead = true;
	turn_stream_down(&r.t, r.now);
	event(&r, TURN_EVENT_FAILED);
	drain(&r);
	assert_int_equal(r.opened, r.closed);
}

static void a_stream_that_does_not_come_up_is_given_up(void **state)
{
	struct turn_event e;
	struct rig r;

	(void)state;
	prepare(&r);
	r.cfg.server.transport = TURN_TLS;
	begin(&r);
	run_for(&r, TURN_STREAM_UP_WAIT);
	e = event(&r, TURN_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_STREAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_challenge_is_answered_and_the_allocation_is_told),
		cmocka_unit_test(a_server_of_rfc8489_gets_sha256_and_a_hashed_user),
		cmocka_unit_test(a_wrong_password_is_told_after_one_try),
		cmocka_unit_test(silence_ends_the_asking_after_eleven_and_a_half_seconds),
		cmocka_unit_test(an_allocation_lives_for_a_day_by_refreshes_and_keepalives),
		cmocka_unit_test(a_short_lifetime_is_refreshed_before_its_half),
		cmocka_unit_test(a_stale_nonce_is_replaced_and_the_request_repeated),
		cmocka_unit_test(a_server_with_ever_new_nonces_is_given_up),
		cmocka_unit_test(a_dead_server_is_noticed_within_nine_seconds_of_data),
		cmocka_unit_test(an_idle_clients_dead_server_is_noticed_within_half_a_minute),
		cmocka_unit_test(a_forgotten_allocation_is_noticed),
		cmocka_unit_test(a_doubt_asks_the_server_at_once_and_once),
		cmocka_unit_test(a_refused_refresh_is_told_by_whatever_code_says_that_it_is_gone),
		cmocka_unit_test(a_new_public_address_is_noticed_by_the_next_keepalive),
		cmocka_unit_test(a_redirection_is_followed_and_a_circle_is_not),
		cmocka_unit_test(a_redirection_leads_to_no_private_address),
		cmocka_unit_test(a_taken_five_tuple_makes_it_try_another_port_once),
		cmocka_unit_test(refusals_are_told_by_their_code),
		cmocka_unit_test(both_families_come_from_one_allocation_where_the_server_has_them),
		cmocka_unit_test(forged_answers_are_dropped_and_the_true_one_still_counts),
		cmocka_unit_test(the_end_gives_the_allocation_back),
		cmocka_unit_test(the_end_takes_a_second_where_the_server_is_dead),
		cmocka_unit_test(over_a_stream_nothing_is_sent_twice_and_frames_are_padded),
		cmocka_unit_test(a_stream_that_does_not_come_up_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
