#include "endpoint/ep_ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"

struct ep_ctl_client {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	struct adit_list node;
	struct ep_ctl *ctl;
	int fd;
	void *user;
	char *answer; /* ep_ctl_finish() */
	size_t len;
	size_t sent;
};

struct ep_ctl {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	uv_loop_t *loop;
	int fd;
	int spare; /* a descriptor for the day when there are none: see turn_away() */
	char path[108];
	const struct ep_ctl_ops *ops;
	void *ctx;
	struct adit_list clients;
	size_t n_clients;
};

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void drop(struct ep_ctl_client *client)
{
	struct ep_ctl *c = client->ctl;

	adit_list_del(&client->node);
	c->n_clients--;
	c->ops->gone(c->ctx, client);
	uv_poll_stop(&client->poll);
	close(client->fd);
	free(client->answer);
	client->answer = NULL;
	uv_close((uv_handle_t *)&client->poll, free_handle);
}

/* One packet with at most one descriptor. The length as recvmsg has it; further descriptors are closed by the kernel.
 */
static ssize_t receive(int fd, char buf[EP_CTL_TEXT_MAX], int *ret_passed)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = buf, .iov_len = EP_CTL_TEXT_MAX - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_passed = -1;
	if (n < 0)
		return n;
	buf[n] = '\0';
	if (m.msg_flags & MSG_TRUNC) {
		errno = EMSGSIZE;
		n = -1;
	}
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(ret_passed, CMSG_DATA(h), sizeof(int));
	return n;
}

static void on_client(uv_poll_t *poll, int status, int events);

/* As much as fits. False: the client is gone. */
static bool send_on(struct ep_ctl_client *client)
{
	while (client->sent < client->len) {
		size_t left = client->len - client->sent;
		ssize_t n = send(client->fd, client->answer + client->sent, left < EP_CTL_PART ? left : EP_CTL_PART,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			uv_poll_start(&client->poll, UV_READABLE | UV_WRITABLE | UV_DISCONNECT, on_client);
			return true;
		}
		if (n < 0)
			return false;
		client->sent += (size_t)n;
	}
	shutdown(client->fd, SHUT_WR);
	uv_poll_start(&client->poll, UV_READABLE | UV_DISCONNECT, on_client);
	return true;
}

static void on_client(uv_poll_t *poll, int status, int events)
{
	static char text[EP_CTL_TEXT_MAX];
	struct ep_ctl_client *client = (struct ep_ctl_client *)poll;
	int passed;
	ssize_t n;

	(void)status;
	if (client->answer && (events & UV_WRITABLE) && !send_on(client)) {
		drop(client);
		return;
	}
	n = receive(client->fd, text, &passed);
	if (client->answer && n > 0) {
		if (passed >= 0)
			close(passed);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(client);
		return;
	}
	client->ctl->ops->message(client->ctl->ctx, client, text, passed);
}

static bool is_same_user(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && (cred.uid == geteuid() || cred.uid == 0);
}

/* Who is told why does not knock again at once. */
static void show_out(int fd, const char *why)
{
	if (fd < 0)
		return;
	(void)!send(fd, why, strlen(why), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

/* Out of descriptors: who knocks is let in and shown the door, or the loop would spin on him. */
static void turn_away(struct ep_ctl *c)
{
	if (c->spare >= 0)
		close(c->spare);
	show_out(accept4(c->fd, NULL, NULL, SOCK_CLOEXEC), "error it is out of file descriptors");
	c->spare = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
	struct ep_ctl *c = (struct ep_ctl *)poll;
	struct ep_ctl_client *client;
	int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)status;
	(void)events;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(c);
		return;
	}
	if (!is_same_user(fd)) {
		close(fd);
		return;
	}
	if (c->n_clients == EP_CTL_CLIENTS_MAX) {
		show_out(fd, "error it has no room for another");
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client || uv_poll_init(c->loop, &client->poll, fd) < 0) {
		show_out(fd, "error no memory");
		free(client);
		return;
	}
	client->ctl = c;
	client->fd = fd;
	c->n_clients++;
	adit_list_push_back(&c->clients, &client->node);
	uv_poll_start(&client->poll, UV_READABLE | UV_DISCONNECT, on_client);
}

static int seqpacket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int address(const char *path, struct sockaddr_un *ret_un)
{
	size_t len = strlen(path);

	*ret_un = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len >= sizeof(ret_un->sun_path)) {
		errno = ENAMETOOLONG;
		return ADIT_ESYS;
	}
	memcpy(ret_un->sun_path, path, len);
	return 0;
}

/* The directory of |path|, locked until it is closed: of two that start at the same moment the second one waits. */
static int lock_directory(const char *path)
{
	char dir[108];
	const char *slash = strrchr(path, '/');
	size_t len = slash && slash > path ? (size_t)(slash - path) : 1;
	int fd;

	if (len >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, slash ? path : ".", len);
	dir[len] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			close(fd);
			return -1;
		}
	return fd;
}

static int listen_locked(const char *path)
{
	struct sockaddr_un un;
	int fd = ep_ctl_dial(path);
	mode_t mask;
	int r;

	if (fd >= 0) {
		close(fd);
		errno = EADDRINUSE;
		return ADIT_ESYS;
	}
	if (fd != ADIT_ENOENT) /* somebody may be there who has no room just now */
		return ADIT_ESYS;
	unlink(path);
	if (address(path, &un) < 0)
		return ADIT_ESYS;
	fd = seqpacket();
	if (fd < 0)
		return ADIT_ESYS;
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(mask);
	if (r == 0 && listen(fd, EP_CTL_CLIENTS_MAX) == 0)
		return fd;
	close(fd);
	return ADIT_ESYS;
}

static int listen_at(const char *path)
{
	int lock = lock_directory(path);
	int fd;
	int err;

	if (lock < 0)
		return ADIT_ESYS;
	fd = listen_locked(path);
	err = errno;
	close(lock);
	errno = err;
	return fd;
}

int ep_ctl_new(uv_loop_t *loop, const char *path, const struct ep_ctl_ops *ops, void *ctx, struct ep_ctl **ret_ctl)
{
	struct ep_ctl *c = calloc(1, sizeof(*c));

	if (!c)
		return ADIT_ENOMEM;
	c->fd = listen_at(path);
	if (c->fd < 0) {
		free(c);
		return ADIT_ESYS;
	}
	if (uv_poll_init(loop, &c->poll, c->fd) < 0) {
		close(c->fd);
		unlink(path);
		free(c);
		return ADIT_ESYS;
	}
	c->spare = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	c->loop = loop;
	c->ops = ops;
	c->ctx = ctx;
	memcpy(c->path, path, strlen(path) + 1);
	adit_list_init(&c->clients);
	uv_poll_start(&c->poll, UV_READABLE, on_accept);
	*ret_ctl = c;
	return 0;
}

void ep_ctl_close(struct ep_ctl *c)
{
	if (!c)
		return;
	adit_list_each_safe (it, tmp, &c->clients)
		drop(adit_container(it, struct ep_ctl_client, node));
	unlink(c->path);
	uv_poll_stop(&c->poll);
	close(c->fd);
	if (c->spare >= 0)
		close(c->spare);
	uv_close((uv_handle_t *)&c->poll, free_handle);
}

void ep_ctl_reply(struct ep_ctl_client *client, const char *text)
{
	/* What does not fit into its buffer it has not read: its next message finds the socket shut down. */
	if (send(client->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		shutdown(client->fd, SHUT_RDWR);
}

void ep_ctl_finish(struct ep_ctl_client *client, char *text)
{
	client->answer = text;
	client->len = text ? strlen(text) : 0;
	if (!text || !send_on(client))
		shutdown(client->fd, SHUT_RDWR); /* as above */
}

void ep_ctl_set_user(struct ep_ctl_client *client, void *user)
{
	client->user = user;
}

void *ep_ctl_user(const struct ep_ctl_client *client)
{
	return client->user;
}

int ep_ctl_dial(const char *path)
{
	struct sockaddr_un un;
	int err;
	int fd;

	if (address(path, &un) < 0)
		return ADIT_ESYS;
	fd = seqpacket();
	if (fd < 0)
		return ADIT_ESYS;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return err == ENOENT || err == ECONNREFUSED ? ADIT_ENOENT : ADIT_ESYS;
}

int ep_ctl_send(int fd, const char *text, int pass)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)text, .iov_len = strlen(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *h;

	if (pass >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &pass, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? ADIT_ESYS : 0;
}

int ep_ctl_recv(int fd, char buf[EP_CTL_TEXT_MAX], int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int passed;
	ssize_t n;
	int r = poll(&p, 1, timeout_ms);

	if (r < 0)
		return ADIT_ESYS;
	if (r == 0)
		return ADIT_EAGAIN;
	do
		n = receive(fd, buf, &passed);
	while (n < 0 && errno == ECONNRESET); /* told once: it left unread what we said, but its last word is here */
	if (passed >= 0)
		close(passed);
	if (n < 0 && errno == EMSGSIZE)
		return ADIT_ESYS;
	if (n <= 0)
		return ADIT_ENOENT;
	return (int)n;
}
