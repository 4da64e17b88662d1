#include "test.h"

#include "portmap_rig.h"

static void a_private_address_outside_is_a_double_nat(void **state)
{
	static const struct {
		const char *external;
		bool is_private;
	} cases[] = {
		{"10.0.0.2:4500", true},     {"192.168.0.7:4500", true}, {"100.64.3.4:4500", true},
		{"100.128.0.1:4500", false}, {"172.16.0.1:1", true},     {"198.51.100.7:4500", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		start_v4(&r);
		assert_int_equal(grant(&r, 3600, 77, cases[i].external), 0);
		assert_int_equal(event(&r, PORTMAP_EVENT_MAPPED).is_private, cases[i].is_private);
	}
}

static void an_unreachable_port_at_the_gateway_ends_the_wait_for_it_alone(void **state)
{
	struct adit_icmp icmp = {.sock = ASK, .type = 3, .code = 3};
	struct rig r;

	(void)state;
	start_v4(&r);
	icmp.remote = r.gateway;
	icmp.offender = addr("192.168.1.66");
	portmap_icmp(&r.p, r.now, &icmp);
	icmp.offender = addr("192.168.1.1");
	icmp.code = 1;
	portmap_icmp(&r.p, r.now, &icmp);
	no_event(&r);
	icmp.code = 3;
	portmap_icmp(&r.p, r.now, &icmp);
	event(&r, PORTMAP_EVENT_NONE);
}

static void lying_lifetimes_are_cut_to_a_day_or_refused(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, UINT32_MAX);
	assert_int_equal(r.p.lifetime, 86400);
	run_for(&r, ADIT_SEC(86400) * 5 / 8);
	assert_int_equal(r.pcp, 2);
	for (uint32_t lifetime = 0; lifetime < PORTMAP_LIFETIME_MIN; lifetime++) {
		start_v4(&r);
		assert_int_equal(grant(&r, lifetime, 77, "203.0.113.9:4500"), 0);
		event(&r, PORTMAP_EVENT_REFUSED);
		run_for(&r, ADIT_SEC(29));
		assert_int_equal(r.pcp, 1); /* no loop of ever new questions */
	}
}

static void who_is_not_the_gateways_service_is_not_heard(void **state)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct rig r;
	size_t len;

	(void)state;
	start_v4(&r);
	len = pcp_answer(&r, 0, 3600, 77, "203.0.113.9:4500", buf);
	assert_int_equal(from(&r, ASK, addr("192.168.1.2:5351"), buf, len), ADIT_EIGNORED);
	assert_int_equal(from(&r, ASK, addr("192.168.1.1:5350"), buf, len), ADIT_EIGNORED);
	assert_int_equal(from(&r, NEWS, r.gateway, buf, len), ADIT_EREPLAY); /* an answer is no news */
	no_event(&r);
	assert_int_equal(portmap_stats(&r.p)->strangers, 2);
	assert_int_equal(say(&r, buf, len), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
}

static void an_answer_with_one_wrong_byte_in_what_it_echoes_is_not_ours(void **state)
{
	uint8_t buf[PORTMAP_PCP_MAP_LEN];
	struct rig r;

	(void)state;
	start_v4(&r);
	for (size_t at = 24; at < 42; at++) {
		size_t len = pcp_answer(&r, 0, 3600, 77, "203.0.113.9:4500", buf);

		if (at >= 37 && at < 40) /* reserved: ignored on receipt */
			continue;
		buf[at] ^= 1;
		assert_int_equal(say(&r, buf, len), ADIT_EREPLAY);
		no_event(&r);
	}
	assert_int_equal(portmap_stats(&r.p)->unexpected, 15);
}

static void addresses_that_nobody_can_reach_are_no_mapping(void **state)
{
	static const char *const bad[] = {"0.0.0.0:4500", "127.0.0.1:4500", "224.0.0.1:4500", "255.255.255.255:1",
					  "203.0.113.9",  "[::]:4500",      "[::1]:4500",     "[ff02::1]:4500"};
	struct rig r;

	(void)state;
	start_v4(&r);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(grant(&r, 3600, 77, bad[i]), ADIT_EPROTO);
	no_event(&r);
	assert_int_equal(portmap_stats(&r.p)->malformed, ARRAY_LEN(bad));
}

static void a_replayed_answer_changes_nothing_and_costs_one_question_in_ten_seconds(void **state)
{
	uint8_t old[PORTMAP_PCP_MAP_LEN];
	struct adit_addr want = addr("203.0.113.9:4500");
	struct rig r;
	size_t len;

	(void)state;
	start_v4(&r);
	len = pcp_answer(&r, 0, 3600, epoch_of(&r), "198.51.100.1:1", old);
	assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_MAPPED);
	for (unsigned i = 0; i < 1000; i++) {
		run_for(&r, ADIT_MS(9));
		assert_int_equal(say(&r, old, len), ADIT_EREPLAY);
		assert_true(adit_addr_eq(portmap_external(&r.p), &want));
		run_for(&r, 0);
		if (r.p.pcp_is_out) /* the true router answers what the replay made us ask */
			assert_int_equal(grant(&r, 7200, epoch_of(&r), "203.0.113.9:4500"), 0);
	}
	assert_int_equal(r.pcp, 2);
	no_event(&r);
}

static void an_announcement_after_a_restart_makes_the_mapping_anew_within_five_seconds(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(announce(&r, 0), 0);
	run_for(&r, PORTMAP_NEWS_SPREAD);
	assert_int_equal(r.pcp, 2 + (r.p.tries > 1));
	assert_non_null(portmap_external(&r.p));
	assert_int_equal(grant(&r, 7200, 5, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	assert_int_equal(announce(&r, 5), 0); /* it is said several times */
	run_for(&r, ADIT_SEC(30));
	assert_int_equal(portmap_stats(&r.p)->restarts, 1);
	no_event(&r);
}

/* A router that comes up in two steps tells of both. */
static void a_second_restart_within_ten_seconds_is_asked_about_when_they_are_over(void **state)
{
	struct rig r;
	unsigned asked;

	(void)state;
	start_mapped(&r, 7200);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(announce(&r, 0), 0);
	while (r.pcp == 1)
		run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(grant(&r, 7200, 5, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	run_for(&r, ADIT_SEC(1));
	asked = r.pcp;
	assert_int_equal(announce(&r, 0), 0);
	assert_int_equal(announce(&r, 0), 0);
	run_for(&r, PORTMAP_HINT_GAP - ADIT_SEC(1));
	assert_int_equal(r.pcp, asked + 1);
	assert_non_null(portmap_external(&r.p));
	assert_int_equal(grant(&r, 7200, 9, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	no_event(&r);
}

/* It must not cost the renewal its time. */
static void a_hint_that_waits_never_waits_longer_than_the_renewal(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 8);
	assert_int_equal(announce(&r, 0), 0);
	while (r.pcp == 1)
		run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(grant(&r, 8, 5, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	assert_int_equal(announce(&r, 0), 0);
	run_for(&r, ADIT_SEC(5));
	assert_int_equal(r.pcp, 3);
	assert_int_equal(grant(&r, 8, 5, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	no_event(&r);
}

static void an_announcement_with_a_true_epoch_is_nothing(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(announce(&r, epoch_of(&r)), 0);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(r.pcp, 1);
}

static void epochs_that_jump_about_cost_one_question_in_ten_seconds(void **state)
{
	unsigned asked = 0;
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned n = r.pcp;

		run_for(&r, ADIT_MS(20));
		announce(&r, i % 2 ? 0 : UINT32_MAX);
		run_for(&r, 0);
		asked += r.pcp - n;
		if (r.pcp != n)
			assert_int_equal(grant(&r, 7200, i % 2 ? 0 : UINT32_MAX, "203.0.113.9:4500"), 0);
	}
	assert_in_range(asked, 2, 7); /* in a minute */
}

static void a_restart_seen_in_a_renewals_answer_is_told(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(grant(&r, 7200, 12, "203.0.113.9:4500"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
}

static void a_restart_without_an_answer_is_a_loss(void **state)
{
	struct rig r;

	(void)state;
	start_mapped(&r, 7200);
	run_for(&r, ADIT_SEC(50));
	announce(&r, 0);
	run_for(&r, PORTMAP_NEWS_SPREAD + PORTMAP_SILENCE);
	event(&r, PORTMAP_EVENT_LOST);
	event(&r, PORTMAP_EVENT_NONE);
	assert_null(portmap_external(&r.p));
}

static void a_router_that_knows_nat_pmp_only_is_asked_that_way(void **state)
{
	struct adit_addr want = addr("203.0.113.9:4501");
	struct rig r;

	(void)state;
	start_pmp(&r);
	assert_true(adit_addr_eq(portmap_external(&r.p), &want));
	assert_int_equal(r.pcp, 1);
	assert_int_equal(r.map, 1);
	run_until(&r, portmap_deadline(&r.p));
	assert_int_equal(r.map, 2);
	assert_int_equal(r.address, 2);
	assert_int_equal(pmp_map(&r, epoch_of(&r), 4500, 4501, 3600), 0);
	assert_int_equal(pmp_address(&r, ASK, epoch_of(&r), "203.0.113.9"), 0);
	assert_int_equal(portmap_stats(&r.p)->renewed, 1);
	no_event(&r);
}

static void silence_to_pcp_and_an_answer_to_nat_pmp_decide_for_nat_pmp(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	run_for(&r, PORTMAP_PMP_AFTER);
	assert_int_equal(r.address, 1);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), 0);
	assert_int_equal(r.pcp, 2); /* its last call */
	assert_int_equal(r.map, 0);
	run_for(&r, PORTMAP_PCP_LAST_CALL);
	assert_int_equal(r.map, 1);
	assert_int_equal(pmp_map(&r, 5, 4500, 4501, 3600), 0);
	assert_int_equal(event(&r, PORTMAP_EVENT_MAPPED).protocol, PORTMAP_PMP);
}

static void a_lost_datagram_does_not_decide_against_pcp(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	run_for(&r, PORTMAP_PMP_AFTER);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), 0);
	assert_int_equal(grant(&r, 3600, 5, "203.0.113.9:4500"), 0);
	assert_int_equal(event(&r, PORTMAP_EVENT_MAPPED).protocol, PORTMAP_PCP);
	run_for(&r, ADIT_SEC(60));
	assert_int_equal(r.map, 0);
}

/* RFC 6886 3.1 */
static void nat_pmp_is_asked_nine_times_over_64_seconds_then_pcp_again(void **state)
{
	adit_time begin;
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), 0);
	begin = r.now;
	for (unsigned n = 1; n <= 9; n++) {
		assert_int_equal(r.map, n);
		run_until(&r, begin + ADIT_MS(250) * ((1u << n) - 1) - 1);
		assert_int_equal(r.map, n);
		run_for(&r, 1);
	}
	assert_int_equal(r.map, 9);
	event(&r, PORTMAP_EVENT_NONE);
	assert_int_equal(r.pcp, 1);
	run_for(&r, PORTMAP_PMP_PAUSE);
	assert_int_equal(r.pcp, 2);
}

static void nat_pmps_refusals_have_words_and_times(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), 0);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_REFUSED), 0);
	assert_string_equal(event(&r, PORTMAP_EVENT_REFUSED).reason, portmap_pmp_text(2));
	run_for(&r, ADIT_SEC(1799));
	assert_int_equal(r.map, 1);
	run_for(&r, ADIT_SEC(1));
	assert_int_equal(r.map, 2);
	assert_int_equal(pmp_address(&r, ASK, 9, "0.0.0.0"), 0);
	assert_string_equal(event(&r, PORTMAP_EVENT_REFUSED).reason, portmap_pmp_text(PORTMAP_PMP_NETWORK));
}

static void nat_pmp_answers_for_other_ports_or_unasked_are_dropped(void **state)
{
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(pmp_map(&r, 5, 4500, 4501, 3600), ADIT_EREPLAY);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), ADIT_EREPLAY);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), 0);
	assert_int_equal(pmp_map(&r, 5, 4499, 4501, 3600), ADIT_EREPLAY);
	assert_int_equal(pmp_map(&r, 5, 4500, 0, 0), ADIT_EREPLAY); /* of a deletion */
	assert_int_equal(pmp_map(&r, 5, 4500, 0, 3600), ADIT_EPROTO);
	no_event(&r);
}

static void nat_pmps_news_make_the_mapping_anew(void **state)
{
	struct rig r;

	(void)state;
	start_pmp(&r);
	run_for(&r, ADIT_SEC(100));
	assert_int_equal(pmp_address(&r, NEWS, 0, "203.0.113.9"), 0);
	run_for(&r, PORTMAP_NEWS_SPREAD);
	assert_true(r.map >= 2);
	assert_int_equal(pmp_map(&r, 5, 4500, 4501, 3600), 0);
	assert_int_equal(pmp_address(&r, ASK, 5, "203.0.113.9"), 0);
	event(&r, PORTMAP_EVENT_RESTORED);
	run_for(&r, ADIT_SEC(30));
	assert_int_equal(pmp_address(&r, NEWS, 35, "203.0.113.77"),
			 0); /* a new address, believed when it is asked for */
	no_event(&r);
	run_for(&r, PORTMAP_NEWS_SPREAD);
	assert_int_equal(pmp_map(&r, 40, 4500, 4501, 3600), 0);
	assert_int_equal(pmp_address(&r, ASK, 40, "203.0.113.77"), 0);
	event(&r, PORTMAP_EVENT_CHANGED);
}

static void another_version_of_pcp_is_a_refusal_and_no_reason_to_lose_a_mapping_unasked(void **state)
{
	static const uint8_t v1[24] = {1, 0x81, 0, 1};
	struct rig r;

	(void)state;
	start_v4(&r);
	assert_int_equal(say(&r, v1, sizeof(v1)), 0);
	event(&r, PORTMAP_EVENT_REFUSED);
	start_mapped(&r, 7200);
	assert_int_equal(say(&r, v1, sizeof(v1)), ADIT_EREPLAY);
	assert_int_equal(pmp_error(&r, 1, PORTMAP_PMP_VERSION), ADIT_EREPLAY);
	assert_non_null(portmap_external(&r.p));
	no_event(&r);
}

static void nat_pmps_deletion_is_answered(void **state)
{
	struct rig r;

	(void)state;
	start_pmp(&r);
	portmap_end(&r.p, r.now);
	drain(&r);
	assert_int_equal(pmp_map(&r, 9, 4500, 4501, 3600), ADIT_EREPLAY);
	assert_int_equal(pmp_map(&r, 9, 4500, 0, 0), 0);
	assert_true(portmap_is_done(&r.p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_private_address_outside_is_a_double_nat),
		cmocka_unit_test(an_unreachable_port_at_the_gateway_ends_the_wait_for_it_alone),
		cmocka_unit_test(lying_lifetimes_are_cut_to_a_day_or_refused),
		cmocka_unit_test(who_is_not_the_gateways_service_is_not_heard),
		cmocka_unit_test(an_answer_with_one_wrong_byte_in_what_it_echoes_is_not_ours),
		cmocka_unit_test(addresses_that_nobody_can_reach_are_no_mapping),
		cmocka_unit_test(a_replayed_answer_changes_nothing_and_costs_one_question_in_ten_seconds),
		cmocka_unit_test(an_announcement_after_a_restart_makes_the_mapping_anew_within_five_seconds),
		cmocka_unit_test(a_second_restart_within_ten_seconds_is_asked_about_when_they_are_over),
		cmocka_unit_test(a_hint_that_waits_never_waits_longer_than_the_renewal),
		cmocka_unit_test(an_announcement_with_a_true_epoch_is_nothing),
		cmocka_unit_test(epochs_that_jump_about_cost_one_question_in_ten_seconds),
		cmocka_unit_test(a_restart_seen_in_a_renewals_answer_is_told),
		cmocka_unit_test(a_restart_without_an_answer_is_a_loss),
		cmocka_unit_test(a_router_that_knows_nat_pmp_only_is_asked_that_way),
		cmocka_unit_test(silence_to_pcp_and_an_answer_to_nat_pmp_decide_for_nat_pmp),
		cmocka_unit_test(a_lost_datagram_does_not_decide_against_pcp),
		cmocka_unit_test(nat_pmp_is_asked_nine_times_over_64_seconds_then_pcp_again),
		cmocka_unit_test(nat_pmps_refusals_have_words_and_times),
		cmocka_unit_test(nat_pmp_answers_for_other_ports_or_unasked_are_dropped),
		cmocka_unit_test(nat_pmps_news_make_the_mapping_anew),
		cmocka_unit_test(another_version_of_pcp_is_a_refusal_and_no_reason_to_lose_a_mapping_unasked),
		cmocka_unit_test(nat_pmps_deletion_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
