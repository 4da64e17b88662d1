#include "test.h"

#include <string.h>

#include "base/rng.h"
#include "quic/quic_buf.h"
#include "quic/quic_limits.h"

static uint8_t byte_at(uint64_t at)
{
	return (uint8_t)(at * 131 + (at >> 9));
}

static void fill(struct quic_buf *b, struct quic_pool *p, size_t n)
{
	while (n > 0) {
		struct quic_vec vec[3];
		size_t n_vec = quic_buf_reserve(b, p, vec, 3, n);
		uint64_t at = b->end;
		size_t sum = 0;

		assert_true(n_vec > 0);
		for (size_t i = 0; i < n_vec; i++)
			for (size_t k = 0; k < vec[i].len; k++, sum++)
				vec[i].base[k] = byte_at(at + sum);
		quic_buf_commit(b, p, sum);
		n -= sum;
	}
}

static void append(struct quic_buf *b, struct quic_pool *p, size_t n)
{
	static uint8_t bytes[3 * QUIC_CHUNK_SIZE];

	assert_true(n <= sizeof(bytes));
	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(b->end + i);
	assert_int_equal(quic_buf_append(b, p, bytes, n), 0);
}

static void check(const struct quic_vec *vec, size_t n_vec, uint64_t at, size_t want)
{
	for (size_t i = 0; i < n_vec; i++)
		for (size_t k = 0; k < vec[i].len && want > 0; k++, at++, want--)
			assert_int_equal(vec[i].base[k], byte_at(at));
	assert_int_equal(want, 0);
}

static void an_empty_queue_holds_no_chunk(void **state)
{
	struct quic_pool p;
	struct quic_buf b;
	struct quic_vec vec[4];

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	assert_int_equal(quic_buf_front(&b, vec, 4), 0);
	assert_int_equal(quic_buf_unread(&b, vec, 4, 100), 0);
	fill(&b, &p, 3 * QUIC_CHUNK_SIZE);
	assert_int_equal(p.n_used, 3);
	quic_buf_drop(&b, &p, 3 * QUIC_CHUNK_SIZE);
	assert_int_equal(p.n_used, 0);
	assert_int_equal(p.n_free, 3);
	/* A reservation that came to nothing leaves nothing. */
	assert_int_equal(quic_buf_reserve(&b, &p, vec, 4, 10), 1);
	assert_int_equal(p.n_used, 1);
	quic_buf_commit(&b, &p, 0);
	assert_int_equal(p.n_used, 0);
	quic_pool_done(&p);
}

static void a_reservation_crosses_chunks_and_gives_back_what_is_not_used(void **state)
{
	struct quic_pool p;
	struct quic_buf b;
	struct quic_vec vec[4];

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	fill(&b, &p, QUIC_CHUNK_SIZE - 10);
	assert_int_equal(quic_buf_reserve(&b, &p, vec, 4, QUIC_CHUNK_SIZE + 50), 3);
	assert_int_equal(vec[0].len, 10);
	assert_int_equal(vec[1].len, QUIC_CHUNK_SIZE);
	assert_int_equal(vec[2].len, 40);
	assert_int_equal(p.n_used, 3);
	quic_buf_commit(&b, &p, 10);
	assert_int_equal(p.n_used, 1);
	assert_int_equal(quic_buf_reserve(&b, &p, vec, 2, 3 * QUIC_CHUNK_SIZE), 2);
	quic_buf_commit(&b, &p, QUIC_CHUNK_SIZE + 1);
	assert_int_equal(p.n_used, 3);
	assert_int_equal(quic_buf_len(&b), 2 * QUIC_CHUNK_SIZE + 1);
	quic_buf_clear(&b, &p);
	assert_int_equal(quic_buf_len(&b), 0);
	assert_int_equal(p.n_used, 0);
	quic_pool_done(&p);
}

static void who_says_little_gets_small_chunks(void **state)
{
	struct quic_pool p;
	struct quic_buf b;

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	fill(&b, &p, 1);
	assert_int_equal(p.used, QUIC_CHUNK_FIRST);
	fill(&b, &p, QUIC_CHUNK_FIRST);
	assert_int_equal(p.used, QUIC_CHUNK_FIRST + QUIC_CHUNK_SECOND);
	for (size_t i = 0; i < 3 * QUIC_CHUNK_SIZE; i += 7)
		fill(&b, &p, 7);
	assert_true(p.used <= quic_buf_len(&b) + QUIC_CHUNK_SIZE);
	quic_buf_drop(&b, &p, quic_buf_len(&b));
	assert_int_equal(p.used, 0);
	assert_true(p.n_free <= 4); /* the small ones are the system's again */
	quic_pool_done(&p);
}

static void chunks_are_taken_last_in_first_out(void **state)
{
	struct quic_pool p;
	struct quic_buf b;
	struct quic_vec vec, again;

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	fill(&b, &p, 2 * QUIC_CHUNK_SIZE + 1);
	quic_buf_drop(&b, &p, 2 * QUIC_CHUNK_SIZE);
	assert_int_equal(quic_buf_front(&b, &vec, 1), 1);
	quic_buf_drop(&b, &p, 1);
	assert_int_equal(quic_buf_reserve(&b, &p, &again, 1, QUIC_CHUNK_SIZE), 1);
	assert_ptr_equal(vec.base, again.base);
	quic_buf_commit(&b, &p, 0);
	quic_pool_done(&p);
}

static void a_pool_keeps_only_so_many(void **state)
{
	struct quic_pool p;
	struct quic_buf b;

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	fill(&b, &p, (QUIC_POOL_KEEP + 10) * QUIC_CHUNK_SIZE);
	quic_buf_clear(&b, &p);
	assert_int_equal(p.n_free, QUIC_POOL_KEEP);
	quic_pool_done(&p);
}

static void the_cursor_and_the_front_move_apart(void **state)
{
	struct quic_pool p;
	struct quic_buf b;
	struct quic_vec vec[8];
	size_t n;

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	fill(&b, &p, 2 * QUIC_CHUNK_SIZE);
	quic_buf_advance(&b, 2 * QUIC_CHUNK_SIZE);
	assert_int_equal(quic_buf_unread(&b, vec, 8, 1), 0);
	/* The cursor rests at the very end of a full chunk; then that chunk goes, and a new one comes. */
	fill(&b, &p, 5);
	quic_buf_drop(&b, &p, 2 * QUIC_CHUNK_SIZE);
	n = quic_buf_unread(&b, vec, 8, 5);
	check(vec, n, 2 * QUIC_CHUNK_SIZE, 5);
	quic_buf_advance(&b, 3);
	quic_buf_cut(&b, &p);
	assert_int_equal(quic_buf_len(&b), 3);
	assert_int_equal(quic_buf_unread_len(&b), 0);
	n = quic_buf_front(&b, vec, 8);
	check(vec, n, 2 * QUIC_CHUNK_SIZE, 3);
	quic_buf_drop(&b, &p, 3);
	assert_int_equal(p.n_used, 0);
	quic_pool_done(&p);
}

static void what_is_appended_fills_a_chunk_before_it_takes_the_next(void **state)
{
	struct quic_pool p;
	struct quic_buf b;
	struct quic_vec vec[4];

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	append(&b, &p, 0);
	assert_int_equal(p.n_used, 0);
	append(&b, &p, QUIC_CHUNK_SIZE - 1);
	assert_int_equal(p.n_used, 1);
	append(&b, &p, 1);
	assert_int_equal(p.n_used, 1);
	append(&b, &p, QUIC_CHUNK_SIZE + 1);
	assert_int_equal(p.n_used, 3);
	assert_int_equal(quic_buf_front(&b, vec, 4), 3);
	assert_int_equal(vec[0].len, QUIC_CHUNK_SIZE);
	assert_int_equal(vec[1].len, QUIC_CHUNK_SIZE);
	assert_int_equal(vec[2].len, 1);
	check(vec, 3, 0, 2 * QUIC_CHUNK_SIZE + 1);
	quic_buf_drop(&b, &p, 2 * QUIC_CHUNK_SIZE + 1);
	assert_int_equal(p.n_used, 0);
	append(&b, &p, 1);
	assert_int_equal(p.used, QUIC_CHUNK_FIRST);
	quic_buf_clear(&b, &p);
	quic_pool_done(&p);
}

/* Ten thousand random steps against plain offsets. */
static void random_steps_keep_every_byte(void **state)
{
	struct adit_rng_seeded rs;
	struct adit_rng rng = adit_rng_seeded_init(&rs, 7);
	struct quic_pool p;
	struct quic_buf b;

	(void)state;
	quic_pool_init(&p);
	quic_buf_init(&b);
	for (int i = 0; i < 10000; i++) {
		struct quic_vec vec[4];
		size_t n = (size_t)adit_rng_below(&rng, 3 * QUIC_CHUNK_SIZE);

		switch (adit_rng_below(&rng, 4)) {
		case 0:
			if (quic_buf_len(&b) < 20 * QUIC_CHUNK_SIZE && i % 2 == 0)
				fill(&b, &p, n);
			else if (quic_buf_len(&b) < 20 * QUIC_CHUNK_SIZE)
				append(&b, &p, n);
			break;
		case 1:
			n = n < quic_buf_unread_len(&b) ? n : quic_buf_unread_len(&b);
			check(vec, quic_buf_unread(&b, vec, 4, n), b.read, n);
			quic_buf_advance(&b, n);
			break;
		case 2:
			n = n < b.read - b.start ? n : (size_t)(b.read - b.start);
			check(vec, quic_buf_front(&b, vec, 4), b.start, n);
			quic_buf_drop(&b, &p, n);
			break;
		default:
			if (adit_rng_below(&rng, 20) == 0)
				quic_buf_cut(&b, &p);
			break;
		}
		assert_true(b.start <= b.read && b.read <= b.end);
		assert_true(p.n_used <= quic_buf_len(&b) / QUIC_CHUNK_SIZE + 4);
		if (quic_buf_len(&b) == 0)
			assert_int_equal(p.n_used, 0);
	}
	quic_buf_clear(&b, &p);
	quic_pool_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_queue_holds_no_chunk),
		cmocka_unit_test(a_reservation_crosses_chunks_and_gives_back_what_is_not_used),
		cmocka_unit_test(who_says_little_gets_small_chunks),
		cmocka_unit_test(chunks_are_taken_last_in_first_out),
		cmocka_unit_test(a_pool_keeps_only_so_many),
		cmocka_unit_test(the_cursor_and_the_front_move_apart),
		cmocka_unit_test(what_is_appended_fills_a_chunk_before_it_takes_the_next),
		cmocka_unit_test(random_steps_keep_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
