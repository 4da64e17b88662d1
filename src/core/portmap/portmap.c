#include "core/portmap/portmap.h"

#include <assert.h>
#include <string.h>

#include "core/portmap/portmap_int.h"

#define WANT_QUESTIONS (PORTMAP_WANT_PCP | PORTMAP_WANT_PMP_ADDRESS | PORTMAP_WANT_PMP_MAP)

static const char *state_name(enum portmap_state state)
{
	static const char *const names[] = {"ask", "hold", "wait", "delete", "done"};

	return names[state];
}

/* The one setter of |state|. */
static void set_state(struct portmap *p, enum portmap_state state)
{
	if (p->state != state)
		adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "portmap from=%s to=%s", state_name(p->state),
			   state_name(state));
	p->state = state;
}

void portmap_set_now(struct portmap *p, adit_time now)
{
	assert(now >= p->now); /* the shell samples the clock once per wakeup */
	p->now = now;
}

/* ---- events ---- */

static struct portmap_event *event_push(struct portmap *p, enum portmap_event_kind kind, const char *reason)
{
	struct portmap_event *e;

	if (p->events_n == PORTMAP_EVENTS_MAX) {
		p->events_first = (p->events_first + 1) % PORTMAP_EVENTS_MAX;
		p->events_n--;
	}
	e = &p->events[(p->events_first + p->events_n++) % PORTMAP_EVENTS_MAX];
	*e = (struct portmap_event){.kind = kind, .protocol = p->protocol, .reason = reason};
	return e;
}

int portmap_event(struct portmap *p, struct portmap_event *ret_event)
{
	if (p->events_n == 0)
		return 0;
	*ret_event = p->events[p->events_first];
	p->events_first = (p->events_first + 1) % PORTMAP_EVENTS_MAX;
	p->events_n--;
	return 1;
}

static void event_mapping(struct portmap *p, enum portmap_event_kind kind)
{
	struct portmap_event *e = event_push(p, kind, "");
	char text[ADIT_ADDR_STRLEN];

	e->external = p->external;
	e->lifetime = p->lifetime;
	e->is_private = adit_addr_is_private(&p->external) || adit_addr_is_link_local(&p->external);
	adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "portmap mapped=%s lifetime=%u private=%d protocol=%s",
		   adit_addr_format(&p->external, text), (unsigned)p->lifetime, e->is_private,
		   p->protocol == PORTMAP_PMP ? "nat-pmp" : "pcp");
}

/* |p->external| stays: it is what is wished for next time. */
static void lose(struct portmap *p, const char *reason)
{
	if (!p->is_mapped)
		return;
	event_push(p, PORTMAP_EVENT_LOST, reason)->external = p->external;
	p->is_mapped = false;
	p->is_restart = false;
	p->expire_at = ADIT_NEVER;
}

/* ---- asking ---- */

static void no_timers(struct portmap *p)
{
	p->send_at = p->probe_at = p->last_call_at = p->silence_at = ADIT_NEVER;
	p->renew_at = p->retry_at = p->delete_until = ADIT_NEVER;
}

static void nothing_out(struct portmap *p)
{
	p->want &= ~(unsigned)WANT_QUESTIONS;
	p->pcp_is_out = p->address_is_out = p->map_is_out = false;
	p->has_address = p->has_map = false;
	p->tries = 0;
	p->probes = 0;
	p->rto = 0;
}

/* |delay| from now the router is asked, for a first time or again. */
static void ask(struct portmap *p, adit_dur delay)
{
	set_state(p, PORTMAP_ASK);
	nothing_out(p);
	no_timers(p);
	p->send_at = adit_time_add(p->now, delay);
	p->silence_at = adit_time_add(p->send_at, PORTMAP_SILENCE);
	if (p->protocol == PORTMAP_UNKNOWN && adit_addr_is_v4(&p->cfg.own))
		p->probe_at = adit_time_add(p->send_at, PORTMAP_PMP_AFTER);
}

void portmap_choose_pmp(struct portmap *p)
{
	bool has_address = p->has_address;

	p->protocol = PORTMAP_PMP;
	ask(p, 0);
	p->has_address = has_address;
}

void portmap_init(struct portmap *p, const struct portmap_config *cfg, adit_time now)
{
	assert(cfg->own.port != 0 && cfg->own.family == cfg->gateway.family && cfg->own.family != ADIT_FAMILY_NONE);
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	p->cfg.gateway.port = PORTMAP_SERVER_PORT;
	if (p->cfg.lifetime == 0)
		p->cfg.lifetime = PORTMAP_LIFETIME;
	if (p->cfg.want_port == 0)
		p->cfg.want_port = cfg->own.port;
	p->now = now;
	p->expire_at = ADIT_NEVER;
	p->has_news_sock = true;
	p->want = PORTMAP_WANT_OPEN | PORTMAP_WANT_OPEN_NEWS;
	adit_rng_fill(&cfg->rng, p->nonce, sizeof(p->nonce));
	ask(p, 0);
	portmap_tick(p, now);
}

static adit_dur jitter(struct portmap *p, adit_dur d)
{
	adit_dur part = d / 100 * PORTMAP_PCP_RAND_PCT;

	return d - part + adit_rng_below(&p->cfg.rng, 2 * part + 1);
}

static void send_pcp(struct portmap *p)
{
	adit_dur next = p->rto == 0 ? PORTMAP_PCP_IRT : 2 * p->rto;

	p->rto = jitter(p, next < PORTMAP_PCP_MRT ? next : PORTMAP_PCP_MRT);
	p->send_at = adit_time_add(p->now, p->rto);
	p->want |= PORTMAP_WANT_PCP;
	p->tries++;
	/* Long after the probes: a router that speaks NAT-PMP only may have been switched on meanwhile. */
	if (p->protocol == PORTMAP_UNKNOWN && p->probes == PORTMAP_PMP_PROBE_SENDS)
		p->want |= PORTMAP_WANT_PMP_ADDRESS;
}

static void send_pmp(struct portmap *p)
{
	if (p->tries == PORTMAP_PMP_SENDS) {
		p->protocol = PORTMAP_UNKNOWN;
		ask(p, PORTMAP_PMP_PAUSE);
		return;
	}
	p->rto = p->rto == 0 ? PORTMAP_PMP_RTO : 2 * p->rto;
	p->send_at = adit_time_add(p->now, p->rto);
	p->want |= p->has_address ? 0 : PORTMAP_WANT_PMP_ADDRESS;
	p->want |= p->has_map ? 0 : PORTMAP_WANT_PMP_MAP;
	p->tries++;
}

static void send_probe(struct portmap *p)
{
	p->want |= PORTMAP_WANT_PMP_ADDRESS;
	p->probe_at = adit_time_add(p->now, PORTMAP_PMP_RTO << p->probes);
	if (++p->probes == PORTMAP_PMP_PROBE_SENDS)
		p->probe_at = ADIT_NEVER;
}

/* The router may be another one when it speaks again. */
static void silence(struct portmap *p)
{
	p->silence_at = ADIT_NEVER;
	p->was_heard = false;
	if (p->protocol == PORTMAP_PCP)
		p->protocol = PORTMAP_UNKNOWN;
	lose(p, "the router does not answer any more");
	if (!p->none_told)
		event_push(p, PORTMAP_EVENT_NONE, "no router answers PCP or NAT-PMP");
	p->none_told = true;
	p->refusal_told = NULL;
	if (p->protocol == PORTMAP_UNKNOWN && p->probes == 0 && adit_addr_is_v4(&p->cfg.own))
		p->probe_at = p->now;
}

static void tick_ask(struct portmap *p)
{
	if (p->now >= p->expire_at)
		lose(p, "the mapping ran out");
	if (p->now >= p->silence_at)
		silence(p);
	if (p->now >= p->last_call_at)
		portmap_choose_pmp(p);
	if (p->now >= p->send_at) {
		if (p->protocol == PORTMAP_PMP)
			send_pmp(p);
		else
			send_pcp(p);
	}
	if (p->now >= p->probe_at)
		send_probe(p);
}

/* ---- holding ---- */

/*
 * RFC 6887 11.2.1: the next question at 1/2 .. 5/8 of the lifetime, then 3/4 .. 3/4 + 1/16, 7/8 .. 7/8 + 1/32 and so
 * on, each a single datagram. RFC 6886 3.3 asks for the first half only; what is good for PCP serves it too.
 */
static void plan_renewal(struct portmap *p)
{
	adit_dur whole = ADIT_SEC(p->lifetime);
	unsigned k = p->renewals + 1;
	adit_dur after = whole - (whole >> k) + adit_rng_below(&p->cfg.rng, (whole >> (k + 2)) + 1);
	adit_time at = adit_time_add(p->granted_at, after);

	if (at < adit_time_add(p->asked_at, PORTMAP_RENEW_GAP))
		at = adit_time_add(p->asked_at, PORTMAP_RENEW_GAP);
	if (at < p->no_renew_until)
		at = p->no_renew_until;
	p->renew_at = at < p->expire_at ? at : ADIT_NEVER;
}

static void renew(struct portmap *p)
{
	p->renewals++;
	p->asked_at = p->now;
	if (p->protocol == PORTMAP_PMP) {
		p->has_address = p->has_map = false;
		p->want |= PORTMAP_WANT_PMP_ADDRESS | PORTMAP_WANT_PMP_MAP;
	} else {
		p->want |= PORTMAP_WANT_PCP;
	}
	plan_renewal(p);
}

static void tick_hold(struct portmap *p)
{
	if (p->now >= p->expire_at) {
		lose(p, "the mapping ran out");
		ask(p, 0);
		tick_ask(p);
		return;
	}
	if (p->now >= p->renew_at)
		renew(p);
}

void portmap_granted(struct portmap *p, const struct adit_addr *external, uint32_t lifetime)
{
	bool is_other = !adit_addr_eq(&p->external, external);

	if (lifetime < PORTMAP_LIFETIME_MIN) {
		portmap_refused(p, "the router gives a mapping no time to live", 0);
		return;
	}
	p->external = *external;
	p->lifetime = lifetime < PORTMAP_LIFETIME_MAX ? lifetime : PORTMAP_LIFETIME_MAX;
	if (!p->is_mapped)
		event_mapping(p, PORTMAP_EVENT_MAPPED);
	else if (is_other)
		event_mapping(p, PORTMAP_EVENT_CHANGED);
	else if (p->is_restart)
		event_mapping(p, PORTMAP_EVENT_RESTORED);
	else
		p->stats.renewed++;
	p->is_mapped = true;
	p->is_restart = p->none_told = false;
	p->refusal_told = NULL;
	nothing_out(p);
	no_timers(p);
	set_state(p, PORTMAP_HOLD);
	p->granted_at = p->now;
	p->expire_at = adit_time_add(p->now, ADIT_SEC(p->lifetime));
	p->renewals = 0;
	p->no_renew_until = 0;
	plan_renewal(p);
}

void portmap_refused(struct portmap *p, const char *reason, uint32_t seconds)
{
	if (seconds < PORTMAP_ERROR_SHORT)
		seconds = PORTMAP_ERROR_SHORT;
	if (seconds > PORTMAP_ERROR_LONG)
		seconds = PORTMAP_ERROR_LONG;
	adit_trace(p->cfg.log, ADIT_LOG_DECIDE, "portmap refused=\"%s\" seconds=%u", reason, (unsigned)seconds);
	if (p->state == PORTMAP_HOLD && !p->is_restart) {
		/* A renewal: what was granted holds until its time is over. */
		nothing_out(p);
		p->no_renew_until = adit_time_add(p->now, ADIT_SEC(seconds));
		plan_renewal(p);
		return;
	}
	lose(p, reason);
	if (p->refusal_told != reason)
		event_push(p, PORTMAP_EVENT_REFUSED, reason);
	p->refusal_told = reason;
	p->none_told = false;
	nothing_out(p);
	no_timers(p);
	set_state(p, PORTMAP_WAIT);
	p->retry_at = adit_time_add(p->now, ADIT_SEC(seconds));
}

/* Not sooner than the gap allows, nor later than the mapping would be asked for without it. */
static adit_time hint_at(const struct portmap *p, adit_dur delay)
{
	adit_time at = adit_time_add(p->now, delay);

	if (p->now < p->hint_at)
		at = adit_time_min(p->hint_at, adit_time_min(p->renew_at, p->retry_at));
	return at > p->now ? at : p->now;
}

void portmap_hint(struct portmap *p, adit_dur delay)
{
	adit_time at = hint_at(p, delay);

	if (p->state == PORTMAP_DELETE || p->state == PORTMAP_DONE)
		return;
	/* It is asked already, and again until there is an answer. */
	if (p->state == PORTMAP_ASK && p->now < p->hint_at)
		return;
	p->hint_at = adit_time_add(at, PORTMAP_HINT_GAP);
	if (p->state == PORTMAP_ASK)
		p->send_at = adit_time_min(p->send_at, at);
	else
		ask(p, at - p->now);
}

/* ---- the end ---- */

static void delete_begin(struct portmap *p, bool then_ask)
{
	p->is_mapped = false;
	p->expire_at = ADIT_NEVER;
	p->delete_then_ask = then_ask;
	nothing_out(p);
	no_timers(p);
	set_state(p, PORTMAP_DELETE);
	if (!p->has_sent) {
		portmap_deleted(p);
		return;
	}
	p->send_at = p->now;
	/* To a router that never answered one datagram goes out, in case it hears. */
	p->delete_until = p->was_heard ? adit_time_add(p->now, PORTMAP_DELETE_MAX) : p->now;
	portmap_tick(p, p->now);
}

void portmap_deleted(struct portmap *p)
{
	p->has_sent = p->is_restart = false;
	nothing_out(p);
	no_timers(p);
	p->external = (struct adit_addr){0};
	if (p->delete_then_ask) {
		/* Another nonce: late answers to what was asked before fit no more. */
		adit_rng_fill(&p->cfg.rng, p->nonce, sizeof(p->nonce));
		ask(p, 0);
		tick_ask(p);
		return;
	}
	set_state(p, PORTMAP_DONE);
	p->want |= PORTMAP_WANT_CLOSE | (p->has_news_sock ? PORTMAP_WANT_CLOSE_NEWS : 0);
}

static void tick_delete(struct portmap *p)
{
	if (p->now >= p->send_at) {
		p->want |= p->protocol == PORTMAP_PMP ? PORTMAP_WANT_PMP_MAP : PORTMAP_WANT_PCP;
		p->rto = p->rto == 0 ? PORTMAP_DELETE_RTO : 2 * p->rto;
		p->send_at = adit_time_add(p->now, p->rto);
	} else if (p->now >= p->delete_until && !(p->want & WANT_QUESTIONS)) {
		portmap_deleted(p);
	}
}

void portmap_check(struct portmap *p, adit_time now)
{
	portmap_set_now(p, now);
	if (p->state == PORTMAP_HOLD)
		ask(p, 0);
	else if (p->state == PORTMAP_ASK)
		p->send_at = adit_time_min(p->send_at, now);
	portmap_tick(p, now);
}

void portmap_verify_passed(struct portmap *p)
{
	p->verify_failures = 0;
}

void portmap_verify_failed(struct portmap *p, adit_time now)
{
	portmap_set_now(p, now);
	if (!p->is_mapped)
		return;
	if (++p->verify_failures == 1) {
		lose(p, "nothing arrives through the mapping; it is made anew");
		delete_begin(p, true);
		return;
	}
	event_push(p, PORTMAP_EVENT_WITHDRAWN, "the router says that it maps, but nothing arrives")->external =
		p->external;
	delete_begin(p, false);
}

void portmap_end(struct portmap *p, adit_time now)
{
	portmap_set_now(p, now);
	if (p->state == PORTMAP_DONE)
		return;
	if (p->state == PORTMAP_DELETE)
		p->delete_then_ask = false;
	else
		delete_begin(p, false);
}

bool portmap_is_done(const struct portmap *p)
{
	return p->state == PORTMAP_DONE;
}

/* ---- the verbs ---- */

void portmap_sock_failed(struct portmap *p, adit_time now, uint32_t sock)
{
	portmap_set_now(p, now);
	if (sock == p->cfg.sock + 1)
		p->has_news_sock = false;
	if (sock != p->cfg.sock || p->state == PORTMAP_DONE)
		return;
	event_push(p, PORTMAP_EVENT_NONE, "there is no socket to ask the router with");
	p->is_mapped = false;
	p->expire_at = ADIT_NEVER;
	nothing_out(p);
	no_timers(p);
	set_state(p, PORTMAP_DONE);
	p->want = p->has_news_sock && !(p->want & PORTMAP_WANT_OPEN_NEWS) ? PORTMAP_WANT_CLOSE_NEWS : 0;
}

void portmap_tick(struct portmap *p, adit_time now)
{
	portmap_set_now(p, now);
	switch (p->state) {
	case PORTMAP_ASK:
		tick_ask(p);
		break;
	case PORTMAP_HOLD:
		tick_hold(p);
		break;
	case PORTMAP_WAIT:
		if (now >= p->retry_at) {
			ask(p, 0);
			tick_ask(p);
		}
		break;
	case PORTMAP_DELETE:
		tick_delete(p);
		break;
	case PORTMAP_DONE:
		break;
	}
}

adit_time portmap_deadline(const struct portmap *p)
{
	adit_time at = adit_time_min(p->send_at, p->expire_at);

	if (p->want)
		return p->now;
	at = adit_time_min(at, adit_time_min(p->probe_at, p->last_call_at));
	at = adit_time_min(at, adit_time_min(p->silence_at, p->renew_at));
	return adit_time_min(at, adit_time_min(p->retry_at, p->delete_until));
}

static size_t write_pcp(struct portmap *p)
{
	struct portmap_pcp_request q = {.client = p->cfg.own, .external = p->external};

	memcpy(q.nonce, p->nonce, sizeof(q.nonce));
	q.lifetime = p->state == PORTMAP_DELETE ? 0 : p->cfg.lifetime;
	if (q.external.port == 0)
		q.external.port = p->cfg.want_port;
	portmap_pcp_write(&q, p->out);
	p->pcp_is_out = true;
	p->has_sent = p->state != PORTMAP_DELETE;
	p->asked_at = p->now;
	return PORTMAP_PCP_MAP_LEN;
}

static size_t write_pmp_map(struct portmap *p)
{
	uint32_t lifetime = p->state == PORTMAP_DELETE ? 0 : p->cfg.lifetime;

	portmap_pmp_write_map(p->cfg.own.port, p->external.port ? p->external.port : p->cfg.want_port, lifetime,
			      p->out);
	p->map_is_out = true;
	p->has_sent = p->state != PORTMAP_DELETE;
	p->asked_at = p->now;
	return PORTMAP_PMP_MAP_LEN;
}

static size_t write_pmp_address(struct portmap *p)
{
	portmap_pmp_write_address(p->out);
	p->address_is_out = true;
	return PORTMAP_PMP_ADDRESS_LEN;
}

static void output_send(struct portmap *p, enum portmap_want what, struct adit_out *ret_out)
{
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND,
		.sock = p->cfg.sock,
		.local = adit_addr_with_port(p->cfg.own, 0),
		.remote = p->cfg.gateway,
		.data = p->out,
	};
	if (what == PORTMAP_WANT_PCP)
		ret_out->len = write_pcp(p);
	else if (what == PORTMAP_WANT_PMP_ADDRESS)
		ret_out->len = write_pmp_address(p);
	else
		ret_out->len = write_pmp_map(p);
	p->stats.sent++;
}

int portmap_output(struct portmap *p, adit_time now, struct adit_out *ret_out)
{
	unsigned what = p->want & (~p->want + 1); /* the lowest bit: they are in order */
	bool is_news = what == PORTMAP_WANT_OPEN_NEWS || what == PORTMAP_WANT_CLOSE_NEWS;

	portmap_set_now(p, now);
	if (what == 0)
		return 0;
	p->want &= ~what;
	if (what & WANT_QUESTIONS) {
		output_send(p, (enum portmap_want)what, ret_out);
		return 1;
	}
	*ret_out = (struct adit_out){
		.kind = what == PORTMAP_WANT_CLOSE || what == PORTMAP_WANT_CLOSE_NEWS ? ADIT_OUT_CLOSE : ADIT_OUT_OPEN,
		.sock = p->cfg.sock + is_news,
		.local = {.family = p->cfg.own.family, .port = is_news ? PORTMAP_NEWS_PORT : 0},
	};
	return 1;
}

const struct adit_addr *portmap_external(const struct portmap *p)
{
	return p->is_mapped ? &p->external : NULL;
}

const struct portmap_stats *portmap_stats(const struct portmap *p)
{
	return &p->stats;
}
