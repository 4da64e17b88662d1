#include "test.h"

#include <string.h>

#include "core/fwd/fwd_flow.h"

#define CAP 64

static struct fwd_flow FLOW[CAP];
static struct fwd_flow_table T;
static struct adit_rng_seeded GEN;
static struct adit_rng RNG;
static int USER[10 * CAP];

static int setup(void **state)
{
	(void)state;
	RNG = adit_rng_seeded_init(&GEN, 1);
	memset(FLOW, 0xee, sizeof(FLOW));
	fwd_flow_table_init(&T, FLOW, CAP, FWD_FLOW_IDLE, &RNG);
	return 0;
}

static struct adit_addr addr(unsigned n)
{
	return adit_addr_v4(192, 0, 2, (uint8_t)(n >> 8), (uint16_t)(1000 + n));
}

static struct fwd_flow *add_addr(adit_time now, uint16_t service, unsigned n, void **ret_evicted)
{
	struct adit_addr a = addr(n);

	return fwd_flow_add_addr(&T, now, service, &a, &USER[n], ret_evicted);
}

static struct fwd_flow *by_addr(uint16_t service, unsigned n)
{
	struct adit_addr a = addr(n);

	return fwd_flow_by_addr(&T, service, &a);
}

static void a_flow_is_found_by_address_and_by_id(void **state)
{
	void *gone = USER;
	struct fwd_flow *f = add_addr(1, 7, 3, &gone);

	(void)state;
	assert_null(gone);
	assert_ptr_equal(f->user, &USER[3]);
	assert_ptr_equal(by_addr(7, 3), f);
	assert_ptr_equal(fwd_flow_by_id(&T, 7, f->id), f);
	assert_null(by_addr(8, 3));
	assert_null(by_addr(7, 4));
	assert_null(fwd_flow_by_id(&T, 8, f->id));
	assert_null(fwd_flow_by_id(&T, 7, f->id + 1));
	fwd_flow_remove(&T, f);
	assert_null(by_addr(7, 3));
	assert_null(fwd_flow_by_id(&T, 7, 0));
	assert_int_equal(T.len, 0);
}

static void every_part_of_an_address_counts(void **state)
{
	static const uint8_t ip[16] = {0xfe, 0x80, [15] = 1};
	struct adit_addr a = adit_addr_v6(ip, 53);
	struct adit_addr b;
	void *gone;
	struct fwd_flow *f = fwd_flow_add_addr(&T, 1, 7, &a, NULL, &gone);

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		b = a;
		b.ip[i] ^= 1;
		assert_null(fwd_flow_by_addr(&T, 7, &b));
	}
	b = adit_addr_with_port(a, 54);
	assert_null(fwd_flow_by_addr(&T, 7, &b));
	b = a;
	b.scope = 2;
	assert_null(fwd_flow_by_addr(&T, 7, &b));
	assert_ptr_equal(fwd_flow_by_addr(&T, 7, &a), f);
}

static void the_serve_side_finds_flows_by_the_peers_id(void **state)
{
	struct adit_addr none = {0};
	void *gone;

	(void)state;
	for (uint32_t id = 0; id < CAP; id++)
		fwd_flow_add_id(&T, 1, 7, UINT32_MAX - id, &USER[id], &gone);
	for (uint32_t id = 0; id < CAP; id++)
		assert_ptr_equal(fwd_flow_by_id(&T, 7, UINT32_MAX - id)->user, &USER[id]);
	assert_null(fwd_flow_by_addr(&T, 7, &none));
}

static void the_longest_idle_makes_room(void **state)
{
	struct fwd_flow *f;
	void *gone;

	(void)state;
	for (unsigned i = 0; i < CAP; i++)
		add_addr(i, 7, i, &gone);
	fwd_flow_touch(&T, by_addr(7, 0), CAP);
	f = add_addr(CAP, 7, CAP, &gone);
	assert_ptr_equal(gone, &USER[1]);
	assert_null(by_addr(7, 1));
	assert_non_null(by_addr(7, 0));
	assert_ptr_equal(by_addr(7, CAP), f);
	assert_int_equal(T.len, CAP);
	assert_int_equal(T.evicted, 1);
	add_addr(CAP, 7, CAP + 1, &gone);
	assert_ptr_equal(gone, &USER[2]);
}

static void a_flow_ends_two_minutes_after_its_last_payload(void **state)
{
	void *user = NULL;

	(void)state;
	assert_true(fwd_flow_deadline(&T) == ADIT_NEVER);
	assert_int_equal(fwd_flow_expire(&T, ADIT_NEVER, &user), 0);
	add_addr(ADIT_SEC(1), 7, 1, &user);
	add_addr(ADIT_SEC(2), 7, 2, &user);
	assert_true(fwd_flow_deadline(&T) == ADIT_SEC(121));
	fwd_flow_touch(&T, by_addr(7, 1), ADIT_SEC(3));
	assert_true(fwd_flow_deadline(&T) == ADIT_SEC(122));
	assert_int_equal(fwd_flow_expire(&T, ADIT_SEC(122) - 1, &user), 0);
	assert_int_equal(fwd_flow_expire(&T, ADIT_SEC(122), &user), 1);
	assert_ptr_equal(user, &USER[2]);
	assert_int_equal(fwd_flow_expire(&T, ADIT_SEC(122), &user), 0);
	assert_int_equal(fwd_flow_expire(&T, ADIT_SEC(200), &user), 1);
	assert_ptr_equal(user, &USER[1]);
	assert_true(fwd_flow_deadline(&T) == ADIT_NEVER);
	assert_int_equal(T.expired, 2);
}

static void fresh_ids_are_never_in_use(void **state)
{
	void *gone;

	(void)state;
	T.next_id = FWD_FLOW_ID_END - 2;
	fwd_flow_add_id(&T, 1, 7, 0, NULL, &gone);
	assert_int_equal(add_addr(1, 7, 1, &gone)->id, FWD_FLOW_ID_END - 2);
	assert_int_equal(add_addr(1, 7, 2, &gone)->id, FWD_FLOW_ID_END - 1);
	assert_int_equal(add_addr(1, 7, 3, &gone)->id, 1);
	/* A freed one is not given out again at once. */
	fwd_flow_remove(&T, by_addr(7, 3));
	assert_int_equal(add_addr(1, 7, 4, &gone)->id, 2);
}

/* The whole table against a plain array, in thousands of random steps. */
static void it_agrees_with_a_plain_list(void **state)
{
	static adit_time used_at[10 * CAP];
	bool there[10 * CAP] = {false};
	size_t n_there = 0;
	void *gone;

	(void)state;
	for (adit_time now = 1; now < 20000; now++) {
		unsigned n = (unsigned)adit_rng_below(&RNG, 10 * CAP);
		struct fwd_flow *f = by_addr((uint16_t)(n % 3), n);

		assert_int_equal(f != NULL, there[n]);
		if (f && adit_rng_below(&RNG, 3) == 0) {
			fwd_flow_remove(&T, f);
			there[n] = false;
			n_there--;
			continue;
		}
		if (f) {
			assert_ptr_equal(fwd_flow_by_id(&T, f->service, f->id), f);
			assert_ptr_equal(f->user, &USER[n]);
			fwd_flow_touch(&T, f, now);
		} else {
			add_addr(now, (uint16_t)(n % 3), n, &gone);
			if (gone) {
				size_t victim = (size_t)((int *)gone - USER);

				assert_true(there[victim]);
				for (size_t i = 0; i < 10 * CAP; i++)
					assert_false(there[i] && used_at[i] < used_at[victim]);
				there[victim] = false;
				n_there--;
			}
			n_there++;
		}
		there[n] = true;
		used_at[n] = now;
		assert_int_equal(T.len, n_there);
	}
	assert_true(T.evicted > 100);
	while (fwd_flow_expire(&T, ADIT_SEC(1000), &gone))
		n_there--;
	assert_int_equal(n_there, 0);
}

/* Ids that a peer chose to collide under one seed do not under another. */
static void chains_depend_on_a_secret(void **state)
{
	static struct fwd_flow other_flow[CAP];
	struct fwd_flow_table other;
	unsigned same = 0;
	void *gone;

	(void)state;
	fwd_flow_table_init(&other, other_flow, CAP, FWD_FLOW_IDLE, &RNG);
	for (uint32_t id = 0; id < CAP; id++) {
		fwd_flow_add_id(&T, 1, 7, id, NULL, &gone);
		fwd_flow_add_id(&other, 1, 7, id, NULL, &gone);
	}
	for (size_t i = 0; i < CAP; i++)
		same += FLOW[i].bucket_by_id && other_flow[i].bucket_by_id &&
			FLOW[i].bucket_by_id->id == other_flow[i].bucket_by_id->id;
	assert_in_range(same, 0, 10);
}

static void a_table_of_one_works(void **state)
{
	struct fwd_flow one;
	void *gone;

	(void)state;
	fwd_flow_table_init(&T, &one, 1, FWD_FLOW_IDLE, &RNG);
	for (unsigned i = 0; i < 10; i++) {
		add_addr(i, 7, i, &gone);
		assert_ptr_equal(gone, i == 0 ? NULL : &USER[i - 1]);
		assert_ptr_equal(by_addr(7, i), &one);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_flow_is_found_by_address_and_by_id, setup),
		cmocka_unit_test_setup(every_part_of_an_address_counts, setup),
		cmocka_unit_test_setup(the_serve_side_finds_flows_by_the_peers_id, setup),
		cmocka_unit_test_setup(the_longest_idle_makes_room, setup),
		cmocka_unit_test_setup(a_flow_ends_two_minutes_after_its_last_payload, setup),
		cmocka_unit_test_setup(fresh_ids_are_never_in_use, setup),
		cmocka_unit_test_setup(it_agrees_with_a_plain_list, setup),
		cmocka_unit_test_setup(chains_depend_on_a_secret, setup),
		cmocka_unit_test_setup(a_table_of_one_works, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
