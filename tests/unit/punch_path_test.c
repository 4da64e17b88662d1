#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/punch/punch_path.h"
#include "crypto/crypto.h"

#define UTC  (UINT64_C(1790000000) * ADIT_SEC(1))
#define SOCK 3

/* Two ends of a path; |delay| each way, and the wire can be cut. */
struct end {
	struct punch_path p;
	struct punch_config cfg;
	struct punch_replay replay;
	struct adit_rng_seeded rng;
	struct adit_addr addr; /* what the other sees */
	unsigned sent;
	unsigned lost;
	unsigned back;
	unsigned moved;
	unsigned heard;
	unsigned restarted;
	adit_time lost_at;
	adit_time back_at;
	struct punch_path_event last;
};

struct flying {
	adit_time at;
	int to;
	struct adit_addr from;
	struct adit_addr dst;
	size_t len;
	uint8_t data[PUNCH_PROBE_MAX];
};

static struct end e[2]; /* by role */
static struct flying sky[64];
static size_t n_sky;
static adit_time now;
static adit_dur delay;
static bool cut[2]; /* what comes from this end is lost */

static void end_init(int role, uint64_t peer_instance)
{
	struct adit_addr local = adit_addr_v4(192, 168, 1, (uint8_t)(2 + role), 1000);

	e[role].cfg = (struct punch_config){
		.role = (enum punch_role)role,
		.crypto = &crypto_gnutls,
		.rng = adit_rng_seeded_init(&e[role].rng, (uint64_t)role + 1),
		.instance = 100 + (uint64_t)role,
		.replay = &e[role].replay,
	};
	memset(e[role].cfg.k, 9, sizeof(e[role].cfg.k));
	punch_replay_init(&e[role].replay);
	punch_path_init(&e[role].p, &e[role].cfg, now, SOCK, &local, &e[!role].addr, peer_instance);
	punch_path_set_utc(&e[role].p, now, UTC + now);
}

static int setup(void **state)
{
	(void)state;
	memset(e, 0, sizeof(e));
	n_sky = 0;
	now = ADIT_SEC(10);
	delay = ADIT_MS(20);
	cut[0] = cut[1] = false;
	for (int i = 0; i < 2; i++)
		e[i].addr = adit_addr_v4(203, 0, 113, (uint8_t)(10 + i), 5000);
	for (int i = 0; i < 2; i++)
		end_init(i, 100 + (uint64_t)!i);
	return 0;
}

static void drain(int i)
{
	struct punch_path_event ev;
	struct adit_out o;

	while (punch_path_output(&e[i].p, now, &o)) {
		assert_int_equal(o.kind, ADIT_OUT_SEND);
		assert_int_equal(o.sock, SOCK);
		assert_int_equal(o.ttl, 0);
		e[i].sent++;
		if (cut[i])
			continue;
		assert_true(n_sky < ARRAY_LEN(sky));
		sky[n_sky] =
			(struct flying){.at = now + delay, .to = !i, .from = e[i].addr, .dst = o.remote, .len = o.len};
		memcpy(sky[n_sky++].data, o.data, o.len);
	}
	while (punch_path_event(&e[i].p, &ev)) {
		e[i].last = ev;
		switch (ev.kind) {
		case PUNCH_PATH_EVENT_LOST:
			e[i].lost++;
			e[i].lost_at = now;
			break;
		case PUNCH_PATH_EVENT_BACK:
			e[i].back++;
			e[i].back_at = now;
			break;
		case PUNCH_PATH_EVENT_MOVED:
			e[i].moved++;
			break;
		case PUNCH_PATH_EVENT_HEARD:
			e[i].heard++;
			break;
		case PUNCH_PATH_EVENT_RESTARTED:
			e[i].restarted++;
			break;
		}
	}
}

static int deliver(int to, const struct adit_addr *from, const uint8_t *data, size_t len)
{
	struct adit_dgram d = {.sock = SOCK,
			       .local = adit_addr_v4(192, 168, 1, (uint8_t)(2 + to), 1000),
			       .remote = *from,
			       .data = data,
			       .len = len};
	int r = punch_path_input(&e[to].p, now, &d);

	drain(to);
	return r;
}

static adit_time next_at(void)
{
	adit_time at = adit_time_min(punch_path_deadline(&e[0].p), punch_path_deadline(&e[1].p));

	for (size_t i = 0; i < n_sky; i++)
		at = adit_time_min(at, sky[i].at);
	return at;
}

static void arrive(void)
{
	for (size_t i = 0; i < n_sky;) {
		struct flying f = sky[i];

		if (f.at > now) {
			i++;
			continue;
		}
		memmove(&sky[i], &sky[i + 1], (--n_sky - i) * sizeof(sky[0]));
		/* A NAT that has forgotten the old port does not pass what is sent there. */
		if (adit_addr_eq(&f.dst, &e[f.to].addr))
			(void)!deliver(f.to, &f.from, f.data, f.len);
	}
}

static void run(adit_dur d)
{
	adit_time until = now + d;

	drain(0);
	drain(1);
	while (now < until) {
		adit_time at = next_at();

		now = at < now ? now : at > until ? until : at;
		arrive();
		for (int i = 0; i < 2; i++) {
			punch_path_tick(&e[i].p, now);
			drain(i);
		}
	}
}

/* Data each way every |gap|, for |d|; every packet asks for an answer and is one. */
static void chat(adit_dur d, adit_dur gap)
{
	adit_time until = now + d;

	while (now < until) {
		for (int i = 0; i < 2; i++) {
			punch_path_sent(&e[i].p, now);
			if (!cut[i])
				punch_path_heard(&e[!i].p, now);
		}
		run(gap);
	}
}

static void an_idle_path_costs_four_packets_in_fifteen_seconds(void **state)
{
	unsigned before;

	(void)state;
	run(ADIT_SEC(30));
	before = e[0].sent + e[1].sent;
	run(ADIT_SEC(600));
	assert_in_range(e[0].sent + e[1].sent - before, 2 * (600 / 15 - 1), 4 * 600 / 15);
	assert_int_equal(e[0].lost + e[1].lost, 0);
	assert_true(punch_path_rtt(&e[PUNCH_CONNECT].p) == 2 * delay);
}

/* The peer's punching machine tries a hole that we took: it asks every 2 s, and wants to be asked itself. */
static void who_is_only_asked_asks_after_thirty_seconds(void **state)
{
	static uint8_t txid[STUN_TXID_LEN];
	struct punch_probe probe;
	unsigned asked = 0;
	struct adit_out o;

	(void)state;
	for (int i = 0; i < 50; i++) {
		uint8_t buf[PUNCH_PROBE_MAX];
		size_t len;

		now += ADIT_SEC(2);
		txid[0]++;
		len = punch_probe_request(&e[0].p.keys, PUNCH_SERVE, txid, UTC + now, e[0].cfg.instance, NULL, buf);
		assert_int_equal(punch_path_input(&e[1].p, now,
						  &(struct adit_dgram){
							  .sock = SOCK, .remote = e[0].addr, .data = buf, .len = len}),
				 0);
		punch_path_tick(&e[1].p, now);
		while (punch_path_output(&e[1].p, now, &o)) {
			assert_int_equal(punch_probe_read(&e[0].p.keys, PUNCH_SERVE, o.data, o.len, &probe), 0);
			if (probe.is_answer)
				continue;
			asked++;
			len = punch_probe_answer(&e[0].p.keys, PUNCH_SERVE, probe.txid, &e[1].addr, UTC + now,
						 e[0].cfg.instance, buf);
			assert_int_equal(deliver(1, &e[0].addr, buf, len), 0);
		}
	}
	assert_in_range(asked, 3, 4);
	assert_int_equal(punch_path_state(&e[1].p), PUNCH_PATH_IS_ALIVE);
}

static void a_busy_path_is_not_asked(void **state)
{
	(void)state;
	chat(ADIT_SEC(60), ADIT_MS(100));
	assert_int_equal(e[0].sent + e[1].sent, 0);
}

static void a_path_that_was_busy_is_asked_once_when_it_falls_silent(void **state)
{
	(void)state;
	chat(ADIT_SEC(5), ADIT_MS(100));
	run(ADIT_SEC(5));
	assert_int_equal(e[0].sent + e[1].sent, 4); /* each side asks and answers */
	assert_int_equal(punch_path_state(&e[0].p), PUNCH_PATH_IS_ALIVE);
}

static void a_busy_path_that_breaks_is_lost_on_both_sides_within_three_seconds(void **state)
{
	adit_time broke;

	(void)state;
	chat(ADIT_SEC(5), ADIT_MS(50));
	broke = now;
	cut[0] = cut[1] = true;
	chat(ADIT_SEC(4), ADIT_MS(50));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(e[i].lost, 1);
		assert_true(e[i].lost_at - broke <= ADIT_SEC(3));
	}
}

/* A receiver sends nothing that is answered; it must notice as well, for there must be two to punch. */
static void a_receiver_notices_too(void **state)
{
	adit_time broke;

	(void)state;
	for (int i = 0; i < 50; i++) {
		punch_path_sent(&e[0].p, now);
		punch_path_heard(&e[1].p, now);
		run(ADIT_MS(20));
	}
	broke = now;
	cut[0] = cut[1] = true;
	run(ADIT_SEC(3));
	assert_int_equal(e[1].lost, 1);
	assert_true(e[1].lost_at - broke <= ADIT_SEC(3));
}

static void an_idle_path_that_breaks_is_lost_at_the_next_keepalive(void **state)
{
	(void)state;
	run(ADIT_SEC(60));
	cut[0] = cut[1] = true;
	run(PUNCH_PATH_KEEPALIVE + PUNCH_PATH_LATER + PUNCH_PATH_LOST + ADIT_SEC(1));
	assert_int_equal(e[0].lost, 1);
	assert_int_equal(e[1].lost, 1);
}

static void a_lost_path_is_probed_twice_a_second_then_once_and_comes_back_with_the_first_answer(void **state)
{
	unsigned before;

	(void)state;
	chat(ADIT_SEC(1), ADIT_MS(50));
	cut[0] = cut[1] = true;
	run(ADIT_SEC(10));
	before = e[0].sent;
	run(ADIT_SEC(60));
	assert_in_range(e[0].sent - before, 119, 121);
	assert_int_equal(e[0].lost, 1);
	run(PUNCH_PATH_RETRY_OFTEN);
	before = e[0].sent;
	run(ADIT_SEC(60));
	assert_in_range(e[0].sent - before, 59, 61);
	cut[0] = cut[1] = false;
	run(ADIT_SEC(2));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(e[i].back, 1);
		assert_int_equal(e[i].last.kind, PUNCH_PATH_EVENT_BACK);
		assert_int_equal(punch_path_state(&e[i].p), PUNCH_PATH_IS_ALIVE);
	}
	before = e[0].sent;
	run(ADIT_SEC(10));
	assert_true(e[0].sent - before <= 2);
}

static void a_path_that_is_cut_is_lost_at_once_and_may_come_back(void **state)
{
	(void)state;
	chat(ADIT_SEC(1), ADIT_MS(50));
	cut[0] = cut[1] = true;
	punch_path_cut(&e[0].p, now);
	drain(0);
	assert_int_equal(e[0].lost, 1);
	assert_int_equal(punch_path_state(&e[0].p), PUNCH_PATH_IS_LOST);
	punch_path_cut(&e[0].p, now);
	drain(0);
	assert_int_equal(e[0].lost, 1);
	cut[0] = cut[1] = false;
	run(ADIT_SEC(2));
	assert_int_equal(e[0].back, 1);
}

static void the_serve_side_waits_as_long_as_the_connect_side_says(void **state)
{
	struct punch_path_view v;
	unsigned before;

	(void)state;
	punch_path_set_every(&e[PUNCH_CONNECT].p, now, ADIT_SEC(60));
	punch_path_ask(&e[PUNCH_CONNECT].p, now);
	run(ADIT_SEC(1));
	before = e[0].sent + e[1].sent;
	run(ADIT_SEC(600));
	/* Ten of connect's questions; serve's own after each second one that it has only heard. Each has an answer. */
	assert_in_range(e[0].sent + e[1].sent - before, 2 * 9, 4 * 10);
	punch_path_view(&e[PUNCH_SERVE].p, &v);
	assert_true(v.peer_every == ADIT_SEC(60));
	assert_int_equal(e[0].lost + e[1].lost, 0);
	punch_path_set_every(&e[PUNCH_CONNECT].p, now, PUNCH_PATH_KEEPALIVE);
	run(ADIT_SEC(16));
	punch_path_view(&e[PUNCH_SERVE].p, &v);
	assert_true(v.peer_every == PUNCH_PATH_KEEPALIVE);
}

static void a_stand_by_is_asked_by_the_peer_when_it_is_its_turn(void **state)
{
	struct end *connect = &e[PUNCH_CONNECT];
	struct punch_path_view v;
	adit_time asked = now;

	(void)state;
	for (int i = 0; i < 2; i++)
		punch_path_stand_by(&e[i].p, now, true);
	punch_path_set_turn(&connect->p, ADIT_SEC(40));
	punch_path_ask(&connect->p, now);
	run(ADIT_SEC(39));
	punch_path_view(&connect->p, &v);
	assert_true(v.asked_idle_at == ADIT_NEVER);
	run(ADIT_SEC(2));
	punch_path_view(&connect->p, &v);
	assert_true(v.asked_idle_at >= asked + ADIT_SEC(40));
	assert_true(v.asked_idle >= ADIT_SEC(39) && v.asked_idle <= ADIT_SEC(41));
	asked = v.asked_idle_at;
	run(ADIT_SEC(200)); /* once */
	punch_path_view(&connect->p, &v);
	assert_true(v.asked_idle_at == asked);
}

static void a_turn_is_taken_within_bounds_only(void **state)
{
	static const adit_dur bad[] = {ADIT_SEC(1), PUNCH_PATH_KEEPALIVE - ADIT_SEC(1), ADIT_SEC(301), ADIT_SEC(65535)};

	(void)state;
	for (int i = 0; i < 2; i++)
		punch_path_stand_by(&e[i].p, now, true);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		unsigned before = e[PUNCH_SERVE].sent;

		punch_path_set_turn(&e[PUNCH_CONNECT].p, bad[i]);
		punch_path_ask(&e[PUNCH_CONNECT].p, now);
		run(ADIT_SEC(400));
		assert_int_equal(e[PUNCH_SERVE].sent - before, 1); /* its answer */
	}
}

static void the_rest_before_a_question_is_known_when_it_is_answered(void **state)
{
	struct punch_path_view v;

	(void)state;
	for (int i = 0; i < 2; i++)
		punch_path_stand_by(&e[i].p, now, true);
	run(ADIT_SEC(50));
	punch_path_ask(&e[PUNCH_CONNECT].p, now);
	run(ADIT_SEC(1));
	punch_path_ask(&e[PUNCH_CONNECT].p, now);
	run(ADIT_SEC(1));
	punch_path_view(&e[PUNCH_CONNECT].p, &v);
	assert_true(v.idle >= ADIT_SEC(50) && v.idle < ADIT_SEC(51));
	assert_true(v.answered_sent_at > v.idle_sent_at);
	assert_true(adit_addr_eq(&v.mapped, &e[PUNCH_CONNECT].addr));
}

static void session_data_bring_it_back_too(void **state)
{
	(void)state;
	punch_path_sent(&e[0].p, now);
	cut[0] = cut[1] = true;
	run(ADIT_SEC(3));
	assert_int_equal(e[0].lost, 1);
	punch_path_heard(&e[0].p, now);
	drain(0);
	assert_int_equal(e[0].back, 1);
}

static void one_lost_keepalive_is_no_outage(void **state)
{
	(void)state;
	run(ADIT_SEC(14));
	cut[0] = cut[1] = true;
	run(ADIT_MS(1500)); /* the keepalive of the 15th second is lost */
	cut[0] = cut[1] = false;
	run(ADIT_SEC(5));
	assert_int_equal(e[PUNCH_CONNECT].lost, 0);
	assert_int_equal(punch_path_state(&e[PUNCH_CONNECT].p), PUNCH_PATH_IS_ALIVE);
}

/* Two seconds of queue somewhere: slow is not dead. */
static void a_slow_path_is_given_time(void **state)
{
	(void)state;
	delay = ADIT_MS(750);
	run(ADIT_SEC(60));
	assert_int_equal(e[0].lost + e[1].lost, 0);
	delay = ADIT_MS(1400);
	run(ADIT_SEC(60));
	assert_int_equal(e[0].lost + e[1].lost, 0);
}

static void a_path_that_works_one_way_only_is_lost_for_who_asks(void **state)
{
	(void)state;
	chat(ADIT_SEC(1), ADIT_MS(50));
	cut[0] = true;
	chat(ADIT_SEC(4), ADIT_MS(50));
	assert_int_equal(e[1].lost, 1);
}

static void a_peer_that_moved_is_followed_when_it_has_answered(void **state)
{
	struct adit_addr old = e[0].addr;

	(void)state;
	run(ADIT_SEC(1));
	e[0].addr = adit_addr_with_port(old, 6001); /* the NAT has rebound it */
	punch_path_sent(&e[0].p, now);
	run(ADIT_SEC(2)); /* silence: it asks, from there */
	assert_int_equal(e[1].moved, 1);
	assert_int_equal(punch_path_remote(&e[1].p)->port, 6001);
	assert_int_equal(e[0].lost + e[1].lost, 0);
}

/* A question of the peer's that leaves through its relay. */
static void ask_through_relay(const struct adit_addr *relay, uint8_t number)
{
	static const struct punch_said said = {.is_relayed = true};
	const uint8_t txid[STUN_TXID_LEN] = {number};
	uint8_t buf[PUNCH_PROBE_MAX];
	size_t len = punch_probe_request(&e[0].p.keys, PUNCH_SERVE, txid, UTC + now, e[0].cfg.instance, &said, buf);

	assert_int_equal(deliver(1, relay, buf, len), 0);
}

/* It asks from its new mapping and through its relay, in turn. */
static void a_peer_that_moved_is_followed_to_its_mapping_rather_than_to_its_relay(void **state)
{
	struct adit_addr relay = adit_addr_v4(198, 51, 100, 9, 50000);

	(void)state;
	run(ADIT_SEC(1));
	e[0].addr = adit_addr_with_port(e[0].addr, 6001);
	for (uint8_t i = 1; i <= 10; i++) {
		ask_through_relay(&relay, i);
		punch_path_ask(&e[0].p, now);
		run(ADIT_MS(25)); /* its question is there, the answer to ours is not */
		ask_through_relay(&relay, 100 + i);
		run(ADIT_MS(75));
	}
	assert_int_equal(e[1].moved, 1);
	assert_int_equal(punch_path_remote(&e[1].p)->port, 6001);
	assert_false(e[1].last.is_relayed);
}

static void a_peer_that_is_left_with_its_relay_is_followed_there(void **state)
{
	(void)state;
	run(ADIT_SEC(1));
	punch_path_set_relayed(&e[0].p);
	e[0].addr = adit_addr_v4(198, 51, 100, 9, 50000);
	punch_path_ask(&e[0].p, now);
	run(ADIT_SEC(2));
	assert_int_equal(e[1].moved, 1);
	assert_true(e[1].last.is_relayed);
	assert_true(adit_addr_eq(punch_path_remote(&e[1].p), &e[0].addr));
}

/* A forwarded copy of a fresh probe, sent from elsewhere ahead of the original: the word alone moves nothing. */
static void a_stolen_probe_moves_nothing(void **state)
{
	struct adit_addr thief = adit_addr_v4(198, 51, 100, 66, 6666);
	static const uint8_t txid[STUN_TXID_LEN] = {1};
	uint8_t buf[PUNCH_PROBE_MAX];
	size_t len = punch_probe_request(&e[0].p.keys, PUNCH_SERVE, txid, UTC + now, e[0].cfg.instance, NULL, buf);
	unsigned before = e[1].sent;

	(void)state;
	assert_int_equal(deliver(1, &thief, buf, len), 0);
	assert_int_equal(deliver(1, &thief, buf, len), ADIT_EREPLAY);
	run(ADIT_SEC(5));
	assert_int_equal(e[1].moved, 0);
	assert_int_equal(punch_path_remote(&e[1].p)->port, 5000);
	assert_in_range(e[1].sent - before, 1, 1 + PUNCH_PATH_MOVE_TRIES); /* the answer, and three questions */
}

static void a_captured_probe_is_not_answered(void **state)
{
	uint8_t buf[PUNCH_PROBE_MAX];
	size_t len;
	unsigned before;

	(void)state;
	run(ADIT_SEC(14));
	now += ADIT_SEC(1);
	punch_path_tick(&e[1].p, now);
	{
		struct adit_out o;

		assert_int_equal(punch_path_output(&e[1].p, now, &o), 1);
		len = o.len;
		memcpy(buf, o.data, len);
	}
	assert_int_equal(deliver(0, &e[1].addr, buf, len), 0);
	before = e[0].sent;
	assert_int_equal(deliver(0, &e[1].addr, buf, len), ADIT_EREPLAY);
	buf[30] ^= 1;
	assert_int_equal(deliver(0, &e[1].addr, buf, len), ADIT_EPROTO);
	assert_int_equal(e[0].sent, before);
}

static void a_restarted_peer_that_answers_ends_the_session(void **state)
{
	(void)state;
	run(ADIT_SEC(1));
	end_init(1, 100);
	e[1].cfg.instance = 777;
	e[1].p.cfg.instance = 777;
	punch_path_sent(&e[0].p, now);
	run(ADIT_SEC(2));
	assert_int_equal(e[0].restarted, 1);
	assert_true(e[0].last.instance == 777 || e[0].heard > 0);
	run(ADIT_SEC(10));
	assert_int_equal(e[0].restarted, 1); /* told once */
}

static void a_restarted_peer_that_knocks_is_told_of(void **state)
{
	static const uint8_t txid[STUN_TXID_LEN] = {2};
	uint8_t buf[PUNCH_PROBE_MAX];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		size_t len = punch_probe_request(&e[0].p.keys, PUNCH_SERVE, txid, UTC + now + i, 555, NULL, buf);

		assert_int_equal(deliver(1, &e[0].addr, buf, len), 0);
	}
	assert_int_equal(e[1].heard, 1);
	assert_int_equal(e[1].last.kind, PUNCH_PATH_EVENT_HEARD);
	assert_true(e[1].last.instance == 555);
	assert_int_equal(e[1].sent, 3); /* answered */
	assert_int_equal(e[1].moved, 0);
}

static void answers_are_limited_per_second(void **state)
{
	static const uint8_t txid[STUN_TXID_LEN] = {3};
	uint8_t buf[PUNCH_PROBE_MAX];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		size_t len = punch_probe_request(&e[0].p.keys, PUNCH_SERVE, txid, UTC + now + i, 100, NULL, buf);

		assert_int_equal(deliver(1, &e[0].addr, buf, len), 0);
	}
	assert_in_range(e[1].sent, PUNCH_PATH_ANSWERS_PER_S, PUNCH_PATH_ANSWERS_PER_S + 2);
}

static void extra_ticks_do_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		punch_path_tick(&e[0].p, now);
		punch_path_tick(&e[1].p, now);
	}
	drain(0);
	drain(1);
	assert_int_equal(e[0].sent + e[1].sent, 0);
	assert_true(punch_path_deadline(&e[1].p) == now + PUNCH_PATH_KEEPALIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_idle_path_costs_four_packets_in_fifteen_seconds, setup),
		cmocka_unit_test_setup(who_is_only_asked_asks_after_thirty_seconds, setup),
		cmocka_unit_test_setup(a_busy_path_is_not_asked, setup),
		cmocka_unit_test_setup(a_path_that_was_busy_is_asked_once_when_it_falls_silent, setup),
		cmocka_unit_test_setup(a_busy_path_that_breaks_is_lost_on_both_sides_within_three_seconds, setup),
		cmocka_unit_test_setup(a_receiver_notices_too, setup),
		cmocka_unit_test_setup(an_idle_path_that_breaks_is_lost_at_the_next_keepalive, setup),
		cmocka_unit_test_setup(a_path_that_is_cut_is_lost_at_once_and_may_come_back, setup),
		cmocka_unit_test_setup(
			a_lost_path_is_probed_twice_a_second_then_once_and_comes_back_with_the_first_answer, setup),
		cmocka_unit_test_setup(the_serve_side_waits_as_long_as_the_connect_side_says, setup),
		cmocka_unit_test_setup(a_stand_by_is_asked_by_the_peer_when_it_is_its_turn, setup),
		cmocka_unit_test_setup(a_turn_is_taken_within_bounds_only, setup),
		cmocka_unit_test_setup(the_rest_before_a_question_is_known_when_it_is_answered, setup),
		cmocka_unit_test_setup(session_data_bring_it_back_too, setup),
		cmocka_unit_test_setup(one_lost_keepalive_is_no_outage, setup),
		cmocka_unit_test_setup(a_slow_path_is_given_time, setup),
		cmocka_unit_test_setup(a_path_that_works_one_way_only_is_lost_for_who_asks, setup),
		cmocka_unit_test_setup(a_peer_that_moved_is_followed_when_it_has_answered, setup),
		cmocka_unit_test_setup(a_peer_that_moved_is_followed_to_its_mapping_rather_than_to_its_relay, setup),
		cmocka_unit_test_setup(a_peer_that_is_left_with_its_relay_is_followed_there, setup),
		cmocka_unit_test_setup(a_stolen_probe_moves_nothing, setup),
		cmocka_unit_test_setup(a_captured_probe_is_not_answered, setup),
		cmocka_unit_test_setup(a_restarted_peer_that_answers_ends_the_session, setup),
		cmocka_unit_test_setup(a_restarted_peer_that_knocks_is_told_of, setup),
		cmocka_unit_test_setup(answers_are_limited_per_second, setup),
		cmocka_unit_test_setup(extra_ticks_do_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
