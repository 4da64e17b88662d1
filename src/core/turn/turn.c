/* The life of an allocation: asking for it, keeping it, noticing that it is gone, giving it back. */
#include "core/turn/turn.h"

#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_attr.h"
#include "core/stun/stun_timed.h"
#include "core/turn/turn_int.h"

/* All that answers to our requests may have (RFC 8489 14, RFC 8656 18). */
static const uint16_t known[] = {
	STUN_ATTR_MAPPED_ADDRESS,
	STUN_ATTR_USERNAME,
	STUN_ATTR_ERROR_CODE,
	STUN_ATTR_UNKNOWN_ATTRIBUTES,
	STUN_ATTR_CHANNEL_NUMBER,
	STUN_ATTR_LIFETIME,
	STUN_ATTR_XOR_PEER_ADDRESS,
	STUN_ATTR_REALM,
	STUN_ATTR_NONCE,
	STUN_ATTR_XOR_RELAYED_ADDRESS,
	STUN_ATTR_XOR_MAPPED_ADDRESS,
	STUN_ATTR_RESERVATION_TOKEN,
	STUN_ATTR_PASSWORD_ALGORITHM,
	STUN_ATTR_REQUESTED_TRANSPORT,
};

static const char *const state_names[] = {"idle", "connect", "ask", "held", "allocate", "ready", "release", "failed"};

const char *turn_why_text(enum turn_why why)
{
	static const char *const texts[] = {
#define TURN_WHY_TEXT(name, text) text,
		TURN_WHY_MAP(TURN_WHY_TEXT)
#undef TURN_WHY_TEXT
	};

	return texts[why];
}

static void set_state(struct turn *t, enum turn_state state)
{
	char text[ADIT_ADDR_STRLEN];

	adit_trace(t->cfg.log, ADIT_LOG_DECIDE, "turn-state from=%s to=%s server=%s", state_names[t->state],
		   state_names[state], adit_addr_format(&t->server.addr, text));
	t->state = state;
}

void turn_push(struct turn *t, const struct turn_event *e)
{
	if (t->events_n == TURN_EVENTS_MAX) {
		t->events_first = (t->events_first + 1) % TURN_EVENTS_MAX;
		t->events_n--;
	}
	t->events[(t->events_first + t->events_n++) % TURN_EVENTS_MAX] = *e;
}

int turn_event(struct turn *t, struct turn_event *ret_event)
{
	if (t->events_n == 0)
		return 0;
	*ret_event = t->events[t->events_first];
	t->events_first = (t->events_first + 1) % TURN_EVENTS_MAX;
	t->events_n--;
	return 1;
}

void turn_server_sign(struct turn_server *server, const struct adit_crypto *crypto, const char *secret, adit_utc utc)
{
	char user[STUN_TIMED_USER_STRLEN];
	char pass[STUN_TIMED_PASS_STRLEN];

	stun_timed_make(crypto, secret, strlen(secret), utc + TURN_TIMED_LIFE, "adit", user, pass);
	memcpy(server->user, user, sizeof(user));
	memcpy(server->pass, pass, sizeof(pass));
	adit_bytes_wipe(pass, sizeof(pass));
}
_Static_assert(STUN_TIMED_USER_STRLEN <= TURN_USER_MAX && STUN_TIMED_PASS_STRLEN <= TURN_PASS_MAX, "they fit");

int turn_server_check(const struct turn_server *server)
{
	bool is_ok = server->addr.family != ADIT_FAMILY_NONE && server->addr.port != 0 && server->user[0] &&
		     memchr(server->user, 0, sizeof(server->user)) && memchr(server->pass, 0, sizeof(server->pass)) &&
		     memchr(server->host, 0, sizeof(server->host));

	return is_ok ? 0 : ADIT_EINVAL;
}

int turn_init(struct turn *t, const struct turn_config *cfg)
{
	if (cfg->out_cap < TURN_OUT_MIN)
		return ADIT_EINVAL;
	memset(t, 0, sizeof(*t));
	t->cfg = *cfg;
	if (t->cfg.families == 0)
		t->cfg.families = TURN_V4;
	t->unheard_since = ADIT_NEVER;
	if (turn_aim(t, &cfg->server) < 0)
		return ADIT_EINVAL;
	stun_client_init(&t->stun, &t->cfg.rng, t->tx, TURN_TX_MAX);
	stun_client_set_known(&t->stun, known, ARRAY_LEN(known));
	return 0;
}

int turn_aim(struct turn *t, const struct turn_server *server)
{
	struct turn_auth auth;

	if ((t->state != TURN_IDLE && t->state != TURN_FAILED) || turn_server_check(server) < 0 ||
	    turn_auth_init(&auth, t->cfg.crypto, server->user, server->pass) < 0)
		return ADIT_EINVAL;
	t->auth = auth; /* it points at itself only when it is challenged */
	adit_bytes_wipe(&auth, sizeof(auth));
	t->server = *server;
	t->cfg.server = *server;
	return 0;
}

void turn_done(struct turn *t)
{
	if (!t)
		return;
	turn_auth_done(&t->auth);
	adit_bytes_wipe(t->cfg.server.pass, sizeof(t->cfg.server.pass));
	adit_bytes_wipe(t->server.pass, sizeof(t->server.pass));
}

/* --- the socket --- */

static void reset_allocation(struct turn *t)
{
	memset(t->relayed, 0, sizeof(t->relayed));
	t->mapped = (struct adit_addr){0};
	t->is_refreshing = false;
	t->unheard_since = ADIT_NEVER;
	t->out_len = t->out_pos = 0;
	t->in.len = 0;
	stun_client_cancel_sock(&t->stun, t->cfg.sock);
}

static void disconnect(struct turn *t)
{
	reset_allocation(t);
	t->want_open = false;
	t->want_close |= t->is_open;
	t->is_open = false;
}

static void fail(struct turn *t, enum turn_why why, unsigned code)
{
	char text[ADIT_ADDR_STRLEN];

	adit_trace(t->cfg.log, ADIT_LOG_DECIDE, "turn-failed server=%s code=%u why=\"%s\"",
		   adit_addr_format(&t->server.addr, text), code, turn_why_text(why));
	disconnect(t);
	set_state(t, TURN_FAILED);
	turn_push(t, &(struct turn_event){.kind = TURN_EVENT_FAILED, .why = why, .code = code});
}

void turn_lost(struct turn *t, enum turn_why why, unsigned code)
{
	fail(t, why, code);
}

static void allocate(struct turn *t);

static void ask(struct turn *t)
{
	turn_auth_forget(&t->auth); /* a nonce is good for one server and one port of ours */
	t->stale = 0;
	set_state(t, TURN_ASK);
	allocate(t);
}

/* Opens a socket or connection to |t->server|, in place of what there was. */
static void reconnect(struct turn *t)
{
	disconnect(t);
	t->want_open = true;
	set_state(t, TURN_CONNECT);
	t->up_until = t->now + TURN_STREAM_UP_WAIT;
	if (!turn_is_stream(t))
		ask(t);
}

void turn_start(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state != TURN_IDLE && t->state != TURN_FAILED)
		return;
	t->server = t->cfg.server;
	t->families = t->cfg.families;
	t->ports = 0;
	t->tried[0] = t->server.addr;
	t->n_tried = 1;
	t->events_n = 0;
	reconnect(t);
}

void turn_stream_up(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state == TURN_CONNECT)
		ask(t);
}

void turn_stream_down(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->is_open && turn_is_stream(t))
		fail(t, TURN_WHY_STREAM, 0);
}

void turn_sock_failed(struct turn *t, adit_time now, uint32_t sock)
{
	t->now = now;
	if (sock != t->cfg.sock || !t->is_open)
		return;
	t->is_open = false; /* nothing to close */
	fail(t, turn_is_stream(t) ? TURN_WHY_STREAM : TURN_WHY_SOCKET, 0);
}

/* --- requests --- */

int turn_request_begin(struct turn *t, uint32_t tag, struct stun_build *ret_build, struct stun_tx **ret_tx)
{
	static const uint16_t methods[] = {
		[TURN_TAG_ALLOCATE >> 8] = STUN_ALLOCATE, [TURN_TAG_REFRESH >> 8] = STUN_REFRESH,
		[TURN_TAG_RELEASE >> 8] = STUN_REFRESH,   [TURN_TAG_PERMIT >> 8] = STUN_CREATE_PERMISSION,
		[TURN_TAG_BIND >> 8] = STUN_CHANNEL_BIND, [TURN_TAG_KEEP >> 8] = STUN_BINDING};
	bool is_live = t->state == TURN_READY;
	struct stun_ask a = {.sock = t->cfg.sock,
			     .tag = tag,
			     .to = t->server.addr,
			     .cred = turn_auth_cred(&t->auth),
			     .rto = stun_client_rto(&t->stun, t->now, &t->server.addr),
			     .sends = is_live ? TURN_LIVE_SENDS : TURN_ASK_SENDS,
			     .last_wait = is_live ? TURN_LIVE_LAST_WAIT : TURN_ASK_LAST_WAIT};

	/* An impatient RTO would take a moment's loss for a server's death. */
	if (a.rto < STUN_RTO)
		a.rto = STUN_RTO;
	if (t->state == TURN_RELEASE)
		a.rto = TURN_RELEASE_RTO;
	if (turn_is_stream(t)) {
		a.rto = is_live ? TURN_STREAM_LIVE_WAIT : TURN_STREAM_ASK_WAIT;
		a.sends = a.last_wait = 1;
	}
	if (tag == TURN_TAG_KEEP)
		a.cred = NULL; /* anybody may ask for a Binding, and its answer decides nothing by itself */
	return stun_client_begin(&t->stun, &a, methods[tag >> 8], ret_build, ret_tx);
}

int turn_request_send(struct turn *t, struct stun_tx *tx, struct stun_build *b)
{
	turn_auth_build(&t->auth, b);
	return stun_client_send(&t->stun, t->now, tx, b);
}

static void allocate(struct turn *t)
{
	struct stun_build b;
	struct stun_tx *tx;

	t->is_known = t->auth.is_challenged;
	if (turn_request_begin(t, TURN_TAG_ALLOCATE, &b, &tx) < 0) {
		fail(t, TURN_WHY_ERROR, 0); /* cannot be: there is no other one under way */
		return;
	}
	stun_build_u8_pad(&b, STUN_ATTR_REQUESTED_TRANSPORT, TURN_PROTO_UDP);
	stun_build_u32(&b, STUN_ATTR_LIFETIME, TURN_LIFETIME);
	if (t->families == TURN_V6) {
		stun_build_u8_pad(&b, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, TURN_FAMILY_V6);
	} else if (t->families & TURN_V6) {
		/* Each server ignores the one that it does not know. */
		stun_build_u8_pad(&b, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, TURN_FAMILY_V6);
		stun_build_u8_pad(&b, STUN_ATTR_OLD_ADDITIONAL_FAMILY, TURN_FAMILY_V6);
	}
	if (turn_request_send(t, tx, &b) < 0)
		fail(t, TURN_WHY_TOO_LONG, 0);
}

void turn_go(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state != TURN_HELD)
		return;
	set_state(t, TURN_ALLOCATE);
	allocate(t);
}

static void refresh(struct turn *t, uint32_t tag, uint32_t lifetime)
{
	struct stun_build b;
	struct stun_tx *tx;

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

void turn_end(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state == TURN_READY || t->state == TURN_ALLOCATE) {
		reset_allocation(t);
		set_state(t, TURN_RELEASE);
		t->up_until = now + TURN_RELEASE_WAIT;
		refresh(t, TURN_TAG_RELEASE, 0);
	} else if (t->state != TURN_RELEASE) {
		turn_stop(t);
		turn_push(t, &(struct turn_event){.kind = TURN_EVENT_ENDED});
	}
}

void turn_stop(struct turn *t)
{
	t->events_n = 0;
	disconnect(t);
	set_state(t, TURN_IDLE);
}

static void released(struct turn *t)
{
	turn_stop(t);
	turn_push(t, &(struct turn_event){.kind = TURN_EVENT_ENDED});
}

/* --- answers --- */

void turn_heard(struct turn *t)
{
	t->heard_at = t->now;
	t->unheard_since = ADIT_NEVER;
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

static void allocated(struct turn *t, const struct stun_msg *m)
{
	struct adit_addr addr;
	struct stun_attr a;
	size_t pos = 0;

	while (stun_msg_next(m, &pos, &a))
		if (a.type == STUN_ATTR_XOR_RELAYED_ADDRESS && stun_attr_read_xor_addr(&a, m->txid, &addr) == 0 &&
		    addr.port != 0)
			t->relayed[adit_addr_is_v6(&addr)] = addr;
	if (t->relayed[0].family == ADIT_FAMILY_NONE && t->relayed[1].family == ADIT_FAMILY_NONE) {
		fail(t, TURN_WHY_PROTOCOL, 0);
		return;
	}
	t->mapped = mapped_of(m);
	set_lifetime(t, m);
	t->keep_at = t->now + TURN_KEEPALIVE;
	turn_peers_reset(t);
	set_state(t, TURN_READY);
	turn_push(t, &(struct turn_event){.kind = TURN_EVENT_READY});
	turn_peers_tick(t);
}

/*
 * RFC 8489 10: a 300 may be authenticated, and where that is not possible it need not be. Real servers redirect before
 * they know who asks, so what answers a request without credentials needs no integrity: who can forge that, having seen
 * our transaction id, could forge the challenge as well. One that answers a request with credentials must have it
 * (stun_client.h); over TLS the channel proves it. What a forger gains is bounded: at most TURN_REDIRECTS_MAX public
 * servers (turn_may_lead()) are asked once each, over the same transport, and none ever sees the password, only a MAC
 * under it: so it must not be one that can be guessed. A server that was asked is not asked again.
 */
static void redirected(struct turn *t, const struct stun_msg *m)
{
	struct adit_addr to;
	struct stun_attr a;

	if (stun_msg_find(m, STUN_ATTR_ALTERNATE_SERVER, &a) < 0 || stun_attr_read_addr(&a, &to) < 0 || to.port == 0) {
		fail(t, TURN_WHY_PROTOCOL, 300);
		return;
	}
	if (!turn_may_lead(&t->server.addr, &to)) {
		fail(t, TURN_WHY_REDIRECT, 300);
		return;
	}
	for (size_t i = 0; i < t->n_tried; i++) {
		if (t->n_tried > TURN_REDIRECTS_MAX || adit_addr_eq(&t->tried[i], &to)) {
			fail(t, TURN_WHY_REDIRECT, 300);
			return;
		}
	}
	t->tried[t->n_tried++] = to;
	t->server.addr = to;
	/* The certificate's name: as before, unless what came over TLS names another. */
	if (t->server.transport == TURN_TLS && stun_msg_find(m, STUN_ATTR_ALTERNATE_DOMAIN, &a) == 0 &&
	    stun_attr_check_text(&a, TURN_HOST_MAX) == 0 && !memchr(a.value, 0, a.len)) {
		memset(t->server.host, 0, sizeof(t->server.host));
		memcpy(t->server.host, a.value, a.len);
	}
	reconnect(t);
}

/* RFC 8656 7.4. */
static void not_allocated(struct turn *t, const struct stun_result *r)
{
	static const struct {
		unsigned code;
		enum turn_why why;
	} reasons[] = {{401, TURN_WHY_CREDENTIALS}, {403, TURN_WHY_FORBIDDEN}, {437, TURN_WHY_TAKEN},
		       {440, TURN_WHY_FAMILY},      {441, TURN_WHY_TAKEN},     {442, TURN_WHY_TRANSPORT},
		       {486, TURN_WHY_QUOTA},       {508, TURN_WHY_CAPACITY}};

	if (r->code == 300) {
		redirected(t, &r->msg);
		return;
	}
	if ((r->code == 437 || r->code == 441) && ++t->ports < TURN_PORTS_MAX) {
		reconnect(t); /* somebody had our port before, or we did */
		return;
	}
	if (r->code == 440 && t->families == (TURN_V4 | TURN_V6)) {
		t->families = TURN_V4;
		allocate(t);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].code == r->code) {
			fail(t, reasons[i].why, r->code);
			return;
		}
	}
	fail(t, TURN_WHY_ERROR, r->code);
}

static void allocate_result(struct turn *t, const struct stun_result *r)
{
	switch (r->end) {
	case STUN_END_ANSWER:
		allocated(t, &r->msg);
		break;
	case STUN_END_ERROR:
		not_allocated(t, r);
		break;
	case STUN_END_UNUSABLE:
		fail(t, TURN_WHY_PROTOCOL, 0);
		break;
	case STUN_END_TIMEOUT:
		fail(t, r->violated ? TURN_WHY_VIOLATED : TURN_WHY_TIMEOUT, 0);
		break;
	case STUN_END_ICMP:
		fail(t, TURN_WHY_UNREACHABLE, 0);
		break;
	}
}

static void refresh_result(struct turn *t, const struct stun_result *r)
{
	t->is_refreshing = false;
	if (r->end == STUN_END_ERROR)
		adit_trace(t->cfg.log, ADIT_LOG_DECIDE, "turn-refused code=%u", r->code);
	if (r->end == STUN_END_ANSWER) {
		set_lifetime(t, &r->msg);
		return;
	}
	if (r->end == STUN_END_ERROR && (r->code == 437 || r->code == 441)) {
		turn_lost(t, TURN_WHY_GONE, r->code);
		return;
	}
	if (r->end == STUN_END_ICMP) {
		turn_lost(t, TURN_WHY_UNREACHABLE, 0);
		return;
	}
	if (r->end == STUN_END_TIMEOUT && t->heard_at <= t->refresh_sent_at) {
		turn_lost(t, TURN_WHY_SILENT, 0);
		return;
	}
	/* Refused for now, or lost while data still came: it is asked again until it runs out. */
	t->refresh_at = t->now + TURN_QUIET;
}

/* Another mapped address means another five-tuple: the allocation is the old one's. */
static void keep_result(struct turn *t, const struct stun_result *r)
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

static void again(struct turn *t, uint32_t tag)
{
	switch (tag & TURN_TAG_KIND) {
	case TURN_TAG_ALLOCATE:
		if (t->state == TURN_ASK) {
			set_state(t, TURN_HELD);
			turn_push(t, &(struct turn_event){.kind = TURN_EVENT_HELD});
			if (!t->cfg.hold)
				turn_go(t, t->now);
		} else {
			allocate(t);
		}
		break;
	case TURN_TAG_REFRESH:
		refresh(t, tag, TURN_LIFETIME);
		break;
	case TURN_TAG_RELEASE:
		refresh(t, tag, 0);
		break;
	default:
		turn_peers_again(t, tag);
		break;
	}
}

/* 401, 438: RFC 8489 9.2.5. */
static void challenged(struct turn *t, const struct stun_result *r)
{
	bool is_first = (r->tag & TURN_TAG_KIND) == TURN_TAG_ALLOCATE && !t->is_known;

	if (r->code == 401 && !is_first && t->state != TURN_READY) {
		fail(t, TURN_WHY_CREDENTIALS, 401);
		return;
	}
	if (!is_first) {
		t->stats.stale++;
		if (++t->stale > TURN_STALE_MAX) {
			fail(t, r->code == 401 ? TURN_WHY_CREDENTIALS : TURN_WHY_PROTOCOL, r->code);
			return;
		}
	}
	if (turn_auth_challenge(&t->auth, &r->msg) < 0) {
		fail(t, TURN_WHY_PROTOCOL, r->code);
		return;
	}
	again(t, r->tag);
}

static void on_result(struct turn *t, const struct stun_result *r)
{
	if (r->end == STUN_END_ANSWER || r->end == STUN_END_ERROR || r->end == STUN_END_UNUSABLE)
		turn_heard(t);
	if (r->tag == TURN_TAG_KEEP) {
		keep_result(t, r);
		return;
	}
	if (t->state == TURN_RELEASE) {
		if (r->end == STUN_END_ERROR && r->code == 438)
			challenged(t, r);
		else
			released(t); /* 437 to a release is as good as success (RFC 8656 8.1) */
		return;
	}
	if (r->end == STUN_END_ERROR && (r->code == 401 || r->code == 438)) {
		challenged(t, r);
		return;
	}
	if (r->end == STUN_END_ANSWER)
		t->stale = 0;
	switch (r->tag & TURN_TAG_KIND) {
	case TURN_TAG_ALLOCATE:
		allocate_result(t, r);
		break;
	case TURN_TAG_REFRESH:
		refresh_result(t, r);
		break;
	default:
		turn_peers_result(t, r->tag, r);
		break;
	}
}

/* --- the verbs --- */

static void input_one(struct turn *t, const struct adit_dgram *d)
{
	struct stun_result r;
	int n = stun_client_input(&t->stun, t->now, d, &r);

	if (n == 1)
		on_result(t, &r);
	else if (n == ADIT_EIGNORED)
		turn_data_note(t, d);
}

int turn_input(struct turn *t, adit_time now, const struct adit_dgram *d)
{
	size_t seg = d->seg_size ? d->seg_size : d->len;

	t->now = now;
	t->in = *d;
	t->in_pos = 0;
	if (!t->is_open || d->sock != t->cfg.sock || !adit_addr_eq(&d->remote, &t->server.addr)) {
		t->in.len = 0;
		t->stats.strange++;
		return ADIT_EIGNORED;
	}
	for (size_t at = 0; at < d->len && t->is_open; at += seg) {
		struct adit_dgram one = *d;

		one.data += at;
		one.len = d->len - at < seg ? d->len - at : seg;
		one.seg_size = 0;
		input_one(t, &one);
	}
	return 0;
}

static void drain_stun(struct turn *t)
{
	struct stun_result r;

	while (stun_client_event(&t->stun, &r))
		on_result(t, &r);
}

void turn_icmp(struct turn *t, adit_time now, const struct adit_icmp *icmp)
{
	uint32_t tag;

	t->now = now;
	if (icmp->sock != t->cfg.sock || !adit_addr_eq(&icmp->remote, &t->server.addr))
		return;
	/* About a datagram of data anybody could have made it up: the server is asked. */
	if (stun_client_icmp(&t->stun, now, icmp, &tag) == ADIT_EIGNORED && t->state == TURN_READY)
		t->refresh_at = adit_time_min(t->refresh_at, now);
	drain_stun(t);
	turn_tick(t, now);
}

void turn_doubt(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state == TURN_READY && !t->is_refreshing)
		t->refresh_at = adit_time_min(t->refresh_at, now);
}

static bool is_quiet(const struct turn *t)
{
	return t->unheard_since != ADIT_NEVER && adit_time_since(t->now, t->unheard_since) >= TURN_QUIET;
}

static void tick_ready(struct turn *t)
{
	if (t->now >= t->expire_at) {
		turn_lost(t, TURN_WHY_GONE, 0);
		return;
	}
	if (!t->is_refreshing && (t->now >= t->refresh_at || is_quiet(t)))
		refresh(t, TURN_TAG_REFRESH, TURN_LIFETIME);
	if (t->now >= t->keep_at)
		keep_alive(t);
	turn_peers_tick(t);
}

void turn_tick(struct turn *t, adit_time now)
{
	t->now = now;
	stun_client_tick(&t->stun, now);
	drain_stun(t);
	if (t->state == TURN_CONNECT && now >= t->up_until)
		fail(t, TURN_WHY_STREAM, 0);
	if (t->state == TURN_RELEASE && now >= t->up_until)
		released(t);
	if (t->state == TURN_READY)
		tick_ready(t);
}

adit_time turn_deadline(const struct turn *t)
{
	adit_time at = stun_client_deadline(&t->stun);

	if (t->state == TURN_CONNECT || t->state == TURN_RELEASE)
		return adit_time_min(at, t->up_until);
	if (t->state != TURN_READY)
		return at;
	at = adit_time_min(at, adit_time_min(t->expire_at, t->keep_at));
	at = adit_time_min(at, turn_peers_deadline(t));
	if (!t->is_refreshing && stun_client_count(&t->stun) < TURN_TX_MAX) {
		at = adit_time_min(at, t->refresh_at);
		at = adit_time_min(at, adit_time_add(t->unheard_since, TURN_QUIET));
	}
	return at;
}

static enum adit_sock_kind kind_of(const struct turn_server *server)
{
	return server->transport == TURN_TLS   ? ADIT_SOCK_TLS
	       : server->transport == TURN_TCP ? ADIT_SOCK_TCP
					       : ADIT_SOCK_UDP;
}

int turn_output(struct turn *t, adit_time now, struct adit_out *ret_out)
{
	t->now = now;
	*ret_out = (struct adit_out){.sock = t->cfg.sock};
	if (t->want_close) {
		t->want_close = false;
		ret_out->kind = ADIT_OUT_CLOSE;
		return 1;
	}
	if (t->want_open) {
		t->want_open = false;
		t->is_open = true;
		ret_out->kind = ADIT_OUT_OPEN;
		ret_out->sock_kind = kind_of(&t->server);
		ret_out->local.family = t->server.addr.family;
		ret_out->remote = t->server.addr;
		ret_out->host = t->server.host;
		return 1;
	}
	if (t->is_open && t->state != TURN_CONNECT &&
	    (stun_client_output(&t->stun, now, ret_out) || turn_data_output(t, ret_out))) {
		t->keep_at = now + TURN_KEEPALIVE;
		return 1;
	}
	return 0;
}

/* --- what there is --- */

enum turn_state turn_state(const struct turn *t)
{
	return t->state;
}

const struct adit_addr *turn_relayed(const struct turn *t, enum adit_family family)
{
	const struct adit_addr *a = &t->relayed[family == ADIT_FAMILY_V6];

	return t->state == TURN_READY && a->family != ADIT_FAMILY_NONE && a->family == family ? a : NULL;
}

const struct adit_addr *turn_mapped(const struct turn *t)
{
	return t->mapped.family != ADIT_FAMILY_NONE ? &t->mapped : NULL;
}

const struct turn_server *turn_server(const struct turn *t)
{
	return &t->server;
}

const struct turn_stats *turn_stats(const struct turn *t)
{
	return &t->stats;
}
