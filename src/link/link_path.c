/* The paths of a link: made, found, measured, dropped; and pairs that are known to work. Storage: link_int.h. */
#include "link/link_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

bool link_path_in_use(const struct link *l, const struct link_path *p)
{
	return p == l->session_path || p == l->incoming_path;
}

static bool sock_in_use(const struct link *l, uint32_t sock)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used && l->path[i].sock == sock)
			return true;
	return false;
}

void link_path_drop(struct link *l, adit_time now, struct link_path *p)
{
	if (!p || !p->used || link_path_in_use(l, p))
		return;
	p->used = false;
	if (sock_in_use(l, p->sock))
		return;
	if (l->n_close < LINK_PATHS_MAX)
		l->close_sock[l->n_close++] = p->sock;
	link_find_released(&l->find, now, p->sock);
}

void link_path_drop_all(struct link *l, adit_time now)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		link_path_drop(l, now, &l->path[i]);
}

void link_path_reap(struct link *l, bool all)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];

		if (!p->keep || (p->used && !all))
			continue;
		adit_bytes_wipe(p->keep, sizeof(*p->keep));
		free(p->keep);
		p->keep = NULL;
	}
}

/*
 * Of the stand-bys, whose time is over first: what is lost, then what was not heard for longest. Not over |sock|, which
 * would be closed with its last path.
 */
static struct link_path *make_room(struct link *l, adit_time now, uint32_t sock)
{
	struct link_path *least = NULL;
	struct punch_path_view a;
	struct punch_path_view b = {0};

	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];

		if (link_path_in_use(l, p) || p->sock == sock)
			continue;
		punch_path_view(p->keep, &a);
		if (!least || (p->lost && !least->lost) || (p->lost == least->lost && a.heard_at < b.heard_at)) {
			least = p;
			b = a;
		}
	}
	link_path_drop(l, now, least);
	return least;
}

struct link_path *link_path_new(struct link *l, adit_time now, uint32_t sock, const struct link_path_info *info,
				uint64_t instance)
{
	struct link_path *p = NULL;
	struct punch_path *keep;

	for (size_t i = 0; i < LINK_PATHS_MAX && !p; i++)
		if (!l->path[i].used)
			p = &l->path[i];
	if (!p)
		p = make_room(l, now, sock);
	if (!p || p->used)
		return NULL;
	keep = p->keep ? p->keep : malloc(sizeof(*keep));
	if (!keep)
		return NULL;
	p->keep = keep;
	if (!sock_in_use(l, sock) && link_find_take(&l->find, now, sock) < 0)
		return NULL;
	*p = (struct link_path){
		.used = true,
		.gen = ++l->last_gen,
		.sock = sock,
		.keep = keep,
		.info = *info,
		.instance = instance,
		.since = now,
		.used_at = ADIT_NEVER,
		.left_at = ADIT_NEVER,
		.lost_at = ADIT_NEVER,
		.steady_since = now,
		.ask_at = ADIT_NEVER,
	};
	if (p->info.took == 0)
		p->info.took = adit_time_since(now, l->search_at);
	punch_path_init(p->keep, &l->find.punch_cfg, now, sock, &info->local, &info->remote, instance);
	if (sock == LINK_RELAY_SOCK)
		punch_path_set_relayed(p->keep);
	punch_path_set_utc(p->keep, now, l->utc + adit_time_since(now, l->utc_at));
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "path-new gen=%u sock=%u how=%s", p->gen, sock,
		   link_how_name(info->how));
	return p;
}

void link_path_measure(struct link *l, adit_time now)
{
	size_t max;

	if (!l->session || l->session->state != LINK_SESSION_UP || !l->session_path)
		return;
	max = quic_max_payload(l->session->quic);
	if (max > l->probe_size) {
		uint8_t *more = realloc(l->probe, max);

		if (!more)
			return; /* packets stay small */
		l->probe = more;
		l->probe_size = max;
	}
	punch_path_measure(l->session_path->keep, now, l->probe, max);
}

enum link_class link_path_class(const struct link_path *p)
{
	return link_class_of(p->info.how);
}

adit_dur link_path_slowest(const struct link *l, const struct punch_path_view *v)
{
	adit_dur rtt = quic_rtt(l->session->quic);

	return rtt > v->rtt ? rtt : v->rtt;
}

struct link_path *link_path_find(struct link *l, uint32_t sock, const struct adit_addr *remote)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used && l->path[i].sock == sock && adit_addr_eq(&l->path[i].info.remote, remote))
			return &l->path[i];
	return NULL;
}

struct link_path *link_path_by_gen(struct link *l, uint32_t gen)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used && (l->path[i].gen == gen || l->path[i].was_gen == gen))
			return &l->path[i];
	return NULL;
}

void link_path_renew(struct link *l, struct link_path *p)
{
	p->was_gen = p->gen;
	p->gen = ++l->last_gen;
}

static struct link_known *known_at(struct link *l, uint32_t sock, const struct adit_addr *remote)
{
	for (size_t i = 0; i < l->max_known; i++) {
		struct link_known *k = &l->known[i];

		if (k->used && k->sock == sock && adit_addr_eq(&k->info.remote, remote))
			return k;
	}
	return NULL;
}

/* The first of more places; NULL: there are enough, or no memory for them. */
static struct link_known *known_more(struct link *l)
{
	size_t max = l->max_known > 0 ? 2 * l->max_known : LINK_KNOWN_FEW;
	struct link_known *all = max <= LINK_KNOWN_MAX ? realloc(l->known, max * sizeof(*all)) : NULL;
	struct link_known *more;

	if (!all)
		return NULL;
	more = all + l->max_known;
	memset(more, 0, (max - l->max_known) * sizeof(*more));
	l->known = all;
	l->max_known = max;
	return more;
}

/* NULL: there is no memory. */
static struct link_known *known_room(struct link *l)
{
	struct link_known *oldest = l->known;
	struct link_known *more;

	for (size_t i = 0; i < l->max_known; i++) {
		if (!l->known[i].used)
			return &l->known[i];
		if (l->known[i].at < oldest->at)
			oldest = &l->known[i];
	}
	more = known_more(l);
	return more ? more : oldest;
}

void link_known_add(struct link *l, adit_time now, uint32_t sock, const struct link_path_info *info, uint64_t instance)
{
	struct link_known *k = known_at(l, sock, &info->remote);

	if (!k)
		k = known_room(l);
	if (k)
		*k = (struct link_known){.used = true, .sock = sock, .info = *info, .instance = instance, .at = now};
}

struct link_known *link_known_find(struct link *l, adit_time now, uint32_t sock, const struct adit_addr *remote)
{
	struct link_known *k = known_at(l, sock, remote);

	return k && adit_time_since(now, k->at) <= LINK_KNOWN_FOR ? k : NULL;
}

static bool has_host(const struct reach_host *hosts, size_t n, const struct adit_addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (adit_addr_eq_ip(&hosts[i].addr, addr))
			return true;
	return false;
}

/* From the address that a NAT64 gives, which no interface has. */
static bool is_through_nat64(const struct link *l, const struct adit_addr *local)
{
	return l->find.nat64.len > 0 && adit_nat64_is_own(local);
}

bool link_path_is_new_host(const struct link *l, const struct reach_host *hosts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!has_host(l->find.hosts, l->find.n_hosts, &hosts[i].addr))
			return true;
	return false;
}

void link_path_set_hosts(struct link *l, adit_time now, const struct reach_host *hosts, size_t n, bool is_new)
{
	bool any = false;

	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];

		if (!p->used || p->sock == LINK_RELAY_SOCK || is_through_nat64(l, &p->info.local))
			continue;
		if (p->info.local.family == ADIT_FAMILY_NONE) {
			any |= is_new && p == l->session_path;
			continue;
		}
		if (has_host(hosts, n, &p->info.local))
			continue;
		p->info.local = (struct adit_addr){.family = ADIT_FAMILY_NONE};
		punch_path_set_local(p->keep, &p->info.local);
		any = true;
	}
	if (!any)
		return;
	link_age_forget(&l->age);
	link_idle_forget(l, now);
	link_alarm_raise(l, now);
}
