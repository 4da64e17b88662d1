#include "io/io_udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/icmp6.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "io/io_sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, since 4.18 */
#endif
#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h, since 5.0 */
#endif

struct io_udp {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	int fd;
	enum adit_family family;
	uint16_t port;
	bool gso;
	bool want_write;
	const struct io_udp_ops *ops;
	void *ctx;
};

/* One buffer for all sockets of a thread: a datagram is used up before the next one is read. */
static _Thread_local uint8_t rx_buf[IO_UDP_BATCH_MAX];

static void poll_arm(struct io_udp *u);

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* What can be missing is asked for without looking at the answer. */
static void set_options(int fd, enum adit_family family)
{
	set_int(fd, SOL_SOCKET, SO_RCVBUF, IO_UDP_BUFFER);
	set_int(fd, SOL_SOCKET, SO_SNDBUF, IO_UDP_BUFFER);
	set_int(fd, SOL_UDP, UDP_GRO, 1);
	if (family == ADIT_FAMILY_V6) {
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	} else {
		set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
		set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
		set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	}
}

/* Does the kernel know UDP_SEGMENT? Setting it to 0 (off) tells. */
static bool gso_known(int fd)
{
	return set_int(fd, SOL_UDP, UDP_SEGMENT, 0) == 0;
}

static int open_fd(enum adit_family family, uint16_t port, uint16_t *ret_port)
{
	struct adit_addr any = {.family = (uint8_t)family, .port = port};
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(&any, &ss);
	int fd = socket(io_sockaddr_family(&any), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	set_options(fd, family);
	if (bind(fd, (struct sockaddr *)&ss, len) < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	*ret_port = io_sockaddr_to((struct sockaddr *)&ss).port;
	return fd;
}

/* The source address to use, the TTL and the segment size, as control messages. */
struct tx_control {
	_Alignas(struct cmsghdr) uint8_t
		buf[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
	size_t len;
};

static void control_add(struct tx_control *c, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *h = (struct cmsghdr *)(c->buf + c->len);

	memset(h, 0, CMSG_SPACE(len));
	h->cmsg_level = level;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(h), data, len);
	c->len += CMSG_SPACE(len);
}

static void control_add_source(struct tx_control *c, const struct adit_addr *local)
{
	if (local->family == ADIT_FAMILY_V4 && !adit_addr_is_any(local)) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, local->ip, 4);
		control_add(c, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (local->family == ADIT_FAMILY_V6 && !adit_addr_is_any(local)) {
		struct in6_pktinfo info = {.ipi6_ifindex = local->scope};

		memcpy(&info.ipi6_addr, local->ip, 16);
		control_add(c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static void control_add_ttl(struct tx_control *c, enum adit_family family, uint8_t ttl)
{
	int v = ttl;

	if (family == ADIT_FAMILY_V6)
		control_add(c, IPPROTO_IPV6, IPV6_HOPLIMIT, &v, sizeof(v));
	else
		control_add(c, IPPROTO_IP, IP_TTL, &v, sizeof(v));
}

static ssize_t send_piece(struct io_udp *u, const struct adit_out *out, const uint8_t *data, size_t len, uint16_t gso)
{
	struct sockaddr_storage to;
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct tx_control c = {.len = 0};
	struct msghdr m = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	m.msg_namelen = io_sockaddr_from(&out->remote, &to);
	control_add_source(&c, &out->local);
	if (out->ttl > 0)
		control_add_ttl(&c, u->family, out->ttl);
	if (gso > 0)
		control_add(&c, SOL_UDP, UDP_SEGMENT, &gso, sizeof(gso));
	if (c.len > 0) {
		m.msg_control = c.buf;
		m.msg_controllen = c.len;
	}
	/* IP_RECVERR hands the error of an earlier packet to the next send: that one is not lost, so once more. */
	for (int tries = 0; tries < 3; tries++) {
		n = sendmsg(u->fd, &m, MSG_NOSIGNAL);
		if (n >= 0 || errno == EAGAIN || errno == EINVAL || errno == EIO || errno == EMSGSIZE)
			break;
	}
	return n;
}

/* Without GSO: one datagram after the other. 0 as io_udp_send; pieces already sent may be sent twice then. */
static int send_pieces(struct io_udp *u, const struct adit_out *out)
{
	size_t step = out->seg_size ? out->seg_size : out->len;

	for (size_t at = 0; at < out->len; at += step) {
		size_t left = out->len - at;

		if (send_piece(u, out, out->data + at, left < step ? left : step, 0) < 0 && errno == EAGAIN)
			return 0;
	}
	return 1;
}

int io_udp_send(struct io_udp *u, const struct adit_out *out)
{
	bool batch = out->seg_size > 0 && out->len > out->seg_size;

	if (out->remote.family != u->family)
		return 1;
	if (!batch || u->gso) {
		ssize_t n = send_piece(u, out, out->data, out->len, batch ? (uint16_t)out->seg_size : 0);

		if (n >= 0)
			return 1;
		if (errno == EAGAIN) {
			u->want_write = true;
			poll_arm(u);
			return 0;
		}
		if (!batch || (errno != EIO && errno != EINVAL))
			return 1;
		/*
		 * A device that cannot: RFC-less Linux lore, udp_send_skb() answers EIO or EINVAL; the latter also when
		 * the interface's MTU has shrunk below a segment. Then a single one is refused too.
		 */
		if (send_piece(u, out, out->data, out->seg_size, 0) < 0 && errno == EMSGSIZE)
			return 1;
		u->gso = false;
	}
	if (send_pieces(u, out))
		return 1;
	u->want_write = true;
	poll_arm(u);
	return 0;
}

static void read_control(struct msghdr *m, struct adit_dgram *d)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level == SOL_UDP && h->cmsg_type == UDP_GRO) {
			int size;

			memcpy(&size, CMSG_DATA(h), sizeof(size));
			d->seg_size = size > 0 && (size_t)size < d->len ? (size_t)size : 0;
		} else if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(h), sizeof(info));
			d->local.family = ADIT_FAMILY_V4;
			memcpy(d->local.ip, &info.ipi_addr, 4);
		} else if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(h), sizeof(info));
			d->local.family = ADIT_FAMILY_V6;
			memcpy(d->local.ip, &info.ipi6_addr, 16);
			if (adit_addr_is_link_local(&d->local))
				d->local.scope = info.ipi6_ifindex;
		}
	}
}

/* 1: one datagram or GRO batch was delivered; 0: nothing more. */
static int read_one(struct io_udp *u)
{
	struct sockaddr_storage from;
	struct iovec iov = {.iov_base = rx_buf, .iov_len = sizeof(rx_buf)};
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct adit_dgram d = {.data = rx_buf};
	ssize_t n = recvmsg(u->fd, &m, 0);

	if (n < 0)
		return errno != EAGAIN; /* the error of an earlier packet: read on */
	d.len = (size_t)n;
	d.local.port = u->port;
	d.remote = io_sockaddr_to((struct sockaddr *)&from);
	read_control(&m, &d);
	u->ops->dgram(u->ctx, &d);
	return u->fd >= 0;
}

static bool icmp_from_control(struct msghdr *m, struct adit_icmp *icmp)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		struct sock_extended_err e;

		if (!(h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_RECVERR) &&
		    !(h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(h), sizeof(e));
		if (e.ee_origin != SO_EE_ORIGIN_ICMP && e.ee_origin != SO_EE_ORIGIN_ICMP6)
			return false;
		icmp->type = e.ee_type;
		icmp->code = e.ee_code;
		icmp->offender =
			io_sockaddr_to((const struct sockaddr *)(CMSG_DATA(h) + sizeof(struct sock_extended_err)));
		icmp->offender.port = 0;
		return true;
	}
	return false;
}

static void read_errors(struct io_udp *u)
{
	for (int i = 0; i < 64 && u->fd >= 0; i++) {
		struct sockaddr_storage to = {0};
		uint8_t payload[2048];
		struct iovec iov = {.iov_base = payload, .iov_len = sizeof(payload)};
		_Alignas(struct cmsghdr) uint8_t control[512];
		struct msghdr m = {.msg_name = &to,
				   .msg_namelen = sizeof(to),
				   .msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		struct adit_icmp icmp = {.data = payload};
		ssize_t n = recvmsg(u->fd, &m, MSG_ERRQUEUE);

		if (n < 0)
			return;
		icmp.len = (size_t)n;
		icmp.remote = io_sockaddr_to((struct sockaddr *)&to);
		if (icmp_from_control(&m, &icmp))
			u->ops->icmp(u->ctx, &icmp);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct io_udp *u = (struct io_udp *)poll;

	/* libuv stops a handle whose descriptor has an error pending; ours has one whenever an ICMP message came. */
	if (status < 0) {
		int err;
		socklen_t len = sizeof(err);

		read_errors(u);
		if (u->fd < 0)
			return;
		getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		poll_arm(u);
		events = UV_READABLE;
	}
	if (events & UV_WRITABLE) {
		u->want_write = false;
		poll_arm(u);
		u->ops->writable(u->ctx);
	}
	for (int i = 0; u->fd >= 0 && (events & UV_READABLE) && i < IO_UDP_READS_MAX; i++) {
		if (!read_one(u))
			break;
	}
}

static void poll_arm(struct io_udp *u)
{
	uv_poll_start(&u->poll, UV_READABLE | (u->want_write ? UV_WRITABLE : 0), on_poll);
}

int io_udp_open(uv_loop_t *loop, enum adit_family family, uint16_t port, const struct io_udp_ops *ops, void *ctx,
		struct io_udp **ret_udp)
{
	struct io_udp *u = calloc(1, sizeof(*u));

	if (!u)
		return ADIT_ENOMEM;
	u->fd = open_fd(family, port, &u->port);
	if (u->fd < 0) {
		free(u);
		return ADIT_ESYS;
	}
	u->family = family;
	u->gso = gso_known(u->fd);
	u->ops = ops;
	u->ctx = ctx;
	if (uv_poll_init(loop, &u->poll, u->fd) < 0) {
		close(u->fd);
		free(u);
		return ADIT_ESYS;
	}
	poll_arm(u);
	*ret_udp = u;
	return 0;
}

bool io_udp_is_free(uint16_t port)
{
	uint16_t got;
	int fd = open_fd(ADIT_FAMILY_V4, port, &got);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void on_closed(uv_handle_t *h)
{
	free(h);
}

void io_udp_close(struct io_udp *u)
{
	uv_poll_stop(&u->poll);
	close(u->fd);
	u->fd = -1;
	uv_close((uv_handle_t *)&u->poll, on_closed);
}

uint16_t io_udp_port(const struct io_udp *u)
{
	return u->port;
}
