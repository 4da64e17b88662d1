#include "io/io_ifaddr.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_SIZE 32768 /* bytes of one read; the kernel's pieces are at most this long (NLMSG_GOODSIZE and more) */
#define ANSWER_MS   500 /* it is the kernel that answers */

/* One attribute's value, copied: nothing in there need be aligned. */
static uint32_t value_u32(const struct rtattr *a)
{
	uint32_t v = 0;

	if (RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

static void read_attr(const struct rtattr *a, struct io_ifaddr *to, uint32_t *flags)
{
	struct ifa_cacheinfo info;

	switch (a->rta_type) {
	case IFA_LOCAL: /* of a point-to-point link: IFA_ADDRESS is the other end's */
	case IFA_ADDRESS:
		if (RTA_PAYLOAD(a) == 16 && (a->rta_type == IFA_LOCAL || to->addr.family == ADIT_FAMILY_NONE))
			to->addr = adit_addr_v6(RTA_DATA(a), 0);
		break;
	case IFA_FLAGS: /* all of them; the header has room for eight */
		*flags = value_u32(a);
		break;
	case IFA_CACHEINFO:
		if (RTA_PAYLOAD(a) < sizeof(info))
			break;
		memcpy(&info, RTA_DATA(a), sizeof(info));
		to->is_deprecated |= info.ifa_prefered == 0;
		break;
	default:
		break;
	}
}

static bool read_one(const struct nlmsghdr *h, struct io_ifaddr *ret)
{
	struct ifaddrmsg m;
	const struct rtattr *a;
	uint32_t flags;
	size_t left;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
		return false;
	memcpy(&m, NLMSG_DATA(h), sizeof(m));
	*ret = (struct io_ifaddr){.link = m.ifa_index};
	flags = m.ifa_flags;
	left = h->nlmsg_len - NLMSG_LENGTH(sizeof(m));
	for (a = IFA_RTA(NLMSG_DATA(h)); RTA_OK(a, left); a = RTA_NEXT(a, left))
		read_attr(a, ret, &flags);
	ret->is_temporary = (flags & IFA_F_TEMPORARY) != 0;
	ret->is_deprecated |= (flags & IFA_F_DEPRECATED) != 0;
	/* RFC 4429: an optimistic address may be used while it is being tried. */
	ret->is_unsure = (flags & IFA_F_DADFAILED) || ((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC));
	return m.ifa_family == AF_INET6 && ret->addr.family != ADIT_FAMILY_NONE;
}

int io_ifaddr_read(const void *data, size_t len, struct io_ifaddr *addrs, size_t cap, size_t *n)
{
	const struct nlmsghdr *h = data;

	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ADIT_EPROTO;
		if (h->nlmsg_type == RTM_NEWADDR && *n < cap && read_one(h, &addrs[*n]))
			(*n)++;
	}
	return 0;
}

static int ask(int fd)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
	} q = {.h = {.nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	       .m = {.ifa_family = AF_INET6}};
	struct timeval wait = {.tv_usec = ANSWER_MS * 1000};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return ADIT_ESYS;
	return send(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q) ? 0 : ADIT_ESYS;
}

int io_ifaddr_get(struct io_ifaddr *ret_addrs, size_t cap)
{
	_Alignas(struct nlmsghdr) uint8_t buf[ANSWER_SIZE];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int err = fd < 0 ? ADIT_ESYS : ask(fd);
	size_t n = 0;

	while (err == 0) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);

		err = got < 0 ? ADIT_ESYS : io_ifaddr_read(buf, (size_t)got, ret_addrs, cap, &n);
	}
	if (fd >= 0)
		close(fd);
	return err < 0 ? err : (int)n;
}
