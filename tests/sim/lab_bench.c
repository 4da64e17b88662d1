/*
 * What the simulator costs in real time. Run by `meson test --benchmark` on a release build.
 *
 *   a packet  two machines throw packets to and fro over eight hops, each behind a router, then each behind a router
 *             behind its carrier's; the issue wants at most 1 us per packet and hop
 *   a punch   two homes behind masquerading routers, both sides probe every 100 ms until both have heard the other; the
 *             issue wants less than 1 ms, the making and unmaking of the network included
 *   birthday  256 sockets behind a router that gives each flow a random port, 1024 probes to random ports from a
 *             router that does not; the issue wants less than 20 ms
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lab/lab_linux.h"
#include "lab/lab_sim.h"

#define BALLS 1000u /* packets on their way at once */
#define HOPS  8u

struct player {
	struct adit_addr other;
	struct adit_addr todo[BALLS];
	size_t todo_len;
	bool opened;
	uint64_t inputs;
	uint8_t data[100];
};

static void player_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct player *p = self;

	(void)now;
	p->inputs++;
	if (p->todo_len < BALLS)
		p->todo[p->todo_len++] = d->remote;
}

static void player_tick(void *self, adit_time now)
{
	(void)self;
	(void)now;
}

static adit_time player_deadline(const void *self)
{
	(void)self;
	return ADIT_NEVER;
}

static int player_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct player *p = self;

	(void)now;
	if (!p->opened) {
		p->opened = true;
		*ret_out = (struct adit_out){.kind = ADIT_OUT_OPEN, .local = adit_addr_v4(0, 0, 0, 0, 5555)};
		return 1;
	}
	if (p->todo_len == 0)
		return 0;
	*ret_out = (struct adit_out){
		.kind = ADIT_OUT_SEND, .remote = p->todo[--p->todo_len], .data = p->data, .len = sizeof(p->data)};
	return 1;
}

static const struct adit_machine_ops player_ops = {
	.input = player_input,
	.tick = player_tick,
	.deadline = player_deadline,
	.output = player_output,
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct adit_addr wan_of(int side)
{
	return adit_addr_v4(203, 0, 113, (uint8_t)(1 + side), 0);
}

/* A net behind a router that stands on |outside| as |wan|. NULL: no memory. */
static struct lab_net *behind(struct lab_sim *s, struct lab_net *outside, struct adit_addr wan, struct adit_addr lan,
			      bool random)
{
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .random = random, .seed = lab_sim_seed(s)};
	struct lab_net *n = lab_net_new(s, NULL);

	return n && lab_router_new(s, lab_linux_new(&cfg), n, &lan, outside, &wan, NULL) ? n : NULL;
}

/* A home's host, behind |routers| of them. */
static struct lab_host *join(struct lab_sim *s, struct lab_net *internet, int side, unsigned routers, bool random)
{
	struct adit_addr own = adit_addr_v4(192, 168, 1, 2, 0);
	struct lab_net *n = internet;
	struct lab_host *h = lab_host_new(s);

	if (routers > 1)
		n = behind(s, n, wan_of(side), adit_addr_v4(100, 64, 0, 1, 0), random);
	if (n)
		n = behind(s, n, routers > 1 ? adit_addr_v4(100, 64, 0, 2, 0) : wan_of(side),
			   adit_addr_v4(192, 168, 1, 1, 0), random);
	return n && h && lab_host_attach(h, n, &own, NULL) ? h : NULL;
}

static int bench_packets(unsigned routers)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .jitter = ADIT_MS(1), .hops = HOPS};
	static struct player p[2];
	struct lab_sim *s = lab_sim_new(1);
	struct lab_net *internet = s ? lab_net_new(s, &core) : NULL;
	struct lab_machine *m[2];
	double took;
	double n;

	memset(p, 0, sizeof(p));
	for (int side = 0; side < 2; side++) {
		struct lab_host *h = internet ? join(s, internet, side, routers, false) : NULL;

		m[side] = h ? lab_machine_new(h, &player_ops, &p[side], NULL, NULL) : NULL;
		if (!m[side])
			return 1;
	}
	for (int round = 0; round < 2; round++) {
		for (int side = 0; side < 2; side++) {
			for (unsigned i = 0; i < (round ? BALLS / 2 : 1); i++)
				p[side].todo[p[side].todo_len++] = adit_addr_with_port(wan_of(!side), 5555);
			lab_machine_wake(m[side]);
		}
	}
	took = seconds();
	lab_sim_run(s, ADIT_SEC(10));
	took = seconds() - took;
	n = (double)(p[0].inputs + p[1].inputs);
	printf("%u NATs a side: %.0f packets, %.3f s, %.0f ns per packet, %.0f ns per packet and hop (%u hops), %.0f "
	       "ns per event\n",
	       routers, n, took, took * 1e9 / n, took * 1e9 / n / (HOPS + 2 * routers), HOPS + 2 * routers,
	       took * 1e9 / (double)lab_sim_stats(s)->events);
	lab_sim_free(s);
	return n > 0 ? 0 : 1;
}

/* Opens |socks| sockets; sends |burst| probes from them in turn, every |every|, to |other| or to random ports of it. */
struct prober {
	struct adit_addr other;
	bool random_ports;
	unsigned socks;
	unsigned burst;
	adit_dur every;
	struct adit_rng_seeded rng_state;
	struct adit_rng rng;
	adit_time due_at;
	unsigned opened;
	unsigned to_send;
	uint64_t sent;
	bool heard;
	bool owes; /* an answer to |asker| */
	struct adit_addr asker;
	uint32_t asked;
	uint8_t data[128];
};

static void prober_input(void *self, adit_time now, const struct adit_dgram *d)
{
	struct prober *p = self;

	(void)now;
	p->owes = !p->heard || d->data[0] == 0;
	p->heard = true;
	p->asker = d->remote;
	p->asked = d->sock;
	p->to_send = 0;
}

static void prober_tick(void *self, adit_time now)
{
	struct prober *p = self;

	if (now < p->due_at || p->heard)
		return;
	p->due_at = now + p->every;
	p->to_send = p->burst;
}

static adit_time prober_deadline(const void *self)
{
	const struct prober *p = self;

	return p->heard ? ADIT_NEVER : p->due_at;
}

static int prober_output(void *self, adit_time now, struct adit_out *ret_out)
{
	struct prober *p = self;

	(void)now;
	if (p->opened < p->socks) {
		uint16_t port = p->socks > 1 ? 0 : 5555;

		*ret_out = (struct adit_out){
			.kind = ADIT_OUT_OPEN, .sock = p->opened++, .local = adit_addr_v4(0, 0, 0, 0, port)};
		return 1;
	}
	*ret_out = (struct adit_out){.kind = ADIT_OUT_SEND, .data = p->data, .len = sizeof(p->data)};
	p->data[0] = p->owes;
	if (p->owes) {
		p->owes = false;
		ret_out->sock = p->asked;
		ret_out->remote = p->asker;
		return 1;
	}
	if (p->to_send == 0)
		return 0;
	p->to_send--;
	ret_out->sock = (uint32_t)(p->sent++ % p->socks);
	ret_out->remote = p->other;
	if (p->random_ports)
		ret_out->remote.port = (uint16_t)(1024 + adit_rng_below(&p->rng, 65536 - 1024));
	return 1;
}

static const struct adit_machine_ops prober_ops = {
	.input = prober_input,
	.tick = prober_tick,
	.deadline = prober_deadline,
	.output = prober_output,
};

static bool have_met(void *ctx)
{
	const struct prober *p = ctx;

	return p[0].heard && p[1].heard;
}

/* Side 0 sends |burst[0]| probes from |socks| sockets, side 1 |burst[1]| probes from one. */
static int punch(uint64_t seed, unsigned socks, const unsigned burst[2], bool *ret_met)
{
	struct lab_link_config core = {.delay = ADIT_MS(20), .jitter = ADIT_MS(1), .hops = HOPS};
	struct lab_sim *s = lab_sim_new(seed);
	struct lab_net *internet = s ? lab_net_new(s, &core) : NULL;
	bool birthday = socks > 1;
	static struct prober p[2];

	for (int side = 0; side < 2; side++) {
		struct lab_host *h = internet ? join(s, internet, side, 1, birthday && side == 0) : NULL;

		p[side] = (struct prober){
			.other = adit_addr_with_port(wan_of(!side), 5555),
			.random_ports = birthday && side == 1,
			.socks = side == 0 ? socks : 1,
			.burst = burst[side],
			.every = birthday ? ADIT_SEC(100) : ADIT_MS(100),
		};
		p[side].rng = adit_rng_seeded_init(&p[side].rng_state, seed);
		if (!h || !lab_machine_new(h, &prober_ops, &p[side], NULL, NULL))
			return 1;
	}
	*ret_met = lab_sim_run_until(s, ADIT_SEC(10), have_met, p);
	lab_sim_free(s);
	return 0;
}

static int bench_punch(const char *name, unsigned socks, unsigned burst0, unsigned burst1, unsigned runs)
{
	unsigned burst[2] = {burst0, burst1};
	double most = 0;
	double sum = 0;
	unsigned met = 0;

	for (unsigned i = 0; i < runs; i++) {
		double begun = seconds();
		bool ok;

		if (punch(i + 1, socks, burst, &ok) != 0)
			return 1;
		begun = seconds() - begun;
		met += ok;
		sum += begun;
		most = begun > most ? begun : most;
	}
	printf("%s: %.3f ms each, the slowest of %u %.3f ms; %.1f %% met\n", name, sum * 1e3 / runs, runs, most * 1e3,
	       100.0 * met / runs);
	return 0;
}

int main(void)
{
	return bench_packets(1) || bench_packets(2) || bench_punch("a plain punch", 1, 1, 1, 2000) ||
	       bench_punch("a birthday punch, 256 sockets, 1024 probes", 256, 256, 1024, 200);
}
