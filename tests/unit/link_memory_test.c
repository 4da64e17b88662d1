/* What is kept of two networks for the next run. */
#include "test.h"

#include <string.h>

#include "link/link_memory.h"

static const struct link_memory sample = {
	.network = {.family = ADIT_FAMILY_V4, .ip = {203, 0, 113, 20}},
	.peer = {.family = ADIT_FAMILY_V4, .ip = {203, 0, 113, 10}},
	.age = {.kind = LINK_AGE_ENDS, .life = ADIT_SEC(60)},
	.lived = ADIT_SEC(105),
	.died = ADIT_SEC(120),
};

static void it_comes_back_as_it_was(void **state)
{
	char text[LINK_MEMORY_STRLEN];
	struct link_memory m;

	(void)state;
	assert_true(link_memory_format(&sample, text) > 0);
	assert_string_equal(text, "network=203.0.113.20 peer=203.0.113.10 age=ends life=60 lived=105 died=120");
	assert_int_equal(link_memory_parse(text, &m), 0);
	assert_true(link_memory_eq(&m, &sample));
}

static void ipv6_fits(void **state)
{
	struct link_memory m = sample;
	struct link_memory again;
	char text[LINK_MEMORY_STRLEN];

	(void)state;
	m.network = m.peer = (struct adit_addr){.family = ADIT_FAMILY_V6};
	memset(m.network.ip, 0xfd, sizeof(m.network.ip));
	memset(m.peer.ip, 0xee, sizeof(m.peer.ip));
	assert_true(link_memory_format(&m, text) > 0);
	assert_int_equal(link_memory_parse(text, &again), 0);
	assert_true(link_memory_eq(&m, &again));
}

static void words_that_a_later_version_adds_are_skipped(void **state)
{
	struct link_memory m;

	(void)state;
	assert_int_equal(link_memory_parse("colour=red network=192.0.2.1 peer=192.0.2.2 lived=30", &m), 0);
	assert_true(m.lived == ADIT_SEC(30));
	assert_int_equal(m.age.kind, LINK_AGE_UNKNOWN);
}

static void what_makes_no_sense_is_refused_whole(void **state)
{
	static const char *const bad[] = {
		"",
		"network=192.0.2.1",
		"peer=192.0.2.1 lived=30",
		"network=192.0.2.1 peer=192.0.2.2 lived=30 lived=30",
		"network=192.0.2.1 peer=192.0.2.2 ",
		"network=192.0.2.1  peer=192.0.2.2",
		"network=192.0.2.1 peer=192.0.2.2 lived=",
		"network=192.0.2.1 peer=192.0.2.2 lived=-1",
		"network=192.0.2.1 peer=192.0.2.2 lived=86401",
		"network=192.0.2.1 peer=192.0.2.2 lived=99999999999999999999999",
		"network=192.0.2.1:5 peer=192.0.2.2",
		"network=here peer=192.0.2.2",
		"network=192.0.2.1 peer=192.0.2.2 age=old",
		"network=192.0.2.1 peer=192.0.2.2 age=ends",
		"network=192.0.2.1 peer=192.0.2.2 lived=60 died=60",
		"network=192.0.2.1 peer=192.0.2.2 =60",
		"network=192.0.2.1 peer=192.0.2.2 lived",
	};
	struct link_memory m = sample;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(link_memory_parse(bad[i], &m), ADIT_EPROTO);
		assert_true(link_memory_eq(&m, &sample));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_back_as_it_was),
		cmocka_unit_test(ipv6_fits),
		cmocka_unit_test(words_that_a_later_version_adds_are_skipped),
		cmocka_unit_test(what_makes_no_sense_is_refused_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
