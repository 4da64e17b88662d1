#include "io/io_timer.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io/io_clock.h"

struct io_timer {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	int fd;
	adit_time at; /* when it is wanted */
	adit_time armed; /* when the descriptor fires: not after |at| */
	void (*fired)(void *ctx);
	void *ctx;
};

static void arm(struct io_timer *t, adit_time at)
{
	t->armed = at;
	io_clock_set_timer(t->fd, at);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct io_timer *t = (struct io_timer *)poll;
	uint64_t count;

	(void)status;
	(void)events;
	if (read(t->fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return; /* set anew meanwhile */
	t->armed = ADIT_NEVER;
	if (t->at > io_clock_now()) {
		io_timer_set(t, t->at);
		return;
	}
	t->at = ADIT_NEVER;
	t->fired(t->ctx);
}

int io_timer_new(uv_loop_t *loop, void (*fired)(void *ctx), void *ctx, struct io_timer **ret_timer)
{
	struct io_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return ADIT_ENOMEM;
	t->fired = fired;
	t->ctx = ctx;
	t->at = t->armed = ADIT_NEVER;
	t->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (t->fd < 0 || uv_poll_init(loop, &t->poll, t->fd) < 0) {
		if (t->fd >= 0)
			close(t->fd);
		free(t);
		return ADIT_ESYS;
	}
	uv_poll_start(&t->poll, UV_READABLE, on_poll);
	*ret_timer = t;
	return 0;
}

/*
 * While data flow, every packet moves the deadline on. The descriptor stays as it was then and fires once for nothing:
 * cheaper than a system call for each turn of the loop.
 */
void io_timer_set(struct io_timer *t, adit_time at)
{
	t->at = at;
	if (at < t->armed)
		arm(t, at);
}

static void on_closed(uv_handle_t *h)
{
	free(h);
}

void io_timer_close(struct io_timer *t)
{
	if (!t)
		return;
	uv_poll_stop(&t->poll);
	close(t->fd);
	uv_close((uv_handle_t *)&t->poll, on_closed);
}
