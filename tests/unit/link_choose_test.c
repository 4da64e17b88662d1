/* Which path a session should use: the decision alone, as a table. */
#include "test.h"

#include "base/bytes.h"
#include "link/link_choose.h"
#include "link/link_limits.h"

#define NOW  ADIT_SEC(1000)
#define STAY (-1)

#define PATH(cls, ms)                                                                     \
	{                                                                                 \
		.is_there = true, .class = LINK_CLASS_##cls, .rtt = ADIT_MS(ms),          \
		.answered_sent_at = NOW - ADIT_SEC(5), .steady_since = NOW - ADIT_SEC(20) \
	}

/* The first path is the one in use. */
struct row {
	const char *what;
	struct link_view v[3];
	adit_dur doubted; /* for so long; 0: it is not */
	bool no_moves; /* toward better ones, for now */
	int to;
};

static struct link_view with(struct link_view v, void (*fn)(struct link_view *v))
{
	fn(&v);
	return v;
}

static void is_lost(struct link_view *v)
{
	v->is_lost = true;
	v->steady_since = ADIT_NEVER;
}

static void just_answered(struct link_view *v)
{
	v->answered_sent_at = NOW - ADIT_MS(50);
}

static void never_answered(struct link_view *v)
{
	v->answered_sent_at = ADIT_NEVER;
}

static void is_clearly_better(struct link_view *v)
{
	v->better = LINK_CLEAR_TIMES;
}

static void is_nearly_better(struct link_view *v)
{
	v->better = LINK_CLEAR_TIMES - 1;
}

static void fell_and_is_back(struct link_view *v)
{
	v->falls = 1;
	v->steady_since = NOW - LINK_HOLD;
}

static void fell_and_is_hardly_back(struct link_view *v)
{
	v->falls = 1;
	v->steady_since = NOW - LINK_HOLD + ADIT_MS(1);
}

static void fell_thrice_and_is_back(struct link_view *v)
{
	v->falls = 3;
	v->steady_since = NOW - 4 * LINK_HOLD + ADIT_MS(1);
}

static void owes(struct link_view *v)
{
	v->steady_since = ADIT_NEVER;
}

static const struct link_view lan = PATH(LAN, 1);
static const struct link_view direct = PATH(DIRECT, 40);
static const struct link_view faster = PATH(DIRECT, 20);
static const struct link_view unmeasured = PATH(DIRECT, 0);
static const struct link_view relayed = PATH(RELAYED, 30);
static const struct link_view far_relay = PATH(RELAYED, 200);

static void check(const struct row *row)
{
	struct link_used used = {
		.doubt_at = row->doubted ? NOW - row->doubted : ADIT_NEVER,
		.rtt = row->v[0].rtt,
		.moves_left = row->no_moves ? 0 : 1,
	};
	adit_time again;
	int to = link_choose(row->v, ARRAY_LEN(row->v), &used, NOW, &again);

	if (to != row->to)
		fail_msg("%s: to %d, not %d", row->what, to, row->to);
	assert_true(again > NOW);
}

static void the_table_of_decisions(void **state)
{
	const struct row rows[] = {
		{"alone", {direct}, 0, false, STAY},
		{"alone and lost", {with(direct, is_lost)}, ADIT_SEC(2), false, STAY},
		{"a relay stands by", {direct, relayed}, 0, false, STAY},
		{"a relay that is faster", {direct, with(relayed, is_clearly_better)}, 0, false, STAY},
		{"direct instead of relayed", {relayed, direct}, 0, false, 1},
		{"the LAN before all", {relayed, faster, lan}, 0, false, 2},
		{"the best of several", {far_relay, direct, faster}, 0, false, 2},
		{"the LAN instead of direct", {direct, lan}, 0, false, 1},
		{"direct instead of the LAN", {lan, direct}, 0, false, STAY},
		{"direct, but it owes an answer", {relayed, with(direct, owes)}, 0, false, STAY},
		{"direct, but lost", {relayed, with(direct, is_lost)}, 0, false, STAY},
		{"direct, but never proven", {relayed, with(direct, never_answered)}, 0, false, STAY},
		{"direct, after too many moves", {relayed, direct}, 0, true, STAY},
		{"faster, of one class, once", {direct, faster}, 0, false, STAY},
		{"faster, of one class, not often enough", {direct, with(faster, is_nearly_better)}, 0, false, STAY},
		{"faster, of one class, clearly", {direct, with(faster, is_clearly_better)}, 0, false, 1},
		{"faster, clearly, but it owes", {direct, with(with(faster, is_clearly_better), owes)}, 0, false, STAY},
		{"back after a fall", {relayed, with(direct, fell_and_is_back)}, 0, false, 1},
		{"hardly back after a fall", {relayed, with(direct, fell_and_is_hardly_back)}, 0, false, STAY},
		{"back after three falls", {relayed, with(direct, fell_thrice_and_is_back)}, 0, false, STAY},
		{"silent, and nobody is sure", {direct, relayed}, ADIT_SEC(1), false, STAY},
		{"silent, and the relay is sure", {direct, with(relayed, just_answered)}, ADIT_MS(200), false, 1},
		{"silent for too short a time", {direct, with(relayed, just_answered)}, ADIT_MS(100), false, STAY},
		{"silent, after too many moves", {direct, with(relayed, just_answered)}, ADIT_MS(200), true, 1},
		{"lost, and the relay is sure",
		 {with(direct, is_lost), with(relayed, just_answered)},
		 ADIT_MS(60),
		 false,
		 1},
		{"lost, with two refuges",
		 {with(lan, is_lost), with(relayed, just_answered), with(direct, just_answered)},
		 ADIT_MS(60),
		 false,
		 2},
		{"a refuge that fell before",
		 {with(direct, is_lost), with(with(relayed, just_answered), owes)},
		 ADIT_MS(60),
		 false,
		 1},
		{"two refuges, one measured",
		 {relayed, with(unmeasured, just_answered), with(far_relay, just_answered)},
		 ADIT_SEC(1),
		 false,
		 1},
		{"doubt holds upgrades back", {relayed, direct}, ADIT_MS(50), false, STAY},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

static void a_path_in_use_has_as_long_as_its_answer_may_take(void **state)
{
	struct link_view v[2] = {with(far_relay, owes), with(relayed, just_answered)};
	struct link_used used = {.doubt_at = NOW - ADIT_MS(200), .rtt = ADIT_MS(200), .moves_left = 1};
	adit_time again;

	(void)state;
	v[1].answered_sent_at = used.doubt_at;
	assert_int_equal(link_choose(v, 2, &used, NOW, &again), STAY);
	assert_true(again == used.doubt_at + ADIT_MS(250) + LINK_JUDGE_MORE);
	assert_int_equal(link_choose(v, 2, &used, again, &again), 1);
	assert_true(link_choose_patience(ADIT_MS(5)) == LINK_PATIENCE);
	assert_true(link_choose_patience(ADIT_MS(400)) == ADIT_MS(400));
}

static void a_path_that_comes_and_goes_is_waited_for_longer_each_time(void **state)
{
	(void)state;
	assert_true(link_choose_hold(0) == 0);
	assert_true(link_choose_hold(1) == LINK_HOLD);
	assert_true(link_choose_hold(2) == 2 * LINK_HOLD);
	assert_true(link_choose_hold(4) == 8 * LINK_HOLD);
	assert_true(link_choose_hold(1000) == LINK_HOLD_MAX);
}

static void the_choice_says_when_it_may_come_out_differently(void **state)
{
	struct link_view v[2] = {relayed, with(direct, fell_and_is_hardly_back)};
	struct link_used used = {.doubt_at = ADIT_NEVER, .moves_left = 1};
	adit_time again;

	(void)state;
	assert_int_equal(link_choose(v, 2, &used, NOW, &again), STAY);
	assert_true(again == NOW + ADIT_MS(1));
	assert_int_equal(link_choose(v, 2, &used, again, &again), 1);
}

static void loss_makes_a_path_dearer_and_small_differences_do_not_count(void **state)
{
	struct link_view a = PATH(DIRECT, 40);
	struct link_view b = PATH(DIRECT, 50);

	(void)state;
	assert_true(link_choose_is_clearly_cheaper(&a, &b));
	b.rtt = ADIT_MS(49);
	assert_false(link_choose_is_clearly_cheaper(&a, &b)); /* less than a fifth */
	b.rtt = ADIT_MS(49);
	b.loss = 10;
	assert_true(link_choose_is_clearly_cheaper(&a, &b));
	a.loss = 100;
	assert_false(link_choose_is_clearly_cheaper(&a, &b));
	a = b = (struct link_view)PATH(DIRECT, 1);
	b.rtt = ADIT_MS(5);
	assert_false(link_choose_is_clearly_cheaper(&a, &b)); /* a fifth of it, but 4 ms */
	b.rtt = 0;
	assert_false(link_choose_is_clearly_cheaper(&a, &b));
	assert_false(link_choose_is_clearly_cheaper(&b, &a));
}

static void a_relay_and_two_others_are_kept_beside_the_path_in_use(void **state)
{
	struct link_view v[6] = {direct, relayed, faster, direct, far_relay, unmeasured};
	bool spare[6] = {false, true, true, true, true, true};

	(void)state;
	assert_int_equal(link_choose_surplus(v, spare, 6, 0), 5); /* of the others the one nobody measured */
	v[5].is_there = false;
	assert_int_equal(link_choose_surplus(v, spare, 6, 0), 4); /* of the relayed ones the slower */
	is_lost(&v[1]);
	assert_int_equal(link_choose_surplus(v, spare, 6, 0), 1); /* or the lost one */
	spare[1] = false;
	assert_int_equal(link_choose_surplus(v, spare, 6, 0), 4); /* which was left just now */
	v[4].is_there = false;
	assert_int_equal(link_choose_surplus(v, spare, 6, 0), -1);
}

static void a_relay_that_would_fall_with_the_path_in_use_does_not_stand_by_in_anothers_place(void **state)
{
	struct link_view v[3] = {direct, relayed, far_relay};
	bool spare[3] = {false, true, true};

	(void)state;
	v[0].shares_sock = v[1].shares_sock = true; /* the peer's relay, asked from the socket that is in use */
	assert_int_equal(link_choose_surplus(v, spare, 3, 0), 1);
	v[2].is_lost = true;
	assert_int_equal(link_choose_surplus(v, spare, 3, 0), 2);
}

static void each_way_to_find_a_path_has_its_class(void **state)
{
	(void)state;
	assert_int_equal(link_class_of(LINK_HOW_LAN), LINK_CLASS_LAN);
	assert_int_equal(link_class_of(LINK_HOW_RELAYED), LINK_CLASS_RELAYED);
	assert_int_equal(link_class_of(LINK_HOW_STEADY), LINK_CLASS_DIRECT);
	assert_int_equal(link_class_of(LINK_HOW_IPV6), LINK_CLASS_DIRECT);
	assert_int_equal(link_class_of(LINK_HOW_BIRTHDAY), LINK_CLASS_DIRECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_decisions),
		cmocka_unit_test(a_path_in_use_has_as_long_as_its_answer_may_take),
		cmocka_unit_test(a_path_that_comes_and_goes_is_waited_for_longer_each_time),
		cmocka_unit_test(the_choice_says_when_it_may_come_out_differently),
		cmocka_unit_test(loss_makes_a_path_dearer_and_small_differences_do_not_count),
		cmocka_unit_test(a_relay_and_two_others_are_kept_beside_the_path_in_use),
		cmocka_unit_test(a_relay_that_would_fall_with_the_path_in_use_does_not_stand_by_in_anothers_place),
		cmocka_unit_test(each_way_to_find_a_path_has_its_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
