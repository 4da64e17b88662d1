/* A lane over a mediator, from the first question to the goodbye and back, in virtual time. */
#include "../unit/test.h"

#include "../unit/link_rig.h"
#include "crypto/crypto_meet.h"
#include "sim_mediator.h"

struct meeting {
	struct rig r;
	struct sim_mediator mediator;
	struct lab_host *host;
	struct lab_iface *iface;
};

static void prepare(struct side *s)
{
	s->cfg.meets = true;
	s->cfg.meet_crypto = &crypto_meet;
	memcpy(s->cfg.own_key, rig_public[0], sizeof(s->cfg.own_key));
	memcpy(s->cfg.own_seed, rig_seed[0], sizeof(s->cfg.own_seed));
}

static void meeting_init(struct meeting *m, uint64_t seed)
{
	struct adit_addr addr = adit_addr_v4(192, 0, 2, 7, 0);

	rig_init(&m->r, seed, true);
	(void)crypto_rng(); /* libsodium is ready from here on */
	prepare(&m->r.serve);
	prepare(&m->r.connect);
	m->host = lab_host_new(m->r.sim);
	m->iface = lab_host_attach(m->host, m->r.internet, &addr, NULL);
	assert_int_equal(sim_mediator_init(&m->mediator, m->r.sim, m->host, &addr, 1, 2), 0);
	m->r.mediator = adit_addr_with_port(addr, SIM_MEDIATOR_PORT);
}

static void meeting_done(struct meeting *m)
{
	rig_done(&m->r);
	sim_mediator_done(&m->mediator);
}

static struct link_status status_of(const struct side *s)
{
	struct link_status st;

	link_status_get(s->link, lab_host_now(s->host), &st);
	return st;
}

static void two_meet_through_a_mediator_alone(void **state)
{
	static struct meeting m;
	struct link_status st;

	(void)state;
	meeting_init(&m, 1);
	rig_up(&m.r);
	st = status_of(&m.r.connect);
	assert_false(link_how_is_serverless(st.path.how));
	assert_true(st.path.took < ADIT_SEC(2));
	assert_int_equal(st.n_mediators, 1);
	assert_string_equal(st.mediators[0].name, "meet.example.org");
	assert_int_equal(st.mediators[0].state, LINK_MEDIATOR_MET);
	assert_int_equal(st.punch.probes_sent, 0);
	st = status_of(&m.r.serve);
	assert_false(link_how_is_serverless(st.path.how));
	assert_int_equal(st.mediators[0].state, LINK_MEDIATOR_HELD);
	assert_true(m.r.connect.n[LINK_EVENT_MEET] > 0 && m.r.serve.n[LINK_EVENT_MEET] > 0);
	rig_open(&m.r, RIG_ECHO);
	m.r.connect.to_send = 100000;
	rig_pump(&m.r.connect);
	rig_run(&m.r, ADIT_SEC(2));
	assert_int_equal(m.r.serve.received, 100000);
	assert_int_equal(m.r.serve.wrong, 0);
	meeting_done(&m);
}

static void a_lane_with_its_path_gives_the_memory_of_the_search_back(void **state)
{
	static struct meeting m;
	unsigned folded[2] = {0, 0};
	struct reach_account a;
	size_t pos = 0;

	(void)state;
	meeting_init(&m, 6);
	rig_up(&m.r);
	assert_false(reach_is_folded(status_of(&m.r.serve).reach));
	rig_run(&m.r, 2 * REACH_SETTLE);
	for (int i = 0; i < 60; i++) {
		rig_run(&m.r, ADIT_SEC(1));
		folded[0] += reach_is_folded(status_of(&m.r.serve).reach);
		folded[1] += reach_is_folded(status_of(&m.r.connect).reach);
	}
	assert_true(folded[0] >= 40 && folded[1] >= 40); /* but for refreshes, and a successor */
	/* What was tried can be told all the same. */
	assert_true(reach_account(status_of(&m.r.connect).reach, &pos, &a));
	meeting_done(&m);
}

static void serve_stays_registered_while_a_session_is_up(void **state)
{
	static struct meeting m;

	(void)state;
	meeting_init(&m, 2);
	rig_up(&m.r);
	rig_run(&m.r, ADIT_SEC(3600));
	assert_int_equal(status_of(&m.r.serve).mediators[0].state, LINK_MEDIATOR_HELD);
	assert_int_equal(rig_state(&m.r.connect), LINK_UP);
	assert_int_equal(m.r.connect.n[LINK_EVENT_OUTAGE], 0);
	/* Away for good: the session does not notice, and serve says it once. */
	lab_iface_set_cut(m.iface, true);
	rig_run(&m.r, ADIT_SEC(600));
	assert_int_equal(rig_state(&m.r.connect), LINK_UP);
	assert_int_equal(m.r.connect.n[LINK_EVENT_OUTAGE], 0);
	assert_int_not_equal(status_of(&m.r.serve).mediators[0].state, LINK_MEDIATOR_HELD);
	lab_iface_set_cut(m.iface, false);
	rig_run(&m.r, ADIT_SEC(180));
	assert_int_equal(status_of(&m.r.serve).mediators[0].state, LINK_MEDIATOR_HELD);
	meeting_done(&m);
}

static void a_serve_that_was_killed_is_met_anew_and_the_old_session_is_known_to_be_over(void **state)
{
	static struct meeting m;

	(void)state;
	meeting_init(&m, 3);
	rig_up(&m.r);
	rig_kill(&m.r.serve);
	rig_run(&m.r, ADIT_SEC(1));
	rig_start(&m.r.serve);
	assert_true(rig_wait(&m.r, &m.r.connect, LINK_EVENT_DOWN, 1, ADIT_SEC(60)));
	assert_int_equal(m.r.connect.down.reason, LINK_REASON_RESTART);
	link_start(m.r.connect.link, lab_host_now(m.r.connect.host));
	lab_machine_wake(m.r.connect.machine);
	assert_true(rig_wait(&m.r, &m.r.connect, LINK_EVENT_UP, 2, ADIT_SEC(20)));
	meeting_done(&m);
}

static void a_mediator_that_is_silent_is_told_of_and_one_that_comes_back_is_used(void **state)
{
	static struct meeting m;

	(void)state;
	meeting_init(&m, 4);
	lab_iface_set_cut(m.iface, true);
	rig_start(&m.r.serve);
	rig_start(&m.r.connect);
	rig_run(&m.r, ADIT_SEC(60));
	assert_int_equal(m.r.connect.n[LINK_EVENT_UP], 0);
	assert_int_equal(status_of(&m.r.connect).mediators[0].state, LINK_MEDIATOR_SILENT);
	assert_int_equal(status_of(&m.r.serve).mediators[0].state, LINK_MEDIATOR_SILENT);
	lab_iface_set_cut(m.iface, false);
	assert_true(rig_wait(&m.r, &m.r.connect, LINK_EVENT_UP, 1, ADIT_SEC(420)));
	meeting_done(&m);
}

static void a_lost_path_is_looked_for_through_the_mediator(void **state)
{
	static struct meeting m;

	(void)state;
	meeting_init(&m, 5);
	rig_up(&m.r);
	lab_router_reboot(m.r.router, ADIT_SEC(1)); /* the mapping is gone; the next one has another port */
	rig_open(&m.r, RIG_ECHO);
	m.r.connect.to_send = 100000;
	rig_pump(&m.r.connect);
	lab_machine_wake(m.r.connect.machine);
	rig_run(&m.r, ADIT_SEC(30));
	assert_int_equal(m.r.serve.received, 100000);
	assert_int_equal(m.r.connect.n[LINK_EVENT_DOWN], 0);
	meeting_done(&m);
}

static void a_link_that_was_not_to_meet_asks_nobody(void **state)
{
	static struct meeting m;

	(void)state;
	meeting_init(&m, 6);
	m.r.connect.cfg.meets = m.r.serve.cfg.meets = false;
	rig_start(&m.r.serve);
	rig_start(&m.r.connect);
	rig_run(&m.r, ADIT_SEC(60));
	assert_null(status_of(&m.r.connect).reach);
	assert_int_equal(status_of(&m.r.connect).n_mediators, 0);
	assert_int_equal(m.r.connect.n[LINK_EVENT_MEET], 0);
	meeting_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_meet_through_a_mediator_alone),
		cmocka_unit_test(a_lane_with_its_path_gives_the_memory_of_the_search_back),
		cmocka_unit_test(serve_stays_registered_while_a_session_is_up),
		cmocka_unit_test(a_serve_that_was_killed_is_met_anew_and_the_old_session_is_known_to_be_over),
		cmocka_unit_test(a_mediator_that_is_silent_is_told_of_and_one_that_comes_back_is_used),
		cmocka_unit_test(a_lost_path_is_looked_for_through_the_mediator),
		cmocka_unit_test(a_link_that_was_not_to_meet_asks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
