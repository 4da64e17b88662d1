#include "test.h"

#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"

static void addresses_survive_text(void **state)
{
	/* RFC 5952 forms; what goes in comes out. */
	static const char *const same[] = {
		"192.0.2.1",        "192.0.2.1:80", "255.255.255.255:65535", "::",   "::1",
		"[2001:db8::1]:22", "2001:db8::1",  "1:2:3:4:5:6:7:8",       "1::8", "fe80::1:2:3:4",
		"2001:0:0:1::1",    "[::]:1",       "1:2:3:4:5:6:7:0",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct adit_addr a;
		char buf[ADIT_ADDR_STRLEN];

		assert_int_equal(adit_addr_parse(same[i], strlen(same[i]), &a), 0);
		assert_string_equal(adit_addr_format(&a, buf), same[i]);
	}
}

static void other_spellings_are_understood(void **state)
{
	static const char *const pairs[][2] = {
		{"[::1]", "::1"},
		{"0:0:0:0:0:0:0:1", "::1"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"::ffff:192.0.2.1", "::ffff:c000:201"},
		{"1:0:0:0:0:0:0:0", "1::"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct adit_addr a;
		char buf[ADIT_ADDR_STRLEN];

		assert_int_equal(adit_addr_parse(pairs[i][0], strlen(pairs[i][0]), &a), 0);
		assert_string_equal(adit_addr_format(&a, buf), pairs[i][1]);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.4:",
		"1.2.3.4:0",
		"1.2.3.4:65536",
		"1.2.3.4:80x",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"[::1",
		"[::1]80",
		"[1.2.3.4]:80",
		"12345::",
		"::1:",
		"g::",
		"1.2.3.4 ",
		"host",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct adit_addr a;

		assert_int_equal(adit_addr_parse(bad[i], strlen(bad[i]), &a), ADIT_EINVAL);
	}
}

static void ranges_follow_their_rfcs(void **state)
{
	struct adit_addr a = adit_addr_v4(100, 64, 0, 1, 0);
	struct adit_addr b = adit_addr_v4(100, 128, 0, 1, 0);
	struct adit_addr c = adit_addr_v4(172, 31, 255, 255, 0);
	struct adit_addr d = adit_addr_v4(172, 32, 0, 0, 0);
	struct adit_addr e = adit_addr_v4(203, 0, 113, 1, 0);

	(void)state;
	assert_true(adit_addr_is_private(&a));
	assert_false(adit_addr_is_private(&b));
	assert_true(adit_addr_is_private(&c));
	assert_false(adit_addr_is_private(&d));
	assert_false(adit_addr_is_private(&e));
	assert_false(adit_addr_is_loopback(&e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_text),
		cmocka_unit_test(other_spellings_are_understood),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(ranges_follow_their_rfcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
