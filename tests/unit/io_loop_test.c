#include "test.h"

#include "io/io_loop.h"

/* Something on the pool that takes as long as the test wants, as a look-up may. */
struct slow {
	uv_work_t req;
	uv_sem_t may_end;
	unsigned n_done;
};

static void work(uv_work_t *req)
{
	uv_sem_wait(&((struct slow *)req->data)->may_end);
}

static void done(uv_work_t *req, int status)
{
	(void)status;
	((struct slow *)req->data)->n_done++;
}

static void start(uv_loop_t *loop, struct slow *s)
{
	*s = (struct slow){.req.data = s};
	assert_int_equal(uv_sem_init(&s->may_end, 0), 0);
	assert_int_equal(uv_loop_init(loop), 0);
	assert_int_equal(uv_queue_work(loop, &s->req, work, done), 0);
}

static void on_closed(uv_handle_t *h)
{
	*(bool *)h->data = true;
}

static void handles_that_are_closing_get_their_callbacks(void **state)
{
	uv_loop_t loop;
	uv_timer_t timer;
	bool closed = false;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	uv_timer_init(&loop, &timer);
	timer.data = &closed;
	uv_close((uv_handle_t *)&timer, on_closed);
	assert_true(io_loop_close(&loop));
	assert_true(closed);
	assert_false(io_loop_is_left());
}

static void what_ends_soon_is_waited_for(void **state)
{
	uv_loop_t loop;
	struct slow s;

	(void)state;
	start(&loop, &s);
	uv_sem_post(&s.may_end);
	assert_true(io_loop_close(&loop));
	assert_int_equal(s.n_done, 1);
	assert_false(io_loop_is_left());
	uv_sem_destroy(&s.may_end);
}

static void what_hangs_is_left(void **state)
{
	uv_loop_t loop;
	struct slow s;

	(void)state;
	start(&loop, &s);
	assert_false(io_loop_close(&loop)); /* or the test would hang */
	assert_int_equal(s.n_done, 0);
	assert_true(io_loop_is_left());
	uv_sem_post(&s.may_end);
	assert_true(io_loop_close(&loop)); /* nothing of it was torn down */
	assert_int_equal(s.n_done, 1);
	uv_sem_destroy(&s.may_end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handles_that_are_closing_get_their_callbacks),
		cmocka_unit_test(what_ends_soon_is_waited_for),
		cmocka_unit_test(what_hangs_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
