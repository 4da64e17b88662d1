/* Streams that leave with the question for admission, in virtual time. */
#include "test.h"

#include "link/link_int.h"
#include "quic/quic_limits.h"
#include "link_rig.h"

#define WAY      ADIT_MS(20) /* as rig_init() makes it */
#define ADMITTED ADIT_SEC(20) /* by then, or refused */

/* Both run; the connect side has bytes for |service| from the first moment. */
static void begin(struct rig *r, uint64_t seed, const char *service, uint64_t bytes)
{
	rig_init(r, seed, false);
	r->connect.early = service;
	r->connect.to_send = bytes;
}

static void run(struct rig *r)
{
	rig_start(&r->serve);
	rig_run(r, ADIT_MS(500));
	rig_start(&r->connect);
}

static void the_first_bytes_are_there_when_the_peer_is_admitted_and_answered_when_it_knows(void **state)
{
	struct rig r;
	adit_time asked_at;

	(void)state;
	begin(&r, 1, "echo", 1000);
	r.serve.to_send = 500;
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_SECURED, 1, ADMITTED));
	asked_at = lab_sim_now(r.sim);
	assert_true(rig_wait(&r, &r.serve, LINK_EVENT_REQUEST, 1, ADMITTED));
	rig_run(&r, ADIT_MS(1));
	assert_int_equal(r.serve.received, 1000);
	assert_int_equal(r.connect.n[LINK_EVENT_UP], 0); /* it does not know yet */
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADMITTED));
	rig_run(&r, ADIT_MS(1));
	assert_int_equal(r.connect.received, 500);
	assert_int_equal(r.connect.wrong + r.serve.wrong, 0);
	assert_true(link_stream_is_answered(r.connect.stream));
	assert_in_range(lab_sim_now(r.sim) - asked_at, 2 * WAY, 2 * WAY + ADIT_MS(5));
	rig_done(&r);
}

static void of_a_peer_that_is_not_admitted_nothing_gets_to_a_service(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 2, "echo", 1000);
	r.serve.cfg.has_peer_key = true;
	memcpy(r.serve.cfg.peer_key, rig_public[2], 32);
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_DOWN, 1, ADMITTED));
	assert_int_equal(r.connect.n[LINK_EVENT_SECURED], 1);
	assert_int_equal(r.connect.sent, 1000);
	assert_true(r.connect.news & QUIC_NEWS_CLOSED);
	assert_int_equal(r.connect.down.reason, LINK_REASON_REFUSED);
	assert_int_equal(r.connect.down.code, FWD_STATUS_NOT_ALLOWED);
	rig_run(&r, ADIT_SEC(30));
	assert_int_equal(r.serve.n[LINK_EVENT_REQUEST] + r.serve.n[LINK_EVENT_UP], 0);
	assert_int_equal(r.serve.received, 0);
	rig_done(&r);
}

static void a_flight_that_is_lost_comes_again_and_its_bytes_once(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 3, "echo", 20000);
	r.connect.finishes = true;
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_SECURED, 1, ADMITTED));
	rig_cut(&r, true);
	rig_run(&r, 2 * WAY);
	rig_cut(&r, false);
	assert_int_equal(r.serve.n[LINK_EVENT_UP], 0);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADMITTED));
	rig_run(&r, ADIT_SEC(1));
	assert_int_equal(r.serve.n[LINK_EVENT_REQUEST], 1);
	assert_int_equal(r.serve.received, 20000);
	assert_int_equal(r.serve.wrong, 0);
	assert_true(r.serve.at_end);
	rig_done(&r);
}

static void a_service_that_is_not_there_is_refused_and_the_session_lives_on(void **state)
{
	static const char *const names[] = {"nothing", "time" /* datagrams only */};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		begin(&r, 4 + i, names[i], 1000);
		run(&r);
		assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADMITTED));
		rig_run(&r, ADIT_SEC(1));
		assert_true(r.connect.news & QUIC_NEWS_RESET);
		assert_int_equal(r.connect.error, FWD_STREAM_NO_SERVICE);
		assert_int_equal(r.serve.n[LINK_EVENT_REQUEST], 0);
		assert_null(r.connect.stream);
		r.connect.sent = 0;
		rig_open(&r, RIG_ECHO);
		rig_run(&r, ADIT_SEC(1));
		assert_int_equal(r.serve.received, 1000);
		rig_done(&r);
	}
}

static void its_service_has_its_number_once_the_welcome_is_there(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 6, "echo", 10);
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_SECURED, 1, ADMITTED));
	assert_true(r.connect.stream->is_named);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADMITTED));
	assert_false(r.connect.stream->is_named);
	assert_int_equal(r.connect.stream->service, RIG_ECHO);
	assert_null(r.connect.link->session->early_names);
	rig_done(&r);
}

static void its_bytes_go_as_they_are_where_serve_wants_blocks(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, 7, "echo", 1000);
	r.serve.cfg.compress = true;
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADMITTED));
	rig_run(&r, ADIT_SEC(1));
	assert_false(link_stream_compresses(r.connect.stream));
	assert_false(link_stream_compresses(r.serve.stream));
	rig_release(&r.connect);
	r.connect.sent = 0;
	rig_open(&r, RIG_ECHO);
	assert_true(link_stream_compresses(r.connect.stream));
	rig_run(&r, ADIT_SEC(1));
	assert_true(link_stream_compresses(r.serve.stream)); /* the second one: the first was released for it */
	rig_done(&r);
}

static void who_wants_blocks_waits_for_the_welcome(void **state)
{
	struct link_stream *stream;
	struct rig r;

	(void)state;
	begin(&r, 8, NULL, 0);
	r.connect.cfg.compress = true;
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_SECURED, 1, ADMITTED));
	assert_int_equal(link_stream_open_early(r.connect.link, "echo", &stream), ADIT_EAGAIN);
	rig_done(&r);
}

static void before_and_after_there_are_none(void **state)
{
	struct link_stream *stream;
	struct rig r;

	(void)state;
	begin(&r, 9, NULL, 0);
	run(&r);
	assert_int_equal(link_stream_open_early(r.connect.link, "echo", &stream), ADIT_EAGAIN);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_HOLE, 1, ADMITTED));
	assert_int_equal(link_stream_open_early(r.connect.link, "echo", &stream), ADIT_EAGAIN);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADMITTED));
	assert_int_equal(link_stream_open_early(r.connect.link, "echo", &stream), ADIT_EAGAIN);
	rig_done(&r);
}

static void a_name_that_cannot_be_one_is_not_sent(void **state)
{
	struct link_stream *stream;
	struct rig r;

	(void)state;
	begin(&r, 10, NULL, 0);
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_SECURED, 1, ADMITTED));
	assert_int_equal(link_stream_open_early(r.connect.link, "", &stream), ADIT_EINVAL);
	assert_int_equal(link_stream_open_early(r.connect.link, "a-name-that-is-longer-than-one-may-be", &stream),
			 ADIT_EINVAL);
	rig_done(&r);
}

/* As a peer that keeps to no limit: |n| streams; all fit into the first window of congestion control. */
static void flood(struct rig *r, unsigned n)
{
	static const uint8_t junk[40];
	uint8_t head[FWD_OPEN_MAX];
	int len = fwd_open_encode_early("echo", head, sizeof(head));

	for (unsigned i = 0; i < n; i++) {
		struct quic_stream *s;

		assert_int_equal(quic_stream_open(r->connect.link->session->quic, &s), 0);
		assert_int_equal(quic_stream_write(s, head, (size_t)len), 0);
		assert_int_equal(quic_stream_write(s, junk, sizeof(junk)), 0);
	}
	lab_machine_wake(r->connect.machine);
}

static size_t kept(const struct side *s, size_t *ret_bytes)
{
	size_t n = 0;

	*ret_bytes = 0;
	adit_list_each (it, &s->link->session->streams) {
		n++;
		*ret_bytes += quic_stream_readable(link_stream_bytes(adit_container(it, struct link_stream, node)));
	}
	return n;
}

static void who_is_not_admitted_has_few_of_them_and_few_bytes(void **state)
{
	struct rig r;
	size_t bytes;

	(void)state;
	begin(&r, 11, NULL, 0);
	r.serve.cfg.has_peer_key = true;
	memcpy(r.serve.cfg.peer_key, rig_public[2], 32);
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_SECURED, 1, ADMITTED));
	flood(&r, 10 * LINK_EARLY_STREAMS);
	rig_run(&r, 2 * WAY - ADIT_MS(2)); /* the refusal is on its way */
	assert_int_equal(kept(&r.serve, &bytes), LINK_EARLY_STREAMS);
	assert_in_range(bytes, LINK_EARLY_STREAMS, LINK_EARLY_STREAMS * QUIC_WINDOW_MIN);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_DOWN, 1, ADMITTED));
	assert_int_equal(r.serve.n[LINK_EVENT_REQUEST], 0);
	rig_done(&r);
}

static void the_rest_waits_until_the_peer_is_admitted(void **state)
{
	struct link_stream *stream[LINK_EARLY_STREAMS];
	struct link_stream *more;
	struct rig r;

	(void)state;
	begin(&r, 12, NULL, 0);
	run(&r);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_SECURED, 1, ADMITTED));
	for (size_t i = 0; i < LINK_EARLY_STREAMS; i++)
		assert_int_equal(link_stream_open_early(r.connect.link, "echo", &stream[i]), 0);
	assert_int_equal(link_stream_open_early(r.connect.link, "echo", &more), ADIT_EAGAIN);
	for (size_t i = 0; i < LINK_EARLY_STREAMS; i++)
		link_stream_release(stream[i]);
	assert_true(rig_wait(&r, &r.connect, LINK_EVENT_UP, 1, ADMITTED));
	assert_int_equal(link_stream_open(r.connect.link, RIG_ECHO, &more), 0);
	link_stream_release(more);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bytes_are_there_when_the_peer_is_admitted_and_answered_when_it_knows),
		cmocka_unit_test(of_a_peer_that_is_not_admitted_nothing_gets_to_a_service),
		cmocka_unit_test(a_flight_that_is_lost_comes_again_and_its_bytes_once),
		cmocka_unit_test(a_service_that_is_not_there_is_refused_and_the_session_lives_on),
		cmocka_unit_test(its_service_has_its_number_once_the_welcome_is_there),
		cmocka_unit_test(its_bytes_go_as_they_are_where_serve_wants_blocks),
		cmocka_unit_test(who_wants_blocks_waits_for_the_welcome),
		cmocka_unit_test(before_and_after_there_are_none),
		cmocka_unit_test(a_name_that_cannot_be_one_is_not_sent),
		cmocka_unit_test(who_is_not_admitted_has_few_of_them_and_few_bytes),
		cmocka_unit_test(the_rest_waits_until_the_peer_is_admitted),
	};

	return cmocka_run_group_tests_name("link_early", tests, NULL, NULL);
}
