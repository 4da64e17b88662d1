#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "io/io_mail.h"

#define LETTERS 20000

struct reader {
	uv_loop_t loop;
	struct io_mail *mail;
	unsigned n; /* letters that came */
	unsigned wrong; /* in another order, or with other words */
	unsigned last; /* kind of the last letter; 0: it has not come */
	bool closes; /* the box, at the first letter */
};

static void on_letter(void *ctx, unsigned kind, const void *head, const uint8_t *data, size_t len)
{
	struct reader *r = ctx;
	unsigned number;

	if (!head) {
		r->last = kind;
		io_mail_close(r->mail);
		return;
	}
	memcpy(&number, head, sizeof(number));
	r->wrong += number != r->n || kind != number % 7 + 1 || len != number % 3 || (len > 0 && data[0] != 'a');
	r->n++;
	if (r->closes)
		io_mail_close(r->mail);
}

static void reader_init(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(uv_loop_init(&r->loop), 0);
	assert_int_equal(io_mail_new(&r->loop, on_letter, r, &r->mail), 0);
}

static void reader_done(struct reader *r)
{
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
}

static int put(struct reader *r, unsigned number)
{
	return io_mail_put(r->mail, number % 7 + 1, &number, sizeof(number), "ab", number % 3, false);
}

static void write_many(void *arg)
{
	struct reader *r = arg;

	for (unsigned i = 0; i < LETTERS; i++)
		if (put(r, i) < 0)
			abort();
	io_mail_last(r->mail, 42);
}

static void letters_of_another_thread_come_whole_in_order_and_once(void **state)
{
	struct reader r;
	uv_thread_t writer;

	(void)state;
	reader_init(&r);
	assert_int_equal(uv_thread_create(&writer, write_many, &r), 0);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	uv_thread_join(&writer);
	assert_int_equal(r.n, LETTERS);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.last, 42);
	reader_done(&r);
}

static void what_may_be_dropped_is_when_nobody_reads_and_nothing_else(void **state)
{
	static const uint8_t big[64 * 1024];
	struct reader r;
	unsigned taken = 0;
	unsigned zero = 0;

	(void)state;
	reader_init(&r);
	while (io_mail_put(r.mail, 1, &zero, sizeof(zero), big, sizeof(big), true) == 0)
		taken++;
	assert_int_equal(taken, IO_MAIL_MAX / sizeof(big));
	assert_int_equal(io_mail_put(r.mail, 1, &zero, sizeof(zero), big, sizeof(big), true), ADIT_EFULL);
	assert_int_equal(io_mail_put(r.mail, 1, &zero, sizeof(zero), big, sizeof(big), false), 0);
	io_mail_last(r.mail, 1);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	assert_int_equal(r.n, taken + 1);
	reader_done(&r);
}

static void a_box_may_be_closed_with_letters_in_it_and_from_inside_of_one(void **state)
{
	struct reader r;

	(void)state;
	reader_init(&r);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(put(&r, i), 0);
	io_mail_close(r.mail);
	reader_done(&r);
	assert_int_equal(r.n, 0);

	reader_init(&r);
	r.closes = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(put(&r, i), 0);
	reader_done(&r);
	assert_int_equal(r.n, 1);
	io_mail_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_of_another_thread_come_whole_in_order_and_once),
		cmocka_unit_test(what_may_be_dropped_is_when_nobody_reads_and_nothing_else),
		cmocka_unit_test(a_box_may_be_closed_with_letters_in_it_and_from_inside_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
