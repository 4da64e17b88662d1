#include "link/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/link_choose.h"
#include "link/link_int.h"
#include "quic/quic_limits.h"

const char *link_state_name(enum link_state s)
{
	static const char *const name[] = {"seeking", "securing", "up", "outage", "over"};

	return name[s];
}

const char *link_mediator_state_name(enum link_mediator_state s)
{
	static const char *const name[] = {"asked", "registered", "met", "absent", "silent", "refused"};

	return name[s];
}

const char *link_how_name(enum link_how how)
{
	static const char *const name[] = {"steady", "slot", "burst", "pinned"};

	return how < LINK_HOW_LAN ? name[how] : reach_how_name((enum reach_how)(how - LINK_HOW_LAN));
}

const char *link_relay_state_name(enum link_relay_state s)
{
	static const char *const name[] = {"none", "asked", "ready", "lost", "failed"};

	return name[s];
}

bool link_how_is_serverless(enum link_how how)
{
	return how < LINK_HOW_LAN;
}

const char *link_why_name(enum link_why why)
{
	static const char *const name[] = {"better", "silent", "age", "peer", "awake"};

	return name[why];
}

void link_set_state(struct link *l, adit_time now, enum link_state state)
{
	if (l->state == state)
		return;
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "link-state from=%s to=%s", link_state_name(l->state),
		   link_state_name(state));
	l->state = state;
	l->since = now;
	l->linger_at = state == LINK_OUTAGE ? adit_time_add(now, l->cfg.linger) : ADIT_NEVER;
}

/* Full only if one input made more events than LINK_QUEUE_MAX allows for: then the newest is the least important. */
struct link_queued *link_queue(struct link *l, enum link_event_kind kind)
{
	struct link_queued *e = &l->queue[l->n_queue < LINK_QUEUE_MAX ? l->n_queue++ : LINK_QUEUE_MAX - 1];

	*e = (struct link_queued){.kind = kind};
	return e;
}

void link_queue_path(struct link *l, enum link_event_kind kind, const struct link_path *p)
{
	link_queue(l, kind)->path = p->info;
}

int link_new(const struct link_config *cfg, adit_time now, struct link **ret_link)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return ADIT_ENOMEM;
	l->cfg = *cfg;
	if (l->cfg.connections > FWD_CONNECTIONS_MAX)
		l->cfg.connections = FWD_CONNECTIONS_MAX;
	l->since = l->search_at = now;
	l->linger_at = l->migrate_at = l->restart_at = ADIT_NEVER;
	link_watch_init(&l->watch, now);
	link_alarm_init(&l->alarm);
	link_idle_init(&l->idle);
	if (cfg->lives)
		l->memory = *cfg->lives;
	link_relay_init(&l->relay, &l->cfg);
	if (link_find_init(&l->find, &l->cfg, now) < 0) {
		free(l);
		return ADIT_ENOMEM;
	}
	*ret_link = l;
	return 0;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	link_session_free(l->session);
	link_session_free(l->incoming);
	link_session_free(l->retired);
	link_strands_done(l);
	free(l->probe);
	link_relay_done(&l->relay);
	link_find_done(&l->find);
	link_path_reap(l, true);
	free(l->known);
	adit_bytes_wipe(l, sizeof(*l)); /* keys are in |find|, too */
	free(l);
}

void link_set_peers(struct link *l, adit_time now, const struct adit_addr *peers, size_t n)
{
	link_find_set_peers(&l->find, now, peers, n);
}

int link_add_mediator(struct link *l, adit_time now, const char *name, const struct adit_addr *addr)
{
	return link_find_add_mediator(&l->find, now, name, addr);
}

int link_add_server(struct link *l, adit_time now, const struct adit_addr *addr)
{
	return link_find_add_server(&l->find, now, addr);
}

void link_set_nat64(struct link *l, adit_time now, const struct adit_nat64 *n)
{
	link_find_set_nat64(&l->find, now, n);
}

void link_set_hosts(struct link *l, adit_time now, const struct reach_host *hosts, size_t n)
{
	bool is_new = link_path_is_new_host(l, hosts, n);

	link_find_set_hosts(&l->find, now, hosts, n);
	link_relay_moved(&l->relay, now); /* an allocation belongs to the address that it was made from */
	link_path_set_hosts(l, now, hosts, n, is_new);
}

int link_set_relay(struct link *l, adit_time now, size_t i, const struct turn_server *server)
{
	int err = link_relay_put(&l->relay, now, i, server);

	if (err == 0 && l->relay.info.state == LINK_RELAY_ASKED)
		link_find_await_relay(&l->find, now);
	return err;
}

void link_relay_changed(struct link *l, adit_time now)
{
	adit_utc utc = l->utc + adit_time_since(now, l->utc_at);
	const struct reach_relay *relay;

	while (link_relay_news(&l->relay, now, utc, &relay)) {
		link_queue(l, LINK_EVENT_RELAY)->relay = l->relay.info;
		link_find_set_relay(&l->find, now, relay);
		if (l->relay.info.state != LINK_RELAY_LOST)
			continue;
		if (link_relay_is_asked(&l->relay))
			link_find_await_relay(&l->find, now);
		link_watch_cut(l, now, LINK_RELAY_SOCK);
	}
}

void link_set_mapped(struct link *l, adit_time now, enum adit_family family, const struct reach_mapping *map)
{
	link_find_set_mapped(&l->find, now, family, map);
}

void link_set_utc(struct link *l, adit_time now, adit_utc utc)
{
	l->utc = utc;
	l->utc_at = now;
	link_find_set_utc(&l->find, now, utc);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			punch_path_set_utc(l->path[i].keep, now, utc);
}

void link_start(struct link *l, adit_time now)
{
	if (l->state == LINK_OVER)
		return;
	l->search_at = now;
	link_find_start(&l->find, now);
}

/* --- sessions --- */

bool link_stands_still(const struct link_path *p)
{
	return !p || p->lost;
}

void link_quic_config(const struct link *l, const struct link_path *p, struct quic_config *ret_cfg)
{
	*ret_cfg = (struct quic_config){
		.creds = l->cfg.creds,
		.log = l->cfg.log,
		.rng = l->cfg.rng,
		.max_payload = adit_addr_is_loopback(&p->info.remote) ? QUIC_PAYLOAD_MAX : l->cfg.max_payload,
	};
	memcpy(ret_cfg->pin, l->cfg.peer_key, sizeof(ret_cfg->pin));
}

/* The session is over for the driver, who may still be looking at its streams. */
static void session_retire(struct link *l, adit_time now)
{
	struct link_path *old = l->session_path;

	link_session_free(l->retired);
	link_strands_done(l);
	l->retired = l->session;
	l->session = NULL;
	l->session_path = NULL;
	l->migrate_at = l->restart_at = ADIT_NEVER;
	link_path_drop(l, now, old);
	if (!l->incoming)
		link_path_drop_all(l, now);
	link_watch_init(&l->watch, now);
	link_alarm_init(&l->alarm);
	link_idle_init(&l->idle);
	l->switches = 0;
}

void link_end(struct link *l, adit_time now, enum link_reason reason, uint64_t code)
{
	link_session_end(l->session, now, reason, code, !link_stands_still(l->session_path));
}

/* Serve, after a session: for a peer that said goodbye it waits quietly, one that was lost it looks for. */
static void search_again(struct link *l, adit_time now, enum link_reason reason)
{
	l->search_at = now;
	link_set_state(l, now, LINK_SEEKING);
	if (reason == LINK_REASON_PEER)
		link_find_wait(&l->find, now);
	else
		link_find_start(&l->find, now);
}

void link_close(struct link *l, adit_time now, uint64_t code)
{
	link_set_state(l, now, LINK_OVER);
	link_find_stop(&l->find, now);
	if (l->session)
		link_end(l, now, LINK_REASON_CLOSED, code);
	else
		link_queue(l, LINK_EVENT_DOWN)->reason = LINK_REASON_CLOSED;
	l->has_incoming_up = false;
	if (l->incoming)
		link_session_end(l->incoming, now, LINK_REASON_CLOSED, code, !link_stands_still(l->incoming_path));
}

void link_icmp(struct link *l, adit_time now, const struct adit_icmp *icmp)
{
	if (link_relay_is_turn(icmp->sock))
		link_relay_icmp(&l->relay, now, icmp);
	else
		link_find_icmp(&l->find, now, icmp);
	link_relay_changed(l, now);
}

void link_sock_failed(struct link *l, adit_time now, uint32_t sock)
{
	if (link_relay_is_turn(sock))
		link_relay_sock_failed(&l->relay, now, sock);
	else
		link_find_sock_failed(&l->find, now, sock);
	link_relay_changed(l, now);
}

void link_sock_up(struct link *l, adit_time now, uint32_t sock)
{
	link_relay_sock_up(&l->relay, now, sock);
	link_relay_changed(l, now);
}

void link_sock_down(struct link *l, adit_time now, uint32_t sock, const char *why)
{
	link_relay_sock_down(&l->relay, now, sock, why);
	link_relay_changed(l, now);
}

/* --- time --- */

static void reap(struct link *l, adit_time now)
{
	struct link_path *p = l->incoming_path;

	link_session_free(l->retired);
	l->retired = NULL;
	link_path_reap(l, false);
	if (!l->incoming || !l->incoming->reported)
		return;
	link_session_free(l->incoming);
	l->incoming = NULL;
	l->incoming_path = NULL;
	link_path_drop(l, now, p);
}

static void session_tick(struct link_session *s, adit_time now, const struct link_path *p)
{
	if (s && !link_stands_still(p))
		link_session_tick(s, now);
}

/*
 * A server that was restarted says so when it is asked (437), long before the silence of the path would tell; and where
 * the peer's relay is the one that fell silent, ours may have gone with it. NEVER: there is nothing to ask about.
 */
static adit_time relay_ask_at(const struct link *l)
{
	const struct link_path *p = l->session_path;
	adit_time again_at = adit_time_add(l->relay_asked_at, LINK_RELAY_ASK);
	struct punch_path_view v;
	adit_time at;
	adit_dur rtt;

	if (!l->session || !p || p->lost || l->relay.info.state != LINK_RELAY_READY)
		return ADIT_NEVER;
	punch_path_view(p->keep, &v);
	rtt = quic_rtt(l->session->quic) > v.rtt ? quic_rtt(l->session->quic) : v.rtt;
	at = adit_time_add(v.owed_since, 2 * link_choose_patience(rtt));
	return at > again_at ? at : again_at;
}

static void relay_ask(struct link *l, adit_time now)
{
	if (now < relay_ask_at(l))
		return;
	l->relay_asked_at = now;
	link_relay_doubt(&l->relay, now);
	link_relay_tick(&l->relay, now);
}

/* Never far off while there is a path, as it asks or is asked. */
static adit_time paths_deadline(const struct link *l)
{
	adit_time t = ADIT_NEVER;

	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			t = adit_time_min(t, punch_path_deadline(l->path[i].keep));
	return t;
}

/* A machine that wakes up may find datagrams waiting before any timer is looked at. */
void link_wake(struct link *l, adit_time now)
{
	if (adit_time_since(now, l->ran_at) > LINK_SLEPT && now > adit_time_add(paths_deadline(l), LINK_SLEPT))
		link_alarm_slept(l, now);
	l->ran_at = now;
}

void link_tick(struct link *l, adit_time now)
{
	reap(l, now);
	link_wake(l, now);
	link_relay_tick(&l->relay, now);
	link_relay_changed(l, now);
	link_find_tick(&l->find, now);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		if (!l->path[i].used)
			continue;
		punch_path_tick(l->path[i].keep, now);
		link_move_path_events(l, now, &l->path[i]);
	}
	link_move_found(l, now);
	link_watch_step(l, now);
	relay_ask(l, now);
	if (l->state == LINK_OUTAGE && now >= l->linger_at)
		link_end(l, now, LINK_REASON_LINGER, FWD_CLOSE_DONE);
	if (now >= l->restart_at) {
		l->restart_at = ADIT_NEVER;
		link_end(l, now, LINK_REASON_RESTART, FWD_CLOSE_DONE);
	}
	if (now >= l->migrate_at)
		link_move_migrate(l, now);
	session_tick(l->session, now, l->session_path);
	session_tick(l->incoming, now, l->incoming_path);
}

static adit_time session_deadline(const struct link_session *s, const struct link_path *p)
{
	return !s || link_stands_still(p) ? ADIT_NEVER : link_session_deadline(s);
}

adit_time link_deadline(const struct link *l)
{
	adit_time t = link_find_deadline(&l->find, l->since);

	t = adit_time_min(t, paths_deadline(l));
	t = adit_time_min(t, adit_time_min(l->linger_at, adit_time_min(l->migrate_at, l->restart_at)));
	t = adit_time_min(t, link_watch_deadline(l));
	t = adit_time_min(t, adit_time_min(link_relay_deadline(&l->relay), relay_ask_at(l)));
	t = adit_time_min(t, session_deadline(l->session, l->session_path));
	return adit_time_min(t, session_deadline(l->incoming, l->incoming_path));
}

/* --- output --- */

static int session_output(struct link *l, adit_time now, struct link_session *s, const struct link_path *p,
			  struct adit_out *ret_out)
{
	struct quic_batch b;

	if (!s || link_stands_still(p))
		return 0;
	quic_set_payload(s->quic, punch_path_size(p->keep));
	while (quic_output(s->quic, now, &b)) {
		struct link_path *to = link_path_by_gen(l, b.path);

		if (!to)
			continue; /* a path that is gone: lost on the way */
		punch_path_sent(to->keep, now);
		if ((b.seg_size ? b.seg_size : b.len) > PUNCH_SIZE_BASE)
			punch_path_sent_full(to->keep, now);
		*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND,
					     .sock = to->sock,
					     .local = to->info.local,
					     .remote = to->info.remote,
					     .data = b.data,
					     .len = b.len,
					     .seg_size = b.seg_size};
		return 1;
	}
	return 0;
}

/* Of all but the relays. */
static int own_output(struct link *l, adit_time now, struct adit_out *ret_out)
{
	/* First, so that the steady pair finds its port free. */
	if (l->n_close > 0) {
		*ret_out = (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = l->close_sock[--l->n_close]};
		return 1;
	}
	if (link_strands_output(l, ret_out) || link_find_output(&l->find, now, ret_out))
		return 1;
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used && punch_path_output(l->path[i].keep, now, ret_out))
			return 1;
	return session_output(l, now, l->session, l->session_path, ret_out) ||
	       session_output(l, now, l->incoming, l->incoming_path, ret_out);
}

/* What is sent from the relay's socket comes out of the relay, with what that puts around it. */
int link_output(struct link *l, adit_time now, struct adit_out *ret_out)
{
	while (!link_relay_output(&l->relay, now, ret_out)) {
		if (!own_output(l, now, ret_out)) {
			if (l->state != LINK_OVER)
				return 0;
			link_relay_end(&l->relay, now); /* the last words are out */
			return link_relay_output(&l->relay, now, ret_out);
		}
		if (ret_out->sock != LINK_RELAY_SOCK)
			return 1;
		if (ret_out->kind == ADIT_OUT_SEND)
			link_relay_send(&l->relay, now, ret_out);
	}
	return 1;
}

/* --- events --- */

static void on_up(struct link *l, adit_time now, const struct link_event *e)
{
	link_set_state(l, now, LINK_UP);
	if (l->find.reach)
		reach_set_fresh(l->find.reach, true);
	link_find_hold(&l->find, now);
	link_alarm_settle(l, now);
	if (l->cfg.role == PUNCH_SERVE && l->cfg.single && !l->cfg.has_peer_key) {
		memcpy(l->cfg.peer_key, e->peer_key, sizeof(l->cfg.peer_key));
		l->cfg.has_peer_key = true;
	}
}

static void on_down(struct link *l, adit_time now, enum link_reason reason)
{
	session_retire(l, now);
	if (l->find.reach)
		reach_set_fresh(l->find.reach, false);
	if (l->state == LINK_OVER)
		return; /* one that was coming has been ended, too: reap() */
	if (l->incoming) {
		l->session = l->incoming;
		l->session_path = l->incoming_path;
		l->incoming = NULL;
		l->incoming_path = NULL;
		link_set_state(l, now, l->session->state == LINK_SESSION_UP ? LINK_UP : LINK_SECURING);
		link_path_measure(l, now);
		return;
	}
	if (l->cfg.role == PUNCH_SERVE)
		search_again(l, now, reason);
	else
		link_set_state(l, now, LINK_SEEKING);
}

static bool session_event(struct link *l, adit_time now, struct link_event *ret_event)
{
	if (!l->session || !link_session_event(l->session, now, ret_event))
		return false;
	if (ret_event->kind == LINK_EVENT_UP) {
		ret_event->path = l->session_path->info;
		on_up(l, now, ret_event);
		link_path_measure(l, now);
	} else if (ret_event->kind == LINK_EVENT_DOWN) {
		on_down(l, now, ret_event->reason);
	}
	return true;
}

/*
 * Until it is admitted the incoming session has no event of interest but that; then the old one goes first. One that
 * ended before has only its DOWN to give, which is nobody's concern: reap().
 */
static void incoming_events(struct link *l, adit_time now)
{
	struct link_event e;

	while (l->incoming && !l->has_incoming_up && link_session_event(l->incoming, now, &e)) {
		if (e.kind != LINK_EVENT_UP)
			continue;
		l->incoming_up = e;
		l->has_incoming_up = true;
		on_up(l, now, &e);
		link_end(l, now, l->restart_at == ADIT_NEVER ? LINK_REASON_REPLACED : LINK_REASON_RESTART,
			 FWD_CLOSE_REPLACED);
	}
}

static void queue_take(struct link *l, struct link_event *ret_event)
{
	const struct link_queued *e = &l->queue[0];

	*ret_event = (struct link_event){
		.kind = e->kind, .why = e->why, .reason = e->reason, .mediator = e->mediator, .learnt = e->learnt};
	if (e->kind == LINK_EVENT_MEET) {
		ret_event->meet = e->meet;
	} else if (e->kind == LINK_EVENT_RELAY) {
		ret_event->relay = e->relay;
	} else {
		ret_event->path = e->path;
		ret_event->was = e->was;
	}
	l->n_queue--;
	memmove(l->queue, l->queue + 1, l->n_queue * sizeof(l->queue[0]));
}

int link_event(struct link *l, adit_time now, struct link_event *ret_event)
{
	if (l->n_queue > 0) {
		queue_take(l, ret_event);
		return 1;
	}
	incoming_events(l, now);
	if (l->has_incoming_up && !l->incoming) {
		l->has_incoming_up = false;
		*ret_event = l->incoming_up;
		ret_event->path = l->session_path->info;
		return 1;
	}
	return session_event(l, now, ret_event);
}

/* --- commands --- */

int link_stream_open(struct link *l, uint16_t service, struct link_stream **ret_stream)
{
	return l->session ? link_session_stream_open(l->session, service, ret_stream) : ADIT_EAGAIN;
}

int link_stream_open_early(struct link *l, const char *service, struct link_stream **ret_stream)
{
	return l->session ? link_session_stream_open_early(l->session, service, ret_stream) : ADIT_EAGAIN;
}

int link_dgram_send(struct link *l, uint16_t service, uint32_t flow, const uint8_t *data, size_t len)
{
	if (!l->session || l->session->state != LINK_SESSION_UP || l->state == LINK_OUTAGE)
		return ADIT_EAGAIN;
	return link_session_dgram_send(l->session, service, flow, data, len);
}

static void status_paths(const struct link *l, adit_time now, struct link_status *ret_status)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		const struct link_path *p = &l->path[i];
		struct link_path_status *s = &ret_status->paths[p == l->session_path ? 0 : ret_status->n_paths];
		struct punch_path_view v;

		if (!p->used || p == l->incoming_path)
			continue;
		if (p == l->session_path && ret_status->n_paths > 0)
			ret_status->paths[ret_status->n_paths] = ret_status->paths[0];
		punch_path_view(p->keep, &v);
		*s = (struct link_path_status){
			.info = p->info,
			.is_used = p == l->session_path,
			.is_lost = p->lost,
			.rtt = v.rtt,
			.loss = v.loss,
			.age = adit_time_since(now, p->since),
			.silence = adit_time_since(now, v.heard_at),
			.every = l->cfg.role == PUNCH_SERVE ? v.peer_every : link_idle_every(l, p),
		};
		ret_status->n_paths++;
	}
}

void link_status_get(const struct link *l, adit_time now, struct link_status *ret_status)
{
	*ret_status = (struct link_status){.state = l->state, .since = l->since, .generation = l->last_gen};
	punch_stats(&l->find.punch, &ret_status->punch);
	ret_status->mediators = l->find.mediators;
	ret_status->n_mediators = l->find.n_mediators;
	ret_status->reach = l->find.reach;
	ret_status->nat64 = l->find.nat64;
	ret_status->relay = l->relay.info;
	ret_status->horizon = punch_replay_horizon(&l->find.replay, l->utc + adit_time_since(now, l->utc_at));
	if (l->session_path)
		ret_status->path = l->session_path->info;
	ret_status->switches = l->switches;
	status_paths(l, now, ret_status);
	if (!l->session)
		return;
	quic_stats_get(l->session->quic, &ret_status->quic);
	ret_status->dgrams_lost =
		l->session->dgrams_lost + l->session->reasm.stats.expired + l->session->reasm.stats.evicted;
	link_strands_status(l, ret_status);
	if (l->session->state == LINK_SESSION_UP)
		memcpy(ret_status->peer_key, quic_peer_key(l->session->quic), QUIC_KEY_LEN);
}
