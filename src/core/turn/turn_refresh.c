/* Keeping an allocation, and noticing that it or its server is gone (RFC 8656 8). */
#include "core/stun/stun_attr.h"
#include "core/turn/turn_int.h"

void turn_refresh(struct turn *t, uint32_t tag, uint32_t lifetime)
{
	struct stun_build b;
	struct stun_tx *tx;

	t->is_refreshing = false;
	if (turn_request_begin(t, tag, &b, &tx) < 0)
		return; /* tried again at the next turn: a transaction ends before long */
	stun_build_u32(&b, STUN_ATTR_LIFETIME, lifetime);
	if (turn_request_send(t, tx, &b) < 0) {
		t->refresh_at = t->now + TURN_QUIET; /* a new nonce is too long; the next may be shorter */
		t->unheard_since = ADIT_NEVER;
		return;
	}
	t->is_refreshing = true;
	t->keep_at = t->now + TURN_KEEPALIVE;
	t->refresh_sent_at = t->now;
	t->stats.refreshes += tag == TURN_TAG_REFRESH;
}

static void keep_alive(struct turn *t)
{
	struct stun_build b;
	struct stun_tx *tx;

	t->keep_at = t->now + TURN_KEEPALIVE;
	if (turn_request_begin(t, TURN_TAG_KEEP, &b, &tx) == 0)
		(void)!stun_client_send(&t->stun, t->now, tx, &b);
}

/* LIFETIME of an answer: how long we have it and when to ask again. */
static void set_lifetime(struct turn *t, const struct stun_msg *m)
{
	uint32_t seconds = TURN_LIFETIME;
	struct stun_attr a;
	adit_dur life;

	if (stun_msg_find(m, STUN_ATTR_LIFETIME, &a) < 0 || stun_attr_read_u32(&a, &seconds) < 0)
		seconds = TURN_LIFETIME; /* RFC 8656 3.2: the default; a refresh soon tells better */
	if (seconds < TURN_LIFETIME_MIN)
		seconds = TURN_LIFETIME_MIN;
	life = ADIT_SEC(seconds);
	t->expire_at = t->now + life;
	t->refresh_at = t->now + (life > 2 * TURN_RENEW_AHEAD ? life - TURN_RENEW_AHEAD : life / 2);
	t->refresh_at = adit_time_min(t->refresh_at, t->now + TURN_REFRESH_EVERY);
}

static struct adit_addr mapped_of(const struct stun_msg *m)
{
	struct adit_addr addr = {0};
	struct stun_attr a;

	if (stun_msg_find(m, STUN_ATTR_XOR_MAPPED_ADDRESS, &a) == 0)
		(void)!stun_attr_read_xor_addr(&a, m->txid, &addr);
	return addr;
}

void turn_refresh_begin(struct turn *t, const struct stun_msg *m)
{
	t->is_moved = false;
	t->mapped = mapped_of(m);
	set_lifetime(t, m);
	t->keep_at = t->now + TURN_KEEPALIVE;
}

void turn_refresh_result(struct turn *t, const struct stun_result *r)
{
	t->is_refreshing = false;
	if (r->end == STUN_END_ERROR)
		adit_trace(t->cfg.log, ADIT_LOG_DECIDE, "turn-refused code=%u", r->code);
	if (r->end == STUN_END_ANSWER) {
		t->is_moved = false;
		set_lifetime(t, &r->msg);
		return;
	}
	if (r->end == STUN_END_ERROR && (r->code == 437 || r->code == 441)) {
		turn_fail(t, TURN_WHY_GONE, r->code);
		return;
	}
	if (r->end == STUN_END_ICMP) {
		turn_fail(t, TURN_WHY_UNREACHABLE, 0);
		return;
	}
	if (r->end == STUN_END_TIMEOUT && t->heard_at <= t->refresh_sent_at) {
		turn_fail(t, TURN_WHY_SILENT, 0);
		return;
	}
	/* Refused for now, or lost while data still came: it is asked again until it runs out. */
	t->refresh_at = t->now + TURN_QUIET;
}

/* Another mapped address means another five-tuple: the allocation is the old one's. */
void turn_keep_result(struct turn *t, const struct stun_result *r)
{
	struct adit_addr mapped;

	if (r->end != STUN_END_ANSWER) {
		t->refresh_at = t->now; /* a refresh, with integrity, says what is the matter */
		return;
	}
	mapped = mapped_of(&r->msg);
	if (mapped.family != ADIT_FAMILY_NONE && t->mapped.family != ADIT_FAMILY_NONE &&
	    !adit_addr_eq(&mapped, &t->mapped))
		t->refresh_at = t->now;
}

void turn_doubt(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state == TURN_READY && !t->is_refreshing)
		t->refresh_at = adit_time_min(t->refresh_at, now);
}

void turn_moved(struct turn *t, adit_time now)
{
	if (t->state == TURN_READY && turn_is_stream(t) && !t->is_moved) {
		stun_client_cancel(&t->stun, TURN_TAG_REFRESH); /* it has more time */
		t->is_refreshing = false;
		t->is_moved = true;
	}
	turn_doubt(t, now);
	turn_again(t, now);
}

static bool is_quiet(const struct turn *t)
{
	return t->unheard_since != ADIT_NEVER && adit_time_since(t->now, t->unheard_since) >= TURN_QUIET;
}

void turn_refresh_tick(struct turn *t)
{
	if (t->now >= t->expire_at) {
		turn_fail(t, TURN_WHY_GONE, 0);
		return;
	}
	if (!t->is_refreshing && (t->now >= t->refresh_at || is_quiet(t)))
		turn_refresh(t, TURN_TAG_REFRESH, TURN_LIFETIME);
	if (t->now >= t->keep_at)
		keep_alive(t);
}

adit_time turn_refresh_deadline(const struct turn *t)
{
	adit_time at = adit_time_min(t->expire_at, t->keep_at);

	if (!t->is_refreshing && stun_client_count(&t->stun) < TURN_TX_MAX) {
		at = adit_time_min(at, t->refresh_at);
		at = adit_time_min(at, adit_time_add(t->unheard_since, TURN_QUIET));
	}
	return at;
}
