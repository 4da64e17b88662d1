#include "test.h"

#include <string.h>

#include "core/stun/stun_timed.h"
#include "crypto/crypto.h"

/* printf USER | openssl dgst -sha1 -hmac SECRET -binary | base64 */
static void user_and_password_are_those_of_the_draft(void **state)
{
	char user[STUN_TIMED_USER_STRLEN];
	char pass[STUN_TIMED_PASS_STRLEN];

	(void)state;
	stun_timed_make(&crypto_gnutls, "north", 5, ADIT_SEC(1790001600) + ADIT_MS(999), "adit", user, pass);
	assert_string_equal(user, "1790001600:adit");
	assert_string_equal(pass, "vrtBiOQ5XIAda8A8bWDqPiZ1Qjo=");
}

static void a_name_that_is_too_long_is_cut(void **state)
{
	char user[STUN_TIMED_USER_STRLEN];
	char pass[STUN_TIMED_PASS_STRLEN];

	(void)state;
	stun_timed_make(&crypto_gnutls, "", 0, ADIT_SEC(1), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyyyy", user, pass);
	assert_string_equal(user, "1:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_string_equal(pass, "JWZBuJ2cnCVrj1RqYDs1fVOONL4=");
	stun_timed_make(&crypto_gnutls, "", 0, ADIT_NEVER, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", user, pass);
	assert_int_equal(strlen(pass), STUN_TIMED_PASS_STRLEN - 1);
}

static void only_a_time_that_is_past_is_over(void **state)
{
	(void)state;
	assert_false(stun_timed_is_over("1790001600:adit", ADIT_SEC(1790001600)));
	assert_true(stun_timed_is_over("1790001600:adit", ADIT_SEC(1790001601)));
	assert_true(stun_timed_is_over("1790001600", ADIT_SEC(1790001601)));
	/* Names that are names. */
	assert_false(stun_timed_is_over("ann", ADIT_SEC(1790001601)));
	assert_false(stun_timed_is_over("7:ann", ADIT_SEC(1790001601)));
	assert_false(stun_timed_is_over("1790001600ann", ADIT_SEC(1790001601)));
	assert_false(stun_timed_is_over("17900016001790001600:ann", ADIT_SEC(1790001601)));
	assert_false(stun_timed_is_over("", ADIT_SEC(1790001601)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_and_password_are_those_of_the_draft),
		cmocka_unit_test(a_name_that_is_too_long_is_cut),
		cmocka_unit_test(only_a_time_that_is_past_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
