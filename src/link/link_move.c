/* The session moves between paths: what the finders and the paths report, and what follows from it. */
#include "link/link_choose.h"
#include "link/link_int.h"

static void connect_over(struct link *l, adit_time now, struct link_path *p)
{
	struct quic_config cfg;
	struct quic *q;

	link_quic_config(l, p, &cfg);
	if (quic_connect(&cfg, now, p->gen, &q) < 0 || link_session_new(&l->cfg, now, q, &l->session) < 0) {
		link_path_drop(l, now, p);
		return;
	}
	l->session_path = p;
	p->used_at = now;
	link_set_state(l, now, LINK_SECURING);
	link_queue_path(l, LINK_EVENT_HOLE, p);
	link_find_hold(&l->find, now);
}

static void migrate(struct link *l, adit_time now, bool gently)
{
	if (l->cfg.role != PUNCH_CONNECT || !l->session || !l->session_path)
		return;
	l->is_gentle = gently;
	l->migrate_at = link_session_migrate(l->session, now, l->session_path->gen, gently);
}

void link_move_migrate(struct link *l, adit_time now)
{
	migrate(l, now, false);
}

/* What is under way on it may still come. */
static void leave(struct link *l, adit_time now, struct link_path *p)
{
	p->left_at = now;
	link_watch_stand_by(l, now, p);
	p->ask_at = adit_time_add(now, LINK_TRIAL_EVERY);
}

static void tell_switch(struct link *l, const struct link_path *from, const struct link_path *to, enum link_why why)
{
	struct link_queued *e = link_queue(l, LINK_EVENT_SWITCHED);

	e->path = to->info;
	e->was = from->info;
	e->why = why;
	l->switches++;
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "link-move from=%u how=%s to=%u how=%s why=%s", from->gen,
		   link_how_name(from->info.how), to->gen, link_how_name(to->info.how), link_why_name(why));
}

/* What the session goes on with is worse than what it had: the way back is looked for. */
static void look_up(struct link *l, adit_time now, enum link_class had)
{
	if (l->cfg.role != PUNCH_CONNECT || l->state != LINK_UP || link_path_class(l->session_path) <= had)
		return;
	link_find_seek(&l->find, now);
	link_alarm_settle(l, now);
}

void link_move_to(struct link *l, adit_time now, struct link_path *p, enum link_why why)
{
	struct link_path *old = l->session_path;
	enum link_class had = link_path_class(old);
	bool was_outage = l->state == LINK_OUTAGE;

	if (why == LINK_WHY_SILENT)
		link_idle_lost(l, now);
	if (l->cfg.role == PUNCH_CONNECT)
		link_path_renew(l, p); /* also where it was used before */
	l->session_path = p;
	l->watch.cut_at = ADIT_NEVER; /* that was for the one before, ... */
	l->alarm.has_slept = false;
	if (old != p) {
		p->used_at = now;
		p->left_at = ADIT_NEVER;
		l->alarm.ready_until = now; /* ... and so was that */
		punch_path_stand_by(p->keep, now, false);
		leave(l, now, old);
	}
	migrate(l, now, old != p && !was_outage && (why == LINK_WHY_BETTER || why == LINK_WHY_AGE));
	link_path_measure(l, now);
	if (was_outage) {
		link_set_state(l, now, LINK_UP);
		link_queue_path(l, LINK_EVENT_BACK, p);
		link_alarm_settle(l, now);
	} else if (old != p && l->state == LINK_UP) {
		tell_switch(l, old, p, why);
	}
	look_up(l, now, had);
}

static void outage(struct link *l, adit_time now)
{
	if (l->state == LINK_SECURING) {
		link_end(l, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL);
		return;
	}
	if (l->state != LINK_UP)
		return;
	link_set_state(l, now, LINK_OUTAGE);
	l->search_at = now;
	link_queue(l, LINK_EVENT_OUTAGE);
	l->alarm.again_at = adit_time_add(now, LINK_AGAIN);
	l->alarm.at = l->watch.cut_at = ADIT_NEVER;
	link_relay_doubt(&l->relay, now);
	link_find_start(&l->find, now);
	if (l->cfg.role == PUNCH_SERVE)
		link_find_again(&l->find, now); /* mediators may not know any more where we are */
}

/* --- what was found --- */

static bool is_of_session(const struct link *l, const struct link_found *f)
{
	return l->session && l->session_path && l->session_path->instance == f->instance;
}

static struct link_path *path_of(struct link *l, adit_time now, const struct link_found *f)
{
	struct link_path *p = link_path_find(l, f->sock, &f->info.remote);

	if (!p)
		p = link_path_new(l, now, f->sock, &f->info, f->instance);
	if (p && f->info.rtt > 0)
		punch_path_proven(p->keep, now, f->info.rtt);
	return p;
}

/* Of relays one through our own server and one through the peer's are enough: they may die one by one. */
static bool is_as_good(const struct link_path *p, const struct link_found *f)
{
	return f->info.how == LINK_HOW_RELAYED && p->info.how == LINK_HOW_RELAYED &&
	       (p->sock == LINK_RELAY_SOCK) == (f->sock == LINK_RELAY_SOCK);
}

static bool is_wanted(const struct link *l, const struct link_found *f)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		const struct link_path *p = &l->path[i];
		bool is_silent = p == l->session_path && l->alarm.at != ADIT_NEVER;

		if (!p->used || p->lost || p == l->incoming_path)
			continue;
		if (p->sock == f->sock && adit_addr_eq(&p->info.remote, &f->info.remote))
			return false;
		if (!is_silent && is_as_good(p, f))
			return false;
	}
	return true;
}

/* Found while there is one in use: it stands by, is measured, and may turn out to be better. */
static void on_another(struct link *l, adit_time now, const struct link_found *f)
{
	struct link_path *p;

	if (!is_of_session(l, f) || !is_wanted(l, f))
		return;
	p = path_of(l, now, f);
	if (!p)
		return;
	p->trials = LINK_TRIALS;
	link_watch_stand_by(l, now, p);
	if (l->state == LINK_UP && l->alarm.at != ADIT_NEVER) { /* the one in use was asked, more than once */
		link_alarm_over(l);
		link_move_to(l, now, p, LINK_WHY_SILENT);
		link_alarm_settle(l, now);
		return;
	}
	link_watch_step(l, now);
}

static void on_valid(struct link *l, adit_time now, const struct link_found *f)
{
	struct link_path *p;

	link_known_add(l, now, f->sock, &f->info, f->instance);
	if (l->cfg.role != PUNCH_CONNECT || l->state == LINK_OVER)
		return;
	if (l->state == LINK_UP || l->state == LINK_SECURING) {
		on_another(l, now, f);
		return;
	}
	if (l->state == LINK_OUTAGE && l->session_path && !is_of_session(l, f)) {
		link_end(l, now, LINK_REASON_RESTART, FWD_CLOSE_DONE); /* nobody knows it over there */
		return;
	}
	p = path_of(l, now, f);
	if (!p)
		return;
	if (l->state == LINK_SEEKING)
		connect_over(l, now, p);
	else
		link_move_to(l, now, p, LINK_WHY_SILENT);
}

/* A restarted peer may come from where the one before did. */
static void on_heard(struct link *l, adit_time now, const struct link_found *f)
{
	const struct link_known *k = link_known_find(l, now, f->sock, &f->info.remote);

	if (!k || k->instance != f->instance)
		link_known_add(l, now, f->sock, &f->info, f->instance);
}

static void on_news(struct link *l, const struct link_found *f)
{
	struct link_queued *e = link_queue(l, LINK_EVENT_MEET);

	e->meet = f->news;
	if (f->news.kind <= REACH_EVENT_MEETING && f->news.mediator < l->find.n_mediators)
		e->mediator = l->find.mediators[f->news.mediator].name;
}

void link_move_found(struct link *l, adit_time now)
{
	struct link_found f;

	while (link_find_event(&l->find, now, &f)) {
		switch (f.kind) {
		case LINK_FOUND_HEARD:
			on_heard(l, now, &f);
			break;
		case LINK_FOUND_VALID:
			on_valid(l, now, &f);
			break;
		case LINK_FOUND_STUCK:
			link_queue(l, LINK_EVENT_STUCK);
			break;
		case LINK_FOUND_NEWS:
			on_news(l, &f);
			break;
		}
	}
}

/* --- what a path has to say --- */

/* A session without a path stands still, and one that is not admitted yet has no time for that. */
static void on_lost(struct link *l, adit_time now, struct link_path *p)
{
	struct link_path *refuge = p == l->session_path ? link_watch_refuge(l, now) : NULL;

	if (p == l->session_path)
		link_idle_lost(l, now);
	p->lost = true;
	p->lost_at = now;
	l->watch.prune_at = adit_time_min(l->watch.prune_at, adit_time_add(now, LINK_LATE));
	if (refuge)
		link_move_to(l, now, refuge, LINK_WHY_SILENT);
	else if (p == l->session_path)
		outage(l, now);
	else if (p == l->incoming_path && l->incoming)
		link_session_end(l->incoming, now, LINK_REASON_FAILED, FWD_CLOSE_PROTOCOL, false);
}

/*
 * The path in use was answered by a program that was started after the session began: the session is gone over there.
 * On the serve side its end would close the socket that the newcomer has just asked over and is about to begin its
 * handshake with, at a port that may never be opened again: the newcomer has time for that first.
 */
static void on_restarted(struct link *l, adit_time now, struct link_path *p)
{
	if (p != l->session_path || !l->session)
		return;
	if (l->cfg.role == PUNCH_SERVE)
		l->restart_at = adit_time_add(now, LINK_NEWCOMER);
	else
		link_end(l, now, LINK_REASON_RESTART, FWD_CLOSE_DONE);
}

/* In an outage any path that answers is the one to go on with: on the serve side the peer's packets say which. */
static void on_back(struct link *l, adit_time now, struct link_path *p)
{
	p->lost = false;
	p->lost_at = ADIT_NEVER;
	if (p != l->session_path && (l->state != LINK_OUTAGE || p == l->incoming_path || l->cfg.role == PUNCH_SERVE))
		return;
	p->since = now; /* over what the NATs have made anew, perhaps */
	if (p == l->session_path)
		link_path_renew(l, p);
	link_move_to(l, now, p, LINK_WHY_SILENT);
}

static void on_moved(struct link *l, adit_time now, struct link_path *p, const struct punch_path_event *e)
{
	enum link_class had = link_path_class(p);

	p->info.remote = e->remote;
	if (e->is_relayed)
		p->info.how = LINK_HOW_RELAYED;
	else if (had == LINK_CLASS_RELAYED && p->sock != LINK_RELAY_SOCK)
		p->info.how = LINK_HOW_PUNCHED;
	p->since = now;
	link_known_add(l, now, p->sock, &p->info, e->instance);
	if (p != l->session_path)
		return;
	link_queue_path(l, LINK_EVENT_MOVED, p);
	look_up(l, now, had);
}

void link_move_path_events(struct link *l, adit_time now, struct link_path *p)
{
	struct punch_path_event e;

	while (p->used && punch_path_event(p->keep, &e)) {
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
