/*
 * Load for STUN servers: Binding requests from many sockets, as many as are answered; and the yardstick, a bare echo.
 *
 *	stun_load ADDR PORT [SOCKETS [SECONDS [FLIGHT]]]    prints answers a second
 *	stun_load echo ADDR PORT                            recvmmsg, sendmmsg, nothing between: what the system allows
 *
 * Each socket keeps FLIGHT requests under way; what is lost is replaced after 20 ms. Run the server and this on
 * different processors, and look at the server's own CPU time for answers per second and core.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 1024
#define BATCH       64
#define SIZE        256 /* bytes of an answer; ours have 80 at most */
#define REQUEST_LEN 20
#define LOST_NS     20000000u

struct batch {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in addr[BATCH];
	uint8_t data[BATCH][SIZE];
};

static struct batch rx, tx;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "stun_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void batch_init(struct batch *b, size_t len, int with_addr)
{
	for (int i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){.iov_base = b->data[i], .iov_len = len};
		b->msg[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i], .msg_iovlen = 1};
		if (with_addr)
			b->msg[i].msg_hdr.msg_name = &b->addr[i];
	}
}

static struct sockaddr_in parse(const char *ip, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) {
		fprintf(stderr, "stun_load: not an IPv4 address: %s\n", ip);
		exit(2);
	}
	return a;
}

static int open_socket(int type)
{
	int size = 8 * 1024 * 1024;
	int fd = socket(AF_INET, SOCK_DGRAM | type, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

/* As long an answer as a mediator's, so that the copying is the same. */
_Noreturn static void echo(const char *ip, const char *port)
{
	struct sockaddr_in a = parse(ip, port);
	int fd = open_socket(0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("bind");
	batch_init(&rx, SIZE, 1);
	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			rx.msg[i].msg_hdr.msg_namelen = sizeof(rx.addr[i]);
			rx.iov[i].iov_len = SIZE;
		}
		n = recvmmsg(fd, rx.msg, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0)
			continue;
		for (int i = 0; i < n; i++) {
			rx.iov[i].iov_len = 68;
			rx.data[i][0] = 1;
		}
		if (sendmmsg(fd, rx.msg, (unsigned)n, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
			die("sendmmsg");
	}
}

static void fill_request(uint8_t *p, uint64_t id)
{
	static const uint8_t head[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};

	memcpy(p, head, sizeof(head));
	memset(p + 8, 0, 4);
	memcpy(p + 12, &id, sizeof(id));
}

static void send_some(int fd, int n, uint64_t *id)
{
	while (n > 0) {
		int batch = n < BATCH ? n : BATCH;

		for (int i = 0; i < batch; i++)
			fill_request(tx.data[i], (*id)++);
		if (sendmmsg(fd, tx.msg, (unsigned)batch, 0) < 0)
			return;
		n -= batch;
	}
}

static int receive(int fd)
{
	int good = 0;
	int n = recvmmsg(fd, rx.msg, BATCH, MSG_DONTWAIT, NULL);

	for (int i = 0; i < n; i++)
		good += rx.msg[i].msg_len >= REQUEST_LEN && rx.data[i][0] == 1;
	return good;
}

static int load(const char *ip, const char *port, int sockets, int seconds, int flight)
{
	struct sockaddr_in to = parse(ip, port);
	static struct pollfd fds[SOCKETS_MAX];
	static uint64_t heard_at[SOCKETS_MAX];
	uint64_t answers = 0, asked = 0, id = 1, start, now;

	batch_init(&rx, SIZE, 0);
	batch_init(&tx, REQUEST_LEN, 0);
	for (int i = 0; i < sockets; i++) {
		fds[i] = (struct pollfd){.fd = open_socket(SOCK_NONBLOCK), .events = POLLIN};
		if (connect(fds[i].fd, (struct sockaddr *)&to, sizeof(to)) < 0)
			die("connect");
		send_some(fds[i].fd, flight, &id);
	}
	start = now = now_ns();
	while (now - start < (uint64_t)seconds * 1000000000u) {
		poll(fds, (nfds_t)sockets, 20);
		now = now_ns();
		for (int i = 0; i < sockets; i++) {
			int n = fds[i].revents ? receive(fds[i].fd) : 0;

			if (n > 0)
				heard_at[i] = now;
			else if (now - heard_at[i] > LOST_NS) {
				heard_at[i] = now;
				n = flight; /* all lost: begin anew */
				answers -= (uint64_t)n;
			}
			answers += (uint64_t)n;
			send_some(fds[i].fd, n, &id);
		}
	}
	asked = id - 1;
	printf("%.0f answers/s from %d sockets, %.2f %% unanswered\n", (double)answers * 1e9 / (double)(now - start),
	       sockets, 100.0 * (double)(asked - answers) / (double)asked);
	return 0;
}

int main(int argc, char **argv)
{
	int sockets = argc > 3 ? atoi(argv[3]) : 32;
	int seconds = argc > 4 ? atoi(argv[4]) : 5;
	int flight = argc > 5 ? atoi(argv[5]) : 32;

	if (argc == 4 && strcmp(argv[1], "echo") == 0)
		echo(argv[2], argv[3]);
	if (argc < 3 || sockets < 1 || sockets > SOCKETS_MAX || seconds < 1 || flight < 1) {
		fprintf(stderr, "usage: stun_load ADDR PORT [SOCKETS [SECONDS [FLIGHT]]] | stun_load echo ADDR PORT\n");
		return 2;
	}
	return load(argv[1], argv[2], sockets, seconds, flight);
}
