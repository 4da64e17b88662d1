#include "io/io_clock.h"

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
