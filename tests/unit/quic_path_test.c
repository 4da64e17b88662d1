#include "test.h"

#include "quic/quic_path.h"

static const uint8_t cid_a[QUIC_CID_LEN] = {1};
static const uint8_t cid_b[QUIC_CID_LEN] = {2};

static struct quic_paths p;

static uint32_t shown(void)
{
	uint32_t path = 0;

	assert_true(quic_paths_user(&p, &p.lib, &path));
	return path;
}

static int server(void **state)
{
	(void)state;
	quic_paths_init(&p, true, 10, 0);
	quic_paths_first_cid(&p, cid_a);
	return 0;
}

static bool hear(adit_time now, uint32_t path, const uint8_t *cid, bool is_stalled, bool is_authentic)
{
	quic_paths_heard(&p, now, path, cid, is_stalled);
	return quic_paths_judge(&p, now, is_authentic);
}

static void a_client_moves_when_it_says_so(void **state)
{
	ngtcp2_path old;
	struct sockaddr_in old_local;
	uint32_t path;

	(void)state;
	quic_paths_init(&p, false, 5, 0);
	assert_int_equal(shown(), 5);
	old_local = p.local;
	old = p.lib;
	old.local.addr = (struct sockaddr *)&old_local;
	quic_paths_migrate(&p, 6);
	assert_int_equal(shown(), 6);
	assert_true(quic_paths_user(&p, &old, &path));
	assert_int_equal(path, 5);
	quic_paths_stay(&p);
	assert_int_equal(shown(), 5);
	quic_paths_move(&p, 7);
	assert_int_equal(shown(), 7);
	/* The same path again is another address to the library. */
	quic_paths_migrate(&p, 7);
	assert_memory_not_equal(&p.local, &old_local, sizeof(old_local));
	for (int i = 0; i < QUIC_PATHS_MAX; i++)
		quic_paths_migrate(&p, 8);
	assert_false(quic_paths_user(&p, &old, &path));
}

static void a_server_follows_authentic_datagrams_only(void **state)
{
	(void)state;
	assert_false(hear(1, 10, cid_a, false, true));
	assert_false(hear(2, 11, cid_b, false, false));
	assert_int_equal(shown(), 10);
	assert_true(hear(3, 11, cid_b, false, true));
	assert_int_equal(shown(), 11);
}

static void stragglers_from_a_path_that_was_left_move_nothing(void **state)
{
	(void)state;
	assert_true(hear(1, 11, cid_b, false, true));
	assert_false(hear(2, 10, cid_a, false, true));
	assert_int_equal(shown(), 11);
	assert_false(hear(3, 10, cid_a, false, true));
	assert_int_equal(shown(), 11);
	/* But if the new path falls silent, they are the client's return. */
	assert_false(hear(1 + QUIC_PATH_RETURN, 10, cid_a, false, true));
	assert_int_equal(shown(), 10);
}

/* A migration's bookkeeping is done with a fresh connection id or not at all, even if it comes late. */
static void only_a_fresh_connection_id_begins_a_virtual_path(void **state)
{
	uint32_t before = p.current;

	(void)state;
	assert_false(hear(1, 11, cid_a, false, true));
	assert_int_equal(shown(), 11);
	assert_int_equal(p.current, before);
	assert_true(hear(2, 11, cid_b, false, true));
	assert_int_equal(shown(), 11);
	assert_int_equal(p.current, before + 1);
	assert_false(hear(ADIT_SEC(1), 12, cid_b, true, true));
	assert_false(hear(ADIT_SEC(2), 13, cid_a, true, true));
	assert_int_equal(shown(), 13);
	assert_int_equal(p.current, before + 1);
}

static void a_new_connection_id_on_the_same_path_matters_when_we_are_stalled(void **state)
{
	uint32_t before = p.current;

	(void)state;
	assert_false(hear(1, 10, cid_b, false, true));
	assert_int_equal(p.current, before);
	assert_true(hear(2, 10, (const uint8_t[QUIC_CID_LEN]){3}, true, true));
	assert_int_equal(p.current, before + 1);
	assert_int_equal(shown(), 10);
}

static void too_many_migrations_still_move_but_are_not_shown(void **state)
{
	uint8_t cid[QUIC_CID_LEN] = {100};
	uint32_t last;
	adit_time now = 0;

	(void)state;
	for (uint32_t i = 0; i < QUIC_PATH_TOKENS; i++, cid[0]++)
		assert_true(hear(++now, 20 + i, cid, false, true));
	assert_false(hear(++now, 80, cid, false, true));
	assert_int_equal(shown(), 80);
	/* With time the peer can have sent new connection ids. */
	for (uint32_t i = QUIC_PATH_TOKENS; i < QUIC_MIGRATIONS_UNACKED; i++) {
		cid[0]++;
		now += QUIC_PATH_TOKEN_EVERY;
		assert_true(hear(now, 20 + i, cid, false, true));
	}
	last = p.current;
	now += ADIT_SEC(100);
	cid[0]++;
	assert_false(hear(now, 90, cid, false, true));
	assert_int_equal(p.current, last);
	assert_int_equal(shown(), 90);
	quic_paths_settled(&p);
	cid[0]++;
	assert_true(hear(now, 91, cid, false, true));
	assert_int_equal(shown(), 91);
}

static void an_armed_server_waits_for_the_next_fresh_connection_id(void **state)
{
	uint32_t before = p.current;

	(void)state;
	p.is_armed = true;
	assert_false(hear(1, 10, cid_a, false, true));
	assert_false(hear(1, 10, cid_b, false, false));
	assert_true(hear(1, 10, cid_b, false, true));
	assert_int_equal(p.current, before + 1);
	assert_int_equal(shown(), 10);
	assert_false(hear(2, 10, cid_b, false, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_moves_when_it_says_so),
		cmocka_unit_test_setup(a_server_follows_authentic_datagrams_only, server),
		cmocka_unit_test_setup(stragglers_from_a_path_that_was_left_move_nothing, server),
		cmocka_unit_test_setup(only_a_fresh_connection_id_begins_a_virtual_path, server),
		cmocka_unit_test_setup(a_new_connection_id_on_the_same_path_matters_when_we_are_stalled, server),
		cmocka_unit_test_setup(too_many_migrations_still_move_but_are_not_shown, server),
		cmocka_unit_test_setup(an_armed_server_waits_for_the_next_fresh_connection_id, server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
