#include "lab/box_nat.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab/box_port.h"
#include "lab/box_shell.h"

struct box_nat {
	const struct box_nat_config *cfg;
	struct box_port port[2];
	struct box_line up[2]; /* from port[i] to the router */
	struct box_line down[2]; /* from the router to port[i] */
	void *store[4];
	struct box_inbox inbox;
	struct lab_gate gate;
	int signal_fd;
};

_Static_assert(sizeof(struct lab_offload) == BOX_VNET, "struct virtio_net_hdr");
_Static_assert(LAB_GATE_HEADROOM <= BOX_HEADROOM, "frames are taken with the headroom that the gate wants");

static bool keeps_time(const struct box_line_config *c)
{
	return c->delay > 0 || c->rate > 0;
}

static int open_side(struct box_nat *k, int side, uint64_t seed, struct lab_gate_side *g)
{
	struct box_line_config wire = k->cfg->wire[side];
	const char *what = NULL;

	for (int i = 0; i < 2; i++) {
		void **store = &k->store[2 * side + i];

		/* Untouched pages of it cost nothing. */
		*store = mmap(NULL, BOX_STORE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			      -1, 0);
		if (*store == MAP_FAILED)
			return box_fail("frame store", NULL);
		wire.seed = seed + (uint64_t)i;
		box_line_init(i == 0 ? &k->up[side] : &k->down[side], &wire, *store, BOX_STORE_SIZE);
	}
	if (box_port_open(&k->port[side], k->cfg->name[side], &what) < 0)
		return box_fail(k->cfg->name[side], what);
	memcpy(g->mac, k->port[side].mac, sizeof(g->mac));
	g->mtu = k->cfg->mtu[side] ? k->cfg->mtu[side] : k->port[side].mtu;
	g->raw = k->port[side].is_tun;
	return 0;
}

static int box_nat_open(struct box_nat *k, const struct box_nat_config *cfg)
{
	struct lab_gate_config gate = cfg->gate;

	k->cfg = cfg;
	k->signal_fd = k->port[0].fd = k->port[1].fd = -1;
	if (box_inbox_init(&k->inbox) < 0)
		return box_fail("frame buffers", NULL);
	for (int side = 0; side < 2; side++) {
		int err = open_side(k, side, cfg->wire[side].seed + 2 * (uint64_t)side, &gate.side[side]);

		if (err)
			return err;
	}
	lab_gate_init(&k->gate, &gate);
	k->signal_fd = box_signals_open((const int[]){SIGTERM, SIGINT, SIGHUP, SIGUSR1, 0});
	return k->signal_fd < 0 ? box_fail("signalfd", NULL) : 0;
}

static void box_nat_close(struct box_nat *k)
{
	for (int i = 0; i < 2; i++)
		box_port_close(&k->port[i]);
	for (int i = 0; i < 4; i++)
		if (k->store[i] && k->store[i] != MAP_FAILED)
			munmap(k->store[i], BOX_STORE_SIZE);
	lab_gate_done(&k->gate);
	box_inbox_done(&k->inbox);
	if (k->signal_fd >= 0)
		close(k->signal_fd);
}

/* A frame with its offload header before it, from the router to |side|'s wire at |at|. |data| is borrowed until the
 * port's next flush. */
static void transmit(struct box_nat *k, int side, const uint8_t *data, size_t len, adit_time at, adit_time now)
{
	struct box_line *l = &k->down[side];
	adit_time due;

	if (box_line_is_plain(l)) {
		box_line_count(l, len);
		box_port_give(&k->port[side], data, len);
		return;
	}
	due = box_line_due(l, at, box_port_wire_len(data, len));
	if (due == ADIT_NEVER)
		return;
	if (due <= now && box_line_is_empty(l))
		box_port_give(&k->port[side], data, len);
	else if (box_line_push(l, due, data, len) < 0)
		return; /* counted by the line */
}

/* The frame with its offload header, now where the frame begins. */
static void transmit_frame(struct box_nat *k, int side, struct lab_frame *f, adit_time at, adit_time now)
{
	memcpy(f->data - BOX_VNET, &f->offload, BOX_VNET);
	transmit(k, side, f->data - BOX_VNET, f->len + BOX_VNET, at, now);
}

/* What the gate made itself is good until it makes the next one. */
static void drain(struct box_nat *k, adit_time at, adit_time now)
{
	struct lab_frame f;
	int side;

	while ((side = lab_gate_output(&k->gate, &f)) != LAB_GATE_NOWHERE) {
		transmit_frame(k, side, &f, at, now);
		box_port_flush(&k->port[side]);
	}
}

/* A frame reaches the router from |side|; it arrived at |at|. |data| starts with the offload header. */
static void route(struct box_nat *k, int side, uint8_t *data, size_t len, adit_time at, adit_time now)
{
	struct lab_frame f = {.data = data + BOX_VNET, .len = len - BOX_VNET, .headroom = BOX_HEADROOM};
	int to;

	memcpy(&f.offload, data, BOX_VNET);
	to = lab_gate_input(&k->gate, now, side, &f);
	if (to != LAB_GATE_NOWHERE)
		transmit_frame(k, to, &f, at, now);
	if (lab_gate_has_output(&k->gate))
		drain(k, at, now);
}

/* One batch from port |side|: onto its wire, or straight to the router where that holds nothing. */
static size_t pump(struct box_nat *k, int side, struct box_now t)
{
	struct box_line *l = &k->up[side];
	size_t n = box_port_take(&k->port[side], &k->inbox);

	for (size_t i = 0; i < n; i++) {
		struct box_taken f = box_inbox_get(&k->inbox, i, t.now, t.utc_offset);
		adit_time due;

		if (f.len == 0)
			continue;
		if (box_line_is_plain(l)) {
			box_line_count(l, f.len);
			route(k, side, f.data, f.len, f.arrival, t.now);
			continue;
		}
		due = box_line_due(l, f.arrival, f.wire_len);
		if (due == ADIT_NEVER)
			continue;
		if (due <= t.now && box_line_is_empty(l))
			route(k, side, f.data, f.len, due, t.now);
		/* Its headroom goes along: the router may need it. */
		else if (box_line_push(l, due, f.data - BOX_HEADROOM, f.len + BOX_HEADROOM) < 0)
			continue; /* counted by the line */
	}
	/* Before the inbox is filled again. */
	box_port_flush(&k->port[0]);
	box_port_flush(&k->port[1]);
	return n;
}

/* What is due on both wires of |side|; one batch at a time, or what has come in meanwhile waits in the socket. */
static void deliver(struct box_nat *k, int side, adit_time now)
{
	struct box_line *l = &k->up[side];
	struct box_cursor c = box_line_walk(l);
	struct box_frame f;
	size_t n = 0;

	for (; n < BOX_BATCH && box_line_next(l, &c, now, &f); n++)
		route(k, side, f.data + BOX_HEADROOM, f.len - BOX_HEADROOM, f.due, now);
	box_port_flush(&k->port[0]);
	box_port_flush(&k->port[1]);
	box_line_pop(l, n);
	l = &k->down[side];
	c = box_line_walk(l);
	for (n = 0; n < BOX_BATCH && box_line_next(l, &c, now, &f); n++)
		box_port_give(&k->port[side], f.data, f.len);
	box_port_flush(&k->port[side]);
	box_line_pop(l, n);
}

static adit_time deadline(const struct box_nat *k)
{
	adit_time at = lab_gate_deadline(&k->gate);

	for (int i = 0; i < 2; i++) {
		at = adit_time_min(at, box_line_deadline(&k->up[i]));
		at = adit_time_min(at, box_line_deadline(&k->down[i]));
	}
	return at;
}

/* ---- telling ---- */

struct counter {
	const char *name;
	uint64_t value;
};

/* Everything that is counted, in the order in which it is told. */
static size_t collect(struct box_nat *k, struct counter *c, size_t max)
{
	const struct lab_nat *nat = k->gate.cfg.nat;
	const struct lab_gate_stats *s = &k->gate.stats;
	const struct box_port_stats *in = &k->port[0].stats;
	const struct box_port_stats *out = &k->port[1].stats;
	const struct counter all[] = {
		{"mappings_live", k->cfg->count ? k->cfg->count(k->gate.cfg.nat, k->gate.now) : 0},
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
		{"no_room", s->no_room + in->too_long + out->too_long + in->unknown + out->unknown},
		{"lost", k->up[0].stats.lost + k->up[1].stats.lost + k->down[0].stats.lost + k->down[1].stats.lost},
		{"queue_full",
		 k->up[0].stats.full + k->up[1].stats.full + k->down[0].stats.full + k->down[1].stats.full},
		{"overrun", k->up[0].stats.overrun + k->up[1].stats.overrun + k->down[0].stats.overrun +
				    k->down[1].stats.overrun + in->overflown + out->overflown},
		{"send_refused", in->refused + out->refused},
	};
	size_t n = sizeof(all) / sizeof(all[0]) < max ? sizeof(all) / sizeof(all[0]) : max;

	memcpy(c, all, n * sizeof(*c));
	return n;
}

static void report(struct box_nat *k, bool json)
{
	struct counter c[32];
	size_t n;

	for (int i = 0; i < 2; i++)
		box_port_count_overflow(&k->port[i]);
	n = collect(k, c, sizeof(c) / sizeof(c[0]));
	if (json) {
		printf("{\"event\":\"counters\",\"species\":");
		box_json_str(k->cfg->species);
		for (size_t i = 0; i < n; i++)
			printf(",\"%s\":%" PRIu64, c[i].name, c[i].value);
		printf("}\n");
		fflush(stdout);
		return;
	}
	fprintf(stderr, "adit-lab: %s:", k->cfg->species);
	for (size_t i = 0; i < n; i++)
		if (c[i].value)
			fprintf(stderr, " %s=%" PRIu64, c[i].name, c[i].value);
	fprintf(stderr, "\n");
}

static void reboot(struct box_nat *k)
{
	k->gate.cfg.nat->ops->flush(k->gate.cfg.nat);
	if (k->cfg->verbose)
		fprintf(stderr, "adit-lab: rebooted: all mappings are forgotten\n");
}

static int box_nat_loop(struct box_nat *k)
{
	struct box_port *const ports[2] = {&k->port[0], &k->port[1]};

	for (;;) {
		int signal;
		int err = box_wait(ports, 2, k->signal_fd, deadline(k), &signal);
		size_t n;

		if (err || signal == SIGTERM || signal == SIGINT)
			return err;
		if (signal == SIGUSR1)
			report(k, k->cfg->json);
		else if (signal == SIGHUP)
			reboot(k);
		do {
			struct box_now t = box_now();

			n = 0;
			lab_gate_tick(&k->gate, t.now);
			drain(k, t.now, t.now);
			for (int side = 0; side < 2; side++) {
				n += pump(k, side, t);
				deliver(k, side, t.now);
			}
		} while (n > BOX_BATCH / 2); /* busy: the question whether there is more answers itself */
	}
}

int box_nat_run(const struct box_nat_config *cfg)
{
	static struct box_nat nat; /* too big for a stack, and there is one */
	int err = box_nat_open(&nat, cfg);

	if (!err) {
		box_be_punctual(keeps_time(&cfg->wire[0]) || keeps_time(&cfg->wire[1]));
		/* Whoever started us may go on now: packets pass from here. */
		if (write(cfg->ready_fd, "ready\n", 6) < 0)
			err = box_fail("telling that it is ready", NULL);
		err = err ? err : box_nat_loop(&nat);
		if (cfg->json || cfg->verbose)
			report(&nat, cfg->json);
	}
	box_nat_close(&nat);
	return err;
}
