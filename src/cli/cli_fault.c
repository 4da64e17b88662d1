#include "cli/cli_fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cli_fault_set(struct cli_fault *f, int exit, const char *fmt, ...)
{
	va_list ap;

	f->exit = exit;
	f->next[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
	return ADIT_EINVAL;
}

int cli_fault_next(struct cli_fault *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->next, sizeof(f->next), fmt, ap);
	va_end(ap);
	return ADIT_EINVAL;
}

void cli_fault_where(struct cli_fault *f, const char *fmt, ...)
{
	char text[2 * CLI_FAULT_TEXT];
	va_list ap;
	size_t at;

	va_start(ap, fmt);
	vsnprintf(text, CLI_FAULT_TEXT, fmt, ap);
	va_end(ap);
	at = strlen(text);
	snprintf(text + at, sizeof(text) - at, ": %s", f->what);
	text[CLI_FAULT_TEXT - 1] = '\0';
	memcpy(f->what, text, CLI_FAULT_TEXT);
}
