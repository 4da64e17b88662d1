/*
 * When the path in use gives reason to look for others: it is silent, the network is another one, or the machine was
 * asleep. And how long the finders go on, then and after each change.
 *
 *   a packet that has to be answered    LINK_ALARM_ASK and a round trip later the path is asked, some times, and the
 *                                       finders get ready
 *   no answer to the last question      the alarm: everybody is asked, again and again, until one answers
 *   the path answers after all          it was a false one: the next one waits, ever longer
 */
#include "link/link_choose.h"
#include "link/link_int.h"

void link_alarm_init(struct link_alarm *a)
{
	*a = (struct link_alarm){.settle_at = ADIT_NEVER, .again_at = ADIT_NEVER, .at = ADIT_NEVER};
}

/* --- how long the finders go on --- */

void link_alarm_settle(struct link *l, adit_time now)
{
	l->alarm.again_at = ADIT_NEVER;
	l->alarm.settle_at = adit_time_add(now, LINK_SETTLE);
	if (l->session_path && link_path_class(l->session_path) == LINK_CLASS_RELAYED)
		l->alarm.settle_at = adit_time_add(now, LINK_FRESH_SEARCH);
}

/*
 * While a relay is in use the search through mediators goes on, with its own pauses. What it found may have died before
 * it was used: then it begins anew.
 */
static void settle_relayed(struct link *l, adit_time now)
{
	if (l->cfg.role == PUNCH_CONNECT && link_find_is_done(&l->find)) {
		link_find_start(&l->find, now);
		link_alarm_settle(l, now);
	} else {
		link_find_hold(&l->find, now);
	}
}

static void settle(struct link *l, adit_time now)
{
	l->alarm.settle_at = ADIT_NEVER;
	if (l->state != LINK_UP || !l->session_path)
		return;
	if (link_path_class(l->session_path) == LINK_CLASS_RELAYED)
		settle_relayed(l, now);
	else
		link_find_rest(&l->find, now, &l->session_path->info);
}

/* How long it lasts already. */
static adit_dur trouble(const struct link *l, adit_time now)
{
	return adit_time_since(now, l->state == LINK_OUTAGE ? l->since : l->alarm.at);
}

static void again(struct link *l, adit_time now)
{
	adit_dur since = trouble(l, now);
	adit_dur d = LINK_AGAIN;

	if (since > LINK_AGAIN_OFTEN)
		d = since / 16 < LINK_AGAIN_MAX ? since / 16 : LINK_AGAIN_MAX;
	l->alarm.again_at = adit_time_add(now, d);
	link_relay_again(&l->relay, now);
	link_find_again(&l->find, now);
}

/* --- the alarm --- */

void link_alarm_raise(struct link *l, adit_time now)
{
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			punch_path_ask(l->path[i].keep, now);
	if (!l->session || l->state == LINK_OVER)
		return;
	link_relay_doubt(&l->relay, now);
	if (l->cfg.role == PUNCH_CONNECT)
		link_find_start(&l->find, now);
	else
		link_find_again(&l->find, now);
	if (l->state != LINK_UP)
		return;
	link_alarm_settle(l, now);
	l->alarm.at = now;
	l->alarm.gen = l->session_path ? l->session_path->gen : 0;
	l->alarm.again_at = adit_time_add(now, LINK_AGAIN);
	l->alarm.is_silence = false;
}

void link_alarm_slept(struct link *l, adit_time now)
{
	link_alarm_raise(l, now);
	l->alarm.has_slept = l->state == LINK_UP;
}

void link_alarm_over(struct link *l)
{
	l->alarm.at = ADIT_NEVER;
	l->alarm.n_false = 0;
}

/* --- silence --- */

/* Since the first question about what |v| owes. */
static unsigned asks_of(const struct link_alarm *a, const struct punch_path_view *v)
{
	return v->owed_sent_at == a->silent_from ? a->silent_asks : 0;
}

/* When the silence of the path in use is to be looked into, again; NEVER: it owes nothing, or that was just so. */
static adit_time silence_at(const struct link *l)
{
	const struct link_alarm *a = &l->alarm;
	struct punch_path_view v;
	adit_dur rtt;
	unsigned asks;
	adit_time at;

	if (l->state != LINK_UP || !l->session_path || a->at != ADIT_NEVER)
		return ADIT_NEVER;
	punch_path_view(l->session_path->keep, &v);
	if (v.owed_sent_at == ADIT_NEVER)
		return ADIT_NEVER;
	rtt = link_path_slowest(l, &v);
	asks = asks_of(a, &v);
	at = adit_time_add(v.owed_sent_at, LINK_ALARM_ASK + rtt);
	if (asks == 0) /* packets now and then do not each bring a question along */
		at = at < a->at_ease_until ? adit_time_add(at, LINK_ALARM_EASY) : at;
	else if (asks < LINK_ALARM_ASKS)
		at = adit_time_add(a->asked_at, LINK_ALARM_STEP);
	else
		at = adit_time_add(a->asked_at,
				   rtt + LINK_ALARM_LAST + (l->cfg.role == PUNCH_SERVE ? LINK_ALARM_LATER : 0));
	return at > a->calm_until ? at : a->calm_until;
}

static void ask(struct link *l, adit_time now)
{
	struct link_alarm *a = &l->alarm;

	if (a->silent_asks++ == 0)
		a->at_ease_until = adit_time_add(now, LINK_ALARM_AT_EASE);
	a->asked_at = now;
	punch_path_ask(l->session_path->keep, now);
	if (a->silent_asks < LINK_ALARM_ASKS || now < a->ready_until)
		return;
	a->ready_until = adit_time_add(now, LINK_ALARM_READY);
	link_find_ready(&l->find, now);
}

static void on_silence(struct link *l, adit_time now)
{
	struct link_alarm *a = &l->alarm;
	struct punch_path_view v;

	punch_path_view(l->session_path->keep, &v);
	a->silent_asks = asks_of(a, &v);
	a->silent_from = v.owed_sent_at;
	if (a->silent_asks < LINK_ALARM_ASKS) {
		ask(l, now);
		return;
	}
	adit_trace(l->cfg.log, ADIT_LOG_DECIDE, "link-alarm gen=%u", l->session_path->gen);
	link_alarm_raise(l, now);
	a->is_silence = l->state == LINK_UP;
}

/* Not answered after all, but where it was: another path is in use now, or another mapping of the same. */
static bool was_true(const struct link *l)
{
	return l->session_path->gen != l->alarm.gen || l->session_path->since > l->alarm.at;
}

/* The path in use has answered. */
static void answered(struct link *l, adit_time now)
{
	struct link_alarm *a = &l->alarm;

	if (was_true(l)) {
		a->n_false = 0;
	} else if (a->is_silence) {
		a->calm_until = adit_time_add(now, LINK_ALARM_CALM << a->n_false);
		a->n_false += a->n_false < LINK_ALARM_FALSE;
	}
	a->at = a->again_at = ADIT_NEVER;
	/* The peer's QUIC has doubled its time-out all the while, and would wait for as long again. */
	if (a->has_slept && l->cfg.role == PUNCH_CONNECT)
		link_move_to(l, now, l->session_path, LINK_WHY_AWAKE);
}

/* --- time --- */

static void alarm_step(struct link *l, adit_time now)
{
	struct punch_path_view v;

	if (now >= silence_at(l))
		on_silence(l, now);
	if (l->alarm.at == ADIT_NEVER || l->state != LINK_UP || !l->session_path)
		return;
	punch_path_view(l->session_path->keep, &v);
	if (v.heard_at > l->alarm.at)
		answered(l, now);
}

static bool is_in_trouble(const struct link *l)
{
	return l->state == LINK_OUTAGE || l->alarm.at != ADIT_NEVER;
}

void link_alarm_step(struct link *l, adit_time now)
{
	if (now >= l->alarm.settle_at)
		settle(l, now);
	alarm_step(l, now);
	if (now >= l->alarm.again_at && is_in_trouble(l))
		again(l, now);
}

adit_time link_alarm_deadline(const struct link *l)
{
	adit_time at = adit_time_min(l->alarm.settle_at, silence_at(l));

	return is_in_trouble(l) ? adit_time_min(at, l->alarm.again_at) : at;
}
