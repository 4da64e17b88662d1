#include "test.h"

#include <stdio.h>
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

/* One question, one answer, however the address is dressed (RFC 4291 2.5.5.2). */
static void a_mapped_address_is_what_its_ipv4_address_is(void **state)
{
	static const char *const v4[] = {"127.0.0.1",  "10.1.2.3",    "172.16.0.1",      "192.168.0.1",
					 "100.64.0.1", "169.254.1.1", "239.255.255.250", "255.255.255.255",
					 "0.0.0.0",    "192.0.2.1",   "8.8.8.8"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v4); i++) {
		char text[32];
		struct adit_addr a;
		struct adit_addr b;

		assert_int_equal(adit_addr_parse(v4[i], strlen(v4[i]), &a), 0);
		snprintf(text, sizeof(text), "::ffff:%s", v4[i]);
		assert_int_equal(adit_addr_parse(text, strlen(text), &b), 0);
		assert_true(adit_addr_is_v6(&b));
		assert_false(adit_addr_eq_ip(&a, &b));
		assert_int_equal(adit_addr_is_loopback(&a), adit_addr_is_loopback(&b));
		assert_int_equal(adit_addr_is_private(&a), adit_addr_is_private(&b));
		assert_int_equal(adit_addr_is_link_local(&a), adit_addr_is_link_local(&b));
		assert_int_equal(adit_addr_is_multicast(&a), adit_addr_is_multicast(&b));
		assert_int_equal(adit_addr_is_any(&a), adit_addr_is_any(&b));
	}
}

static void each_address_is_of_one_kind(void **state)
{
	static const struct {
		const char *text;
		const char *kinds; /* of "lpkmax": loopback, private, link-local, multicast, any, nobody's */
	} cases[] = {
		{"127.255.0.1", "l"},      {"128.0.0.1", ""},        {"::1", "l"},       {"::2", ""},
		{"10.255.255.255", "p"},   {"11.0.0.0", ""},         {"172.15.0.1", ""}, {"172.16.0.1", "p"},
		{"192.167.0.1", ""},       {"192.168.255.255", "p"}, {"100.63.0.1", ""}, {"100.127.0.1", "p"},
		{"fc00::1", "p"},          {"fdff::1", "p"},         {"fe00::1", ""},    {"169.254.9.9", "k"},
		{"169.255.0.1", ""},       {"fe80::1", "k"},         {"febf::1", "k"},   {"fec0::1", ""},
		{"223.255.255.255", ""},   {"224.0.0.1", "m"},       {"239.0.0.1", "m"}, {"240.0.0.1", "x"},
		{"255.255.255.255", "m"},  {"ff02::1", "m"},         {"0.0.0.0", "a"},   {"::", "a"},
		{"::ffff:127.0.0.1", "l"}, {"2001:db8::1", ""},      {"0.0.0.1", "x"},   {"254.0.0.1", "x"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *kinds = cases[i].kinds;
		struct adit_addr a;

		assert_int_equal(adit_addr_parse(cases[i].text, strlen(cases[i].text), &a), 0);
		assert_int_equal(adit_addr_is_loopback(&a), strchr(kinds, 'l') != NULL);
		assert_int_equal(adit_addr_is_private(&a), strchr(kinds, 'p') != NULL);
		assert_int_equal(adit_addr_is_link_local(&a), strchr(kinds, 'k') != NULL);
		assert_int_equal(adit_addr_is_multicast(&a), strchr(kinds, 'm') != NULL);
		assert_int_equal(adit_addr_is_any(&a), strchr(kinds, 'a') != NULL);
		assert_int_equal(adit_addr_is_public(&a), kinds[0] == '\0');
	}
}

/* inet_aton() reads 010 as eight; we and it must not mean different hosts (RFC 6943 3.1.1). */
static void numbers_have_no_zeroes_in_front(void **state)
{
	static const char *const bad[] = {"010.0.0.1",   "1.2.3.04",   "1.2.3.00",
					  "1.2.3.4:080", "[::1]:0080", "::ffff:1.2.3.04"};
	struct adit_addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(adit_addr_parse(bad[i], strlen(bad[i]), &a), ADIT_EINVAL);
	assert_int_equal(adit_addr_parse("0.0.0.0", 7, &a), 0);
	assert_int_equal(adit_addr_parse(NULL, 0, &a), ADIT_EINVAL);
}

static void a_zone_is_shown_and_no_zone_is_read(void **state)
{
	static const uint8_t ip[16] = {0xfe, 0x80, [15] = 1};
	struct adit_addr a = adit_addr_v6(ip, 80);
	struct adit_addr longest = {.scope = UINT32_MAX, .port = 65535, .family = ADIT_FAMILY_V6};
	struct adit_addr none = {0};
	char buf[ADIT_ADDR_STRLEN];

	(void)state;
	a.scope = 7;
	assert_string_equal(adit_addr_format(&a, buf), "[fe80::1%7]:80");
	a.port = 0;
	assert_string_equal(adit_addr_format(&a, buf), "fe80::1%7");
	assert_int_equal(adit_addr_parse("fe80::1%7", 9, &a), ADIT_EINVAL);
	memset(longest.ip, 0xff, sizeof(longest.ip));
	assert_string_equal(adit_addr_format(&longest, buf),
			    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
	assert_string_equal(adit_addr_format(&none, buf), "-");
}

static void equal_means_every_part(void **state)
{
	struct adit_addr a = adit_addr_v4(192, 0, 2, 1, 80);
	struct adit_addr b = adit_addr_with_port(a, 81);

	(void)state;
	assert_false(adit_addr_eq(&a, &b));
	assert_true(adit_addr_eq_ip(&a, &b));
	b = a;
	assert_true(adit_addr_eq(&a, &b));
	b.family = ADIT_FAMILY_V6;
	assert_false(adit_addr_eq(&a, &b));
	b = a;
	b.scope = 1;
	assert_false(adit_addr_eq(&a, &b));
	b = a;
	b.ip[3] = 2;
	assert_false(adit_addr_eq_ip(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_text),
		cmocka_unit_test(other_spellings_are_understood),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(ranges_follow_their_rfcs),
		cmocka_unit_test(a_mapped_address_is_what_its_ipv4_address_is),
		cmocka_unit_test(each_address_is_of_one_kind),
		cmocka_unit_test(numbers_have_no_zeroes_in_front),
		cmocka_unit_test(a_zone_is_shown_and_no_zone_is_read),
		cmocka_unit_test(equal_means_every_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
