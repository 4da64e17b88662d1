/*
 * What a packet costs in the simulator: two machines behind two masquerading routers throw packets to and fro over
 * eight hops. DESIGN 6 wants at most 1 us of real time per packet and hop. Run by `meson test --benchmark` on a release
 * build.
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

static struct lab_machine *join(struct lab_sim *s, struct lab_net *internet, struct player *p, uint8_t nr)
{
	struct adit_addr lan = adit_addr_v4(192, 168, 1, 1, 0);
	struct adit_addr own = adit_addr_v4(192, 168, 1, 2, 0);
	struct adit_addr wan = adit_addr_v4(203, 0, 113, nr, 0);
	struct lab_linux_config cfg = {.wan = wan, .lan = lan, .seed = nr};
	struct lab_net *home = lab_net_new(s, NULL);
	struct lab_host *h = lab_host_new(s);

	if (!home || !h || !lab_router_new(s, lab_linux_new(&cfg), home, &lan, internet, &wan, NULL) ||
	    !lab_host_attach(h, home, &own, NULL))
		return NULL;
	return lab_machine_new(h, &player_ops, p, NULL, NULL);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
	struct lab_link_config core = {.delay = ADIT_MS(10), .jitter = ADIT_MS(1), .hops = HOPS};
	static struct player p[2];
	struct lab_sim *s = lab_sim_new(1);
	struct lab_net *internet = s ? lab_net_new(s, &core) : NULL;
	struct lab_machine *m[2];
	double begun;
	double took;
	uint64_t hops;

	if (!internet || !(m[0] = join(s, internet, &p[0], 1)) || !(m[1] = join(s, internet, &p[1], 2)))
		return 1;
	for (int round = 0; round < 2; round++) {
		for (int side = 0; side < 2; side++) {
			for (unsigned i = 0; i < (round ? BALLS / 2 : 1); i++)
				p[side].todo[p[side].todo_len++] = adit_addr_v4(203, 0, 113, (uint8_t)(2 - side), 5555);
			lab_machine_wake(m[side]);
		}
	}
	begun = seconds();
	lab_sim_run(s, ADIT_SEC(20));
	took = seconds() - begun;
	/* Two routers and the hops between. */
	hops = (p[0].inputs + p[1].inputs) * (HOPS + 2);
	printf("%.0f packets, %.3f s, %.0f ns per packet, %.0f ns per packet and hop, %.0f ns per event\n",
	       (double)(p[0].inputs + p[1].inputs), took, took * 1e9 / (double)(p[0].inputs + p[1].inputs),
	       took * 1e9 / (double)hops, took * 1e9 / (double)lab_sim_stats(s)->events);
	lab_sim_free(s);
	return 0;
}
