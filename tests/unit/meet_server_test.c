#include "test.h"

#include "core/stun/stun_attr.h"
#include "meet_rig.h"

static int setup(void **state)
{
	*state = rig_new();
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* A registered peer; what it sent with |method| last is in r->copy. */
static struct rig_peer *serving(struct rig *r, uint16_t method)
{
	struct rig_peer *p = rig_peer(r, MEET_SERVE, ADIT_MS(20), NULL);

	r->copy_method = method;
	meet_client_serve(&p->c, r->now);
	rig_run(r, ADIT_SEC(2));
	assert_int_equal(p->count[MEET_EVENT_HELD], RIG_MEDIATORS);
	return p;
}

/* Which mediator the copy is for. */
static unsigned copy_server(struct rig *r)
{
	return adit_addr_eq(&r->copy.to, &r->server_addr[1]);
}

static unsigned code_of(const uint8_t *buf, size_t len)
{
	const uint8_t *text;
	struct stun_attr a;
	struct stun_msg m;
	unsigned code;
	size_t n;

	assert_int_equal(stun_msg_parse(&m, buf, len), 0);
	assert_int_equal(m.class, STUN_ERROR);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_ERROR_CODE, &a), 0);
	assert_int_equal(stun_attr_read_error(&a, &code, &text, &n), 0);
	return code;
}

static void a_stolen_registration_is_good_at_its_own_address_only(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REGISTER);
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	unsigned i = copy_server(r);
	struct meet_peer *entry = meet_table_find(&r->servers[i]->table, p->c.entries[i].id);
	struct adit_addr at;

	/* A thief who heard it sends it from elsewhere: he gets a cookie for his own address, and no more. */
	r->copy.from = adit_addr_v4(198, 51, 100, 66, 1);
	assert_int_equal(rig_at_server(r, i, &r->copy, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_COOKIE);
	assert_true(out.len <= r->copy.len);
	at = meet_peer_addr(entry);
	assert_true(adit_addr_eq(&at, &p->addr));
	/* Replayed from the right address it says what is so; when the cookie is old, nothing. */
	r->copy.from = p->addr;
	assert_int_equal(rig_at_server(r, i, &r->copy, &out, buf), 1);
	assert_int_equal(r->servers[i]->stats.renewed, 1);
	r->now += 3 * STUN_COOKIE_LIFE;
	assert_int_equal(rig_at_server(r, i, &r->copy, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_COOKIE);
	/* At another mediator it is worth nothing. */
	r->now -= 3 * STUN_COOKIE_LIFE;
	assert_int_equal(rig_at_server(r, !i, &r->copy, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_COOKIE);
}

static void a_forged_registration_is_refused_whatever_was_changed(void **state)
{
	static const uint16_t types[] = {MEET_ATTR_ID, MEET_ATTR_KEY, MEET_ATTR_SALT, MEET_ATTR_SIGNATURE};
	struct rig *r = *state;
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	unsigned i;

	serving(r, MEET_REGISTER);
	i = copy_server(r);
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		struct rig_dgram d = r->copy;
		struct stun_attr a;
		struct stun_msg m;

		assert_int_equal(stun_msg_parse(&m, d.data, d.len), 0);
		assert_int_equal(stun_msg_find(&m, types[t], &a), 0);
		d.data[a.value - m.data] ^= 1;
		assert_int_equal(rig_at_server(r, i, &d, &out, buf), 1);
		assert_int_equal(code_of(buf, out.len), MEET_CODE_FORBIDDEN);
	}
	assert_int_equal(r->servers[i]->stats.forged, 4);
	assert_int_equal(r->servers[i]->table.used, 1);
}

static unsigned n_verified;

static bool count_verify(const uint8_t key[MEET_KEY_LEN], const void *data, size_t len, const uint8_t sig[MEET_SIG_LEN])
{
	n_verified++;
	return crypto_meet.verify(key, data, len, sig);
}

/* What is forged is looked at each time, however often it comes. */
static void a_registration_that_comes_again_costs_no_second_signature(void **state)
{
	struct rig *r = *state;
	struct meet_crypto counted = crypto_meet;
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	struct rig_dgram forged;
	struct stun_attr a;
	struct stun_msg m;
	unsigned i;

	counted.verify = count_verify;
	r->servers[0]->crypto = r->servers[1]->crypto = &counted;
	n_verified = 0;
	serving(r, MEET_REGISTER);
	assert_int_equal(n_verified, RIG_MEDIATORS);
	i = copy_server(r);
	for (int n = 0; n < 10; n++)
		assert_int_equal(rig_at_server(r, i, &r->copy, &out, buf), 1);
	assert_int_equal(n_verified, RIG_MEDIATORS);
	assert_int_equal(r->servers[i]->stats.renewed, 10);
	forged = r->copy;
	assert_int_equal(stun_msg_parse(&m, forged.data, forged.len), 0);
	assert_int_equal(stun_msg_find(&m, MEET_ATTR_SIGNATURE, &a), 0);
	forged.data[a.value - m.data] ^= 1;
	for (int n = 0; n < 2; n++)
		assert_int_equal(rig_at_server(r, i, &forged, &out, buf), 1);
	assert_int_equal(n_verified, RIG_MEDIATORS + 2);
	assert_int_equal(r->servers[i]->stats.forged, 2);
	r->servers[0]->crypto = r->servers[1]->crypto = &crypto_meet;
}

static void a_refresh_from_elsewhere_or_with_another_handle_moves_nothing(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REFRESH);
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	struct adit_addr at;
	uint32_t expire;
	unsigned i;

	rig_run(r, ADIT_SEC(20));
	i = copy_server(r);
	expire = meet_table_find(&r->servers[i]->table, p->c.entries[i].id)->expire;
	r->now += ADIT_SEC(3);
	r->copy.from.port++;
	assert_int_equal(rig_at_server(r, i, &r->copy, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_UNKNOWN);
	assert_true(out.len <= r->copy.len);
	r->copy.from.port--;
	r->copy.data[r->copy.len - 1] ^= 1;
	assert_int_equal(rig_at_server(r, i, &r->copy, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_UNKNOWN);
	assert_int_equal(meet_table_find(&r->servers[i]->table, p->c.entries[i].id)->expire, expire);
	at = meet_peer_addr(meet_table_find(&r->servers[i]->table, p->c.entries[i].id));
	assert_true(adit_addr_eq(&at, &p->addr));
}

static void only_who_holds_a_registration_can_end_it(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REFRESH);
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	struct rig_dgram leave;
	unsigned i;

	rig_run(r, ADIT_SEC(20));
	i = copy_server(r);
	leave = r->copy;
	leave.data[1] = 0x87; /* MEET_LEAVE with what a refresh has */
	leave.from.port++;
	assert_int_equal(rig_at_server(r, i, &leave, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_UNKNOWN);
	leave.from = adit_addr_v4(198, 51, 100, 1, p->addr.port);
	assert_int_equal(rig_at_server(r, i, &leave, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_UNKNOWN);
	for (size_t n = leave.len - MEET_HANDLE_LEN; n < leave.len; n++) {
		leave = r->copy;
		leave.data[1] = 0x87;
		leave.data[n] ^= 1;
		assert_int_equal(rig_at_server(r, i, &leave, &out, buf), 1);
		assert_int_equal(code_of(buf, out.len), MEET_CODE_UNKNOWN);
		assert_true(out.len <= leave.len);
	}
	assert_int_equal(r->servers[i]->table.used, 1);
	assert_int_equal(r->servers[i]->stats.left, 0);
	leave = r->copy;
	leave.data[1] = 0x87;
	assert_int_equal(rig_at_server(r, i, &leave, &out, buf), 1);
	assert_int_equal(r->servers[i]->table.used, 0);
	assert_int_equal(r->servers[i]->stats.left, 1);
	/* Once more: there is nothing to end. */
	assert_int_equal(rig_at_server(r, i, &leave, &out, buf), 1);
	assert_int_equal(code_of(buf, out.len), MEET_CODE_UNKNOWN);
}

/* |salt| makes the id: registers with the first mediator, from |from|, at the mediator's address |at|. */
static struct stun_msg register_salted(struct rig *r, const uint8_t *salt, const struct adit_addr *from,
				       const struct adit_addr *at, uint8_t *buf)
{
	uint8_t id[MEET_ID_LEN], cookie[STUN_COOKIE_LEN], text[MEET_SIGNED_LEN], sig[MEET_SIG_LEN];
	static const uint8_t txid[STUN_TXID_LEN];
	struct rig_dgram d = {.from = *from};
	struct meet_server_out out;
	struct adit_dgram in;
	struct stun_build b;
	struct stun_msg m;

	meet_id_make(&crypto_meet, r->identity.public_key, salt, id);
	stun_cookie_make(r->servers[0]->key, r->now, STUN_COOKIE_IP_PORT, from, cookie);
	meet_signed_make(id, salt, cookie, text);
	crypto_meet.sign(r->identity.seed, text, sizeof(text), sig);
	stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, MEET_REGISTER, txid);
	stun_build_bytes(&b, MEET_ATTR_ID, id, MEET_ID_LEN);
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
	stun_build_bytes(&b, MEET_ATTR_KEY, r->identity.public_key, MEET_KEY_LEN);
	stun_build_bytes(&b, MEET_ATTR_SALT, salt, MEET_SALT_LEN);
	stun_build_bytes(&b, MEET_ATTR_SIGNATURE, sig, sizeof(sig));
	d.len = (size_t)stun_build_end(&b);
	in = (struct adit_dgram){
		.sock = adit_addr_is_v6(at) ? 5 : 1, .local = *at, .remote = *from, .data = d.data, .len = d.len};
	assert_int_equal(meet_server_input(r->servers[0], r->now, &in, buf, &out), 1);
	assert_int_equal(stun_msg_parse(&m, buf, out.len), 0);
	return m;
}

/* The peer of |p| registers with the first mediator, from |from|, at the mediator's address |at|. */
static void register_from(struct rig *r, const struct rig_peer *p, const struct adit_addr *from,
			  const struct adit_addr *at, uint8_t *ret_handle)
{
	uint8_t buf[MEET_MSG_MAX];
	struct stun_msg m = register_salted(r, p->c.entries[0].salt, from, at, buf);

	assert_int_equal(m.class, STUN_SUCCESS);
	memcpy(ret_handle, meet_msg_bytes(&m, MEET_ATTR_HANDLE, MEET_HANDLE_LEN), MEET_HANDLE_LEN);
}

/* A stranger registers at address |n| of the mediator's. */
static enum stun_class stranger_at(struct rig *r, unsigned n)
{
	struct adit_addr at = adit_addr_v4(192, 0, 2, (uint8_t)(100 + n), 3478);
	struct adit_addr from = adit_addr_v4(198, 18, (uint8_t)n, 1, 4000);
	uint8_t salt[MEET_SALT_LEN] = {(uint8_t)n};
	uint8_t buf[MEET_MSG_MAX];

	return register_salted(r, salt, &from, &at, buf).class;
}

/* A dynamic address: each day another one. Who is registered is still spoken to from the address it knows. */
static void an_own_address_that_nobody_uses_makes_room_for_the_next(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REFRESH);
	struct meet_server *s = r->servers[0];
	const struct meet_peer *entry;
	unsigned n = 1;

	while (n < MEET_LOCALS_MAX)
		assert_int_equal(stranger_at(r, n++), STUN_SUCCESS);
	assert_int_equal(stranger_at(r, n), STUN_ERROR);
	assert_int_equal(s->stats.full, 1);
	/* The strangers go; p stays. */
	rig_run(r, ADIT_SEC(200));
	for (; n < 2 * MEET_LOCALS_MAX - 1; n++)
		assert_int_equal(stranger_at(r, n), STUN_SUCCESS);
	assert_int_equal(stranger_at(r, n), STUN_ERROR);
	entry = meet_table_find(&s->table, p->c.entries[0].id);
	assert_true(adit_addr_eq_ip(&s->locals[entry->local], &r->server_addr[0]));
	assert_int_equal(p->count[MEET_EVENT_LOST], 0);
}

static void over_ipv4_and_ipv6_a_peer_is_one_entry_and_offers_cross_over(void **state)
{
	static const uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9}, own[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct adit_addr v6 = adit_addr_v6(ip, 40000), local6 = adit_addr_v6(own, 3478), at;
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REFRESH);
	uint8_t handle[MEET_HANDLE_LEN], buf[MEET_MSG_MAX], answer[MEET_MSG_MAX];
	struct rig_dgram d = {.from = adit_addr_v4(198, 51, 100, 1, 9), .to = r->server_addr[0]};
	uint8_t cookie[STUN_COOKIE_LEN];
	struct meet_server_out out;
	struct adit_dgram in;
	struct stun_attr route;
	struct stun_build b;
	struct stun_msg m;

	register_from(r, p, &v6, &local6, handle);
	assert_int_equal(r->servers[0]->table.used, 1);
	at = meet_peer_addr(meet_table_find(&r->servers[0]->table, p->c.entries[0].id));
	assert_true(adit_addr_eq(&at, &v6));
	/* Asked for over IPv4: the offer leaves over IPv6, and the answer comes back over IPv4. */
	stun_cookie_make(r->servers[0]->key, r->now, STUN_COOKIE_IP_PORT, &d.from, cookie);
	stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, MEET_INTRODUCE, p->c.entries[0].txid);
	stun_build_bytes(&b, MEET_ATTR_ID, p->c.entries[0].id, MEET_ID_LEN);
	stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
	stun_build_bytes(&b, MEET_ATTR_SEALED, cookie, sizeof(cookie));
	d.len = (size_t)stun_build_end(&b);
	assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 1);
	assert_true(adit_addr_eq(&out.remote, &v6) && adit_addr_eq(&out.local, &local6) && out.sock == 5);
	assert_int_equal(stun_msg_parse(&m, buf, out.len), 0);
	assert_int_equal(stun_msg_find(&m, MEET_ATTR_ROUTE, &route), 0);
	stun_build_begin(&b, answer, sizeof(answer), STUN_SUCCESS, MEET_INTRODUCE, m.txid);
	stun_build_bytes(&b, MEET_ATTR_ROUTE, route.value, route.len);
	stun_build_bytes(&b, MEET_ATTR_SEALED, cookie, sizeof(cookie));
	in = (struct adit_dgram){.sock = 5, .local = local6, .remote = v6, .data = answer};
	in.len = (size_t)stun_build_end(&b);
	assert_int_equal(meet_server_input(r->servers[0], r->now, &in, buf, &out), 1);
	assert_true(adit_addr_eq(&out.remote, &d.from) && adit_addr_eq(&out.local, &d.to) && out.sock == 1);
	/* Back to IPv4: still one. */
	register_from(r, p, &p->addr, &r->server_addr[0], handle);
	assert_int_equal(r->servers[0]->table.used, 1);
	assert_int_equal(r->servers[0]->stats.registered, 3);
}

/* Every method, with and without its attributes, without a cookie or with a wrong one, in all sizes. */
static void an_unproven_source_never_gets_more_than_it_sent(void **state)
{
	static const uint8_t zero[MEET_MSG_MAX];
	struct rig *r = *state;
	unsigned answers = 0;

	rig_lend(r, true);
	for (uint16_t method = MEET_REGISTER; method <= MEET_LEAVE; method++) {
		for (unsigned flags = 0; flags < 64; flags++) {
			struct rig_dgram d = {.to = r->server_addr[0]};
			struct meet_server_out out;
			uint8_t buf[MEET_MSG_MAX];
			struct stun_build b;
			int len;

			d.from = adit_addr_v4(198, 51, (uint8_t)method, (uint8_t)flags, 99);
			stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, method, zero);
			if (flags & 1)
				stun_build_bytes(&b, MEET_ATTR_ID, zero, MEET_ID_LEN);
			if (flags & 2)
				stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, zero, STUN_COOKIE_LEN);
			if (flags & 4)
				stun_build_bytes(&b, MEET_ATTR_HANDLE, zero, MEET_HANDLE_LEN);
			if (flags & 8) {
				stun_build_bytes(&b, MEET_ATTR_PERMIT, zero, MEET_PERMIT_LEN);
				stun_build_bytes(&b, MEET_ATTR_EPHEMERAL, zero, MEET_X25519_LEN);
			}
			for (uint16_t k = 0; k < flags >> 4; k++)
				stun_build_flag(&b, 0x7f00 + k); /* required, and nobody knows it */
			len = stun_build_end(&b);
			d.len = (size_t)len;
			if (rig_at_server(r, 0, &d, &out, buf) == 1) {
				answers++;
				assert_true(out.len <= d.len);
				assert_true(adit_addr_eq(&out.remote, &d.from));
			}
		}
	}
	assert_true(answers > 5);
	assert_int_equal(r->servers[0]->table.used, 0);
}

/* RFC 8489 6.3.1; what is optional is left alone. */
static void a_required_attribute_that_is_not_known_is_named(void **state)
{
	static const uint8_t zero[MEET_MSG_MAX];
	struct rig *r = *state;

	for (uint16_t method = MEET_REGISTER; method <= MEET_LEAVE; method++) {
		struct rig_dgram d = {.from = adit_addr_v4(198, 51, 100, 1, 99), .to = r->server_addr[0]};
		uint64_t before = r->servers[0]->stats.malformed;
		struct meet_server_out out;
		uint8_t buf[MEET_MSG_MAX];
		struct stun_attr a;
		struct stun_build b;
		struct stun_msg m;
		uint16_t type = 0;

		if (method == MEET_GONE)
			continue; /* it has no requests */
		stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, method, zero);
		stun_build_bytes(&b, MEET_ATTR_ID, zero, MEET_ID_LEN);
		stun_build_flag(&b, 0xff01);
		stun_build_flag(&b, 0x7f01);
		d.len = (size_t)stun_build_end(&b);
		assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 1);
		assert_int_equal(code_of(buf, out.len), MEET_CODE_ATTRIBUTE);
		assert_int_equal(stun_msg_parse(&m, buf, out.len), 0);
		assert_int_equal(m.method, method);
		assert_int_equal(stun_msg_find(&m, STUN_ATTR_UNKNOWN_ATTRIBUTES, &a), 0);
		assert_int_equal(stun_attr_read_unknown(&a, &type, 1), 1);
		assert_int_equal(type, 0x7f01);
		assert_int_equal(r->servers[0]->stats.malformed, before + 1);
	}
}

static void a_route_is_good_for_one_peer_one_question_and_two_minutes(void **state)
{
	struct rig *r = *state;
	struct rig_peer *a, *b = serving(r, MEET_INTRODUCE);
	struct meet_offer o = rig_offer();
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	struct rig_dgram d;

	a = rig_peer(r, MEET_CONNECT, ADIT_MS(20), NULL);
	assert_int_equal(meet_client_offer(&a->c, r->now, &o), 0);
	rig_run(r, ADIT_MS(500));
	assert_int_equal(a->count[MEET_EVENT_ANSWER], 1);
	d = r->copy; /* b's answer was the last one of this method */
	assert_true(adit_addr_eq(&d.from, &b->addr));
	assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 1);
	assert_true(adit_addr_eq(&out.remote, &a->addr));
	d.from.port++;
	assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 0);
	d = r->copy;
	d.data[10] ^= 1; /* the transaction */
	assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 0);
	for (size_t i = 24; i < 24 + 20; i++) { /* the route, byte by byte */
		d = r->copy;
		d.data[i] ^= 1;
		assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 0);
	}
	assert_int_equal(rig_at_server(r, 1, &r->copy, &out, buf), 0);
	r->now += ADIT_SEC(200);
	assert_int_equal(rig_at_server(r, 0, &r->copy, &out, buf), 0);
	assert_int_equal(r->servers[0]->stats.forged, 23);
}

static void a_flood_from_one_network_costs_few_signatures(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REGISTER);
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	unsigned i = copy_server(r), answers = 0;

	r->copy.data[r->copy.len - 1] ^= 1; /* the last byte of the signature */
	for (int n = 0; n < 5000; n++)
		answers += (unsigned)rig_at_server(r, i, &r->copy, &out, buf);
	assert_true(answers <= MEET_REGISTER_BURST);
	assert_int_equal(r->servers[i]->stats.forged, answers);
	assert_int_equal(r->servers[i]->stats.limited, 5000 - answers);
	/* The peer itself, in that network, stays registered: refreshes with a handle are not limited. */
	rig_run(r, ADIT_SEC(300));
	assert_int_equal(p->count[MEET_EVENT_LOST], 0);
	assert_int_equal(r->servers[i]->table.used, 1);
}

/* Those behind one NAT whose mediator was restarted: a burst's worth of them is back at once, and no more. */
static void the_cookie_that_comes_with_437_costs_no_registration(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REFRESH);
	struct meet_server_stats *stats = &r->servers[0]->stats;
	uint64_t before = stats->registered;
	struct rig_dgram d = {.to = r->server_addr[0]};
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	struct stun_build b;

	stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, MEET_REFRESH, p->c.entries[0].txid);
	stun_build_bytes(&b, MEET_ATTR_ID, p->c.entries[0].id, MEET_ID_LEN);
	stun_build_bytes(&b, MEET_ATTR_HANDLE, p->c.entries[0].id, MEET_HANDLE_LEN);
	d.len = (size_t)stun_build_end(&b);
	for (unsigned n = 0; n < MEET_REGISTER_BURST; n++) {
		uint8_t salt[MEET_SALT_LEN] = {1, (uint8_t)n, (uint8_t)(n >> 8)};

		d.from = adit_addr_v4(198, 18, 0, 7, (uint16_t)(1024 + n));
		assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 1);
		assert_int_equal(code_of(buf, out.len), MEET_CODE_UNKNOWN);
		assert_true(out.len <= d.len);
		assert_int_equal(register_salted(r, salt, &d.from, &r->server_addr[0], buf).class, STUN_SUCCESS);
	}
	assert_int_equal(stats->registered, before + MEET_REGISTER_BURST);
	assert_int_equal(stats->limited, 0);
	assert_int_equal(rig_at_server(r, 0, &d, &out, buf), 0);
	assert_int_equal(stats->limited, 1);
}

static void what_is_cut_or_not_of_this_protocol_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	struct rig_dgram d;

	serving(r, MEET_REGISTER);
	for (size_t len = 0; len < r->copy.len; len++) {
		d = r->copy;
		d.len = len;
		assert_int_equal(rig_at_server(r, copy_server(r), &d, &out, buf), ADIT_EIGNORED);
	}
	d = r->copy;
	d.data[0] = 0;
	d.data[1] = 1; /* Binding */
	assert_int_equal(rig_at_server(r, 0, &d, &out, buf), ADIT_EIGNORED);
}

static void an_oversized_offer_is_not_passed_on(void **state)
{
	static const uint8_t sealed[MEET_SEALED_MAX + 4];
	struct rig *r = *state;
	struct rig_peer *p = serving(r, MEET_REGISTER);
	struct rig_dgram d = {.from = adit_addr_v4(198, 51, 100, 1, 9), .to = r->server_addr[0]};

	for (size_t n = MEET_SEALED_MAX; n <= sizeof(sealed); n += 4) {
		uint8_t cookie[STUN_COOKIE_LEN], buf[MEET_MSG_MAX];
		struct meet_server_out out;
		struct stun_build b;

		stun_cookie_make(r->servers[0]->key, r->now, STUN_COOKIE_IP_PORT, &d.from, cookie);
		stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, MEET_INTRODUCE, sealed);
		stun_build_bytes(&b, MEET_ATTR_ID, p->c.entries[0].id, MEET_ID_LEN);
		stun_build_bytes(&b, STUN_ATTR_ADIT_COOKIE, cookie, sizeof(cookie));
		stun_build_bytes(&b, MEET_ATTR_SEALED, sealed, n);
		d.len = (size_t)stun_build_end(&b);
		assert_int_equal(rig_at_server(r, 0, &d, &out, buf), n == MEET_SEALED_MAX);
		if (n == MEET_SEALED_MAX)
			assert_true(out.len <= 1200 && adit_addr_eq(&out.remote, &p->addr));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_stolen_registration_is_good_at_its_own_address_only),
		T(a_forged_registration_is_refused_whatever_was_changed),
		T(a_registration_that_comes_again_costs_no_second_signature),
		T(a_refresh_from_elsewhere_or_with_another_handle_moves_nothing),
		T(only_who_holds_a_registration_can_end_it),
		T(an_own_address_that_nobody_uses_makes_room_for_the_next),
		T(over_ipv4_and_ipv6_a_peer_is_one_entry_and_offers_cross_over),
		T(an_unproven_source_never_gets_more_than_it_sent),
		T(a_required_attribute_that_is_not_known_is_named),
		T(a_route_is_good_for_one_peer_one_question_and_two_minutes),
		T(a_flood_from_one_network_costs_few_signatures),
		T(the_cookie_that_comes_with_437_costs_no_registration),
		T(what_is_cut_or_not_of_this_protocol_is_left_alone),
		T(an_oversized_offer_is_not_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
