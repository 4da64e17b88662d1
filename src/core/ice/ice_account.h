/*
 * What a person may want to know about each pair: what was sent and heard, and why it failed or won. For "Explain".
 */
#ifndef ADIT_ICE_ACCOUNT_H
#define ADIT_ICE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "core/ice/ice_candidate.h"

enum ice_pair_state {
	ICE_PAIR_FROZEN,
	ICE_PAIR_WAITING,
	ICE_PAIR_IN_PROGRESS,
	ICE_PAIR_SUCCEEDED,
	ICE_PAIR_FAILED,
};

/* The latest thing that decided about a pair. */
enum ice_why {
	ICE_WHY_NOT_YET, /* nothing has */
	ICE_WHY_ANSWERED, /* works, and another one may have been better */
	ICE_WHY_NOMINATED, /* won */
	ICE_WHY_SILENT, /* nothing came back, nothing came at all */
	ICE_WHY_ONE_WAY, /* the peer's checks arrive, our own are not answered */
	ICE_WHY_UNREACHABLE, /* no answer, but ICMP said that nobody is there */
	ICE_WHY_ASYMMETRIC, /* the answer came from or to another address */
	ICE_WHY_ERROR, /* the peer answered with an error code */
	ICE_WHY_MALFORMED, /* its answer was authentic and made no sense */
	ICE_WHY_NOT_NEEDED, /* another one won first */
};

struct ice_account {
	enum ice_pair_state state;
	enum ice_why why;
	bool is_selected;
	bool is_valid;
	uint32_t sock; /* of the base */
	enum ice_type local_type;
	enum ice_type remote_type;
	bool is_remote_relayed; /* it is, or the peer's checks from there say so: ice_candidate_is_through_relay() */
	struct adit_addr local; /* the own address that it is sent from */
	struct adit_addr remote;
	struct adit_addr mapped; /* as the peer sees us on it; NONE: not known */
	uint64_t priority;
	uint32_t sent; /* checks, with their repetitions */
	uint32_t heard; /* checks of the peer */
	uint32_t answered; /* checks of ours */
	uint32_t icmp; /* "unreachable" */
	unsigned error; /* the last error code; 0: none */
	adit_time first_at; /* the first check; NEVER: none was sent */
	adit_dur rtt; /* 0: not known */
};

#define ICE_ACCOUNT_STRLEN 384
/* One line in plain words with a NUL; returns |buf|. */
const char *ice_account_format(const struct ice_account *a, char buf[ICE_ACCOUNT_STRLEN]);

#endif
