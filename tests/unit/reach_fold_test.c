#include "test.h"

#include "reach_rig.h"

/* In other memory than before. */
static void refold_elsewhere(struct rig_peer *p)
{
	size_t size = reach_folded_size(p->reach);
	struct reach *folded = malloc(size);
	struct reach *whole = calloc(1, sizeof(*whole));

	assert_true(size > 0);
	reach_fold(p->reach, folded);
	assert_true(reach_is_folded(folded));
	reach_done(p->reach);
	free(p->reach);
	reach_unfold(whole, folded);
	assert_false(reach_is_folded(whole));
	assert_int_equal(reach_folded_size(whole), size);
	reach_done(folded);
	free(folded);
	p->reach = whole;
}

static void one_that_waits_or_has_its_path_needs_less_than_ten_kilobytes(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a;

	assert_in_range(reach_folded_size(b->reach), 1, 10 * 1024);
	a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	rig_run(r, 2 * REACH_SETTLE);
	assert_in_range(reach_folded_size(b->reach), 1, 10 * 1024);
	assert_in_range(reach_folded_size(a->reach), 1, 10 * 1024);
	print_message("waiting or settled: %zu and %zu bytes, of %zu\n", reach_folded_size(b->reach),
		      reach_folded_size(a->reach), sizeof(*a->reach));
}

static void while_something_is_under_way_it_is_not_folded(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));
	unsigned folds = b->folds;

	assert_int_equal(reach_folded_size(a->reach), 0);
	assert_true(rig_until(r, b, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	folds = b->folds;
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	assert_int_equal(reach_folded_size(b->reach), 0);
	assert_int_equal(b->folds, folds);
	rig_run(r, 2 * REACH_SETTLE);
	assert_true(b->folds > folds);
	/* Asked anew, it has questions out. */
	reach_again(b->reach, r->now);
	assert_int_equal(reach_folded_size(b->reach), 0);
}

static void in_other_memory_it_stays_registered_and_is_met(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a;

	for (int i = 0; i < 8; i++) {
		refold_elsewhere(b);
		rig_run(r, ADIT_SEC(15));
	}
	assert_int_equal(b->count[REACH_EVENT_LOST], 0);
	a = rig_connecting(r, RIG_NAT_SEQUENTIAL, ADIT_MS(15));
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(20)));
	assert_int_equal(a->bad_sends + b->bad_sends, 0);
}

static void accounts_and_views_can_be_read_without_unfolding(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(15));
	struct reach_account whole[64], folded[64];
	struct reach_desc own[2], peer[2];
	size_t n[2] = {0, 0}, at = 0;
	struct reach *f;

	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	rig_run(r, 2 * REACH_SETTLE);
	f = malloc(reach_folded_size(b->reach));
	reach_fold(b->reach, f);
	while (reach_account(b->reach, &at, &whole[n[0]]))
		n[0]++;
	for (at = 0; reach_account(f, &at, &folded[n[1]]);)
		n[1]++;
	assert_true(n[0] > 0);
	assert_int_equal(n[0], n[1]);
	for (size_t i = 0; i < n[0]; i++) {
		char text[2][REACH_ACCOUNT_STRLEN];

		assert_string_equal(reach_account_format(&whole[i], text[0]),
				    reach_account_format(&folded[i], text[1]));
	}
	reach_views(b->reach, &own[0], &peer[0]);
	reach_views(f, &own[1], &peer[1]);
	assert_int_equal(own[0].kind, own[1].kind);
	assert_int_equal(peer[0].instance, peer[1].instance);
	assert_true(reach_has_heard_mediator(f));
	assert_int_equal(reach_last_verdict(f), REACH_VERDICT_NONE);
	reach_set_utc(f, r->now, RIG_UTC + r->now);
	reach_done(f);
	free(f);
}

static size_t offer_to(const uint8_t *id, uint8_t *buf, size_t cap)
{
	static const uint8_t txid[STUN_TXID_LEN] = {1};
	struct stun_build b;

	stun_build_begin(&b, buf, cap, STUN_REQUEST, MEET_INTRODUCE, txid);
	stun_build_bytes(&b, MEET_ATTR_ID, id, MEET_ID_LEN);
	return (size_t)stun_build_end(&b);
}

static void only_a_mediator_who_means_it_is_worth_unfolding(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	const struct meet_entry *e = &b->reach->meet.entries[0];
	struct reach *f = malloc(reach_folded_size(b->reach));
	uint8_t buf[200], other[MEET_ID_LEN] = {0};
	struct adit_dgram d = {.data = buf, .remote = e->addr};
	struct reach_stats stats;

	reach_fold(b->reach, f);
	d.len = offer_to(e->id, buf, sizeof(buf));
	assert_true(reach_folded_wants(f, &d));
	d.remote.port++;
	assert_false(reach_folded_wants(f, &d));
	d.remote.port--;
	d.len = offer_to(other, buf, sizeof(buf));
	assert_false(reach_folded_wants(f, &d));
	/* An answer to nothing, and garbage. */
	d.len = offer_to(e->id, buf, sizeof(buf));
	buf[0] |= 0x01;
	assert_false(reach_folded_wants(f, &d));
	memset(buf, 0xff, sizeof(buf));
	assert_false(reach_folded_wants(f, &d));
	reach_stats(f, &stats);
	assert_int_equal(stats.other, 4);
	reach_done(f);
	free(f);
}

/* Their numbers are names: what still comes for a closed one must not be taken for another's. */
static void a_sockets_number_is_not_used_again_after_it(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(35));
	uint32_t seen[16];

	for (size_t i = 0; i < 16; i++) {
		uint16_t slot = b->reach->home[0];

		assert_int_not_equal(slot, REACH_NO_SOCK);
		seen[i] = b->reach->cfg.sock_base + b->reach->socks[slot].turn * REACH_SOCK_SLOTS + slot;
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(seen[k], seen[i]);
		reach_sock_failed(b->reach, r->now, seen[i]);
		rig_run(r, ADIT_SEC(80));
		refold_elsewhere(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(one, one_that_waits_or_has_its_path_needs_less_than_ten_kilobytes),
		RIG_TEST(one, while_something_is_under_way_it_is_not_folded),
		RIG_TEST(one, in_other_memory_it_stays_registered_and_is_met),
		RIG_TEST(one, accounts_and_views_can_be_read_without_unfolding),
		RIG_TEST(one, only_a_mediator_who_means_it_is_worth_unfolding),
		RIG_TEST(one, a_sockets_number_is_not_used_again_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
