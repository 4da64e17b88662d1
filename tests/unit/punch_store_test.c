#include "test.h"

#include "punch_rig.h"

static struct rig r, other;

static int serve(void **state)
{
	(void)state;
	rig_init(&r, PUNCH_SERVE);
	rig_init(&other, PUNCH_CONNECT);
	return 0;
}

/* What was given back belongs to others: whoever still looks there finds rubbish. */
static void take_back(struct rig *x)
{
	assert_true(punch_give_back(&x->p));
	memset(&x->store, 0xa5, sizeof(x->store));
}

static void while_it_searches_the_store_is_its_own(void **state)
{
	(void)state;
	rig_start(&r);
	assert_false(punch_give_back(&r.p));
	rig_run(&r, ADIT_SEC(20));
	assert_false(punch_give_back(&r.p));
}

static void resting_it_gives_the_store_back_once_all_is_closed(void **state)
{
	struct adit_out o;

	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(10)); /* volleys are open */
	assert_true(r.open > PUNCH_FEW_PAIRS);
	punch_rest(&r.p, r.now);
	assert_false(punch_give_back(&r.p));
	while (r.open > PUNCH_FEW_PAIRS && punch_output(&r.p, r.now, &o))
		rig_note(&r, &o);
	take_back(&r);
	rig_run(&r, ADIT_SEC(600));
	assert_int_equal(r.open, 1); /* the steady one; the peer has no IPv6 */
}

static void events_that_nobody_took_keep_the_store(void **state)
{
	(void)state;
	rig_start(&r);
	rig_start(&other);
	rig_run_both(&r, &other, ADIT_SEC(1));
	punch_rest(&r.p, r.now);
	rig_drain(&r);
	assert_false(punch_give_back(&r.p));
	assert_true(rig_events(&r, PUNCH_EVENT_VALID, NULL) > 0);
	take_back(&r);
}

static void without_it_a_resting_machine_still_hears_a_restarted_peer(void **state)
{
	struct punch_event e;

	(void)state;
	rig_start(&r);
	rig_start(&other);
	rig_run_both(&r, &other, ADIT_SEC(1));
	rig_events(&r, PUNCH_EVENT_VALID, NULL);
	punch_rest(&r.p, r.now);
	rig_drain(&r);
	take_back(&r);
	rig_run(&r, ADIT_SEC(120));
	rig_init(&other, PUNCH_CONNECT);
	other.now = r.now;
	other.utc = r.utc;
	other.cfg.instance = 77;
	rig_start(&other);
	rig_run_both(&r, &other, ADIT_SEC(2));
	assert_true(rig_events(&r, PUNCH_EVENT_HEARD, &e) > 0);
	assert_true(e.instance == 77);
	assert_true(rig_events(&other, PUNCH_EVENT_VALID, NULL) > 0);
}

static void a_store_lent_again_is_as_good_as_the_first(void **state)
{
	(void)state;
	rig_start(&r);
	rig_run(&r, ADIT_SEC(10));
	punch_rest(&r.p, r.now);
	rig_drain(&r);
	take_back(&r);
	punch_lend(&r.p, &r.store);
	punch_start(&r.p, r.now);
	r.open_max = r.open;
	rig_run(&r, ADIT_SEC(10));
	assert_true(r.open_max > PUNCH_VOLLEY_N);
}

static void a_search_without_a_store_keeps_to_the_few_places(void **state)
{
	struct adit_addr peer = rig_addr(PUNCH_CONNECT);

	(void)state;
	punch_replay_init(&r.replay);
	r.cfg.replay = &r.replay;
	punch_init(&r.p, &r.cfg, r.now);
	assert_true(punch_give_back(&r.p)); /* there is none to give */
	punch_set_utc(&r.p, r.now, r.utc);
	punch_set_peers(&r.p, r.now, &peer, 1);
	punch_start(&r.p, r.now);
	rig_run(&r, ADIT_SEC(70));
	assert_true(r.open_max <= PUNCH_FEW_PAIRS);
	rig_sock_at(&r, rig_steady_port(&r)); /* that one is there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(while_it_searches_the_store_is_its_own, serve),
		cmocka_unit_test_setup(resting_it_gives_the_store_back_once_all_is_closed, serve),
		cmocka_unit_test_setup(events_that_nobody_took_keep_the_store, serve),
		cmocka_unit_test_setup(without_it_a_resting_machine_still_hears_a_restarted_peer, serve),
		cmocka_unit_test_setup(a_store_lent_again_is_as_good_as_the_first, serve),
		cmocka_unit_test_setup(a_search_without_a_store_keeps_to_the_few_places, serve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
