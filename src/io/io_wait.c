#include "io/io_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/list.h"
#include "io/io_clock.h"
#include "io/io_conn.h"

#define EVENTS_MAX 32 /* descriptors told about by one epoll_wait(); the rest by the next */
#define ICMP_MAX   2048 /* bytes of a datagram that came back */

struct wait_sock {
	struct adit_list node; /* in io_wait.socks */
	struct io_sock sock;
	struct io_conn *conn; /* NULL: it is |sock| ... */
	struct adit_addr remote; /* ... else it leads there */
	struct wait_sock *via; /* another number for this one; NULL: it has the descriptor */
	uint32_t nr;
	bool has_dgrams;
	bool has_errors;
	bool wants_room; /* EPOLLOUT is asked for */
};

struct io_wait {
	int fd; /* epoll */
	int timer;
	bool gro;
	size_t n_vias; /* sockets that have but a number */
	const struct adit_log *log;
	const char *ca_file;
	struct adit_list socks; /* the one whose turn it is, first */
	adit_time at; /* the timer's */
	bool is_blocked;
	struct adit_out pending;
	uint8_t *pending_data; /* IO_SOCK_BATCH_MAX bytes, made when first needed */
	uint8_t icmp[ICMP_MAX];
	uint8_t buf[IO_SOCK_BATCH_MAX];
};

static int watch(struct io_wait *w, int op, int fd, uint32_t events, void *what)
{
	struct epoll_event e = {.events = events, .data.ptr = what};

	return epoll_ctl(w->fd, op, fd, &e);
}

int io_wait_new(bool gro, const struct adit_log *log, struct io_wait **ret_wait)
{
	struct io_wait *w = malloc(sizeof(*w)); /* not cleared: the buffer's pages are touched when they are used */

	if (!w)
		return ADIT_ENOMEM;
	w->gro = gro;
	w->log = log;
	w->ca_file = NULL;
	w->n_vias = 0;
	w->at = ADIT_NEVER;
	w->is_blocked = false;
	w->pending_data = NULL;
	adit_list_init(&w->socks);
	w->fd = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->fd < 0 || w->timer < 0 || watch(w, EPOLL_CTL_ADD, w->timer, EPOLLIN, NULL) < 0) {
		int saved = errno;

		io_wait_free(w);
		errno = saved;
		return ADIT_ESYS;
	}
	*ret_wait = w;
	return 0;
}

static void sock_free(struct wait_sock *s)
{
	if (s->conn)
		io_conn_free(s->conn);
	else if (!s->via)
		io_sock_close(&s->sock);
	adit_list_del(&s->node);
	free(s);
}

void io_wait_free(struct io_wait *w)
{
	if (!w)
		return;
	adit_list_each_safe (it, tmp, &w->socks)
		sock_free(adit_container(it, struct wait_sock, node));
	if (w->timer >= 0)
		close(w->timer);
	if (w->fd >= 0)
		close(w->fd);
	free(w->pending_data);
	free(w);
}

int io_wait_fd(const struct io_wait *w)
{
	return w->fd;
}

/* --- sockets --- */

static int fd_of(const struct wait_sock *s)
{
	return s->conn ? io_conn_fd(s->conn) : s->sock.fd;
}

static struct wait_sock *find(const struct io_wait *w, uint32_t nr)
{
	adit_list_each (it, &w->socks) {
		struct wait_sock *s = adit_container(it, struct wait_sock, node);

		if (s->nr == nr)
			return s;
	}
	return NULL;
}

int io_wait_open(struct io_wait *w, uint32_t nr, struct adit_addr *local)
{
	struct wait_sock *s = calloc(1, sizeof(*s));
	int saved;

	if (!s)
		return ADIT_ENOMEM;
	s->nr = nr;
	adit_list_init(&s->node);
	if (io_sock_open(&s->sock, local, w->gro) == 0 && watch(w, EPOLL_CTL_ADD, s->sock.fd, EPOLLIN, s) == 0) {
		adit_list_push_back(&w->socks, &s->node);
		local->port = s->sock.port;
		return 0;
	}
	saved = errno;
	adit_trace(w->log, ADIT_LOG_DECIDE, "udp-open-failed port=%u errno=%s", local->port, strerror(saved));
	sock_free(s);
	errno = saved;
	return ADIT_ESYS;
}

/* The port is open already: one more number for it. */
static bool share(struct io_wait *w, const struct adit_out *out)
{
	adit_list_each (it, &w->socks) {
		struct wait_sock *s = adit_container(it, struct wait_sock, node);
		struct wait_sock *more;

		if (s->conn || s->via || out->local.port == 0 || s->sock.port != out->local.port ||
		    s->sock.family != (enum adit_family)out->local.family)
			continue;
		more = calloc(1, sizeof(*more));
		if (!more)
			return false;
		more->nr = out->sock;
		more->via = s;
		adit_list_push_back(&w->socks, &more->node);
		w->n_vias++;
		return true;
	}
	return false;
}

/* |s| is closed, and others still have its port: the first of them gets the descriptor. */
static bool pass_on(struct io_wait *w, struct wait_sock *s)
{
	struct wait_sock *heir = NULL;

	adit_list_each (it, &w->socks) {
		struct wait_sock *o = adit_container(it, struct wait_sock, node);

		if (o->via != s)
			continue;
		o->via = heir;
		heir = heir ? heir : o;
	}
	if (!heir)
		return false;
	heir->sock = s->sock;
	heir->has_dgrams = s->has_dgrams;
	heir->has_errors = s->has_errors;
	heir->wants_room = s->wants_room;
	watch(w, EPOLL_CTL_MOD, heir->sock.fd, EPOLLIN | (heir->wants_room ? EPOLLOUT : 0), heir);
	s->via = heir; /* nothing of it is left to close */
	return true;
}

size_t io_wait_numbers(const struct io_wait *w, uint32_t nr, uint32_t ret_nr[IO_WAIT_SHARED_MAX])
{
	const struct wait_sock *s = w->n_vias > 0 ? find(w, nr) : NULL;
	size_t n = 1;

	ret_nr[0] = nr;
	if (!s)
		return n;
	s = s->via ? s->via : s;
	adit_list_each (it, &w->socks) {
		const struct wait_sock *o = adit_container(it, struct wait_sock, node);

		if ((o == s || o->via == s) && o->nr != nr && n < IO_WAIT_SHARED_MAX)
			ret_nr[n++] = o->nr;
	}
	return n;
}

static int conn_open(struct io_wait *w, const struct adit_out *out)
{
	struct wait_sock *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ADIT_ENOMEM;
	s->nr = out->sock;
	s->remote = out->remote;
	adit_list_init(&s->node);
	err = io_conn_open(out, w->ca_file, &s->conn);
	if (err < 0) {
		free(s);
		return err;
	}
	s->wants_room = true; /* connecting */
	if (watch(w, EPOLL_CTL_ADD, io_conn_fd(s->conn), EPOLLIN | EPOLLOUT, s) < 0) {
		sock_free(s);
		return ADIT_ESYS;
	}
	adit_list_push_back(&w->socks, &s->node);
	return 0;
}

/* A connection is waited for as it wants it now. */
static void conn_arm(struct io_wait *w, struct wait_sock *s)
{
	bool wants_room = io_conn_wants_room(s->conn);

	if (wants_room == s->wants_room)
		return;
	s->wants_room = wants_room;
	watch(w, EPOLL_CTL_MOD, io_conn_fd(s->conn), EPOLLIN | (wants_room ? EPOLLOUT : 0), s);
}

void io_wait_trust(struct io_wait *w, const char *ca_file)
{
	w->ca_file = ca_file;
}

void io_wait_close(struct io_wait *w, uint32_t nr)
{
	struct wait_sock *s = find(w, nr);

	if (!s)
		return;
	if (s->via || pass_on(w, s)) {
		w->n_vias--;
		sock_free(s);
		return;
	}
	if (s->conn)
		io_conn_bye(s->conn);
	/* Nobody else has the descriptor, so closing it takes it out of the set; unless a child of ours still does. */
	watch(w, EPOLL_CTL_DEL, fd_of(s), 0, NULL);
	sock_free(s);
}

int io_wait_take(struct io_wait *w, uint32_t nr)
{
	struct wait_sock *s = find(w, nr);
	uint32_t others[IO_WAIT_SHARED_MAX];
	int fd;

	if (!s || s->conn)
		return ADIT_ENOENT;
	if (io_wait_numbers(w, nr, others) > 1) {
		fd = fcntl((s->via ? s->via : s)->sock.fd, F_DUPFD_CLOEXEC, 0);
		io_wait_close(w, nr);
		return fd < 0 ? ADIT_ESYS : fd;
	}
	fd = s->sock.fd;
	watch(w, EPOLL_CTL_DEL, fd, 0, NULL);
	s->sock.fd = -1;
	sock_free(s);
	return fd;
}

/* --- in --- */

void io_wait_poll(struct io_wait *w)
{
	struct epoll_event e[EVENTS_MAX];
	int n = epoll_wait(w->fd, e, EVENTS_MAX, 0);
	uint64_t count;

	for (int i = 0; i < n; i++) {
		struct wait_sock *s = e[i].data.ptr;

		if (!s) {
			if (read(w->timer, &count, sizeof(count)) == (ssize_t)sizeof(count))
				w->at = ADIT_NEVER;
			continue;
		}
		if (s->conn) {
			bool is_bad = (e[i].events & (EPOLLERR | EPOLLHUP)) != 0;

			io_conn_ready(s->conn, is_bad || (e[i].events & EPOLLIN), is_bad || (e[i].events & EPOLLOUT));
			s->has_dgrams = true;
			continue;
		}
		s->has_dgrams |= (e[i].events & EPOLLIN) != 0;
		s->has_errors |= (e[i].events & EPOLLERR) != 0;
		if (s->wants_room && (e[i].events & EPOLLOUT)) {
			s->wants_room = false;
			watch(w, EPOLL_CTL_MOD, s->sock.fd, EPOLLIN, s);
		}
	}
}

/* 1 or 0. */
static int read_conn(struct io_wait *w, struct wait_sock *s, struct io_wait_news *ret_news)
{
	static const enum io_wait_kind kinds[] = {[IO_CONN_NOTHING] = IO_WAIT_NOTHING,
						  [IO_CONN_UP] = IO_WAIT_UP,
						  [IO_CONN_FRAME] = IO_WAIT_DGRAM,
						  [IO_CONN_DOWN] = IO_WAIT_DOWN};
	struct io_conn_news news;

	io_conn_read(s->conn, &news);
	*ret_news = (struct io_wait_news){.kind = kinds[news.kind], .sock = s->nr, .why = news.why};
	ret_news->dgram = (struct adit_dgram){.sock = s->nr, .remote = s->remote, .data = news.data, .len = news.len};
	s->has_dgrams = news.kind != IO_CONN_NOTHING;
	if (news.kind == IO_CONN_DOWN)
		watch(w, EPOLL_CTL_DEL, io_conn_fd(s->conn), 0, NULL); /* it would be ready for ever */
	else
		conn_arm(w, s);
	return s->has_dgrams;
}

/* IGNORED: this socket has had its turn in vain. */
static int read_sock(struct io_wait *w, struct wait_sock *s, struct io_wait_news *ret_news)
{
	int r = 0;

	if (s->conn)
		return read_conn(w, s, ret_news);
	if (s->has_errors) {
		r = io_sock_read_icmp(&s->sock, w->icmp, sizeof(w->icmp), &ret_news->icmp);
		ret_news->icmp.sock = s->nr;
		ret_news->kind = IO_WAIT_ICMP;
		s->has_errors = r != 0;
	} else if (s->has_dgrams) {
		r = io_sock_read(&s->sock, w->buf, sizeof(w->buf), &ret_news->dgram);
		ret_news->dgram.sock = s->nr;
		ret_news->kind = IO_WAIT_DGRAM;
		s->has_dgrams = r != 0;
	}
	return r;
}

void io_wait_read(struct io_wait *w, struct io_wait_news *ret_news)
{
	bool any;

	*ret_news = (struct io_wait_news){.kind = IO_WAIT_NOTHING};
	do {
		any = false;
		adit_list_each_safe (it, tmp, &w->socks) {
			struct wait_sock *s = adit_container(it, struct wait_sock, node);
			int r = 0;

			if (!s->has_errors && !s->has_dgrams)
				continue;
			any = true;
			r = read_sock(w, s, ret_news);
			if (r <= 0)
				continue;
			adit_list_del(&s->node);
			adit_list_push_back(&w->socks, &s->node);
			return;
		}
	} while (any);
	ret_news->kind = IO_WAIT_NOTHING;
}

/* --- out --- */

/* The datagram is the machine's until its next call, so what the kernel has no room for is kept here. */
static int keep(struct io_wait *w, struct wait_sock *s, const struct adit_out *out)
{
	if (!w->pending_data)
		w->pending_data = malloc(IO_SOCK_BATCH_MAX);
	if (!w->pending_data || out->len > IO_SOCK_BATCH_MAX)
		return 0; /* a lost packet */
	w->pending = *out;
	memcpy(w->pending_data, out->data, out->len);
	w->pending.data = w->pending_data;
	w->is_blocked = true;
	s->wants_room = true;
	watch(w, EPOLL_CTL_MOD, s->sock.fd, EPOLLIN | EPOLLOUT, s);
	return ADIT_EAGAIN;
}

int io_wait_act(struct io_wait *w, const struct adit_out *out)
{
	struct wait_sock *s;
	struct adit_addr local;

	switch (out->kind) {
	case ADIT_OUT_OPEN:
		if (out->sock_kind != ADIT_SOCK_UDP)
			return conn_open(w, out) < 0 ? ADIT_ESYS : 0;
		if (share(w, out))
			return 0;
		local = out->local;
		return io_wait_open(w, out->sock, &local) < 0 ? ADIT_ESYS : 0;
	case ADIT_OUT_CLOSE:
		io_wait_close(w, out->sock);
		return 0;
	case ADIT_OUT_SEND:
		s = find(w, out->sock);
		s = s && s->via ? s->via : s;
		if (s && s->conn) {
			(void)io_conn_send(s->conn, out->data, out->len, out->seg_size); /* the rest is lost */
			conn_arm(w, s);
			return 0;
		}
		return !s || io_sock_send(&s->sock, out) ? 0 : keep(w, s, out);
	}
	return 0;
}

bool io_wait_is_blocked(struct io_wait *w)
{
	struct wait_sock *s;

	if (!w->is_blocked)
		return false;
	s = find(w, w->pending.sock);
	s = s && s->via ? s->via : s;
	w->is_blocked = s && (s->wants_room || !io_sock_send(&s->sock, &w->pending));
	if (w->is_blocked && !s->wants_room) {
		s->wants_room = true;
		watch(w, EPOLL_CTL_MOD, s->sock.fd, EPOLLIN | EPOLLOUT, s);
	}
	return w->is_blocked;
}

void io_wait_arm(struct io_wait *w, adit_time deadline)
{
	/* What is due cannot be done while a socket is full; that one says itself when it is not. */
	if (w->is_blocked) {
		adit_time soon = io_clock_now() + IO_SOCK_FULL_WAIT;

		deadline = deadline < soon ? soon : deadline;
	}
	if (deadline == w->at)
		return;
	w->at = deadline;
	io_clock_set_timer(w->timer, deadline);
}
