/*
 * Drives one port mapping (src/core/portmap) over real sockets with plain poll(2), for tests/net/check_portmap.py.
 *
 *   portmap_driver GATEWAY OWN:PORT [LIFETIME [WANTED-PORT]]
 *
 * Prints a line per event and takes a line per command from stdin: check, passed, failed, stats, end. Ends when the
 * machine has ended; the end of stdin is "end".
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/portmap/portmap.h"

#define SOCKETS 2

struct driver {
	struct portmap p;
	int fd[SOCKETS];
	struct adit_addr local[SOCKETS];
};

static adit_time clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return ADIT_SEC((uint64_t)t.tv_sec) + (uint64_t)t.tv_nsec;
}

static void rng_fill(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

static socklen_t to_sockaddr(const struct adit_addr *a, struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = a->scope};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};

	memset(ret_sa, 0, sizeof(*ret_sa));
	memcpy(&v4.sin_addr, a->ip, 4);
	memcpy(&v6.sin6_addr, a->ip, 16);
	if (adit_addr_is_v4(a))
		memcpy(ret_sa, &v4, sizeof(v4));
	else
		memcpy(ret_sa, &v6, sizeof(v6));
	return adit_addr_is_v4(a) ? sizeof(v4) : sizeof(v6);
}

static struct adit_addr from_sockaddr(const struct sockaddr_storage *sa)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	struct adit_addr a;

	memcpy(&v4, sa, sizeof(v4));
	memcpy(&v6, sa, sizeof(v6));
	if (sa->ss_family == AF_INET) {
		uint8_t ip[4];

		memcpy(ip, &v4.sin_addr, 4);
		return adit_addr_v4(ip[0], ip[1], ip[2], ip[3], ntohs(v4.sin_port));
	}
	a = adit_addr_v6(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
	a.scope = v6.sin6_scope_id;
	return a;
}

/* The questions leave from the own address; the news come to any. */
static void open_socket(struct driver *d, const struct adit_out *o)
{
	struct adit_addr local = o->local.port == 0 ? adit_addr_with_port(d->p.cfg.own, 0) : o->local;
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(&local, &sa);
	int one = 1;
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (sa.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
	    bind(fd, (struct sockaddr *)&sa, len) < 0) {
		perror("socket");
		portmap_sock_failed(&d->p, clock_now(), o->sock);
		if (fd >= 0)
			close(fd);
		return;
	}
	d->fd[o->sock] = fd;
	d->local[o->sock] = local;
}

static void run_outputs(struct driver *d)
{
	struct sockaddr_storage sa;
	struct adit_out o;

	while (portmap_output(&d->p, clock_now(), &o)) {
		if (o.kind == ADIT_OUT_OPEN) {
			open_socket(d, &o);
		} else if (o.kind == ADIT_OUT_CLOSE) {
			close(d->fd[o.sock]);
			d->fd[o.sock] = -1;
		} else {
			socklen_t len = to_sockaddr(&o.remote, &sa);

			if (sendto(d->fd[o.sock], o.data, o.len, 0, (struct sockaddr *)&sa, len) < 0)
				perror("sendto"); /* a lost datagram */
		}
	}
}

static void print_events(struct driver *d)
{
	static const char *const kinds[] = {"MAPPED", "CHANGED", "RESTORED", "LOST", "REFUSED", "NONE", "WITHDRAWN"};
	static const char *const protocols[] = {"unknown", "pcp", "nat-pmp"};
	char text[ADIT_ADDR_STRLEN];
	struct portmap_event e;

	while (portmap_event(&d->p, &e))
		printf("%s %s external=%s lifetime=%u private=%d reason=%s\n", kinds[e.kind], protocols[e.protocol],
		       e.external.family ? adit_addr_format(&e.external, text) : "-", (unsigned)e.lifetime,
		       e.is_private, e.reason);
}

static void command(struct driver *d, const char *line)
{
	const struct portmap_stats *s = portmap_stats(&d->p);

	if (strcmp(line, "check") == 0)
		portmap_check(&d->p, clock_now());
	else if (strcmp(line, "passed") == 0)
		portmap_verify_passed(&d->p);
	else if (strcmp(line, "failed") == 0)
		portmap_verify_failed(&d->p, clock_now());
	else if (strcmp(line, "stats") == 0)
		printf("STATS sent=%u renewed=%u restarts=%u strangers=%u malformed=%u unexpected=%u\n", s->sent,
		       s->renewed, s->restarts, s->strangers, s->malformed, s->unexpected);
	else if (strcmp(line, "end") == 0)
		portmap_end(&d->p, clock_now());
}

/* False at the end of stdin. Lines come whole: a test writes them with one call each. */
static bool read_commands(struct driver *d)
{
	char buf[512];
	char *next = buf;
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf) - 1);

	if (n <= 0)
		return false;
	buf[n] = 0;
	for (char *line; (line = strsep(&next, "\n"));)
		command(d, line);
	return true;
}

static void read_socket(struct driver *d, unsigned sock)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	uint8_t buf[2048];
	ssize_t n = recvfrom(d->fd[sock], buf, sizeof(buf), 0, (struct sockaddr *)&sa, &len);
	struct adit_dgram g = {.sock = sock, .local = d->local[sock], .data = buf};

	if (n < 0)
		return;
	g.remote = from_sockaddr(&sa);
	g.len = (size_t)n;
	(void)!portmap_input(&d->p, clock_now(), &g);
}

static int wait_ms(const struct driver *d)
{
	adit_time at = portmap_deadline(&d->p);
	adit_dur left;

	if (at == ADIT_NEVER)
		return -1;
	left = adit_time_since(at, clock_now());
	return left > ADIT_SEC(60) ? 60000 : (int)((left + ADIT_MS(1) - 1) / ADIT_MS(1));
}

static void run(struct driver *d)
{
	struct pollfd fds[SOCKETS + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};

	for (;;) {
		run_outputs(d);
		print_events(d);
		if (portmap_is_done(&d->p) && d->fd[0] < 0)
			return;
		for (unsigned i = 0; i < SOCKETS; i++)
			fds[i + 1] = (struct pollfd){.fd = d->fd[i], .events = POLLIN};
		poll(fds, SOCKETS + 1, wait_ms(d));
		if (fds[0].revents && !read_commands(d)) {
			fds[0].fd = -1;
			portmap_end(&d->p, clock_now());
		}
		for (unsigned i = 0; i < SOCKETS; i++)
			if (fds[i + 1].revents)
				read_socket(d, i);
		portmap_tick(&d->p, clock_now());
	}
}

int main(int argc, char **argv)
{
	struct portmap_config cfg = {.rng = {.fill = rng_fill}};
	struct driver d = {.fd = {-1, -1}};

	if (argc < 3 || argc > 5 || adit_addr_parse(argv[1], strlen(argv[1]), &cfg.gateway) < 0 ||
	    adit_addr_parse(argv[2], strlen(argv[2]), &cfg.own) < 0 || cfg.own.port == 0 ||
	    cfg.own.family != cfg.gateway.family) {
		fprintf(stderr, "usage: portmap_driver GATEWAY OWN:PORT [LIFETIME [WANTED-PORT]]\n");
		return 2;
	}
	cfg.lifetime = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	cfg.want_port = argc > 4 ? (uint16_t)strtoul(argv[4], NULL, 10) : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	portmap_init(&d.p, &cfg, clock_now());
	run(&d);
	printf("DONE\n");
	return 0;
}
