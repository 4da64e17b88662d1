/*
 * Learns how long the NATs between the two networks keep a mapping that nobody uses (link_keep.h), and asks the path in
 * use no more often than that calls for. The connect side alone; serve goes by its questions (punch_path.h).
 *
 * A stand-by with a mapping of its own at both ends is left alone for the rest that is to be tried. Then we ask: an
 * answer shows that the peer's NAT has kept its side, for it was knocked at from outside. (Ours has not shown anything:
 * what goes out makes a new mapping, with the same port in many.) The question has the peer ask after the same rest
 * again, while we keep quiet: if that comes in, ours has kept its side. What does not come is the mapping's end if the
 * path in use lives meanwhile. So nobody's session depends on a trial, and none has a timer of less than 15 s.
 */
#include "link/link_choose.h"
#include "link/link_int.h"

void link_idle_init(struct link_idle *d)
{
	*d = (struct link_idle){.place = {.network.family = ADIT_FAMILY_NONE}};
}

static bool is_direct(const struct link_path *p)
{
	return link_path_class(p) == LINK_CLASS_DIRECT;
}

/* --- who is tried --- */

bool link_idle_tries(const struct link *l, const struct link_path *p)
{
	return l->idle.trial != LINK_TRIAL_NONE && p->used && p->sock == l->idle.sock && p->gen == l->idle.gen;
}

static struct link_path *tried(struct link *l)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (link_idle_tries(l, &l->path[i]))
			return &l->path[i];
	return NULL;
}

static void trial_end(struct link *l, adit_time now, struct link_path *p)
{
	l->idle.trial = LINK_TRIAL_NONE;
	if (!p)
		return;
	punch_path_set_turn(p->keep, 0);
	punch_path_set_every(p->keep, now, link_keep_every(&l->idle.keep));
	p->ask_at = now;
}

/* --- where we are --- */

static struct adit_addr mapped_of(const struct link_path *p, const struct punch_path_view *v)
{
	return adit_addr_with_port(v->mapped.family != ADIT_FAMILY_NONE ? v->mapped : p->info.mapped, 0);
}

static void place_of(const struct link_path *p, struct link_memory *ret_place)
{
	struct punch_path_view v;

	punch_path_view(p->keep, &v);
	*ret_place = (struct link_memory){
		.network = mapped_of(p, &v),
		.peer = adit_addr_with_port(p->info.remote, 0),
	};
}

static bool is_same_place(const struct link_memory *a, const struct link_memory *b)
{
	return adit_addr_eq(&a->network, &b->network) && adit_addr_eq(&a->peer, &b->peer);
}

/* In another network nothing is known of idle mappings. Of ages it is only where the own addresses are others. */
static void arrive(struct link *l, adit_time now, const struct link_memory *place)
{
	struct link_idle *d = &l->idle;

	d->keep = (struct link_keep){0};
	trial_end(l, now, tried(l));
	d->place = *place;
	if (!is_same_place(place, &l->memory))
		return;
	d->place = l->memory;
	d->keep.lived = l->memory.lived;
	d->keep.died = l->memory.died;
	if (l->age.kind == LINK_AGE_UNKNOWN)
		l->age = l->memory.age;
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "link-idle remembered every_s=%u age=%d",
		   (unsigned)(link_keep_every(&d->keep) / ADIT_SEC(1)), (int)l->age.kind);
}

static bool is_somewhere(struct link *l, adit_time now)
{
	struct link_memory place;

	if (!is_direct(l->session_path))
		return false;
	place_of(l->session_path, &place);
	if (place.network.family == ADIT_FAMILY_NONE)
		return false;
	if (!is_same_place(&place, &l->idle.place))
		arrive(l, now, &place);
	return true;
}

/* What is new is told, to be kept. */
static void tell(struct link *l)
{
	struct link_memory m = l->idle.place;

	m.age = l->age;
	m.lived = l->idle.keep.lived;
	m.died = l->idle.keep.died;
	if (link_memory_eq(&m, &l->idle.place))
		return;
	l->idle.place = l->memory = m;
	link_queue(l, LINK_EVENT_LEARNT)->learnt = &l->memory;
}

void link_idle_forget(struct link *l, adit_time now)
{
	trial_end(l, now, tried(l));
	link_idle_init(&l->idle);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			punch_path_set_every(l->path[i].keep, now, PUNCH_PATH_KEEPALIVE);
}

/* --- the trial --- */

/* Whoever sends to a peer that is open to all needs no mapping of the peer's to live. */
static bool is_peer_open(const struct link *l)
{
	struct reach_desc own;
	struct reach_desc peer;

	if (!l->find.reach)
		return false;
	reach_views(l->find.reach, &own, &peer);
	return peer.kind == NAT_KIND_OPEN;
}

/* No other path keeps its mappings: another socket here, and another one there. */
static bool is_apart(const struct link *l, const struct link_path *p, bool peer_is_open)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		const struct link_path *q = &l->path[i];

		if (q == p || !q->used || q->lost)
			continue;
		if (q->sock == p->sock || (!peer_is_open && adit_addr_eq(&q->info.remote, &p->info.remote)))
			return false;
	}
	return true;
}

static bool is_fit(const struct link *l, const struct link_path *p, bool peer_is_open, adit_time now)
{
	struct link_memory place;

	if (!p->used || link_path_in_use(l, p) || p->lost || !is_direct(p) || p->trials > 0 ||
	    (p->left_at != ADIT_NEVER && adit_time_since(now, p->left_at) < LINK_LATE))
		return false;
	place_of(p, &place);
	return is_same_place(&place, &l->idle.place) && is_apart(l, p, peer_is_open);
}

static void trial_part(struct link *l, adit_time now, struct link_path *p, enum link_trial trial, adit_time ask_at)
{
	l->idle.trial = trial;
	l->idle.at = now;
	p->ask_at = ask_at;
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "link-idle gen=%u trial=%d rest_s=%u", p->gen, (int)trial,
		   (unsigned)(l->idle.rest / ADIT_SEC(1)));
}

static adit_time rested_at(const struct link *l, const struct punch_path_view *v, adit_dur more)
{
	return adit_time_add(v->touched_at, l->idle.rest + more);
}

/* The question that ends the rest has the peer ask after the same again. */
static void trial_begin(struct link *l, adit_time now, struct link_path *p)
{
	struct link_idle *d = &l->idle;
	struct punch_path_view v;

	d->rest = link_keep_trial(&d->keep, now);
	if (d->rest <= PUNCH_PATH_KEEPALIVE)
		return;
	d->sock = p->sock;
	d->gen = p->gen;
	punch_path_view(p->keep, &v);
	/* The peer keeps it until our next question: after its own, and a rest that may be twice as long. */
	punch_path_set_every(p->keep, now, 3 * d->rest + LINK_KEEP_TURN);
	punch_path_set_turn(p->keep, d->rest);
	trial_part(l, now, p, LINK_TRIAL_OURS, rested_at(l, &v, 0));
}

static void trial_lived(struct link *l, adit_time now, struct link_path *p)
{
	adit_dur rest = l->idle.rest;

	trial_end(l, now, NULL);
	link_keep_lived(&l->idle.keep, rest);
	trial_begin(l, now, p);
}

static bool is_long_enough(const struct link *l, adit_dur rest)
{
	return rest + LINK_KEEP_SLACK >= l->idle.rest;
}

static bool was_remapped(const struct punch_path_view *v, adit_time since)
{
	return v->remapped_at != ADIT_NEVER && v->remapped_at >= since;
}

static void doubt(struct link *l, adit_time now, struct link_path *p)
{
	punch_path_ask(l->session_path->keep, now);
	punch_path_ask(p->keep, now);
	trial_part(l, now, p, LINK_TRIAL_SURE, ADIT_NEVER);
}

static void step_ours(struct link *l, adit_time now, struct link_path *p, const struct punch_path_view *v)
{
	if (p->lost || (v->answered_at != ADIT_NEVER && v->answered_at >= l->idle.at && was_remapped(v, l->idle.at))) {
		doubt(l, now, p);
		return;
	}
	if (v->answered_sent_at == ADIT_NEVER || v->idle_sent_at == ADIT_NEVER || v->idle_sent_at < l->idle.at ||
	    v->answered_sent_at < v->idle_sent_at) {
		if (v->owed_since == ADIT_NEVER)
			p->ask_at = rested_at(l, v, 0);
		return;
	}
	if (is_long_enough(l, v->idle))
		trial_part(l, now, p, LINK_TRIAL_THEIRS, rested_at(l, v, LINK_KEEP_TURN));
	else
		trial_part(l, now, p, LINK_TRIAL_OURS, rested_at(l, v, 0));
}

static void step_theirs(struct link *l, adit_time now, struct link_path *p, const struct punch_path_view *v)
{
	if (v->asked_idle_at != ADIT_NEVER && v->asked_idle_at > l->idle.at && is_long_enough(l, v->asked_idle)) {
		trial_lived(l, now, p);
		return;
	}
	p->ask_at = rested_at(l, v, LINK_KEEP_TURN); /* somebody else may have asked: then the peer counts anew */
	if (now >= p->ask_at)
		doubt(l, now, p);
}

/* The path in use has answered since, or it has not: then there is more to it. */
static void step_sure(struct link *l, adit_time now, struct link_path *p)
{
	struct punch_path_view v;

	punch_path_view(l->session_path->keep, &v);
	if (adit_time_since(now, l->idle.at) >= LINK_KEEP_TURN) {
		trial_end(l, now, p);
	} else if (v.answered_sent_at != ADIT_NEVER && v.answered_sent_at >= l->idle.at) {
		link_keep_died(&l->idle.keep, l->idle.rest);
		if (p)
			p->trials =
				LINK_TRIALS; /* a new mapping: some NATs keep those that were used for a while longer */
		trial_end(l, now, p);
	}
}

/* One that has nobody to try it with looks for a path, now and then. */
static void search(struct link *l, adit_time now)
{
	struct link_idle *d = &l->idle;

	if (!l->find.reach || now < d->search_at || !link_keep_is_curious(&d->keep, now))
		return;
	d->search_at = adit_time_add(now, LINK_KEEP_SEARCH);
	link_alarm_settle(l, now);
	link_find_fresh(&l->find, now);
}

static void trial_look(struct link *l, adit_time now)
{
	bool open;

	if (link_keep_trial(&l->idle.keep, now) == 0)
		return;
	open = is_peer_open(l);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++) {
		if (is_fit(l, &l->path[i], open, now)) {
			trial_begin(l, now, &l->path[i]);
			return;
		}
	}
	search(l, now);
}

static void trial_step(struct link *l, adit_time now)
{
	struct link_path *p = tried(l);
	struct punch_path_view v;

	if (l->idle.trial == LINK_TRIAL_SURE) {
		step_sure(l, now, p); /* the path may have been given up meanwhile */
		return;
	}
	if (!p || link_path_in_use(l, p)) {
		trial_end(l, now, p);
		trial_look(l, now);
		return;
	}
	punch_path_view(p->keep, &v);
	if (l->idle.trial == LINK_TRIAL_OURS)
		step_ours(l, now, p, &v);
	else
		step_theirs(l, now, p, &v);
}

/* --- the path in use --- */

adit_dur link_idle_every(const struct link *l, const struct link_path *p)
{
	return is_direct(p) && l->idle.place.network.family != ADIT_FAMILY_NONE ? link_keep_every(&l->idle.keep)
										: PUNCH_PATH_KEEPALIVE;
}

/* A rest that was thought to be safe. */
static bool was_too_long(const struct link *l, const struct punch_path_view *v)
{
	return is_direct(l->session_path) && link_idle_every(l, l->session_path) > PUNCH_PATH_KEEPALIVE &&
	       v->idle_sent_at != ADIT_NEVER && v->idle > PUNCH_PATH_KEEPALIVE + LINK_KEEP_SLACK;
}

static void fell(struct link *l, adit_time now)
{
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "link-idle fell every_s=%u",
		   (unsigned)(link_keep_every(&l->idle.keep) / ADIT_SEC(1)));
	link_keep_fell(&l->idle.keep, now);
	trial_end(l, now, tried(l));
	tell(l);
}

void link_idle_lost(struct link *l, adit_time now)
{
	struct punch_path_view v;

	if (!l->session_path || l->cfg.role != PUNCH_CONNECT)
		return;
	punch_path_view(l->session_path->keep, &v);
	if (was_too_long(l, &v) && v.owed_since != ADIT_NEVER && v.idle_sent_at <= v.owed_since)
		fell(l, now);
}

static void look_at_used(struct link *l, adit_time now)
{
	struct punch_path_view v;

	punch_path_view(l->session_path->keep, &v);
	if (was_too_long(l, &v) && was_remapped(&v, v.idle_sent_at) && v.remapped_at > l->session_path->since)
		fell(l, now); /* once: a new mapping begins a new age (link_watch.c) */
}

/* --- time --- */

void link_idle_step(struct link *l, adit_time now)
{
	if (!is_somewhere(l, now)) {
		if (l->idle.trial != LINK_TRIAL_NONE)
			trial_end(l, now, tried(l));
		return;
	}
	look_at_used(l, now);
	if (l->age.kind == LINK_AGE_LASTS || l->cfg.no_successors)
		trial_step(l, now);
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used && !link_idle_tries(l, &l->path[i]))
			punch_path_set_every(l->path[i].keep, now, link_idle_every(l, &l->path[i]));
	tell(l);
}

adit_time link_idle_deadline(const struct link *l)
{
	if (l->idle.trial == LINK_TRIAL_SURE)
		return adit_time_add(l->idle.at, LINK_KEEP_TURN);
	return ADIT_NEVER;
}
