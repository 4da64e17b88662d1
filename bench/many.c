/*
 * Many TCP connections through a tunnel: the far end that holds them, and the near end that opens them.
 *
 *   many hold PORT                     accepts all, echoes; prints "ready"
 *   many open HOST PORT COUNT RATE     opens COUNT connections, RATE per second, a byte there and back on each; prints
 *                                      "SECONDS P50 P99" (microseconds from connect to the byte); then goes on with
 *                                      lines from stdin: "more COUNT RATE" the same again, "touch COUNT" a byte there
 *                                      and back on so many of the open ones, one after the other: "P50 P99"; "churn
 *                                      COUNT RATE" opens, echoes and closes: "SECONDS P50 P99"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 70000

static double began[FDS_MAX]; /* by descriptor */
static double took[FDS_MAX];
static int held[FDS_MAX];
static size_t n_held;
static struct sockaddr_in to;
static int poller;

static void die(const char *what)
{
	fprintf(stderr, "many: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void watch(int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll_ctl");
}

static void hold(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(l, 4096) < 0)
		die("listen");
	watch(l, EPOLLIN);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event e[256];
		int n = epoll_wait(poller, e, 256, -1);

		for (int i = 0; i < n; i++) {
			char buf[512];
			ssize_t got;
			int fd;

			if (e[i].data.fd == l) {
				while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0)
					watch(fd, EPOLLIN);
				continue;
			}
			got = read(e[i].data.fd, buf, sizeof(buf));
			if (got <= 0 || write(e[i].data.fd, buf, (size_t)got) != got)
				close(e[i].data.fd);
		}
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void tell(double seconds, size_t n)
{
	qsort(took, n, sizeof(took[0]), by_size);
	if (seconds > 0)
		printf("%.3f ", seconds);
	printf("%.0f %.0f\n", took[n / 2] * 1e6, took[n * 99 / 100] * 1e6);
	fflush(stdout);
}

static void open_one(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0 || fd >= FDS_MAX)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	began[fd] = now_s();
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		die("connect");
	watch(fd, EPOLLIN | EPOLLOUT);
}

/* One connection's news: first writable, then the echo. Whether it is complete. */
static int one_step(const struct epoll_event *e)
{
	struct epoll_event only_in = {.events = EPOLLIN, .data.fd = e->data.fd};
	char c = 'x';

	if (e->events & EPOLLIN) {
		if (read(e->data.fd, &c, 1) != 1)
			die("a connection ended");
		return 1;
	}
	if (write(e->data.fd, &c, 1) != 1)
		die("write");
	epoll_ctl(poller, EPOLL_CTL_MOD, e->data.fd, &only_in);
	return 0;
}

static void open_many(size_t count, double rate, int churn)
{
	size_t opened = 0, done = 0;
	double start = now_s();

	while (done < count) {
		struct epoll_event e[256];
		double due = (now_s() - start) * rate;
		int n;

		while (opened < count && (double)opened <= due) {
			open_one();
			opened++;
		}
		n = epoll_wait(poller, e, 256, opened < count ? 1 : 20000);
		if (n == 0 && opened == count)
			die("nothing for 20 s");
		for (int i = 0; i < n; i++) {
			int fd = e[i].data.fd;

			if (!one_step(&e[i]))
				continue;
			took[done++] = now_s() - began[fd];
			epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
			if (churn)
				close(fd);
			else
				held[n_held++] = fd;
		}
	}
	tell(now_s() - start, count);
}

static void touch(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int fd = held[i * 7919 % n_held];
		struct epoll_event e;
		double t = now_s();
		char c = 'y';

		watch(fd, EPOLLIN);
		if (write(fd, &c, 1) != 1 || epoll_wait(poller, &e, 1, 20000) != 1 || read(fd, &c, 1) != 1)
			die("touch");
		epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
		took[i] = now_s() - t;
	}
	tell(0, count);
}

int main(int argc, char **argv)
{
	struct rlimit files = {FDS_MAX, FDS_MAX};
	char line[100];
	size_t count;
	double rate;

	setrlimit(RLIMIT_NOFILE, &files);
	poller = epoll_create1(0);
	if (argc == 3 && strcmp(argv[1], "hold") == 0)
		hold(atoi(argv[2]));
	if (argc != 6 || strcmp(argv[1], "open") != 0) {
		fprintf(stderr, "many: see the head of many.c\n");
		return 2;
	}
	to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
	inet_pton(AF_INET, argv[2], &to.sin_addr);
	open_many((size_t)atol(argv[4]), atof(argv[5]), 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "more %zu %lf", &count, &rate) == 2)
			open_many(count, rate, 0);
		else if (sscanf(line, "churn %zu %lf", &count, &rate) == 2)
			open_many(count, rate, 1);
		else if (sscanf(line, "touch %zu", &count) == 1)
			touch(count);
	}
	return 0;
}
