/*
 * Which pair opens when: pure arithmetic on UTC, the same on both sides.
 *
 * UTC is cut into slots, in several families. In a slot of a family with two pairs, one is opened first by the serve
 * side, a gap later by the connect side, the other the other way round. Who opens first stays quiet (low TTL, which
 * opens the own NAT and dies before the peer's) and who opens second is loud: so a pair works for every error of the
 * clocks smaller than the gap, whatever the routers accept. Volleys and bursts are many pairs at nearly the same time,
 * in rising order on the serve side and falling order on the connect side: between neighbouring routers, where a low
 * TTL arrives, they try every who-is-first within a few milliseconds.
 */
#ifndef ADIT_PUNCH_PLAN_H
#define ADIT_PUNCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/punch/punch_keys.h"

struct punch_plan_pair {
	uint16_t index; /* the same on both sides */
	uint16_t port; /* our local port */
	uint16_t peer_port;
	adit_utc open_at; /* the socket should be there */
	adit_utc first_at; /* first probe */
	adit_utc full_at; /* full TTL from here on */
	adit_utc close_at;
	bool is_first; /* of the two sides we open it: stay quiet until full_at */
	bool is_burst; /* worthless when late */
};

/* How many pairs a slot has. */
uint16_t punch_plan_count(enum punch_family family);

/* The slot that |utc| lies in, and where a slot begins. */
uint64_t punch_plan_slot(const struct punch_keys *k, enum punch_family family, adit_utc utc);
adit_utc punch_plan_start(const struct punch_keys *k, enum punch_family family, uint64_t slot);

/*
 * Does a side that has waited for |waited| (since its start, at the slot's beginning; 0 if it started within) take part
 * in this slot? |bursts|: how many bursts it has done since its start.
 */
bool punch_plan_is_due(enum punch_family family, uint64_t slot, adit_dur waited, unsigned bursts);

/* The |order|-th pair (from 0) that |role| opens in |slot|. Their open_at rise with |order|. */
struct punch_plan_pair punch_plan_pair(const struct punch_keys *k, enum punch_role role, enum punch_family family,
				       uint64_t slot, uint16_t order);
/* Only its open_at, without the price of the ports. */
adit_utc punch_plan_open_at(const struct punch_keys *k, enum punch_family family, uint64_t slot, uint16_t order);

#endif
