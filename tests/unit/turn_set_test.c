#include "test.h"

#include "core/turn/turn_set.h"
#include "turn_rig.h"

#define SOCK 20
#define N    3
#define MAIL 64

/* An answer on its way: servers differ in how far they are. */
struct mail {
	adit_time at;
	uint32_t sock;
	struct adit_addr from;
	size_t len;
	uint8_t data[600];
};

struct rig {
	struct turn_set t;
	struct rig_server s[N];
	adit_dur rtt[N];
	struct turn_set_config cfg;
	struct adit_rng_seeded seed;
	adit_time now;
	unsigned opened[N];
	unsigned sent[N];
	bool open[N];
	struct mail mail[MAIL];
	size_t n_mail;
	uint8_t out[TURN_OUT_MIN];
};

static void post(struct rig *r, const struct adit_out *o)
{
	size_t i = o->sock - SOCK;
	struct mail *m = &r->mail[r->n_mail];

	assert_true(r->n_mail < MAIL);
	*m = (struct mail){.at = r->now + r->rtt[i], .sock = o->sock, .from = r->s[i].addr};
	assert_true(adit_addr_eq(&o->remote, &r->s[i].addr));
	r->sent[i]++;
	m->len = rig_take(&r->s[i], o->data, o->len, m->data, sizeof(m->data));
	r->n_mail += m->len > 0;
}

static void drain(struct rig *r)
{
	struct adit_out o;

	while (turn_set_output(&r->t, r->now, &o)) {
		size_t i = o.sock - SOCK;

		assert_true(i < r->cfg.n);
		if (o.kind == ADIT_OUT_OPEN) {
			assert_false(r->open[i]);
			r->open[i] = true;
			r->opened[i]++;
			if (r->cfg.servers[i].transport != TURN_UDP && !r->s[i].is_dead)
				turn_set_stream_up(&r->t, r->now, o.sock);
		} else if (o.kind == ADIT_OUT_CLOSE) {
			r->open[i] = false;
		} else {
			assert_true(r->open[i]);
			post(r, &o);
		}
	}
}

static adit_time next(const struct rig *r)
{
	adit_time at = turn_set_deadline(&r->t);

	for (size_t i = 0; i < r->n_mail; i++)
		at = adit_time_min(at, r->mail[i].at);
	return at;
}

static void deliver(struct rig *r)
{
	for (size_t i = 0; i < r->n_mail;) {
		struct mail m = r->mail[i];
		struct adit_dgram d = {.sock = m.sock, .remote = m.from, .data = m.data, .len = m.len};

		if (m.at > r->now) {
			i++;
			continue;
		}
		r->mail[i] = r->mail[--r->n_mail];
		(void)!turn_set_input(&r->t, r->now, &d);
		drain(r);
	}
}

static void run_for(struct rig *r, adit_dur d)
{
	adit_time until = r->now + d;

	drain(r);
	while (next(r) <= until) {
		r->now = next(r) > r->now ? next(r) : r->now;
		deliver(r);
		turn_set_tick(&r->t, r->now);
		drain(r);
	}
	r->now = until;
}

static void prepare(struct rig *r, size_t n)
{
	static const char *const addrs[] = {"192.0.2.1:3478", "192.0.2.2:3478", "192.0.2.3:3478"};

	memset(r, 0, sizeof(*r));
	r->now = ADIT_SEC(1000);
	r->cfg = (struct turn_set_config){.n = n,
					  .sock = SOCK,
					  .crypto = &crypto_gnutls,
					  .rng = adit_rng_seeded_init(&r->seed, 1),
					  .out = r->out,
					  .out_cap = sizeof(r->out)};
	for (size_t i = 0; i < n; i++) {
		rig_server_init(&r->s[i], addrs[i]);
		r->rtt[i] = ADIT_MS(40) * (n - i); /* the last one is the nearest */
		r->cfg.servers[i] = (struct turn_server){.addr = r->s[i].addr, .user = "ann", .pass = "secret"};
	}
}

static void begin(struct rig *r)
{
	assert_int_equal(turn_set_init(&r->t, &r->cfg), 0);
	turn_set_start(&r->t, r->now);
	run_for(r, ADIT_SEC(1));
}

static struct turn_set_event event(struct rig *r, enum turn_set_event_kind kind)
{
	struct turn_set_event e = {0};

	assert_int_equal(turn_set_event(&r->t, &e), 1);
	assert_int_equal(e.kind, kind);
	return e;
}

static void no_event(struct rig *r)
{
	struct turn_set_event e;

	assert_int_equal(turn_set_event(&r->t, &e), 0);
}

static void the_nearest_server_is_taken_and_the_others_keep_nothing(void **state)
{
	struct turn_set_event e;
	struct rig r;

	(void)state;
	prepare(&r, 3);
	begin(&r);
	e = event(&r, TURN_SET_EVENT_READY);
	assert_true(adit_addr_eq(&e.server, &r.s[2].addr));
	assert_true(r.s[2].has_allocation && !r.s[0].has_allocation && !r.s[1].has_allocation);
	assert_int_equal(r.s[0].allocates + r.s[1].allocates, 0);
	assert_true(r.open[2] && !r.open[0] && !r.open[1]);
}

static void when_the_server_in_use_dies_the_next_nearest_takes_over(void **state)
{
	struct adit_addr peer = rig_addr("198.51.100.77:7000");
	struct turn_set_event e;
	adit_time died;
	struct rig r;

	(void)state;
	prepare(&r, 3);
	begin(&r);
	event(&r, TURN_SET_EVENT_READY);
	turn_set_permit(&r.t, r.now, &peer);
	run_for(&r, ADIT_SEC(1));
	r.s[2].is_dead = true;
	died = r.now;
	while (turn_set_active(&r.t) && r.now < died + ADIT_SEC(60)) {
		(void)!turn_set_send(&r.t, r.now, &peer, "x", 1, 0);
		run_for(&r, ADIT_MS(100));
	}
	e = event(&r, TURN_SET_EVENT_LOST);
	assert_int_equal(e.why, TURN_WHY_SILENT);
	run_for(&r, ADIT_SEC(1));
	e = event(&r, TURN_SET_EVENT_READY);
	assert_true(adit_addr_eq(&e.server, &r.s[1].addr));
	assert_true(r.now - died < ADIT_SEC(11));
	/* The peer is let in here too, without a word. */
	assert_int_equal(r.s[1].permits, 1);
	assert_int_equal(turn_set_send(&r.t, r.now, &peer, "y", 1, 0), 0);
}

static void what_the_nearest_refuses_the_next_is_asked_for(void **state)
{
	struct turn_set_event e;
	struct rig r;

	(void)state;
	prepare(&r, 3);
	r.s[2].refuse_allocate = 486;
	r.s[1].pass = "another";
	begin(&r);
	e = event(&r, TURN_SET_EVENT_READY);
	assert_true(adit_addr_eq(&e.server, &r.s[0].addr));
	no_event(&r);
}

static void when_all_fail_the_most_telling_reason_is_told_once_and_rounds_go_on(void **state)
{
	struct turn_set_event e;
	struct rig r;
	unsigned asked;

	(void)state;
	prepare(&r, 3);
	r.s[0].is_dead = true;
	r.s[1].refuse_allocate = 486;
	r.s[2].refuse_allocate = 508;
	begin(&r);
	run_for(&r, ADIT_SEC(15));
	e = event(&r, TURN_SET_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_QUOTA);
	assert_int_equal(e.code, 486);
	assert_true(adit_addr_eq(&e.server, &r.s[1].addr));
	asked = r.s[1].allocates;
	run_for(&r, ADIT_SEC(600));
	no_event(&r);
	assert_in_range(r.s[1].allocates - asked, 5, 20);
	r.s[1].refuse_allocate = 0;
	run_for(&r, ADIT_SEC(80));
	event(&r, TURN_SET_EVENT_READY);
}

/* Nobody has answered for ten minutes, and then somebody needs it; or the network is another one. */
static void after_an_outage_servers_are_asked_without_waiting_for_their_turn(void **state)
{
	(void)state;
	for (int is_moved = 0; is_moved < 2; is_moved++) {
		struct rig r;

		prepare(&r, 1);
		r.s[0].is_dead = true;
		begin(&r);
		run_for(&r, ADIT_SEC(600));
		event(&r, TURN_SET_EVENT_FAILED);
		assert_true(turn_set_deadline(&r.t) > r.now + ADIT_SEC(10));
		r.s[0].is_dead = false;
		if (is_moved)
			turn_set_moved(&r.t, r.now);
		else
			turn_set_again(&r.t, r.now);
		run_for(&r, ADIT_SEC(1));
		event(&r, TURN_SET_EVENT_READY);
	}
}

/* As a link does that has no path. */
static void wait_for(struct rig *r, adit_dur d)
{
	adit_time until = r->now + d;

	while (r->now < until) {
		turn_set_again(&r->t, r->now);
		run_for(r, until - r->now < ADIT_MS(500) ? until - r->now : ADIT_MS(500));
	}
}

static void who_waits_for_a_server_has_its_first_answer_half_a_second_after_it_is_back(void **state)
{
	static const unsigned away_ms[] = {2100, 3700, 7600, 11400, 11600, 13100, 24300, 60000, 115900};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(away_ms); i++) {
		struct rig r;

		prepare(&r, 1);
		r.s[0].is_dead = true;
		begin(&r);
		wait_for(&r, ADIT_MS(away_ms[i]));
		assert_in_range(r.sent[0], 2 * away_ms[i] / 1000 - 1, 5 * away_ms[i] / 2000 + 3);
		if (away_ms[i] > 10500) /* and a second in begin() */
			event(&r, TURN_SET_EVENT_FAILED);
		r.s[0].is_dead = false;
		wait_for(&r, ADIT_MS(500) + 2 * r.rtt[0]);
		event(&r, TURN_SET_EVENT_READY);
	}
}

static void who_waits_hears_soon_that_the_server_has_forgotten(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 1);
	begin(&r);
	event(&r, TURN_SET_EVENT_READY);
	r.s[0].is_dead = true;
	turn_set_doubt(&r.t, r.now);
	turn_set_tick(&r.t, r.now);
	wait_for(&r, ADIT_MS(2100)); /* by itself it asks at 0, 0.5, 1.5, 3.5 s */
	r.s[0].is_dead = false;
	r.s[0].has_allocation = false;
	wait_for(&r, ADIT_MS(500) + 3 * r.rtt[0]);
	event(&r, TURN_SET_EVENT_LOST);
	event(&r, TURN_SET_EVENT_READY);
}

static void one_that_refuses_does_not_keep_who_waits_from_asking_the_silent_ones(void **state)
{
	struct turn_set_event e;
	unsigned asked;
	struct rig r;

	(void)state;
	prepare(&r, 2);
	r.s[0].pass = "another";
	r.s[1].is_dead = true;
	begin(&r);
	run_for(&r, ADIT_SEC(100));
	e = event(&r, TURN_SET_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_CREDENTIALS);
	while (r.t.state != TURN_SET_WAIT)
		run_for(&r, ADIT_MS(100));
	asked = r.s[0].asked;
	wait_for(&r, ADIT_SEC(30));
	assert_in_range(r.s[0].asked - asked, 0, 2);
	no_event(&r);
	r.s[1].is_dead = false;
	wait_for(&r, ADIT_MS(500) + 2 * r.rtt[1]);
	e = event(&r, TURN_SET_EVENT_READY);
	assert_true(adit_addr_eq(&e.server, &r.s[1].addr));
}

static void who_waits_for_a_connection_does_not_wait_for_the_systems_syns(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 1);
	r.cfg.servers[0].transport = TURN_TLS;
	r.s[0].is_dead = true;
	assert_int_equal(turn_set_init(&r.t, &r.cfg), 0);
	turn_set_start(&r.t, r.now);
	wait_for(&r, ADIT_MS(9900));
	assert_int_equal(r.opened[0], 4);
	/* It is given up like any other. */
	wait_for(&r, ADIT_SEC(1));
	event(&r, TURN_SET_EVENT_FAILED);
	r.s[0].is_dead = false;
	wait_for(&r, TURN_RETRY_MIN + 2 * TURN_STREAM_DELAY + ADIT_MS(500));
	event(&r, TURN_SET_EVENT_READY);
}

static void after_a_move_a_connection_has_a_second_to_show_that_it_lives(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 1);
	r.cfg.servers[0].transport = TURN_TCP;
	begin(&r);
	event(&r, TURN_SET_EVENT_READY);
	/* The address of another interface was it: nothing is lost, and later on there is more time again. */
	turn_set_moved(&r.t, r.now);
	run_for(&r, ADIT_SEC(2));
	no_event(&r);
	assert_int_equal(r.s[0].refreshes, 1);
	r.s[0].is_dead = true;
	turn_set_doubt(&r.t, r.now);
	run_for(&r, ADIT_SEC(3));
	no_event(&r);
	/* It is under way already, and in vain. */
	turn_set_moved(&r.t, r.now);
	run_for(&r, ADIT_MS(500));
	turn_set_moved(&r.t, r.now);
	r.s[0].is_dead = r.s[0].has_allocation = false;
	run_for(&r, ADIT_MS(500) - 1);
	no_event(&r);
	run_for(&r, 1 + 3 * r.rtt[0]);
	event(&r, TURN_SET_EVENT_LOST);
	event(&r, TURN_SET_EVENT_READY);
	assert_int_equal(r.opened[0], 2);
}

static void one_that_falls_silent_after_its_challenge_holds_up_the_others_for_two_seconds(void **state)
{
	struct turn_set_event e;
	struct rig r;

	(void)state;
	prepare(&r, 3);
	r.s[2].is_mute = true;
	begin(&r);
	run_for(&r, ADIT_SEC(1));
	no_event(&r);
	run_for(&r, ADIT_MS(500));
	e = event(&r, TURN_SET_EVENT_READY);
	assert_false(adit_addr_eq(&e.server, &r.s[2].addr));
	run_for(&r, ADIT_SEC(10));
	no_event(&r);
	assert_int_equal(r.open[0] + r.open[1], 1);
	assert_false(r.open[2]);
}

static void the_chosen_one_goes_on_from_another_port(void **state)
{
	struct turn_set_event e;
	struct rig r;

	(void)state;
	prepare(&r, 1);
	r.s[0].has_allocation = true;
	begin(&r);
	e = event(&r, TURN_SET_EVENT_FAILED);
	assert_int_equal(e.why, TURN_WHY_TAKEN);
	assert_int_equal(r.opened[0], TURN_PORTS_MAX);
}

static void streams_begin_only_where_udp_does_not_answer(void **state)
{
	struct turn_set_event e;
	struct rig r;

	(void)state;
	prepare(&r, 2);
	r.cfg.servers[1].transport = TURN_TLS;
	begin(&r);
	event(&r, TURN_SET_EVENT_READY);
	assert_int_equal(r.opened[1], 0);

	prepare(&r, 2);
	r.cfg.servers[1].transport = TURN_TLS;
	r.s[0].is_dead = true;
	begin(&r);
	e = event(&r, TURN_SET_EVENT_READY);
	assert_true(adit_addr_eq(&e.server, &r.s[1].addr));
}

static void new_credentials_are_used_from_the_next_allocation_on(void **state)
{
	struct turn_server newer;
	struct rig r;

	(void)state;
	prepare(&r, 1);
	newer = r.cfg.servers[0];
	begin(&r);
	event(&r, TURN_SET_EVENT_READY);
	memcpy(newer.pass, "newer", 6);
	assert_int_equal(turn_set_put(&r.t, r.now, 0, &newer), 0);
	run_for(&r, ADIT_SEC(600));
	no_event(&r);
	r.s[0].pass = "newer";
	r.s[0].has_allocation = false;
	run_for(&r, ADIT_SEC(200));
	event(&r, TURN_SET_EVENT_LOST);
	event(&r, TURN_SET_EVENT_READY);
}

static void the_end_releases_and_closes_everything(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 3);
	begin(&r);
	event(&r, TURN_SET_EVENT_READY);
	turn_set_end(&r.t, r.now);
	run_for(&r, ADIT_SEC(2));
	event(&r, TURN_SET_EVENT_ENDED);
	no_event(&r);
	assert_int_equal(r.s[2].releases, 1);
	assert_false(r.open[0] || r.open[1] || r.open[2]);
	assert_int_equal(turn_set_deadline(&r.t), ADIT_NEVER);
}

static void the_end_in_mid_race_is_an_end_too(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 3);
	assert_int_equal(turn_set_init(&r.t, &r.cfg), 0);
	turn_set_start(&r.t, r.now);
	drain(&r);
	turn_set_end(&r.t, r.now);
	run_for(&r, ADIT_SEC(2));
	event(&r, TURN_SET_EVENT_ENDED);
	assert_false(r.open[0] || r.open[1] || r.open[2]);
}

static void no_server_or_too_many_are_refused(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 1);
	r.cfg.n = 0;
	assert_int_equal(turn_set_init(&r.t, &r.cfg), ADIT_EINVAL);
	r.cfg.n = TURN_SERVERS_MAX + 1;
	assert_int_equal(turn_set_init(&r.t, &r.cfg), ADIT_EINVAL);
}

/* How often the only server is asked for an allocation that it takes back after |life|, in |d|. */
static unsigned asked_while_it_comes_and_goes(struct rig *r, adit_dur life, adit_dur d)
{
	unsigned before = r->s[0].allocates;
	adit_time until = r->now + d;
	struct turn_set_event e;

	while (r->now < until) {
		while (turn_set_event(&r->t, &e))
			;
		if (turn_set_active(&r->t)) {
			run_for(r, life);
			r->s[0].has_allocation = false;
			turn_set_doubt(&r->t, r->now);
			turn_set_tick(&r->t, r->now);
		}
		run_for(r, ADIT_MS(200));
	}
	return r->s[0].allocates - before;
}

static void a_server_that_comes_and_goes_has_to_wait_ever_longer(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 1);
	begin(&r);
	/* At 0, then after 0, 2, 4, ... 60 s: five in the first half minute, later one a minute. */
	assert_in_range(asked_while_it_comes_and_goes(&r, ADIT_MS(100), ADIT_SEC(30)), 3, 5);
	assert_in_range(asked_while_it_comes_and_goes(&r, ADIT_MS(100), ADIT_SEC(600)), 8, 13);
	/* Meanwhile nobody need wait for it. */
	assert_null(turn_set_active(&r.t));
	assert_false(turn_set_is_asking(&r.t));
	/* One that has kept its word for a while is asked again at once. */
	while (!turn_set_active(&r.t))
		run_for(&r, ADIT_SEC(1));
	run_for(&r, 2 * TURN_GOOD);
	r.s[0].has_allocation = false;
	turn_set_doubt(&r.t, r.now);
	turn_set_tick(&r.t, r.now);
	run_for(&r, ADIT_MS(300));
	assert_non_null(turn_set_active(&r.t));
}

static void a_server_that_says_after_a_while_that_it_has_forgotten_is_asked_at_once_each_time(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 1);
	begin(&r);
	assert_in_range(asked_while_it_comes_and_goes(&r, ADIT_SEC(5), ADIT_SEC(60)), 11, 12);
}

static void an_allocation_that_was_lost_by_moving_is_made_anew_at_once_each_time(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 1);
	begin(&r);
	for (unsigned i = 0; i < 6; i++) {
		run_for(&r, ADIT_SEC(1));
		assert_non_null(turn_set_active(&r.t));
		r.s[0].has_allocation = false;
		turn_set_moved(&r.t, r.now);
		turn_set_tick(&r.t, r.now);
		while (turn_set_active(&r.t))
			run_for(&r, ADIT_MS(1));
		assert_true(turn_set_is_asking(&r.t));
	}
	/* What is lost later on, without another move, is the server's. */
	run_for(&r, ADIT_SEC(1));
	assert_in_range(asked_while_it_comes_and_goes(&r, ADIT_MS(100), ADIT_SEC(30)), 3, 5);
}

static void while_one_comes_and_goes_the_others_do_not_wait(void **state)
{
	struct rig r;

	(void)state;
	prepare(&r, 2);
	begin(&r);
	for (unsigned i = 0; i < 3; i++) {
		r.s[0].is_dead = true; /* the nearer one, each time */
		while (!turn_set_active(&r.t) || !r.s[1].has_allocation)
			run_for(&r, ADIT_MS(100));
		r.s[0].is_dead = false;
		r.s[1].has_allocation = false;
		turn_set_doubt(&r.t, r.now);
		turn_set_tick(&r.t, r.now);
		run_for(&r, ADIT_MS(500));
		assert_non_null(turn_set_active(&r.t));
		r.s[0].has_allocation = false;
		turn_set_doubt(&r.t, r.now);
		turn_set_tick(&r.t, r.now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_server_is_taken_and_the_others_keep_nothing),
		cmocka_unit_test(when_the_server_in_use_dies_the_next_nearest_takes_over),
		cmocka_unit_test(what_the_nearest_refuses_the_next_is_asked_for),
		cmocka_unit_test(a_server_that_comes_and_goes_has_to_wait_ever_longer),
		cmocka_unit_test(a_server_that_says_after_a_while_that_it_has_forgotten_is_asked_at_once_each_time),
		cmocka_unit_test(an_allocation_that_was_lost_by_moving_is_made_anew_at_once_each_time),
		cmocka_unit_test(while_one_comes_and_goes_the_others_do_not_wait),
		cmocka_unit_test(when_all_fail_the_most_telling_reason_is_told_once_and_rounds_go_on),
		cmocka_unit_test(after_an_outage_servers_are_asked_without_waiting_for_their_turn),
		cmocka_unit_test(who_waits_for_a_server_has_its_first_answer_half_a_second_after_it_is_back),
		cmocka_unit_test(who_waits_hears_soon_that_the_server_has_forgotten),
		cmocka_unit_test(one_that_refuses_does_not_keep_who_waits_from_asking_the_silent_ones),
		cmocka_unit_test(who_waits_for_a_connection_does_not_wait_for_the_systems_syns),
		cmocka_unit_test(after_a_move_a_connection_has_a_second_to_show_that_it_lives),
		cmocka_unit_test(one_that_falls_silent_after_its_challenge_holds_up_the_others_for_two_seconds),
		cmocka_unit_test(the_chosen_one_goes_on_from_another_port),
		cmocka_unit_test(streams_begin_only_where_udp_does_not_answer),
		cmocka_unit_test(new_credentials_are_used_from_the_next_allocation_on),
		cmocka_unit_test(the_end_releases_and_closes_everything),
		cmocka_unit_test(the_end_in_mid_race_is_an_end_too),
		cmocka_unit_test(no_server_or_too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
