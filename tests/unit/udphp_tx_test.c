#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto_md5.h"
#include "udphp/udphp_msg.h"
#include "udphp/udphp_tx.h"

#define T0 ADIT_SEC(100)

static struct udphp_zip zip;
static struct udphp_tx tx;

static int setup(void **state)
{
	(void)state;
	udphp_tx_init(&tx, crypto_md5, &zip, NULL);
	return udphp_zip_init(&zip);
}

static int teardown(void **state)
{
	(void)state;
	udphp_zip_done(&zip);
	return 0;
}

static void feed(const char *text, adit_time now)
{
	assert_int_equal(udphp_tx_feed(&tx, (const uint8_t *)text, strlen(text)), strlen(text));
	udphp_tx_pump(&tx, now);
}

/* The next datagram is the data message |seq| with |text|. */
static void assert_sends(uint16_t seq, const char *text)
{
	const struct udphp_tx_slot *s = udphp_tx_output(&tx);
	struct udphp_msg m;

	assert_non_null(s);
	assert_int_equal(udphp_msg_decode(s->buf, s->len, &m), 0);
	assert_int_equal(m.seq, seq);
	assert_int_equal(m.body_len, strlen(text));
	assert_memory_equal(m.body, text, strlen(text));
}

static void assert_silent(void)
{
	assert_null(udphp_tx_output(&tx));
}

static void one_message_is_in_flight_and_the_rest_gathers(void **state)
{
	(void)state;
	assert_true(udphp_tx_is_idle(&tx));
	feed("one", T0);
	assert_sends(0, "one");
	feed("two", T0);
	feed("three", T0);
	assert_silent();
	assert_true(udphp_tx_ack(&tx, T0 + 1, 0));
	assert_sends(1, "twothree");
	assert_silent();
	assert_true(udphp_tx_ack(&tx, T0 + 2, 1));
	assert_true(udphp_tx_is_idle(&tx));
	assert_int_equal(udphp_tx_deadline(&tx), ADIT_NEVER);
}

static void a_full_next_message_is_packed_while_one_is_in_flight(void **state)
{
	static uint8_t much[UDPHP_MAXBUF + 10];

	(void)state;
	feed("one", T0);
	assert_sends(0, "one");
	assert_int_equal(udphp_tx_feed(&tx, much, sizeof(much)), UDPHP_MAXBUF);
	assert_silent();
	assert_int_equal(tx.next->seq, 1);
	assert_int_equal(tx.in_len, 0);
	feed("two", T0);
	assert_true(udphp_tx_ack(&tx, T0, 0));
	assert_int_equal(udphp_tx_output(&tx)->seq, 1);
	assert_true(udphp_tx_ack(&tx, T0, 1));
	assert_sends(2, "two");
}

static void it_is_repeated_each_second_and_given_up_after_30_tries(void **state)
{
	adit_time now = T0;

	(void)state;
	feed("x", now);
	for (unsigned i = 1; i <= 30; i++) {
		assert_sends(0, "x");
		assert_silent();
		assert_int_equal(udphp_tx_deadline(&tx), now + ADIT_SEC(1));
		assert_true(udphp_tx_tick(&tx, now + ADIT_SEC(1) - 1));
		assert_silent();
		now += ADIT_SEC(1);
		assert_int_equal(udphp_tx_tick(&tx, now), i < 30);
	}
	assert_silent();
	assert_int_equal(now, T0 + ADIT_SEC(30));
}

static void late_and_foreign_acks_change_nothing(void **state)
{
	(void)state;
	assert_false(udphp_tx_ack(&tx, T0, 0));
	assert_false(udphp_tx_ack(&tx, T0, 65535));
	feed("one", T0);
	assert_sends(0, "one");
	assert_true(udphp_tx_ack(&tx, T0, 0));
	feed("two", T0);
	assert_sends(1, "two");
	assert_false(udphp_tx_ack(&tx, T0, 0)); /* doubled: the script would send again now */
	assert_false(udphp_tx_ack(&tx, T0, 2));
	assert_silent();
	assert_false(udphp_tx_is_idle(&tx));
}

static void a_nack_brings_the_message_at_once_but_not_without_end(void **state)
{
	(void)state;
	feed("one", T0);
	assert_sends(0, "one");
	for (unsigned i = 0; i < UDPHP_NACKS_MAX; i++) {
		assert_true(udphp_tx_nack(&tx, T0, 0));
		assert_sends(0, "one");
	}
	assert_false(udphp_tx_nack(&tx, T0, 0));
	assert_silent();
	assert_int_equal(udphp_tx_deadline(&tx), T0 + ADIT_SEC(1)); /* they have not moved the timer */
	assert_true(udphp_tx_tick(&tx, T0 + ADIT_SEC(1)));
	assert_sends(0, "one");
	assert_true(udphp_tx_nack(&tx, T0 + ADIT_SEC(1), 0));
	assert_sends(0, "one");
}

/* The script at the wrap: 65535 comes again while it expects 0, which it takes for damaged. */
static void a_nack_for_the_next_number_acknowledges_this_one(void **state)
{
	(void)state;
	tx.seq = 65535;
	feed("last", T0);
	assert_sends(65535, "last");
	feed("first", T0);
	assert_true(udphp_tx_nack(&tx, T0, 0));
	assert_sends(0, "first");
	assert_true(udphp_tx_ack(&tx, T0, 0));
	assert_true(udphp_tx_is_idle(&tx));
	assert_int_equal(tx.seq, 1);
}

/* An 'A' damaged on its way acknowledges what never arrived; the peer says so with 'N'. */
static void what_was_falsely_acknowledged_is_sent_again(void **state)
{
	(void)state;
	feed("one", T0);
	assert_sends(0, "one");
	assert_true(udphp_tx_ack(&tx, T0, 0)); /* false */
	feed("two", T0);
	assert_sends(1, "two");
	assert_true(udphp_tx_nack(&tx, T0, 0));
	assert_sends(0, "one");
	assert_silent();
	assert_true(udphp_tx_ack(&tx, T0, 0));
	assert_sends(1, "two"); /* the peer has refused it meanwhile; no need to wait for the timer */
	assert_false(udphp_tx_ack(&tx, T0, 0));
	assert_silent();
	assert_true(udphp_tx_ack(&tx, T0, 1));
	assert_true(udphp_tx_nack(&tx, T0, 1)); /* also when nothing is in flight */
	assert_sends(1, "two");
	assert_false(udphp_tx_nack(&tx, T0, 0)); /* but only the last one is kept */
	assert_silent();
}

static void a_repeated_message_measures_no_path(void **state)
{
	(void)state;
	feed("one", T0);
	assert_sends(0, "one");
	assert_true(udphp_tx_tick(&tx, T0 + ADIT_SEC(1)));
	assert_sends(0, "one");
	assert_true(udphp_tx_ack(&tx, T0 + ADIT_SEC(1) + 1, 0));
	assert_false(tx.near);
	feed("two", T0 + ADIT_SEC(2));
	assert_true(udphp_tx_ack(&tx, T0 + ADIT_SEC(2) + UDPHP_NEAR, 1));
	assert_false(tx.near);
	feed("three", T0 + ADIT_SEC(3));
	assert_true(udphp_tx_ack(&tx, T0 + ADIT_SEC(3) + UDPHP_NEAR - 1, 2));
	assert_true(tx.near);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_message_is_in_flight_and_the_rest_gathers),
		CASE(a_full_next_message_is_packed_while_one_is_in_flight),
		CASE(it_is_repeated_each_second_and_given_up_after_30_tries),
		CASE(late_and_foreign_acks_change_nothing),
		CASE(a_nack_brings_the_message_at_once_but_not_without_end),
		CASE(a_nack_for_the_next_number_acknowledges_this_one),
		CASE(what_was_falsely_acknowledged_is_sent_again),
		CASE(a_repeated_message_measures_no_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
