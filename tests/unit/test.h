/* What every cmocka test includes, in the order cmocka wants it. */
#ifndef ADIT_TEST_H
#define ADIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
