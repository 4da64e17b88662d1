#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "ice_rig.h"

static struct rig x;
static struct rig y;

static void two_agents_meet_and_the_controlling_one_nominates(void **state)
{
	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(1));
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	assert_int_equal(ice_agent_state(&y.a), ICE_COMPLETED);
	assert_int_equal(x.events[ICE_EVENT_SELECTED], 1);
	assert_int_equal(y.events[ICE_EVENT_SELECTED], 1);
	assert_true(adit_addr_eq(&x.last[ICE_EVENT_SELECTED].remote, &y.last[ICE_EVENT_SELECTED].local));
	assert_true(adit_addr_eq(&x.last[ICE_EVENT_SELECTED].mapped, &y.last[ICE_EVENT_SELECTED].remote));
	/* RFC 8445 8.1.1: regular nomination is one more check with USE-CANDIDATE; the controlled side sends none. */
	assert_int_equal(rig_requests(&x, STUN_ATTR_USE_CANDIDATE, 0), 1);
	assert_int_equal(rig_requests(&y, STUN_ATTR_USE_CANDIDATE, 0), 0);
}

static void data_may_flow_after_one_round_trip(void **state)
{
	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(1));
	assert_int_equal(x.event_at[ICE_EVENT_VALID], ADIT_SEC(1) + 2 * RIG_DELAY);
	assert_int_equal(y.event_at[ICE_EVENT_VALID], ADIT_SEC(1) + 2 * RIG_DELAY);
	assert_int_equal(x.last[ICE_EVENT_VALID].rtt, 2 * RIG_DELAY);
}

/* RFC 8445 7.1: USERNAME, PRIORITY with the preference of peer-reflexive, the role, integrity, FINGERPRINT last. */
static void a_check_has_what_section_7_1_asks_for(void **state)
{
	const char *name;
	struct stun_attr a;
	struct stun_msg m;
	uint32_t priority;
	char want[2 * ICE_UFRAG_MAX + 2];

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&y, &x);
	rig_drain(&x);
	assert_int_equal(x.n, 1);
	m = rig_parse(&x.log[0]);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_USERNAME, &a), 0);
	snprintf(want, sizeof(want), "%s:%s", ice_agent_cred(&y.a)->ufrag, ice_agent_cred(&x.a)->ufrag);
	name = (const char *)a.value;
	assert_int_equal(a.len, strlen(want));
	assert_memory_equal(name, want, a.len);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_PRIORITY, &a), 0);
	assert_int_equal(stun_attr_read_u32(&a, &priority), 0);
	assert_int_equal(priority, 1862270975u);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_ICE_CONTROLLING, &a), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_ICE_CONTROLLED, &a), ADIT_ENOENT);
	assert_int_equal(stun_msg_verify(&m, &crypto_gnutls, STUN_ATTR_MESSAGE_INTEGRITY,
					 (const uint8_t *)ice_agent_cred(&y.a)->pwd, ICE_PWD_LEN),
			 0);
	assert_true(m.fingerprint_at > m.sha1_at);
}

static void a_check_is_repeated_by_the_schedule_of_rfc8489(void **state)
{
	static const unsigned want_ms[] = {0, 500, 1500, 3500, 7500, 15500, 31500};

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&y, &x);
	rig_run(&x, ADIT_SEC(44));
	assert_int_equal(x.n, ARRAY_LEN(want_ms));
	for (size_t i = 0; i < x.n; i++) {
		assert_int_equal(x.log[i].at, ADIT_SEC(1) + ADIT_MS(want_ms[i]));
		assert_memory_equal(x.log[i].data, x.log[0].data, x.log[0].len);
	}
	assert_int_equal(ice_agent_state(&x.a), ICE_CHECKING);
}

/* RFC 8863: 39.5 s from when both know each other; then the peer's own checks have some more time. */
static void an_agent_is_patient_before_it_fails(void **state)
{
	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&y, &x);
	rig_run(&x, ICE_PATIENCE + ICE_GRACE - 1);
	assert_int_equal(x.events[ICE_EVENT_FAILED], 0);
	rig_run(&x, 1);
	assert_int_equal(x.events[ICE_EVENT_FAILED], 1);
	assert_int_equal(ice_agent_state(&x.a), ICE_FAILED);
	assert_int_equal(ice_agent_deadline(&x.a), ADIT_NEVER);
}

static void even_an_empty_check_list_is_waited_for(void **state)
{
	struct ice_remote_desc desc;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	desc = (struct ice_remote_desc){.cred = *ice_agent_cred(&y.a)};
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
	ice_agent_end_remote(&x.a, x.now);
	rig_run(&x, ADIT_SEC(30));
	assert_int_equal(ice_agent_state(&x.a), ICE_CHECKING);
	/* The peer, who was told everything, comes late. */
	y.now = x.now;
	rig_describe(&x, &y);
	rig_run_both(&x, &y, ADIT_SEC(2));
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
}

static void a_check_in_the_time_of_grace_revives_the_pair(void **state)
{
	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&y, &x);
	y.is_deaf = true;
	rig_run_both(&x, &y, ICE_PATIENCE + ICE_GRACE - ADIT_MS(100));
	assert_int_equal(x.a.pairs[0].state, ICE_PAIR_FAILED);
	y.is_deaf = false;
	rig_describe(&x, &y);
	rig_run_both(&x, &y, ADIT_SEC(2));
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	assert_int_equal(ice_agent_state(&y.a), ICE_COMPLETED);
}

/* RFC 8445 7.3: answered at once; its consequences wait until the sender is known. */
static void a_check_before_the_description_is_answered_and_kept(void **state)
{
	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_run_both(&x, &y, ADIT_MS(200));
	assert_int_equal(ice_agent_state(&y.a), ICE_CONNECTED);
	assert_int_equal(ice_agent_state(&x.a), ICE_IDLE);
	assert_int_equal(x.a.n_early, 1);
	x.n_cands = y.n_cands = 0; /* no candidate is signalled: the early check alone must do */
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_MS(200));
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	assert_int_equal(x.a.remotes[0].cand.type, ICE_PRFLX);
}

static void early_checks_are_kept_up_to_a_limit(void **state)
{
	struct adit_addr ax = rig_addr(1);
	uint8_t buf[ICE_MSG_MAX];
	uint8_t txid[STUN_TXID_LEN] = {0};
	struct ice_msg_check c;
	size_t len;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	c = (struct ice_msg_check){.local = &y.a.cred, .remote = &x.a.cred, .role = ICE_CONTROLLED, .priority = 1};
	for (uint8_t i = 0; i < 100; i++) {
		struct adit_addr from = rig_addr((uint8_t)(100 + i));

		txid[0] = i;
		len = ice_msg_check(&c, &crypto_gnutls, txid, buf);
		assert_int_equal(rig_input(&x, &ax, &from, buf, len), 0);
	}
	assert_int_equal(x.a.n_early, ICE_EARLY_MAX);
	assert_int_equal(x.a.stats.early_dropped, 100 - ICE_EARLY_MAX);
	assert_int_equal(x.a.stats.answers_sent, 100);
}

/* RFC 8445 14.2: one new transaction each Ta, repetitions aside. */
static void new_checks_are_paced(void **state)
{
	struct ice_remote_desc desc;
	adit_time last = 0;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	desc = (struct ice_remote_desc){.cred = *ice_agent_cred(&y.a)};
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
	for (uint8_t i = 0; i < 10; i++) {
		struct ice_candidate c = {.type = ICE_HOST, .component = 1, .priority = 1000u + i};

		c.addr = rig_addr((uint8_t)(100 + i));
		snprintf(c.foundation, sizeof(c.foundation), "%d", i);
		assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), 0);
	}
	rig_run(&x, ADIT_MS(460));
	assert_int_equal(x.n, 10);
	for (size_t i = 0; i < x.n; i++) {
		/* The highest priority first, but for the first one, which was alone then. */
		assert_true(i == 0 || x.log[i].at == last + ICE_TA);
		last = x.log[i].at;
	}
	assert_int_equal(x.log[0].remote.ip[3], 109);
	assert_int_equal(x.log[9].remote.ip[3], 100);
}

static void the_slower_pace_of_both_counts(void **state)
{
	struct ice_remote_desc desc;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	x.cfg.ta = ADIT_MS(5);
	for (unsigned ms = 0; ms <= 100; ms += 20) {
		static const unsigned want[] = {50, 20, 40, 60, 80, 100};

		rig_begin(&x);
		desc = (struct ice_remote_desc){.cred = *ice_agent_cred(&y.a), .pacing_ms = ms};
		assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
		assert_int_equal(x.a.ta, ADIT_MS(want[ms / 20]));
	}
}

static void roles_in_conflict_are_settled(enum ice_role role)
{
	unsigned controlling = 0;

	rig_pair(&x, role, &y, role);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(2));
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	assert_int_equal(ice_agent_state(&y.a), ICE_COMPLETED);
	controlling += ice_agent_role(&x.a) == ICE_CONTROLLING;
	controlling += ice_agent_role(&y.a) == ICE_CONTROLLING;
	assert_int_equal(controlling, 1);
	assert_true(x.a.stats.role_switches + y.a.stats.role_switches >= 1);
}

/* RFC 8445 7.3.1.1 */
static void two_controlling_agents_settle_it(void **state)
{
	(void)state;
	roles_in_conflict_are_settled(ICE_CONTROLLING);
}

static void two_controlled_agents_settle_it(void **state)
{
	(void)state;
	roles_in_conflict_are_settled(ICE_CONTROLLED);
}

static void a_conflict_is_settled_whoever_speaks_first(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct rig *first = i & 1 ? &x : &y;
		struct rig *second = i & 1 ? &y : &x;
		enum ice_role role = i & 2 ? ICE_CONTROLLING : ICE_CONTROLLED;

		rig_pair(&x, role, &y, role);
		rig_describe(second, first);
		rig_run_both(&x, &y, ADIT_MS(300));
		rig_describe(first, second);
		rig_run_both(&x, &y, ADIT_SEC(2));
		assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
		assert_int_equal(ice_agent_state(&y.a), ICE_COMPLETED);
		assert_int_not_equal(ice_agent_role(&x.a), ice_agent_role(&y.a));
	}
}

/* RFC 8445 6.1.1, 7.3: it only answers; whatever we were, we control. */
static void a_lite_peer_is_nominated_by_us(void **state)
{
	struct adit_addr lite = rig_addr(2);
	struct adit_addr ax = rig_addr(1);
	struct ice_candidate c = {.type = ICE_HOST, .component = 1, .priority = 1, .foundation = "1", .addr = lite};
	struct ice_remote_desc desc = {.is_lite = true};
	uint8_t buf[ICE_MSG_MAX];
	size_t answered = 0;

	(void)state;
	rig_pair(&x, ICE_CONTROLLED, &y, ICE_CONTROLLED);
	desc.cred = *ice_agent_cred(&y.a);
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
	assert_int_equal(ice_agent_role(&x.a), ICE_CONTROLLING);
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), 0);
	for (int i = 0; i < 4 && ice_agent_state(&x.a) != ICE_COMPLETED; i++) {
		rig_run(&x, ADIT_MS(100));
		for (; answered < x.n; answered++) {
			struct stun_msg m = rig_parse(&x.log[answered]);
			size_t len = ice_msg_answer(&desc.cred, &crypto_gnutls, ICE_SHA1, m.txid, &ax, buf);

			assert_int_equal(rig_input(&x, &ax, &lite, buf, len), 0);
		}
	}
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	assert_int_equal(rig_requests(&x, STUN_ATTR_USE_CANDIDATE, 0), 1);
}

static void a_restart_keeps_the_old_path_until_there_is_a_new_one(void **state)
{
	struct ice_cred before;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(1));
	before = *ice_agent_cred(&x.a);
	ice_agent_restart(&x.a, x.now);
	x.n_cands = 0;
	assert_string_not_equal(before.ufrag, ice_agent_cred(&x.a)->ufrag);
	assert_string_not_equal(before.pwd, ice_agent_cred(&x.a)->pwd);
	/* The peer has not heard of it for 40 s: its consent checks are answered, and so are ours. */
	rig_run_both(&x, &y, ADIT_SEC(40));
	assert_int_equal(x.events[ICE_EVENT_CANDIDATE], 2);
	assert_int_equal(x.events[ICE_EVENT_LOST] + y.events[ICE_EVENT_LOST], 0);
	ice_agent_restart(&y.a, y.now);
	y.n_cands = 0;
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(1));
	assert_int_equal(x.events[ICE_EVENT_SELECTED], 2);
	assert_int_equal(y.events[ICE_EVENT_SELECTED], 2);
	assert_string_equal(x.a.path.remote_cred.ufrag, ice_agent_cred(&y.a)->ufrag);
}

static void another_description_needs_a_restart(void **state)
{
	struct ice_remote_desc desc = {0};

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), ADIT_EINVAL);
	desc.cred = *ice_agent_cred(&y.a);
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
	desc.cred.pwd[0] = desc.cred.pwd[0] == 'a' ? 'b' : 'a';
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), ADIT_EINVAL);
	ice_agent_restart(&x.a, x.now);
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
}

static void extra_ticks_do_nothing(void **state)
{
	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&y, &x);
	rig_drain(&x);
	assert_int_equal(x.n, 1);
	for (int i = 0; i < 100; i++) {
		x.now += ADIT_MS(1);
		ice_agent_tick(&x.a, x.now);
		rig_drain(&x);
	}
	assert_int_equal(x.n, 1);
}

static void one_seed_gives_one_run(void **state)
{
	struct rig_packet *first;
	size_t n;

	(void)state;
	rig_pair(&x, ICE_CONTROLLED, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(60));
	n = x.n;
	first = malloc(n * sizeof(x.log[0]));
	assert_non_null(first);
	memcpy(first, x.log, n * sizeof(x.log[0]));
	rig_pair(&x, ICE_CONTROLLED, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(60));
	assert_int_equal(x.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(first[i].at, x.log[i].at);
		assert_int_equal(first[i].len, x.log[i].len);
		assert_memory_equal(first[i].data, x.log[i].data, x.log[i].len);
	}
	free(first);
}

static void done_leaves_no_secret(void **state)
{
	static const struct ice_agent none;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	ice_agent_done(&x.a);
	ice_agent_done(NULL);
	assert_memory_equal(&x.a, &none, sizeof(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_agents_meet_and_the_controlling_one_nominates),
		cmocka_unit_test(data_may_flow_after_one_round_trip),
		cmocka_unit_test(a_check_has_what_section_7_1_asks_for),
		cmocka_unit_test(a_check_is_repeated_by_the_schedule_of_rfc8489),
		cmocka_unit_test(an_agent_is_patient_before_it_fails),
		cmocka_unit_test(even_an_empty_check_list_is_waited_for),
		cmocka_unit_test(a_check_in_the_time_of_grace_revives_the_pair),
		cmocka_unit_test(a_check_before_the_description_is_answered_and_kept),
		cmocka_unit_test(early_checks_are_kept_up_to_a_limit),
		cmocka_unit_test(new_checks_are_paced),
		cmocka_unit_test(the_slower_pace_of_both_counts),
		cmocka_unit_test(two_controlling_agents_settle_it),
		cmocka_unit_test(two_controlled_agents_settle_it),
		cmocka_unit_test(a_conflict_is_settled_whoever_speaks_first),
		cmocka_unit_test(a_lite_peer_is_nominated_by_us),
		cmocka_unit_test(a_restart_keeps_the_old_path_until_there_is_a_new_one),
		cmocka_unit_test(another_description_needs_a_restart),
		cmocka_unit_test(extra_ticks_do_nothing),
		cmocka_unit_test(one_seed_gives_one_run),
		cmocka_unit_test(done_leaves_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
