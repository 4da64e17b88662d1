#include "lab/box_opts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/box_limits.h"
#include "lab/box_shell.h"

int box_usage(const char *command, const char *why, const char *arg)
{
	fprintf(stderr, "adit-lab%s%s: %s%s%s; `adit-lab %s%s-h` shows how\n", command ? " " : "",
		command ? command : "", why, arg ? ": " : "", arg ? arg : "", command ? command : "",
		command ? " " : "");
	return BOX_EXIT_USAGE;
}

int box_number(const char *text, double min, double max, double *ret_value)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (errno || end == text || *end || !isfinite(v) || v < min || v > max)
		return -1;
	*ret_value = v;
	return 0;
}

int box_prefix(const char *text, struct adit_addr *ret_addr, unsigned *ret_len)
{
	const char *slash = strchr(text, '/');
	struct adit_addr a;
	double len = 255;

	if (adit_addr_parse(text, slash ? (size_t)(slash - text) : strlen(text), &a) < 0 || a.port != 0)
		return ADIT_EINVAL;
	if (slash && box_number(slash + 1, 0, adit_addr_is_v4(&a) ? 32 : 128, &len) < 0)
		return ADIT_EINVAL;
	*ret_addr = a;
	*ret_len = (unsigned)len;
	return 0;
}

void box_wire_init(struct box_wire *w)
{
	*w = (struct box_wire){.link = {.queue = BOX_QUEUE_DEFAULT, .reorder_hold = BOX_REORDER_HOLD}};
}

static void set_wire(struct box_wire *w, int i, double v)
{
	switch (i) {
	case 0:
		w->link.delay = (adit_dur)(v * 1e6);
		break;
	case 1:
		w->link.jitter = (adit_dur)(v * 1e6);
		break;
	case 2:
		w->link.loss_ppm = (uint32_t)(v * 1e4 + 0.5);
		break;
	case 3:
		w->burst = v;
		break;
	case 4:
		w->link.dup_ppm = (uint32_t)(v * 1e4 + 0.5);
		break;
	case 5:
		w->link.reorder_ppm = (uint32_t)(v * 1e4 + 0.5);
		break;
	case 6:
		w->link.rate = (uint64_t)(v * 1e6);
		break;
	case 7: /* 0 would be the model's own default */
		w->link.queue = v > 0 ? (uint32_t)(v * 1024) : 1;
		break;
	default:
		w->mtu = (unsigned)v;
		break;
	}
}

int box_wire_option(struct box_wire *w, const char *command, int i, const char *text)
{
	static const struct {
		double min;
		double max;
		const char *complaint;
	} takes[BOX_WIRE_OPTIONS] = {
		{0, BOX_DELAY_MAX_MS, "a delay is 0 to 10000 milliseconds, not"},
		{0, BOX_DELAY_MAX_MS, "a jitter is 0 to 10000 milliseconds, not"},
		{0, 100, "a loss is 0 to 100 per cent, not"},
		{1, BOX_BURST_MAX, "a burst is 1 to 10000 frames, not"},
		{0, 100, "duplicates are 0 to 100 per cent, not"},
		{0, 100, "reordered frames are 0 to 100 per cent, not"},
		{0.001, BOX_RATE_MAX, "a rate is 0.001 to 400000 Mbit/s, not"},
		{0, BOX_QUEUE_MAX_KB, "a queue is 0 to 65536 KB, not"},
		{BOX_MTU_MIN, BOX_MTU_MAX, "an MTU is 68 to 65535 bytes, not"},
	};
	double v = 0;

	if (box_number(text, takes[i].min, takes[i].max, &v) < 0)
		return box_usage(command, takes[i].complaint, text);
	set_wire(w, i, v);
	return 0;
}

/*
 * Bad stretches in which everything is lost, as long and as frequent as was asked for: with loss p and mean length b,
 * a good packet turns bad with p / (b (1 - p)) (Gilbert's model with h = 0; tc-netem(8), gemodel).
 */
void box_wire_finish(struct box_wire *w)
{
	double p = w->link.loss_ppm / 1e6;

	if (w->burst <= 1 || p <= 0 || p >= 1)
		return;
	w->link.burst = (struct lab_burst_config){
		.enter_ppm = (uint32_t)(p / (w->burst * (1 - p)) * 1e6 + 0.5),
		.leave_ppm = (uint32_t)(1e6 / w->burst + 0.5),
		.lose_ppm = 1000000,
	};
	w->link.loss_ppm = 0;
}
