/*
 * How soon the first byte of the service is there, in virtual time: the real engine, sessions and mediator, routers of
 * the zoo. Any two of both sides and the mediator are the same round trip apart, the connect side has a byte to send
 * from the beginning, and the service answers it at once. What is promised (docs/speed.md) has 50 ms for what
 * programs and timers take; here nothing takes time but the wires, and the 5 ms between two checks.
 */
#include "../unit/test.h"

#include "sim_link.h"

#define RTT  ADIT_MS(40)
#define MORE ADIT_MS(10) /* two checks, and the wires' jitter */

static struct sim_link world;

static void start(enum punch_role role)
{
	struct side *s = sim_link_side(&world, role);

	rig_start(s);
	if (world.cfg.no_mediator)
		link_set_peers(s->link, lab_host_now(s->host), &world.wan[!role], 1);
	lab_machine_wake(s->machine);
}

static bool is_heard(void *ctx)
{
	(void)ctx;
	return world.r.connect.received > 0;
}

/* From the start of connect to the byte. |memory|: of the run before, or NULL; |ret_memory|: of this one, or NULL. */
static adit_dur first_byte(const struct sim_link_config *cfg, uint64_t seed, const struct reach_memory *memory,
			   struct reach_memory *ret_memory)
{
	adit_time began;

	sim_link_init(&world, cfg, seed);
	world.r.serve.to_send = world.r.connect.to_send = 1;
	world.r.connect.early = "echo";
	world.r.connect.cfg.memory = memory;
	start(PUNCH_SERVE);
	rig_run(&world.r, ADIT_SEC(2));
	began = lab_sim_now(world.r.sim);
	start(PUNCH_CONNECT);
	assert_true(lab_sim_run_until(world.r.sim, began + ADIT_SEC(5), is_heard, NULL));
	assert_int_equal(world.r.serve.wrong + world.r.connect.wrong, 0);
	began = lab_sim_now(world.r.sim) - began;
	rig_run(&world.r, ADIT_SEC(1));
	if (ret_memory)
		*ret_memory = sim_link_status(&world.r.connect).reach->memory;
	assert_int_equal(world.r.connect.n[LINK_EVENT_UP], 1);
	sim_link_done(&world);
	return began;
}

static struct sim_link_config apart(const char *serve, const char *connect)
{
	return (struct sim_link_config){
		.nats = {[PUNCH_SERVE] = serve, [PUNCH_CONNECT] = connect},
		.way = {RTT / 4, RTT / 4},
		.relay_way = RTT / 4,
		.mediator_way = RTT / 4,
		.direct_at_first = true,
	};
}

static void by_a_mediator_it_takes_six_round_trips(void **state)
{
	static const char *const nats[][2] = {{"linux", "linux"},
					      {"linux-reject", "linux"},
					      {"linux-accept", "linux"},
					      {"home", "linux"},
					      {"port-restricted-cone", "linux-reject"},
					      {"home-random", "linux"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nats); i++) {
		struct sim_link_config cfg = apart(nats[i][0], nats[i][1]);
		adit_dur took = first_byte(&cfg, 1 + i, NULL, NULL);

		printf("%s x %s: %.1f ms\n", nats[i][0], nats[i][1], (double)took / 1e6);
		assert_in_range(took, 6 * RTT, 6 * RTT + MORE);
	}
}

/* One that gives ports of its own choice is compared at two addresses first, unless that has worked before. */
static void a_remembered_peer_is_never_later_and_sooner_where_the_router_changes_ports(void **state)
{
	static const char *const nats[] = {"linux", "home-random"};
	adit_dur took[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nats); i++) {
		struct sim_link_config cfg = apart("linux", nats[i]);
		struct reach_memory memory;

		took[0] = first_byte(&cfg, 10 + i, NULL, &memory);
		took[1] = first_byte(&cfg, 20 + i, &memory, NULL);
		printf("%s: %.1f ms, remembered %.1f ms\n", nats[i], (double)took[0] / 1e6, (double)took[1] / 1e6);
		assert_in_range(took[0], (6 + i) * RTT, (6 + i) * RTT + MORE);
		assert_in_range(took[1], 6 * RTT, 6 * RTT + MORE - REACH_TA); /* what worked is asked first */
	}
}

static void at_a_known_address_it_takes_three_and_the_time_of_a_slot(void **state)
{
	adit_dur longest = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct sim_link_config cfg = apart("linux", "linux");
		adit_dur took;

		cfg.no_mediator = true;
		took = first_byte(&cfg, 30 + i, NULL, NULL);
		longest = took > longest ? took : longest;
	}
	printf("known addresses: %.1f ms at most\n", (double)longest / 1e6);
	assert_true(longest <= 3 * RTT + ADIT_MS(350));
}

/*
 * A program that is killed |life| after it was admitted, with a byte under way, and started anew |pause| later: how
 * long until it is admitted again. |*ret_reason|: why the serve side has ended the session before.
 */
static adit_dur comes_back(adit_dur life, adit_dur pause, enum link_reason *ret_reason)
{
	struct sim_link_config cfg = apart("linux", "linux");
	adit_time began;

	cfg.no_mediator = true;
	sim_link_init(&world, &cfg, 50);
	start(PUNCH_SERVE);
	rig_run(&world.r, ADIT_SEC(2));
	start(PUNCH_CONNECT);
	assert_true(rig_wait(&world.r, &world.r.connect, LINK_EVENT_UP, 1, ADIT_SEC(5)));
	rig_run(&world.r, life);
	world.r.connect.to_send = 1;
	rig_open(&world.r, RIG_ECHO);
	rig_run(&world.r, ADIT_MS(1));
	rig_kill(&world.r.connect);
	rig_run(&world.r, pause);
	began = lab_sim_now(world.r.sim);
	start(PUNCH_CONNECT);
	assert_true(rig_wait(&world.r, &world.r.connect, LINK_EVENT_UP, 2, ADIT_SEC(5)));
	began = lab_sim_now(world.r.sim) - began;
	rig_run(&world.r, ADIT_SEC(1));
	assert_int_equal(world.r.connect.n[LINK_EVENT_DOWN], 0);
	assert_int_equal(world.r.serve.n[LINK_EVENT_UP], 2);
	assert_int_equal(world.r.serve.n[LINK_EVENT_DOWN], 1);
	*ret_reason = world.r.serve.down.reason;
	sim_link_done(&world);
	return began;
}

/*
 * The serve side asks whether the one before lives, and hears who has come: before that one's handshake, just then, or
 * after it. The ports may be those of a slot that is over, which are not opened again.
 */
static void a_program_that_was_killed_and_started_anew_is_let_in_as_soon(void **state)
{
	enum link_reason reason;
	adit_dur longest = 0;
	unsigned restarts = 0;
	unsigned n = 0;

	(void)state;
	for (unsigned life = 0; life < 2000; life += 200) {
		for (unsigned pause = 0; pause <= 600; pause += 20, n++) {
			adit_dur took = comes_back(ADIT_MS(life), ADIT_MS(pause), &reason);

			longest = took > longest ? took : longest;
			restarts += reason == LINK_REASON_RESTART;
		}
	}
	printf("started anew: %.1f ms at most; %u of %u were heard before they came in\n", (double)longest / 1e6,
	       restarts, n);
	assert_true(longest <= 3 * RTT + ADIT_MS(350));
	assert_true(restarts > 0 && restarts < n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_a_mediator_it_takes_six_round_trips),
		cmocka_unit_test(a_remembered_peer_is_never_later_and_sooner_where_the_router_changes_ports),
		cmocka_unit_test(at_a_known_address_it_takes_three_and_the_time_of_a_slot),
		cmocka_unit_test(a_program_that_was_killed_and_started_anew_is_let_in_as_soon),
	};

	return cmocka_run_group_tests_name("first_sim", tests, NULL, NULL);
}
