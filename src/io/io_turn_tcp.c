#include "io/io_turn_tcp.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "io/io_conn.h"

struct io_turn_tcp {
	uv_poll_t poll;
	struct io_conn *conn;
	const struct io_turn_tcp_ops *ops;
	void *ctx;
	bool is_closed;
	bool is_down;
	int events; /* that are waited for */
};

static void on_closed(uv_handle_t *h)
{
	struct io_turn_tcp *s = adit_container(h, struct io_turn_tcp, poll);

	io_conn_free(s->conn);
	free(s);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void arm(struct io_turn_tcp *s)
{
	int events = s->is_down ? 0 : UV_READABLE | (io_conn_wants_room(s->conn) ? UV_WRITABLE : 0);

	if (s->is_closed || events == s->events)
		return;
	s->events = events;
	if (events == 0)
		uv_poll_stop(&s->poll);
	else
		uv_poll_start(&s->poll, events, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct io_turn_tcp *s = adit_container(poll, struct io_turn_tcp, poll);
	struct io_conn_news news;

	io_conn_ready(s->conn, status < 0 || (events & UV_READABLE), status < 0 || (events & UV_WRITABLE));
	do {
		io_conn_read(s->conn, &news);
		switch (news.kind) {
		case IO_CONN_NOTHING:
			break;
		case IO_CONN_UP:
			s->ops->up(s->ctx);
			break;
		case IO_CONN_FRAME:
			s->ops->frame(s->ctx, news.data, news.len);
			break;
		case IO_CONN_DOWN:
			s->is_down = true;
			s->ops->down(s->ctx, news.why);
			break;
		}
	} while (news.kind != IO_CONN_NOTHING && !s->is_closed);
	arm(s);
}

int io_turn_tcp_open(uv_loop_t *loop, const struct adit_out *out, const char *ca_file,
		     const struct io_turn_tcp_ops *ops, void *ctx, struct io_turn_tcp **ret_tcp)
{
	struct io_turn_tcp *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ADIT_ENOMEM;
	s->ops = ops;
	s->ctx = ctx;
	err = io_conn_open(out, ca_file, &s->conn);
	if (err == 0 && uv_poll_init(loop, &s->poll, io_conn_fd(s->conn)) < 0)
		err = ADIT_ESYS;
	if (err < 0) {
		int saved = errno;

		io_conn_free(s->conn);
		free(s);
		errno = saved;
		return err;
	}
	arm(s);
	*ret_tcp = s;
	return 0;
}

size_t io_turn_tcp_send(struct io_turn_tcp *s, const uint8_t *data, size_t len, size_t seg_size)
{
	size_t n = s->is_closed ? 0 : io_conn_send(s->conn, data, len, seg_size);

	arm(s);
	return n;
}

void io_turn_tcp_close(struct io_turn_tcp *s)
{
	if (!s || s->is_closed)
		return;
	s->is_closed = true; /* from here on nothing is told */
	io_conn_bye(s->conn);
	uv_close((uv_handle_t *)&s->poll, on_closed);
}
