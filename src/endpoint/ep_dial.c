#include "endpoint/ep_dial.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DIAL_ADDRS_MAX 4 /* of a name's addresses, in the resolver's order */

struct ep_dial {
	uv_loop_t *loop;
	struct ep_target target;
	ep_dial_done *done; /* NULL: cancelled */
	ep_dial_waits *waits; /* NULL: it does not */
	void *ctx;
	bool told; /* that it waits for a descriptor */
	unsigned n_again; /* tries of a full backlog */
	uv_getaddrinfo_t resolve;
	bool resolving;
	uv_poll_t poll;
	uv_timer_t timer;
	bool timer_open;
	bool poll_open;
	struct sockaddr_storage addr[DIAL_ADDRS_MAX];
	socklen_t addr_len[DIAL_ADDRS_MAX];
	size_t n_addrs;
	size_t next;
	int fd;
	int err;
};

static void try_next(struct ep_dial *d);

/* This machine has no address of that family, or no way out with it: says nothing of the service. */
static bool is_own_lack(int err)
{
	return err == EADDRNOTAVAIL || err == EAFNOSUPPORT || err == ENETUNREACH;
}

/* Of several addresses' errors the last one that says something of the service is reported. */
static void note_error(struct ep_dial *d, int err)
{
	if (!is_own_lack(err) || d->err == 0 || is_own_lack(d->err))
		d->err = err;
}

static void free_if_unused(struct ep_dial *d)
{
	if (!d->done && !d->resolving && !d->poll_open && !d->timer_open)
		free(d);
}

static void on_poll_closed(uv_handle_t *h)
{
	struct ep_dial *d = h->data;

	d->poll_open = false;
	if (d->done)
		try_next(d);
	else
		free_if_unused(d);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct ep_dial *d = h->data;

	d->timer_open = false;
	free_if_unused(d);
}

/* Lets go of everything; |fd| is the caller's by now or closed. */
static void wind_up(struct ep_dial *d)
{
	d->done = NULL;
	if (d->resolving)
		uv_cancel((uv_req_t *)&d->resolve);
	if (d->poll_open && !uv_is_closing((uv_handle_t *)&d->poll)) {
		uv_poll_stop(&d->poll);
		uv_close((uv_handle_t *)&d->poll, on_poll_closed);
	}
	if (d->timer_open && !uv_is_closing((uv_handle_t *)&d->timer))
		uv_close((uv_handle_t *)&d->timer, on_timer_closed);
	free_if_unused(d);
}

static void report(struct ep_dial *d, int fd, int err)
{
	ep_dial_done *done = d->done;
	void *ctx = d->ctx;

	wind_up(d);
	done(ctx, fd, err);
}

void ep_dial_cancel(struct ep_dial *d)
{
	if (d->fd >= 0 && d->poll_open)
		close(d->fd);
	d->fd = -1;
	wind_up(d);
}

static void on_timeout(uv_timer_t *timer)
{
	struct ep_dial *d = timer->data;

	if (!d->poll_open || uv_is_closing((uv_handle_t *)&d->poll)) {
		report(d, -1, ETIMEDOUT);
		return;
	}
	uv_poll_stop(&d->poll);
	close(d->fd);
	d->fd = -1;
	note_error(d, ETIMEDOUT);
	uv_close((uv_handle_t *)&d->poll, on_poll_closed);
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
	struct ep_dial *d = poll->data;
	int err = 0;
	socklen_t len = sizeof(err);
	int fd = d->fd;

	(void)status;
	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	uv_poll_stop(&d->poll);
	d->fd = -1;
	if (err == 0) {
		report(d, fd, 0);
		return;
	}
	note_error(d, err);
	close(fd);
	uv_close((uv_handle_t *)&d->poll, on_poll_closed);
}

static void on_again(uv_timer_t *timer)
{
	try_next(timer->data);
}

/* There are no descriptors: waits for some, if it is to. */
static bool waits_for_descriptor(struct ep_dial *d, int err, uv_timer_cb again)
{
	if (!d->waits || (err != EMFILE && err != ENFILE))
		return false;
	if (!d->told)
		d->waits(d->ctx, err);
	d->told = true;
	uv_timer_start(&d->timer, again, EP_DIAL_PAUSE_MS, 0);
	return true;
}

/* unix(7): a full backlog is EAGAIN at once, where TCP's handshake would be repeated. */
static bool tries_again(struct ep_dial *d, int err)
{
	if (err != EAGAIN || d->target.kind != EP_UNIX)
		return false;
	if (++d->n_again > EP_DIAL_TIMEOUT_MS / EP_DIAL_AGAIN_MS) {
		errno = ETIMEDOUT;
		return false;
	}
	uv_timer_start(&d->timer, on_again, EP_DIAL_AGAIN_MS, 0);
	return true;
}

static void try_next(struct ep_dial *d)
{
	while (d->next < d->n_addrs) {
		size_t i = d->next;
		int fd = socket(d->addr[i].ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0 && waits_for_descriptor(d, errno, on_again))
			return;
		d->next++;
		if (fd < 0) {
			note_error(d, errno);
			continue;
		}
		if (connect(fd, (struct sockaddr *)&d->addr[i], d->addr_len[i]) == 0) {
			report(d, fd, 0);
			return;
		}
		if (tries_again(d, errno)) {
			close(fd);
			d->next--;
			return;
		}
		if (errno != EINPROGRESS || uv_poll_init(d->loop, &d->poll, fd) < 0) {
			note_error(d, errno);
			close(fd);
			continue;
		}
		d->fd = fd;
		d->poll.data = d;
		d->poll_open = true;
		uv_poll_start(&d->poll, UV_WRITABLE, on_connected);
		uv_timer_start(&d->timer, on_timeout, EP_DIAL_TIMEOUT_MS, 0);
		return;
	}
	report(d, -1, d->err);
}

static void resolve(uv_timer_t *timer);

/* A resolver that has no descriptor for its question says no more than that it failed. */
static bool lacks_descriptor(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct ep_dial *d = req->data;

	d->resolving = false;
	for (struct addrinfo *ai = res; ai && d->n_addrs < DIAL_ADDRS_MAX; ai = ai->ai_next) {
		memcpy(&d->addr[d->n_addrs], ai->ai_addr, ai->ai_addrlen);
		d->addr_len[d->n_addrs++] = ai->ai_addrlen;
	}
	uv_freeaddrinfo(res);
	if (!d->done) {
		free_if_unused(d);
		return;
	}
	if (d->n_addrs == 0 && lacks_descriptor() && waits_for_descriptor(d, errno, resolve))
		return;
	d->err = status < 0 || d->n_addrs == 0 ? EHOSTUNREACH : 0;
	try_next(d);
}

static void set_unix(struct ep_dial *d)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&d->addr[0];

	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, d->target.path, sizeof(un->sun_path));
	d->addr_len[0] = sizeof(*un);
	d->n_addrs = 1;
}

static void resolve(uv_timer_t *timer)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct ep_dial *d = timer->data;
	const char *host = d->target.host[0] ? d->target.host : NULL;
	char port[8];

	snprintf(port, sizeof(port), "%u", d->target.port);
	uv_timer_start(&d->timer, on_timeout, EP_DIAL_TIMEOUT_MS, 0);
	d->resolving = uv_getaddrinfo(d->loop, &d->resolve, on_resolved, host, port, &hints) == 0;
	if (d->resolving)
		return;
	d->err = EHOSTUNREACH;
	uv_timer_start(&d->timer, on_again, 0, 0);
}

void ep_dial_be_patient(struct ep_dial *d, ep_dial_waits *waits)
{
	d->waits = waits;
}

int ep_dial_new(uv_loop_t *loop, const struct ep_target *target, ep_dial_done *done, void *ctx,
		struct ep_dial **ret_dial)
{
	struct ep_dial *d = calloc(1, sizeof(*d));

	if (!d)
		return ADIT_ENOMEM;
	d->loop = loop;
	d->target = *target;
	d->done = done;
	d->ctx = ctx;
	d->fd = -1;
	d->resolve.data = d;
	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	d->timer_open = true;
	*ret_dial = d;
	if (target->kind == EP_UNIX) {
		/* Connecting at once could call |done| before the caller has the dial. */
		set_unix(d);
		uv_timer_start(&d->timer, on_again, 0, 0);
	} else {
		resolve(&d->timer);
	}
	return 0;
}
