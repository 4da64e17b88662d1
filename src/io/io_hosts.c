#include "io/io_hosts.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "io/io_sockaddr.h"

#define SETTLE_MS 300 /* a network that comes up makes several changes at once */
#define AGAIN_MS  5000 /* without rtnetlink */

#define ADDRESSES_MAX 128 /* looked at; those of docker hosts are many */

struct io_hosts {
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	int fd; /* rtnetlink; -1: not to be had */
	io_hosts_changed *changed;
	void *ctx;
	struct reach_host last[REACH_HOSTS_MAX];
	size_t n_last;
};

static bool has_prefix(const char *name, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* "br-" and twelve hexadecimal digits: a docker network. "br-lan" is a router's own LAN. */
static bool is_docker_bridge(const char *name)
{
	return strncmp(name, "br-", 3) == 0 && strlen(name + 3) == 12 && strspn(name + 3, "0123456789abcdef") == 12;
}

enum ice_iface io_hosts_kind(const char *name, const char *driver)
{
	/* Bridges to guests of this machine: docker, podman, libvirt, LXC, LXD, VirtualBox, VMware, Kubernetes. */
	static const char *const virtual[] = {"docker",  "podman",  "virbr", "lxcbr", "lxdbr",
					      "incusbr", "vboxnet", "vmnet", "cni",   "flannel"};
	static const char *const vpn[] = {"tun", "tap", "wg", "tailscale", "zt", "nebula", "ipsec", "vpn"};
	static const char *const vpn_driver[] = {"tun", "wireguard", "ipip", "ip6tnl", "gre", "sit", "vti", "xfrm"};

	if (is_docker_bridge(name) || has_prefix(name, virtual, ARRAY_LEN(virtual)))
		return ICE_IFACE_VIRTUAL;
	if (has_prefix(driver, vpn_driver, ARRAY_LEN(vpn_driver)) || has_prefix(name, vpn, ARRAY_LEN(vpn)))
		return ICE_IFACE_VPN;
	return ICE_IFACE_NORMAL;
}

/* ETHTOOL_GDRVINFO needs no privilege; for a device without a driver it is the kind that rtnetlink made it as. */
static enum ice_iface kind_of(int fd, const char *name)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq req = {.ifr_data = (void *)&info};

	memcpy(req.ifr_name, name, strnlen(name, sizeof(req.ifr_name) - 1));
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &req) < 0)
		info.driver[0] = '\0';
	info.driver[sizeof(info.driver) - 1] = '\0';
	return io_hosts_kind(name, info.driver);
}

static bool is_candidate(const struct ifaddrs *ifa, struct adit_addr *ret_addr)
{
	if (!ifa->ifa_addr || !(ifa->ifa_flags & IFF_UP) || !(ifa->ifa_flags & IFF_RUNNING) ||
	    (ifa->ifa_flags & IFF_LOOPBACK))
		return false;
	*ret_addr = adit_addr_with_port(io_sockaddr_to(ifa->ifa_addr), 0);
	return ret_addr->family != ADIT_FAMILY_NONE && !adit_addr_is_loopback(ret_addr) &&
	       !adit_addr_is_link_local(ret_addr);
}

/* The best kinds first, otherwise in the system's order. */
static size_t sort(const struct reach_host *all, size_t n_all, struct reach_host hosts[REACH_HOSTS_MAX])
{
	static const enum ice_iface order[] = {ICE_IFACE_NORMAL, ICE_IFACE_VPN, ICE_IFACE_VIRTUAL};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t j = 0; j < n_all && n < REACH_HOSTS_MAX; j++)
			if (all[j].iface == order[i])
				hosts[n++] = all[j];
	return n;
}

static size_t list(struct reach_host hosts[REACH_HOSTS_MAX])
{
	struct reach_host all[ADDRESSES_MAX];
	struct ifaddrs *ifs = NULL;
	size_t n = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (getifaddrs(&ifs) < 0)
		ifs = NULL;
	for (const struct ifaddrs *ifa = ifs; ifa && n < ADDRESSES_MAX; ifa = ifa->ifa_next)
		if (is_candidate(ifa, &all[n].addr))
			all[n++].iface = kind_of(fd, ifa->ifa_name);
	if (ifs)
		freeifaddrs(ifs);
	if (fd >= 0)
		close(fd);
	return sort(all, n, hosts);
}

static bool is_same(const struct reach_host *a, const struct reach_host *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!adit_addr_eq(&a[i].addr, &b[i].addr) || a[i].iface != b[i].iface)
			return false;
	return true;
}

static void look(struct io_hosts *h)
{
	struct reach_host now[REACH_HOSTS_MAX];
	size_t n = list(now);

	if (n == h->n_last && is_same(now, h->last, n))
		return;
	memcpy(h->last, now, n * sizeof(now[0]));
	h->n_last = n;
	h->changed(h->ctx, h->last, n);
}

static void on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

/* Whatever they say: it is looked at anew when they have been silent for a moment. */
static void on_netlink(uv_poll_t *poll, int status, int events)
{
	struct io_hosts *h = poll->data;
	char buf[8192];

	(void)status;
	(void)events;
	while (recv(h->fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
	uv_timer_start(&h->timer, on_timer, SETTLE_MS, 0);
}

static int open_netlink(void)
{
	struct sockaddr_nl nl = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
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
