#include "io/io_loop.h"

#include <stdatomic.h>

static atomic_bool is_left;

static void on_late(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

bool io_loop_close(uv_loop_t *loop)
{
	uv_timer_t timer;

	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, on_late, IO_LOOP_PATIENCE, 0);
	uv_unref((uv_handle_t *)&timer);
	uv_run(loop, UV_RUN_NOWAIT); /* an uv_stop() of before ends this one */
	uv_run(loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	if (uv_loop_close(loop) == 0)
		return true;
	atomic_store(&is_left, true);
	return false;
}

bool io_loop_is_left(void)
{
	return atomic_load(&is_left);
}
