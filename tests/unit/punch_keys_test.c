#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "core/punch/punch_keys.h"
#include "crypto/crypto.h"

static void keys_of(struct punch_keys *k, uint8_t first)
{
	uint8_t secret[32] = {first};

	memset(k, 0, sizeof(*k)); /* padding too: whole structs are compared */
	punch_keys_init(k, &crypto_gnutls, secret);
}

static void both_sides_derive_the_same_and_others_do_not(void **state)
{
	struct punch_keys a = {0};
	struct punch_keys b = {0};
	struct punch_keys c;

	(void)state;
	keys_of(&a, 1);
	keys_of(&b, 1);
	keys_of(&c, 2);
	assert_memory_equal(&a, &b, sizeof(a));
	for (int role = 0; role < 2; role++) {
		assert_string_not_equal(a.ufrag[role], c.ufrag[role]);
		assert_string_not_equal(a.pwd[role], c.pwd[role]);
	}
	assert_string_not_equal(a.ufrag[0], a.ufrag[1]);
	assert_string_not_equal(a.pwd[0], a.pwd[1]);
}

static void credentials_have_the_length_and_characters_of_ice(void **state)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct punch_keys k;

	(void)state;
	keys_of(&k, 3);
	for (int role = 0; role < 2; role++) {
		assert_int_equal(strlen(k.ufrag[role]), PUNCH_UFRAG_LEN);
		assert_int_equal(strlen(k.pwd[role]), PUNCH_PWD_LEN);
		assert_int_equal(strspn(k.ufrag[role], chars), PUNCH_UFRAG_LEN);
		assert_int_equal(strspn(k.pwd[role], chars), PUNCH_PWD_LEN);
	}
}

/* What one release derives the next must derive too, or they never meet. */
static void the_derivation_does_not_change(void **state)
{
	struct punch_keys k;
	uint16_t port[2];

	(void)state;
	keys_of(&k, 1);
	punch_keys_ports(&k, PUNCH_STEADY, 0, 0, port);
	assert_string_equal(k.ufrag[PUNCH_SERVE], "6T27qrAJ");
	assert_string_equal(k.pwd[PUNCH_CONNECT], "Zf+D7RfT8jBXVRuLboniPQm8DtYOeJQq");
	assert_int_equal(port[PUNCH_SERVE], 22728);
	assert_int_equal(port[PUNCH_CONNECT], 32080);
}

static void ports_are_in_range_and_differ_from_pair_to_pair(void **state)
{
	struct punch_keys k;
	unsigned same = 0;
	uint16_t last[2] = {0, 0};

	(void)state;
	keys_of(&k, 1);
	for (unsigned slot = 0; slot < 50; slot++) {
		for (uint16_t index = 0; index < 4; index++) {
			uint16_t port[2];

			punch_keys_ports(&k, PUNCH_MID, slot, index, port);
			for (int role = 0; role < 2; role++) {
				assert_in_range(port[role], PUNCH_PORT_MIN, PUNCH_PORT_MIN + PUNCH_PORT_COUNT - 1);
				same += port[role] == last[role];
				last[role] = port[role];
			}
		}
	}
	assert_true(same <= 1);
}

static void families_are_shifted_differently_and_within_a_slot(void **state)
{
	struct punch_keys k;

	(void)state;
	keys_of(&k, 1);
	for (int f = 0; f < PUNCH_FAMILIES; f++)
		assert_true(punch_keys_phase(&k, (enum punch_family)f, ADIT_SEC(4)) < ADIT_SEC(4));
	assert_true(punch_keys_phase(&k, PUNCH_NEAR, ADIT_SEC(4)) != punch_keys_phase(&k, PUNCH_MID, ADIT_SEC(4)));
}

static void a_wiped_key_is_zero(void **state)
{
	static const struct punch_keys zero;
	struct punch_keys k;

	(void)state;
	keys_of(&k, 1);
	punch_keys_wipe(&k);
	assert_memory_equal(&k, &zero, sizeof(k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_derive_the_same_and_others_do_not),
		cmocka_unit_test(credentials_have_the_length_and_characters_of_ice),
		cmocka_unit_test(the_derivation_does_not_change),
		cmocka_unit_test(ports_are_in_range_and_differ_from_pair_to_pair),
		cmocka_unit_test(families_are_shifted_differently_and_within_a_slot),
		cmocka_unit_test(a_wiped_key_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
