#include "endpoint/ep_mapped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reach/reach_limits.h"
#include "crypto/crypto.h"
#include "io/io_clock.h"
#include "io/io_route.h"
#include "io/io_timer.h"

#define END_MAX   ADIT_MS(2500) /* PORTMAP_DELETE_MAX and a little; the router's UPnP may hang */
#define SLEPT_MIN ADIT_SEC(5) /* a shorter sleep is not worth a question */

/* One family. */
struct side {
	struct ep_mapped *owner;
	struct io_portmap *portmap; /* NULL: nobody is asked */
	struct adit_addr own; /* what the mapping leads to */
	struct adit_addr gateway; /* who is asked */
	bool is_used; /* |st| is worth telling */
	bool is_mapped; /* |map| is what links were told */
	struct reach_mapping map;
	struct ep_mapped_state st;
};

struct ep_mapped {
	uv_loop_t *loop;
	struct ep_mapped_config cfg;
	const struct ep_mapped_ops *ops;
	void *ctx;
	struct io_timer *begin;
	struct side side[2]; /* IPv4, IPv6 */
	struct reach_host host[REACH_HOSTS_MAX];
	size_t n_hosts;
	bool has_begun;
	bool is_ending;
	adit_time end_until;
	adit_dur slept; /* as it was last looked at */
};

static struct side *side_of(struct ep_mapped *m, uint8_t family)
{
	return &m->side[family == ADIT_FAMILY_V6];
}

static enum adit_family family_of(const struct side *s)
{
	return s == &s->owner->side[1] ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4;
}

static void set_kind(struct side *s, enum ep_mapped_kind kind)
{
	s->is_used = true;
	s->st.kind = kind;
	if (!s->owner->is_ending)
		s->owner->ops->told(s->owner->ctx, &s->st);
}

static void tell(struct side *s, enum ep_mapped_kind kind, const char *why)
{
	snprintf(s->st.why, sizeof(s->st.why), "%s", why);
	set_kind(s, kind);
}

static void set_map(struct side *s, const struct reach_mapping *map)
{
	s->is_mapped = map != NULL;
	if (map)
		s->map = *map;
	s->st.external = map ? map->external : (struct adit_addr){0};
	if (!s->owner->is_ending)
		s->owner->ops->changed(s->owner->ctx, family_of(s), map);
}

/* --- the router --- */

static void on_mapped(struct side *s, const struct io_portmap_event *e)
{
	struct reach_mapping map = {.port = s->owner->cfg.port, .external = e->external};
	bool is_same = s->is_mapped && adit_addr_eq(&s->map.external, &map.external);

	s->st.how = e->how;
	s->st.lifetime = e->lifetime;
	s->st.is_behind = e->is_behind;
	if (!is_same)
		set_map(s, &map);
	/* What was proven of this very address stays so. */
	tell(s, is_same && s->st.kind == EP_MAPPED_PROVEN ? EP_MAPPED_PROVEN : EP_MAPPED_HELD, e->why);
}

static void on_portmap(void *ctx, const struct io_portmap_event *e)
{
	struct side *s = ctx;

	switch (e->kind) {
	case IO_PORTMAP_MAPPED:
		on_mapped(s, e);
		break;
	case IO_PORTMAP_LOST:
		set_map(s, NULL);
		tell(s, EP_MAPPED_LOST, e->why);
		break;
	case IO_PORTMAP_NONE:
		tell(s, EP_MAPPED_NONE, e->why);
		break;
	case IO_PORTMAP_WITHDRAWN:
		tell(s, EP_MAPPED_WITHDRAWN, e->why);
		break;
	case IO_PORTMAP_ENDED:
		io_portmap_free(s->portmap);
		s->portmap = NULL;
		break;
	}
}

/* The old mapping led to an address that is gone; it runs out. */
static void leave(struct side *s)
{
	io_portmap_free(s->portmap);
	s->portmap = NULL;
	if (s->is_mapped)
		set_map(s, NULL);
	s->is_used = false;
	s->st.kind = EP_MAPPED_ASKING;
	s->st.why[0] = 0;
}

/* |has_changed|: the own addresses have, if maybe not these. */
static void ask(struct side *s, const struct adit_addr *own, const struct adit_addr *gateway, bool has_changed)
{
	struct io_portmap_config c = {.family = family_of(s),
				      .port = s->owner->cfg.port,
				      .gateway = *gateway,
				      .own = *own,
				      .log = s->owner->cfg.log};

	if (s->portmap && adit_addr_eq_ip(own, &s->own) && adit_addr_eq_ip(gateway, &s->gateway)) {
		if (has_changed)
			io_portmap_check(s->portmap);
		return;
	}
	leave(s);
	s->own = *own;
	s->gateway = *gateway;
	if (io_portmap_new(s->owner->loop, &c, on_portmap, s, &s->portmap) < 0)
		s->portmap = NULL; /* no router, or no memory: it goes without */
}

/* A machine with a public address of its own is forwarded to by nobody, and its router is the provider's. */
static void ask_v4(struct ep_mapped *m, bool has_changed)
{
	struct side *s = &m->side[0];
	struct adit_addr gateway;
	struct adit_addr own;

	if (io_route_default(ADIT_FAMILY_V4, &gateway, &own) < 0 || !adit_addr_is_private(&own)) {
		leave(s);
		return;
	}
	ask(s, &own, &gateway, has_changed);
	s->is_used = true;
}

/* |own|: the first lasting one; NULL: there is none. */
static void ask_v6(struct ep_mapped *m, const struct adit_addr *own, bool has_changed)
{
	struct side *s = &m->side[1];
	struct adit_addr gateway;
	struct adit_addr any;

	if (!own || io_route_default(ADIT_FAMILY_V6, &gateway, &any) < 0)
		leave(s);
	else
		ask(s, own, &gateway, has_changed);
}

static void forward_v4(struct ep_mapped *m)
{
	struct reach_mapping map = {.port = m->cfg.port, .external = adit_addr_v4(0, 0, 0, 0, m->cfg.forwarded)};

	m->side[0].st.by_user = true;
	set_map(&m->side[0], &map);
	tell(&m->side[0], EP_MAPPED_HELD, "");
}

static void on_begin(void *ctx)
{
	struct ep_mapped *m = ctx;

	m->has_begun = true;
	if (m->cfg.forwarded)
		forward_v4(m);
	else if (m->cfg.asks)
		ask_v4(m, false);
}

/* How long the machine has slept since it was started: one of the clocks goes on meanwhile, the other does not. */
static adit_dur slept(void)
{
	adit_time awake = uv_hrtime();

	return adit_time_since(io_clock_now(), awake);
}

/* --- from above --- */

int ep_mapped_new(uv_loop_t *loop, const struct ep_mapped_config *cfg, const struct ep_mapped_ops *ops, void *ctx,
		  struct ep_mapped **ret_mapped)
{
	struct ep_mapped *m = calloc(1, sizeof(*m));
	struct adit_rng rng = crypto_rng();
	int err;

	if (!m)
		return ADIT_ENOMEM;
	m->loop = loop;
	m->cfg = *cfg;
	m->ops = ops;
	m->ctx = ctx;
	m->slept = slept();
	if (m->cfg.port == 0)
		m->cfg.port = (uint16_t)(REACH_PORT_MIN + adit_rng_below(&rng, REACH_PORT_COUNT));
	for (unsigned f = 0; f < 2; f++) {
		m->side[f].owner = m;
		m->side[f].st.family = f ? ADIT_FAMILY_V6 : ADIT_FAMILY_V4;
		m->side[f].st.port = m->cfg.port;
	}
	err = io_timer_new(loop, on_begin, m, &m->begin);
	if (err < 0) {
		free(m);
		return err;
	}
	io_timer_set(m->begin, io_clock_now());
	*ret_mapped = m;
	return 0;
}

void ep_mapped_tell(const struct ep_mapped *m, struct link *link, adit_time now)
{
	for (unsigned f = 0; m && f < 2; f++)
		if (m->side[f].is_mapped)
			link_set_mapped(link, now, family_of(&m->side[f]), &m->side[f].map);
}

/* One that others can send to, and that stays. */
static const struct adit_addr *lasting_v6(const struct reach_host *hosts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct adit_addr *a = &hosts[i].addr;

		if (adit_addr_is_v6(a) && hosts[i].iface == ICE_IFACE_NORMAL && !adit_addr_is_private(a) &&
		    !adit_addr_is_link_local(a) && !adit_addr_is_loopback(a))
			return a;
	}
	return NULL;
}

static bool is_same(const struct ep_mapped *m, const struct reach_host *hosts, size_t n)
{
	if (n != m->n_hosts)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!adit_addr_eq_ip(&m->host[i].addr, &hosts[i].addr))
			return false;
	return true;
}

void ep_mapped_set_hosts(struct ep_mapped *m, const struct reach_host *hosts, size_t n)
{
	bool has_changed;

	if (!m || !m->cfg.asks || m->is_ending)
		return;
	has_changed = !is_same(m, hosts, n);
	m->n_hosts = n < REACH_HOSTS_MAX ? n : REACH_HOSTS_MAX;
	memcpy(m->host, hosts, m->n_hosts * sizeof(*hosts));
	if (!m->cfg.forwarded && m->has_begun)
		ask_v4(m, has_changed);
	ask_v6(m, lasting_v6(hosts, n), has_changed);
}

void ep_mapped_look(struct ep_mapped *m)
{
	adit_dur now = slept();

	if (!m || m->is_ending || now < m->slept + SLEPT_MIN)
		return;
	m->slept = now;
	for (unsigned f = 0; f < 2; f++)
		if (m->side[f].portmap)
			io_portmap_check(m->side[f].portmap);
}

static void works(struct side *s)
{
	if (s->portmap)
		io_portmap_proven(s->portmap);
	if (s->st.kind != EP_MAPPED_PROVEN)
		set_kind(s, EP_MAPPED_PROVEN);
}

static void fails(struct side *s)
{
	if (s->portmap)
		io_portmap_suspect(s->portmap);
	else if (s->st.kind != EP_MAPPED_DEAD)
		tell(s, EP_MAPPED_DEAD, "nothing that is sent to it from outside arrives");
}

/* Serve hears it when it registers, connect when it meets the peer. */
static bool tells_how_seen(const struct reach_event *e)
{
	return (e->kind == REACH_EVENT_HELD || e->kind == REACH_EVENT_MEETING) && e->mapped.family != ADIT_FAMILY_NONE;
}

void ep_mapped_heard(struct ep_mapped *m, const struct reach_event *e)
{
	struct side *s = m ? side_of(m, e->mapped.family) : NULL;

	if (!s || m->is_ending)
		return;
	if (tells_how_seen(e) && s->portmap) {
		struct adit_addr seen = adit_addr_with_port(e->mapped, 0);

		io_portmap_set_seen(s->portmap, &seen);
	}
	/* Several lanes may tell, and about one that is gone. */
	if (e->kind != REACH_EVENT_MAPPED || !s->is_mapped || !adit_addr_eq(&s->map.external, &e->mapped))
		return;
	if (e->works)
		works(s);
	else
		fails(s);
}

const struct ep_mapped_state *ep_mapped_state(const struct ep_mapped *m, enum adit_family family)
{
	const struct side *s = m ? &m->side[family == ADIT_FAMILY_V6] : NULL;

	/* Pinholes are rare: their absence is no news. */
	if (!s || !s->is_used || (family == ADIT_FAMILY_V6 && s->st.kind == EP_MAPPED_NONE))
		return NULL;
	return &s->st;
}

const char *ep_mapped_kind_name(enum ep_mapped_kind k)
{
	static const char *const names[] = {"asking", "held", "proven", "dead", "lost", "none", "withdrawn"};

	return names[k];
}

void ep_mapped_forked(struct ep_mapped *m)
{
	for (unsigned f = 0; m && f < 2; f++)
		if (m->side[f].portmap)
			io_portmap_forked(m->side[f].portmap);
}

void ep_mapped_end(struct ep_mapped *m)
{
	if (!m || m->is_ending)
		return;
	m->is_ending = true;
	m->end_until = adit_time_add(io_clock_now(), END_MAX);
	/* Also where nothing is mapped yet: the router may be at it. */
	for (unsigned f = 0; f < 2; f++)
		if (m->side[f].portmap)
			io_portmap_end(m->side[f].portmap);
}

bool ep_mapped_is_over(const struct ep_mapped *m)
{
	return !m || (m->is_ending && ((!m->side[0].portmap && !m->side[1].portmap) || io_clock_now() >= m->end_until));
}

void ep_mapped_close(struct ep_mapped *m)
{
	if (!m)
		return;
	for (unsigned f = 0; f < 2; f++)
		io_portmap_free(m->side[f].portmap);
	io_timer_close(m->begin);
	free(m);
}
