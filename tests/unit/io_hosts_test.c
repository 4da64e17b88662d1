#include "test.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io_hosts.h"
#include "io/io_ifaces.h"

static void interfaces_are_told_apart_by_name_and_driver(void **state)
{
	static const struct {
		const char *name;
		const char *driver;
		enum ice_iface kind;
	} rows[] = {
		{"eth0", "virtio_net", ICE_IFACE_NORMAL},
		{"wlan0", "", ICE_IFACE_NORMAL},
		{"br-lan", "bridge", ICE_IFACE_NORMAL}, /* a router's own */
		{"br0", "bridge", ICE_IFACE_NORMAL},
		{"ppp0", "", ICE_IFACE_NORMAL}, /* PPPoE is a way to the Internet */
		{"docker0", "bridge", ICE_IFACE_VIRTUAL},
		{"br-0123456789ab", "bridge", ICE_IFACE_VIRTUAL},
		{"virbr0", "bridge", ICE_IFACE_VIRTUAL},
		{"lxdbr0", "bridge", ICE_IFACE_VIRTUAL},
		{"tun0", "", ICE_IFACE_VPN},
		{"office", "wireguard", ICE_IFACE_VPN},
		{"work", "tun", ICE_IFACE_VPN},
		{"tailscale0", "", ICE_IFACE_VPN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (io_iface_kind(rows[i].name, rows[i].driver) != rows[i].kind)
			fail_msg("%s (%s)", rows[i].name, rows[i].driver);
}

/* ---- which addresses are told ---- */

static struct adit_addr addr(const char *text)
{
	struct adit_addr a;

	assert_int_equal(adit_addr_parse(text, strlen(text), &a), 0);
	return a;
}

/* A row: the address, its interface and kind, what the kernel thinks of it ('t'emporary, 'd'eprecated, 'u'nsure). */
struct row {
	const char *addr;
	unsigned link;
	enum ice_iface kind;
	const char *flags;
};

/* |want|: addresses in order, separated by blanks. */
static void choose(const struct row *rows, size_t n, const char *want)
{
	struct io_iface_addr all[16];
	struct io_ifaddr known[16];
	struct reach_host got[16];
	char text[512] = "";
	size_t n_known = 0;

	for (size_t i = 0; i < n; i++) {
		all[i] = (struct io_iface_addr){.host = {.addr = addr(rows[i].addr), .iface = rows[i].kind},
						.link = rows[i].link};
		if (adit_addr_is_v6(&all[i].host.addr))
			known[n_known++] = (struct io_ifaddr){.addr = all[i].host.addr,
							      .link = rows[i].link,
							      .is_temporary = strchr(rows[i].flags, 't') != NULL,
							      .is_deprecated = strchr(rows[i].flags, 'd') != NULL,
							      .is_unsure = strchr(rows[i].flags, 'u') != NULL};
	}
	n = io_ifaces_choose(all, n, known, n_known, got, 16);
	for (size_t i = 0; i < n; i++) {
		char one[ADIT_ADDR_STRLEN];

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 adit_addr_format(&got[i].addr, one));
	}
	assert_string_equal(text, want);
}

static void a_laptop_tells_its_stable_addresses(void **state)
{
	static const struct row rows[] = {
		{"192.168.1.7", 2, ICE_IFACE_NORMAL, ""},
		{"fd00:1::7", 2, ICE_IFACE_NORMAL, ""},
		{"2001:db8:1::aaaa", 2, ICE_IFACE_NORMAL, "t"},
		{"2001:db8:1::bbbb", 2, ICE_IFACE_NORMAL, "td"},
		{"2001:db8:1::7", 2, ICE_IFACE_NORMAL, ""},
		{"2001:db8:2::7", 2, ICE_IFACE_NORMAL, "d"}, /* the provider has renumbered */
		{"2001:db8:3::7", 2, ICE_IFACE_NORMAL, "u"},
	};

	(void)state;
	choose(rows, sizeof(rows) / sizeof(rows[0]), "2001:db8:1::7 192.168.1.7 fd00:1::7");
}

static void a_temporary_address_is_better_than_none(void **state)
{
	static const struct row rows[] = {
		{"2001:db8:1::aaaa", 2, ICE_IFACE_NORMAL, "t"},
		{"2001:db8:1::bbbb", 2, ICE_IFACE_NORMAL, "td"},
		{"fd00:1::7", 2, ICE_IFACE_NORMAL, ""}, /* stable, but leads nowhere */
		{"2001:db8:9::7", 3, ICE_IFACE_NORMAL, ""}, /* of another interface */
	};

	(void)state;
	choose(rows, sizeof(rows) / sizeof(rows[0]), "2001:db8:1::aaaa 2001:db8:9::7 fd00:1::7");
}

static void guests_and_vpns_come_last_in_both_families(void **state)
{
	static const struct row rows[] = {
		{"172.17.0.1", 4, ICE_IFACE_VIRTUAL, ""},   {"2001:db8:d::1", 4, ICE_IFACE_VIRTUAL, ""},
		{"10.8.0.2", 3, ICE_IFACE_VPN, ""},         {"fd00:8::2", 3, ICE_IFACE_VPN, ""},
		{"2001:db8:8::2", 3, ICE_IFACE_VPN, ""},    {"fd00:1::7", 2, ICE_IFACE_NORMAL, ""},
		{"2001:db8:1::7", 2, ICE_IFACE_NORMAL, ""}, {"192.168.1.7", 2, ICE_IFACE_NORMAL, ""},
	};

	(void)state;
	choose(rows, sizeof(rows) / sizeof(rows[0]),
	       "2001:db8:1::7 192.168.1.7 fd00:1::7 2001:db8:8::2 10.8.0.2 fd00:8::2 2001:db8:d::1 172.17.0.1");
}

/* Where rtnetlink is not to be had, nothing is known of any. */
static void addresses_of_which_nothing_is_known_are_told(void **state)
{
	struct io_iface_addr all = {.host = {.addr = addr("2001:db8::1")}, .link = 2};
	struct io_ifaddr other = {.addr = addr("2001:db8::1"), .link = 3, .is_deprecated = true};
	struct reach_host got[2];

	(void)state;
	assert_int_equal(io_ifaces_choose(&all, 1, NULL, 0, got, 2), 1);
	assert_int_equal(io_ifaces_choose(&all, 1, &other, 1, got, 2), 1);
	assert_int_equal(io_ifaces_choose(&all, 1, &other, 1, got, 0), 0);
}

/* An RTM_NEWADDR as the kernel writes it. */
struct message {
	struct nlmsghdr h;
	struct ifaddrmsg m;
	struct rtattr addr_head;
	uint8_t addr[16];
	struct rtattr cache_head;
	struct ifa_cacheinfo cache;
	struct rtattr flags_head;
	uint32_t flags;
};

static struct message message(uint32_t flags, uint32_t preferred)
{
	return (struct message){
		.h = {.nlmsg_len = sizeof(struct message), .nlmsg_type = RTM_NEWADDR},
		.m = {.ifa_family = AF_INET6, .ifa_flags = (uint8_t)flags, .ifa_index = 7},
		.addr_head = {.rta_len = RTA_LENGTH(16), .rta_type = IFA_ADDRESS},
		.addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 9},
		.cache_head = {.rta_len = RTA_LENGTH(sizeof(struct ifa_cacheinfo)), .rta_type = IFA_CACHEINFO},
		.cache = {.ifa_prefered = preferred, .ifa_valid = 1000},
		.flags_head = {.rta_len = RTA_LENGTH(4), .rta_type = IFA_FLAGS},
		.flags = flags,
	};
}

static void what_the_kernel_says_of_an_address_is_read(void **state)
{
	static const struct {
		uint32_t flags;
		uint32_t preferred;
		bool is_temporary, is_deprecated, is_unsure;
	} rows[] = {
		{IFA_F_PERMANENT, UINT32_MAX, false, false, false},
		{IFA_F_TEMPORARY, 600, true, false, false},
		{IFA_F_TEMPORARY | IFA_F_DEPRECATED, 0, true, true, false},
		{IFA_F_MANAGETEMPADDR, 0, false, true, false},
		{IFA_F_TENTATIVE, 600, false, false, true},
		{IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, 600, false, false, false},
		{IFA_F_TENTATIVE | IFA_F_DADFAILED, 600, false, false, true},
	};
	struct adit_addr want = addr("2001:db8::9");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message m = message(rows[i].flags, rows[i].preferred);
		struct io_ifaddr got;
		size_t n = 0;

		assert_int_equal(io_ifaddr_read(&m, sizeof(m), &got, 1, &n), 0);
		assert_int_equal(n, 1);
		assert_true(adit_addr_eq(&got.addr, &want));
		assert_int_equal(got.link, 7);
		assert_int_equal(got.is_temporary, rows[i].is_temporary);
		assert_int_equal(got.is_deprecated, rows[i].is_deprecated);
		assert_int_equal(got.is_unsure, rows[i].is_unsure);
	}
}

static void an_answer_that_is_cut_short_or_an_error_is_no_address(void **state)
{
	struct message m = message(0, 600);
	struct nlmsghdr done = {.nlmsg_len = sizeof(done), .nlmsg_type = NLMSG_DONE};
	struct io_ifaddr got;
	size_t n = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(m); len++) {
		uint32_t *copy = malloc(sizeof(m));

		/* The part that came says itself that it is as long as it is. */
		memcpy(copy, &m, sizeof(m));
		assert_int_equal(io_ifaddr_read(copy, len, &got, 1, &n), 0);
		assert_int_equal(n, 0);
		free(copy);
	}
	for (uint32_t len = sizeof(m.h); len < offsetof(struct message, cache_head); len++) {
		m.h.nlmsg_len = len;
		assert_int_equal(io_ifaddr_read(&m, sizeof(m), &got, 0, &n), 0);
		assert_int_equal(n, 0);
	}
	assert_int_equal(io_ifaddr_read(&done, sizeof(done), &got, 1, &n), 1);
	done.nlmsg_type = NLMSG_ERROR;
	assert_int_equal(io_ifaddr_read(&done, sizeof(done), &got, 1, &n), ADIT_EPROTO);
}

static void of_routes_only_the_main_default_ones_are_news(void **state)
{
	static const struct {
		uint16_t type;
		uint8_t dst_len;
		uint8_t table;
		bool is_news;
	} rows[] = {
		{RTM_NEWROUTE, 0, RT_TABLE_MAIN, true},   {RTM_DELROUTE, 0, RT_TABLE_MAIN, true},
		{RTM_NEWROUTE, 16, RT_TABLE_MAIN, false}, {RTM_DELROUTE, 128, RT_TABLE_MAIN, false},
		{RTM_NEWROUTE, 0, RT_TABLE_LOCAL, false}, {RTM_NEWROUTE, 0, RT_TABLE_COMPAT, false},
		{RTM_NEWADDR, 24, RT_TABLE_LOCAL, true},  {RTM_DELLINK, 24, RT_TABLE_LOCAL, true},
	};
	struct {
		struct nlmsghdr h;
		struct rtmsg m;
	} two[2] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		two[0].h = (struct nlmsghdr){.nlmsg_len = sizeof(two[0]), .nlmsg_type = RTM_NEWROUTE};
		two[0].m = (struct rtmsg){.rtm_dst_len = 24, .rtm_table = RT_TABLE_MAIN};
		two[1].h = (struct nlmsghdr){.nlmsg_len = sizeof(two[1]), .nlmsg_type = rows[i].type};
		two[1].m = (struct rtmsg){.rtm_dst_len = rows[i].dst_len, .rtm_table = rows[i].table};
		assert_int_equal(io_hosts_is_news(&two[1], sizeof(two[1])), rows[i].is_news);
		assert_int_equal(io_hosts_is_news(two, sizeof(two)), rows[i].is_news);
	}
	assert_false(io_hosts_is_news(two, sizeof(two[0])));
	assert_true(io_hosts_is_news(two, sizeof(two[0]) - 1)); /* who knows */
	assert_false(io_hosts_is_news(two, 0));
}

struct seen {
	unsigned times;
	size_t n;
	struct reach_host hosts[REACH_HOSTS_MAX];
};

static void on_changed(void *ctx, const struct reach_host *hosts, size_t n)
{
	struct seen *seen = ctx;

	seen->times++;
	seen->n = n;
	memcpy(seen->hosts, hosts, n * sizeof(hosts[0]));
}

static void what_there_is_comes_at_once_and_without_loopback(void **state)
{
	struct seen seen = {0};
	struct io_hosts *h;
	uv_loop_t loop;

	(void)state;
	uv_loop_init(&loop);
	assert_int_equal(io_hosts_new(&loop, on_changed, &seen, &h), 0);
	assert_int_equal(seen.times, 1);
	for (size_t i = 0; i < seen.n; i++) {
		assert_false(adit_addr_is_loopback(&seen.hosts[i].addr));
		assert_int_equal(seen.hosts[i].addr.port, 0);
		assert_true(i == 0 || seen.hosts[i - 1].iface <= seen.hosts[i].iface);
	}
	io_hosts_close(h);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool run(const char *cmd)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void turn(uv_loop_t *loop, const struct seen *seen, unsigned times)
{
	for (int i = 0; i < 200 && seen->times < times; i++) {
		uv_run(loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
}

/* In a network namespace of its own: 77 where that is not permitted. */
static int watch_changes(void)
{
	struct seen seen = {0};
	struct io_hosts *h;
	uv_loop_t loop;
	struct adit_addr first = adit_addr_v4(10, 9, 8, 7, 0);

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0)
		return 77;
	(void)put("/proc/self/setgroups", "deny");
	(void)put("/proc/self/uid_map", "0 0 1");
	/* Link-local addresses would come seconds later, each a reason to look at everything. */
	if (!run("ip link add docker0 type veth peer name x0 && ip link set docker0 addrgenmode none && "
		 "ip link set x0 addrgenmode none && ip link set x0 up && ip link set docker0 up && "
		 "ip addr add 172.17.0.1/16 dev docker0"))
		return 77;
	uv_loop_init(&loop);
	if (io_hosts_new(&loop, on_changed, &seen, &h) != 0 || seen.times != 1 || seen.n != 1 ||
	    seen.hosts[0].iface != ICE_IFACE_VIRTUAL)
		return 1;
	if (!run("ip link add lan type veth peer name x1 && ip link set lan addrgenmode none && "
		 "ip link set x1 addrgenmode none && ip link set x1 up && ip link set lan up && "
		 "ip addr add 10.9.8.7/24 dev lan"))
		return 2;
	turn(&loop, &seen, 2);
	if (seen.times != 2 || seen.n != 2 || !adit_addr_eq(&seen.hosts[0].addr, &first))
		return 3;
	/* A stable IPv6 address that comes, and one that grows old. */
	if (!run("ip addr add 2001:db8::7/64 dev lan nodad && ip addr add 2001:db8::8/64 dev lan nodad"))
		return 7;
	turn(&loop, &seen, 3);
	if (seen.times != 3 || seen.n != 4 || !adit_addr_is_v6(&seen.hosts[0].addr))
		return 8;
	if (!run("ip addr change 2001:db8::8/64 dev lan preferred_lft 0"))
		return 9;
	turn(&loop, &seen, 4);
	if (seen.times != 4 || seen.n != 3)
		return 10;
	/* Routers, with the same addresses; then none, as the way there is down. */
	if (!run("ip route add default via 10.9.8.1"))
		return 11;
	turn(&loop, &seen, 5);
	if (seen.times != 5 || seen.n != 3)
		return 12;
	if (!run("ip -6 route add default via 2001:db8::1 && ip route replace default via 10.9.8.2"))
		return 13;
	turn(&loop, &seen, 6);
	if (seen.times != 6 || seen.n != 3)
		return 14;
	if (!run("ip link set lan down"))
		return 4;
	turn(&loop, &seen, 7);
	if (seen.times != 7 || seen.n != 1)
		return 5;
	io_hosts_close(h);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) == 0 ? 0 : 6;
}

static void addresses_that_come_and_go_are_told(void **state)
{
	int status;
	pid_t child;

	(void)state;
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(watch_changes());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interfaces_are_told_apart_by_name_and_driver),
		cmocka_unit_test(a_laptop_tells_its_stable_addresses),
		cmocka_unit_test(a_temporary_address_is_better_than_none),
		cmocka_unit_test(guests_and_vpns_come_last_in_both_families),
		cmocka_unit_test(addresses_of_which_nothing_is_known_are_told),
		cmocka_unit_test(what_the_kernel_says_of_an_address_is_read),
		cmocka_unit_test(an_answer_that_is_cut_short_or_an_error_is_no_address),
		cmocka_unit_test(of_routes_only_the_main_default_ones_are_news),
		cmocka_unit_test(what_there_is_comes_at_once_and_without_loopback),
		cmocka_unit_test(addresses_that_come_and_go_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
