#include "test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <adit/adit.h>
#include <adit/ticket.h>

#include "api/api_int.h"
#include "base/bytes.h"
#include "io/io_clock.h"

static void addresses_go_in_and_out_as_text(void **state)
{
	static const char *const texts[] = {"192.0.2.1:80", "192.0.2.1", "[2001:db8::1]:65535", "::1"};
	struct sockaddr_storage ss;
	char buf[ADIT_ADDRESS_STRLEN];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int len = adit_address_parse(texts[i], &ss);

		assert_int_equal(len, i < 2 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_string_equal(adit_address_format(&ss, buf), texts[i]);
	}
	assert_int_equal(adit_address_parse("localhost", &ss), ADIT_EINVAL);
	assert_int_equal(adit_address_parse("192.0.2.1:70000", &ss), ADIT_EINVAL);
	memset(&ss, 0, sizeof(ss));
	assert_string_equal(adit_address_format(&ss, buf), "-");
}

static void a_deadline_becomes_a_time_out_that_is_never_short(void **state)
{
	(void)state;
	assert_int_equal(adit_timeout_ms(ADIT_NO_DEADLINE), -1);
	assert_int_equal(adit_timeout_ms(0), 0);
	assert_int_equal(adit_timeout_ms(io_clock_now()), 0);
	assert_in_range(adit_timeout_ms(io_clock_now() + ADIT_MS(500)), 400, 500);
	assert_int_equal(adit_timeout_ms(io_clock_now() + ADIT_US(900) + ADIT_SEC(3600) * 24 * 365), INT32_MAX);
}

static void stun_is_told_apart_from_data(void **state)
{
	static const uint8_t binding[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};

	(void)state;
	assert_true(adit_is_stun(binding, sizeof(binding)));
	assert_false(adit_is_stun(binding, sizeof(binding) - 1));
	assert_false(adit_is_stun("hello", 5));
	assert_false(adit_is_stun(NULL, 0));
}

struct small {
	size_t size;
	uint64_t one;
};

struct large {
	size_t size;
	uint64_t one;
	uint64_t two;
};

static void an_older_callers_configuration_is_smaller_and_a_newer_ones_may_not_ask_for_more(void **state)
{
	struct small old = {.size = sizeof(old), .one = 1};
	struct large new = {.size = sizeof(new), .one = 1};
	struct large have = {.two = 7};
	struct small have_old;

	(void)state;
	assert_int_equal(api_config_copy(&have, sizeof(have), sizeof(old), &old), 0);
	assert_int_equal(have.one, 1);
	assert_int_equal(have.two, 0);
	assert_int_equal(api_config_copy(&have_old, sizeof(have_old), sizeof(old), &new), 0);
	new.two = 1;
	assert_int_equal(api_config_copy(&have_old, sizeof(have_old), sizeof(old), &new), ADIT_EINVAL);
	old.size = sizeof(size_t);
	assert_int_equal(api_config_copy(&have, sizeof(have), sizeof(old), &old), ADIT_EINVAL);
	assert_int_equal(api_config_copy(&have, sizeof(have), sizeof(old), NULL), ADIT_EINVAL);
}

static void a_sockaddr_is_read_with_its_length(void **state)
{
	struct sockaddr_in6 s6 = {.sin6_family = AF_INET6, .sin6_port = 1};
	struct sockaddr other = {.sa_family = AF_UNIX};
	struct adit_addr a;

	(void)state;
	assert_int_equal(api_address_from((struct sockaddr *)&s6, sizeof(s6), &a), 0);
	assert_int_equal(api_address_from((struct sockaddr *)&s6, sizeof(struct sockaddr_in), &a), ADIT_EINVAL);
	assert_int_equal(api_address_from(&other, sizeof(other), &a), ADIT_EINVAL);
	assert_int_equal(api_address_from((struct sockaddr *)&s6, 1, &a), ADIT_EINVAL);
	assert_int_equal(api_address_from(NULL, 0, &a), ADIT_EINVAL);
}

static void the_version_is_the_headers(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", ADIT_VERSION_MAJOR, ADIT_VERSION_MINOR, ADIT_VERSION_PATCH);
	assert_string_equal(adit_version(), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_go_in_and_out_as_text),
		cmocka_unit_test(a_deadline_becomes_a_time_out_that_is_never_short),
		cmocka_unit_test(stun_is_told_apart_from_data),
		cmocka_unit_test(an_older_callers_configuration_is_smaller_and_a_newer_ones_may_not_ask_for_more),
		cmocka_unit_test(a_sockaddr_is_read_with_its_length),
		cmocka_unit_test(the_version_is_the_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
