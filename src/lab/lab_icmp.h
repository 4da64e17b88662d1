/*
 * ICMP errors: their numbers in both families, and the brake Linux puts on them, one a second per destination
 * after six at once. A punch that calibrates its TTL must live with it.
 */
#ifndef ADIT_LAB_ICMP_H
#define ADIT_LAB_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

enum lab_icmp_what {
	LAB_ICMP_TIME_EXCEEDED,
	LAB_ICMP_PORT_UNREACHABLE,
	LAB_ICMP_TOO_BIG, /* fragmentation needed, packet too big */
};

/* RFC 792 (and RFC 1191) and RFC 4443. RFC 7915 4.2 and 5.2 translate between the two families just so. */
void lab_icmp_number(enum lab_icmp_what what, uint8_t family, uint8_t *ret_type, uint8_t *ret_code);

/* Few destinations at a time: the one that was idle longest gives way. */
#define LAB_ICMP_SLOTS 16

/* A zeroed struct has sent nothing yet. */
struct lab_icmp_limit {
	struct {
		struct adit_addr to;
		unsigned key;
		adit_time full_at; /* when the bucket will be full again */
	} slots[LAB_ICMP_SLOTS];
};

/* May an error go to |to| now? Counts it if so. |key| keeps several routers apart in one limit. */
bool lab_icmp_allow(struct lab_icmp_limit *l, adit_time now, unsigned key, const struct adit_addr *to);

#endif
