/*
 * Determinism: a large network of everything the simulator has, in which everybody talks to anybody, run twice from one
 * seed, gives one transcript. Homes behind Linux' NAT, homes behind carriers, routed and dual-stack homes, public
 * hosts; wires with every fault; routers that reboot, wires that are cut, addresses that change.
 *
 * ADIT_SIM_SEED=n runs that seed alone and prints its packets; see sim_trace.h for pictures of it.
 */
#include "../unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/lab_limits.h"
#include "lab/lab_linux.h"
#include "sim_trace.h"

#define HOMES   24u
#define PUBLIC  8u
#define HOSTS   (HOMES + PUBLIC)
#define ROUTERS (HOMES + 2u)
#define FOR     ADIT_SEC(5)

/* Sends something to somebody every now and then, and sometimes answers. */
struct talker {
	const struct world *world;
	struct adit_rng_seeded rng_state;
	struct adit_rng rng;
	adit_time due_at;
	unsigned opened;
	bool sends;
	struct adit_addr answer_to; /* NONE: no answer is owed */
	uint32_t answer_from;
	uint64_t inputs;
	uint64_t icmps;
	uint64_t sum; /* over what came in */
};

struct world {
	struct lab_sim *sim;
	struct lab_net *internet;
	struct lab_router *routers[ROUTERS];
	struct lab_host *hosts[HOSTS];
	struct lab_iface *ifaces[HOSTS];
	struct talker talkers[HOSTS];
	struct adit_addr targets[2 * HOSTS]; /* without ports */
	size_t target_count;
};

static const uint8_t payload[3000];

static void talker_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct talker *t = self;

	t->inputs++;
	t->sum = t->sum * 31 + d->len + d->remote.port + now % 1000003;
	if (adit_rng_below(&t->rng, 2) == 0) {
		t->answer_to = d->remote;
		t->answer_from = d->sock;
	}
}

static void talker_icmp(void *self, adit_time now, const struct adit_icmp *icmp)
{
	struct talker *t = self;

	t->icmps++;
	t->sum = t->sum * 31 + icmp->type + icmp->len + now % 1000003;
}

static void talker_tick(void *self, adit_time now)
{
	struct talker *t = self;

	if (now < t->due_at)
		return;
	t->due_at = now + ADIT_MS(1) + adit_rng_below(&t->rng, ADIT_MS(20));
	t->sends = true;
}

static adit_time talker_deadline(const void *self)
{
	const struct talker *t = self;

	return t->due_at;
}

static int talker_output(void *self, adit_time now, struct adit_out *ret_out)
{
	static const uint8_t families[] = {ADIT_FAMILY_V4, ADIT_FAMILY_V6};
	struct talker *t = self;

	(void)now;
	if (t->opened < 2) {
		*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN,
					     .sock = t->opened,
					     .local = {.family = families[t->opened], .port = 5000}};
		t->opened++;
		return 1;
	}
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND, .data = payload};
	if (t->answer_to.family != ADIT_FAMILY_NONE) {
		ret_out->sock = t->answer_from;
		ret_out->remote = t->answer_to;
		ret_out->len = 700;
		t->answer_to.family = ADIT_FAMILY_NONE;
		return 1;
	}
	if (!t->sends)
		return 0;
	t->sends = false;
	ret_out->remote = t->world->targets[adit_rng_below(&t->rng, t->world->target_count)];
	ret_out->remote.port = (uint16_t)(adit_rng_below(&t->rng, 8) ? 5000 : 5001);
	ret_out->sock = adit_addr_is_v6(&ret_out->remote);
	ret_out->ttl = adit_rng_below(&t->rng, 4) ? 0 : (uint8_t)(1 + adit_rng_below(&t->rng, 8));
	ret_out->len = adit_rng_below(&t->rng, 4) ? adit_rng_below(&t->rng, 300) : adit_rng_below(&t->rng, 3000);
	return 1;
}

static const struct adit_machine_ops talker_ops = {
	.input = talker_input,
	.icmp = talker_icmp,
	.tick = talker_tick,
	.deadline = talker_deadline,
	.output = talker_output,
};

/* --- the network --- */

static struct adit_addr v6(unsigned net, uint8_t last)
{
	return (struct adit_addr){.ip = {0x20, 1, 0xd, 0xb8, 0, 0, (uint8_t)(net >> 8), (uint8_t)net, [15] = last},
				  .family = ADIT_FAMILY_V6};
}

static struct adit_addr wan4(unsigned i)
{
	return adit_addr_v4(203, 0, 113, (uint8_t)(1 + i), 0);
}

/* Every wire has something, and each something else. */
static struct lab_link_config access_of(unsigned i)
{
	struct lab_link_config l = {.delay = ADIT_MS(1 + i % 7), .hops = i % 3};

	if (i % 2 == 0)
		l.jitter = ADIT_US(300 * i);
	if (i % 3 == 0)
		l.burst = (struct lab_burst_config){.enter_ppm = 20000, .leave_ppm = 200000, .lose_ppm = 700000};
	if (i % 4 == 1) {
		l.rate = 300000 + 20000 * i;
		l.queue = 4000;
	}
	if (i % 5 == 2)
		l.mtu = 1280 + 10 * i;
	if (i % 5 == 4) {
		l.reorder_ppm = 100000;
		l.reorder_hold = ADIT_MS(4);
		l.dup_ppm = 50000;
	}
	l.loss_ppm = i % 6 == 5 ? 30000 : 0;
	return l;
}

static struct lab_router *masquerade(struct world *w, unsigned i, struct lab_net *inside, struct adit_addr lan,
				     struct lab_net *outside, struct adit_addr wan,
				     const struct lab_link_config *access)
{
	struct lab_linux_config cfg = {.wan = wan,
				       .lan = lan,
				       .input = (enum lab_input)(i % 3),
				       .random = i % 4 == 3,
				       .seed = lab_sim_seed(w->sim)};

	return lab_router_new(w->sim, lab_linux_new(&cfg), inside, &lan, outside, &wan, access);
}

static void add_host(struct world *w, unsigned i, struct lab_net *n, struct adit_addr addr,
		     const struct lab_link_config *access)
{
	struct talker *t = &w->talkers[i];

	w->hosts[i] = lab_host_new(w->sim);
	w->ifaces[i] = lab_host_attach(w->hosts[i], n, &addr, access);
	assert_non_null(w->ifaces[i]);
	lab_host_set_fragments(w->hosts[i], i % 3 == 1);
	lab_host_set_lateness(w->hosts[i], ADIT_US(10 * i));
	t->world = w;
	t->rng = adit_rng_seeded_init(&t->rng_state, lab_sim_seed(w->sim));
	t->due_at = lab_host_now(w->hosts[i]);
}

/* Of every four homes one is behind a carrier, one is routed (IPv6 alone), one has both families, one is plain. */
static void add_home(struct world *w, unsigned i, struct lab_net *carriers[2])
{
	struct lab_link_config access = access_of(i);
	struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr lan6 = v6(100 + i, 1);
	struct adit_addr wan6 = v6(1, (uint8_t)(1 + i));
	struct adit_addr prefix = v6(100 + i, 0);
	struct adit_addr own6 = v6(100 + i, 2);
	bool routed = i % 4 == 1;
	struct lab_net *home = lab_net_new(w->sim, NULL);

	add_host(w, i, home, routed ? own6 : adit_addr_v4(192, 168, 1, 2, 0), NULL);
	if (routed) {
		w->routers[i] = lab_router_plain(w->sim, home, &lan6, w->internet, &wan6, &access);
	} else if (i % 4 == 0) {
		w->routers[i] = masquerade(w, i, home, lan, carriers[i / 4 % 2],
					   adit_addr_v4(100, 64, 0, (uint8_t)(10 + i), 0), &access);
	} else {
		w->routers[i] = masquerade(w, i, home, lan, w->internet, wan4(i), &access);
		w->targets[w->target_count++] = wan4(i);
	}
	assert_non_null(w->routers[i]);
	lab_router_set_defrag(w->routers[i], i % 2);
	if (i % 4 == 2) {
		assert_int_equal(lab_router_add_plain(w->routers[i], &lan6, &wan6), 0);
		assert_int_equal(lab_iface_add_addr(w->ifaces[i], &own6), 0);
	}
	if (routed || i % 4 == 2) {
		assert_int_equal(lab_net_add_route(w->internet, &prefix, 64, w->routers[i]), 0);
		w->targets[w->target_count++] = own6;
	}
}

static void world_init(struct world *w, uint64_t seed)
{
	struct lab_link_config core = {.delay = ADIT_MS(8), .jitter = ADIT_MS(1), .hops = 4, .mtu = 1500};
	struct lab_net *carriers[2];

	memset(w, 0, sizeof(*w));
	w->sim = lab_sim_new(seed);
	w->internet = lab_net_new(w->sim, &core);
	for (unsigned i = 0; i < 2; i++) {
		struct lab_link_config access = access_of(30 + i);
		struct adit_addr lan = adit_addr_v4(100, 64, 0, 1, 0);

		carriers[i] = lab_net_new(w->sim, NULL);
		w->routers[HOMES + i] = masquerade(w, 30 + i, carriers[i], lan, w->internet, wan4(100 + i), &access);
		assert_non_null(w->routers[HOMES + i]);
		w->targets[w->target_count++] = wan4(100 + i);
	}
	for (unsigned i = 0; i < HOMES; i++)
		add_home(w, i, carriers);
	for (unsigned i = HOMES; i < HOSTS; i++) {
		struct lab_link_config access = access_of(i);
		struct adit_addr own6 = v6(2, (uint8_t)i);

		add_host(w, i, w->internet, wan4(200 + i - HOMES), &access);
		assert_int_equal(lab_iface_add_addr(w->ifaces[i], &own6), 0);
		w->targets[w->target_count++] = wan4(200 + i - HOMES);
		w->targets[w->target_count++] = own6;
	}
	for (unsigned i = 0; i < HOSTS; i++)
		assert_non_null(lab_machine_new(w->hosts[i], &talker_ops, &w->talkers[i], NULL, NULL));
}

static void disturb(void *ctx)
{
	struct world *w = ctx;
	struct adit_addr moved = wan4(250);

	lab_router_reboot(w->routers[2], ADIT_MS(500));
	lab_router_reboot(w->routers[HOMES], 0);
	lab_iface_set_cut(lab_router_wan(w->routers[5]), true);
	assert_int_equal(lab_iface_set_addr(lab_router_wan(w->routers[3]), &moved), 0);
	lab_linux_set_wan(lab_router_nat(w->routers[3]), &moved);
	lab_host_set_clock(w->hosts[7], -(int64_t)ADIT_SEC(3));
}

static void mend(void *ctx)
{
	struct world *w = ctx;

	lab_iface_set_cut(lab_router_wan(w->routers[5]), false);
}

struct outcome {
	uint64_t hash;
	uint64_t sum;
	uint64_t inputs;
	struct lab_sim_stats stats;
};

static struct outcome run(uint64_t seed, bool traced, bool printed)
{
	static struct world w;
	struct outcome o = {0};
	struct sim_trace trace = {0};
	char title[80];

	world_init(&w, seed);
	if (traced || printed)
		assert_true(sim_trace_init(&trace, w.sim, printed ? stdout : NULL));
	assert_int_equal(lab_sim_at(w.sim, FOR / 2, disturb, &w), 0);
	assert_int_equal(lab_sim_at(w.sim, FOR * 3 / 4, mend, &w), 0);
	lab_sim_run(w.sim, FOR);
	o.hash = lab_sim_hash(w.sim);
	o.stats = *lab_sim_stats(w.sim);
	for (unsigned i = 0; i < HOSTS; i++) {
		o.sum = o.sum * 31 + w.talkers[i].sum + w.talkers[i].icmps;
		o.inputs += w.talkers[i].inputs;
	}
	snprintf(title, sizeof(title), "mixed_sim_test, seed %llu", (unsigned long long)seed);
	assert_true(sim_trace_done(&trace, title));
	lab_sim_free(w.sim);
	return o;
}

static void assert_same(uint64_t seed, const struct outcome *a, const struct outcome *b)
{
	if (memcmp(a, b, sizeof(*a)) != 0)
		fprintf(stderr, "  ADIT_SIM_SEED=%llu tests/sim/mixed_sim_test  # two transcripts\n",
			(unsigned long long)seed);
	assert_memory_equal(a, b, sizeof(*a));
}

static void one_seed_gives_one_transcript(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct outcome a = run(seed, false, false);
		struct outcome b = run(seed, true, false);
		struct outcome c = run(seed + 100, false, false);

		assert_same(seed, &a, &b);
		assert_true(a.hash != c.hash);
	}
}

/* Else the test above would prove little. */
static void everything_happens_in_it(void **state)
{
	struct outcome o = run(1, false, false);

	(void)state;
	for (int i = 0; i < LAB_STEPS; i++) {
		if (i != LAB_STEP_NO_MEMORY && o.stats.steps[i] < 20)
			fprintf(stderr, "  %s: %llu\n", lab_step_name((enum lab_step)i),
				(unsigned long long)o.stats.steps[i]);
		assert_true(i == LAB_STEP_NO_MEMORY || o.stats.steps[i] >= 20);
	}
	assert_true(o.inputs > 3000);
	assert_int_equal(o.stats.bad_sends, 0);
	assert_int_equal(o.stats.steps[LAB_STEP_NO_MEMORY], 0);
}

int main(void)
{
	const char *seed = getenv("ADIT_SIM_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_seed_gives_one_transcript),
		cmocka_unit_test(everything_happens_in_it),
	};

	if (seed) {
		struct outcome o = run(strtoull(seed, NULL, 0), true, true);

		printf("hash %016llx\n", (unsigned long long)o.hash);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
