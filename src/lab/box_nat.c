#include "lab/box_nat.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/box_core.h"

struct box_nat {
	const struct box_nat_config *cfg;
	struct box_core core;
	struct box_side sides[2];
	struct lab_gate gate;
};

_Static_assert(sizeof(struct lab_offload) == BOX_VNET, "struct virtio_net_hdr");
_Static_assert(LAB_GATE_HEADROOM <= BOX_HEADROOM, "frames are taken with the headroom that the gate wants");
_Static_assert(LAB_GATE_OUT_HEADROOM >= BOX_VNET, "and the gate's own have room for their header");

/* The frame with its offload header, now where the frame begins. */
static void transmit(struct box_core *c, int side, struct lab_frame *f, adit_time at, adit_time now)
{
	memcpy(f->data - BOX_VNET, &f->offload, BOX_VNET);
	box_core_send(c, (unsigned)side, f->data - BOX_VNET, f->len + BOX_VNET, at, now);
}

/* What the gate made itself is good until it makes the next one. */
static void drain(struct box_core *c, adit_time at, adit_time now)
{
	struct box_nat *k = c->ctx;
	struct lab_frame f;
	int side;

	while ((side = lab_gate_output(&k->gate, &f)) != LAB_GATE_NOWHERE) {
		transmit(c, side, &f, at, now);
		box_core_flush(c);
	}
}

static void nat_frame(struct box_core *c, unsigned side, uint8_t *data, size_t len, adit_time at, adit_time now)
{
	struct box_nat *k = c->ctx;
	struct lab_frame f = {.data = data + BOX_VNET, .len = len - BOX_VNET, .headroom = BOX_HEADROOM};
	int to;

	memcpy(&f.offload, data, BOX_VNET);
	to = lab_gate_input(&k->gate, now, (int)side, &f);
	if (to != LAB_GATE_NOWHERE)
		transmit(c, to, &f, at, now);
	if (lab_gate_has_output(&k->gate))
		drain(c, at, now);
}

static void nat_tick(struct box_core *c, adit_time now)
{
	struct box_nat *k = c->ctx;

	lab_gate_tick(&k->gate, now);
	drain(c, now, now);
}

static adit_time nat_deadline(const struct box_core *c)
{
	return lab_gate_deadline(&((const struct box_nat *)c->ctx)->gate);
}

/* ---- telling ---- */

struct counter {
	const char *name;
	uint64_t value;
};

#define COUNTERS 32u

/* Everything that is counted, in the order in which it is told; returns how many. */
static size_t collect(struct box_nat *k, struct counter c[COUNTERS])
{
	struct lab_nat *nat = k->gate.cfg.nat;
	const struct lab_gate_stats *s = &k->gate.stats;
	struct box_core_counts n = box_core_count(&k->core);
	const struct counter all[] = {
		{"mappings_live", k->cfg->count ? k->cfg->count(nat, k->gate.now) : 0},
		{"mappings", nat->stats.mappings},
		{"moved", nat->stats.moved},
		{"full", nat->stats.full},
		{"out", s->forwarded[LAB_GATE_INSIDE]},
		{"in", s->forwarded[LAB_GATE_OUTSIDE]},
		{"icmp_errors", s->translated_errors},
		{"own_errors", s->errors},
		{"echoes", s->echoes},
		{"refused", s->refused},
		{"expired", s->expired},
		{"too_big", s->too_big},
		{"cut", s->cut},
		{"malformed", s->malformed},
		{"other", s->other},
		{"unresolved", s->unresolved},
		{"no_room", s->no_room},
		{"lost", n.lost},
		{"queue_full", n.queue_full},
		{"overrun", n.overrun},
		{"unfit", n.unfit},
		{"send_refused", n.refused},
	};

	_Static_assert(ARRAY_LEN(all) <= COUNTERS, "room for all");
	memcpy(c, all, sizeof(all));
	return ARRAY_LEN(all);
}

/* Text leaves out what is zero. */
static void report(struct box_nat *k)
{
	struct counter c[COUNTERS];
	size_t n = collect(k, c);

	if (k->cfg->json) {
		printf("{\"event\":\"counters\",\"nat\":");
		box_json_str(k->cfg->label);
		for (size_t i = 0; i < n; i++)
			printf(",\"%s\":%" PRIu64, c[i].name, c[i].value);
		printf("}\n");
		fflush(stdout);
		return;
	}
	fprintf(stderr, "adit-lab: %s:", k->cfg->label);
	for (size_t i = 0; i < n; i++)
		if (c[i].value)
			fprintf(stderr, " %s=%" PRIu64, c[i].name, c[i].value);
	fprintf(stderr, "\n");
}

static void nat_signal(struct box_core *c, int signal)
{
	struct box_nat *k = c->ctx;

	if (signal == SIGUSR1) {
		report(k);
		return;
	}
	k->gate.cfg.nat->ops->flush(k->gate.cfg.nat);
	if (k->cfg->verbose)
		fprintf(stderr, "adit-lab: %s: rebooted, all mappings are forgotten\n", k->cfg->label);
}

static int open_gate(struct box_nat *k, const struct box_nat_config *cfg)
{
	struct lab_gate_config gate = cfg->gate;

	for (unsigned i = 0; i < 2; i++) {
		int err = box_core_side(&k->core, i, cfg->name[i], &cfg->wire[i], &cfg->wire[i], cfg->seed + i);
		const struct box_port *port = &k->sides[i].port;

		if (err)
			return err;
		memcpy(gate.side[i].mac, port->mac, sizeof(gate.side[i].mac));
		gate.side[i].mtu = cfg->mtu[i] ? cfg->mtu[i] : port->mtu;
		gate.side[i].raw = port->is_tun;
	}
	lab_gate_init(&k->gate, &gate);
	return 0;
}

int box_nat_run(const struct box_nat_config *cfg)
{
	static const struct box_middle middle = {
		.frame = nat_frame, .tick = nat_tick, .deadline = nat_deadline, .signal = nat_signal};
	static struct box_nat nat; /* too big for a stack, and a process has one */
	int err;

	memset(&nat, 0, sizeof(nat));
	nat.cfg = cfg;
	err = box_core_open(&nat.core, &middle, &nat, nat.sides, 2, (const int[]){SIGTERM, SIGINT, SIGHUP, SIGUSR1, 0});
	if (!err)
		err = open_gate(&nat, cfg);
	if (!err) {
		err = box_core_run(&nat.core, cfg->ready_fd);
		if (cfg->json || cfg->verbose)
			report(&nat);
	}
	lab_gate_done(&nat.gate);
	box_core_close(&nat.core);
	return err;
}
