#include "endpoint/ep_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/io_sockaddr.h"

#define ACCEPTS_PER_TURN 64
#define FREE_PORT_TRIES  16 /* until one is free on both loopbacks */

struct ep_listen {
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	int fd;
	const struct ep_listen_ops *ops;
	void *ctx;
};

static int bind_inet(const struct adit_addr *a, bool dgram, uint16_t *ret_port)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(a, &ss);
	int fd = socket(io_sockaddr_family(a), (dgram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	int saved;

	if (fd < 0)
		return -1;
	if (!dgram)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (adit_addr_is_v6(a))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) == 0 && (dgram || listen(fd, EP_LISTEN_BACKLOG) == 0) &&
	    getsockname(fd, (struct sockaddr *)&ss, &len) == 0) {
		*ret_port = io_sockaddr_to((struct sockaddr *)&ss).port;
		return fd;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* 127.0.0.1, and ::1 on the same port where this machine has IPv6. */
static int bind_loopbacks(uint16_t port, bool dgram, int fds[2], uint16_t *ret_port)
{
	static const uint8_t one[16] = {[15] = 1};

	for (int i = 0; i < FREE_PORT_TRIES; i++) {
		struct adit_addr v4 = adit_addr_v4(127, 0, 0, 1, port);
		struct adit_addr v6;
		uint16_t got;

		fds[0] = bind_inet(&v4, dgram, ret_port);
		if (fds[0] < 0)
			return ADIT_ESYS;
		v6 = adit_addr_v6(one, *ret_port);
		fds[1] = bind_inet(&v6, dgram, &got);
		if (fds[1] >= 0)
			return 2;
		if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)
			return 1;
		close(fds[0]);
		if (port != 0)
			break;
	}
	errno = EADDRINUSE;
	return ADIT_ESYS;
}

/* A socket file that nobody answers on is left over from a crash. Any other file refuses a connection just the same. */
static void unlink_if_dead(const struct sockaddr_un *un)
{
	struct stat st;
	int fd;

	if (lstat(un->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) < 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int bind_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	memcpy(un.sun_path, path, strnlen(path, sizeof(un.sun_path) - 1));
	unlink_if_dead(&un);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(fd, EP_LISTEN_BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int ep_listen_open(const struct ep_local *local, int ret_fds[EP_LISTEN_FDS_MAX], uint16_t *ret_port)
{
	*ret_port = 0;
	if (local->path[0]) {
		ret_fds[0] = bind_unix(local->path);
		return ret_fds[0] < 0 ? ADIT_ESYS : 1;
	}
	if (local->addr.family == ADIT_FAMILY_NONE)
		return bind_loopbacks(local->addr.port, local->dgram, ret_fds, ret_port);
	ret_fds[0] = bind_inet(&local->addr, local->dgram, ret_port);
	return ret_fds[0] < 0 ? ADIT_ESYS : 1;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
	struct ep_listen *l = timer->data;

	uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void pause_accepting(struct ep_listen *l, int err)
{
	uv_poll_stop(&l->poll);
	uv_timer_start(&l->timer, on_pause_over, EP_LISTEN_PAUSE_MS, 0);
	l->ops->paused(l->ctx, err);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct ep_listen *l = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->ops->accepted(l->ctx, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(l, errno);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void on_closed(uv_handle_t *h)
{
	struct ep_listen *l = h->data;

	if (--l->open_handles == 0)
		free(l);
}

void ep_listen_close(struct ep_listen *l)
{
	uv_poll_stop(&l->poll);
	close(l->fd);
	l->fd = -1;
	uv_close((uv_handle_t *)&l->poll, on_closed);
	uv_close((uv_handle_t *)&l->timer, on_closed);
}

int ep_listen_new(uv_loop_t *loop, int fd, const struct ep_listen_ops *ops, void *ctx, struct ep_listen **ret_listen)
{
	struct ep_listen *l = calloc(1, sizeof(*l));

	if (!l) {
		close(fd);
		return ADIT_ENOMEM;
	}
	if (uv_poll_init(loop, &l->poll, fd) < 0) {
		close(fd);
		free(l);
		return ADIT_ESYS;
	}
	l->fd = fd;
	l->ops = ops;
	l->ctx = ctx;
	uv_timer_init(loop, &l->timer);
	l->poll.data = l->timer.data = l;
	l->open_handles = 2;
	uv_poll_start(&l->poll, UV_READABLE, on_readable);
	*ret_listen = l;
	return 0;
}
