/*
 * The kernel's side: a router in a network namespace of this process alone, between two TUN devices that the process
 * holds the other ends of. Nothing has a name outside; when the process ends, all of it is gone.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

/* ---- addresses: a slot is 10.(1 + slot/256).(slot%256).x inside, eight addresses from 198.18/15 outside ---- */

struct adit_addr truth_inside(unsigned slot, unsigned host, uint16_t port)
{
	return adit_addr_v4(10, (uint8_t)(1 + (slot >> 8)), (uint8_t)slot, (uint8_t)(2 + host), port);
}

struct adit_addr truth_outside(unsigned slot, unsigned host, uint16_t port)
{
	unsigned at = slot * 8 + 1 + host;

	return adit_addr_v4(198, (uint8_t)(18 + (at >> 16)), (uint8_t)(at >> 8), (uint8_t)at, port);
}

struct adit_addr truth_wan(uint16_t port)
{
	return adit_addr_v4(203, 0, 113, 1, port);
}

struct adit_addr truth_lan(uint16_t port)
{
	return adit_addr_v4(10, 0, 0, 1, port);
}

static bool slot_of_one(const struct adit_addr *a, unsigned *ret_slot)
{
	if (a->ip[0] == 10 && a->ip[1] >= 1) {
		*ret_slot = (unsigned)((a->ip[1] - 1) << 8 | a->ip[2]);
		return true;
	}
	if (a->ip[0] == 198 && (a->ip[1] & 0xfe) == 18) {
		*ret_slot = (unsigned)((a->ip[1] - 18) << 16 | a->ip[2] << 8 | a->ip[3]) / 8;
		return true;
	}
	return false;
}

bool truth_slot_of(const struct lab_tuple *t, unsigned *ret_slot)
{
	return slot_of_one(&t->src, ret_slot) || slot_of_one(&t->dst, ret_slot);
}

void truth_forwards(unsigned slot, struct lab_forward ret_forwards[LAB_FORWARDS_MAX])
{
	ret_forwards[0] = (struct lab_forward){.port = 8080, .to = truth_inside(slot, 0, 80)};
	ret_forwards[1] = (struct lab_forward){.port = 7000, .to = truth_inside(slot, 1, 7000)};
}

/* ---- setting up ---- */

/* Runs a program with |text| as its standard input. */
static bool feed(const char *const argv[], const char *text)
{
	int fds[2];
	pid_t pid;
	int status;
	FILE *f;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		(void)dup2(fds[0], STDIN_FILENO);
		(void)execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(fds[0]);
	f = fdopen(fds[1], "w");
	if (f) {
		(void)fputs(text, f);
		(void)fclose(f);
	}
	return f && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return is_done;
}

static bool set_sysctls(void)
{
#define STR_(x) #x
#define STR(x)  STR_(x)
	/* Limits on ICMP are the simulator's affair (lab_icmp.h), not the NAT's. */
	static const char *const sysctls[][2] = {
		{"ipv4/ip_forward", "1"},
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"},
		{"ipv4/icmp_ratelimit", "0"},
		{"ipv4/icmp_msgs_per_sec", "1000000000"},
		{"ipv4/icmp_msgs_burst", "1000000000"},
		{"netfilter/nf_conntrack_udp_timeout", STR(1)},
		{"netfilter/nf_conntrack_udp_timeout_stream", STR(3)},
		{"netfilter/nf_conntrack_icmp_timeout", STR(2)},
	};
	char path[128];
	bool is_done = true;

	_Static_assert(TRUTH_UNREPLIED == 1 && TRUTH_STREAM == 3 && TRUTH_PING == 2, "as the sysctls above");
	for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
		(void)snprintf(path, sizeof(path), "/proc/sys/net/%s", sysctls[i][0]);
		/* The limits on ICMP belong to the machine on older kernels, and are not for everybody to set. */
		is_done &= write_file(path, sysctls[i][1]) || strstr(path, "icmp_msgs") != NULL;
	}
	return is_done;
}

static int tun_open(const char *name)
{
	struct ifreq req = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	(void)snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &req) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void put_forward(FILE *f, unsigned nr)
{
	struct lab_forward fw[LAB_FORWARDS_MAX];
	char a[ADIT_ADDR_STRLEN];
	char b[ADIT_ADDR_STRLEN];
	struct adit_addr net;

	for (unsigned slot = 0; slot < TRUTH_SLOTS; slot++) {
		truth_forwards(slot, fw);
		net = truth_outside(slot, 0, 0);
		net.ip[3] &= 0xf8;
		(void)fprintf(f, "%s%s/29 : ", slot ? ", " : "", adit_addr_format(&net, a));
		net = adit_addr_with_port(fw[nr].to, 0);
		(void)fprintf(f, "%s . %u", adit_addr_format(&net, b), fw[nr].to.port);
	}
}

static bool load_rules(struct truth_mode m)
{
	static const char *const policies[] = {
		[LAB_INPUT_DROP] = "drop", [LAB_INPUT_REJECT] = "reject", [LAB_INPUT_ACCEPT] = "accept"};
	static const char *const flags[] = {
		[TRUTH_RANDOM] = "random", [TRUTH_FULLY_RANDOM] = "fully-random", [TRUTH_DNAT] = ""};
	static const char *const nft[] = {"nft", "-f", "-", NULL};
	struct lab_forward fw[LAB_FORWARDS_MAX] = {{.port = 0}};
	char *text = NULL;
	size_t len;
	bool is_done;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return false;
	if (m.nat == TRUTH_DNAT)
		truth_forwards(0, fw);
	(void)fprintf(f,
		      "table ip filter {\n"
		      " chain input { type filter hook input priority 0; policy accept;\n"
		      "  ct state established,related accept\n"
		      "  iifname \"wan\" %s\n }\n"
		      " chain forward { type filter hook forward priority 0; policy accept;\n"
		      "  ct state established,related accept\n"
		      "  ct state invalid drop\n"
		      "  iifname \"wan\" ct status dnat accept\n"
		      "  iifname \"wan\" drop\n }\n}\n"
		      "table ip nat {\n chain pre { type nat hook prerouting priority -100;\n",
		      policies[m.input]);
	for (unsigned i = 0; i < LAB_FORWARDS_MAX && fw[i].port != 0; i++) {
		(void)fprintf(f, "  iifname \"wan\" udp dport %u dnat to ip saddr map { ", fw[i].port);
		put_forward(f, i);
		(void)fprintf(f, " }\n");
	}
	(void)fprintf(f,
		      " }\n chain post { type nat hook postrouting priority 100;\n"
		      "  oifname \"wan\" masquerade %s\n }\n}\n",
		      flags[m.nat] ? flags[m.nat] : "");
	is_done = fclose(f) == 0 && feed(nft, text);
	free(text);
	return is_done;
}

static int netlink_open(void)
{
	struct timeval limit = {.tv_sec = 20};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

const char *truth_kernel_init(struct truth_kernel *k, struct truth_mode m)
{
	static const char *const ip[] = {"ip", "-batch", "-", NULL};

	*k = (struct truth_kernel){.tun = {-1, -1}, .netlink = -1};
	if (unshare(CLONE_NEWNET) < 0)
		return "a network namespace is not permitted";
	(void)write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	(void)write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	k->tun[TRUTH_INSIDE] = tun_open("lan");
	k->tun[TRUTH_OUTSIDE] = tun_open("wan");
	if (k->tun[0] < 0 || k->tun[1] < 0)
		return "TUN devices are not permitted (/dev/net/tun)";
	if (!feed(ip, "link set lo up\nlink set lan up\nlink set wan up\naddr add 10.0.0.1/8 dev lan\n"
		      "addr add 203.0.113.1/32 dev wan\nroute add default dev wan\n"))
		return "`ip` has failed";
	if (!load_rules(m))
		return "`nft` has failed";
	if (!set_sysctls())
		return "conntrack's time-outs cannot be set";
	k->netlink = netlink_open();
	return k->netlink < 0 ? "no netlink socket" : NULL;
}

void truth_kernel_done(struct truth_kernel *k)
{
	int *const fds[] = {&k->tun[0], &k->tun[1], &k->netlink};

	for (size_t i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* ---- packets ---- */

size_t truth_kernel_play(struct truth_kernel *k, const struct truth_packet *p, struct truth_packet *ret_seen,
			 size_t max)
{
	uint8_t buf[2048];
	size_t n = 0;
	ssize_t len = (ssize_t)truth_packet_build(p, buf);

	if (write(k->tun[p->side], buf, (size_t)len) != len)
		return max;
	for (int side = 0; side < 2; side++) {
		while (n < max && (len = read(k->tun[side], buf, sizeof(buf))) > 0) {
			struct truth_packet *seen = &ret_seen[n];

			/* Kept even where it is not understood: then it agrees with nothing. */
			if (!truth_packet_parse(buf, (size_t)len, seen))
				seen->mark = UINT32_MAX;
			seen->side = (enum truth_side)side;
			n++;
		}
	}
	return n;
}

/* ---- the table, by netlink (linux/netfilter/nfnetlink_conntrack.h) ---- */

struct request {
	struct nlmsghdr head;
	struct nfgenmsg body;
};

static bool request_send(struct truth_kernel *k, uint16_t what, uint16_t flags)
{
	struct request r = {
		.head = {.nlmsg_len = sizeof(r),
			 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | what,
			 .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
			 .nlmsg_seq = 1},
		.body = {.nfgen_family = AF_INET, .version = NFNETLINK_V0},
	};

	return send(k->netlink, &r, sizeof(r), 0) == sizeof(r);
}

struct attrs {
	const uint8_t *at[CTA_MAX + 1];
	size_t len[CTA_MAX + 1];
};

/* The attributes in |p|, by number. */
static void attrs_read(const uint8_t *p, size_t len, struct attrs *ret_a)
{
	*ret_a = (struct attrs){.at = {NULL}};
	while (len >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const struct nlattr *)(const void *)p;
		size_t step = NLA_ALIGN(a->nla_len);
		unsigned type = a->nla_type & NLA_TYPE_MASK;

		if (a->nla_len < NLA_HDRLEN || step > len)
			return;
		if (type <= CTA_MAX) {
			ret_a->at[type] = p + NLA_HDRLEN;
			ret_a->len[type] = a->nla_len - NLA_HDRLEN;
		}
		p += step;
		len -= step;
	}
}

static unsigned number(const struct attrs *a, unsigned type)
{
	unsigned v = 0;

	for (size_t i = 0; i < a->len[type] && i < 4; i++)
		v = v << 8 | a->at[type][i];
	return v;
}

/* False: a protocol that we do not play. */
static bool tuple_read(const struct attrs *entry, unsigned which, struct lab_tuple *ret_t)
{
	struct attrs t;
	struct attrs ip;
	struct attrs proto;

	attrs_read(entry->at[which], entry->len[which], &t);
	attrs_read(t.at[CTA_TUPLE_IP], t.len[CTA_TUPLE_IP], &ip);
	attrs_read(t.at[CTA_TUPLE_PROTO], t.len[CTA_TUPLE_PROTO], &proto);
	if (ip.len[CTA_IP_V4_SRC] != 4 || ip.len[CTA_IP_V4_DST] != 4)
		return false;
	*ret_t = (struct lab_tuple){.proto = LAB_UDP};
	ret_t->src.family = ret_t->dst.family = ADIT_FAMILY_V4;
	memcpy(ret_t->src.ip, ip.at[CTA_IP_V4_SRC], 4);
	memcpy(ret_t->dst.ip, ip.at[CTA_IP_V4_DST], 4);
	if (number(&proto, CTA_PROTO_NUM) == IPPROTO_ICMP) {
		uint16_t id = (uint16_t)number(&proto, CTA_PROTO_ICMP_ID);

		ret_t->proto = LAB_PING;
		*(number(&proto, CTA_PROTO_ICMP_TYPE) == 0 ? &ret_t->dst.port : &ret_t->src.port) = id;
		return true;
	}
	ret_t->src.port = (uint16_t)number(&proto, CTA_PROTO_SRC_PORT);
	ret_t->dst.port = (uint16_t)number(&proto, CTA_PROTO_DST_PORT);
	return number(&proto, CTA_PROTO_NUM) == IPPROTO_UDP;
}

static void entry_read(const struct nlmsghdr *h, void (*each)(void *ctx, const struct truth_entry *e), void *ctx)
{
	const uint8_t *p = (const uint8_t *)h + sizeof(struct request);
	struct truth_entry e;
	struct attrs a;

	if (h->nlmsg_len < sizeof(struct request) || !each)
		return;
	attrs_read(p, h->nlmsg_len - sizeof(struct request), &a);
	if (!tuple_read(&a, CTA_TUPLE_ORIG, &e.tuple[LAB_CT_ORIGINAL]) ||
	    !tuple_read(&a, CTA_TUPLE_REPLY, &e.tuple[LAB_CT_REPLY]))
		return;
	e.replied = (number(&a, CTA_STATUS) & IPS_SEEN_REPLY) != 0;
	e.left = number(&a, CTA_TIMEOUT);
	each(ctx, &e);
}

bool truth_kernel_table(struct truth_kernel *k, void (*each)(void *ctx, const struct truth_entry *e), void *ctx)
{
	static _Alignas(struct nlmsghdr) uint8_t buf[65536];
	ssize_t got;

	if (!request_send(k, IPCTNL_MSG_CT_GET, NLM_F_DUMP))
		return false;
	while ((got = recv(k->netlink, buf, sizeof(buf), 0)) > 0) {
		size_t len = (size_t)got;

		for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return true;
			if (h->nlmsg_type == NLMSG_ERROR)
				return false;
			entry_read(h, each, ctx);
		}
	}
	return false;
}

bool truth_kernel_flush(struct truth_kernel *k)
{
	uint8_t buf[4096];
	int32_t err;

	if (!request_send(k, IPCTNL_MSG_CT_DELETE, NLM_F_ACK) ||
	    recv(k->netlink, buf, sizeof(buf), 0) < (ssize_t)(sizeof(struct nlmsghdr) + sizeof(err)))
		return false;
	memcpy(&err, buf + sizeof(struct nlmsghdr), sizeof(err));
	return err == 0;
}
