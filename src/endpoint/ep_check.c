#include "endpoint/ep_check.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_machine.h"
#include "io/io_nat64.h"
#include "io/io_route.h"
#include "io/io_sockaddr.h"

#define STATUS_MS 250 /* how often progress is told where nothing happens */

struct check_name {
	struct ep_check *owner;
	uv_getaddrinfo_t req;
	bool resolving;
	struct adit_addr addr[2]; /* IPv4, IPv6 */
};

struct ep_check {
	struct ep_check_config cfg;
	const struct ep_check_ops *ops;
	void *ctx;
	uv_loop_t *loop;
	uv_timer_t timer;
	bool timer_open;
	bool closing;
	bool stopped;
	bool done;
	struct check_name name[EP_CHECK_HOSTS_MAX];
	uint8_t name_of[NAT_SERVERS_MAX];
	struct adit_rng rng;
	struct nat_check check;
	struct io_machine *machine;
	struct io_nat64 *nat64; /* NULL: it could not even begin */
	struct io_portmap_look *look; /* NULL: it could not even begin */
	bool looked; /* |look| is done */
};

static void free_if_unused(struct ep_check *c)
{
	if (c->timer_open)
		return;
	for (size_t i = 0; i < c->cfg.n_hosts; i++)
		if (c->name[i].resolving)
			return;
	free(c);
}

static void report_done(struct ep_check *c)
{
	static const struct io_portmap_services nothing;

	if (c->done || c->closing)
		return;
	c->done = true;
	uv_timer_stop(&c->timer);
	c->ops->done(c->ctx, nat_check_report(&c->check), c->look ? io_portmap_look_services(c->look) : &nothing);
}

static void on_ran(void *ctx)
{
	struct ep_check *c = ctx;
	struct nat_progress p = nat_check_progress(&c->check, io_clock_now());

	if (nat_check_is_done(&c->check) && (c->looked || c->stopped))
		report_done(c);
	else
		c->ops->progress(c->ctx, &p);
}

static void on_looked(void *ctx, const struct io_portmap_services *services)
{
	struct ep_check *c = ctx;

	(void)services;
	c->looked = true;
	if (c->machine)
		on_ran(c);
}

static void on_timer(uv_timer_t *timer)
{
	on_ran(timer->data);
}

static void add_server(struct ep_check *c, struct nat_check_config *n, size_t name, const struct adit_addr *a)
{
	if (a->family == ADIT_FAMILY_NONE || n->n_servers == NAT_SERVERS_MAX)
		return;
	/* Without a way to IPv4 there may be a NAT64, of which is not known yet. */
	if (adit_addr_is_v6(a) && !io_route_leads_to(a)) {
		n->lacks_ipv6 = true;
		return;
	}
	for (size_t i = 0; i < n->n_servers; i++)
		if (adit_addr_eq(&n->server[i], a))
			return;
	c->name_of[n->n_servers] = (uint8_t)name;
	n->server[n->n_servers++] = *a;
}

/* All names are known, or known not to be. */
static void start_if_resolved(struct ep_check *c)
{
	struct nat_check_config n = {.rng = &c->rng, .log = c->cfg.log, .lifetime = c->cfg.lifetime};

	for (size_t i = 0; i < c->cfg.n_hosts; i++)
		if (c->name[i].resolving)
			return;
	if (c->done)
		return;
	for (size_t family = 0; family < 2; family++)
		for (size_t i = 0; i < c->cfg.n_hosts; i++)
			add_server(c, &n, i, &c->name[i].addr[family]);
	nat_check_init(&c->check, io_clock_now(), &n);
	if (io_machine_new(c->loop, c->cfg.log, &nat_check_ops, &c->check, on_ran, c, &c->machine) < 0) {
		nat_check_stop(&c->check);
		report_done(c);
		return;
	}
	if (c->nat64)
		io_machine_set_nat64(c->machine, io_nat64_get(c->nat64));
	uv_timer_start(&c->timer, on_timer, STATUS_MS, STATUS_MS);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct check_name *name = req->data;
	struct ep_check *c = name->owner;
	const struct ep_host *host = &c->cfg.host[name - c->name];

	name->resolving = false;
	for (struct addrinfo *ai = res; ai && !c->closing; ai = ai->ai_next) {
		struct adit_addr a = io_sockaddr_to(ai->ai_addr);
		struct adit_addr *slot = &name->addr[adit_addr_is_v6(&a)];

		if (a.family != ADIT_FAMILY_NONE && slot->family == ADIT_FAMILY_NONE)
			*slot = adit_addr_with_port(a, host->port);
	}
	uv_freeaddrinfo(res);
	if (c->closing) {
		free_if_unused(c);
		return;
	}
	if (status < 0)
		c->ops->unresolved(c->ctx, host->name, uv_strerror(status));
	start_if_resolved(c);
}

/* What was asked before is asked again by itself. */
static void on_nat64(void *ctx, const struct adit_nat64 *n)
{
	struct ep_check *c = ctx;
	char text[ADIT_NAT64_STRLEN];

	adit_trace(c->cfg.log, ADIT_LOG_INFO, "nat64 prefix=%s", n->len > 0 ? adit_nat64_format(n, text) : "none");
}

/* Begins in the loop, so that done is never called from within ep_check_new(). */
static void on_begin(uv_timer_t *timer)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct ep_check *c = timer->data;

	if (io_nat64_new(c->loop, on_nat64, c, &c->nat64) < 0)
		c->nat64 = NULL;
	c->looked = io_portmap_look_new(c->loop, c->cfg.log, on_looked, c, &c->look) < 0;
	for (size_t i = 0; i < c->cfg.n_hosts; i++) {
		const struct ep_host *host = &c->cfg.host[i];

		if (host->addr.family != ADIT_FAMILY_NONE)
			c->name[i].addr[adit_addr_is_v6(&host->addr)] = adit_addr_with_port(host->addr, host->port);
		else
			c->name[i].resolving =
				uv_getaddrinfo(c->loop, &c->name[i].req, on_resolved, host->name, NULL, &hints) == 0;
	}
	start_if_resolved(c);
}

int ep_check_new(uv_loop_t *loop, const struct ep_check_config *cfg, const struct ep_check_ops *ops, void *ctx,
		 struct ep_check **ret_check)
{
	struct ep_check *c = calloc(1, sizeof(*c));

	if (!c)
		return ADIT_ENOMEM;
	c->cfg = *cfg;
	c->ops = ops;
	c->ctx = ctx;
	c->loop = loop;
	c->rng = crypto_rng();
	for (size_t i = 0; i < EP_CHECK_HOSTS_MAX; i++) {
		c->name[i].owner = c;
		c->name[i].req.data = &c->name[i];
	}
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->timer_open = true;
	uv_timer_start(&c->timer, on_begin, 0, 0);
	*ret_check = c;
	return 0;
}

void ep_check_stop(struct ep_check *c)
{
	const struct nat_check_config nothing = {.rng = &c->rng};

	c->stopped = true;
	if (c->machine) {
		nat_check_stop(&c->check);
		io_machine_wake(c->machine);
		return;
	}
	/* A look-up that hangs is not waited for: nothing is known. */
	nat_check_init(&c->check, io_clock_now(), &nothing);
	report_done(c);
}

const char *ep_check_name(const struct ep_check *c, size_t server)
{
	const struct ep_host *host = &c->cfg.host[c->name_of[server]];

	return host->addr.family == ADIT_FAMILY_NONE ? host->name : "";
}

const struct adit_nat64 *ep_check_nat64(const struct ep_check *c)
{
	static const struct adit_nat64 none;

	return c->nat64 ? io_nat64_get(c->nat64) : &none;
}

static void on_closed(uv_handle_t *h)
{
	struct ep_check *c = h->data;

	c->timer_open = false;
	free_if_unused(c);
}

void ep_check_close(struct ep_check *c)
{
	if (!c || c->closing)
		return;
	c->closing = true;
	io_machine_close(c->machine);
	io_nat64_close(c->nat64);
	io_portmap_look_close(c->look);
	for (size_t i = 0; i < c->cfg.n_hosts; i++)
		if (c->name[i].resolving)
			uv_cancel((uv_req_t *)&c->name[i].req);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}
