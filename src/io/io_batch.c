#include "io/io_batch.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io_clock.h"
#include "io/io_sockaddr.h"

/* Buffers a power of two apart would all compete for the same few lines of the processor's first cache. */
#define STRIDE (IO_BATCH_SIZE + 64)

#define HUGE_PAGE (2 * 1024 * 1024) /* of amd64 and arm64 with small pages of 4 KB */

#define SIGNALS_TAG UINT32_MAX /* in place of a socket's number */

struct sock {
	int fd; /* -1: not open */
	bool may_fragment; /* IPv4: see set_fragmenting() */
	struct adit_addr bound;
	bool any; /* bound to all addresses: who was asked stands in a control message */
};

struct control {
	_Alignas(struct cmsghdr) uint8_t buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* One direction's messages of one system call. */
struct half {
	struct mmsghdr msg[IO_BATCH_MSGS];
	struct iovec iov[IO_BATCH_MSGS];
	struct sockaddr_storage addr[IO_BATCH_MSGS];
	struct control control[IO_BATCH_MSGS];
	uint8_t data[IO_BATCH_MSGS][STRIDE];
};

struct io_batch {
	const struct io_batch_ops *ops;
	void *ctx;
	int epoll_fd;
	int signal_fd;
	bool stopped;
	struct io_batch_stats stats;
	struct sock socks[IO_BATCH_SOCKS];
	size_t tx_n;
	struct sock *tx_sock[IO_BATCH_MSGS];
	struct half tx;
	struct half rx;
};

static int watch(struct io_batch *b, int fd, uint32_t tag)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = tag};

	return epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? ADIT_ESYS : 0;
}

static int open_signals(struct io_batch *b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return ADIT_ESYS;
	b->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return b->signal_fd < 0 ? ADIT_ESYS : watch(b, b->signal_fd, SIGNALS_TAG);
}

static void half_init(struct half *h)
{
	for (size_t i = 0; i < IO_BATCH_MSGS; i++) {
		h->iov[i] = (struct iovec){.iov_base = h->data[i], .iov_len = IO_BATCH_SIZE};
		h->msg[i].msg_hdr = (struct msghdr){.msg_name = &h->addr[i], .msg_iov = &h->iov[i], .msg_iovlen = 1};
	}
}

int io_batch_new(const struct io_batch_ops *ops, void *ctx, struct io_batch **ret_batch)
{
	struct io_batch *b = aligned_alloc(HUGE_PAGE, (sizeof(*b) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);

	if (!b)
		return ADIT_ENOMEM;
	/* 128 buffers on as many small pages keep the processor busy with finding them; where refused, so be it. */
	madvise(b, sizeof(*b), MADV_HUGEPAGE);
	memset(b, 0, sizeof(*b));
	b->ops = ops;
	b->ctx = ctx;
	b->signal_fd = -1;
	for (size_t i = 0; i < IO_BATCH_SOCKS; i++)
		b->socks[i].fd = -1;
	half_init(&b->tx);
	half_init(&b->rx);
	b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (b->epoll_fd < 0 || open_signals(b) != 0) {
		int saved = errno;

		io_batch_free(b);
		errno = saved;
		return ADIT_ESYS;
	}
	*ret_batch = b;
	return 0;
}

void io_batch_free(struct io_batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < IO_BATCH_SOCKS; i++)
		if (b->socks[i].fd >= 0)
			close(b->socks[i].fd);
	if (b->signal_fd >= 0)
		close(b->signal_fd);
	if (b->epoll_fd >= 0)
		close(b->epoll_fd);
	free(b);
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/*
 * IPv4: long answers are fragmented where it must be (RFC 5780 7.6, and tunnels); short ones carry DF and need no
 * identification, which would cost 2.5 % of the time.
 */
static void set_fragmenting(struct sock *s, bool may_fragment)
{
	if (!adit_addr_is_v4(&s->bound) || s->may_fragment == may_fragment)
		return;
	set_int(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, may_fragment ? IP_PMTUDISC_WANT : IP_PMTUDISC_DO);
	s->may_fragment = may_fragment;
}

/* What can be missing is asked for without looking at the answer. */
static void set_options(int fd, const struct adit_addr *addr)
{
	set_int(fd, SOL_SOCKET, SO_RCVBUF, IO_BATCH_BUFFER);
	set_int(fd, SOL_SOCKET, SO_SNDBUF, IO_BATCH_BUFFER);
	if (adit_addr_is_v6(addr)) {
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, adit_addr_is_any(addr));
	} else {
		set_int(fd, IPPROTO_IP, IP_PKTINFO, adit_addr_is_any(addr));
	}
}

int io_batch_open(struct io_batch *b, uint32_t sock, const struct adit_addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(addr, &ss);
	int saved, fd;

	if (sock >= IO_BATCH_SOCKS || b->socks[sock].fd >= 0)
		return ADIT_EFULL;
	fd = socket(io_sockaddr_family(addr), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ADIT_ESYS;
	set_options(fd, addr);
	if (bind(fd, (struct sockaddr *)&ss, len) < 0 || watch(b, fd, sock) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return ADIT_ESYS;
	}
	b->socks[sock] = (struct sock){.fd = fd, .bound = *addr, .any = adit_addr_is_any(addr), .may_fragment = true};
	return 0;
}

static bool is_long(const struct io_batch *b, size_t i)
{
	return b->tx.iov[i].iov_len > IO_BATCH_SHORT;
}

/*
 * Sends messages |from| to |end|, which are for one socket, all short or all long. One that is refused does not stop
 * those behind it.
 */
static void flush_run(struct io_batch *b, size_t from, size_t end)
{
	set_fragmenting(b->tx_sock[from], is_long(b, from));
	while (from < end) {
		int n = sendmmsg(b->tx_sock[from]->fd, b->tx.msg + from, (unsigned)(end - from), MSG_NOSIGNAL);

		if (n > 0) {
			b->stats.sent += (uint64_t)n;
			from += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			b->stats.unsent++;
			from++;
		}
	}
}

static void flush(struct io_batch *b)
{
	for (size_t from = 0, end; from < b->tx_n; from = end) {
		for (end = from + 1;
		     end < b->tx_n && b->tx_sock[end] == b->tx_sock[from] && is_long(b, end) == is_long(b, from);)
			end++;
		flush_run(b, from, end);
	}
	b->tx_n = 0;
}

uint8_t *io_batch_room(struct io_batch *b)
{
	if (b->tx_n == IO_BATCH_MSGS)
		flush(b);
	return b->tx.data[b->tx_n];
}

static void control_put(struct msghdr *m, struct control *c, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *h = (struct cmsghdr *)c->buf;

	memset(c, 0, sizeof(*c));
	h->cmsg_level = level;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(h), data, len);
	m->msg_control = c;
	m->msg_controllen = CMSG_SPACE(len);
}

static void put_source(struct msghdr *m, struct control *c, const struct adit_addr *local)
{
	if (adit_addr_is_v4(local)) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, local->ip, 4);
		control_put(m, c, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_ifindex = local->scope};

		memcpy(&info.ipi6_addr, local->ip, 16);
		control_put(m, c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

void io_batch_send(struct io_batch *b, uint32_t sock, const struct adit_addr *local, const struct adit_addr *remote,
		   size_t len)
{
	size_t i = b->tx_n;
	struct msghdr *m = &b->tx.msg[i].msg_hdr;

	if (sock >= IO_BATCH_SOCKS || b->socks[sock].fd < 0 || len > IO_BATCH_SIZE) {
		b->stats.unsent++;
		return;
	}
	b->tx_sock[i] = &b->socks[sock];
	b->tx.iov[i].iov_len = len;
	m->msg_namelen = io_sockaddr_from(remote, &b->tx.addr[i]);
	m->msg_control = NULL;
	m->msg_controllen = 0;
	if (b->socks[sock].any && local->family == remote->family && !adit_addr_is_any(local))
		put_source(m, &b->tx.control[i], local);
	b->tx_n++;
}

/* Which of our addresses was asked. */
static struct adit_addr read_local(const struct sock *s, struct msghdr *m)
{
	struct adit_addr local = s->bound;
	struct cmsghdr *h = s->any ? CMSG_FIRSTHDR(m) : NULL;

	if (h && h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(h), sizeof(info));
		memcpy(local.ip, &info.ipi_addr, 4);
	} else if (h && h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(h), sizeof(info));
		memcpy(local.ip, &info.ipi6_addr, 16);
		local.scope = adit_addr_is_link_local(&local) ? info.ipi6_ifindex : 0;
	}
	return local;
}

static void deliver(struct io_batch *b, adit_time now, uint32_t sock, size_t i)
{
	struct msghdr *m = &b->rx.msg[i].msg_hdr;
	struct adit_dgram d = {.sock = sock, .data = b->rx.data[i], .len = b->rx.msg[i].msg_len};

	b->stats.received++;
	if (m->msg_flags & MSG_TRUNC) {
		b->stats.too_long++;
		return;
	}
	d.remote = io_sockaddr_to((struct sockaddr *)&b->rx.addr[i]);
	d.local = read_local(&b->socks[sock], m);
	b->ops->dgram(b->ctx, now, &d);
}

/* One batch; true: there may be more. */
static bool read_batch(struct io_batch *b, uint32_t sock)
{
	bool any = b->socks[sock].any;
	adit_time now;
	int n;

	for (size_t i = 0; i < IO_BATCH_MSGS; i++) {
		struct msghdr *m = &b->rx.msg[i].msg_hdr;

		m->msg_namelen = sizeof(b->rx.addr[i]);
		m->msg_control = any ? &b->rx.control[i] : NULL;
		m->msg_controllen = any ? sizeof(b->rx.control[i]) : 0;
	}
	n = recvmmsg(b->socks[sock].fd, b->rx.msg, IO_BATCH_MSGS, 0, NULL);
	if (n <= 0)
		return n < 0 && errno != EAGAIN && errno != EBADF; /* else it was an earlier packet's error */
	now = io_clock_now();
	for (int i = 0; i < n; i++)
		deliver(b, now, sock, (size_t)i);
	flush(b);
	return n == IO_BATCH_MSGS;
}

static void read_signals(struct io_batch *b)
{
	struct signalfd_siginfo info;

	while (read(b->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		b->ops->signal(b->ctx, io_clock_now(), (int)info.ssi_signo);
}

/* Milliseconds for epoll, rounded up. */
static int wait_for(adit_time now, adit_time at)
{
	adit_dur left = adit_time_since(at, now);

	if (at == ADIT_NEVER)
		return -1;
	left = (left + ADIT_MS(1) - 1) / ADIT_MS(1);
	return left > INT_MAX ? INT_MAX : (int)left;
}

int io_batch_run(struct io_batch *b)
{
	struct epoll_event events[IO_BATCH_SOCKS + 1];

	while (!b->stopped) {
		int timeout = wait_for(io_clock_now(), b->ops->deadline(b->ctx));
		int n = epoll_wait(b->epoll_fd, events, IO_BATCH_SOCKS + 1, timeout);

		if (n < 0 && errno != EINTR)
			return ADIT_ESYS;
		for (int i = 0; i < n; i++) {
			uint32_t tag = events[i].data.u32;

			if (tag == SIGNALS_TAG)
				read_signals(b);
			else
				for (int turn = 0; turn < IO_BATCH_TURNS && read_batch(b, tag); turn++)
					;
		}
		b->ops->tick(b->ctx, io_clock_now());
		flush(b);
	}
	return 0;
}

void io_batch_stop(struct io_batch *b)
{
	b->stopped = true;
}

const struct io_batch_stats *io_batch_stats(const struct io_batch *b)
{
	return &b->stats;
}
