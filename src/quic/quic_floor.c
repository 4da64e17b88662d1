#include "quic/quic_floor.h"

#include "quic/quic_limits.h"

static adit_dur shorter(adit_dur a, adit_dur b)
{
	return b > 0 && (a == 0 || b < a) ? b : a;
}

/* Takes |now| into the averages, as much of it as time has passed. */
static void average(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st)
{
	adit_dur weight = adit_time_since(now, f->noted_at);
	double rate = (double)st->delivery_rate / (double)ADIT_SEC(1);

	if (weight > QUIC_FLOOR_AVERAGE)
		weight = QUIC_FLOOR_AVERAGE;
	f->vary = (f->vary * (QUIC_FLOOR_AVERAGE - weight) + st->rtt_var * weight) / QUIC_FLOOR_AVERAGE;
	f->rate += (rate - f->rate) * (double)weight / (double)QUIC_FLOOR_AVERAGE;
	if (f->rate < rate)
		f->rate = rate;
	f->noted_at = now;
}

/*
 * The library's samples say too much where packets leave in bunches: one takes all that arrived since the first packet
 * of a bunch was acknowledged, and the time only until then. And what arrived while this process had no processor
 * counts for when it has one again: once too little, then once too much.
 */
static void count(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st)
{
	uint64_t all = f->sent > st->in_flight ? f->sent - st->in_flight : 0;
	adit_dur took = adit_time_since(now, f->counted_at);
	double rate;

	if (f->counted_at > 0 && took < QUIC_FLOOR_ARRIVES)
		return;
	rate = f->counted_at > 0 && all > f->counted ? (double)(all - f->counted) / (double)took : 0;
	if (rate > f->arrives && f->lately > f->arrives)
		f->arrives = rate < f->lately ? rate : f->lately;
	f->lately = rate;
	f->counted = all;
	f->counted_at = now;
}

void quic_floor_note(struct quic_floor *f, adit_time now, const struct quic_shim_stat *st)
{
	/* It only ever falls: it has forgotten the path, or there is none yet. */
	if (st->min_rtt == 0 || st->min_rtt > f->ever)
		*f = (struct quic_floor){
			.since = now,
			.noted_at = now,
			.vary = st->rtt_var,
			.shared_at = f->shared_at,
			.sent = f->sent,
		};
	f->ever = st->min_rtt;
	if (adit_time_since(now, f->since) >= QUIC_FLOOR_WINDOW) {
		f->last = f->present;
		f->present = 0;
		f->arrived = f->arrives;
		f->arrives = 0;
		f->since = now;
	}
	f->present = shorter(f->present, st->latest_rtt);
	average(f, now, st);
	count(f, now, st);
	if (st->in_flight < f->in_flight)
		f->fell_at = now;
	f->in_flight = st->in_flight;
}

void quic_floor_shared(struct quic_floor *f, adit_time now)
{
	f->shared_at = now;
}

static bool is_shared(const struct quic_floor *f, adit_time now)
{
	return f->shared_at > 0 && adit_time_since(now, f->shared_at) < QUIC_SHARED_FOR;
}

/*
 * BBR probes for more until a quarter more than the path holds is in flight, at 99 % of a quarter more than its rate:
 * the hundredth has to be in here, or probing would never end where the round trip is long.
 */
static adit_dur queue_of(adit_dur floor, bool shared)
{
	adit_dur least = shared ? QUIC_QUEUE_SHARED : QUIC_QUEUE_MAX;

	return floor / 32 > least ? floor / 32 : least;
}

/* The pacer's; where the connection is shared what arrives, unless the pacer's would be far more without a probe. */
static double rate_of(const struct quic_floor *f, const struct quic_shim_stat *st, bool shared)
{
	double least = st->pacing_rate / QUIC_PROBE_GAIN;
	double rate = f->arrives > f->arrived ? f->arrives : f->arrived;

	if (!shared || rate > st->pacing_rate)
		return st->pacing_rate;
	return rate * QUIC_RATE_DOUBT > least ? rate : least;
}

adit_dur quic_floor_wait(const struct quic_floor *f, adit_time now, const struct quic_shim_stat *st)
{
	bool shared = is_shared(f, now);
	adit_dur floor = shorter(f->present, f->last);
	adit_dur holds = floor + queue_of(floor, shared) + QUIC_FLOOR_VARS * f->vary;
	double rate = rate_of(f, st, shared);
	double most = rate * (double)holds;

	if (floor < QUIC_FLOOR_MIN || adit_time_since(now, f->fell_at) > 2 * holds)
		return 0;
	if ((double)st->in_flight <= most)
		return 0;
	return (adit_dur)(((double)st->in_flight - most) / rate);
}

double quic_floor_pace(const struct quic_floor *f, adit_time now, const struct quic_shim_stat *st, adit_dur *ret_slack)
{
	adit_dur floor = shorter(f->present, f->last);
	adit_dur part = floor / QUIC_REFILL_PART;

	*ret_slack = QUIC_PACING_SLACK;
	if (floor < QUIC_FLOOR_MIN || (double)st->in_flight >= f->rate * (double)floor)
		return st->pacing_rate;
	if (*ret_slack < part && !is_shared(f, now))
		*ret_slack = part;
	return f->rate > st->pacing_rate ? f->rate : st->pacing_rate;
}
