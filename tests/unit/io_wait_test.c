#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "io/io_clock.h"
#include "io/io_wait.h"

static struct io_wait *w;
static struct adit_addr local[2]; /* of sockets 1 and 2 */
static unsigned refuse; /* so many sends find the kernel's buffer full */

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (refuse == 0)
		return __real_sendmsg(fd, m, flags);
	refuse--;
	errno = EAGAIN;
	return -1;
}

static int setup(void **state)
{
	(void)state;
	refuse = 0;
	assert_int_equal(io_wait_new(false, NULL, &w), 0);
	for (uint32_t i = 0; i < 2; i++) {
		local[i] = adit_addr_v4(127, 0, 0, 1, 0);
		assert_int_equal(io_wait_open(w, i + 1, &local[i]), 0);
		assert_int_not_equal(local[i].port, 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	io_wait_free(w);
	return 0;
}

static bool is_readable(int ms)
{
	struct pollfd p = {.fd = io_wait_fd(w), .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static int send_to(uint32_t from, const struct adit_addr *to, const char *text)
{
	struct adit_out o = {
		.kind = ADIT_OUT_SEND, .sock = from, .remote = *to, .data = (const uint8_t *)text, .len = strlen(text)};

	return io_wait_act(w, &o);
}

static struct io_wait_news next(void)
{
	struct io_wait_news n;

	io_wait_poll(w);
	io_wait_read(w, &n);
	return n;
}

static void datagrams_come_with_their_socket_and_both_addresses(void **state)
{
	struct io_wait_news n;

	(void)state;
	assert_false(is_readable(0));
	assert_int_equal(send_to(1, &local[1], "hello"), 0);
	assert_true(is_readable(1000));
	n = next();
	assert_int_equal(n.kind, IO_WAIT_DGRAM);
	assert_int_equal(n.dgram.sock, 2);
	assert_int_equal(n.dgram.len, 5);
	assert_memory_equal(n.dgram.data, "hello", 5);
	assert_true(adit_addr_eq(&n.dgram.remote, &local[0]));
	assert_true(adit_addr_eq(&n.dgram.local, &local[1]));
	assert_int_equal(next().kind, IO_WAIT_NOTHING);
	assert_false(is_readable(0));
}

static void sockets_take_turns(void **state)
{
	uint32_t order[6];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_to(1, &local[1], "to 2"), 0);
		assert_int_equal(send_to(2, &local[0], "to 1"), 0);
	}
	for (size_t i = 0; i < 6; i++)
		order[i] = next().dgram.sock;
	for (size_t i = 1; i < 6; i++)
		assert_int_not_equal(order[i], order[i - 1]);
}

static void it_is_readable_at_its_deadline_and_not_before(void **state)
{
	adit_time start = io_clock_now();

	(void)state;
	io_wait_arm(w, start + ADIT_MS(30));
	assert_false(is_readable(0));
	assert_true(is_readable(1000));
	assert_true(io_clock_now() - start >= ADIT_MS(30));
	assert_int_equal(next().kind, IO_WAIT_NOTHING);
	assert_false(is_readable(0));
	io_wait_arm(w, 0); /* long past */
	assert_true(is_readable(1000));
	io_wait_arm(w, ADIT_NEVER);
	assert_false(is_readable(0));
}

static void what_icmp_says_comes_with_what_was_sent(void **state)
{
	struct adit_addr closed = local[1];
	struct io_wait_news n;

	(void)state;
	io_wait_close(w, 2);
	assert_int_equal(send_to(1, &closed, "is anybody there"), 0);
	assert_true(is_readable(1000));
	n = next();
	assert_int_equal(n.kind, IO_WAIT_ICMP);
	assert_int_equal(n.icmp.sock, 1);
	assert_int_equal(n.icmp.type, 3); /* destination unreachable, RFC 792 */
	assert_int_equal(n.icmp.code, 3); /* port */
	assert_true(adit_addr_eq(&n.icmp.remote, &closed));
	assert_memory_equal(n.icmp.data, "is anybody there", n.icmp.len);
	assert_int_equal(next().kind, IO_WAIT_NOTHING);
	assert_false(is_readable(0));
	/* The error of the earlier packet does not lose the next one. */
	local[1].port = 0;
	assert_int_equal(io_wait_open(w, 2, &local[1]), 0);
	assert_int_equal(send_to(1, &local[1], "now"), 0);
	assert_true(is_readable(1000));
	assert_int_equal(next().dgram.len, 3);
}

static void what_a_full_socket_does_not_take_is_kept_and_goes_first(void **state)
{
	struct io_wait_news n;

	(void)state;
	refuse = 1;
	assert_int_equal(send_to(1, &local[1], "first"), ADIT_EAGAIN);
	assert_true(io_wait_is_blocked(w));
	io_wait_arm(w, 0); /* the machine's timers wait for it */
	assert_true(is_readable(1000)); /* there is room */
	io_wait_poll(w);
	assert_false(io_wait_is_blocked(w));
	n = next();
	assert_int_equal(n.kind, IO_WAIT_DGRAM);
	assert_memory_equal(n.dgram.data, "first", 5);
	/* Full again when it is tried again. */
	refuse = 2;
	assert_int_equal(send_to(1, &local[1], "second"), ADIT_EAGAIN);
	io_wait_poll(w);
	assert_true(io_wait_is_blocked(w));
	io_wait_poll(w);
	assert_false(io_wait_is_blocked(w));
	assert_memory_equal(next().dgram.data, "second", 6);
	/* A socket that goes away takes along what waited for it. */
	refuse = 1;
	assert_int_equal(send_to(1, &local[1], "third"), ADIT_EAGAIN);
	io_wait_close(w, 1);
	assert_false(io_wait_is_blocked(w));
}

static void a_machine_opens_and_closes_by_number(void **state)
{
	struct adit_out o = {.kind = ADIT_OUT_OPEN, .sock = 9, .local = local[0]};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(other, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(other, (struct sockaddr *)&sin, &len), 0);
	o.local.port = ntohs(sin.sin_port);
	assert_int_equal(io_wait_act(w, &o), ADIT_ESYS); /* taken by somebody else */
	close(other);
	o.local.port = 0;
	assert_int_equal(io_wait_act(w, &o), 0);
	assert_int_equal(send_to(9, &local[0], "x"), 0);
	assert_true(is_readable(1000));
	assert_int_equal(next().dgram.sock, 1);
	o.kind = ADIT_OUT_CLOSE;
	assert_int_equal(io_wait_act(w, &o), 0);
	assert_int_equal(send_to(9, &local[0], "x"), 0); /* lost */
	assert_false(is_readable(20));
}

static void act(struct adit_out o)
{
	assert_int_equal(io_wait_act(w, &o), 0);
}

/* As a machine does that pins its port, and is told that the router forwards just that one. */
static void a_port_that_is_opened_twice_is_there_once_under_both_numbers(void **state)
{
	struct adit_addr any = adit_addr_v4(0, 0, 0, 0, 0);
	uint32_t nr[IO_WAIT_SHARED_MAX];
	struct adit_addr here;

	(void)state;
	assert_int_equal(io_wait_open(w, 7, &any), 0);
	here = adit_addr_v4(127, 0, 0, 1, any.port);
	assert_int_equal(io_wait_numbers(w, 7, nr), 1);
	act((struct adit_out){.kind = ADIT_OUT_OPEN, .sock = 8, .local = any});
	assert_int_equal(io_wait_numbers(w, 7, nr), 2);
	assert_int_equal(nr[0], 7);
	assert_int_equal(nr[1], 8);
	assert_int_equal(io_wait_numbers(w, 8, nr), 2);
	assert_int_equal(nr[0], 8);
	assert_int_equal(nr[1], 7);
	/* Both send from it, and what comes is told once. */
	for (uint32_t from = 7; from <= 8; from++) {
		assert_int_equal(send_to(from, &local[0], "x"), 0);
		assert_true(is_readable(1000));
		assert_int_equal(next().dgram.remote.port, here.port);
	}
	/* Whoever closes first leaves it to the other. */
	act((struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 7});
	assert_int_equal(io_wait_numbers(w, 8, nr), 1);
	assert_int_equal(send_to(1, &here, "y"), 0);
	assert_true(is_readable(1000));
	assert_int_equal(next().dgram.sock, 8);
	assert_int_equal(send_to(8, &local[0], "z"), 0);
	assert_true(is_readable(1000));
	assert_int_equal(next().dgram.sock, 1);
	act((struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 8});
	assert_int_equal(send_to(1, &here, "nobody"), 0);
	assert_true(is_readable(1000)); /* the system says that nobody is there */
	assert_int_equal(next().kind, IO_WAIT_ICMP);
}

/* next() waits for one; a connection may be ready and have nothing to tell yet. */
static struct io_wait_news news_of(enum io_wait_kind kind)
{
	struct io_wait_news n;

	do {
		assert_true(is_readable(2000));
		io_wait_poll(w);
		io_wait_read(w, &n);
	} while (n.kind == IO_WAIT_NOTHING);
	assert_int_equal(n.kind, kind);
	assert_int_equal(kind == IO_WAIT_DGRAM ? n.dgram.sock : n.sock, 9);
	return n;
}

static void a_connection_comes_up_carries_frames_and_ends(void **state)
{
	struct adit_addr to = adit_addr_v4(127, 0, 0, 1, 0);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct io_wait_news n;
	char buf[16];
	int peer;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	to.port = ntohs(sin.sin_port);
	act((struct adit_out){.kind = ADIT_OUT_OPEN, .sock = 9, .sock_kind = ADIT_SOCK_TCP, .remote = to});
	news_of(IO_WAIT_UP);
	peer = accept(listener, NULL, NULL);
	assert_int_equal(send_to(9, &to, "\x40\x01\x02\x03"), 0);
	assert_int_equal(recv(peer, buf, sizeof(buf), 0), 4);
	assert_int_equal(send(peer,
			      "\x40\x00\x00\x04"
			      "abcd",
			      8, 0),
			 8);
	n = news_of(IO_WAIT_DGRAM);
	assert_true(adit_addr_eq(&n.dgram.remote, &to));
	assert_int_equal(n.dgram.len, 8);
	close(peer);
	n = news_of(IO_WAIT_DOWN);
	assert_non_null(n.why);
	assert_false(is_readable(20)); /* not for ever */
	act((struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 9});
	close(listener);
}

static void a_taken_socket_is_in_no_set_any_more(void **state)
{
	int fd = io_wait_take(w, 2);
	char buf[8];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(io_wait_take(w, 2), ADIT_ENOENT);
	assert_int_equal(send_to(1, &local[1], "mine"), 0);
	assert_false(is_readable(20));
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 4);
	close(fd);
}

static void a_socket_under_two_numbers_is_taken_by_either_and_left_to_the_other(void **state)
{
	static const uint32_t first[] = {7, 8};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		struct adit_addr any = adit_addr_v4(0, 0, 0, 0, 0);
		struct adit_addr here;
		char buf[8];
		int fd;

		assert_int_equal(io_wait_open(w, 7, &any), 0);
		here = adit_addr_v4(127, 0, 0, 1, any.port);
		act((struct adit_out){.kind = ADIT_OUT_OPEN, .sock = 8, .local = any});
		fd = io_wait_take(w, first[i]);
		assert_true(fd >= 0);
		assert_int_equal(io_wait_take(w, first[i]), ADIT_ENOENT);
		assert_int_equal(send_to(1, &here, "one"), 0);
		assert_true(is_readable(1000));
		assert_int_equal(next().dgram.sock, first[!i]);
		act((struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = first[!i]});
		assert_int_equal(send_to(1, &here, "two"), 0);
		assert_false(is_readable(20));
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), 3);
		close(fd);
	}
}

static void what_a_child_frees_the_parent_keeps(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	io_wait_arm(w, io_clock_now() + ADIT_SEC(2)); /* longer than a child's life, under valgrind too */
	pid = fork();
	if (pid == 0) {
		io_wait_free(w);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(send_to(1, &local[1], "still"), 0);
	assert_true(is_readable(10000));
	assert_int_equal(next().dgram.len, 5);
	assert_true(is_readable(10000)); /* the timer */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(datagrams_come_with_their_socket_and_both_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_readable_at_its_deadline_and_not_before, setup, teardown),
		cmocka_unit_test_setup_teardown(what_icmp_says_comes_with_what_was_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_full_socket_does_not_take_is_kept_and_goes_first, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_machine_opens_and_closes_by_number, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_that_is_opened_twice_is_there_once_under_both_numbers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_connection_comes_up_carries_frames_and_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(a_taken_socket_is_in_no_set_any_more, setup, teardown),
		cmocka_unit_test_setup_teardown(a_socket_under_two_numbers_is_taken_by_either_and_left_to_the_other,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_child_frees_the_parent_keeps, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
