/* Remotes of a mapping: who may come in, and how far a TCP connection is. Begin with lab_zoo_inner.h. */
#include "lab/lab_zoo_inner.h"

#include <stdlib.h>

static uint64_t key_hash(const struct lab_zoo_map *m, const struct adit_addr *remote)
{
	return lab_zoo_mix_addr((uint64_t)(uintptr_t)m >> 4, remote);
}

static struct lab_zoo_session *find(struct lab_zoo *z, const struct lab_zoo_map *m, const struct adit_addr *remote,
				    bool is_address)
{
	struct adit_addr key = is_address ? adit_addr_with_port(*remote, 0) : *remote;
	uint64_t hash = key_hash(m, &key);

	for (struct lab_zoo_node *n = lab_zoo_hash_first(&z->sessions, hash); n; n = n->next) {
		struct lab_zoo_session *s = adit_container(n, struct lab_zoo_session, by_key);

		if (n->hash == hash && s->map == m && s->is_address == is_address && adit_addr_eq(&s->remote, &key))
			return s;
	}
	return NULL;
}

static struct lab_zoo_session *make(struct lab_zoo *z, struct lab_zoo_map *m, const struct adit_addr *remote,
				    bool is_address)
{
	uint32_t max = z->cfg.sessions ? z->cfg.sessions : LAB_ZOO_SESSIONS_MAX;
	struct lab_zoo_session *s = z->sessions.count < max ? calloc(1, sizeof(*s)) : NULL;

	if (!s) {
		z->nat.stats.full++;
		return NULL;
	}
	s->map = m;
	s->remote = is_address ? adit_addr_with_port(*remote, 0) : *remote;
	s->is_address = is_address;
	s->is_flow = !is_address && lab_zoo_map_has_flows(z, m);
	s->timer.what = LAB_ZOO_TIMED_SESSION;
	adit_list_init(&s->timer.in_class);
	m->flows += s->is_flow;
	adit_list_push_back(&m->sessions, &s->of_map);
	lab_zoo_hash_put(&z->sessions, &s->by_key, key_hash(m, &s->remote));
	return s;
}

void lab_zoo_session_end(struct lab_zoo *z, struct lab_zoo_session *s)
{
	lab_zoo_hash_del(&z->sessions, &s->by_key);
	adit_list_del(&s->of_map);
	lab_zoo_timer_stop(&s->timer);
	s->map->flows -= s->is_flow;
	free(s);
}

/*
 * RFC 5382 REQ-2 and REQ-5, RFC 7857 2: open once both sides have said SYN, whoever was first; closing once both have
 * said FIN, or one RST. A session that was joined in its midst counts as opened by whoever speaks. A SYN after the end
 * is a new connection.
 */
static void track_tcp(struct lab_zoo_session *s, bool out, uint8_t flags)
{
	uint8_t open = out ? LAB_ZOO_TCP_OPEN_OUT : LAB_ZOO_TCP_OPEN_IN;
	uint8_t fins = LAB_ZOO_TCP_FIN_OUT | LAB_ZOO_TCP_FIN_IN;

	if (flags & LAB_TCP_RST) {
		s->tcp |= LAB_ZOO_TCP_RST;
		return;
	}
	if ((flags & LAB_TCP_SYN) && !(flags & LAB_TCP_ACK) && ((s->tcp & LAB_ZOO_TCP_RST) || (s->tcp & fins) == fins))
		s->tcp = 0;
	/* RFC 6146 3.5.2.2, TRANS: whoever still speaks was not reset. */
	s->tcp = (uint8_t)((s->tcp | open) & ~LAB_ZOO_TCP_RST);
	if (flags & LAB_TCP_FIN)
		s->tcp |= out ? LAB_ZOO_TCP_FIN_OUT : LAB_ZOO_TCP_FIN_IN;
}

static bool tcp_is_established(const struct lab_zoo_session *s)
{
	uint8_t open = LAB_ZOO_TCP_OPEN_OUT | LAB_ZOO_TCP_OPEN_IN;
	uint8_t fins = LAB_ZOO_TCP_FIN_OUT | LAB_ZOO_TCP_FIN_IN;

	return (s->tcp & open) == open && (s->tcp & fins) != fins && !(s->tcp & LAB_ZOO_TCP_RST);
}

static enum lab_zoo_class flow_class(const struct lab_zoo *z, const struct lab_zoo_session *s)
{
	switch (s->map->proto) {
	case LAB_TCP:
		return tcp_is_established(s) ? LAB_ZOO_CLASS_ESTABLISHED : LAB_ZOO_CLASS_TRANSITORY;
	case LAB_PING:
		return LAB_ZOO_CLASS_PING;
	default:
		if (z->cfg.idle_known && s->remote.port < LAB_ZOO_PORT_CLASS)
			return LAB_ZOO_CLASS_KNOWN;
		return s->replied ? LAB_ZOO_CLASS_REPLIED : LAB_ZOO_CLASS_UDP;
	}
}

/* A packet of a flow; |fresh|: the first. */
static void flow_use(struct lab_zoo *z, adit_time now, struct lab_zoo_session *s, bool out, const struct lab_flow *f,
		     bool fresh)
{
	s->replied = s->replied || !out;
	if (s->map->proto == LAB_TCP)
		track_tcp(s, out, f->tcp_flags);
	if (fresh || s->map->proto == LAB_TCP || lab_zoo_refreshes(z, out))
		lab_zoo_timer_arm(z, now, &s->timer, flow_class(z, s));
}

/*
 * A permit of an address lasts as long as the longest of its flows would (RFC 6146 3.5.1: any session with that
 * address lets it in). |flow| has just been used; if that did not keep it alive, the permit has lasted as long already.
 */
static void permit_address(struct lab_zoo *z, adit_time now, struct lab_zoo_session *p,
			   const struct lab_zoo_session *flow)
{
	if (flow->timer.expire_at > p->timer.expire_at)
		lab_zoo_timer_arm(z, now, &p->timer, (enum lab_zoo_class)flow->timer.class);
}

static bool note_flow(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m, const struct adit_addr *remote,
		      const struct lab_flow *f, bool out)
{
	struct lab_zoo_session *s = find(z, m, remote, false);
	bool fresh = !s;
	struct lab_zoo_session *p;

	if (fresh)
		s = make(z, m, remote, false);
	if (!s)
		return false;
	flow_use(z, now, s, out, f, fresh);
	if (z->cfg.filter != LAB_ZOO_AD)
		return true;
	p = find(z, m, remote, true);
	if (!p && out)
		p = make(z, m, remote, true);
	if (p)
		permit_address(z, now, p, s);
	return p != NULL;
}

bool lab_zoo_session_out(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m, const struct adit_addr *remote,
			 const struct lab_flow *f)
{
	struct lab_zoo_session *p;
	bool is_address = z->cfg.filter == LAB_ZOO_AD;

	m->known = m->known && remote->port < LAB_ZOO_PORT_CLASS;
	if (lab_zoo_map_has_flows(z, m))
		return note_flow(z, now, m, remote, f, true);
	if (z->cfg.filter == LAB_ZOO_EI)
		return true;
	p = find(z, m, remote, is_address);
	if (!p)
		p = make(z, m, remote, is_address);
	if (p && z->cfg.idle_filter)
		lab_zoo_timer_arm(z, now, &p->timer, LAB_ZOO_CLASS_FILTER);
	return p != NULL;
}

bool lab_zoo_session_permits(struct lab_zoo *z, const struct lab_zoo_map *m, const struct adit_addr *remote)
{
	switch (z->cfg.filter) {
	case LAB_ZOO_EI:
		return true;
	case LAB_ZOO_AD:
		return find(z, m, remote, true) != NULL;
	default:
		return find(z, m, remote, false) != NULL;
	}
}

bool lab_zoo_session_in(struct lab_zoo *z, adit_time now, struct lab_zoo_map *m, const struct adit_addr *remote,
			const struct lab_flow *f)
{
	return !lab_zoo_map_has_flows(z, m) || note_flow(z, now, m, remote, f, false);
}

bool lab_zoo_session_has(struct lab_zoo *z, const struct lab_zoo_map *m, const struct adit_addr *remote)
{
	return find(z, m, remote, false) != NULL;
}
