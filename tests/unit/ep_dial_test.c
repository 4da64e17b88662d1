#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "endpoint/ep_dial.h"
#include "io_tmpdir.h"

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

struct patient {
	struct said said;
	unsigned n_waits;
	int err;
};

static void on_patient_done(void *ctx, int fd, int err)
{
	((struct patient *)ctx)->said = (struct said){.done = true, .fd = fd, .err = err};
}

static void on_waits(void *ctx, int err)
{
	struct patient *p = ctx;

	p->n_waits++;
	p->err = err;
}

static void turns(uv_loop_t *loop, const struct patient *p, unsigned ms)
{
	for (unsigned i = 0; i < ms && !p->said.done; i++) {
		uv_run(loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static int listen_unix(const char *path, int backlog)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static struct ep_dial *dial_unix(uv_loop_t *loop, const char *path, struct patient *p)
{
	struct ep_target target = {.kind = EP_UNIX};
	struct ep_dial *d;

	snprintf(target.path, sizeof(target.path), "%s", path);
	assert_int_equal(ep_dial_new(loop, &target, on_patient_done, p, &d), 0);
	ep_dial_be_patient(d, on_waits);
	return d;
}

static void a_full_backlog_of_a_unix_socket_is_waited_for(void **state)
{
	struct patient first = {.n_waits = 0};
	struct patient second = {.n_waits = 0};
	struct patient third = {.n_waits = 0};
	struct ep_dial *gone;
	uv_loop_t loop;
	int server;
	int fd;

	(void)state;
	uv_loop_init(&loop);
	server = listen_unix(tmp_path("full"), 0); /* room for one */
	dial_unix(&loop, tmp_path("full"), &first);
	turns(&loop, &first, 2000);
	assert_true(first.said.fd >= 0);
	dial_unix(&loop, tmp_path("full"), &second);
	gone = dial_unix(&loop, tmp_path("full"), &third);
	turns(&loop, &second, 3 * EP_DIAL_AGAIN_MS);
	assert_false(second.said.done);
	ep_dial_cancel(gone);
	fd = accept(server, NULL, NULL);
	assert_true(fd >= 0);
	turns(&loop, &second, 2000);
	assert_true(second.said.fd >= 0);
	assert_false(third.said.done);
	close(first.said.fd);
	close(second.said.fd);
	close(fd);
	close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void without_descriptors_a_dial_waits_and_says_so_once(void **state)
{
	struct patient p = {.n_waits = 0};
	struct rlimit was;
	struct rlimit none;
	uv_loop_t loop;
	int server;
	int next;

	(void)state;
	uv_loop_init(&loop);
	server = listen_unix(tmp_path("there"), 8);
	next = dup(server);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = was.rlim_max};
	dial_unix(&loop, tmp_path("there"), &p);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turns(&loop, &p, 3 * EP_DIAL_PAUSE_MS);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_false(p.said.done);
	assert_int_equal(p.n_waits, 1);
	assert_int_equal(p.err, EMFILE);
	turns(&loop, &p, 2000);
	assert_true(p.said.fd >= 0);
	close(p.said.fd);
	close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(that_a_family_is_missing_is_not_what_is_told), /* forks: before there are threads */
		cmocka_unit_test(a_dead_service_refuses),
		cmocka_unit_test_setup_teardown(a_full_backlog_of_a_unix_socket_is_waited_for, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(without_descriptors_a_dial_waits_and_says_so_once, tmp_setup,
						tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
