#include "test.h"

#include "quic_pair.h"

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

/* What one side does with one stream of a transfer. */
struct flow {
	struct quic_stream *s;
	uint64_t salt_tx, salt_rx;
	uint64_t tx_at, tx_end;
	uint64_t rx_at;
	unsigned seen; /* all news */
	bool finish;
	bool is_wrong;
	bool at_end;
};

static void flow_go(struct flow *f, unsigned news)
{
	f->seen |= news;
	if (pair_read(f->s, &f->rx_at, f->salt_rx) < 0)
		f->is_wrong = true;
	if (quic_stream_at_end(f->s))
		f->at_end = true;
	pair_write(f->s, &f->tx_at, f->tx_end, f->salt_tx);
	if (f->finish && f->tx_at == f->tx_end)
		quic_stream_finish(f->s);
}

static void flow_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct flow *f = quic_stream_user(s);

	if (news & QUIC_NEWS_OPENED) {
		f = side->user;
		f->s = s;
		quic_stream_set_user(s, f);
	}
	flow_go(f, news);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_strangers_shake_hands_and_know_each_other),
		cmocka_unit_test(ten_megabytes_cross_each_way),
		cmocka_unit_test(ten_megabytes_cross_a_lossy_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
