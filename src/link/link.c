#include "link/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/link_int.h"
#include "quic/quic_limits.h"

#define SOCK_BASE 1 /* punch numbers its sockets from here */

const char *link_state_name(enum link_state s)
{
	static const char *const name[] = {"seeking", "securing", "up", "outage", "over"};

	return name[s];
}

const char *punch_how_name(enum punch_how how)
{
	static const char *const name[] = {"steady", "slot", "burst", "pinned"};

	return name[how];
}

static void set_state(struct link *l, adit_time now, enum link_state state)
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
static struct link_event *queue_event(struct link *l, enum link_event_kind kind)
{
	struct link_event *e = &l->queue[l->n_queue < LINK_QUEUE_MAX ? l->n_queue++ : LINK_QUEUE_MAX - 1];

	*e = (struct link_event){.kind = kind};
	return e;
}

static void queue_path_event(struct link *l, enum link_event_kind kind, const struct link_path *p)
{
	queue_event(l, kind)->path = p->info;
}

int link_new(const struct link_config *cfg, adit_time now, struct link **ret_link)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return ADIT_ENOMEM;
	l->cfg = *cfg;
	l->since = l->search_at = now;
	l->linger_at = l->migrate_at = ADIT_NEVER;
	l->punch_cfg = (struct punch_config){
		.role = cfg->role,
		.crypto = cfg->crypto,
		.log = cfg->log,
		.rng = cfg->rng,
		.instance = cfg->instance,
		.pinned_port = cfg->pinned_port,
		.sock_base = SOCK_BASE,
		.low_ttl = true,
	};
	memcpy(l->punch_cfg.k, cfg->k, sizeof(l->punch_cfg.k));
	punch_replay_init(&l->replay);
	punch_replay_set_horizon(&l->replay, cfg->horizon);
	l->punch_cfg.replay = &l->replay;
	l->punch_cfg.budget = cfg->budget;
	punch_init(&l->punch, &l->punch_cfg, now);
	if (cfg->clock_diff)
		punch_set_clock_diff(&l->punch, now, cfg->clock_diff);
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
	free(l->probe);
	adit_bytes_wipe(l, sizeof(*l)); /* keys are in the paths, too */
	free(l);
}

void link_set_peers(struct link *l, adit_time now, const struct adit_addr *peers, size_t n)
{
	punch_set_peers(&l->punch, now, peers, n);
	l->punch_busy = true;
}

void link_set_utc(struct link *l, adit_time now, adit_utc utc)
{
	l->utc = utc;
	l->utc_at = now;
	punch_set_utc(&l->punch, now, utc);
	l->punch_busy = true;
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			punch_path_set_utc(&l->path[i].keep, now, utc);
}

void link_start(struct link *l, adit_time now)
{
	if (l->state == LINK_OVER)
		return;
	l->search_at = now;
	punch_start(&l->punch, now);
	l->punch_busy = true;
}

bool link_compresses(const struct link *l)
{
	return l->session && l->session->compresses;
}

/* --- sessions --- */

static bool stands_still(const struct link_path *p)
{
	return !p || p->lost;
}

static void quic_config_fill(const struct link *l, const struct link_path *p, struct quic_config *ret_cfg)
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
	l->retired = l->session;
	l->session = NULL;
	l->session_path = NULL;
	l->migrate_at = ADIT_NEVER;
	link_path_drop(l, now, old);
}

/* Its last packet goes out only over a living path. */
static void session_end(struct link *l, adit_time now, enum link_reason reason, uint64_t code)
{
	link_session_end(l->session, now, reason, code, !stands_still(l->session_path));
}

/* Serve, after a session: for a peer that said goodbye it waits quietly, one that was lost it looks for. */
static void search_again(struct link *l, adit_time now, enum link_reason reason)
{
	l->search_at = now;
	set_state(l, now, LINK_SEEKING);
	if (reason == LINK_REASON_PEER)
		punch_wait(&l->punch, now);
	else
		punch_start(&l->punch, now);
	l->punch_busy = true;
}

static void connect_over(struct link *l, adit_time now, struct link_path *p)
{
	struct quic_config cfg;
	struct quic *q;

	quic_config_fill(l, p, &cfg);
	if (quic_connect(&cfg, now, p->gen, &q) < 0 || link_session_new(&l->cfg, now, q, &l->session) < 0) {
		link_path_drop(l, now, p);
		return;
	}
	l->session_path = p;
	set_state(l, now, LINK_SECURING);
	queue_path_event(l, LINK_EVENT_HOLE, p);
	punch_rest(&l->punch, now);
	l->punch_busy = true;
}

/* Shows QUIC the session's path as a new one: congestion control and timers start anew, and data flow at once. */
static void migrate(struct link *l, adit_time now)
{
	if (l->cfg.role != PUNCH_CONNECT || !l->session || !l->session_path)
		return;
	l->migrate_at = quic_migrate(l->session->quic, now, l->session_path->gen) == ADIT_EAGAIN
				? adit_time_add(now, LINK_MIGRATE_RETRY)
				: ADIT_NEVER;
}

/* The session goes on over |p|. */
static void switch_to(struct link *l, adit_time now, struct link_path *p)
{
	struct link_path *old = l->session_path;
	bool was_outage = l->state == LINK_OUTAGE;

	l->session_path = p;
	if (old != p)
		link_path_drop(l, now, old);
	migrate(l, now);
	link_path_measure(l, now);
	if (!was_outage)
		return;
	set_state(l, now, LINK_UP);
	queue_path_event(l, LINK_EVENT_BACK, p);
	punch_rest(&l->punch, now);
	l->punch_busy = true;
}

static void outage(struct link *l, adit_time now)
{
	if (l->state == LINK_SECURING) {
		session_end(l, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL);
		return;
	}
	if (l->state != LINK_UP)
		return;
	set_state(l, now, LINK_OUTAGE);
	l->search_at = now;
	queue_event(l, LINK_EVENT_OUTAGE);
	punch_start(&l->punch, now);
	l->punch_busy = true;
}

void link_close(struct link *l, adit_time now, uint64_t code)
{
	set_state(l, now, LINK_OVER);
	punch_stop(&l->punch, now);
	l->punch_busy = true;
	if (l->session)
		session_end(l, now, LINK_REASON_CLOSED, code);
	else
		queue_event(l, LINK_EVENT_DOWN)->reason = LINK_REASON_CLOSED;
	l->has_incoming_up = false;
	if (l->incoming)
		link_session_end(l->incoming, now, LINK_REASON_CLOSED, code, !stands_still(l->incoming_path));
}

/* --- input --- */

static void path_events(struct link *l, adit_time now, struct link_path *p);
static void punch_events(struct link *l, adit_time now);

static void stun_input(struct link *l, adit_time now, const struct adit_dgram *d, int *ret)
{
	*ret = ADIT_EIGNORED;
	for (size_t i = 0; i < LINK_PATHS_MAX && *ret == ADIT_EIGNORED; i++)
		if (l->path[i].used && l->path[i].sock == d->sock)
			*ret = punch_path_input(&l->path[i].keep, now, d);
	if (*ret == ADIT_EIGNORED) {
		*ret = punch_input(&l->punch, now, d);
		l->punch_busy = true;
	}
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			path_events(l, now, &l->path[i]);
	punch_events(l, now);
}

/* Serve: a known address begins a handshake. */
static int begin_incoming(struct link *l, adit_time now, struct link_known *k, const struct adit_dgram *d)
{
	struct link_session **slot = l->session ? &l->incoming : &l->session;
	struct link_path **slot_path = l->session ? &l->incoming_path : &l->session_path;
	struct quic_config cfg;
	struct link_path *p;
	struct quic *q;

	if (*slot)
		return ADIT_EFULL; /* one at a time; it has LINK_ADMIT_WITHIN */
	p = link_path_new(l, now, d->sock, &k->info, k->instance);
	if (!p)
		return ADIT_EFULL;
	quic_config_fill(l, p, &cfg);
	if (quic_accept(&cfg, now, p->gen, d->data, d->len, &q) < 0 || link_session_new(&l->cfg, now, q, slot) < 0) {
		link_path_drop(l, now, p);
		return ADIT_EPROTO;
	}
	*slot_path = p;
	if (slot == &l->session)
		set_state(l, now, LINK_SECURING);
	queue_path_event(l, LINK_EVENT_HOLE, p);
	return 0;
}

static void heard(struct link *l, adit_time now, struct link_path *p)
{
	punch_path_heard(&p->keep, now);
	punch_path_sent(&p->keep, now); /* data were flowing: silence after them is worth a question */
	path_events(l, now, p);
}

static int feed(struct link_session *s, adit_time now, uint32_t gen, const struct adit_dgram *d)
{
	return quic_input(s->quic, now, gen, d->data, d->len, d->seg_size);
}

/* A session's packet from an address that is not its path: the peer moved there, if the address has proved itself. */
static int input_elsewhere(struct link *l, adit_time now, const struct adit_dgram *d)
{
	struct link_known *k = link_known_find(l, now, d->sock, &d->remote);
	struct link_path *p;

	if (!k)
		return ADIT_EIGNORED;
	if (!l->session || !quic_is_mine(l->session->quic, d->data, d->len)) {
		if (l->cfg.role == PUNCH_SERVE && l->state != LINK_OVER && quic_is_initial(d->data, d->len))
			return begin_incoming(l, now, k, d);
		return ADIT_EIGNORED;
	}
	p = link_path_new(l, now, d->sock, &k->info, k->instance);
	if (!p)
		return ADIT_EFULL;
	if (feed(l->session, now, p->gen, d) > 0) {
		heard(l, now, p);
		switch_to(l, now, p);
	} else {
		link_path_drop(l, now, p);
	}
	return 0;
}

static int quic_dgram_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	struct link_path *p = link_path_find(l, d->sock, &d->remote);
	struct link_session *s = NULL;

	if (l->session && l->session_path == p && p && quic_is_mine(l->session->quic, d->data, d->len))
		s = l->session;
	/* Both may use one address pair: an Initial belongs to whom its connection id says, or is new. */
	if (!s && l->incoming && l->incoming_path && l->incoming_path->sock == d->sock &&
	    quic_is_mine(l->incoming->quic, d->data, d->len)) {
		s = l->incoming;
		p = l->incoming_path;
	}
	if (!s)
		return input_elsewhere(l, now, d);
	if (feed(s, now, p->gen, d) > 0)
		heard(l, now, p);
	return 0;
}

/* RFC 7983 and 9443: STUN starts with 0-3 and has the magic cookie, QUIC has the fixed bit. */
static bool is_stun(const uint8_t *data, size_t len)
{
	static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

	return len >= 20 && data[0] <= 3 && memcmp(data + 4, cookie, sizeof(cookie)) == 0;
}

static int input_one(struct link *l, adit_time now, const struct adit_dgram *d)
{
	int r = ADIT_EIGNORED;

	if (is_stun(d->data, d->len))
		stun_input(l, now, d, &r);
	else if (d->len > 0 && (d->data[0] & 0x40))
		r = quic_dgram_input(l, now, d);
	return r;
}

/* A GRO batch may hold both kinds; nearly always it is QUIC alone and goes on whole. */
static bool is_all_quic(const struct adit_dgram *d)
{
	for (size_t at = 0; at < d->len; at += d->seg_size)
		if (!(d->data[at] & 0x40))
			return false;
	return true;
}

int link_input(struct link *l, adit_time now, const struct adit_dgram *d)
{
	int r = ADIT_EIGNORED;

	if (d->seg_size == 0 || is_all_quic(d))
		return input_one(l, now, d);
	for (size_t at = 0; at < d->len; at += d->seg_size) {
		struct adit_dgram one = *d;

		one.data = d->data + at;
		one.len = d->len - at < d->seg_size ? d->len - at : d->seg_size;
		one.seg_size = 0;
		if (input_one(l, now, &one) != ADIT_EIGNORED)
			r = 0;
	}
	return r;
}

void link_icmp(struct link *l, adit_time now, const struct adit_icmp *icmp)
{
	punch_icmp(&l->punch, now, icmp);
	l->punch_busy = true;
}

void link_sock_failed(struct link *l, adit_time now, uint32_t sock)
{
	punch_sock_failed(&l->punch, now, sock);
	l->punch_busy = true;
}

/* --- events from below --- */

static struct link_path_info info_of(const struct punch_event *e)
{
	return (struct link_path_info){.how = e->how,
				       .local = e->local,
				       .remote = e->remote,
				       .mapped = e->mapped,
				       .rtt = e->rtt,
				       .clock_diff = e->clock_diff};
}

static void on_valid(struct link *l, adit_time now, const struct punch_event *e)
{
	struct link_path_info info = info_of(e);
	struct link_path *p;

	link_known_add(l, now, e->sock, &info, e->instance);
	if (l->cfg.role != PUNCH_CONNECT || (l->state != LINK_SEEKING && l->state != LINK_OUTAGE))
		return;
	p = link_path_new(l, now, e->sock, &info, e->instance);
	if (!p)
		return;
	if (l->state == LINK_SEEKING)
		connect_over(l, now, p);
	else
		switch_to(l, now, p);
}

static void punch_events(struct link *l, adit_time now)
{
	struct punch_event e;

	while (punch_event(&l->punch, &e)) {
		struct link_path_info info = info_of(&e);

		switch (e.kind) {
		case PUNCH_EVENT_HEARD:
			if (!link_known_find(l, now, e.sock, &e.remote))
				link_known_add(l, now, e.sock, &info, e.instance);
			break;
		case PUNCH_EVENT_VALID:
			on_valid(l, now, &e);
			break;
		case PUNCH_EVENT_STUCK:
			queue_event(l, LINK_EVENT_STUCK);
			break;
		}
	}
}

/* A session without a path stands still, and one that is not admitted yet has no time for that. */
static void on_lost(struct link *l, adit_time now, struct link_path *p)
{
	p->lost = true;
	if (p == l->session_path)
		outage(l, now);
	else if (p == l->incoming_path && l->incoming)
		link_session_end(l->incoming, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, false);
}

/* The path in use was answered by a program that was started after the session began: the session is gone over there.
 */
static void on_restarted(struct link *l, adit_time now, struct link_path *p)
{
	if (p == l->session_path && l->session)
		session_end(l, now, LINK_REASON_RESTART, FWD_CLOSE_DONE);
}

static void on_back(struct link *l, adit_time now, struct link_path *p)
{
	p->lost = false;
	if (p != l->session_path)
		return;
	p->gen = ++l->last_gen;
	switch_to(l, now, p);
}

static void on_moved(struct link *l, adit_time now, struct link_path *p, const struct punch_path_event *e)
{
	p->info.remote = e->remote;
	link_known_add(l, now, p->sock, &p->info, e->instance);
	if (p == l->session_path)
		queue_path_event(l, LINK_EVENT_MOVED, p);
}

static void path_events(struct link *l, adit_time now, struct link_path *p)
{
	struct punch_path_event e;

	while (p->used && punch_path_event(&p->keep, &e)) {
		struct link_path_info info = p->info;

		switch (e.kind) {
		case PUNCH_PATH_EVENT_LOST:
			on_lost(l, now, p);
			break;
		case PUNCH_PATH_EVENT_BACK:
			on_back(l, now, p);
			break;
		case PUNCH_PATH_EVENT_MOVED:
			on_moved(l, now, p, &e);
			break;
		case PUNCH_PATH_EVENT_HEARD:
			info.remote = e.remote;
			link_known_add(l, now, p->sock, &info, e.instance);
			break;
		case PUNCH_PATH_EVENT_RESTARTED:
			on_restarted(l, now, p);
			break;
		}
	}
}

/* --- time --- */

static void reap(struct link *l, adit_time now)
{
	struct link_path *p = l->incoming_path;

	link_session_free(l->retired);
	l->retired = NULL;
	if (!l->incoming || !l->incoming->reported)
		return;
	link_session_free(l->incoming);
	l->incoming = NULL;
	l->incoming_path = NULL;
	link_path_drop(l, now, p);
}

static void session_tick(struct link_session *s, adit_time now, const struct link_path *p)
{
	if (s && !stands_still(p))
		link_session_tick(s, now);
}

void link_tick(struct link *l, adit_time now)
{
	reap(l, now);
	if (l->punch_busy || now >= l->punch_at) {
		punch_tick(&l->punch, now);
		l->punch_busy = true;
	}
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		if (!l->path[i].used)
			continue;
		punch_path_tick(&l->path[i].keep, now);
		path_events(l, now, &l->path[i]);
	}
	punch_events(l, now);
	if (l->state == LINK_OUTAGE && now >= l->linger_at)
		session_end(l, now, LINK_REASON_LINGER, FWD_CLOSE_DONE);
	if (now >= l->migrate_at)
		migrate(l, now);
	session_tick(l->session, now, l->session_path);
	session_tick(l->incoming, now, l->incoming_path);
}

static adit_time session_deadline(const struct link_session *s, const struct link_path *p)
{
	return !s || stands_still(p) ? ADIT_NEVER : link_session_deadline(s);
}

adit_time link_deadline(const struct link *l)
{
	adit_time t = l->punch_busy ? l->since : l->punch_at;

	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			t = adit_time_min(t, punch_path_deadline(&l->path[i].keep));
	t = adit_time_min(t, adit_time_min(l->linger_at, l->migrate_at));
	t = adit_time_min(t, session_deadline(l->session, l->session_path));
	return adit_time_min(t, session_deadline(l->incoming, l->incoming_path));
}

/* --- output --- */

static int session_output(struct link *l, adit_time now, struct link_session *s, const struct link_path *p,
			  struct adit_out *ret_out)
{
	struct quic_batch b;

	if (!s || stands_still(p))
		return 0;
	quic_set_payload(s->quic, punch_path_size(&p->keep));
	while (quic_output(s->quic, now, &b)) {
		struct link_path *to = link_path_by_gen(l, b.path);

		if (!to)
			continue; /* a path that is gone: lost on the way */
		punch_path_sent(&to->keep, now);
		if ((b.seg_size ? b.seg_size : b.len) > PUNCH_SIZE_BASE)
			punch_path_sent_full(&to->keep, now);
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

int link_output(struct link *l, adit_time now, struct adit_out *ret_out)
{
	/* First, so that the steady pair finds its port free. */
	if (l->n_close > 0) {
		*ret_out = (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = l->close_sock[--l->n_close]};
		return 1;
	}
	if (l->punch_busy) {
		if (punch_output(&l->punch, now, ret_out))
			return 1;
		l->punch_busy = false;
		l->punch_at = punch_deadline(&l->punch);
	}
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used && punch_path_output(&l->path[i].keep, now, ret_out))
			return 1;
	return session_output(l, now, l->session, l->session_path, ret_out) ||
	       session_output(l, now, l->incoming, l->incoming_path, ret_out);
}

/* --- events --- */

static void on_up(struct link *l, adit_time now, const struct link_event *e)
{
	set_state(l, now, LINK_UP);
	punch_rest(&l->punch, now);
	l->punch_busy = true;
	if (l->cfg.role == PUNCH_SERVE && l->cfg.single && !l->cfg.has_peer_key) {
		memcpy(l->cfg.peer_key, e->peer_key, sizeof(l->cfg.peer_key));
		l->cfg.has_peer_key = true;
	}
}

static void on_down(struct link *l, adit_time now, enum link_reason reason)
{
	session_retire(l, now);
	if (l->state == LINK_OVER)
		return; /* one that was coming has been ended, too: reap() */
	if (l->incoming) {
		l->session = l->incoming;
		l->session_path = l->incoming_path;
		l->incoming = NULL;
		l->incoming_path = NULL;
		set_state(l, now, l->session->state == LINK_SESSION_UP ? LINK_UP : LINK_SECURING);
		link_path_measure(l, now);
		return;
	}
	if (l->cfg.role == PUNCH_SERVE)
		search_again(l, now, reason);
	else
		set_state(l, now, LINK_SEEKING);
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
		session_end(l, now, LINK_REASON_REPLACED, FWD_CLOSE_REPLACED);
	}
}

int link_event(struct link *l, adit_time now, struct link_event *ret_event)
{
	if (l->n_queue > 0) {
		*ret_event = l->queue[0];
		l->n_queue--;
		memmove(l->queue, l->queue + 1, l->n_queue * sizeof(l->queue[0]));
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

int link_dgram_send(struct link *l, uint16_t service, uint32_t flow, const uint8_t *data, size_t len)
{
	if (!l->session || l->session->state != LINK_SESSION_UP || l->state == LINK_OUTAGE)
		return ADIT_EAGAIN;
	return link_session_dgram_send(l->session, service, flow, data, len);
}

void link_status_get(const struct link *l, adit_time now, struct link_status *ret_status)
{
	*ret_status = (struct link_status){.state = l->state, .since = l->since, .generation = l->last_gen};
	punch_stats(&l->punch, &ret_status->punch);
	ret_status->horizon = punch_replay_horizon(&l->replay, l->utc + adit_time_since(now, l->utc_at));
	if (l->session_path)
		ret_status->path = l->session_path->info;
	if (!l->session)
		return;
	quic_stats_get(l->session->quic, &ret_status->quic);
	ret_status->dgrams_lost =
		l->session->dgrams_lost + l->session->reasm.stats.expired + l->session->reasm.stats.evicted;
	if (l->session->state == LINK_SESSION_UP)
		memcpy(ret_status->peer_key, quic_peer_key(l->session->quic), QUIC_KEY_LEN);
}
