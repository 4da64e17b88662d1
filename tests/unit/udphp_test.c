#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "udphp/udphp_msg.h"
#include "udphp_rig.h"

static struct adit_rng_seeded lone_rng;
static struct udphp *lone;
static adit_time now;

static int lone_setup(void **state)
{
	struct adit_out out;

	(void)state;
	now = T0;
	lone = new_machine(true, &lone_rng, 1);
	assert_int_equal(udphp_output(lone, &out), 1);
	assert_int_equal(out.kind, ADIT_OUT_OPEN);
	assert_int_equal(udphp_output(lone, &out), 1);
	assert_int_equal(udphp_output(lone, &out), 0);
	return 0;
}

static int lone_teardown(void **state)
{
	(void)state;
	udphp_free(lone);
	return 0;
}

static void input_from(struct adit_addr from, const void *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1); /* so that the sanitizer sees one byte too many */
	struct adit_dgram d = {.remote = from, .data = exact, .len = len};

	assert_non_null(exact);
	memcpy(exact, data, len);
	udphp_input(lone, now, &d);
	free(exact);
}

static void input(const void *data, size_t len)
{
	input_from(addr_of[1], data, len);
}

static size_t make_data(uint8_t *buf, uint16_t seq, const char *text)
{
	uint8_t md5[16];

	crypto_md5(text, strlen(text), md5);
	udphp_msg_write_header(buf, UDPHP_PLAIN, seq, (uint16_t)strlen(text), md5);
	memcpy(buf + UDPHP_HEADER, text, strlen(text));
	return UDPHP_HEADER + strlen(text);
}

/* The next output is |data|, sent to |to|. */
static void assert_output(struct adit_addr to, const void *data, size_t len)
{
	struct adit_out out;

	assert_int_equal(udphp_output(lone, &out), 1);
	assert_int_equal(out.kind, ADIT_OUT_SEND);
	assert_true(adit_addr_eq(&out.remote, &to));
	assert_int_equal(out.len, len);
	assert_memory_equal(out.data, data, len);
}

static void assert_no_output(void)
{
	struct adit_out out;

	assert_int_equal(udphp_output(lone, &out), 0);
}

/* The exit code that is told now, or 0. Other events are passed over. */
static int exit_code(void)
{
	struct udphp_event e;
	int code = 0;

	while (udphp_event(lone, &e))
		if (e.kind == UDPHP_EVENT_EXIT)
			code = e.code;
	return code;
}

static bool has_event(enum udphp_event_kind kind)
{
	struct udphp_event e;

	return udphp_event(lone, &e) && e.kind == kind;
}

static void it_asks_for_its_port_and_says_helo_in_the_words_of_its_side(void **state)
{
	struct adit_rng_seeded rng;
	struct adit_out out;

	(void)state;
	for (unsigned client = 0; client < 2; client++) {
		struct udphp *m = new_machine(!client, &rng, 1);

		assert_int_equal(udphp_output(m, &out), 1);
		assert_int_equal(out.kind, ADIT_OUT_OPEN);
		assert_int_equal(out.local.port, 5555);
		assert_int_equal(out.local.family, ADIT_FAMILY_V4);
		assert_int_equal(udphp_output(m, &out), 1);
		assert_int_equal(out.len, 8);
		assert_memory_equal(out.data, client ? "HELOSRVR" : "HELOCLNT", 8);
		assert_true(adit_addr_eq(&out.remote, &addr_of[!client]));
		assert_int_equal(udphp_output(m, &out), 0);
		udphp_free(m);
	}
}

static void ten_unanswered_heartbeats_20_to_30_seconds_apart_end_it_with_14(void **state)
{
	(void)state;
	for (unsigned sent = 1; sent <= 10; sent++) {
		adit_time next = udphp_deadline(lone);

		assert_in_range(next - now, ADIT_SEC(20), ADIT_SEC(30) - 1);
		udphp_tick(lone, next - 1);
		assert_no_output();
		now = next;
		udphp_tick(lone, now);
		if (sent < 10)
			assert_output(addr_of[1], "HELOCLNT", 8);
	}
	assert_no_output();
	assert_int_equal(exit_code(), UDPHP_EXIT_SILENT);
	assert_int_equal(udphp_deadline(lone), ADIT_NEVER);
}

static void a_heartbeat_now_and_then_keeps_it_alive(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
		assert_output(addr_of[1], "HELOCLNT", 8);
		if (i % 9 == 8)
			input(i % 2 ? "HELOSRVR" : "H", i % 2 ? 8 : 1); /* whatever its words */
	}
	assert_int_equal(exit_code(), 0);
}

static void thirty_tries_without_an_ack_end_it_with_15(void **state)
{
	struct adit_out out;
	unsigned sent = 0;

	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	while (!exit_code()) {
		while (udphp_output(lone, &out))
			sent += out.data[0] == 'U';
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
	}
	assert_int_equal(sent, 30);
	assert_int_equal(now, T0 + ADIT_SEC(30));
	assert_no_output();
}

static void the_end_of_file_waits_for_the_ack_and_for_the_reader(void **state)
{
	uint8_t buf[64];
	size_t len;

	(void)state;
	input(buf, make_data(buf, 0, "reply"));
	assert_output(addr_of[1], "A\0\0", 3);
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_EOF);
	assert_int_equal(udphp_feed_room(lone), 0);
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"y", 1), 0);
	assert_int_equal(exit_code(), 0);
	input("A\0\0", 3);
	assert_int_equal(exit_code(), 0);
	udphp_take(lone, &len);
	assert_int_equal(len, 5);
	udphp_taken(lone, now, 5);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_EOF);
}

static void a_reader_that_never_reads_holds_up_the_end_for_five_seconds(void **state)
{
	uint8_t buf[64];

	(void)state;
	input(buf, make_data(buf, 0, "reply"));
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_EOF);
	assert_int_equal(exit_code(), 0);
	assert_int_equal(udphp_deadline(lone), T0 + UDPHP_DRAIN_MAX);
	now = udphp_deadline(lone);
	udphp_tick(lone, now);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_EOF);
}

static void the_end_after_an_ack_still_lets_the_ack_out(void **state)
{
	uint8_t buf[64];

	(void)state;
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_READ);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_READ);
	input(buf, make_data(buf, 0, "late"));
	assert_no_output(); /* what comes after the end is not acknowledged: it is lost, and the peer must know */
}

static void a_broken_read_ends_it_with_11_after_what_was_read(void **state)
{
	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_READ);
	assert_int_equal(exit_code(), 0);
	input("A\0\0", 3);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_READ);
}

static void a_broken_write_ends_it_with_13_and_nothing_more_is_acknowledged(void **state)
{
	struct adit_out out;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	assert_int_equal(udphp_output(lone, &out), 1);
	input(buf, make_data(buf, 0, "one"));
	assert_output(addr_of[1], "A\0\0", 3);
	udphp_take_failed(lone, now);
	assert_int_equal(exit_code(), 0); /* "x" is under way */
	input(buf, make_data(buf, 1, "two"));
	assert_no_output();
	input("A\0\0", 3);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_WRITE);
}

static void a_broken_write_stays_13_where_the_peer_is_gone_too(void **state)
{
	(void)state;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	udphp_take_failed(lone, now);
	for (int code = 0; !code; code = exit_code()) {
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
		if (now > T0 + ADIT_SEC(30))
			fail();
		if (now == T0 + ADIT_SEC(30)) {
			assert_int_equal(exit_code(), UDPHP_EXIT_TCP_WRITE);
			return;
		}
	}
	fail();
}

static void an_unknown_message_of_the_peer_ends_it_with_16(void **state)
{
	static const char *const alien[] = {"Z", "GET / HTTP/1.0", "\1\2\3", "XXXXXXXX"};
	void *none = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(alien); i++) {
		input(alien[i], strlen(alien[i]));
		assert_int_equal(exit_code(), UDPHP_EXIT_BAD_TYPE);
		lone_teardown(&none);
		lone_setup(&none);
	}
}

static void an_unknown_message_of_anybody_else_does_not(void **state)
{
	struct adit_addr other_ip = addr_of[1], other_port = addr_of[1], v6 = {.family = ADIT_FAMILY_V6, .port = 5555};

	(void)state;
	other_ip.ip[3] = 77;
	other_port.port = 4000;
	memcpy(v6.ip, addr_of[1].ip, 4);
	input_from(other_ip, "Z", 1);
	input_from(v6, "Z", 1);
	assert_int_equal(udphp_stats(lone)->strangers, 2);
	input_from(other_port, "Z", 1);
	assert_int_equal(udphp_stats(lone)->malformed, 1);
	input("", 0); /* the script dies of this one */
	assert_int_equal(exit_code(), 0);
}

static void strangers_change_nothing(void **state)
{
	struct adit_addr stranger = addr_of[1];
	struct adit_out out;
	uint8_t buf[64];
	size_t len;

	(void)state;
	stranger.ip[3] = 77;
	assert_int_equal(udphp_feed(lone, now, (const uint8_t *)"x", 1), 1);
	assert_int_equal(udphp_output(lone, &out), 1);
	input_from(stranger, "HELOSRVR", 8);
	input_from(stranger, "A\0\0", 3);
	input_from(stranger, "N\0\0", 3);
	input_from(stranger, buf, make_data(buf, 0, "evil"));
	assert_no_output();
	udphp_take(lone, &len);
	assert_int_equal(len, 0);
	assert_false(has_event(UDPHP_EVENT_HEARD));
	assert_int_equal(udphp_deadline(lone), T0 + ADIT_SEC(1)); /* "x" is still waiting for its ack */
	input(buf, make_data(buf, 0, "good"));
	assert_output(addr_of[1], "A\0\0", 3);
	assert_true(has_event(UDPHP_EVENT_HEARD));
}

static void another_port_of_the_peer_is_followed_when_the_first_was_never_heard(void **state)
{
	struct adit_addr moved = addr_of[1];
	uint8_t buf[64];

	(void)state;
	moved.port = 1024;
	input_from(moved, "A\0\5", 3); /* fits nothing, proves nothing */
	input_from(moved, "Hmm", 3);
	assert_false(has_event(UDPHP_EVENT_MOVED));
	input_from(moved, buf, make_data(buf, 0, "x"));
	assert_output(moved, "A\0\0", 3);
	assert_true(has_event(UDPHP_EVENT_HEARD));
	assert_true(has_event(UDPHP_EVENT_MOVED));
}

static void a_port_in_use_is_left_only_after_ten_silent_seconds(void **state)
{
	struct adit_addr moved = addr_of[1];
	uint8_t buf[64];

	(void)state;
	moved.port = 1024;
	input("HELOSRVR", 8);
	assert_true(has_event(UDPHP_EVENT_HEARD));
	now += ADIT_SEC(10) - 1;
	input_from(moved, buf, make_data(buf, 0, "x")); /* listened to, not followed */
	assert_output(addr_of[1], "A\0\0", 3);
	assert_false(has_event(UDPHP_EVENT_MOVED));
	now += 1;
	input_from(moved, buf, make_data(buf, 0, "x")); /* it repeats: the ack has not reached it */
	assert_true(has_event(UDPHP_EVENT_MOVED));
	now = udphp_deadline(lone);
	udphp_tick(lone, now);
	assert_output(moved, "A\0\0", 3);
}

static void the_peer_stays_alive_by_any_valid_message(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (uint16_t i = 0; i < 40; i++) {
		now = udphp_deadline(lone);
		udphp_tick(lone, now);
		if (i % 5 == 0)
			input(buf, make_data(buf, i / 5, "x"));
	}
	assert_int_equal(exit_code(), 0);
}

static void a_reader_that_closed_does_not_turn_its_12_into_13(void **state)
{
	uint8_t buf[64];

	(void)state;
	input(buf, make_data(buf, 0, "reply"));
	udphp_feed_end(lone, now, UDPHP_EXIT_TCP_EOF);
	udphp_take_failed(lone, now);
	assert_int_equal(exit_code(), UDPHP_EXIT_TCP_EOF);
}

/* The linker sends the machine's allocations here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

static unsigned allocations_left = UINT32_MAX;

static bool may_allocate(void)
{
	return allocations_left == UINT32_MAX || allocations_left-- > 0;
}

void *__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may_allocate() ? __real_calloc(n, size) : NULL;
}

static void each_allocation_may_fail(void **state)
{
	struct udphp_config cfg = {.peer = addr_of[1], .port = 5555, .md5 = crypto_md5};
	struct adit_rng_seeded seed;
	struct udphp *m = NULL;
	unsigned n;

	(void)state;
	cfg.rng = adit_rng_seeded_init(&seed, 1);
	for (n = 0; !m && n < 100; n++) {
		allocations_left = n;
		m = udphp_new(&cfg, T0);
		allocations_left = UINT32_MAX;
	}
	assert_non_null(m);
	assert_in_range(n, 5, 20); /* the machine, and what zlib wants for two streams */
	udphp_free(m);
	udphp_free(NULL);
}

#define LONE(f) cmocka_unit_test_setup_teardown(f, lone_setup, lone_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_asks_for_its_port_and_says_helo_in_the_words_of_its_side),
		LONE(ten_unanswered_heartbeats_20_to_30_seconds_apart_end_it_with_14),
		LONE(a_heartbeat_now_and_then_keeps_it_alive),
		LONE(thirty_tries_without_an_ack_end_it_with_15),
		LONE(the_end_of_file_waits_for_the_ack_and_for_the_reader),
		LONE(a_reader_that_never_reads_holds_up_the_end_for_five_seconds),
		LONE(the_end_after_an_ack_still_lets_the_ack_out),
		LONE(a_broken_read_ends_it_with_11_after_what_was_read),
		LONE(a_broken_write_ends_it_with_13_and_nothing_more_is_acknowledged),
		LONE(a_broken_write_stays_13_where_the_peer_is_gone_too),
		LONE(an_unknown_message_of_the_peer_ends_it_with_16),
		LONE(an_unknown_message_of_anybody_else_does_not),
		LONE(strangers_change_nothing),
		LONE(another_port_of_the_peer_is_followed_when_the_first_was_never_heard),
		LONE(a_port_in_use_is_left_only_after_ten_silent_seconds),
		LONE(the_peer_stays_alive_by_any_valid_message),
		LONE(a_reader_that_closed_does_not_turn_its_12_into_13),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
