#include "io/io_route.h"

#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io_sockaddr.h"

#define LINE_MAX_LEN 512

/* The kernel chooses the source address of a connected socket; nothing is sent. */
static int own_towards(const struct adit_addr *to, struct adit_addr *ret_own)
{
	struct adit_addr dst = adit_addr_with_port(*to, 9);
	struct sockaddr_storage ss;
	socklen_t len = io_sockaddr_from(&dst, &ss);
	int fd = socket(io_sockaddr_family(&dst), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = ADIT_ESYS;

	if (fd < 0)
		return err;
	if (connect(fd, (struct sockaddr *)&ss, len) == 0 && getsockname(fd, (struct sockaddr *)&ss, &len) == 0) {
		*ret_own = adit_addr_with_port(io_sockaddr_to((struct sockaddr *)&ss), 0);
		err = 0;
	}
	close(fd);
	return err;
}

/* A line of /proc/net/route: numbers in hexadecimal, addresses as they lie in memory. */
static bool read_v4(const char *line, struct adit_addr *ret_gateway, unsigned *ret_metric)
{
	unsigned dst;
	unsigned gateway;
	unsigned flags;
	unsigned mask;
	uint8_t ip[4];

	if (sscanf(line, "%*s %x %x %x %*u %*u %u %x", &dst, &gateway, &flags, ret_metric, &mask) != 5)
		return false;
	if (dst != 0 || mask != 0 || !(flags & RTF_GATEWAY) || !(flags & RTF_UP))
		return false;
	memcpy(ip, &gateway, sizeof(ip));
	*ret_gateway = adit_addr_v4(ip[0], ip[1], ip[2], ip[3], 0);
	return true;
}

/* A line of /proc/net/ipv6_route: addresses as 32 hexadecimal digits in network order. */
static bool read_v6(const char *line, struct adit_addr *ret_gateway, unsigned *ret_metric)
{
	char dst[33];
	char hop[33];
	char device[IF_NAMESIZE];
	unsigned len;
	unsigned flags;
	uint8_t ip[16];

	if (sscanf(line, "%32s %x %*s %*s %32s %x %*x %*x %x %15s", dst, &len, hop, ret_metric, &flags, device) != 6)
		return false;
	if (len != 0 || strspn(dst, "0") != 32 || !(flags & RTF_GATEWAY) || !(flags & RTF_UP))
		return false;
	for (size_t i = 0; i < sizeof(ip); i++) {
		char two[3] = {hop[2 * i], hop[2 * i + 1]};

		ip[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	*ret_gateway = adit_addr_v6(ip, 0);
	if (adit_addr_is_link_local(ret_gateway))
		ret_gateway->scope = if_nametoindex(device);
	return true;
}

int io_route_default(enum adit_family family, struct adit_addr *ret_gateway, struct adit_addr *ret_own)
{
	bool is_v4 = family == ADIT_FAMILY_V4;
	FILE *f = fopen(is_v4 ? "/proc/net/route" : "/proc/net/ipv6_route", "re");
	struct adit_addr best = {0};
	unsigned best_metric = 0;
	char line[LINE_MAX_LEN];
	struct adit_addr a;
	unsigned metric;
	int err;

	if (!f)
		return ADIT_ESYS;
	while (fgets(line, sizeof(line), f)) {
		if (!(is_v4 ? read_v4(line, &a, &metric) : read_v6(line, &a, &metric)))
			continue;
		if (best.family == ADIT_FAMILY_NONE || metric < best_metric) {
			best = a;
			best_metric = metric;
		}
	}
	fclose(f);
	if (best.family == ADIT_FAMILY_NONE)
		return ADIT_ENOENT;
	err = own_towards(&best, ret_own);
	if (err == 0)
		*ret_gateway = best;
	return err;
}

bool io_route_leads_to(const struct adit_addr *to)
{
	struct adit_addr own;

	return own_towards(to, &own) == 0 || (errno != ENETUNREACH && errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT);
}
