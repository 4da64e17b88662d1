/*
 * Watching over the paths of a session that is up. The connect side decides: it asks its stand-bys, doubts the path in
 * use when that is silent, and chooses (link_choose.h). The serve side answers, and follows the session's packets.
 */
#include "link/link_choose.h"
#include "link/link_int.h"

void link_watch_init(struct link_watch *w, adit_time now)
{
	*w = (struct link_watch){.moves = LINK_MOVES, .moves_at = now};
	w->doubt_at = w->doubt_ask_at = w->cut_at = w->choose_at = w->prune_at = w->succeed_at = ADIT_NEVER;
}

static bool decides(const struct link *l)
{
	return l->cfg.role == PUNCH_CONNECT && l->session && l->session->state == LINK_SESSION_UP && l->session_path;
}

static bool stands_by(const struct link *l, const struct link_path *p)
{
	return p->used && !link_path_in_use(l, p);
}

void link_watch_stand_by(struct link *l, adit_time now, struct link_path *p)
{
	punch_path_stand_by(p->keep, now, true);
	p->better = 0;
	p->ask_at = l->cfg.role == PUNCH_CONNECT ? now : ADIT_NEVER;
	l->watch.prune_at = adit_time_min(l->watch.prune_at, adit_time_add(now, LINK_LATE));
}

/* --- what is known --- */

static void note_steadiness(struct link_path *p, const struct punch_path_view *v, adit_time now)
{
	if (p->lost || now >= adit_time_add(v->owed_since, link_choose_patience(v->rtt)))
		p->steady_since = ADIT_NEVER;
	else if (p->steady_since == ADIT_NEVER && v->answered_at != ADIT_NEVER &&
		 (p->left_at == ADIT_NEVER || v->answered_at > p->left_at))
		p->steady_since = v->answered_at;
}

static void view(const struct link *l, const struct link_path *p, struct link_view *ret_view)
{
	struct punch_path_view v;

	*ret_view = (struct link_view){.is_there = p->used && p != l->incoming_path};
	if (!ret_view->is_there)
		return;
	punch_path_view(p->keep, &v);
	ret_view->is_lost = p->lost;
	ret_view->shares_sock = l->session_path && p->sock == l->session_path->sock;
	ret_view->class = link_path_class(p);
	ret_view->rtt = v.rtt;
	ret_view->loss = v.loss;
	ret_view->better = p->better;
	ret_view->falls = p->falls;
	ret_view->answered_sent_at = v.answered_sent_at;
	ret_view->steady_since = p->steady_since;
}

static void views(const struct link *l, struct link_view all[LINK_PATHS_MAX])
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		view(l, &l->path[i], &all[i]);
}

/* A stand-by that was measured anew is compared with the path in use. */
static void compare(struct link *l, adit_time now)
{
	struct link_view used;

	view(l, l->session_path, &used);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];
		struct punch_path_view v;
		struct link_view mine;

		if (!p->used)
			continue;
		punch_path_view(p->keep, &v);
		note_steadiness(p, &v, now);
		if (!stands_by(l, p) || v.answers == p->answers)
			continue;
		p->answers = v.answers;
		view(l, p, &mine);
		p->better = link_choose_is_clearly_cheaper(&mine, &used) ? p->better + 1 : 0;
	}
}

/* --- questions --- */

static bool is_holding(const struct link *l, const struct link_path *p)
{
	return p->falls > 0 && link_path_class(p) < link_path_class(l->session_path);
}

/* The one before, whose age at its death is worth knowing. */
static bool is_watched(const struct link *l, const struct link_path *p)
{
	return p->left_at != ADIT_NEVER && link_path_class(p) == LINK_CLASS_DIRECT && l->age.kind != LINK_AGE_LASTS &&
	       !l->cfg.no_successors;
}

static adit_dur next_ask(const struct link *l, struct link_path *p)
{
	if (link_idle_tries(l, p))
		return ADIT_NEVER;
	if (is_holding(l, p)) {
		adit_dur d = link_choose_hold(p->falls) / 8;

		return d > LINK_HOLD_ASK ? d : LINK_HOLD_ASK;
	}
	if (p->trials == 0)
		return is_watched(l, p) ? LINK_AGE_WATCH : link_idle_every(l, p);
	p->trials--;
	return LINK_TRIAL_EVERY;
}

/* Too old to be compared with: several stand-bys share an answer of the path in use. */
static bool is_stale(const struct link *l, const struct link_path *p, adit_time now)
{
	struct punch_path_view v;

	punch_path_view(p->keep, &v);
	return v.answered_at == ADIT_NEVER || adit_time_since(now, v.answered_at) > link_idle_every(l, p) / 5 * 4;
}

/* Each in its time, and with it the path in use where the two are compared. One that is lost asks by itself. */
static void ask_stand_bys(struct link *l, adit_time now)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];

		if (!stands_by(l, p) || now < p->ask_at)
			continue;
		p->ask_at = adit_time_add(now, next_ask(l, p));
		if (p->lost)
			continue;
		punch_path_ask(p->keep, now);
		if (link_path_class(p) == link_path_class(l->session_path) && !l->session_path->lost &&
		    is_stale(l, l->session_path, now))
			punch_path_ask(l->session_path->keep, now);
	}
}

static bool has_stand_by(const struct link *l)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (stands_by(l, &l->path[i]) && !l->path[i].lost)
			return true;
	return false;
}

/* One question may be lost, on any of them. */
static void ask_all(struct link *l, adit_time now)
{
	struct link_watch *w = &l->watch;

	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];
		struct punch_path_view v;

		if (!p->used || p == l->incoming_path)
			continue;
		punch_path_view(p->keep, &v);
		if (v.answered_sent_at == ADIT_NEVER || v.answered_sent_at < w->doubt_at)
			punch_path_ask(p->keep, now);
	}
	w->doubt_ask_at = ++w->doubt_asks < LINK_DOUBT_ASKS ? adit_time_add(now, LINK_DOUBT_STEP) : ADIT_NEVER;
}

static void doubt_end(struct link_watch *w)
{
	w->doubt_at = w->doubt_ask_at = w->cut_at = ADIT_NEVER;
	w->doubt_asks = 0;
}

static void doubt(struct link *l, adit_time now)
{
	struct link_watch *w = &l->watch;
	struct punch_path_view v;

	punch_path_view(l->session_path->keep, &v);
	w->rtt = link_path_slowest(l, &v);
	if (v.owed_since == ADIT_NEVER || (w->doubt_at != ADIT_NEVER && v.owed_since > w->doubt_at))
		doubt_end(w);
	if (w->doubt_at == ADIT_NEVER && has_stand_by(l) &&
	    now >= adit_time_add(v.owed_since, link_choose_patience(w->rtt)))
		w->doubt_at = w->doubt_ask_at = now;
	if (now >= w->doubt_ask_at)
		ask_all(l, now);
}

/* --- the choice --- */

static void count_move(struct link_watch *w, adit_time now)
{
	while (w->moves < LINK_MOVES && adit_time_since(now, w->moves_at) >= LINK_MOVE_EVERY) {
		w->moves++;
		w->moves_at = adit_time_add(w->moves_at, LINK_MOVE_EVERY);
	}
	if (w->moves == LINK_MOVES)
		w->moves_at = now;
}

static struct link_path *choice(struct link *l, adit_time now, bool is_lost, adit_time doubt_at)
{
	struct link_view all[LINK_PATHS_MAX];
	struct link_used used = {
		.index = (size_t)(l->session_path - l->path),
		.doubt_at = doubt_at,
		.rtt = l->watch.rtt,
	};
	int best;

	views(l, all);
	all[used.index].is_lost |= is_lost;
	count_move(&l->watch, now);
	used.moves_left = l->watch.moves;
	best = link_choose(all, LINK_PATHS_MAX, &used, now, &l->watch.choose_at);
	if (used.moves_left == 0)
		l->watch.choose_at =
			adit_time_min(l->watch.choose_at, adit_time_add(l->watch.moves_at, LINK_MOVE_EVERY));
	return best < 0 ? NULL : &l->path[best];
}

struct link_path *link_watch_refuge(struct link *l, adit_time now)
{
	struct punch_path_view v;
	adit_time since = l->watch.doubt_at;

	if (!decides(l))
		return NULL;
	punch_path_view(l->session_path->keep, &v);
	return choice(l, now, true, since != ADIT_NEVER ? since : v.owed_since);
}

/* A path that fell soon after it was taken again is waited for longer each time. */
static void fall(struct link_path *p, adit_time now)
{
	p->falls = adit_time_since(now, p->used_at) < LINK_FORGIVEN ? p->falls + 1 : 1;
	p->steady_since = ADIT_NEVER;
}

static void choose(struct link *l, adit_time now)
{
	struct link_path *from = l->session_path;
	bool is_silent = l->watch.doubt_at != ADIT_NEVER;
	struct link_path *to = choice(l, now, false, l->watch.doubt_at);

	if (!to)
		return;
	if (is_silent) {
		fall(from, now);
		link_move_to(l, now, to, LINK_WHY_SILENT);
	} else {
		l->watch.moves--;
		link_move_to(l, now, to, LINK_WHY_BETTER);
		link_alarm_settle(l, now);
	}
	doubt_end(&l->watch);
}

/* --- age --- */

static adit_dur age_of(const struct link_path *p, adit_time now)
{
	return adit_time_since(now, p->since);
}

/* What the paths that were left tell, as long as the one in use lives and is of the same kind. */
static void note_ages(struct link *l)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];
		struct punch_path_view v;

		if (!p->used || link_path_class(p) != LINK_CLASS_DIRECT || p == l->incoming_path || p->is_buried)
			continue;
		punch_path_view(p->keep, &v);
		if (v.remapped_at != ADIT_NEVER && v.remapped_at > p->since) {
			link_age_died(&l->age, adit_time_since(v.remapped_at, p->since + LINK_AGE_WATCH));
			p->since = v.remapped_at; /* no filter minds the new one, but the peer has to learn of it */
		}
		if (v.answered_at != ADIT_NEVER)
			link_age_lives(&l->age, adit_time_since(v.answered_at, p->since));
		if (!p->lost || p == l->session_path || link_path_class(l->session_path) != LINK_CLASS_DIRECT)
			continue;
		p->is_buried = true;
		link_age_died(&l->age, adit_time_since(v.heard_at, p->since));
		adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "link-age died_at_s=%u kind=%d",
			   (unsigned)(adit_time_since(v.heard_at, p->since) / ADIT_SEC(1)), (int)l->age.kind);
	}
}

/* The youngest that is alive and has at most half the age. */
static struct link_path *successor(struct link *l, adit_time now)
{
	struct link_path *best = NULL;

	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];
		struct punch_path_view v;

		if (!stands_by(l, p) || p->lost || link_path_class(p) != LINK_CLASS_DIRECT ||
		    p->left_at != ADIT_NEVER || 2 * age_of(p, now) > age_of(l->session_path, now))
			continue;
		punch_path_view(p->keep, &v);
		if (v.answered_at != ADIT_NEVER && (!best || p->since > best->since))
			best = p;
	}
	return best;
}

static void succeed(struct link *l, adit_time now)
{
	struct link_watch *w = &l->watch;
	adit_time due;
	struct link_path *p;

	note_ages(l);
	if (l->cfg.no_successors || !l->find.reach || link_path_class(l->session_path) != LINK_CLASS_DIRECT) {
		w->succeed_at = ADIT_NEVER;
		return;
	}
	due = adit_time_add(l->session_path->since, link_age_due(&l->age));
	if (now < due) {
		w->succeed_at = due;
		return;
	}
	p = successor(l, now);
	if (p) {
		link_move_to(l, now, p, LINK_WHY_AGE);
		link_alarm_settle(l, now);
		w->succeed_at = adit_time_add(p->since, link_age_due(&l->age));
	} else if (w->succeed_at == ADIT_NEVER || now >= w->succeed_at) {
		w->succeed_at = adit_time_add(now, LINK_AGE_AGAIN);
		l->alarm.settle_at = ADIT_NEVER;
		link_find_fresh(&l->find, now);
	}
}

/* --- what is not needed any more --- */

/* Serve: which of its paths the connect side still keeps it knows from the questions. */
static bool is_unasked(const struct link_path *p, adit_time now)
{
	struct punch_path_view v;
	adit_time since = p->left_at != ADIT_NEVER ? p->left_at : p->since;

	punch_path_view(p->keep, &v);
	if (v.asked_at != ADIT_NEVER && v.asked_at > since)
		since = v.asked_at;
	return adit_time_since(now, since) >= (LINK_UNASKED > 2 * v.peer_every ? LINK_UNASKED : 2 * v.peer_every);
}

static bool is_spare(const struct link *l, const struct link_path *p, adit_time now)
{
	return stands_by(l, p) && (p->left_at == ADIT_NEVER || adit_time_since(now, p->left_at) >= LINK_LATE);
}

static bool is_over(const struct link *l, const struct link_path *p, adit_time now)
{
	if (l->cfg.role == PUNCH_SERVE && l->state == LINK_UP && p->lost &&
	    adit_time_since(now, p->lost_at) >= LINK_LATE)
		return true; /* where the connect side still asks it comes again */
	if (l->cfg.role == PUNCH_SERVE)
		return is_unasked(p, now);
	return p->lost && (p->is_buried || adit_time_since(now, p->lost_at) >= LINK_LOST_FOR);
}

static void prune(struct link *l, adit_time now)
{
	struct link_view all[LINK_PATHS_MAX];
	bool spare[LINK_PATHS_MAX];
	bool any = false;
	int surplus;

	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (is_spare(l, &l->path[i], now) && is_over(l, &l->path[i], now))
			link_path_drop(l, now, &l->path[i]);
	do {
		views(l, all);
		for (size_t i = 0; i < LINK_PATHS_MAX; i++)
			spare[i] = is_spare(l, &l->path[i], now);
		surplus = decides(l)
				  ? link_choose_surplus(all, spare, LINK_PATHS_MAX, (size_t)(l->session_path - l->path))
				  : -1;
		if (surplus >= 0)
			link_path_drop(l, now, &l->path[surplus]);
	} while (surplus >= 0);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		any |= stands_by(l, &l->path[i]);
	l->watch.prune_at = any ? adit_time_add(now, PUNCH_PATH_KEEPALIVE) : ADIT_NEVER;
}

/* --- what is gone for certain --- */

static void cut_now(struct link *l, adit_time now)
{
	l->watch.cut_at = ADIT_NEVER;
	punch_path_cut(l->session_path->keep, now);
	link_move_path_events(l, now, l->session_path);
}

/* Without a stand-by it is an outage; with one a doubt, which is asked at once and answered soon. */
static void cut_used(struct link *l, adit_time now)
{
	struct link_watch *w = &l->watch;

	if (!has_stand_by(l)) {
		cut_now(l, now);
		return;
	}
	if (!decides(l))
		return;
	punch_path_ask(l->session_path->keep, now);
	if (w->doubt_at == ADIT_NEVER)
		w->doubt_at = w->doubt_ask_at = now;
	w->cut_at = adit_time_add(now, LINK_CUT_WAIT + w->rtt);
}

void link_watch_cut(struct link *l, adit_time now, uint32_t sock)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		struct link_path *p = &l->path[i];

		if (!p->used || p->sock != sock || p == l->session_path)
			continue;
		punch_path_cut(p->keep, now);
		link_move_path_events(l, now, p);
	}
	if (l->session_path && l->session_path->sock == sock && !l->session_path->lost)
		cut_used(l, now);
}

/* --- time --- */

void link_watch_step(struct link *l, adit_time now)
{
	struct link_watch *w = &l->watch;

	if (decides(l) && l->state == LINK_UP && now >= w->cut_at)
		cut_now(l, now);
	if (decides(l) && l->state == LINK_UP) {
		doubt(l, now);
		ask_stand_bys(l, now);
		compare(l, now);
		choose(l, now);
		if (!l->session_path->lost)
			link_idle_step(l, now);
		succeed(l, now);
	}
	if (now >= w->prune_at)
		prune(l, now);
	link_alarm_step(l, now);
}

adit_time link_watch_deadline(const struct link *l)
{
	const struct link_watch *w = &l->watch;
	adit_time at = adit_time_min(w->prune_at, link_alarm_deadline(l));
	struct punch_path_view v;

	if (!decides(l) || l->state != LINK_UP)
		return at;
	at = adit_time_min(at, adit_time_min(w->doubt_ask_at, adit_time_min(w->choose_at, w->succeed_at)));
	at = adit_time_min(at, link_idle_deadline(l));
	at = adit_time_min(at, w->cut_at);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (stands_by(l, &l->path[i]))
			at = adit_time_min(at, l->path[i].ask_at);
	punch_path_view(l->session_path->keep, &v);
	if (w->doubt_at == ADIT_NEVER && has_stand_by(l))
		at = adit_time_min(at, adit_time_add(v.owed_since, link_choose_patience(w->rtt)));
	return at;
}
