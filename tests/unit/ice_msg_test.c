#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/ice/ice_msg.h"
#include "core/stun/stun_attr.h"
#include "crypto/crypto.h"
#include "hex.h"

static const uint8_t txid[STUN_TXID_LEN] = {1, 2, 3};
/* RFC 5769 2: "evtj:h6vY"; the receiver evtj owns the password. */
static const struct ice_cred evtj = {"evtj", "VOkJxbRl1RmTxUk/WvJxBt"};
static const struct ice_cred h6vy = {"h6vY", "0123456789012345678901"};

static struct stun_msg parsed(const uint8_t *data, size_t len)
{
	struct stun_msg m;

	assert_int_equal(stun_msg_parse(&m, data, len), 0);
	return m;
}

static void the_request_of_rfc5769_is_a_check_for_its_receiver(void **state)
{
	static const char hex[] =
		"000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
		"80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
		"c1b571a280280004e57a3bcf";
	struct ice_msg_request req;
	uint8_t buf[256];
	size_t len = from_hex(hex, buf, sizeof(buf));
	struct stun_msg m = parsed(buf, len);

	(void)state;
	assert_int_equal(ice_msg_read_request(&m, &evtj, &crypto_gnutls, &req), 0);
	assert_int_equal(req.priority, 0x6e0001ff);
	assert_true(req.has_role);
	assert_int_equal(req.role, ICE_CONTROLLED);
	assert_true(req.tiebreaker == UINT64_C(0x932ff9b151263b36));
	assert_false(req.use_candidate);
	assert_int_equal(req.sender_len, 4);
	assert_memory_equal(req.sender, "h6vY", 4);
	assert_int_equal(req.n_unknown, 0);
	assert_int_equal(ice_msg_read_request(&m, &h6vy, &crypto_gnutls, &req), ADIT_EAUTH);
}

static void the_answers_of_rfc5769_are_read(void **state)
{
	static const char v4[] =
		"0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
		"000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
	static const char v6[] =
		"010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa"
		"a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
	struct ice_msg_response resp;
	char text[ADIT_ADDR_STRLEN];
	uint8_t buf[256];
	struct stun_msg m;

	(void)state;
	m = parsed(buf, from_hex(v4, buf, sizeof(buf)));
	assert_int_equal(ice_msg_read_response(&m, &evtj, &crypto_gnutls, &resp), 0);
	assert_int_equal(resp.error, 0);
	assert_false(resp.is_bad);
	assert_string_equal(adit_addr_format(&resp.mapped, text), "192.0.2.1:32853");
	assert_int_equal(ice_msg_read_response(&m, &h6vy, &crypto_gnutls, &resp), ADIT_EAUTH);
	m = parsed(buf, from_hex(v6, buf, sizeof(buf)));
	assert_int_equal(ice_msg_read_response(&m, &evtj, &crypto_gnutls, &resp), 0);
	assert_string_equal(adit_addr_format(&resp.mapped, text), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

static void a_check_is_read_as_it_was_written(void **state)
{
	struct ice_msg_check c = {.local = &h6vy,
				  .remote = &evtj,
				  .role = ICE_CONTROLLING,
				  .tiebreaker = 77,
				  .priority = 1862270975,
				  .use_candidate = true};
	uint8_t buf[ICE_MSG_MAX];
	size_t len = ice_msg_check(&c, &crypto_gnutls, txid, buf);
	struct stun_msg m = parsed(buf, len);
	struct ice_msg_request req;

	(void)state;
	assert_int_equal(ice_msg_read_request(&m, &evtj, &crypto_gnutls, &req), 0);
	assert_int_equal(req.role, ICE_CONTROLLING);
	assert_int_equal(req.tiebreaker, 77);
	assert_int_equal(req.priority, 1862270975);
	assert_true(req.use_candidate);
	assert_int_equal(req.integrity, ICE_SHA1);
}

static void a_changed_byte_is_never_authentic(void **state)
{
	struct ice_msg_check c = {.local = &h6vy, .remote = &evtj, .priority = 1};
	uint8_t buf[ICE_MSG_MAX];
	size_t len = ice_msg_check(&c, &crypto_gnutls, txid, buf);
	struct ice_msg_request req;
	struct stun_msg m;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		buf[i] ^= 0x01;
		if (stun_msg_parse(&m, buf, len) == 0)
			assert_true(ice_msg_read_request(&m, &evtj, &crypto_gnutls, &req) < 0);
		buf[i] ^= 0x01;
	}
	m = parsed(buf, len);
	assert_int_equal(ice_msg_read_request(&m, &evtj, &crypto_gnutls, &req), 0);
}

/* RFC 8445 7.1: FINGERPRINT is a must. */
static void a_check_without_fingerprint_is_dropped(void **state)
{
	struct ice_msg_request req;
	uint8_t buf[ICE_MSG_MAX];
	struct stun_build b;
	struct stun_msg m;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	stun_build_bytes(&b, STUN_ATTR_USERNAME, "evtj:h6vY", 9);
	stun_build_u32(&b, STUN_ATTR_PRIORITY, 1);
	stun_build_integrity_sha1(&b, &crypto_gnutls, (const uint8_t *)evtj.pwd, strlen(evtj.pwd));
	m = parsed(buf, (size_t)stun_build_end(&b));
	assert_int_equal(ice_msg_read_request(&m, &evtj, &crypto_gnutls, &req), ADIT_EPROTO);
}

static void the_user_is_the_receiver_up_to_the_colon(void **state)
{
	static const char *const names[] = {"evtj", "evtjx:h6vY", "evt:h6vY", "h6vY:evtj", ":", ""};
	uint8_t buf[ICE_MSG_MAX];
	struct stun_build b;
	struct stun_msg m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
		stun_build_bytes(&b, STUN_ATTR_USERNAME, names[i], strlen(names[i]));
		m = parsed(buf, (size_t)stun_build_end(&b));
		assert_false(ice_msg_is_for(&m, &evtj));
	}
}

/* RFC 8489 9.1.3.1 */
static void an_answer_has_the_integrity_of_its_request(void **state)
{
	struct adit_addr mapped = adit_addr_v4(192, 0, 2, 1, 5000);
	struct ice_msg_response resp;
	uint8_t buf[ICE_MSG_MAX];
	struct stun_msg m;

	(void)state;
	m = parsed(buf, ice_msg_answer(&evtj, &crypto_gnutls, ICE_SHA256, txid, &mapped, buf));
	assert_true(m.sha256_at > 0 && m.sha1_at == 0);
	assert_int_equal(ice_msg_read_response(&m, &evtj, &crypto_gnutls, &resp), 0);
	assert_true(adit_addr_eq(&resp.mapped, &mapped));
	m = parsed(buf, ice_msg_error(&evtj, &crypto_gnutls, ICE_SHA1, txid, 487, "Role Conflict", NULL, 0, buf));
	assert_true(m.sha1_at > 0 && m.sha256_at == 0);
	assert_int_equal(ice_msg_read_response(&m, &evtj, &crypto_gnutls, &resp), 0);
	assert_int_equal(resp.error, 487);
}

/* RFC 8489 9.1.3 */
static void of_two_integrities_the_stronger_one_counts(void **state)
{
	const uint8_t *key = (const uint8_t *)evtj.pwd;
	struct ice_msg_request req;
	uint8_t buf[ICE_MSG_MAX];
	struct stun_build b;
	struct stun_msg m;

	(void)state;
	for (int good = 0; good < 2; good++) {
		stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
		stun_build_bytes(&b, STUN_ATTR_USERNAME, "evtj:h6vY", 9);
		stun_build_u32(&b, STUN_ATTR_PRIORITY, 1);
		stun_build_integrity_sha1(&b, &crypto_gnutls, key, strlen(evtj.pwd));
		stun_build_integrity_sha256(&b, &crypto_gnutls, key, strlen(evtj.pwd) - (size_t)!good);
		stun_build_fingerprint(&b);
		m = parsed(buf, (size_t)stun_build_end(&b));
		assert_int_equal(ice_msg_read_request(&m, &evtj, &crypto_gnutls, &req), good ? 0 : ADIT_EAUTH);
	}
	assert_int_equal(req.integrity, ICE_SHA256);
}

static void the_longest_credentials_fit(void **state)
{
	struct ice_cred local = {"", ""};
	struct ice_cred remote = {"", ""};
	struct ice_msg_check c = {.local = &local, .remote = &remote, .priority = 1, .use_candidate = true};
	struct ice_msg_request req;
	uint8_t buf[ICE_MSG_MAX];
	struct stun_msg m;

	(void)state;
	memset(local.ufrag, 'l', ICE_UFRAG_MAX);
	memset(remote.ufrag, 'r', ICE_UFRAG_MAX);
	memset(remote.pwd, 'p', ICE_PWD_MAX);
	m = parsed(buf, ice_msg_check(&c, &crypto_gnutls, txid, buf));
	assert_int_equal(ice_msg_read_request(&m, &remote, &crypto_gnutls, &req), 0);
	assert_int_equal(req.sender_len, ICE_UFRAG_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_of_rfc5769_is_a_check_for_its_receiver),
		cmocka_unit_test(the_answers_of_rfc5769_are_read),
		cmocka_unit_test(a_check_is_read_as_it_was_written),
		cmocka_unit_test(a_changed_byte_is_never_authentic),
		cmocka_unit_test(a_check_without_fingerprint_is_dropped),
		cmocka_unit_test(the_user_is_the_receiver_up_to_the_colon),
		cmocka_unit_test(an_answer_has_the_integrity_of_its_request),
		cmocka_unit_test(of_two_integrities_the_stronger_one_counts),
		cmocka_unit_test(the_longest_credentials_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
