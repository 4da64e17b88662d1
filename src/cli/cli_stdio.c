#include "cli/cli_stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define COPY_SIZE 65536 /* bytes per read: what a pipe holds */

static int our_end = -1;
static pthread_t output_thread;
static bool output_failed;

static bool write_all(int fd, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

/* false: writing failed. */
static bool copy(int from, int to)
{
	char buf[COPY_SIZE];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || !write_all(to, buf, (size_t)n))
			return n < 0;
	}
	return true;
}

static void *input_main(void *arg)
{
	(void)arg;
	if (copy(STDIN_FILENO, our_end))
		shutdown(our_end, SHUT_WR);
	return NULL;
}

static void *output_main(void *arg)
{
	(void)arg;
	output_failed = !copy(our_end, STDOUT_FILENO);
	if (output_failed)
		shutdown(our_end, SHUT_RDWR);
	return NULL;
}

/* ESYS with errno. */
static int start_threads(void)
{
	pthread_t input_thread;
	int err = pthread_create(&output_thread, NULL, output_main, NULL);

	if (err != 0) {
		errno = err;
		return ADIT_ESYS;
	}
	err = pthread_create(&input_thread, NULL, input_main, NULL);
	if (err != 0) {
		shutdown(our_end, SHUT_RDWR); /* the end of the file for the other thread */
		pthread_join(output_thread, NULL);
		errno = err;
		return ADIT_ESYS;
	}
	pthread_detach(input_thread); /* it may hang in a read of stdin; the end of the process ends it */
	return 0;
}

int cli_stdio_start(int *ret_fd)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return ADIT_ESYS;
	our_end = pair[0];
	if (start_threads() < 0) {
		int saved = errno;

		close(pair[0]);
		close(pair[1]);
		errno = saved;
		return ADIT_ESYS;
	}
	*ret_fd = pair[1];
	return 0;
}

bool cli_stdio_finish(void)
{
	pthread_join(output_thread, NULL);
	return !output_failed;
}

void cli_stdio_abandon(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (our_end >= 0)
		close(our_end);
	our_end = -1;
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd); /* whoever waits for the end of what we write has to get it */
	if (null > STDERR_FILENO)
		close(null);
}
