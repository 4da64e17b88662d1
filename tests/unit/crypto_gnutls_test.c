#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

static void hmac_sha1_matches_rfc2202(void **state)
{
	/* Test case 2. */
	static const uint8_t want[20] = {0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
					 0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79};
	static const char text[] = "what do ya want for nothing?";
	uint8_t mac[20];

	(void)state;
	crypto_gnutls.hmac_sha1((const uint8_t *)"Jefe", 4, text, sizeof(text) - 1, mac);
	assert_memory_equal(mac, want, sizeof(want));
}

static void hmac_sha256_matches_rfc4231(void **state)
{
	/* Test case 2, and test case 6 with a key longer than a block. */
	static const uint8_t want2[32] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
					  0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
					  0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
	static const uint8_t want6[32] = {0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f, 0x0d, 0x8a, 0x26,
					  0xaa, 0xcb, 0xf5, 0xb7, 0x7f, 0x8e, 0x0b, 0xc6, 0x21, 0x37, 0x28,
					  0xc5, 0x14, 0x05, 0x46, 0x04, 0x0f, 0x0e, 0xe3, 0x7f, 0x54};
	static const char text2[] = "what do ya want for nothing?";
	static const char text6[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131];
	uint8_t mac[32];

	(void)state;
	crypto_gnutls.hmac_sha256((const uint8_t *)"Jefe", 4, text2, sizeof(text2) - 1, mac);
	assert_memory_equal(mac, want2, sizeof(want2));
	memset(key, 0xaa, sizeof(key));
	crypto_gnutls.hmac_sha256(key, sizeof(key), text6, sizeof(text6) - 1, mac);
	assert_memory_equal(mac, want6, sizeof(want6));
}

static void sha256_matches_fips180(void **state)
{
	static const uint8_t want[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
					 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
					 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	static const uint8_t want_empty[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
					       0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
					       0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
	uint8_t hash[32];

	(void)state;
	crypto_gnutls.sha256("abc", 3, hash);
	assert_memory_equal(hash, want, sizeof(want));
	crypto_gnutls.sha256(NULL, 0, hash);
	assert_memory_equal(hash, want_empty, sizeof(want_empty));
}

/* A.3: no salt, no info. */
static void hkdf_matches_rfc5869(void **state)
{
	static const uint8_t want[42] = {0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80,
					 0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1,
					 0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d, 0x9d,
					 0x20, 0x13, 0x95, 0xfa, 0xa4, 0xb6, 0x1a, 0x96, 0xc8};
	uint8_t ikm[22];
	uint8_t out[42];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	crypto_gnutls.hkdf_sha256(ikm, sizeof(ikm), NULL, 0, out, sizeof(out));
	assert_memory_equal(out, want, sizeof(want));
}

static void another_info_gives_another_key(void **state)
{
	static const uint8_t ikm[32] = {1};
	uint8_t a[255 * 32];
	uint8_t b[32];

	(void)state;
	crypto_gnutls.hkdf_sha256(ikm, sizeof(ikm), "one", 3, a, sizeof(a));
	crypto_gnutls.hkdf_sha256(ikm, sizeof(ikm), "two", 3, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(b));
	crypto_gnutls.hkdf_sha256(ikm, sizeof(ikm), "one", 3, b, sizeof(b));
	assert_memory_equal(a, b, sizeof(b));
}

static void the_rng_does_not_repeat_itself(void **state)
{
	struct adit_rng rng = crypto_rng();
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	adit_rng_fill(&rng, a, sizeof(a));
	adit_rng_fill(&rng, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, (uint8_t[32]){0}, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_sha1_matches_rfc2202),      cmocka_unit_test(hmac_sha256_matches_rfc4231),
		cmocka_unit_test(sha256_matches_fips180),         cmocka_unit_test(hkdf_matches_rfc5869),
		cmocka_unit_test(another_info_gives_another_key), cmocka_unit_test(the_rng_does_not_repeat_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
