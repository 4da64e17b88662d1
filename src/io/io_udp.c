#include "io/io_udp.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "io/io_sock.h"

#define ERRORS_MAX 64 /* of the error queue in one turn: a storm of ICMP must not hold the loop */

struct io_udp {
	uv_poll_t poll; /* first: its close callback gets this pointer */
	struct io_sock sock;
	bool want_write;
	const struct adit_nat64 *nat64; /* NULL: this is no matter here */
	struct io_udp *six; /* the way through it; NULL: not needed yet */
	const struct io_udp_ops *ops;
	void *ctx;
};

static void poll_arm(struct io_udp *u);

/* ---- through a NAT64 ---- */

static void six_dgram(void *ctx, struct adit_dgram *d)
{
	struct io_udp *u = ctx;

	if (!adit_nat64_in(u->nat64, d))
		return;
	d->local.port = u->sock.port;
	u->ops->dgram(u->ctx, d);
}

static void six_icmp(void *ctx, struct adit_icmp *icmp)
{
	struct io_udp *u = ctx;

	if (adit_nat64_icmp(u->nat64, icmp))
		u->ops->icmp(u->ctx, icmp);
}

static void six_writable(void *ctx)
{
	struct io_udp *u = ctx;

	u->ops->writable(u->ctx);
}

/* The same port, as NATs may keep it; where that is taken, for an IPv6 socket of the same number, any. */
static bool six_open(struct io_udp *u)
{
	static const struct io_udp_ops ops = {.dgram = six_dgram, .icmp = six_icmp, .writable = six_writable};

	return u->six || io_udp_open(u->poll.loop, ADIT_FAMILY_V6, u->sock.port, &ops, u, &u->six) == 0 ||
	       io_udp_open(u->poll.loop, ADIT_FAMILY_V6, 0, &ops, u, &u->six) == 0;
}

void io_udp_set_nat64(struct io_udp *u, const struct adit_nat64 *n)
{
	u->nat64 = u->sock.family == ADIT_FAMILY_V4 ? n : NULL;
}

/* ---- sending ---- */

int io_udp_send(struct io_udp *u, const struct adit_out *out)
{
	struct adit_out through = *out;

	if (u->nat64 && u->nat64->len > 0 && adit_nat64_out(u->nat64, &through) && six_open(u))
		return io_udp_send(u->six, &through);
	if (io_sock_send(&u->sock, out))
		return 1;
	u->want_write = true;
	poll_arm(u);
	return 0;
}

int io_udp_share(const struct io_udp *u, struct io_sock *ret_sock)
{
	if (u->nat64 && u->nat64->len > 0)
		return ADIT_ENOENT;
	*ret_sock = u->sock;
	ret_sock->fd = fcntl(u->sock.fd, F_DUPFD_CLOEXEC, 0);
	return ret_sock->fd < 0 ? ADIT_ESYS : 0;
}

/* One for all sockets of a thread: it is used up before the next call. (Not itself thread-local: every thread would
 * get one.) */
static _Thread_local struct io_sock_inbox *inbox;
static _Thread_local unsigned inbox_users;

static bool inbox_need(void)
{
	if (!inbox)
		inbox = calloc(1, sizeof(*inbox));
	inbox_users += inbox != NULL;
	return inbox != NULL;
}

static void inbox_done(void)
{
	if (--inbox_users > 0)
		return;
	free(inbox);
	inbox = NULL;
}

/* As much as one call takes. false: nothing more now. */
static bool read_some(struct io_udp *u)
{
	bool more;
	int n = io_sock_read_many(&u->sock, inbox, &more);

	for (int i = 0; i < n && u->sock.fd >= 0; i++) {
		struct adit_dgram d = io_sock_inbox_get(&u->sock, inbox, i);

		u->ops->dgram(u->ctx, &d);
	}
	return more && u->sock.fd >= 0;
}

static void read_errors(struct io_udp *u)
{
	for (int i = 0; i < ERRORS_MAX && u->sock.fd >= 0; i++) {
		uint8_t payload[2048];
		struct adit_icmp icmp;
		int r = io_sock_read_icmp(&u->sock, payload, sizeof(payload), &icmp);

		if (r == 0)
			return;
		if (r > 0)
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
		if (u->sock.fd < 0)
			return;
		getsockopt(u->sock.fd, SOL_SOCKET, SO_ERROR, &err, &len);
		poll_arm(u);
		events = UV_READABLE;
	}
	if (events & UV_WRITABLE) {
		u->want_write = false;
		poll_arm(u);
		u->ops->writable(u->ctx);
	}
	for (int i = 0; u->sock.fd >= 0 && (events & UV_READABLE) && i < IO_UDP_READS_MAX; i++) {
		if (!read_some(u))
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
	struct adit_addr any = {.family = (uint8_t)family, .port = port};
	struct io_udp *u = calloc(1, sizeof(*u));

	if (!u)
		return ADIT_ENOMEM;
	if (io_sock_open(&u->sock, &any, true) < 0) {
		free(u);
		return ADIT_ESYS;
	}
	u->ops = ops;
	u->ctx = ctx;
	if (!inbox_need() || uv_poll_init(loop, &u->poll, u->sock.fd) < 0) {
		if (inbox)
			inbox_done();
		io_sock_close(&u->sock);
		free(u);
		return ADIT_ESYS;
	}
	poll_arm(u);
	*ret_udp = u;
	return 0;
}

bool io_udp_is_free(uint16_t port)
{
	struct adit_addr any = {.family = ADIT_FAMILY_V4, .port = port};
	struct io_sock s;

	if (io_sock_open(&s, &any, false) < 0)
		return false;
	io_sock_close(&s);
	return true;
}

static void on_closed(uv_handle_t *h)
{
	inbox_done();
	free(h);
}

void io_udp_close(struct io_udp *u)
{
	if (u->six)
		io_udp_close(u->six);
	uv_poll_stop(&u->poll);
	io_sock_close(&u->sock);
	uv_close((uv_handle_t *)&u->poll, on_closed);
}

uint16_t io_udp_port(const struct io_udp *u)
{
	return u->sock.port;
}
