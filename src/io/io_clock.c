#include "io/io_clock.h"

#include <sys/timerfd.h>
#include <time.h>

static int64_t utc_offset;

static uint64_t sample(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

adit_time io_clock_now(void)
{
	return sample(CLOCK_BOOTTIME);
}

adit_utc io_clock_utc(void)
{
	return sample(CLOCK_REALTIME) + (uint64_t)utc_offset;
}

void io_clock_set_offset(int64_t offset)
{
	utc_offset = offset;
}

void io_clock_set_timer(int fd, adit_time at)
{
	struct itimerspec spec = {0};

	if (at != ADIT_NEVER) {
		adit_time when = at > 0 ? at : 1; /* all zeroes would disarm */

		spec.it_value.tv_sec = (time_t)(when / ADIT_SEC(1));
		spec.it_value.tv_nsec = (long)(when % ADIT_SEC(1));
	}
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
}
