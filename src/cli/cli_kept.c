#include "cli/cli_kept.h"

#include "io/io_memory.h"

#define CLOCK_KEPT_MS 200 /* a smaller difference between the clocks costs no time (punch_limits.h) */

bool cli_kept_way(struct cli_run *r, const char *key, struct reach_memory *ret_memory)
{
	char text[IO_MEMORY_TEXT_MAX + 1];
	struct io_why why;

	return io_memory_get_text(&r->state, IO_MEMORY_WAYS, key, text, &why) == 0 &&
	       reach_memory_parse(text, ret_memory) == 0;
}

void cli_kept_way_set(struct cli_run *r, const char *key, const struct reach_memory *memory)
{
	char text[REACH_MEMORY_STRLEN];
	struct io_why why;

	if (reach_memory_format(memory, text) >= 0 &&
	    io_memory_set_text(&r->state, IO_MEMORY_WAYS, key, text, &why) < 0)
		cli_detail(&r->cli->msg, "what was learnt about the way is not remembered: %s", why.what);
}

bool cli_kept_lives(struct cli_run *r, const char *key, struct link_memory *ret_lives)
{
	char text[IO_MEMORY_TEXT_MAX + 1];
	struct io_why why;

	return io_memory_get_text(&r->state, IO_MEMORY_LIVES, key, text, &why) == 0 &&
	       link_memory_parse(text, ret_lives) == 0;
}

void cli_kept_lives_set(struct cli_run *r, const char *key, const struct link_memory *lives)
{
	char text[LINK_MEMORY_STRLEN];
	struct io_why why;

	if (link_memory_format(lives, text) >= 0 && io_memory_set_text(&r->state, IO_MEMORY_LIVES, key, text, &why) < 0)
		cli_detail(&r->cli->msg, "how long mappings live is not remembered: %s", why.what);
}

int64_t cli_kept_clock(struct cli_run *r, const char *key)
{
	struct io_why why;
	uint64_t v;

	if (io_memory_get(&r->state, IO_MEMORY_CLOCKS, key, &v, &why) < 0)
		return 0;
	return ((int64_t)v - (int64_t)IO_MEMORY_CLOCK_ZERO) * (int64_t)ADIT_MS(1);
}

void cli_kept_clock_set(struct cli_run *r, const char *key, int64_t diff)
{
	int64_t ms = diff / (int64_t)ADIT_MS(1);
	struct io_why why;

	if (ms <= CLOCK_KEPT_MS && ms >= -CLOCK_KEPT_MS && cli_kept_clock(r, key) == 0)
		return;
	if (io_memory_set(&r->state, IO_MEMORY_CLOCKS, key, IO_MEMORY_CLOCK_ZERO + (uint64_t)ms, &why) < 0)
		cli_detail(&r->cli->msg, "the difference of the clocks is not remembered: %s", why.what);
}

uint64_t cli_kept_horizon(struct cli_run *r, const char *label)
{
	struct io_why why;
	uint64_t v;

	return io_memory_get(&r->state, IO_MEMORY_HORIZONS, label, &v, &why) < 0 ? 0 : v;
}

void cli_kept_horizon_set(struct cli_run *r, const char *label, uint64_t horizon)
{
	struct io_why why;

	if (horizon > 0 && io_memory_set(&r->state, IO_MEMORY_HORIZONS, label, horizon, &why) < 0)
		cli_detail(&r->cli->msg, "%s", why.what);
}
