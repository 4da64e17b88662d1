/* A timer with nanoseconds on CLOCK_BOOTTIME (libuv's own has milliseconds; bursts and pacing want better). */
#ifndef ADIT_IO_TIMER_H
#define ADIT_IO_TIMER_H

#include <uv.h>

#include "base/err.h"
#include "base/time.h"

struct io_timer;

ADIT_MUST_CHECK int io_timer_new(uv_loop_t *loop, void (*fired)(void *ctx), void *ctx, struct io_timer **ret_timer);
/* Fires once, at |at| or as soon as that has passed; ADIT_NEVER: not at all. A second call replaces the first. */
void io_timer_set(struct io_timer *t, adit_time at);
void io_timer_close(struct io_timer *t);

#endif
