/* The one place of the mediator that prints. Messages go to stderr, counters to where they are wanted. */
#ifndef ADIT_MED_SAY_H
#define ADIT_MED_SAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What happened, and below it what to do; |next| may be NULL. */
ADIT_PRINTF(2, 3) void med_say_error(const char *next, const char *fmt, ...);
/* |level| 0: for everybody; 1: with -v. */
ADIT_PRINTF(3, 4) void med_say(int verbose, int level, const char *fmt, ...);

/* One number of a report. */
struct med_count {
	const char *key; /* JSON's */
	const char *text; /* for people */
	uint64_t value;
};

/* One line of JSON on stdout, or a table of what is not 0 on stderr. */
void med_say_counts(bool json, const struct med_count *counts, unsigned n);

#endif
