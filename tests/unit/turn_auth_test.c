#include "test.h"

#include <string.h>

#include "core/stun/stun_attr.h"
#include "core/turn/turn_auth.h"
#include "crypto/crypto.h"

#define USER "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9" /* RFC 5769 2.4 */

static const uint8_t both[] = {0, 2, 0, 0, 0, 1, 0, 0};

struct text {
	const char *realm;
	const char *nonce;
	const uint8_t *algs;
	size_t algs_len;
};

/* A 401 with that, given to |a|. */
static int challenge(struct turn_auth *a, const struct text *t)
{
	uint8_t buf[1024];
	struct stun_build b;
	struct stun_msg m;
	int len;

	stun_build_begin(&b, buf, sizeof(buf), STUN_ERROR, STUN_ALLOCATE, (const uint8_t *)"twelve bytes");
	stun_build_error(&b, 401, "who");
	if (t->realm)
		stun_build_bytes(&b, STUN_ATTR_REALM, t->realm, strlen(t->realm));
	if (t->nonce)
		stun_build_bytes(&b, STUN_ATTR_NONCE, t->nonce, strlen(t->nonce));
	if (t->algs)
		stun_build_bytes(&b, STUN_ATTR_PASSWORD_ALGORITHMS, t->algs, t->algs_len);
	len = stun_build_end(&b);
	assert_true(len > 0);
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)len), 0);
	return turn_auth_challenge(a, &m);
}

static int once(const struct text *t)
{
	struct turn_auth a;

	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, USER, "TheMatrIX"), 0);
	return challenge(&a, t);
}

/* RFC 5769 2.4: the key of its user, realm and password. */
static void the_md5_key_is_the_published_one(void **state)
{
	static const uint8_t key[16] = {0xe8, 0xca, 0x7a, 0xd5, 0x9d, 0x5e, 0xb0, 0x51,
					0x8e, 0x31, 0x29, 0x11, 0xd2, 0xda, 0xb2, 0xa9};
	struct text t = {.realm = "example.org", .nonce = "f//499k954d6OL34oL9FSTvy64sA"};
	struct turn_auth a;

	(void)state;
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, USER, "TheMatrIX"), 0);
	assert_null(turn_auth_cred(&a));
	assert_int_equal(challenge(&a, &t), 0);
	assert_int_equal(a.key_len, 16);
	assert_memory_equal(a.key, key, 16);
	assert_int_equal(turn_auth_cred(&a)->type, STUN_ATTR_MESSAGE_INTEGRITY);
}

/* RFC 5769 2.4: the whole request, byte by byte. */
static void a_request_is_the_published_one(void **state)
{
	static const uint8_t txid[] = {0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e};
	static const uint8_t mac[] = {0xf6, 0x70, 0x24, 0x65, 0x6d, 0xd6, 0x4a, 0x3e, 0x02, 0xb8,
				      0xe0, 0x71, 0x2e, 0x85, 0xc9, 0xa2, 0x8c, 0xa8, 0x96, 0x66};
	struct text t = {.realm = "example.org", .nonce = "f//499k954d6OL34oL9FSTvy64sA"};
	struct stun_attr at;
	struct turn_auth a;
	struct stun_build b;
	struct stun_msg m;
	uint8_t buf[256];
	int len;

	(void)state;
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, USER, "TheMatrIX"), 0);
	assert_int_equal(challenge(&a, &t), 0);
	/* There the nonce comes before the realm, which the HMAC sees: so this one is made with the parts. */
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	stun_build_bytes(&b, STUN_ATTR_USERNAME, USER, strlen(USER));
	stun_build_bytes(&b, STUN_ATTR_NONCE, t.nonce, strlen(t.nonce));
	stun_build_bytes(&b, STUN_ATTR_REALM, t.realm, strlen(t.realm));
	stun_build_integrity_sha1(&b, &crypto_gnutls, a.key, a.key_len);
	len = stun_build_end(&b);
	assert_int_equal(len, 116);
	assert_memory_equal(buf + 96, mac, sizeof(mac));

	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	turn_auth_build(&a, &b);
	len = stun_build_end(&b);
	assert_int_equal(len, 116);
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)len), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_USERNAME, &at), 0);
	assert_int_equal(stun_msg_verify(&m, &crypto_gnutls, STUN_ATTR_MESSAGE_INTEGRITY, a.key, a.key_len), 0);
}

/* RFC 8489 B.1: user hash and SHA-256 key; its nonce asks for anonymity by the erratum's bits. */
static void the_sha256_key_and_the_user_hash_are_the_published_ones(void **state)
{
	static const uint8_t key[32] = {0xdd, 0x29, 0x5a, 0x61, 0x3b, 0x90, 0x58, 0xc3, 0xc2, 0x3d, 0x6d,
					0xc7, 0x16, 0x5b, 0xda, 0x07, 0x23, 0x04, 0xd9, 0x89, 0xc9, 0xd0,
					0xaf, 0x3a, 0x8c, 0x7e, 0x18, 0x4b, 0x4f, 0x9b, 0xb4, 0xa1};
	static const uint8_t hash[32] = {0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd, 0xa9, 0x52, 0xc6,
					 0x78, 0x04, 0x17, 0xda, 0x0f, 0x24, 0x81, 0x94, 0x15, 0x56, 0x9e,
					 0x60, 0xb2, 0x05, 0xc4, 0x6e, 0x41, 0x40, 0x7f, 0x17, 0x04};
	struct text t = {.realm = "example.org", .nonce = "obMatJos2AAADnonce", .algs = both, .algs_len = 8};
	struct turn_auth a;

	(void)state;
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, USER, "TheMatrIX"), 0);
	assert_int_equal(challenge(&a, &t), 0);
	assert_true(a.is_anonymous);
	assert_memory_equal(a.userhash, hash, 32);
	assert_int_equal(a.key_len, 32);
	assert_memory_equal(a.key, key, 32);
	assert_int_equal(turn_auth_cred(&a)->type, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
}

static void both_ways_to_count_the_feature_bits_are_understood(void **state)
{
	static const struct {
		const char *nonce;
		bool is_new;
		bool is_anonymous;
	} cases[] = {{"obMatJos2AAABx", true, false},  {"obMatJos2gAAAx", true, false},
		     {"obMatJos2wAAAx", true, true},   {"obMatJos2AAADx", true, true},
		     {"obMatJos2AAACx", false, true},  {"obMatJos2QAAAx", false, true},
		     {"obMatJos2AAAAx", false, false}, {"obMatJos3AAADx", false, false},
		     {"obMatJos2AA*Dx", false, false}, {"obMatJos2AAA", false, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct text t = {.realm = "r", .nonce = cases[i].nonce, .algs = both, .algs_len = 8};
		struct turn_auth a;

		assert_int_equal(turn_auth_init(&a, &crypto_gnutls, "u", "p"), 0);
		assert_int_equal(challenge(&a, &t), 0);
		assert_int_equal(a.algs_len > 0, cases[i].is_new);
		assert_int_equal(a.is_anonymous, cases[i].is_anonymous);
	}
}

static void a_challenge_without_the_promised_algorithms_is_an_attack(void **state)
{
	(void)state;
	assert_int_equal(once(&(struct text){.realm = "r", .nonce = "obMatJos2AAABx"}), ADIT_EAUTH);
}

static void algorithms_are_taken_in_the_servers_order_and_unknown_ones_skipped(void **state)
{
	static const uint8_t md5_first[] = {0, 9, 0, 3, 1, 2, 3, 0, 0, 1, 0, 0, 0, 2, 0, 0};
	static const uint8_t unknown[] = {0, 9, 0, 0};
	static const uint8_t cut[] = {0, 2, 0, 0, 0, 1, 0, 9};
	struct text t = {.realm = "r", .nonce = "obMatJos2AAABx", .algs = md5_first, .algs_len = sizeof(md5_first)};
	struct turn_auth a;

	(void)state;
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, "u", "p"), 0);
	assert_int_equal(challenge(&a, &t), 0);
	assert_int_equal(a.key_len, 16);
	assert_int_equal(turn_auth_cred(&a)->type, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
	t.algs = unknown;
	t.algs_len = sizeof(unknown);
	assert_int_equal(once(&t), ADIT_EVERSION);
	t.algs = cut;
	t.algs_len = sizeof(cut);
	assert_int_equal(once(&t), ADIT_EPROTO);
}

static void what_is_missing_or_too_long_changes_nothing(void **state)
{
	char longer[TURN_REALM_MAX + 2];
	struct text good = {.realm = "r", .nonce = "n"};
	struct turn_auth a;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, "u", "p"), 0);
	assert_int_equal(challenge(&a, &good), 0);
	assert_int_equal(challenge(&a, &(struct text){.realm = "r"}), ADIT_EPROTO);
	assert_int_equal(challenge(&a, &(struct text){.nonce = "n"}), ADIT_EPROTO);
	assert_int_equal(challenge(&a, &(struct text){.realm = longer, .nonce = "n"}), ADIT_EPROTO);
	assert_true(a.is_challenged);
	assert_int_equal(a.realm_len, 1);
}

static void credentials_that_fit_no_request_are_refused_at_once(void **state)
{
	char longer[TURN_PASS_MAX + 2];
	struct turn_auth a;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, "", "p"), ADIT_EINVAL);
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, "u", longer), ADIT_EINVAL);
	assert_int_equal(turn_auth_init(&a, &crypto_gnutls, longer, "p"), ADIT_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_md5_key_is_the_published_one),
		cmocka_unit_test(a_request_is_the_published_one),
		cmocka_unit_test(the_sha256_key_and_the_user_hash_are_the_published_ones),
		cmocka_unit_test(both_ways_to_count_the_feature_bits_are_understood),
		cmocka_unit_test(a_challenge_without_the_promised_algorithms_is_an_attack),
		cmocka_unit_test(algorithms_are_taken_in_the_servers_order_and_unknown_ones_skipped),
		cmocka_unit_test(what_is_missing_or_too_long_changes_nothing),
		cmocka_unit_test(credentials_that_fit_no_request_are_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
