/*
 * Small files, whole: read at once, replaced atomically. Nothing here blocks for long, so it is called between two
 * turns of the loop or before it runs.
 */
#ifndef ADIT_IO_FILE_H
#define ADIT_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define IO_WHY_TEXT 600 /* bytes with the NUL; longer texts are cut */

/* What failed and why, for a person, and what can be done about it ("" where nothing sensible can be said). */
struct io_why {
	char what[IO_WHY_TEXT];
	char next[IO_WHY_TEXT];
};

/* Writes |what| and clears |next|; returns |err|. */
ADIT_PRINTF(3, 4) int io_why_set(struct io_why *why, int err, const char *fmt, ...);
/* Adds the advice; returns |err|. */
ADIT_PRINTF(3, 4) int io_why_next(struct io_why *why, int err, const char *fmt, ...);

/* A file's content with a NUL behind it; owned. */
struct io_text {
	char *data;
	size_t len;
};

/* Wipes (it may hold secrets) and frees. */
void io_text_done(struct io_text *t);

/* Everything that can be read from |fd|. |name| is for the messages. ADIT_ESYS, or ADIT_EFULL: more than |max| bytes.
 */
ADIT_MUST_CHECK int io_file_read_fd(int fd, const char *name, size_t max, struct io_text *ret_text, struct io_why *why);

/* The file |path|, "-" for stdin. ADIT_ENOENT: there is none; ADIT_ESYS, ADIT_EFULL. */
ADIT_MUST_CHECK int io_file_read(const char *path, size_t max, struct io_text *ret_text, struct io_why *why);

/* Is |path| a regular file that its group or others may use? Then |ret_mode| has its permissions. */
bool io_file_is_open(const char *path, unsigned *ret_mode);

/*
 * Makes |name| in the directory |dir_fd| hold |len| bytes of |data|, mode 0600: after a crash at any moment it holds
 * either all of the old or all of the new. |dir| is the directory's name for the messages. ADIT_ESYS.
 */
ADIT_MUST_CHECK int io_file_replace(int dir_fd, const char *dir, const char *name, const void *data, size_t len,
				    struct io_why *why);

#endif
