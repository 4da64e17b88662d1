#include "test.h"

#include <string.h>

#include "lab/lab_neigh.h"

static struct lab_neigh table;
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

static void a_neighbour_is_asked_for_three_times_then_given_up(void **state)
{
	struct adit_addr a = adit_addr_v4(10, 0, 0, 1, 0);
	struct adit_addr who;
	uint8_t side;

	(void)state;
	lab_neigh_init(&table);
	assert_int_equal(lab_neigh_deadline(&table), ADIT_NEVER);
	assert_null(lab_neigh_use(&table, 5, 1, &a));
	for (unsigned i = 0; i < LAB_NEIGH_TRIES; i++) {
		adit_time at = 5 + i * LAB_NEIGH_RETRY;

		assert_int_equal(lab_neigh_deadline(&table), at);
		assert_int_equal(lab_neigh_next(&table, at, &side, &who), 1);
		assert_int_equal(side, 1);
		assert_true(adit_addr_eq(&who, &a));
		assert_int_equal(lab_neigh_next(&table, at, &side, &who), 0);
	}
	assert_int_equal(lab_neigh_next(&table, 5 + 3 * LAB_NEIGH_RETRY, &side, &who), -1);
	assert_int_equal(lab_neigh_next(&table, 5 + 3 * LAB_NEIGH_RETRY, &side, &who), 0);
	assert_int_equal(lab_neigh_deadline(&table), ADIT_NEVER);
}

static void a_known_one_is_asked_again_when_it_is_used_late(void **state)
{
	struct adit_addr a = adit_addr_v4(10, 0, 0, 1, 0);
	struct adit_addr who;
	uint8_t side;

	(void)state;
	lab_neigh_init(&table);
	assert_false(lab_neigh_learn(&table, 1, 0, &a, mac, false)); /* nobody wants to know */
	(void)lab_neigh_use(&table, 1, 0, &a);
	assert_true(lab_neigh_learn(&table, 2, 0, &a, mac, false));
	assert_memory_equal(lab_neigh_use(&table, 3, 0, &a), mac, 6);
	assert_int_equal(lab_neigh_next(&table, 3, &side, &who), 0);
	assert_memory_equal(lab_neigh_use(&table, 2 + LAB_NEIGH_FRESH, 0, &a), mac, 6);
	assert_int_equal(lab_neigh_next(&table, 2 + LAB_NEIGH_FRESH, &side, &who), 1);
	/* It is used on meanwhile. */
	assert_memory_equal(lab_neigh_use(&table, 2 + LAB_NEIGH_FRESH, 0, &a), mac, 6);
}

static void the_sides_know_nothing_of_each_other(void **state)
{
	struct adit_addr a = adit_addr_v4(10, 0, 0, 1, 0);

	(void)state;
	lab_neigh_init(&table);
	assert_false(lab_neigh_learn(&table, 1, 0, &a, mac, true));
	assert_non_null(lab_neigh_use(&table, 1, 0, &a));
	assert_null(lab_neigh_use(&table, 1, 1, &a));
}

static void a_full_table_forgets_who_was_used_longest_ago(void **state)
{
	struct adit_addr first = adit_addr_v4(10, 0, 0, 0, 0);

	(void)state;
	lab_neigh_init(&table);
	for (unsigned i = 0; i <= LAB_NEIGH_MAX; i++) {
		struct adit_addr a = adit_addr_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i, 0);

		(void)lab_neigh_learn(&table, 1 + i, 0, &a, mac, true);
		if (i < LAB_NEIGH_MAX)
			(void)lab_neigh_use(&table, 1 + i, 0, &a);
	}
	assert_null(lab_neigh_use(&table, 1000, 0, &first));
	first.ip[3] = 2;
	assert_non_null(lab_neigh_use(&table, 1000, 0, &first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_neighbour_is_asked_for_three_times_then_given_up),
		cmocka_unit_test(a_known_one_is_asked_again_when_it_is_used_late),
		cmocka_unit_test(the_sides_know_nothing_of_each_other),
		cmocka_unit_test(a_full_table_forgets_who_was_used_longest_ago),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
