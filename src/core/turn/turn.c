/* An allocation from first to last: its states and its socket, and the five verbs. */
#include "core/turn/turn.h"

#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_timed.h"
#include "core/turn/turn_int.h"

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

void turn_set_state(struct turn *t, enum turn_state state)
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
	turn_request_init(t);
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

void turn_fail(struct turn *t, enum turn_why why, unsigned code)
{
	char text[ADIT_ADDR_STRLEN];

	adit_trace(t->cfg.log, ADIT_LOG_DECIDE, "turn-failed server=%s code=%u why=\"%s\"",
		   adit_addr_format(&t->server.addr, text), code, turn_why_text(why));
	disconnect(t);
	turn_set_state(t, TURN_FAILED);
	turn_push(t, &(struct turn_event){.kind = TURN_EVENT_FAILED, .why = why, .code = code});
}

static void ask(struct turn *t)
{
	turn_auth_forget(&t->auth); /* a nonce is good for one server and one port of ours */
	t->stale = 0;
	turn_set_state(t, TURN_ASK);
	turn_allocate(t);
}

/* Opens a socket or connection to |t->server|, in place of what there was. */
void turn_reconnect(struct turn *t)
{
	disconnect(t);
	t->want_open = true;
	turn_set_state(t, TURN_CONNECT);
	t->opened_at = t->now;
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
	turn_reconnect(t);
}

void turn_again(struct turn *t, adit_time now)
{
	adit_time until = t->up_until;

	t->now = now;
	if (t->state == TURN_CONNECT && adit_time_since(now, t->opened_at) >= TURN_STREAM_AGAIN) {
		turn_reconnect(t);
		t->up_until = until;
	} else if (!turn_is_stream(t)) {
		stun_client_again(&t->stun, now, TURN_TAG_ALLOCATE, TURN_AGAIN);
		stun_client_again(&t->stun, now, TURN_TAG_REFRESH, TURN_AGAIN);
	}
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
		turn_fail(t, TURN_WHY_STREAM, 0);
}

void turn_sock_failed(struct turn *t, adit_time now, uint32_t sock)
{
	t->now = now;
	if (sock != t->cfg.sock || !t->is_open)
		return;
	t->is_open = false; /* nothing to close */
	turn_fail(t, turn_is_stream(t) ? TURN_WHY_STREAM : TURN_WHY_SOCKET, 0);
}

void turn_end(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state == TURN_READY || t->state == TURN_ALLOCATE) {
		reset_allocation(t);
		turn_set_state(t, TURN_RELEASE);
		t->up_until = now + TURN_RELEASE_WAIT;
		turn_refresh(t, TURN_TAG_RELEASE, 0);
	} else if (t->state != TURN_RELEASE) {
		turn_stop(t);
		turn_push(t, &(struct turn_event){.kind = TURN_EVENT_ENDED});
	}
}

void turn_stop(struct turn *t)
{
	t->events_n = 0;
	disconnect(t);
	turn_set_state(t, TURN_IDLE);
}

void turn_released(struct turn *t)
{
	turn_stop(t);
	turn_push(t, &(struct turn_event){.kind = TURN_EVENT_ENDED});
}

/* --- the verbs --- */

static void input_one(struct turn *t, const struct adit_dgram *d)
{
	struct stun_result r;
	int n = stun_client_input(&t->stun, t->now, d, &r);

	if (n == 1)
		turn_result(t, &r);
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
		turn_result(t, &r);
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

void turn_tick(struct turn *t, adit_time now)
{
	t->now = now;
	stun_client_tick(&t->stun, now);
	drain_stun(t);
	if (t->state == TURN_CONNECT && now >= t->up_until)
		turn_fail(t, TURN_WHY_STREAM, 0);
	if (t->state == TURN_RELEASE && now >= t->up_until)
		turn_released(t);
	if (t->state == TURN_READY)
		turn_refresh_tick(t);
	turn_peers_tick(t);
}

adit_time turn_deadline(const struct turn *t)
{
	adit_time at = stun_client_deadline(&t->stun);

	if (t->state == TURN_CONNECT || t->state == TURN_RELEASE)
		return adit_time_min(at, t->up_until);
	if (t->state != TURN_READY)
		return at;
	at = adit_time_min(at, turn_refresh_deadline(t));
	return adit_time_min(at, turn_peers_deadline(t));
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
