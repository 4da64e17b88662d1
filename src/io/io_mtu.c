#include "io/io_mtu.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADERS (20 + 8) /* RFC 791 3.1, RFC 768 */

static int mtu_of(int fd, const char *name)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	return ioctl(fd, SIOCGIFMTU, &r) == 0 ? r.ifr_mtu : 0;
}

static int largest(int fd, const struct ifaddrs *list)
{
	int most = IO_MTU_LEAST;

	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		int mtu;

		if (!(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		mtu = mtu_of(fd, i->ifa_name);
		if (mtu > most)
			most = mtu;
	}
	return most < IO_MTU_MOST ? most : IO_MTU_MOST;
}

size_t io_mtu_payload(void)
{
	struct ifaddrs *list;
	int mtu = IO_MTU_LEAST;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && getifaddrs(&list) == 0) {
		mtu = largest(fd, list);
		freeifaddrs(list);
	}
	if (fd >= 0)
		close(fd);
	return (size_t)mtu - HEADERS;
}
