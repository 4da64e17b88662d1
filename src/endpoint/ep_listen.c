#include "endpoint/ep_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/io_sockaddr.h"

#define ACCEPTS_PER_TURN 64
#define FREE_PORT_TRIES	 16 /* until one is free on both loopbacks */

struct listen_fd {
	uv_poll_t poll;
	struct ep_listen *owner;
	int fd;
	bool open;
};

struct ep_listen {
	struct listen_fd lfd[2];
	uv_timer_t timer;
	bool timer_open;
	const struct ep_listen_ops *ops;
	void *ctx;
	uint16_t port;
	char path[108]; /* unix: unlinked at the end */
};

static int bind_tcp(const struct adit_addr *a, uint16_t *ret_port)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(a, &ss);
	int fd = socket(io_sockaddr_family(a), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	int saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (adit_addr_is_v6(a))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) == 0 && listen(fd, EP_LISTEN_BACKLOG) == 0 &&
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
static int bind_loopbacks(uint16_t port, int fds[2], uint16_t *ret_port)
{
	static const uint8_t one[16] = {[15] = 1};

	for (int i = 0; i < FREE_PORT_TRIES; i++) {
		struct adit_addr v4 = adit_addr_v4(127, 0, 0, 1, port);
		struct adit_addr v6;
		uint16_t got;

		fds[0] = bind_tcp(&v4, ret_port);
		if (fds[0] < 0)
			return ADIT_ESYS;
		v6 = adit_addr_v6(one, *ret_port);
		fds[1] = bind_tcp(&v6, &got);
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

/* A socket file that nobody answers on is left over from a crash. */
static void unlink_if_dead(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

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

int ep_listen_open_fds(const struct ep_local *local, int ret_fds[2], uint16_t *ret_port)
{
	*ret_port = 0;
	if (local->path[0]) {
		ret_fds[0] = bind_unix(local->path);
		return ret_fds[0] < 0 ? ADIT_ESYS : 1;
	}
	if (local->addr.family == ADIT_FAMILY_NONE)
		return bind_loopbacks(local->addr.port, ret_fds, ret_port);
	ret_fds[0] = bind_tcp(&local->addr, ret_port);
	return ret_fds[0] < 0 ? ADIT_ESYS : 1;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void resume(struct ep_listen *l)
{
	for (int i = 0; i < 2; i++)
		if (l->lfd[i].open)
			uv_poll_start(&l->lfd[i].poll, UV_READABLE, on_readable);
}

static void on_pause_over(uv_timer_t *timer)
{
	resume(timer->data);
}

static void pause_accepting(struct ep_listen *l, int err)
{
	for (int i = 0; i < 2; i++)
		if (l->lfd[i].open)
			uv_poll_stop(&l->lfd[i].poll);
	uv_timer_start(&l->timer, on_pause_over, EP_LISTEN_PAUSE_MS, 0);
	l->ops->paused(l->ctx, err);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listen_fd *lfd = poll->data;
	struct ep_listen *l = lfd->owner;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN && lfd->open; i++) {
		int fd = accept4(lfd->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

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

static void free_if_unused(struct ep_listen *l)
{
	if (!l->timer_open && !l->lfd[0].owner && !l->lfd[1].owner)
		free(l);
}

static void on_poll_closed(uv_handle_t *h)
{
	struct listen_fd *lfd = h->data;
	struct ep_listen *l = lfd->owner;

	lfd->owner = NULL;
	free_if_unused(l);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct ep_listen *l = h->data;

	l->timer_open = false;
	free_if_unused(l);
}

void ep_listen_close(struct ep_listen *l)
{
	if (!l)
		return;
	for (int i = 0; i < 2; i++) {
		if (!l->lfd[i].open)
			continue;
		l->lfd[i].open = false;
		uv_poll_stop(&l->lfd[i].poll);
		close(l->lfd[i].fd);
		uv_close((uv_handle_t *)&l->lfd[i].poll, on_poll_closed);
	}
	if (l->path[0])
		unlink(l->path);
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* Takes |fds| over. */
static int start(uv_loop_t *loop, const int *fds, int n, const struct ep_listen_ops *ops, void *ctx,
		 struct ep_listen **ret_listen)
{
	struct ep_listen *l = calloc(1, sizeof(*l));

	if (!l) {
		for (int i = 0; i < n; i++)
			close(fds[i]);
		return ADIT_ENOMEM;
	}
	l->ops = ops;
	l->ctx = ctx;
	uv_timer_init(loop, &l->timer);
	l->timer.data = l;
	l->timer_open = true;
	for (int i = 0; i < n; i++) {
		struct listen_fd *lfd = &l->lfd[i];

		if (uv_poll_init(loop, &lfd->poll, fds[i]) < 0) {
			close(fds[i]);
			continue;
		}
		lfd->fd = fds[i];
		lfd->owner = l;
		lfd->open = true;
		lfd->poll.data = lfd;
	}
	resume(l);
	*ret_listen = l;
	return 0;
}

int ep_listen_new(uv_loop_t *loop, const struct ep_local *local, const struct ep_listen_ops *ops, void *ctx,
		  struct ep_listen **ret_listen)
{
	int fds[2];
	uint16_t port;
	int n = ep_listen_open_fds(local, fds, &port);
	int r;

	if (n < 0)
		return n;
	r = start(loop, fds, n, ops, ctx, ret_listen);
	if (r < 0)
		return r;
	(*ret_listen)->port = port;
	memcpy((*ret_listen)->path, local->path, sizeof(local->path));
	return 0;
}

int ep_listen_from_fd(uv_loop_t *loop, int fd, const struct ep_listen_ops *ops, void *ctx, struct ep_listen **ret_listen)
{
	return start(loop, &fd, 1, ops, ctx, ret_listen);
}

uint16_t ep_listen_port(const struct ep_listen *l)
{
	return l->port;
}
