/*
 * Result codes: they are the library's, too, so the list stands in its header.
 */
#ifndef ADIT_BASE_ERR_H
#define ADIT_BASE_ERR_H

#include <adit/err.h>

#define ADIT_PRINTF(f, a) __attribute__((format(printf, f, a)))

#endif
