/*
 * The end of a loop. Names are looked up by libuv on a pool of threads, and the system's resolver may take half a
 * minute to find that nobody answers: whoever ends is not to wait for that.
 */
#ifndef ADIT_IO_LOOP_H
#define ADIT_IO_LOOP_H

#include <stdbool.h>
#include <uv.h>

/*
 * Closes |loop|, whose handles are all closed or closing: their callbacks are called. A look-up that is under way has
 * IO_LOOP_PATIENCE. False: it takes longer. Then |loop| and what the look-up belongs to must stay where they are for
 * the rest of the process.
 */
bool io_loop_close(uv_loop_t *loop);
/* Was that so with any loop? Then exit() would wait for the pool, and _exit() does not. */
bool io_loop_is_left(void);

#define IO_LOOP_PATIENCE 200 /* milliseconds: a resolver that works is quicker, and a person does not notice */

#endif
