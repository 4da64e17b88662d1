#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_limits.h"
#include "lab/lab_linux.h"
#include "lab/lab_sim.h"
#include "lab_puppet.h"

/* Two homes, each behind a masquerading router, and one public host; a server's echo. */
struct world {
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_net *home[2];
	struct lab_router *router[2];
	struct lab_host *host[2];
	struct lab_host *public;
	struct puppet p[2];
	struct puppet pub;
};

static struct adit_addr wan(int side, uint16_t port)
{
	return adit_addr_v4(203, 0, 113, (uint8_t)(10 * (side + 1)), port);
}

static struct adit_addr pub(uint16_t port)
{
	return adit_addr_v4(198, 51, 100, 1, port);
}

static void world_home(struct world *w, int side, enum lab_input input)
{
	struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr own = adit_addr_v4(192, 168, 1, 2, 0);
	struct adit_addr out = wan(side, 0);
	struct lab_linux_config cfg = {.wan = out, .lan = lan, .input = input, .seed = lab_sim_seed(w->sim)};

	w->home[side] = lab_net_new(w->sim, NULL);
	w->router[side] = lab_router_new(w->sim, lab_linux_new(&cfg), w->home[side], &lan, w->internet, &out, NULL);
	assert_non_null(w->router[side]);
	w->host[side] = lab_host_new(w->sim);
	assert_non_null(lab_host_attach(w->host[side], w->home[side], &own, NULL));
}

static void world_init(struct world *w, uint64_t seed, const struct lab_link_config *core, enum lab_input input)
{
	struct adit_addr a = pub(0);

	memset(w, 0, sizeof(*w));
	w->sim = lab_sim_new(seed);
	assert_non_null(w->sim);
	w->internet = lab_net_new(w->sim, core);
	world_home(w, 0, input);
	world_home(w, 1, input);
	w->public = lab_host_new(w->sim);
	assert_non_null(lab_host_attach(w->public, w->internet, &a, NULL));
	puppet_open(&w->p[0], 1, 5555);
	puppet_open(&w->p[1], 1, 5555);
	puppet_open(&w->pub, 1, 80);
	w->pub.echo = true;
	puppet_join(&w->p[0], w->host[0]);
	puppet_join(&w->p[1], w->host[1]);
	puppet_join(&w->pub, w->public);
}

static void world_done(struct world *w)
{
	lab_sim_free(w->sim);
}

static void a_packet_takes_the_time_of_the_way(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .hops = 8};
	struct adit_addr seen_as = wan(0, 5555);
	struct world w;

	(void)state;
	world_init(&w, 1, &core, LAB_INPUT_DROP);
	puppet_send(&w.p[0], 1, pub(80), 0);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(w.pub.inputs, 1);
	assert_true(w.pub.input_at == lab_host_now(w.public) - ADIT_SEC(1) + ADIT_MS(10));
	assert_true(adit_addr_eq(&w.pub.last.remote, &seen_as));
	assert_true(
		adit_addr_eq(&w.pub.last.local, &(struct adit_addr){.ip = {198, 51, 100, 1}, .port = 80, .family = 4}));
	assert_int_equal(w.p[0].inputs, 1);
	assert_true(w.p[0].input_at == lab_host_now(w.host[0]) - ADIT_SEC(1) + ADIT_MS(20));
	assert_int_equal(w.p[0].last.len, 5);
	assert_memory_equal(w.p[0].last_data, "hello", 5);
	assert_int_equal(w.p[0].last.sock, 1);
	assert_int_equal(lab_sim_stats(w.sim)->bad_sends, 0);
	world_done(&w);
}

static void machines_do_not_see_virtual_time_itself(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	assert_true(lab_host_now(w.host[0]) != lab_host_now(w.host[1]));
	assert_true(w.p[0].made_at == lab_host_now(w.host[0]));
	assert_true(w.p[0].utc == LAB_UTC_START);
	lab_sim_run(w.sim, ADIT_SEC(5));
	lab_host_set_clock(w.host[0], -(int64_t)ADIT_SEC(3));
	lab_host_set_clock(w.host[1], (int64_t)ADIT_SEC(3));
	assert_true(w.p[0].utc == LAB_UTC_START + ADIT_SEC(2));
	assert_true(w.p[1].utc == LAB_UTC_START + ADIT_SEC(8));
	world_done(&w);
}

static void a_timer_fires_at_its_deadline(void **state)
{
	struct world w;
	struct puppet timer = {.interval = ADIT_MS(250)};

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	puppet_join(&timer, w.host[0]);
	lab_sim_run(w.sim, ADIT_SEC(10));
	assert_int_equal(timer.ticks, 40);
	assert_true(timer.late_most == 0);
	lab_machine_free(timer.machine);
	lab_sim_run(w.sim, ADIT_SEC(20));
	assert_int_equal(timer.ticks, 40);
	world_done(&w);
}

static void a_busy_host_is_late_but_never_early(void **state)
{
	struct world w;
	struct puppet timer = {.interval = ADIT_MS(10)};

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	lab_host_set_lateness(w.host[0], ADIT_US(100));
	puppet_join(&timer, w.host[0]);
	lab_sim_run(w.sim, ADIT_SEC(10) + ADIT_MS(1));
	assert_int_equal(timer.ticks, 1000);
	assert_in_range(timer.late_most, ADIT_US(90), ADIT_US(100));
	assert_in_range(timer.late_sum / 1000, ADIT_US(45), ADIT_US(55));
	world_done(&w);
}

static void a_taken_port_is_reported_and_a_closed_one_is_free(void **state)
{
	struct world w;
	struct puppet q = {0};

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	puppet_open(&q, 7, 5555);
	puppet_open(&q, 8, 0);
	puppet_join(&q, w.host[0]);
	assert_int_equal(q.failed, 1);
	assert_int_equal(lab_machine_port(q.machine, 7), 0);
	assert_in_range(lab_machine_port(q.machine, 8), LAB_PORT_FIRST, LAB_PORT_LAST);
	puppet_do(&w.p[0], (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 1});
	lab_machine_wake(w.p[0].machine);
	puppet_open(&q, 7, 5555);
	lab_machine_wake(q.machine);
	assert_int_equal(q.failed, 1);
	assert_int_equal(lab_machine_port(q.machine, 7), 5555);
	assert_int_equal(lab_machine_socks(q.machine), 2);
	/* The other family is another matter. */
	puppet_do(&q, (struct adit_out){.kind = ADIT_OUT_OPEN, .sock = 9, .local = {.family = 6, .port = 5555}});
	lab_machine_wake(q.machine);
	assert_int_equal(lab_machine_port(q.machine, 9), 5555);
	world_done(&w);
}

static void a_low_ttl_dies_on_the_way_and_says_where(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(9), .hops = 8, .hop_addr = adit_addr_v4(192, 0, 2, 1, 0)};
	struct adit_addr first = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr third = adit_addr_v4(192, 0, 2, 3, 0);
	struct adit_addr to = pub(80);
	struct world w;

	(void)state;
	world_init(&w, 1, &core, LAB_INPUT_DROP);
	puppet_send(&w.p[0], 1, to, 1);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(w.p[0].icmps, 1);
	assert_int_equal(w.p[0].last_icmp.type, 11);
	assert_true(adit_addr_eq(&w.p[0].last_icmp.offender, &first));
	assert_true(adit_addr_eq(&w.p[0].last_icmp.remote, &to));
	assert_int_equal(w.p[0].last_icmp.sock, 1);
	assert_int_equal(w.p[0].last_icmp.len, 5);
	assert_memory_equal(w.p[0].last_icmp_data, "hello", 5);
	assert_int_equal(lab_linux_count(lab_router_nat(w.router[0]), ADIT_SEC(1)), 0);

	puppet_send(&w.p[0], 1, to, 4); /* the router takes one */
	lab_sim_run(w.sim, ADIT_SEC(1) + ADIT_MS(6) - 1);
	assert_int_equal(w.p[0].icmps, 1);
	lab_sim_run(w.sim, ADIT_SEC(1) + ADIT_MS(6)); /* three ninths of the way, and back */
	assert_int_equal(w.p[0].icmps, 2);
	assert_true(adit_addr_eq(&w.p[0].last_icmp.offender, &third));
	assert_true(adit_addr_eq(&w.p[0].last_icmp.remote, &to));
	assert_int_equal(lab_linux_count(lab_router_nat(w.router[0]), ADIT_SEC(1)), 1);

	puppet_send(&w.p[0], 1, to, 9);
	lab_sim_run(w.sim, ADIT_SEC(2));
	assert_int_equal(w.pub.inputs, 0);
	puppet_send(&w.p[0], 1, to, 10);
	lab_sim_run(w.sim, ADIT_SEC(3));
	assert_int_equal(w.pub.inputs, 1);
	world_done(&w);
}

static void a_closed_port_answers_with_unreachable_through_the_nat(void **state)
{
	struct adit_addr to = pub(81);
	struct world w;

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	puppet_send(&w.p[0], 1, to, 0);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(w.p[0].icmps, 1);
	assert_int_equal(w.p[0].last_icmp.type, 3);
	assert_int_equal(w.p[0].last_icmp.code, 3);
	assert_true(adit_addr_eq(&w.p[0].last_icmp.remote, &to));
	assert_true(adit_addr_eq_ip(&w.p[0].last_icmp.offender, &to));
	world_done(&w);
}

/* From within a home: the quoted packet is shown as it left, not as it arrived behind the far router. */
static void an_error_from_inside_a_home_hides_its_addresses(void **state)
{
	struct adit_addr far = wan(1, 5555);
	struct world w;

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	puppet_send(&w.p[1], 1, wan(0, 5555), 0);
	lab_sim_run(w.sim, ADIT_MS(1));
	puppet_do(&w.p[1], (struct adit_out){.kind = ADIT_OUT_CLOSE, .sock = 1});
	lab_machine_wake(w.p[1].machine);
	puppet_send(&w.p[0], 1, far, 0);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(w.p[0].icmps, 1);
	assert_true(adit_addr_eq(&w.p[0].last_icmp.remote, &far));
	assert_true(adit_addr_eq_ip(&w.p[0].last_icmp.offender, &far));
	/* The far router is where a TTL of 2 ends that would have gone inside. */
	puppet_send(&w.p[0], 1, far, 2);
	lab_sim_run(w.sim, ADIT_SEC(2));
	assert_int_equal(w.p[0].icmps, 2);
	assert_int_equal(w.p[0].last_icmp.type, 11);
	assert_true(adit_addr_eq(&w.p[0].last_icmp.remote, &far));
	assert_true(adit_addr_eq_ip(&w.p[0].last_icmp.offender, &far));
	world_done(&w);
}

static void input_policies_answer_as_they_should(void **state)
{
	static const struct {
		enum lab_input input;
		unsigned icmps;
		uint64_t entries;
	} cases[] = {{LAB_INPUT_DROP, 0, 0}, {LAB_INPUT_REJECT, 1, 0}, {LAB_INPUT_ACCEPT, 1, 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		world_init(&w, 1, NULL, cases[i].input);
		puppet_send(&w.p[0], 1, wan(1, 5555), 0);
		lab_sim_run(w.sim, ADIT_SEC(1));
		assert_int_equal(w.p[1].inputs, 0);
		assert_int_equal(w.p[0].icmps, cases[i].icmps);
		if (cases[i].icmps) {
			assert_int_equal(w.p[0].last_icmp.type, 3);
			assert_int_equal(w.p[0].last_icmp.code, 3);
		}
		assert_int_equal(lab_linux_count(lab_router_nat(w.router[1]), lab_sim_now(w.sim)), cases[i].entries);
		world_done(&w);
	}
}

/* anchors: both send to both; who comes later than the one-way delay finds its port taken where input is accepted. */
static bool both_hear(uint64_t seed, enum lab_input input, adit_dur skew, uint8_t head_ttl)
{
	struct lab_link_config core = {.delay = ADIT_MS(40), .hops = 1};
	struct world w;
	bool ok;

	world_init(&w, seed, &core, input);
	for (unsigned i = 0; i < 20; i++) {
		lab_sim_run(w.sim, ADIT_SEC(1) + i * ADIT_MS(100));
		puppet_send(&w.p[0], 1, wan(1, 5555), i == 0 ? head_ttl : 0);
		lab_sim_run(w.sim, ADIT_SEC(1) + i * ADIT_MS(100) + skew);
		puppet_send(&w.p[1], 1, wan(0, 5555), i == 0 ? head_ttl : 0);
	}
	lab_sim_run(w.sim, ADIT_SEC(10));
	ok = w.p[0].inputs > 0 && w.p[1].inputs > 0;
	world_done(&w);
	return ok;
}

static void the_clash_shows_at_a_skew_beyond_the_one_way_delay(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		assert_true(both_hear(seed, LAB_INPUT_ACCEPT, 0, 0));
		assert_true(both_hear(seed, LAB_INPUT_ACCEPT, ADIT_MS(39), 0));
		assert_false(both_hear(seed, LAB_INPUT_ACCEPT, ADIT_MS(41), 0));
		assert_false(both_hear(seed, LAB_INPUT_ACCEPT, ADIT_MS(99), 0));
		/* One low TTL first moves the edge by the interval. */
		assert_true(both_hear(seed, LAB_INPUT_ACCEPT, ADIT_MS(99), 2));
		assert_true(both_hear(seed, LAB_INPUT_DROP, ADIT_MS(99), 0));
		assert_true(both_hear(seed, LAB_INPUT_REJECT, ADIT_MS(99), 0));
	}
}

static void a_batch_is_cut_into_datagrams(void **state)
{
	static const uint8_t data[2500];
	struct world w;

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	w.pub.echo = false;
	puppet_do(&w.p[0], (struct adit_out){.kind = ADIT_OUT_SEND,
					     .sock = 1,
					     .remote = pub(80),
					     .data = data,
					     .len = sizeof(data),
					     .seg_size = 1200});
	lab_machine_wake(w.p[0].machine);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(w.pub.inputs, 3);
	assert_int_equal(w.pub.last.len, 100);
	world_done(&w);
}

static void mistakes_of_a_machine_are_counted(void **state)
{
	struct adit_addr v6 = {.ip = {0x20, 1}, .port = 80, .family = ADIT_FAMILY_V6};
	struct world w;

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	puppet_send(&w.p[0], 99, pub(80), 0);
	puppet_send(&w.p[0], 1, v6, 0);
	puppet_send(&w.p[0], 1, pub(0), 0);
	assert_int_equal(lab_sim_stats(w.sim)->bad_sends, 3);
	/* Somewhere that does not exist is not a mistake. */
	puppet_send(&w.p[0], 1, adit_addr_v4(8, 8, 8, 8, 53), 0);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(lab_sim_stats(w.sim)->bad_sends, 3);
	assert_int_equal(lab_sim_stats(w.sim)->steps[LAB_STEP_UNREACHABLE], 1);
	world_done(&w);
}

static void a_cut_wire_loses_everything_until_it_is_mended(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10)};
	struct world w;

	(void)state;
	world_init(&w, 1, &core, LAB_INPUT_DROP);
	puppet_send(&w.p[0], 1, pub(80), 0);
	lab_sim_run(w.sim, ADIT_MS(15));
	lab_iface_set_cut(lab_router_wan(w.router[0]), true);
	lab_sim_run(w.sim, ADIT_MS(50));
	assert_int_equal(w.pub.inputs, 1);
	assert_int_equal(w.p[0].inputs, 0);
	puppet_send(&w.p[0], 1, pub(80), 0);
	lab_sim_run(w.sim, ADIT_MS(100));
	assert_int_equal(w.pub.inputs, 1);
	assert_int_equal(lab_sim_stats(w.sim)->steps[LAB_STEP_LOST], 2);
	lab_iface_set_cut(lab_router_wan(w.router[0]), false);
	puppet_send(&w.p[0], 1, pub(80), 0);
	lab_sim_run(w.sim, ADIT_MS(150));
	assert_int_equal(w.p[0].inputs, 1);
	world_done(&w);
}

static void copies_arrive_too(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .dup_ppm = LAB_PPM};
	struct world w;

	(void)state;
	world_init(&w, 1, &core, LAB_INPUT_DROP);
	w.pub.echo = false;
	puppet_send(&w.p[0], 1, pub(80), 0);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(w.pub.inputs, 2);
	assert_memory_equal(w.pub.last_data, "hello", 5);
	world_done(&w);
}

static void neighbours_in_one_home_meet_without_the_router(void **state)
{
	struct adit_addr second = adit_addr_v4(192, 168, 1, 3, 0);
	struct adit_addr first = adit_addr_v4(192, 168, 1, 2, 5555);
	struct lab_host *h;
	struct puppet q = {0};
	struct world w;

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	h = lab_host_new(w.sim);
	assert_null(lab_host_attach(h, w.home[0], &first, NULL)); /* the address is in use */
	assert_non_null(lab_host_attach(h, w.home[0], &second, NULL));
	puppet_open(&q, 1, 5555);
	puppet_join(&q, h);
	puppet_send(&q, 1, first, 1);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_int_equal(w.p[0].inputs, 1);
	assert_true(adit_addr_eq_ip(&w.p[0].last.remote, &second));
	world_done(&w);
}

static void on_call(void *ctx)
{
	struct world *w = ctx;

	puppet_send(&w->p[0], 1, pub(80), 0);
}

static bool echo_came(void *ctx)
{
	struct world *w = ctx;

	return w->p[0].inputs > 0;
}

static void things_can_be_planned_and_waited_for(void **state)
{
	struct lab_link_config core = {.delay = ADIT_MS(10)};
	struct world w;

	(void)state;
	world_init(&w, 1, &core, LAB_INPUT_DROP);
	assert_int_equal(lab_sim_at(w.sim, ADIT_SEC(3), on_call, &w), 0);
	assert_false(lab_sim_run_until(w.sim, ADIT_SEC(3), echo_came, &w));
	assert_true(lab_sim_now(w.sim) == ADIT_SEC(3));
	assert_true(lab_sim_run_until(w.sim, ADIT_SEC(9), echo_came, &w));
	assert_true(lab_sim_now(w.sim) == ADIT_SEC(3) + ADIT_MS(20));
	/* What is still planned is thrown away with the rest. */
	assert_int_equal(lab_sim_at(w.sim, ADIT_SEC(30), on_call, &w), 0);
	world_done(&w);
}

static uint64_t busy_run(uint64_t seed, uint32_t loss_ppm, uint64_t *ret_delivered)
{
	struct lab_link_config core = {
		.delay = ADIT_MS(10), .jitter = ADIT_MS(4), .loss_ppm = loss_ppm, .dup_ppm = 10000, .hops = 3};
	struct world w;
	uint64_t hash;

	world_init(&w, seed, &core, LAB_INPUT_ACCEPT);
	for (unsigned i = 0; i < 500; i++) {
		puppet_send(&w.p[i % 2], 1, i % 3 ? pub(80) : wan(!(i % 2), 5555), i % 7 ? 0 : 3);
		lab_sim_run(w.sim, i * ADIT_MS(1));
	}
	lab_sim_run(w.sim, ADIT_SEC(2));
	hash = lab_sim_hash(w.sim);
	*ret_delivered = lab_sim_stats(w.sim)->steps[LAB_STEP_DELIVERED];
	world_done(&w);
	return hash;
}

static void one_seed_gives_one_transcript(void **state)
{
	uint64_t a;
	uint64_t b;

	(void)state;
	assert_true(busy_run(1, 50000, &a) == busy_run(1, 50000, &b));
	assert_int_equal(a, b);
	assert_true(a > 300);
	assert_true(busy_run(1, 50000, &a) != busy_run(2, 50000, &b));
}

static void count_steps(void *ctx, const struct lab_tap_packet *p)
{
	uint64_t *steps = ctx;

	steps[p->step]++;
}

static void the_tap_sees_every_step(void **state)
{
	uint64_t steps[LAB_STEPS] = {0};
	struct world w;

	(void)state;
	world_init(&w, 1, NULL, LAB_INPUT_DROP);
	lab_sim_set_tap(w.sim, count_steps, steps);
	puppet_send(&w.p[0], 1, pub(80), 0);
	puppet_send(&w.p[0], 1, wan(1, 5555), 0);
	puppet_send(&w.p[0], 1, pub(80), 1);
	lab_sim_run(w.sim, ADIT_SEC(1));
	assert_memory_equal(steps, lab_sim_stats(w.sim)->steps, sizeof(steps));
	assert_int_equal(steps[LAB_STEP_SENT], 2 + 2 + 2 + 1 + 1);
	assert_int_equal(steps[LAB_STEP_DELIVERED], 3);
	assert_int_equal(steps[LAB_STEP_REFUSED], 1);
	assert_int_equal(steps[LAB_STEP_DIED], 1);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_takes_the_time_of_the_way),
		cmocka_unit_test(machines_do_not_see_virtual_time_itself),
		cmocka_unit_test(a_timer_fires_at_its_deadline),
		cmocka_unit_test(a_busy_host_is_late_but_never_early),
		cmocka_unit_test(a_taken_port_is_reported_and_a_closed_one_is_free),
		cmocka_unit_test(a_low_ttl_dies_on_the_way_and_says_where),
		cmocka_unit_test(a_closed_port_answers_with_unreachable_through_the_nat),
		cmocka_unit_test(an_error_from_inside_a_home_hides_its_addresses),
		cmocka_unit_test(input_policies_answer_as_they_should),
		cmocka_unit_test(the_clash_shows_at_a_skew_beyond_the_one_way_delay),
		cmocka_unit_test(a_batch_is_cut_into_datagrams),
		cmocka_unit_test(mistakes_of_a_machine_are_counted),
		cmocka_unit_test(a_cut_wire_loses_everything_until_it_is_mended),
		cmocka_unit_test(copies_arrive_too),
		cmocka_unit_test(neighbours_in_one_home_meet_without_the_router),
		cmocka_unit_test(things_can_be_planned_and_waited_for),
		cmocka_unit_test(one_seed_gives_one_transcript),
		cmocka_unit_test(the_tap_sees_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
