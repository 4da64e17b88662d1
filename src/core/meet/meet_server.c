#include "core/meet/meet_server.h"

#include <string.h>

#include "base/bytes.h"
#include "core/stun/stun_attr.h"

/* What a request may have that is not optional. */
static const uint16_t known[] = {MEET_ATTR_ID,        MEET_ATTR_KEY,    MEET_ATTR_SALT,  MEET_ATTR_SIGNATURE,
				 MEET_ATTR_HANDLE,    MEET_ATTR_SEALED, MEET_ATTR_ROUTE, MEET_ATTR_OUTCOME,
				 MEET_ATTR_EPHEMERAL, MEET_ATTR_LOAN};

#define ROUTE_HEAD  8 /* family, socket, local, flags, port, minute */
#define ROUTE_HOST  1 /* flag: whom it goes to may borrow a relay */
#define ROUTE_MAC   8
#define ROUTE_MAX   (ROUTE_HEAD + 16 + ROUTE_MAC)
#define ROUTE_SLOTS ADIT_SEC(64) /* "minute": an answer comes within seconds */
#define LOCAL_KEPT  (2 * ROUTE_SLOTS) /* an address of ours that nobody uses: a route is good as long */

_Static_assert(LOCAL_KEPT > MEET_LIFETIME, "a registration must not outlive the address it came in at");

/* One request being worked on. */
struct work {
	const struct adit_dgram *d;
	struct stun_msg msg;
	bool proved; /* the cookie is good */
	uint8_t *buf;
	struct meet_server_out *out;
};

void meet_server_init(struct meet_server *s, adit_time now, const struct meet_server_config *cfg,
		      struct meet_peer *slots, size_t n_slots)
{
	uint8_t key[ADIT_SIPHASH_KEY_LEN];

	memset(s, 0, offsetof(struct meet_server, register_slots));
	s->crypto = cfg->crypto;
	s->lender = cfg->lender;
	s->rng = cfg->rng;
	s->born = now;
	s->sweep_at = now + MEET_SWEEP_EACH;
	adit_rng_fill(&cfg->rng, s->key, sizeof(s->key));
	adit_rng_fill(&cfg->rng, key, sizeof(key));
	meet_table_init(&s->table, slots, n_slots, key);
	stun_limit_init(&s->register_limit, now, s->register_slots, MEET_NETS,
			cfg->no_limits ? 0 : ADIT_SEC(1) / MEET_REGISTER_RATE, MEET_REGISTER_BURST, key);
	stun_limit_init(&s->stranger_limit, now, s->stranger_slots, MEET_NETS,
			cfg->no_limits ? 0 : ADIT_SEC(1) / MEET_REGISTER_RATE, MEET_REGISTER_BURST, key);
	stun_limit_init(&s->offer_limit, now, s->offer_slots, MEET_NETS,
			cfg->no_limits ? 0 : ADIT_SEC(1) / MEET_OFFER_RATE, MEET_OFFER_BURST, key);
	if (cfg->lender)
		stun_limit_init(&s->lend_limit, now, s->lend_slots, MEET_NETS, MEET_LEND_EACH, MEET_LEND_BURST, key);
}

/* Seconds since birth, from 1: 0 marks a free slot. */
static uint32_t seconds(const struct meet_server *s, adit_time now)
{
	return 1 + (uint32_t)(adit_time_since(now, s->born) / ADIT_SEC(1));
}

static struct meet_peer *find(const struct meet_server *s, adit_time now, const uint8_t *id)
{
	struct meet_peer *p = meet_table_find(&s->table, id);

	return p && p->expire > seconds(s, now) ? p : NULL;
}

/*
 * The number of an address of ours; a new one is noted, in the place of one that no registration and no route refers
 * to any more: addresses change daily at some providers. 0xff: there are too many.
 */
static uint8_t local_index(struct meet_server *s, adit_time now, const struct adit_addr *local)
{
	size_t at = 0;

	for (size_t i = 0; i < s->n_locals; i++) {
		if (adit_addr_eq_ip(&s->locals[i], local)) {
			s->local_used[i] = seconds(s, now);
			return (uint8_t)i;
		}
		if (s->local_used[i] < s->local_used[at])
			at = i;
	}
	if (s->n_locals < MEET_LOCALS_MAX)
		at = s->n_locals++;
	else if (seconds(s, now) - s->local_used[at] <= LOCAL_KEPT / ADIT_SEC(1))
		return 0xff;
	s->locals[at] = *local;
	s->local_used[at] = seconds(s, now);
	return (uint8_t)at;
}

static struct adit_addr local_at(const struct meet_server *s, uint8_t index)
{
	return index < s->n_locals ? s->locals[index] : (struct adit_addr){.family = ADIT_FAMILY_NONE};
}

/* Bound to id and address, so that it says nothing about other registrations. */
static void make_handle(const struct meet_server *s, const uint8_t *id, const struct adit_addr *a, uint8_t *ret_handle)
{
	uint8_t text[1 + MEET_ID_LEN + 16 + 2 + 1];
	struct adit_wr w = adit_wr_over(text, sizeof(text));
	struct adit_wr out = adit_wr_over(ret_handle, MEET_HANDLE_LEN);

	adit_wr_u8(&w, 'h');
	adit_wr_bytes(&w, id, MEET_ID_LEN);
	adit_wr_bytes(&w, a->ip, sizeof(a->ip));
	adit_wr_u16(&w, a->port);
	adit_wr_u8(&w, a->family);
	adit_wr_u64(&out, adit_siphash(s->key, text, w.len));
}

/* |peer|: the only one who may return it. */
static void make_route_mac(const struct meet_server *s, const uint8_t *route, size_t len, const uint8_t *txid,
			   const struct adit_addr *peer, uint8_t *ret_mac)
{
	uint8_t text[1 + ROUTE_MAX + STUN_TXID_LEN + 16 + 2];
	struct adit_wr w = adit_wr_over(text, sizeof(text));
	struct adit_wr out = adit_wr_over(ret_mac, ROUTE_MAC);

	adit_wr_u8(&w, 'r');
	adit_wr_bytes(&w, route, len);
	adit_wr_bytes(&w, txid, STUN_TXID_LEN);
	adit_wr_bytes(&w, peer->ip, sizeof(peer->ip));
	adit_wr_u16(&w, peer->port);
	adit_wr_u64(&out, adit_siphash(s->key, text, w.len));
}

static void begin(struct stun_build *b, const struct work *w, enum stun_class class)
{
	stun_build_begin(b, w->buf, MEET_MSG_MAX, class, w->msg.method, w->msg.txid);
}

/* To the sender. Who has not proved his address gets no more bytes than he sent. */
static int reply(struct work *w, struct stun_build *b)
{
	int len = stun_build_end(b);

	if (len <= 0 || (!w->proved && (size_t)len > w->d->len))
		return 0;
	*w->out = (struct meet_server_out){
		.len = (size_t)len, .sock = w->d->sock, .local = w->d->local, .remote = w->d->remote};
	return 1;
}

static int reply_code(struct work *w, enum meet_code code)
{
	struct stun_build b;

	begin(&b, w, STUN_ERROR);
	stun_build_error(&b, code, "");
	return reply(w, &b);
}

/* RFC 8489 6.3.1: a later version may ask for what must not be left out. */
static int reply_unknown(struct meet_server *s, struct work *w, const uint16_t *types, size_t n)
{
	struct stun_build b;

	s->stats.malformed++;
	begin(&b, w, STUN_ERROR);
	stun_build_error(&b, MEET_CODE_ATTRIBUTE, "");
	stun_build_unknown(&b, types, n < MEET_UNKNOWN_MAX ? n : MEET_UNKNOWN_MAX);
	return reply(w, &b);
}

static int reply_cookie(struct meet_server *s, adit_time now, struct work *w, enum meet_code code)
{
	uint8_t cookie[STUN_COOKIE_LEN];
	struct stun_build b;

	begin(&b, w, STUN_ERROR);
	stun_build_error(&b, code, "");
	stun_cookie_make(s->key, now, STUN_COOKIE_IP_PORT, &w->d->remote, cookie);
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
	return reply(w, &b);
}

static int malformed(struct meet_server *s)
{
	s->stats.malformed++;
	return 0;
}

/*
 * After a restart everybody comes at once, waits longer than the first RTO, and sends the same bytes again: the second
 * time they cost a hash. Without that each wait made the queue longer, and it never ended.
 */
static bool is_signed(struct meet_server *s, const uint8_t *key, const uint8_t *signed_text, const uint8_t *sig)
{
	uint8_t text[1 + MEET_KEY_LEN + MEET_SIGNED_LEN + MEET_SIG_LEN];
	struct adit_wr w = adit_wr_over(text, sizeof(text));
	uint64_t hash;
	uint64_t *slot;

	adit_wr_u8(&w, 'v');
	adit_wr_bytes(&w, key, MEET_KEY_LEN);
	adit_wr_bytes(&w, signed_text, MEET_SIGNED_LEN);
	adit_wr_bytes(&w, sig, MEET_SIG_LEN);
	hash = adit_siphash(s->key, text, w.len) | 1;
	slot = &s->verified[(hash >> 1) % MEET_VERIFIED];
	if (*slot == hash)
		return true;
	if (!s->crypto->verify(key, signed_text, MEET_SIGNED_LEN, sig))
		return false;
	*slot = hash;
	return true;
}

static int on_register(struct meet_server *s, adit_time now, struct work *w)
{
	const uint8_t *id = meet_msg_bytes(&w->msg, MEET_ATTR_ID, MEET_ID_LEN);
	const uint8_t *key = meet_msg_bytes(&w->msg, MEET_ATTR_KEY, MEET_KEY_LEN);
	const uint8_t *salt = meet_msg_bytes(&w->msg, MEET_ATTR_SALT, MEET_SALT_LEN);
	const uint8_t *sig = meet_msg_bytes(&w->msg, MEET_ATTR_SIGNATURE, MEET_SIG_LEN);
	const uint8_t *cookie = meet_msg_bytes(&w->msg, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);
	uint8_t text[MEET_SIGNED_LEN];
	uint8_t want[MEET_ID_LEN];
	uint8_t handle[MEET_HANDLE_LEN];
	uint8_t local = local_index(s, now, &w->d->local);
	struct adit_addr before;
	struct meet_peer *p;
	struct stun_build b;

	if (!id || !key || !salt || !sig || !cookie)
		return malformed(s);
	/* Cheap things first: a signature costs as much as a hundred of these. */
	meet_id_make(s->crypto, key, salt, want);
	meet_signed_make(id, salt, cookie, text);
	if (memcmp(want, id, sizeof(want)) != 0 || !is_signed(s, key, text, sig)) {
		s->stats.forged++;
		return reply_code(w, MEET_CODE_FORBIDDEN);
	}
	p = meet_table_find(&s->table, id);
	before = p ? meet_peer_addr(p) : (struct adit_addr){.family = ADIT_FAMILY_NONE};
	p = s->draining || local == 0xff
		    ? NULL
		    : meet_table_put(&s->table, id, seconds(s, now) + (uint32_t)(MEET_LIFETIME / ADIT_SEC(1)));
	if (!p) {
		s->stats.full++;
		return reply_code(w, MEET_CODE_FULL);
	}
	p->sock = (uint8_t)(w->d->sock | (s->lender && meet_lender_has_host(s->lender, key) ? MEET_PEER_HOST : 0));
	p->local = local;
	meet_peer_set_addr(p, &w->d->remote);
	if (adit_addr_eq(&before, &w->d->remote))
		s->stats.renewed++;
	else
		s->stats.registered++;
	make_handle(s, id, &w->d->remote, handle);
	begin(&b, w, STUN_SUCCESS);
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &w->d->remote);
	stun_build_u32(&b, STUN_ATTR_LIFETIME, (uint32_t)(MEET_LIFETIME / ADIT_SEC(1)));
	stun_build_bytes(&b, MEET_ATTR_HANDLE, handle, sizeof(handle));
	return reply(w, &b);
}

/* The registration of who shows its handle, from its own address; NULL: there is none such. */
static struct meet_peer *holder(struct meet_server *s, adit_time now, const struct work *w, const uint8_t *id,
				const uint8_t *handle)
{
	struct meet_peer *p = find(s, now, id);
	struct adit_addr a = p ? meet_peer_addr(p) : (struct adit_addr){.family = ADIT_FAMILY_NONE};
	uint8_t want[MEET_HANDLE_LEN];

	make_handle(s, id, &w->d->remote, want);
	return p && adit_bytes_eq_ct(want, handle, sizeof(want)) && adit_addr_eq_ip(&a, &w->d->remote) &&
			       a.port == w->d->remote.port && !s->draining
		       ? p
		       : NULL;
}

/* MEET_REFRESH and MEET_LEAVE. No limit for a good one: who has a handle has shown a signature. */
static int on_holder(struct meet_server *s, adit_time now, struct work *w)
{
	const uint8_t *id = meet_msg_bytes(&w->msg, MEET_ATTR_ID, MEET_ID_LEN);
	const uint8_t *handle = meet_msg_bytes(&w->msg, MEET_ATTR_HANDLE, MEET_HANDLE_LEN);
	struct meet_peer *p;
	struct stun_build b;

	if (!id || !handle)
		return malformed(s);
	p = holder(s, now, w, id, handle);
	if (p && w->msg.method == MEET_LEAVE) {
		meet_table_del(&s->table, p);
		s->stats.left++;
	} else if (p) {
		p->expire = seconds(s, now) + (uint32_t)(MEET_LIFETIME / ADIT_SEC(1));
		s->local_used[p->local] = seconds(s, now);
		s->stats.refreshed++;
	}
	if (p) {
		begin(&b, w, STUN_SUCCESS);
		return reply(w, &b);
	}
	if (!stun_limit_take(&s->stranger_limit, now, &w->d->remote)) {
		s->stats.limited++;
		return 0;
	}
	s->stats.unknown++;
	return reply_cookie(s, now, w, MEET_CODE_UNKNOWN);
}

/* Where the answer is to go, for |p| to return. Its length. */
static size_t make_route(struct meet_server *s, adit_time now, const struct work *w, const struct meet_peer *p,
			 uint8_t route[ROUTE_MAX])
{
	const struct adit_addr *a = &w->d->remote;
	struct adit_addr peer = meet_peer_addr(p);
	struct adit_wr r = adit_wr_over(route, ROUTE_MAX);

	adit_wr_u8(&r, a->family);
	adit_wr_u8(&r, (uint8_t)w->d->sock);
	adit_wr_u8(&r, local_index(s, now, &w->d->local));
	adit_wr_u8(&r, p->sock & MEET_PEER_HOST ? ROUTE_HOST : 0);
	adit_wr_u16(&r, a->port);
	adit_wr_u16(&r, (uint16_t)(now / ROUTE_SLOTS));
	adit_wr_bytes(&r, a->ip, adit_addr_is_v4(a) ? 4 : 16);
	make_route_mac(s, route, r.len, w->msg.txid, &peer, route + r.len);
	return r.len + ROUTE_MAC;
}

static int on_introduce(struct meet_server *s, adit_time now, struct work *w)
{
	const uint8_t *id = meet_msg_bytes(&w->msg, MEET_ATTR_ID, MEET_ID_LEN);
	uint8_t route[ROUTE_MAX];
	struct adit_addr to;
	struct stun_attr sealed;
	struct meet_peer *p;
	struct stun_build b;
	int len;

	if (!id || stun_msg_find(&w->msg, MEET_ATTR_SEALED, &sealed) != 0 || sealed.len > MEET_SEALED_MAX)
		return malformed(s);
	p = find(s, now, id);
	if (!p) {
		s->stats.absent++;
		return reply_code(w, MEET_CODE_ABSENT);
	}
	to = meet_peer_addr(p);
	begin(&b, w, STUN_REQUEST);
	stun_build_bytes(&b, MEET_ATTR_ID, id, MEET_ID_LEN);
	stun_build_bytes(&b, MEET_ATTR_ROUTE, route, make_route(s, now, w, p, route));
	stun_build_bytes(&b, MEET_ATTR_SEALED, sealed.value, sealed.len);
	len = stun_build_end(&b);
	if (len <= 0)
		return malformed(s);
	s->stats.introduced++;
	*w->out = (struct meet_server_out){
		.len = (size_t)len, .sock = p->sock & MEET_PEER_SOCK, .local = local_at(s, p->local), .remote = to};
	return 1;
}

/* Reads a route that |w->d->remote| returned: its flags, or EAUTH: not ours, not his, or too old. */
static int read_route(const struct meet_server *s, adit_time now, const struct work *w, const struct stun_attr *route,
		      struct meet_server_out *ret_out)
{
	struct adit_rd r = adit_rd_over(route->value, route->len);
	struct meet_server_out o = {.len = 0};
	uint8_t mac[ROUTE_MAC];
	uint8_t local, flags;
	uint16_t slot;
	size_t ip_len;

	o.remote.family = adit_rd_u8(&r);
	o.sock = adit_rd_u8(&r);
	local = adit_rd_u8(&r);
	flags = adit_rd_u8(&r);
	o.remote.port = adit_rd_u16(&r);
	slot = adit_rd_u16(&r);
	ip_len = adit_addr_is_v4(&o.remote) ? 4 : 16;
	adit_rd_bytes(&r, o.remote.ip, ip_len);
	if (r.bad || adit_rd_left(&r) != ROUTE_MAC)
		return ADIT_EAUTH;
	make_route_mac(s, route->value, ROUTE_HEAD + ip_len, w->msg.txid, &w->d->remote, mac);
	if (!adit_bytes_eq_ct(mac, route->value + r.pos, ROUTE_MAC) ||
	    (uint16_t)((uint16_t)(now / ROUTE_SLOTS) - slot) > 1)
		return ADIT_EAUTH;
	o.local = local_at(s, local);
	*ret_out = o;
	return flags;
}

/* Shown again it proves that its bearer receives at |to|, where a host's answer went. */
static void make_permit(const struct meet_server *s, const struct adit_addr *to, uint16_t slot,
			uint8_t ret_permit[MEET_PERMIT_LEN])
{
	uint8_t text[1 + 16 + 2 + 1 + 2];
	struct adit_wr w = adit_wr_over(text, sizeof(text));
	struct adit_wr out = adit_wr_over(ret_permit, MEET_PERMIT_LEN);

	adit_wr_u8(&w, 'p');
	adit_wr_bytes(&w, to->ip, sizeof(to->ip));
	adit_wr_u16(&w, to->port);
	adit_wr_u8(&w, to->family);
	adit_wr_u16(&w, slot);
	adit_wr_u16(&out, slot);
	adit_wr_zero(&out, 2);
	adit_wr_u64(&out, adit_siphash(s->key, text, w.len));
}

static bool is_permitted(const struct meet_server *s, adit_time now, const struct adit_addr *from,
			 const uint8_t permit[MEET_PERMIT_LEN])
{
	struct adit_rd r = adit_rd_over(permit, MEET_PERMIT_LEN);
	uint16_t slot = adit_rd_u16(&r);
	uint8_t want[MEET_PERMIT_LEN];

	make_permit(s, from, slot, want);
	return adit_bytes_eq_ct(want, permit, sizeof(want)) && (uint16_t)((uint16_t)(now / ROUTE_SLOTS) - slot) <= 1;
}

/* The answer of who was introduced. */
static int on_answer(struct meet_server *s, adit_time now, struct work *w)
{
	uint8_t permit[MEET_PERMIT_LEN];
	struct stun_attr route, sealed;
	struct meet_server_out out;
	struct stun_build b;
	int len, flags;

	if (stun_msg_find(&w->msg, MEET_ATTR_ROUTE, &route) != 0 ||
	    stun_msg_find(&w->msg, MEET_ATTR_SEALED, &sealed) != 0 || sealed.len > MEET_SEALED_MAX)
		return malformed(s);
	flags = read_route(s, now, w, &route, &out);
	if (flags < 0) {
		s->stats.forged++;
		return 0;
	}
	begin(&b, w, STUN_SUCCESS);
	stun_build_bytes(&b, MEET_ATTR_SEALED, sealed.value, sealed.len);
	if (flags & ROUTE_HOST) {
		make_permit(s, &out.remote, (uint16_t)(now / ROUTE_SLOTS), permit);
		stun_build_bytes(&b, MEET_ATTR_PERMIT, permit, sizeof(permit));
	}
	len = stun_build_end(&b);
	if (len <= 0)
		return malformed(s);
	s->stats.answered++;
	out.len = (size_t)len;
	*w->out = out;
	return 1;
}

/* The permit is all the proof that is needed: it was sent to this address. */
static int on_lend(struct meet_server *s, adit_time now, struct work *w)
{
	const uint8_t *permit = meet_msg_bytes(&w->msg, MEET_ATTR_PERMIT, MEET_PERMIT_LEN);
	const uint8_t *asker = meet_msg_bytes(&w->msg, MEET_ATTR_EPHEMERAL, MEET_X25519_LEN);
	uint8_t loan[MEET_LOAN_MAX];
	struct meet_relay relay;
	struct stun_build b;
	int len;

	if (!permit || !asker)
		return malformed(s);
	w->proved = is_permitted(s, now, &w->d->remote, permit);
	if (!w->proved || !s->lender || s->utc == 0) {
		s->stats.forged++;
		return reply_code(w, MEET_CODE_FORBIDDEN);
	}
	if (!stun_limit_take(&s->lend_limit, now, &w->d->remote)) {
		s->stats.limited++;
		return reply_code(w, MEET_CODE_QUOTA);
	}
	meet_lender_make(s->lender, s->utc + adit_time_since(now, s->utc_at),
			 stun_limit_net(&s->lend_limit, &w->d->remote), &relay);
	len = meet_relay_seal(s->crypto, s->lender->crypto, &s->rng, asker, w->msg.txid, &relay, loan);
	adit_bytes_wipe(&relay, sizeof(relay));
	if (len < 0)
		return malformed(s);
	s->stats.lent++;
	begin(&b, w, STUN_SUCCESS);
	stun_build_bytes(&b, MEET_ATTR_LOAN, loan, (size_t)len);
	return reply(w, &b);
}

/* u8 path, u8 0, u16 0, u32 milliseconds: sums are kept, the sender is forgotten. */
static int on_report(struct meet_server *s, struct work *w)
{
	const uint8_t *outcome = meet_msg_bytes(&w->msg, MEET_ATTR_OUTCOME, 8);
	struct adit_rd r = adit_rd_over(outcome, outcome ? 8 : 0);
	uint8_t path = adit_rd_u8(&r);
	size_t class = 0;
	struct stun_build b;
	uint32_t ms;

	adit_rd_skip(&r, 3);
	ms = adit_rd_u32(&r);
	if (r.bad || path >= MEET_PATHS)
		return malformed(s);
	while (class < MEET_DURATIONS - 1 && ms >= 16u << class)
		class ++;
	s->stats.paths[path]++;
	if (path != MEET_PATH_NONE)
		s->stats.durations[class]++;
	begin(&b, w, STUN_SUCCESS);
	return reply(w, &b);
}

/* Requests that must come with a cookie and are limited. */
static int on_request(struct meet_server *s, adit_time now, struct work *w)
{
	const uint8_t *cookie = meet_msg_bytes(&w->msg, STUN_ATTR_ADIT_COOKIE, STUN_COOKIE_LEN);
	bool is_register = w->msg.method == MEET_REGISTER;
	bool is_holder = w->msg.method == MEET_REFRESH || w->msg.method == MEET_LEAVE;
	struct stun_limit *limit = &s->offer_limit;
	uint16_t types[MEET_UNKNOWN_MAX];
	size_t n = stun_msg_unknown(&w->msg, known, ARRAY_LEN(known), types, MEET_UNKNOWN_MAX);

	if (is_holder && n == 0)
		return on_holder(s, now, w);
	w->proved = cookie && stun_cookie_is_good(s->key, now, STUN_COOKIE_IP_PORT, &w->d->remote, cookie);
	if (is_register || is_holder)
		limit = is_register && w->proved ? &s->register_limit : &s->stranger_limit;
	if (!stun_limit_take(limit, now, &w->d->remote)) {
		s->stats.limited++;
		return 0;
	}
	if (n > 0)
		return reply_unknown(s, w, types, n);
	if (w->msg.method == MEET_LEND)
		return on_lend(s, now, w);
	if (!w->proved) {
		s->stats.cookies++;
		return reply_cookie(s, now, w, MEET_CODE_COOKIE);
	}
	if (is_register)
		return on_register(s, now, w);
	return w->msg.method == MEET_INTRODUCE ? on_introduce(s, now, w) : on_report(s, w);
}

int meet_server_input(struct meet_server *s, adit_time now, const struct adit_dgram *d, uint8_t *buf,
		      struct meet_server_out *ret_out)
{
	struct work w = {.d = d, .buf = buf, .out = ret_out};

	if (!meet_msg_may_be_ours(d->data, d->len) || stun_msg_parse(&w.msg, d->data, d->len) != 0 ||
	    !meet_msg_is_ours(&w.msg))
		return ADIT_EIGNORED;
	if (d->remote.port == 0 || adit_addr_is_multicast(&d->remote) || adit_addr_is_any(&d->remote))
		return malformed(s);
	if (w.msg.class == STUN_SUCCESS && w.msg.method == MEET_INTRODUCE)
		return on_answer(s, now, &w);
	if (w.msg.class != STUN_REQUEST || w.msg.method == MEET_GONE)
		return malformed(s);
	return on_request(s, now, &w);
}

void meet_server_set_utc(struct meet_server *s, adit_time now, adit_utc utc)
{
	s->utc_at = now;
	s->utc = utc;
}

void meet_server_tick(struct meet_server *s, adit_time now)
{
	uint32_t t = seconds(s, now);

	if (now < s->sweep_at)
		return;
	s->sweep_at = now + MEET_SWEEP_EACH;
	for (int i = 0; i < MEET_SWEEP; i++) {
		struct meet_peer *p;

		if (s->sweep_pos >= s->table.n_slots)
			s->sweep_pos = 0;
		p = &s->table.slots[s->sweep_pos];
		if (p->expire != 0 && p->expire <= t) {
			meet_table_del(&s->table, p); /* another one may stand here now: look again */
			s->stats.expired++;
		} else {
			s->sweep_pos++;
		}
	}
}

adit_time meet_server_deadline(const struct meet_server *s)
{
	return s->table.used > 0 ? s->sweep_at : ADIT_NEVER;
}

size_t meet_server_wants(const struct meet_server *s)
{
	return meet_table_wants(&s->table);
}

struct meet_peer *meet_server_grow(struct meet_server *s, struct meet_peer *slots, size_t n_slots)
{
	return meet_table_move(&s->table, slots, n_slots);
}

void meet_server_drain(struct meet_server *s)
{
	s->draining = true;
	s->drain_pos = 0;
}

/* The handle proves to the peer who says so. */
int meet_server_goodbye(struct meet_server *s, uint8_t *buf, struct meet_server_out *ret_out)
{
	static const uint8_t txid[STUN_TXID_LEN];
	uint8_t handle[MEET_HANDLE_LEN];
	struct stun_build b;
	int len;

	while (s->drain_pos < s->table.n_slots) {
		const struct meet_peer *p = &s->table.slots[s->drain_pos++];
		struct adit_addr a;

		if (p->expire == 0)
			continue;
		a = meet_peer_addr(p);
		make_handle(s, p->id, &a, handle);
		stun_build_begin(&b, buf, MEET_MSG_MAX, STUN_INDICATION, MEET_GONE, txid);
		stun_build_bytes(&b, MEET_ATTR_ID, p->id, MEET_ID_LEN);
		stun_build_bytes(&b, MEET_ATTR_HANDLE, handle, sizeof(handle));
		len = stun_build_end(&b);
		*ret_out = (struct meet_server_out){.len = (size_t)len,
						    .sock = p->sock & MEET_PEER_SOCK,
						    .local = local_at(s, p->local),
						    .remote = a};
		return 1;
	}
	return 0;
}
