#include "test.h"

#include "base/bytes.h"
#include "meet_rig.h"

static int setup(void **state)
{
	*state = rig_new();
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static struct rig_peer *serving(struct rig *r, adit_dur delay)
{
	struct rig_peer *p = rig_peer(r, MEET_SERVE, delay, NULL);

	meet_client_serve(&p->c, r->now);
	rig_run(r, ADIT_SEC(2));
	assert_int_equal(p->count[MEET_EVENT_HELD], RIG_MEDIATORS);
	return p;
}

static struct rig_peer *asking(struct rig *r, adit_dur delay, const uint8_t *k)
{
	struct rig_peer *p = rig_peer(r, MEET_CONNECT, delay, k);
	struct meet_offer o = rig_offer();

	assert_int_equal(meet_client_offer(&p->c, r->now, &o), 0);
	return p;
}

static void a_peer_registers_in_two_round_trips_and_learns_its_address(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, ADIT_MS(20));

	assert_true(adit_addr_eq(&p->last[MEET_EVENT_HELD].mapped, &p->addr));
	assert_int_equal(r->servers[0]->table.used, 1);
	assert_int_equal(p->c.entries[0].rtt, ADIT_MS(40));
	assert_true(memcmp(p->c.entries[0].id, p->c.entries[1].id, MEET_ID_LEN) != 0); /* mediators cannot compare */
}

static void a_registration_lives_by_one_refresh_each_15_s(void **state)
{
	struct rig *r = *state;

	serving(r, ADIT_MS(20));
	rig_run(r, ADIT_SEC(3600));
	assert_int_equal(r->servers[0]->table.used, 1);
	assert_int_equal(r->servers[0]->stats.registered, 1);
	assert_in_range(r->servers[0]->stats.refreshed, 238, 280);
	assert_int_equal(r->servers[0]->stats.expired, 0);
}

static void who_ends_in_order_is_absent_at_once(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20)), *a;

	meet_client_stop(&b->c);
	rig_run(r, ADIT_MS(21));
	for (unsigned i = 0; i < RIG_MEDIATORS; i++) {
		assert_int_equal(r->servers[i]->table.used, 0);
		assert_int_equal(r->servers[i]->stats.left, 1);
	}
	a = asking(r, ADIT_MS(15), NULL);
	rig_run(r, ADIT_MS(200));
	assert_int_equal(a->count[MEET_EVENT_ABSENT], RIG_MEDIATORS);
	/* And it is told once: nothing follows. */
	assert_int_equal(meet_client_deadline(&b->c), ADIT_NEVER);
	meet_client_stop(&b->c);
	rig_run(r, ADIT_MS(50));
	assert_int_equal(r->servers[0]->stats.unknown, 0);
}

static void who_goes_away_is_forgotten(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, ADIT_MS(20));
	adit_time end;

	meet_client_stop(&p->c);
	end = r->now + MEET_LIFETIME + ADIT_SEC(2);
	for (; r->now < end; r->now += MEET_SWEEP_EACH)
		meet_server_tick(r->servers[0], r->now);
	assert_int_equal(r->servers[0]->table.used, 0);
	assert_int_equal(r->servers[0]->stats.expired, 1);
}

static void two_peers_meet_and_start_within_a_millisecond(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(70));
	struct rig_peer *a = asking(r, ADIT_MS(15), NULL);
	adit_time began = r->now;

	rig_run(r, ADIT_SEC(1));
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
	assert_int_equal(b->offer.extra[0], 42);
	assert_int_equal(a->offer.extra[0], 43);
	assert_string_equal(b->offer.ufrag, "abcdefgh");
	assert_int_equal(b->offer.n_cands, 2);
	assert_int_equal(b->offer.cands[1].addr.port, 7);
	/* Two round trips of a, one of b; and both begin when the answer is there. */
	assert_int_equal(a->last[MEET_EVENT_ANSWER].start_at, began + ADIT_MS(30 + 30 + 140));
	assert_in_range(b->start_at, a->last[MEET_EVENT_ANSWER].start_at - ADIT_MS(1),
			a->last[MEET_EVENT_ANSWER].start_at + ADIT_MS(1));
	assert_int_equal(r->servers[0]->stats.introduced, 1);
	assert_int_equal(r->servers[0]->stats.answered, 1);
	assert_int_equal(r->servers[1]->stats.introduced, 0); /* one was enough */
}

/* |wait| after its cookies were asked for it has something to say. */
static struct rig_peer *asking_ahead(struct rig *r, adit_dur delay, adit_dur wait)
{
	struct rig_peer *p = rig_peer(r, MEET_CONNECT, delay, NULL);
	struct meet_offer o = rig_offer();

	meet_client_prepare(&p->c, r->now);
	rig_run(r, wait);
	assert_int_equal(meet_client_offer(&p->c, r->now, &o), 0);
	return p;
}

static void an_offer_that_is_ready_before_its_cookie_leaves_with_it(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(70)), *a;
	uint64_t cookies = r->servers[0]->stats.cookies;
	adit_time began = r->now;

	a = asking_ahead(r, ADIT_MS(15), ADIT_MS(29));
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(a->last[MEET_EVENT_ANSWER].start_at, began + ADIT_MS(30 + 30 + 140));
	assert_in_range(b->start_at, a->last[MEET_EVENT_ANSWER].start_at - ADIT_MS(1),
			a->last[MEET_EVENT_ANSWER].start_at + ADIT_MS(1)); /* the round trip was measured */
	assert_int_equal(r->servers[0]->stats.cookies, cookies + 1);
	assert_int_equal(r->servers[1]->stats.introduced, 0);
}

static void a_cookie_that_was_lost_is_asked_for_anew(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	adit_time began;

	serving(r, ADIT_MS(70));
	began = r->now;
	r->dead[0] = true;
	a = asking_ahead(r, ADIT_MS(15), ADIT_MS(29));
	r->dead[0] = false;
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(a->last[MEET_EVENT_ANSWER].start_at,
			 began + ADIT_MS(29) + MEET_COOKIE_LATE + ADIT_MS(30 + 30 + 140));
}

static void the_next_mediators_cookie_is_kept_for_its_turn(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;
	adit_time began;

	serving(r, ADIT_MS(70));
	began = r->now;
	r->dead[0] = true;
	a = asking_ahead(r, ADIT_MS(15), ADIT_MS(29));
	rig_run(r, MEET_FAILOVER);
	assert_int_equal(r->servers[1]->stats.introduced, 0);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(a->last[MEET_EVENT_ANSWER].mediator, 1);
	assert_int_equal(a->last[MEET_EVENT_ANSWER].start_at,
			 began + ADIT_MS(29) + MEET_FAILOVER + MEET_COOKIE_LATE + ADIT_MS(30 + 140));
}

static void an_offer_that_was_taken_back_is_not_repeated(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct rig_peer *a = asking(r, ADIT_MS(15), NULL);

	b->answers = false;
	rig_run(r, ADIT_MS(200));
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
	meet_client_prepare(&a->c, r->now);
	rig_run(r, ADIT_SEC(20));
	assert_int_equal(r->servers[0]->stats.introduced, 1);
	assert_int_equal(a->count[MEET_EVENT_SILENT], 0);
}

/* For |seconds|, asked for as often as one likes: how often the offer has gone to the peer. */
static uint64_t offered_within(struct rig *r, struct rig_peer *a, unsigned seconds)
{
	uint64_t before = r->servers[0]->stats.introduced;

	for (unsigned i = 0; i < 100 * seconds; i++) {
		meet_client_again(&a->c, r->now);
		rig_run(r, ADIT_MS(10));
	}
	return r->servers[0]->stats.introduced - before;
}

static void an_offer_is_repeated_twice_a_second_where_somebody_waits(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct rig_peer *a = asking(r, ADIT_MS(15), NULL);

	b->answers = false;
	assert_true(offered_within(r, a, 1) <= 3);
	assert_in_range(offered_within(r, a, 6), 12, 17);
	rig_run(r, ADIT_SEC(9));
	assert_int_equal(a->count[MEET_EVENT_SILENT], 1);
	assert_int_equal(offered_within(r, a, 1), 0);
}

static void losses_are_repaired(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a, *b;

	r->drop_from = 3;
	b = rig_peer(r, MEET_SERVE, ADIT_MS(20), NULL);
	meet_client_serve(&b->c, r->now);
	rig_run(r, ADIT_SEC(8));
	assert_true(b->count[MEET_EVENT_HELD] >= 1);
	a = asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_SEC(8));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
	rig_run(r, ADIT_SEC(600));
	assert_int_equal(r->servers[0]->table.used, 1);
}

/* ---- a mediator with an address of each family ---- */

/* A serve side that knows both addresses of the first mediator, which lives at |is_v6|'s. */
static struct rig_peer *of_two_families(struct rig *r, bool is_v6)
{
	static const uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct rig_peer *p = rig_peer(r, MEET_SERVE, ADIT_MS(20), NULL);
	struct adit_addr six = adit_addr_v6(ip, 3478);

	meet_client_set_addr(&p->c, r->now, 0, &six);
	if (is_v6)
		r->server_addr[0] = six;
	r->dead[1] = true;
	return p;
}

static bool is_held(const struct rig_peer *p, bool over_v6)
{
	return p->c.entries[0].state == MEET_STATE_HELD && adit_addr_is_v6(&p->c.entries[0].addr) == over_v6;
}

static void a_mediator_is_asked_over_ipv4_where_that_answers(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = of_two_families(r, false);

	meet_client_serve(&p->c, r->now);
	rig_run(r, ADIT_MS(400));
	assert_true(is_held(p, false));
	rig_run(r, ADIT_SEC(300));
	assert_true(is_held(p, false));
}

static void a_mediator_that_is_silent_over_one_family_answers_over_the_other(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = of_two_families(r, true);

	meet_client_serve(&p->c, r->now);
	rig_run(r, ADIT_MS(500 + 4 * 20 + 10)); /* the second question, and the registration */
	assert_true(is_held(p, true));
	assert_int_equal(p->count[MEET_EVENT_SILENT], 0);
	rig_run(r, ADIT_SEC(300));
	assert_true(is_held(p, true));
	assert_int_equal(p->count[MEET_EVENT_LOST], 0);
}

static void without_ipv4_ipv6_is_asked_at_once_and_ipv4_when_it_comes(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = of_two_families(r, true);

	meet_client_set_own(&p->c, r->now, false, true);
	meet_client_serve(&p->c, r->now);
	rig_run(r, ADIT_MS(4 * 20 + 10));
	assert_true(is_held(p, true));
	r->server_addr[0] = p->c.entries[0].other;
	meet_client_set_own(&p->c, r->now, true, true);
	rig_run(r, ADIT_MS(4 * 20 + 10));
	assert_true(is_held(p, false));
	assert_int_equal(p->count[MEET_EVENT_LOST], 0);
}

static void a_stranger_at_the_other_address_is_not_believed(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = of_two_families(r, false);
	uint8_t answer[STUN_HEADER_LEN + 8];
	static const uint8_t txid[STUN_TXID_LEN] = {1};
	struct adit_addr six = p->c.entries[0].other;
	struct stun_build b;
	int len;

	r->dead[0] = true;
	meet_client_serve(&p->c, r->now);
	rig_run(r, ADIT_SEC(1));
	stun_build_begin(&b, answer, sizeof(answer), STUN_SUCCESS, MEET_REGISTER, txid);
	len = stun_build_end(&b);
	assert_true(len > 0);
	assert_int_equal(meet_client_input(&p->c, r->now, &six, answer, (size_t)len), ADIT_EIGNORED);
	assert_true(adit_addr_is_v4(&p->c.entries[0].addr));
}

static void an_absent_peer_is_told_in_two_round_trips_and_asked_for_again(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a = asking(r, ADIT_MS(20), NULL);

	rig_run(r, ADIT_MS(90));
	assert_int_equal(a->count[MEET_EVENT_ABSENT], 1);
	rig_run(r, ADIT_MS(90));
	assert_int_equal(a->count[MEET_EVENT_ABSENT], 2); /* the other mediator, at once */
	assert_int_equal(r->servers[0]->stats.absent, 1);
	serving(r, ADIT_MS(20));
	rig_run(r, ADIT_SEC(6));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
}

static void with_another_secret_the_peer_cannot_even_be_asked_for(void **state)
{
	static const uint8_t other[MEET_K_LEN] = {9};
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct rig_peer *a = asking(r, ADIT_MS(20), other);

	rig_run(r, ADIT_SEC(1));
	assert_int_equal(a->count[MEET_EVENT_ABSENT], 2);
	assert_int_equal(b->count[MEET_EVENT_OFFER], 0);
	assert_int_equal(r->servers[0]->stats.introduced, 0);
}

static void a_dead_mediator_is_passed_over(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct rig_peer *a;
	adit_time began;

	r->dead[0] = true;
	a = asking(r, ADIT_MS(20), NULL);
	began = r->now;
	rig_run(r, ADIT_SEC(5));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
	assert_int_equal(a->last[MEET_EVENT_ANSWER].mediator, 1);
	assert_int_equal(a->last[MEET_EVENT_ANSWER].start_at, began + MEET_FAILOVER + ADIT_MS(120));
	rig_run(r, ADIT_SEC(60));
	assert_int_equal(b->count[MEET_EVENT_LOST], 1);
	assert_true(b->count[MEET_EVENT_SILENT] >= 1);
	r->dead[0] = false;
	rig_run(r, MEET_BACKOFF_MAX * 2);
	assert_int_equal(r->servers[0]->table.used, 1);
}

static void after_a_restart_everybody_is_back_within_a_keepalive(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));

	rig_run(r, ADIT_SEC(100));
	rig_server(r, 0); /* another boot: new keys, an empty table */
	rig_run(r, MEET_KEEPALIVE + ADIT_SEC(1));
	assert_int_equal(r->servers[0]->table.used, 1);
	assert_int_equal(r->servers[0]->stats.unknown, 1);
	assert_int_equal(b->count[MEET_EVENT_LOST], 0); /* that is no reason to worry anybody */
}

/* However long it was away, and a peer that waits says little: no more than one that is registered. */
static void a_mediator_that_was_away_has_its_peers_back_within_a_keepalive(void **state)
{
	static const unsigned away[] = {20, 40, 60, 61, 62, 63, 64, 65, 70, 300, 3600};
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));

	r->drop_from = UINT32_MAX; /* counts what is sent */
	for (size_t i = 0; i < ARRAY_LEN(away); i++) {
		unsigned held = b->count[MEET_EVENT_HELD];

		r->dead[0] = r->dead[1] = true;
		r->sent = 0;
		rig_run(r, ADIT_SEC(away[i]));
		assert_true(r->sent <= 2 * (away[i] / 14 + 7));
		rig_server(r, 0);
		rig_server(r, 1);
		r->dead[0] = r->dead[1] = false;
		rig_run(r, MEET_KEEPALIVE + ADIT_SEC(1));
		assert_int_equal(r->servers[0]->table.used + r->servers[1]->table.used, 2);
		assert_true(b->count[MEET_EVENT_HELD] >= held);
		rig_run(r, ADIT_SEC(100));
	}
}

static void one_machine_with_two_names_is_two_mediators(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b, *a;

	r->server_addr[1] = r->server_addr[0];
	r->dead[1] = true;
	b = serving(r, ADIT_MS(20));
	assert_int_equal(r->servers[0]->table.used, 2);
	a = asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_SEC(5));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
	/* By either name. */
	a->c.first = 1;
	a->count[MEET_EVENT_ANSWER] = 0;
	assert_int_equal(meet_client_offer(&a->c, r->now,
					   &(struct meet_offer){.ufrag = "abcdefgh", .pwd = "01234567890123456789012"}),
			 0);
	rig_run(r, ADIT_SEC(5));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
	assert_int_equal(a->last[MEET_EVENT_ANSWER].mediator, 1);
	rig_run(r, ADIT_SEC(100));
	assert_int_equal(b->count[MEET_EVENT_LOST], 0);
	assert_int_equal(b->count[MEET_EVENT_HELD], 2);
	assert_int_equal(a->c.stats.ignored + b->c.stats.ignored, 0);
	assert_int_equal(a->c.stats.forged + b->c.stats.forged, 0);
	/* Its end is told for each of the two. */
	meet_server_drain(r->servers[0]);
	for (unsigned i = 1; i <= 2; i++) {
		struct meet_server_out out;
		uint8_t buf[MEET_MSG_MAX];

		assert_int_equal(meet_server_goodbye(r->servers[0], buf, &out), 1);
		assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len), 0);
		rig_drain(r, b);
		assert_int_equal(b->count[MEET_EVENT_LOST], i);
	}
}

static void a_peer_whose_address_changed_registers_anew(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));

	b->addr.port++;
	rig_run(r, MEET_KEEPALIVE + ADIT_SEC(1));
	assert_int_equal(r->servers[0]->table.used, 1);
	assert_true(adit_addr_eq(&b->last[MEET_EVENT_HELD].mapped, &b->addr));
	asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
}

static void a_mediator_that_ends_says_so(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];

	meet_server_drain(r->servers[0]);
	assert_int_equal(meet_server_goodbye(r->servers[0], buf, &out), 1);
	assert_true(adit_addr_eq(&out.remote, &b->addr));
	assert_int_equal(out.sock, 1);
	buf[out.len - 1] ^= 1; /* a forged one first */
	assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len), ADIT_EIGNORED);
	buf[out.len - 1] ^= 1;
	assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[1], buf, out.len), ADIT_EIGNORED);
	assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len), 0);
	rig_drain(r, b);
	assert_int_equal(b->count[MEET_EVENT_LOST], 1);
	assert_int_equal(meet_server_goodbye(r->servers[0], buf, &out), 0);
	rig_run(r, ADIT_SEC(30));
	assert_true(r->servers[0]->stats.full > 0); /* it tried again, and was refused */
}

static void outcomes_are_counted_without_a_name(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a;

	serving(r, ADIT_MS(20));
	a = asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_SEC(1));
	meet_client_report(&a->c, r->now, MEET_PATH_PUNCHED, 100);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(r->servers[0]->stats.paths[MEET_PATH_PUNCHED], 1);
	assert_int_equal(r->servers[0]->stats.durations[3], 1); /* 64 to 128 ms */
	assert_int_equal(r->servers[1]->stats.paths[MEET_PATH_PUNCHED], 0);
	/* Each meeting counts once. */
	meet_client_report(&a->c, r->now, MEET_PATH_PUNCHED, 100);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(r->servers[0]->stats.paths[MEET_PATH_PUNCHED], 1);
}

static void a_meeting_that_came_to_nothing_is_counted_though_all_is_stopped(void **state)
{
	struct rig *r = *state;
	struct meet_offer again = rig_offer();
	struct rig_peer *a;

	serving(r, ADIT_MS(20));
	a = asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_SEC(1));
	meet_client_stop(&a->c);
	meet_client_report(&a->c, r->now, MEET_PATH_NONE, 5000);
	/* What is asked at once, too, keeps its own transaction. */
	assert_int_equal(meet_client_offer(&a->c, r->now, &again), 0);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(r->servers[0]->stats.paths[MEET_PATH_NONE], 1);
	assert_int_equal(r->servers[0]->stats.durations[9], 0); /* these are of paths */
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 2);
}

static void an_offer_that_comes_again_is_answered_again_without_an_event(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct rig_peer *a;

	r->copy_method = MEET_INTRODUCE;
	a = asking(r, ADIT_MS(20), NULL);
	b->answers = false;
	rig_run(r, ADIT_MS(200));
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
	rig_put(r, r->now, &r->copy.from, &r->copy.to, r->copy.data, r->copy.len);
	rig_run(r, ADIT_MS(100));
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 0);
}

/* What is answered late is answered from there. */
static void a_peer_whose_address_changes_before_it_answers_is_heard(void **state)
{
	struct meet_offer answer = rig_offer();
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct rig_peer *a;
	adit_time start_at;

	b->answers = false;
	a = asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_MS(200));
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
	b->addr.port++;
	meet_client_moved(&b->c, r->now, ADIT_FAMILY_V4);
	rig_drain(r, b);
	rig_run(r, ADIT_MS(200));
	assert_int_equal(meet_client_answer(&b->c, r->now, b->last[MEET_EVENT_OFFER].ask, &answer, &start_at), 0);
	rig_drain(r, b);
	rig_run(r, ADIT_SEC(2));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
}

static void an_offer_replayed_later_is_nothing_but_counted(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct meet_server_out out;
	struct rig_dgram d;
	uint8_t buf[MEET_MSG_MAX];

	r->copy_method = MEET_INTRODUCE;
	b->answers = false;
	asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_MS(75)); /* the offer is on its way to the mediator, or just there */
	d = r->copy;
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
	assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 1);
	for (int i = 0; i < MEET_ASKS; i++)
		b->c.asks[i].used = false; /* forgotten as ask, known as offer */
	assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len), ADIT_EREPLAY);
	r->now += 2 * MEET_STAMP_WINDOW;
	assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len), ADIT_EREPLAY);
	rig_drain(r, b);
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
	assert_int_equal(b->c.stats.replayed, 2);
	/* One bit anywhere: refused, whatever the layer that sees it. */
	for (size_t i = 0; i < out.len; i++) {
		buf[i] ^= 4;
		(void)!meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len);
		buf[i] ^= 4;
	}
	rig_drain(r, b);
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
}

/* A mediator that changes or makes up offers: none is believed, nothing is said, and the right one still counts. */
static void a_forged_offer_is_nothing_but_counted(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	struct stun_attr sealed;
	struct adit_out said;
	struct stun_msg m;
	size_t at, len;

	r->copy_method = MEET_INTRODUCE;
	asking(r, ADIT_MS(20), NULL);
	rig_run(r, ADIT_MS(75)); /* the offer is on its way to the mediator, or just there */
	r->dead[0] = r->dead[1] = true;
	r->n_wire = 0;
	assert_int_equal(rig_at_server(r, 0, &r->copy, &out, buf), 1);
	assert_int_equal(stun_msg_parse(&m, buf, out.len), 0);
	assert_int_equal(stun_msg_find(&m, MEET_ATTR_SEALED, &sealed), 0);
	at = (size_t)(sealed.value - m.data);
	len = sealed.len;
	for (size_t i = 0; i < len + STUN_TXID_LEN; i++) {
		/* Each byte of it, and of the transaction that it is for. */
		size_t byte = i < len ? at + i : STUN_HEADER_LEN - STUN_TXID_LEN + i - len;

		buf[byte] ^= 4;
		assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len), ADIT_EAUTH);
		buf[byte] ^= 4;
	}
	assert_int_equal(b->c.stats.forged, len + STUN_TXID_LEN);
	assert_false(meet_client_output(&b->c, r->now, &said));
	assert_int_equal(meet_client_input(&b->c, r->now, &r->server_addr[0], buf, out.len), 0);
	rig_drain(r, b);
	assert_int_equal(b->count[MEET_EVENT_OFFER], 1);
}

static void a_forged_answer_changes_nothing_and_the_right_one_still_counts(void **state)
{
	struct rig *r = *state;
	struct rig_peer *b = serving(r, ADIT_MS(20));
	struct rig_peer *a = asking(r, ADIT_MS(20), NULL);
	uint8_t buf[MEET_MSG_MAX];
	uint8_t sealed[200] = {1};
	struct stun_build sb;
	int len;

	b->answers = true;
	rig_run(r, ADIT_MS(50)); /* a is proving now */
	stun_build_begin(&sb, buf, sizeof(buf), STUN_SUCCESS, MEET_INTRODUCE, a->c.entries[0].txid);
	stun_build_bytes(&sb, MEET_ATTR_SEALED, sealed, sizeof(sealed));
	len = stun_build_end(&sb);
	assert_int_equal(meet_client_input(&a->c, r->now, &r->server_addr[0], buf, (size_t)len), ADIT_EAUTH);
	assert_int_equal(a->c.stats.forged, 1);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
}

static void a_mediator_that_hands_out_cookies_for_ever_is_given_up(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = rig_peer(r, MEET_SERVE, ADIT_MS(20), NULL);
	static const uint8_t cookie[STUN_COOKIE_LEN];
	unsigned sent = 0;

	meet_client_serve(&p->c, r->now);
	for (int i = 0; i < 100; i++) {
		struct adit_out o;
		uint8_t buf[100];
		struct stun_build b;
		int len;

		while (meet_client_output(&p->c, r->now, &o))
			sent++;
		stun_build_begin(&b, buf, sizeof(buf), STUN_ERROR, MEET_REGISTER, p->c.entries[0].txid);
		stun_build_bytes(&b, STUN_ATTR_ERROR_CODE, "\0\0\4\46", 4); /* 438 */
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
		len = stun_build_end(&b);
		(void)!meet_client_input(&p->c, r->now, &r->server_addr[0], buf, (size_t)len);
	}
	assert_true(sent <= 6);
	assert_int_equal(p->c.entries[0].state, MEET_STATE_BACKOFF);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_peer_registers_in_two_round_trips_and_learns_its_address),
		T(a_registration_lives_by_one_refresh_each_15_s),
		T(who_ends_in_order_is_absent_at_once),
		T(who_goes_away_is_forgotten),
		T(two_peers_meet_and_start_within_a_millisecond),
		T(an_offer_that_is_ready_before_its_cookie_leaves_with_it),
		T(a_cookie_that_was_lost_is_asked_for_anew),
		T(the_next_mediators_cookie_is_kept_for_its_turn),
		T(an_offer_that_was_taken_back_is_not_repeated),
		T(an_offer_is_repeated_twice_a_second_where_somebody_waits),
		T(losses_are_repaired),
		T(a_mediator_is_asked_over_ipv4_where_that_answers),
		T(a_mediator_that_is_silent_over_one_family_answers_over_the_other),
		T(without_ipv4_ipv6_is_asked_at_once_and_ipv4_when_it_comes),
		T(a_stranger_at_the_other_address_is_not_believed),
		T(an_absent_peer_is_told_in_two_round_trips_and_asked_for_again),
		T(with_another_secret_the_peer_cannot_even_be_asked_for),
		T(a_dead_mediator_is_passed_over),
		T(after_a_restart_everybody_is_back_within_a_keepalive),
		T(a_mediator_that_was_away_has_its_peers_back_within_a_keepalive),
		T(one_machine_with_two_names_is_two_mediators),
		T(a_peer_whose_address_changed_registers_anew),
		T(a_mediator_that_ends_says_so),
		T(outcomes_are_counted_without_a_name),
		T(a_meeting_that_came_to_nothing_is_counted_though_all_is_stopped),
		T(an_offer_that_comes_again_is_answered_again_without_an_event),
		T(a_peer_whose_address_changes_before_it_answers_is_heard),
		T(an_offer_replayed_later_is_nothing_but_counted),
		T(a_forged_offer_is_nothing_but_counted),
		T(a_forged_answer_changes_nothing_and_the_right_one_still_counts),
		T(a_mediator_that_hands_out_cookies_for_ever_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
