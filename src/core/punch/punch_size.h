/*
 * How large a datagram a path carries, in our direction (RFC 8899, with padded probes of our own).
 *
 * A path begins at PUNCH_SIZE_BASE, which every path carries. Asked to measure, it climbs through tiers: the largest
 * size of a tier is tried alone first, then the whole tier in volleys; where the largest is answered the next tier
 * begins, else the largest answered one it is. ICMP plays no part: it may be lost or forged.
 *
 * A path may shrink later, and then all full packets vanish while small ones pass. So while full packets are being
 * sent, one probe a second asks whether their size still fits; PUNCH_SIZE_MISSES of them unanswered, each waiting for a
 * round trip and a bit, and it begins anew at the base. It also looks again every PUNCH_SIZE_AGAIN for more.
 */
#ifndef ADIT_PUNCH_SIZE_H
#define ADIT_PUNCH_SIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"
#include "core/punch/punch_limits.h"

enum punch_size_state {
	PUNCH_SIZE_REST, /* nothing is tried */
	PUNCH_SIZE_CLIMB, /* a tier is being tried */
	PUNCH_SIZE_CONFIRM, /* the present size is being asked for */
};

struct punch_size {
	enum punch_size_state state;
	size_t size; /* bytes of UDP payload known to pass */
	size_t max; /* nothing above is tried */
	bool is_v6; /* its header takes 20 bytes more */
	unsigned tier;
	unsigned tries; /* volleys of this tier, or questions for the present size */
	unsigned at; /* CLIMB: the next of the tier in this volley */
	bool is_used; /* full packets were sent since the last question */
	adit_time send_at; /* the next probe or volley; NEVER: none */
	adit_time again_at; /* REST: when to look for more */
};

void punch_size_init(struct punch_size *s);
/* Begins anew at the base and climbs up to |max| at most. */
void punch_size_start(struct punch_size *s, adit_time now, size_t max, bool is_v6);
/* A full packet was sent. */
void punch_size_used(struct punch_size *s, adit_time now);
/* A probe of |size| bytes was answered. */
void punch_size_passed(struct punch_size *s, adit_time now, size_t size);
adit_time punch_size_deadline(const struct punch_size *s);
/* The size of a probe to be sent now, or 0. |rtt|: how long an answer takes. */
size_t punch_size_next(struct punch_size *s, adit_time now, adit_dur rtt);

#endif
