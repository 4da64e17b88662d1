#include "core/stun/stun_limit.h"

#include <assert.h>
#include <string.h>

#include "core/stun/stun_limits.h"

void stun_limit_init(struct stun_limit *l, adit_time now, struct stun_limit_slot *slots, size_t n_slots, adit_dur each,
		     uint32_t burst, const uint8_t key[ADIT_SIPHASH_KEY_LEN])
{
	assert(n_slots >= STUN_LIMIT_WAYS && (n_slots & (n_slots - 1)) == 0);
	l->slots = slots;
	l->n_slots = n_slots;
	l->interval = each;
	l->depth = l->interval * burst;
	memcpy(l->key, key, sizeof(l->key));
	for (size_t i = 0; each && i < n_slots; i++)
		slots[i] = (struct stun_limit_slot){.due = now};
}

/* The network as eight bytes: family, then its prefix. */
uint64_t stun_limit_net(const struct stun_limit *l, const struct adit_addr *a)
{
	uint8_t net[8] = {a->family};

	memcpy(net + 1, a->ip, a->family == ADIT_FAMILY_V4 ? STUN_LIMIT_V4_BYTES : STUN_LIMIT_V6_BYTES);
	return adit_siphash(l->key, net, sizeof(net));
}

bool stun_limit_take(struct stun_limit *l, adit_time now, const struct adit_addr *from)
{
	struct stun_limit_slot *set, *slot;
	uint64_t tag;
	adit_dur lack;

	if (l->interval == 0)
		return true;
	tag = stun_limit_net(l, from) | 1;
	set = l->slots + (tag >> 8 & (l->n_slots - 1) & ~(size_t)(STUN_LIMIT_WAYS - 1));
	slot = set;
	for (size_t i = 0; i < STUN_LIMIT_WAYS; i++) {
		if (set[i].tag == tag) {
			slot = &set[i];
			break;
		}
		if (set[i].due < slot->due)
			slot = &set[i];
	}
	lack = adit_time_since(slot->due, now);
	slot->tag = tag;
	if (lack + l->interval > l->depth)
		return false;
	slot->due = now + lack + l->interval;
	return true;
}
