/*
 * The low TTL: large enough to leave the own NATs, so that they make a mapping, small enough to die before the peer's.
 *
 * Asked of the network: probes with TTL 1, 2, 3 ... while ICMP time exceeded comes from an address inside (private,
 * 100.64/10, link-local): the last such hop + 1 passes all own NATs. Where no ICMP comes at all, a ladder over the
 * tries: 2, 3, 4, 5, 7, none, and again from below: to stay at "none" would be to be loud for ever. IPv6 hop limits
 * work the same way, one object for each family.
 */
#ifndef ADIT_NAT_TTL_H
#define ADIT_NAT_TTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/machine.h"
#include "core/nat/nat_limits.h"

/*
 *   state     left when
 *   ASK       the network says where the own side ends (KNOWN), or it says nothing (LADDER)
 */
enum nat_ttl_state {
	NAT_TTL_ASK,
	NAT_TTL_KNOWN,
	NAT_TTL_LADDER,
};

struct nat_ttl {
	enum nat_ttl_state state;
	uint8_t asking; /* the TTL of the question that is due or out */
	uint8_t inside; /* the highest TTL that ended inside; 0: none */
	uint8_t tries;
	uint8_t rung;
	bool is_out;
	adit_time give_up_at;
};

void nat_ttl_init(struct nat_ttl *t);

/* The TTL with which a question should leave now; 0: none. A question is any datagram toward the peer. */
uint8_t nat_ttl_question(const struct nat_ttl *t);
void nat_ttl_asked(struct nat_ttl *t, adit_time now);

/* Time exceeded for a datagram of ours that left with |ttl|, from |offender|. */
void nat_ttl_expired(struct nat_ttl *t, uint8_t ttl, const struct adit_addr *offender);
void nat_ttl_tick(struct nat_ttl *t, adit_time now);
adit_time nat_ttl_deadline(const struct nat_ttl *t);

/* A try with the present TTL has failed: the ladder's next rung. Nothing where the TTL is known. */
void nat_ttl_failed(struct nat_ttl *t);

/* The TTL to use; 0: none, send with the system's. */
uint8_t nat_ttl_low(const struct nat_ttl *t);

/* Is this ICMP a time exceeded of its family (RFC 792 type 11, RFC 4443 type 3)? */
bool nat_ttl_is_expiry(const struct adit_icmp *icmp);

#endif
