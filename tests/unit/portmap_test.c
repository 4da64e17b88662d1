#include "test.h"

#include "portmap_rig.h"

static void a_granted_mapping_is_reported_with_address_port_and_lifetime(void **state)
{
	struct adit_addr want = addr("203.0.113.9:4711");
	struct portmap_event e;
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_true(r.ask_open && r.news_open && r.pcp == 1);
	assert_null(portmap_external(&r.p));
	assert_int_equal(grant(&r, 3600, 77, "203.0.113.9:4711"), 0);
	e = event(&r, PORTMAP_EVENT_MAPPED);
	assert_int_equal(e.protocol, PORTMAP_PCP);
	assert_true(adit_addr_eq(&e.external, &want) && adit_addr_eq(portmap_external(&r.p), &want));
	assert_int_equal(e.lifetime, 3600);
	assert_false(e.is_private);
	no_event(&r);
}

/* RFC 6887 8.1.1, each wait within a tenth of 3, 6, 12 ... 1024 s of the one before. */
static void unanswered_questions_are_repeated_ever_more_rarely(void **state)
{
	adit_dur before = 0;
	struct rig r;

	(void)state;
	start_v4(&r);
	for (unsigned i = 0; i < 14; i++) {
		adit_dur base = before == 0 ? ADIT_SEC(3) : 2 * before;
		adit_time sent = r.now;
		unsigned n = r.pcp;

		base = base < ADIT_SEC(1024) ? base : ADIT_SEC(1024);
		while (r.pcp == n)
			run_until(&r, portmap_deadline(&r.p));
		before = r.now - sent;
		assert_in_range(before, base / 10 * 9, base / 10 * 11);
	}
	assert_true(r.address < 30);
}

static void silence_is_told_once_and_asking_goes_on(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	run_for(&r, PORTMAP_SILENCE - 1);
	no_event(&r);
	run_for(&r, 1);
	event(&r, PORTMAP_EVENT_NONE);
	run_for(&r, ADIT_SEC(3600));
	no_event(&r);
	assert_int_equal(grant(&r, 3600, 77, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
}

/* RFC 6887 11.2.1 */
static void a_renewal_comes_after_the_half_then_three_quarters_then_seven_eighths(void **state)
{
	static const unsigned from_s[] = {3600, 5400, 6300};
	static const unsigned to_s[] = {4500, 5850, 6525};
	adit_time granted;
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	granted = r.now;
	for (size_t i = 0; i < ARRAY_LEN(from_s); i++) {
		unsigned n = r.pcp;

		run_until(&r, portmap_deadline(&r.p));
		assert_int_equal(r.pcp, n + 1);
		assert_in_range(r.now - granted, ADIT_SEC(from_s[i]), ADIT_SEC(to_s[i]));
	}
	assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	no_event(&r);
	assert_int_equal(portmap_stats(&r.p)->renewed, 1);
	run_until(&r, granted + ADIT_SEC(7200) + 1);
	assert_non_null(portmap_external(&r.p));
}

static void renewals_are_never_nearer_than_four_seconds(void **state)
{
	adit_time last = 0;
	struct rig r;

	(void)state;
	start_mapped(&r, 20);
	last = r.now;
	for (unsigned n = r.pcp; portmap_external(&r.p);) {
		run_until(&r, portmap_deadline(&r.p));
		if (r.pcp == n || !portmap_external(&r.p))
			continue;
		n = r.pcp;
		assert_true(r.now - last >= ADIT_SEC(4));
		last = r.now;
	}
}

static void a_mapping_that_ran_out_is_lost_and_asked_for_as_it_was(void **state)
{
	struct rig r;
	unsigned n;

	(void)state;
	start_mapped(&r, 100);
	run_for(&r, ADIT_SEC(100) - 1);
	no_event(&r);
	n = r.pcp;
	run_for(&r, 1);
	event(&r, PORTMAP_EVENT_LOST);
	assert_null(portmap_external(&r.p));
	assert_int_equal(r.pcp, n + 1);
	assert_memory_equal(r.last + 42, "\x11\x94", 2);
	assert_memory_equal(r.last + 56, "\xcb\x00\x71\x09", 4);
}

static void a_mapping_that_moved_is_reported(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 100);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(grant(&r, 100, epoch_of(&r), "203.0.113.10:4500"), 0);
	event(&r, PORTMAP_EVENT_CHANGED);
	no_event(&r);
}

static void errors_wait_as_long_as_the_router_says_within_limits(void **state)
{
	static const struct {
		uint32_t said;
		unsigned wait_s;
	} cases[] = {{0, 30}, {30, 30}, {300, 300}, {1800, 1800}, {UINT32_MAX, 1800}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		start_v4(&r);
		assert_int_equal(refuse(&r, PORTMAP_PCP_NOT_AUTHORIZED, cases[i].said), 0);
		assert_string_equal(event(&r, PORTMAP_EVENT_REFUSED).reason, portmap_pcp_text(2));
		run_for(&r, ADIT_SEC(cases[i].wait_s) - 1);
		assert_int_equal(r.pcp, 1);
		run_for(&r, 1);
		assert_int_equal(r.pcp, 2);
		assert_int_equal(refuse(&r, PORTMAP_PCP_NOT_AUTHORIZED, 30), 0);
		no_event(&r); /* the same reason again is no news */
		run_for(&r, ADIT_SEC(30));
		assert_int_equal(refuse(&r, PORTMAP_PCP_ADDRESS_MISMATCH, 30), 0);
		event(&r, PORTMAP_EVENT_REFUSED);
	}
}

static void a_refused_renewal_leaves_the_mapping_until_its_end(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 100);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(refuse(&r, 8, 1800), 0);
	no_event(&r);
	assert_non_null(portmap_external(&r.p));
	run_for(&r, ADIT_SEC(60));
	event(&r, PORTMAP_EVENT_LOST);
}

static void a_check_asks_at_once(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	portmap_check(&r.p, r.now);
	drain(&r);
	assert_int_equal(r.pcp, 2);
	assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	no_event(&r);
}

static void an_ipv6_pinhole_is_asked_by_pcp_alone(void **state)
{
	struct portmap_event e;
	struct rig r;

	(void)state;
	start(&r, "fe80::1", "[2001:db8::5]:4500", 0);
	run_for(&r, ADIT_SEC(60));
	assert_int_equal(r.address, 0);
	event(&r, PORTMAP_EVENT_NONE);
	assert_int_equal(grant(&r, 3600, 5, "[2001:db8::5]:4500"), 0);
	e = event(&r, PORTMAP_EVENT_MAPPED);
	assert_true(adit_addr_is_v6(&e.external) && !e.is_private);
}

static void the_end_deletes_and_closes(void **state)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	portmap_end(&r.p, r.now);
	drain(&r);
	assert_int_equal(r.pcp, 2);
	assert_memory_equal(r.last + 4, "\0\0\0\0", 4); /* the lifetime */
	assert_int_equal(say(&r, buf, pcp_answer(&r, 0, 7200, 77, "203.0.113.9:4500", buf)), ADIT_EREPLAY);
	assert_false(portmap_is_done(&r.p));
	assert_int_equal(say(&r, buf, pcp_answer(&r, 0, 0, 77, "203.0.113.9:4500", buf)), 0);
	assert_true(portmap_is_done(&r.p) && !r.ask_open && !r.news_open);
	assert_true(portmap_deadline(&r.p) == ADIT_NEVER);
	assert_int_equal(say(&r, buf, sizeof(buf)), ADIT_EIGNORED);
	no_event(&r);
}

static void a_deaf_router_delays_the_end_by_two_seconds_at_most(void **state)
{
	struct rig r;

	(void)state;
	start_pmp(&r);
	portmap_end(&r.p, r.now);
	drain(&r);
	run_for(&r, PORTMAP_DELETE_MAX - 1);
	assert_false(portmap_is_done(&r.p));
	assert_int_equal(r.map, 1 + 4);
	run_for(&r, 1);
	assert_true(portmap_is_done(&r.p) && !r.ask_open && !r.news_open);
	start_v4(&r); /* and one that never spoke by nothing */
	portmap_end(&r.p, r.now);
	drain(&r);
	run_for(&r, 0);
	assert_true(portmap_is_done(&r.p));
	assert_int_equal(r.pcp, 2);
}

static void a_failed_verification_deletes_and_asks_with_another_nonce(void **state)
{
	uint8_t late[PORTMAP_PCP_MAP_LEN];
	uint8_t nonce[PORTMAP_PCP_NONCE_LEN];
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	memcpy(nonce, r.p.nonce, sizeof(nonce));
	portmap_verify_failed(&r.p, r.now);
	drain(&r);
	event(&r, PORTMAP_EVENT_LOST);
	pcp_answer(&r, 0, 0, 77, "203.0.113.9:4500", late);
	assert_int_equal(say(&r, late, sizeof(late)), 0);
	assert_int_equal(r.pcp, 3);
	assert_memory_not_equal(r.p.nonce, nonce, sizeof(nonce));
	assert_int_equal(say(&r, late, sizeof(late)), ADIT_EREPLAY); /* a copy of the deletion's answer */
	assert_int_equal(grant(&r, 7200, 77, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
}

static void the_second_failure_in_a_row_withdraws(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	for (unsigned i = 0; i < 3; i++) { /* a success between makes it the first again */
		portmap_verify_failed(&r.p, r.now);
		drain(&r);
		event(&r, PORTMAP_EVENT_LOST);
		run_for(&r, PORTMAP_DELETE_MAX);
		assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
		event(&r, PORTMAP_EVENT_MAPPED);
		if (i < 2)
			portmap_verify_passed(&r.p);
	}
	portmap_verify_failed(&r.p, r.now);
	drain(&r);
	event(&r, PORTMAP_EVENT_WITHDRAWN);
	assert_null(portmap_external(&r.p));
	assert_memory_equal(r.last + 4, "\0\0\0\0", 4);
	run_for(&r, PORTMAP_DELETE_MAX);
	assert_true(portmap_is_done(&r.p));
	no_event(&r);
}

static void without_the_news_socket_it_works_and_without_the_other_it_ends(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	portmap_sock_failed(&r.p, r.now, NEWS);
	r.news_open = false;
	assert_int_equal(grant(&r, 7200, 77, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
	portmap_end(&r.p, r.now);
	run_for(&r, PORTMAP_DELETE_MAX);
	assert_true(portmap_is_done(&r.p) && !r.ask_open);
	start_v4(&r);
	portmap_sock_failed(&r.p, r.now, ASK);
	drain(&r);
	event(&r, PORTMAP_EVENT_NONE);
	assert_true(portmap_is_done(&r.p) && !r.news_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_granted_mapping_is_reported_with_address_port_and_lifetime),
		cmocka_unit_test(unanswered_questions_are_repeated_ever_more_rarely),
		cmocka_unit_test(silence_is_told_once_and_asking_goes_on),
		cmocka_unit_test(a_renewal_comes_after_the_half_then_three_quarters_then_seven_eighths),
		cmocka_unit_test(renewals_are_never_nearer_than_four_seconds),
		cmocka_unit_test(a_mapping_that_ran_out_is_lost_and_asked_for_as_it_was),
		cmocka_unit_test(a_mapping_that_moved_is_reported),
		cmocka_unit_test(errors_wait_as_long_as_the_router_says_within_limits),
		cmocka_unit_test(a_refused_renewal_leaves_the_mapping_until_its_end),
		cmocka_unit_test(a_check_asks_at_once),
		cmocka_unit_test(an_ipv6_pinhole_is_asked_by_pcp_alone),
		cmocka_unit_test(the_end_deletes_and_closes),
		cmocka_unit_test(a_deaf_router_delays_the_end_by_two_seconds_at_most),
		cmocka_unit_test(a_failed_verification_deletes_and_asks_with_another_nonce),
		cmocka_unit_test(the_second_failure_in_a_row_withdraws),
		cmocka_unit_test(without_the_news_socket_it_works_and_without_the_other_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
