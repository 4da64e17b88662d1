/* The three descriptors that every program is given, and some callers forget to give. */
#ifndef ADIT_IO_STD_H
#define ADIT_IO_STD_H

#include <stdbool.h>

/* Opens what is missing of them, so that no socket gets number 1 and receives our results. False: cannot. */
bool io_std_open(void);

#endif
