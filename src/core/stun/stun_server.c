#include "core/stun/stun_server.h"

#include <string.h>

#include "core/stun/stun_attr.h"

#define CHANGE_MASK  (STUN_SERVER_CHANGE_IP | STUN_SERVER_CHANGE_PORT)
#define COOKIE_AT    4 /* the magic cookie's place in the header */
#define ATTR_HEAD    4
#define CODE_BAD     400
#define CODE_UNKNOWN 420

/* Reason phrases are for people with a packet dump. RFC 8489 14.8 suggests these. */
static const char bad_text[] = "Bad Request";
static const char unknown_text[] = "Unknown Attribute";

/* Required attributes that may stand in a Binding request; those of authentication are for others, RFC 8489 12. */
static const uint16_t known[] = {
	STUN_ATTR_CHANGE_REQUEST, STUN_ATTR_USERNAME,           STUN_ATTR_REALM,   STUN_ATTR_NONCE,
	STUN_ATTR_USERHASH,       STUN_ATTR_PASSWORD_ALGORITHM, STUN_ATTR_PADDING, STUN_ATTR_RESPONSE_PORT,
};

/* A request, taken apart. */
struct ask {
	struct stun_msg msg;
	const struct stun_server_place *place;
	struct adit_addr remote;
	bool classic;
	bool padding;
	bool wants_cookie;
	bool has_cookie; /* a good one */
	unsigned change;
	uint16_t response_port; /* 0: not given */
	const uint8_t *txid; /* with the four bytes before it, which are part of it in RFC 3489 */
};

void stun_server_init(struct stun_server *s, adit_time now, const struct stun_server_config *cfg)
{
	uint8_t key[ADIT_SIPHASH_KEY_LEN];

	memset(&s->stats, 0, sizeof(s->stats));
	adit_rng_fill(&cfg->rng, s->cookie_key, sizeof(s->cookie_key));
	adit_rng_fill(&cfg->rng, key, sizeof(key));
	stun_limit_init(&s->limit, now, s->slots, STUN_SERVER_NETS, cfg->rate ? ADIT_SEC(1) / cfg->rate : 0,
			cfg->rate * (STUN_SERVER_BURST / STUN_SERVER_RATE), key);
	stun_limit_init(&s->change_limit, now, s->change_slots, STUN_SERVER_CHANGE_NETS,
			cfg->rate ? ADIT_SEC(1) / STUN_SERVER_CHANGE_RATE : 0, STUN_SERVER_CHANGE_BURST, key);
}

/* Nothing is sent to these, whoever asks. */
static bool is_no_host(const struct adit_addr *a)
{
	return a->port == 0 || adit_addr_is_any(a) || adit_addr_is_multicast(a);
}

/* Without the magic cookie (RFC 3489): |copy| becomes a message that can be parsed. The answer is turned back. */
static bool parse_classic(struct ask *ask, const uint8_t *data, size_t len, uint8_t copy[STUN_SERVER_CLASSIC_MAX])
{
	struct adit_wr w = adit_wr_over(copy + COOKIE_AT, sizeof(uint32_t));

	if (len < STUN_HEADER_LEN || len > STUN_SERVER_CLASSIC_MAX)
		return false;
	memcpy(copy, data, len);
	adit_wr_u32(&w, STUN_COOKIE);
	ask->classic = true;
	return stun_msg_parse(&ask->msg, copy, len) == 0;
}

static bool parse(struct ask *ask, const uint8_t *data, size_t len, uint8_t copy[STUN_SERVER_CLASSIC_MAX])
{
	if (len > STUN_SERVER_REQUEST_MAX)
		return false;
	if (stun_msg_parse(&ask->msg, data, len) != 0 &&
	    (stun_msg_is_stun(data, len) || !parse_classic(ask, data, len, copy)))
		return false;
	ask->txid = data + STUN_HEADER_LEN - STUN_TXID_LEN;
	return ask->msg.class == STUN_REQUEST && ask->msg.method == STUN_BINDING;
}

/* 0, or the error's code. Later attributes of the same type do not count. */
static unsigned read_attrs(struct ask *ask)
{
	struct stun_attr a;
	uint32_t flags = 0;

	if (stun_msg_find(&ask->msg, STUN_ATTR_CHANGE_REQUEST, &a) == 0) {
		if (stun_attr_read_u32(&a, &flags) != 0)
			return CODE_BAD;
		ask->change = flags & CHANGE_MASK;
	}
	if (stun_msg_find(&ask->msg, STUN_ATTR_RESPONSE_PORT, &a) == 0 &&
	    (stun_attr_read_u16_pad(&a, &ask->response_port) != 0 || ask->response_port == 0))
		return CODE_BAD;
	ask->padding = stun_msg_find(&ask->msg, STUN_ATTR_PADDING, &a) == 0;
	/* RFC 5780 6.1: the two together could be used to flood with fragments. */
	return ask->padding && ask->response_port ? CODE_BAD : 0;
}

static void read_cookie(struct stun_server *s, adit_time now, struct ask *ask)
{
	struct stun_attr a;

	if (stun_msg_find(&ask->msg, STUN_ATTR_ADIT_COOKIE, &a) != 0)
		return;
	ask->wants_cookie = true;
	ask->has_cookie = a.len == STUN_COOKIE_LEN &&
			  stun_cookie_is_good(s->cookie_key, now, STUN_COOKIE_IP, &ask->remote, a.value);
}

static bool has_other_ip(const struct ask *ask)
{
	return ask->place->other.family != ADIT_FAMILY_NONE && !adit_addr_eq_ip(&ask->place->other, &ask->place->local);
}

static bool can_change(const struct ask *ask)
{
	if ((ask->change & STUN_SERVER_CHANGE_IP) && !has_other_ip(ask))
		return false;
	return !(ask->change & STUN_SERVER_CHANGE_PORT) || ask->place->other.family != ADIT_FAMILY_NONE;
}

static void begin(struct stun_build *b, const struct ask *ask, enum stun_class class, uint8_t *buf, size_t cap)
{
	stun_build_begin(b, buf, cap, class, STUN_BINDING, ask->txid);
}

/* The message's length. RFC 3489's transaction ID has 16 bytes: its first four stand where the cookie is now. */
static size_t finish(struct stun_build *b, const struct ask *ask)
{
	int len;

	/* Optional (RFC 8489 14.7): with IPv6 addresses and a new cookie there is no room for it. */
	if (ask->msg.fingerprint_at && !ask->classic && b->w.cap - b->w.len >= ATTR_HEAD + STUN_FINGERPRINT_LEN)
		stun_build_fingerprint(b);
	len = stun_build_end(b);
	if (len <= 0)
		return 0;
	if (ask->classic)
		memcpy(b->w.buf + COOKIE_AT, ask->txid - sizeof(uint32_t), sizeof(uint32_t));
	return (size_t)len;
}

static size_t build_error(const struct ask *ask, unsigned code, uint16_t *types, size_t n, uint8_t *buf)
{
	struct stun_build b;

	begin(&b, ask, STUN_ERROR, buf, STUN_SERVER_ANSWER_MAX);
	stun_build_error(&b, code, code == CODE_UNKNOWN ? unknown_text : bad_text);
	if (ask->classic && n % 2 == 1) { /* RFC 3489 11.2.10: no padding there; one is repeated */
		types[n] = types[n - 1];
		n++;
	}
	if (n > 0)
		stun_build_unknown(&b, types, n);
	return finish(&b, ask);
}

/* Where the answer comes from. */
static struct adit_addr origin_of(const struct ask *ask)
{
	struct adit_addr a = ask->change & STUN_SERVER_CHANGE_IP ? ask->place->other : ask->place->local;

	a.port = ask->change & STUN_SERVER_CHANGE_PORT ? ask->place->other.port : ask->place->local.port;
	return a;
}

static size_t build_classic(const struct ask *ask, uint8_t *buf)
{
	struct adit_addr origin = origin_of(ask);
	struct stun_build b;

	begin(&b, ask, STUN_SUCCESS, buf, STUN_SERVER_ANSWER_MAX);
	stun_build_addr(&b, STUN_ATTR_MAPPED_ADDRESS, &ask->remote);
	stun_build_addr(&b, STUN_ATTR_SOURCE_ADDRESS, &origin);
	/* With IPv6, which RFC 3489 does not have, a third address is too much. */
	if (has_other_ip(ask) && adit_addr_is_v4(&origin))
		stun_build_addr(&b, STUN_ATTR_CHANGED_ADDRESS, &ask->place->other);
	return finish(&b, ask);
}

/* PADDING up to the request's own length, and no further. */
static void build_padding(struct stun_build *b, const struct ask *ask)
{
	static const uint8_t zero[STUN_SERVER_PADDED_MAX];
	size_t trailer = ask->msg.fingerprint_at ? ATTR_HEAD + STUN_FINGERPRINT_LEN : 0;
	size_t want = ask->msg.len < STUN_SERVER_PADDED_MAX ? ask->msg.len : STUN_SERVER_PADDED_MAX;

	if (b->w.len + ATTR_HEAD + trailer <= want)
		stun_build_bytes(b, STUN_ATTR_PADDING, zero, want - b->w.len - ATTR_HEAD - trailer);
}

/* Which addresses fit is worked out here; see the head of stun_server.h. */
static void build_places(struct stun_build *b, const struct ask *ask)
{
	struct adit_addr origin = origin_of(ask);
	bool other = ask->place->other.family != ADIT_FAMILY_NONE && (has_other_ip(ask) || ask->wants_cookie);

	if (adit_addr_is_v4(&origin)) {
		if (!ask->wants_cookie) /* for old clients; who knows our cookie knows XOR-MAPPED-ADDRESS */
			stun_build_addr(b, STUN_ATTR_MAPPED_ADDRESS, &ask->remote);
		stun_build_addr(b, STUN_ATTR_RESPONSE_ORIGIN, &origin);
		if (other)
			stun_build_addr(b, STUN_ATTR_OTHER_ADDRESS, &ask->place->other);
	} else if (other && ask->change == 0) {
		stun_build_addr(b, STUN_ATTR_OTHER_ADDRESS, &ask->place->other);
	} else {
		stun_build_addr(b, STUN_ATTR_RESPONSE_ORIGIN, &origin);
	}
}

static size_t build_success(struct stun_server *s, adit_time now, const struct ask *ask, uint8_t *buf)
{
	uint8_t cookie[STUN_COOKIE_LEN];
	struct stun_build b;

	if (ask->classic)
		return build_classic(ask, buf);
	begin(&b, ask, STUN_SUCCESS, buf, ask->padding ? STUN_SERVER_PADDED_MAX : STUN_SERVER_ANSWER_MAX);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &ask->remote);
	build_places(&b, ask);
	if (ask->wants_cookie && !ask->has_cookie) {
		stun_cookie_make(s->cookie_key, now, STUN_COOKIE_IP, &ask->remote, cookie);
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
	}
	if (ask->padding)
		build_padding(&b, ask);
	return finish(&b, ask);
}

/* May the answer leave from elsewhere, or go elsewhere? */
static bool may_change(struct stun_server *s, adit_time now, const struct ask *ask)
{
	if (ask->change == 0 && ask->response_port == 0)
		return true;
	return ask->has_cookie || stun_limit_take(&s->change_limit, now, &ask->remote);
}

/* The error's answer in |buf|, or 0 where the request is fine. */
static size_t judge(struct ask *ask, uint8_t *buf)
{
	uint16_t types[STUN_SERVER_UNKNOWN_MAX + 1];
	size_t n = stun_msg_unknown(&ask->msg, known, ARRAY_LEN(known), types, STUN_SERVER_UNKNOWN_MAX);
	unsigned code = n > 0 ? CODE_UNKNOWN : read_attrs(ask);

	if (code == 0 && !can_change(ask)) { /* RFC 5780 6.1 */
		types[n++] = STUN_ATTR_CHANGE_REQUEST;
		code = CODE_UNKNOWN;
	}
	return code ? build_error(ask, code, types, n, buf) : 0;
}

int stun_server_answer(struct stun_server *s, adit_time now, const struct stun_server_place *place,
		       const struct adit_addr *remote, const void *data, size_t len, uint8_t *buf,
		       struct stun_server_answer *ret_answer)
{
	uint8_t copy[STUN_SERVER_CLASSIC_MAX];
	struct ask ask = {.place = place, .remote = *remote};
	struct stun_server_answer answer = {.remote = *remote};

	if (is_no_host(remote) || !parse(&ask, data, len, copy)) {
		s->stats.malformed++;
		return 0;
	}
	if (!stun_limit_take(&s->limit, now, remote)) {
		s->stats.limited++;
		return 0;
	}
	answer.len = judge(&ask, buf);
	if (answer.len > 0) {
		s->stats.errors++;
		*ret_answer = answer;
		return 1;
	}
	read_cookie(s, now, &ask);
	if (!may_change(s, now, &ask)) {
		s->stats.limited++;
		return 0;
	}
	answer.len = build_success(s, now, &ask, buf);
	answer.change = ask.change;
	if (ask.response_port)
		answer.remote.port = ask.response_port;
	s->stats.binding++;
	s->stats.classic += ask.classic;
	s->stats.changed += ask.change != 0 || ask.response_port != 0;
	*ret_answer = answer;
	return answer.len > 0;
}
