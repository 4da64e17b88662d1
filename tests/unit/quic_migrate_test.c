#include "test.h"

#include "quic_pair_aead.h"

/* A transfer that never ends by itself, in one or both directions. */
struct duplex {
	struct pair p;
	struct flow a; /* client */
	struct flow b; /* server */
};

static void duplex_start(struct duplex *d, uint64_t seed, adit_dur delay, uint64_t from_client, uint64_t from_server)
{
	d->a = (struct flow){.salt_tx = 1, .salt_rx = 2, .tx_end = from_client};
	d->b = (struct flow){.salt_tx = 2, .salt_rx = 1, .tx_end = from_server};
	pair_init(&d->p, seed, delay);
	assert_true(pair_connect(&d->p));
	d->p.client.link.rate = d->p.server.link.rate = 2500000;
	d->p.client.link.queue_max = d->p.server.link.queue_max = ADIT_MS(50);
	d->p.client.user = &d->a;
	d->p.server.user = &d->b;
	d->p.client.on_news = d->p.server.on_news = flow_news;
	assert_int_equal(quic_stream_open(d->p.client.q, &d->a.s), 0);
	quic_stream_set_user(d->a.s, &d->a);
	/* The first byte makes the stream known to the server. */
	flow_go(&d->a, 0);
}

static void duplex_check(struct duplex *d)
{
	assert_false(d->a.is_wrong);
	assert_false(d->b.is_wrong);
	assert_false(d->p.client.is_closed);
	assert_false(d->p.server.is_closed);
}

static void duplex_done(struct duplex *d)
{
	duplex_check(d);
	pair_done(&d->p);
}

/* How long until both directions have moved on by |bytes| from here, or ADIT_NEVER. */
static adit_dur duplex_resume(struct duplex *d, uint64_t bytes_a, uint64_t bytes_b, adit_dur limit)
{
	uint64_t a = d->a.rx_at + bytes_a;
	uint64_t b = d->b.rx_at + bytes_b;
	adit_time from = d->p.now;

	while (d->a.rx_at < a || d->b.rx_at < b)
		if (!pair_step(&d->p, from + limit))
			return ADIT_NEVER;
	return d->p.now - from;
}

static void a_migration_keeps_the_bytes_flowing(void **state)
{
	struct duplex d;

	(void)state;
	duplex_start(&d, 1, ADIT_MS(20), UINT64_MAX, UINT64_MAX);
	pair_run(&d.p, ADIT_SEC(2));
	assert_int_equal(quic_path(d.p.client.q), 7);
	assert_int_equal(quic_path(d.p.server.q), 9);
	d.p.client.path = 70;
	d.p.server.path = 90;
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 70), 0);
	assert_int_equal(quic_path(d.p.client.q), 70);
	assert_true(duplex_resume(&d, 500000, 500000, ADIT_SEC(2)) < ADIT_MS(800));
	assert_int_equal(quic_path(d.p.server.q), 90);
	duplex_done(&d);
}

/* quic_heal.h: acknowledgements of packets from before a migration must not make the sender believe in 100 GB/s. */
static void a_migration_does_not_spoil_the_rate_estimate(void **state)
{
	struct quic_stats st;
	struct duplex d;
	uint64_t sent, lost;

	(void)state;
	duplex_start(&d, 9, ADIT_MS(20), UINT64_MAX, UINT64_MAX);
	pair_run(&d.p, ADIT_SEC(10));
	d.p.client.path = 70;
	d.p.server.path = 90;
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 70), 0);
	pair_run(&d.p, ADIT_SEC(3));
	for (int i = 0; i < 2; i++) {
		struct pair_side *s = i ? &d.p.server : &d.p.client;

		quic_stats_get(s->q, &st);
		assert_true(st.delivery_rate < 10000000);
		sent = s->link.sent;
		lost = s->link.lost;
		pair_run(&d.p, ADIT_SEC(3));
		print_message("lost %llu of %llu\n", (unsigned long long)(s->link.lost - lost),
			      (unsigned long long)(s->link.sent - sent));
		assert_true((s->link.lost - lost) * 10 < s->link.sent - sent);
	}
	duplex_done(&d);
}

static void twenty_migrations_in_a_row_are_possible(void **state)
{
	adit_dur took, worst = 0;
	struct duplex d;

	(void)state;
	duplex_start(&d, 2, ADIT_MS(20), UINT64_MAX, UINT64_MAX);
	pair_run(&d.p, ADIT_SEC(1));
	for (uint32_t i = 0; i < 20; i++) {
		d.p.client.path = 100 + i;
		d.p.server.path = 200 + i;
		assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 100 + i), 0);
		took = duplex_resume(&d, 100000, 100000, ADIT_SEC(2));
		worst = took > worst ? took : worst;
		pair_run(&d.p, ADIT_SEC(1));
		assert_int_equal(quic_path(d.p.client.q), 100 + i);
		assert_int_equal(quic_path(d.p.server.q), 200 + i);
	}
	print_message("100 KB each way after %llu ms at worst\n", (unsigned long long)(worst / ADIT_MS(1)));
	assert_true(worst < ADIT_SEC(1));
	duplex_done(&d);
}

static void twenty_migrations_of_an_idle_connection_are_possible(void **state)
{
	struct duplex d;

	(void)state;
	duplex_start(&d, 3, ADIT_MS(20), 1, 0);
	pair_run(&d.p, ADIT_SEC(1));
	for (uint32_t i = 0; i < 20; i++) {
		d.p.client.path = 100 + i;
		d.p.server.path = 200 + i;
		assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 100 + i), 0);
		pair_run(&d.p, ADIT_SEC(1));
		assert_int_equal(quic_path(d.p.server.q), 200 + i);
	}
	duplex_done(&d);
}

static void cut(struct duplex *d, bool is_cut)
{
	d->p.client.link.is_cut = d->p.server.link.is_cut = is_cut;
}

/* After 60 s of silence data must flow within three round trips, whoever has some, on a new path or on the old one. */
static void blackout(uint64_t from_client, uint64_t from_server, bool is_same_path, bool server_sees_same)
{
	struct duplex d;
	adit_dur rtt = ADIT_MS(40);
	adit_dur took;

	duplex_start(&d, 4, rtt / 2, from_client, from_server);
	pair_run(&d.p, ADIT_SEC(2));
	cut(&d, true);
	pair_run(&d.p, ADIT_SEC(60));
	cut(&d, false);
	if (!is_same_path)
		d.p.client.path = 70;
	if (!server_sees_same)
		d.p.server.path = 90;
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, d.p.client.path), 0);
	took = duplex_resume(&d, from_server > 1 ? 2000 : 0, from_client > 1 ? 2000 : 0, ADIT_SEC(10));
	print_message("resumed after %llu us\n", (unsigned long long)(took / 1000));
	assert_true(took <= 3 * rtt);
	took = duplex_resume(&d, from_server > 1 ? 1000000 : 0, from_client > 1 ? 1000000 : 0, ADIT_SEC(10));
	print_message("1 MB after %llu us\n", (unsigned long long)(took / 1000));
	assert_true(took <= ADIT_SEC(3));
	duplex_done(&d);
}

static void after_a_blackout_a_migration_wakes_both_directions(void **state)
{
	(void)state;
	blackout(UINT64_MAX, UINT64_MAX, false, false);
}

static void after_a_blackout_a_migration_to_the_same_path_wakes_both_directions(void **state)
{
	(void)state;
	blackout(UINT64_MAX, UINT64_MAX, true, true);
}

static void after_a_blackout_the_servers_data_flows_when_the_client_has_none(void **state)
{
	(void)state;
	blackout(1, UINT64_MAX, false, false);
}

static void after_a_blackout_the_servers_data_flows_on_the_same_path(void **state)
{
	(void)state;
	blackout(1, UINT64_MAX, true, true);
}

static void after_a_blackout_the_clients_data_flows_when_the_server_has_none(void **state)
{
	(void)state;
	blackout(UINT64_MAX, 1, true, false);
}

/*
 * The client moves, says a little, and hears nothing for |silence|: the server has sent all that a window and three
 * bytes for one allow, and gets no answer. Then all is well again; the client says no more, or migrates.
 */
static void deaf_after_a_move(adit_dur silence, bool migrates, adit_dur limit)
{
	struct duplex d;
	adit_dur took;

	duplex_start(&d, 10, ADIT_MS(20), 1, UINT64_MAX);
	pair_run(&d.p, ADIT_SEC(1));
	d.p.server.link.is_cut = true;
	d.p.client.path = 70;
	d.p.server.path = 90;
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 70), 0);
	d.a.tx_end = 1000;
	flow_go(&d.a, 0);
	pair_run(&d.p, silence);
	d.p.server.link.is_cut = false;
	if (migrates)
		assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 70), 0);
	took = duplex_resume(&d, 100000, 0, limit);
	print_message("silent for %llu ms, 100 KB after %llu ms\n", (unsigned long long)(silence / ADIT_MS(1)),
		      (unsigned long long)(took / ADIT_MS(1)));
	assert_true(took < limit);
	duplex_done(&d);
}

static void a_server_that_lost_all_it_sent_to_a_new_path_tries_again(void **state)
{
	(void)state;
	deaf_after_a_move(ADIT_MS(150), false, ADIT_SEC(2));
	deaf_after_a_move(ADIT_MS(500), false, ADIT_SEC(3));
	deaf_after_a_move(ADIT_SEC(2), false, ADIT_SEC(5));
	deaf_after_a_move(ADIT_SEC(2), true, ADIT_SEC(1));
	deaf_after_a_move(ADIT_SEC(30), true, ADIT_SEC(1));
}

/* The client goes where nobody answers, for longer than any validation lasts, and comes back. */
static void a_target_that_never_answers_kills_nobody(void **state)
{
	struct duplex d;

	(void)state;
	duplex_start(&d, 5, ADIT_MS(20), UINT64_MAX, UINT64_MAX);
	pair_run(&d.p, ADIT_SEC(1));
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 70), 0);
	d.p.client.link.is_cut = true;
	pair_run(&d.p, ADIT_SEC(120));
	duplex_check(&d);
	d.p.client.link.is_cut = false;
	d.p.server.path = 91;
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 71), 0);
	assert_true(duplex_resume(&d, 100000, 100000, ADIT_SEC(2)) < ADIT_SEC(1));
	duplex_done(&d);
}

/* The client's probes arrive, the answers do not: the server must survive its own failing validation. */
static void a_path_that_works_one_way_only_kills_nobody(void **state)
{
	struct duplex d;

	(void)state;
	duplex_start(&d, 6, ADIT_MS(20), UINT64_MAX, UINT64_MAX);
	pair_run(&d.p, ADIT_SEC(1));
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 70), 0);
	d.p.server.path = 90;
	d.p.server.link.is_cut = true;
	pair_run(&d.p, ADIT_SEC(120));
	duplex_check(&d);
	d.p.server.link.is_cut = false;
	d.p.server.path = 91;
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 71), 0);
	assert_true(duplex_resume(&d, 100000, 100000, ADIT_SEC(2)) < ADIT_SEC(1));
	duplex_done(&d);
}

/* Six spare connection ids, ten migrations without an answer, and the eleventh must still lead out. */
static void a_flapping_path_uses_up_no_connection_ids_for_good(void **state)
{
	struct duplex d;

	(void)state;
	duplex_start(&d, 7, ADIT_MS(20), UINT64_MAX, UINT64_MAX);
	pair_run(&d.p, ADIT_SEC(1));
	cut(&d, true);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 70 + i), 0);
		assert_int_equal(quic_path(d.p.client.q), 70 + i);
		pair_run(&d.p, ADIT_MS(100));
	}
	cut(&d, false);
	d.p.client.path = 99;
	d.p.server.path = 92;
	assert_int_equal(quic_migrate(d.p.client.q, d.p.now, 99), 0);
	assert_true(duplex_resume(&d, 100000, 100000, ADIT_SEC(10)) < ADIT_SEC(5));
	assert_int_equal(quic_path(d.p.client.q), 99);
	assert_int_equal(quic_path(d.p.server.q), 92);
	duplex_done(&d);
}

/* |n| bursts of 64 KB each way, one every 80 ms: the longest until the last byte of both was there. */
static adit_dur bursts(struct duplex *d, unsigned n)
{
	adit_dur took, worst = 0;

	for (unsigned i = 0; i < n; i++) {
		adit_time next = d->p.now + ADIT_MS(80);

		d->a.tx_end += 65536;
		d->b.tx_end += 65536;
		flow_go(&d->a, 0);
		flow_go(&d->b, 0);
		took = duplex_resume(d, 65536, 65536, ADIT_SEC(1));
		worst = took > worst ? took : worst;
		if (d->p.now < next)
			pair_run(&d->p, next - d->p.now);
	}
	return worst;
}

static uint64_t window(const struct pair_side *s)
{
	struct quic_stats st;

	quic_stats_get(s->q, &st);
	return st.cwnd;
}

/*
 * Between two bursts nothing is in flight. A window begun anew there would hold up the second for some round trips.
 * (All within the 5 s after which BBR makes room to measure the round trip.)
 */
static void a_move_between_bursts_holds_nothing_up_and_rest_begins_anew(void **state)
{
	struct duplex d;
	adit_dur before;

	(void)state;
	duplex_start(&d, 12, ADIT_MS(10), 1, 1);
	d.p.client.link.rate = d.p.server.link.rate = 10000000;
	pair_run(&d.p, ADIT_SEC(1));
	bursts(&d, 12);
	before = bursts(&d, 12);
	d.p.client.path = 70;
	d.p.server.path = 90;
	assert_int_equal(quic_move(d.p.client.q, d.p.now, 70), 0);
	assert_true(bursts(&d, 12) <= before + ADIT_MS(1));
	assert_int_equal(quic_path(d.p.server.q), 90);
	assert_true(window(&d.p.client) >= 65536 && window(&d.p.server) >= 65536);
	pair_run(&d.p, ADIT_MS(500));
	assert_true(window(&d.p.client) < 20000 && window(&d.p.server) < 20000);
	bursts(&d, 12);
	assert_true(bursts(&d, 12) <= before + ADIT_MS(1));
	duplex_done(&d);
}

static void nobody_migrates_before_the_handshake_is_confirmed(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 8, ADIT_MS(20));
	pair_start(&p);
	assert_int_equal(quic_migrate(p.client.q, p.now, 8), ADIT_EAGAIN);
	assert_true(pair_run_until(&p, ADIT_SEC(20), pair_is_up));
	assert_int_equal(quic_migrate(p.server.q, p.now, 8), ADIT_EINVAL);
	assert_int_equal(quic_migrate(p.client.q, p.now, 8), 0);
	pair_done(&p);
}

/* With the word "volume": what takes megabytes or a rate to tell. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_migration_keeps_the_bytes_flowing),
		cmocka_unit_test(twenty_migrations_of_an_idle_connection_are_possible),
		cmocka_unit_test(after_a_blackout_a_migration_wakes_both_directions),
		cmocka_unit_test(after_a_blackout_a_migration_to_the_same_path_wakes_both_directions),
		cmocka_unit_test(after_a_blackout_the_servers_data_flows_when_the_client_has_none),
		cmocka_unit_test(after_a_blackout_the_servers_data_flows_on_the_same_path),
		cmocka_unit_test(after_a_blackout_the_clients_data_flows_when_the_server_has_none),
		cmocka_unit_test(a_server_that_lost_all_it_sent_to_a_new_path_tries_again),
		cmocka_unit_test(a_target_that_never_answers_kills_nobody),
		cmocka_unit_test(a_path_that_works_one_way_only_kills_nobody),
		cmocka_unit_test(a_flapping_path_uses_up_no_connection_ids_for_good),
		cmocka_unit_test(a_move_between_bursts_holds_nothing_up_and_rest_begins_anew),
		cmocka_unit_test(nobody_migrates_before_the_handshake_is_confirmed),
	};
	const struct CMUnitTest volumes[] = {
		cmocka_unit_test(a_migration_does_not_spoil_the_rate_estimate),
		cmocka_unit_test(twenty_migrations_in_a_row_are_possible),
	};

	if (!pair_choose_aead())
		return PAIR_SKIPPED;
	if (argc == 2 && strcmp(argv[1], "volume") == 0)
		return cmocka_run_group_tests(volumes, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
