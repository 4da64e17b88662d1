#include "endpoint/ep_meet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX (EP_MEDIATORS_MAX + EP_STUNS_MAX)

/* One mediator or server. */
struct meet_name {
	struct ep_meet *owner;
	struct ep_peers *peers;
	struct adit_addr addr[2]; /* v4, v6 */
};

struct ep_meet {
	ep_meet_changed *changed;
	ep_peers_failed *failed;
	void *ctx;
	struct io_hosts *hosts;
	struct meet_name name[NAMES_MAX]; /* the mediators first */
	size_t n_names;
	struct ep_meeting now;
};

void ep_meeting_tell(const struct ep_meeting *m, struct link *link, adit_time now)
{
	link_set_hosts(link, now, m->host, m->n_hosts);
	/* The mediators first: what comes when the table is full is left out, and witnesses there are enough then. */
	for (size_t i = 0; i < m->n_mediators; i++)
		for (size_t f = 0; f < 2; f++)
			if (m->mediator[i].addr[f].family != ADIT_FAMILY_NONE)
				(void)!link_add_mediator(link, now, m->mediator[i].name, &m->mediator[i].addr[f]);
	for (size_t i = 0; i < m->n_servers; i++)
		(void)!link_add_server(link, now, &m->server[i]);
}

static void add_server(struct ep_meeting *now, const struct adit_addr *a)
{
	if (a->family != ADIT_FAMILY_NONE)
		now->server[now->n_servers++] = *a;
}

static void refresh(struct ep_meet *m)
{
	struct ep_meeting *now = &m->now;

	now->n_servers = 0;
	for (size_t i = 0; i < m->n_names; i++) {
		const struct adit_addr *addr = m->name[i].addr;

		if (i < now->n_mediators) {
			memcpy(now->mediator[i].addr, addr, sizeof(now->mediator[i].addr));
			continue;
		}
		add_server(now, &addr[0]);
		add_server(now, &addr[1]);
	}
	m->changed(m->ctx, now);
}

/* The lowest address of each family: the other side, which sees the same records in another order, takes the same. */
static void on_addrs(void *ctx, const struct adit_addr *addrs, size_t n)
{
	struct meet_name *name = ctx;

	memset(name->addr, 0, sizeof(name->addr));
	for (size_t i = 0; i < n; i++) {
		struct adit_addr *slot = &name->addr[adit_addr_is_v6(&addrs[i])];

		if (slot->family == ADIT_FAMILY_NONE || memcmp(addrs[i].ip, slot->ip, sizeof(slot->ip)) < 0)
			*slot = addrs[i];
	}
	refresh(name->owner);
}

static void on_failed(void *ctx, const char *host, const char *why)
{
	struct meet_name *name = ctx;

	name->owner->failed(name->owner->ctx, host, why);
}

static void on_hosts(void *ctx, const struct reach_host *hosts, size_t n)
{
	struct ep_meet *m = ctx;
	bool is_first = m->hosts == NULL;

	memcpy(m->now.host, hosts, n * sizeof(hosts[0]));
	m->now.n_hosts = n;
	if (!is_first)
		m->changed(m->ctx, &m->now);
}

static int add_name(struct ep_meet *m, uv_loop_t *loop, const struct ep_host *host)
{
	struct meet_name *name = &m->name[m->n_names++];
	struct ep_host h = *host;

	name->owner = m;
	if (h.addr.family != ADIT_FAMILY_NONE)
		h.addr.port = h.port;
	return ep_peers_new(loop, &h, 1, on_addrs, on_failed, name, &name->peers);
}

int ep_meet_new(uv_loop_t *loop, const struct ep_meet_config *cfg, ep_meet_changed *changed, ep_peers_failed *failed,
		void *ctx, struct ep_meet **ret_meet)
{
	struct ep_meet *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return ADIT_ENOMEM;
	m->changed = changed;
	m->failed = failed;
	m->ctx = ctx;
	m->now.n_mediators = cfg->n_mediators;
	for (size_t i = 0; i < cfg->n_mediators; i++)
		snprintf(m->now.mediator[i].name, sizeof(m->now.mediator[i].name), "%s", cfg->mediator[i].name);
	r = io_hosts_new(loop, on_hosts, m, &m->hosts);
	for (size_t i = 0; i < cfg->n_mediators && r == 0; i++)
		r = add_name(m, loop, &cfg->mediator[i].host);
	for (size_t i = 0; i < cfg->n_stuns && r == 0; i++)
		r = add_name(m, loop, &cfg->stun[i]);
	if (r < 0) {
		ep_meet_close(m);
		return ADIT_ENOMEM;
	}
	*ret_meet = m;
	return 0;
}

void ep_meet_again(struct ep_meet *m)
{
	for (size_t i = 0; m && i < m->n_names; i++)
		ep_peers_again(m->name[i].peers);
}

void ep_meet_close(struct ep_meet *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_names; i++)
		ep_peers_close(m->name[i].peers);
	io_hosts_close(m->hosts);
	free(m);
}
