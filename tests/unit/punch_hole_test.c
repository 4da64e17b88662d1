#include "test.h"

#include "core/stun/stun_msg.h"
#include "punch_rig.h"

static struct rig s;
static struct rig c;

static int both(void **state)
{
	(void)state;
	rig_init(&s, PUNCH_SERVE);
	rig_init(&c, PUNCH_CONNECT);
	rig_start(&s);
	rig_start(&c);
	rig_drain(&s);
	rig_drain(&c);
	return 0;
}

static struct adit_addr steady_of(const struct rig *r)
{
	return adit_addr_with_port(rig_addr(r->cfg.role), rig_steady_port(r));
}

/* A fresh request of |from|, as it would be sent now; returns its length. */
static size_t fresh(struct rig *from, uint8_t *buf)
{
	static uint8_t txid[STUN_TXID_LEN];

	txid[0]++;
	return punch_probe_request(&from->p.keys, from->cfg.role, txid,
				   punch_replay_stamp(from->p.cfg.replay, from->now, from->utc), from->cfg.instance, 0,
				   buf);
}

/* |from| asks |to| on its steady pair; the code of punch_input. */
static int ask(struct rig *from, struct rig *to)
{
	struct adit_addr remote = steady_of(from);
	uint8_t buf[PUNCH_PROBE_MAX];

	return rig_input(to, rig_sock_at(to, rig_steady_port(to)), &remote, buf, fresh(from, buf));
}

static unsigned sends_since(const struct rig *r, size_t from)
{
	unsigned n = 0;

	for (size_t i = from; i < r->n; i++)
		n += r->out[i].kind == ADIT_OUT_SEND;
	return n;
}

static void a_fresh_request_is_answered_and_asked_back_at_once(void **state)
{
	struct adit_addr remote = steady_of(&c);
	struct punch_probe probe;
	struct punch_event e;
	size_t before = s.n;

	(void)state;
	assert_int_equal(ask(&c, &s), 0);
	rig_drain(&s);
	assert_int_equal(sends_since(&s, before), 2);
	for (size_t i = before; i < s.n; i++) {
		assert_true(adit_addr_eq(&s.out[i].remote, &remote));
		assert_int_equal(s.out[i].ttl, 0);
		assert_int_equal(s.out[i].local.ip[3], 2); /* from the address that was asked */
		assert_true(s.out[i].len <= 128);
		assert_int_equal(punch_probe_read(&c.p.keys, PUNCH_CONNECT, s.out[i].data, s.out[i].len, &probe), 0);
		assert_int_equal(probe.is_answer, i == before);
	}
	assert_int_equal(punch_event(&s.p, &e), 1);
	assert_int_equal(e.kind, PUNCH_EVENT_HEARD);
	assert_int_equal(e.how, PUNCH_HOW_STEADY);
	assert_true(e.instance == c.cfg.instance);
	assert_true(adit_addr_eq(&e.remote, &remote));
	assert_int_equal(punch_event(&s.p, &e), 0);
}

static void over_a_cable_each_hole_becomes_valid_once(void **state)
{
	static bool valid[2][PUNCH_SOCK_SPAN];
	struct rig *rigs[2] = {&s, &c};
	struct punch_event e;
	unsigned n = 0;

	(void)state;
	for (int span = 0; span < 10; span++) {
		rig_run_both(&s, &c, ADIT_MS(300));
		for (int i = 0; i < 2; i++) {
			while (punch_event(&rigs[i]->p, &e)) {
				if (e.kind != PUNCH_EVENT_VALID)
					continue;
				assert_false(valid[i][e.sock]);
				valid[i][e.sock] = true;
				assert_int_equal(e.rtt, 0);
				assert_int_equal(e.clock_diff, 0);
				assert_int_equal(e.mapped.port, rigs[i]->port[e.sock]);
				n++;
			}
		}
	}
	assert_true(n >= 2);
	assert_true(valid[0][rig_sock_at(&s, rig_steady_port(&s))]);
	assert_true(valid[1][rig_sock_at(&c, rig_steady_port(&c))]);
}

static void no_new_pairs_open_while_a_valid_one_is_tried(void **state)
{
	size_t before;

	(void)state;
	rig_run_both(&s, &c, ADIT_MS(700));
	before = c.n;
	rig_run_both(&s, &c, PUNCH_CALM - ADIT_MS(400));
	for (size_t i = before; i < c.n; i++)
		assert_int_not_equal(c.out[i].kind, ADIT_OUT_OPEN);
	rig_run_both(&s, &c, ADIT_SEC(6));
	before = 0;
	for (size_t i = 0; i < c.n; i++)
		before += c.out[i].kind == ADIT_OUT_OPEN && c.out[i].at > ADIT_SEC(3);
	assert_true(before > 0);
}

/* Is there a slot pair's socket that was open at both times? */
static bool a_pair_survives(adit_dur d)
{
	static uint16_t before[PUNCH_SOCK_SPAN];

	memcpy(before, s.port, sizeof(before));
	rig_run_both(&s, &c, d);
	for (uint32_t i = 0; i < PUNCH_SOCK_SPAN; i++)
		if (before[i] && before[i] == s.port[i] && before[i] != rig_steady_port(&s))
			return true;
	return false;
}

static void a_valid_pair_that_nobody_wants_is_given_up(void **state)
{
	(void)state;
	rig_run_both(&s, &c, ADIT_SEC(1));
	assert_true(rig_events(&s, PUNCH_EVENT_VALID, NULL) > 1);
	assert_false(a_pair_survives(2 * PUNCH_VALID_MAX + PUNCH_VALID_ASK));
}

static void a_valid_pair_over_which_the_peer_asks_stays(void **state)
{
	struct punch_event e = {.sock = 0};
	struct punch_event last = {.sock = 0};
	uint8_t buf[PUNCH_PROBE_MAX];

	(void)state;
	rig_run_both(&s, &c, ADIT_SEC(1));
	while (punch_event(&s.p, &e))
		if (e.kind == PUNCH_EVENT_VALID && s.port[e.sock] != rig_steady_port(&s))
			last = e;
	assert_int_not_equal(last.remote.port, 0);
	for (int i = 0; i < 10; i++) { /* a path over there, which asks every 30 s */
		rig_run(&s, ADIT_SEC(30));
		c.now = s.now;
		c.utc = s.utc;
		assert_int_equal(rig_input(&s, last.sock, &last.remote, buf, fresh(&c, buf)), 0);
	}
	assert_int_not_equal(s.port[last.sock], 0);
	assert_int_equal(punch_take(&s.p, last.sock), 0);
}

static void the_difference_of_the_clocks_is_learnt(void **state)
{
	struct punch_event e;

	(void)state;
	punch_set_utc(&s.p, s.now, s.utc + ADIT_SEC(42));
	s.utc += ADIT_SEC(42);
	rig_run_both(&s, &c, ADIT_MS(400));
	assert_true(rig_events(&c, PUNCH_EVENT_VALID, &e) > 0);
	assert_true(e.clock_diff == (int64_t)ADIT_SEC(42));
	assert_true(rig_events(&s, PUNCH_EVENT_VALID, &e) > 0);
	assert_true(e.clock_diff == -(int64_t)ADIT_SEC(42));
}

static void a_replayed_request_gets_nothing_from_anywhere(void **state)
{
	struct adit_addr remote = steady_of(&c);
	struct adit_addr elsewhere = adit_addr_v4(198, 51, 100, 66, 6666);
	uint8_t buf[PUNCH_PROBE_MAX];
	size_t len = fresh(&c, buf);
	uint32_t sock = rig_sock_at(&s, rig_steady_port(&s));
	struct punch_stats st;
	size_t before;

	(void)state;
	assert_int_equal(rig_input(&s, sock, &remote, buf, len), 0);
	rig_drain(&s);
	before = s.n;
	assert_int_equal(rig_input(&s, sock, &remote, buf, len), ADIT_EREPLAY);
	assert_int_equal(rig_input(&s, sock, &elsewhere, buf, len), ADIT_EREPLAY);
	rig_drain(&s);
	assert_int_equal(sends_since(&s, before), 0);
	punch_stats(&s.p, &st);
	assert_int_equal(st.replays, 2);
	/* Also much later, and with another socket. */
	rig_run(&s, ADIT_SEC(5));
	before = s.p.stats.answers_sent;
	assert_int_equal(rig_input(&s, rig_sock_at(&s, rig_steady_port(&s)), &elsewhere, buf, len), ADIT_EREPLAY);
	rig_drain(&s);
	assert_int_equal(s.p.stats.answers_sent, before);
}

static void a_stranger_gets_nothing(void **state)
{
	struct adit_addr stranger = adit_addr_v4(198, 51, 100, 66, 6666);
	uint32_t sock = rig_sock_at(&s, rig_steady_port(&s));
	size_t before = s.n;
	uint8_t buf[PUNCH_PROBE_MAX];
	struct rig *eve = &c;
	size_t len;

	(void)state;
	/* Random bytes, with and without a STUN header. */
	for (int i = 0; i < 1000; i++) {
		adit_rng_fill(&s.cfg.rng, buf, sizeof(buf));
		len = (size_t)adit_rng_below(&s.cfg.rng, sizeof(buf));
		if (i % 2) {
			static const uint8_t head[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};

			memcpy(buf, head, sizeof(head));
			len = len / 4 * 4 + STUN_HEADER_LEN;
			if (len > sizeof(buf))
				len = sizeof(buf);
			buf[3] = (uint8_t)(len - STUN_HEADER_LEN);
		}
		assert_true(rig_input(&s, sock, &stranger, buf, len) < 0);
	}
	/* Somebody with another K; our own request come back. */
	eve->cfg.k[0] ^= 1;
	rig_start(eve);
	assert_int_equal(rig_input(&s, sock, &stranger, buf, fresh(eve, buf)), ADIT_EIGNORED);
	assert_int_equal(rig_input(&s, sock, &stranger, buf, fresh(&s, buf)), ADIT_EAUTH);
	rig_drain(&s);
	assert_int_equal(s.n, before);
	assert_int_equal(rig_events(&s, PUNCH_EVENT_HEARD, NULL), 0);
	assert_true(s.p.stats.other > 900);
	assert_int_equal(s.p.stats.bad_auth, 1);
}

static void an_answer_counts_only_from_where_the_request_went(void **state)
{
	struct adit_addr elsewhere = adit_addr_v4(198, 51, 100, 66, 6666);
	const struct rig_out *req = &c.out[0];
	uint8_t buf[PUNCH_PROBE_MAX];
	struct punch_probe probe;
	struct adit_addr remote;
	size_t len;

	(void)state;
	rig_run(&c, ADIT_SEC(1));
	for (size_t i = 0; i < c.n; i++)
		if (c.out[i].kind == ADIT_OUT_SEND && c.out[i].sock == rig_sock_at(&c, rig_steady_port(&c)))
			req = &c.out[i];
	assert_int_equal(punch_probe_read(&s.p.keys, PUNCH_SERVE, req->data, req->len, &probe), 0);
	len = punch_probe_answer(&s.p.keys, PUNCH_SERVE, probe.txid, &elsewhere, RIG_UTC, 5, buf);
	remote = req->remote;
	assert_int_equal(rig_input(&c, req->sock, &elsewhere, buf, len), ADIT_EIGNORED);
	assert_int_equal(rig_input(&c, req->sock + 1, &remote, buf, len), ADIT_EIGNORED);
	assert_int_equal(rig_events(&c, PUNCH_EVENT_VALID, NULL), 0);
	assert_int_equal(rig_input(&c, req->sock, &remote, buf, len), 0);
	assert_int_equal(rig_events(&c, PUNCH_EVENT_VALID, NULL), 1);
	/* The nonce is used up. */
	assert_int_equal(rig_input(&c, req->sock, &remote, buf, len), ADIT_EIGNORED);
	assert_int_equal(rig_events(&c, PUNCH_EVENT_VALID, NULL), 0);
}

static void an_answer_to_nothing_we_asked_is_ignored(void **state)
{
	static const uint8_t txid[STUN_TXID_LEN];
	struct adit_addr remote = steady_of(&s);
	uint8_t buf[PUNCH_PROBE_MAX];
	size_t len = punch_probe_answer(&s.p.keys, PUNCH_SERVE, txid, &remote, RIG_UTC, 5, buf);

	(void)state;
	assert_int_equal(rig_input(&c, rig_sock_at(&c, rig_steady_port(&c)), &remote, buf, len), ADIT_EIGNORED);
}

/* On a pinned socket several lanes hand the same datagram round until one does not ignore it. */
static void another_lanes_messages_are_ignored(void **state)
{
	static const uint8_t secret[32] = {99};
	static const uint8_t txid[STUN_TXID_LEN] = {5};
	struct adit_addr remote = steady_of(&s);
	struct punch_keys lane;
	uint8_t buf[PUNCH_PROBE_MAX];
	uint32_t sock = rig_sock_at(&c, rig_steady_port(&c));

	(void)state;
	punch_keys_init(&lane, &crypto_gnutls, secret);
	assert_int_equal(
		rig_input(&c, sock, &remote, buf, punch_probe_request(&lane, PUNCH_SERVE, txid, RIG_UTC, 5, NULL, buf)),
		ADIT_EIGNORED);
	assert_int_equal(rig_input(&c, sock, &remote, buf,
				   punch_probe_answer(&lane, PUNCH_SERVE, txid, &remote, RIG_UTC, 5, buf)),
			 ADIT_EIGNORED);
	assert_int_equal(c.p.stats.bad_auth, 0);
}

/* The peer's NAT has moved it to another port: it is asked there as well. */
static void who_asks_from_an_unexpected_port_is_asked_back_there(void **state)
{
	struct adit_addr odd = adit_addr_with_port(rig_addr(PUNCH_CONNECT), 61234);
	uint8_t buf[PUNCH_PROBE_MAX];
	size_t before = s.n;

	(void)state;
	assert_int_equal(rig_input(&s, rig_sock_at(&s, rig_steady_port(&s)), &odd, buf, fresh(&c, buf)), 0);
	rig_drain(&s);
	assert_int_equal(sends_since(&s, before), 2);
	assert_int_equal(s.out[s.n - 1].remote.port, 61234);
	before = s.n;
	rig_run(&s, ADIT_SEC(2));
	{
		unsigned n = 0;

		for (size_t i = before; i < s.n; i++)
			n += s.out[i].kind == ADIT_OUT_SEND && s.out[i].remote.port == 61234;
		assert_int_equal(n, PUNCH_CHECKS_MAX - 1);
	}
}

static void a_restarted_peer_is_news(void **state)
{
	struct punch_event e;

	(void)state;
	rig_run_both(&s, &c, ADIT_SEC(1));
	assert_true(rig_events(&s, PUNCH_EVENT_VALID, NULL) > 0);
	c.cfg.instance = 4321;
	assert_int_equal(ask(&c, &s), 0);
	assert_int_equal(rig_events(&s, PUNCH_EVENT_HEARD, &e), 1);
	assert_true(e.instance == 4321);
	assert_int_equal(ask(&c, &s), 0);
	assert_int_equal(rig_events(&s, PUNCH_EVENT_HEARD, &e), 0);
}

static void who_goes_on_asking_is_told_of_every_ten_seconds(void **state)
{
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 35; i++) {
		assert_int_equal(ask(&c, &s), 0);
		rig_run(&s, ADIT_SEC(1));
		c.utc += ADIT_SEC(1);
		n += rig_events(&s, PUNCH_EVENT_HEARD, NULL);
	}
	assert_int_equal(n, 4);
}

static void resting_serve_answers_a_knock_on_the_steady_pair(void **state)
{
	struct punch_event e;
	size_t before;

	(void)state;
	punch_rest(&s.p, s.now);
	rig_drain(&s);
	before = s.n;
	assert_int_equal(ask(&c, &s), 0);
	rig_drain(&s);
	assert_int_equal(sends_since(&s, before), 2);
	assert_int_equal(rig_events(&s, PUNCH_EVENT_HEARD, &e), 1);
}

static void on_a_taken_socket_it_answers_and_asks_nothing(void **state)
{
	uint32_t sock = rig_sock_at(&s, rig_steady_port(&s));
	size_t before;

	(void)state;
	assert_int_equal(ask(&c, &s), 0);
	rig_drain(&s);
	assert_int_equal(punch_take(&s.p, sock), 0);
	before = s.n;
	assert_int_equal(ask(&c, &s), 0);
	rig_drain(&s);
	assert_int_equal(sends_since(&s, before), 1);
	before = s.n;
	rig_run(&s, ADIT_SEC(5));
	for (size_t i = before; i < s.n; i++)
		assert_true(s.out[i].sock != sock);
}

static void a_stopped_machine_knows_nobody(void **state)
{
	(void)state;
	punch_stop(&s.p, s.now);
	assert_int_equal(ask(&c, &s), ADIT_EIGNORED);
	rig_drain(&s);
	assert_int_equal(s.open, 0);
}

static void answers_are_limited_per_second(void **state)
{
	unsigned answers;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		c.utc += 1;
		assert_int_equal(ask(&c, &s), 0);
		rig_drain(&s);
	}
	answers = (unsigned)s.p.stats.answers_sent;
	assert_in_range(answers, PUNCH_ANSWERS_PER_S, PUNCH_ANSWERS_PER_S + 2);
	rig_run(&s, ADIT_MS(100));
	for (int i = 0; i < 2000; i++) {
		c.utc += 1;
		assert_int_equal(ask(&c, &s), 0);
		rig_drain(&s);
	}
	assert_in_range(s.p.stats.answers_sent - answers, PUNCH_ANSWERS_PER_S / 10 - 2, PUNCH_ANSWERS_PER_S / 10 + 2);
}

/* An undrained machine must not run over. */
static void what_nobody_fetches_is_dropped(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct adit_addr remote = adit_addr_v4(10, 9, (uint8_t)(i >> 8), (uint8_t)i, 5);
		uint8_t buf[PUNCH_PROBE_MAX];

		c.utc += 1;
		assert_int_equal(rig_input(&s, rig_sock_at(&s, rig_steady_port(&s)), &remote, buf, fresh(&c, buf)), 0);
	}
	assert_int_equal(s.p.answers_n, PUNCH_ANSWERS_MAX);
	assert_int_equal(rig_events(&s, PUNCH_EVENT_HEARD, NULL), PUNCH_EVENTS_MAX);
	rig_drain(&s);
}

static void several_datagrams_in_one_are_taken_apart(void **state)
{
	struct adit_addr remote = steady_of(&c);
	uint8_t buf[3 * 128];
	struct adit_dgram d = {
		.sock = rig_sock_at(&s, rig_steady_port(&s)),
		.remote = remote,
		.data = buf,
		.len = sizeof(buf),
		.seg_size = 128,
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		c.utc += 1;
		assert_int_equal(fresh(&c, buf + 128 * i), 128);
	}
	buf[2 * 128 + 60] ^= 1;
	assert_int_equal(punch_input(&s.p, s.now, &d), 0);
	assert_int_equal(s.p.stats.heard, 2);
	assert_int_equal(punch_input(&s.p, s.now, &d), ADIT_EREPLAY);
}

/* The steady pair's newest low-TTL probe. */
static const struct rig_out *low_probe(void)
{
	for (size_t i = c.n; i-- > 0;)
		if (c.out[i].kind == ADIT_OUT_SEND && c.out[i].ttl == 2 &&
		    c.out[i].sock == rig_sock_at(&c, rig_steady_port(&c)))
			return &c.out[i];
	fail();
	return NULL;
}

static void time_exceeded_from_inside_raises_the_low_ttl(void **state)
{
	struct adit_icmp icmp = {.offender = adit_addr_v4(100, 64, 0, 1, 0), .type = 11};
	const struct rig_out *o;
	struct punch_stats st;

	(void)state;
	rig_run(&c, ADIT_MS(1));
	o = low_probe();
	icmp.sock = o->sock;
	icmp.remote = o->remote;
	icmp.data = o->data;
	icmp.len = o->len;
	punch_icmp(&c.p, c.now, &icmp);
	punch_stats(&c.p, &st);
	assert_int_equal(st.ttl, 3);
}

/* RFC 792 routers return eight bytes of UDP header and nothing of ours. */
static void time_exceeded_without_our_bytes_is_matched_to_the_newest_probe(void **state)
{
	struct adit_icmp icmp = {.offender = adit_addr_v4(10, 0, 0, 1, 0), .type = 11};
	const struct rig_out *o;
	struct punch_stats st;

	(void)state;
	rig_run(&c, ADIT_MS(1));
	o = low_probe();
	icmp.sock = o->sock;
	icmp.remote = adit_addr_with_port(o->remote, 1);
	punch_icmp(&c.p, c.now, &icmp);
	punch_stats(&c.p, &st);
	assert_int_equal(st.ttl, 2); /* not a port we probe */
	icmp.remote = o->remote;
	punch_icmp(&c.p, c.now, &icmp);
	punch_stats(&c.p, &st);
	assert_int_equal(st.ttl, 3);
}

static void unreachable_is_never_final(void **state)
{
	struct adit_icmp icmp = {.type = 3, .code = 3};
	unsigned before;

	(void)state;
	rig_run(&c, ADIT_SEC(1));
	icmp.sock = rig_sock_at(&c, rig_steady_port(&c));
	icmp.remote = icmp.offender = steady_of(&s);
	before = sends_since(&c, 0);
	for (int i = 0; i < 10; i++) {
		punch_icmp(&c.p, c.now, &icmp);
		rig_run(&c, ADIT_MS(100));
	}
	assert_true(sends_since(&c, 0) - before >= 5);
	rig_run(&s, c.now - s.now);
	s.seen = s.n;
	c.seen = c.n;
	punch_start(&s.p, s.now);
	rig_run_both(&s, &c, ADIT_SEC(1));
	assert_true(rig_events(&c, PUNCH_EVENT_VALID, NULL) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_fresh_request_is_answered_and_asked_back_at_once, both),
		cmocka_unit_test_setup(over_a_cable_each_hole_becomes_valid_once, both),
		cmocka_unit_test_setup(no_new_pairs_open_while_a_valid_one_is_tried, both),
		cmocka_unit_test_setup(a_valid_pair_that_nobody_wants_is_given_up, both),
		cmocka_unit_test_setup(a_valid_pair_over_which_the_peer_asks_stays, both),
		cmocka_unit_test_setup(the_difference_of_the_clocks_is_learnt, both),
		cmocka_unit_test_setup(a_replayed_request_gets_nothing_from_anywhere, both),
		cmocka_unit_test_setup(a_stranger_gets_nothing, both),
		cmocka_unit_test_setup(an_answer_counts_only_from_where_the_request_went, both),
		cmocka_unit_test_setup(an_answer_to_nothing_we_asked_is_ignored, both),
		cmocka_unit_test_setup(another_lanes_messages_are_ignored, both),
		cmocka_unit_test_setup(who_asks_from_an_unexpected_port_is_asked_back_there, both),
		cmocka_unit_test_setup(a_restarted_peer_is_news, both),
		cmocka_unit_test_setup(who_goes_on_asking_is_told_of_every_ten_seconds, both),
		cmocka_unit_test_setup(resting_serve_answers_a_knock_on_the_steady_pair, both),
		cmocka_unit_test_setup(on_a_taken_socket_it_answers_and_asks_nothing, both),
		cmocka_unit_test_setup(a_stopped_machine_knows_nobody, both),
		cmocka_unit_test_setup(answers_are_limited_per_second, both),
		cmocka_unit_test_setup(what_nobody_fetches_is_dropped, both),
		cmocka_unit_test_setup(several_datagrams_in_one_are_taken_apart, both),
		cmocka_unit_test_setup(time_exceeded_from_inside_raises_the_low_ttl, both),
		cmocka_unit_test_setup(time_exceeded_without_our_bytes_is_matched_to_the_newest_probe, both),
		cmocka_unit_test_setup(unreachable_is_never_final, both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
