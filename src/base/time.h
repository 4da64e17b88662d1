/*
 * Instants and durations, both in nanoseconds.
 *
 * An instant (adit_time) counts CLOCK_BOOTTIME and comes in from the driver;
 * nothing below floor 3 reads a clock. UTC is a separate input (adit_utc) and is
 * used for slots, stamps and expiry only: a step of it fires no timer.
 */
#ifndef ADIT_BASE_TIME_H
#define ADIT_BASE_TIME_H

#include <stdint.h>

typedef uint64_t adit_time; /* CLOCK_BOOTTIME, nanoseconds */
typedef uint64_t adit_utc; /* nanoseconds since 1970-01-01T00:00:00Z */
typedef uint64_t adit_dur; /* nanoseconds */

#define ADIT_NEVER  UINT64_MAX
#define ADIT_US(n)  ((adit_dur)(n)*1000u)
#define ADIT_MS(n)  ((adit_dur)(n)*1000000u)
#define ADIT_SEC(n) ((adit_dur)(n)*1000000000u)

/* |t| + |d|, or ADIT_NEVER where that does not fit or |t| is ADIT_NEVER already. */
static inline adit_time adit_time_add(adit_time t, adit_dur d)
{
	return t > ADIT_NEVER - d ? ADIT_NEVER : t + d;
}

static inline adit_time adit_time_min(adit_time a, adit_time b)
{
	return a < b ? a : b;
}

/* How long |past| lies before |now|; 0 where it does not. */
static inline adit_dur adit_time_since(adit_time now, adit_time past)
{
	return now > past ? now - past : 0;
}

#endif
