#include "lab/box_port.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lab/box_tun.h"

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static void box_port_grow(int fd)
{
	/* FORCE wants the initial user namespace; elsewhere the system's limit cuts it, and that has to do. */
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, BOX_SOCKET_BUFFER) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, BOX_SOCKET_BUFFER);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, BOX_SOCKET_BUFFER) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, BOX_SOCKET_BUFFER);
}

/* The interface's own address and MTU. */
static const char *box_port_ask(struct box_port *p)
{
	struct ifreq req = {0};

	strncpy(req.ifr_name, p->name, sizeof(req.ifr_name) - 1);
	if (ioctl(p->fd, SIOCGIFHWADDR, &req) < 0)
		return "SIOCGIFHWADDR";
	memcpy(p->mac, req.ifr_hwaddr.sa_data, sizeof(p->mac));
	if (ioctl(p->fd, SIOCGIFMTU, &req) < 0)
		return "SIOCGIFMTU";
	p->mtu = (unsigned)req.ifr_mtu;
	return NULL;
}

static const char *box_port_setup(struct box_port *p)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq promisc = {.mr_type = PACKET_MR_PROMISC};

	at.sll_ifindex = (int)if_nametoindex(p->name);
	if (at.sll_ifindex == 0)
		return "no such interface";
	/* Protocol 0: nothing comes in before bind() has named the interface. */
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return "socket(AF_PACKET)";
	if (set_int(p->fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0)
		return "PACKET_VNET_HDR";
	/* Or each frame given to this interface would be taken from it again. Linux 4.20. */
	if (set_int(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) < 0)
		return "PACKET_IGNORE_OUTGOING";
	if (set_int(p->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0)
		return "SO_TIMESTAMPNS";
	promisc.mr_ifindex = at.sll_ifindex;
	if (setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) < 0)
		return "PACKET_MR_PROMISC";
	box_port_grow(p->fd);
	if (bind(p->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return "bind(AF_PACKET)";
	return box_port_ask(p);
}

int box_port_open(struct box_port *p, const char *name, const char **ret_what)
{
	const char *what;

	memset(p, 0, sizeof(*p));
	p->fd = -1;
	p->name = name;
	for (size_t i = 0; i < BOX_BATCH; i++) {
		p->out[i].msg_hdr.msg_iov = &p->out_iov[i];
		p->out[i].msg_hdr.msg_iovlen = 1;
	}
	what = box_tun_is(name) ? box_tun_open(p, name) : box_port_setup(p);
	if (!what)
		return 0;
	*ret_what = what;
	return ADIT_ESYS;
}

void box_port_close(struct box_port *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

int box_inbox_init(struct box_inbox *in)
{
	memset(in, 0, sizeof(*in));
	in->data = calloc(BOX_BATCH, sizeof(*in->data));
	return in->data ? 0 : ADIT_ENOMEM;
}

void box_inbox_done(struct box_inbox *in)
{
	free(in->data);
	in->data = NULL;
}

static void box_inbox_arm(struct box_inbox *in)
{
	for (size_t i = 0; i < BOX_BATCH; i++) {
		in->iov[i] = (struct iovec){.iov_base = in->data[i] + BOX_HEADROOM, .iov_len = BOX_FRAME_MAX};
		in->msg[i].msg_hdr = (struct msghdr){
			.msg_iov = &in->iov[i],
			.msg_iovlen = 1,
			.msg_control = &in->ctl[i],
			.msg_controllen = sizeof(in->ctl[i]),
		};
	}
}

/* A read for each: there is no call for several. */
static size_t take_tun(struct box_port *p, struct box_inbox *in)
{
	for (in->n = 0; in->n < BOX_BATCH; in->n++) {
		size_t len = box_tun_read(p->fd, in->data[in->n] + BOX_HEADROOM, BOX_FRAME_MAX);

		if (len == 0)
			break;
		in->msg[in->n].msg_len = (unsigned)len;
		in->msg[in->n].msg_hdr = (struct msghdr){0}; /* no receive stamp */
	}
	p->stats.taken += in->n;
	return in->n;
}

size_t box_port_take(struct box_port *p, struct box_inbox *in)
{
	int n;

	if (p->is_tun)
		return take_tun(p, in);

	box_inbox_arm(in);
	in->n = 0;
	do {
		n = recvmmsg(p->fd, in->msg, BOX_BATCH, MSG_DONTWAIT, NULL);
		/* The kernel has consumed a super-packet that it could not describe (UDP segmentation before 6.2). */
		if (n < 0 && errno == EINVAL)
			p->stats.unknown++;
	} while (n < 0 && (errno == EINTR || errno == EINVAL));
	/* ENETDOWN comes once when the link goes down; it works again when the link is up. */
	if (n <= 0)
		return 0;
	in->n = (size_t)n;
	p->stats.taken += in->n;
	for (size_t i = 0; i < in->n; i++)
		if (in->msg[i].msg_hdr.msg_flags & MSG_TRUNC)
			p->stats.too_long++;
	return in->n;
}

/* Bytes before the payload of a super-packet: its checksum field, always still to be filled in, tells where UDP or TCP
 * is. */
static size_t frame_headers(const struct virtio_net_hdr *h, const uint8_t *frame, size_t len)
{
	uint8_t type;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || h->csum_start + (size_t)20 > len)
		return 0;
	type = (uint8_t)(h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN);
	if (type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6)
		return h->csum_start + (size_t)(frame[h->csum_start + 12] >> 4) * 4; /* RFC 9293 3.1: data offset */
	return h->csum_start + (size_t)8;
}

/* What segmentation will add: each further segment has its own headers and its own gap before it. */
static size_t frame_wire_len(const struct virtio_net_hdr *h, const uint8_t *frame, size_t len)
{
	size_t wire = len + BOX_WIRE_OVERHEAD;
	size_t headers;

	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE || h->gso_size == 0)
		return wire;
	headers = frame_headers(h, frame, len);
	if (headers == 0 || headers >= len)
		return wire;
	return wire + (len - headers - 1) / h->gso_size * (headers + BOX_WIRE_OVERHEAD);
}

size_t box_port_wire_len(const uint8_t *data, size_t len)
{
	struct virtio_net_hdr h;

	memcpy(&h, data, sizeof(h));
	return frame_wire_len(&h, data + sizeof(h), len - sizeof(h));
}

static adit_time stamp_of(const struct msghdr *m, adit_time now, int64_t utc_offset)
{
	struct msghdr copy = *m;
	struct timespec ts;
	adit_time at;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		at = (adit_time)((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec - utc_offset);
		/* It may have come after |now| was read: its own time is right, or it would leave early. */
		return adit_time_since(now, at) < BOX_STAMP_MAX_AGE && adit_time_since(at, now) < BOX_STAMP_MAX_AGE
			       ? at
			       : now;
	}
	return now;
}

struct box_taken box_inbox_get(const struct box_inbox *in, size_t i, adit_time now, int64_t utc_offset)
{
	const struct mmsghdr *m = &in->msg[i];
	uint8_t *data = in->data[i] + BOX_HEADROOM;

	if (m->msg_hdr.msg_flags & MSG_TRUNC || m->msg_len <= BOX_VNET)
		return (struct box_taken){0};
	return (struct box_taken){
		.data = data,
		.len = m->msg_len,
		.wire_len = box_port_wire_len(data, m->msg_len),
		.arrival = stamp_of(&m->msg_hdr, now, utc_offset),
	};
}

void box_port_give(struct box_port *p, const uint8_t *data, size_t len)
{
	p->out_iov[p->n_out++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	if (p->n_out == BOX_BATCH)
		box_port_flush(p);
}

static void flush_tun(struct box_port *p)
{
	for (size_t i = 0; i < p->n_out; i++) {
		bool given = box_tun_write(p->fd, p->out_iov[i].iov_base, p->out_iov[i].iov_len) == 0;

		p->stats.given += given;
		p->stats.refused += !given;
	}
	p->n_out = 0;
}

void box_port_flush(struct box_port *p)
{
	size_t done = 0;

	if (p->is_tun) {
		flush_tun(p);
		return;
	}

	while (done < p->n_out) {
		int n = sendmmsg(p->fd, p->out + done, (unsigned)(p->n_out - done), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* the first one was refused: a wire has no second try */
			p->stats.refused++;
			done++;
			continue;
		}
		p->stats.given += (uint64_t)n;
		done += (size_t)n;
	}
	p->n_out = 0;
}

void box_port_count_overflow(struct box_port *p)
{
	struct tpacket_stats st;
	socklen_t len = sizeof(st);

	/* Reading resets the kernel's count. */
	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		p->stats.overflown += st.tp_drops;
}
