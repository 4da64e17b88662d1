/* The two clocks, sampled once per wakeup and handed down as numbers. */
#ifndef ADIT_IO_CLOCK_H
#define ADIT_IO_CLOCK_H

#include "base/time.h"

/* CLOCK_BOOTTIME: goes on during suspend, never steps. */
adit_time io_clock_now(void);
/* CLOCK_REALTIME plus the offset of io_clock_set_offset(). */
adit_utc io_clock_utc(void);
/* A lie for tests (--clock-offset): nanoseconds added to UTC. */
void io_clock_set_offset(int64_t offset);
/* Sets a timerfd of CLOCK_BOOTTIME to fire at |at|, or as soon as that has passed; ADIT_NEVER: not at all. */
void io_clock_set_timer(int fd, adit_time at);

#endif
