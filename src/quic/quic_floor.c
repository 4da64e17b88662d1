#include "quic/quic_floor.h"

#include "quic/quic_limits.h"

static adit_dur shorter(adit_dur a, adit_dur b)
{
	return b > 0 && (a == 0 || b < a) ? b : a;
}

void quic_floor_note(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st)
{
	/* It only ever falls: it has forgotten the path, or there is none yet. */
	if (st->min_rtt == 0 || st->min_rtt > f->ever)
		*f = (struct quic_floor){.since = now};
	f->ever = st->min_rtt;
	if (adit_time_since(now, f->since) >= QUIC_FLOOR_WINDOW) {
		f->last = f->present;
		f->present = 0;
		f->since = now;
	}
	f->present = shorter(f->present, st->latest_rtt);
	if (st->in_flight < f->in_flight)
		f->fell_at = now;
	f->in_flight = st->in_flight;
}

adit_dur quic_floor_wait(const struct quic_floor *f, adit_time now, const struct quic_shim_stat *st)
{
	adit_dur floor = shorter(f->present, f->last);
	adit_dur holds = floor + QUIC_QUEUE_MAX + QUIC_FLOOR_VARS * st->rtt_var;
	double most = st->pacing_rate * (double)holds;

	if (floor < QUIC_FLOOR_MIN || adit_time_since(now, f->fell_at) > 2 * holds)
		return 0;
	if ((double)st->in_flight <= most)
		return 0;
	return (adit_dur)(((double)st->in_flight - most) / st->pacing_rate);
}
