/* Asking for an allocation (RFC 8656 7), at this server or where it sends us. */
#include <string.h>

#include "core/stun/stun_attr.h"
#include "core/turn/turn_int.h"

void turn_allocate(struct turn *t)
{
	struct stun_build b;
	struct stun_tx *tx;

	t->is_known = t->auth.is_challenged;
	if (turn_request_begin(t, TURN_TAG_ALLOCATE, &b, &tx) < 0) {
		turn_fail(t, TURN_WHY_ERROR, 0); /* cannot be: there is no other one under way */
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
		turn_fail(t, TURN_WHY_TOO_LONG, 0);
}

void turn_go(struct turn *t, adit_time now)
{
	t->now = now;
	if (t->state != TURN_HELD)
		return;
	turn_set_state(t, TURN_ALLOCATE);
	turn_allocate(t);
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
		turn_fail(t, TURN_WHY_PROTOCOL, 0);
		return;
	}
	turn_refresh_begin(t, m);
	turn_peers_reset(t);
	turn_set_state(t, TURN_READY);
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
		turn_fail(t, TURN_WHY_PROTOCOL, 300);
		return;
	}
	if (!turn_may_lead(&t->server.addr, &to)) {
		turn_fail(t, TURN_WHY_REDIRECT, 300);
		return;
	}
	for (size_t i = 0; i < t->n_tried; i++) {
		if (t->n_tried > TURN_REDIRECTS_MAX || adit_addr_eq(&t->tried[i], &to)) {
			turn_fail(t, TURN_WHY_REDIRECT, 300);
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
	turn_reconnect(t);
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
		turn_reconnect(t); /* somebody had our port before, or we did */
		return;
	}
	if (r->code == 440 && t->families == (TURN_V4 | TURN_V6)) {
		t->families = TURN_V4;
		turn_allocate(t);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].code == r->code) {
			turn_fail(t, reasons[i].why, r->code);
			return;
		}
	}
	turn_fail(t, TURN_WHY_ERROR, r->code);
}

void turn_allocate_result(struct turn *t, const struct stun_result *r)
{
	switch (r->end) {
	case STUN_END_ANSWER:
		allocated(t, &r->msg);
		break;
	case STUN_END_ERROR:
		not_allocated(t, r);
		break;
	case STUN_END_UNUSABLE:
		turn_fail(t, TURN_WHY_PROTOCOL, 0);
		break;
	case STUN_END_TIMEOUT:
		turn_fail(t, r->violated ? TURN_WHY_VIOLATED : TURN_WHY_TIMEOUT, 0);
		break;
	case STUN_END_ICMP:
		turn_fail(t, TURN_WHY_UNREACHABLE, 0);
		break;
	}
}
