#include "io/io_udphp_sock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_WAIT_MS 5000
#define UDP_BUFFER      (1 << 20) /* bytes asked for in each direction; a datagram has 40 016 and counts about double */

static socklen_t to_sockaddr(const struct adit_addr *a, struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret_sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sa;

	memset(ret_sa, 0, sizeof(*ret_sa));
	if (adit_addr_is_v4(a)) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	in6->sin6_scope_id = a->scope;
	memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

static struct adit_addr from_sockaddr(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	struct adit_addr a = {0};

	if (sa->ss_family == AF_INET) {
		a.family = ADIT_FAMILY_V4;
		a.port = ntohs(in->sin_port);
		memcpy(a.ip, &in->sin_addr, 4);
	} else if (sa->ss_family == AF_INET6) {
		a.family = ADIT_FAMILY_V6;
		a.port = ntohs(in6->sin6_port);
		a.scope = in6->sin6_scope_id;
		memcpy(a.ip, &in6->sin6_addr, 16);
	}
	return a;
}

static int fail(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

static int open_socket(const struct adit_addr *a, int type)
{
	int family = adit_addr_is_v4(a) ? AF_INET : AF_INET6;
	int on = 1;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return fail(fd);
	return fd;
}

struct adit_addr io_udphp_loop(unsigned i, uint16_t port)
{
	static const uint8_t loop6[16] = {[15] = 1};

	return i == 0 ? adit_addr_v4(127, 0, 0, 1, port) : adit_addr_v6(loop6, port);
}

int io_udphp_open_udp(enum adit_family family, uint16_t port)
{
	struct adit_addr any = {.family = family, .port = port};
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(&any, &sa);
	int size = UDP_BUFFER;
	int fd = open_socket(&any, SOCK_DGRAM);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) < 0)
		return fail(fd);
	/* The system may grant less; then large datagrams are refused one by one, which is reported there. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

int io_udphp_listen(const struct adit_addr *at)
{
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(at, &sa);
	int on = 1;
	int fd = open_socket(at, SOCK_STREAM);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, 1) < 0)
		return fail(fd);
	return fd;
}

static void no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* 0, or -1 with the errno with which connecting failed. */
static int connect_result(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int err = 0;
	socklen_t len = sizeof(err);

	if (poll(&p, 1, CONNECT_WAIT_MS) == 0)
		err = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	errno = err;
	return err ? -1 : 0;
}

int io_udphp_connect(const struct adit_addr *to)
{
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(to, &sa);
	int fd = open_socket(to, SOCK_STREAM);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sa, len) < 0 && (errno != EINPROGRESS || connect_result(fd) < 0))
		return fail(fd);
	no_delay(fd);
	return fd;
}

int io_udphp_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		no_delay(fd);
	return fd;
}

bool io_udphp_recv(int fd, uint8_t *buf, size_t cap, struct adit_addr *ret_from, size_t *ret_len)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	ssize_t n;

	do
		n = recvfrom(fd, buf, cap, 0, (struct sockaddr *)&sa, &len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	*ret_from = from_sockaddr(&sa);
	*ret_len = (size_t)n;
	return true;
}

bool io_udphp_send(int fd, const struct adit_addr *to, const uint8_t *data, size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = to_sockaddr(to, &sa);
	ssize_t n;

	do
		n = sendto(fd, data, len, MSG_NOSIGNAL, (struct sockaddr *)&sa, sa_len);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

void io_udphp_reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

const char *io_udphp_resolve(const char *host, uint16_t port, struct adit_addr *ret_addr)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
	struct sockaddr_storage sa = {0};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &list);

	if (rc != 0) {
		hints.ai_family = AF_INET6;
		rc = getaddrinfo(host, NULL, &hints, &list);
	}
	if (rc != 0)
		return gai_strerror(rc);
	memcpy(&sa, list->ai_addr, list->ai_addrlen);
	freeaddrinfo(list);
	*ret_addr = adit_addr_with_port(from_sockaddr(&sa), port);
	return NULL;
}
