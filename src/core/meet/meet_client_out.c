/* What a peer says to its mediators: meet_client_output(). When, and why, is meet_client.c's. */
#include "base/bytes.h"
#include "core/meet/meet_client.h"
#include "core/stun/stun_attr.h"

static void build_register(struct meet_client *c, const struct meet_entry *e, struct stun_build *b)
{
	uint8_t text[MEET_SIGNED_LEN];
	uint8_t sig[MEET_SIG_LEN];

	meet_signed_make(e->id, e->salt, e->cookie, text);
	c->cfg.meet_crypto->sign(c->cfg.seed, text, sizeof(text), sig);
	stun_build_bytes(b, MEET_ATTR_KEY, c->cfg.key, MEET_KEY_LEN);
	stun_build_bytes(b, MEET_ATTR_SALT, e->salt, MEET_SALT_LEN);
	stun_build_bytes(b, MEET_ATTR_SIGNATURE, sig, sizeof(sig));
}

static int build_request(struct meet_client *c, struct meet_entry *e)
{
	enum meet_method method = e->state == MEET_STATE_REFRESHING ? MEET_REFRESH
				  : c->cfg.role == MEET_SERVE       ? MEET_REGISTER
								    : MEET_INTRODUCE;
	const struct meet_sealed *sealed = &c->sealed[e - c->entries];
	struct stun_build b;

	stun_build_begin(&b, c->buf, sizeof(c->buf), STUN_REQUEST, method, e->txid);
	stun_build_bytes(&b, MEET_ATTR_ID, e->id, MEET_ID_LEN);
	if (e->state == MEET_STATE_REFRESHING) {
		stun_build_bytes(&b, MEET_ATTR_HANDLE, e->handle, MEET_HANDLE_LEN);
	} else if (e->state == MEET_STATE_ASKING) {
		stun_build_flag(&b, STUN_ATTR_ADIT_COOKIE);
	} else {
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, e->cookie, STUN_COOKIE_LEN);
		if (c->cfg.role == MEET_SERVE)
			build_register(c, e, &b);
		else
			stun_build_bytes(&b, MEET_ATTR_SEALED, sealed->data, sealed->len);
	}
	return stun_build_end(&b);
}

/* Sent once: statistics are not worth more. */
static int build_report(struct meet_client *c, const struct meet_entry *e)
{
	uint8_t txid[STUN_TXID_LEN]; /* the entry's own may be of a question under way */
	uint8_t outcome[8];
	struct adit_wr w = adit_wr_over(outcome, sizeof(outcome));
	struct stun_build b;

	adit_wr_u8(&w, c->outcome);
	adit_wr_zero(&w, 3);
	adit_wr_u32(&w, c->outcome_ms);
	adit_rng_fill(&c->cfg.rng, txid, sizeof(txid));
	stun_build_begin(&b, c->buf, sizeof(c->buf), STUN_REQUEST, MEET_REPORT, txid);
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, e->cookie, STUN_COOKIE_LEN);
	stun_build_bytes(&b, MEET_ATTR_OUTCOME, outcome, sizeof(outcome));
	return stun_build_end(&b);
}

/* Sent once: it ends by itself 75 s later. */
static int build_leave(struct meet_client *c, struct meet_entry *e)
{
	struct stun_build b;

	adit_rng_fill(&c->cfg.rng, e->txid, sizeof(e->txid));
	stun_build_begin(&b, c->buf, sizeof(c->buf), STUN_REQUEST, MEET_LEAVE, e->txid);
	stun_build_bytes(&b, MEET_ATTR_ID, e->id, MEET_ID_LEN);
	stun_build_bytes(&b, MEET_ATTR_HANDLE, e->handle, MEET_HANDLE_LEN);
	return stun_build_end(&b);
}

static int build_borrow(struct meet_client *c)
{
	struct meet_borrowing *o = &c->borrowing;
	uint8_t key[MEET_X25519_LEN];
	struct stun_build b;

	c->cfg.meet_crypto->x25519_public(o->secret, key);
	stun_build_begin(&b, c->buf, sizeof(c->buf), STUN_REQUEST, MEET_LEND, o->txid);
	stun_build_bytes(&b, MEET_ATTR_PERMIT, o->permit, sizeof(o->permit));
	stun_build_bytes(&b, MEET_ATTR_EPHEMERAL, key, sizeof(key));
	return stun_build_end(&b);
}

static int build_answer(struct meet_client *c, const struct meet_ask *a)
{
	struct stun_build b;

	stun_build_begin(&b, c->buf, sizeof(c->buf), STUN_SUCCESS, MEET_INTRODUCE, a->txid);
	stun_build_bytes(&b, MEET_ATTR_ROUTE, a->route, a->route_len);
	stun_build_bytes(&b, MEET_ATTR_SEALED, a->sealed, a->sealed_len);
	return stun_build_end(&b);
}

static int put(struct meet_client *c, const struct adit_addr *to, int len, struct adit_out *ret_out)
{
	if (len <= 0)
		return 0;
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND, .remote = *to, .data = c->buf, .len = (size_t)len};
	return 1;
}

int meet_client_output(struct meet_client *c, adit_time now, struct adit_out *ret_out)
{
	c->now = now;
	for (size_t i = 0; i < MEET_ASKS; i++) {
		struct meet_ask *a = &c->asks[i];

		if (a->used && a->want_send) {
			a->want_send = false;
			if (!put(c, &c->entries[a->mediator].addr, build_answer(c, a), ret_out))
				return 0;
			ret_out->sock = (uint32_t)i + 1;
			return 1;
		}
	}
	for (size_t i = 0; i < c->n; i++) {
		struct meet_entry *e = &c->entries[i];

		if (e->want_send) {
			e->want_send = false;
			return put(c, &e->addr, build_request(c, e), ret_out);
		}
		if (e->want_other) {
			e->want_other = false;
			return put(c, &e->other, build_request(c, e), ret_out);
		}
		if (e->want_report) {
			e->want_report = false;
			return put(c, &e->addr, build_report(c, e), ret_out);
		}
		if (e->want_leave) {
			e->want_leave = false;
			return put(c, &e->addr, build_leave(c, e), ret_out);
		}
	}
	if (c->borrowing.active && c->borrowing.want_send) {
		c->borrowing.want_send = false;
		return put(c, &c->entries[c->borrowing.mediator].addr, build_borrow(c), ret_out);
	}
	return 0;
}
