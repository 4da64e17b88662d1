#include "lab/box_tun.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define PREFIX   "tun:"
#define ETHERNET 14u /* bytes of the header that there is none of */

bool box_tun_is(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

/* Up, and its MTU. */
static const char *bring_up(struct box_port *p, struct ifreq *req)
{
	const char *what = NULL;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return "socket";
	if (ioctl(fd, SIOCGIFMTU, req) < 0)
		what = "SIOCGIFMTU";
	p->mtu = (unsigned)req->ifr_mtu;
	if (!what && ioctl(fd, SIOCGIFFLAGS, req) < 0)
		what = "SIOCGIFFLAGS";
	req->ifr_flags |= IFF_UP;
	if (!what && ioctl(fd, SIOCSIFFLAGS, req) < 0)
		what = "SIOCSIFFLAGS";
	close(fd);
	return what;
}

const char *box_tun_open(struct box_port *p, const char *name)
{
	struct ifreq req = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};

	strncpy(req.ifr_name, name + strlen(PREFIX), sizeof(req.ifr_name) - 1);
	p->is_tun = true;
	p->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0)
		return "/dev/net/tun";
	if (ioctl(p->fd, TUNSETIFF, &req) < 0)
		return "TUNSETIFF";
	/* Super-packets and checksums still to be filled in, as veth has them. */
	if (ioctl(p->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		return "TUNSETOFFLOAD";
	return bring_up(p, &req);
}

size_t box_tun_read(int fd, uint8_t *frame, size_t cap)
{
	struct virtio_net_hdr h;
	uint8_t *packet = frame + sizeof(h) + ETHERNET;
	struct iovec iov[2] = {{&h, sizeof(h)}, {packet, cap - sizeof(h) - ETHERNET}};
	ssize_t n = readv(fd, iov, 2);

	if (n <= (ssize_t)sizeof(h))
		return 0;
	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		h.csum_start = (uint16_t)(h.csum_start + ETHERNET);
	if (h.hdr_len)
		h.hdr_len = (uint16_t)(h.hdr_len + ETHERNET);
	memcpy(frame, &h, sizeof(h));
	memset(frame + sizeof(h), 0, ETHERNET);
	/* EtherTypes of IPv4 and IPv6. */
	frame[sizeof(h) + 12] = packet[0] >> 4 == 6 ? 0x86 : 0x08;
	frame[sizeof(h) + 13] = packet[0] >> 4 == 6 ? 0xdd : 0x00;
	return (size_t)n + ETHERNET;
}

int box_tun_write(int fd, const uint8_t *frame, size_t len)
{
	struct virtio_net_hdr h;
	struct iovec iov[2] = {{&h, sizeof(h)},
			       {(void *)(uintptr_t)(frame + sizeof(h) + ETHERNET), len - sizeof(h) - ETHERNET}};

	if (len <= sizeof(h) + ETHERNET)
		return -1;
	memcpy(&h, frame, sizeof(h));
	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		h.csum_start = (uint16_t)(h.csum_start - ETHERNET);
	if (h.hdr_len)
		h.hdr_len = (uint16_t)(h.hdr_len - ETHERNET);
	return writev(fd, iov, 2) < 0 ? -1 : 0;
}
