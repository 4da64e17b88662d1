/*
 * The hash table keeps its order when it grows; every allocation of a NAT made to fail once, and its tables bounded.
 */
#include "oom.h"

#include "lab_zoo_rig.h"

#include "base/list.h"
#include "lab/lab_zoo_hash.h"

struct thing {
	struct lab_zoo_node node;
	unsigned number;
};

static void equal_nodes_are_found_newest_first_however_large_the_table(void **state)
{
	static struct thing things[1000];
	struct lab_zoo_hash h;
	unsigned want = 999;

	(void)state;
	assert_int_equal(lab_zoo_hash_init(&h), 0);
	for (unsigned i = 0; i < ARRAY_LEN(things); i++) {
		things[i] = (struct thing){.number = i};
		/* Ten keys; their chains meet while the table is small. */
		lab_zoo_hash_put(&h, &things[i].node, i % 10 * 8);
	}
	assert_int_equal(h.count, 1000);
	for (struct lab_zoo_node *n = lab_zoo_hash_first(&h, 72); n; n = n->next) {
		struct thing *t = adit_container(n, struct thing, node);

		if (n->hash != 72)
			continue;
		assert_int_equal(t->number, want);
		want -= 10;
	}
	assert_int_equal(want, UINT32_MAX);
	for (unsigned i = 0; i < ARRAY_LEN(things); i += 2) {
		lab_zoo_hash_del(&h, &things[i].node);
		lab_zoo_hash_del(&h, &things[i].node);
	}
	assert_int_equal(h.count, 500);
	assert_null(lab_zoo_hash_first(&h, 80 * 8));
	lab_zoo_hash_done(&h);
}

/* A NAT with everything: blocks, sessions, fragments, the clash, another pool. False: some packet found no memory. */
static bool live(void)
{
	struct lab_site site = rig_site(2, 1);
	struct lab_flow first = {.src = rig_host(0, 5555), .dst = rig_remote(0, 80), .ttl = 64};
	struct adit_addr other[2] = {rig_wan(7, 0), rig_wan(8, 0)};
	struct lab_nat *n;
	struct lab_flow g;
	bool ok = true;

	if (lab_species_make("cgn-block,per-session=yes,filter=ad,input=accept,foreign=1,foreign-life=3s", &site, &n,
			     NULL) < 0)
		return false;
	first.fragment = LAB_FRAGMENT_FIRST;
	ok = n->ops->out(n, 0, &first, &g) == LAB_FORWARD && ok;
	ok = rig_in(n, 0, rig_remote(1, 80), rig_wan(0, 9)) == LAB_LOCAL && ok;
	for (uint16_t i = 0; i < 40; i++)
		ok = rig_port(n, ADIT_SEC(i), rig_host((uint8_t)i, 6000), rig_remote((uint8_t)i, 80)) != 0 && ok;
	ok = lab_zoo_readdress(n, other, 2) == 0 && ok;
	ok = rig_port(n, ADIT_SEC(41), rig_host(0, 6000), rig_remote(0, 80)) != 0 && ok;
	ok = n->stats.full == 0 && ok;
	lab_nat_free(n);
	return ok;
}

static bool step_ok;

/* A table that could not grow, and others' flows, need not succeed: only nothing may break. */
static bool survives(void)
{
	step_ok = live();
	return !oom_failed;
}

static void no_allocation_is_indispensable(void **state)
{
	(void)state;
	assert_true(oom_sweep(survives) > 100);
	assert_true(step_ok);
}

static void subscribers_are_forgotten_rather_than_kept_for_ever(void **state)
{
	struct lab_nat *n = rig_new("timeout=10s", 0, 1);

	(void)state;
	/* All at once: as many as there is room for. */
	for (unsigned i = 0; i < LAB_ZOO_HOSTS_MAX + 5; i++) {
		struct adit_addr host = adit_addr_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i, 5000);

		assert_true((rig_port(n, 0, host, rig_remote(0, 80)) != 0) == (i < LAB_ZOO_HOSTS_MAX));
	}
	/* One after the other: any number. */
	for (unsigned i = 0; i < LAB_ZOO_HOSTS_MAX + 5; i++) {
		struct adit_addr host = adit_addr_v4(10, 1, (uint8_t)(i >> 8), (uint8_t)i, 5000);

		assert_int_not_equal(rig_port(n, ADIT_SEC(11 + 11 * i), host, rig_remote(0, 80)), 0);
	}
	lab_nat_free(n);
}

static void what_the_router_was_told_itself_is_bounded(void **state)
{
	struct lab_nat *n = rig_new("home-clash", 0, 1);

	(void)state;
	for (unsigned i = 0; i < LAB_ZOO_LOCALS_MAX + 100; i++)
		assert_int_equal(rig_in(n, 0, rig_remote((uint8_t)(i >> 16), (uint16_t)i), rig_wan(0, 5555)),
				 LAB_LOCAL);
	assert_int_equal(n->stats.local, LAB_ZOO_LOCALS_MAX);
	assert_int_equal(n->stats.full, 100);
	lab_nat_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_nodes_are_found_newest_first_however_large_the_table),
		cmocka_unit_test(no_allocation_is_indispensable),
		cmocka_unit_test(subscribers_are_forgotten_rather_than_kept_for_ever),
		cmocka_unit_test(what_the_router_was_told_itself_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
