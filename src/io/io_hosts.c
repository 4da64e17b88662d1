#include "io/io_hosts.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io_ifaces.h"
#include "io/io_route.h"

#define SETTLE_MS 100 /* a network that comes up makes several changes at once, within milliseconds of each other */
#define AGAIN_MS  5000 /* without rtnetlink */

struct io_hosts {
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	int fd; /* rtnetlink; -1: not to be had */
	io_hosts_changed *changed;
	void *ctx;
	struct reach_host last[REACH_HOSTS_MAX];
	size_t n_last;
	struct adit_addr router[2]; /* IPv4, IPv6; family NONE: no default route */
};

/* Where the system does not tell, there is none. */
static size_t list(struct reach_host hosts[REACH_HOSTS_MAX])
{
	int n = io_ifaces_get(hosts, REACH_HOSTS_MAX);

	return n < 0 ? 0 : (size_t)n;
}

static struct adit_addr router(enum adit_family family)
{
	struct adit_addr gateway = {0};
	struct adit_addr own;

	(void)!io_route_default(family, &gateway, &own);
	return gateway;
}

/* Is it another one than it was? */
static bool take_router(struct adit_addr *last, enum adit_family family)
{
	struct adit_addr now = router(family);
	bool is_other = !adit_addr_eq(&now, last);

	*last = now;
	return is_other;
}

static void look(struct io_hosts *h)
{
	struct reach_host now[REACH_HOSTS_MAX];
	size_t n = list(now);
	bool is_other = take_router(&h->router[0], ADIT_FAMILY_V4);

	is_other |= take_router(&h->router[1], ADIT_FAMILY_V6);
	if (!is_other && io_ifaces_is_same(now, n, h->last, h->n_last))
		return;
	memcpy(h->last, now, n * sizeof(now[0]));
	h->n_last = n;
	h->changed(h->ctx, h->last, n);
}

static void on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

static bool is_default_route(const struct nlmsghdr *h)
{
	struct rtmsg m;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
		return false;
	memcpy(&m, NLMSG_DATA(h), sizeof(m));
	return m.rtm_dst_len == 0 && m.rtm_table == RT_TABLE_MAIN;
}

/* NLMSG_OK() without its comparison of numbers with and without a sign. */
static bool is_whole(const struct nlmsghdr *h, int left)
{
	return left >= (int)sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= (unsigned)left;
}

bool io_hosts_is_news(const void *data, size_t len)
{
	const struct nlmsghdr *h = data;
	int left = (int)len;

	for (; is_whole(h, left); h = NLMSG_NEXT(h, left))
		if ((h->nlmsg_type != RTM_NEWROUTE && h->nlmsg_type != RTM_DELROUTE) || is_default_route(h))
			return true;
	return left > 0; /* cut short */
}

/* Whatever they say: it is looked at anew when they have been silent for a moment. */
static void on_netlink(uv_poll_t *poll, int status, int events)
{
	struct io_hosts *h = poll->data;
	_Alignas(struct nlmsghdr) char buf[8192];
	bool is_news = false;
	ssize_t n;

	(void)status;
	(void)events;
	while ((n = recv(h->fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0 || errno == ENOBUFS)
		is_news |= n < 0 || io_hosts_is_news(buf, (size_t)n);
	if (is_news)
		uv_timer_start(&h->timer, on_timer, SETTLE_MS, 0);
}

static int open_netlink(void)
{
	struct sockaddr_nl nl = {
		.nl_family = AF_NETLINK,
		.nl_groups =
			RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&nl, sizeof(nl)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int io_hosts_new(uv_loop_t *loop, io_hosts_changed *changed, void *ctx, struct io_hosts **ret_hosts)
{
	struct io_hosts *h = calloc(1, sizeof(*h));

	if (!h)
		return ADIT_ENOMEM;
	h->changed = changed;
	h->ctx = ctx;
	uv_timer_init(loop, &h->timer);
	h->timer.data = h;
	h->open_handles = 1;
	h->fd = open_netlink();
	if (h->fd >= 0 && uv_poll_init(loop, &h->poll, h->fd) < 0) {
		close(h->fd);
		h->fd = -1;
	}
	if (h->fd >= 0) {
		h->poll.data = h;
		h->open_handles++;
		uv_poll_start(&h->poll, UV_READABLE, on_netlink);
	} else {
		uv_timer_start(&h->timer, on_timer, AGAIN_MS, AGAIN_MS);
	}
	/* An empty list is news, too, for one that was not told anything yet. */
	h->n_last = list(h->last);
	h->router[0] = router(ADIT_FAMILY_V4);
	h->router[1] = router(ADIT_FAMILY_V6);
	changed(ctx, h->last, h->n_last);
	*ret_hosts = h;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct io_hosts *h = handle->data;

	if (--h->open_handles > 0)
		return;
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

void io_hosts_close(struct io_hosts *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		uv_close((uv_handle_t *)&h->poll, on_closed);
	uv_close((uv_handle_t *)&h->timer, on_closed);
}
