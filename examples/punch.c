/*
 * libadit as a hole puncher only: what comes out is a connected UDP socket, and from then on this is an ordinary
 * program with recv(2) and send(2). It says hello to the other side every 100 ms until both have heard it.
 *
 *     example-punch new [MEDIATOR]...
 *     example-punch serve|connect --ticket TICKET|--secret WORD [--identity IDENTITY] [--port N] [PEER[:PORT]]...
 *
 * new prints an identity and a ticket, each as NAME=TEXT. Where the ticket names mediators, the serve side needs the
 * identity and nobody needs the other's address.
 *
 * Prints "open PEER MAPPED" and "data TEXT"; the exit status is 0 if data came.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <adit/punch.h>

#include "mediators.h"

#define HELLO     "hello from "
#define EVERY_MS  100
#define HELLOS    50 /* then it is given up */
#define LAST_ONES 10 /* hellos after the first answer: the other side wants to hear one, too */
#define PEERS_MAX 8

static void check(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "example-punch: %s: %s\n", what, adit_strerror(err));
	exit(2);
}

/* The mediators of the ticket, of which those that cannot be resolved are left out. */
static void add_mediators(struct adit_punch *p, const char *ticket)
{
	struct sockaddr_storage addr;
	char host[ADIT_HOST_STRLEN];

	for (size_t i = 0; adit_ticket_mediator(ticket, i, host) == 0; i++) {
		socklen_t len = mediator_resolve(host, AF_UNSPEC, &addr);

		if (len > 0)
			check(adit_punch_add_mediator(p, host, (struct sockaddr *)&addr, len), host);
	}
}

/* The whole use of the library: returns the socket. */
static int punch(const struct adit_punch_config *cfg, const struct sockaddr_storage *peers, size_t n)
{
	char peer[ADIT_ADDRESS_STRLEN], mapped[ADIT_ADDRESS_STRLEN];
	struct adit_punch *p;
	int fd = -1;

	check(adit_punch_new(cfg, &p), "adit_punch_new");
	check(adit_punch_set_peers(p, peers, n), "peers");
	if (cfg->meets)
		add_mediators(p, cfg->ticket);
	adit_punch_start(p);
	while (fd < 0) {
		struct pollfd wait = {.fd = adit_punch_fd(p), .events = POLLIN};
		const struct adit_punch_event *e;

		adit_punch_process(p);
		while ((e = adit_punch_next_event(p)) != NULL) {
			if (e->kind == ADIT_PUNCH_STUCK)
				fprintf(stderr, "no answer yet; still trying\n");
			if (e->kind == ADIT_PUNCH_MEETING)
				mediator_tell(&e->meeting);
			if (e->kind != ADIT_PUNCH_OPEN)
				continue;
			fd = e->fd;
			printf("open %s %s\n", adit_address_format(&e->peer, peer),
			       adit_address_format(&e->mapped, mapped));
		}
		if (fd < 0)
			poll(&wait, 1, -1);
	}
	adit_punch_free(p);
	return fd;
}

/* Plain sockets from here on. */
static int talk(int fd, const char *name)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char text[64];
	bool heard = false;
	int left = HELLOS;

	snprintf(text, sizeof(text), HELLO "%s", name);
	while (left-- > 0) {
		char buf[2048];
		ssize_t n;

		(void)!send(fd, text, strlen(text), 0); /* a lost one is repeated */
		poll(&wait, 1, EVERY_MS);
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0 || adit_is_stun(buf, (size_t)n) || heard)
			continue;
		printf("data %.*s\n", (int)n, buf);
		fflush(stdout);
		heard = true;
		left = LAST_ONES;
	}
	close(fd);
	return heard ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct adit_punch_config cfg = {.size = sizeof(cfg)};
	struct sockaddr_storage peers[PEERS_MAX];
	size_t n = 0;
	int fd;

	if (argc >= 2 && strcmp(argv[1], "new") == 0)
		return mediator_print_new(argv + 2, argc - 2);
	if (argc < 3 || (strcmp(argv[1], "serve") != 0 && strcmp(argv[1], "connect") != 0)) {
		fprintf(stderr,
			"usage: example-punch serve|connect --ticket TICKET|--secret WORD [--port N] [PEER]...\n");
		return 2;
	}
	cfg.serve = strcmp(argv[1], "serve") == 0;
	for (int k = 2; k < argc; k++) {
		if (strcmp(argv[k], "--ticket") == 0 && k + 1 < argc) {
			cfg.ticket = argv[++k];
		} else if (strcmp(argv[k], "--secret") == 0 && k + 1 < argc) {
			cfg.secret = argv[++k];
			cfg.secret_len = strlen(cfg.secret);
		} else if (strcmp(argv[k], "--identity") == 0 && k + 1 < argc) {
			cfg.identity = argv[++k];
		} else if (strcmp(argv[k], "--port") == 0 && k + 1 < argc) {
			cfg.port = (unsigned)strtoul(argv[++k], NULL, 10);
		} else if (n < PEERS_MAX) {
			check(adit_address_parse(argv[k], &peers[n++]), argv[k]);
		}
	}
	cfg.meets = mediator_is_named(cfg.ticket);
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = punch(&cfg, peers, n);
	return talk(fd, argv[1]);
}
