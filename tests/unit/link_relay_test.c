/* The relay of a link, on a TURN server that answers at once: what it makes of a socket. */
#include "test.h"

#include "turn_rig.h"

#include "link/link_relay.h"

#define UTC (ADIT_SEC(1790001600))

struct rig {
	struct link_config cfg;
	struct link_relay relay;
	struct adit_rng_seeded seed;
	struct rig_server s;
	adit_time now;
	bool is_slow; /* the server's answers wait in |held| */
	uint8_t held[8][512];
	size_t held_len[8];
	size_t n_held;
	unsigned opens, closes;
};

static void answer(struct rig *r, const uint8_t *data, size_t len)
{
	struct adit_dgram d = {.sock = LINK_TURN_SOCKS, .remote = r->s.addr, .data = data, .len = len};

	assert_int_equal(link_relay_input(&r->relay, r->now, &d), 0);
}

static void drain(struct rig *r)
{
	struct adit_out o;

	while (link_relay_output(&r->relay, r->now, &o)) {
		uint8_t buf[512];
		size_t n;

		assert_int_equal(o.sock, LINK_TURN_SOCKS);
		r->opens += o.kind == ADIT_OUT_OPEN;
		r->closes += o.kind == ADIT_OUT_CLOSE;
		if (o.kind != ADIT_OUT_SEND || r->s.is_dead)
			continue;
		n = rig_take(&r->s, o.data, o.len, buf, sizeof(buf));
		if (n > 0 && r->is_slow) {
			memcpy(r->held[r->n_held], buf, n);
			r->held_len[r->n_held++] = n;
		} else if (n > 0) {
			answer(r, buf, n);
		}
	}
}

static void let_go(struct rig *r)
{
	size_t n = r->n_held;

	r->n_held = 0;
	r->is_slow = false;
	for (size_t i = 0; i < n; i++)
		answer(r, r->held[i], r->held_len[i]);
	drain(r);
}

static void run_for(struct rig *r, adit_dur d)
{
	adit_time until = r->now + d;

	drain(r);
	while (link_relay_deadline(&r->relay) <= until) {
		adit_time at = link_relay_deadline(&r->relay);

		r->now = at > r->now ? at : r->now;
		link_relay_tick(&r->relay, r->now);
		drain(r);
	}
	r->now = until;
}

static void say(struct rig *r, const char *to, const char *text)
{
	struct adit_out o = {.kind = ADIT_OUT_SEND,
			     .sock = LINK_RELAY_SOCK,
			     .remote = rig_addr(to),
			     .data = (const uint8_t *)text,
			     .len = strlen(text)};

	link_relay_send(&r->relay, r->now, &o);
	drain(r);
}

static void begin(struct rig *r)
{
	struct turn_server server = {.user = "ann", .pass = "secret"};
	const struct reach_relay *relay;

	memset(r, 0, sizeof(*r));
	r->now = ADIT_SEC(1000);
	r->cfg.crypto = &crypto_gnutls;
	r->cfg.rng = adit_rng_seeded_init(&r->seed, 1);
	rig_server_init(&r->s, "192.0.2.1:3478");
	server.addr = r->s.addr;
	link_relay_init(&r->relay, &r->cfg);
	assert_false(link_relay_news(&r->relay, r->now, UTC, &relay));
	assert_int_equal(link_relay_put(&r->relay, r->now, 0, &server), 0);
	assert_int_equal(r->relay.info.state, LINK_RELAY_ASKED);
	drain(r);
	assert_true(link_relay_news(&r->relay, r->now, UTC, &relay));
	assert_non_null(relay);
	assert_int_equal(relay->sock, LINK_RELAY_SOCK);
	assert_int_equal(relay->relayed[0].family, ADIT_FAMILY_V4);
	assert_true(adit_addr_eq(&relay->mapped, &r->s.mapped));
	assert_int_equal(r->relay.info.state, LINK_RELAY_READY);
	assert_false(link_relay_news(&r->relay, r->now, UTC, &relay));
}

static void a_datagram_waits_until_its_peer_is_let_in(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	r.is_slow = true;
	say(&r, "198.51.100.2:7000", "one");
	say(&r, "198.51.100.2:7001", "two");
	assert_int_equal(r.s.permits, 1);
	assert_int_equal(r.s.sends, 0);
	let_go(&r);
	assert_int_equal(r.s.sends, 2);
	assert_true(adit_addr_eq_ip(&r.s.to, &(struct adit_addr){.family = ADIT_FAMILY_V4, .ip = {198, 51, 100, 2}}));
	say(&r, "198.51.100.2:7002", "three");
	assert_int_equal(r.s.sends, 3);
	assert_memory_equal(r.s.data, "three", 5);
	link_relay_done(&r.relay);
}

static void what_waits_is_bounded_in_number_and_time(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	r.is_slow = true;
	for (size_t i = 0; i < LINK_RELAY_WAITS + 3; i++)
		say(&r, "198.51.100.2:7000", "one of many");
	let_go(&r);
	assert_int_equal(r.s.sends + r.s.channel_datas, LINK_RELAY_WAITS);
	r.is_slow = true;
	r.s.sends = r.s.channel_datas = 0;
	say(&r, "198.51.100.3:7000", "too late");
	r.now += LINK_RELAY_WAIT + ADIT_MS(1);
	let_go(&r);
	assert_int_equal(r.s.sends + r.s.channel_datas, 0);
	link_relay_done(&r.relay);
}

static void what_peers_send_is_input_on_its_socket(void **state)
{
	struct adit_addr peer = rig_addr("198.51.100.2:7000");
	struct adit_dgram d;
	uint8_t buf[128];
	struct rig r;

	(void)state;
	begin(&r);
	say(&r, "198.51.100.2:7000", "hello");
	answer(&r, buf, rig_indication(buf, sizeof(buf), &peer, "and to you"));
	assert_true(link_relay_data(&r.relay, &d));
	assert_int_equal(d.sock, LINK_RELAY_SOCK);
	assert_true(adit_addr_eq(&d.remote, &peer));
	assert_true(adit_addr_eq(&d.local, &r.relay.info.relayed[0]));
	assert_int_equal(d.len, 10);
	assert_memory_equal(d.data, "and to you", 10);
	assert_false(link_relay_data(&r.relay, &d));
	/* Who was not sent to is not let in. */
	peer = rig_addr("198.51.100.9:7000");
	answer(&r, buf, rig_indication(buf, sizeof(buf), &peer, "intruder"));
	assert_false(link_relay_data(&r.relay, &d));
	link_relay_done(&r.relay);
}

static void its_death_and_return_are_told(void **state)
{
	const struct reach_relay *relay = NULL;
	struct rig r;

	(void)state;
	begin(&r);
	say(&r, "198.51.100.2:7000", "hello");
	r.s.is_dead = true;
	say(&r, "198.51.100.2:7000", "hello?");
	run_for(&r, ADIT_SEC(12));
	assert_true(link_relay_news(&r.relay, r.now, UTC, &relay));
	assert_null(relay);
	assert_int_equal(r.relay.info.state, LINK_RELAY_LOST);
	assert_int_equal(r.relay.info.relayed[0].family, ADIT_FAMILY_NONE);
	run_for(&r, ADIT_SEC(20));
	assert_true(link_relay_news(&r.relay, r.now, UTC, &relay));
	assert_int_equal(r.relay.info.state, LINK_RELAY_FAILED);
	assert_int_equal(r.relay.info.why, TURN_WHY_TIMEOUT);
	r.s.is_dead = r.s.has_allocation = false;
	run_for(&r, ADIT_SEC(60));
	assert_true(link_relay_news(&r.relay, r.now, UTC, &relay));
	assert_non_null(relay);
	assert_int_equal(r.relay.info.state, LINK_RELAY_READY);
	link_relay_done(&r.relay);
}

/* The server alone knows that it minds; whether time is the reason the name tells. */
static void credentials_that_have_run_out_are_told_as_such(void **state)
{
	static const struct {
		const char *user;
		bool is_expired;
	} cases[] = {{"1790001500:ann", true}, {"1790001700:ann", false}, {"ann", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct turn_server server = {.pass = "secret"};
		const struct reach_relay *relay;
		struct rig r;

		begin(&r);
		r.s.has_allocation = false;
		r.s.user = cases[i].user;
		r.s.pass = "another";
		server.addr = r.s.addr;
		snprintf(server.user, sizeof(server.user), "%s", cases[i].user);
		assert_int_equal(link_relay_put(&r.relay, r.now, 0, &server), 0);
		link_relay_doubt(&r.relay, r.now);
		run_for(&r, ADIT_SEC(1));
		assert_true(link_relay_news(&r.relay, r.now, UTC, &relay));
		assert_int_equal(r.relay.info.state, LINK_RELAY_LOST);
		assert_true(link_relay_news(&r.relay, r.now, UTC, &relay));
		assert_int_equal(r.relay.info.state, LINK_RELAY_FAILED);
		assert_int_equal(r.relay.info.why, TURN_WHY_CREDENTIALS);
		assert_int_equal(r.relay.info.is_expired, cases[i].is_expired);
		link_relay_done(&r.relay);
	}
}

static void the_end_gives_the_allocation_back(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	link_relay_end(&r.relay, r.now);
	link_relay_end(&r.relay, r.now);
	drain(&r);
	assert_int_equal(r.s.releases, 1);
	assert_int_equal(r.closes, 1);
	say(&r, "198.51.100.2:7000", "after the end");
	run_for(&r, ADIT_SEC(5));
	assert_int_equal(r.s.sends, 0);
	assert_int_equal(link_relay_deadline(&r.relay), ADIT_NEVER);
	link_relay_done(&r.relay);
}

static void numbers_come_in_order_and_end(void **state)
{
	struct turn_server server = {.user = "ann", .pass = "secret"};
	struct rig r;

	(void)state;
	begin(&r);
	server.addr = rig_addr("192.0.2.9:3478");
	assert_int_equal(link_relay_put(&r.relay, r.now, 2, &server), ADIT_EFULL);
	for (size_t i = 1; i < TURN_SERVERS_MAX; i++)
		assert_int_equal(link_relay_put(&r.relay, r.now, i, &server), 0);
	assert_int_equal(link_relay_put(&r.relay, r.now, TURN_SERVERS_MAX, &server), ADIT_EFULL);
	server.user[0] = '\0';
	assert_int_equal(link_relay_put(&r.relay, r.now, 0, &server), ADIT_EINVAL);
	/* None of it touches the one in use. */
	assert_int_equal(r.relay.info.state, LINK_RELAY_READY);
	drain(&r);
	assert_int_equal(r.s.releases, 0);
	assert_int_equal(r.opens, 1);
	link_relay_done(&r.relay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_waits_until_its_peer_is_let_in),
		cmocka_unit_test(what_waits_is_bounded_in_number_and_time),
		cmocka_unit_test(what_peers_send_is_input_on_its_socket),
		cmocka_unit_test(its_death_and_return_are_told),
		cmocka_unit_test(credentials_that_have_run_out_are_told_as_such),
		cmocka_unit_test(the_end_gives_the_allocation_back),
		cmocka_unit_test(numbers_come_in_order_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
