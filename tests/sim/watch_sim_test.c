/*
 * Watching over paths, looked at from inside: what is gone for certain, a machine that was asleep, questions about
 * silence that lead to nothing, and what QUIC sends to a path that it does not know as it is now.
 */
#include "../unit/test.h"

#include "link/link_int.h"
#include "sim_link.h"

static struct sim_link world;

static struct sim_link_config both_ways(bool with_relays)
{
	return (struct sim_link_config){
		.nats = {"linux", "linux"},
		.way = {ADIT_MS(10), ADIT_MS(20)},
		.relay_way = ADIT_MS(15),
		.mediator_way = ADIT_MS(5),
		.direct_at_first = true,
		.relays = {with_relays, with_relays},
		.pace = ADIT_MS(50),
		.piece = 300,
	};
}

static void begin(bool with_relays, uint64_t seed)
{
	struct sim_link_config cfg = both_ways(with_relays);

	sim_link_init(&world, &cfg, seed);
	assert_true(sim_link_up(&world));
	sim_link_run(&world, ADIT_SEC(8));
	assert_true(sim_link_is_direct(&world));
}

static void end(void)
{
	assert_true(sim_link_drain(&world, ADIT_SEC(20)));
	sim_link_done(&world);
}

static struct link *connects(void)
{
	return world.r.connect.link;
}

static adit_time now_of(const struct side *s)
{
	return lab_host_now(s->host);
}

/* --- what is gone for certain --- */

static void a_cut_without_a_stand_by_is_an_outage_in_the_same_turn(void **state)
{
	struct link *l;

	(void)state;
	begin(false, 1);
	l = connects();
	link_watch_cut(l, now_of(&world.r.connect), l->session_path->sock + 1000); /* nobody's */
	assert_int_equal(l->state, LINK_UP);
	link_watch_cut(l, now_of(&world.r.connect), l->session_path->sock);
	assert_int_equal(l->state, LINK_OUTAGE);
	/* The way itself was never gone: it is asked, and answers. */
	lab_machine_wake(world.r.connect.machine);
	sim_link_run(&world, ADIT_MS(500));
	assert_int_equal(l->state, LINK_UP);
	end();
}

static void a_cut_with_a_stand_by_is_a_move_to_it_and_no_outage(void **state)
{
	struct link *l;

	(void)state;
	begin(true, 1);
	l = connects();
	sim_link_open(&world, false);
	link_watch_cut(l, now_of(&world.r.connect), l->session_path->sock);
	assert_int_equal(l->state, LINK_UP);
	lab_machine_wake(world.r.connect.machine);
	sim_link_forget(&world);
	sim_link_run(&world, ADIT_SEC(2));
	printf("cut, and a relay stands by: going again after %.0f ms\n", (double)sim_link_gap(&world) / 1e6);
	assert_int_equal(link_path_class(l->session_path), LINK_CLASS_RELAYED);
	assert_true(sim_link_gap(&world) < ADIT_MS(800));
	assert_int_equal(world.r.connect.n[LINK_EVENT_OUTAGE], 0);
	end();
}

static void a_stand_by_that_is_cut_is_lost_alone(void **state)
{
	struct link_path *relayed = NULL;
	struct link_path *used;
	struct link *l;

	(void)state;
	begin(true, 1);
	l = connects();
	used = l->session_path;
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used && &l->path[i] != used && link_path_class(&l->path[i]) == LINK_CLASS_RELAYED)
			relayed = &l->path[i];
	assert_non_null(relayed);
	link_watch_cut(l, now_of(&world.r.connect), relayed->sock);
	assert_true(relayed->lost);
	assert_false(used->lost);
	assert_ptr_equal(l->session_path, used);
	assert_true(l->watch.doubt_at == ADIT_NEVER);
	lab_machine_wake(world.r.connect.machine);
	end();
}

/* --- asleep --- */

static adit_time first_of_paths(const struct link *l)
{
	adit_time at = ADIT_NEVER;

	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		if (l->path[i].used)
			at = adit_time_min(at, punch_path_deadline(l->path[i].keep));
	return at;
}

/* Nothing is sent, so that the next deadline is a keepalive's. */
static void a_driver_that_comes_late_has_slept_only_if_something_was_due_long_ago(void **state)
{
	struct link *l;
	adit_time due;

	(void)state;
	begin(false, 4);
	world.cfg.pace = 0;
	sim_link_run(&world, ADIT_SEC(5));
	l = connects();
	due = first_of_paths(l);
	assert_true(due > l->ran_at + ADIT_SEC(1) && due != ADIT_NEVER);
	link_wake(l, due + LINK_SLEPT);
	assert_false(l->alarm.has_slept);
	assert_true(l->alarm.at == ADIT_NEVER);
	/* Once more as long, and nobody has looked at it meanwhile. */
	link_wake(l, due + 2 * LINK_SLEPT + ADIT_MS(1));
	assert_true(l->alarm.has_slept);
	assert_true(l->alarm.at == due + 2 * LINK_SLEPT + ADIT_MS(1));
	sim_link_done(&world);
}

static void a_machine_that_wakes_up_goes_on_over_the_same_path_as_a_new_one(void **state)
{
	struct link *l;
	uint32_t gen;
	uint32_t sock;

	(void)state;
	begin(false, 5);
	l = connects();
	gen = l->session_path->gen;
	sock = l->session_path->sock;
	sim_link_sleep(&world, PUNCH_CONNECT, ADIT_SEC(20)); /* no mapping is gone, and the peer is in an outage */
	sim_link_run(&world, ADIT_SEC(20) + ADIT_MS(300));
	assert_int_equal(l->session_path->sock, sock);
	assert_true(l->session_path->gen > gen);
	assert_false(l->alarm.has_slept);
	assert_int_equal(world.r.connect.n[LINK_EVENT_SWITCHED], 0);
	end();
}

/* --- what QUIC knows --- */

/* Serve's path answers again, and the peer's QUIC has said nothing yet. */
static void what_is_sent_to_a_path_by_the_number_it_had_goes_there(void **state)
{
	struct link *l;
	struct link_path *p;
	uint32_t gen;

	(void)state;
	begin(false, 6);
	l = world.r.serve.link;
	p = l->session_path;
	gen = p->gen;
	sim_link_cut(&world, PUNCH_SERVE, true);
	sim_link_run(&world, ADIT_SEC(5));
	assert_int_equal(l->state, LINK_OUTAGE);
	sim_link_cut(&world, PUNCH_SERVE, false);
	for (int i = 0; i < 1000 && l->state == LINK_OUTAGE; i++)
		sim_link_run(&world, SIM_LINK_STEP);
	assert_ptr_equal(l->session_path, p);
	assert_true(p->gen != gen);
	assert_ptr_equal(link_path_by_gen(l, p->gen), p);
	assert_ptr_equal(link_path_by_gen(l, gen), p);
	assert_null(link_path_by_gen(l, l->last_gen + 1));
	end();
}

/* The first packet over a new path alone arrives: it is a challenge, and the socket that it came to is kept. */
static struct {
	bool is_on;
	unsigned node; /* the serve side's host */
	unsigned seen;
	struct adit_addr old; /* where the session's packets came from */
} first;

static void on_packet(void *ctx, const struct lab_tap_packet *p)
{
	(void)ctx;
	if (!first.is_on || p->step != LAB_STEP_DELIVERED || p->node != first.node || p->len < 1200 ||
	    !(p->data[0] & 0x40) || adit_addr_eq(&p->src, &first.old) || first.seen++ > 0)
		return;
	sim_link_open(&world, false);
}

static void a_mere_challenge_from_a_new_place_is_kept_and_moves_nothing(void **state)
{
	struct link *l;
	struct link_path *was;
	unsigned n = 0;

	(void)state;
	begin(true, 7);
	l = world.r.serve.link;
	first.old = l->session_path->info.remote;
	first.node = lab_host_id(world.r.serve.host);
	first.is_on = true;
	first.seen = 0;
	lab_sim_set_tap(world.r.sim, on_packet, NULL);
	sim_link_readdress(&world, PUNCH_CONNECT);
	for (int i = 0; i < 400 && first.seen == 0; i++)
		sim_link_run(&world, SIM_LINK_STEP);
	assert_true(first.seen > 0);
	was = l->session_path;
	for (size_t i = 0; i < LINK_PATHS_MAX; i++)
		n += l->path[i].used && &l->path[i] != was && !l->path[i].lost;
	assert_true(n > 0);
	sim_link_run(&world, ADIT_MS(300));
	sim_link_open(&world, true);
	first.is_on = false;
	sim_link_run(&world, ADIT_SEC(5));
	assert_true(sim_link_is_direct(&world));
	end();
}

/* --- no thrashing --- */

static unsigned alarms;

static void count_alarms(void *ctx, enum adit_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	alarms += strncmp(line, "link-alarm", strlen("link-alarm")) == 0;
}

/* A byte a second each way, where every packet stands alone, and a stream of them: for ten minutes. */
static void slow_and_lossy_lines_are_left_alone(void **state)
{
	static const struct {
		const char *name;
		adit_dur way;
		unsigned loss_ppm; /* per wire; each packet crosses two */
		adit_dur pace;
		unsigned alarms; /* at most ... */
		unsigned switches; /* ... and between direct ways */
	} lines[] = {
		{"10 % loss, packets of their own", ADIT_MS(10), 51300, ADIT_SEC(1), 6, 30}, /* 13 to 23, by seed */
		{"10 % loss, a stream", ADIT_MS(10), 51300, ADIT_MS(20), 1, 10},
		{"200 ms, packets of their own", ADIT_MS(50), 0, ADIT_SEC(1), 0, 0},
		{"200 ms, a stream", ADIT_MS(50), 0, ADIT_MS(20), 0, 0},
		{"200 ms and 10 % loss", ADIT_MS(50), 51300, ADIT_SEC(1), 6, 20},
	};
	static const struct adit_log log = {.write = count_alarms, .level = ADIT_LOG_DECIDE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct sim_link_config cfg = both_ways(false);
		struct link_status st[2];

		cfg.way[0] = cfg.way[1] = lines[i].way;
		cfg.loss_ppm = lines[i].loss_ppm;
		cfg.pace = lines[i].pace;
		sim_link_init(&world, &cfg, 8 + i);
		world.r.connect.cfg.no_successors = world.r.serve.cfg.no_successors = true;
		world.r.connect.cfg.log = world.r.serve.cfg.log = &log;
		assert_true(sim_link_up(&world));
		sim_link_run(&world, ADIT_SEC(20));
		alarms = 0;
		st[0] = sim_link_status(&world.r.connect);
		sim_link_run(&world, ADIT_SEC(600));
		st[1] = sim_link_status(&world.r.connect);
		printf("%-32s %u alarms, %u switches in 10 minutes, %u of silence\n", lines[i].name, alarms,
		       st[1].switches - st[0].switches, world.r.connect.n_silent);
		assert_true(alarms <= lines[i].alarms);
		assert_true(st[1].switches - st[0].switches <= lines[i].switches);
		assert_int_equal(world.r.connect.n[LINK_EVENT_OUTAGE] + world.r.serve.n[LINK_EVENT_OUTAGE], 0);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_without_a_stand_by_is_an_outage_in_the_same_turn),
		cmocka_unit_test(a_cut_with_a_stand_by_is_a_move_to_it_and_no_outage),
		cmocka_unit_test(a_stand_by_that_is_cut_is_lost_alone),
		cmocka_unit_test(a_driver_that_comes_late_has_slept_only_if_something_was_due_long_ago),
		cmocka_unit_test(a_machine_that_wakes_up_goes_on_over_the_same_path_as_a_new_one),
		cmocka_unit_test(what_is_sent_to_a_path_by_the_number_it_had_goes_there),
		cmocka_unit_test(a_mere_challenge_from_a_new_place_is_kept_and_moves_nothing),
		cmocka_unit_test(slow_and_lossy_lines_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
