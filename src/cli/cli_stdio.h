/* stdin and stdout as the two halves of a socket, by two threads: either may be a file, which no event loop can watch.
 */
#ifndef ADIT_CLI_STDIO_H
#define ADIT_CLI_STDIO_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Makes a pair of sockets and copies between one end and stdin/stdout; |ret_fd| is the other end. End of file on stdin
 * half-closes; an end of file from the socket ends the output. ESYS with errno.
 */
ADIT_MUST_CHECK int cli_stdio_start(int *ret_fd);
/* Waits until everything that came has been written to stdout. false: stdout could not be written to. */
bool cli_stdio_finish(void);
/* For a child after fork(), where the threads are gone: closes our end; stdin, stdout and stderr become /dev/null. */
void cli_stdio_abandon(void);

#endif
