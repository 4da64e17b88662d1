#include "test.h"

#include <stdio.h>
#include <string.h>

#include "core/punch/punch_probe.h"
#include "core/stun/stun_attr.h"
#include "crypto/crypto.h"

static const uint8_t secret[32] = {7};
static const uint8_t txid[STUN_TXID_LEN] = {1, 2, 3};
static struct punch_keys keys;

static int setup(void **state)
{
	(void)state;
	punch_keys_init(&keys, &crypto_gnutls, secret);
	return 0;
}

static size_t request(enum punch_role role, uint8_t *buf)
{
	return punch_probe_request(&keys, role, txid, 1234567, 99, NULL, buf);
}

static size_t answer(enum punch_role role, const struct adit_addr *mapped, uint8_t *buf)
{
	return punch_probe_answer(&keys, role, txid, mapped, 7654321, 77, buf);
}

static struct adit_addr v6_addr(void)
{
	static const uint8_t ip[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};

	return adit_addr_v6(ip, 65535);
}

static void a_request_is_understood_by_the_other_role_only(void **state)
{
	(void)state;
	for (int role = 0; role < 2; role++) {
		uint8_t buf[PUNCH_PROBE_MAX];
		struct punch_probe p;
		size_t len = request((enum punch_role)role, buf);

		assert_int_equal(punch_probe_read(&keys, (enum punch_role) !role, buf, len, &p), 0);
		assert_false(p.is_answer);
		assert_memory_equal(p.txid, txid, sizeof(txid));
		assert_true(p.stamp == 1234567 && p.instance == 99);
		/* Reflected, or by somebody who took our own role. */
		assert_int_equal(punch_probe_read(&keys, (enum punch_role)role, buf, len, &p), ADIT_EAUTH);
	}
}

static void an_answer_tells_where_the_request_came_from(void **state)
{
	struct adit_addr addrs[2] = {adit_addr_v4(203, 0, 113, 9, 12345), v6_addr()};

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint8_t buf[PUNCH_PROBE_MAX];
		struct punch_probe p;
		size_t len = answer(PUNCH_SERVE, &addrs[i], buf);

		assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, buf, len, &p), 0);
		assert_true(p.is_answer);
		assert_true(adit_addr_eq(&p.mapped, &addrs[i]));
		assert_true(p.stamp == 7654321 && p.instance == 77);
		assert_int_equal(punch_probe_read(&keys, PUNCH_SERVE, buf, len, &p), ADIT_EAUTH);
	}
}

static void an_answer_is_never_longer_than_the_question(void **state)
{
	struct adit_addr v6 = v6_addr();
	uint8_t buf[PUNCH_PROBE_MAX];

	(void)state;
	assert_int_equal(request(PUNCH_SERVE, buf), 128);
	assert_true(answer(PUNCH_SERVE, &v6, buf) <= 128);
}

static void another_pair_is_none_of_our_business(void **state)
{
	static const uint8_t other_secret[32] = {8};
	struct punch_keys other;
	uint8_t buf[PUNCH_PROBE_MAX];
	struct punch_probe p;

	(void)state;
	punch_keys_init(&other, &crypto_gnutls, other_secret);
	assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, buf,
					  punch_probe_request(&other, PUNCH_SERVE, txid, 1, 2, NULL, buf), &p),
			 ADIT_EIGNORED);
}

/* Whoever knows the public user names but not the password. */
static void a_right_name_with_a_wrong_password_is_refused(void **state)
{
	struct punch_keys forged = keys;
	uint8_t buf[PUNCH_PROBE_MAX];
	struct punch_probe p;

	(void)state;
	forged.pwd[PUNCH_CONNECT][0] ^= 1;
	assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, buf,
					  punch_probe_request(&forged, PUNCH_SERVE, txid, 1, 2, NULL, buf), &p),
			 ADIT_EAUTH);
}

static void every_change_of_a_bit_is_refused(void **state)
{
	struct adit_addr v6 = v6_addr();
	uint8_t good[2][PUNCH_PROBE_MAX];
	size_t len[2] = {request(PUNCH_SERVE, good[0]), answer(PUNCH_SERVE, &v6, good[1])};

	(void)state;
	for (int i = 0; i < 2; i++) {
		for (size_t bit = 0; bit < 8 * len[i]; bit++) {
			uint8_t buf[PUNCH_PROBE_MAX];
			struct punch_probe p;

			memcpy(buf, good[i], len[i]);
			buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(punch_probe_read(&keys, PUNCH_CONNECT, buf, len[i], &p) < 0);
		}
	}
}

static void every_truncation_is_refused(void **state)
{
	uint8_t buf[PUNCH_PROBE_MAX];
	size_t len = request(PUNCH_SERVE, buf);
	struct punch_probe p;

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_true(punch_probe_read(&keys, PUNCH_CONNECT, buf, cut, &p) < 0);
}

enum flaw {
	NO_FINGERPRINT,
	NO_STAMP,
	SHORT_STAMP,
	NO_ROLE,
	OWN_ROLE,
	OTHER_TIEBREAKER,
	UNKNOWN_REQUIRED,
	SHA1_ONLY,
	ALLOCATE,
	INDICATION,
	ERROR_ANSWER,
	FLAWS,
};

/* A request to the connect side with one thing wrong, otherwise sealed as it should be. */
static size_t flawed(enum flaw flaw, uint8_t *buf)
{
	static const uint8_t stamp[16] = {[15] = 5};
	enum stun_class class = flaw == INDICATION ? STUN_INDICATION : flaw == ERROR_ANSWER ? STUN_ERROR : STUN_REQUEST;
	const uint8_t *pwd = (const uint8_t *)keys.pwd[PUNCH_CONNECT];
	char name[2 * PUNCH_UFRAG_LEN + 2];
	struct stun_build b;
	int len;

	snprintf(name, sizeof(name), "%s:%s", keys.ufrag[PUNCH_CONNECT], keys.ufrag[PUNCH_SERVE]);
	stun_build_begin(&b, buf, PUNCH_PROBE_MAX, class, flaw == ALLOCATE ? STUN_ALLOCATE : STUN_BINDING, txid);
	stun_build_bytes(&b, STUN_ATTR_USERNAME, name, strlen(name));
	if (flaw != NO_ROLE)
		stun_build_u64(&b, flaw == OWN_ROLE ? STUN_ATTR_ICE_CONTROLLING : STUN_ATTR_ICE_CONTROLLED,
			       flaw == OTHER_TIEBREAKER ? 6 : 5);
	if (flaw != NO_STAMP)
		stun_build_bytes(&b, PUNCH_ATTR_STAMP, stamp, flaw == SHORT_STAMP ? 8 : 16);
	if (flaw == UNKNOWN_REQUIRED)
		stun_build_u32(&b, 0x7abc, 0);
	if (flaw == SHA1_ONLY)
		stun_build_integrity_sha1(&b, &crypto_gnutls, pwd, PUNCH_PWD_LEN);
	else
		stun_build_integrity_sha256(&b, &crypto_gnutls, pwd, PUNCH_PWD_LEN);
	if (flaw != NO_FINGERPRINT)
		stun_build_fingerprint(&b);
	len = stun_build_end(&b);
	assert_true(len > 0);
	return (size_t)len;
}

static void an_authentic_message_that_is_no_probe_is_refused(void **state)
{
	static const int want[FLAWS] = {
		[NO_FINGERPRINT] = ADIT_EIGNORED, [NO_STAMP] = ADIT_EPROTO,       [SHORT_STAMP] = ADIT_EPROTO,
		[NO_ROLE] = ADIT_EPROTO,          [OWN_ROLE] = ADIT_EPROTO,       [OTHER_TIEBREAKER] = ADIT_EPROTO,
		[UNKNOWN_REQUIRED] = ADIT_EPROTO, [SHA1_ONLY] = ADIT_EAUTH,       [ALLOCATE] = ADIT_EIGNORED,
		[INDICATION] = ADIT_EIGNORED,     [ERROR_ANSWER] = ADIT_EIGNORED,
	};
	uint8_t buf[PUNCH_PROBE_MAX];
	struct punch_probe p;

	(void)state;
	for (int flaw = 0; flaw < FLAWS; flaw++)
		assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, buf, flawed((enum flaw)flaw, buf), &p),
				 want[flaw]);
	assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, buf, flawed(FLAWS, buf), &p), 0);
}

static void an_answer_without_an_address_is_malformed(void **state)
{
	static const uint8_t stamp[16];
	uint8_t buf[PUNCH_PROBE_MAX];
	struct punch_probe p;
	struct stun_build b;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_SUCCESS, STUN_BINDING, txid);
	stun_build_bytes(&b, PUNCH_ATTR_STAMP, stamp, sizeof(stamp));
	stun_build_integrity_sha256(&b, &crypto_gnutls, (const uint8_t *)keys.pwd[PUNCH_SERVE], PUNCH_PWD_LEN);
	stun_build_fingerprint(&b);
	assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, buf, (size_t)stun_build_end(&b), &p), ADIT_EPROTO);
}

static void what_is_not_stun_is_ignored(void **state)
{
	static const uint8_t quic[64] = {0xc3, 0, 0, 0, 1};
	struct punch_probe p;

	(void)state;
	assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, quic, sizeof(quic), &p), ADIT_EIGNORED);
	assert_int_equal(punch_probe_read(&keys, PUNCH_CONNECT, quic, 0, &p), ADIT_EIGNORED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_understood_by_the_other_role_only),
		cmocka_unit_test(an_answer_tells_where_the_request_came_from),
		cmocka_unit_test(an_answer_is_never_longer_than_the_question),
		cmocka_unit_test(another_pair_is_none_of_our_business),
		cmocka_unit_test(a_right_name_with_a_wrong_password_is_refused),
		cmocka_unit_test(every_change_of_a_bit_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(an_authentic_message_that_is_no_probe_is_refused),
		cmocka_unit_test(an_answer_without_an_address_is_malformed),
		cmocka_unit_test(what_is_not_stun_is_ignored),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
