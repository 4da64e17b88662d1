#include "test.h"

#include "core/stun/stun_cookie.h"
#include "core/stun/stun_limits.h"

static const uint8_t key[ADIT_SIPHASH_KEY_LEN] = {7};

static void a_cookie_lives_one_to_two_lives(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 0, 2, 1, 1000);
	adit_time start = 10 * STUN_COOKIE_LIFE;
	uint8_t c[STUN_COOKIE_LEN];

	(void)state;
	stun_cookie_make(key, start, STUN_COOKIE_IP_PORT, &a, c);
	assert_true(stun_cookie_is_good(key, start, STUN_COOKIE_IP_PORT, &a, c));
	assert_true(stun_cookie_is_good(key, start + 2 * STUN_COOKIE_LIFE - 1, STUN_COOKIE_IP_PORT, &a, c));
	assert_false(stun_cookie_is_good(key, start + 2 * STUN_COOKIE_LIFE, STUN_COOKIE_IP_PORT, &a, c));
	assert_false(stun_cookie_is_good(key, start - 1, STUN_COOKIE_IP_PORT, &a, c));
	stun_cookie_make(key, 0, STUN_COOKIE_IP, &a, c);
	assert_true(stun_cookie_is_good(key, 1, STUN_COOKIE_IP, &a, c));
}

static void a_cookie_is_good_for_its_address_scope_and_key_alone(void **state)
{
	static const uint8_t other_key[ADIT_SIPHASH_KEY_LEN] = {8};
	struct adit_addr a = adit_addr_v4(192, 0, 2, 1, 1000);
	struct adit_addr port = adit_addr_v4(192, 0, 2, 1, 1001);
	struct adit_addr ip = adit_addr_v4(192, 0, 2, 2, 1000);
	uint8_t both[STUN_COOKIE_LEN], one[STUN_COOKIE_LEN];

	(void)state;
	stun_cookie_make(key, 0, STUN_COOKIE_IP_PORT, &a, both);
	stun_cookie_make(key, 0, STUN_COOKIE_IP, &a, one);
	assert_false(stun_cookie_is_good(key, 0, STUN_COOKIE_IP_PORT, &port, both));
	assert_true(stun_cookie_is_good(key, 0, STUN_COOKIE_IP, &port, one));
	assert_false(stun_cookie_is_good(key, 0, STUN_COOKIE_IP, &ip, one));
	assert_false(stun_cookie_is_good(key, 0, STUN_COOKIE_IP_PORT, &a, one));
	assert_false(stun_cookie_is_good(other_key, 0, STUN_COOKIE_IP_PORT, &a, both));
	both[7] ^= 1;
	assert_false(stun_cookie_is_good(key, 0, STUN_COOKIE_IP_PORT, &a, both));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_lives_one_to_two_lives),
		cmocka_unit_test(a_cookie_is_good_for_its_address_scope_and_key_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
