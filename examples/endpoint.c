/*
 * libadit as a whole endpoint. What it meets may be itself, `adit serve` or `adit connect`.
 *
 *     example-endpoint new [MEDIATOR]...                       prints an identity and a ticket, each as NAME=TEXT
 *     example-endpoint serve IDENTITY TICKET [PEER[:PORT]]...  offers "echo" (streams) and "ping" (datagrams)
 *     example-endpoint connect TICKET SERVICE [PEER[:PORT]]... carries stdin to the service and its answer to stdout
 *
 * Where the ticket names mediators, nobody needs the other's address, and these may stand before serve and connect:
 *
 *     --relay-file FILE      TURN servers, as adit has them; --relay-ca FILE: who may sign their certificates
 *     --relay-only | --direct-only | --borrow
 *     --portmap              asks the home router for a port; --port N --mapped M: it is forwarded already
 *
 * What happens is told on stderr. connect ends when both directions have.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <adit/endpoint.h>

#include "mediators.h"
#include "relays.h"

#define PEERS_MAX 8
#define CHUNK     65536 /* bytes */

static struct adit_endpoint *ep;

static void check(ssize_t err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "example-endpoint: %s: %s\n", what, adit_strerror((int)err));
	exit(2);
}

/* The mediators of the ticket, of which those that cannot be resolved are left out. */
static void add_mediators(const char *ticket)
{
	struct sockaddr_storage addr;
	char host[ADIT_HOST_STRLEN];

	for (size_t i = 0; adit_ticket_mediator(ticket, i, host) == 0; i++) {
		socklen_t len = mediator_resolve(host, AF_UNSPEC, &addr);

		if (len > 0)
			check(adit_endpoint_add_mediator(ep, host, (struct sockaddr *)&addr, len), host);
	}
}

static void tell(const struct adit_endpoint_event *e)
{
	char remote[ADIT_ADDRESS_STRLEN];

	switch (e->kind) {
	case ADIT_ENDPOINT_UP:
		fprintf(stderr, "up %s %s%s\n", adit_address_format(&e->path.remote, remote), e->peer,
			e->is_relayed ? " relayed" : "");
		break;
	case ADIT_ENDPOINT_STUCK:
		fprintf(stderr, "no answer yet; still trying\n");
		break;
	case ADIT_ENDPOINT_MEETING:
		mediator_tell(&e->meeting);
		break;
	case ADIT_ENDPOINT_OUTAGE:
		fprintf(stderr, "outage\n");
		break;
	case ADIT_ENDPOINT_BACK:
	case ADIT_ENDPOINT_MOVED:
		fprintf(stderr, "back %s\n", adit_address_format(&e->path.remote, remote));
		break;
	case ADIT_ENDPOINT_DOWN:
		fprintf(stderr, "down %s\n", e->text);
		break;
	case ADIT_ENDPOINT_LOAN:
		relay_tell(e);
		if (relay_add(ep, e->loan) < 0)
			fprintf(stderr, "left out %s\n", e->loan->uri);
		break;
	case ADIT_ENDPOINT_RELAY:
	case ADIT_ENDPOINT_MAPPED:
		relay_tell(e);
		break;
	default:
		break;
	}
}

/* --- serve --- */

/* One conversation of "echo": what was read and not taken back yet. */
struct echo {
	char buf[CHUNK];
	size_t len;
};

/* Bytes go back as fast as they are taken. A peer that does not read them stops its own writing. */
static void echo_run(struct adit_stream *s, unsigned news)
{
	struct echo *e = adit_stream_user(s);
	ssize_t n = 0;

	for (;;) {
		if (e->len > 0) {
			n = adit_stream_write(s, e->buf, e->len);
			if (n <= 0)
				break;
			e->len -= (size_t)n;
			memmove(e->buf, e->buf + n, e->len);
			continue;
		}
		n = adit_stream_read(s, e->buf, sizeof(e->buf));
		if (n <= 0)
			break;
		e->len = (size_t)n;
	}
	if (n == 0 && e->len == 0)
		adit_stream_finish(s);
	if (n == ADIT_EDEAD || (news & (ADIT_STREAM_CLOSED | ADIT_STREAM_RESET | ADIT_STREAM_STOPPED))) {
		free(e);
		adit_stream_free(s);
	}
}

static void serve_event(const struct adit_endpoint_event *e)
{
	struct echo *new;

	tell(e);
	if (e->kind == ADIT_ENDPOINT_REQUEST) {
		new = calloc(1, sizeof(*new));
		if (!new) {
			adit_stream_refuse(e->stream, ADIT_REFUSE_OVERLOAD);
			return;
		}
		adit_stream_set_user(e->stream, new);
		adit_stream_accept(e->stream);
		echo_run(e->stream, 0);
	} else if (e->kind == ADIT_ENDPOINT_STREAM) {
		echo_run(e->stream, e->news);
	} else if (e->kind == ADIT_ENDPOINT_DATAGRAM) {
		(void)!adit_endpoint_send(ep, e->service, e->flow, e->data, e->data_len); /* lost, as datagrams are */
	}
}

static int serve(void)
{
	struct pollfd wait = {.fd = adit_endpoint_fd(ep), .events = POLLIN};

	for (;;) {
		const struct adit_endpoint_event *e;

		adit_endpoint_process(ep);
		while ((e = adit_endpoint_next_event(ep)) != NULL)
			serve_event(e);
		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			return 2;
	}
}

/* --- connect --- */

struct pipe {
	const char *service;
	struct adit_stream *s;
	char in[CHUNK]; /* of stdin, not taken by the stream yet */
	size_t in_len;
	bool is_in_over;
	bool is_out_over;
	bool is_up;
	int exit; /* -1: goes on */
};

static void pipe_out(struct pipe *p)
{
	static char buf[CHUNK];
	ssize_t n = 1;

	while (p->s && (n = adit_stream_read(p->s, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0, put; at < n; at += put)
			check(put = write(1, buf + at, (size_t)(n - at)), "stdout");
	if (p->s && n == 0)
		p->is_out_over = true;
}

static void pipe_in(struct pipe *p)
{
	ssize_t n = 1;

	while (p->s && p->in_len > 0 && n > 0) {
		n = adit_stream_write(p->s, p->in, p->in_len);
		if (n > 0) {
			p->in_len -= (size_t)n;
			memmove(p->in, p->in + n, p->in_len);
		}
	}
	if (p->s && p->is_in_over && p->in_len == 0)
		adit_stream_finish(p->s);
}

static void pipe_event(struct pipe *p, const struct adit_endpoint_event *e)
{
	tell(e);
	if (e->kind == ADIT_ENDPOINT_UP || (e->kind == ADIT_ENDPOINT_CREDIT && !p->s)) {
		check(adit_stream_open(ep, p->service, &p->s), p->service);
	} else if (e->kind == ADIT_ENDPOINT_STREAM && (e->news & (ADIT_STREAM_RESET | ADIT_STREAM_STOPPED))) {
		fprintf(stderr, "reset %s\n", adit_stream_why(e->stream));
		p->exit = 1;
	} else if (e->kind == ADIT_ENDPOINT_DOWN) {
		p->exit = p->exit < 0 ? 1 : p->exit;
	}
	/* Both ends are over, and what was written has arrived. */
	pipe_out(p);
	if (e->kind == ADIT_ENDPOINT_STREAM && (e->news & ADIT_STREAM_CLOSED) && p->exit < 0)
		p->exit = p->is_in_over && p->is_out_over ? 0 : 1;
}

static void pipe_read_stdin(struct pipe *p)
{
	ssize_t n = read(0, p->in + p->in_len, sizeof(p->in) - p->in_len);

	if (n > 0)
		p->in_len += (size_t)n;
	else
		p->is_in_over = true;
}

static int connect_to(const char *service)
{
	static struct pipe p;
	struct pollfd fds[2] = {{.fd = adit_endpoint_fd(ep), .events = POLLIN}, {.events = POLLIN}};
	const struct adit_endpoint_event *e;

	p = (struct pipe){.service = service, .exit = -1};
	while (p.exit < 0) {
		adit_endpoint_process(ep);
		while ((e = adit_endpoint_next_event(ep)) != NULL)
			pipe_event(&p, e);
		pipe_in(&p);
		fds[1].fd = !p.is_in_over && p.in_len < sizeof(p.in) ? 0 : -1;
		if (p.exit < 0 && poll(fds, 2, -1) > 0 && fds[1].revents)
			pipe_read_stdin(&p);
	}
	adit_stream_free(p.s);
	/* In order: the other side learns at once, and does not wait for us to come back. */
	adit_endpoint_close(ep);
	do {
		adit_endpoint_process(ep);
		e = adit_endpoint_next_event(ep);
	} while (e && e->kind != ADIT_ENDPOINT_DOWN);
	return p.exit;
}

/* What stands before the command; how many words that are. |*ret_file|: of relays, or NULL. */
static int read_options(char **argv, struct adit_endpoint_config *cfg, const char **ret_file)
{
	static const struct {
		const char *name;
		unsigned flag;
	} flags[] = {{"--relay-only", ADIT_ENDPOINT_RELAY_ONLY},
		     {"--direct-only", ADIT_ENDPOINT_DIRECT_ONLY},
		     {"--borrow", ADIT_ENDPOINT_BORROW},
		     {"--portmap", ADIT_ENDPOINT_PORTMAP}};
	int k = 0;

	for (; argv[k] && strncmp(argv[k], "--", 2) == 0; k++) {
		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
			cfg->flags |= strcmp(argv[k], flags[i].name) == 0 ? flags[i].flag : 0;
		if (!argv[k + 1])
			continue;
		if (strcmp(argv[k], "--relay-file") == 0)
			*ret_file = argv[++k];
		else if (strcmp(argv[k], "--relay-ca") == 0)
			cfg->relay_ca = argv[++k];
		else if (strcmp(argv[k], "--port") == 0)
			cfg->port = (unsigned)atoi(argv[++k]);
		else if (strcmp(argv[k], "--mapped") == 0)
			cfg->mapped = (unsigned)atoi(argv[++k]);
	}
	return k;
}

int main(int argc, char **argv)
{
	static const struct adit_service services[] = {{.name = "echo", .port = 7},
						       {.name = "ping", .datagrams = true}};
	struct adit_endpoint_config cfg = {.size = sizeof(cfg)};
	struct sockaddr_storage peers[PEERS_MAX];
	const char *relays = NULL;
	size_t n = 0;
	int code;
	int skip = read_options(argv + 1, &cfg, &relays);

	argv += skip;
	argc -= skip;
	if (argc >= 2 && strcmp(argv[1], "new") == 0)
		return mediator_print_new(argv + 2, argc - 2);
	if (argc < 4 || (strcmp(argv[1], "serve") != 0 && strcmp(argv[1], "connect") != 0)) {
		fprintf(stderr,
			"usage: example-endpoint new [MEDIATOR]... | [OPTION]... serve IDENTITY TICKET [PEER]... | "
			"[OPTION]... connect TICKET SERVICE [PEER]...\n");
		return 2;
	}
	cfg.serve = strcmp(argv[1], "serve") == 0;
	cfg.identity = cfg.serve ? argv[2] : NULL;
	cfg.ticket = cfg.serve ? argv[3] : argv[2];
	cfg.meets = mediator_is_named(cfg.ticket);
	cfg.services = services;
	cfg.n_services = 2;
	for (int k = 4; k < argc && n < PEERS_MAX; k++)
		check(adit_address_parse(argv[k], &peers[n++]), argv[k]);
	check(adit_endpoint_new(&cfg, &ep), "adit_endpoint_new");
	check(adit_endpoint_set_peers(ep, peers, n), "peers");
	if (cfg.meets)
		add_mediators(cfg.ticket);
	if (relays)
		check(relay_read(ep, relays), relays);
	adit_endpoint_start(ep);
	code = cfg.serve ? serve() : connect_to(argv[3]);
	adit_endpoint_free(ep);
	return code;
}
