/*
 * Two objects of the library in one process, over loopback sockets, in one poll(2) loop: as their users run them.
 */
#ifndef ADIT_TEST_API_RIG_H
#define ADIT_TEST_API_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "io/io_clock.h"

#define RIG_LIMIT ADIT_SEC(20) /* a test that takes longer has failed; all take milliseconds */

static inline struct sockaddr_storage rig_loopback(uint16_t port)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *s4 = (struct sockaddr_in *)&ss;

	s4->sin_family = AF_INET;
	s4->sin_port = htons(port);
	s4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return ss;
}

static inline uint16_t rig_port(const struct sockaddr_storage *ss)
{
	return ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

/*
 * Runs both until |is_done|, sleeping on their descriptors alone: their deadlines must make them readable. |turn| does
 * process and all events of one.
 */
static inline void rig_run(const int fd[2], void (*turn)(int side), bool (*is_done)(void))
{
	adit_time limit = io_clock_now() + RIG_LIMIT;

	for (;;) {
		struct pollfd p[2] = {{.fd = fd[0], .events = POLLIN}, {.fd = fd[1], .events = POLLIN}};

		turn(0);
		turn(1);
		if (is_done())
			return;
		if (io_clock_now() > limit)
			fail_msg("not done after %u s", (unsigned)(RIG_LIMIT / ADIT_SEC(1)));
		poll(p, 2, 1000);
	}
}

#define RIG_FDS 1024

static bool rig_was_open[RIG_FDS];

/* Who is open already: not ours. */
static inline void rig_fds_mark(void)
{
	for (int fd = 0; fd < RIG_FDS; fd++)
		rig_was_open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* How many are open that were not; each of them is closed by exec. */
static inline unsigned rig_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < RIG_FDS; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || rig_was_open[fd])
			continue;
		assert_true(flags & FD_CLOEXEC);
		n++;
	}
	return n;
}

/* Does |in_child| after a fork; its exit status must be 0. */
static inline void rig_fork(void (*in_child)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		in_child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
