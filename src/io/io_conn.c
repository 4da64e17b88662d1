#include "io/io_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/turn/turn_frame.h"
#include "crypto/crypto_tls.h"
#include "io/io_sockaddr.h"
#include "io/io_conn_limits.h"

enum state {
	CONNECTING,
	SHAKING, /* TLS' handshake */
	UP,
	DOWN,
};

struct io_conn {
	int fd;
	enum state state;
	bool is_up_told;
	bool is_down_told;
	unsigned reads; /* left in this turn */
	struct crypto_tls *tls; /* NULL: plain TCP */
	uint8_t *queue; /* TCP: IO_CONN_QUEUE bytes, of which [at, at + len) wait. TLS keeps its own */
	size_t at;
	size_t len;
	uint8_t *rx; /* TLS: what has been read */
	struct turn_frame frames;
	uint8_t frame_buf[TURN_FRAME_MAX];
	char why[IO_CONN_WHY_MAX];
};

static void fail(struct io_conn *c, const char *why)
{
	if (c->state == DOWN)
		return;
	c->state = DOWN;
	snprintf(c->why, sizeof(c->why), "%s", why);
}

/* --- life --- */

static int set_up_tls(struct io_conn *c, const struct adit_out *out, const char *ca_file)
{
	char text[ADIT_ADDR_STRLEN];
	struct adit_addr ip = adit_addr_with_port(out->remote, 0);
	struct crypto_tls_config cfg = {.host = out->host, .ca_file = ca_file, .alpn = IO_CONN_ALPN};

	if (!cfg.host || !cfg.host[0])
		cfg.host = adit_addr_format(&ip, text);
	c->rx = malloc(IO_CONN_READ);
	return c->rx ? crypto_tls_new(&cfg, &c->tls) : ADIT_ENOMEM;
}

/* What the system does not have is done without. */
static void set_options(int fd)
{
	static const struct {
		int name;
		int value;
	} options[] = {{TCP_NODELAY, 1}, {TCP_NOTSENT_LOWAT, IO_CONN_NOTSENT}, {TCP_USER_TIMEOUT, IO_CONN_DEAD_MS}};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		(void)!setsockopt(fd, IPPROTO_TCP, options[i].name, &options[i].value, sizeof(options[i].value));
}

static int dial(struct io_conn *c, const struct adit_addr *to)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(to, &ss);

	c->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return ADIT_ESYS;
	set_options(c->fd);
	return connect(c->fd, (struct sockaddr *)&ss, len) == 0 || errno == EINPROGRESS ? 0 : ADIT_ESYS;
}

int io_conn_open(const struct adit_out *out, const char *ca_file, struct io_conn **ret_conn)
{
	struct io_conn *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return ADIT_ENOMEM;
	c->fd = -1;
	turn_frame_init(&c->frames, c->frame_buf, sizeof(c->frame_buf));
	if (out->sock_kind == ADIT_SOCK_TLS) {
		err = set_up_tls(c, out, ca_file);
	} else {
		c->queue = malloc(IO_CONN_QUEUE);
		err = c->queue ? 0 : ADIT_ENOMEM;
	}
	if (err == 0)
		err = dial(c, &out->remote);
	if (err < 0) {
		int saved = errno;

		io_conn_free(c);
		errno = saved;
		return err;
	}
	*ret_conn = c;
	return 0;
}

void io_conn_free(struct io_conn *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	crypto_tls_free(c->tls);
	free(c->queue);
	free(c->rx);
	free(c);
}

int io_conn_fd(const struct io_conn *c)
{
	return c->fd;
}

/* --- out --- */

static const uint8_t *waiting(struct io_conn *c, size_t *ret_len)
{
	if (c->tls)
		return crypto_tls_out(c->tls, ret_len);
	*ret_len = c->len;
	return c->queue + c->at;
}

static void written(struct io_conn *c, size_t n)
{
	if (c->tls) {
		crypto_tls_sent(c->tls, n);
		return;
	}
	c->at += n;
	c->len -= n;
	if (c->len == 0)
		c->at = 0;
}

/* Bytes that the system took; 0: its buffer is full, or it is over. */
static size_t put(struct io_conn *c, const uint8_t *data, size_t len)
{
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN && errno != EINTR)
		fail(c, strerror(errno));
	return 0;
}

static void flush(struct io_conn *c)
{
	const uint8_t *data;
	size_t len;
	size_t n = 1;

	while (c->state != DOWN && n > 0 && (data = waiting(c, &len), len > 0)) {
		n = put(c, data, len);
		written(c, n);
	}
}

bool io_conn_wants_room(const struct io_conn *c)
{
	size_t len = c->len;

	if (c->tls)
		crypto_tls_out(c->tls, &len);
	return c->state == CONNECTING || (c->state != DOWN && len > 0);
}

/* ChannelData, or a Send indication (RFC 8656 18.1): those get lost, as requests, which nobody sends twice, must not.
 */
static bool is_for_peer(const uint8_t *data, size_t len)
{
	return len >= 2 && (data[0] >= TURN_CHANNEL_FIRST >> 8 || (data[0] == 0x00 && data[1] == 0x16));
}

static size_t room_for(struct io_conn *c, const uint8_t *data, size_t len)
{
	size_t reserve = is_for_peer(data, len) ? IO_CONN_RESERVE : 0;
	size_t waits;

	waiting(c, &waits);
	return waits + reserve < IO_CONN_QUEUE ? IO_CONN_QUEUE - reserve - waits : 0;
}

static void queue_add(struct io_conn *c, const uint8_t *data, size_t len)
{
	if (c->at + c->len + len > IO_CONN_QUEUE) {
		memmove(c->queue, c->queue + c->at, c->len);
		c->at = 0;
	}
	memcpy(c->queue + c->at + c->len, data, len);
	c->len += len;
}

size_t io_conn_send(struct io_conn *c, const uint8_t *data, size_t len, size_t seg_size)
{
	size_t room;
	size_t n = 0;

	if (c->state != UP)
		return 0;
	flush(c);
	room = room_for(c, data, len);
	if (len > room)
		len = seg_size > 0 ? room / seg_size * seg_size : 0;
	if (len == 0)
		return 0;
	if (c->tls) {
		if (crypto_tls_write(c->tls, data, len) < 0)
			return 0;
		flush(c);
		return len;
	}
	if (c->len == 0)
		n = put(c, data, len);
	if (n < len)
		queue_add(c, data + n, len - n);
	return len;
}

void io_conn_bye(struct io_conn *c)
{
	if (c->tls && c->state == UP)
		crypto_tls_bye(c->tls);
	if (c->state != CONNECTING)
		flush(c);
}

/* --- in --- */

static void connected(struct io_conn *c)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0)
		fail(c, strerror(err));
	else
		c->state = c->tls ? SHAKING : UP;
}

void io_conn_ready(struct io_conn *c, bool readable, bool writable)
{
	if (c->state == CONNECTING && (readable || writable))
		connected(c);
	if (writable)
		flush(c);
	c->reads = readable ? IO_CONN_READS : 0;
}

/* What TLS makes of what was read. False: it wants more. */
static bool read_tls(struct io_conn *c)
{
	size_t room;
	uint8_t *to = turn_frame_room(&c->frames, &room);
	int n = crypto_tls_read(c->tls, to, room);

	if (n > 0)
		turn_frame_filled(&c->frames, (size_t)n);
	if (c->state == SHAKING && crypto_tls_is_up(c->tls))
		c->state = UP;
	if (n <= 0)
		flush(c); /* the handshake's answers, or the alert */
	if (n < 0)
		fail(c, crypto_tls_why(c->tls));
	return n != 0;
}

/* False: there is nothing now. */
static bool read_wire(struct io_conn *c)
{
	size_t room = IO_CONN_READ;
	uint8_t *to = c->tls ? c->rx : turn_frame_room(&c->frames, &room);
	ssize_t n;

	if (c->reads == 0)
		return false;
	c->reads--;
	n = recv(c->fd, to, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		fail(c, n == 0 ? "the server has closed the connection" : strerror(errno));
	else if (c->tls)
		crypto_tls_feed(c->tls, to, (size_t)n);
	else
		turn_frame_filled(&c->frames, (size_t)n);
	return true;
}

static bool read_frame(struct io_conn *c, struct io_conn_news *ret_news)
{
	int n = turn_frame_next(&c->frames, &ret_news->data, &ret_news->len);

	ret_news->kind = n == 1 ? IO_CONN_FRAME : IO_CONN_NOTHING;
	if (n < 0)
		fail(c, "the server sends what is no TURN");
	return n == 1;
}

void io_conn_read(struct io_conn *c, struct io_conn_news *ret_news)
{
	bool goes_on = true;

	*ret_news = (struct io_conn_news){.kind = IO_CONN_NOTHING};
	while (goes_on && c->state != CONNECTING) {
		enum state was = c->state;

		if (c->state == UP && !c->is_up_told) {
			c->is_up_told = true;
			ret_news->kind = IO_CONN_UP;
			return;
		}
		if (c->state == DOWN) {
			if (!c->is_down_told)
				*ret_news = (struct io_conn_news){.kind = IO_CONN_DOWN, .why = c->why};
			c->is_down_told = true;
			return;
		}
		if (read_frame(c, ret_news))
			return;
		goes_on = (c->tls && read_tls(c)) || c->state != was || read_wire(c);
	}
}
