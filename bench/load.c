/*
 * What the benchmark puts through a tunnel: a server that sends, takes or echoes, and its client. It does as little as
 * it can per byte, and still compares every one.
 *
 *   load serve PORT                          on all addresses; prints "ready"
 *   load get HOST PORT WARM MEASURE [MOST]   for WARM + MEASURE seconds; prints "BYTES SECONDS TOTAL_BYTES", the first
 *                                            two of the measured part. MOST: it may warm up so long, until what comes
 *                                            in a quarter of WARM is no more than a quarter above the one before
 *   load put HOST PORT WARM MEASURE          the other way
 *   load ping HOST PORT COUNT                one byte there and back; prints "P50 P99" in microseconds
 *
 * A connection begins with one letter: g, p or e. The stream is one block of PATTERN bytes over and over; PATTERN is no
 * multiple of any packet or buffer size, so a piece in the wrong place does not fit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATTERN 1000003u /* bytes; a prime */
#define PIECE   (256u << 10) /* bytes per read and write */

static uint8_t pattern[PATTERN + PIECE]; /* the beginning once more at the end: every piece is contiguous */

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fill_pattern(void)
{
	uint64_t x = 88172645463325252u; /* xorshift64: it only must not compress */

	for (size_t i = 0; i < PATTERN; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pattern[i] = (uint8_t)x;
	}
	memcpy(pattern + PATTERN, pattern, PIECE);
}

/* Sends the stream until the other side ends it or |until|. Returns the bytes sent. */
static uint64_t send_stream(int fd, double until)
{
	uint64_t at = 0;

	while (until <= 0 || now_s() < until) {
		ssize_t n = send(fd, pattern + at % PATTERN, PIECE, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (uint64_t)n;
	}
	return at;
}

/* Takes one piece of the stream at |at|; 0 at its end. Anything else than the stream ends the program. */
static size_t take_piece(int fd, uint64_t at, uint8_t *buf)
{
	ssize_t n = recv(fd, buf, PIECE, 0);

	if (n <= 0)
		return 0;
	if (memcmp(buf, pattern + at % PATTERN, (size_t)n) != 0) {
		fprintf(stderr, "load: the stream is damaged near byte %llu\n", (unsigned long long)at);
		exit(1);
	}
	return (size_t)n;
}

/* Counts what arrives of the other side's stream, and tells it. */
static void serve_put(int fd)
{
	uint8_t *buf = malloc(PIECE);
	uint64_t at = 0;
	double told = now_s();
	size_t n;

	while (buf && (n = take_piece(fd, at, buf)) > 0) {
		at += n;
		/* The client measures what has arrived, not what it could write into buffers: told every 50 ms. */
		if (now_s() - told > 0.05) {
			told = now_s();
			if (send(fd, &at, sizeof(at), MSG_NOSIGNAL) != (ssize_t)sizeof(at))
				break;
		}
	}
	free(buf);
}

static void serve_echo(int fd)
{
	uint8_t buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
}

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	int one = 1;
	char what = 0;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (recv(fd, &what, 1, 0) == 1) {
		if (what == 'g')
			(void)send_stream(fd, 0);
		else if (what == 'p')
			serve_put(fd);
		else if (what == 'e')
			serve_echo(fd);
	}
	close(fd);
	return NULL;
}

static int serve(const char *port)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
	int one = 1;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 64) < 0)
		die("listen");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int c = accept(fd, NULL, NULL);
		pthread_t th;

		if (c < 0)
			die("accept");
		if (pthread_create(&th, NULL, serve_one, (void *)(intptr_t)c) != 0)
			close(c);
		else
			pthread_detach(th);
	}
}

static int dial(const char *host, const char *port, char what)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *ai;
	int one = 1;
	int fd;

	if (getaddrinfo(host, port, &hints, &ai) != 0)
		die("address");
	fd = socket(ai->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		die("connect");
	freeaddrinfo(ai);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (send(fd, &what, 1, MSG_NOSIGNAL) != 1)
		die("send");
	return fd;
}

static void report(uint64_t bytes, double seconds, uint64_t total)
{
	printf("%llu %.6f %llu\n", (unsigned long long)bytes, seconds, (unsigned long long)total);
}

/* Slow start takes what it takes, and more after a loss: measuring begins when the rate has stopped growing. */
struct growth {
	double window; /* seconds */
	double since;
	uint64_t at;
	double rate; /* of the last whole window */
	bool is_over;
};

static void growth_look(struct growth *g, double t, uint64_t at)
{
	double rate;

	if (t < g->since + g->window)
		return;
	rate = (double)(at - g->at) / (t - g->since);
	g->is_over = rate <= g->rate * 1.25;
	g->rate = rate;
	g->since = t;
	g->at = at;
}

static int get(const char *host, const char *port, double warm, double measure, double most)
{
	int fd = dial(host, port, 'g');
	uint8_t *buf = malloc(PIECE);
	double begin = now_s();
	struct growth growth = {.window = warm / 4, .since = begin};
	double from = 0;
	uint64_t at = 0;
	uint64_t at_from = 0;

	for (;;) {
		size_t n = buf ? take_piece(fd, at, buf) : 0;
		double t = now_s();

		if (n == 0)
			die("the stream ended");
		at += n;
		growth_look(&growth, t, at);
		if (from == 0 && t >= begin + warm && (growth.is_over || t >= begin + most)) {
			from = t;
			at_from = at;
		}
		if (from > 0 && t >= from + measure) {
			report(at - at_from, t - from, at);
			free(buf);
			close(fd);
			return 0;
		}
	}
}

struct put {
	int fd;
	double until;
};

static void *put_sender(void *arg)
{
	struct put *p = arg;

	(void)send_stream(p->fd, p->until);
	return NULL;
}

static int put(const char *host, const char *port, double warm, double measure)
{
	double begin = now_s();
	struct put p = {.fd = dial(host, port, 'p'), .until = begin + warm + measure + 1};
	double from = 0;
	uint64_t at = 0;
	uint64_t at_from = 0;
	pthread_t th;

	if (pthread_create(&th, NULL, put_sender, &p) != 0)
		die("thread");
	for (;;) {
		double t;

		if (recv(p.fd, &at, sizeof(at), MSG_WAITALL) != (ssize_t)sizeof(at))
			die("the stream ended");
		t = now_s();
		if (from == 0 && t >= begin + warm) {
			from = t;
			at_from = at;
		} else if (from > 0 && t >= from + measure) {
			report(at - at_from, t - from, at);
			exit(0);
		}
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static int ping(const char *host, const char *port, int count)
{
	int fd = dial(host, port, 'e');
	double *took = calloc((size_t)count, sizeof(*took));
	char c = 'x';

	for (int i = -10; took && i < count; i++) {
		double begin = now_s();

		if (send(fd, &c, 1, MSG_NOSIGNAL) != 1 || recv(fd, &c, 1, 0) != 1)
			die("the stream ended");
		if (i >= 0)
			took[i] = (now_s() - begin) * 1e6;
	}
	qsort(took, (size_t)count, sizeof(*took), by_size);
	printf("%.1f %.1f\n", took[count / 2], took[count * 99 / 100]);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	fill_pattern();
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if ((argc == 6 || argc == 7) && strcmp(argv[1], "get") == 0)
		return get(argv[2], argv[3], atof(argv[4]), atof(argv[5]), argc == 7 ? atof(argv[6]) : 0);
	if (argc == 6 && strcmp(argv[1], "put") == 0)
		return put(argv[2], argv[3], atof(argv[4]), atof(argv[5]));
	if (argc == 5 && strcmp(argv[1], "ping") == 0 && atoi(argv[4]) > 0)
		return ping(argv[2], argv[3], atoi(argv[4]));
	fprintf(stderr, "load serve PORT | get HOST PORT WARM MEASURE [MOST] | put HOST PORT WARM MEASURE | ping HOST "
			"PORT COUNT\n");
	return 2;
}
