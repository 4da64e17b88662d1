#include "core/punch/punch_size.h"

#include "base/bytes.h"

/*
 * UDP payloads over IPv4, each tier falling; multiples of 4, as STUN messages are. Ethernet, PPPoE, a cloud's 1460,
 * WireGuard's 1420, IPsec's 1380, IPv6's least; jumbo frames, a cloud's 8900, 4096; what four GSO segments of 64 KB
 * hold, which only a loopback interface carries.
 */
static const uint16_t tiers[][6] = {
	{1472, 1464, 1432, 1392, 1352, 1252},
	{8972, 8868, 4068},
	{16376},
};

#define TIER_LEN ARRAY_LEN(tiers[0])
#define V6_MORE  20 /* bytes of header, RFC 8200 3 and RFC 791 3.1 */

/* 0: the tier has no more. */
static size_t tier_size(const struct punch_size *s, unsigned tier, unsigned at)
{
	if (tier >= ARRAY_LEN(tiers) || at >= TIER_LEN || tiers[tier][at] == 0)
		return 0;
	return tiers[tier][at] - (s->is_v6 ? V6_MORE : 0);
}

void punch_size_init(struct punch_size *s)
{
	*s = (struct punch_size){.size = PUNCH_SIZE_BASE, .send_at = ADIT_NEVER, .again_at = ADIT_NEVER};
}

static void rest(struct punch_size *s, adit_time now)
{
	s->state = PUNCH_SIZE_REST;
	s->send_at = s->is_used ? adit_time_add(now, PUNCH_SIZE_CONFIRM_EVERY) : ADIT_NEVER;
}

static void climb_over(struct punch_size *s, adit_time now)
{
	s->again_at = adit_time_add(now, PUNCH_SIZE_AGAIN);
	rest(s, now);
}

/* The next tier with something to try from |tier| on. */
static void climb(struct punch_size *s, adit_time now, unsigned tier)
{
	size_t top;

	while ((top = tier_size(s, tier, 0)) != 0 && top <= s->size)
		tier++;
	if (top == 0 || top > s->max) {
		climb_over(s, now);
		return;
	}
	s->state = PUNCH_SIZE_CLIMB;
	s->again_at = ADIT_NEVER;
	s->tier = tier;
	s->tries = 0;
	s->at = 0;
	s->send_at = now;
}

void punch_size_start(struct punch_size *s, adit_time now, size_t max, bool is_v6)
{
	punch_size_init(s);
	s->max = max;
	s->is_v6 = is_v6;
	climb(s, now, 0);
}

void punch_size_used(struct punch_size *s, adit_time now)
{
	if (s->size == PUNCH_SIZE_BASE || s->is_used)
		return;
	s->is_used = true;
	if (s->state == PUNCH_SIZE_REST && s->send_at == ADIT_NEVER)
		s->send_at = adit_time_add(now, PUNCH_SIZE_CONFIRM_EVERY);
}

void punch_size_passed(struct punch_size *s, adit_time now, size_t size)
{
	if (s->state == PUNCH_SIZE_CONFIRM && size >= s->size)
		rest(s, now);
	if (size > s->size && size <= s->max)
		s->size = size;
	if (s->state == PUNCH_SIZE_CLIMB && s->size >= tier_size(s, s->tier, 0))
		climb(s, now, s->tier + 1);
}

adit_time punch_size_deadline(const struct punch_size *s)
{
	/* Looking for more is worth a packet only where there are others. */
	return s->is_used ? adit_time_min(s->send_at, s->again_at) : s->send_at;
}

static adit_time next_try(adit_time now, adit_dur rtt)
{
	return adit_time_add(now, PUNCH_SIZE_STEP + 2 * rtt);
}

/* One of the volley; the first has the tier's largest only. */
static size_t climb_next(struct punch_size *s, adit_time now, adit_dur rtt)
{
	size_t size = tier_size(s, s->tier, s->at);

	if (s->at == 0 && s->tries == PUNCH_SIZE_TRIES) {
		climb_over(s, now);
		return 0;
	}
	s->at++;
	if (s->tries == 0 || tier_size(s, s->tier, s->at) <= s->size) {
		s->tries++;
		s->at = 0;
		s->send_at = next_try(now, rtt);
	}
	return size;
}

static size_t confirm_next(struct punch_size *s, adit_time now, adit_dur rtt)
{
	if (s->state == PUNCH_SIZE_REST) {
		s->state = PUNCH_SIZE_CONFIRM;
		s->tries = 0;
		s->is_used = false;
	}
	if (s->tries++ == PUNCH_SIZE_MISSES) {
		punch_size_start(s, now, s->max, s->is_v6);
		return climb_next(s, now, rtt);
	}
	s->send_at = next_try(now, rtt);
	return s->size;
}

size_t punch_size_next(struct punch_size *s, adit_time now, adit_dur rtt)
{
	if (s->state == PUNCH_SIZE_REST && s->is_used && now >= s->again_at)
		climb(s, now, 0);
	if (now < s->send_at)
		return 0;
	return s->state == PUNCH_SIZE_CLIMB ? climb_next(s, now, rtt) : confirm_next(s, now, rtt);
}
