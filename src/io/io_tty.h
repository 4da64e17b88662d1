/* Asking a person for something secret: on the terminal, without showing it. */
#ifndef ADIT_IO_TTY_H
#define ADIT_IO_TTY_H

#include <stdbool.h>

#include "io/io_file.h"

/* Is stdin a terminal: is there a person to ask? */
bool io_tty_is_person(void);

/*
 * Writes |prompt| to the terminal and reads a line of at most |max| bytes, unseen. The terminal is itself again
 * afterwards, whatever signal comes meanwhile; that signal then does what it does. ADIT_ENOENT: ^C or ^D; ADIT_ESYS.
 */
ADIT_MUST_CHECK int io_tty_ask(const char *prompt, size_t max, struct io_text *ret_text, struct io_why *why);

#endif
