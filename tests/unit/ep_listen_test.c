/* Listening at a path: what is left over is replaced, what is somebody's is left alone. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "endpoint/ep_listen.h"
#include "io_tmpdir.h"

static struct ep_local door(void)
{
	struct ep_local l = {0};

	snprintf(l.path, sizeof(l.path), "%s", tmp_path("door"));
	return l;
}

static int open_at(const struct ep_local *l)
{
	int fds[EP_LISTEN_FDS_MAX] = {-1, -1};
	uint16_t port;

	return ep_listen_open(l, fds, &port) == 1 ? fds[0] : -1;
}

static void a_socket_file_nobody_answers_on_is_replaced(void **state)
{
	struct ep_local l = door();
	int fd = open_at(&l);

	(void)state;
	assert_true(fd >= 0);
	close(fd); /* as a crash does: the file stays */
	assert_int_equal(access(l.path, F_OK), 0);
	fd = open_at(&l);
	assert_true(fd >= 0);
	close(fd);
	unlink(l.path);
}

static void a_socket_file_somebody_answers_on_stays_his(void **state)
{
	struct ep_local l = door();
	int fd = open_at(&l);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(open_at(&l), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(fd);
	unlink(l.path);
}

static void a_listener_whose_queue_is_full_is_alive(void **state)
{
	struct ep_local l = door();
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int full[4];

	(void)state;
	memcpy(un.sun_path, l.path, strlen(l.path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (int i = 0; i < 4; i++) {
		full[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(full[i], (struct sockaddr *)&un, sizeof(un));
	}
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(open_at(&l), -1); /* and does not wait for ever */
	assert_int_equal(access(l.path, F_OK), 0);
	for (int i = 0; i < 4; i++)
		close(full[i]);
	close(fd);
	unlink(l.path);
}

static void a_file_that_is_no_socket_is_never_removed(void **state)
{
	struct ep_local l = door();
	int fd = open(l.path, O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(open_at(&l), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(access(l.path, F_OK), 0);
	unlink(l.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_socket_file_nobody_answers_on_is_replaced, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_socket_file_somebody_answers_on_stays_his, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_listener_whose_queue_is_full_is_alive, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_socket_is_never_removed, tmp_setup, tmp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
