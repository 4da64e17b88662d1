#include "test.h"

#include <string.h>

#include "core/stun/stun_attr.h"
#include "crypto/crypto.h"
#include "hex.h"

/* RFC 5769, all of it. Its padding is 0x20, which a verifier must take and cover. */
static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";
static const char request_2_1[] =
	"000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9"
	"b1"
	"51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
static const char response_2_2[] = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200008000"
				   "1a147e112a643000800142b91f599"
				   "fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
static const char response_2_3[] = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200014000"
				   "2a1470113a9faa5d3f179bc25f4b5"
				   "bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
static const char request_2_4[] = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b9"
				  "00000015001c662f2f3439396b39"
				  "353464364f4c33346f4c39465354767936347341"
				  "0014000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666";
/* RFC 8489 B.1, whose length field (0x9c) counts the header as well. */
static const char request_b_1[] = "0001009c2112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bda952c6780417da0f2481"
				  "9415569e60b205c46e41407f1704"
				  "001500296f624d61744a6f733241414143662f2f3439396b"
				  "39353464364f4c33346f4c394653547679363473410000000014000b6578616d706c652e6f726700001c"
				  "0020e4686c8f0edeb59013e07090"
				  "010a93efccbccc544c0a45d9f830aa6d6f735a01";

static const char *const vectors[] = {request_2_1, response_2_2, response_2_3, request_2_4};

static const uint8_t txid[STUN_TXID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const uint8_t key[] = "a key of some bytes";

static int verify(const struct stun_msg *m, enum stun_attr_type type, const void *k, size_t len)
{
	return stun_msg_verify(m, &crypto_gnutls, type, k, len);
}

static void rfc5769_short_term_messages_are_understood(void **state)
{
	uint8_t buf[256];
	struct stun_msg m;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len = from_hex(vectors[i], buf, sizeof(buf));

		assert_true(stun_msg_is_stun(buf, len));
		assert_int_equal(stun_msg_parse(&m, buf, len), 0);
		assert_int_equal(m.method, STUN_BINDING);
		assert_int_equal(m.class, i == 0 ? STUN_REQUEST : STUN_SUCCESS);
		assert_int_not_equal(m.fingerprint_at, 0);
		assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, password, strlen(password)), 0);
		assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, password, strlen(password) - 1), ADIT_EAUTH);
		assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, password, 1), ADIT_ENOENT);
	}
}

static void rfc5769_request_has_the_attributes_it_is_said_to_have(void **state)
{
	uint8_t buf[256];
	size_t len = from_hex(request_2_1, buf, sizeof(buf));
	struct stun_attr a;
	struct stun_msg m;
	uint64_t tie;
	uint32_t prio;

	(void)state;
	assert_int_equal(stun_msg_parse(&m, buf, len), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_SOFTWARE, &a), 0);
	assert_int_equal(a.len, 16);
	assert_memory_equal(a.value, "STUN test client", 16);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_PRIORITY, &a), 0);
	assert_int_equal(stun_attr_read_u32(&a, &prio), 0);
	assert_int_equal(prio, 0x6e0001ff);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_ICE_CONTROLLED, &a), 0);
	assert_int_equal(stun_attr_read_u64(&a, &tie), 0);
	assert_true(tie == UINT64_C(0x932ff9b151263b36));
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_USERNAME, &a), 0);
	assert_int_equal(a.len, 9);
	assert_memory_equal(a.value, "evtj:h6vY", 9);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_REALM, &a), ADIT_ENOENT);
}

static void rfc5769_responses_carry_the_mapped_addresses(void **state)
{
	static const char *const want[] = {"192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char text[ADIT_ADDR_STRLEN];
		struct adit_addr addr;
		struct stun_attr a;
		struct stun_msg m;
		uint8_t buf[256];
		size_t len = from_hex(vectors[i + 1], buf, sizeof(buf));

		assert_int_equal(stun_msg_parse(&m, buf, len), 0);
		assert_int_equal(stun_msg_find(&m, STUN_ATTR_XOR_MAPPED_ADDRESS, &a), 0);
		assert_int_equal(stun_attr_read_xor_addr(&a, m.txid, &addr), 0);
		assert_string_equal(adit_addr_format(&addr, text), want[i]);
	}
}

static void rfc5769_long_term_request_verifies_under_the_md5_key(void **state)
{
	static const uint8_t md5[16] = {0xe8, 0xca, 0x7a, 0xd5, 0x9d, 0x5e, 0xb0, 0x51,
					0x8e, 0x31, 0x29, 0x11, 0xd2, 0xda, 0xb2, 0xa9};
	uint8_t buf[256];
	size_t len = from_hex(request_2_4, buf, sizeof(buf));
	struct stun_attr a;
	struct stun_msg m;

	(void)state;
	assert_int_equal(stun_msg_parse(&m, buf, len), 0);
	assert_int_equal(m.fingerprint_at, 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, md5, sizeof(md5)), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_NONCE, &a), 0);
	assert_memory_equal(a.value, "f//499k954d6OL34oL9FSTvy64sA", a.len);
}

/*
 * The vector's length field is wrong, so it is no message; with the length set right its HMAC, made over the wrong one,
 * cannot fit. Made anew over the wrong length, as the RFC's author did, it does: our input to the HMAC is the same.
 */
static void rfc8489_b1_is_refused_for_its_length(void **state)
{
	uint8_t hash_key[32];
	uint8_t buf[256];
	uint8_t mac[32];
	size_t len = from_hex(request_b_1, buf, sizeof(buf));
	struct stun_attr a;
	struct stun_msg m;

	(void)state;
	from_hex("dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1", hash_key, sizeof(hash_key));
	assert_int_equal(len, 156);
	assert_int_equal(stun_msg_parse(&m, buf, len), ADIT_EPROTO);
	crypto_gnutls.hmac_sha256(hash_key, sizeof(hash_key), buf, 120, mac);
	assert_memory_equal(mac, buf + 124, sizeof(mac));
	buf[3] = 136;
	assert_int_equal(stun_msg_parse(&m, buf, len), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, hash_key, sizeof(hash_key)), ADIT_EAUTH);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_USERHASH, &a), 0);
	assert_int_equal(a.len, STUN_USERHASH_LEN);
}

static void every_truncation_of_a_message_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t buf[256];
		size_t len = from_hex(vectors[i], buf, sizeof(buf));
		struct stun_msg m;

		for (size_t cut = 0; cut < len; cut++) {
			assert_int_equal(stun_msg_parse(&m, buf, cut), ADIT_EPROTO);
			assert_false(stun_msg_is_stun(buf, cut));
		}
		assert_int_equal(stun_msg_parse(&m, buf, len + 1), ADIT_EPROTO);
		assert_int_equal(stun_msg_parse(&m, buf, len), 0);
	}
}

/* Also with a length field that fits the cut: then an attribute sticks out, or integrity or fingerprint are missing. */
static void no_truncation_with_a_fitting_length_verifies(void **state)
{
	uint8_t buf[256];
	size_t len = from_hex(request_2_1, buf, sizeof(buf));
	struct stun_msg m;

	(void)state;
	for (size_t cut = STUN_HEADER_LEN; cut < len - 8; cut += 4) {
		buf[3] = (uint8_t)(cut - STUN_HEADER_LEN);
		if (stun_msg_parse(&m, buf, cut) == 0)
			assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, password, strlen(password)),
					 ADIT_ENOENT);
	}
	/* Without the fingerprint the message is whole, and its HMAC is made over just that. */
	buf[3] = (uint8_t)(len - 8 - STUN_HEADER_LEN);
	assert_int_equal(stun_msg_parse(&m, buf, len - 8), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, password, strlen(password)), 0);
}

static void one_wrong_bit_anywhere_costs_the_fingerprint(void **state)
{
	uint8_t good[256];
	size_t len = from_hex(request_2_1, good, sizeof(good));

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		uint8_t buf[256];
		struct stun_msg m;

		memcpy(buf, good, len);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* Where the bit hides the fingerprint, its users see that there is none. */
		assert_true(stun_msg_parse(&m, buf, len) < 0 || m.fingerprint_at == 0);
	}
}

/* RFC 8489 5 and IANA: the rows of the method table. */
static void types_are_woven_as_the_rfc_says(void **state)
{
	static const struct {
		enum stun_class class;
		uint16_t method;
		uint16_t type;
	} rows[] = {
		{STUN_REQUEST, STUN_BINDING, 0x0001},       {STUN_INDICATION, STUN_BINDING, 0x0011},
		{STUN_SUCCESS, STUN_BINDING, 0x0101},       {STUN_ERROR, STUN_BINDING, 0x0111},
		{STUN_REQUEST, STUN_ALLOCATE, 0x0003},      {STUN_ERROR, STUN_ALLOCATE, 0x0113},
		{STUN_INDICATION, STUN_SEND, 0x0016},       {STUN_INDICATION, STUN_DATA, 0x0017},
		{STUN_SUCCESS, STUN_CHANNEL_BIND, 0x0109},  {STUN_REQUEST, STUN_METHOD_MAX, 0x02ef},
		{STUN_INDICATION, STUN_METHOD_MAX, 0x02ff}, {STUN_SUCCESS, STUN_METHOD_MAX, 0x03ef},
		{STUN_ERROR, STUN_METHOD_MAX, 0x03ff},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[STUN_HEADER_LEN];
		struct stun_build b;
		struct stun_msg m;

		stun_build_begin(&b, buf, sizeof(buf), rows[i].class, rows[i].method, txid);
		assert_int_equal(stun_build_end(&b), STUN_HEADER_LEN);
		assert_int_equal(buf[0] << 8 | buf[1], rows[i].type);
		assert_int_equal(stun_msg_parse(&m, buf, sizeof(buf)), 0);
		assert_int_equal(m.class, rows[i].class);
		assert_int_equal(m.method, rows[i].method);
		assert_memory_equal(m.txid, txid, sizeof(txid));
	}
}

static size_t build_all(uint8_t *buf, size_t cap)
{
	struct adit_addr v6 = adit_addr_v6((const uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = 7}, 4711);
	struct adit_addr v4 = adit_addr_v4(192, 0, 2, 1, 80);
	struct stun_build b;
	int len;

	stun_build_begin(&b, buf, cap, STUN_ERROR, STUN_ALLOCATE, txid);
	stun_build_error(&b, 438, "Stale Nonce");
	stun_build_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &v6);
	stun_build_addr(&b, STUN_ATTR_MAPPED_ADDRESS, &v4);
	stun_build_flag(&b, STUN_ATTR_USE_CANDIDATE);
	stun_build_bytes(&b, STUN_ATTR_NONCE, "12345", 5);
	stun_build_integrity_sha1(&b, &crypto_gnutls, key, sizeof(key));
	stun_build_integrity_sha256(&b, &crypto_gnutls, key, sizeof(key));
	stun_build_fingerprint(&b);
	len = stun_build_end(&b);
	return len < 0 ? 0 : (size_t)len;
}

static void what_was_built_is_read_back(void **state)
{
	uint8_t buf[512];
	size_t len = build_all(buf, sizeof(buf));
	struct stun_attr a;
	struct stun_msg m;

	(void)state;
	assert_int_equal(stun_msg_parse(&m, buf, len), 0);
	assert_int_equal(m.class, STUN_ERROR);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, key, sizeof(key)), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key, sizeof(key)), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, "other", 5), ADIT_EAUTH);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_NONCE, &a), 0);
	assert_int_equal(a.len, 5);
	assert_memory_equal(a.value, "12345\0\0\0", 8);
}

static void a_buffer_that_is_too_small_is_reported_at_every_size(void **state)
{
	uint8_t buf[512];
	uint8_t small[512];
	size_t len = build_all(buf, sizeof(buf));

	(void)state;
	for (size_t cap = 0; cap < len; cap++) {
		memset(small, 0xee, sizeof(small));
		assert_int_equal(build_all(small, cap), 0);
		assert_int_equal(small[cap], 0xee);
	}
	assert_int_equal(build_all(small, len), len);
}

static void nothing_behind_the_integrity_counts(void **state)
{
	uint8_t buf[256];
	struct stun_attr a;
	struct stun_build b;
	struct stun_msg m;
	size_t pos = 0;
	int n = 0;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	stun_build_u32(&b, STUN_ATTR_PRIORITY, 1);
	stun_build_integrity_sha1(&b, &crypto_gnutls, key, sizeof(key));
	stun_build_u32(&b, STUN_ATTR_LIFETIME, 7); /* slipped in */
	stun_build_integrity_sha256(&b, &crypto_gnutls, key, sizeof(key));
	stun_build_bytes(&b, STUN_ATTR_USERNAME, "eve", 3);
	stun_build_integrity_sha1(&b, &crypto_gnutls, key, sizeof(key)); /* a second one */
	stun_build_fingerprint(&b);
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)stun_build_end(&b)), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_LIFETIME, &a), ADIT_ENOENT);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_USERNAME, &a), ADIT_ENOENT);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_PRIORITY, &a), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, key, sizeof(key)), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key, sizeof(key)), 0);
	while (stun_msg_next(&m, &pos, &a))
		n++;
	assert_int_equal(n, 4); /* priority, both integrities, fingerprint */
}

static void of_two_equal_attributes_the_first_counts(void **state)
{
	uint8_t buf[64];
	struct stun_attr a;
	struct stun_build b;
	struct stun_msg m;
	uint32_t v;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	stun_build_u32(&b, STUN_ATTR_PRIORITY, 1);
	stun_build_u32(&b, STUN_ATTR_PRIORITY, 2);
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)stun_build_end(&b)), 0);
	assert_int_equal(stun_msg_find(&m, STUN_ATTR_PRIORITY, &a), 0);
	assert_int_equal(stun_attr_read_u32(&a, &v), 0);
	assert_int_equal(v, 1);
}

static void unknown_required_attributes_are_listed_once(void **state)
{
	static const uint16_t known[] = {STUN_ATTR_PRIORITY};
	uint8_t buf[128];
	uint16_t types[4];
	struct stun_build b;
	struct stun_msg m;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	stun_build_u32(&b, STUN_ATTR_PRIORITY, 1);
	stun_build_u32(&b, 0x7abc, 1);
	stun_build_u32(&b, 0xfabc, 1); /* may be ignored */
	stun_build_u32(&b, 0x7abc, 2);
	stun_build_u32(&b, 0x0abc, 1);
	stun_build_integrity_sha256(&b, &crypto_gnutls, key, sizeof(key));
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)stun_build_end(&b)), 0);
	assert_int_equal(stun_msg_unknown(&m, known, ARRAY_LEN(known), types, ARRAY_LEN(types)), 2);
	assert_int_equal(types[0], 0x7abc);
	assert_int_equal(types[1], 0x0abc);
	assert_int_equal(stun_msg_unknown(&m, known, ARRAY_LEN(known), types, 1), 1);
}

static void nothing_may_follow_the_fingerprint(void **state)
{
	uint8_t buf[64];
	struct stun_build b;
	struct stun_msg m;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	stun_build_fingerprint(&b);
	stun_build_u32(&b, STUN_ATTR_PRIORITY, 1);
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)stun_build_end(&b)), ADIT_EPROTO);
}

/* RFC 8489 14.6 lets a usage allow it; none of ours does. */
static void a_truncated_sha256_does_not_verify(void **state)
{
	uint8_t buf[64];
	uint8_t mac[32];
	struct stun_build b;
	struct stun_msg m;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	buf[3] = 4 + 16;
	crypto_gnutls.hmac_sha256(key, sizeof(key), buf, STUN_HEADER_LEN, mac);
	stun_build_bytes(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, mac, 16);
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)stun_build_end(&b)), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key, sizeof(key)), ADIT_EAUTH);
}

static void integrity_of_impossible_length_is_malformed(void **state)
{
	static const struct {
		uint16_t type;
		size_t len;
	} bad[] = {
		{STUN_ATTR_MESSAGE_INTEGRITY, 16},        {STUN_ATTR_MESSAGE_INTEGRITY, 24},
		{STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 12}, {STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 18},
		{STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 36}, {STUN_ATTR_FINGERPRINT, 8},
	};
	static const uint8_t zeroes[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t buf[128];
		struct stun_build b;
		struct stun_msg m;

		stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
		stun_build_bytes(&b, bad[i].type, zeroes, bad[i].len);
		assert_int_equal(stun_msg_parse(&m, buf, (size_t)stun_build_end(&b)), ADIT_EPROTO);
	}
}

static void a_message_too_long_for_integrity_is_not_judged(void **state)
{
	static uint8_t buf[STUN_INTEGRITY_MSG_MAX + 200];
	static const uint8_t data[STUN_INTEGRITY_MSG_MAX];
	struct stun_build b;
	struct stun_msg m;

	(void)state;
	stun_build_begin(&b, buf, sizeof(buf), STUN_REQUEST, STUN_BINDING, txid);
	stun_build_bytes(&b, STUN_ATTR_PADDING, data, sizeof(data));
	stun_build_integrity_sha1(&b, &crypto_gnutls, key, sizeof(key));
	assert_int_equal(stun_msg_parse(&m, buf, (size_t)stun_build_end(&b)), 0);
	assert_int_equal(verify(&m, STUN_ATTR_MESSAGE_INTEGRITY, key, sizeof(key)), ADIT_EFULL);
}

static void what_is_not_stun_is_told_apart_by_its_first_bytes(void **state)
{
	uint8_t buf[STUN_HEADER_LEN] = {0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};

	(void)state;
	assert_true(stun_msg_is_stun(buf, sizeof(buf)));
	for (unsigned first = 4; first < 256; first++) {
		buf[0] = (uint8_t)first;
		assert_false(stun_msg_is_stun(buf, sizeof(buf)));
	}
	buf[0] = 0;
	buf[7] ^= 1;
	assert_false(stun_msg_is_stun(buf, sizeof(buf)));
}

static void a_stream_is_cut_into_messages(void **state)
{
	uint8_t buf[256];
	size_t len = from_hex(request_2_1, buf, sizeof(buf));

	(void)state;
	for (size_t have = 0; have < 8; have++)
		assert_int_equal(stun_msg_frame_len(buf, have), 0);
	assert_int_equal(stun_msg_frame_len(buf, 8), len);
	buf[4] ^= 1;
	assert_int_equal(stun_msg_frame_len(buf, len), ADIT_EPROTO);
	buf[0] = 0x40;
	assert_int_equal(stun_msg_frame_len(buf, 1), ADIT_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5769_short_term_messages_are_understood),
		cmocka_unit_test(rfc5769_request_has_the_attributes_it_is_said_to_have),
		cmocka_unit_test(rfc5769_responses_carry_the_mapped_addresses),
		cmocka_unit_test(rfc5769_long_term_request_verifies_under_the_md5_key),
		cmocka_unit_test(rfc8489_b1_is_refused_for_its_length),
		cmocka_unit_test(every_truncation_of_a_message_is_refused),
		cmocka_unit_test(no_truncation_with_a_fitting_length_verifies),
		cmocka_unit_test(one_wrong_bit_anywhere_costs_the_fingerprint),
		cmocka_unit_test(types_are_woven_as_the_rfc_says),
		cmocka_unit_test(what_was_built_is_read_back),
		cmocka_unit_test(a_buffer_that_is_too_small_is_reported_at_every_size),
		cmocka_unit_test(nothing_behind_the_integrity_counts),
		cmocka_unit_test(of_two_equal_attributes_the_first_counts),
		cmocka_unit_test(unknown_required_attributes_are_listed_once),
		cmocka_unit_test(nothing_may_follow_the_fingerprint),
		cmocka_unit_test(a_truncated_sha256_does_not_verify),
		cmocka_unit_test(integrity_of_impossible_length_is_malformed),
		cmocka_unit_test(a_message_too_long_for_integrity_is_not_judged),
		cmocka_unit_test(what_is_not_stun_is_told_apart_by_its_first_bytes),
		cmocka_unit_test(a_stream_is_cut_into_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
