#include "io/io_ifaces.h"

#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "io/io_sockaddr.h"

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

enum ice_iface io_iface_kind(const char *name, const char *driver)
{
	/* Bridges to guests of this machine: docker, podman, libvirt, LXC, LXD, Incus, VirtualBox, VMware, Kubernetes.
	 */
	static const char *const virtual[] = {"docker",  "podman",  "virbr", "vnet", "lxcbr",   "lxdbr",
					      "incusbr", "vboxnet", "vmnet", "cni",  "flannel", "cali"};
	static const char *const vpn[] = {"tun", "tap",    "wg",    "tailscale", "zt",
					  "vpn", "nebula", "ipsec", "proton",    "nordlynx"};
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
	return io_iface_kind(name, info.driver);
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

/* ---- which of them ---- */

static const struct io_ifaddr *known_of(const struct io_iface_addr *a, const struct io_ifaddr *known, size_t n_known)
{
	for (size_t i = 0; i < n_known; i++)
		if (known[i].link == a->link && adit_addr_eq_ip(&known[i].addr, &a->host.addr))
			return &known[i];
	return NULL;
}

/* Unique local addresses lead to one's own network only (RFC 4193): they are met there, or nowhere. */
static bool is_unique_local(const struct adit_addr *a)
{
	return adit_addr_is_v6(a) && adit_addr_is_private(a);
}

#define RANKS 3u

static unsigned rank_of(const struct adit_addr *a)
{
	return is_unique_local(a) ? 2 : adit_addr_is_v4(a) ? 1 : 0;
}

/* Not of this kind or reach: it is no reason to leave a temporary one out. */
static bool is_stable(const struct io_iface_addr *a, const struct io_ifaddr *k)
{
	return adit_addr_is_v6(&a->host.addr) && !(k && (k->is_temporary || k->is_deprecated || k->is_unsure));
}

static bool has_stable(const struct io_iface_addr *all, size_t n_all, const struct io_ifaddr *known, size_t n_known,
		       const struct io_iface_addr *beside)
{
	for (size_t i = 0; i < n_all; i++)
		if (all[i].link == beside->link &&
		    is_unique_local(&all[i].host.addr) == is_unique_local(&beside->host.addr) &&
		    is_stable(&all[i], known_of(&all[i], known, n_known)))
			return true;
	return false;
}

size_t io_ifaces_choose(const struct io_iface_addr *all, size_t n_all, const struct io_ifaddr *known, size_t n_known,
			struct reach_host *ret_hosts, size_t cap)
{
	static const enum ice_iface order[] = {ICE_IFACE_NORMAL, ICE_IFACE_VPN, ICE_IFACE_VIRTUAL};
	size_t n = 0;

	for (size_t i = 0; i < RANKS * ARRAY_LEN(order); i++) {
		for (size_t j = 0; j < n_all && n < cap; j++) {
			const struct io_ifaddr *k = known_of(&all[j], known, n_known);

			if (all[j].host.iface != order[i / RANKS] || rank_of(&all[j].host.addr) != i % RANKS)
				continue;
			if (k && (k->is_deprecated || k->is_unsure ||
				  (k->is_temporary && has_stable(all, n_all, known, n_known, &all[j]))))
				continue;
			ret_hosts[n++] = all[j].host;
		}
	}
	return n;
}

int io_ifaces_get(struct reach_host *ret_hosts, size_t cap)
{
	struct io_iface_addr all[IO_IFADDRS_MAX];
	struct io_ifaddr known[IO_IFADDRS_MAX];
	struct ifaddrs *ifs;
	size_t n = 0;
	int n_known;
	int fd;

	if (getifaddrs(&ifs) < 0)
		return ADIT_ESYS;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (const struct ifaddrs *ifa = ifs; ifa && n < IO_IFADDRS_MAX; ifa = ifa->ifa_next) {
		if (!is_candidate(ifa, &all[n].host.addr))
			continue;
		all[n].host.iface = kind_of(fd, ifa->ifa_name);
		all[n++].link = if_nametoindex(ifa->ifa_name);
	}
	freeifaddrs(ifs);
	if (fd >= 0)
		close(fd);
	n_known = io_ifaddr_get(known, IO_IFADDRS_MAX);
	return (int)io_ifaces_choose(all, n, known, n_known < 0 ? 0 : (size_t)n_known, ret_hosts, cap);
}

bool io_ifaces_is_same(const struct reach_host *a, size_t n_a, const struct reach_host *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (!adit_addr_eq(&a[i].addr, &b[i].addr) || a[i].iface != b[i].iface)
			return false;
	return true;
}
