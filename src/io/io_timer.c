#include "io/io_timer.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct io_timer {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	int fd;
	adit_time at;
	void (*fired)(void *ctx);
	void *ctx;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct io_timer *t = (struct io_timer *)poll;
	uint64_t count;

	(void)status;
	(void)events;
	if (read(t->fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return; /* set anew meanwhile */
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
	t->at = ADIT_NEVER;
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

void io_timer_set(struct io_timer *t, adit_time at)
{
	struct itimerspec spec = {0};

	if (at == t->at)
		return;
	t->at = at;
	if (at != ADIT_NEVER) {
		adit_time when = at > 0 ? at : 1; /* all zeroes would disarm */

		spec.it_value.tv_sec = (time_t)(when / ADIT_SEC(1));
		spec.it_value.tv_nsec = (long)(when % ADIT_SEC(1));
	}
	timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &spec, NULL);
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
