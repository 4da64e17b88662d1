#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_base32.h"
#include "core/trust/trust_ticket.h"
#include "crypto/crypto.h"

static struct trust_ticket sample(uint64_t seed)
{
	struct adit_rng_seeded gen;
	struct adit_rng rng = adit_rng_seeded_init(&gen, seed);
	struct trust_ticket t;
	uint8_t identity[TRUST_KEY_LEN];

	adit_rng_fill(&rng, identity, sizeof(identity));
	trust_ticket_init(&t, identity, &rng);
	return t;
}

static size_t sample_text(const struct trust_ticket *t, char text[TRUST_TICKET_TEXT_MAX + 1])
{
	int n = trust_ticket_encode(t, &crypto_gnutls, text);

	assert_true(n > 0);
	assert_int_equal(strlen(text), n);
	return (size_t)n;
}

static int decode(const char *text, size_t len)
{
	struct trust_ticket t;

	return trust_ticket_decode(text, len, &crypto_gnutls, &t);
}

static void assert_same(const struct trust_ticket *a, const struct trust_ticket *b)
{
	assert_memory_equal(a->identity, b->identity, sizeof(a->identity));
	assert_memory_equal(a->secret_id, b->secret_id, sizeof(a->secret_id));
	assert_memory_equal(a->secret, b->secret, sizeof(a->secret));
	assert_int_equal(a->hints_len, b->hints_len);
	assert_memory_equal(a->hints, b->hints, a->hints_len);
}

static void a_ticket_survives_text(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct trust_ticket t = sample(seed);
		struct trust_ticket back;
		char text[TRUST_TICKET_TEXT_MAX + 1];
		size_t len;

		for (uint64_t i = 0; i < seed % 5; i++)
			assert_int_equal(trust_ticket_add_mediator(&t, "meet.example.org:3478"), 0);
		len = sample_text(&t, text);
		assert_true(trust_ticket_is_text(text, len));
		assert_int_equal(trust_ticket_decode(text, len, &crypto_gnutls, &back), 0);
		assert_same(&t, &back);
	}
}

/* The text is the contract with tickets that are already printed: it must never change. */
static void the_text_of_a_known_ticket_stays(void **state)
{
	struct trust_ticket t = {.secret_id = {1, 2, 3, 4}};
	char text[TRUST_TICKET_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(t.identity); i++)
		t.identity[i] = (uint8_t)i;
	memset(t.secret, 0xa5, sizeof(t.secret));
	assert_int_equal(sample_text(&t, text), 98);
	assert_string_equal(
		text,
		"adit1aeaqaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4hybaibqjjnfuws2ljnfuws2ljnfuws2ljn4lcpow");
}

static void case_and_white_space_do_not_matter(void **state)
{
	struct trust_ticket t = sample(7);
	struct trust_ticket back;
	char text[TRUST_TICKET_TEXT_MAX + 1];
	char shouted[3 * TRUST_TICKET_TEXT_MAX];
	size_t len = sample_text(&t, text);
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		shouted[n++] = (char)(text[i] >= 'a' && text[i] <= 'z' && i % 2 ? text[i] - 32 : text[i]);
		if (i % 3 == 0)
			shouted[n++] = " \t\r\n"[i % 4];
	}
	assert_int_equal(trust_ticket_decode(shouted, n, &crypto_gnutls, &back), 0);
	assert_same(&t, &back);
}

/* Each of the other characters of base32 and of ASCII, at each place. */
static void every_changed_character_is_noticed(void **state)
{
	struct trust_ticket t = sample(8);
	char text[TRUST_TICKET_TEXT_MAX + 1];
	size_t len = sample_text(&t, text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		for (int c = 1; c < 256; c++) {
			int err;

			if ((char)c == was || (char)c == (was >= 'a' && was <= 'z' ? was - 32 : was))
				continue;
			text[i] = (char)c;
			err = decode(text, len);
			if (i >= TRUST_TICKET_PREFIX_LEN)
				assert_int_equal(err, ADIT_ECHECKSUM);
			else
				assert_int_equal(err, ADIT_EINVAL);
		}
		text[i] = was;
	}
}

static void every_swap_of_neighbours_is_noticed(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct trust_ticket t = sample(seed);
		char text[TRUST_TICKET_TEXT_MAX + 1];
		size_t len = sample_text(&t, text);

		for (size_t i = 0; i + 1 < len; i++) {
			char c = text[i];

			if (c == text[i + 1])
				continue;
			text[i] = text[i + 1];
			text[i + 1] = c;
			assert_int_not_equal(decode(text, len), 0);
			assert_int_not_equal(decode(text, len), ADIT_EVERSION);
			text[i + 1] = text[i];
			text[i] = c;
		}
	}
}

static void every_lost_or_doubled_character_is_noticed(void **state)
{
	struct trust_ticket t = sample(9);
	char text[TRUST_TICKET_TEXT_MAX + 1];
	size_t len = sample_text(&t, text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		char other[TRUST_TICKET_TEXT_MAX + 2];

		memcpy(other, text, i);
		memcpy(other + i, text + i + 1, len - i - 1);
		assert_int_not_equal(decode(other, len - 1), 0);
		memcpy(other, text, i + 1);
		memcpy(other + i + 1, text + i, len - i);
		assert_int_not_equal(decode(other, len + 1), 0);
	}
}

static void every_truncation_is_damage_or_no_ticket(void **state)
{
	struct trust_ticket t = sample(10);
	char text[TRUST_TICKET_TEXT_MAX + 1];
	size_t len = sample_text(&t, text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(decode(text, i), i <= TRUST_NAME_MAX ? ADIT_EINVAL : ADIT_ECHECKSUM);
		assert_int_equal(trust_ticket_is_text(text, i), i > TRUST_NAME_MAX);
	}
}

static void other_text_is_no_ticket(void **state)
{
	static const char *const others[] = {"",
					     "home",
					     "adit1",
					     "adit1home",
					     "adit1 and then some more words of a sentence",
					     "adit2",
					     "https://example.org/a/long/address/that/is/no/ticket/at/all"};
	char endless[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		int err = decode(others[i], strlen(others[i]));

		assert_int_equal(err, i == 4 ? ADIT_ECHECKSUM : ADIT_EINVAL);
	}
	memset(endless, 'a', sizeof(endless));
	assert_int_equal(decode(endless, sizeof(endless)), ADIT_EINVAL);
	memcpy(endless, "adit1", 5);
	assert_int_equal(decode(endless, sizeof(endless)), ADIT_ECHECKSUM);
	memset(endless + 5, ' ', sizeof(endless) - 5);
	assert_int_equal(decode(endless, sizeof(endless)), ADIT_EINVAL);
	assert_int_equal(decode(endless + 5, sizeof(endless) - 5), ADIT_EINVAL);
}

/* A ticket as another program might write it: |body| and the checksum that fits. */
static int decode_body(const uint8_t *body, size_t len, struct trust_ticket *ret_ticket)
{
	static const char label[] = "adit ticket checksum";
	uint8_t buf[1024];
	uint8_t hash[32];
	char text[2048] = "adit1";
	struct adit_wr w = adit_wr_over(buf, sizeof(buf));

	adit_wr_bytes(&w, label, sizeof(label) - 1);
	adit_wr_bytes(&w, body, len);
	crypto_gnutls.sha256(buf, w.len, hash);
	adit_wr_bytes(&w, hash, TRUST_CHECK_LEN);
	assert_false(w.bad);
	len = 5 + trust_base32_encode(buf + sizeof(label) - 1, w.len - (sizeof(label) - 1), text + 5);
	return trust_ticket_decode(text, len, &crypto_gnutls, ret_ticket);
}

static void a_newer_ticket_asks_for_an_update(void **state)
{
	uint8_t body[TRUST_TICKET_HEAD_LEN] = {1, 1};
	struct trust_ticket t;

	(void)state;
	body[2 + TRUST_KEY_LEN] = 1;
	assert_int_equal(decode_body(body, sizeof(body), &t), 0);
	for (unsigned v = 0; v < 256; v++) {
		body[0] = (uint8_t)v;
		body[1] = 1;
		assert_int_equal(decode_body(body, sizeof(body), &t), v == 1 ? 0 : ADIT_EVERSION);
		body[0] = 1;
		body[1] = (uint8_t)v;
		assert_int_equal(decode_body(body, sizeof(body), &t), v == 1 ? 0 : ADIT_EVERSION);
	}
	/* It may be shorter than ours. */
	body[0] = 2;
	assert_int_equal(decode_body(body, 30, &t), ADIT_EVERSION);
}

static void a_body_that_makes_no_sense_is_refused(void **state)
{
	uint8_t body[TRUST_TICKET_BYTES_MAX] = {1, 1};
	struct trust_ticket t;

	(void)state;
	body[2 + TRUST_KEY_LEN] = 1;
	for (size_t len = 18; len < TRUST_TICKET_HEAD_LEN; len++)
		assert_int_equal(decode_body(body, len, &t), ADIT_EINVAL);
	/* A hint that ends too early. */
	assert_int_equal(decode_body(body, TRUST_TICKET_HEAD_LEN + 1, &t), ADIT_EINVAL);
	body[TRUST_TICKET_HEAD_LEN + 1] = 3;
	for (size_t len = 2; len < 5; len++)
		assert_int_equal(decode_body(body, TRUST_TICKET_HEAD_LEN + len, &t), ADIT_EINVAL);
	assert_int_equal(decode_body(body, TRUST_TICKET_HEAD_LEN + 5, &t), 0);
	/* A secret without an id. */
	body[2 + TRUST_KEY_LEN] = 0;
	body[TRUST_TICKET_HEAD_LEN - 1] = 1;
	assert_int_equal(decode_body(body, TRUST_TICKET_HEAD_LEN + 5, &t), ADIT_EINVAL);
}

static void unknown_hints_are_kept_and_skipped(void **state)
{
	static const uint8_t unknown[] = {200, 3, 'x', 'y', 'z', 0, 0};
	struct trust_ticket t = sample(11);
	struct trust_ticket back;
	char text[TRUST_TICKET_TEXT_MAX + 1];
	char host[TRUST_HINT_MAX + 1];
	size_t pos = 0;

	(void)state;
	memcpy(t.hints, unknown, sizeof(unknown));
	t.hints_len = sizeof(unknown);
	assert_int_equal(trust_ticket_add_mediator(&t, "meet.example.org"), 0);
	assert_int_equal(trust_ticket_add_mediator(&t, "[2001:db8::1]:3478"), 0);
	assert_int_equal(trust_ticket_decode(text, sample_text(&t, text), &crypto_gnutls, &back), 0);
	assert_same(&t, &back);
	assert_int_equal(trust_ticket_next_mediator(&back, &pos, host), 1);
	assert_string_equal(host, "meet.example.org");
	assert_int_equal(trust_ticket_next_mediator(&back, &pos, host), 1);
	assert_string_equal(host, "[2001:db8::1]:3478");
	assert_int_equal(trust_ticket_next_mediator(&back, &pos, host), 0);
	assert_int_equal(trust_ticket_next_mediator(&back, &pos, host), 0);
}

static void a_mediator_that_is_no_host_is_not_listed(void **state)
{
	static const uint8_t hints[] = {1, 4, 0x1b, '[', '2', 'J', 1, 0, 1, 3, 'a', 0, 'b', 1, 1, 'h'};
	struct trust_ticket t = sample(12);
	char host[TRUST_HINT_MAX + 1];
	size_t pos = 0;

	(void)state;
	memcpy(t.hints, hints, sizeof(hints));
	t.hints_len = sizeof(hints);
	assert_int_equal(trust_ticket_next_mediator(&t, &pos, host), 1);
	assert_string_equal(host, "h");
	assert_int_equal(trust_ticket_next_mediator(&t, &pos, host), 0);
	assert_int_equal(trust_ticket_add_mediator(&t, "a b"), ADIT_EINVAL);
	assert_int_equal(trust_ticket_add_mediator(&t, ""), ADIT_EINVAL);
	assert_int_equal(t.hints_len, sizeof(hints));
}

static void hints_end_where_the_room_ends(void **state)
{
	struct trust_ticket t = sample(13);
	struct trust_ticket back;
	char text[TRUST_TICKET_TEXT_MAX + 1];
	char host[TRUST_HINT_MAX + 2];

	(void)state;
	memset(host, 'h', sizeof(host));
	host[TRUST_HINT_MAX + 1] = '\0';
	assert_int_equal(trust_ticket_add_mediator(&t, host), ADIT_EINVAL);
	host[TRUST_HINT_MAX] = '\0';
	assert_int_equal(trust_ticket_add_mediator(&t, host), ADIT_EFULL);
	host[TRUST_HINTS_MAX - 2] = '\0';
	assert_int_equal(trust_ticket_add_mediator(&t, host), 0);
	assert_int_equal(t.hints_len, TRUST_HINTS_MAX);
	assert_int_equal(trust_ticket_add_mediator(&t, "h"), ADIT_EFULL);
	assert_int_equal(sample_text(&t, text), TRUST_TICKET_TEXT_MAX);
	assert_int_equal(trust_ticket_decode(text, TRUST_TICKET_TEXT_MAX, &crypto_gnutls, &back), 0);
	assert_same(&t, &back);
}

static void a_ticket_that_would_not_be_read_is_not_written(void **state)
{
	struct trust_ticket t = sample(14);
	char text[TRUST_TICKET_TEXT_MAX + 1];

	(void)state;
	t.hints_len = 1;
	assert_int_equal(trust_ticket_encode(&t, &crypto_gnutls, text), ADIT_EINVAL);
	t.hints_len = TRUST_HINTS_MAX + 1;
	assert_int_equal(trust_ticket_encode(&t, &crypto_gnutls, text), ADIT_EINVAL);
	t.hints_len = 0;
	memset(t.secret_id, 0, sizeof(t.secret_id));
	t.secret[15] = 1;
	assert_int_equal(trust_ticket_encode(&t, &crypto_gnutls, text), ADIT_EINVAL);
}

static void a_ticket_without_a_secret_admits_by_key(void **state)
{
	struct trust_ticket t = {.identity = {9}};
	struct trust_ticket back;
	char text[TRUST_TICKET_TEXT_MAX + 1];
	int len = trust_ticket_encode(&t, &crypto_gnutls, text);

	(void)state;
	assert_true(len > 0);
	assert_int_equal(trust_ticket_decode(text, (size_t)len, &crypto_gnutls, &back), 0);
	assert_true(trust_ticket_is_by_key(&back));
	assert_int_equal(back.identity[0], 9);
}

static void a_failed_decode_leaves_the_result_alone(void **state)
{
	struct trust_ticket t;
	struct trust_ticket was;

	(void)state;
	memset(&t, 0x5a, sizeof(t));
	was = t;
	assert_int_not_equal(
		trust_ticket_decode("adit1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 44, &crypto_gnutls, &t), 0);
	assert_memory_equal(&t, &was, sizeof(t));
	trust_ticket_done(&t);
	assert_memory_equal(t.secret, (uint8_t[TRUST_SECRET_LEN]){0}, TRUST_SECRET_LEN);
	trust_ticket_done(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_survives_text),
		cmocka_unit_test(the_text_of_a_known_ticket_stays),
		cmocka_unit_test(case_and_white_space_do_not_matter),
		cmocka_unit_test(every_changed_character_is_noticed),
		cmocka_unit_test(every_swap_of_neighbours_is_noticed),
		cmocka_unit_test(every_lost_or_doubled_character_is_noticed),
		cmocka_unit_test(every_truncation_is_damage_or_no_ticket),
		cmocka_unit_test(other_text_is_no_ticket),
		cmocka_unit_test(a_newer_ticket_asks_for_an_update),
		cmocka_unit_test(a_body_that_makes_no_sense_is_refused),
		cmocka_unit_test(unknown_hints_are_kept_and_skipped),
		cmocka_unit_test(a_mediator_that_is_no_host_is_not_listed),
		cmocka_unit_test(hints_end_where_the_room_ends),
		cmocka_unit_test(a_ticket_that_would_not_be_read_is_not_written),
		cmocka_unit_test(a_ticket_without_a_secret_admits_by_key),
		cmocka_unit_test(a_failed_decode_leaves_the_result_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
