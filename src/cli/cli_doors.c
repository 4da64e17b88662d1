#include "cli/cli_doors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_text.h"
#include "io/io_holder.h"
#include "io/io_memory.h"

static const struct fwd_service *find(const struct fwd_service *offered, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(offered[i].name, name) == 0)
			return &offered[i];
	return NULL;
}

static int not_offered(struct cli_run *r, const struct fwd_service *offered, size_t n, const char *name)
{
	const char *names[FWD_SERVICES_MAX] = {NULL};
	char next[160] = "the other side offers nothing";
	const char *guess;

	for (size_t i = 0; i < n; i++)
		names[i] = offered[i].name;
	guess = cli_text_guess(name, names, n);
	if (guess)
		snprintf(next, sizeof(next), "did you mean \"%s\"?", guess);
	else if (n > 0)
		snprintf(next, sizeof(next), "it offers %s%s", offered[0].name,
			 n > 1 ? " and others: leave the name out" : "");
	cli_error(&r->cli->msg, next, "the other side does not offer \"%s\"", name);
	return CLI_EXIT_REFUSED;
}

static void print_door(struct cli_run *r, const struct fwd_service *s, const char *where)
{
	struct cli_json j;

	if (!r->cli->opts.common.json) {
		cli_out(&r->cli->msg, "%s %s%s", where, s->name, s->kind == FWD_KIND_DGRAM ? " (udp)" : "");
		return;
	}
	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "event", "listening");
	cli_json_str(&j, "service", s->name);
	cli_json_str(&j, "protocol", s->kind == FWD_KIND_DGRAM ? "udp" : "tcp");
	cli_json_str(&j, "address", where);
	cli_json_object_end(&j);
	cli_out_json(&r->cli->msg, &j);
}

static void describe(const struct ep_local *l, uint16_t port, char out[160])
{
	char buf[ADIT_ADDR_STRLEN];
	struct adit_addr a = l->addr.family == ADIT_FAMILY_NONE ? adit_addr_v4(127, 0, 0, 1, port)
								: adit_addr_with_port(l->addr, port);

	if (l->path[0])
		snprintf(out, 160, "unix:%s", l->path);
	else
		snprintf(out, 160, "%s", adit_addr_format(&a, buf));
}

static int cannot_listen(struct cli_run *r, const struct ep_local *l, const char *service)
{
	int err = errno;
	char where[160];
	char next[256] = "choose another LOCAL, or 0 for any free port";
	char holder[128];

	describe(l, l->addr.port, where);
	if (err == EADDRINUSE && !l->path[0] && io_holder_of_port(l->addr.port, l->dgram, holder, sizeof(holder)))
		snprintf(next, sizeof(next), "it is held by %s; choose another LOCAL, or 0 for any free port", holder);
	cli_error(&r->cli->msg, next, "service \"%s\" cannot listen on %s: %s", service, where, strerror(err));
	return CLI_EXIT_LOCAL;
}

static void warn_if_open(struct cli_run *r, const struct ep_local *l)
{
	char buf[ADIT_ADDR_STRLEN];

	if (l->addr.family != ADIT_FAMILY_NONE && !adit_addr_is_loopback(&l->addr))
		cli_warn(&r->cli->msg, NULL, "%s can be reached from other machines, too",
			 adit_addr_format(&l->addr, buf));
}

/* |n| open sockets. */
static int hand_over(struct cli_run *r, const char *service, bool dgram, const int *fds, int n, cli_doors_add *add,
		     void *ctx)
{
	for (int i = 0; i < n; i++) {
		if (add(ctx, service, dgram, fds[i]) == 0)
			continue;
		while (++i < n)
			close(fds[i]);
		cli_error(&r->cli->msg, NULL, "service \"%s\": its listener could not be started", service);
		return CLI_EXIT_LOCAL;
	}
	return CLI_GO;
}

static void say_door(struct cli_run *r, const struct fwd_service *s, const struct ep_local *l, uint16_t port)
{
	char where[160];

	describe(l, port, where);
	print_door(r, s, where);
}

/* CLI_GO, ADIT_ESYS (with errno; nothing said), or the exit code. */
static int open_one(struct cli_run *r, const struct fwd_service *s, struct ep_local *l, uint16_t *ret_port,
		    cli_doors_add *add, void *ctx)
{
	int fds[EP_LISTEN_FDS_MAX];
	int n;
	int rc;

	l->dgram = s->kind == FWD_KIND_DGRAM;
	n = ep_listen_open(l, fds, ret_port);
	if (n < 0)
		return ADIT_ESYS;
	warn_if_open(r, l);
	rc = hand_over(r, s->name, l->dgram, fds, n, add, ctx);
	if (rc == CLI_GO)
		say_door(r, s, l, *ret_port);
	return rc;
}

/* Without LOCAL: the service's own port, else the free one of last time, else any free one, kept for the next time. */
static int open_auto(const struct cli_doors *d, struct cli_run *r, const struct fwd_service *s, cli_doors_add *add,
		     void *ctx)
{
	char key[sizeof(d->peer) + 1 + FWD_NAME_MAX];
	struct ep_local l = {.addr.port = s->port};
	struct io_why why;
	uint64_t kept = 0;
	uint16_t port;
	int rc = ADIT_ESYS;

	if (s->port > 0)
		rc = open_one(r, s, &l, &port, add, ctx);
	if (rc != ADIT_ESYS)
		return rc;
	snprintf(key, sizeof(key), "%s/%s", d->peer, s->name);
	if (io_memory_get(&r->state, IO_MEMORY_PORTS, key, &kept, &why) == 0 && kept > 0) {
		l.addr.port = (uint16_t)kept;
		rc = open_one(r, s, &l, &port, add, ctx);
	}
	if (rc != ADIT_ESYS)
		return rc;
	l.addr.port = 0;
	rc = open_one(r, s, &l, &port, add, ctx);
	if (rc == ADIT_ESYS)
		return cannot_listen(r, &l, s->name);
	if (rc == CLI_GO && io_memory_set(&r->state, IO_MEMORY_PORTS, key, port, &why) < 0)
		cli_detail(&r->cli->msg, "the port is not remembered: %s", why.what);
	return rc;
}

static struct ep_local local_of(const struct cli_forward *fw)
{
	struct ep_local l = {0};

	if (fw->kind == CLI_LOCAL_PORT)
		l.addr.port = fw->port;
	else if (fw->kind == CLI_LOCAL_ADDR)
		l.addr = fw->addr;
	else if (fw->kind == CLI_LOCAL_UNIX)
		snprintf(l.path, sizeof(l.path), "%s", fw->path);
	return l;
}

static void give_back(struct cli_doors *d, size_t i)
{
	for (int k = 0; k < d->reserved[i].n; k++)
		close(d->reserved[i].fds[k]);
	d->reserved[i].n = 0;
}

void cli_doors_done(struct cli_doors *d)
{
	for (size_t i = 0; i < CLI_SERVICES_MAX; i++)
		give_back(d, i);
}

int cli_doors_reserve(struct cli_doors *d, struct cli_run *r)
{
	const struct cli_connect *c = &r->cli->opts.connect;

	for (size_t i = 0; i < c->n_forwards; i++) {
		struct ep_local l = local_of(&c->forwards[i]);
		char where[160];
		int n;

		if (c->forwards[i].kind == CLI_LOCAL_AUTO || d->reserved[i].n > 0)
			continue;
		n = ep_listen_open(&l, d->reserved[i].fds, &d->reserved[i].port);
		if (n < 0)
			return cannot_listen(r, &l, c->forwards[i].service);
		d->reserved[i].n = n;
		describe(&l, d->reserved[i].port, where);
		cli_info(&r->cli->msg, "%s will lead to \"%s\"; connections wait until the peer is there", where,
			 c->forwards[i].service);
		warn_if_open(r, &l);
	}
	return CLI_GO;
}

static int hand_over_reserved(struct cli_doors *d, size_t i, struct cli_run *r, cli_doors_add *add, void *ctx)
{
	int n = d->reserved[i].n;

	d->reserved[i].n = 0;
	d->reserved[i].is_early = true;
	return hand_over(r, r->cli->opts.connect.forwards[i].service, false, d->reserved[i].fds, n, add, ctx);
}

int cli_doors_early(struct cli_doors *d, struct cli_run *r, cli_doors_add *add, void *ctx)
{
	int rc = CLI_GO;

	for (size_t i = 0; i < r->cli->opts.connect.n_forwards && rc == CLI_GO; i++)
		if (d->reserved[i].n > 0)
			rc = hand_over_reserved(d, i, r, add, ctx);
	return rc;
}

static int open_forward(struct cli_doors *d, size_t i, struct cli_run *r, const struct fwd_service *s,
			cli_doors_add *add, void *ctx)
{
	const struct cli_forward *fw = &r->cli->opts.connect.forwards[i];
	struct ep_local l = local_of(fw);
	uint16_t port;
	int rc;

	if (fw->kind == CLI_LOCAL_AUTO)
		return open_auto(d, r, s, add, ctx);
	if (s->kind == FWD_KIND_STREAM && (d->reserved[i].n > 0 || d->reserved[i].is_early)) {
		rc = d->reserved[i].n > 0 ? hand_over_reserved(d, i, r, add, ctx) : CLI_GO;
		if (rc == CLI_GO)
			say_door(r, s, &l, d->reserved[i].port);
		return rc;
	}
	give_back(d, i);
	rc = open_one(r, s, &l, &port, add, ctx);
	return rc == ADIT_ESYS ? cannot_listen(r, &l, s->name) : rc;
}

int cli_doors_open(struct cli_doors *d, struct cli_run *r, const struct fwd_service *offered, size_t n,
		   cli_doors_add *add, void *ctx)
{
	const struct cli_connect *c = &r->cli->opts.connect;
	int rc = CLI_GO;

	for (size_t i = 0; i < c->n_forwards && rc == CLI_GO; i++) {
		const struct fwd_service *s = find(offered, n, c->forwards[i].service);

		rc = s ? open_forward(d, i, r, s, add, ctx) : not_offered(r, offered, n, c->forwards[i].service);
	}
	for (size_t i = 0; i < n && c->n_forwards == 0 && rc == CLI_GO; i++)
		rc = open_auto(d, r, &offered[i], add, ctx);
	return rc;
}
