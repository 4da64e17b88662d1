/*
 * Traces of floors 0-2: one line "event key=value ...", given to whoever listens.
 * Nothing below floor 3 prints. Never a secret; keys as 8 characters at most.
 */
#ifndef ADIT_BASE_LOG_H
#define ADIT_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum adit_log_level {
	ADIT_LOG_ERROR, /* the program cannot do what was asked */
	ADIT_LOG_WARN, /* it can, but somebody should know */
	ADIT_LOG_INFO, /* what a person follows: connected, lost, path */
	ADIT_LOG_DECIDE, /* -v: decisions and their reasons */
	ADIT_LOG_PACKET, /* -vv: each packet */
};

#define ADIT_LOG_LINE_MAX 512 /* bytes with the NUL; longer lines are cut */

struct adit_log {
	void (*write)(void *ctx, enum adit_log_level level, const char *line); /* |line| is good during the call */
	void *ctx;
	enum adit_log_level level; /* lines above it are not even formatted */
};

static inline bool adit_log_has(const struct adit_log *log, enum adit_log_level level)
{
	return log && level <= log->level;
}

/* |log| may be NULL: then nothing happens. */
ADIT_PRINTF(3, 4) void adit_trace(const struct adit_log *log, enum adit_log_level level, const char *fmt, ...);

#endif
