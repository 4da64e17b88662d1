#include "cli/cli_news.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli_check.h"
#include "cli/cli_relays.h"
#include "io/io_clock.h"
#include "link/link_limits.h"

void cli_news_init(struct cli_news *n, struct cli_run *r, const struct cli_mediators *m, bool is_serve)
{
	char names[CLI_MEDIATORS_STRLEN];

	*n = (struct cli_news){.run = r, .is_serve = is_serve, .mediators = *m};
	if (m->n > 0)
		snprintf(n->doing, sizeof(n->doing), "asking %.120s", cli_mediators_text(m, names));
}

void cli_news_forget(struct cli_news *n)
{
	bool by_key = n->by_key;

	cli_news_init(n, n->run, &n->mediators, n->is_serve);
	n->by_key = by_key;
	n->is_up = true;
}

static size_t index_of(const struct cli_news *n, const char *name)
{
	size_t i = 0;

	while (i < n->mediators.n && (!name || strcmp(n->mediators.name[i], name) != 0))
		i++;
	return i;
}

/* --- as JSON --- */

static const char *mediator_word(const struct reach_event *e)
{
	if (e->kind == REACH_EVENT_HELD)
		return "registered";
	if (e->kind == REACH_EVENT_LOST)
		return "lost";
	return e->code == 0 ? "silent" : e->code == LINK_ABSENT ? "absent" : "refused";
}

void cli_news_kinds_json(struct cli_json *j, enum nat_kind own, enum nat_kind peer)
{
	cli_json_str(j, "nat_here", nat_kind_name(own));
	cli_json_str(j, "nat_there", nat_kind_name(peer));
}

static void say_json(struct cli_news *n, const char *who, const struct link_event *e)
{
	const struct reach_event *m = &e->meet;
	char addr[ADIT_ADDR_STRLEN];
	struct cli_json j;

	cli_json_init(&j);
	cli_json_object(&j, NULL);
	cli_json_str(&j, "event",
		     m->kind == REACH_EVENT_MEETING  ? "meeting"
		     : m->kind == REACH_EVENT_FAILED ? "failed"
						     : "mediator");
	if (who)
		cli_json_str(&j, "label", who);
	if (e->mediator)
		cli_json_str(&j, "mediator", e->mediator);
	if (m->kind == REACH_EVENT_MEETING) {
		cli_news_kinds_json(&j, m->own_kind, m->peer_kind);
		cli_json_str(&j, "way", nat_way_name(m->way));
		cli_json_uint(&j, "round", m->round);
	} else if (m->kind == REACH_EVENT_FAILED) {
		cli_json_str(&j, "verdict", reach_verdict_name(m->verdict));
		cli_json_str(&j, "text", reach_verdict_text(m->verdict));
		cli_news_kinds_json(&j, m->own_kind, m->peer_kind);
		cli_json_milli(&j, "took_ms", (double)m->took / 1e6);
	} else {
		cli_json_str(&j, "state", mediator_word(m));
		if (m->code)
			cli_json_uint(&j, "code", m->code);
		if (m->kind == REACH_EVENT_HELD)
			cli_json_str(&j, "mapped", adit_addr_format(&m->mapped, addr));
	}
	cli_json_milli(&j, "at_ms", (double)(io_clock_now() - n->run->began_at) / 1e6);
	cli_json_object_end(&j);
	cli_out_json(&n->run->cli->msg, &j);
}

/* --- mediators --- */

static void say_held(struct cli_news *n, const struct link_event *e, enum cli_news_told before)
{
	struct adit_addr seen = adit_addr_with_port(e->meet.mapped, 0);
	char addr[ADIT_ADDR_STRLEN];

	cli_info(&n->run->cli->msg, "%sregistered with %s (seen as %s)", before == CLI_NEWS_NOTHING ? "" : "again ",
		 e->mediator, adit_addr_format(&seen, addr));
}

static void say_silent(struct cli_news *n, const struct link_event *e)
{
	cli_warn(&n->run->cli->msg,
		 "is \"adit mediator\" running there, and does this network let UDP out to its port? It is asked again",
		 "the mediator %s does not answer", e->mediator);
}

/* By key the mediator is asked for somebody who waits for this very key. */
#define UNLISTED \
	"it is not in the other side's --allow file, or \"adit serve\" is not running there with this --mediator"

static void say_absent(struct cli_news *n, const struct link_event *e)
{
	if (n->by_key)
		cli_warn(&n->run->cli->msg, UNLISTED ". It is asked again",
			 "the mediator %s knows nobody who waits for this machine's key", e->mediator);
	else
		cli_warn(&n->run->cli->msg,
			 "is \"adit serve\" running there, with this ticket and this --mediator, written the same way? "
			 "It is asked again",
			 "the mediator %s does not know the peer", e->mediator);
}

static void say_refused(struct cli_news *n, const struct link_event *e)
{
	struct cli_msg *m = &n->run->cli->msg;

	if (e->meet.code == 508)
		cli_warn(m, "it is tried again; a second --mediator would help meanwhile",
			 "the mediator %s has no room, or is ending", e->mediator);
	else if (e->meet.code == 403)
		cli_warn(m,
			 "something on the way changed it, or the two programs are of different versions: update both",
			 "the mediator %s refuses the registration", e->mediator);
	else
		cli_warn(m, "is that a mediator, and of this version?", "the mediator %s answers with error %u",
			 e->mediator, e->meet.code);
}

static enum cli_news_told told_by(const struct reach_event *e)
{
	if (e->kind == REACH_EVENT_HELD)
		return CLI_NEWS_HELD;
	if (e->kind == REACH_EVENT_LOST)
		return CLI_NEWS_LOST;
	return e->code == 0 ? CLI_NEWS_SILENT : e->code == LINK_ABSENT ? CLI_NEWS_ABSENT : CLI_NEWS_REFUSED;
}

/* Several lanes register with one mediator: it is told of once. False: it was. */
static bool say_mediator(struct cli_news *n, const struct link_event *e, const struct reach *reach)
{
	size_t i = index_of(n, e->mediator);
	enum cli_news_told now = told_by(&e->meet);
	enum cli_news_told before;

	if (i == n->mediators.n)
		return false;
	before = n->about[i].told;
	if (before == now && n->about[i].code == e->meet.code)
		return false;
	if (now == CLI_NEWS_SILENT && before == CLI_NEWS_LOST)
		return false; /* the same, in other words */
	if (now == CLI_NEWS_SILENT && reach && reach_has_heard(reach, e->meet.mediator))
		return false; /* it is the peer who did not answer: the attempt's verdict will say so */
	n->about[i].told = now;
	n->about[i].code = e->meet.code;
	if (now == CLI_NEWS_HELD)
		say_held(n, e, before);
	else if (now == CLI_NEWS_LOST)
		cli_warn(&n->run->cli->msg, "sessions that are up go on; it is asked again all the time",
			 "the mediator %s is lost: nobody new comes through it", e->mediator);
	else if (now == CLI_NEWS_SILENT)
		say_silent(n, e);
	else if (now == CLI_NEWS_ABSENT)
		say_absent(n, e);
	else
		say_refused(n, e);
	return true;
}

/* --- the attempt --- */

static const char *way_doing(enum nat_way way)
{
	switch (way) {
	case NAT_WAY_DIRECT:
	case NAT_WAY_REVERSAL:
		return "connecting";
	case NAT_WAY_PREDICT:
		return "trying the ports that come next";
	case NAT_WAY_BLOCK:
		return "searching within a block of ports";
	case NAT_WAY_BIRTHDAY:
		return "searching among all ports";
	case NAT_WAY_PUNCH:
	case NAT_WAY_SEARCH:
	case NAT_WAY_RELAY:
	case NAT_WAY_UNKNOWN:
		break;
	}
	return "punching";
}

static void say_meeting(struct cli_news *n, const char *who, const struct link_event *e)
{
	const struct reach_event *m = &e->meet;
	struct cli_msg *msg = &n->run->cli->msg;
	const char *prefix = who ? who : "";
	const char *colon = who ? ": " : "";

	if (!n->has_met && !n->is_serve && !n->is_up)
		cli_info(msg, "found the peer through %s; %s", e->mediator ? e->mediator : "a mediator",
			 way_doing(m->way));
	else
		cli_detail(msg, "%s%sround %u, through %s: %s", prefix, colon, m->round,
			   e->mediator ? e->mediator : "a mediator", way_doing(m->way));
	if (m->round <= 1 || m->own_kind != n->own_kind || m->peer_kind != n->peer_kind) {
		cli_detail(msg, "%s%sNAT here: %s", prefix, colon, cli_check_kind(m->own_kind));
		cli_detail(msg, "%s%sNAT there: %s", prefix, colon, cli_check_kind(m->peer_kind));
	}
	n->own_kind = m->own_kind;
	n->peer_kind = m->peer_kind;
	n->has_met = true;
	snprintf(n->doing, sizeof(n->doing), "found the peer; %s, round %u of %u", way_doing(m->way), m->round,
		 REACH_ROUNDS);
}

static void hint_kinds(struct cli_news *n, enum nat_kind own, enum nat_kind peer)
{
	cli_hint(&n->run->cli->msg, "NAT here: %s", cli_check_kind(own));
	cli_hint(&n->run->cli->msg, "NAT there: %s", cli_check_kind(peer));
}

static void say_failed(struct cli_news *n, const char *who, const struct link_event *e, const struct reach *reach)
{
	const struct reach_event *m = &e->meet;
	struct cli_msg *msg = &n->run->cli->msg;
	const char *text = reach_verdict_text(m->verdict);
	/* What a mediator said is the reason, and was told. */
	bool is_told = m->verdict == REACH_VERDICT_NO_MEDIATOR || m->verdict == REACH_VERDICT_ABSENT;

	cli_news_account(n, reach);
	if (m->how == REACH_HOW_RELAYED) {
		/* It is tried for as long as the session lasts: what is no news is a detail. */
		if (n->verdict != m->verdict)
			cli_info(msg, "%s%sno direct path yet, the relay goes on: %s", who ? who : "", who ? ": " : "",
				 text);
		else
			cli_detail(msg, "%s%sstill no direct path", who ? who : "", who ? ": " : "");
		n->verdict = m->verdict;
		n->has_met = false;
		return;
	}
	if (n->is_serve || n->verdict == m->verdict || is_told) {
		cli_detail(msg, "%s%snot reached: %s", who ? who : "", who ? ": " : "", text);
	} else {
		cli_warn(msg, text, "the peer was not reached yet; it is tried again");
		if (n->has_met)
			hint_kinds(n, m->own_kind, m->peer_kind);
	}
	n->verdict = m->verdict;
	n->has_met = false;
	snprintf(n->doing, sizeof(n->doing), "not reached (%s); trying again soon", reach_verdict_name(m->verdict));
}

void cli_news_say(struct cli_news *n, const char *who, const struct link_event *e, const struct reach *reach)
{
	switch (e->meet.kind) {
	case REACH_EVENT_HELD:
	case REACH_EVENT_LOST:
	case REACH_EVENT_MEDIATOR:
		if (!say_mediator(n, e, reach))
			return;
		break;
	case REACH_EVENT_MEETING:
		say_meeting(n, who, e);
		break;
	case REACH_EVENT_FAILED:
		say_failed(n, who, e, reach);
		break;
	case REACH_EVENT_HEARD:
	case REACH_EVENT_VALID:
	case REACH_EVENT_LEARNT:
	case REACH_EVENT_MAPPED:
	case REACH_EVENT_RELAY:
		return;
	}
	if (n->run->cli->opts.common.json)
		say_json(n, who, e);
}

void cli_news_account(struct cli_news *n, const struct reach *reach)
{
	struct reach_account a;
	char text[REACH_ACCOUNT_STRLEN];
	size_t pos = 0;

	while (reach && reach_account(reach, &pos, &a))
		cli_detail(&n->run->cli->msg, "tried: %s", reach_account_format(&a, text));
}

/* --- what it comes to --- */

bool cli_news_is_cut_off(const struct cli_news *n, const struct link_status *st)
{
	if (n->mediators.n == 0)
		return false;
	for (size_t i = 0; i < st->n_mediators; i++)
		if (st->mediators[i].state != LINK_MEDIATOR_ASKED && st->mediators[i].state != LINK_MEDIATOR_SILENT)
			return false;
	/* One that has only just been asked for the peer has handed out a cookie already. */
	return !st->reach || !reach_has_heard_mediator(st->reach);
}

void cli_news_hints(struct cli_news *n, const struct link_status *st)
{
	struct cli_msg *msg = &n->run->cli->msg;
	enum reach_verdict verdict;
	struct reach_desc own;
	struct reach_desc peer;

	if (!st->reach)
		return;
	reach_views(st->reach, &own, &peer);
	verdict = n->verdict;
	for (size_t i = 0; i < st->n_mediators && verdict == REACH_VERDICT_NONE; i++)
		if (st->mediators[i].state == LINK_MEDIATOR_ABSENT)
			verdict = REACH_VERDICT_ABSENT;
	if (verdict == REACH_VERDICT_ABSENT && n->by_key)
		cli_hint(msg, "the mediator knows nobody who waits for this machine's key: " UNLISTED);
	else if (verdict != REACH_VERDICT_NONE)
		cli_hint(msg, "%s", reach_verdict_text(verdict));
	if (peer.kind != NAT_KIND_UNKNOWN || verdict == REACH_VERDICT_UNTRUSTED)
		hint_kinds(n, own.kind, peer.kind);
	else if (own.kind != NAT_KIND_UNKNOWN)
		cli_hint(msg, "NAT here: %s", cli_check_kind(own.kind));
}
