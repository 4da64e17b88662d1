#include "lab/box_netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request under construction; ours are far smaller. */
struct request {
	struct nlmsghdr h;
	uint8_t body[1024];
};

int box_nl_open(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static void *begin(struct request *r, uint16_t type, uint16_t flags, size_t head)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_type = type;
	r->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->h.nlmsg_len = (uint32_t)(NLMSG_LENGTH(head));
	return r->body;
}

static struct rtattr *add(struct request *r, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)r + NLMSG_ALIGN(r->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(a), data, len);
	r->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
	return a;
}

/* What was added since |a| is inside of it. */
static void end(struct request *r, struct rtattr *a)
{
	a->rta_len = (uint16_t)((uint8_t *)r + r->h.nlmsg_len - (uint8_t *)a);
}

static void add_string(struct request *r, uint16_t type, const char *s)
{
	add(r, type, s, strlen(s) + 1);
}

static int finish(int fd, struct request *r)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		uint8_t rest[2048];
	} answer;
	ssize_t n;

	if (send(fd, r, r->h.nlmsg_len, 0) < 0)
		return -1;
	do
		n = recv(fd, &answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(answer.e)) || answer.h.nlmsg_type != NLMSG_ERROR) {
		errno = n < 0 ? errno : EPROTO;
		return -1;
	}
	if (answer.e.error == 0)
		return 0;
	errno = -answer.e.error;
	return -1;
}

static void add_end(struct request *r, const struct box_nl_end *e)
{
	add_string(r, IFLA_IFNAME, e->name);
	add(r, IFLA_ADDRESS, e->mac, sizeof(e->mac));
	add(r, IFLA_NET_NS_FD, &e->netns, sizeof(e->netns));
}

int box_nl_veth(int fd, const struct box_nl_end *a, const struct box_nl_end *b)
{
	struct request r;
	struct rtattr *info;
	struct rtattr *data;
	struct rtattr *peer;
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};

	begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(head));
	add_end(&r, a);
	info = add(&r, IFLA_LINKINFO, NULL, 0);
	add_string(&r, IFLA_INFO_KIND, "veth");
	data = add(&r, IFLA_INFO_DATA, NULL, 0);
	peer = add(&r, VETH_INFO_PEER, &head, sizeof(head));
	add_end(&r, b);
	end(&r, peer);
	end(&r, data);
	end(&r, info);
	return finish(fd, &r);
}

int box_nl_bridge(int fd, const char *name)
{
	struct request r;
	struct rtattr *info;

	begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	add_string(&r, IFLA_IFNAME, name);
	info = add(&r, IFLA_LINKINFO, NULL, 0);
	add_string(&r, IFLA_INFO_KIND, "bridge");
	end(&r, info);
	return finish(fd, &r) < 0 ? -1 : box_nl_up(fd, name);
}

static int change_link(int fd, const char *name, unsigned flags, uint16_t attribute, uint32_t value)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_NEWLINK, 0, sizeof(*m));

	m->ifi_flags = flags;
	m->ifi_change = flags;
	add_string(&r, IFLA_IFNAME, name);
	if (attribute)
		add(&r, attribute, &value, sizeof(value));
	return finish(fd, &r);
}

int box_nl_up(int fd, const char *name)
{
	return change_link(fd, name, IFF_UP, 0, 0);
}

/* Indices are looked up in the thread's namespace, which must be the socket's. */
int box_nl_enslave(int fd, const char *name, const char *bridge)
{
	return change_link(fd, name, 0, IFLA_MASTER, if_nametoindex(bridge));
}

int box_nl_mtu(int fd, const char *name, unsigned mtu)
{
	return change_link(fd, name, 0, IFLA_MTU, mtu);
}

static uint8_t family_of(const struct adit_addr *a)
{
	return adit_addr_is_v4(a) ? AF_INET : AF_INET6;
}

static size_t bytes_of(const struct adit_addr *a)
{
	return adit_addr_is_v4(a) ? 4 : 16;
}

int box_nl_addr(int fd, const char *name, const struct adit_addr *addr, uint8_t prefix_len)
{
	struct request r;
	struct ifaddrmsg *m = begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*m));

	m->ifa_family = family_of(addr);
	m->ifa_prefixlen = prefix_len;
	m->ifa_flags = IFA_F_NODAD;
	m->ifa_index = if_nametoindex(name);
	add(&r, IFA_LOCAL, addr->ip, bytes_of(addr));
	add(&r, IFA_ADDRESS, addr->ip, bytes_of(addr));
	return finish(fd, &r);
}

int box_nl_route(int fd, const char *name, const struct adit_addr *to, uint8_t prefix_len, const struct adit_addr *via)
{
	struct request r;
	struct rtmsg *m = begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*m));
	uint32_t index = if_nametoindex(name);

	m->rtm_family = family_of(via);
	m->rtm_dst_len = prefix_len;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_type = RTN_UNICAST;
	if (prefix_len > 0)
		add(&r, RTA_DST, to->ip, bytes_of(to));
	add(&r, RTA_GATEWAY, via->ip, bytes_of(via));
	add(&r, RTA_OIF, &index, sizeof(index));
	return finish(fd, &r);
}
