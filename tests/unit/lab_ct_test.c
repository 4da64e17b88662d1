#include "test.h"

#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "lab/lab_ct.h"

#define UNREPLIED ADIT_SEC(30)
#define REPLIED   ADIT_SEC(120)

static struct lab_tuple tuple(uint8_t a, uint16_t port, uint8_t b, uint16_t dst_port)
{
	return (struct lab_tuple){.src = adit_addr_v4(10, 0, 0, a, port), .dst = adit_addr_v4(192, 0, 2, b, dst_port)};
}

static void an_entry_is_found_by_either_tuple(void **state)
{
	struct lab_tuple orig = tuple(1, 5, 1, 80);
	struct lab_tuple reply = tuple(7, 7, 7, 7);
	struct lab_ct ct;
	struct lab_ct_entry *e;
	enum lab_ct_dir dir;

	(void)state;
	assert_int_equal(lab_ct_init(&ct, UNREPLIED, REPLIED), 0);
	e = lab_ct_add(&ct, 0, &orig, &reply);
	assert_non_null(e);
	assert_ptr_equal(lab_ct_find(&ct, 1, &orig, &dir), e);
	assert_int_equal(dir, LAB_CT_ORIGINAL);
	assert_ptr_equal(lab_ct_find(&ct, 1, &reply, &dir), e);
	assert_int_equal(dir, LAB_CT_REPLY);
	orig = lab_tuple_invert(&orig);
	assert_null(lab_ct_find(&ct, 1, &orig, &dir));
	lab_ct_done(&ct);
}

static void looking_does_not_refresh(void **state)
{
	struct lab_tuple orig = tuple(1, 5, 1, 80);
	struct lab_tuple reply = lab_tuple_invert(&orig);
	struct lab_ct ct;
	enum lab_ct_dir dir;

	(void)state;
	assert_int_equal(lab_ct_init(&ct, UNREPLIED, REPLIED), 0);
	assert_non_null(lab_ct_add(&ct, 0, &orig, &reply));
	for (adit_time t = 0; t < UNREPLIED; t += ADIT_SEC(1))
		assert_non_null(lab_ct_find(&ct, t, &orig, &dir));
	assert_null(lab_ct_find(&ct, UNREPLIED, &orig, &dir));
	assert_int_equal(lab_ct_count(&ct, UNREPLIED), 0);
	lab_ct_done(&ct);
}

static void the_newest_of_a_source_is_found_first(void **state)
{
	struct lab_ct ct;
	struct lab_tuple src = tuple(1, 5, 0, 0);
	struct adit_addr to = src.src;

	(void)state;
	assert_int_equal(lab_ct_init(&ct, UNREPLIED, REPLIED), 0);
	/* Enough to make the table grow on the way. */
	for (uint16_t i = 1; i <= 1000; i++) {
		struct lab_tuple orig = tuple(1, 5, 1, i);
		struct lab_tuple reply = lab_tuple_invert(&orig);
		struct lab_ct_entry *e = lab_ct_add(&ct, i, &orig, &reply);

		assert_non_null(e);
		assert_ptr_equal(lab_ct_find_src(&ct, i, &src, &to), e);
	}
	src.src.port = 6;
	assert_null(lab_ct_find_src(&ct, 1000, &src, &to));
	src.src.port = 5;
	assert_null(lab_ct_find_src(&ct, 1000 + UNREPLIED, &src, &to));
	lab_ct_flush(&ct);
	assert_null(lab_ct_find_src(&ct, 1000, &src, &to));
	lab_ct_done(&ct);
}

/* The same table, as a list that is searched from end to end. */
struct plain {
	struct lab_tuple tuple[2];
	adit_time made_at;
	adit_time expire_at;
	bool replied;
};

static struct plain *plain_find(struct plain *p, size_t n, adit_time now, const struct lab_tuple *t, int *ret_dir)
{
	for (size_t i = 0; i < n; i++) {
		for (int d = 0; d < 2; d++) {
			if (p[i].expire_at > now && adit_addr_eq(&p[i].tuple[d].src, &t->src) &&
			    adit_addr_eq(&p[i].tuple[d].dst, &t->dst)) {
				*ret_dir = d;
				return &p[i];
			}
		}
	}
	return NULL;
}

static void it_does_what_a_plain_list_does(void **state)
{
	static struct plain p[6000];
	struct adit_rng_seeded g;
	struct adit_rng rng = adit_rng_seeded_init(&g, 1);
	struct lab_ct ct;
	adit_time now = 0;
	size_t n = 0;

	(void)state;
	assert_int_equal(lab_ct_init(&ct, UNREPLIED, REPLIED), 0);
	for (int step = 0; step < 6000; step++) {
		struct lab_tuple t = tuple((uint8_t)adit_rng_below(&rng, 4), (uint16_t)adit_rng_below(&rng, 8),
					   (uint8_t)adit_rng_below(&rng, 4), (uint16_t)adit_rng_below(&rng, 8));
		struct lab_tuple inv;
		enum lab_ct_dir dir;
		int want_dir;
		struct lab_ct_entry *e;
		struct plain *want;

		now += adit_rng_below(&rng, ADIT_MS(100));
		if (adit_rng_below(&rng, 2))
			t = lab_tuple_invert(&t);
		inv = lab_tuple_invert(&t);
		e = lab_ct_find(&ct, now, &t, &dir);
		want = plain_find(p, n, now, &t, &want_dir);
		assert_int_equal(e != NULL, want != NULL);
		if (e) {
			bool stream = want->replied && now > want->made_at + ADIT_SEC(2);

			assert_int_equal((int)dir, want_dir);
			lab_ct_refresh(&ct, now, e, dir, 0);
			want->expire_at = now + (stream ? REPLIED : UNREPLIED);
			want->replied |= want_dir == 1;
			assert_true(e->expire_at == want->expire_at);
		} else if (!plain_find(p, n, now, &inv, &want_dir)) {
			assert_null(lab_ct_find(&ct, now, &inv, &dir));
			assert_non_null(lab_ct_add(&ct, now, &t, &inv));
			p[n++] = (struct plain){.tuple = {t, inv}, .made_at = now, .expire_at = now + UNREPLIED};
		}
	}
	assert_true(n > 500);
	lab_ct_done(&ct);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_found_by_either_tuple),
		cmocka_unit_test(looking_does_not_refresh),
		cmocka_unit_test(the_newest_of_a_source_is_found_first),
		cmocka_unit_test(it_does_what_a_plain_list_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
