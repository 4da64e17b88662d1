#include "test.h"

#include "quic/quic_conn.h"
#include "quic/quic_tls.h"
#include "quic_pair_aead.h"

static struct pair p;
static struct flow a, b;

static bool flows_are_over(struct pair *pair)
{
	(void)pair;
	return a.at_end && b.at_end;
}

static void transfer_begin(uint64_t n)
{
	static uint64_t salt;

	salt += 2;
	a = (struct flow){.salt_tx = salt, .salt_rx = salt + 1, .tx_end = n, .finish = true};
	b = (struct flow){.salt_tx = salt + 1, .salt_rx = salt, .tx_end = n, .finish = true};
	p.client.user = &a;
	p.server.user = &b;
	p.client.on_news = p.server.on_news = flow_news;
	assert_int_equal(quic_stream_open(p.client.q, &a.s), 0);
	quic_stream_set_user(a.s, &a);
	flow_go(&a, 0);
}

static void transfer_end(void)
{
	assert_true(pair_run_until(&p, ADIT_SEC(60), flows_are_over));
	assert_false(a.is_wrong);
	assert_false(b.is_wrong);
	assert_int_equal(a.rx_at, b.tx_end);
	assert_int_equal(b.rx_at, a.tx_end);
}

/* |n| bytes each way on a stream of their own, checked byte by byte. */
static void transfer(uint64_t n)
{
	transfer_begin(n);
	transfer_end();
}

static const char *aead_of(const struct pair_side *side)
{
	struct quic_stats st;

	quic_stats_get(side->q, &st);
	return st.aead;
}

static void the_peer_cannot_tell_who_does_the_packets(void **state)
{
	const char *mine = pair_aead ? pair_aead->name : "gnutls";

	(void)state;
	for (int round = 0; round < 3; round++) {
		pair_init(&p, 1, ADIT_MS(10));
		if (round == 0)
			quic_creds_set_aead(p.server_creds, NULL);
		if (round == 1)
			quic_creds_set_aead(p.client_creds, NULL);
		assert_true(pair_connect(&p));
		assert_string_equal(aead_of(&p.client), round == 1 ? "gnutls" : mine);
		assert_string_equal(aead_of(&p.server), round == 0 ? "gnutls" : mine);
		transfer(300000);
		pair_done(&p);
	}
}

/* RFC 8446 names both suites; which is taken is a promise, since AES without the instructions tells time. */
static void a_side_without_aes_instructions_has_its_way_and_only_then_it_is_chacha(void **state)
{
	(void)state;
	for (int round = 0; round < 4; round++) {
		bool client = round & 1;
		bool server = round & 2;
		bool is_aes = client && server;

		pair_init(&p, 4, ADIT_MS(10));
		assert_int_equal(quic_creds_set_aes(p.client_creds, client), 0);
		assert_int_equal(quic_creds_set_aes(p.server_creds, server), 0);
		assert_true(pair_connect(&p));
		assert_string_equal(quic_tls_cipher(p.client.q), is_aes ? "AES-128-GCM" : "CHACHA20-POLY1305");
		assert_string_equal(quic_tls_cipher(p.server.q), is_aes ? "AES-128-GCM" : "CHACHA20-POLY1305");
		/* The faster AES is not what seals it. */
		assert_string_equal(aead_of(&p.client), is_aes && pair_aead ? pair_aead->name : "gnutls");
		transfer(300000);
		pair_run(&p, ADIT_SEC(2));
		assert_int_equal(ngtcp2_conn_initiate_key_update(p.client.q->conn, p.client.q->clock), 0);
		transfer(300000);
		pair_done(&p);
	}
}

static void keys_are_updated_by_either_side_again_and_again(void **state)
{
	(void)state;
	pair_init(&p, 2, ADIT_MS(10));
	p.client.link.loss_per_mille = p.server.link.loss_per_mille = 20;
	p.client.link.jitter = p.server.link.jitter = ADIT_MS(5);
	assert_true(pair_connect(&p));
	quic_drop_tls(p.client.q);
	quic_drop_tls(p.server.q);
	transfer(100000);
	for (int round = 0; round < 6; round++) {
		struct quic *q = round % 2 ? p.server.q : p.client.q;

		/* Refused while the one before is not confirmed: so 0 says that the peer has followed it. */
		assert_int_equal(ngtcp2_conn_initiate_key_update(q->conn, q->clock), 0);
		transfer(200000);
		pair_run(&p, ADIT_SEC(2));
	}
	assert_false(p.client.is_closed);
	assert_false(p.server.is_closed);
	pair_done(&p);
}

static unsigned forged;

/* Before each datagram of one packet goes one like it with a bit changed: header, payload and tag in turn. */
static bool forge(struct pair_side *side, uint8_t *data, size_t len)
{
	static uint8_t copy[QUIC_PAYLOAD_MAX];
	size_t at;

	if (data[0] & 0x80)
		return true;
	memcpy(copy, data, len);
	forged++;
	at = forged % 3 == 0 ? len - 1 : forged % 3 == 1 ? len / 2 : 9 + forged % 4;
	copy[at] ^= (uint8_t)(1 << forged % 8);
	side->on_send = NULL;
	pair_send_one(side, copy, len);
	side->on_send = forge;
	return true;
}

static void forged_packets_change_nothing(void **state)
{

	(void)state;
	forged = 0;
	pair_init(&p, 3, ADIT_MS(10));
	assert_true(pair_connect(&p));
	p.client.on_send = p.server.on_send = forge;
	transfer(300000);
	p.client.on_send = p.server.on_send = NULL;
	pair_run(&p, ADIT_SEC(1));
	assert_true(forged > 400);
	assert_false(p.client.is_closed);
	assert_false(p.server.is_closed);
	transfer(10000);
	pair_done(&p);
}

/* -- an implementation whose memory gives out -- */

static long keys_left;
static long keys_alive;

static struct adit_aead_key *scarce_new(const uint8_t key[ADIT_AEAD_KEY_LEN])
{
	struct adit_aead_key *k = keys_left-- > 0 ? malloc(1) : NULL;

	(void)key;
	keys_alive += k ? 1 : 0;
	return k;
}

static void scarce_free(struct adit_aead_key *k)
{
	keys_alive -= k ? 1 : 0;
	free(k);
}

/* No encryption at all: a sum for a tag is enough to be told from a wrong key phase. */
static void scarce_seal(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
			const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	(void)k;
	(void)aad;
	(void)aad_len;
	memmove(dest, text, text_len);
	memset(dest + text_len, nonce[ADIT_AEAD_NONCE_LEN - 1], ADIT_AEAD_TAG_LEN);
}

static bool scarce_open(struct adit_aead_key *k, uint8_t *dest, const uint8_t *text, size_t text_len,
			const uint8_t nonce[ADIT_AEAD_NONCE_LEN], const uint8_t *aad, size_t aad_len)
{
	(void)k;
	(void)aad;
	(void)aad_len;
	if (text_len < ADIT_AEAD_TAG_LEN || text[text_len - 1] != nonce[ADIT_AEAD_NONCE_LEN - 1])
		return false;
	memmove(dest, text, text_len - ADIT_AEAD_TAG_LEN);
	return true;
}

/* |n| keys were to be had in all, four of which are in use. */
static void update_of_scarce(long n)
{
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(keys_alive, 4);
	assert_int_equal(ngtcp2_conn_initiate_key_update(p.client.q->conn, p.client.q->clock), 0);
	transfer_begin(1000);
	pair_run(&p, ADIT_MS(200));
	/* The client seals, the server opens and answers, the client opens. Who cannot say anything is done for. */
	if (n == 4 || n == 6) {
		assert_true(n == 4 ? p.client.is_closed : p.server.is_closed);
		return;
	}
	/* What cannot be opened yet is as good as lost: it comes again. */
	assert_false(p.client.is_closed || p.server.is_closed);
	keys_left = 8;
	transfer_end();
	pair_run(&p, ADIT_SEC(1));
	transfer(1000); /* the last word of the one before may have been all that told of the new keys */
	pair_run(&p, ADIT_SEC(1));
	assert_int_equal(keys_alive, 4);
}

static void every_key_may_find_no_memory_and_none_is_left_behind(void **state)
{
	static const struct adit_aead aead = {
		.name = "scarce",
		.key_new = scarce_new,
		.key_free = scarce_free,
		.seal = scarce_seal,
		.open = scarce_open,
	};
	long n = 0;
	bool is_up;

	(void)state;
	do {
		keys_left = n;
		keys_alive = 0;
		pair_init(&p, 4, ADIT_MS(10));
		quic_creds_set_aead(p.client_creds, &aead);
		quic_creds_set_aead(p.server_creds, &aead);
		is_up = pair_connect(&p) && !p.client.is_closed && !p.server.is_closed;
		/* Two keys for each side at the start, and the next two when they are wanted. */
		assert_int_equal(is_up, n >= 4);
		if (is_up)
			update_of_scarce(n);
		pair_done(&p);
		assert_int_equal(keys_alive, 0);
	} while (n++ < 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_peer_cannot_tell_who_does_the_packets),
		cmocka_unit_test(a_side_without_aes_instructions_has_its_way_and_only_then_it_is_chacha),
		cmocka_unit_test(keys_are_updated_by_either_side_again_and_again),
		cmocka_unit_test(forged_packets_change_nothing),
		cmocka_unit_test(every_key_may_find_no_memory_and_none_is_left_behind),
	};

	if (!pair_choose_aead())
		return PAIR_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
