#include "test.h"

#include <inttypes.h>
#include <stdio.h>

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

/* Lends, serves, asks, is answered; r->copy is what was sent to be lent something. */
static struct rig_peer *borrowing(struct rig *r, bool to_us)
{
	struct meet_offer o = rig_offer();
	struct rig_peer *p;

	rig_lend(r, to_us);
	r->copy_method = MEET_LEND;
	meet_client_serve(&rig_peer(r, MEET_SERVE, ADIT_MS(20), NULL)->c, r->now);
	rig_run(r, ADIT_SEC(2));
	p = rig_peer(r, MEET_CONNECT, ADIT_MS(30), NULL);
	assert_int_equal(meet_client_offer(&p->c, r->now, &o), 0);
	rig_run(r, ADIT_MS(500));
	assert_int_equal(p->count[MEET_EVENT_ANSWER], 1);
	return p;
}

static unsigned code_of(const uint8_t *buf, size_t len)
{
	const uint8_t *text;
	struct stun_attr a;
	struct stun_msg m;
	unsigned code = 0;
	size_t n;

	assert_int_equal(stun_msg_parse(&m, buf, len), 0);
	if (m.class == STUN_SUCCESS)
		return 0;
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_ERROR_CODE, &a), 0);
	assert_int_equal(stun_attr_read_error(&a, &code, &text, &n), 0);
	return code;
}

/* What the mediator says to |d|; 0: success. It is for the sender. */
static unsigned say(struct rig *r, const struct rig_dgram *d, size_t *ret_len)
{
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];

	assert_int_equal(rig_at_server(r, 0, d, &out, buf), 1);
	assert_true(adit_addr_eq(&out.remote, &d->from));
	*ret_len = out.len;
	return code_of(buf, out.len);
}

static void credentials_are_what_coturn_works_out_itself(void **state)
{
	/* >>> base64.b64encode(hmac.new(b"0123456789abcdef", b"1790001600:0123456789abcdef", "sha1").digest()) */
	static const char pass[] = "q9Ab142Vcz5yl54vBwN9H6dZzLY=";
	struct rig *r = *state;
	struct meet_relay relay;

	rig_lend(r, true);
	meet_lender_make(&r->lender, (UINT64_C(1790001600) - 600) * ADIT_SEC(1), UINT64_C(0x0123456789abcdef), &relay);
	assert_string_equal(relay.user, "1790001600:0123456789abcdef");
	assert_string_equal(relay.pass, pass);
	assert_int_equal(relay.life, 600);
	assert_int_equal(relay.n_uris, 2);
}

static void whom_a_host_of_the_list_answers_is_lent_a_relay(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = borrowing(r, true);
	char user[16];

	assert_int_equal(p->count[MEET_EVENT_RELAY], 1);
	assert_int_equal(r->servers[0]->stats.lent, 1);
	assert_string_equal(p->relay.uris[0], r->lender.uris[0]);
	assert_string_equal(p->relay.uris[1], r->lender.uris[1]);
	assert_int_equal(p->relay.life, 600);
	/* The end of it, in seconds of UTC. */
	snprintf(user, sizeof(user), "%" PRIu64, (uint64_t)(RIG_UTC + r->now) / ADIT_SEC(1) + 599);
	assert_int_equal(strncmp(p->relay.user, user, 9), 0);
	/* The next attempt is lent another, of the same name: the relay counts what is one network's. */
	rig_run(r, ADIT_SEC(3));
	assert_int_equal(r->servers[0]->stats.lent, 1);
}

static void whom_others_answer_is_not(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = borrowing(r, false);
	struct rig_dgram d = {.from = p->addr, .to = r->server_addr[0]};
	static const uint8_t zero[MEET_X25519_LEN];
	struct stun_build b;
	size_t len;

	assert_int_equal(p->count[MEET_EVENT_RELAY], 0);
	assert_int_equal(r->copy.len, 0);
	/* And with a permit that he made up himself: no more bytes than he sent. */
	stun_build_begin(&b, d.data, sizeof(d.data), STUN_REQUEST, MEET_LEND, zero);
	stun_build_bytes(&b, MEET_ATTR_PERMIT, zero, MEET_PERMIT_LEN);
	stun_build_bytes(&b, MEET_ATTR_EPHEMERAL, zero, MEET_X25519_LEN);
	d.len = (size_t)stun_build_end(&b);
	assert_int_equal(say(r, &d, &len), MEET_CODE_FORBIDDEN);
	assert_true(len <= d.len);
	assert_int_equal(r->servers[0]->stats.forged, 1);
	assert_int_equal(r->servers[0]->stats.lent, 0);
}

static void who_wants_none_is_told_of_none(void **state)
{
	struct rig *r = *state;
	struct meet_offer o = rig_offer();
	struct rig_peer *p;

	rig_lend(r, true);
	r->copy_method = MEET_LEND;
	meet_client_serve(&rig_peer(r, MEET_SERVE, ADIT_MS(20), NULL)->c, r->now);
	rig_run(r, ADIT_SEC(2));
	p = rig_peer(r, MEET_CONNECT, ADIT_MS(30), NULL);
	p->c.cfg.borrow = false;
	assert_int_equal(meet_client_offer(&p->c, r->now, &o), 0);
	rig_run(r, ADIT_SEC(1));
	assert_int_equal(p->count[MEET_EVENT_ANSWER], 1);
	assert_int_equal(r->copy.len, 0);
}

static void a_permit_is_good_at_its_address_at_its_mediator_and_for_two_minutes(void **state)
{
	struct rig *r = *state;
	struct rig_dgram d;
	size_t len;

	borrowing(r, true);
	d = r->copy;
	assert_int_equal(say(r, &d, &len), 0);
	d.from.port++;
	assert_int_equal(say(r, &d, &len), MEET_CODE_FORBIDDEN);
	assert_true(len <= d.len);
	d.from = adit_addr_v4(198, 51, 100, 66, d.from.port);
	assert_int_equal(say(r, &d, &len), MEET_CODE_FORBIDDEN);
	for (size_t i = 24; i < 24 + MEET_PERMIT_LEN; i++) {
		d = r->copy;
		d.data[i] ^= 1;
		assert_int_equal(say(r, &d, &len), MEET_CODE_FORBIDDEN);
		assert_true(len <= d.len);
	}
	r->now += ADIT_SEC(130);
	assert_int_equal(say(r, &r->copy, &len), MEET_CODE_FORBIDDEN);
	assert_int_equal(r->servers[0]->stats.lent, 2);
}

static void a_flood_of_one_network_is_lent_thirty_and_then_one_in_five_seconds(void **state)
{
	struct rig *r = *state;
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];
	unsigned codes[2] = {0};
	size_t len;

	borrowing(r, true);
	for (int n = 0; n < 90; n++) /* within the burst of all requests */
		codes[say(r, &r->copy, &len) == MEET_CODE_QUOTA]++;
	assert_int_equal(codes[0], MEET_LEND_BURST - 1);
	assert_int_equal(codes[1], 90 - codes[0]);
	r->now += ADIT_SEC(10);
	for (int n = 0; n < 10; n++)
		(void)say(r, &r->copy, &len);
	assert_int_equal(r->servers[0]->stats.lent, MEET_LEND_BURST + 2);
	/* Past that nothing is answered at all. */
	for (int n = 0; n < 1000; n++)
		(void)!rig_at_server(r, 0, &r->copy, &out, buf);
	assert_int_equal(r->servers[0]->stats.lent, MEET_LEND_BURST + 2);
	assert_true(r->servers[0]->stats.limited > 900);
}

/* Is |text| anywhere in |n| bytes? */
static bool is_in(const uint8_t *data, size_t n, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= n; i++)
		if (memcmp(data + i, text, len) == 0)
			return true;
	return false;
}

static void who_listens_learns_neither_user_nor_password_nor_relay(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = borrowing(r, true);
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];

	assert_int_equal(rig_at_server(r, 0, &r->copy, &out, buf), 1);
	assert_false(is_in(buf, out.len, p->relay.pass));
	assert_false(is_in(buf, out.len, ":0"));
	assert_false(is_in(buf, out.len, "turn"));
}

static void a_loan_opens_with_its_key_in_its_transaction_only(void **state)
{
	static const uint8_t secret[MEET_X25519_LEN] = {8}, other[MEET_X25519_LEN] = {16}, zero[MEET_X25519_LEN] = {0};
	const uint8_t txid[STUN_TXID_LEN] = {5}, txid2[STUN_TXID_LEN] = {6};
	struct rig *r = *state;
	uint8_t asker[MEET_X25519_LEN], loan[MEET_LOAN_MAX];
	struct meet_relay relay, got;
	int len;

	rig_lend(r, true);
	meet_lender_make(&r->lender, RIG_UTC, 7, &relay);
	crypto_meet.x25519_public(secret, asker);
	len = meet_relay_seal(&crypto_meet, &crypto_gnutls, &r->rng, asker, txid, &relay, loan);
	assert_true(len > MEET_LOAN_HEAD);
#define OPEN(key, id, n) meet_relay_unseal(&crypto_meet, &crypto_gnutls, key, id, loan, (size_t)(n), &got)
	assert_int_equal(OPEN(secret, txid, len), 0);
	assert_string_equal(got.pass, relay.pass);
	assert_int_equal(OPEN(other, txid, len), ADIT_EAUTH);
	assert_int_equal(OPEN(secret, txid2, len), ADIT_EAUTH);
	for (int n = 0; n < len; n++)
		assert_int_equal(OPEN(secret, txid, n), n < MEET_LOAN_HEAD + MEET_SEAL_TAG ? ADIT_EPROTO : ADIT_EAUTH);
	for (int n = 0; n < len; n++) {
		loan[n] ^= 1;
		assert_int_equal(OPEN(secret, txid, len), ADIT_EAUTH);
		loan[n] ^= 1;
	}
	/* A key with which everybody would know the result is none. */
	assert_int_equal(meet_relay_seal(&crypto_meet, &crypto_gnutls, &r->rng, zero, txid, &relay, loan), ADIT_EPROTO);
}

static void what_is_cut_or_too_long_is_refused(void **state)
{
	struct meet_relay relay = {.n_uris = 1, .user = "u", .pass = "p", .uris = {"turn:a"}, .life = 9}, got;
	uint8_t plain[MEET_RELAY_PLAIN_MAX];
	int len = meet_relay_encode(&relay, plain);

	(void)state;
	assert_int_equal(meet_relay_decode(plain, (size_t)len, &got), 0);
	assert_string_equal(got.uris[0], "turn:a");
	for (int n = 0; n < len; n++)
		assert_int_equal(meet_relay_decode(plain, (size_t)n, &got), ADIT_EPROTO);
	plain[len - 1] = '\n';
	assert_int_equal(meet_relay_decode(plain, (size_t)len, &got), ADIT_EPROTO);
	plain[0] = 2;
	assert_int_equal(meet_relay_decode(plain, (size_t)len, &got), ADIT_EVERSION);
	relay.n_uris = MEET_RELAY_URIS + 1;
	assert_int_equal(meet_relay_encode(&relay, plain), ADIT_EFULL);
}

static void what_is_lost_is_asked_for_again(void **state)
{
	struct rig *r = *state;
	struct meet_offer o = rig_offer();
	struct rig_peer *p;

	rig_lend(r, true);
	meet_client_serve(&rig_peer(r, MEET_SERVE, ADIT_MS(20), NULL)->c, r->now);
	rig_run(r, ADIT_SEC(2));
	p = rig_peer(r, MEET_CONNECT, ADIT_MS(30), NULL);
	assert_int_equal(meet_client_offer(&p->c, r->now, &o), 0);
	rig_run(r, ADIT_MS(170)); /* answered; what asks for the loan has just left, or will */
	for (int n = 0; n < 20 && p->count[MEET_EVENT_ANSWER] == 0; n++)
		rig_run(r, ADIT_MS(5));
	assert_int_equal(p->count[MEET_EVENT_ANSWER], 1);
	r->n_wire = 0;
	rig_run(r, ADIT_MS(400));
	assert_int_equal(p->count[MEET_EVENT_RELAY], 0);
	rig_run(r, ADIT_MS(300));
	assert_int_equal(p->count[MEET_EVENT_RELAY], 1);
	/* A mediator that never says a word about it is not asked for ever. */
	r->servers[0]->lender = r->servers[1]->lender = NULL;
	assert_int_equal(meet_client_deadline(&p->c), ADIT_NEVER);
}

/* A mediator's lies: another loan, an error after all. */
static void what_does_not_open_is_counted_and_the_right_one_still_comes(void **state)
{
	struct rig *r = *state;
	struct rig_peer *p = borrowing(r, true);
	struct meet_offer o = rig_offer();
	struct meet_server_out out;
	uint8_t buf[MEET_MSG_MAX];

	r->copy.len = 0;
	assert_int_equal(meet_client_offer(&p->c, r->now, &o), 0);
	for (int n = 0; n < 100 && r->copy.len == 0; n++)
		rig_run(r, ADIT_MS(5));
	r->n_wire = 0;
	assert_int_equal(rig_at_server(r, 0, &r->copy, &out, buf), 1);
	buf[out.len - 8] ^= 1; /* the tag; padding follows */
	assert_int_equal(meet_client_input(&p->c, r->now, &r->copy.to, buf, out.len), ADIT_EAUTH);
	assert_int_equal(p->c.stats.forged, 1);
	buf[out.len - 8] ^= 1; /* the tag; padding follows */
	assert_int_equal(meet_client_input(&p->c, r->now, &r->server_addr[1], buf, out.len), ADIT_EIGNORED);
	assert_int_equal(meet_client_input(&p->c, r->now, &r->copy.to, buf, out.len), 0);
	/* Once is enough. */
	assert_int_equal(meet_client_input(&p->c, r->now, &r->copy.to, buf, out.len), ADIT_EIGNORED);
	rig_run(r, ADIT_SEC(20));
	assert_int_equal(p->count[MEET_EVENT_RELAY], 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(credentials_are_what_coturn_works_out_itself),
		T(whom_a_host_of_the_list_answers_is_lent_a_relay),
		T(whom_others_answer_is_not),
		T(who_wants_none_is_told_of_none),
		T(a_permit_is_good_at_its_address_at_its_mediator_and_for_two_minutes),
		T(a_flood_of_one_network_is_lent_thirty_and_then_one_in_five_seconds),
		T(who_listens_learns_neither_user_nor_password_nor_relay),
		T(a_loan_opens_with_its_key_in_its_transaction_only),
		T(what_is_cut_or_too_long_is_refused),
		T(what_is_lost_is_asked_for_again),
		T(what_does_not_open_is_counted_and_the_right_one_still_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
