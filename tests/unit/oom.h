/*
 * Every allocation made to fail once. A test that links oom_dep runs |step| again and again: the first time its first
 * allocation fails, then the second, until one run needs no more allocations than are granted.
 */
#ifndef ADIT_TESTS_OOM_H
#define ADIT_TESTS_OOM_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static long oom_left = -1; /* allocations granted before one fails; -1: all */
static bool oom_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

static inline bool oom_now(void)
{
	if (oom_left < 0 || oom_left-- > 0)
		return false;
	oom_failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return oom_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return oom_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return oom_now() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
	return oom_now() ? NULL : __real_strdup(s);
}

/* |step| returns whether it succeeded: it must not when an allocation failed. Returns how many failures were survived.
 */
static inline int oom_sweep(bool (*step)(void))
{
	for (int n = 0;; n++) {
		bool ok;

		oom_failed = false;
		oom_left = n;
		ok = step();
		oom_left = -1;
		if (!oom_failed)
			return ok ? n : -1;
		if (ok)
			return -1;
	}
}

#endif
