/* What all requests have in common: how one goes out, what may come back, and the server's challenges. */
#include "core/stun/stun_attr.h"
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

void turn_request_init(struct turn *t)
{
	stun_client_init(&t->stun, &t->cfg.rng, t->tx, TURN_TX_MAX);
	stun_client_set_known(&t->stun, known, ARRAY_LEN(known));
}

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
		a.rto = !is_live ? TURN_STREAM_ASK_WAIT : t->is_moved ? TURN_STREAM_MOVED_WAIT : TURN_STREAM_LIVE_WAIT;
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

void turn_heard(struct turn *t)
{
	t->heard_at = t->now;
	t->unheard_since = ADIT_NEVER;
}

static void again(struct turn *t, uint32_t tag)
{
	switch (tag & TURN_TAG_KIND) {
	case TURN_TAG_ALLOCATE:
		if (t->state == TURN_ASK) {
			turn_set_state(t, TURN_HELD);
			turn_push(t, &(struct turn_event){.kind = TURN_EVENT_HELD});
			if (!t->cfg.hold)
				turn_go(t, t->now);
		} else {
			turn_allocate(t);
		}
		break;
	case TURN_TAG_REFRESH:
		turn_refresh(t, tag, TURN_LIFETIME);
		break;
	case TURN_TAG_RELEASE:
		turn_refresh(t, tag, 0);
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
		turn_fail(t, TURN_WHY_CREDENTIALS, 401);
		return;
	}
	if (!is_first) {
		t->stats.stale++;
		if (++t->stale > TURN_STALE_MAX) {
			turn_fail(t, r->code == 401 ? TURN_WHY_CREDENTIALS : TURN_WHY_PROTOCOL, r->code);
			return;
		}
	}
	if (turn_auth_challenge(&t->auth, &r->msg) < 0) {
		turn_fail(t, TURN_WHY_PROTOCOL, r->code);
		return;
	}
	again(t, r->tag);
}

void turn_result(struct turn *t, const struct stun_result *r)
{
	if (r->end == STUN_END_ANSWER || r->end == STUN_END_ERROR || r->end == STUN_END_UNUSABLE)
		turn_heard(t);
	if (r->tag == TURN_TAG_KEEP) {
		turn_keep_result(t, r);
		return;
	}
	if (t->state == TURN_RELEASE) {
		if (r->end == STUN_END_ERROR && r->code == 438)
			challenged(t, r);
		else
			turn_released(t); /* 437 to a release is as good as success (RFC 8656 8.1) */
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
		turn_allocate_result(t, r);
		break;
	case TURN_TAG_REFRESH:
		turn_refresh_result(t, r);
		break;
	default:
		turn_peers_result(t, r->tag, r);
		break;
	}
}
