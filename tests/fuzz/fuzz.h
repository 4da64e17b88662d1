/* What every fuzz target includes. */
#ifndef ADIT_FUZZ_H
#define ADIT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Like assert, but with no regard to NDEBUG: the input that breaks the promise is kept. */
#define FUZZ_CHECK(what)         \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

/* Reads every byte, so that a pointer that leads out of its buffer is seen. */
static inline void fuzz_touch(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		(void)((const volatile uint8_t *)p)[i];
}

/* A copy with nothing behind its last byte, so that a step outside is seen; for free(). */
static inline uint8_t *fuzz_exact(const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	FUZZ_CHECK(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
