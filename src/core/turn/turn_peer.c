/* Permissions and channels: tables of what the server was asked for, renewed while they are wanted. */
#include <assert.h>
#include <string.h>

#include "core/stun/stun_attr.h"
#include "core/turn/turn_int.h"

/* RFC 8656 11.1, 12.1: what follows from these is not another try. */
static bool is_refusal(const struct stun_result *r)
{
	return r->end == STUN_END_ERROR && (r->code == 400 || r->code == 403 || r->code == 443 || r->code == 508);
}

static bool is_gone(const struct stun_result *r)
{
	return r->end == STUN_END_ERROR && (r->code == 437 || r->code == 441);
}

/* --- permissions --- */

struct turn_permit *turn_permit_find(struct turn *t, const struct adit_addr *peer)
{
	for (size_t i = 0; i < TURN_PERMITS_MAX; i++)
		if (t->permits[i].ip.family != ADIT_FAMILY_NONE && adit_addr_eq_ip(&t->permits[i].ip, peer))
			return &t->permits[i];
	return NULL;
}

bool turn_may_lead(const struct adit_addr *from, const struct adit_addr *to)
{
	bool is_near = adit_addr_is_private(to) || adit_addr_is_loopback(to) || adit_addr_is_link_local(to);
	bool was_near = adit_addr_is_private(from) || adit_addr_is_loopback(from) || adit_addr_is_link_local(from);

	return to->family == from->family && !adit_addr_is_any(to) && !adit_addr_is_multicast(to) &&
	       (!is_near || (was_near && adit_addr_is_loopback(to) == adit_addr_is_loopback(from)));
}

bool turn_is_beyond(struct turn *t, const struct adit_addr *peer)
{
	const struct adit_addr *relayed = turn_relayed(t, (enum adit_family)peer->family);

	if (!relayed || turn_may_lead(relayed, peer))
		return false;
	t->stats.beyond++;
	return true;
}

bool turn_permit_is_open(const struct turn *t, const struct turn_permit *p)
{
	return p->is_open && t->now < p->expire_at;
}

/* A free one, else the one not used for longest: it runs out at the server by itself. */
static struct turn_permit *permit_slot(struct turn *t)
{
	struct turn_permit *oldest = &t->permits[0];

	for (size_t i = 0; i < TURN_PERMITS_MAX; i++) {
		struct turn_permit *p = &t->permits[i];

		if (p->ip.family == ADIT_FAMILY_NONE)
			return p;
		if (p->used_at < oldest->used_at)
			oldest = p;
	}
	stun_client_cancel(&t->stun, TURN_TAG_PERMIT | (uint32_t)(oldest - t->permits));
	return oldest;
}

void turn_permit(struct turn *t, adit_time now, const struct adit_addr *peer)
{
	struct turn_permit *p = turn_permit_find(t, peer);

	t->now = now;
	if (peer->family == ADIT_FAMILY_NONE || turn_is_beyond(t, peer))
		return;
	if (!p) {
		p = permit_slot(t);
		*p = (struct turn_permit){.ip = adit_addr_with_port(*peer, 0), .ask_at = now};
		p->ip.scope = 0;
	}
	p->used_at = now;
	turn_peers_tick(t);
}

void turn_forget(struct turn *t, const struct adit_addr *peer)
{
	struct turn_permit *p = turn_permit_find(t, peer);

	if (p) {
		stun_client_cancel(&t->stun, TURN_TAG_PERMIT | (uint32_t)(p - t->permits));
		memset(p, 0, sizeof(*p));
	}
	for (size_t i = 0; i < TURN_CHANNELS_MAX; i++) {
		struct turn_channel *c = &t->channels[i];

		if (c->peer.family != ADIT_FAMILY_NONE && adit_addr_eq_ip(&c->peer, peer)) {
			stun_client_cancel(&t->stun, TURN_TAG_BIND | (uint32_t)i);
			memset(c, 0, sizeof(*c));
		}
	}
}

/* Is there a relayed address to send there from? */
static bool is_within(const struct turn *t, const struct adit_addr *peer)
{
	const struct adit_addr *relayed = turn_relayed(t, (enum adit_family)peer->family);

	return relayed && turn_may_lead(relayed, peer);
}

static void permit_ask(struct turn *t, struct turn_permit *p)
{
	struct stun_build b;
	struct stun_tx *tx;

	if (turn_request_begin(t, TURN_TAG_PERMIT | (uint32_t)(p - t->permits), &b, &tx) < 0)
		return; /* another time: one ends before long */
	stun_build_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &p->ip);
	p->is_asked = turn_request_send(t, tx, &b) == 0;
	if (!p->is_asked)
		p->ask_at = t->now + TURN_REFUSED_WAIT;
}

static void permit_opened(struct turn *t, struct turn_permit *p)
{
	p->is_open = true;
	p->expire_at = t->now + TURN_PERMIT_LIFE;
	p->ask_at = t->now + TURN_PERMIT_RENEW;
}

static void permit_result(struct turn *t, struct turn_permit *p, const struct stun_result *r)
{
	p->is_asked = false;
	if (r->end == STUN_END_ANSWER) {
		permit_opened(t, p);
		return;
	}
	/* Without an answer the server's own silence is found in turn_refresh.c; here it is asked again while it is
	 * wanted. */
	p->ask_at = t->now + TURN_QUIET;
	if (is_refusal(r)) {
		p->is_open = false;
		p->ask_at = t->now + TURN_REFUSED_WAIT;
		turn_push(t, &(struct turn_event){.kind = TURN_EVENT_REFUSED, .code = r->code, .peer = p->ip});
	}
}

/* --- channels --- */

struct turn_channel *turn_channel_find(struct turn *t, const struct adit_addr *peer)
{
	for (size_t i = 0; i < TURN_CHANNELS_MAX; i++)
		if (adit_addr_eq(&t->channels[i].peer, peer))
			return &t->channels[i];
	return NULL;
}

struct turn_channel *turn_channel_of(struct turn *t, uint16_t number)
{
	for (size_t i = 0; i < TURN_CHANNELS_MAX; i++)
		if (t->channels[i].peer.family != ADIT_FAMILY_NONE && t->channels[i].number == number)
			return &t->channels[i];
	return NULL;
}

static struct turn_channel *channel_slot(struct turn *t)
{
	struct turn_channel *oldest = &t->channels[0];

	for (size_t i = 0; i < TURN_CHANNELS_MAX; i++) {
		struct turn_channel *c = &t->channels[i];

		if (c->peer.family == ADIT_FAMILY_NONE)
			return c;
		if (c->used_at < oldest->used_at)
			oldest = c;
	}
	stun_client_cancel(&t->stun, TURN_TAG_BIND | (uint32_t)(oldest - t->channels));
	return oldest;
}

/*
 * RFC 8656 12: a number may get another peer only five minutes after it has expired. Numbers are given out in a circle
 * of 4096, so it takes as many peers within 15 minutes to break that; the server then says 400 and Send goes on.
 */
static uint16_t channel_number(struct turn *t)
{
	uint16_t n = t->next_channel;

	t->next_channel = n == TURN_CHANNEL_LAST ? TURN_CHANNEL_FIRST : (uint16_t)(n + 1);
	return n;
}

struct turn_channel *turn_channel_use(struct turn *t, const struct adit_addr *peer)
{
	struct turn_channel *c;

	assert(t->state == TURN_READY);
	c = turn_channel_find(t, peer);
	if (!c) {
		c = channel_slot(t);
		*c = (struct turn_channel){.peer = *peer, .ask_at = ADIT_NEVER};
	}
	c->used_at = t->now;
	if (c->is_bound && t->now < c->expire_at)
		return c;
	if (c->sent < TURN_BIND_AFTER && ++c->sent == TURN_BIND_AFTER) {
		c->number = channel_number(t);
		c->ask_at = t->now;
	}
	return NULL;
}

static void channel_ask(struct turn *t, struct turn_channel *c)
{
	struct stun_build b;
	struct stun_tx *tx;

	if (turn_request_begin(t, TURN_TAG_BIND | (uint32_t)(c - t->channels), &b, &tx) < 0)
		return;
	stun_build_u16_pad(&b, STUN_ATTR_CHANNEL_NUMBER, c->number);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &c->peer);
	c->is_asked = turn_request_send(t, tx, &b) == 0;
	if (!c->is_asked)
		c->ask_at = t->now + TURN_REFUSED_WAIT;
}

static void channel_result(struct turn *t, struct turn_channel *c, const struct stun_result *r)
{
	struct turn_permit *p = turn_permit_find(t, &c->peer);

	c->is_asked = false;
	if (r->end == STUN_END_ANSWER) {
		c->is_bound = true;
		c->expire_at = t->now + TURN_BIND_LIFE;
		c->ask_at = t->now + TURN_BIND_RENEW;
		if (p)
			permit_opened(t, p); /* RFC 8656 12.2 */
		return;
	}
	c->ask_at = t->now + TURN_QUIET;
	if (is_refusal(r)) {
		c->is_bound = false;
		c->sent = TURN_BIND_AFTER; /* data go on as Send indications */
		c->ask_at = t->now + TURN_REFUSED_WAIT;
	}
}

/* Was it used since it was last bound, or refused? An idle one runs out, and one that never was is not asked for again.
 */
static bool channel_is_idle(const struct turn *t, const struct turn_channel *c)
{
	if (!c->is_bound)
		return c->used_at + TURN_REFUSED_WAIT <= t->now;
	return c->used_at + TURN_BIND_LIFE <= c->expire_at;
}

/* --- both --- */

void turn_peers_reset(struct turn *t)
{
	for (size_t i = 0; i < TURN_PERMITS_MAX; i++) {
		struct turn_permit *p = &t->permits[i];

		p->is_open = p->is_asked = false;
		p->ask_at = t->now;
	}
	memset(t->channels, 0, sizeof(t->channels));
	t->next_channel = TURN_CHANNEL_FIRST;
}

void turn_peers_tick(struct turn *t)
{
	if (t->state != TURN_READY)
		return;
	for (size_t i = 0; i < TURN_PERMITS_MAX; i++) {
		struct turn_permit *p = &t->permits[i];

		if (p->ip.family != ADIT_FAMILY_NONE && !p->is_asked && t->now >= p->ask_at && is_within(t, &p->ip))
			permit_ask(t, p);
	}
	for (size_t i = 0; i < TURN_CHANNELS_MAX; i++) {
		struct turn_channel *c = &t->channels[i];

		if (c->peer.family == ADIT_FAMILY_NONE || c->is_asked || t->now < c->ask_at)
			continue;
		if (channel_is_idle(t, c))
			memset(c, 0, sizeof(*c));
		else
			channel_ask(t, c);
	}
}

adit_time turn_peers_deadline(const struct turn *t)
{
	bool is_full = stun_client_count(&t->stun) == TURN_TX_MAX;
	adit_time at = ADIT_NEVER;

	/* With all transactions in use the end of one is the time to go on. */
	if (t->state != TURN_READY || is_full)
		return at;
	for (size_t i = 0; i < TURN_PERMITS_MAX; i++) {
		const struct turn_permit *p = &t->permits[i];

		if (p->ip.family != ADIT_FAMILY_NONE && !p->is_asked && is_within(t, &p->ip))
			at = adit_time_min(at, p->ask_at);
	}
	for (size_t i = 0; i < TURN_CHANNELS_MAX; i++) {
		const struct turn_channel *c = &t->channels[i];

		if (c->peer.family != ADIT_FAMILY_NONE && !c->is_asked)
			at = adit_time_min(at, c->ask_at);
	}
	return at;
}

void turn_peers_result(struct turn *t, uint32_t tag, const struct stun_result *r)
{
	size_t i = tag & ~(uint32_t)TURN_TAG_KIND;

	if (is_gone(r)) {
		turn_fail(t, TURN_WHY_GONE, r->code);
		return;
	}
	if ((tag & TURN_TAG_KIND) == TURN_TAG_PERMIT && i < TURN_PERMITS_MAX)
		permit_result(t, &t->permits[i], r);
	else if ((tag & TURN_TAG_KIND) == TURN_TAG_BIND && i < TURN_CHANNELS_MAX)
		channel_result(t, &t->channels[i], r);
}

void turn_peers_again(struct turn *t, uint32_t tag)
{
	size_t i = tag & ~(uint32_t)TURN_TAG_KIND;

	if ((tag & TURN_TAG_KIND) == TURN_TAG_PERMIT) {
		t->permits[i].is_asked = false;
		permit_ask(t, &t->permits[i]);
	} else {
		t->channels[i].is_asked = false;
		channel_ask(t, &t->channels[i]);
	}
}
