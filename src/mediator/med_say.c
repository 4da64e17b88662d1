#include "mediator/med_say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void say_line(const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	fprintf(stderr, "adit mediator: %s\n", text);
}

void med_say_error(const char *next, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_line(fmt, ap);
	va_end(ap);
	if (next)
		fprintf(stderr, "  %s\n", next);
}

void med_say(int verbose, int level, const char *fmt, ...)
{
	va_list ap;

	if (verbose < level)
		return;
	va_start(ap, fmt);
	say_line(fmt, ap);
	va_end(ap);
}

void med_say_counts(bool json, const struct med_count *counts, unsigned n)
{
	if (!json) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < n; i++)
			sum += counts[i].value;
		fprintf(stderr, "adit mediator: %s\n",
			sum > 0 ? "what happened since the start; all else is 0"
				: "nothing has happened since the start");
		for (unsigned i = 0; i < n; i++)
			if (counts[i].value > 0)
				fprintf(stderr, "  %12" PRIu64 "  %s\n", counts[i].value, counts[i].text);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		printf("%s\"%s\":%" PRIu64, i ? "," : "{", counts[i].key, counts[i].value);
	printf("}\n");
	fflush(stdout);
}
