#include "io/io_ifaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "io/io_sockaddr.h"

/* The beginning of the name. */
static const struct {
	const char *prefix;
	enum ice_iface kind;
} kinds[] = {
	{"docker", ICE_IFACE_VIRTUAL}, /* its first bridge; the others are br-<id>, as podman's compose makes them, too
					*/
	{"br-", ICE_IFACE_VIRTUAL},     {"podman", ICE_IFACE_VIRTUAL},  {"cni", ICE_IFACE_VIRTUAL}, /* kubernetes */
	{"flannel", ICE_IFACE_VIRTUAL}, {"cali", ICE_IFACE_VIRTUAL},    {"virbr", ICE_IFACE_VIRTUAL}, /* libvirt */
	{"vnet", ICE_IFACE_VIRTUAL},    {"lxcbr", ICE_IFACE_VIRTUAL},   {"lxdbr", ICE_IFACE_VIRTUAL},
	{"incusbr", ICE_IFACE_VIRTUAL}, {"vboxnet", ICE_IFACE_VIRTUAL}, {"vmnet", ICE_IFACE_VIRTUAL},
	{"tun", ICE_IFACE_VPN},         {"tap", ICE_IFACE_VPN},         {"wg", ICE_IFACE_VPN},
	{"tailscale", ICE_IFACE_VPN},   {"zt", ICE_IFACE_VPN}, /* ZeroTier */
	{"nebula", ICE_IFACE_VPN},      {"ipsec", ICE_IFACE_VPN},       {"proton", ICE_IFACE_VPN},
	{"nordlynx", ICE_IFACE_VPN},
};

enum ice_iface io_iface_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].kind;
	return ICE_IFACE_NORMAL;
}

static bool is_wanted(const struct ifaddrs *i)
{
	if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
		return false;
	return i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6;
}

int io_ifaces_get(struct io_iface *ret_ifaces, size_t cap)
{
	struct ifaddrs *all;
	size_t n = 0;

	if (getifaddrs(&all) < 0)
		return ADIT_ESYS;
	for (const struct ifaddrs *i = all; i && n < cap; i = i->ifa_next) {
		struct adit_addr a;

		if (!is_wanted(i))
			continue;
		a = io_sockaddr_to(i->ifa_addr);
		a.port = 0;
		if (!adit_addr_is_link_local(&a))
			ret_ifaces[n++] = (struct io_iface){.addr = a, .kind = io_iface_kind(i->ifa_name)};
	}
	freeifaddrs(all);
	return (int)n;
}
