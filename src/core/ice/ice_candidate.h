/*
 * A candidate: an address where an agent may be reached (RFC 8445 5.1), how it is written (RFC 8839 5.1), what it is
 * worth, and whether it may be used at all.
 */
#ifndef ADIT_ICE_CANDIDATE_H
#define ADIT_ICE_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "core/ice/ice_limits.h"

enum ice_type {
	ICE_HOST,
	ICE_SRFLX,
	ICE_PRFLX,
	ICE_RELAY,
};

struct ice_candidate {
	enum ice_type type;
	uint16_t component;
	uint32_t priority;
	struct adit_addr addr;
	struct adit_addr related; /* family NONE: none given */
	char foundation[ICE_FOUNDATION_MAX + 1];
	/* Only what ice_candidate_parse gave: the generation it is meant for (RFC 8838 10). Borrows the text. */
	const char *ufrag;
	size_t ufrag_len;
};

/* "host", "srflx", ... */
const char *ice_type_name(enum ice_type type);

/* RFC 8445 5.1.2.1, for component 1. */
uint32_t ice_candidate_priority(enum ice_type type, uint16_t local_pref);
/*
 * Is a check that announces |priority| one that has left through its sender's relay? A peer of ours says so by its
 * local preference, which RFC 8445 5.1.2.1 leaves to the sender; of another agent's check it is a guess.
 */
bool ice_candidate_is_through_relay(uint32_t priority);
/* RFC 8445 6.1.2.3: of the controlling side's candidate and the controlled side's. */
uint64_t ice_candidate_pair_priority(uint32_t controlling, uint32_t controlled);

/*
 * Reads "candidate:...", with or without "a=" before it and a line end behind it. 0; EPROTO: malformed; EIGNORED: well
 * formed, but of a transport, type or address (a name) that is not ours.
 */
ADIT_MUST_CHECK int ice_candidate_parse(const char *text, size_t len, struct ice_candidate *ret_cand);

/* Writes "candidate:..." with a NUL; returns its length or EFULL. ICE_LINE_MAX is always enough. */
ADIT_MUST_CHECK int ice_candidate_format(const struct ice_candidate *c, char *buf, size_t cap);

/* Why an address of the peer is not used. */
enum ice_refusal {
	ICE_REFUSED_NOT,
	ICE_REFUSED_PORT, /* port 0 */
	ICE_REFUSED_LOOPBACK,
	ICE_REFUSED_MULTICAST,
	ICE_REFUSED_ANY, /* no address */
	ICE_REFUSED_OBSOLETE, /* IPv4 inside IPv6, site-local (RFC 8445 5.1.1.1) */
	ICE_REFUSED_PRIVATE, /* one too many of them */
	ICE_REFUSED_FULL, /* one too many at all */
	ICE_REFUSED_COMPONENT, /* of a component that is not in use */
	ICE_REFUSED_AGAIN, /* known already */
	ICE_REFUSED_LATE, /* after end-of-candidates, or of another generation */
	ICE_REFUSALS,
};

/* What can be said of the address alone: at most ICE_REFUSED_OBSOLETE. */
enum ice_refusal ice_candidate_judge(const struct adit_addr *addr, bool allow_loopback);
/* Behind a NAT, or on one link only: of these few are checked. */
bool ice_candidate_is_private(const struct adit_addr *addr);
/* Admitted, and not private: an address that anybody may be sent to. */
bool ice_candidate_is_public(const struct adit_addr *addr);
/* Can packets go from one to the other: same family, and link-local only within a link (RFC 8445 6.1.2.2)? */
bool ice_candidate_can_pair(const struct adit_addr *a, const struct adit_addr *b);

#endif
