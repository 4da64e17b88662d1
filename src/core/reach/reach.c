#include "core/reach/reach.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/reach/reach_int.h"

/* RFC 792 */
#define ICMP_UNREACHABLE 3
#define ICMP_PORT        3

static const char *const state_names[] = {
	[REACH_IDLE] = "idle",       [REACH_WAITING] = "waiting",   [REACH_MEASURING] = "measuring",
	[REACH_MEETING] = "meeting", [REACH_PUNCHING] = "punching", [REACH_DONE] = "done",
	[REACH_RESTING] = "resting",
};

void reach_set_state(struct reach *r, enum reach_state state, adit_time until)
{
	if (r->state != state)
		adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_state from=%s to=%s", state_names[r->state],
			   state_names[state]);
	r->state = state;
	r->state_until = until;
	r->was_extended = false;
}

void reach_set_now(struct reach *r, adit_time now)
{
	assert(now >= r->now); /* the shell samples the clock once per wakeup */
	r->now = now;
}

void reach_push(struct reach *r, const struct reach_event *ev)
{
	if (r->events_n == REACH_EVENTS_MAX)
		return; /* nobody looks */
	r->events[(r->events_first + r->events_n++) % REACH_EVENTS_MAX] = *ev;
}

int reach_event(struct reach *r, struct reach_event *ret_event)
{
	if (r->events_n == 0)
		return 0;
	*ret_event = r->events[r->events_first];
	r->events_first = (r->events_first + 1) % REACH_EVENTS_MAX;
	r->events_n--;
	return 1;
}

void reach_init(struct reach *r, const struct reach_config *cfg, adit_time now)
{
	struct meet_client_config meet = {
		.role = cfg->role,
		.crypto = cfg->crypto,
		.meet_crypto = cfg->meet_crypto,
		.rng = cfg->rng,
		.log = cfg->log,
		.borrow = cfg->borrow,
	};

	memset(r, 0, sizeof(*r));
	r->cfg = *cfg;
	r->now = now;
	r->past = r->past_room;
	r->measure.slot = r->ask_slots;
	r->home[0] = r->home[1] = r->last_home[0] = r->last_home[1] = REACH_NO_SOCK;
	r->state_until = r->reopen[0].at = r->reopen[1].at = ADIT_NEVER;
	r->ask_by = r->start_at = r->loud_at = ADIT_NEVER;
	r->pause = REACH_PAUSE;
	nat_budget_init(&r->own_budget);
	if (!r->cfg.budget)
		r->cfg.budget = &r->own_budget;
	reach_salvo_init(&r->salvo, &r->cfg.rng, r->cfg.budget);
	memcpy(meet.k, cfg->k, sizeof(meet.k));
	memcpy(meet.key, cfg->key, sizeof(meet.key));
	memcpy(meet.seed, cfg->seed, sizeof(meet.seed));
	meet_client_init(&r->meet, now, &meet);
	adit_bytes_wipe(&meet, sizeof(meet));
	reach_measure_init(r);
	reach_window_init(r);
	reach_relay_init(r);
	reach_mapped_init(r);
}

void reach_done(struct reach *r)
{
	if (!r)
		return;
	if (r->folded > 0 || !r->is_stirred) {
		adit_bytes_wipe(r, r->folded > 0 ? r->folded : offsetof(struct reach, meet) + MEET_CLIENT_KEPT);
		return;
	}
	ice_agent_done(&r->agent);
	meet_client_done(&r->meet);
	adit_bytes_wipe(r, sizeof(*r));
}

/* ---- what it is told ---- */

static int mediator_find(const struct reach *r, const char *name)
{
	for (unsigned i = 0; i < r->n_mediators; i++)
		if (strcmp(r->names[i], name) == 0)
			return (int)i;
	return ADIT_ENOENT;
}

static void homes_refresh(struct reach *r)
{
	if (r->state == REACH_IDLE)
		return;
	for (unsigned f = 0; f < 2; f++)
		if (r->home[f] != REACH_NO_SOCK)
			reach_measure_start(r, f);
	reach_homes_open(r);
}

int reach_add_mediator(struct reach *r, adit_time now, const char *name, const struct adit_addr *addr)
{
	int n = strnlen(name, MEET_NAME_MAX + 1) > MEET_NAME_MAX ? ADIT_EFULL : mediator_find(r, name);

	reach_set_now(r, now);
	if (n == ADIT_EFULL)
		return n;
	if (n >= 0) {
		meet_client_set_addr(&r->meet, now, (unsigned)n, addr);
	} else {
		n = meet_client_add(&r->meet, name, addr);
		if (n < 0)
			return n;
		snprintf(r->names[n], sizeof(r->names[n]), "%s", name);
		r->n_mediators++;
	}
	(void)!reach_add_server(r, now, addr); /* no room for one more witness: it introduces all the same */
	return 0;
}

int reach_add_server(struct reach *r, adit_time now, const struct adit_addr *addr)
{
	int n;

	reach_set_now(r, now);
	n = reach_measure_add(r, addr);
	if (n == ADIT_EFULL)
		return n;
	if (n >= 0)
		homes_refresh(r);
	return 0;
}

bool reach_has_host(const struct reach *r, unsigned family)
{
	for (size_t i = 0; i < r->n_hosts; i++)
		if (reach_family_index(r->hosts[i].addr.family) == family)
			return true;
	return false;
}

void reach_set_hosts(struct reach *r, adit_time now, const struct reach_host *hosts, size_t n)
{
	bool is_same;

	reach_set_now(r, now);
	n = n < REACH_HOSTS_MAX ? n : REACH_HOSTS_MAX;
	is_same = n == r->n_hosts;
	for (size_t i = 0; i < n && is_same; i++)
		is_same = adit_addr_eq_ip(&r->hosts[i].addr, &hosts[i].addr) && r->hosts[i].iface == hosts[i].iface;
	if (is_same)
		return;
	memcpy(r->hosts, hosts, n * sizeof(*hosts));
	r->n_hosts = n;
	meet_client_set_own(&r->meet, now, reach_has_host(r, 0), reach_has_host(r, 1));
	r->reopen[0].failed = r->reopen[1].failed = 0;
	reach_relay_forget(r);
	reach_measure_forget(r);
	for (unsigned f = 0; f < 2; f++) {
		if (r->home[f] != REACH_NO_SOCK && r->state != REACH_IDLE)
			meet_client_moved(&r->meet, now, reach_family_of(f));
	}
	homes_refresh(r);
	reach_mapped_again(r);
	r->pause = REACH_PAUSE; /* what failed has failed in another network */
	if (n > 0 && r->state == REACH_RESTING)
		r->state_until = now;
	reach_step(r);
}

void reach_trust(struct reach *r, const struct adit_addr *addrs, size_t n)
{
	r->n_trusted = n < REACH_TRUSTED_MAX ? n : REACH_TRUSTED_MAX;
	memcpy(r->trusted, addrs, r->n_trusted * sizeof(*addrs));
}

void reach_set_utc(struct reach *r, adit_time now, adit_utc utc)
{
	reach_set_now(r, now);
	meet_client_set_utc(&r->meet, now, utc);
	r->utc = utc;
	r->utc_at = now;
}

void reach_set_memory(struct reach *r, const struct reach_memory *m)
{
	r->memory = *m;
}

bool reach_is_remembered(const struct reach *r)
{
	const struct reach_view *v = &r->measure.view[0];

	return v->public.family != ADIT_FAMILY_NONE && adit_addr_eq_ip(&r->memory.network, &v->public);
}

static bool is_ttl_remembered(const struct reach *r)
{
	return r->memory.low_ttl != 0 && reach_is_remembered(r);
}

bool reach_flow_take(struct reach *r, unsigned n)
{
	bool ok = nat_budget_take(r->cfg.budget, r->now, n, 0);

	*(ok ? &r->stats.flows_opened : &r->stats.flows_refused) += n;
	return ok;
}

void reach_flow_note(struct reach *r, unsigned n)
{
	nat_budget_note(r->cfg.budget, r->now, n);
	r->stats.flows_opened += n;
}

bool reach_ttl_is_known(const struct reach *r, uint8_t family)
{
	unsigned f = reach_family_index(family);

	return r->measure.view[f].ttl.state == NAT_TTL_KNOWN || (f == 0 && is_ttl_remembered(r));
}

uint8_t reach_low_ttl(const struct reach *r, uint8_t family)
{
	unsigned f = reach_family_index(family);

	if (!r->cfg.low_ttl)
		return 0;
	if (f == 0 && r->measure.view[0].ttl.state != NAT_TTL_KNOWN && is_ttl_remembered(r))
		return r->memory.low_ttl;
	return nat_ttl_low(&r->measure.view[f].ttl);
}

/* ---- commands ---- */

void reach_start(struct reach *r, adit_time now)
{
	reach_set_now(r, now);
	if (r->is_held) {
		r->is_held = false;
		reach_set_state(r, REACH_MEASURING, ADIT_NEVER);
		reach_step(r);
		return;
	}
	/* The peer has noticed first that there is no path, and is being answered. */
	if (r->cfg.role == MEET_SERVE && (r->state == REACH_MEETING || r->state == REACH_PUNCHING))
		return;
	reach_round_stop(r);
	for (unsigned f = 0; f < 2; f++)
		if (r->is_spent[f])
			reach_home_renew(r, f);
	if (r->cfg.role == MEET_CONNECT) {
		reach_attempt_start(r);
		reach_step(r);
		return;
	}
	if (r->state == REACH_IDLE)
		meet_client_serve(&r->meet, now);
	reach_set_state(r, REACH_WAITING, ADIT_NEVER);
	reach_homes_open(r);
	reach_step(r);
}

/* Registered from another socket where the home is old; from the same one where it will do. */
static void serve_ready(struct reach *r)
{
	reach_homes_freshen(r);
	for (unsigned f = 0; f < 2; f++)
		if (r->is_spent[f])
			reach_home_renew(r, f);
	reach_again(r, r->now);
}

void reach_ready(struct reach *r, adit_time now)
{
	reach_set_now(r, now);
	if (r->cfg.role == MEET_SERVE && (r->state == REACH_WAITING || r->state == REACH_DONE)) {
		serve_ready(r);
	} else if (r->cfg.role == MEET_CONNECT && r->state == REACH_DONE && !r->has_agent) {
		r->is_held = true;
		reach_attempt_start(r);
		reach_set_state(r, REACH_MEASURING, adit_time_add(now, REACH_READY));
		reach_step(r);
	}
}

void reach_rest(struct reach *r, adit_time now)
{
	reach_set_now(r, now);
	if (r->state == REACH_IDLE)
		return;
	/* The peer has found that it needs a path, and is being answered: that ends by itself. */
	if (r->cfg.role == MEET_SERVE && (r->state == REACH_MEETING || r->state == REACH_PUNCHING))
		return;
	r->is_held = false;
	if (r->cfg.role == MEET_CONNECT && r->state != REACH_DONE)
		meet_client_stop(&r->meet);
	reach_settled(r);
}

bool reach_is_done(const struct reach *r)
{
	return r->state == REACH_DONE;
}

/* How long an answer may take. */
static adit_dur again_after(const struct reach *r)
{
	adit_dur d = REACH_AGAIN;

	for (unsigned i = 0; i < r->n_mediators; i++)
		if (3 * meet_client_rtt(&r->meet, i) > d)
			d = 3 * meet_client_rtt(&r->meet, i);
	return d;
}

/* An attempt that somebody has answered, or may yet, is under way; one that is over waits no longer than that. */
static bool is_attempt_alive(const struct reach *r)
{
	adit_time since = r->state == REACH_RESTING ? r->rest_at : r->began_at;

	return adit_time_since(r->now, since) < again_after(r) || (r->state != REACH_RESTING && r->heard_at > since);
}

void reach_again(struct reach *r, adit_time now)
{
	reach_set_now(r, now);
	if (r->state == REACH_IDLE)
		return;
	if (r->cfg.role == MEET_CONNECT) {
		if (is_attempt_alive(r)) {
			meet_client_again(&r->meet, now);
			return;
		}
		for (unsigned f = 0; f < 2; f++)
			if (r->home[f] != REACH_NO_SOCK && r->measure.view[f].kind == NAT_KIND_UNKNOWN)
				reach_measure_start(r, f);
		reach_start(r, now);
		return;
	}
	if ((r->heard_at != 0 && adit_time_since(now, r->heard_at) < again_after(r)) ||
	    adit_time_since(now, r->again_at) < again_after(r))
		return;
	r->again_at = now;
	for (unsigned f = 0; f < 2; f++)
		if (r->home[f] != REACH_NO_SOCK)
			meet_client_moved(&r->meet, now, reach_family_of(f));
	homes_refresh(r);
	reach_step(r);
}

void reach_set_fresh(struct reach *r, bool fresh)
{
	r->wants_fresh = fresh;
}

void reach_stop(struct reach *r, adit_time now)
{
	reach_set_now(r, now);
	reach_round_stop(r);
	reach_window_close(r);
	reach_measure_stop(r);
	meet_client_stop(&r->meet);
	for (unsigned f = 0; f < 2; f++)
		r->last_home[f] = r->home[f] != REACH_NO_SOCK && r->socks[r->home[f]].state == REACH_SOCK_OPEN
					  ? r->home[f]
					  : REACH_NO_SOCK;
	for (uint16_t i = 0; i < REACH_SOCK_SLOTS; i++)
		reach_sock_close(r, i);
	reach_salvo_init(&r->salvo, &r->cfg.rng, r->cfg.budget);
	r->home[0] = r->home[1] = REACH_NO_SOCK;
	r->has_peer = r->is_held = false;
	r->reopen[0].at = r->reopen[1].at = ADIT_NEVER;
	reach_set_state(r, REACH_IDLE, ADIT_NEVER);
}

void reach_report(struct reach *r, adit_time now, enum meet_path path, adit_dur took)
{
	reach_set_now(r, now);
	meet_client_report(&r->meet, now, path, (uint32_t)(took / ADIT_MS(1)));
}

int reach_take(struct reach *r, adit_time now, uint32_t sock)
{
	uint16_t slot = reach_sock_find(r, sock);
	bool is_valid = false;

	reach_set_now(r, now);
	if (reach_relay_is_sock(r, sock))
		return 0;
	for (size_t i = 0; i < r->n_told; i++)
		is_valid |= r->told[i].sock == sock;
	if (slot == REACH_NO_SOCK || r->socks[slot].state != REACH_SOCK_OPEN || !is_valid)
		return ADIT_ENOENT;
	if (r->socks[slot].use == REACH_USE_SALVO)
		reach_fire_lost(r, slot);
	r->socks[slot].state = REACH_SOCK_TAKEN;
	r->stats.socks_open--;
	stun_client_cancel_sock(&r->measure.client, sock);
	for (unsigned f = 0; f < 2; f++) {
		if (r->home[f] != slot)
			continue;
		r->home[f] = REACH_NO_SOCK;
		if (r->cfg.role == MEET_SERVE)
			reach_homes_open(r);
	}
	adit_trace(r->cfg.log, ADIT_LOG_DECIDE, "reach_taken sock=%u", (unsigned)sock);
	return 0;
}

void reach_released(struct reach *r, adit_time now, uint32_t sock)
{
	uint16_t slot = reach_sock_find(r, sock);

	reach_set_now(r, now);
	if (slot != REACH_NO_SOCK && r->socks[slot].state == REACH_SOCK_TAKEN)
		r->socks[slot].state = REACH_SOCK_FREE;
	if (r->state != REACH_IDLE)
		reach_mapped_open(r);
}

bool reach_has_sock(const struct reach *r, uint32_t sock)
{
	return reach_sock_is_live(r, sock);
}

/* ---- time, and what goes in and out ---- */

void reach_step(struct reach *r)
{
	struct meet_event ev;
	enum reach_state was;

	assert(r->folded == 0);
	while (meet_client_event(&r->meet, &ev)) {
		r->is_stirred |= ev.offer != NULL || ev.relay != NULL;
		reach_meet_event(r, &ev);
	}
	reach_measure_step(r);
	reach_told_scan(r);
	reach_relay_tick(r);
	do {
		was = r->state;
		reach_meet_tick(r);
		reach_round_tick(r);
	} while (r->state != was);
}

int reach_input(struct reach *r, adit_time now, const struct adit_dgram *d)
{
	int err;

	reach_set_now(r, now);
	err = reach_hear(r, d);
	if (err == 0)
		reach_step(r);
	return err;
}

/* An opener that has died inside has opened nothing: the low TTL has to be larger. */
static void expired(struct reach *r, const struct adit_icmp *icmp)
{
	uint8_t ttl = reach_low_ttl(r, icmp->remote.family);

	if (ttl != 0 && nat_ttl_is_expiry(icmp))
		nat_ttl_expired(&r->measure.view[reach_family_index(icmp->remote.family)].ttl, ttl, &icmp->offender);
}

/*
 * The peer's router takes for itself what comes early, or says that it does not want it: no fresh socket of the peer's
 * can have a port that was probed, so there is nothing to wait for.
 */
static bool is_unreachable(const struct reach *r, const struct adit_icmp *icmp)
{
	return adit_addr_is_v4(&icmp->remote) && icmp->type == ICMP_UNREACHABLE && icmp->code == ICMP_PORT &&
	       r->has_peer && adit_addr_eq_ip(&icmp->remote, &r->peer.public) &&
	       adit_addr_eq_ip(&icmp->offender, &r->peer.public);
}

void reach_icmp(struct reach *r, adit_time now, const struct adit_icmp *icmp)
{
	reach_set_now(r, now);
	if (!reach_sock_is_live(r, icmp->sock))
		return;
	if (!reach_measure_icmp(r, icmp) && r->has_agent) {
		ice_agent_icmp(&r->agent, now, icmp);
		expired(r, icmp);
		if (is_unreachable(r, icmp))
			reach_salvo_go_on(&r->salvo, now);
	}
	reach_step(r);
}

void reach_tick(struct reach *r, adit_time now)
{
	reach_set_now(r, now);
	if (r->state == REACH_IDLE)
		return;
	reach_socks_tick(r);
	meet_client_tick(&r->meet, now);
	reach_measure_tick(r);
	reach_mapped_tick(r);
	reach_window_tick(r);
	if (r->has_agent)
		ice_agent_tick(&r->agent, now);
	reach_step(r);
}

adit_time reach_deadline(const struct reach *r)
{
	adit_time at = reach_socks_deadline(r);

	if (r->state == REACH_IDLE)
		return at;
	at = adit_time_min(at, reach_fire_deadline(r));
	at = adit_time_min(at, reach_mapped_deadline(r));
	at = adit_time_min(at, meet_client_deadline(&r->meet));
	at = adit_time_min(at, adit_time_min(reach_measure_deadline(r), reach_window_deadline(r)));
	at = adit_time_min(at, reach_relay_deadline(r));
	if (r->has_agent)
		at = adit_time_min(at, ice_agent_deadline(&r->agent));
	return adit_time_min(at, reach_round_deadline(r));
}

/* The socket for what goes to a mediator; an answer, number |ask| from 1 on, leaves from where its offer came in. */
static uint32_t meet_sock(const struct reach *r, unsigned family, uint32_t ask)
{
	uint16_t home = r->state == REACH_IDLE ? r->last_home[family] : r->home[family];

	if (ask > 0)
		return r->ask_sock[ask - 1];
	/* A report goes where the mediator knows us from, whoever has that socket now. */
	if (r->cfg.role == MEET_CONNECT && r->state == REACH_DONE)
		return r->offer_sock;
	if (reach_relay_is_via(r, family))
		return r->relay.sock;
	if (home == REACH_NO_SOCK)
		return r->cfg.sock_base - 1; /* nobody's: as if it were lost */
	return reach_sock_number(r, home);
}

static int output_meet(struct reach *r, struct adit_out *ret_out)
{
	while (meet_client_output(&r->meet, r->now, ret_out)) {
		unsigned family = reach_family_index(ret_out->remote.family);
		bool is_last = r->state == REACH_IDLE && r->last_home[family] != REACH_NO_SOCK; /* it is being closed */

		ret_out->sock = meet_sock(r, family, ret_out->sock);
		if (!is_last && !reach_sock_is_live(r, ret_out->sock))
			continue;
		if (!reach_relay_is_sock(r, ret_out->sock))
			reach_relay_asked(r, family);
		return 1;
	}
	return 0;
}

/* What leaves a socket that was closed meanwhile is lost. */
static int output_agent(struct reach *r, struct adit_out *ret_out)
{
	while (r->has_agent && ice_agent_output(&r->agent, r->now, ret_out)) {
		if (!reach_sock_is_live(r, ret_out->sock))
			continue;
		r->stats.probes_sent++;
		return 1;
	}
	return 0;
}

int reach_output(struct reach *r, adit_time now, struct adit_out *ret_out)
{
	reach_set_now(r, now);
	assert(r->folded == 0);
	*ret_out = (struct adit_out){0};
	/* A report first, before the socket that it leaves from is closed: all that it needs is open by now. */
	if (r->cfg.role == MEET_CONNECT && r->state == REACH_DONE && output_meet(r, ret_out))
		return 1;
	/* The last words, likewise. */
	if (r->state == REACH_IDLE && output_meet(r, ret_out))
		return 1;
	if (reach_socks_output(r, ret_out))
		return 1;
	/* The own NAT is open before the answer brings the peer's first check; where packets are to cross, after it. */
	if (r->start == REACH_START_APART && reach_round_output(r, ret_out))
		return 1;
	if (output_meet(r, ret_out) || reach_measure_output(r, ret_out))
		return 1;
	if (reach_relay_output(r, ret_out) || reach_round_output(r, ret_out) || reach_window_output(r, ret_out))
		return 1;
	return output_agent(r, ret_out) || reach_fire_output(r, ret_out);
}

void reach_stats(const struct reach *r, struct reach_stats *ret_stats)
{
	*ret_stats = r->stats;
	ret_stats->ttl = reach_low_ttl(r, ADIT_FAMILY_V4);
	ret_stats->ttl_known = reach_ttl_is_known(r, ADIT_FAMILY_V4);
}

void reach_views(const struct reach *r, struct reach_desc *ret_own, struct reach_desc *ret_peer)
{
	*ret_own = r->own;
	*ret_peer = r->has_peer ? r->peer : (struct reach_desc){0};
}
