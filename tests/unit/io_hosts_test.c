#include "test.h"

#include <fcntl.h>
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
	if (!run("ip link add docker0 type veth peer name x0 && ip link set x0 up && ip link set docker0 up && "
		 "ip addr add 172.17.0.1/16 dev docker0"))
		return 77;
	uv_loop_init(&loop);
	if (io_hosts_new(&loop, on_changed, &seen, &h) != 0 || seen.times != 1 || seen.n != 1 ||
	    seen.hosts[0].iface != ICE_IFACE_VIRTUAL)
		return 1;
	if (!run("ip link add lan type veth peer name x1 && ip link set x1 up && ip link set lan up && "
		 "ip addr add 10.9.8.7/24 dev lan"))
		return 2;
	turn(&loop, &seen, 2);
	if (seen.times != 2 || seen.n != 2 || !adit_addr_eq(&seen.hosts[0].addr, &first))
		return 3;
	if (!run("ip link set lan down"))
		return 4;
	turn(&loop, &seen, 3);
	if (seen.times != 3 || seen.n != 1)
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
		cmocka_unit_test(what_there_is_comes_at_once_and_without_loopback),
		cmocka_unit_test(addresses_that_come_and_go_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
