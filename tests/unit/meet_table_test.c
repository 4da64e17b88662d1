#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "core/meet/meet_table.h"

static const uint8_t key[ADIT_SIPHASH_KEY_LEN] = {3};

static void make_id(unsigned n, uint8_t id[MEET_ID_LEN])
{
	memset(id, 0, MEET_ID_LEN);
	memcpy(id, &n, sizeof(n));
}

/* The table against a plain array, through growth, in random order. */
static void it_holds_what_was_put_in_and_not_deleted(void **state)
{
	enum { IDS = 600 };
	struct adit_rng_seeded seeded;
	struct adit_rng rng = adit_rng_seeded_init(&seeded, 5);
	bool in[IDS] = {false};
	uint8_t id[MEET_ID_LEN];
	struct meet_table t;
	size_t used = 0;

	(void)state;
	meet_table_init(&t, calloc(16, sizeof(struct meet_peer)), 16, key);
	for (unsigned step = 0; step < 60000; step++) {
		unsigned n = (unsigned)adit_rng_below(&rng, IDS);
		struct meet_peer *p;
		size_t wants = meet_table_wants(&t);

		if (wants)
			free(meet_table_move(&t, calloc(wants, sizeof(struct meet_peer)), wants));
		make_id(n, id);
		p = meet_table_find(&t, id);
		assert_int_equal(p != NULL, in[n]);
		if (p)
			assert_int_equal(p->port, (uint16_t)n);
		if (step % 20000 < 10000 ? adit_rng_below(&rng, 4) > 0 : adit_rng_below(&rng, 4) == 0) {
			p = meet_table_put(&t, id, 7);
			assert_non_null(p);
			p->port = (uint16_t)n;
			used += !in[n];
			in[n] = true;
		} else if (p) {
			meet_table_del(&t, p);
			used--;
			in[n] = false;
		}
		assert_int_equal(t.used, used);
	}
	assert_true(t.n_slots > 512);
	free(t.slots);
}

static void a_table_that_cannot_grow_refuses_and_keeps_what_it_has(void **state)
{
	struct meet_peer slots[32];
	uint8_t id[MEET_ID_LEN];
	struct meet_table t;
	unsigned taken = 0;

	(void)state;
	memset(slots, 0, sizeof(slots));
	meet_table_init(&t, slots, 32, key);
	for (unsigned n = 0; n < 100; n++) {
		make_id(n, id);
		taken += meet_table_put(&t, id, 1) != NULL;
	}
	assert_int_equal(taken, 28);
	for (unsigned n = 0; n < 28; n++) {
		make_id(n, id);
		assert_non_null(meet_table_find(&t, id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_was_put_in_and_not_deleted),
		cmocka_unit_test(a_table_that_cannot_grow_refuses_and_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
