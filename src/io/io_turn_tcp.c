#include "io/io_turn_tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/list.h"
#include "core/turn/turn_frame.h"
#include "crypto/crypto_tls.h"
#include "io/io_sockaddr.h"
#include "io/io_turn_limits.h"

struct io_turn_tcp {
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	const struct io_turn_tcp_ops *ops;
	void *ctx;
	struct crypto_tls *tls; /* NULL: plain TCP */
	bool is_up;
	bool is_down; /* told */
	bool is_closed;
	bool is_flying; /* |fly| belongs to the loop */
	uint8_t *fill; /* IO_TURN_QUEUE bytes each: one is filled while the other is written */
	size_t fill_len;
	uint8_t *fly;
	uint8_t *rx; /* TLS: what has been read */
	struct turn_frame frames;
	uint8_t frame_buf[TURN_FRAME_MAX];
};

static void tcp_free(struct io_turn_tcp *s)
{
	crypto_tls_free(s->tls);
	free(s->fill);
	free(s->fly);
	free(s->rx);
	free(s);
}

static void on_closed(uv_handle_t *h)
{
	tcp_free(adit_container(h, struct io_turn_tcp, tcp));
}

static void down(struct io_turn_tcp *s, const char *why)
{
	if (s->is_down || s->is_closed)
		return;
	s->is_down = true;
	s->is_up = false;
	uv_read_stop((uv_stream_t *)&s->tcp);
	s->ops->down(s->ctx, why);
}

/* --- out --- */

static void flush(struct io_turn_tcp *s);

static void on_written(uv_write_t *req, int status)
{
	struct io_turn_tcp *s = adit_container(req, struct io_turn_tcp, write);

	s->is_flying = false;
	if (status < 0)
		down(s, uv_strerror(status));
	else if (!s->is_closed)
		flush(s);
}

/* TLS' records come behind what is waiting. */
static void take_records(struct io_turn_tcp *s)
{
	const uint8_t *out;
	size_t len;
	size_t room = IO_TURN_QUEUE - s->fill_len;

	if (!s->tls)
		return;
	out = crypto_tls_out(s->tls, &len);
	if (len > room)
		len = room;
	memcpy(s->fill + s->fill_len, out, len);
	s->fill_len += len;
	crypto_tls_sent(s->tls, len);
}

static void flush(struct io_turn_tcp *s)
{
	uv_stream_t *stream = (uv_stream_t *)&s->tcp;

	take_records(s);
	while (s->fill_len > 0 && !s->is_flying) {
		uv_buf_t buf = uv_buf_init((char *)s->fill, (unsigned)s->fill_len);
		int n = uv_try_write(stream, &buf, 1);
		uint8_t *fly = s->fill;

		if (n < 0 && n != UV_EAGAIN) {
			down(s, uv_strerror(n));
			return;
		}
		if (n == (int)s->fill_len) {
			s->fill_len = 0;
			take_records(s);
			continue;
		}
		n = n < 0 ? 0 : n;
		buf = uv_buf_init((char *)fly + n, (unsigned)(s->fill_len - (size_t)n));
		s->fill = s->fly;
		s->fly = fly;
		s->fill_len = 0;
		s->is_flying = uv_write(&s->write, stream, &buf, 1, on_written) == 0;
	}
}

/* ChannelData, or a Send indication (RFC 8656 18.1): those get lost, as requests, which nobody sends twice, must not.
 */
static bool is_for_peer(const uint8_t *data, size_t len)
{
	return len >= 2 && (data[0] >= TURN_CHANNEL_FIRST >> 8 || (data[0] == 0x00 && data[1] == 0x16));
}

bool io_turn_tcp_send(struct io_turn_tcp *s, const uint8_t *data, size_t len)
{
	bool is_data = is_for_peer(data, len);
	size_t reserve = is_data ? IO_TURN_RESERVE : 0;

	if (!s->is_up || s->is_closed)
		return false;
	if (s->tls) {
		/* What TLS holds back has found no room in |fill|. */
		size_t waits;

		crypto_tls_out(s->tls, &waits);
		if ((waits > 0 && is_data) || crypto_tls_write(s->tls, data, len) < 0)
			return false;
	} else {
		if (len + reserve > IO_TURN_QUEUE - s->fill_len)
			return false;
		memcpy(s->fill + s->fill_len, data, len);
		s->fill_len += len;
	}
	flush(s);
	return true;
}

/* --- in --- */

static void come_up(struct io_turn_tcp *s)
{
	s->is_up = true;
	s->ops->up(s->ctx);
}

static void give_frames(struct io_turn_tcp *s)
{
	const uint8_t *data;
	size_t len;
	int n = 0;

	while (!s->is_closed && !s->is_down && (n = turn_frame_next(&s->frames, &data, &len)) == 1)
		s->ops->frame(s->ctx, data, len);
	if (n < 0)
		down(s, "the server sends what is no TURN");
}

static void read_tls(struct io_turn_tcp *s, const uint8_t *data, size_t len)
{
	int n = 1;

	crypto_tls_feed(s->tls, data, len);
	while (n > 0 && !s->is_closed && !s->is_down) {
		size_t room;
		uint8_t *to = turn_frame_room(&s->frames, &room);

		n = crypto_tls_read(s->tls, to, room);
		if (n > 0)
			turn_frame_filled(&s->frames, (size_t)n);
		if (!s->is_up && crypto_tls_is_up(s->tls))
			come_up(s);
		give_frames(s);
	}
	if (s->is_closed)
		return;
	flush(s); /* the handshake's answers, or the alert */
	if (n < 0)
		down(s, crypto_tls_why(s->tls));
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct io_turn_tcp *s = adit_container(h, struct io_turn_tcp, tcp);
	size_t room = IO_TURN_READ;
	uint8_t *to = s->tls ? s->rx : turn_frame_room(&s->frames, &room);

	(void)suggested;
	*buf = uv_buf_init((char *)to, (unsigned)room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct io_turn_tcp *s = adit_container(stream, struct io_turn_tcp, tcp);

	if (n == 0)
		return;
	if (n < 0) {
		down(s, n == UV_EOF ? "the server has closed the connection" : uv_strerror((int)n));
		return;
	}
	if (s->tls) {
		read_tls(s, (const uint8_t *)buf->base, (size_t)n);
		return;
	}
	turn_frame_filled(&s->frames, (size_t)n);
	give_frames(s);
}

static void set_options(struct io_turn_tcp *s)
{
	static const struct {
		int name;
		int value;
	} options[] = {{TCP_NOTSENT_LOWAT, IO_TURN_NOTSENT}, {TCP_USER_TIMEOUT, IO_TURN_DEAD_MS}};
	uv_os_fd_t fd;

	uv_tcp_nodelay(&s->tcp, 1);
	if (uv_fileno((uv_handle_t *)&s->tcp, &fd) < 0)
		return;
	/* What the system does not have is done without. */
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		(void)!setsockopt(fd, IPPROTO_TCP, options[i].name, &options[i].value, sizeof(options[i].value));
}

static void on_connected(uv_connect_t *req, int status)
{
	struct io_turn_tcp *s = adit_container(req, struct io_turn_tcp, connect);

	if (s->is_closed)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
	if (status < 0) {
		down(s, uv_strerror(status));
		return;
	}
	set_options(s);
	if (s->tls)
		read_tls(s, NULL, 0);
	else
		come_up(s);
}

/* --- life --- */

static int set_up_tls(struct io_turn_tcp *s, const struct adit_out *out, const char *ca_file)
{
	char text[ADIT_ADDR_STRLEN];
	struct adit_addr ip = adit_addr_with_port(out->remote, 0);
	struct crypto_tls_config cfg = {.host = out->host, .ca_file = ca_file, .alpn = IO_TURN_ALPN};

	if (out->sock_kind != ADIT_SOCK_TLS)
		return 0;
	if (!cfg.host || !cfg.host[0])
		cfg.host = adit_addr_format(&ip, text);
	s->rx = malloc(IO_TURN_READ);
	return s->rx ? crypto_tls_new(&cfg, &s->tls) : ADIT_ENOMEM;
}

int io_turn_tcp_open(uv_loop_t *loop, const struct adit_out *out, const char *ca_file,
		     const struct io_turn_tcp_ops *ops, void *ctx, struct io_turn_tcp **ret_tcp)
{
	struct io_turn_tcp *s = calloc(1, sizeof(*s));
	struct sockaddr_storage ss;
	int err = ADIT_ENOMEM;

	if (!s)
		return err;
	s->ops = ops;
	s->ctx = ctx;
	s->fill = malloc(IO_TURN_QUEUE);
	s->fly = malloc(IO_TURN_QUEUE);
	turn_frame_init(&s->frames, s->frame_buf, sizeof(s->frame_buf));
	if (s->fill && s->fly)
		err = set_up_tls(s, out, ca_file);
	if (err < 0 || uv_tcp_init(loop, &s->tcp) < 0) {
		tcp_free(s);
		return err < 0 ? err : ADIT_ESYS;
	}
	io_sockaddr_from(&out->remote, &ss);
	if (uv_tcp_connect(&s->connect, &s->tcp, (struct sockaddr *)&ss, on_connected) < 0) {
		s->is_closed = true;
		uv_close((uv_handle_t *)&s->tcp, on_closed);
		return ADIT_ESYS;
	}
	*ret_tcp = s;
	return 0;
}

void io_turn_tcp_close(struct io_turn_tcp *s)
{
	if (!s || s->is_closed)
		return;
	s->is_closed = true; /* from here on nothing is told */
	if (s->tls && s->is_up) {
		crypto_tls_bye(s->tls);
		flush(s);
	}
	uv_close((uv_handle_t *)&s->tcp, on_closed);
}
