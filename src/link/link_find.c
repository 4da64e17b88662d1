#include "link/link_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/link_limits.h"

static void punch_setup(struct link_find *f, adit_time now)
{
	const struct link_config *cfg = f->cfg;

	f->punch_cfg = (struct punch_config){
		.role = cfg->role,
		.crypto = cfg->crypto,
		.log = cfg->log,
		.rng = cfg->rng,
		.instance = cfg->instance,
		.pinned_port = cfg->pinned_port,
		.sock_base = LINK_PUNCH_SOCKS,
		.low_ttl = true,
		.replay = &f->replay,
		.budget = cfg->budget,
	};
	memcpy(f->punch_cfg.k, cfg->k, sizeof(f->punch_cfg.k));
	punch_replay_init(&f->replay);
	punch_replay_set_horizon(&f->replay, cfg->horizon);
	punch_init(&f->punch, &f->punch_cfg, now);
	if (cfg->clock_diff)
		punch_set_clock_diff(&f->punch, now, cfg->clock_diff);
}

static int reach_setup(struct link_find *f, adit_time now)
{
	const struct link_config *cfg = f->cfg;
	struct reach_config rc = {
		.role = cfg->role == PUNCH_SERVE ? MEET_SERVE : MEET_CONNECT,
		.crypto = cfg->crypto,
		.meet_crypto = cfg->meet_crypto,
		.log = cfg->log,
		.rng = cfg->rng,
		.instance = cfg->instance,
		.sock_base = LINK_REACH_SOCKS,
		.port = cfg->pinned_port,
		.is_forwarded = cfg->is_forwarded,
		.budget = cfg->budget,
		.low_ttl = true,
		.relay_only = cfg->relay_only,
		.direct_only = cfg->direct_only,
		.borrow = cfg->borrow,
	};

	f->reach = calloc(1, sizeof(*f->reach));
	if (!f->reach)
		return ADIT_ENOMEM;
	memcpy(rc.k, cfg->k, sizeof(rc.k));
	memcpy(rc.key, cfg->role == PUNCH_SERVE ? cfg->own_key : cfg->peer_key, sizeof(rc.key));
	memcpy(rc.seed, cfg->own_seed, sizeof(rc.seed));
	reach_init(f->reach, &rc, now);
	if (cfg->memory)
		reach_set_memory(f->reach, cfg->memory);
	adit_bytes_wipe(&rc, sizeof(rc));
	return 0;
}

/* ---- its memory ---- */

/* Ready for whatever is to be done; NULL: no mediator is ever named, or there is no memory for it now. */
static struct reach *reach_of(struct link_find *f)
{
	struct reach *whole;

	f->fold_at = ADIT_NEVER;
	if (!f->reach || !reach_is_folded(f->reach))
		return f->reach;
	whole = calloc(1, sizeof(*whole));
	if (!whole)
		return NULL;
	reach_unfold(whole, f->reach);
	reach_done(f->reach);
	free(f->reach);
	f->reach = whole;
	return whole;
}

static void fold(struct link_find *f)
{
	size_t size = reach_folded_size(f->reach);
	struct reach *folded = size > 0 ? malloc(size) : NULL;

	f->fold_at = ADIT_NEVER;
	if (!folded)
		return;
	reach_fold(f->reach, folded);
	reach_done(f->reach);
	free(f->reach);
	f->reach = folded;
}

/* It has nothing to do for now. Not at once: what is asked is answered within a round trip. */
static void fold_soon(struct link_find *f, adit_time now)
{
	if (f->fold_at == ADIT_NEVER && reach_folded_size(f->reach) > 0)
		f->fold_at = adit_time_add(now, LINK_FOLD_AFTER);
}

int link_find_init(struct link_find *f, const struct link_config *cfg, adit_time now)
{
	*f = (struct link_find){.cfg = cfg, .fold_at = ADIT_NEVER};
	punch_setup(f, now);
	return cfg->meets ? reach_setup(f, now) : 0;
}

void link_find_done(struct link_find *f)
{
	free(f->store);
	f->store = NULL;
	free(f->senders);
	f->senders = NULL;
	reach_done(f->reach);
	free(f->reach);
	f->reach = NULL;
}

void link_find_set_peers(struct link_find *f, adit_time now, const struct adit_addr *peers, size_t n)
{
	punch_set_peers(&f->punch, now, peers, n);
	f->punch_busy = true;
	if (reach_of(f))
		reach_trust(f->reach, peers, n);
}

void link_find_set_utc(struct link_find *f, adit_time now, adit_utc utc)
{
	punch_set_utc(&f->punch, now, utc);
	f->punch_busy = true;
	if (f->reach)
		reach_set_utc(f->reach, now, utc); /* told every few seconds: a folded one remains so */
}

/* --- mediators --- */

static struct link_mediator *mediator_find(struct link_find *f, const char *name)
{
	for (size_t i = 0; i < f->n_mediators; i++)
		if (strcmp(f->mediators[i].name, name) == 0)
			return &f->mediators[i];
	return NULL;
}

/* The search through mediators begins when there is one to ask: a name may take its time to be resolved. */
static bool reach_may_start(const struct link_find *f)
{
	return f->reach && f->n_mediators > 0 &&
	       (f->wish == LINK_FIND_PEER || (f->wish == LINK_FIND_CALM && f->cfg->role == PUNCH_SERVE));
}

int link_find_add_mediator(struct link_find *f, adit_time now, const char *name, const struct adit_addr *addr)
{
	struct link_mediator *m = mediator_find(f, name);
	int err;

	if (!reach_of(f))
		return f->reach ? ADIT_ENOMEM : 0;
	if (!m && f->n_mediators == MEET_MEDIATORS_MAX)
		return ADIT_EFULL;
	err = reach_add_mediator(f->reach, now, name, addr);
	if (err < 0)
		return err;
	f->reach_busy = true;
	if (m) {
		if (m->addr.family == addr->family)
			m->addr = *addr;
		return 0;
	}
	m = &f->mediators[f->n_mediators++];
	*m = (struct link_mediator){.addr = *addr, .since = now};
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (f->n_mediators == 1 && reach_may_start(f))
		reach_start(f->reach, now);
	return 0;
}

int link_find_add_server(struct link_find *f, adit_time now, const struct adit_addr *addr)
{
	char text[ADIT_ADDR_STRLEN];
	int err;

	if (!reach_of(f))
		return f->reach ? ADIT_ENOMEM : 0;
	err = reach_add_server(f->reach, now, addr);
	if (err < 0)
		adit_trace(f->cfg->log, ADIT_LOG_DECIDE, "one-server-too-many addr=%s", adit_addr_format(addr, text));
	f->reach_busy = true;
	return err;
}

/* A NAT64 gives IPv4 an address, too: with it the finders know that there is something to be asked and fired from. */
static void tell_hosts(struct link_find *f, adit_time now)
{
	struct reach_host hosts[REACH_HOSTS_MAX];
	size_t n = f->n_hosts;

	if (!reach_of(f))
		return;
	memcpy(hosts, f->hosts, n * sizeof(hosts[0]));
	if (f->nat64.len > 0) {
		n = n < REACH_HOSTS_MAX ? n : REACH_HOSTS_MAX - 1;
		hosts[n++] = (struct reach_host){.addr = adit_nat64_own(0), .iface = ICE_IFACE_NORMAL};
	}
	reach_set_hosts(f->reach, now, hosts, n);
	f->reach_busy = true;
}

void link_find_set_hosts(struct link_find *f, adit_time now, const struct reach_host *hosts, size_t n)
{
	f->n_hosts = n < REACH_HOSTS_MAX ? n : REACH_HOSTS_MAX;
	memcpy(f->hosts, hosts, f->n_hosts * sizeof(hosts[0]));
	tell_hosts(f, now);
}

void link_find_set_nat64(struct link_find *f, adit_time now, const struct adit_nat64 *n)
{
	bool had = f->nat64.len > 0;

	f->nat64 = *n;
	if (had || n->len > 0)
		tell_hosts(f, now);
}

void link_find_set_relay(struct link_find *f, adit_time now, const struct reach_relay *relay)
{
	if (reach_of(f))
		reach_set_relay(f->reach, now, relay);
	f->reach_busy = true;
}

void link_find_await_relay(struct link_find *f, adit_time now)
{
	if (reach_of(f))
		reach_await_relay(f->reach, now);
	f->reach_busy = true;
}

void link_find_set_mapped(struct link_find *f, adit_time now, enum adit_family family, const struct reach_mapping *map)
{
	if (reach_of(f))
		reach_set_mapped(f->reach, now, family, map);
	f->reach_busy = true;
}

static void set_mediator(struct link_mediator *m, adit_time now, enum link_mediator_state state, unsigned code)
{
	if (m->state != state || m->code != code)
		m->since = now;
	m->state = state;
	m->code = code;
}

/* What |e| says about its mediator. */
static void note_mediator(struct link_find *f, adit_time now, const struct reach_event *e)
{
	struct link_mediator *m = e->mediator < f->n_mediators ? &f->mediators[e->mediator] : NULL;

	if (!m)
		return;
	switch (e->kind) {
	case REACH_EVENT_HELD:
		m->mapped = e->mapped;
		set_mediator(m, now, LINK_MEDIATOR_HELD, 0);
		break;
	case REACH_EVENT_MEETING:
		if (f->cfg->role == PUNCH_CONNECT)
			set_mediator(m, now, LINK_MEDIATOR_MET, 0);
		break;
	case REACH_EVENT_LOST:
		set_mediator(m, now, LINK_MEDIATOR_ASKED, 0);
		break;
	case REACH_EVENT_MEDIATOR:
		set_mediator(m, now,
			     e->code == LINK_ABSENT ? LINK_MEDIATOR_ABSENT
			     : e->code == 0         ? LINK_MEDIATOR_SILENT
						    : LINK_MEDIATOR_REFUSED,
			     e->code);
		break;
	default:
		break;
	}
}

/* --- verbs --- */

/* Where memory is out it looks with what fits without. */
static void lend_store(struct link_find *f)
{
	if (f->store)
		return;
	f->store = malloc(sizeof(*f->store));
	if (f->store)
		punch_lend(&f->punch, f->store);
}

static void take_back_store(struct link_find *f)
{
	if (!f->store || !punch_give_back(&f->punch))
		return;
	free(f->store);
	f->store = NULL;
}

void link_find_start(struct link_find *f, adit_time now)
{
	lend_store(f);
	f->wish = LINK_FIND_PEER;
	f->has_met = false;
	if (!f->cfg->relay_only)
		punch_start(&f->punch, now);
	f->punch_busy = true;
	if (reach_may_start(f) && reach_of(f))
		reach_start(f->reach, now);
	f->reach_busy = true;
}

void link_find_seek(struct link_find *f, adit_time now)
{
	if (f->wish == LINK_FIND_PEER && !link_find_is_done(f))
		link_find_again(f, now);
	else
		link_find_start(f, now);
}

bool link_find_is_done(const struct link_find *f)
{
	return f->reach && reach_is_done(f->reach);
}

void link_find_again(struct link_find *f, adit_time now)
{
	if (reach_of(f))
		reach_again(f->reach, now);
	f->reach_busy = true;
}

void link_find_ready(struct link_find *f, adit_time now)
{
	if (f->n_mediators == 0 || !reach_of(f))
		return;
	reach_ready(f->reach, now);
	f->reach_busy = true;
}

void link_find_fresh(struct link_find *f, adit_time now)
{
	if (!reach_of(f))
		return;
	f->wish = LINK_FIND_PEER;
	reach_start(f->reach, now);
	f->reach_busy = true;
}

void link_find_wait(struct link_find *f, adit_time now)
{
	lend_store(f);
	f->wish = LINK_FIND_CALM;
	if (!f->cfg->relay_only)
		punch_wait(&f->punch, now);
	f->punch_busy = true;
	if (reach_of(f))
		reach_rest(f->reach, now);
	f->reach_busy = true;
}

void link_find_hold(struct link_find *f, adit_time now)
{
	punch_rest(&f->punch, now);
	f->punch_busy = true;
}

static void report(struct link_find *f, adit_time now, enum meet_path path, adit_dur took)
{
	if (f->has_met && reach_of(f))
		reach_report(f->reach, now, path, took);
	f->has_met = false;
	f->relayed_after = 0;
	f->reach_busy = true;
}

void link_find_rest(struct link_find *f, adit_time now, const struct link_path_info *info)
{
	static const enum meet_path paths[] = {
		[LINK_HOW_LAN] = MEET_PATH_HOST,
		[LINK_HOW_IPV6] = MEET_PATH_IPV6,
		[LINK_HOW_DIRECT] = MEET_PATH_MAPPED,
		[LINK_HOW_PUNCHED] = MEET_PATH_PUNCHED,
		[LINK_HOW_PREDICTED] = MEET_PATH_PREDICTED,
		[LINK_HOW_BLOCK] = MEET_PATH_BIRTHDAY,
		[LINK_HOW_BIRTHDAY] = MEET_PATH_BIRTHDAY,
		[LINK_HOW_RELAYED] = MEET_PATH_RELAY,
	};

	f->wish = LINK_FIND_CALM;
	punch_rest(&f->punch, now);
	f->punch_busy = true;
	if (!reach_of(f) || info->how == LINK_HOW_RELAYED)
		return; /* the attempt goes on, and others follow: for a better path */
	if (!link_how_is_serverless(info->how))
		report(f, now, paths[info->how], info->took);
	reach_rest(f->reach, now);
	f->reach_busy = true;
}

void link_find_stop(struct link_find *f, adit_time now)
{
	f->wish = LINK_FIND_NOTHING;
	punch_stop(&f->punch, now);
	f->punch_busy = true;
	if (reach_of(f))
		reach_stop(f->reach, now);
	f->reach_busy = true;
}

/* --- sockets and datagrams --- */

static bool is_reach(const struct link_find *f, uint32_t sock)
{
	return f->reach && sock >= LINK_REACH_SOCKS;
}

int link_find_take(struct link_find *f, adit_time now, uint32_t sock)
{
	if (!is_reach(f, sock))
		return punch_take(&f->punch, sock);
	f->reach_busy = true;
	return reach_of(f) ? reach_take(f->reach, now, sock) : ADIT_ENOENT;
}

void link_find_released(struct link_find *f, adit_time now, uint32_t sock)
{
	if (is_reach(f, sock)) {
		if (reach_of(f))
			reach_released(f->reach, now, sock);
		f->reach_busy = true;
	} else {
		punch_released(&f->punch, now, sock);
		f->punch_busy = true;
	}
}

/* What is not for it neither wakes it nor keeps it awake. */
static int input_reach(struct link_find *f, adit_time now, const struct adit_dgram *d)
{
	adit_time fold_at = f->fold_at;
	int err;

	if ((reach_is_folded(f->reach) && !reach_folded_wants(f->reach, d)) || !reach_of(f))
		return ADIT_EIGNORED;
	err = reach_input(f->reach, now, d);
	if (err == ADIT_EIGNORED)
		f->fold_at = fold_at;
	f->reach_busy |= err != ADIT_EIGNORED;
	return err;
}

/* Where memory is out the oldest sender is forgotten. */
void link_find_make_room(struct link_find *f)
{
	if (!punch_replay_is_full(&f->replay))
		return;
	f->senders = calloc(PUNCH_INSTANCES_MAX, sizeof(f->senders[0]));
	if (f->senders)
		punch_replay_lend(&f->replay, f->senders);
}

int link_find_input(struct link_find *f, adit_time now, const struct adit_dgram *d)
{
	if (is_reach(f, d->sock))
		return input_reach(f, now, d);
	f->punch_busy = true;
	return punch_input(&f->punch, now, d);
}

void link_find_icmp(struct link_find *f, adit_time now, const struct adit_icmp *icmp)
{
	if (is_reach(f, icmp->sock)) {
		if (reach_of(f))
			reach_icmp(f->reach, now, icmp);
		f->reach_busy = true;
	} else {
		punch_icmp(&f->punch, now, icmp);
		f->punch_busy = true;
	}
}

void link_find_sock_failed(struct link_find *f, adit_time now, uint32_t sock)
{
	if (is_reach(f, sock)) {
		if (reach_of(f))
			reach_sock_failed(f->reach, now, sock);
		f->reach_busy = true;
	} else {
		punch_sock_failed(&f->punch, now, sock);
		f->punch_busy = true;
	}
}

/* --- time --- */

void link_find_tick(struct link_find *f, adit_time now)
{
	if (f->punch_busy || now >= f->punch_at) {
		punch_tick(&f->punch, now);
		f->punch_busy = true;
	}
	if (f->reach && (f->reach_busy || now >= f->reach_at)) {
		f->reach_busy = reach_of(f) != NULL;
		f->reach_at = adit_time_add(now, LINK_MEMORY_AGAIN);
		if (f->reach_busy)
			reach_tick(f->reach, now);
	}
	if (now >= f->fold_at)
		fold(f);
}

adit_time link_find_deadline(const struct link_find *f, adit_time past)
{
	adit_time t = adit_time_min(f->punch_busy ? past : f->punch_at, f->fold_at);

	return f->reach ? adit_time_min(t, f->reach_busy ? past : f->reach_at) : t;
}

int link_find_output(struct link_find *f, adit_time now, struct adit_out *ret_out)
{
	if (f->punch_busy) {
		if (punch_output(&f->punch, now, ret_out))
			return 1;
		f->punch_busy = false;
		f->punch_at = punch_deadline(&f->punch);
		take_back_store(f);
	}
	if (f->reach && f->reach_busy) {
		if (reach_of(f) && reach_output(f->reach, now, ret_out))
			return 1;
		f->reach_busy = false;
		if (!reach_is_folded(f->reach)) {
			f->reach_at = reach_deadline(f->reach);
			fold_soon(f, now);
		}
	}
	return 0;
}

/* --- events --- */

static void take_punch(const struct punch_event *e, struct link_found *ret_found)
{
	static const enum link_found_kind kinds[] = {
		[PUNCH_EVENT_HEARD] = LINK_FOUND_HEARD,
		[PUNCH_EVENT_VALID] = LINK_FOUND_VALID,
		[PUNCH_EVENT_STUCK] = LINK_FOUND_STUCK,
	};

	*ret_found = (struct link_found){
		.kind = kinds[e->kind],
		.sock = e->sock,
		.instance = e->instance,
		.info = {.how = (enum link_how)e->how,
			 .local = e->local,
			 .remote = e->remote,
			 .mapped = e->mapped,
			 .rtt = e->rtt,
			 .clock_diff = e->clock_diff},
	};
}

static void take_reach(struct link_find *f, adit_time now, const struct reach_event *e, struct link_found *ret_found)
{
	*ret_found = (struct link_found){
		.kind = e->kind == REACH_EVENT_HEARD   ? LINK_FOUND_HEARD
			: e->kind == REACH_EVENT_VALID ? LINK_FOUND_VALID
						       : LINK_FOUND_NEWS,
		.sock = e->sock,
		.instance = e->instance,
		.info = {.how = (enum link_how)(LINK_HOW_LAN + (int)e->how),
			 .local = e->local,
			 .remote = e->remote,
			 .mapped = e->mapped,
			 .rtt = e->rtt,
			 .took = f->cfg->role == PUNCH_SERVE ? e->took : 0},
		.news = *e,
	};
	note_mediator(f, now, e);
	if (e->kind == REACH_EVENT_MEETING)
		f->has_met = f->cfg->role == PUNCH_CONNECT;
	if (e->kind == REACH_EVENT_VALID && e->how == REACH_HOW_RELAYED && f->relayed_after == 0)
		f->relayed_after = e->took;
	if (e->kind == REACH_EVENT_FAILED && e->how == REACH_HOW_RELAYED)
		report(f, now, MEET_PATH_RELAY, f->relayed_after);
	else if (e->kind == REACH_EVENT_FAILED)
		report(f, now, MEET_PATH_NONE, e->took);
	if (e->kind == REACH_EVENT_LEARNT) {
		f->memory = *e->memory;
		ret_found->news.memory = &f->memory;
	}
}

int link_find_event(struct link_find *f, adit_time now, struct link_found *ret_found)
{
	struct punch_event pe;
	struct reach_event re;

	if (punch_event(&f->punch, &pe)) {
		take_punch(&pe, ret_found);
		return 1;
	}
	if (f->reach && !reach_is_folded(f->reach) && reach_event(f->reach, &re)) {
		take_reach(f, now, &re, ret_found);
		return 1;
	}
	return 0;
}
