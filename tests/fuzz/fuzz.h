/* What every fuzz target includes. */
#ifndef ADIT_FUZZ_H
#define ADIT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Like assert, but with no regard to NDEBUG: the input that breaks the promise is kept. */
#define FUZZ_CHECK(what)         \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
