/* Mappings: made, found by either side, used, ended. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

#include <stdlib.h>

/* |remote| with only what |dep| looks at. */
static struct adit_addr mask(enum lab_zoo_dep dep, const struct adit_addr *remote)
{
	if (dep == LAB_ZOO_EI)
		return (struct adit_addr){0};
	return dep == LAB_ZOO_AD ? adit_addr_with_port(*remote, 0) : *remote;
}

static uint64_t key_hash(uint8_t proto, const struct adit_addr *own, enum lab_zoo_dep dep,
			 const struct adit_addr *masked)
{
	uint64_t hash = lab_zoo_mix_addr(1u + proto + 4u * (unsigned)dep, own);

	return dep == LAB_ZOO_EI ? hash : lab_zoo_mix_addr(hash, masked);
}

static uint64_t port_hash(uint8_t proto, const struct adit_addr *out)
{
	return lab_zoo_mix_addr(16u + proto, out);
}

static struct lab_zoo_map *find_in(const struct lab_zoo *z, const struct lab_zoo_want *w, enum lab_zoo_dep dep)
{
	struct adit_addr masked = mask(dep, &w->remote);
	uint64_t hash = key_hash(w->proto, &w->in, dep, &masked);

	for (struct lab_zoo_node *n = lab_zoo_hash_first(&z->by_in, hash); n; n = n->next) {
		struct lab_zoo_map *m = adit_container(n, struct lab_zoo_map, by_in);

		if (n->hash == hash && m->proto == w->proto && m->dep == dep && adit_addr_eq(&m->in, &w->in) &&
		    adit_addr_eq(&m->remote, &masked))
			return m;
	}
	return NULL;
}

/* The narrowest first: under load, and after a clash, a socket has mappings of several kinds. */
struct lab_zoo_map *lab_zoo_map_find(struct lab_zoo *z, const struct lab_zoo_want *w)
{
	for (int dep = LAB_ZOO_APD; dep >= LAB_ZOO_EI; dep--) {
		struct lab_zoo_map *m;

		if (!(z->deps & 1u << dep))
			continue;
		m = find_in(z, w, (enum lab_zoo_dep)dep);
		/* The router itself has a flow with that remote there: answers would not come to |m|. */
		if (m && !lab_zoo_local_has(z, w->proto, &m->out, &w->remote))
			return m;
	}
	return NULL;
}

struct lab_zoo_map *lab_zoo_map_pair(struct lab_zoo *z, uint8_t proto, const struct adit_addr *out,
				     enum lab_zoo_dep dep, const struct adit_addr *remote)
{
	struct adit_addr masked = mask(dep, remote);
	uint64_t hash = key_hash(proto, out, dep, &masked);

	for (struct lab_zoo_node *n = lab_zoo_hash_first(&z->by_pair, hash); n; n = n->next) {
		struct lab_zoo_map *m = adit_container(n, struct lab_zoo_map, by_pair);

		if (n->hash == hash && m->proto == proto && m->dep == dep && adit_addr_eq(&m->out, out) &&
		    adit_addr_eq(&m->remote, &masked))
			return m;
	}
	return NULL;
}

struct lab_zoo_map *lab_zoo_map_at(struct lab_zoo *z, uint8_t proto, const struct adit_addr *out)
{
	uint64_t hash = port_hash(proto, out);

	for (struct lab_zoo_node *n = lab_zoo_hash_first(&z->by_port, hash); n; n = n->next) {
		struct lab_zoo_map *m = adit_container(n, struct lab_zoo_map, by_port);

		if (n->hash == hash && m->proto == proto && adit_addr_eq(&m->out, out))
			return m;
	}
	return NULL;
}

struct lab_zoo_map *lab_zoo_map_match(struct lab_zoo *z, uint8_t proto, const struct adit_addr *out,
				      const struct adit_addr *remote)
{
	for (int dep = LAB_ZOO_APD; dep >= LAB_ZOO_EI; dep--) {
		struct lab_zoo_map *m =
			z->deps & 1u << dep ? lab_zoo_map_pair(z, proto, out, (enum lab_zoo_dep)dep, remote) : NULL;

		if (m)
			return m;
	}
	return lab_zoo_map_at(z, proto, out);
}

bool lab_zoo_map_has_flows(const struct lab_zoo *z, const struct lab_zoo_map *m)
{
	return !m->foreign && (m->proto == LAB_TCP || z->cfg.per_session);
}

/* Puts |m| where it is found by its port: beside those that share it, and in front of them. */
static void link_port(struct lab_zoo *z, struct lab_zoo_map *m)
{
	struct lab_zoo_map *other = lab_zoo_map_at(z, m->proto, &m->out);

	if (other) {
		adit_list_push_back(&other->same_port, &m->same_port);
		lab_zoo_hash_del(&z->by_port, &other->by_port);
	} else if (z->cfg.kind != LAB_ZOO_FIREWALL) {
		lab_zoo_port_set(z, m->ext, m->proto, m->out.port, true);
	}
	lab_zoo_hash_put(&z->by_port, &m->by_port, port_hash(m->proto, &m->out));
}

static void unlink_port(struct lab_zoo *z, struct lab_zoo_map *m)
{
	struct adit_list *next = adit_list_is_linked(&m->same_port) ? m->same_port.next : NULL;

	adit_list_del(&m->same_port);
	if (!next && z->cfg.kind != LAB_ZOO_FIREWALL)
		lab_zoo_port_set(z, m->ext, m->proto, m->out.port, false);
	if (m->by_port.link && next) {
		struct lab_zoo_map *other = adit_container(next, struct lab_zoo_map, same_port);

		lab_zoo_hash_put(&z->by_port, &other->by_port, port_hash(m->proto, &m->out));
	}
	lab_zoo_hash_del(&z->by_port, &m->by_port);
}

void lab_zoo_map_end(struct lab_zoo *z, struct lab_zoo_map *m)
{
	struct adit_list *first;

	while ((first = adit_list_first(&m->sessions)) != NULL)
		lab_zoo_session_end(z, adit_container(first, struct lab_zoo_session, of_map));
	lab_zoo_hash_del(&z->by_in, &m->by_in);
	lab_zoo_hash_del(&z->by_pair, &m->by_pair);
	unlink_port(z, m);
	lab_zoo_timer_stop(&m->timer);
	adit_list_del(&m->of_host);
	adit_list_del(&m->by_age);
	m->host->count--;
	z->map_count--;
	z->foreign_count -= m->foreign;
	if (m->block && --m->block->count == 0)
		lab_zoo_block_drop(m->host, m->block);
	free(m);
}

static enum lab_zoo_class class_of(const struct lab_zoo *z, const struct lab_zoo_map *m)
{
	if (m->proto == LAB_PING)
		return LAB_ZOO_CLASS_PING;
	if (m->known && z->cfg.idle_known)
		return LAB_ZOO_CLASS_KNOWN;
	return m->replied ? LAB_ZOO_CLASS_REPLIED : LAB_ZOO_CLASS_UDP;
}

bool lab_zoo_refreshes(const struct lab_zoo *z, bool out)
{
	return ((unsigned)z->cfg.refresh & (unsigned)(out ? LAB_ZOO_REFRESH_OUT : LAB_ZOO_REFRESH_IN)) != 0;
}

/* Of those that share its port it is the one that what comes in is for. */
static void come_first(struct lab_zoo *z, struct lab_zoo_map *m)
{
	struct lab_zoo_map *head = lab_zoo_map_at(z, m->proto, &m->out);
	uint64_t hash = m->by_pair.hash;

	lab_zoo_hash_del(&z->by_pair, &m->by_pair);
	lab_zoo_hash_put(&z->by_pair, &m->by_pair, hash);
	if (head && head != m) {
		lab_zoo_hash_del(&z->by_port, &head->by_port);
		lab_zoo_hash_put(&z->by_port, &m->by_port, port_hash(m->proto, &m->out));
	}
}

void lab_zoo_map_use(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m, bool out)
{
	adit_list_del(&m->of_host);
	adit_list_push_back(&m->host->maps, &m->of_host);
	m->replied = m->replied || !out;
	if (out && z->cfg.overload == LAB_ZOO_OVERLOAD_ALWAYS)
		come_first(z, m);
	if (!lab_zoo_map_has_flows(z, m) && lab_zoo_refreshes(z, out))
		lab_zoo_timer_arm(z, now, &m->timer, class_of(z, m));
}

/* Which remotes a new mapping will serve. */
static enum lab_zoo_dep dep_now(const struct lab_zoo *z, const struct lab_zoo_want *w)
{
	if (z->cfg.load && z->map_count >= z->cfg.load && z->cfg.load_mapping != LAB_ZOO_UNCHANGED)
		return z->cfg.load_mapping;
	/* Its socket has a wider mapping, which the router itself stands in the way of: one for this remote alone. */
	if (z->locals.count > 0 && z->cfg.mapping != LAB_ZOO_APD && find_in(z, w, z->cfg.mapping))
		return LAB_ZOO_APD;
	return z->cfg.mapping;
}

static bool limits_allow(struct lab_zoo *z, adit_time now, struct lab_zoo_host *h)
{
	uint32_t max = z->cfg.mappings ? z->cfg.mappings : LAB_ZOO_MAPPINGS_MAX;

	if (z->cfg.host_mappings && h->count >= z->cfg.host_mappings) {
		if (z->cfg.full != LAB_ZOO_FULL_EVICT || h->count == 0)
			return false;
		lab_zoo_map_end(z, adit_container(adit_list_first(&h->maps), struct lab_zoo_map, of_host));
	}
	if (z->map_count >= max && (z->cfg.full != LAB_ZOO_FULL_EVICT || !lab_zoo_evict(z)))
		return false;
	return lab_zoo_rate_allows(now, z->cfg.host_rate, &h->rate_at) &&
	       lab_zoo_rate_allows(now, z->cfg.rate, &z->rate_at);
}

static bool find_place(struct lab_zoo *z, struct lab_zoo_host *h, const struct lab_zoo_want *w, struct lab_zoo_place *p)
{
	if (z->cfg.kind == LAB_ZOO_FIREWALL) {
		p->out = w->in;
		return true;
	}
	if (lab_zoo_port_pick(z, h, w, p))
		return true;
	return z->cfg.full == LAB_ZOO_FULL_EVICT && lab_zoo_evict(z) && lab_zoo_port_pick(z, h, w, p);
}

static void link_map(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m)
{
	if (!m->foreign)
		lab_zoo_hash_put(&z->by_in, &m->by_in, key_hash(m->proto, &m->in, m->dep, &m->remote));
	lab_zoo_hash_put(&z->by_pair, &m->by_pair, key_hash(m->proto, &m->out, m->dep, &m->remote));
	link_port(z, m);
	adit_list_push_back(&m->host->maps, &m->of_host);
	adit_list_init(&m->by_age);
	m->die_at = ADIT_NEVER;
	if (z->cfg.life && !m->foreign) {
		m->die_at = adit_time_add(now, z->cfg.life);
		adit_list_push_back(&z->by_age, &m->by_age);
	}
	m->host->count++;
	z->map_count++;
	z->foreign_count += m->foreign;
	if (m->block)
		m->block->count++;
	z->deps |= (uint8_t)(1u << m->dep);
	z->nat.stats.mappings += !m->foreign;
	z->nat.stats.moved += !m->foreign && m->in.port != m->out.port;
}

static struct lab_zoo_map *map_new(struct lab_zoo *z, adit_time now, const struct lab_zoo_want *w)
{
	struct lab_zoo_place p = {.dep = dep_now(z, w)};
	struct lab_zoo_host *h = lab_zoo_host_get(z, &w->in);
	struct lab_zoo_map *m = h && limits_allow(z, now, h) ? calloc(1, sizeof(*m)) : NULL;

	if (!m || !find_place(z, h, w, &p)) {
		free(m);
		return NULL;
	}
	m->proto = w->proto;
	m->in = w->in;
	m->out = p.out;
	m->dep = (uint8_t)p.dep;
	m->remote = mask(p.dep, &w->remote);
	m->ext = p.ext;
	m->block = p.block;
	m->host = h;
	m->foreign = w->foreign;
	m->known = w->remote.port < LAB_ZOO_PORT_CLASS;
	m->timer.what = LAB_ZOO_TIMED_MAP;
	adit_list_init(&m->timer.in_class);
	adit_list_init(&m->sessions);
	adit_list_init(&m->same_port);
	link_map(z, now, m);
	if (!m->foreign && !lab_zoo_map_has_flows(z, m))
		lab_zoo_timer_arm(z, now, &m->timer, class_of(z, m));
	return m;
}

struct lab_zoo_map *lab_zoo_map_make(struct lab_zoo *z, adit_time now, const struct lab_zoo_want *w)
{
	struct lab_zoo_map *m = map_new(z, now, w);

	if (!m && !w->foreign)
		z->nat.stats.full++;
	return m;
}
