/* What `adit check` asks at all, on the machine that it runs on. */
#include "test.h"

#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "endpoint/ep_check.h"
#include "io/io_loop.h"
#include "io/io_route.h"

static struct nat_report report;
static bool is_done;

static void on_unresolved(void *ctx, const char *name, const char *why)
{
	(void)ctx;
	(void)name;
	(void)why;
}

static void on_progress(void *ctx, const struct nat_progress *p)
{
	(void)ctx;
	(void)p;
}

static void on_done(void *ctx, const struct nat_report *r, const struct io_portmap_services *services)
{
	(void)services;
	report = *r;
	is_done = true;
	uv_stop(ctx);
}

/* The report on these two servers, 127.0.0.1 and 2001:db8::1. */
static void ask(void)
{
	static const struct ep_check_ops ops = {.unresolved = on_unresolved, .progress = on_progress, .done = on_done};
	static const uint8_t far[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct ep_check_config cfg = {.n_hosts = 2};
	static uv_loop_t loop;
	struct ep_check *check;

	cfg.host[0] = (struct ep_host){.addr = adit_addr_v4(127, 0, 0, 1, 0), .port = 9};
	cfg.host[1] = (struct ep_host){.addr = adit_addr_v6(far, 0), .port = 3478};
	if (uv_loop_init(&loop) < 0 || ep_check_new(&loop, &cfg, &ops, &loop, &check) < 0)
		_exit(1);
	uv_run(&loop, UV_RUN_DEFAULT);
	ep_check_close(check);
	if (!io_loop_close(&loop))
		_exit(2);
}

/* In a network namespace that has 127.0.0.1 and no way to anywhere; 77 where that is not permitted. */
static int without_a_route(void)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	struct adit_addr home = adit_addr_v4(127, 0, 0, 1, 0);
	struct adit_addr far = adit_addr_v4(203, 0, 113, 5, 0);
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0)
		return 77;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req) < 0)
		return 77;
	close(fd);
	if (!io_route_leads_to(&home) || io_route_leads_to(&far))
		return 3;
	ask();
	uv_library_shutdown(); /* its threads, which valgrind would miss */
	if (!is_done || report.n_servers != 1 || report.v4.asked != 1)
		return 4;
	return report.v6.asked == 0 && report.v6.no_route && !report.v4.no_route ? 0 : 5;
}

static void a_family_without_a_route_is_not_asked(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(without_a_route());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_without_a_route_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
