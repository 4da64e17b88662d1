#include "core/punch/punch_plan.h"

/*
 * What each family is for; e is the difference of the clocks, d one way between the two NATs.
 * - near: |e| < 0.5 s, in the first minute. Two slots pass within 5 s of the later start.
 * - mid: |e| < 3.6 s. Somebody's second opening comes every 6 s, and until it comes the first one's pairs stay open.
 * - far: |e| < 33 s, every 40 s.
 * - wide: |e| < 250 s, every 512 s.
 * - volley: no hop between and both routers accept. Both sides' first packets must cross: |e + offset| < d. Offsets
 *   are dense in the middle (neighbours in one building) and 1.5 ms apart outside (d from 1.5 ms, |e| up to 14 ms);
 *   where d is less, luck decides, and dither() makes it a new one each time. With hops between, every pair works for
 *   |e| < head + d. One every 2 s for the first 12 s of waiting: two or three after the later of two starts 5 s apart.
 *   One every 8 s until a minute, and one every 64 s for as long as it takes, are where a later peer meets us.
 * - burst: the same for |e| up to 128 ms, when three slots have failed.
 *
 * New flows: near 62, mid 24, far 6, wide 4, volleys 7 + 6 times 24, steady 1: under 400 in the first minute; then
 * mid 10 slots of 2, far 3, a volley of 24: 47 in a minute, 25 after ten minutes. A burst adds 128, once in a minute,
 * three times in all.
 */
struct spec {
	adit_dur slot;
	adit_dur gap; /* between the openings of a side; a volley has a table */
	adit_dur lead;
	adit_dur life; /* after the slot's beginning */
	uint16_t n;
	bool is_burst;
};

static const struct spec specs[PUNCH_FAMILIES] = {
	[PUNCH_NEAR] = {PUNCH_NEAR_SLOT, PUNCH_NEAR_GAP, PUNCH_LEAD, 2 * PUNCH_NEAR_SLOT, 2, false},
	[PUNCH_MID] = {PUNCH_MID_SLOT, PUNCH_MID_GAP, PUNCH_LEAD, 2 * PUNCH_MID_SLOT, 2, false},
	[PUNCH_FAR] = {PUNCH_FAR_SLOT, PUNCH_FAR_GAP, PUNCH_LEAD, 2 * PUNCH_FAR_SLOT, 2, false},
	[PUNCH_WIDE] = {PUNCH_WIDE_SLOT, PUNCH_WIDE_GAP, PUNCH_LEAD, 2 * PUNCH_WIDE_SLOT, 2, false},
	[PUNCH_VOLLEY] = {PUNCH_VOLLEY_SLOT, 0, PUNCH_BURST_LEAD, PUNCH_VOLLEY_LIFE, PUNCH_VOLLEY_N, true},
	[PUNCH_BURST] = {PUNCH_BURST_SLOT, PUNCH_BURST_STEP, PUNCH_BURST_LEAD, ADIT_SEC(3), PUNCH_BURST_N, true},
};

/* A volley's openings before and after its middle, in microseconds: the nearer the denser. */
static const uint16_t volley_us[PUNCH_VOLLEY_N / 2] = {PUNCH_VOLLEY_US};

/*
 * When the |order|-th pair of a slot opens, after the slot's beginning: the same on both sides, for different pairs.
 * |ret_step|: how far the next one is.
 */
static adit_dur offset(enum punch_family family, uint16_t order, adit_dur *ret_step)
{
	const uint16_t half = PUNCH_VOLLEY_N / 2;
	const adit_dur middle = ADIT_US(volley_us[half - 1]);
	uint16_t i = order < half ? half - 1 - order : order - half; /* counted from the middle */

	*ret_step = specs[family].gap;
	if (family != PUNCH_VOLLEY)
		return order * specs[family].gap;
	*ret_step = i > 0 ? ADIT_US(volley_us[i] - volley_us[i - 1]) : ADIT_US(2 * volley_us[0]);
	return order < half ? middle - ADIT_US(volley_us[i]) : middle + ADIT_US(volley_us[i]);
}

/*
 * Where d is smaller than the steps, whether a pair fits is luck, and with fixed steps the same bad luck in each slot.
 * So one side moves by up to a step to either side, by the golden ratio from slot to slot, which leaves the smallest
 * gaps.
 */
static int64_t dither(enum punch_role role, uint64_t slot, adit_dur step)
{
	uint64_t turn = slot * UINT64_C(0x9e3779b97f4a7c15) >> 44; /* 20 bits: a turn is 2^20 */

	if (role == PUNCH_SERVE)
		return 0;
	return (int64_t)(turn * 2 * step >> 20) - (int64_t)step;
}

uint16_t punch_plan_count(enum punch_family family)
{
	return specs[family].n;
}

uint64_t punch_plan_slot(const struct punch_keys *k, enum punch_family family, adit_utc utc)
{
	adit_dur phase = punch_keys_phase(k, family, specs[family].slot);

	return utc < phase ? 0 : (utc - phase) / specs[family].slot;
}

adit_utc punch_plan_start(const struct punch_keys *k, enum punch_family family, uint64_t slot)
{
	return slot * specs[family].slot + punch_keys_phase(k, family, specs[family].slot);
}

bool punch_plan_is_due(enum punch_family family, uint64_t slot, adit_dur waited, unsigned bursts)
{
	switch (family) {
	case PUNCH_NEAR:
		return waited < PUNCH_FIRST;
	case PUNCH_MID:
		return waited < PUNCH_LONG || slot % 2 == 0;
	case PUNCH_VOLLEY:
		if (waited < PUNCH_FRESH)
			return true;
		if (waited < PUNCH_FIRST)
			return slot % 4 == 0;
		return slot % (waited < PUNCH_LONG ? 32 : 64) == 0;
	case PUNCH_BURST:
		return waited >= PUNCH_BURST_AFTER && bursts < PUNCH_BURSTS_MAX;
	default:
		return true;
	}
}

adit_utc punch_plan_open_at(const struct punch_keys *k, enum punch_family family, uint64_t slot, uint16_t order)
{
	adit_utc start = punch_plan_start(k, family, slot);
	const struct spec *s = &specs[family];
	adit_dur step;

	/* A burst's sockets are all there before it begins. */
	if (!s->is_burst)
		start += offset(family, order, &step);
	return start < s->lead ? 0 : start - s->lead;
}

struct punch_plan_pair punch_plan_pair(const struct punch_keys *k, enum punch_role role, enum punch_family family,
				       uint64_t slot, uint16_t order)
{
	const struct spec *s = &specs[family];
	adit_utc start = punch_plan_start(k, family, slot);
	adit_dur step;
	struct punch_plan_pair p = {
		.index = (uint16_t)(role == PUNCH_SERVE ? order : s->n - 1 - order),
		.open_at = punch_plan_open_at(k, family, slot, order),
		.first_at = start + offset(family, order, &step),
		.close_at = start + s->life,
		.is_burst = s->is_burst,
	};
	uint16_t port[2];

	if (s->is_burst)
		p.first_at += (adit_utc)dither(role, slot, step);
	punch_keys_ports(k, family, slot, p.index, port);
	p.port = port[role];
	p.peer_port = port[punch_role_other(role)];
	p.is_first = !s->is_burst && 2 * order < s->n - 1;
	/*
	 * Quiet until the slot is over: by then the peer has opened, or the clocks differ by more than this family is
	 * for, or no TTL of ours ends between the routers; in the last two cases full TTL can only help.
	 */
	p.full_at = p.is_first ? start + s->slot : p.first_at + PUNCH_HEAD;
	return p;
}
