/*
 * A wire, one direction: what happens to a packet between two ends. It may stand for several routers on the way that
 * only count hops. It is asked once for each packet and answers what becomes of it.
 *
 * A packet waits for the transmitter (rate, queue), is lost or not, then travels (delay, jitter, hops).
 */
#ifndef ADIT_LAB_LINK_H
#define ADIT_LAB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"

/*
 * Loss in bursts: the wire is good or bad, and each packet may turn it. Good loses loss_ppm of its packets, bad
 * |lose_ppm|. Gilbert, "Capacity of a Burst-Noise Channel", 1960, and Elliott, "Estimates of Error Rates for Codes on
 * Burst-Noise Channels", 1963; netem calls it gemodel p r 1-h 1-k (tc-netem(8)): enter, leave, lose, loss.
 * Of all packets enter / (enter + leave) meet a bad wire; a bad stretch is LAB_PPM / leave packets long on average.
 */
struct lab_burst_config {
	uint32_t enter_ppm; /* 0: never bad */
	uint32_t leave_ppm;
	uint32_t lose_ppm;
};

struct lab_link_config {
	adit_dur delay; /* from one end to the other */
	adit_dur jitter; /* added, uniform from 0 to this; packets keep their order */
	uint32_t loss_ppm;
	struct lab_burst_config burst;
	uint32_t dup_ppm;
	uint32_t reorder_ppm; /* packets that are held back ... */
	adit_dur reorder_hold; /* ... by this, so that others overtake them */
	uint64_t rate; /* bits per second of IP packets; 0: no limit */
	uint32_t queue; /* bytes that may wait for the rate, drop-tail; 0: LAB_QUEUE_TIME of it */
	uint32_t mtu; /* bytes of an IP packet; 0: no limit */
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
	adit_time free_at; /* the transmitter is busy until then */
	bool is_none;
	bool is_bad; /* of the burst model */
};

/* |cfg| may be NULL: a wire that does nothing. */
void lab_link_init(struct lab_link *l, const struct lab_link_config *cfg, uint64_t seed);
/* From now on; what is on its way arrives as it would have. */
void lab_link_set(struct lab_link *l, const struct lab_link_config *cfg);

/* A wire that does nothing to a packet and takes no time. */
static inline bool lab_link_is_none(const struct lab_link *l)
{
	return l->is_none;
}

struct lab_passage {
	enum {
		LAB_PASSES,
		LAB_LOST,
		LAB_FULL, /* the queue had no room */
		LAB_DIES, /* its TTL ends at router |hop| (1 is the first), at |at| */
	} fate;
	adit_time at;
	adit_time copy_at; /* a second one arrives too; ADIT_NEVER: no */
	unsigned hop;
};

/* |size|: bytes of the IP packet, which is not larger than the MTU: that is the sender's to see to. */
struct lab_passage lab_link_pass(struct lab_link *l, adit_time now, size_t size, uint8_t ttl);

/* Is a packet lost that only comes back over this wire, such as an ICMP error? */
bool lab_link_loses(struct lab_link *l);

/* The address of router |hop| for packets of |family|. */
struct adit_addr lab_link_hop_addr(const struct lab_link *l, unsigned hop, uint8_t family);

#endif
