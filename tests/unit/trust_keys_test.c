#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/trust/trust_keys.h"
#include "crypto/crypto.h"

static struct trust_ticket sample(void)
{
	struct trust_ticket t = {.secret_id = {1, 2, 3, 4}};

	for (size_t i = 0; i < sizeof(t.identity); i++)
		t.identity[i] = (uint8_t)i;
	memset(t.secret, 0xa5, sizeof(t.secret));
	return t;
}

/* Computed with another implementation of HMAC and HKDF: peers of other versions rely on each of these. */
static void known_secrets_and_proofs_stay(void **state)
{
	static const uint8_t want_ticket[32] = {0x57, 0xfc, 0x93, 0x00, 0xb7, 0xbd, 0x88, 0x20, 0x4e, 0x47, 0x39,
						0xcf, 0xaf, 0x88, 0xf4, 0x95, 0xb8, 0x78, 0x32, 0x05, 0x91, 0x8b,
						0x24, 0xa7, 0xb9, 0x39, 0xe6, 0x38, 0x3d, 0xd0, 0xe0, 0x32};
	static const uint8_t want_shared[32] = {0x80, 0x4a, 0x6e, 0x3d, 0x67, 0x2e, 0x9e, 0x06, 0x9b, 0x69, 0xd2,
						0xa5, 0x05, 0xf8, 0xa4, 0x18, 0x5d, 0xeb, 0xd2, 0x71, 0x30, 0x3e,
						0x36, 0x5b, 0xa0, 0xb2, 0xc4, 0x64, 0x41, 0x35, 0x33, 0xdd};
	static const uint8_t want_proof[32] = {0xe6, 0x9e, 0x2a, 0xf4, 0x4f, 0x8d, 0x83, 0x6b, 0x69, 0x0c, 0xfd,
					       0x88, 0xae, 0x40, 0x95, 0x29, 0x8f, 0x71, 0x01, 0x2d, 0xc0, 0x8c,
					       0xf0, 0x77, 0x87, 0x20, 0x95, 0x3c, 0x09, 0xb9, 0xc8, 0xde};
	struct trust_ticket t = sample();
	uint8_t shared[32];
	uint8_t serve_key[32];
	uint8_t connect_key[32];
	uint8_t exporter[32];
	uint8_t out[32];

	(void)state;
	trust_keys_from_ticket(&crypto_gnutls, &t, out);
	assert_memory_equal(out, want_ticket, 32);
	memset(shared, 0x11, 32);
	memset(serve_key, 0x22, 32);
	memset(connect_key, 0x33, 32);
	trust_keys_from_shared(&crypto_gnutls, shared, serve_key, connect_key, out);
	assert_memory_equal(out, want_shared, 32);
	memset(exporter, 0x44, 32);
	trust_keys_proof(&crypto_gnutls, want_ticket, TRUST_ROLE_CONNECT, exporter, out);
	assert_memory_equal(out, want_proof, 32);
	assert_true(trust_keys_is_proof(&crypto_gnutls, want_ticket, TRUST_ROLE_CONNECT, exporter, want_proof));
}

/* Each bit of identity, secret id and secret. */
static void every_part_of_a_ticket_changes_its_secret(void **state)
{
	struct trust_ticket t = sample();
	uint8_t k[32];
	uint8_t other[32];
	uint8_t *const parts[] = {t.identity, t.secret_id, t.secret};
	const size_t lens[] = {sizeof(t.identity), sizeof(t.secret_id), sizeof(t.secret)};

	(void)state;
	trust_keys_from_ticket(&crypto_gnutls, &t, k);
	for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
		for (size_t bit = 0; bit < 8 * lens[p]; bit++) {
			parts[p][bit / 8] ^= (uint8_t)(1u << bit % 8);
			trust_keys_from_ticket(&crypto_gnutls, &t, other);
			assert_memory_not_equal(k, other, 32);
			parts[p][bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	/* Hints are advice: they may be edited without making it another ticket. */
	t.hints_len = 2;
	trust_keys_from_ticket(&crypto_gnutls, &t, other);
	assert_memory_equal(k, other, 32);
}

static void the_two_sides_of_a_key_pair_are_not_alike(void **state)
{
	static const uint8_t shared[32] = {1};
	static const uint8_t a[32] = {2};
	static const uint8_t b[32] = {3};
	uint8_t ab[32];
	uint8_t ba[32];

	(void)state;
	trust_keys_from_shared(&crypto_gnutls, shared, a, b, ab);
	trust_keys_from_shared(&crypto_gnutls, shared, b, a, ba);
	assert_memory_not_equal(ab, ba, 32);
}

static void a_proof_is_good_for_one_key_role_and_session(void **state)
{
	uint8_t k[32] = {1};
	uint8_t exporter[32] = {2};
	uint8_t proof[32];

	(void)state;
	trust_keys_proof(&crypto_gnutls, k, TRUST_ROLE_SERVE, exporter, proof);
	assert_true(trust_keys_is_proof(&crypto_gnutls, k, TRUST_ROLE_SERVE, exporter, proof));
	assert_false(trust_keys_is_proof(&crypto_gnutls, k, TRUST_ROLE_CONNECT, exporter, proof));
	for (size_t i = 0; i < 32; i++) {
		exporter[i] ^= 1;
		assert_false(trust_keys_is_proof(&crypto_gnutls, k, TRUST_ROLE_SERVE, exporter, proof));
		exporter[i] ^= 1;
		k[i] ^= 1;
		assert_false(trust_keys_is_proof(&crypto_gnutls, k, TRUST_ROLE_SERVE, exporter, proof));
		k[i] ^= 1;
		proof[i] ^= 1;
		assert_false(trust_keys_is_proof(&crypto_gnutls, k, TRUST_ROLE_SERVE, exporter, proof));
		proof[i] ^= 1;
	}
}

static void each_label_gives_its_own_key(void **state)
{
	static const uint8_t k[32] = {1};
	uint8_t a[48];
	uint8_t b[48];

	(void)state;
	trust_keys_derive(&crypto_gnutls, k, "one", a, sizeof(a));
	trust_keys_derive(&crypto_gnutls, k, "two", b, sizeof(b));
	assert_memory_not_equal(a, b, 32);
	trust_keys_derive(&crypto_gnutls, k, "one", b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_secrets_and_proofs_stay),
		cmocka_unit_test(every_part_of_a_ticket_changes_its_secret),
		cmocka_unit_test(the_two_sides_of_a_key_pair_are_not_alike),
		cmocka_unit_test(a_proof_is_good_for_one_key_role_and_session),
		cmocka_unit_test(each_label_gives_its_own_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
