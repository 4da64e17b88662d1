#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void adit_trace(const struct adit_log *log, enum adit_log_level level, const char *fmt, ...)
{
	char line[ADIT_LOG_LINE_MAX];
	va_list ap;

	if (!adit_log_has(log, level))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->write(log->ctx, level, line);
}
