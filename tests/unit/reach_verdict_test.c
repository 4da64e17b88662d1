/* Each verdict, provoked. */
#include "test.h"

#include "reach_rig.h"

static void failed(struct rig *r, const struct rig_peer *p, enum reach_verdict verdict, adit_dur within)
{
	assert_true(rig_until(r, p, REACH_EVENT_FAILED, 1, within));
	assert_int_equal(p->last[REACH_EVENT_FAILED].verdict, verdict);
	assert_int_equal(reach_last_verdict(p->reach), verdict);
	assert_true(strlen(reach_verdict_text(verdict)) > 60);
	assert_true(strlen(reach_verdict_name(verdict)) > 3);
}

static void no_mediator_where_none_answers(void **state)
{
	struct rig *r = *state;

	r->mediators[0].is_dead = true;
	failed(r, rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20)), REACH_VERDICT_NO_MEDIATOR, ADIT_SEC(20));
}

static void blocked_where_nobody_answers_wherever_he_is(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	a->is_off = true;
	failed(r, a, REACH_VERDICT_BLOCKED, ADIT_SEC(20));
}

static void absent_where_the_peer_is_not_registered_and_found_soon_after_it_is(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	assert_true(rig_until(r, a, REACH_EVENT_MEDIATOR, 1, ADIT_SEC(2)));
	assert_int_equal(a->last[REACH_EVENT_MEDIATOR].code, MEET_CODE_ABSENT);
	failed(r, a, REACH_VERDICT_ABSENT, ADIT_SEC(20));
	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(15)));
	assert_int_equal(reach_last_verdict(a->reach), REACH_VERDICT_NONE);
}

static void unanswered_where_the_peer_is_gone_without_a_word(void **state)
{
	struct rig *r = *state;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20))->is_off = true;
	failed(r, rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20)), REACH_VERDICT_UNANSWERED, ADIT_SEC(20));
}

static void random_on_both_sides_is_told_soon_and_nearly_nothing_is_fired(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_RANDOM, ADIT_MS(20));

	failed(r, a, REACH_VERDICT_RANDOM, ADIT_SEC(5));
	failed(r, b, REACH_VERDICT_RANDOM, ADIT_SEC(5));
	assert_int_equal(a->last[REACH_EVENT_FAILED].own_kind, NAT_KIND_RANDOM);
	assert_int_equal(a->last[REACH_EVENT_FAILED].peer_kind, NAT_KIND_RANDOM);
	assert_true(a->sent < 30 && b->sent < 30);
}

static void untrusted_where_one_server_alone_names_the_address(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	a->is_deaf = true; /* so that it is not found by chance */
	failed(r, a, REACH_VERDICT_UNTRUSTED, ADIT_SEC(30));
	assert_in_range(a->sent, 60, REACH_UNTRUSTED_MAX + 16);
	(void)b;
}

static void what_the_user_typed_is_trusted(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_peer(r, MEET_CONNECT, RIG_NAT_STEADY, ADIT_MS(20));

	reach_trust(b->reach, &a->outside, 1);
	reach_trust(a->reach, &b->outside, 1);
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(20)));
	assert_int_equal(a->last[REACH_EVENT_VALID].how, REACH_HOW_BIRTHDAY);
}

static void budget_where_the_router_has_had_enough(void **state)
{
	struct rig *r = *state;
	struct nat_budget budget;
	struct rig_peer *a;

	nat_budget_init(&budget);
	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	r->budget = &budget;
	a = rig_peer(r, MEET_CONNECT, RIG_NAT_RANDOM, ADIT_MS(20));
	assert_true(nat_budget_take(&budget, r->now, nat_budget_left(&budget, r->now) - 30, 0));
	a->is_deaf = true;
	reach_start(a->reach, r->now);
	failed(r, a, REACH_VERDICT_BUDGET, ADIT_SEC(40));
	assert_true(a->sent < 200);
}

static void silent_where_everything_was_tried(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	adit_time failed_at;

	a->is_deaf = b->is_deaf = true;
	failed(r, a, REACH_VERDICT_SILENT, ADIT_SEC(15));
	assert_int_equal(a->last[REACH_EVENT_FAILED].round, REACH_ROUNDS);
	failed_at = r->now;
	/* The next attempt comes by itself, after a while. */
	a->is_deaf = b->is_deaf = false;
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(60)));
	assert_true(r->now - failed_at >= REACH_PAUSE);
}

static void a_failure_is_reported_to_the_mediator_that_brought_the_two_together(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	a->is_deaf = b->is_deaf = true;
	failed(r, a, REACH_VERDICT_SILENT, ADIT_SEC(15));
	reach_report(a->reach, r->now, MEET_PATH_NONE, a->last[REACH_EVENT_FAILED].took);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(r->mediators[0].meet->stats.paths[MEET_PATH_NONE], 1);
}

static void one_way_where_the_peer_is_heard_and_does_not_hear(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));

	a->is_deaf = true;
	failed(r, b, REACH_VERDICT_ONE_WAY, ADIT_SEC(20));
	failed(r, a, REACH_VERDICT_SILENT, ADIT_SEC(20));
}

static void the_accounts_tell_what_was_tried(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	char line[REACH_ACCOUNT_STRLEN];
	struct reach_account acc;
	unsigned salvos = 0, pairs = 0, last_round = 0;
	size_t pos = 0;

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_FAILED, 1, ADIT_SEC(60)));
	while (reach_account(a->reach, &pos, &acc)) {
		assert_true(acc.round >= last_round);
		last_round = acc.round;
		salvos += !acc.is_pair;
		pairs += acc.is_pair;
		assert_true(strlen(reach_account_format(&acc, line)) > 20);
		if (!acc.is_pair) {
			assert_true(acc.sent > 100);
			assert_int_equal(acc.heard, 0);
			assert_int_equal(acc.ports, REACH_PROBES_MAX);
			assert_non_null(strstr(line, "192.0.2.10"));
		}
	}
	assert_int_equal(salvos, last_round);
	/* Who searches leaves plain checks to the other side, which knows that they cannot get in. */
	assert_int_equal(pairs, 0);
	for (pos = 0; reach_account(b->reach, &pos, &acc);)
		assert_false(acc.is_pair && adit_addr_eq_ip(&acc.pair.remote, &a->outside));
	/* While a round is fired, too. */
	pos = 0;
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, a->count[REACH_EVENT_MEETING] + 1, ADIT_SEC(5)));
	rig_run(r, ADIT_SEC(1));
	assert_true(reach_account(a->reach, &pos, &acc));
	assert_false(acc.is_pair);
	assert_true(acc.sent + acc.refused > 50); /* the first search has used up the minute */
}

/* Of many pairs a round keeps few: never without the one that was taken, whatever its place. */
static void what_is_kept_of_a_round_begins_with_what_worked(void **state)
{
	struct rig *r = *state;
	struct reach_account acc;
	struct ice_agent *agent;
	struct ice_pair taken, other;
	struct rig_peer *a;
	unsigned n = 0;

	rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(20)));
	rig_run(r, ADIT_SEC(1)); /* the agents have agreed on it */
	agent = &a->reach->agent;
	taken = other = agent->pairs[agent->valid_pair];
	assert_true(taken.is_valid);
	other.is_valid = false;
	other.state = ICE_PAIR_FAILED;
	other.why = ICE_WHY_SILENT;
	other.answered = other.heard = 0;
	for (size_t i = 0; i < ICE_PAIRS_MAX; i++)
		agent->pairs[i] = other;
	agent->pairs[ICE_PAIRS_MAX - 3].heard = 1;
	agent->pairs[ICE_PAIRS_MAX - 2].answered = 1;
	agent->pairs[ICE_PAIRS_MAX - 1] = taken;
	agent->valid_pair = ICE_PAIRS_MAX - 1;
	reach_stop(a->reach, r->now);
	for (size_t pos = 0; reach_account(a->reach, &pos, &acc);) {
		if (!acc.is_pair)
			continue;
		assert_int_equal(acc.pair.is_valid, n == 0);
		if (n > 0)
			assert_int_equal(acc.pair.answered, n == 1);
		if (n > 0)
			assert_int_equal(acc.pair.heard, n == 2);
		n++;
	}
	assert_in_range(n, REACH_PAST_ROUND - REACH_SALVOS_MAX - 1, REACH_PAST_ROUND);
}

static void names_are_there_for_all(void **state)
{
	(void)state;
	for (int v = REACH_VERDICT_NO_MEDIATOR; v <= REACH_VERDICT_NO_RELAY; v++) {
		assert_true(strlen(reach_verdict_name((enum reach_verdict)v)) > 0);
		assert_true(strlen(reach_verdict_text((enum reach_verdict)v)) > 60);
	}
	/* A forwarded port that is not said to be one is never told to the peer. */
	for (int v = REACH_VERDICT_NO_MEDIATOR; v <= REACH_VERDICT_NO_RELAY; v++)
		assert_true(!strstr(reach_verdict_text((enum reach_verdict)v), "--port") ||
			    strstr(reach_verdict_text((enum reach_verdict)v), "--port N --mapped"));
	assert_non_null(strstr(reach_verdict_text(REACH_VERDICT_RANDOM), "--port"));
	for (int h = REACH_HOW_LAN; h <= REACH_HOW_RELAYED; h++)
		assert_true(strlen(reach_how_name((enum reach_how)h)) > 0);
	assert_string_equal(reach_verdict_text(REACH_VERDICT_NONE), "");
	assert_string_equal(reach_how_name((enum reach_how)99), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one, no_mediator_where_none_answers),
		RIG_TEST(two, blocked_where_nobody_answers_wherever_he_is),
		RIG_TEST(one, absent_where_the_peer_is_not_registered_and_found_soon_after_it_is),
		RIG_TEST(one, unanswered_where_the_peer_is_gone_without_a_word),
		RIG_TEST(two, random_on_both_sides_is_told_soon_and_nearly_nothing_is_fired),
		RIG_TEST(one, untrusted_where_one_server_alone_names_the_address),
		RIG_TEST(one, what_the_user_typed_is_trusted),
		RIG_TEST(two, budget_where_the_router_has_had_enough),
		RIG_TEST(two, silent_where_everything_was_tried),
		RIG_TEST(two, a_failure_is_reported_to_the_mediator_that_brought_the_two_together),
		RIG_TEST(one, one_way_where_the_peer_is_heard_and_does_not_hear),
		RIG_TEST(two, the_accounts_tell_what_was_tried),
		RIG_TEST(one, what_is_kept_of_a_round_begins_with_what_worked),
		cmocka_unit_test(names_are_there_for_all),
	};

	return cmocka_run_group_tests_name("reach_verdict", tests, NULL, NULL);
}
