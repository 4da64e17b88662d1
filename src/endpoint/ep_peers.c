#include "endpoint/ep_peers.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/io_sockaddr.h"

#define PER_NAME_MAX 4 /* addresses taken of one name, in the resolver's order */

struct peer_name {
	struct ep_peers *owner;
	struct ep_host host;
	bool resolving;
	bool told; /* that it failed */
	uv_getaddrinfo_t req;
	struct adit_addr addr[PER_NAME_MAX];
	size_t n;
};

struct ep_peers {
	uv_timer_t timer;
	bool timer_open;
	bool closing;
	uint64_t looked_at; /* uv_now() */
	bool has_names; /* else there is nothing to look up */
	unsigned eager; /* looks that are still to come soon */
	uv_loop_t *loop;
	ep_peers_changed *changed;
	ep_peers_failed *failed;
	void *ctx;
	struct adit_addr last[EP_PEERS_MAX];
	size_t n_last;
	size_t n_names;
	struct peer_name name[EP_PEERS_MAX];
};

static void free_if_unused(struct ep_peers *p)
{
	if (p->timer_open)
		return;
	for (size_t i = 0; i < p->n_names; i++)
		if (p->name[i].resolving)
			return;
	free(p);
}

static void report(struct ep_peers *p)
{
	struct adit_addr all[EP_PEERS_MAX] = {0};
	size_t n = 0;

	for (size_t i = 0; i < p->n_names; i++)
		for (size_t j = 0; j < p->name[i].n && n < EP_PEERS_MAX; j++)
			all[n++] = p->name[i].addr[j];
	if (n == p->n_last && memcmp(all, p->last, n * sizeof(all[0])) == 0)
		return;
	memcpy(p->last, all, n * sizeof(all[0]));
	p->n_last = n;
	p->changed(p->ctx, all, n);
}

static void take_addresses(struct peer_name *name, const struct addrinfo *res)
{
	name->n = 0;
	for (const struct addrinfo *ai = res; ai && name->n < PER_NAME_MAX; ai = ai->ai_next) {
		struct adit_addr a = io_sockaddr_to(ai->ai_addr);

		if (a.family != ADIT_FAMILY_NONE)
			name->addr[name->n++] = adit_addr_with_port(a, name->host.port);
	}
}

static void on_timer(uv_timer_t *timer);

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct peer_name *name = req->data;
	struct ep_peers *p = name->owner;

	name->resolving = false;
	if (p->closing) {
		uv_freeaddrinfo(res);
		free_if_unused(p);
		return;
	}
	if (status == 0) {
		take_addresses(name, res);
		name->told = false;
		report(p);
	} else {
		uv_timer_start(&p->timer, on_timer, EP_PEERS_SOON_MS, 0);
		if (!name->told)
			p->failed(p->ctx, name->host.name, uv_strerror(status));
		name->told = true;
	}
	uv_freeaddrinfo(res);
}

static void on_timer(uv_timer_t *timer)
{
	struct ep_peers *p = timer->data;
	static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};

	p->looked_at = uv_now(p->loop);
	if (p->has_names)
		uv_timer_start(timer, on_timer, p->eager > 0 ? EP_PEERS_EAGER_MS : EP_PEERS_AGAIN_MS, 0);
	p->eager -= p->eager > 0;
	for (size_t i = 0; i < p->n_names; i++) {
		struct peer_name *name = &p->name[i];

		if (name->host.addr.family != ADIT_FAMILY_NONE || name->resolving)
			continue;
		name->req.data = name;
		name->resolving = uv_getaddrinfo(p->loop, &name->req, on_resolved, name->host.name, NULL, &hints) == 0;
	}
	report(p);
}

int ep_peers_new(uv_loop_t *loop, const struct ep_host *hosts, size_t n, ep_peers_changed *changed,
		 ep_peers_failed *failed, void *ctx, struct ep_peers **ret_peers)
{
	struct ep_peers *p = calloc(1, sizeof(*p));

	if (!p)
		return ADIT_ENOMEM;
	p->loop = loop;
	p->changed = changed;
	p->failed = failed;
	p->ctx = ctx;
	for (size_t i = 0; i < n && i < EP_PEERS_MAX; i++) {
		struct peer_name *name = &p->name[p->n_names++];

		name->owner = p;
		name->host = hosts[i];
		name->addr[0] = hosts[i].addr;
		name->n = hosts[i].addr.family != ADIT_FAMILY_NONE;
		p->has_names |= name->n == 0;
	}
	uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	p->timer_open = true;
	p->eager = EP_PEERS_EAGER_N;
	uv_timer_start(&p->timer, on_timer, 0, 0);
	*ret_peers = p;
	return 0;
}

void ep_peers_again(struct ep_peers *p)
{
	uint64_t since;

	if (!p || !p->has_names)
		return;
	since = uv_now(p->loop) - p->looked_at;
	p->eager = EP_PEERS_EAGER_N;
	uv_timer_start(&p->timer, on_timer, since < EP_PEERS_SOON_MS ? EP_PEERS_SOON_MS - since : 0, 0);
}

static void on_closed(uv_handle_t *h)
{
	struct ep_peers *p = h->data;

	p->timer_open = false;
	free_if_unused(p);
}

void ep_peers_close(struct ep_peers *p)
{
	if (!p)
		return;
	p->closing = true;
	for (size_t i = 0; i < p->n_names; i++)
		if (p->name[i].resolving)
			uv_cancel((uv_req_t *)&p->name[i].req);
	uv_close((uv_handle_t *)&p->timer, on_closed);
}
