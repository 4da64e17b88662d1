#include "io/io_sock.h"

#include <errno.h>
#include <time.h> /* linux/errqueue.h wants struct timespec */
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/icmp6.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/stun/stun_msg.h"
#include "io/io_sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, since 4.18 */
#endif
#ifndef IPV6_PREFER_SRC_PUBLIC
#define IPV6_PREFER_SRC_PUBLIC 0x0002 /* linux/in6.h, which does not go with netinet/in.h */
#endif
#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h, since 5.0 */
#endif

#define HAND_OVER_READS 256 /* datagrams looked at: more than probes can have come meanwhile */

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* What can be missing is asked for without looking at the answer. */
static void set_options(int fd, enum adit_family family, bool gro)
{
	set_int(fd, SOL_SOCKET, SO_RCVBUF, IO_SOCK_BUFFER);
	set_int(fd, SOL_SOCKET, SO_SNDBUF, IO_SOCK_BUFFER);
	if (gro)
		set_int(fd, SOL_UDP, UDP_GRO, 1);
	if (family == ADIT_FAMILY_V6) {
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		/* RFC 5014: the address that a peer is told of, and that lasts, rather than a temporary one. */
		set_int(fd, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, IPV6_PREFER_SRC_PUBLIC);
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

int io_sock_open(struct io_sock *s, const struct adit_addr *local, bool gro)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(local, &ss);

	*s = (struct io_sock){.fd = -1, .family = (enum adit_family)local->family};
	s->fd = socket(io_sockaddr_family(local), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return ADIT_ESYS;
	set_options(s->fd, s->family, gro);
	if (bind(s->fd, (struct sockaddr *)&ss, len) < 0 || getsockname(s->fd, (struct sockaddr *)&ss, &len) < 0) {
		int saved = errno;

		io_sock_close(s);
		errno = saved;
		return ADIT_ESYS;
	}
	s->port = io_sockaddr_to((struct sockaddr *)&ss).port;
	s->gso = gso_known(s->fd);
	return 0;
}

void io_sock_close(struct io_sock *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* What came before the socket was connected stays in its queue, from whomever. */
static void drop_foreign(int fd, const struct adit_addr *remote)
{
	for (int i = 0; i < HAND_OVER_READS; i++) {
		uint8_t buf[STUN_HEADER_LEN];
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&ss,
				     &len);
		struct adit_addr from;

		if (n < 0)
			return;
		from = io_sockaddr_to((struct sockaddr *)&ss);
		if (adit_addr_eq(&from, remote) && (n < (ssize_t)sizeof(buf) || !stun_msg_is_stun(buf, (size_t)n)))
			return;
		(void)!recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	}
}

int io_sock_hand_over(int fd, const struct adit_addr *remote)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(remote, &ss);
	int err;
	socklen_t err_len = sizeof(err);

	if (adit_addr_is_v6(remote)) {
		set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 0);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 0); /* empties the queue of errors */
		set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT);
	} else {
		set_int(fd, IPPROTO_IP, IP_PKTINFO, 0);
		set_int(fd, IPPROTO_IP, IP_RECVERR, 0);
		set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
	}
	set_int(fd, SOL_UDP, UDP_GRO, 0);
	if (connect(fd, (struct sockaddr *)&ss, len) < 0)
		return ADIT_ESYS;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len); /* of an earlier probe */
	drop_foreign(fd, remote);
	return 0;
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

static ssize_t send_piece(struct io_sock *s, const struct adit_out *out, const uint8_t *data, size_t len, uint16_t gso)
{
	struct sockaddr_storage to;
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct tx_control c = {.len = 0};
	struct msghdr m = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	m.msg_namelen = io_sockaddr_from(&out->remote, &to);
	control_add_source(&c, &out->local);
	if (out->ttl > 0)
		control_add_ttl(&c, s->family, out->ttl);
	if (gso > 0)
		control_add(&c, SOL_UDP, UDP_SEGMENT, &gso, sizeof(gso));
	if (c.len > 0) {
		m.msg_control = c.buf;
		m.msg_controllen = c.len;
	}
	/* IP_RECVERR hands the error of an earlier packet to the next send: that one is not lost, so once more. */
	for (int tries = 0; tries < 3; tries++) {
		n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
		if (n >= 0 || errno == EAGAIN || errno == EINVAL || errno == EIO || errno == EMSGSIZE)
			break;
	}
	return n;
}

/* Without GSO: one datagram after the other. 0 as io_sock_send; pieces already sent may be sent twice then. */
static int send_pieces(struct io_sock *s, const struct adit_out *out)
{
	size_t step = out->seg_size ? out->seg_size : out->len;

	for (size_t at = 0; at < out->len; at += step) {
		size_t left = out->len - at;

		if (send_piece(s, out, out->data + at, left < step ? left : step, 0) < 0 && errno == EAGAIN)
			return 0;
	}
	return 1;
}

int io_sock_send(struct io_sock *s, const struct adit_out *out)
{
	bool batch = out->seg_size > 0 && out->len > out->seg_size;

	if (out->remote.family != s->family)
		return 1;
	if (!batch || s->gso) {
		ssize_t n = send_piece(s, out, out->data, out->len, batch ? (uint16_t)out->seg_size : 0);

		if (n >= 0)
			return 1;
		if (errno == EAGAIN)
			return 0;
		if (!batch || (errno != EIO && errno != EINVAL))
			return 1;
		/*
		 * A device that cannot: RFC-less Linux lore, udp_send_skb() answers EIO or EINVAL; the latter also when
		 * the interface's MTU has shrunk below a segment. Then a single one is refused too.
		 */
		if (send_piece(s, out, out->data, out->seg_size, 0) < 0 && errno == EMSGSIZE)
			return 1;
		s->gso = false;
	}
	return send_pieces(s, out);
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

int io_sock_read(struct io_sock *s, uint8_t *buf, size_t cap, struct adit_dgram *ret_d)
{
	struct sockaddr_storage from;
	struct iovec iov = {.iov_base = buf, .iov_len = cap};
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct msghdr m = {.msg_name = &from,
			   .msg_namelen = sizeof(from),
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->fd, &m, 0);

	if (n < 0)
		return errno == EAGAIN ? 0 : ADIT_EIGNORED;
	*ret_d = (struct adit_dgram){.data = buf, .len = (size_t)n};
	ret_d->local.port = s->port;
	ret_d->remote = io_sockaddr_to((struct sockaddr *)&from);
	read_control(&m, ret_d);
	return 1;
}

int io_sock_read_many(struct io_sock *s, struct io_sock_inbox *in, bool *ret_more)
{
	int want = in->is_large ? IO_SOCK_INBOX / 4 : IO_SOCK_INBOX;
	size_t sum = 0;
	int n;

	for (int i = 0; i < want; i++) {
		in->iov[i] = (struct iovec){.iov_base = in->data[i], .iov_len = IO_SOCK_BATCH_MAX};
		in->msg[i].msg_hdr = (struct msghdr){.msg_name = &in->from[i],
						     .msg_namelen = sizeof(in->from[i]),
						     .msg_iov = &in->iov[i],
						     .msg_iovlen = 1,
						     .msg_control = in->control[i].buf,
						     .msg_controllen = sizeof(in->control[i].buf)};
	}
	n = recvmmsg(s->fd, in->msg, (unsigned)want, 0, NULL);
	*ret_more = n == want || (n < 0 && errno != EAGAIN);
	if (n < 0)
		return errno == EAGAIN ? 0 : ADIT_EIGNORED;
	for (int i = 0; i < n; i++)
		sum += in->msg[i].msg_len;
	in->is_large = n > 0 && sum / (size_t)n > IO_SOCK_BATCH_MAX / 4;
	return n;
}

struct adit_dgram io_sock_inbox_get(const struct io_sock *s, struct io_sock_inbox *in, int i)
{
	struct adit_dgram d = {.data = in->data[i], .len = in->msg[i].msg_len};

	d.local.port = s->port;
	d.remote = io_sockaddr_to((struct sockaddr *)&in->from[i]);
	read_control(&in->msg[i].msg_hdr, &d);
	return d;
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

int io_sock_read_icmp(struct io_sock *s, uint8_t *buf, size_t cap, struct adit_icmp *ret_icmp)
{
	struct sockaddr_storage to = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = cap};
	_Alignas(struct cmsghdr) uint8_t control[512];
	struct msghdr m = {.msg_name = &to,
			   .msg_namelen = sizeof(to),
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->fd, &m, MSG_ERRQUEUE);

	if (n < 0)
		return 0;
	*ret_icmp = (struct adit_icmp){.data = buf, .len = (size_t)n, .remote = io_sockaddr_to((struct sockaddr *)&to)};
	return icmp_from_control(&m, ret_icmp) ? 1 : ADIT_EIGNORED;
}
