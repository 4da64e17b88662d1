#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "endpoint/ep_dial.h"

struct said {
	bool done;
	int fd;
	int err;
};

static void on_done(void *ctx, int fd, int err)
{
	*(struct said *)ctx = (struct said){.done = true, .fd = fd, .err = err};
}

/* To a port of this machine that nobody listens at. */
static struct said dial_nobody(void)
{
	struct ep_target target = {.kind = EP_TCP, .port = 1};
	struct said said = {.done = false};
	struct ep_dial *d;
	uv_loop_t loop;

	uv_loop_init(&loop);
	if (ep_dial_new(&loop, &target, on_done, &said, &d) == 0)
		uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return said;
}

static void a_dead_service_refuses(void **state)
{
	struct said said = dial_nobody();

	(void)state;
	assert_true(said.done);
	assert_int_equal(said.fd, -1);
	assert_int_equal(said.err, ECONNREFUSED);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* In a network namespace that has 127.0.0.1 and no ::1; 77 where that is not permitted. */
static int without_ipv6(void)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;
	int err;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0)
		return 77;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || !put("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1") || ioctl(fd, SIOCSIFFLAGS, &req) < 0)
		return 77;
	close(fd);
	err = dial_nobody().err;
	uv_library_shutdown(); /* its threads, which valgrind would miss */
	return err == ECONNREFUSED ? 0 : 1;
}

static void that_a_family_is_missing_is_not_what_is_told(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(without_ipv6());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(that_a_family_is_missing_is_not_what_is_told), /* forks: before there are threads */
		cmocka_unit_test(a_dead_service_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
