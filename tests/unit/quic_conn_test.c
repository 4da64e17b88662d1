#include "test.h"

#include "quic/quic_conn.h"
#include "quic_pair_aead.h"

static void two_strangers_shake_hands_and_know_each_other(void **state)
{
	struct pair p;
	uint8_t a[32], b[32];

	(void)state;
	pair_init(&p, 1, ADIT_MS(10));
	assert_true(pair_connect(&p));
	assert_memory_equal(quic_peer_key(p.client.q), p.server_key, 32);
	assert_memory_equal(quic_peer_key(p.server.q), p.client_key, 32);
	assert_int_equal(quic_export(p.client.q, "EXPORTER-adit", a, sizeof(a)), 0);
	assert_int_equal(quic_export(p.server.q, "EXPORTER-adit", b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(quic_export(p.server.q, "EXPORTER-other", b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	pair_done(&p);
}

static bool flows_are_done(struct pair *p)
{
	struct flow *a = p->client.user;
	struct flow *b = p->server.user;

	return a->is_wrong || b->is_wrong || (a->seen & b->seen & QUIC_NEWS_CLOSED);
}

static void transfer(uint64_t seed, adit_dur delay, unsigned loss, adit_dur jitter, uint64_t size)
{
	struct flow a = {.salt_tx = 1, .salt_rx = 2, .tx_end = size, .finish = true};
	struct flow b = {.salt_tx = 2, .salt_rx = 1, .tx_end = size, .finish = true};
	struct pair p;

	pair_init(&p, seed, delay);
	assert_true(pair_connect(&p));
	p.client.link.loss_per_mille = p.server.link.loss_per_mille = loss;
	p.client.link.jitter = p.server.link.jitter = jitter;
	p.client.link.rate = p.server.link.rate = 125000000;
	p.client.link.queue_max = p.server.link.queue_max = ADIT_MS(20);
	p.client.user = &a;
	p.server.user = &b;
	p.client.on_news = p.server.on_news = flow_news;
	assert_int_equal(quic_stream_open(p.client.q, &a.s), 0);
	quic_stream_set_user(a.s, &a);
	flow_go(&a, 0);
	assert_true(pair_run_until(&p, ADIT_SEC(60), flows_are_done));
	assert_false(a.is_wrong);
	assert_false(b.is_wrong);
	assert_true(a.rx_at == size);
	assert_true(b.rx_at == size);
	assert_true(a.at_end);
	assert_true(b.at_end);
	assert_true(a.seen & QUIC_NEWS_ACKED);
	assert_true(b.seen & QUIC_NEWS_ACKED);
	quic_stream_release(a.s);
	quic_stream_release(b.s);
	pair_done(&p);
}

static void ten_megabytes_cross_each_way(void **state)
{
	(void)state;
	transfer(2, ADIT_MS(5), 0, 0, 10000000);
}

static void ten_megabytes_cross_a_lossy_line(void **state)
{
	(void)state;
	transfer(3, ADIT_MS(25), 10, 0, 10000000);
}

static void ten_megabytes_cross_a_line_that_reorders(void **state)
{
	(void)state;
	transfer(4, ADIT_MS(10), 1, ADIT_MS(3), 10000000);
}

/* From the 8000th datagram on, every second one of 12000 is lost. */
static bool drop_alternately(struct pair_side *side, uint8_t *data, size_t len)
{
	uint64_t n = side->link.sent;

	(void)data;
	(void)len;
	return n < 8000 || n > 20000 || n % 2 == 0;
}

/*
 * What a full bottleneck does to a fast start: the library ends a connection that has 1000 holes in a stream. The rate
 * must be one at which more than 2000 packets are in flight.
 */
static void a_burst_of_holes_does_not_end_the_connection(void **state)
{
	struct flow a = {.salt_tx = 1, .salt_rx = 2, .tx_end = 40000000, .finish = true};
	struct flow b = {.salt_tx = 2, .salt_rx = 1, .finish = true};
	struct pair p;

	(void)state;
	pair_init(&p, 50, ADIT_MS(50));
	assert_true(pair_connect(&p));
	p.client.on_send = drop_alternately;
	p.client.link.rate = p.server.link.rate = 250000000;
	p.client.user = &a;
	p.server.user = &b;
	p.client.on_news = p.server.on_news = flow_news;
	assert_int_equal(quic_stream_open(p.client.q, &a.s), 0);
	quic_stream_set_user(a.s, &a);
	flow_go(&a, 0);
	assert_true(pair_run_until(&p, ADIT_SEC(30), flows_are_done));
	assert_false(b.is_wrong);
	assert_true(b.rx_at == 40000000);
	pair_done(&p);
}

static bool has_fixed_bit(struct pair_side *side, uint8_t *data, size_t len)
{
	bool *good = side->user;

	(void)len;
	if (!(data[0] & 0x40))
		*good = false;
	return true;
}

/* Half of all connections would be without it, if the library had its way: twelve of them leave a chance of 1 in 10^7.
 */
static void no_packet_lacks_the_fixed_bit(void **state)
{
	bool good = true;

	(void)state;
	for (uint64_t seed = 100; seed < 112; seed++) {
		struct pair p;
		struct quic_stream *s;

		pair_init(&p, seed, ADIT_MS(1));
		p.client.user = p.server.user = &good;
		p.client.on_send = p.server.on_send = has_fixed_bit;
		assert_true(pair_connect(&p));
		assert_int_equal(quic_stream_open(p.client.q, &s), 0);
		assert_int_equal(quic_stream_write(s, "x", 1), 0);
		pair_run(&p, ADIT_MS(100));
		pair_done(&p);
	}
	assert_true(good);
}

static void a_wrong_key_ends_the_handshake_on_both_sides(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 5, ADIT_MS(10));
	p.client_cfg.pin[31] ^= 1;
	assert_false(pair_connect(&p));
	assert_true(p.client.is_closed);
	assert_int_equal(p.client.close.kind, QUIC_CLOSE_BAD_KEY);
	assert_false(p.client.is_handshaken);
	assert_true(p.server.is_closed);
	assert_int_equal(p.server.close.kind, QUIC_CLOSE_PEER);
	assert_int_equal(p.server.close.code, 0x100 + 42); /* bad_certificate */
	assert_false(p.server.is_handshaken);
	pair_done(&p);
}

/* Nothing of a user's goes out before both keys are proven, in whatever order things come. */
static void nothing_is_sent_for_a_user_before_the_handshake_is_over(void **state)
{
	struct pair p;
	struct quic_stream *s;

	(void)state;
	pair_init(&p, 40, ADIT_MS(10));
	pair_start(&p);
	assert_int_equal(quic_stream_open(p.client.q, &s), ADIT_EAGAIN);
	while (!p.server.is_handshaken) {
		assert_true(pair_step(&p, p.now + ADIT_SEC(1)));
		if (p.server.q && !p.server.is_handshaken) {
			assert_int_equal(quic_stream_open(p.server.q, &s), ADIT_EAGAIN);
			assert_int_equal(quic_dgram_send(p.server.q, (const uint8_t *)"x", 1), 0);
			assert_int_equal(quic_export(p.server.q, "EXPORTER-adit", (uint8_t[8]){0}, 8), ADIT_EDEAD);
		}
	}
	assert_int_equal(p.client.n_dgrams, 0);
	assert_int_equal(quic_stream_open(p.server.q, &s), 0);
	pair_run(&p, ADIT_SEC(1));
	assert_true(p.client.n_dgrams > 0);
	pair_done(&p);
}

static void a_handshake_survives_heavy_loss(void **state)
{
	unsigned up = 0;

	(void)state;
	for (uint64_t seed = 200; seed < 220; seed++) {
		struct pair p;

		pair_init(&p, seed, ADIT_MS(20));
		p.client.link.loss_per_mille = p.server.link.loss_per_mille = 200;
		if (pair_connect(&p))
			up++;
		pair_done(&p);
	}
	assert_true(up >= 19);
}

static void nobody_answers_and_the_handshake_ends_after_ten_seconds(void **state)
{
	struct pair p;
	adit_time from;

	(void)state;
	pair_init(&p, 6, ADIT_MS(10));
	p.client.link.is_cut = true;
	from = p.now;
	pair_start(&p);
	pair_run(&p, ADIT_SEC(9));
	assert_false(p.client.is_closed);
	pair_run(&p, ADIT_SEC(2));
	assert_true(p.client.is_closed);
	assert_int_equal(p.client.close.kind, QUIC_CLOSE_IDLE);
	assert_true(p.now - from <= ADIT_SEC(11));
	assert_true(quic_deadline(p.client.q) == ADIT_NEVER);
	pair_done(&p);
}

static void silence_ends_the_connection_after_the_idle_timeout_and_not_before(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 7, ADIT_MS(10));
	p.client_cfg.idle_timeout = ADIT_SEC(60);
	p.server_cfg.idle_timeout = ADIT_SEC(60);
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(59));
	assert_false(p.client.is_closed);
	assert_false(p.server.is_closed);
	pair_run(&p, ADIT_SEC(4));
	assert_int_equal(p.client.close.kind, QUIC_CLOSE_IDLE);
	assert_int_equal(p.server.close.kind, QUIC_CLOSE_IDLE);
	assert_true(p.client.is_closed);
	assert_true(p.server.is_closed);
	pair_done(&p);
}

static void an_idle_connection_sends_nothing(void **state)
{
	struct pair p;
	uint64_t sent;

	(void)state;
	pair_init(&p, 8, ADIT_MS(10));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(5));
	sent = p.client.link.sent + p.server.link.sent;
	pair_run(&p, ADIT_SEC(20 * 60));
	assert_int_equal(p.client.link.sent + p.server.link.sent, sent);
	pair_done(&p);
}

static void a_close_tells_the_other_side_why(void **state)
{
	struct pair p;
	struct quic_batch b;
	struct quic_event e;

	(void)state;
	pair_init(&p, 9, ADIT_MS(10));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	quic_close(p.server.q, p.now, 77, "go \x1b[31maway");
	assert_int_equal(quic_event(p.server.q, &e), 0);
	assert_int_equal(quic_output(p.server.q, p.now, &b), 1);
	pair_send_one(&p.server, b.data, b.len);
	assert_int_equal(b.seg_size, 0);
	assert_int_equal(quic_output(p.server.q, p.now, &b), 0);
	pair_run(&p, ADIT_SEC(1));
	assert_true(p.server.is_closed);
	assert_int_equal(p.server.close.kind, QUIC_CLOSE_LOCAL);
	assert_int_equal(p.server.close.code, 77);
	assert_true(p.client.is_closed);
	assert_int_equal(p.client.close.kind, QUIC_CLOSE_PEER_APP);
	assert_int_equal(p.client.close.code, 77);
	assert_string_equal(p.client.close.text, "go ?[31maway");
	pair_done(&p);
}

static void a_close_before_the_handshake_is_over_is_no_riddle(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 10, ADIT_MS(10));
	pair_start(&p);
	while (!p.server.q)
		assert_true(pair_step(&p, p.now + ADIT_SEC(1)));
	quic_close(p.client.q, p.now, 5, NULL);
	pair_run(&p, ADIT_SEC(1));
	assert_true(p.client.is_closed);
	assert_int_equal(p.client.close.kind, QUIC_CLOSE_LOCAL);
	assert_true(p.server.is_closed);
	assert_int_equal(p.server.close.kind, QUIC_CLOSE_PEER);
	pair_done(&p);
}

/* RFC 9000 8.1 and our own rule: what is not a proper first packet of ours is not answered and not kept. */
static void a_stranger_hears_nothing(void **state)
{
	static uint8_t buf[1500];
	struct pair p;
	struct quic *q = NULL;
	struct quic_batch b;

	(void)state;
	pair_init(&p, 11, ADIT_MS(10));
	for (int i = 0; i < 3000; i++) {
		size_t len = (size_t)adit_rng_below(&p.rng, sizeof(buf) + 1);

		adit_rng_fill(&p.rng, buf, len);
		if (i % 2 && len > 20) {
			/* An Initial's looks, with all versions. */
			buf[0] |= 0xc0;
			buf[0] &= (uint8_t)~0x30;
			memset(buf + 1, 0, 4);
			buf[4] = (uint8_t)(i % 8 / 2);
			buf[5] = 8;
			buf[14] = 8;
		}
		assert_int_equal(quic_accept(&p.server_cfg, p.now, 1, buf, len, &q), ADIT_EPROTO);
	}
	/* A real Initial, damaged at any place: its AEAD tells. */
	pair_start(&p);
	assert_int_equal(quic_output(p.client.q, p.now, &b), 1);
	assert_true(quic_is_initial(b.data, b.len));
	assert_int_equal(b.len, 1200);
	for (size_t at = 0; at < b.len; at += 7) {
		memcpy(buf, b.data, b.len);
		buf[at] ^= 0x20;
		assert_int_equal(quic_accept(&p.server_cfg, p.now, 1, buf, b.len, &q), ADIT_EPROTO);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(quic_accept(&p.server_cfg, p.now, 1, b.data, len, &q), ADIT_EPROTO);
	pair_done(&p);
}

static void garbage_is_dropped_and_counted_and_the_transfer_goes_on(void **state)
{
	struct flow a = {.salt_tx = 1, .salt_rx = 2, .tx_end = 900000, .finish = true};
	struct flow b = {.salt_tx = 2, .salt_rx = 1, .tx_end = 900000, .finish = true};
	static uint8_t buf[1500];
	struct quic_stats st;
	struct pair p;

	(void)state;
	pair_init(&p, 12, ADIT_MS(5));
	assert_true(pair_connect(&p));
	p.client.user = &a;
	p.server.user = &b;
	p.client.on_news = p.server.on_news = flow_news;
	assert_int_equal(quic_stream_open(p.client.q, &a.s), 0);
	quic_stream_set_user(a.s, &a);
	flow_go(&a, 0);
	while (!flows_are_done(&p)) {
		struct pair_dgram *d = p.client.link.queue;
		size_t len = (size_t)adit_rng_below(&p.rng, sizeof(buf));

		/* Noise with the right connection id in front, and the next packet cut or damaged. */
		if (d) {
			adit_rng_fill(&p.rng, buf, sizeof(buf));
			memcpy(buf, d->data, d->len < 9 ? d->len : 9);
			assert_int_equal(quic_input(p.server.q, p.now, d->path, buf, len, 0), 0);
			memcpy(buf, d->data, d->len);
			buf[adit_rng_below(&p.rng, d->len)] ^= 0x10;
			assert_int_equal(quic_input(p.server.q, p.now, d->path, buf, d->len, 0), 0);
			assert_int_equal(quic_input(p.server.q, p.now, d->path, d->data, d->len / 2, 0), 0);
		}
		assert_true(pair_step(&p, p.now + ADIT_SEC(1)));
	}
	assert_false(a.is_wrong);
	assert_false(b.is_wrong);
	assert_true(b.rx_at == 900000);
	quic_stats_get(p.server.q, &st);
	assert_true(st.dropped > 30);
	pair_done(&p);
}

/* Somebody who recorded a packet and sends it again from elsewhere proves nothing. */
static void a_replayed_packet_is_no_sign_of_life_and_moves_nothing(void **state)
{
	struct pair p;
	struct quic_stream *s;
	struct pair_dgram *d;
	uint8_t copy[1500];
	size_t len;

	(void)state;
	pair_init(&p, 13, ADIT_MS(5));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	assert_int_equal(quic_stream_write(s, "hello", 5), 0);
	pair_drain(&p.client);
	d = p.client.link.queue;
	assert_non_null(d);
	len = d->len;
	memcpy(copy, d->data, len);
	/* Damaged and early, from elsewhere: nothing either. */
	copy[len - 1] ^= 1;
	assert_int_equal(quic_input(p.server.q, p.now, 666, copy, len, 0), 0);
	copy[len - 1] ^= 1;
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(quic_path(p.server.q), 9);
	assert_int_equal(quic_input(p.server.q, p.now, 666, copy, len, 0), 0);
	assert_int_equal(quic_stream_write(s, "again", 5), 0);
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(quic_path(p.server.q), 9);
	pair_done(&p);
}

static void datagrams_are_told_apart_by_connection_id(void **state)
{
	struct pair p, other;
	struct quic_stream *s;
	struct pair_dgram *d;
	uint8_t first[1200];

	(void)state;
	pair_init(&p, 14, ADIT_MS(5));
	pair_init(&other, 15, ADIT_MS(5));
	pair_start(&p);
	pair_drain(&p.client);
	memcpy(first, p.client.link.queue->data, sizeof(first));
	assert_true(pair_run_until(&p, ADIT_SEC(20), pair_is_up));
	assert_true(pair_connect(&other));
	/* The first Initial's id was good for the handshake only. */
	assert_false(quic_is_mine(p.server.q, first, sizeof(first)));
	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	assert_int_equal(quic_stream_write(s, "hello", 5), 0);
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(quic_stream_write(s, "hello", 5), 0);
	pair_drain(&p.client);
	d = p.client.link.queue;
	assert_true(quic_is_mine(p.server.q, d->data, d->len));
	assert_false(quic_is_mine(other.server.q, d->data, d->len));
	assert_false(quic_is_mine(p.client.q, d->data, d->len));
	for (size_t len = 0; len < 9; len++)
		assert_false(quic_is_mine(p.server.q, d->data, len));
	pair_done(&p);
	pair_done(&other);
}

struct counter {
	size_t n;
	size_t bytes;
	bool is_wrong;
};

static void count_dgram(struct pair_side *side, const uint8_t *data, size_t len)
{
	struct counter *c = side->user;

	c->n++;
	c->bytes += len;
	for (size_t i = 0; i < len; i++)
		if (data[i] != (uint8_t)len)
			c->is_wrong = true;
}

static void datagrams_of_every_size_arrive(void **state)
{
	struct counter c = {0};
	struct pair p;
	uint8_t buf[1500];
	size_t max;
	size_t sum = 0;

	(void)state;
	pair_init(&p, 16, ADIT_MS(5));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	p.server.user = &c;
	p.server.on_dgram = count_dgram;
	quic_set_payload(p.client.q, 1444);
	max = quic_dgram_max(p.client.q);
	assert_int_equal(max, 1403);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(quic_dgram_send(p.client.q, buf, max + 1), ADIT_EINVAL);
	assert_int_equal(quic_dgram_send(p.client.q, buf, 0), ADIT_EINVAL);
	for (size_t len = 1; len <= max; len++) {
		memset(buf, (int)len, len);
		assert_int_equal(quic_dgram_send(p.client.q, buf, len), 0);
		sum += len;
		if (len % 50 == 0)
			pair_run(&p, ADIT_MS(20));
	}
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(c.n, max);
	assert_int_equal(c.bytes, sum);
	assert_false(c.is_wrong);
	pair_done(&p);
}

static void datagram_queues_have_an_end_and_count_what_they_drop(void **state)
{
	struct pair p;
	uint8_t buf[1000] = {0};
	struct quic_stats st;
	unsigned full = 0;

	(void)state;
	pair_init(&p, 17, ADIT_MS(5));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	for (int i = 0; i < 1000; i++)
		if (quic_dgram_send(p.client.q, buf, sizeof(buf)) == ADIT_EFULL)
			full++;
	assert_true(full > 0);
	quic_stats_get(p.client.q, &st);
	assert_int_equal(st.dgrams_dropped, full);
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(p.server.n_dgrams, 1000 - full);
	pair_done(&p);
}

static void send_dgrams(struct pair *p, struct pair_side *a, struct pair_side *b, adit_dur dur)
{
	static const uint8_t bytes[1000];
	adit_time until = p->now + dur;

	while (p->now < until) {
		(void)!quic_dgram_send(a->q, bytes, sizeof(bytes));
		if (b)
			(void)!quic_dgram_send(b->q, bytes, sizeof(bytes));
		pair_run(p, ADIT_MS(2));
	}
}

/* Nothing but datagrams, in one direction or both; a whole window of them is lost, and then all is well again. */
static void dgram_outage(bool from_server, bool both, bool cut_both)
{
	struct pair_side *from, *to;
	struct pair p;
	unsigned before;

	pair_init(&p, 19, ADIT_MS(20));
	assert_true(pair_connect(&p));
	from = from_server ? &p.server : &p.client;
	to = pair_other(from);
	send_dgrams(&p, from, both ? to : NULL, ADIT_SEC(1));
	from->link.is_cut = true;
	to->link.is_cut = cut_both;
	send_dgrams(&p, from, both ? to : NULL, ADIT_SEC(2));
	from->link.is_cut = to->link.is_cut = false;
	/* The next probe comes after as long a time again. */
	send_dgrams(&p, from, both ? to : NULL, ADIT_SEC(3));
	before = to->n_dgrams;
	send_dgrams(&p, from, both ? to : NULL, ADIT_SEC(1));
	assert_in_range(to->n_dgrams - before, 450, 550);
	pair_done(&p);
}

static void datagrams_flow_again_after_an_outage(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		dgram_outage(i & 1, i & 2, i & 4);
}

/*
 * The frame that makes the library watch over datagrams permits unidirectional streams; nobody may take it up. There is
 * no window for their bytes, but an end or a reset needs none.
 */
static void a_peer_that_opens_a_unidirectional_stream_is_sent_away(void **state)
{
	static const uint8_t byte[1];

	(void)state;
	for (int resets = 0; resets < 2; resets++) {
		struct pair p;
		ngtcp2_conn *conn;
		uint8_t buf[1200];
		ngtcp2_ssize n;
		int64_t id;

		pair_init(&p, 20, ADIT_MS(5));
		assert_true(pair_connect(&p));
		assert_int_equal(quic_dgram_send(p.server.q, byte, 1), 0);
		pair_run(&p, ADIT_MS(100));
		assert_int_equal(p.client.n_dgrams, 1);
		conn = p.client.q->conn;
		assert_int_equal(ngtcp2_conn_open_uni_stream(conn, &id, NULL), 0);
		if (resets)
			assert_int_equal(quic_shim_shutdown_stream(conn, id, 1), 0);
		n = ngtcp2_conn_writev_stream(conn, NULL, NULL, buf, sizeof(buf), NULL, NGTCP2_WRITE_STREAM_FLAG_FIN,
					      resets ? -1 : id, NULL, 0, p.client.q->clock);
		assert_true(n > 0);
		pair_send_one(&p.client, buf, (size_t)n);
		pair_run(&p, ADIT_MS(100));
		assert_true(p.server.is_closed);
		assert_true(p.client.is_closed);
		pair_done(&p);
	}
}

/* A datagram that was queued for a larger packet than the new path is known to carry is dropped, not stuck. */
static void a_datagram_too_large_after_a_migration_blocks_nothing(void **state)
{
	struct pair p;
	uint8_t buf[1403] = {0};
	struct quic_stats st;

	(void)state;
	pair_init(&p, 18, ADIT_MS(5));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	quic_set_payload(p.client.q, 1444);
	assert_int_equal(quic_dgram_send(p.client.q, buf, sizeof(buf)), 0);
	assert_int_equal(quic_dgram_send(p.client.q, buf, 100), 0);
	assert_int_equal(quic_migrate(p.client.q, p.now, 8), 0);
	quic_set_payload(p.client.q, 1200);
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(p.server.n_dgrams, 1);
	quic_stats_get(p.client.q, &st);
	assert_int_equal(st.dgrams_dropped, 1);
	pair_done(&p);
}

static void packets_are_as_large_as_they_may_be(void **state)
{
	static const struct {
		size_t said;
		size_t payload;
	} cases[] = {{0, 1200}, {1199, 1200}, {1232, 1232}, {1472, 1472}, {8972, 1472}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct counter c = {0};
		uint8_t buf[1500] = {0};
		struct quic_stats st;
		struct pair p;

		pair_init(&p, 20 + i, ADIT_MS(5));
		assert_true(pair_connect(&p));
		pair_run(&p, ADIT_SEC(1));
		p.server.user = &c;
		p.server.on_dgram = count_dgram;
		quic_stats_get(p.client.q, &st);
		assert_int_equal(st.max_payload, 1200);
		quic_set_payload(p.client.q, cases[i].said);
		quic_stats_get(p.client.q, &st);
		assert_int_equal(st.max_payload, cases[i].payload);
		assert_int_equal(quic_dgram_send(p.client.q, buf, quic_dgram_max(p.client.q)), 0);
		/* It fills the packet, and the path carries just that. */
		p.client.link.mtu = cases[i].payload;
		pair_run(&p, ADIT_SEC(1));
		assert_int_equal(c.n, 1);
		assert_in_range(c.bytes, cases[i].payload - 41, cases[i].payload);
		pair_done(&p);
	}
}

static void count_stream(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	uint64_t *sum = side->user;
	struct quic_vec vec[16];
	size_t n;

	if (!(news & QUIC_NEWS_READABLE))
		return;
	while ((n = quic_stream_peek(s, vec, ARRAY_LEN(vec))) > 0) {
		size_t len = 0;

		for (size_t i = 0; i < n; i++)
			len += vec[i].len;
		quic_stream_consume(s, len);
		*sum += len;
	}
}

/* Full packets vanish and nobody says so: what is sent as a last resort is small and gets through. */
static void a_path_that_shrinks_lets_the_last_resort_through(void **state)
{
	static const uint8_t data[10000];
	struct quic_stream *s;
	uint64_t sum = 0;
	struct pair p;

	(void)state;
	pair_init(&p, 30, ADIT_MS(5));
	p.server.user = &sum;
	p.server.on_news = count_stream;
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(1));
	quic_set_payload(p.client.q, 1472);
	p.client.link.mtu = 1400;
	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(quic_stream_write(s, data, sizeof(data)), 0);
	quic_stream_finish(s);
	pair_run(&p, ADIT_SEC(10)); /* slowly, but it does: nobody has told it yet */
	assert_int_equal(sum, 3 * sizeof(data));
	pair_done(&p);
}

static void silence_means_something_only_while_an_answer_is_due(void **state)
{
	struct quic_stats st;
	struct quic_stream *s;
	struct pair p;

	(void)state;
	pair_init(&p, 30, ADIT_MS(5));
	assert_true(pair_connect(&p));
	pair_run(&p, ADIT_SEC(2));
	quic_stats_get(p.client.q, &st);
	assert_false(st.expects_answer);
	assert_string_equal(st.cipher, "AES-128-GCM");
	assert_true(st.rtt >= ADIT_MS(10) && st.rtt < ADIT_MS(30));
	assert_int_equal(quic_stream_open(p.client.q, &s), 0);
	assert_int_equal(quic_stream_write(s, "x", 1), 0);
	pair_drain(&p.client);
	quic_stats_get(p.client.q, &st);
	assert_true(st.expects_answer);
	assert_int_equal(st.streams, 1);
	pair_run(&p, ADIT_SEC(2));
	quic_stats_get(p.client.q, &st);
	assert_false(st.expects_answer);
	pair_done(&p);
}

static void half_built_connections_can_be_freed(void **state)
{
	struct pair p;

	(void)state;
	quic_free(NULL);
	quic_creds_free(NULL);
	pair_init(&p, 31, ADIT_MS(5));
	pair_start(&p);
	pair_done(&p);
	pair_init(&p, 32, ADIT_MS(5));
	pair_start(&p);
	while (!p.server.q)
		assert_true(pair_step(&p, p.now + ADIT_SEC(1)));
	pair_done(&p);
}

/* With the word "volume": what takes megabytes or a rate to tell. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_strangers_shake_hands_and_know_each_other),
		cmocka_unit_test(no_packet_lacks_the_fixed_bit),
		cmocka_unit_test(a_wrong_key_ends_the_handshake_on_both_sides),
		cmocka_unit_test(nothing_is_sent_for_a_user_before_the_handshake_is_over),
		cmocka_unit_test(a_handshake_survives_heavy_loss),
		cmocka_unit_test(nobody_answers_and_the_handshake_ends_after_ten_seconds),
		cmocka_unit_test(silence_ends_the_connection_after_the_idle_timeout_and_not_before),
		cmocka_unit_test(an_idle_connection_sends_nothing),
		cmocka_unit_test(a_close_tells_the_other_side_why),
		cmocka_unit_test(a_close_before_the_handshake_is_over_is_no_riddle),
		cmocka_unit_test(a_stranger_hears_nothing),
		cmocka_unit_test(garbage_is_dropped_and_counted_and_the_transfer_goes_on),
		cmocka_unit_test(a_replayed_packet_is_no_sign_of_life_and_moves_nothing),
		cmocka_unit_test(datagrams_are_told_apart_by_connection_id),
		cmocka_unit_test(datagrams_of_every_size_arrive),
		cmocka_unit_test(datagram_queues_have_an_end_and_count_what_they_drop),
		cmocka_unit_test(datagrams_flow_again_after_an_outage),
		cmocka_unit_test(a_peer_that_opens_a_unidirectional_stream_is_sent_away),
		cmocka_unit_test(a_datagram_too_large_after_a_migration_blocks_nothing),
		cmocka_unit_test(packets_are_as_large_as_they_may_be),
		cmocka_unit_test(a_path_that_shrinks_lets_the_last_resort_through),
		cmocka_unit_test(silence_means_something_only_while_an_answer_is_due),
		cmocka_unit_test(half_built_connections_can_be_freed),
	};
	const struct CMUnitTest volumes[] = {
		cmocka_unit_test(ten_megabytes_cross_each_way),
		cmocka_unit_test(ten_megabytes_cross_a_lossy_line),
		cmocka_unit_test(ten_megabytes_cross_a_line_that_reorders),
		cmocka_unit_test(a_burst_of_holes_does_not_end_the_connection),
	};

	if (!pair_choose_aead())
		return PAIR_SKIPPED;
	if (argc == 2 && strcmp(argv[1], "volume") == 0)
		return cmocka_run_group_tests(volumes, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
