#include "test.h"

#include "quic/quic_stream_priv.h"
#include "quic_pair_aead.h"

/* Our own allocations come through here; the libraries' do not. */
static long fail_at; /* the how-many-th fails; 0: none */
static long asked;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	return ++asked == fail_at ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return ++asked == fail_at ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return ++asked == fail_at ? NULL : __real_realloc(p, n);
}

#define IDLERS 4000

static struct pair p;
static struct flow a, b;

static void scene_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	if (!quic_stream_user(s) && !(news & QUIC_NEWS_OPENED))
		return;
	flow_news(side, s, news);
}

/* A handshake, a stream each way with loss, a datagram. Returns whether all of it worked. */
static bool scene(void)
{
	uint8_t d[100] = {1};

	a = (struct flow){.salt_tx = 1, .salt_rx = 2, .tx_end = 100000, .finish = true};
	b = (struct flow){.salt_tx = 2, .salt_rx = 1, .tx_end = 100000, .finish = true};
	p.client.user = &a;
	p.server.user = &b;
	p.client.on_news = p.server.on_news = scene_news;
	p.client.link.loss_per_mille = p.server.link.loss_per_mille = 50;
	if (quic_connect(&p.client_cfg, p.now, p.client.path, &p.client.q) < 0) {
		p.client.q = NULL;
		return false;
	}
	if (!pair_run_until(&p, ADIT_SEC(20), pair_is_up))
		return false;
	if (quic_dgram_send(p.client.q, d, sizeof(d)) < 0)
		return false;
	if (quic_stream_open(p.client.q, &a.s) < 0)
		return false;
	quic_stream_set_user(a.s, &a);
	flow_go(&a, 0);
	pair_run(&p, ADIT_SEC(10));
	return a.at_end && b.at_end && a.rx_at == 100000 && b.rx_at == 100000;
}

static void every_allocation_may_fail_once(void **state)
{
	long total;
	long lost = 0;

	(void)state;
	fail_at = asked = 0;
	pair_init(&p, 1, ADIT_MS(10));
	asked = 0;
	assert_true(scene());
	total = asked;
	pair_done(&p);
	for (long n = 1; n <= total; n++) {
		pair_init(&p, 1, ADIT_MS(10));
		asked = 0;
		fail_at = n;
		if (!scene())
			lost++;
		fail_at = 0;
		assert_false(a.is_wrong);
		assert_false(b.is_wrong);
		pair_done(&p);
	}
	print_message("%ld allocations, %ld of them vital\n", total, lost);
	assert_in_range(total, 20, 5000);
	assert_true(lost < total);
}

static void credentials_may_fail_too(void **state)
{
	struct quic_creds *c = NULL;

	(void)state;
	asked = 0;
	fail_at = 1;
	assert_int_equal(quic_creds_new(pair_seed_1, pair_public_1, &c), ADIT_ENOMEM);
	fail_at = 0;
}

struct crowd {
	size_t n;
};

static void stopped_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	(void)s;
	if (news & QUIC_NEWS_OPENED)
		((struct crowd *)side->user)->n++;
}

static size_t chunk_bytes(const struct pair_side *s)
{
	return s->q->pool->used + s->q->pool->n_used * 32 + s->q->pool->n_free * (QUIC_CHUNK_SIZE + 32);
}

/* As many streams as the budget allows, each with a writer that never rests and a reader that never reads. */
static void stopped_streams_by_the_thousand_fit_into_64_megabytes(void **state)
{
	struct crowd c = {0};
	static struct quic_stream *s[2000];
	size_t n = 0;

	(void)state;
	pair_init(&p, 2, ADIT_MS(10));
	assert_true(pair_connect(&p));
	p.server.user = p.client.user = &c;
	p.server.on_news = p.client.on_news = stopped_news;
	for (int round = 0; round < 60; round++) {
		while (n < 2000 && quic_stream_open(p.client.q, &s[n]) == 0)
			n++;
		for (size_t i = 0; i < n; i++) {
			struct quic_vec vec[20];
			size_t sum = 0;
			size_t n_vec;

			while ((n_vec = quic_stream_reserve(s[i], vec, 20, SIZE_MAX)) > 0) {
				sum = 0;
				for (size_t k = 0; k < n_vec; k++) {
					memset(vec[k].base, (int)i, vec[k].len);
					sum += vec[k].len;
				}
				quic_stream_commit(s[i], sum);
			}
		}
		pair_run(&p, ADIT_MS(50));
	}
	print_message("%zu streams: writer %zu, reader %zu bytes\n", n, chunk_bytes(&p.client), chunk_bytes(&p.server));
	assert_true(n > 1200);
	assert_int_equal(c.n, n);
	assert_true(chunk_bytes(&p.client) <= 64 << 20);
	assert_true(chunk_bytes(&p.server) <= 64 << 20);
	/* And when the connection is over, nothing of it is left. */
	quic_close(p.client.q, p.now, 0, NULL);
	pair_run(&p, ADIT_SEC(1));
	for (size_t i = 0; i < n; i++)
		quic_stream_release(s[i]);
	assert_int_equal(p.client.q->pool->n_used, 0);
	assert_int_equal(p.client.q->unsent, 0);
	assert_int_equal(p.client.q->order.holes, 0);
	pair_done(&p);
}

/* Fast readers on a long line make windows grow; then all stop at once. What arrives after that is within the budget.
 */
static void what_is_unread_never_exceeds_the_budget(void **state)
{
	struct crowd c = {0};
	struct flow tx[4];
	uint64_t unread = 0;
	uint64_t large = 0;

	(void)state;
	memset(tx, 0, sizeof(tx));
	pair_init(&p, 3, ADIT_MS(40));
	assert_true(pair_connect(&p));
	p.client.link.rate = p.server.link.rate = 250000000;
	p.client.on_news = flow_news;
	p.server.on_news = stopped_news;
	p.server.user = &c;
	for (int i = 0; i < 4; i++) {
		tx[i] = (struct flow){.salt_tx = 1, .tx_end = UINT64_MAX};
		assert_int_equal(quic_stream_open(p.client.q, &tx[i].s), 0);
		quic_stream_set_user(tx[i].s, &tx[i]);
	}
	for (int i = 0; i < 4; i++)
		flow_go(&tx[i], 0);
	for (int ms = 0; ms < 1200; ms += 5) {
		pair_run(&p, ADIT_MS(5));
		adit_list_each (it, &p.server.q->streams) {
			struct quic_stream *s = adit_container(it, struct quic_stream, node);

			quic_stream_consume(s, quic_stream_readable(s));
			large = s->window.size > large ? s->window.size : large;
		}
	}
	pair_run(&p, ADIT_SEC(2));
	adit_list_each (it, &p.server.q->streams)
		unread += quic_stream_readable(adit_container(it, struct quic_stream, node));
	print_message("largest window %llu, unread %llu\n", (unsigned long long)large, (unsigned long long)unread);
	assert_true(large >= 1 << 20);
	assert_true(unread >= 1 << 20);
	assert_true(unread <= QUIC_WINDOW_BUDGET);
	pair_done(&p);
}

/* The streams of a crowd whose server side reads while |reads|. */
struct idlers {
	struct quic_stream *far[IDLERS];
	size_t n;
	bool reads;
};

static void idlers_news(struct pair_side *side, struct quic_stream *s, unsigned news)
{
	struct idlers *c = side->user;
	struct quic_vec vec[4];
	size_t n;

	if (news & QUIC_NEWS_OPENED)
		c->far[c->n++] = s;
	if (!(news & QUIC_NEWS_READABLE) || !c->reads)
		return;
	while ((n = quic_stream_peek(s, vec, 4)) > 0)
		for (size_t i = 0; i < n; i++)
			quic_stream_consume(s, vec[i].len);
}

/*
 * Thousands of idle streams are charged next to nothing, and then a byte comes in each of them that nobody takes; then
 * as much as the peer may send.
 */
static void idle_streams_that_fill_at_once_stay_within_bounds(void **state)
{
	static struct idlers c, none;
	static struct quic_stream *s[IDLERS];
	static const uint8_t piece[8000];
	size_t n = 0;

	(void)state;
	c = none = (struct idlers){.reads = true};
	pair_init(&p, 2, ADIT_MS(10));
	p.server.user = &c;
	p.client.user = &none;
	p.server.on_news = p.client.on_news = idlers_news;
	assert_true(pair_connect(&p));
	for (int round = 0; round < 400 && n < IDLERS; round++) {
		while (n < IDLERS && quic_stream_open(p.client.q, &s[n]) == 0)
			assert_int_equal(quic_stream_write(s[n++], piece, 1), 0);
		pair_run(&p, ADIT_MS(25));
	}
	assert_int_equal(n, IDLERS);
	assert_int_equal(c.n, IDLERS);
	assert_int_equal(p.server.q->pool->n_used, 0);
	c.reads = false;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(quic_stream_write(s[i], piece, 1), 0);
	pair_run(&p, ADIT_MS(500));
	assert_int_equal(p.server.q->pool->n_used, IDLERS);
	assert_true(chunk_bytes(&p.server) <= IDLERS * 1024 + (QUIC_POOL_KEEP << 14));
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < n; i++)
			while (quic_stream_write(s[i], piece, sizeof(piece)) == 0)
				;
		pair_run(&p, ADIT_MS(25));
	}
	print_message("%d idle streams, filled: %zu bytes\n", IDLERS, chunk_bytes(&p.server));
	assert_true(chunk_bytes(&p.server) > QUIC_WINDOW_BUDGET); /* it was tried */
	/* The connection's window, and in each stream a last chunk that is not full. */
	assert_true(chunk_bytes(&p.server) <=
		    QUIC_CONN_WINDOWS * (size_t)QUIC_WINDOW_BUDGET + IDLERS * ((size_t)QUIC_CHUNK_SIZE + 128));
	pair_done(&p);
}

/* What the peer may still send in all, bytes. */
static uint64_t may_send(const struct pair_side *s)
{
	return ngtcp2_conn_get_max_data_left(s->q->conn);
}

static void connections_of_one_peer_have_a_part_of_the_connection_window_each(void **state)
{
	const uint64_t whole = QUIC_CONN_WINDOWS * (uint64_t)QUIC_WINDOW_BUDGET;

	(void)state;
	pair_init(&p, 4, ADIT_MS(5));
	p.server_cfg.connections = 8;
	assert_true(pair_connect(&p));
	assert_int_equal(may_send(&p.client), whole / 8);
	pair_done(&p);

	/* It was too late for the first one: its streams have their part, but the connection window is what it was. */
	pair_init(&p, 5, ADIT_MS(5));
	assert_true(pair_connect(&p));
	assert_int_equal(may_send(&p.client), whole);
	quic_share(p.server.q, 2);
	assert_int_equal(p.server.q->budget.max, QUIC_WINDOW_BUDGET / 2);
	assert_int_equal(may_send(&p.client), whole);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail_once),
		cmocka_unit_test(credentials_may_fail_too),
		cmocka_unit_test(stopped_streams_by_the_thousand_fit_into_64_megabytes),
		cmocka_unit_test(idle_streams_that_fill_at_once_stay_within_bounds),
		cmocka_unit_test(connections_of_one_peer_have_a_part_of_the_connection_window_each),
		cmocka_unit_test(what_is_unread_never_exceeds_the_budget),
	};

	if (!pair_choose_aead())
		return PAIR_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
