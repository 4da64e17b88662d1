/*
 * How much one source network may ask of a server: so many answers a second, beyond a burst, for each IPv4 /24 and
 * IPv6 /56. The memory is the caller's and does not grow.
 *
 * Full table: a newcomer takes over the bucket of its set that is least in use, with what is left in it. So who sends
 * from a million forged networks gets, all together, no more than the table's size times the rate, and cannot wash
 * a drained bucket clean.
 */
#ifndef ADIT_STUN_LIMIT_H
#define ADIT_STUN_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/siphash.h"
#include "base/time.h"

struct stun_limit_slot {
	uint64_t tag; /* of the network; 0: free */
	adit_time due; /* when the bucket would be full again */
};

struct stun_limit {
	struct stun_limit_slot *slots;
	size_t n_slots;
	adit_dur interval; /* until one more token */
	adit_dur depth; /* until all of them */
	uint8_t key[ADIT_SIPHASH_KEY_LEN];
};

/*
 * |slots| is borrowed; |n_slots| is a power of two, at least STUN_LIMIT_WAYS. |each|: the time between two answers, 0:
 * no limit. |key| is random: nobody can aim at a slot.
 */
void stun_limit_init(struct stun_limit *l, adit_time now, struct stun_limit_slot *slots, size_t n_slots, adit_dur each,
		     uint32_t burst, const uint8_t key[ADIT_SIPHASH_KEY_LEN]);

/* The network of |a| as a number that tells nothing to who has not the key. */
uint64_t stun_limit_net(const struct stun_limit *l, const struct adit_addr *a);
/* May |from| have one more? */
bool stun_limit_take(struct stun_limit *l, adit_time now, const struct adit_addr *from);

#endif
