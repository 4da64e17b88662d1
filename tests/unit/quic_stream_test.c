#include "test.h"

#include "quic/quic_limits.h"
#include "quic_pair_aead.h"

/* The streams one side has met, in the order in which it met them. */
#define MANY 600

struct crowd {
	struct flow flows[MANY];
	size_t n;
	bool reads; /* takes what comes */
	bool echoes; /* sends as much back */
};

static void crowd_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct crowd *c = side->user;
	struct flow *f = quic_stream_user(s);

	if (news & QUIC_NEWS_OPENED) {
		assert_true(c->n < MANY);
		f = &c->flows[c->n++];
		f->s = s;
		f->salt_rx = quic_stream_id(s);
		f->salt_tx = quic_stream_id(s) + 1;
		f->tx_end = c->echoes ? UINT64_MAX : 0;
		quic_stream_set_user(s, f);
	}
	f->seen |= news;
	if (c->reads)
		flow_go(f, news);
}

static struct flow *crowd_begin(struct pair_side *side, uint64_t end, bool finish)
{
	struct crowd *c = side->user;
	struct flow *f = &c->flows[c->n];

	if (quic_stream_open(side->q, &f->s) < 0)
		return NULL;
	c->n++;
	quic_stream_set_user(f->s, f);
	f->salt_tx = quic_stream_id(f->s);
	f->salt_rx = quic_stream_id(f->s) + 1;
	f->tx_end = end;
	f->finish = finish;
	flow_go(f, 0);
	return f;
}

/* |end| bytes, then FIN if it is not endless. */
static struct flow *crowd_open(struct pair_side *side, uint64_t end)
{
	return crowd_begin(side, end, end < UINT64_MAX);
}

static void crowd_start(struct pair *p, struct crowd *a, struct crowd *b, uint64_t seed)
{
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	a->reads = b->reads = true;
	pair_init(p, seed, ADIT_MS(10));
	assert_true(pair_connect(p));
	p->client.user = a;
	p->server.user = b;
	p->client.on_news = p->server.on_news = crowd_news;
	p->client.link.rate = p->server.link.rate = 12500000;
	p->client.link.queue_max = p->server.link.queue_max = ADIT_MS(50);
}

static struct pair p;
static struct crowd a; /* client */
static struct crowd b; /* server */

static void two_hundred_streams_cross_at_once(void **state)
{
	(void)state;
	crowd_start(&p, &a, &b, 1);
	for (int i = 0; i < 200; i++)
		assert_non_null(crowd_open(&p.client, 10000 + 37 * (uint64_t)i));
	pair_run(&p, ADIT_SEC(3));
	assert_int_equal(b.n, 200);
	for (size_t i = 0; i < 200; i++) {
		struct flow *f = &b.flows[i];

		assert_false(f->is_wrong);
		assert_true(f->at_end);
		assert_true(f->rx_at == 10000 + 37 * (quic_stream_id(f->s) / 4));
		assert_true(a.flows[i].seen & QUIC_NEWS_ACKED);
	}
	pair_done(&p);
}

static void half_a_stream_stays_open_after_the_other_half_ended(void **state)
{
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 2);
	f = crowd_open(&p.client, 5000);
	pair_run(&p, ADIT_MS(200));
	assert_int_equal(b.n, 1);
	assert_true(b.flows[0].at_end);
	assert_true(f->seen & QUIC_NEWS_ACKED);
	assert_false(f->seen & QUIC_NEWS_CLOSED);
	assert_false(b.flows[0].seen & QUIC_NEWS_CLOSED);
	/* The answer comes long after our end. */
	pair_run(&p, ADIT_SEC(100));
	b.flows[0].tx_end = 70000;
	b.flows[0].finish = true;
	flow_go(&b.flows[0], 0);
	pair_run(&p, ADIT_SEC(1));
	assert_true(f->at_end);
	assert_false(f->is_wrong);
	assert_true(f->rx_at == 70000);
	assert_true(f->seen & QUIC_NEWS_CLOSED);
	assert_true(b.flows[0].seen & QUIC_NEWS_CLOSED);
	pair_done(&p);
}

static void an_end_without_a_byte_arrives(void **state)
{
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 3);
	f = crowd_open(&p.client, 0);
	pair_run(&p, ADIT_MS(200));
	assert_int_equal(b.n, 1);
	assert_true(b.flows[0].at_end);
	assert_true(f->seen & QUIC_NEWS_ACKED);
	pair_done(&p);
}

static void an_end_after_a_pause_is_acknowledged_too(void **state)
{
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 4);
	f = crowd_open(&p.client, UINT64_MAX);
	f->tx_end = f->tx_at;
	pair_run(&p, ADIT_SEC(1));
	assert_false(f->seen & QUIC_NEWS_ACKED);
	quic_stream_finish(f->s);
	pair_run(&p, ADIT_MS(200));
	assert_true(b.flows[0].at_end);
	assert_true(f->seen & QUIC_NEWS_ACKED);
	pair_done(&p);
}

static void a_reset_arrives_with_its_code(void **state)
{
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 5);
	b.reads = false;
	f = crowd_open(&p.client, UINT64_MAX);
	pair_run(&p, ADIT_MS(200));
	assert_true(quic_stream_readable(b.flows[0].s) > 0);
	quic_stream_reset(f->s, 4711);
	pair_run(&p, ADIT_MS(200));
	assert_true(b.flows[0].seen & QUIC_NEWS_RESET);
	assert_true(quic_stream_error(b.flows[0].s) == 4711);
	assert_true(quic_stream_readable(b.flows[0].s) == 0);
	assert_false(quic_stream_at_end(b.flows[0].s));
	assert_true(f->seen & QUIC_NEWS_CLOSED);
	assert_true(b.flows[0].seen & QUIC_NEWS_CLOSED);
	assert_false(f->seen & QUIC_NEWS_ACKED);
	pair_done(&p);
}

static void a_reset_from_the_side_that_only_reads_stops_the_writer(void **state)
{
	struct flow *f;
	struct quic_vec vec;

	(void)state;
	crowd_start(&p, &a, &b, 6);
	b.reads = false;
	f = crowd_open(&p.client, UINT64_MAX);
	pair_run(&p, ADIT_MS(200));
	quic_stream_reset(b.flows[0].s, 99);
	pair_run(&p, ADIT_MS(200));
	assert_true(f->seen & QUIC_NEWS_RESET);
	assert_true(f->seen & (QUIC_NEWS_STOPPED | QUIC_NEWS_CLOSED));
	assert_true(quic_stream_error(f->s) == 99);
	assert_int_equal(quic_stream_reserve(f->s, &vec, 1, 1), 0);
	pair_done(&p);
}

static void a_release_sends_what_is_queued_and_forgets_the_rest(void **state)
{
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 7);
	b.echoes = true;
	f = crowd_open(&p.client, UINT64_MAX);
	f->tx_end = f->tx_at;
	quic_stream_release(f->s);
	pair_run(&p, ADIT_SEC(1));
	assert_true(b.flows[0].rx_at == f->tx_at);
	assert_false(b.flows[0].is_wrong);
	assert_true(b.flows[0].at_end);
	assert_true(b.flows[0].seen & QUIC_NEWS_STOPPED);
	assert_true(b.flows[0].seen & QUIC_NEWS_CLOSED);
	quic_stream_release(b.flows[0].s);
	for (int i = 0; i < 2; i++) {
		struct quic_stats st;

		quic_stats_get(i ? p.client.q : p.server.q, &st);
		assert_int_equal(st.streams, 0);
	}
	pair_done(&p);
}

static void a_stopped_reader_stops_the_writer_within_the_window(void **state)
{
	struct flow *f;
	uint64_t at;

	(void)state;
	crowd_start(&p, &a, &b, 8);
	b.reads = false;
	f = crowd_open(&p.client, UINT64_MAX);
	pair_run(&p, ADIT_SEC(2));
	assert_int_equal(quic_stream_readable(b.flows[0].s), QUIC_WINDOW_MIN);
	assert_true(f->tx_at <= QUIC_WINDOW_MIN + QUIC_STREAM_UNSENT_MAX);
	at = f->tx_at;
	pair_run(&p, ADIT_SEC(60));
	assert_true(f->tx_at == at);
	b.reads = true;
	flow_go(&b.flows[0], 0);
	pair_run(&p, ADIT_SEC(1));
	assert_true(f->tx_at > at + 1000000);
	assert_false(b.flows[0].is_wrong);
	pair_done(&p);
}

/* A writer that is told to stop keeps little more than what it had when the window shut. */
static void a_writer_whose_reader_stopped_keeps_one_chunk(void **state)
{
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 9);
	b.reads = false;
	f = crowd_begin(&p.client, 1, false);
	pair_run(&p, ADIT_SEC(1));
	f->tx_end = UINT64_MAX;
	flow_go(f, 0);
	pair_run(&p, ADIT_SEC(1));
	assert_true(f->tx_at >= QUIC_WINDOW_MIN + QUIC_STREAM_UNSENT_MIN);
	assert_true(f->tx_at <= QUIC_WINDOW_MIN + 2 * QUIC_STREAM_UNSENT_MIN);
	pair_done(&p);
}

static uint64_t rate_of(struct flow *f, adit_dur dur)
{
	uint64_t before = f->rx_at;

	pair_run(&p, dur);
	return f->rx_at - before;
}

static void stopped_readers_do_not_slow_the_others(void **state)
{
	uint64_t alone, among;
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 10);
	assert_non_null(crowd_open(&p.client, UINT64_MAX));
	pair_run(&p, ADIT_SEC(1));
	alone = rate_of(&b.flows[0], ADIT_SEC(2));
	pair_done(&p);

	crowd_start(&p, &a, &b, 10);
	b.reads = false;
	for (int i = 0; i < 500; i++)
		while (!crowd_open(&p.client, UINT64_MAX))
			pair_run(&p, ADIT_MS(20));
	pair_run(&p, ADIT_SEC(5));
	assert_int_equal(b.n, 500);
	b.reads = true; /* those that have stopped get no news any more */
	f = crowd_open(&p.client, UINT64_MAX);
	assert_non_null(f);
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(b.n, 501);
	among = rate_of(&b.flows[500], ADIT_SEC(2));
	print_message("alone %llu, among 500 stopped %llu bytes\n", (unsigned long long)alone,
		      (unsigned long long)among);
	assert_true(among * 10 >= alone * 8);
	for (size_t i = 0; i < 500; i++)
		assert_int_equal(quic_stream_readable(b.flows[i].s), QUIC_WINDOW_MIN);
	pair_done(&p);
}

static void small_messages_overtake_bulk(void **state)
{
	struct flow *small;
	adit_time sent_at;

	(void)state;
	crowd_start(&p, &a, &b, 11);
	p.client.link.queue_max = 0;
	for (int i = 0; i < 8; i++)
		crowd_open(&p.client, UINT64_MAX);
	pair_run(&p, ADIT_SEC(2));
	small = crowd_begin(&p.client, 1, false);
	pair_run(&p, ADIT_SEC(1));
	for (int i = 0; i < 20; i++) {
		uint64_t before = b.flows[8].rx_at;
		adit_dur rtt;
		struct quic_stats st;

		quic_stats_get(p.client.q, &st);
		rtt = st.rtt;
		small->tx_end += 100;
		flow_go(small, 0);
		sent_at = p.now;
		while (b.flows[8].rx_at < before + 100)
			assert_true(pair_step(&p, sent_at + ADIT_SEC(1)));
		/* What is in the link's queue is before it; what is in ours is not. */
		assert_true(p.now - sent_at <= rtt);
		pair_run(&p, ADIT_MS(50));
	}
	pair_done(&p);
}

static void streams_wait_for_credit_and_are_told(void **state)
{
	struct flow *f = NULL;
	size_t n = 0;

	(void)state;
	crowd_start(&p, &a, &b, 12);
	while (n < MANY && crowd_open(&p.client, 1))
		n++;
	assert_int_equal(n, QUIC_CREDIT_MAX);
	assert_false(p.client.has_credit);
	pair_run(&p, ADIT_MS(100));
	assert_true(p.client.has_credit);
	f = crowd_open(&p.client, 1);
	assert_non_null(f);
	pair_done(&p);
}

static void a_stream_is_told_when_the_connection_dies(void **state)
{
	struct flow *f;
	struct quic_stream *late;
	struct quic_vec vec;

	(void)state;
	crowd_start(&p, &a, &b, 13);
	b.reads = false;
	f = crowd_open(&p.client, UINT64_MAX);
	pair_run(&p, ADIT_MS(200));
	quic_close(p.client.q, p.now, 1, "bye");
	pair_run(&p, ADIT_MS(200));
	assert_true(p.client.is_closed);
	assert_true(p.server.is_closed);
	assert_true(f->seen & QUIC_NEWS_CLOSED);
	assert_true(b.flows[0].seen & QUIC_NEWS_CLOSED);
	/* What had come before is still there to be read. */
	assert_true(quic_stream_readable(b.flows[0].s) > 0);
	assert_true(pair_read(b.flows[0].s, &b.flows[0].rx_at, b.flows[0].salt_rx) > 0);
	assert_false(quic_stream_at_end(b.flows[0].s));
	assert_int_equal(quic_stream_reserve(f->s, &vec, 1, 1), 0);
	assert_int_equal(quic_stream_write(f->s, "x", 1), ADIT_EFULL);
	assert_int_equal(quic_stream_open(p.client.q, &late), ADIT_EDEAD);
	quic_stream_reset(f->s, 1);
	quic_stream_release(f->s);
	quic_stream_release(b.flows[0].s);
	pair_done(&p);
}

static void a_write_is_all_or_nothing(void **state)
{
	static uint8_t big[QUIC_STREAM_UNSENT_MAX + 1];
	struct flow *f;

	(void)state;
	crowd_start(&p, &a, &b, 14);
	f = crowd_open(&p.client, UINT64_MAX);
	f->tx_end = f->tx_at; /* as much as it takes */
	assert_int_equal(quic_stream_write(f->s, "x", 1), ADIT_EFULL);
	assert_int_equal(quic_stream_write(f->s, big, 0), 0);
	pair_run(&p, ADIT_SEC(1));
	assert_true(f->seen & QUIC_NEWS_WRITABLE);
	assert_int_equal(quic_stream_write(f->s, big, sizeof(big)), ADIT_EFULL);
	for (size_t i = 0; i < 1000; i++)
		big[i] = pair_byte(f->salt_tx, f->tx_at + i);
	assert_int_equal(quic_stream_write(f->s, big, 1000), 0);
	pair_run(&p, ADIT_SEC(1));
	assert_true(b.flows[0].rx_at == f->tx_at + 1000);
	assert_false(b.flows[0].is_wrong);
	pair_done(&p);
}

/* With the word "volume": what takes megabytes or a rate to tell. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hundred_streams_cross_at_once),
		cmocka_unit_test(half_a_stream_stays_open_after_the_other_half_ended),
		cmocka_unit_test(an_end_without_a_byte_arrives),
		cmocka_unit_test(an_end_after_a_pause_is_acknowledged_too),
		cmocka_unit_test(a_reset_arrives_with_its_code),
		cmocka_unit_test(a_reset_from_the_side_that_only_reads_stops_the_writer),
		cmocka_unit_test(a_release_sends_what_is_queued_and_forgets_the_rest),
		cmocka_unit_test(a_stopped_reader_stops_the_writer_within_the_window),
		cmocka_unit_test(a_writer_whose_reader_stopped_keeps_one_chunk),
		cmocka_unit_test(streams_wait_for_credit_and_are_told),
		cmocka_unit_test(a_stream_is_told_when_the_connection_dies),
		cmocka_unit_test(a_write_is_all_or_nothing),
	};
	const struct CMUnitTest volumes[] = {
		cmocka_unit_test(stopped_readers_do_not_slow_the_others),
		cmocka_unit_test(small_messages_overtake_bulk),
	};

	if (!pair_choose_aead())
		return PAIR_SKIPPED;
	if (argc == 2 && strcmp(argv[1], "volume") == 0)
		return cmocka_run_group_tests(volumes, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
