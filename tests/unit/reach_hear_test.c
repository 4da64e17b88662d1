/* What strangers send to every socket, and sockets that fail at any time. */
#include "test.h"

#include "core/ice/ice_msg.h"
#include "reach_rig.h"

static void throw_at(struct rig *r, struct rig_peer *p, const struct rig_sock *s, const struct adit_addr *from,
		     const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct adit_dgram d = {.sock = s->number,
			       .local = adit_addr_with_port(p->inside, s->port),
			       .remote = *from,
			       .data = copy,
			       .len = len};

	memcpy(copy, data, len);
	assert_true(reach_input(p->reach, r->now, &d) != 0);
	free(copy);
}

static uint32_t home_of(const struct rig_peer *p)
{
	const struct reach *r = p->reach;
	uint16_t slot = r->home[0];

	return r->cfg.sock_base + r->socks[slot].turn * REACH_SOCK_SLOTS + slot;
}

static size_t forged_check(struct rig *r, const char *ufrag, uint8_t *buf)
{
	struct ice_cred theirs, ours;
	struct ice_msg_check c = {.local = &ours, .remote = &theirs, .priority = 1, .tiebreaker = 7};
	uint8_t txid[STUN_TXID_LEN] = {1};

	ice_cred_make(&theirs, &r->rng);
	ice_cred_make(&ours, &r->rng);
	if (ufrag)
		memcpy(theirs.ufrag, ufrag, strlen(ufrag) + 1);
	return ice_msg_check(&c, &crypto_gnutls, txid, buf);
}

/* Garbage, checks of somebody else, checks that know our ufrag and not the password: to each open socket. */
static void throw_all(struct rig *r, struct rig_peer *p)
{
	struct adit_addr from[] = {adit_addr_v4(198, 51, 100, 66, 6666), r->mediators[0].addr, r->peers[0].outside};
	uint8_t buf[ICE_MSG_MAX];

	from[2].port = 4444;
	for (size_t i = 0; i < RIG_SOCKS; i++) {
		const struct rig_sock *s = &p->socks[i];

		if (!s->is_open)
			continue;
		for (size_t k = 0; k < 3; k++) {
			size_t len = adit_rng_below(&r->rng, 200);

			adit_rng_fill(&r->rng, buf, sizeof(buf));
			throw_at(r, p, s, &from[k], buf, len);
			throw_at(r, p, s, &from[k], buf, forged_check(r, NULL, buf));
			throw_at(r, p, s, &from[k], buf, forged_check(r, ice_agent_cred(&p->reach->agent)->ufrag, buf));
		}
	}
}

static void garbage_and_forged_packets_move_nothing_but_counters(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_RANDOM, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct reach_stats before, after;

	a->is_deaf = b->is_deaf = true;
	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	rig_run(r, ADIT_SEC(2));
	assert_true(rig_open_socks(b) > 200);
	for (unsigned i = 0; i < 2; i++) {
		struct rig_peer *p = i == 0 ? a : b;
		enum reach_state was = p->reach->state;
		struct adit_out o;

		rig_drain(r, p);
		reach_stats(p->reach, &before);
		throw_all(r, p);
		reach_stats(p->reach, &after);
		assert_int_equal(p->reach->state, was);
		assert_true(after.bad_auth > before.bad_auth);
		assert_int_equal(after.socks_open, before.socks_open);
		assert_int_equal(p->count[REACH_EVENT_HEARD], 0);
		assert_int_equal(reach_output(p->reach, r->now, &o), 0); /* a stranger gets zero bytes */
	}
	a->is_deaf = b->is_deaf = false;
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(8)));
}

static void datagrams_for_other_sockets_are_not_ours(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	uint8_t data[4] = {0};
	struct adit_dgram d = {.sock = 5, .remote = r->mediators[0].addr, .data = data, .len = sizeof(data)};
	const uint32_t numbers[] = {0, 5, 999, 1000, 1001, 1000 + REACH_SOCK_SPAN, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		d.sock = numbers[i];
		assert_false(reach_has_sock(b->reach, numbers[i]));
		assert_int_equal(reach_input(b->reach, r->now, &d), ADIT_EIGNORED);
		reach_sock_failed(b->reach, r->now, numbers[i]);
		reach_released(b->reach, r->now, numbers[i]);
		assert_int_equal(reach_take(b->reach, r->now, numbers[i]), ADIT_ENOENT);
	}
	rig_run(r, ADIT_SEC(20));
	assert_int_equal(b->count[REACH_EVENT_LOST], 0);
}

static void datagrams_that_came_together_are_taken_apart(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct reach_stats stats;
	uint8_t check[ICE_MSG_MAX];
	uint8_t both[2 * ICE_MSG_MAX];
	struct adit_dgram d = {.data = both};
	size_t len;

	assert_true(rig_until(r, a, REACH_EVENT_MEETING, 1, ADIT_SEC(5)));
	len = ice_agent_check(&a->reach->agent, false, check);
	memset(both, 0xff, len);
	memcpy(both + len, check, len);
	d.sock = home_of(b);
	d.local = adit_addr_with_port(b->inside, rig_sock_by(b, d.sock, 0)->port);
	d.remote = adit_addr_with_port(a->outside, 7777);
	d.len = 2 * len;
	d.seg_size = len;
	assert_int_equal(reach_input(b->reach, r->now, &d), 0);
	rig_drain(r, b);
	assert_int_equal(b->count[REACH_EVENT_HEARD], 1);
	reach_stats(b->reach, &stats);
	assert_int_equal(stats.bad_auth, 0);
}

static void a_home_that_cannot_be_opened_is_tried_with_another_port(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(20));

	b->fail_opens = REACH_REOPEN_SOON; /* of a machine with thousands of sockets */
	reach_start(b->reach, r->now);
	rig_run(r, ADIT_MS(200));
	assert_int_equal(b->count[REACH_EVENT_HELD], 1);
	assert_int_equal(b->bad_sends, 0);
}

static void where_no_home_can_be_opened_that_is_tried_more_and_more_rarely(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_peer(r, MEET_SERVE, RIG_NAT_STEADY, ADIT_MS(20));

	b->fail_opens = 1000;
	reach_start(b->reach, r->now);
	rig_run(r, ADIT_SEC(60));
	/* Then after 1, 3, 7, 15 and 31 s; and a few that measure. */
	assert_in_range(1000 - b->fail_opens, REACH_REOPEN_SOON + 1 + 5, REACH_REOPEN_SOON + 1 + 5 + 6);
	b->fail_opens = 0;
	rig_run(r, ADIT_SEC(10));
	assert_int_equal(b->count[REACH_EVENT_HELD], 1);
}

/* Each socket that is open, at each of many moments: whatever is lost, the peers meet in the end. */
static void sockets_may_fail_at_any_time(void **state)
{
	static const enum rig_nat nats[] = {RIG_NAT_STEADY, RIG_NAT_SEQUENTIAL, RIG_NAT_BLOCK};

	(void)state;
	for (unsigned k = 0; k < 3 * 12; k++) {
		void *s;
		struct rig *r;
		struct rig_peer *a, *b;

		rig_two(&s);
		r = s;
		b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
		a = rig_connecting(r, nats[k % 3], ADIT_MS(20));
		rig_run(r, ADIT_MS(30) * (k / 3));
		for (size_t i = 0; i < RIG_SOCKS; i++) {
			struct rig_peer *p = i % 2 ? a : b;

			if (!p->socks[i / 2].is_open)
				continue;
			p->socks[i / 2].is_open = false;
			reach_sock_failed(p->reach, r->now, p->socks[i / 2].number);
			rig_drain(r, p);
		}
		if (a->count[REACH_EVENT_VALID] == 0) {
			assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(100)));
			assert_int_equal(a->bad_sends + b->bad_sends, 0);
		}
		rig_free(r);
	}
}

static void a_home_that_is_taken_is_replaced_and_the_registration_moves(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = rig_serving(r, RIG_NAT_STEADY, ADIT_MS(20));
	struct rig_peer *a = rig_connecting(r, RIG_NAT_STEADY, ADIT_MS(20));
	uint32_t sock;

	assert_true(rig_until(r, b, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	sock = b->last[REACH_EVENT_VALID].sock;
	assert_int_equal(reach_take(b->reach, r->now, sock), 0);
	assert_int_equal(reach_take(b->reach, r->now, sock), ADIT_ENOENT);
	assert_true(reach_has_sock(b->reach, sock));
	assert_true(rig_until(r, b, REACH_EVENT_HELD, 2, ADIT_SEC(2)));
	assert_int_equal(rig_open_socks(b), 2);
	assert_int_equal(r->mediators[0].meet->table.used, 1);
	/* It still answers checks that the caller hands it. */
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(1)));
	/* Another attempt of the peer finds it by its new home. */
	a->count[REACH_EVENT_VALID] = 0;
	reach_start(a->reach, r->now);
	assert_true(rig_until(r, a, REACH_EVENT_VALID, 1, ADIT_SEC(5)));
	rig_sock_by(b, sock, 0)->is_open = false;
	reach_released(b->reach, r->now, sock);
	assert_false(reach_has_sock(b->reach, sock));
	rig_run(r, ADIT_SEC(40));
	assert_int_equal(b->bad_sends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(two, garbage_and_forged_packets_move_nothing_but_counters),
		RIG_TEST(one, datagrams_for_other_sockets_are_not_ours),
		RIG_TEST(one, datagrams_that_came_together_are_taken_apart),
		RIG_TEST(one, a_home_that_cannot_be_opened_is_tried_with_another_port),
		RIG_TEST(one, where_no_home_can_be_opened_that_is_tried_more_and_more_rarely),
		cmocka_unit_test(sockets_may_fail_at_any_time),
		RIG_TEST(one, a_home_that_is_taken_is_replaced_and_the_registration_moves),
	};

	return cmocka_run_group_tests_name("reach_hear", tests, NULL, NULL);
}
