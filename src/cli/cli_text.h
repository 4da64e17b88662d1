/*
 * Text that people see and type: making foreign bytes safe for a terminal, guessing what was meant, durations, dates.
 * Pure: string in, string out.
 */
#ifndef ADIT_CLI_TEXT_H
#define ADIT_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"

/*
 * The code point at |p| and how many of |len| > 0 bytes it takes. A byte that is no UTF-8 (RFC 3629: overlong,
 * surrogate, beyond U+10FFFF, cut) takes one byte and gives CLI_TEXT_BAD.
 */
#define CLI_TEXT_BAD UINT32_MAX
size_t cli_text_next(const char *p, size_t len, uint32_t *ret_cp);

/* Controls, line separators, and the marks that turn the reading direction: never sent to a terminal. */
bool cli_text_is_unsafe(uint32_t cp);

/*
 * Copies |src| with every unsafe character spelled out ("\x1b", "\u202e") and a NUL; cut at |cap|, never within a
 * character. Returns the length without the NUL. |cap| > 0.
 */
size_t cli_text_safe(char *dst, size_t cap, const char *src, size_t len);

/* How many bytes of |s| fill at most |columns| columns, each character counted as one. */
size_t cli_text_fit(const char *s, size_t columns);

/*
 * How many bytes of the line |s| go into a row of |columns|: up to a blank if there is one, which |*ret_skip| says how
 * to pass over. Never 0 for a line that is not empty.
 */
size_t cli_text_fold(const char *s, size_t columns, size_t *ret_skip);

/* The one of |words| that |typed| was probably meant to be: unfinished, or a slip or two. NULL: nothing is close. */
const char *cli_text_guess(const char *typed, const char *const *words, size_t n_words);

/* "90", "1.5", "5m", "2h", "1d" (seconds without a unit). ADIT_EINVAL for anything else or over |max|. */
ADIT_MUST_CHECK int cli_text_duration(const char *s, adit_dur max, adit_dur *ret_dur);

/* "-0.3", "+30", as cli_text_duration with a sign; nanoseconds. */
ADIT_MUST_CHECK int cli_text_offset(const char *s, adit_dur max, int64_t *ret_ns);

/* A decimal number in [|min|, |max|], digits only. */
ADIT_MUST_CHECK int cli_text_number(const char *s, unsigned long min, unsigned long max, unsigned long *ret);

/* "42 s", "5 min", "2 h 5 min", "3 d 4 h": for people. Returns |buf|. */
#define CLI_TEXT_SPAN_LEN 48
const char *cli_text_span(adit_dur d, char buf[CLI_TEXT_SPAN_LEN]);

/* "512 bytes", "1.2 MB", "34 GB": for people, in steps of 1000. Returns |buf|. */
#define CLI_TEXT_BYTES_LEN 24
const char *cli_text_bytes(uint64_t n, char buf[CLI_TEXT_BYTES_LEN]);

/* "2025-01-31T12:34:56.789Z", "2025-01-31 12:34 UTC". Return |buf|. */
#define CLI_TEXT_UTC_LEN 32
const char *cli_text_utc(adit_utc utc, char buf[CLI_TEXT_UTC_LEN]);
const char *cli_text_date(adit_utc utc, char buf[CLI_TEXT_UTC_LEN]);

#endif
