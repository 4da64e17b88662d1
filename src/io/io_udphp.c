#include "io/io_udphp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "io/io_udphp_sock.h"
#include "udphp/udphp.h"

#define DGRAMS_PER_WAKE 16u /* then others get their turn */
#define DGRAM_CAP       65536u /* bytes; no UDP datagram is longer */

struct io_udphp {
	struct io_udphp_config cfg;
	struct udphp *machine;
	uv_loop_t loop;
	uv_timer_t timer;
	uv_signal_t sigint, sigterm;
	uv_poll_t udp_poll, tcp_poll, listen_poll[IO_UDPHP_LOOPS];
	int udp, tcp, listener[IO_UDPHP_LOOPS]; /* -1: not open */
	bool connected; /* |tcp| carries data */
	bool tcp_done; /* nothing more is read from it */
	bool send_failed; /* it has been said once */
	bool over;
	int code;
	uint8_t buf[DGRAM_CAP];
};

static adit_time clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ADIT_SEC(ts.tv_sec) + (adit_time)ts.tv_nsec;
}

static void finish(struct io_udphp *io, int code)
{
	if (io->over)
		return;
	io->over = true;
	io->code = code;
	uv_stop(&io->loop);
}

static void fail_local(struct io_udphp *io, const char *what, const struct adit_addr *at, int err)
{
	char text[ADIT_ADDR_STRLEN];

	adit_trace(io->cfg.log, ADIT_LOG_ERROR, "%s %s: %s", what, adit_addr_format(at, text), strerror(err));
	finish(io, IO_UDPHP_LOCAL);
}

static void on_udp(uv_poll_t *poll, int status, int events);
static void on_tcp(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

static void watch(struct io_udphp *io, uv_poll_t *poll, int fd, int events, uv_poll_cb cb)
{
	poll->data = io;
	if (uv_poll_init(&io->loop, poll, fd) < 0)
		finish(io, IO_UDPHP_INTERNAL);
	else if (events)
		uv_poll_start(poll, events, cb);
}

static void open_udp(struct io_udphp *io, const struct adit_out *out)
{
	struct adit_addr any = {.family = out->local.family, .port = out->local.port};

	io->udp = io_udphp_open_udp((enum adit_family)out->local.family, out->local.port);
	if (io->udp < 0) {
		fail_local(io, "cannot open UDP port", &any, errno);
		return;
	}
	watch(io, &io->udp_poll, io->udp, UV_READABLE, on_udp);
}

static void send_out(struct io_udphp *io, const struct adit_out *out)
{
	char text[ADIT_ADDR_STRLEN];

	if (io->udp < 0 || io_udphp_send(io->udp, &out->remote, out->data, out->len) || io->send_failed)
		return;
	/* A lost packet to the machine. Said once: it may be for good (no route, datagrams too large). */
	io->send_failed = true;
	adit_trace(io->cfg.log, ADIT_LOG_WARN, "cannot send %zu bytes to %s: %s; trying on", out->len,
		   adit_addr_format(&out->remote, text), strerror(errno));
}

static void drain_outputs(struct io_udphp *io)
{
	struct adit_out out;

	while (!io->over && udphp_output(io->machine, &out)) {
		if (out.kind == ADIT_OUT_OPEN)
			open_udp(io, &out);
		else if (out.kind == ADIT_OUT_SEND)
			send_out(io, &out);
	}
}

static void drain_events(struct io_udphp *io)
{
	char text[ADIT_ADDR_STRLEN];
	struct udphp_event e;

	while (udphp_event(io->machine, &e)) {
		adit_addr_format(&e.peer, text);
		if (e.kind == UDPHP_EVENT_HEARD)
			adit_trace(io->cfg.log, ADIT_LOG_INFO, "the peer answers from %s", text);
		else if (e.kind == UDPHP_EVENT_MOVED)
			adit_trace(io->cfg.log, ADIT_LOG_INFO, "the peer's packets come from %s now; sending there",
				   text);
		else
			finish(io, e.code);
	}
}

/* Hands TCP what it accepts. */
static void drain_tcp(struct io_udphp *io, adit_time now)
{
	const uint8_t *data;
	size_t len;
	ssize_t n;

	while (io->connected && (data = udphp_take(io->machine, &len), len)) {
		n = send(io->tcp, data, len, MSG_NOSIGNAL);
		if (n >= 0)
			udphp_taken(io->machine, now, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			udphp_take_failed(io->machine, now);
	}
}

/* After anything: outputs, bytes for TCP (which may cause an output: a withheld ack), events, and what to wait for. */
static void settle(struct io_udphp *io, adit_time now)
{
	adit_time at;
	size_t len;
	int want = 0;

	drain_outputs(io);
	drain_tcp(io, now);
	drain_outputs(io);
	drain_events(io);
	if (io->over)
		return;
	if (io->connected) {
		udphp_take(io->machine, &len);
		want = (len ? UV_WRITABLE : 0) | (!io->tcp_done && udphp_feed_room(io->machine) ? UV_READABLE : 0);
		if (want)
			uv_poll_start(&io->tcp_poll, want, on_tcp);
		else
			uv_poll_stop(&io->tcp_poll);
	}
	at = udphp_deadline(io->machine);
	if (at == ADIT_NEVER)
		uv_timer_stop(&io->timer);
	else /* rounded up: a tick that comes early does nothing and costs another one */
		uv_timer_start(&io->timer, on_timer, (adit_time_since(at, now) + ADIT_MS(1) - 1) / ADIT_MS(1), 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct io_udphp *io = timer->data;
	adit_time now = clock_now();

	udphp_tick(io->machine, now);
	settle(io, now);
}

static void on_udp(uv_poll_t *poll, int status, int events)
{
	struct io_udphp *io = poll->data;
	struct adit_dgram d = {.data = io->buf};
	adit_time now = clock_now();

	(void)status; /* an error of an earlier datagram: the next call reports what matters */
	(void)events;
	for (unsigned i = 0; i < DGRAMS_PER_WAKE && !io->over; i++) {
		if (!io_udphp_recv(io->udp, io->buf, sizeof(io->buf), &d.remote, &d.len))
			break;
		udphp_input(io->machine, now, &d);
		drain_outputs(io);
	}
	udphp_tick(io->machine, now);
	settle(io, now);
}

static void read_tcp(struct io_udphp *io, adit_time now)
{
	size_t room = udphp_feed_room(io->machine);
	ssize_t n;

	if (!room || io->tcp_done)
		return;
	n = recv(io->tcp, io->buf, room < sizeof(io->buf) ? room : sizeof(io->buf), 0);
	if (n > 0) {
		udphp_feed(io->machine, now, io->buf, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	io->tcp_done = true;
	udphp_feed_end(io->machine, now, n == 0 ? UDPHP_EXIT_TCP_EOF : UDPHP_EXIT_TCP_READ);
}

static void on_tcp(uv_poll_t *poll, int status, int events)
{
	struct io_udphp *io = poll->data;
	adit_time now = clock_now();

	(void)status; /* reading or writing tells the errno */
	(void)events;
	read_tcp(io, now);
	settle(io, now);
}

/* |fd| is the connection: data may flow. */
static void tcp_ready(struct io_udphp *io, int fd)
{
	io->tcp = fd;
	watch(io, &io->tcp_poll, fd, 0, on_tcp);
	if (io->over)
		return;
	io->connected = true;
	settle(io, clock_now());
}

static void close_listeners(struct io_udphp *io)
{
	for (unsigned i = 0; i < IO_UDPHP_LOOPS; i++) {
		if (io->listener[i] < 0)
			continue;
		uv_close((uv_handle_t *)&io->listen_poll[i], NULL);
		close(io->listener[i]);
		io->listener[i] = -1;
	}
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct io_udphp *io = poll->data;
	unsigned i = (unsigned)(poll - io->listen_poll);
	int fd = io_udphp_accept(io->listener[i]);

	(void)status;
	(void)events;
	if (fd < 0)
		return; /* it has gone again; the next one will do */
	/* One connection is all the protocol can carry: further ones are refused rather than left waiting. */
	close_listeners(io);
	adit_trace(io->cfg.log, ADIT_LOG_INFO, "a local program has connected");
	tcp_ready(io, fd);
}

static void start_listen(struct io_udphp *io)
{
	char text[ADIT_ADDR_STRLEN];

	for (unsigned i = 0; i < IO_UDPHP_LOOPS && !io->over; i++) {
		struct adit_addr at = io_udphp_loop(i, io->cfg.tcp_port);

		io->listener[i] = io_udphp_listen(&at);
		if (io->listener[i] < 0) {
			/* A machine may be without IPv6; a port in use is an error in either family. */
			if (i == 0 || errno == EADDRINUSE)
				fail_local(io, "cannot listen on", &at, errno);
			continue;
		}
		watch(io, &io->listen_poll[i], io->listener[i], UV_READABLE, on_listener);
		if (io->over) { /* it is not being watched, so there is no handle to close */
			close(io->listener[i]);
			io->listener[i] = -1;
			return;
		}
		adit_trace(io->cfg.log, ADIT_LOG_INFO, "listening on %s", adit_addr_format(&at, text));
	}
}

static void start_connect(struct io_udphp *io)
{
	char text[ADIT_ADDR_STRLEN];
	struct adit_addr to;
	int err = 0;
	int fd;

	for (unsigned i = 0; i < IO_UDPHP_LOOPS; i++) {
		to = io_udphp_loop(i, io->cfg.tcp_port);
		fd = io_udphp_connect(&to);
		if (fd >= 0) {
			adit_trace(io->cfg.log, ADIT_LOG_INFO, "connected to %s", adit_addr_format(&to, text));
			tcp_ready(io, fd);
			return;
		}
		if (i == 0)
			err = errno; /* that of 127.0.0.1 says more */
	}
	to = io_udphp_loop(0, io->cfg.tcp_port);
	fail_local(io, "cannot connect to", &to, err);
}

static void on_signal(uv_signal_t *sig, int signum)
{
	(void)signum;
	finish(sig->data, IO_UDPHP_STOPPED);
}

static void start(struct io_udphp *io)
{
	uv_timer_init(&io->loop, &io->timer);
	uv_signal_init(&io->loop, &io->sigint);
	uv_signal_init(&io->loop, &io->sigterm);
	io->timer.data = io->sigint.data = io->sigterm.data = io;
	uv_signal_start(&io->sigint, on_signal, SIGINT);
	uv_signal_start(&io->sigterm, on_signal, SIGTERM);
	settle(io, clock_now());
	if (io->over)
		return;
	if (io->cfg.server)
		start_connect(io);
	else
		start_listen(io);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void stop(struct io_udphp *io)
{
	close_listeners(io);
	uv_walk(&io->loop, close_handle, NULL);
	while (uv_loop_close(&io->loop) == UV_EBUSY)
		uv_run(&io->loop, UV_RUN_DEFAULT);
	if (io->udp >= 0)
		close(io->udp);
	if (io->tcp < 0)
		return;
	/* Only a connection that ended here ends in order; all else must not look like the end of the data. */
	if (io->code == UDPHP_EXIT_TCP_EOF)
		close(io->tcp);
	else
		io_udphp_reset(io->tcp);
}

int io_udphp_run(const struct io_udphp_config *cfg)
{
	struct udphp_config mc = {
		.server = cfg->server,
		.peer = cfg->peer,
		.port = cfg->udp_port,
		.rng = cfg->rng,
		.md5 = cfg->md5,
		.log = cfg->log,
	};
	struct io_udphp *io = calloc(1, sizeof(*io));
	int code = IO_UDPHP_INTERNAL;

	if (!io)
		return code;
	io->cfg = *cfg;
	io->udp = io->tcp = io->listener[0] = io->listener[1] = -1;
	io->machine = udphp_new(&mc, clock_now());
	if (io->machine && uv_loop_init(&io->loop) == 0) {
		start(io);
		if (!io->over)
			uv_run(&io->loop, UV_RUN_DEFAULT);
		stop(io);
		code = io->code;
	}
	udphp_free(io->machine);
	free(io);
	return code;
}
