/* The check list: its order, what is held back, its limit, and what it tells of itself. */
#include "test.h"

#include <stdio.h>

#include "ice_rig.h"

static struct rig x;
static struct rig y;

static void described(void)
{
	struct ice_remote_desc desc;

	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	desc = (struct ice_remote_desc){.cred = *ice_agent_cred(&y.a)};
	assert_int_equal(ice_agent_set_remote(&x.a, x.now, &desc), 0);
}

static void add(uint8_t host, const char *foundation, uint32_t priority)
{
	struct ice_candidate c = {.type = ICE_HOST, .component = 1, .priority = priority, .addr = rig_addr(host)};

	snprintf(c.foundation, sizeof(c.foundation), "%s", foundation);
	assert_int_equal(ice_agent_add_remote(&x.a, x.now, &c), 0);
}

static unsigned count(enum ice_pair_state state)
{
	unsigned n = 0;

	for (size_t i = 0; i < ICE_PAIRS_MAX; i++)
		n += x.a.pairs[i].is_used && x.a.pairs[i].state == state;
	return n;
}

/* y's answer to packet |i|. */
static void answer(size_t i)
{
	struct stun_msg m = rig_parse(&x.log[i]);
	uint8_t buf[ICE_MSG_MAX];
	size_t len = ice_msg_answer(&y.a.cred, &crypto_gnutls, ICE_SHA1, m.txid, &x.log[i].local, buf);

	assert_int_equal(rig_input(&x, &x.log[i].local, &x.log[i].remote, buf, len), 0);
}

/* RFC 8445 6.1.2.6, 7.2.5.3.3 */
static void pairs_of_one_foundation_are_held_back_until_one_works(void **state)
{
	(void)state;
	described();
	x.a.cfg.nominate_wait = ADIT_SEC(100);
	add(10, "a", 30);
	add(11, "a", 20);
	add(12, "a", 10);
	assert_int_equal(count(ICE_PAIR_WAITING), 1);
	assert_int_equal(count(ICE_PAIR_FROZEN), 2);
	rig_run(&x, ADIT_MS(300));
	assert_int_equal(x.n, 1);
	answer(0);
	assert_int_equal(count(ICE_PAIR_FROZEN), 0);
}

/* RFC 8445 6.1.4.2: a failure does not set the others free; that nothing else is to be done does. */
static void a_held_back_pair_has_its_turn_when_the_one_before_it_failed(void **state)
{
	(void)state;
	described();
	add(10, "a", 30);
	add(11, "a", 20);
	rig_run(&x, ICE_PATIENCE - ADIT_MS(1));
	assert_int_equal(x.n, ICE_RC);
	rig_run(&x, ADIT_MS(2));
	assert_int_equal(x.n, ICE_RC + 1);
	assert_int_equal(x.log[ICE_RC].remote.ip[3], 11);
	/* It has its whole time too, although patience has ended. */
	rig_run(&x, ADIT_SEC(20));
	answer(x.n - 1);
	assert_int_equal(ice_agent_state(&x.a), ICE_CONNECTED);
}

static void a_nomination_waits_a_little_for_something_better(void **state)
{
	(void)state;
	described();
	add(10, "a", 3000);
	add(11, "b", 2000);
	rig_run(&x, ICE_TA);
	answer(1);
	assert_int_equal(rig_requests(&x, STUN_ATTR_USE_CANDIDATE, 0), 0);
	rig_run(&x, ADIT_MS(100));
	answer(0);
	rig_run(&x, ICE_TA);
	assert_int_equal(rig_requests(&x, STUN_ATTR_USE_CANDIDATE, 0), 1);
	assert_int_equal(x.log[x.n - 1].remote.ip[3], 10);
}

static void a_nomination_does_not_wait_for_ever(void **state)
{
	(void)state;
	described();
	add(10, "a", 3000);
	add(11, "b", 2000);
	rig_run(&x, ICE_TA);
	answer(1);
	rig_run(&x, ICE_NOMINATE_WAIT - 1);
	assert_int_equal(rig_requests(&x, STUN_ATTR_USE_CANDIDATE, 0), 0);
	rig_run(&x, 1);
	assert_int_equal(rig_requests(&x, STUN_ATTR_USE_CANDIDATE, 0), 1);
	assert_int_equal(x.log[x.n - 1].remote.ip[3], 11);
}

/* RFC 8445 8.1.1 */
static void where_a_nomination_fails_the_next_best_has_its_turn(void **state)
{
	struct ice_account acc;
	size_t pos = 0;

	(void)state;
	described();
	add(10, "a", 3000);
	add(11, "b", 2000);
	rig_run(&x, ICE_TA);
	answer(0);
	answer(1);
	rig_run(&x, ADIT_SEC(41));
	assert_int_equal(x.a.nominating, 1);
	assert_true(ice_agent_account(&x.a, &pos, &acc));
	assert_int_equal(acc.state, ICE_PAIR_FAILED);
	answer(x.n - 1);
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	assert_int_equal(x.last[ICE_EVENT_SELECTED].remote.ip[3], 11);
}

/* RFC 8445 8.1.2 */
static void after_the_nomination_nothing_else_is_begun_or_repeated(void **state)
{
	size_t n;

	(void)state;
	described();
	for (uint8_t i = 0; i < 10; i++) {
		char foundation[4];

		snprintf(foundation, sizeof(foundation), "%u", i);
		add((uint8_t)(10 + i), foundation, 3000u - i);
	}
	rig_run(&x, ICE_TA);
	answer(0);
	rig_run(&x, ICE_TA);
	answer(x.n - 1);
	assert_int_equal(ice_agent_state(&x.a), ICE_COMPLETED);
	n = x.n;
	rig_run(&x, ADIT_SEC(3));
	assert_int_equal(x.n, n);
}

/* RFC 8445 6.1.2.5 */
static void there_are_a_hundred_pairs_at_most_and_the_worst_go(void **state)
{
	uint64_t worst = UINT64_MAX;

	(void)state;
	described();
	for (uint8_t i = 0; i < ICE_BASES_MAX - 1; i++) {
		struct adit_addr a = adit_addr_v4(198, 51, 100, 1, (uint16_t)(6000 + i));

		assert_int_equal(ice_agent_add_host(&x.a, x.now, 1u + i, &a, ICE_IFACE_NORMAL), 0);
	}
	for (uint8_t i = 0; i < 30; i++) {
		char foundation[4];

		snprintf(foundation, sizeof(foundation), "%u", i);
		add((uint8_t)(10 + i), foundation, 1000u + i);
	}
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++) {
		assert_true(x.a.pairs[i].is_used);
		if (x.a.remotes[x.a.pairs[i].remote].cand.priority < worst)
			worst = x.a.remotes[x.a.pairs[i].remote].cand.priority;
	}
	/* 16 bases: six of the best remotes with all of them, and a part of the seventh. */
	assert_int_equal(worst, 1000 + 30 - 7);
	assert_true(x.a.stats.pairs_dropped >= 16 * 30 - ICE_PAIRS_MAX);
}

/* RFC 8445 14.3 */
static void the_more_checks_the_longer_the_wait_between_repetitions(void **state)
{
	adit_time second = 0;

	(void)state;
	described();
	for (uint8_t i = 0; i < 30; i++) {
		char foundation[4];

		snprintf(foundation, sizeof(foundation), "%u", i);
		add((uint8_t)(10 + i), foundation, 1000u + i);
	}
	rig_run(&x, ADIT_SEC(4));
	for (size_t i = 0; i < x.n; i++)
		if (x.log[i].remote.ip[3] == 39 && x.log[i].at > ADIT_SEC(1) + ICE_TA && second == 0)
			second = x.log[i].at;
	/* The best came second (the first one was alone then), with all 30 waiting or in progress. */
	assert_in_range(second, ADIT_SEC(1) + 30 * ICE_TA, ADIT_SEC(1) + 32 * ICE_TA);
}

static void each_pair_gives_an_account_of_itself(void **state)
{
	char line[ICE_ACCOUNT_STRLEN];
	struct ice_account acc;
	size_t pos = 0;

	(void)state;
	rig_pair(&x, ICE_CONTROLLING, &y, ICE_CONTROLLED);
	rig_describe(&x, &y);
	rig_describe(&y, &x);
	rig_run_both(&x, &y, ADIT_SEC(1));
	assert_true(ice_agent_account(&x.a, &pos, &acc));
	assert_true(acc.is_selected);
	assert_string_equal(
		ice_account_format(&acc, line),
		"host 198.51.100.1:5000 (seen as 198.51.100.1:5000) to host 198.51.100.2:5000: works, chosen; "
		"sent 2, answered 2, heard 1, 20.0 ms");
	assert_false(ice_agent_account(&x.a, &pos, &acc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_of_one_foundation_are_held_back_until_one_works),
		cmocka_unit_test(a_held_back_pair_has_its_turn_when_the_one_before_it_failed),
		cmocka_unit_test(a_nomination_waits_a_little_for_something_better),
		cmocka_unit_test(a_nomination_does_not_wait_for_ever),
		cmocka_unit_test(where_a_nomination_fails_the_next_best_has_its_turn),
		cmocka_unit_test(after_the_nomination_nothing_else_is_begun_or_repeated),
		cmocka_unit_test(there_are_a_hundred_pairs_at_most_and_the_worst_go),
		cmocka_unit_test(the_more_checks_the_longer_the_wait_between_repetitions),
		cmocka_unit_test(each_pair_gives_an_account_of_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
