/* Commands to a test's driver: a line of stdin each, read in the loop. */
#ifndef ADIT_DRIVER_INPUT_H
#define ADIT_DRIVER_INPUT_H

#include <string.h>
#include <uv.h>

#define DRIVER_LINE_MAX 512 /* bytes of a line with its end */

static struct driver_input {
	uv_pipe_t pipe;
	char line[DRIVER_LINE_MAX];
	size_t len;
	void (*command)(char *text);
	void (*end)(void);
} driver_input;

static inline void driver_input_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct driver_input *in = &driver_input;

	(void)h;
	(void)suggested;
	*buf = uv_buf_init(in->line + in->len, (unsigned)(sizeof(in->line) - 1 - in->len));
}

static inline void driver_input_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct driver_input *in = &driver_input;
	char *end;

	(void)buf;
	if (n < 0) {
		uv_read_stop(s);
		in->end();
		return;
	}
	in->len += (size_t)n;
	while ((end = memchr(in->line, '\n', in->len)) != NULL) {
		char one[DRIVER_LINE_MAX];
		size_t len = (size_t)(end - in->line);

		memcpy(one, in->line, len);
		one[len] = 0;
		in->len -= len + 1;
		memmove(in->line, end + 1, in->len);
		in->command(one);
	}
}

/* |command| may change its text; |end|: there will be no more. */
static inline void driver_input_start(uv_loop_t *loop, void (*command)(char *text), void (*end)(void))
{
	driver_input.command = command;
	driver_input.end = end;
	uv_pipe_init(loop, &driver_input.pipe, 0);
	uv_pipe_open(&driver_input.pipe, 0);
	uv_read_start((uv_stream_t *)&driver_input.pipe, driver_input_alloc, driver_input_read);
}

/* So that the loop may end. */
static inline void driver_input_close(void)
{
	uv_close((uv_handle_t *)&driver_input.pipe, NULL);
}

#endif
