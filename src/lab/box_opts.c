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
	*w = (struct box_wire){.line = {.queue = BOX_QUEUE_DEFAULT}};
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
		{0.001, BOX_RATE_MAX, "a rate is 0.001 to 400000 Mbit/s, not"},
		{0, BOX_QUEUE_MAX_KB, "a queue is 0 to 65536 KB, not"},
		{BOX_MTU_MIN, BOX_MTU_MAX, "an MTU is 68 to 65535 bytes, not"},
	};
	double v = 0;

	if (box_number(text, takes[i].min, takes[i].max, &v) < 0)
		return box_usage(command, takes[i].complaint, text);
	switch (i) {
	case 0:
		w->line.delay = (adit_dur)(v * 1e6);
		break;
	case 1:
		w->line.jitter = (adit_dur)(v * 1e6);
		break;
	case 2:
		w->line.loss = v / 100;
		break;
	case 3:
		w->line.rate = (uint64_t)(v * 1e6);
		break;
	case 4:
		w->line.queue = (uint64_t)(v * 1024);
		break;
	default:
		w->mtu = (unsigned)v;
		break;
	}
	return 0;
}
