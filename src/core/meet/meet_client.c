#include "core/meet/meet_client.h"

#include <string.h>

#include "core/stun/stun_attr.h"

static const char salt_label[] = "adit rendezvous ";

static const char *const state_names[] = {"idle", "asking", "proving", "held", "refreshing", "backoff", "done"};

static void set_state(struct meet_client *c, struct meet_entry *e, enum meet_state state)
{
	if (e->state != state)
		adit_trace(c->cfg.log, ADIT_LOG_DECIDE, "meet mediator=%u from=%s to=%s", (unsigned)(e - c->entries),
			   state_names[e->state], state_names[state]);
	e->state = state;
}

static bool is_under_way(const struct meet_entry *e)
{
	return e->state == MEET_STATE_ASKING || e->state == MEET_STATE_PROVING || e->state == MEET_STATE_REFRESHING;
}

void meet_client_init(struct meet_client *c, adit_time now, const struct meet_client_config *cfg)
{
	memset(c, 0, sizeof(*c));
	c->cfg = *cfg;
	c->now = now;
	meet_sealer_init(&c->sealer, cfg->meet_crypto, cfg->crypto, cfg->k);
}

void meet_client_done(struct meet_client *c)
{
	meet_sealer_done(&c->sealer);
	adit_bytes_wipe(c, sizeof(*c));
}

int meet_client_add(struct meet_client *c, const char *name, const struct adit_addr *addr)
{
	char info[sizeof(salt_label) + MEET_NAME_MAX];
	size_t len = strnlen(name, MEET_NAME_MAX + 1);
	struct meet_entry *e = &c->entries[c->n];

	if (c->n == MEET_MEDIATORS_MAX || len > MEET_NAME_MAX)
		return ADIT_EFULL;
	memcpy(info, salt_label, sizeof(salt_label) - 1);
	memcpy(info + sizeof(salt_label) - 1, name, len);
	c->cfg.crypto->hkdf_sha256(c->cfg.k, MEET_K_LEN, info, sizeof(salt_label) - 1 + len, e->salt, MEET_SALT_LEN);
	meet_id_make(c->cfg.meet_crypto, c->cfg.key, e->salt, e->id);
	e->addr = *addr;
	e->backoff = MEET_BACKOFF;
	e->wake_at = e->retry_at = e->cookie_at = ADIT_NEVER;
	if (c->is_serving || c->has_offer)
		e->wake_at = c->now;
	return (int)c->n++;
}

void meet_client_set_utc(struct meet_client *c, adit_time now, adit_utc utc)
{
	c->now = c->utc_base = now;
	c->utc = utc;
}

static adit_utc utc_now(const struct meet_client *c)
{
	return c->utc + (c->now - c->utc_base);
}

static void push_event(struct meet_client *c, struct meet_event ev)
{
	if (c->events_n == MEET_EVENTS)
		return; /* nobody looks; states tell all the same */
	c->events[(c->events_first + c->events_n++) % MEET_EVENTS] = ev;
}

/* ---- families ---- */

static unsigned worth(const struct meet_client *c, const struct adit_addr *a)
{
	bool is_v6 = adit_addr_is_v6(a);

	return a->family == ADIT_FAMILY_NONE ? 0 : 1u + 2u * !c->lacks[is_v6] + !is_v6;
}

/* What was learnt over the other address does not count here. */
static void change_family(struct meet_entry *e)
{
	struct adit_addr was = e->addr;

	e->addr = e->other;
	e->other = was;
	e->cookie_at = ADIT_NEVER;
	e->rtt = 0;
}

/* A new request: its own transaction, sent at once. */
static void begin(struct meet_client *c, struct meet_entry *e, enum meet_state state)
{
	if (state == MEET_STATE_ASKING && worth(c, &e->other) > worth(c, &e->addr))
		change_family(e);
	set_state(c, e, state);
	e->want_other = e->is_cookie_due = false;
	adit_rng_fill(&c->cfg.rng, e->txid, sizeof(e->txid));
	e->tries = 1;
	e->rto = MEET_RTO;
	if (e->is_silent && state == MEET_STATE_ASKING) {
		e->tries = MEET_TRIES;
		e->rto = MEET_LAST_WAIT;
		e->want_other = e->other.family != ADIT_FAMILY_NONE;
	}
	e->sent_at = c->now;
	e->retry_at = adit_time_add(c->now, e->rto);
	e->wake_at = ADIT_NEVER;
	e->want_send = true;
}

static void rest(struct meet_client *c, struct meet_entry *e, enum meet_state state, adit_time wake_at)
{
	e->cookies = 0;
	set_state(c, e, state);
	e->want_send = e->want_other = e->is_cookie_due = false;
	e->retry_at = ADIT_NEVER;
	e->wake_at = wake_at;
}

/* A little earlier or later, so that the peers of a restarted mediator do not come back in one instant. */
static adit_time jittered(struct meet_client *c, adit_dur d)
{
	return adit_time_add(c->now, d - d / 8 + adit_rng_below(&c->cfg.rng, d / 8));
}

/* Of those that wait for their turn, the first one. */
static void start_next(struct meet_client *c)
{
	struct meet_entry *next = NULL;

	for (size_t i = 0; i < c->n && c->cfg.role == MEET_CONNECT; i++) {
		struct meet_entry *e = &c->entries[i];

		if (e->state == MEET_STATE_IDLE && e->wake_at != ADIT_NEVER && (!next || e->wake_at < next->wake_at))
			next = e;
	}
	if (next)
		next->wake_at = c->now;
}

static void give_up(struct meet_client *c, struct meet_entry *e, unsigned code)
{
	unsigned number = (unsigned)(e - c->entries);

	if (e->was_held)
		push_event(c, (struct meet_event){.kind = MEET_EVENT_LOST, .mediator = number});
	e->was_held = false;
	push_event(c, (struct meet_event){.kind = MEET_EVENT_SILENT, .mediator = number, .code = code});
	e->is_silent = code == 0;
	if (e->is_silent) {
		rest(c, e, MEET_STATE_BACKOFF, jittered(c, MEET_KEEPALIVE - MEET_LAST_WAIT));
	} else {
		rest(c, e, MEET_STATE_BACKOFF, jittered(c, e->backoff));
		e->backoff = e->backoff * 2 < MEET_BACKOFF_MAX ? e->backoff * 2 : MEET_BACKOFF_MAX;
	}
	start_next(c);
}

void meet_client_serve(struct meet_client *c, adit_time now)
{
	c->now = now;
	c->is_serving = true;
	for (size_t i = 0; i < c->n; i++) {
		c->entries[i].is_silent = false;
		begin(c, &c->entries[i], MEET_STATE_ASKING);
	}
}

/* Sealed anew for each mediator and each transaction: ids differ, and an answer fits one question only. */
static int seal_offer(struct meet_client *c, struct meet_entry *e)
{
	struct meet_offer *o = &c->answer; /* the connect side's own offer waits here until the answer replaces it */
	struct meet_sealed *sealed = &c->sealed[e - c->entries];
	int len;

	o->stamp = utc_now(c);
	o->rtt = (uint32_t)(e->rtt / ADIT_US(1));
	len = meet_seal(&c->sealer, &c->cfg.rng, MEET_OFFER, e->id, e->txid, o, sealed->data);
	sealed->len = len > 0 ? (size_t)len : 0;
	return len;
}

static bool has_fresh_cookie(const struct meet_client *c, const struct meet_entry *e)
{
	return e->cookie_at != ADIT_NEVER && adit_time_since(c->now, e->cookie_at) < MEET_COOKIE_FRESH;
}

/* With the cookie that is there, or for one. */
static void ask(struct meet_client *c, struct meet_entry *e)
{
	if (c->cfg.role == MEET_SERVE || !c->has_offer || !has_fresh_cookie(c, e)) {
		begin(c, e, MEET_STATE_ASKING);
		return;
	}
	begin(c, e, MEET_STATE_PROVING);
	if (seal_offer(c, e) < 0)
		give_up(c, e, MEET_CODE_BAD);
}

void meet_client_set_own(struct meet_client *c, adit_time now, bool has_v4, bool has_v6)
{
	c->now = now;
	/* A machine with neither is one whose addresses are not known. */
	c->lacks[0] = !has_v4 && has_v6;
	c->lacks[1] = !has_v6 && has_v4;
	for (size_t i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];

		if (worth(c, &e->other) > worth(c, &e->addr) && (is_under_way(e) || e->state == MEET_STATE_HELD))
			begin(c, e, MEET_STATE_ASKING);
	}
}

void meet_client_prepare(struct meet_client *c, adit_time now)
{
	c->now = now;
	c->has_offer = false;
	for (size_t i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];

		e->is_silent = false;
		if (e->state == MEET_STATE_PROVING)
			rest(c, e, MEET_STATE_IDLE, ADIT_NEVER); /* nobody wants that offer's answer any more */
		if (!has_fresh_cookie(c, e) && e->state != MEET_STATE_ASKING)
			begin(c, e, MEET_STATE_ASKING);
	}
}

void meet_client_moved(struct meet_client *c, adit_time now, uint8_t family)
{
	c->now = now;
	for (size_t i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];

		if (e->addr.family != family)
			continue;
		e->is_silent = false;
		e->cookie_at = ADIT_NEVER;
		if (e->state == MEET_STATE_HELD || e->state == MEET_STATE_REFRESHING)
			begin(c, e, MEET_STATE_REFRESHING);
		else if (is_under_way(e))
			ask(c, e);
		else if (e->state == MEET_STATE_BACKOFF)
			e->wake_at = now; /* it may have been the network's fault */
	}
}

void meet_client_set_addr(struct meet_client *c, adit_time now, unsigned mediator, const struct adit_addr *addr)
{
	struct meet_entry *e = &c->entries[mediator];
	bool was_active = e->state != MEET_STATE_IDLE && e->state != MEET_STATE_DONE;

	c->now = now;
	if (e->addr.family != addr->family) {
		if (adit_addr_eq(&e->other, addr))
			return;
		e->other = *addr;
		if (e->state == MEET_STATE_ASKING)
			ask(c, e);
		return;
	}
	if (adit_addr_eq(&e->addr, addr))
		return;
	e->addr = *addr;
	e->is_silent = false;
	e->cookie_at = ADIT_NEVER;
	e->rtt = 0;
	if (was_active)
		ask(c, e);
}

bool meet_client_is_alive(const struct meet_client *c, unsigned mediator)
{
	return c->entries[mediator].has_answered;
}

adit_dur meet_client_rtt(const struct meet_client *c, unsigned mediator)
{
	return mediator < c->n ? c->entries[mediator].rtt : 0;
}

int meet_client_offer(struct meet_client *c, adit_time now, const struct meet_offer *offer)
{
	uint8_t plain[MEET_PLAIN_MAX];
	int len = meet_offer_encode(offer, plain);

	adit_bytes_wipe(plain, sizeof(plain));
	if (len < 0)
		return len;
	c->now = now;
	c->has_offer = true;
	c->answer = *offer;
	for (unsigned i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];
		unsigned turn = i == c->first ? 0 : i < c->first ? i + 1 : i;
		bool is_due = e->state == MEET_STATE_ASKING || e->is_cookie_due;

		e->is_silent = false;
		rest(c, e, MEET_STATE_IDLE, adit_time_add(now, turn * MEET_FAILOVER + (is_due ? MEET_COOKIE_LATE : 0)));
		e->is_cookie_due = is_due;
	}
	meet_client_tick(c, now);
	return 0;
}

void meet_client_stop(struct meet_client *c)
{
	c->is_serving = c->has_offer = false;
	c->borrowing.active = false;
	for (size_t i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];

		rest(c, e, MEET_STATE_IDLE, ADIT_NEVER);
		e->want_report = false;
		e->want_leave = e->was_held;
		e->was_held = false;
	}
	for (size_t i = 0; i < MEET_ASKS; i++)
		c->asks[i].used = false;
}

void meet_client_report(struct meet_client *c, adit_time now, enum meet_path path, uint32_t ms)
{
	c->now = now;
	c->outcome = (uint8_t)path;
	c->outcome_ms = ms;
	c->entries[c->first].want_report = c->has_helped;
	c->has_helped = false;
}

int meet_client_answer(struct meet_client *c, adit_time now, unsigned ask, const struct meet_offer *answer,
		       adit_time *ret_start_at)
{
	struct meet_ask *a = ask < MEET_ASKS ? &c->asks[ask] : NULL;
	struct meet_offer own = *answer;
	adit_dur wait;
	int len;

	if (!a || !a->used)
		return ADIT_ENOENT;
	c->now = now;
	own.stamp = utc_now(c);
	own.rtt = (uint32_t)(c->entries[a->mediator].rtt / ADIT_US(1));
	len = meet_seal(&c->sealer, &c->cfg.rng, MEET_ANSWER, c->entries[a->mediator].id, a->txid, &own, a->sealed);
	if (len < 0)
		return len;
	a->sealed_len = (size_t)len;
	a->want_send = true;
	/* The peer's word counts up to what a round trip can be. */
	wait = ADIT_US((adit_dur)own.rtt + a->offer.rtt) / 2;
	*ret_start_at = adit_time_add(now, wait < ADIT_SEC(2) ? wait : ADIT_SEC(2));
	return 0;
}

/* ---- what comes ---- */

static void note_rtt(struct meet_client *c, struct meet_entry *e)
{
	adit_dur rtt = adit_time_since(c->now, e->sent_at);

	if (e->tries != 1)
		return; /* Karn: which try was answered cannot be told */
	rtt = rtt ? rtt : 1;
	e->rtt = e->rtt && e->rtt < rtt ? (7 * e->rtt + rtt) / 8 : rtt; /* queues only lengthen it */
}

static void hold(struct meet_client *c, struct meet_entry *e)
{
	e->backoff = MEET_BACKOFF;
	rest(c, e, MEET_STATE_HELD, jittered(c, MEET_KEEPALIVE));
}

static int on_success(struct meet_client *c, struct meet_entry *e, const struct stun_msg *m)
{
	const uint8_t *handle = meet_msg_bytes(m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);
	struct meet_event ev = {.kind = MEET_EVENT_HELD, .mediator = (unsigned)(e - c->entries)};
	struct stun_attr a;

	if (m->method == MEET_REFRESH && e->state == MEET_STATE_REFRESHING) {
		note_rtt(c, e);
		hold(c, e);
		return 0;
	}
	if (m->method != MEET_REGISTER || e->state != MEET_STATE_PROVING || !handle ||
	    stun_msg_find(m, STUN_ATTR_XOR_MAPPED_ADDRESS, &a) != 0 ||
	    stun_attr_read_xor_addr(&a, m->txid, &ev.mapped) != 0)
		return ADIT_EIGNORED;
	note_rtt(c, e);
	memcpy(e->handle, handle, sizeof(e->handle));
	e->was_held = true;
	hold(c, e);
	push_event(c, ev);
	return 0;
}

/* The answer brought a permit: the rest of it counts without. */
static void borrow(struct meet_client *c, unsigned mediator, const struct stun_msg *m)
{
	const uint8_t *permit = meet_msg_bytes(m, MEET_ATTR_PERMIT, MEET_PERMIT_LEN);
	struct meet_borrowing *b = &c->borrowing;

	if (!permit || !c->cfg.borrow)
		return;
	*b = (struct meet_borrowing){.active = true,
				     .want_send = true,
				     .mediator = mediator,
				     .tries = 1,
				     .rto = MEET_RTO,
				     .retry_at = adit_time_add(c->now, MEET_RTO)};
	memcpy(b->permit, permit, sizeof(b->permit));
	adit_rng_fill(&c->cfg.rng, b->txid, sizeof(b->txid));
	adit_rng_fill(&c->cfg.rng, b->secret, sizeof(b->secret));
}

/* What is refused is done without. */
static int on_loan(struct meet_client *c, const struct stun_msg *m)
{
	struct meet_borrowing *b = &c->borrowing;
	struct meet_relay relay;
	struct stun_attr a;

	if (m->class == STUN_ERROR) {
		adit_trace(c->cfg.log, ADIT_LOG_DECIDE, "meet_borrow mediator=%u refused=1", b->mediator);
		b->active = false;
		return 0;
	}
	if (stun_msg_find(m, MEET_ATTR_LOAN, &a) != 0)
		return ADIT_EIGNORED;
	if (meet_relay_unseal(c->cfg.meet_crypto, c->cfg.crypto, b->secret, b->txid, a.value, a.len, &relay) != 0) {
		c->stats.forged++;
		return ADIT_EAUTH;
	}
	b->active = false;
	c->relay = relay;
	adit_bytes_wipe(&relay, sizeof(relay));
	push_event(c, (struct meet_event){.kind = MEET_EVENT_RELAY, .mediator = b->mediator, .relay = &c->relay});
	return 0;
}

/* The peer's answer, through the mediator. */
static int on_answer(struct meet_client *c, struct meet_entry *e, const struct stun_msg *m)
{
	struct meet_offer o;
	struct stun_attr a;

	if (e->state != MEET_STATE_PROVING || stun_msg_find(m, MEET_ATTR_SEALED, &a) != 0)
		return ADIT_EIGNORED;
	if (meet_unseal(&c->sealer, MEET_ANSWER, e->id, m->txid, a.value, a.len, &o) != 0) {
		c->stats.forged++;
		return ADIT_EAUTH;
	}
	c->answer = o;
	c->has_offer = false;
	c->first = (unsigned)(e - c->entries);
	c->has_helped = true;
	for (size_t i = 0; i < c->n; i++)
		rest(c, &c->entries[i], MEET_STATE_IDLE, ADIT_NEVER);
	rest(c, e, MEET_STATE_DONE, ADIT_NEVER);
	push_event(c, (struct meet_event){.kind = MEET_EVENT_ANSWER,
					  .mediator = (unsigned)(e - c->entries),
					  .start_at = c->now,
					  .offer = &c->answer});
	borrow(c, (unsigned)(e - c->entries), m);
	return 0;
}

static int on_error(struct meet_client *c, struct meet_entry *e, const struct stun_msg *m)
{
	const uint8_t *cookie = meet_msg_bytes(m, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);
	bool first = e->state == MEET_STATE_ASKING || e->is_cookie_due;
	const uint8_t *text;
	struct stun_attr a;
	unsigned code;
	size_t len;

	if (stun_msg_find(m, STUN_ATTR_ERROR_CODE, &a) != 0 || stun_attr_read_error(&a, &code, &text, &len) != 0)
		return ADIT_EIGNORED;
	/* A cookie of a proven request has grown old: once more, but not for ever. */
	if (cookie && (code == MEET_CODE_COOKIE || (code == MEET_CODE_UNKNOWN && e->state == MEET_STATE_REFRESHING)) &&
	    e->cookies < MEET_COOKIES_MAX) {
		e->cookies++;
		if (first || e->state == MEET_STATE_REFRESHING)
			note_rtt(c, e);
		memcpy(e->cookie, cookie, sizeof(e->cookie));
		e->cookie_at = c->now;
		if (c->cfg.role == MEET_SERVE)
			begin(c, e, MEET_STATE_PROVING);
		else if (e->is_cookie_due && e != &c->entries[c->first])
			e->is_cookie_due = false; /* for when its turn comes */
		else if (c->has_offer)
			ask(c, e);
		else
			rest(c, e, MEET_STATE_IDLE, ADIT_NEVER);
		return 0;
	}
	if (code == MEET_CODE_ABSENT && c->cfg.role == MEET_CONNECT) {
		push_event(c, (struct meet_event){.kind = MEET_EVENT_ABSENT, .mediator = (unsigned)(e - c->entries)});
		rest(c, e, MEET_STATE_BACKOFF, jittered(c, MEET_ABSENT_AGAIN));
		start_next(c);
		return 0;
	}
	give_up(c, e, code);
	return 0;
}

/* New, and from about now? Remembers it. Full of others as young: refused, who floods us has K. */
static bool is_fresh(struct meet_client *c, const struct meet_offer *o, const uint8_t *nonce)
{
	struct adit_rd r = adit_rd_over(nonce, 8);
	uint64_t n = adit_rd_u64(&r);
	adit_utc now = utc_now(c);
	size_t at = MEET_SEEN;

	if (c->utc == 0 || o->stamp > now + MEET_STAMP_WINDOW || now > o->stamp + MEET_STAMP_WINDOW)
		return false;
	for (size_t i = 0; i < MEET_SEEN; i++) {
		if (c->seen[i].stamp == o->stamp && c->seen[i].nonce == n)
			return false;
		if (now > c->seen[i].stamp + MEET_STAMP_WINDOW)
			at = i;
	}
	if (at == MEET_SEEN)
		return false;
	c->seen[at].stamp = o->stamp;
	c->seen[at].nonce = n;
	return true;
}

static struct meet_ask *ask_slot(struct meet_client *c)
{
	struct meet_ask *oldest = &c->asks[0];

	for (size_t i = 0; i < MEET_ASKS; i++) {
		if (!c->asks[i].used)
			return &c->asks[i];
		if (c->asks[i].serial < oldest->serial)
			oldest = &c->asks[i];
	}
	return oldest;
}

/*
 * An offer is passed on again when its answer was lost: the same answer goes once more, and no event comes. The route
 * is good for the address that the offer was passed on to, so the newest is the one.
 */
static bool is_repeated(struct meet_client *c, unsigned mediator, const uint8_t *txid, const struct stun_attr *route)
{
	for (size_t i = 0; i < MEET_ASKS; i++) {
		struct meet_ask *a = &c->asks[i];

		if (a->used && a->mediator == mediator && memcmp(a->txid, txid, STUN_TXID_LEN) == 0) {
			memcpy(a->route, route->value, route->len);
			a->route_len = route->len;
			a->want_send = a->sealed_len > 0;
			return true;
		}
	}
	return false;
}

static int on_offer(struct meet_client *c, struct meet_entry *e, const struct stun_msg *m)
{
	unsigned mediator = (unsigned)(e - c->entries);
	struct stun_attr route, sealed;
	struct meet_ask *a;
	struct meet_offer o;

	if (stun_msg_find(m, MEET_ATTR_ROUTE, &route) != 0 || route.len > MEET_ROUTE ||
	    stun_msg_find(m, MEET_ATTR_SEALED, &sealed) != 0)
		return ADIT_EIGNORED;
	if (is_repeated(c, mediator, m->txid, &route))
		return 0;
	if (meet_unseal(&c->sealer, MEET_OFFER, e->id, m->txid, sealed.value, sealed.len, &o) != 0) {
		c->stats.forged++;
		return ADIT_EAUTH;
	}
	if (!is_fresh(c, &o, sealed.value)) {
		c->stats.replayed++;
		return ADIT_EREPLAY;
	}
	a = ask_slot(c);
	*a = (struct meet_ask){
		.used = true, .mediator = mediator, .serial = ++c->serial, .offer = o, .route_len = route.len};
	memcpy(a->txid, m->txid, sizeof(a->txid));
	memcpy(a->route, route.value, route.len);
	push_event(c, (struct meet_event){.kind = MEET_EVENT_OFFER,
					  .mediator = mediator,
					  .ask = (unsigned)(a - c->asks),
					  .offer = &a->offer});
	return 0;
}

/* Only who registered us knows the handle. It may be back soon, and others hold us meanwhile. */
static int on_gone(struct meet_client *c, struct meet_entry *e, const struct stun_msg *m)
{
	const uint8_t *handle = meet_msg_bytes(m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);

	if (!e->was_held || !handle || !adit_bytes_eq_ct(handle, e->handle, MEET_HANDLE_LEN))
		return ADIT_EIGNORED;
	push_event(c, (struct meet_event){.kind = MEET_EVENT_LOST, .mediator = (unsigned)(e - c->entries)});
	e->was_held = false;
	rest(c, e, MEET_STATE_BACKOFF, jittered(c, MEET_BACKOFF));
	return 0;
}

static bool is_answer(const struct stun_msg *m)
{
	return m->class == STUN_SUCCESS || m->class == STUN_ERROR;
}

/*
 * What answers says by its transaction whom it is for, all else by the id: one machine may be two of our mediators, by
 * two names.
 */
static bool is_for(const struct meet_client *c, const struct meet_entry *e, const struct stun_msg *m)
{
	const uint8_t *id = meet_msg_bytes(m, MEET_ATTR_ID, MEET_ID_LEN);

	if (!is_answer(m))
		return id && memcmp(id, e->id, MEET_ID_LEN) == 0;
	if (m->method == MEET_LEND)
		return c->borrowing.active && &c->entries[c->borrowing.mediator] == e &&
		       memcmp(m->txid, c->borrowing.txid, STUN_TXID_LEN) == 0;
	return (is_under_way(e) || e->is_cookie_due) && memcmp(m->txid, e->txid, STUN_TXID_LEN) == 0;
}

static int dispatch(struct meet_client *c, struct meet_entry *e, const struct stun_msg *m)
{
	if (m->class == STUN_INDICATION)
		return m->method == MEET_GONE ? on_gone(c, e, m) : ADIT_EIGNORED;
	if (m->class == STUN_REQUEST)
		return c->cfg.role == MEET_SERVE && m->method == MEET_INTRODUCE ? on_offer(c, e, m) : ADIT_EIGNORED;
	if (m->method == MEET_LEND)
		return on_loan(c, m);
	e->has_answered = true;
	e->is_silent = false;
	if (m->class == STUN_ERROR)
		return on_error(c, e, m);
	return c->cfg.role == MEET_CONNECT ? (m->method == MEET_INTRODUCE ? on_answer(c, e, m) : ADIT_EIGNORED)
					   : on_success(c, e, m);
}

/* An answer alone may come from the address of the other family: both were asked. */
static bool is_from(const struct meet_entry *e, const struct adit_addr *remote)
{
	return adit_addr_eq(&e->addr, remote) ||
	       (e->state == MEET_STATE_ASKING && e->tries > 1 && adit_addr_eq(&e->other, remote));
}

bool meet_client_may_take(const struct meet_client *c, const struct adit_addr *remote, const void *data, size_t len)
{
	struct stun_msg m;

	for (size_t i = 0; i < c->n; i++) {
		if (!is_from(&c->entries[i], remote))
			continue;
		if (stun_msg_parse(&m, data, len) != 0 || !meet_msg_is_ours(&m))
			return false;
		if (is_for(c, &c->entries[i], &m))
			return true;
	}
	return false;
}

int meet_client_input(struct meet_client *c, adit_time now, const struct adit_addr *remote, const void *data,
		      size_t len)
{
	int rc = ADIT_EIGNORED;
	bool is_known = false;
	struct stun_msg m;

	c->now = now;
	for (size_t i = 0; i < c->n && rc == ADIT_EIGNORED; i++) {
		struct meet_entry *e = &c->entries[i];

		if (!is_from(e, remote))
			continue;
		if (stun_msg_parse(&m, data, len) != 0 || !meet_msg_is_ours(&m))
			return ADIT_EIGNORED;
		is_known = true;
		if (!is_for(c, e, &m) || (!adit_addr_eq(&e->addr, remote) && !is_answer(&m)))
			continue;
		if (!adit_addr_eq(&e->addr, remote))
			change_family(e);
		rc = dispatch(c, e, &m);
	}
	c->stats.ignored += is_known && rc == ADIT_EIGNORED;
	return rc;
}

/* ---- time ---- */

static void retry(struct meet_client *c, struct meet_entry *e)
{
	if (e->tries == MEET_TRIES) {
		give_up(c, e, 0);
		return;
	}
	e->tries++;
	e->rto *= 2;
	e->retry_at = adit_time_add(c->now, e->rto);
	e->again_at = adit_time_add(c->now, MEET_AGAIN);
	e->want_send = true;
	e->want_other = e->state == MEET_STATE_ASKING && e->other.family != ADIT_FAMILY_NONE;
}

void meet_client_again(struct meet_client *c, adit_time now)
{
	c->now = now;
	for (size_t i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];

		if (c->cfg.role != MEET_CONNECT || e->state != MEET_STATE_PROVING || e->tries == 1 || now < e->again_at)
			continue;
		e->again_at = adit_time_add(now, MEET_AGAIN);
		e->want_send = true;
	}
}

static void retry_borrowing(struct meet_client *c)
{
	struct meet_borrowing *b = &c->borrowing;

	if (!b->active || c->now < b->retry_at)
		return;
	b->active = b->tries < MEET_TRIES;
	b->tries++;
	b->rto *= 2;
	b->retry_at = adit_time_add(c->now, b->rto);
	b->want_send = true;
}

static void wake(struct meet_client *c, struct meet_entry *e)
{
	if (e->state == MEET_STATE_HELD)
		begin(c, e, MEET_STATE_REFRESHING);
	else
		ask(c, e);
}

void meet_client_tick(struct meet_client *c, adit_time now)
{
	c->now = now;
	for (size_t i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];

		if (is_under_way(e) && now >= e->retry_at)
			retry(c, e);
		else if (!is_under_way(e) && now >= e->wake_at)
			wake(c, e);
	}
	retry_borrowing(c);
}

adit_time meet_client_deadline(const struct meet_client *c)
{
	adit_time at = c->borrowing.active ? c->borrowing.retry_at : ADIT_NEVER;

	for (size_t i = 0; i < c->n; i++)
		at = adit_time_min(at, is_under_way(&c->entries[i]) ? c->entries[i].retry_at : c->entries[i].wake_at);
	return at;
}

/* An answered ask is kept for who asks again, for want of its answer; that is over long before all else is. */
bool meet_client_is_at_rest(const struct meet_client *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->entries[i].want_send || c->entries[i].want_other || c->entries[i].want_report ||
		    c->entries[i].want_leave)
			return false;
	for (size_t i = 0; i < MEET_ASKS; i++)
		if (c->asks[i].used && c->asks[i].want_send)
			return false;
	return c->events_n == 0 && !c->has_offer && !c->borrowing.active;
}

int meet_client_event(struct meet_client *c, struct meet_event *ret_event)
{
	if (c->events_n == 0)
		return 0;
	*ret_event = c->events[c->events_first];
	c->events_first = (c->events_first + 1) % MEET_EVENTS;
	c->events_n--;
	return 1;
}
