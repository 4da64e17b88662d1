#include "lab/box_switch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/box_core.h"

/* Addresses that are remembered, by a hash; two with the same one take turns, and their frames go to everybody. */
#define SEEN 1024u

struct seen {
	uint8_t mac[6];
	bool known;
	unsigned side;
};

struct box_switch {
	struct box_core core;
	struct seen seen[SEEN];
};

static struct seen *seen_at(struct box_switch *w, const uint8_t mac[6])
{
	uint32_t h = 0;

	for (int i = 0; i < 6; i++)
		h = h * 31 + mac[i];
	return &w->seen[h % SEEN];
}

static void switch_frame(struct box_core *c, unsigned side, uint8_t *data, size_t len, adit_time at, adit_time now)
{
	struct box_switch *w = c->ctx;
	const uint8_t *frame = data + BOX_VNET;
	struct seen *s;

	if (c->n_sides == 2) { /* a wire looks at nothing */
		box_core_send(c, !side, data, len, at, now);
		return;
	}
	if (len < BOX_VNET + 12)
		return;
	s = seen_at(w, frame + 6);
	memcpy(s->mac, frame + 6, 6);
	s->known = true;
	s->side = side;
	s = seen_at(w, frame);
	if (s->known && memcmp(s->mac, frame, 6) == 0) {
		if (s->side != side)
			box_core_send(c, s->side, data, len, at, now);
		return;
	}
	for (unsigned i = 0; i < c->n_sides; i++)
		if (i != side)
			box_core_send(c, i, data, len, at, now);
}

static void report(struct box_core *c)
{
	for (unsigned i = 0; i < c->n_sides; i++) {
		struct box_side *s = &c->sides[i];
		const struct box_line_stats *up = &s->up.stats;

		box_port_count_overflow(&s->port);
		fprintf(stderr,
			"adit-lab: from %s: frames=%" PRIu64 " bytes=%" PRIu64 " lost=%" PRIu64 " queue_full=%" PRIu64
			" overrun=%" PRIu64 " socket_overrun=%" PRIu64 " too_long=%" PRIu64 " unknown=%" PRIu64
			" refused=%" PRIu64 "\n",
			s->port.name, up->frames, up->bytes, up->lost + s->down.stats.lost,
			up->full + s->down.stats.full, up->overrun + s->down.stats.overrun, s->port.stats.overflown,
			s->port.stats.too_long, s->port.stats.unknown, s->port.stats.refused);
	}
}

int box_switch_run(const struct box_switch_config *cfg)
{
	static const struct box_middle middle = {.frame = switch_frame};
	struct box_switch *w = calloc(1, sizeof(*w));
	struct box_side *sides = calloc(cfg->n_ports, sizeof(*sides));
	int err;

	if (!w || !sides) {
		free(w);
		free(sides);
		return box_fail("memory", NULL);
	}
	err = box_core_open(&w->core, &middle, w, sides, cfg->n_ports, (const int[]){SIGTERM, SIGINT, 0});
	for (unsigned i = 0; !err && i < cfg->n_ports; i++)
		err = box_core_side(&w->core, i, cfg->ports[i].name, &cfg->ports[i].up, &cfg->ports[i].down,
				    cfg->seed + i);
	if (!err)
		err = box_core_run(&w->core, cfg->ready_fd);
	if (!err && cfg->verbose)
		report(&w->core);
	box_core_close(&w->core);
	free(sides);
	free(w);
	return err;
}
