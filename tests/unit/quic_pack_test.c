#include "test.h"

#include "quic/quic_conn.h"
#include "quic_pair.h"

#define RATE 1000000 /* bytes per second */
#define RTT  ADIT_MS(200)

static struct pair p;
static struct flow down;
static uint64_t got;

static void server_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	(void)side;
	if (news & QUIC_NEWS_OPENED) {
		down.s = s;
		quic_stream_set_user(s, &down);
	}
	flow_go(&down, news);
}

static void client_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct quic_vec vec;

	(void)side;
	(void)news;
	while (quic_stream_peek(s, &vec, 1) > 0) {
		got += vec.len;
		quic_stream_consume(s, vec.len);
	}
}

/* An endless download, begun by a byte; the client's streams together are granted |window| bytes. */
static void download(uint64_t seed, unsigned loss_per_mille, uint64_t window)
{
	struct quic_stream *s;

	down = (struct flow){.salt_tx = 1, .tx_end = UINT64_MAX};
	got = 0;
	pair_init(&p, seed, RTT / 2);
	p.client.link.rate = p.server.link.rate = RATE;
	p.client.link.queue_max = p.server.link.queue_max = RTT;
	p.client.on_news = client_news;
	p.server.on_news = server_news;
	assert_true(pair_connect(&p));
	p.server.link.loss_per_mille = loss_per_mille;
	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	p.client.q->budget.used += QUIC_WINDOW_BUDGET - window;
	assert_int_equal(quic_stream_write(s, "", 1), 0);
}

static double pace(void)
{
	struct quic_shim_stat st;

	quic_shim_stat_get(p.server.q->conn, &st);
	return st.pacing_rate * 1e9;
}

static void path_fills(unsigned loss_per_mille)
{
	uint64_t before;
	unsigned shut = 0;

	download(1, loss_per_mille, 2 * (uint64_t)RATE);
	for (unsigned i = 0; i < 1500; i++) {
		pair_run(&p, ADIT_MS(10));
		shut += adit_list_first(&p.server.q->blocked) != NULL;
	}
	/* It is the window that limits, and the path is full nonetheless: 8.1 to 12.4 MB of 15, as losses fall. */
	assert_true(shut > 300);
	assert_true(got > 8 * (uint64_t)RATE);
	/* Start-up would go on with what a connection begins with, or 2.77 times what arrives. */
	before = p.server.link.sent_bytes;
	for (unsigned i = 0; i < 100; i++) {
		pair_run(&p, ADIT_MS(10));
		assert_true(pace() < 1.5 * RATE);
	}
	assert_true((double)(p.server.link.sent_bytes - before) < RATE * 1.05);
	pair_done(&p);
}

static void a_window_that_is_shut_does_not_keep_a_sender_in_its_start_up(void **state)
{
	(void)state;
	path_fills(0);
}

static void neither_does_one_that_holes_keep_shut(void **state)
{
	(void)state;
	path_fills(20);
	path_fills(40);
}

/* -- what is said by itself, and what goes with something else -- */

static unsigned echoes;

static void echo_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct quic_vec vec;

	(void)news;
	while (quic_stream_peek(s, &vec, 1) > 0) {
		quic_stream_consume(s, vec.len);
		echoes += side->is_server ? 0 : 1;
		if (side->is_server || echoes < 50)
			assert_int_equal(quic_stream_write(s, "x", 1), 0);
	}
}

static void a_byte_and_its_echo_are_one_packet_each(void **state)
{
	struct quic_stream *s;
	uint64_t before;

	(void)state;
	pair_init(&p, 40, ADIT_MS(10));
	p.client.on_news = p.server.on_news = echo_news;
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	echoes = 0;
	before = p.client.link.sent + p.server.link.sent;
	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	assert_int_equal(quic_stream_write(s, "x", 1), 0);
	pair_run(&p, ADIT_SEC(2));
	assert_int_equal(echoes, 50);
	assert_in_range(p.client.link.sent + p.server.link.sent - before, 100, 104);
	pair_done(&p);
}

/* |len| bytes in one packet: when, after it came, is it acknowledged? */
static adit_dur until_acknowledged(size_t len)
{
	static const uint8_t bytes[QUIC_PAYLOAD_MIN];
	struct quic_stream *s;
	uint64_t before = p.server.link.sent;
	adit_time came;

	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	assert_int_equal(quic_stream_write(s, bytes, len), 0);
	came = p.now + ADIT_MS(10);
	while (p.server.link.sent == before)
		assert_true(pair_step(&p, p.now + ADIT_SEC(1)));
	return p.now - came;
}

static bool swallow(struct pair_side *side, uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	side->on_send = NULL;
	return false;
}

static void only_a_lone_packet_waits_for_company(void **state)
{
	struct quic_stream *s;

	(void)state;
	pair_init(&p, 41, ADIT_MS(10));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(until_acknowledged(1), QUIC_HOLD);
	pair_run(&p, ADIT_SEC(1));
	assert_in_range(until_acknowledged(QUIC_HOLD_FULL), ADIT_MS(20) / 8 - ADIT_MS(1), ADIT_MS(20) / 8 + ADIT_MS(1));
	pair_run(&p, ADIT_SEC(1));
	/* Behind one that is missing. */
	p.client.on_send = swallow;
	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	assert_int_equal(quic_stream_write(s, "x", 1), 0);
	pair_run(&p, ADIT_MS(1));
	assert_int_equal(until_acknowledged(1), 0);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_that_is_shut_does_not_keep_a_sender_in_its_start_up),
		cmocka_unit_test(neither_does_one_that_holes_keep_shut),
		cmocka_unit_test(a_byte_and_its_echo_are_one_packet_each),
		cmocka_unit_test(only_a_lone_packet_waits_for_company),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
