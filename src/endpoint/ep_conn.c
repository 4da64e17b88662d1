#include "endpoint/ep_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "endpoint/ep_pack.h"

#define WRITE_VECS 16 /* chunks written by one call: more than a wakeup's packets fill */

/*
 * Bytes of ours that may wait in the local socket. The kernel's send buffer would swallow megabytes for a reader that
 * has stopped, and the stream's window would grow for them. As TCP_NOTSENT_LOWAT it bounds what a write takes, but for
 * one buffer of the kernel's (64 KB), and says when there is room again. A unix socket has a small buffer anyway.
 */
#define UNSENT_MAX (64 * 1024)

struct ep_conn {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	struct adit_list node;
	int fd;
	const struct ep_carrier *by;
	struct link_stream *stream;
	struct ep_pack pack;
	ep_conn_ended *ended;
	void *ctx;
	int armed; /* uv_poll events asked for */
	bool stream_full; /* nothing is read until WRITABLE news */
	bool local_full; /* nothing is written until the socket takes more */
	bool eof_sent; /* the local end of file was passed on as FIN */
	bool eof_received; /* the far end's FIN was passed on as shutdown */
	bool draining; /* nothing new is taken from the local socket */
	bool watch_gone; /* while nothing is read: learn of a reset all the same */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static struct quic_stream *bytes_of(const struct ep_conn *c)
{
	return link_stream_bytes(c->stream);
}

static bool may_read(const struct ep_conn *c)
{
	return !c->eof_sent && !c->stream_full && !c->draining;
}

/*
 * A stream that is full has room again soon, mostly before more comes in; so the socket is watched until something
 * does come (|is_in_vain|).
 */
static void arm(struct ep_conn *c, bool is_in_vain)
{
	int events = 0;

	if (may_read(c) || (c->stream_full && !is_in_vain && (c->armed & UV_READABLE)))
		events |= UV_READABLE;
	else if (c->watch_gone)
		events |= UV_DISCONNECT;
	if (c->local_full)
		events |= UV_WRITABLE;
	if (events == c->armed)
		return;
	c->armed = events;
	if (events)
		uv_poll_start(&c->poll, events, on_poll);
	else
		uv_poll_stop(&c->poll);
}

static void on_closed(uv_handle_t *h)
{
	free(h);
}

void ep_conn_refuse(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* Lets go of socket, stream and memory. |reset|: the local socket gets a reset instead of an end. */
static void discard(struct ep_conn *c, bool reset)
{
	uv_poll_stop(&c->poll);
	if (reset)
		ep_conn_refuse(c->fd);
	else
		close(c->fd);
	adit_list_del(&c->node);
	link_stream_set_user(c->stream, NULL);
	link_stream_release(c->stream);
	c->by->touch(c->by->ctx);
	uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void end(struct ep_conn *c, enum ep_end how, uint64_t code)
{
	ep_conn_ended *ended = c->ended;
	void *ctx = c->ctx;

	discard(c, how != EP_END_CLEAN);
	if (ended)
		ended(ctx, how, code);
}

static void end_local(struct ep_conn *c)
{
	quic_stream_reset(bytes_of(c), FWD_STREAM_TCP_RESET);
	end(c, EP_END_LOCAL, 0);
}

static bool is_transient(int err)
{
	return err == EAGAIN || err == EINTR || err == ENOBUFS;
}

/* Local socket to stream. false: the connection is gone. */
static bool read_local(struct ep_conn *c)
{
	bool is_full;
	ssize_t got = ep_pack_read(&c->pack, bytes_of(c), c->fd, &is_full);

	if (is_full) {
		c->stream_full = true;
		c->watch_gone = true;
	} else if (got < 0) {
		if (is_transient(errno))
			return true;
		end_local(c);
		return false;
	} else if (got == 0) {
		c->eof_sent = true;
		quic_stream_finish(bytes_of(c));
	}
	c->by->touch(c->by->ctx);
	return true;
}

static size_t sum_of(const struct quic_vec *vec, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += vec[i].len;
	return sum;
}

/* Stream to local socket, as far as it takes bytes. false: the connection is gone. */
static bool write_local(struct ep_conn *c)
{
	struct quic_vec vec[WRITE_VECS];
	int n = 0;

	while (!c->local_full && (n = ep_pack_front(&c->pack, bytes_of(c), vec, WRITE_VECS)) > 0) {
		/* struct quic_vec has the shape of struct iovec. */
		struct msghdr m = {.msg_iov = (struct iovec *)vec, .msg_iovlen = (size_t)n};
		ssize_t put;

		put = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (put < 0 && !is_transient(errno)) {
			end_local(c);
			return false;
		}
		c->local_full = put < 0 || (size_t)put < sum_of(vec, n);
		if (put > 0)
			ep_pack_took(&c->pack, bytes_of(c), (size_t)put);
	}
	if (n < 0) {
		quic_stream_reset(bytes_of(c), FWD_STREAM_PROTOCOL);
		end(c, EP_END_PEER, FWD_STREAM_PROTOCOL);
		return false;
	}
	if (quic_stream_at_end(bytes_of(c)) && !c->eof_received) {
		c->eof_received = true;
		shutdown(c->fd, SHUT_WR);
	}
	return true;
}

/* Both halves are over: the kernel delivers what is left, the session what is still queued. */
static bool finish_if_done(struct ep_conn *c)
{
	if (!c->eof_sent || !c->eof_received)
		return false;
	end(c, EP_END_CLEAN, 0);
	return true;
}

/* An error waits on the socket, or the peer closed while we do not read. */
static bool check_gone(struct ep_conn *c)
{
	struct pollfd p = {.fd = c->fd};

	c->watch_gone = false;
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLERR)) {
		end_local(c);
		return true;
	}
	return false;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct ep_conn *c = (struct ep_conn *)poll;

	if (status < 0) {
		end_local(c);
		return;
	}
	if ((events & UV_DISCONNECT) && check_gone(c))
		return;
	if (events & UV_WRITABLE) {
		c->local_full = false;
		c->by->touch(c->by->ctx);
		if (!write_local(c))
			return;
	}
	if ((events & UV_READABLE) && may_read(c)) {
		if (!read_local(c))
			return;
		events &= ~UV_READABLE;
	}
	if (!finish_if_done(c))
		arm(c, events & UV_READABLE);
}

void ep_conn_news(struct ep_conn *c, unsigned news)
{
	if (news & QUIC_NEWS_RESET) {
		end(c, EP_END_PEER, quic_stream_error(bytes_of(c)));
		return;
	}
	if (news & QUIC_NEWS_STOPPED) {
		uint64_t code = quic_stream_error(bytes_of(c));

		quic_stream_reset(bytes_of(c), FWD_STREAM_TCP_RESET);
		end(c, EP_END_PEER, code);
		return;
	}
	if ((news & QUIC_NEWS_READABLE) && !write_local(c))
		return;
	if ((news & QUIC_NEWS_WRITABLE) && c->stream_full) {
		c->stream_full = false;
		if (may_read(c) && !read_local(c))
			return;
	}
	if (finish_if_done(c))
		return;
	if ((news & QUIC_NEWS_CLOSED) && !(quic_stream_readable(bytes_of(c)) > 0 && c->local_full)) {
		end(c, EP_END_SESSION, 0);
		return;
	}
	arm(c, false);
}

bool ep_conn_is_refused(const struct link_event *e, _Atomic bool *told)
{
	if (!link_stream_is_answered(e->stream) && (e->news & QUIC_NEWS_RESET))
		return !atomic_exchange(told, true);
	if ((e->news & QUIC_NEWS_READABLE) && atomic_load(told))
		atomic_store(told, false);
	return false;
}

void ep_conn_close(struct ep_conn *c, uint64_t code)
{
	quic_stream_reset(bytes_of(c), code);
	discard(c, true);
}

void ep_conn_close_all(struct adit_list *list, uint64_t code)
{
	adit_list_each_safe (it, tmp, list)
		ep_conn_close(adit_container(it, struct ep_conn, node), code);
}

void ep_conn_lose_all(struct adit_list *list)
{
	struct adit_list *it;

	while ((it = adit_list_first(list)) != NULL)
		end(adit_container(it, struct ep_conn, node), EP_END_SESSION, 0);
}

bool ep_conn_drain_all(struct adit_list *list)
{
	bool is_done = true;

	adit_list_each (it, list) {
		struct ep_conn *c = adit_container(it, struct ep_conn, node);

		c->draining = true;
		arm(c, true);
		if (quic_stream_unacked(bytes_of(c)) > 0 || quic_stream_readable(bytes_of(c)) > 0)
			is_done = false;
	}
	return is_done;
}

int ep_conn_new(const struct ep_carrier *by, int fd, struct link_stream *stream, struct adit_list *list,
		ep_conn_ended *ended, void *ctx)
{
	struct ep_conn *c = calloc(1, sizeof(*c));
	int on = 1;
	int unsent = UNSENT_MAX;

	if (!c || (link_stream_compresses(stream) && ep_pack_begin(&c->pack, by->packer) < 0) ||
	    uv_poll_init(by->loop, &c->poll, fd) < 0) {
		free(c);
		ep_conn_refuse(fd);
		quic_stream_reset(link_stream_bytes(stream), FWD_STREAM_OVERLOAD);
		link_stream_release(stream);
		return ADIT_ENOMEM;
	}
	/* A unix socket says no to both, which is as good. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	c->fd = fd;
	c->by = by;
	c->stream = stream;
	c->ended = ended;
	c->ctx = ctx;
	adit_list_push_back(list, &c->node);
	link_stream_set_user(stream, c);
	arm(c, false);
	/* What came before there was a socket to write it to. */
	ep_conn_news(c, QUIC_NEWS_READABLE);
	return 0;
}
