/*
 * One direction of a wire: delay, jitter, loss, duplicates, reordering, and routers on the way that only count hops.
 * It is asked once for each packet and answers what becomes of it.
 */
#ifndef ADIT_LAB_LINK_H
#define ADIT_LAB_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"

struct lab_link_config {
	adit_dur delay; /* from one end to the other */
	adit_dur jitter; /* added, uniform from 0 to this; packets keep their order */
	uint32_t loss_ppm;
	uint32_t dup_ppm;
	uint32_t reorder_ppm; /* packets that are held back ... */
	adit_dur reorder_hold; /* ... by this, so that others overtake them */
	unsigned hops; /* routers on the way, evenly spread over the delay */
	/* The first router's address; the next has the next one. NONE: 192.0.2.1 or 2001:db8::1. No port. */
	struct adit_addr hop_addr;
};

struct lab_link {
	struct lab_link_config cfg;
	unsigned id; /* the owner's */
	struct adit_rng_seeded rng_state;
	struct adit_rng rng; /* over rng_state: a link does not move */
	adit_time last_at; /* nothing arrives before it, so that jitter does not reorder */
};

/* |cfg| may be NULL: a wire that does nothing. */
void lab_link_init(struct lab_link *l, const struct lab_link_config *cfg, uint64_t seed);
/* From now on; what is on its way arrives as it would have. */
void lab_link_set(struct lab_link *l, const struct lab_link_config *cfg);

/* A wire that does nothing to a packet and takes no time. */
bool lab_link_is_none(const struct lab_link *l);

struct lab_passage {
	enum {
		LAB_PASSES,
		LAB_LOST,
		LAB_DIES, /* its TTL ends at router |hop| (1 is the first), at |at| */
	} fate;
	adit_time at;
	adit_time copy_at; /* a second one arrives too; ADIT_NEVER: no */
	unsigned hop;
};

struct lab_passage lab_link_pass(struct lab_link *l, adit_time now, uint8_t ttl);

/* Is a packet lost that only comes back over this wire, such as an ICMP error? */
bool lab_link_loses(struct lab_link *l);

/* The address of router |hop| for packets of |family|. */
struct adit_addr lab_link_hop_addr(const struct lab_link *l, unsigned hop, uint8_t family);

#endif
