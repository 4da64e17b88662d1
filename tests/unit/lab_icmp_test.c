#include "test.h"

#include "base/bytes.h"
#include "lab/lab_icmp.h"

static void numbers_are_those_of_the_family(void **state)
{
	uint8_t type;
	uint8_t code;

	(void)state;
	lab_icmp_number(LAB_ICMP_TIME_EXCEEDED, ADIT_FAMILY_V4, &type, &code);
	assert_int_equal(type << 8 | code, 11 << 8 | 0);
	lab_icmp_number(LAB_ICMP_TIME_EXCEEDED, ADIT_FAMILY_V6, &type, &code);
	assert_int_equal(type << 8 | code, 3 << 8 | 0);
	lab_icmp_number(LAB_ICMP_PORT_UNREACHABLE, ADIT_FAMILY_V4, &type, &code);
	assert_int_equal(type << 8 | code, 3 << 8 | 3);
	lab_icmp_number(LAB_ICMP_PORT_UNREACHABLE, ADIT_FAMILY_V6, &type, &code);
	assert_int_equal(type << 8 | code, 1 << 8 | 4);
}

static void six_at_once_then_one_a_second(void **state)
{
	struct adit_addr to = adit_addr_v4(192, 0, 2, 9, 0);
	struct lab_icmp_limit l = {0};
	unsigned sent = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		sent += lab_icmp_allow(&l, 5, 0, &to);
	assert_int_equal(sent, 6);
	assert_false(lab_icmp_allow(&l, 4 + ADIT_SEC(1), 0, &to));
	assert_true(lab_icmp_allow(&l, 5 + ADIT_SEC(1), 0, &to));
	assert_false(lab_icmp_allow(&l, 5 + ADIT_SEC(1), 0, &to));
	/* After a pause, six again. */
	sent = 0;
	for (int i = 0; i < 10; i++)
		sent += lab_icmp_allow(&l, ADIT_SEC(60), 0, &to);
	assert_int_equal(sent, 6);
}

static void one_destination_does_not_use_up_anothers(void **state)
{
	struct adit_addr to = adit_addr_v4(192, 0, 2, 0, 0);
	struct lab_icmp_limit l = {0};

	(void)state;
	for (unsigned host = 0; host < LAB_ICMP_SLOTS; host++) {
		to.ip[3] = (uint8_t)host;
		for (int i = 0; i < 6; i++)
			assert_true(lab_icmp_allow(&l, 0, 0, &to));
		assert_false(lab_icmp_allow(&l, 0, 0, &to));
	}
	/* Another router has a limit of its own. */
	assert_true(lab_icmp_allow(&l, 0, 1, &to));
}

static void the_port_does_not_matter(void **state)
{
	struct lab_icmp_limit l = {0};

	(void)state;
	for (uint16_t port = 1; port <= 6; port++)
		assert_true(lab_icmp_allow(&l, 0, 0, &(struct adit_addr){.ip = {1}, .port = port, .family = 4}));
	assert_false(lab_icmp_allow(&l, 0, 0, &(struct adit_addr){.ip = {1}, .port = 9, .family = 4}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_the_family),
		cmocka_unit_test(six_at_once_then_one_a_second),
		cmocka_unit_test(one_destination_does_not_use_up_anothers),
		cmocka_unit_test(the_port_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
